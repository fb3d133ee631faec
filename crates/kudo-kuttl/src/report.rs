//! Results, and the reports that other programs read: `JUnit` XML and JSON with kuttl's fields.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `JUnit`'s XML.
    Xml,
    /// JSON.
    Json,
}

impl Format {
    /// Extension of the file.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Xml => "xml",
            Self::Json => "json",
        }
    }
}

/// What a test case of the report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// A step; a test is a suite within its folder's.
    Step,
    /// A test.
    Test,
}

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong, in a line.
    pub message: String,
    /// More of it, such as a diff; may be empty.
    pub detail: String,
}

impl Failure {
    /// A failure without detail.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            detail: String::new(),
        }
    }
}

/// How a step ended.
#[derive(Clone, Debug)]
pub struct StepResult {
    /// Its name, such as `setup` or `step 0-install`.
    pub name: String,
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Number of documents that were asserted.
    pub assertions: usize,
    /// Why it failed; empty if it passed.
    pub failures: Vec<Failure>,
}

/// How a test ended.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The folder that holds the test.
    pub suite: PathBuf,
    /// Its name.
    pub name: String,
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Its steps as far as they were run; the first is `setup`.
    pub steps: Vec<StepResult>,
}

impl TestResult {
    /// Whether every step passed.
    pub fn passed(&self) -> bool {
        self.steps.iter().all(|step| step.failures.is_empty())
    }
}

/// How a whole run ended.
#[derive(Clone, Debug)]
pub struct Results {
    /// Name of the suite.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// The tests, by folder and name.
    pub tests: Vec<TestResult>,
    /// Why no test could be run.
    pub failure: Option<String>,
    /// Whether it was broken off.
    pub interrupted: bool,
}

impl Results {
    /// Whether everything passed.
    pub fn passed(&self) -> bool {
        self.failure.is_none() && !self.interrupted && self.tests.iter().all(TestResult::passed)
    }
}

/// Writes a report.
pub fn write(results: &Results, format: Format, granularity: Granularity) -> String {
    let report = tree(results, granularity);
    match format {
        Format::Json => format!("{:#}\n", json(&report)),
        Format::Xml => {
            let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            xml(&report, 0, &mut text);
            text
        }
    }
}

/// An element of the report: what both formats are made of.
struct Element {
    tag: &'static str,
    attributes: Vec<(&'static str, Value)>,
    text: String,
    children: Vec<Element>,
}

fn seconds(time: Duration) -> Value {
    Value::String(format!("{:.3}", time.as_secs_f64()))
}

fn tree(results: &Results, granularity: Granularity) -> Element {
    let mut folders: Vec<&PathBuf> = results.tests.iter().map(|test| &test.suite).collect();
    folders.sort();
    folders.dedup();
    let suites: Vec<Element> = folders
        .into_iter()
        .map(|folder| {
            let tests: Vec<&TestResult> = results
                .tests
                .iter()
                .filter(|test| test.suite == *folder)
                .collect();
            let class = folder.file_name().unwrap_or_default().to_string_lossy();
            let children: Vec<Element> = match granularity {
                Granularity::Step => tests.iter().map(|test| steps(test)).collect(),
                Granularity::Test => tests.iter().map(|test| whole(test, &class)).collect(),
            };
            let started = tests
                .iter()
                .map(|test| test.started)
                .min()
                .unwrap_or_default();
            let took = tests.iter().map(|test| test.took).max().unwrap_or_default();
            suite(&folder.display().to_string(), started, took, children)
        })
        .collect();
    let (tests, failures) = count(&suites);
    let mut children = suites;
    if let Some(message) = &results.failure {
        children.push(failed(message, ""));
    }
    Element {
        tag: "testsuites",
        attributes: vec![
            ("name", json!(results.name)),
            ("tests", json!(tests)),
            ("failures", json!(failures)),
            ("time", seconds(results.took)),
        ],
        text: String::new(),
        children,
    }
}

fn suite(name: &str, started: Timestamp, took: Duration, children: Vec<Element>) -> Element {
    let (tests, failures) = count(&children);
    Element {
        tag: "testsuite",
        attributes: vec![
            ("tests", json!(tests)),
            ("failures", json!(failures)),
            ("timestamp", json!(started.to_string())),
            ("time", seconds(took)),
            ("name", json!(name)),
        ],
        text: String::new(),
        children,
    }
}

/// Test cases among these and below, and how many of them failed.
fn count(elements: &[Element]) -> (usize, usize) {
    elements.iter().fold((0, 0), |(tests, failures), element| {
        let (more, failed) = match element.tag {
            "testcase" => (1, usize::from(!element.children.is_empty())),
            _ => count(&element.children),
        };
        (tests + more, failures + failed)
    })
}

fn steps(test: &TestResult) -> Element {
    let cases = test.steps.iter().map(|step| {
        let message = format!("failed in {}", step.name);
        let failure = (!step.failures.is_empty()).then_some((message, step.failures.as_slice()));
        case(
            &test.name,
            &step.name,
            step.started,
            step.took,
            step.assertions,
            failure,
        )
    });
    suite(&test.name, test.started, test.took, cases.collect())
}

fn whole(test: &TestResult, class: &str) -> Element {
    let failed = test.steps.iter().find(|step| !step.failures.is_empty());
    let failure = failed.map(|step| (format!("failed in {}", step.name), step.failures.as_slice()));
    let assertions = test.steps.iter().map(|step| step.assertions).sum();
    case(
        class,
        &test.name,
        test.started,
        test.took,
        assertions,
        failure,
    )
}

fn case(
    class: &str,
    name: &str,
    started: Timestamp,
    took: Duration,
    assertions: usize,
    failure: Option<(String, &[Failure])>,
) -> Element {
    let children = failure.map(|(message, failures)| {
        let lines: Vec<String> = failures
            .iter()
            .map(|failure| match failure.detail.as_str() {
                "" => failure.message.clone(),
                detail => format!("{}\n{}", failure.message, detail.trim_end()),
            })
            .collect();
        failed(&message, &lines.join("\n"))
    });
    let mut attributes = vec![
        ("classname", json!(class)),
        ("name", json!(name)),
        ("timestamp", json!(started.to_string())),
        ("time", seconds(took)),
    ];
    if assertions > 0 {
        attributes.push(("assertions", json!(assertions)));
    }
    Element {
        tag: "testcase",
        attributes,
        text: String::new(),
        children: children.into_iter().collect(),
    }
}

fn failed(message: &str, text: &str) -> Element {
    Element {
        tag: "failure",
        attributes: vec![("message", json!(message))],
        text: text.to_owned(),
        children: Vec::new(),
    }
}

fn json(element: &Element) -> Value {
    let mut map = Map::new();
    for (name, value) in &element.attributes {
        map.insert((*name).to_owned(), value.clone());
    }
    if !element.text.is_empty() {
        map.insert("text".to_owned(), json!(element.text));
    }
    for child in &element.children {
        if child.tag == "failure" {
            map.insert("failure".to_owned(), json(child));
        } else {
            let list = map.entry(child.tag).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(json(child));
            }
        }
    }
    Value::Object(map)
}

fn xml(element: &Element, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let _ = write!(out, "{indent}<{}", element.tag);
    for (name, value) in &element.attributes {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(out, " {name}=\"{}\"", escaped(&text));
    }
    if element.children.is_empty() && element.text.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push('>');
    out.push_str(&escaped(&element.text));
    if !element.children.is_empty() {
        out.push('\n');
        for child in &element.children {
            xml(child, depth + 1, out);
        }
        out.push_str(&indent);
    }
    let _ = writeln!(out, "</{}>", element.tag);
}

/// Text as XML holds it; characters that XML cannot hold become U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
