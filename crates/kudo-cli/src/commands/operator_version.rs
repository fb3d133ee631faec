//! Bringing a package's Operator and `OperatorVersion` into the cluster: what `install` and
//! `upgrade` share.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use kube::ResourceExt;
use kudo_api::names::{DEPLOY_PLAN, UPDATE_PLAN, UPGRADE_PLAN};
use kudo_api::{Operator, OperatorVersion, convert};
use kudo_package::parameter::{self, ParameterError};
use kudo_package::{OperatorDefinition, Package};
use serde_json::Value;

use crate::arguments::VersionChoice;
use crate::cluster::Session;
use crate::dependencies::Tree;
use crate::error::Error;
use crate::output::Output;
use crate::versions::kubernetes_fits;

/// What is to be in the cluster, and whether it is there already.
pub(crate) struct Provision {
    operator: Operator,
    operator_exists: bool,
    version: OperatorVersion,
    version_exists: bool,
}

impl Provision {
    /// Compares a package with the cluster. Writes nothing.
    ///
    /// An operator that exists is left as it is, as upstream does: its description belongs to no
    /// version. An operator version that exists must be the same, for instances rely on it.
    async fn plan(session: &Session, package: &Package) -> Result<Self, Error> {
        let operator = convert::operator(package, &session.namespace);
        let version = convert::operator_version(package, &session.namespace);
        let operator_name = operator.name_any();
        let name = version.name_any();
        let (existing_operator, existing): (Option<Operator>, Option<OperatorVersion>) =
            futures::try_join!(session.find(&operator_name), session.find(&name))?;
        if let Some(existing) = &existing
            && !same_content(existing, &version)
        {
            return Err(Error::OperatorVersionDiffers {
                version: session.named(&name),
            });
        }
        Ok(Self {
            operator,
            operator_exists: existing_operator.is_some(),
            version_exists: existing.is_some(),
            version: existing.unwrap_or(version),
        })
    }

    /// Compares a package and all that it depends on with the cluster, dependencies first: an operator
    /// version comes after those that it installs. Writes nothing.
    pub(crate) async fn plan_tree(session: &Session, tree: &Tree) -> Result<Vec<Self>, Error> {
        let mut provisions = Vec::new();
        for package in tree.packages() {
            provisions.push(Self::plan(session, package).await?);
        }
        Ok(provisions)
    }

    /// Writes what is not there yet. May be repeated after any failure.
    pub(crate) async fn write(&self, session: &Session, output: &Output) -> Result<(), Error> {
        let operator = session.named(&self.operator.name_any());
        if !self.operator_exists {
            tolerate_existing(session.create(&self.operator).await)?;
            output.result(&format!("operator {operator} created"))?;
        }
        let version = session.named(&self.version.name_any());
        if self.version_exists {
            output.result(&format!("operatorversion {version} already installed"))
        } else {
            session.create(&self.version).await?;
            output.result(&format!("operatorversion {version} created"))
        }
    }

    /// The objects, for `-o`.
    pub(crate) fn objects(&self) -> Vec<Value> {
        [
            serde_json::to_value(&self.operator),
            serde_json::to_value(&self.version),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Whether two operator versions mean the same, however they are written.
fn same_content(existing: &OperatorVersion, wanted: &OperatorVersion) -> bool {
    let definition = |version| OperatorDefinition::try_from(version).ok();
    existing.spec == wanted.spec
        || matches!((definition(existing), definition(wanted)), (Some(a), Some(b)) if a == b)
}

/// An operator that somebody else has just created is as good.
fn tolerate_existing<T>(created: Result<T, Error>) -> Result<(), Error> {
    match created {
        Ok(_) => Ok(()),
        Err(Error::Api { source, .. })
            if kudo_kube::error::cause(&source) == kudo_kube::error::Cause::AlreadyExists =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Checks the values an instance would have: those it has and those given now. What it has of
/// parameters that the operator no longer knows is no fault of whoever runs the command.
pub(crate) fn check_parameters(
    definition: &OperatorDefinition,
    current: &BTreeMap<String, String>,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, Error> {
    let known: HashSet<&str> = definition
        .parameters
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    let mut values: BTreeMap<String, String> = current
        .iter()
        .filter(|(name, _)| known.contains(name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    values.extend(
        given
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    parameter::resolve(&definition.parameters, &values)
        .map_err(|errors| parameter_errors(definition, errors))
}

/// Checks what a user gives as [`check_parameters`] does, and more: an empty text must be among the
/// values allowed. In an instance it means no value, as with upstream.
pub(crate) fn check_given(
    definition: &OperatorDefinition,
    current: &BTreeMap<String, String>,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, Error> {
    let empty = definition.parameters.iter().filter(|parameter| {
        let optional = parameter.enum_values.is_some() && !parameter.needs_value();
        optional && given.get(&parameter.name).is_some_and(String::is_empty)
    });
    let mut errors: Vec<ParameterError> = empty
        .filter_map(|parameter| parameter::check_value(parameter, "").err())
        .collect();
    match check_parameters(definition, current, given) {
        Ok(values) if errors.is_empty() => return Ok(values),
        Err(Error::Parameters { errors: others, .. }) => errors.extend(others),
        Ok(_) => {}
        Err(error) => return Err(error),
    }
    Err(parameter_errors(definition, errors))
}

/// The plan that an upgrade to this version runs.
pub(crate) fn upgrade_plan(definition: &OperatorDefinition) -> &'static str {
    let exists = |plan: &&str| definition.plans.contains_key(*plan);
    [UPGRADE_PLAN, UPDATE_PLAN]
        .into_iter()
        .find(exists)
        .unwrap_or(DEPLOY_PLAN)
}

/// The plans that a change of these parameters may run; the manager refuses more than one.
pub(crate) fn update_plans<'a, 'n>(
    definition: &'a OperatorDefinition,
    changed: impl Iterator<Item = &'n String>,
) -> BTreeSet<&'a str> {
    let otherwise = if definition.plans.contains_key(UPDATE_PLAN) {
        UPDATE_PLAN
    } else {
        DEPLOY_PLAN
    };
    changed
        .map(|name| {
            let parameter = definition.parameter(name);
            parameter
                .and_then(|parameter| parameter.trigger.as_deref())
                .unwrap_or(otherwise)
        })
        .collect()
}

/// The errors as one.
pub(crate) fn parameter_errors(
    definition: &OperatorDefinition,
    errors: Vec<ParameterError>,
) -> Error {
    Error::Parameters {
        operator: definition.operator_name.clone(),
        errors,
    }
}

/// Refuses a cluster that is older than the operator says it needs.
pub(crate) async fn check_kubernetes(
    session: &Session,
    operator: &str,
    needed: Option<&str>,
) -> Result<(), Error> {
    let Some(needed) = needed.filter(|needed| !needed.is_empty()) else {
        return Ok(());
    };
    let found = session.kubernetes_version().await?;
    if kubernetes_fits(needed, &found) {
        return Ok(());
    }
    Err(Error::KubernetesTooOld {
        operator: operator.to_owned(),
        needed: needed.to_owned(),
        found,
    })
}

/// Refuses a cluster that is older than the package, or one that it depends on, says it needs.
pub(crate) async fn check_kubernetes_of(session: &Session, tree: &Tree) -> Result<(), Error> {
    for package in tree.packages() {
        let needed = package.manifest.kubernetes_version.as_deref();
        check_kubernetes(session, &package.definition.operator_name, needed).await?;
    }
    Ok(())
}

/// Says so where a version was asked for that a local package does not have: as with upstream, the
/// package's own counts.
pub(crate) fn warn_of_choice(choice: &VersionChoice, package: &Package, output: &Output) {
    let definition = &package.definition;
    let asked = [
        (
            "operator version",
            &choice.operator_version,
            Some(&definition.operator_version),
        ),
        (
            "app version",
            &choice.app_version,
            definition.app_version.as_ref(),
        ),
    ];
    for (what, wanted, found) in asked {
        if let Some(wanted) = wanted
            && Some(wanted) != found
        {
            let found = found.map_or("none", String::as_str);
            output.warn(&format!(
                "{what} {wanted} was asked for; the package has {found}"
            ));
        }
    }
}
