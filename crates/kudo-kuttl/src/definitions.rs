//! kuttl's own documents: `TestSuite`, `TestStep`, `TestAssert` and `TestFile` (`kuttl.dev/v1beta1`).

use std::collections::BTreeMap;
use std::path::Path;

use kudo_package::yaml::Node;

use crate::SuiteError;
use crate::decode::Fields;

/// `apiVersion` of all of them.
pub const API_VERSION: &str = "kuttl.dev/v1beta1";
/// The kinds.
pub const KINDS: [&str; 4] = ["TestSuite", "TestStep", "TestAssert", "TestFile"];

const SUITE: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "crdDir",
    "manifestDirs",
    "testDirs",
    "startControlPlane",
    "controlPlaneArgs",
    "attachControlPlaneOutput",
    "startKIND",
    "kindConfig",
    "kindContext",
    "kindNodeCache",
    "kindContainers",
    "skipDelete",
    "skipClusterDelete",
    "timeout",
    "parallel",
    "artifactsDir",
    "commands",
    "reportFormat",
    "reportName",
    "reportGranularity",
    "namespace",
    "suppress",
    "ignoreFiles",
];
const STEP: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "index",
    "apply",
    "assert",
    "error",
    "delete",
    "unitTest",
    "commands",
    "kubeconfig",
    "kubeconfigLoading",
    "context",
];
const ASSERT: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "timeout",
    "collectors",
    "commands",
    "resourceRefs",
    "assertAny",
    "assertAll",
];
const FILE: &[&str] = &["apiVersion", "kind", "metadata", "testRunSelector"];
const METADATA: &[&str] = &["name", "namespace", "labels", "annotations"];

/// What a whole suite is run with. Empty and zero mean that nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the switches that kuttl has")]
pub struct TestSuite {
    /// Name of the suite in reports.
    pub name: String,
    /// Folder of definitions to install first.
    pub crd_dir: String,
    /// Folders of manifests to apply before the tests.
    pub manifest_dirs: Vec<String>,
    /// Folders that hold the tests.
    pub test_dirs: Vec<String>,
    /// Whether to start an API server of its own.
    pub start_control_plane: bool,
    /// Whether to start a KIND cluster.
    pub start_kind: bool,
    /// Whether to leave what the tests made.
    pub skip_delete: bool,
    /// Whether to leave the cluster that was started.
    pub skip_cluster_delete: bool,
    /// Seconds that a step may take; 0 means 30.
    pub timeout: u32,
    /// How many tests run at once; 0 means 8.
    pub parallel: u32,
    /// Where reports go; empty means the working directory.
    pub artifacts_dir: String,
    /// Commands to run before the tests.
    pub commands: Vec<Command>,
    /// `xml`, `json` or empty.
    pub report_format: String,
    /// Name of the report without its extension.
    pub report_name: String,
    /// `step` or `test`; empty means `step`.
    pub report_granularity: String,
    /// One namespace for all tests; empty means a new one for each.
    pub namespace: String,
    /// What is not logged: `events`.
    pub suppress: Vec<String>,
    /// Patterns of names that are no steps; `None` means `README*`.
    pub ignore_files: Option<Vec<String>>,
}

/// What a step does besides applying its documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestStep {
    /// Name of the step; empty means that of its first file.
    pub name: String,
    /// Files and folders to apply, relative to the test.
    pub apply: Vec<String>,
    /// Files and folders to assert.
    pub assert: Vec<String>,
    /// Files and folders that must not hold.
    pub error: Vec<String>,
    /// What is deleted at the beginning.
    pub delete: Vec<Deletion>,
    /// Commands to run before anything is applied.
    pub commands: Vec<Command>,
    /// Another cluster for this step; empty means the suite's.
    pub kubeconfig: String,
    /// Context in it; empty means its current one.
    pub context: String,
}

/// Objects to delete: one by name, those with labels, or all of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deletion {
    /// `apiVersion` of the kind.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The object; empty means all that have the labels.
    pub name: String,
    /// Where; empty means the test's namespace.
    pub namespace: String,
    /// Labels that the objects have.
    pub labels: BTreeMap<String, String>,
}

/// What an assert file says besides its documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestAssert {
    /// Seconds until the step counts as failed; 0 means the suite's.
    pub timeout: u32,
    /// What is collected when it fails.
    pub collectors: Vec<Collector>,
    /// Commands that must succeed.
    pub commands: Vec<Command>,
}

/// A program or a script to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the switches that kuttl has")]
pub struct Command {
    /// A program and its arguments; or else
    pub command: String,
    /// a script for `sh`.
    pub script: String,
    /// Whether `--namespace` is added.
    pub namespaced: bool,
    /// Whether its failure is none.
    pub ignore_failure: bool,
    /// Whether it goes on in the background until the end.
    pub background: bool,
    /// Seconds; 0 means the suite's, less than 0 no limit.
    pub timeout: i64,
    /// Whether its output is not logged.
    pub skip_log_output: bool,
}

/// What is collected when a step fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collector {
    /// Logs of pods, as `kubectl logs` gives them.
    Pod {
        /// The pod; empty means those that the selector finds.
        pod: String,
        /// Label selector.
        selector: String,
        /// Where; empty means the test's namespace.
        namespace: String,
        /// The container; empty means all.
        container: String,
        /// Lines from the end; 0 means 10 with a selector, else all.
        tail: i64,
    },
    /// Events.
    Events {
        /// One event; empty means all.
        name: String,
        /// Where; empty means the test's namespace.
        namespace: String,
    },
    /// What a command prints.
    Command(String),
}

impl Collector {
    /// The command that collects.
    pub fn command(&self) -> Command {
        let namespace = |namespace: &str| match namespace {
            "" => "$NAMESPACE".to_owned(),
            namespace => namespace.to_owned(),
        };
        let line = match self {
            Self::Command(command) => command.clone(),
            Self::Events {
                name,
                namespace: at,
            } => {
                let name = spaced("", name);
                format!("kubectl get events{name} -n {}", namespace(at))
            }
            Self::Pod {
                pod,
                selector,
                namespace: at,
                container,
                tail,
            } => {
                let container = match container.as_str() {
                    "" => " --all-containers".to_owned(),
                    name => spaced("-c ", name),
                };
                let tail = match (tail, selector.is_empty()) {
                    (0, true) => -1,
                    (0, false) => 10,
                    (tail, _) => *tail,
                };
                format!(
                    "kubectl logs --prefix{}{} -n {}{container} --tail={tail}",
                    spaced("", pod),
                    spaced("-l ", selector),
                    namespace(at)
                )
            }
        };
        Command {
            command: line,
            ignore_failure: true,
            ..Command::default()
        }
    }
}

fn spaced(flag: &str, value: &str) -> String {
    match value {
        "" => String::new(),
        value => format!(" {flag}{value}"),
    }
}

/// Whether the file belongs to a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestFile {
    /// Labels that the run must have.
    pub match_labels: BTreeMap<String, String>,
    /// Further requirements: key, operator, values.
    pub match_expressions: Vec<(String, String, Vec<String>)>,
}

impl TestFile {
    /// Whether a run with these labels takes the file.
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        let equal = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        let holds = |(key, operator, values): &(String, String, Vec<String>)| {
            let found = labels.get(key);
            match operator.as_str() {
                "In" => found.is_some_and(|value| values.contains(value)),
                "NotIn" => found.is_none_or(|value| !values.contains(value)),
                "Exists" => found.is_some(),
                _ => found.is_none(),
            }
        };
        self.match_labels.iter().all(equal) && self.match_expressions.iter().all(holds)
    }
}

pub(crate) fn test_suite(file: &Path, node: &Node) -> Result<TestSuite, SuiteError> {
    let fields = Fields::new(file, node, String::new(), SUITE)?;
    let on = |key| Ok::<_, SuiteError>(fields.boolean(key)?.unwrap_or(false));
    let suite = TestSuite {
        name: name(&fields)?,
        crd_dir: fields.text("crdDir")?,
        manifest_dirs: fields.texts("manifestDirs")?,
        test_dirs: fields.texts("testDirs")?,
        start_control_plane: on("startControlPlane")?,
        start_kind: on("startKIND")?,
        skip_delete: on("skipDelete")?,
        skip_cluster_delete: on("skipClusterDelete")?,
        timeout: fields.count("timeout")?.unwrap_or(0),
        parallel: fields.count("parallel")?.unwrap_or(0),
        artifacts_dir: fields.text("artifactsDir")?,
        commands: commands(&fields)?,
        report_format: word(&fields, "reportFormat", &["xml", "json"])?,
        report_name: fields.text("reportName")?,
        report_granularity: word(&fields, "reportGranularity", &["step", "test"])?,
        namespace: fields.text("namespace")?,
        suppress: fields.texts("suppress")?,
        ignore_files: match fields.node("ignoreFiles") {
            Some(_) => Some(fields.texts("ignoreFiles")?),
            None => None,
        },
    };
    // Read for their types alone: a control plane has fixed arguments, and KIND is another program.
    on("attachControlPlaneOutput")?;
    on("kindNodeCache")?;
    fields.texts("controlPlaneArgs")?;
    fields.texts("kindContainers")?;
    fields.text("kindConfig")?;
    fields.text("kindContext")?;
    for pattern in suite.ignore_files.iter().flatten() {
        if crate::names::matches(pattern, "x").is_none() {
            return Err(fields.error("ignoreFiles", format!("{pattern:?} is no pattern")));
        }
    }
    Ok(suite)
}

pub(crate) fn test_step(file: &Path, node: &Node) -> Result<TestStep, SuiteError> {
    const DELETION: &[&str] = &[
        "apiVersion",
        "kind",
        "name",
        "namespace",
        "labels",
        "uid",
        "resourceVersion",
        "fieldPath",
    ];
    let fields = Fields::new(file, node, String::new(), STEP)?;
    fields.boolean("unitTest")?;
    fields.integer("index")?;
    word(&fields, "kubeconfigLoading", &["Eager", "Lazy"])?;
    let mut delete = Vec::new();
    for (node, path) in fields.items("delete")? {
        let fields = Fields::new(file, node, path, DELETION)?;
        let deletion = Deletion {
            api_version: required(&fields, "apiVersion")?,
            kind: required(&fields, "kind")?,
            name: fields.text("name")?,
            namespace: fields.text("namespace")?,
            labels: fields.text_map("labels")?,
        };
        delete.push(deletion);
    }
    Ok(TestStep {
        name: name(&fields)?,
        apply: fields.texts("apply")?,
        assert: fields.texts("assert")?,
        error: fields.texts("error")?,
        delete,
        commands: commands(&fields)?,
        kubeconfig: fields.text("kubeconfig")?,
        context: fields.text("context")?,
    })
}

pub(crate) fn test_assert(file: &Path, node: &Node) -> Result<TestAssert, SuiteError> {
    let fields = Fields::new(file, node, String::new(), ASSERT)?;
    name(&fields)?;
    for key in ["assertAny", "assertAll"] {
        if !fields.items(key)?.is_empty() {
            return Err(fields
                .error(key, "CEL expressions are not supported")
                .with_hint("assert the fields in a document, or with a command"));
        }
    }
    let collectors = fields.items("collectors")?.into_iter();
    let collectors = collectors.map(|(node, path)| collector(file, node, path));
    Ok(TestAssert {
        timeout: fields.count("timeout")?.unwrap_or(0),
        collectors: collectors.collect::<Result<_, _>>()?,
        commands: commands(&fields)?,
    })
}

pub(crate) fn test_file(file: &Path, node: &Node) -> Result<TestFile, SuiteError> {
    let fields = Fields::new(file, node, String::new(), FILE)?;
    let known = ["matchLabels", "matchExpressions"];
    let Some(selector) = fields.fields("testRunSelector", &known)? else {
        return Ok(TestFile::default());
    };
    let mut match_expressions = Vec::new();
    for (node, path) in selector.items("matchExpressions")? {
        let fields = Fields::new(file, node, path, &["key", "operator", "values"])?;
        let operators = ["In", "NotIn", "Exists", "DoesNotExist"];
        required(&fields, "operator")?;
        let operator = word(&fields, "operator", &operators)?;
        match_expressions.push((required(&fields, "key")?, operator, fields.texts("values")?));
    }
    Ok(TestFile {
        match_labels: selector.text_map("matchLabels")?,
        match_expressions,
    })
}

fn name(fields: &Fields<'_>) -> Result<String, SuiteError> {
    let metadata = fields.fields("metadata", METADATA)?;
    metadata.map_or(Ok(String::new()), |metadata| metadata.text("name"))
}

fn required(fields: &Fields<'_>, key: &str) -> Result<String, SuiteError> {
    match fields.text(key)? {
        text if text.is_empty() => Err(fields.error(key, "is missing")),
        text => Ok(text),
    }
}

/// One of a few words, whatever its case; absent is empty.
fn word(fields: &Fields<'_>, key: &str, words: &[&str]) -> Result<String, SuiteError> {
    let text = fields.text(key)?;
    if text.is_empty() {
        return Ok(text);
    }
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(&text));
    found
        .map(|word| (*word).to_owned())
        .ok_or_else(|| fields.error(key, format!("{text:?} is not one of {}", words.join(", "))))
}

fn commands(fields: &Fields<'_>) -> Result<Vec<Command>, SuiteError> {
    const COMMAND: &[&str] = &[
        "command",
        "script",
        "namespaced",
        "ignoreFailure",
        "background",
        "timeout",
        "skipLogOutput",
    ];
    let mut commands = Vec::new();
    for (node, path) in fields.items("commands")? {
        let fields = Fields::new(fields.file, node, path, COMMAND)?;
        let on = |key| Ok::<_, SuiteError>(fields.boolean(key)?.unwrap_or(false));
        let command = Command {
            command: fields.text("command")?,
            script: fields.text("script")?,
            namespaced: on("namespaced")?,
            ignore_failure: on("ignoreFailure")?,
            background: on("background")?,
            timeout: fields.integer("timeout")?.unwrap_or(0),
            skip_log_output: on("skipLogOutput")?,
        };
        match (command.command.is_empty(), command.script.is_empty()) {
            (true, true) => return Err(fields.error("command", "neither it nor script is there")),
            (false, false) => return Err(fields.error("script", "command is there as well")),
            (true, false) if command.namespaced => {
                return Err(fields
                    .error("namespaced", "a script cannot be namespaced")
                    .with_hint("use $NAMESPACE in the script"));
            }
            _ => {}
        }
        if command.script.is_empty()
            && let Err(error) = crate::words::split(&command.command)
        {
            return Err(fields.error("command", error));
        }
        commands.push(command);
    }
    Ok(commands)
}

fn collector(file: &Path, node: &Node, path: String) -> Result<Collector, SuiteError> {
    const COLLECTOR: &[&str] = &[
        "type",
        "pod",
        "namespace",
        "container",
        "selector",
        "tail",
        "command",
    ];
    let fields = Fields::new(file, node, path, COLLECTOR)?;
    let text = |key| fields.text(key);
    let (pod, selector, command) = (text("pod")?, text("selector")?, text("command")?);
    let kind = match word(&fields, "type", &["pod", "events", "command"])? {
        kind if !kind.is_empty() => kind,
        _ if command.is_empty() => "pod".to_owned(),
        _ => "command".to_owned(),
    };
    let none_of = |keys: &[&str]| match keys.iter().find(|key| fields.node(key).is_some()) {
        Some(key) => {
            Err(fields.error(key, format!("a collector of type {kind} has no such field")))
        }
        None => Ok(()),
    };
    let namespace = text("namespace")?;
    match kind.as_str() {
        "command" => {
            none_of(&["pod", "namespace", "container", "selector"])?;
            Ok(Collector::Command(required(&fields, "command")?))
        }
        "events" => {
            none_of(&["command", "container", "selector"])?;
            Ok(Collector::Events {
                name: pod,
                namespace,
            })
        }
        _ => {
            none_of(&["command"])?;
            if pod.is_empty() && selector.is_empty() {
                return Err(fields.error("pod", "neither it nor selector is there"));
            }
            Ok(Collector::Pod {
                pod,
                selector,
                namespace,
                container: text("container")?,
                tail: fields.integer("tail")?.unwrap_or(0),
            })
        }
    }
}
