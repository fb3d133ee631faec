//! `--in-cluster`: another instance of an operator version that is in the cluster already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;
use kudo_api::dependencies::{self, Cycle};
use kudo_api::names::{self, DEPLOY_PLAN};
use kudo_api::{Instance, InstanceSpec, ObjectReference, Operator, OperatorVersion};
use kudo_package::OperatorDefinition;
use kudo_template::InstanceIdentity;
use serde_json::Value;

use super::{InstallArgs, create_instance, instance_name, refuse_existing, wait};
use crate::arguments::{Format, Global};
use crate::cluster::Session;
use crate::commands::operator_version::{
    check_kubernetes, check_parameters, check_plan, definition_of,
};
use crate::error::Error;
use crate::listing::print_objects;
use crate::output::Output;
use crate::versions::{Versions, newest_first};

/// Installs an instance of the newest version that fits.
pub(super) async fn install(
    arguments: &InstallArgs,
    global: &Global,
    output: &Output,
    format: Option<Format>,
    given: BTreeMap<String, String>,
) -> Result<(), Error> {
    let session = Session::open(global).await?;
    let all: Vec<OperatorVersion> = session.list().await?;
    let (operator, version) = choose(&session, arguments, &all).await?;
    let definition = definition_of(&version)?;
    let values = check_parameters(&definition, &BTreeMap::new(), &given)?;
    let name = instance_name(arguments, &definition);
    let identity = InstanceIdentity {
        name: &name,
        namespace: &session.namespace,
    };
    let needed = operator.map(|operator| operator.spec.kubernetes_version);
    check_kubernetes(&session, &definition.operator_name, needed.as_deref()).await?;
    check_children(&session, &definition, &all)?;
    check_plan(&session, &definition, identity, DEPLOY_PLAN, &values).await?;
    refuse_existing(&session, &name, &version.name_any()).await?;

    let instance = instance_of(&session, &name, &version, &definition, given);
    let created = create_instance(&session, output, &instance).await?;
    let last = wait(arguments, &session, output, &created, &version.spec.plans).await?;
    let objects: Vec<Value> = serde_json::to_value(last.unwrap_or(created))
        .into_iter()
        .collect();
    print_objects(output, format, &objects)
}

/// The newest operator version in the cluster that fits what was asked for.
async fn choose(
    session: &Session,
    arguments: &InstallArgs,
    all: &[OperatorVersion],
) -> Result<(Option<Operator>, OperatorVersion), Error> {
    let name = arguments.package.as_str();
    let mut all: Vec<&OperatorVersion> = all.iter().collect();
    all.retain(|version| version.spec.operator.name.as_deref() == Some(name));
    all.sort_by(|a, b| newest_first(versions_of(a), versions_of(b)));
    let choice = &arguments.choice;
    let fits = |version: &OperatorVersion| {
        let fits = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        fits(&choice.operator_version, &version.spec.version)
            && fits(&choice.app_version, &version.spec.app_version)
    };
    match all.iter().find(|version| fits(version)) {
        Some(version) => Ok((session.operator(name).await?, (*version).clone())),
        None => Err(Error::NoneFits {
            operator: name.to_owned(),
            namespace: session.namespace.clone(),
            installed: all.iter().map(|version| version.name_any()).collect(),
        }),
    }
}

/// The operator versions that this one installs must be there, too, and must not install it in turn.
fn check_children(
    session: &Session,
    definition: &OperatorDefinition,
    all: &[OperatorVersion],
) -> Result<(), Error> {
    let find = |name: &str| {
        let found = all.iter().find(|version| version.name_any() == name)?;
        OperatorDefinition::try_from(found).ok().map(Arc::new)
    };
    if let Some(Cycle(circle)) = dependencies::cycle(definition, find) {
        return Err(Error::DependencyCycle { circle });
    }
    let mut open = vec![definition.clone()];
    let mut seen = BTreeSet::new();
    while let Some(parent) = open.pop() {
        for child in dependencies::children(&parent) {
            if !seen.insert(child.clone()) {
                continue;
            }
            match find(&child) {
                Some(definition) => open.push((*definition).clone()),
                None => {
                    return Err(Error::NoOperatorVersion {
                        version: session.named(&child),
                        nearest: None,
                    });
                }
            }
        }
    }
    Ok(())
}

fn versions_of(version: &OperatorVersion) -> Versions<'_> {
    let app = version.spec.app_version.as_str();
    Versions {
        operator: &version.spec.version,
        app: (!app.is_empty()).then_some(app),
    }
}

fn instance_of(
    session: &Session,
    name: &str,
    version: &OperatorVersion,
    definition: &OperatorDefinition,
    parameters: BTreeMap<String, String>,
) -> Instance {
    let mut instance = Instance::new(
        name,
        InstanceSpec {
            operator_version: ObjectReference {
                name: Some(version.name_any()),
                ..ObjectReference::default()
            },
            parameters,
            ..InstanceSpec::default()
        },
    );
    instance.metadata.namespace = Some(session.namespace.clone());
    instance.metadata.labels = Some(BTreeMap::from([(
        names::OPERATOR_LABEL.to_owned(),
        definition.operator_name.clone(),
    )]));
    instance
}
