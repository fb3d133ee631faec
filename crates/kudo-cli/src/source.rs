//! The package argument: a directory, an archive, a URL, or a name in a repository.

use std::path::Path;
use std::time::Duration;

use kudo_api::names::{DEPLOY_PLAN, UPDATE_PLAN, UPGRADE_PLAN};
use kudo_package::{Diagnostic, Package, Plan, version};
use kudo_repository::{Base, Fetcher, Limits, RepositoryChoice, Request, Resolved, Resolver};

use crate::arguments::{Global, VersionChoice};
use crate::cluster::Session;
use crate::definitions::InCluster;
use crate::dependencies::{self, Tree};
use crate::error::Error;
use crate::home;
use crate::output::Output;

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
        limits.index_body = request_timeout;
        limits.package_body = request_timeout;
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
) -> Result<Resolved, Error> {
    let path = Path::new(argument);
    if choice.repo.is_none() && path.exists() {
        return Ok(Resolver::resolve_path(path)?);
    }
    load(argument, choice, global)
}

/// The rule that renders with default values. What is to be installed is rendered with the values
/// it is installed with, which may be more than the defaults give.
const RENDERS_WITH_DEFAULTS: &str = "template-renders";

/// What a package is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Instances of it are made.
    Install,
    /// An instance that is there already gets it.
    Upgrade,
}

/// Loads a package and refuses one that breaks rules. Warnings are for `package verify`.
fn load_verified(
    argument: &str,
    choice: &VersionChoice,
    global: &Global,
    purpose: Purpose,
) -> Result<Resolved, Error> {
    let resolved = load(argument, choice, global)?;
    match (purpose, upgrade_only(&resolved.package)) {
        (Purpose::Upgrade, Some(complete)) => refuse_broken(&complete, argument)?,
        _ => refuse_broken(&resolved.package, argument)?,
    }
    Ok(resolved)
}

/// A package that can only be upgraded to, as if it could be installed too; nothing if it can.
///
/// As with upstream, an upgrade needs no plan `deploy` where there is another one that it runs, and a
/// parameter that triggers `deploy` triggers nothing there.
fn upgrade_only(package: &Package) -> Option<Package> {
    let plans = &package.definition.plans;
    let upgrades = [UPGRADE_PLAN, UPDATE_PLAN];
    if plans.contains_key(DEPLOY_PLAN) || !upgrades.iter().any(|plan| plans.contains_key(*plan)) {
        return None;
    }
    let mut complete = package.clone();
    let plans = &mut complete.definition.plans;
    plans.insert(DEPLOY_PLAN.to_owned(), Plan::default());
    Some(complete)
}

/// Refuses a package that breaks rules.
pub(crate) fn refuse_broken(package: &Package, origin: &str) -> Result<(), Error> {
    let errors = broken_rules(package);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::PackageInvalid {
            path: origin.into(),
            errors: errors.len(),
            diagnostics: errors,
        })
    }
}

/// What of a package breaks rules, be it one that loaded or what could be read of one.
pub(crate) fn broken_rules(package: &Package) -> Vec<Diagnostic> {
    let mut found = kudo_template::verify::verify_package(package);
    found.retain(|found| found.is_error() && found.rule != RENDERS_WITH_DEFAULTS);
    found
}

/// Loads a package as [`load_verified`] does, and all that it depends on. The cluster is asked only for
/// what cannot be had otherwise.
pub(crate) async fn load_tree(
    argument: &str,
    choice: &VersionChoice,
    global: &Global,
    output: &Output,
    purpose: Purpose,
) -> Result<Tree, Error> {
    let root = load_verified(argument, choice, global, purpose)?;
    let resolver = resolver(choice.repo.as_deref(), global)?;
    let tree = match dependencies::resolve(root.clone(), &resolver, None) {
        Err(error) if dependencies::lacks_a_package(&error) => {
            let cluster = in_cluster(global).await;
            let cluster = cluster.map_err(|cluster| Error::Nowhere {
                repository: Box::new(error),
                cluster: Box::new(cluster),
            });
            dependencies::resolve(root, &resolver, Some(&cluster?))?
        }
        tree => tree?,
    };
    let newer = tree.packages().filter_map(|package| {
        let needed = package.manifest.kudo_version.as_deref();
        let newer = needed.and_then(version::newer_kudo)?;
        Some(format!(
            "operator {:?}: {newer}",
            package.definition.operator_name
        ))
    });
    for warning in tree.warnings.iter().cloned().chain(newer) {
        output.warn(&warning);
    }
    Ok(tree)
}

async fn in_cluster(global: &Global) -> Result<InCluster, Error> {
    InCluster::read(&Session::open(global).await?).await
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
