//! From an error to what the user sees: one message, hints, and the exit code.

use std::io::ErrorKind;
use std::path::Path;

use kudo_kube::ConnectError;
use kudo_kube::error::Cause;
use kudo_package::PackageErrors;
use kudo_package::parameter::ParameterError;
use kudo_template::RenderTaskError;

use crate::arguments::Format;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::parameters::ParameterInputError;

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
            source: PackageErrors::Invalid(_),
        } => {
            return format!("the package {} is invalid:\n{error}", path.display());
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
        Error::NotYet {
            argument, local, ..
        } => (
            Exit::Failed,
            hint(if *local {
                format!("for the directory of that name, write ./{argument}")
            } else {
                "give the path of a package: a directory, or a .tgz file".to_owned()
            }),
        ),
        Error::ParameterInput(error) => parameter_input(error),
        Error::Parameters { operator, errors } => (Exit::Usage, parameters(operator, errors)),
        Error::Immutable { .. } => (
            Exit::Usage,
            hint("an immutable parameter keeps the value it had at installation"),
        ),
        Error::Package { path, source } => package(path, source),
        Error::Render(error) => render(error),
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
        Error::OperatorVersionInvalid { .. }
        | Error::NamespaceManifest { .. }
        | Error::Home { .. }
        | Error::Runtime(_)
        | Error::Output(_) => (Exit::Failed, vec![]),
        Error::NoHome => (
            Exit::Failed,
            hint("name a directory with --home or $KUDO_HOME"),
        ),
        Error::Connect(error) => connect(error),
        Error::Api { source, server, .. } => api(source, server),
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
        Error::Installation { .. } => (
            Exit::Failed,
            hint("mend it with: kubectl kudo init --upgrade"),
        ),
        Error::OtherManager { .. } => (
            Exit::Conflict,
            hint("replace it with: kubectl kudo init --upgrade"),
        ),
    }
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

fn parameter_input(error: &ParameterInputError) -> (ExitStatus, Vec<String>) {
    match error {
        ParameterInputError::Unreadable { source, .. } if source.kind() == ErrorKind::NotFound => (
            ExitStatus::NotFound,
            hint("-P takes the path of a file, from the current directory on"),
        ),
        ParameterInputError::Unreadable { .. } => (ExitStatus::Failed, vec![]),
        ParameterInputError::Argument { .. } => (
            ExitStatus::Usage,
            hint("write -p NAME=VALUE, for example -p NODE_COUNT=3"),
        ),
        ParameterInputError::NotYaml { .. }
        | ParameterInputError::NotAMap { .. }
        | ParameterInputError::Null { .. } => (
            ExitStatus::Usage,
            hint("a parameter file is YAML with a line `NAME: value` for each parameter"),
        ),
    }
}

fn parameters(operator: &str, errors: &[ParameterError]) -> Vec<String> {
    let mut hints = Vec::new();
    for error in errors {
        match (nearest_of(error), errors.len()) {
            (Some(name), 1) => hints.push(format!("did you mean {name:?}?")),
            (Some(name), _) => hints.push(match error {
                ParameterError::Enum { value, .. } => {
                    format!("for {value:?}, did you mean {name:?}?")
                }
                _ => format!("for {:?}, did you mean {name:?}?", error.parameter()),
            }),
            (None, _) => {}
        }
    }
    let missing: Vec<&str> = errors
        .iter()
        .filter(|error| matches!(error, ParameterError::Missing { .. }))
        .map(ParameterError::parameter)
        .collect();
    if !missing.is_empty() {
        let flags: Vec<String> = missing
            .iter()
            .map(|name| format!("-p {name}=VALUE"))
            .collect();
        hints.push(format!("give a value with {}", flags.join(" ")));
    }
    let unclear = |error: &ParameterError| {
        matches!(
            error,
            ParameterError::Unknown { nearest: None, .. } | ParameterError::Type { .. }
        )
    };
    if errors.iter().any(unclear) {
        hints.push(format!(
            "list what {operator} takes with: kubectl kudo package list parameters PACKAGE"
        ));
    }
    hints
}

fn package(path: &Path, error: &PackageErrors) -> (ExitStatus, Vec<String>) {
    match error {
        PackageErrors::NotFound { .. } => (
            ExitStatus::NotFound,
            hint(
                "a package is a directory with operator.yaml and params.yaml in it, or a .tgz file of one",
            ),
        ),
        PackageErrors::Unreadable { .. } => (ExitStatus::Failed, vec![]),
        PackageErrors::Archive(_) => (
            ExitStatus::Failed,
            hint("a package archive is a gzipped tar file of plain files and folders"),
        ),
        PackageErrors::Invalid(_) => (ExitStatus::Failed, hint(verify_command(path))),
    }
}

fn render(error: &RenderTaskError) -> (ExitStatus, Vec<String>) {
    match error {
        RenderTaskError::UnknownPlan { nearest, .. } => {
            (ExitStatus::NotFound, did_you_mean(nearest.as_deref()))
        }
        RenderTaskError::UnknownTask { nearest, .. }
        | RenderTaskError::UnknownTemplate { nearest, .. }
        | RenderTaskError::ToggleMissing { nearest, .. } => {
            (ExitStatus::Failed, did_you_mean(nearest.as_deref()))
        }
        RenderTaskError::Render(error) => {
            (ExitStatus::Failed, did_you_mean(error.nearest.as_deref()))
        }
        RenderTaskError::Objects(_) => (
            ExitStatus::Failed,
            hint(
                "see the text with: kubectl kudo package render PACKAGE --raw, and the same parameters",
            ),
        ),
        RenderTaskError::ToggleValue { .. } | RenderTaskError::PipePod { .. } => {
            (ExitStatus::Failed, vec![])
        }
    }
}

fn connect(error: &ConnectError) -> (ExitStatus, Vec<String>) {
    match error {
        ConnectError::UnknownContext { nearest, .. } => {
            (ExitStatus::NotFound, did_you_mean(nearest.as_deref()))
        }
        ConnectError::NoCurrentContext { .. } => (
            ExitStatus::Unreachable,
            hint("choose one with --context, or with: kubectl config use-context NAME"),
        ),
        ConnectError::NotConfigured { .. } => (
            ExitStatus::Unreachable,
            hint("name a kubeconfig file with --kubeconfig or $KUBECONFIG"),
        ),
        ConnectError::Read { .. }
        | ConnectError::Unusable { .. }
        | ConnectError::Client { .. }
        | ConnectError::UserAgent { .. } => (ExitStatus::Unreachable, vec![]),
    }
}

fn api(error: &kube::Error, server: &str) -> (ExitStatus, Vec<String>) {
    match kudo_kube::error::cause(error) {
        Cause::Unreachable => (
            ExitStatus::Unreachable,
            hint(format!("is {server} running, and the right address?")),
        ),
        Cause::Unauthorized => (
            ExitStatus::Unreachable,
            hint(
                "the credential may have expired; log in again, or choose another context with --context",
            ),
        ),
        Cause::Forbidden => (
            ExitStatus::Unreachable,
            hint("ask for that permission, or choose another context with --context"),
        ),
        Cause::NotFound => (ExitStatus::NotFound, vec![]),
        Cause::AlreadyExists | Cause::Conflict => {
            (ExitStatus::Conflict, hint("look at it and try again"))
        }
        Cause::NamespaceTerminating => (
            ExitStatus::Failed,
            hint("wait until the namespace is gone, and create it again"),
        ),
        Cause::QuotaExceeded | Cause::Denied | Cause::Gone | Cause::Invalid | Cause::TooLarge => {
            (ExitStatus::Failed, vec![])
        }
        Cause::Busy | Cause::Server => (ExitStatus::Failed, hint("try again")),
        Cause::Garbled => (
            ExitStatus::Failed,
            hint(format!(
                "is {server} the address of a Kubernetes API server?"
            )),
        ),
    }
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
