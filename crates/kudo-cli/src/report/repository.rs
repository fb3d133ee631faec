//! The exit codes and hints where a package cannot be had, or a repository cannot be used.

use kudo_package::repository::{FindError, ListError};
use kudo_repository::{FetchError, FetchProblem, HomeError, ResolveError};

use super::{did_you_mean, hint};
use crate::exit::ExitStatus;

pub(super) fn resolve(error: &ResolveError) -> (ExitStatus, Vec<String>) {
    match error {
        // The command line tells of these as it does of local packages.
        ResolveError::Package { .. }
        | ResolveError::NoUrl { .. }
        | ResolveError::OutOfReach { .. } => (ExitStatus::Failed, vec![]),
        ResolveError::Url(_) => (
            ExitStatus::Usage,
            hint(
                "a package is a path such as ./galera, the URL of a .tgz file, or a name in a repository",
            ),
        ),
        ResolveError::RepositoryUrl { .. } => (
            ExitStatus::Usage,
            hint("a repository is an https:, http: or file: URL, such as file:///srv/packages"),
        ),
        ResolveError::Fetch(error) => fetch(error, "is this the URL of a .tgz file?"),
        ResolveError::IndexFetch { source, .. } => fetch(
            source,
            "a repository is a folder on a server that holds index.yaml; make one with: kubectl kudo repo index",
        ),
        ResolveError::Index { .. } | ResolveError::IndexNotText { .. } => (
            ExitStatus::Failed,
            hint("is the repository's URL right? See: kubectl kudo repo list"),
        ),
        ResolveError::Home(error) => home(error),
        ResolveError::Repository(error) => list(error),
        ResolveError::Find {
            source,
            local,
            repository,
        } => find(source, *local, repository),
        ResolveError::Digest { .. } => (
            ExitStatus::Failed,
            hint("the archive was changed after it was indexed, or on its way; it was not used"),
        ),
        ResolveError::OtherPackage { .. } => (
            ExitStatus::Failed,
            hint("the archive and the index do not belong together; it was not used"),
        ),
        ResolveError::OtherVersion { .. } => (
            ExitStatus::Failed,
            hint("a path or URL has one version: leave the task's versions out, or write its own"),
        ),
        ResolveError::EveryUrl { attempts, .. } => {
            let exits = attempts.iter().map(|error| resolve(error).0);
            let same = exits.reduce(|a, b| if a == b { a } else { ExitStatus::Failed });
            // What is worth saying about one of them: that something is amiss with an archive.
            let digest = attempts
                .iter()
                .find(|error| matches!(error, ResolveError::Digest { .. }));
            let hints = digest.map(|error| resolve(error).1);
            (
                same.unwrap_or(ExitStatus::Failed),
                hints.unwrap_or_default(),
            )
        }
    }
}

fn fetch(error: &FetchError, not_found: &str) -> (ExitStatus, Vec<String>) {
    match &error.problem {
        FetchProblem::NotFound => (ExitStatus::NotFound, hint(not_found)),
        FetchProblem::Status(401 | 403) => (
            ExitStatus::Unreachable,
            hint("the server wants credentials, or refuses access"),
        ),
        FetchProblem::Unreachable(_) => (
            ExitStatus::Unreachable,
            hint(
                "is the server running, and the URL right? A proxy is taken from $HTTPS_PROXY and $HTTP_PROXY",
            ),
        ),
        FetchProblem::TimedOut { .. } => (
            ExitStatus::Unreachable,
            hint("try again, or allow more time with --request-timeout"),
        ),
        FetchProblem::Unreadable(_)
        | FetchProblem::Status(_)
        | FetchProblem::TooLarge(_)
        | FetchProblem::Redirect { .. }
        | FetchProblem::TooManyRedirects => (ExitStatus::Failed, vec![]),
    }
}

fn home(error: &HomeError) -> (ExitStatus, Vec<String>) {
    match error {
        HomeError::Invalid { path, .. } => (
            ExitStatus::Failed,
            hint(format!(
                "mend it, or remove it and make a new one with: rm {} && kubectl kudo init --client-only",
                path.display()
            )),
        ),
        HomeError::Unreadable { .. } | HomeError::Unwritable { .. } => (ExitStatus::Failed, vec![]),
    }
}

fn list(error: &ListError) -> (ExitStatus, Vec<String>) {
    match error {
        ListError::Exists { url, .. } => (
            ExitStatus::Conflict,
            hint(format!("the repository of that name is {url}")),
        ),
        ListError::Name { .. } => (ExitStatus::Usage, hint("take a word, such as local")),
        ListError::NoCurrent { known } => (
            ExitStatus::NotFound,
            hint(if known.is_empty() {
                "add one with: kubectl kudo repo add NAME URL".to_owned()
            } else {
                let known = known.join(", ");
                format!("choose one with: kubectl kudo repo context NAME; there are {known}")
            }),
        ),
        ListError::Unknown { nearest, known, .. } => (
            ExitStatus::NotFound,
            match (nearest, known.as_slice()) {
                (Some(_), _) => did_you_mean(nearest.as_deref()),
                (None, []) => hint("add one with: kubectl kudo repo add NAME URL"),
                (None, known) => hint(format!("there are {}", known.join(", "))),
            },
        ),
    }
}

fn find(error: &FindError, local: bool, repository: &str) -> (ExitStatus, Vec<String>) {
    let mut hints = match error {
        FindError::NoOperator { nearest, .. } => did_you_mean(nearest.as_deref()),
        FindError::NoVersion { available, .. } | FindError::Removed { available, .. } => {
            if available.is_empty() {
                vec![]
            } else {
                hint(format!("there are {}", available.join(", ")))
            }
        }
    };
    if let FindError::NoOperator { name, .. } = error {
        if local {
            hints.push(format!("for the directory of that name, write ./{name}"));
        } else if hints.is_empty() {
            hints.push(format!(
                "list what there is with: kubectl kudo search \"\" --repo {repository}"
            ));
        }
    }
    (ExitStatus::NotFound, hints)
}
