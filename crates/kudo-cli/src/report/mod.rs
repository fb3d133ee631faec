//! From an error to what the user sees: one message, hints, and the exit code.
//!
//! [`report`] is the one way there; [`library`] and [`repository`] hold the parts of it for errors
//! of libraries.

mod library;
mod repository;

use std::io::ErrorKind;
use std::path::Path;

use kudo_kube::ConnectError;
use kudo_package::PackageErrors;
use kudo_package::parameter::ParameterError;
use kudo_template::RenderTaskError;

use crate::arguments::Format;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::prompt::PromptError;
use crate::source;

/// What the user sees of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hints: Vec<String>,
    /// How the process ends.
    pub(crate) exit: ExitStatus,
}

/// Turns an error into words; `None` where there is nobody left to tell, as when the reader of a
/// pipe is gone.
pub(crate) fn report(error: &Error) -> Option<Report> {
    if let Error::Output(source) = error
        && source.kind() == ErrorKind::BrokenPipe
    {
        return None;
    }
    let (exit, hints) = judge(error);
    Some(Report {
        message: message(error),
        hints,
        exit,
    })
}

fn message(error: &Error) -> String {
    let nearest = match error {
        Error::PackageInvalid { diagnostics, .. } if !diagnostics.is_empty() => {
            let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            return format!("{error}:\n{}", lines.join("\n"));
        }
        Error::Package {
            path,
            source: PackageErrors::Invalid(draft),
        } => {
            let found = source::broken_rules(draft.package());
            let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
            let lines = lines.join("\n");
            return format!("the package {} is invalid:\n{lines}", path.display());
        }
        Error::Simulated(error) => return message(error),
        Error::Dependency {
            package,
            task,
            parent,
            source,
        } => {
            let inner = message(source);
            return format!(
                "package {package:?}, which task {task:?} of {parent} installs: {inner}"
            );
        }
        Error::Nowhere {
            repository,
            cluster,
        } => {
            let (repository, cluster) = (message(repository), message(cluster));
            return format!("{repository}; nor does the cluster give it: {cluster}");
        }
        Error::Package {
            path,
            source: PackageErrors::Archive(cause),
        } => {
            return format!("the archive {} is refused: {cause}", path.display());
        }
        Error::Parameters { errors, .. } => {
            let lines: Vec<String> = errors
                .iter()
                .map(|error| without_suggestion(error.to_string(), nearest_of(error)))
                .collect();
            return lines.join("\n");
        }
        Error::Connect(ConnectError::UnknownContext { nearest, .. })
        | Error::Render(
            RenderTaskError::UnknownPlan { nearest, .. }
            | RenderTaskError::UnknownTask { nearest, .. }
            | RenderTaskError::UnknownTemplate { nearest, .. }
            | RenderTaskError::ToggleMissing { nearest, .. },
        ) => nearest.as_deref(),
        Error::Render(RenderTaskError::Render(render)) => render.nearest.as_deref(),
        _ => None,
    };
    without_suggestion(error.to_string(), nearest)
}

/// Libraries put "did you mean" into their text; here it is a hint on a line of its own.
fn without_suggestion(text: String, nearest: Option<&str>) -> String {
    let suffix = nearest.map(|name| format!(" (did you mean {name:?}?)"));
    match suffix.and_then(|suffix| text.strip_suffix(&suffix).map(str::to_owned)) {
        Some(stripped) => stripped,
        None => text,
    }
}

fn nearest_of(error: &ParameterError) -> Option<&str> {
    match error {
        ParameterError::Unknown { nearest, .. } | ParameterError::Enum { nearest, .. } => {
            nearest.as_deref()
        }
        _ => None,
    }
}

/// The exit code and the hints of every error: the only place that decides them.
#[expect(clippy::too_many_lines, reason = "a table with an arm for each error")]
fn judge(error: &Error) -> (ExitStatus, Vec<String>) {
    use ExitStatus as Exit;
    match error {
        Error::Format { allowed, .. } => (Exit::Usage, hint(formats(allowed))),
        Error::Flags { hint: text, .. } => (Exit::Usage, hint(*text)),
        Error::Resolve(error) => repository::resolve(error),
        Error::Dependency { source, .. } => judge(source),
        Error::Nowhere { repository, cluster } => {
            let (exit, mut hints) = judge(repository);
            hints.extend(judge(cluster).1);
            (exit, hints)
        }
        Error::Simulated(error) => simulated(error),
        Error::DevRuns { .. } => (Exit::Conflict, hint("end it with: kubectl kudo dev stop")),
        Error::DevDetached { hints, exit, .. } => (*exit, hints.clone()),
        Error::DevState(error) => (Exit::Failed, library::state(error)),
        Error::DevStateTaken { .. } => (
            Exit::Conflict,
            hint("end that one, or name another file with --state"),
        ),
        Error::DevAbsent => (Exit::NotFound, hint("start one with: kubectl kudo dev --detach")),
        Error::DependencyCycle { .. } => (
            Exit::Failed,
            hint("take one of the KudoOperator tasks out of the circle"),
        ),
        Error::DependencyDiffers { .. } => (
            Exit::Conflict,
            hint("raise operatorVersion in the operator.yaml of one of them"),
        ),
        Error::NotARepository { source, .. } => (
            repository::resolve(source).0,
            hint("add it nevertheless with --skip-check"),
        ),
        Error::TargetExists { flag, .. } => {
            (Exit::Conflict, hint(format!("replace it with {flag}")))
        }
        Error::Prompt(PromptError::Ended { .. }) => (
            Exit::Usage,
            hint("give everything as arguments, see --help; or run it on a terminal"),
        ),
        Error::Invalid { .. } | Error::Prompt(PromptError::Answer { .. }) => {
            (Exit::Usage, vec![])
        }
        Error::InAPackage => (Exit::Conflict, hint("change to another directory")),
        Error::NoPackageHere { found } => (
            Exit::NotFound,
            hint(match found.as_slice() {
                [] => "change to the directory of a package, or make one with: kubectl kudo package new NAME".to_owned(),
                found => {
                    let found: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
                    format!("change to one of {}", found.join(", "))
                }
            }),
        ),
        Error::NoArchives { .. } => (
            Exit::NotFound,
            hint("make archives of packages with: kubectl kudo package create PACKAGE"),
        ),
        Error::ParameterInput(error) => library::parameter_input(error),
        Error::Parameters { operator, errors } => {
            (Exit::Usage, library::parameters(operator, errors))
        }
        Error::Immutable { .. } => (
            Exit::Usage,
            hint("an immutable parameter keeps the value it had at installation"),
        ),
        Error::Package { path, source } => library::package(path, source),
        Error::Render(error) => library::render(error),
        Error::NoTemplate { nearest, .. } => (Exit::NotFound, did_you_mean(nearest.as_deref())),
        Error::PackageInvalid {
            path, diagnostics, ..
        } => (
            Exit::Failed,
            // The command that tells all of it needs no advice to run it.
            if diagnostics.is_empty() {
                vec![]
            } else {
                hint(verify_command(path))
            },
        ),
        Error::Enhance { .. } => (
            Exit::Failed,
            hint("see the text with: kubectl kudo package render PACKAGE --raw, and the same parameters"),
        ),
        Error::File { doing, source, .. } if source.kind() == ErrorKind::NotFound => (
            Exit::NotFound,
            hint(match *doing {
                "read" => "name a file that is there; a path goes from the current directory on",
                _ => "name a folder that is there",
            }),
        ),
        Error::OperatorVersionInvalid { .. }
        | Error::NamespaceManifest { .. }
        | Error::File { .. }
        | Error::Edit { .. }
        | Error::SimulateFrom { .. }
        | Error::Dev(_)
        | Error::Runtime(_)
        | Error::Output(_) => (Exit::Failed, vec![]),
        Error::NoHome => (
            Exit::Failed,
            hint("name a directory with --home or $KUDO_HOME"),
        ),
        Error::Connect(error) => library::connect(error),
        Error::Api { source, server, .. } => library::api(source, server),
        Error::NotInstalled => (
            Exit::NotFound,
            hint("install it with: kubectl kudo init --wait"),
        ),
        Error::NoNamespace { namespace } => (
            Exit::NotFound,
            hint(format!(
                "install with --create-namespace, or create it with: kubectl create namespace {namespace}"
            )),
        ),
        Error::NamespaceExists { .. } => (Exit::Conflict, hint("leave out --create-namespace")),
        Error::NoInstance { instance, nearest } => (
            Exit::NotFound,
            or_else_hint(nearest.as_deref(), || {
                format!(
                    "list them with: kubectl kudo get instances -n {}",
                    instance.namespace
                )
            }),
        ),
        Error::InstanceExists {
            instance,
            version,
            same_version,
        } => {
            let (name, namespace) = (&instance.name, &instance.namespace);
            let change = if *same_version {
                format!(
                    "change its parameters with: kubectl kudo update --instance {name} -n {namespace} -p NAME=VALUE"
                )
            } else {
                format!(
                    "it runs {version}; upgrade it with: kubectl kudo upgrade PACKAGE --instance {name} -n {namespace}"
                )
            };
            (
                Exit::Conflict,
                vec![
                    change,
                    "install another one with --instance NAME".to_owned(),
                ],
            )
        }
        Error::ForeignChild { child, .. } => (
            Exit::Conflict,
            vec![
                "choose another instanceName in the task, or another name for the parent".to_owned(),
                format!(
                    "or remove it with: kubectl kudo uninstall --instance {} -n {}",
                    child.name, child.namespace
                ),
            ],
        ),
        Error::NoOperatorVersion { version, nearest } => (
            Exit::NotFound,
            or_else_hint(nearest.as_deref(), || {
                format!(
                    "list them with: kubectl kudo get operatorversions -n {}",
                    version.namespace
                )
            }),
        ),
        Error::NoneFits {
            installed,
            namespace,
            ..
        } => (
            Exit::NotFound,
            hint(if installed.is_empty() {
                format!(
                    "list what is installed with: kubectl kudo get operatorversions -n {namespace}"
                )
            } else {
                format!("installed are {}", installed.join(", "))
            }),
        ),
        Error::OperatorVersionDiffers { version } => (
            Exit::Conflict,
            vec![
                "raise operatorVersion in operator.yaml: the instances of a version rely on it"
                    .to_owned(),
                format!(
                    "or, if nothing uses it, delete it first: kubectl delete operatorversions.kudo.dev {} -n {}",
                    version.name, version.namespace
                ),
            ],
        ),
        Error::NoPlan { nearest, plans, .. } => (
            Exit::NotFound,
            or_else_hint(nearest.as_deref(), || {
                format!("it has {}", plans.join(", "))
            }),
        ),
        Error::PlanRunning { instance, .. } => (
            Exit::Conflict,
            hint(format!(
                "wait for it with: {}",
                follow_command(&instance.namespace, &instance.name)
            )),
        ),
        Error::CleanupPlan { instance } => (
            Exit::Usage,
            hint(format!(
                "kubectl kudo uninstall --instance {} -n {}",
                instance.name, instance.namespace
            )),
        ),
        Error::ChangedMeanwhile { .. } => (Exit::Conflict, hint("look at it and try again")),
        Error::KubernetesTooOld { .. } => (
            Exit::Failed,
            hint("the operator says so in operator.yaml, kubernetesVersion"),
        ),
        Error::UnknownKind {
            nearest,
            api_version,
            ..
        } => (
            Exit::Failed,
            or_else_hint(nearest.as_deref(), || {
                format!(
                    "see what there is with: kubectl api-resources; what defines {api_version} is to be installed first"
                )
            }),
        ),
        Error::OtherOperator { .. } => (
            Exit::Usage,
            hint("install the package as an instance of its own"),
        ),
        Error::NotAnUpgrade(error) => (Exit::Conflict, hint(error.hint())),
        Error::PlanFailed { instance, .. } => (
            Exit::PlanFailed,
            hint(format!(
                "see all of it with: kubectl kudo plan status --instance {} -n {}",
                instance.name, instance.namespace
            )),
        ),
        Error::Refused { .. } => (
            Exit::PlanFailed,
            hint("the instance runs on as it was before the change"),
        ),
        Error::Vanished { .. } => (Exit::NotFound, vec![]),
        Error::NotADirectory { .. } => (Exit::NotFound, hint("name a folder that is there")),
        Error::TimedOut { follow, .. } => (
            Exit::TimedOut,
            follow
                .iter()
                .map(|follow| format!("it goes on; follow it with: {follow}"))
                .collect(),
        ),
        Error::Interrupted { follow, .. } => {
            (Exit::Interrupted, hint(format!("follow it with: {follow}")))
        }
        Error::Suite(error) => library::suite(error),
        Error::TestFilter { .. } => (
            Exit::Usage,
            hint("name a test, or write an expression such as 'scale-(up|down)'"),
        ),
        Error::TemplateVariable { .. } => (Exit::Usage, vec![]),
        Error::TestRun(_) | Error::TestsFailed { .. } | Error::WriteFile { .. } => {
            (Exit::Failed, vec![])
        }
        Error::TestsInterrupted | Error::Prompt(PromptError::Terminal { .. }) => {
            (Exit::Interrupted, vec![])
        }
        Error::ControlPlane(_) => (
            Exit::Failed,
            hint("put etcd and kube-apiserver into a folder and set KUBEBUILDER_ASSETS to it"),
        ),
        Error::Installation { .. } => (
            Exit::Failed,
            hint("mend it with: kubectl kudo init --upgrade"),
        ),
        Error::Prerequisites { hint: words, .. } => (Exit::NotFound, hint(words)),
        Error::OtherManager { .. } => (
            Exit::Conflict,
            hint("replace it with: kubectl kudo init --upgrade"),
        ),
    }
}

/// The same for what happened in a simulation, of which nothing is left to look at.
fn simulated(error: &Error) -> (ExitStatus, Vec<String>) {
    let (exit, hints) = judge(error);
    let hints = match error {
        Error::PlanFailed { .. } | Error::Interrupted { .. } | Error::Refused { .. } => vec![],
        Error::TimedOut { .. } => hint("give it more (simulated) time with --wait-time"),
        Error::NoInstance { nearest: None, .. } => hint(
            "give the simulation what it is to begin with: --simulate-from PACKAGE, or a FILE from \
             `kubectl get operators,operatorversions,instances -o yaml`",
        ),
        Error::UnknownKind { nearest: None, .. } => {
            hint("give the simulation the CustomResourceDefinition with --simulate-from FILE")
        }
        Error::NoneFits { .. } | Error::NoOperatorVersion { nearest: None, .. } => {
            hint("give the simulation the operator with --simulate-from FILE")
        }
        _ => hints,
    };
    (exit, hints)
}

fn formats(allowed: &[Format]) -> String {
    let names: Vec<&str> = allowed.iter().map(|format| format.as_str()).collect();
    match names.as_slice() {
        [] => "leave out -o".to_owned(),
        names => format!("use -o {}", names.join(" or -o ")),
    }
}

/// The command that follows an instance's plan.
pub(crate) fn follow_command(namespace: &str, instance: &str) -> String {
    format!("kubectl kudo plan status --instance {instance} -n {namespace} --wait")
}

fn verify_command(path: &Path) -> String {
    format!(
        "check it with: kubectl kudo package verify {}",
        path.display()
    )
}

fn hint(text: impl Into<String>) -> Vec<String> {
    vec![text.into()]
}

fn did_you_mean(nearest: Option<&str>) -> Vec<String> {
    nearest
        .iter()
        .map(|name| format!("did you mean {name:?}?"))
        .collect()
}

fn or_else_hint(nearest: Option<&str>, otherwise: impl FnOnce() -> String) -> Vec<String> {
    match nearest {
        Some(_) => did_you_mean(nearest),
        None => hint(otherwise()),
    }
}
