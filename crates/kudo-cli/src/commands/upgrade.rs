//! `upgrade`: a newer operator version for an instance.

use clap::Args;
use kube::ResourceExt;
use kudo_api::convert;
use kudo_package::{OperatorDefinition, Package};
use kudo_template::InstanceIdentity;
use serde_json::{Value, json};

use super::operator_version::{
    Provision, check_kubernetes_of, check_parameters, check_plan, definition_of, upgrade_plan,
    warn_of_choice,
};
use super::update::{change, changes};
use crate::arguments::{Format, Global, ParameterArgs, VersionChoice, WaitArgs};
use crate::cluster::Session;
use crate::error::Error;
use crate::follow::{Awaited, Change, Follow, answer, follow};
use crate::listing::print_objects;
use crate::output::Output;
use crate::versions::{Versions, check_upgrade};
use crate::{parameters, source};

/// Upgrade an instance to a newer version of its operator
#[derive(Debug, Args)]
#[command(after_help = "\
The instance keeps its parameters. Neither the operator version nor the app version may be older
than what the instance has, and one of them must be newer.

Examples:
  # Upgrade to what a directory holds, and wait until the plan is complete
  kubectl kudo upgrade ./operators/galera --instance galera-instance --wait

  # Upgrade to the newest version in the current repository
  kubectl kudo upgrade galera --instance galera-instance

  # Give a value to a parameter that is new
  kubectl kudo upgrade ./galera-0.2.0.tgz --instance galera-instance -p BACKUPS=true")]
pub(crate) struct UpgradeArgs {
    /// The package: a directory, a .tgz file, the URL of one, or a name in a repository
    #[arg(value_name = "PACKAGE")]
    package: String,

    /// Name of the instance
    #[arg(long, value_name = "NAME")]
    instance: String,

    #[command(flatten)]
    parameters: ParameterArgs,

    #[command(flatten)]
    choice: VersionChoice,

    #[command(flatten)]
    wait: WaitArgs,
}

pub(crate) async fn run(
    arguments: &UpgradeArgs,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    let format = output.format("upgrade", &[Format::Yaml, Format::Json, Format::Name])?;
    let given = parameters::read(&arguments.parameters)?;
    let tree = source::load_tree(&arguments.package, &arguments.choice, global)?;
    let package = &tree.root;
    warn_of_choice(&arguments.choice, package, output);

    let name = &arguments.instance;
    let session = Session::open(global).await?;
    let instance = session.instance(name).await?;
    let version = session.operator_version_of(&instance).await?;
    check_versions(&session, name, &definition_of(&version)?, package)?;
    let definition = &package.definition;
    let values = check_parameters(definition, &instance.spec.parameters, &given)?;
    let identity = InstanceIdentity {
        name,
        namespace: &session.namespace,
    };
    check_kubernetes_of(&session, &tree).await?;
    check_plan(
        &session,
        definition,
        identity,
        upgrade_plan(definition),
        &values,
    )
    .await?;
    let provisions = Provision::plan_tree(&session, &tree).await?;

    let mut objects: Vec<Value> = Vec::new();
    for provision in &provisions {
        provision.write(&session, output).await?;
        objects.extend(provision.objects());
    }
    let version = convert::operator_version(package, &session.namespace);
    let mut spec = json!({ "operatorVersion": { "name": version.name_any() } });
    let changed = changes(&instance, &given);
    if !changed.is_empty() {
        spec["parameters"] = json!(changed);
    }
    let instance = change(&session, instance, &spec, |before, now| {
        before.operator_version == now.operator_version && before.parameters == now.parameters
    })
    .await?;
    let named = session.named(name);
    output.result(&format!("instance {named} updated"))?;

    let awaited = Awaited::of(&instance, Change::Spec);
    let instance = if arguments.wait.wait {
        let what = Follow {
            name,
            awaited,
            plans: &version.spec.plans,
            limit: arguments.wait.limit(),
            keep_tree: true,
        };
        let finished = follow(&session, output, what).await?;
        output.result(&format!("instance {named} ready"))?;
        finished.instance.unwrap_or(instance)
    } else {
        answer(&session, output, name, &awaited).await?;
        instance
    };
    objects.extend(serde_json::to_value(instance));
    print_objects(output, format, &objects)
}

fn check_versions(
    session: &Session,
    instance: &str,
    from: &OperatorDefinition,
    package: &Package,
) -> Result<(), Error> {
    let to = &package.definition;
    if from.operator_name != to.operator_name {
        return Err(Error::OtherOperator {
            instance: session.named(instance),
            found: from.operator_name.clone(),
            package: to.operator_name.clone(),
        });
    }
    Ok(check_upgrade(versions_of(from), versions_of(to))?)
}

fn versions_of(definition: &OperatorDefinition) -> Versions<'_> {
    Versions {
        operator: &definition.operator_version,
        app: definition.app_version.as_deref(),
    }
}
