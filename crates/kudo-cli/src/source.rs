//! The package argument: a directory, an archive, a URL, or a name in a repository.

use std::path::Path;
use std::time::Duration;

use kudo_package::Package;
use kudo_repository::{Base, Fetcher, Limits, RepositoryChoice, Request, Resolved, Resolver};

use crate::arguments::{Global, VersionChoice};
use crate::error::Error;
use crate::home;

/// The resolver of package arguments, with the repository and the time-outs of the flags.
pub(crate) fn resolver(repository: Option<&str>, global: &Global) -> Result<Resolver, Error> {
    let repository = match repository {
        Some(name) => RepositoryChoice::Named(home::find(global)?, name.to_owned()),
        None => RepositoryChoice::Current(home::find(global).ok()),
    };
    Ok(Resolver::new(fetcher(global.request_timeout), repository))
}

/// What gets files, no longer than `--request-timeout` allows.
pub(crate) fn fetcher(request_timeout: Duration) -> Fetcher {
    let mut limits = Limits::default();
    if !request_timeout.is_zero() {
        limits.connect = limits.connect.min(request_timeout);
        limits.answer = request_timeout;
        limits.body = request_timeout;
    }
    Fetcher::new(limits)
}

/// Loads the package that an argument means.
fn load(argument: &str, choice: &VersionChoice, global: &Global) -> Result<Resolved, Error> {
    let request = Request {
        package: argument,
        app_version: choice.app_version.as_deref(),
        operator_version: choice.operator_version.as_deref(),
    };
    let resolver = resolver(choice.repo.as_deref(), global)?;
    Ok(resolver.resolve(&request, &Base::here())?)
}

/// Loads a package for commands that need no cluster: they take any directory, as upstream's do,
/// even where its name could be that of a package in a repository.
pub(crate) fn load_local(
    argument: &str,
    choice: &VersionChoice,
    global: &Global,
) -> Result<Package, Error> {
    let path = Path::new(argument);
    let resolved = if choice.repo.is_none() && path.exists() {
        Resolver::resolve_path(path)?
    } else {
        load(argument, choice, global)?
    };
    Ok(resolved.package)
}

/// The rule that renders with default values. What is to be installed is rendered with the values
/// it is installed with, which may be more than the defaults give.
const RENDERS_WITH_DEFAULTS: &str = "template-renders";

/// Loads a package and refuses one that breaks rules. Warnings are for `package verify`.
pub(crate) fn load_verified(
    argument: &str,
    choice: &VersionChoice,
    global: &Global,
) -> Result<Resolved, Error> {
    let resolved = load(argument, choice, global)?;
    let mut errors = kudo_template::verify::verify_package(&resolved.package);
    errors.retain(|found| found.is_error() && found.rule != RENDERS_WITH_DEFAULTS);
    if errors.is_empty() {
        Ok(resolved)
    } else {
        Err(Error::PackageInvalid {
            path: argument.into(),
            errors: errors.len(),
            diagnostics: errors,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_that_is_left_out_exists() {
        let mut rules = kudo_template::verify::RULES.iter();
        assert!(rules.any(|rule| rule.name == RENDERS_WITH_DEFAULTS));
    }
}
