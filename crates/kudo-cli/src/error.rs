//! Everything that can end a command, as facts; [`crate::report`] turns it into words.

use std::path::PathBuf;
use std::time::Duration;

use kudo_package::edit::EditError;
use kudo_package::parameter::ParameterError;
use kudo_package::repository::ListError;
use kudo_package::yaml::Mark;
use kudo_package::{Diagnostic, PackageErrors};
use kudo_repository::{HomeError, ResolveError};
use kudo_template::RenderTaskError;

use crate::arguments::Format;
use crate::exit::ExitStatus;
use crate::follow::PlanFailure;
use crate::parameters::ParameterInputError;
use crate::prompt::PromptError;
use crate::versions::NotAnUpgrade;

/// A name with the namespace it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The namespace.
    pub(crate) namespace: String,
    /// The name.
    pub(crate) name: String,
}

impl Named {
    /// Puts the two together.
    pub(crate) fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Why a command ended without having done what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// `-o` asks for a format that the command does not have.
    #[error("{command} has no output format {}", format.as_str())]
    Format {
        command: &'static str,
        format: Format,
        allowed: &'static [Format],
    },
    /// Flags that say nothing together.
    #[error("{problem}")]
    Flags {
        problem: &'static str,
        hint: &'static str,
    },
    /// The package cannot be had from where it is.
    #[error(transparent)]
    Resolve(Box<ResolveError>),
    /// What is to be added as a repository is not one.
    #[error("looks like {url:?} is not a valid operator repository or cannot be reached: {source}")]
    NotARepository {
        url: String,
        source: Box<ResolveError>,
    },
    /// The file to be written is there already.
    #[error("target file {:?} already exists", path.display().to_string())]
    TargetExists {
        path: PathBuf,
        /// The flag that lets it be replaced.
        flag: &'static str,
    },
    /// The directory to be read or written is none.
    #[error("{:?} is not a proper directory", path.display().to_string())]
    NotADirectory { path: PathBuf },
    /// Something given is not what it should be.
    #[error("{what}: {problem}")]
    Invalid { what: &'static str, problem: String },
    /// A question was not answered.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// A new package would lie within another.
    #[error("operator.yaml exists in the current directory; a package cannot hold another")]
    InAPackage,
    /// There is no package to add to, or there are several.
    #[error("{}", match found.len() {
        0 => "there is no operator.yaml in the current directory, nor in one below it",
        _ => "there is more than one package below the current directory",
    })]
    NoPackageHere { found: Vec<PathBuf> },
    /// A file of a package cannot be added to.
    #[error("{}: {source}", path.display())]
    Edit { path: PathBuf, source: EditError },
    /// A directory to be indexed holds no packages.
    #[error("no packages discovered in {}", path.display())]
    NoArchives { path: PathBuf },
    /// A file or directory cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// `-p` or `-P` cannot be read.
    #[error(transparent)]
    ParameterInput(#[from] ParameterInputError),
    /// The operator does not take the parameters.
    #[error("{}", lines(.errors))]
    Parameters {
        operator: String,
        errors: Vec<ParameterError>,
    },
    /// Immutable parameters would change.
    #[error("cannot change the immutable {}", parameter_names(.names))]
    Immutable { names: Vec<String> },
    /// The package cannot be read.
    #[error("{source}{}", cause_of(.source))]
    Package {
        path: PathBuf,
        source: PackageErrors,
    },
    /// The package breaks rules.
    #[error("the package {} has {}", path.display(), count(*errors, "error"))]
    PackageInvalid {
        path: PathBuf,
        errors: usize,
        /// What to print before; nothing where the diagnostics were printed already.
        diagnostics: Vec<Diagnostic>,
    },
    /// A package that another one depends on is not as it should be.
    #[error("package {package:?}, which task {task:?} of {parent} installs: {source}")]
    Dependency {
        package: String,
        task: String,
        parent: String,
        source: Box<Error>,
    },
    /// Neither a repository nor the cluster has a package.
    #[error("{repository}; nor does the cluster give it: {cluster}")]
    Nowhere {
        repository: Box<Error>,
        cluster: Box<Error>,
    },
    /// Packages depend on each other.
    #[error("operators install each other in a circle: {}", circle.join(" -> "))]
    DependencyCycle { circle: Vec<String> },
    /// Two dependencies have one name and one version.
    #[error("two different packages are called {version}")]
    DependencyDiffers { version: String },
    /// A template cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderTaskError),
    /// An object of a template cannot be given what the manager adds to it.
    #[error("{template}: {source}")]
    Enhance {
        template: String,
        source: kudo_kube::enhance::EnhanceError,
    },
    /// No task of the plans uses the template.
    #[error("no task renders a template {template:?}")]
    NoTemplate {
        template: String,
        nearest: Option<String>,
    },
    /// An operator version in the cluster is not one that can be run.
    #[error("operator version {version} is invalid: {message}")]
    OperatorVersionInvalid { version: Named, message: String },
    /// There is no way to the cluster.
    #[error(transparent)]
    Connect(#[from] kudo_kube::ConnectError),
    /// A request failed.
    #[error("cannot {doing}: {}", kudo_kube::error::message(.source))]
    Api {
        doing: String,
        server: String,
        source: Box<kube::Error>,
    },
    /// The server does not serve KUDO's resources.
    #[error("KUDO is not installed in the cluster: it does not serve kudo.dev/v1beta1")]
    NotInstalled,
    /// The namespace does not exist.
    #[error("namespace {namespace:?} does not exist")]
    NoNamespace { namespace: String },
    /// `--create-namespace` names a namespace that is there already.
    #[error("namespace {namespace:?} exists already")]
    NamespaceExists { namespace: String },
    /// The namespace manifest of the package is not one.
    #[error("the namespace manifest {template:?} {problem}")]
    NamespaceManifest { template: String, problem: String },
    /// The instance does not exist.
    #[error("instance {instance} does not exist")]
    NoInstance {
        instance: Named,
        nearest: Option<String>,
    },
    /// The instance exists already.
    #[error("instance {instance} exists already")]
    InstanceExists {
        instance: Named,
        /// The operator version it has.
        version: String,
        /// Whether that is the one that was to be installed.
        same_version: bool,
    },
    /// An instance that a task would install exists, and is not the parent's.
    #[error("instance {child} exists already, and is not a child of {parent}")]
    ForeignChild { child: Named, parent: Named },
    /// The operator version does not exist.
    #[error("operator version {version} does not exist")]
    NoOperatorVersion {
        version: Named,
        nearest: Option<String>,
    },
    /// No operator version in the cluster fits the name and versions asked for.
    #[error("no version of operator {operator:?} in namespace {namespace:?} fits")]
    NoneFits {
        operator: String,
        namespace: String,
        installed: Vec<String>,
    },
    /// The operator version exists with another content.
    #[error("operator version {version} exists already with a different content")]
    OperatorVersionDiffers { version: Named },
    /// The plan does not exist.
    #[error("operator version {version} has no plan {plan:?}")]
    NoPlan {
        plan: String,
        version: String,
        nearest: Option<String>,
        plans: Vec<String>,
    },
    /// Another plan is running.
    #[error("plan {plan:?} of instance {instance} is running")]
    PlanRunning { plan: String, instance: Named },
    /// Only the deletion of an instance runs this plan.
    #[error("plan \"cleanup\" runs only when an instance is uninstalled")]
    CleanupPlan { instance: Named },
    /// Somebody else changed the same thing in the meantime.
    #[error("instance {instance} was changed by somebody else in the meantime")]
    ChangedMeanwhile { instance: Named },
    /// The cluster is older than the operator needs.
    #[error("operator {operator:?} needs Kubernetes {needed} or newer, the cluster has {found}")]
    KubernetesTooOld {
        operator: String,
        needed: String,
        found: String,
    },
    /// A plan applies a kind that the cluster does not serve.
    #[error("{template} renders a {kind} of {api_version}, which the cluster does not serve")]
    UnknownKind {
        kind: String,
        api_version: String,
        template: String,
        nearest: Option<String>,
    },
    /// The package is of another operator than the instance.
    #[error("instance {instance} is of operator {found:?}, the package of {package:?}")]
    OtherOperator {
        instance: Named,
        found: String,
        package: String,
    },
    /// The package is not newer than what the instance has.
    #[error(transparent)]
    NotAnUpgrade(#[from] NotAnUpgrade),
    /// The plan failed.
    #[error("{}", failed(.instance, .failure))]
    PlanFailed {
        instance: Named,
        failure: Box<PlanFailure>,
    },
    /// The manager refused the change.
    #[error("the change of instance {instance} was refused: {message}")]
    Refused { instance: Named, message: String },
    /// The instance was deleted while it was waited for.
    #[error("instance {instance} was deleted in the meantime")]
    Vanished { instance: Named },
    /// What was waited for did not come in time.
    #[error("{what} was not done within {}{}", seconds(*after), because(.trouble.as_deref()))]
    TimedOut {
        what: String,
        after: Duration,
        /// What went wrong last, if something did.
        trouble: Option<String>,
        follow: Option<String>,
    },
    /// What went wrong in a simulation.
    #[error(transparent)]
    Simulated(Box<Error>),
    /// What `--simulate-from` names cannot be loaded.
    #[error("{}{}: {problem}", path.display(), place(*.mark))]
    SimulateFrom {
        path: PathBuf,
        /// Where in the file, if it is one place.
        mark: Option<Mark>,
        problem: String,
    },
    /// The embedded cluster does not start or end.
    #[error("the embedded cluster: {0}")]
    Dev(String),
    /// What an embedded cluster in another process said when it ended too early.
    #[error("{message}")]
    DevDetached {
        message: String,
        hints: Vec<String>,
        exit: ExitStatus,
    },
    /// The file that an embedded cluster is kept in cannot be read or written.
    #[error(transparent)]
    DevState(kudo_simcluster::cluster::StateError),
    /// Another embedded cluster is kept in the file.
    #[error("{} is the state of an embedded cluster that runs", path.display())]
    DevStateTaken { path: PathBuf },
    /// There is an embedded cluster already.
    #[error("an embedded cluster runs already; its kubeconfig is {}", kubeconfig.display())]
    DevRuns { kubeconfig: PathBuf },
    /// There is no embedded cluster.
    #[error("no embedded cluster runs")]
    DevAbsent,
    /// Ctrl-C.
    #[error("interrupted; {going_on}")]
    Interrupted { going_on: String, follow: String },
    /// The installation of KUDO is not as it should be.
    #[error("the installation is not valid:\n{}", .problems.join("\n"))]
    Installation { problems: Vec<String> },
    /// What KUDO is to be installed with is not there; nothing was changed.
    #[error("{}", .problems.join("\n"))]
    Prerequisites { problems: Vec<String>, hint: String },
    /// KUDO is installed in another version.
    #[error("KUDO is installed already, with the manager image {image:?}")]
    OtherManager { image: String },
    /// A test suite cannot be read.
    #[error(transparent)]
    Suite(#[from] kudo_kuttl::SuiteError),
    /// `--test` is no regular expression.
    #[error("--test {filter:?} is no regular expression: {message}")]
    TestFilter { filter: String, message: String },
    /// `--template-var` is no YAML.
    #[error("--template-var {name}: {message}")]
    TemplateVariable { name: String, message: String },
    /// A test suite could not be run.
    #[error(transparent)]
    TestRun(kudo_kuttl::RunError),
    /// Tests failed; they were told of one by one.
    #[error("{failed} failed")]
    TestsFailed { failed: String },
    /// Ctrl-C during tests.
    #[error("interrupted; what the tests had made was deleted")]
    TestsInterrupted,
    /// No API server could be started.
    #[error(transparent)]
    ControlPlane(Box<kudo_simcluster::control_plane::ControlPlaneError>),
    /// A file that was asked for cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    WriteFile {
        path: PathBuf,
        source: std::io::Error,
    },
    /// There is no home directory to keep KUDO's own directory in.
    #[error("there is no home directory")]
    NoHome,
    /// The runtime for requests cannot be started.
    #[error("cannot start: {0}")]
    Runtime(#[source] std::io::Error),
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] std::io::Error),
}

impl Error {
    /// The error as one about a dependency; the innermost dependency is the one to tell of.
    pub(crate) fn of_dependency(self, package: &str, task: &str, parent: &str) -> Self {
        match self {
            Self::Dependency { .. } | Self::DependencyCycle { .. } => self,
            source => Self::Dependency {
                package: package.to_owned(),
                task: task.to_owned(),
                parent: parent.to_owned(),
                source: Box::new(source),
            },
        }
    }
}

impl From<HomeError> for Error {
    fn from(error: HomeError) -> Self {
        ResolveError::from(error).into()
    }
}

impl From<ListError> for Error {
    fn from(error: ListError) -> Self {
        ResolveError::from(error).into()
    }
}

/// What is wrong with the files of a package is told as it is of a local one.
impl From<ResolveError> for Error {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Package { origin, source } => Self::Package {
                path: origin.into(),
                source,
            },
            error => Self::Resolve(Box::new(error)),
        }
    }
}

fn failed(instance: &Named, failure: &PlanFailure) -> String {
    let PlanFailure {
        plan,
        step,
        message,
    } = failure;
    match step {
        Some((phase, step)) => {
            format!("plan {plan:?} of instance {instance} failed in step {phase}/{step}: {message}")
        }
        None => format!("plan {plan:?} of instance {instance} failed: {message}"),
    }
}

/// What lies under an error whose own text does not say it.
fn cause_of(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn because(trouble: Option<&str>) -> String {
    trouble
        .map(|trouble| format!("; {trouble}"))
        .unwrap_or_default()
}

fn lines<T: ToString>(errors: &[T]) -> String {
    let lines: Vec<String> = errors.iter().map(T::to_string).collect();
    lines.join("\n")
}

fn place(mark: Option<Mark>) -> String {
    mark.map(|mark| format!(":{}:{}", mark.line, mark.column))
        .unwrap_or_default()
}

fn parameter_names(names: &[String]) -> String {
    let word = if names.len() == 1 {
        "parameter"
    } else {
        "parameters"
    };
    format!("{word} {}", names.join(", "))
}

/// A number with its noun: `1 error`, `2 errors`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn seconds(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{:.1}s", duration.as_secs_f64())
    }
}
