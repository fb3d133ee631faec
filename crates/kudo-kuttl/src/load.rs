//! From folders and files to cases: the only part that reads a suite.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kudo_package::yaml::{Mark, Node, parse_document_nodes};
use kudo_template::{Limits, Renderer};
use serde_json::{Value, json};

use crate::definitions::{
    API_VERSION, KINDS, TestAssert, TestStep, TestSuite, test_assert, test_file, test_step,
    test_suite,
};
use crate::expand::expand;
use crate::names::{self, FileName, Role};
use crate::{NAMED_BY_STEP, SuiteError};

/// Names that are no steps unless the suite says otherwise.
const IGNORED: &str = "README*";

/// One object of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The object; has `apiVersion` and `kind`.
    pub value: Value,
    /// The file it is in.
    pub file: PathBuf,
    /// Where it begins.
    pub mark: Mark,
}

/// One step of a test.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Number of the step.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What is applied.
    pub apply: Vec<Document>,
    /// What must come to hold.
    pub asserts: Vec<Document>,
    /// What must not hold.
    pub errors: Vec<Document>,
    /// What is done besides.
    pub step: TestStep,
    /// How it is asserted.
    pub assert: TestAssert,
}

impl Step {
    /// Number and name, as in `0-install`.
    pub fn title(&self) -> String {
        format!("{}-{}", self.index, self.name)
    }
}

/// One test.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name of its folder.
    pub name: String,
    /// The folder that holds it.
    pub suite: PathBuf,
    /// Its folder, absolute.
    pub dir: PathBuf,
    /// The namespace it works in.
    pub namespace: String,
    /// Its steps in order.
    pub steps: Vec<Step>,
    /// Names of files that are no steps.
    pub ignored: Vec<String>,
    /// Why it cannot be read; then it has no steps, and fails.
    pub broken: Option<SuiteError>,
}

/// What a test is read with.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Patterns of names that are passed over; `None` means `README*`.
    pub ignore_files: Option<Vec<String>>,
    /// Labels of this run, which files can ask for.
    pub run_labels: BTreeMap<String, String>,
    /// `Vars` of templates.
    pub template_vars: BTreeMap<String, Value>,
    /// The namespace of all tests; `None` means a new one for each.
    pub namespace: Option<String>,
}

/// Reads the configuration of a suite.
pub fn load_suite(path: &Path) -> Result<TestSuite, SuiteError> {
    let text = read(path, "the suite's configuration")?;
    let mut suite = None;
    for node in parse(path, &text)? {
        match kuttl_kind(path, &node)? {
            Some("TestSuite") if suite.is_none() => suite = Some(test_suite(path, &node)?),
            Some("TestSuite") => {
                return Err(SuiteError::invalid(path, node.mark, "a second TestSuite"));
            }
            _ => {
                return Err(SuiteError::invalid(path, node.mark, "expected a TestSuite")
                    .with_hint(format!("apiVersion: {API_VERSION}, kind: TestSuite")));
            }
        }
    }
    suite.ok_or_else(|| SuiteError::invalid(path, None, "there is no TestSuite in it"))
}

/// Reads all tests of a folder whose names the filter takes, in the order of their names. One that
/// cannot be read is [broken](Case::broken), and keeps no other from being run.
pub fn load_cases(
    suite: &Path,
    options: &LoadOptions,
    takes: impl Fn(&str) -> bool,
) -> Result<(Vec<Case>, Vec<String>), SuiteError> {
    let mut all = Vec::new();
    let mut cases = Vec::new();
    for (name, is_dir) in entries(suite, "the test folder")? {
        if !is_dir {
            continue;
        }
        if takes(&name) {
            cases.push(load_case(suite, &name, options));
        }
        all.push(name);
    }
    Ok((cases, all))
}

fn load_case(suite: &Path, name: &str, options: &LoadOptions) -> Case {
    let folder = suite.join(name);
    let mut case = Case {
        name: name.to_owned(),
        suite: suite.to_owned(),
        dir: std::path::absolute(&folder).unwrap_or(folder),
        namespace: match &options.namespace {
            Some(namespace) => namespace.clone(),
            None => namespace_of(name),
        },
        steps: Vec::new(),
        ignored: Vec::new(),
        broken: None,
    };
    match load_steps(&mut case, options) {
        Ok(steps) => case.steps = steps,
        Err(error) => case.broken = Some(error),
    }
    case
}

fn load_steps(case: &mut Case, options: &LoadOptions) -> Result<Vec<Step>, SuiteError> {
    let Case {
        dir,
        namespace,
        ignored,
        ..
    } = case;
    let default = [IGNORED.to_owned()];
    let patterns = options.ignore_files.as_deref().unwrap_or(&default);
    let mut files: BTreeMap<u32, Vec<(PathBuf, FileName)>> = BTreeMap::new();
    for (entry, is_dir) in entries(dir, "the test")? {
        if patterns
            .iter()
            .any(|pattern| names::matches(pattern, &entry) == Some(true))
        {
            continue;
        }
        let path = dir.join(&entry);
        let Some((index, parsed)) = names::parse(&entry).and_then(|name| Some((name.index?, name)))
        else {
            ignored.push(entry);
            continue;
        };
        let step = files.entry(index).or_default();
        if !is_dir {
            step.push((path, parsed));
            continue;
        }
        for (inner, _) in entries(&path, "the step")? {
            match names::parse(&inner) {
                Some(mut name) if Path::new(&inner).extension().is_some() => {
                    name.step.clone_from(&parsed.step);
                    step.push((path.join(&inner), name));
                }
                _ => ignored.push(format!("{entry}/{inner}")),
            }
        }
    }
    let mut steps = Vec::with_capacity(files.len());
    for (index, files) in files {
        steps.push(load_step(dir, index, &files, namespace, options)?);
    }
    Ok(steps)
}

fn load_step(
    dir: &Path,
    index: u32,
    files: &[(PathBuf, FileName)],
    namespace: &str,
    options: &LoadOptions,
) -> Result<Step, SuiteError> {
    let mut step = Step {
        index,
        ..Step::default()
    };
    let mut test_step_seen = false;
    for (path, name) in files {
        let mut text = read(path, "the step's file")?;
        if name.template {
            text = render(path, &text, namespace, options)?;
        }
        let nodes = parse(path, &text)?;
        if !selected(path, &nodes, &options.run_labels)? {
            continue;
        }
        if name.role == Role::Apply && step.name.is_empty() {
            step.name.clone_from(&name.step);
        }
        for node in nodes {
            match (kuttl_kind(path, &node)?, name.role) {
                (None, Role::Apply) if names::misspelled(&name.step).is_some() => {
                    let meant = names::misspelled(&name.step).unwrap_or_default();
                    let message = "objects to apply, in a file named almost as one to assert";
                    return Err(SuiteError::invalid(path, node.mark, message)
                        .with_hint(format!("did you mean {meant:?}? Else give it another name")));
                }
                (None, role) => {
                    let list = match role {
                        Role::Apply => &mut step.apply,
                        Role::Assert => &mut step.asserts,
                        Role::Errors => &mut step.errors,
                    };
                    list.push(document(path, node)?);
                }
                (Some("TestFile"), _) => {}
                (Some("TestStep"), Role::Apply) if test_step_seen => {
                    return Err(SuiteError::invalid(
                        path,
                        node.mark,
                        "a second TestStep of the step",
                    ));
                }
                (Some("TestStep"), Role::Apply) => {
                    test_step_seen = true;
                    step.step = test_step(path, &node)?;
                }
                (Some("TestAssert"), Role::Assert) => step.assert = test_assert(path, &node)?,
                (Some(kind), _) => {
                    let place = match kind {
                        "TestAssert" => "a file named NN-assert.yaml",
                        "TestStep" => "a file named NN-NAME.yaml",
                        _ => "the suite's configuration",
                    };
                    let message = format!("a {kind} cannot stand here");
                    return Err(SuiteError::invalid(path, node.mark, message)
                        .with_hint(format!("put it into {place}")));
                }
            }
        }
    }
    if !step.step.name.is_empty() {
        step.name.clone_from(&step.step.name);
    }
    let listed = [
        (&step.step.apply, &mut step.apply),
        (&step.step.assert, &mut step.asserts),
        (&step.step.error, &mut step.errors),
    ];
    for (paths, documents) in listed {
        for path in paths {
            documents.extend(load_path(
                &dir.join(expand(path, |name| std::env::var(name).ok())),
            )?);
        }
    }
    Ok(step)
}

/// The objects of a file, or of the `*.yaml` files of a folder.
fn load_path(path: &Path) -> Result<Vec<Document>, SuiteError> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        files = entries(path, NAMED_BY_STEP)?
            .into_iter()
            .filter(|(name, is_dir)| {
                !is_dir && Path::new(name).extension().is_some_and(|end| end == "yaml")
            })
            .map(|(name, _)| path.join(name))
            .collect();
    }
    let mut documents = Vec::new();
    for file in files {
        documents.extend(load_documents(&file, NAMED_BY_STEP)?);
    }
    Ok(documents)
}

/// The objects of all YAML and JSON files below a folder, or of one file.
pub(crate) fn load_manifests(path: &Path) -> Result<Vec<Document>, SuiteError> {
    const WHAT: &str = "the manifests";
    if path.is_file() {
        return load_documents(path, WHAT);
    }
    let mut documents = Vec::new();
    for (name, is_dir) in entries(path, WHAT)? {
        let path = path.join(&name);
        let extension = path.extension().and_then(|extension| extension.to_str());
        if is_dir {
            documents.extend(load_manifests(&path)?);
        } else if matches!(extension, Some("yaml" | "yml" | "json")) {
            documents.extend(load_documents(&path, WHAT)?);
        }
    }
    Ok(documents)
}

fn load_documents(path: &Path, what: &'static str) -> Result<Vec<Document>, SuiteError> {
    let text = read(path, what)?;
    let nodes = parse(path, &text)?.into_iter();
    nodes.map(|node| document(path, node)).collect()
}

fn document(path: &Path, node: Node) -> Result<Document, SuiteError> {
    let mark = node.mark;
    let value = Value::from(node);
    for key in ["apiVersion", "kind"] {
        if value
            .get(key)
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            let message = format!("the document has no {key}");
            return Err(SuiteError::invalid(path, mark, message));
        }
    }
    Ok(Document {
        value,
        file: path.to_owned(),
        mark,
    })
}

/// The kind, if it is one of kuttl's own.
fn kuttl_kind(path: &Path, node: &Node) -> Result<Option<&'static str>, SuiteError> {
    let text = |key| {
        let value = node.get(key).map(Node::to_value);
        value
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let (version, kind) = (text("apiVersion"), text("kind"));
    let known = KINDS.iter().find(|known| **known == kind).copied();
    let group = API_VERSION.split('/').next().unwrap_or_default();
    match known {
        Some(_) if version == API_VERSION => Ok(known),
        Some(kind) => {
            let message = format!("{kind} with apiVersion {version:?}");
            Err(SuiteError::invalid(path, node.mark, message)
                .with_hint(format!("expected apiVersion: {API_VERSION}")))
        }
        None if version.split('/').next() == Some(group) => {
            let nearest = kudo_package::suggest::nearest(&kind, KINDS);
            let hint = nearest.map_or_else(
                || format!("the kinds are {}", KINDS.join(", ")),
                |name| format!("did you mean {name:?}?"),
            );
            let message = format!("unknown kind {kind:?} in {version}");
            Err(SuiteError::invalid(path, node.mark, message).with_hint(hint))
        }
        None => Ok(None),
    }
}

fn selected(
    path: &Path,
    nodes: &[Node],
    labels: &BTreeMap<String, String>,
) -> Result<bool, SuiteError> {
    let mut found = None;
    for node in nodes {
        if kuttl_kind(path, node)? != Some("TestFile") {
            continue;
        }
        if found.is_some() {
            return Err(SuiteError::invalid(path, node.mark, "a second TestFile"));
        }
        found = Some(test_file(path, node)?.selects(labels));
    }
    Ok(found.unwrap_or(true))
}

fn render(
    path: &Path,
    text: &str,
    namespace: &str,
    options: &LoadOptions,
) -> Result<String, SuiteError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let data = json!({ "Namespace": namespace, "Vars": options.template_vars });
    Renderer::new(Limits::default())
        .render_data(&name, text, &data)
        .map_err(|error| SuiteError::invalid(path, None, error.to_string()))
}

fn parse(path: &Path, text: &str) -> Result<Vec<Node>, SuiteError> {
    parse_document_nodes(text).map_err(|error| {
        let hint = error.hint();
        let invalid = SuiteError::invalid(path, error.mark, error.message);
        match hint {
            Some(hint) => invalid.with_hint(hint),
            None => invalid,
        }
    })
}

fn read(path: &Path, what: &'static str) -> Result<String, SuiteError> {
    std::fs::read_to_string(path).map_err(|error| SuiteError::read(what, path, &error))
}

/// Names of a folder's entries in order, and whether each is a folder.
fn entries(dir: &Path, what: &'static str) -> Result<Vec<(String, bool)>, SuiteError> {
    let failed = |error: std::io::Error| SuiteError::read(what, dir, &error);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        entries.push((name, entry.path().is_dir()));
    }
    entries.sort();
    Ok(entries)
}

/// A new namespace's name for a test: who looks at the cluster sees which test it is of.
fn namespace_of(test: &str) -> String {
    const LONGEST: usize = 40;
    let word = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = test.chars().take(LONGEST).map(word).collect();
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("kudo-test-{}-{}", name.trim_matches('-'), &random[..6])
}
