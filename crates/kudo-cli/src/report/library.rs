//! The exit codes and hints of the errors that libraries return.

use std::io::ErrorKind;
use std::path::Path;

use kudo_kube::ConnectError;
use kudo_kube::error::Cause;
use kudo_kuttl::SuiteError;
use kudo_package::PackageErrors;
use kudo_package::archive::ArchiveError;
use kudo_package::parameter::ParameterError;
use kudo_package::suggest;
use kudo_simcluster::cluster::StateError;
use kudo_template::RenderTaskError;

use super::{did_you_mean, hint, nearest_of, or_else_hint, verify_command};
use crate::exit::ExitStatus;
use crate::parameters::ParameterInputError;

/// What a parameter file is.
const PARAMETER_FILE: &str =
    "a parameter file is YAML, in UTF-8, with a line `NAME: value` for each parameter";

pub(super) fn parameter_input(error: &ParameterInputError) -> (ExitStatus, Vec<String>) {
    match error {
        ParameterInputError::Unreadable { source, .. } if source.kind() == ErrorKind::NotFound => (
            ExitStatus::NotFound,
            hint("-P takes the path of a file, from the current directory on"),
        ),
        ParameterInputError::Unreadable { source, .. }
            if matches!(
                source.kind(),
                ErrorKind::InvalidData | ErrorKind::IsADirectory
            ) =>
        {
            (ExitStatus::Usage, hint(PARAMETER_FILE))
        }
        ParameterInputError::Unreadable { .. } => {
            (ExitStatus::Failed, hint("make it a file that you may read"))
        }
        ParameterInputError::Argument { .. } => (
            ExitStatus::Usage,
            hint("write -p NAME=VALUE, for example -p NODE_COUNT=3"),
        ),
        ParameterInputError::NotYaml { source, .. } => (
            ExitStatus::Usage,
            hint(source.hint().unwrap_or_else(|| PARAMETER_FILE.to_owned())),
        ),
        ParameterInputError::Twice { .. } => (ExitStatus::Usage, hint("remove one of them")),
        ParameterInputError::NoValues { .. } => (ExitStatus::Usage, hint(PARAMETER_FILE)),
    }
}

/// What to do about a file that an embedded cluster is kept in.
pub(super) fn state(error: &StateError) -> Vec<String> {
    match error {
        StateError::Read { .. } => hint(
            "make it a file that can be read, or name another one with --state; one that is not there yet is made",
        ),
        StateError::Write { .. } => {
            hint("--state names a file in a folder that exists, has room, and can be written")
        }
        StateError::Content { path, .. } => {
            let path = path.display();
            vec![
                "the file is left as it is; put a copy in its place if you have one".to_owned(),
                format!("begin with an empty cluster: mv {path} {path}.spoilt"),
            ]
        }
    }
}

pub(super) fn suite(error: &SuiteError) -> (ExitStatus, Vec<String>) {
    match error {
        SuiteError::Read { missing: true, .. } => (
            ExitStatus::NotFound,
            error.hint().map(str::to_owned).into_iter().collect(),
        ),
        SuiteError::Invalid { .. } | SuiteError::Read { .. } => (
            ExitStatus::Failed,
            error.hint().map(str::to_owned).into_iter().collect(),
        ),
        SuiteError::NoMatch { filter, tests } => (
            ExitStatus::NotFound,
            match suggest::nearest(filter, tests.iter().map(String::as_str)) {
                Some(name) => did_you_mean(Some(name)),
                None => hint(format!("the tests are {}", tests.join(", "))),
            },
        ),
        SuiteError::NoTests { .. } => (
            ExitStatus::NotFound,
            hint("a test is a folder with files such as 00-install.yaml and 00-assert.yaml"),
        ),
    }
}

pub(super) fn parameters(operator: &str, errors: &[ParameterError]) -> Vec<String> {
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

pub(super) fn package(path: &Path, error: &PackageErrors) -> (ExitStatus, Vec<String>) {
    match error {
        PackageErrors::NotFound { .. } => (
            ExitStatus::NotFound,
            hint(
                "a package is a directory with operator.yaml and params.yaml in it, or a .tgz file of one",
            ),
        ),
        PackageErrors::Unreadable { .. } => (ExitStatus::Failed, vec![]),
        PackageErrors::Archive(
            ArchiveError::Truncated | ArchiveError::Damaged | ArchiveError::TrailingGarbage,
        ) => (
            ExitStatus::Failed,
            hint("it is not as it was made: get it again, or make it again from its package"),
        ),
        PackageErrors::Archive(_) => (
            ExitStatus::Failed,
            hint(
                "a package archive is a gzipped tar file of plain files and folders, as \
                 kubectl kudo package create makes it",
            ),
        ),
        PackageErrors::Invalid(_) => (ExitStatus::Failed, hint(verify_command(path))),
    }
}

pub(super) fn render(error: &RenderTaskError) -> (ExitStatus, Vec<String>) {
    match error {
        RenderTaskError::UnknownPlan { nearest, .. } => {
            let list = "list its plans with: kubectl kudo package list plans PACKAGE";
            let hints = match nearest {
                Some(nearest) => did_you_mean(Some(nearest)),
                None => hint(list),
            };
            (ExitStatus::NotFound, hints)
        }
        RenderTaskError::UnknownTask { nearest, .. }
        | RenderTaskError::UnknownTemplate { nearest, .. }
        | RenderTaskError::ToggleMissing { nearest, .. } => {
            (ExitStatus::Failed, did_you_mean(nearest.as_deref()))
        }
        RenderTaskError::Render(error) => {
            (ExitStatus::Failed, did_you_mean(error.nearest.as_deref()))
        }
        RenderTaskError::Objects(_) | RenderTaskError::ParameterFile { .. } => (
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

pub(super) fn connect(error: &ConnectError) -> (ExitStatus, Vec<String>) {
    match error {
        ConnectError::UnknownContext { nearest, .. } => (
            ExitStatus::NotFound,
            or_else_hint(nearest.as_deref(), || {
                "list them with: kubectl config get-contexts".to_owned()
            }),
        ),
        ConnectError::NoCurrentContext { .. } => (
            ExitStatus::Unreachable,
            hint("choose one with --context, or with: kubectl config use-context NAME"),
        ),
        ConnectError::NotConfigured { .. } => (
            ExitStatus::Unreachable,
            hint("name a kubeconfig file with --kubeconfig or $KUBECONFIG"),
        ),
        ConnectError::Read { path, .. } => (
            if path.exists() {
                ExitStatus::Unreachable
            } else {
                ExitStatus::NotFound
            },
            hint("name a kubeconfig file with --kubeconfig or $KUBECONFIG"),
        ),
        ConnectError::Unusable { .. } | ConnectError::Client { .. } => (
            ExitStatus::Unreachable,
            hint("see what the kubeconfig says with: kubectl config view"),
        ),
        ConnectError::UserAgent { .. } => (ExitStatus::Unreachable, vec![]),
    }
}

pub(super) fn api(error: &kube::Error, server: &str) -> (ExitStatus, Vec<String>) {
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
