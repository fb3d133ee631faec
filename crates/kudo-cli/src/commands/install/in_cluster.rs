//! `--in-cluster`: another instance of an operator version that is in the cluster already.

use std::collections::BTreeMap;

use kube::ResourceExt;
use kudo_api::names::{self, DEPLOY_PLAN};
use kudo_api::{Instance, InstanceSpec, ObjectReference};
use kudo_template::InstanceIdentity;
use serde_json::Value;

use super::{InstallArgs, create_instance, instance_name, refuse_existing, wait};
use crate::arguments::{Format, Global};
use crate::cluster::Session;
use crate::commands::children::Family;
use crate::commands::in_cluster::Installed;
use crate::commands::operator_version::check_given;
use crate::error::Error;
use crate::listing::print_objects;
use crate::output::Output;

/// Installs an instance of the newest version that fits.
pub(super) async fn install(
    arguments: &InstallArgs,
    global: &Global,
    output: &Output,
    format: Option<Format>,
    given: BTreeMap<String, String>,
) -> Result<(), Error> {
    let session = Session::open(global).await?;
    let installed = Installed::choose(&session, &arguments.package, &arguments.choice).await?;
    let definition = &installed.definition;
    let values = check_given(definition, &BTreeMap::new(), &given)?;
    let name = instance_name(arguments, definition)?;
    let identity = InstanceIdentity {
        name: &name,
        namespace: &session.namespace,
    };
    let children = installed.check(&session).await?;
    let family = Family::new(&session, children).await?;
    let unserved = family
        .check(&session, definition, identity, DEPLOY_PLAN, &values)
        .await?;
    unserved.settle(arguments.wait.wait, output)?;
    let version = &installed.version;
    refuse_existing(&session, &name, &version.name_any()).await?;

    let instance = instance_of(&session, &name, &installed, given);
    let created = create_instance(&session, output, &instance).await?;
    let last = wait(arguments, &session, output, &created, &version.spec.plans).await?;
    let objects: Vec<Value> = serde_json::to_value(last.unwrap_or(created))
        .into_iter()
        .collect();
    print_objects(output, format, &objects)
}

fn instance_of(
    session: &Session,
    name: &str,
    installed: &Installed,
    parameters: BTreeMap<String, String>,
) -> Instance {
    let mut instance = Instance::new(
        name,
        InstanceSpec {
            operator_version: ObjectReference {
                name: Some(installed.version.name_any()),
                ..ObjectReference::default()
            },
            parameters,
            ..InstanceSpec::default()
        },
    );
    instance.metadata.namespace = Some(session.namespace.clone());
    instance.metadata.labels = Some(BTreeMap::from([(
        names::OPERATOR_LABEL.to_owned(),
        installed.definition.operator_name.clone(),
    )]));
    instance
}
