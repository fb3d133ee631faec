//! One operator version as the engine sees it: templates, tasks, parameters and plans.
//!
//! Built by the package decoder, or from an `OperatorVersion` resource; both go through
//! [`crate::TaskFields::build`], so that a task means the same wherever it comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::parameter::Parameter;

/// All that the engine needs of one operator version, whether from a package or from an
/// `OperatorVersion` resource.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OperatorDefinition {
    /// Name of the operator, for example `galera`.
    pub operator_name: String,
    /// Version of the package.
    pub operator_version: String,
    /// Version of the application that the operator runs.
    pub app_version: Option<String>,
    /// Template texts by path relative to `templates/`.
    pub templates: BTreeMap<String, String>,
    /// Tasks in the order of their definition.
    pub tasks: Vec<Task>,
    /// Parameters in the order of their definition.
    pub parameters: Vec<Parameter>,
    /// Plans by name.
    pub plans: BTreeMap<String, Plan>,
}

impl OperatorDefinition {
    /// Finds a task by its name.
    pub fn task(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Finds a parameter by its name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }
}

/// A named unit of work that steps refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Name by which steps refer to the task.
    pub name: String,
    /// What the task does.
    pub spec: TaskSpec,
}

/// What a task does, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskSpec {
    /// Applies the objects of the templates and waits until they are healthy.
    Apply {
        /// Template names.
        resources: Vec<String>,
    },
    /// Deletes the objects of the templates and waits until they are gone.
    Delete {
        /// Template names.
        resources: Vec<String>,
    },
    /// Applies or deletes, as a boolean parameter says.
    Toggle {
        /// Template names.
        resources: Vec<String>,
        /// Name of the boolean parameter.
        parameter: String,
    },
    /// Runs a pod and keeps files that it writes.
    Pipe {
        /// Name of the pod's template.
        pod: String,
        /// Files to keep.
        pipe: Vec<PipeFile>,
    },
    /// Installs another operator as a child instance.
    KudoOperator {
        /// Package name, path or URL.
        package: String,
        /// Name of the child instance; by default `parent-operator`.
        instance_name: Option<String>,
        /// App version asked for.
        app_version: Option<String>,
        /// Operator version asked for.
        operator_version: Option<String>,
        /// Template that renders to the child's parameters.
        parameter_file: Option<String>,
    },
    /// Does nothing, or fails on demand.
    Dummy {
        /// Fails.
        want_err: bool,
        /// The failure is fatal.
        fatal: bool,
        /// Is done at once.
        done: bool,
    },
}

/// The kinds of task, as `kind` spells them.
pub const TASK_KINDS: &[&str] = &["Apply", "Delete", "Toggle", "Pipe", "KudoOperator", "Dummy"];

impl TaskSpec {
    /// The task's kind, as `kind` spells it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Apply { .. } => "Apply",
            Self::Delete { .. } => "Delete",
            Self::Toggle { .. } => "Toggle",
            Self::Pipe { .. } => "Pipe",
            Self::KudoOperator { .. } => "KudoOperator",
            Self::Dummy { .. } => "Dummy",
        }
    }

    /// Names of the templates that the task renders, in order.
    pub fn templates(&self) -> Vec<&str> {
        match self {
            Self::Apply { resources }
            | Self::Delete { resources }
            | Self::Toggle { resources, .. } => resources.iter().map(String::as_str).collect(),
            Self::Pipe { pod, .. } => vec![pod.as_str()],
            Self::KudoOperator { parameter_file, .. } => {
                parameter_file.iter().map(String::as_str).collect()
            }
            Self::Dummy { .. } => Vec::new(),
        }
    }
}

/// One file that a Pipe task keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipeFile {
    /// Where the content comes from.
    pub source: PipeSource,
    /// Kind of the object that keeps it.
    pub kind: PipeKind,
    /// Key by which templates refer to the object: `{{ .Pipes.key }}`.
    pub key: String,
}

/// Where a pipe's content comes from: a path in the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipeSource {
    /// Stored under the file's base name.
    File(String),
    /// Read as `key=value` lines, each stored under its key.
    EnvFile(String),
}

/// Kind of the object that keeps a pipe's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipeKind {
    /// A Secret.
    Secret,
    /// A `ConfigMap`.
    ConfigMap,
}

impl PipeKind {
    /// The kind as Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

/// A series of phases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Order of the phases; absent acts as parallel.
    pub strategy: Option<Strategy>,
    /// Phases in the order of their definition.
    pub phases: Vec<Phase>,
}

impl Plan {
    /// Names of the tasks that the plan runs, in order, repeated as often as steps name them.
    pub fn task_names(&self) -> impl Iterator<Item = &str> {
        self.phases
            .iter()
            .flat_map(|phase| &phase.steps)
            .flat_map(|step| step.tasks.iter().map(String::as_str))
    }
}

/// A series of steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phase {
    /// Name of the phase.
    pub name: String,
    /// Order of the steps; absent acts as parallel.
    pub strategy: Option<Strategy>,
    /// Steps in the order of their definition.
    pub steps: Vec<Step>,
}

/// Tasks that start together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// Name of the step.
    pub name: String,
    /// Names of the tasks.
    pub tasks: Vec<String>,
}

/// Order in which the parts of a plan or phase run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The next starts when this one is complete.
    Serial,
    /// All start together.
    Parallel,
}

impl Strategy {
    /// The strategy as packages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Parallel => "parallel",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A strategy that is neither `serial` nor `parallel`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown strategy {0:?}: must be serial or parallel")]
pub struct UnknownStrategy(pub String);

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "serial" => Ok(Self::Serial),
            "parallel" => Ok(Self::Parallel),
            other => Err(UnknownStrategy(other.to_owned())),
        }
    }
}
