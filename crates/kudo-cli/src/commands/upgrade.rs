//! `upgrade`: a newer operator version for an instance.

use clap::Args;
use kube::ResourceExt;
use kudo_api::{OperatorVersion, convert};
use kudo_package::OperatorDefinition;
use kudo_template::InstanceIdentity;
use serde_json::{Value, json};

use super::children::Family;
use super::in_cluster::Installed;
use super::operator_version::{
    Provision, check_given, check_kubernetes_of, upgrade_plan, warn_of_choice,
};
use super::rules::check_change;
use super::update::{change, changes};
use crate::arguments::{Format, Global, ParameterArgs, VersionChoice, WaitArgs};
use crate::cluster::Session;
use crate::definitions::{Definitions, definition_of};
use crate::dependencies::Tree;
use crate::error::Error;
use crate::follow::{Awaited, Change, Follow, answer, follow};
use crate::listing::print_objects;
use crate::output::Output;
use crate::parameters;
use crate::simulate::SimulateArgs;
use crate::source::{self, Purpose};
use crate::versions::{Versions, check_upgrade};

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

  # Upgrade to the newest version that is in the cluster already
  kubectl kudo upgrade galera --instance galera-instance --in-cluster

  # Give a value to a parameter that is new
  kubectl kudo upgrade ./galera-0.2.0.tgz --instance galera-instance -p BACKUPS=true")]
pub(crate) struct UpgradeArgs {
    /// The package: a directory, a .tgz file, the URL of one, or a name in a repository
    #[arg(value_name = "PACKAGE")]
    package: String,

    /// Name of the instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: String,

    #[command(flatten)]
    parameters: ParameterArgs,

    #[command(flatten)]
    choice: VersionChoice,

    /// Take an operator version that is in the cluster already; PACKAGE is the operator's name
    #[arg(long, conflicts_with = "repo")]
    in_cluster: bool,

    #[command(flatten)]
    pub(crate) wait: WaitArgs,

    #[command(flatten)]
    pub(crate) simulate: SimulateArgs,
}

pub(crate) async fn run(
    arguments: &UpgradeArgs,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    let format = output.format("upgrade", &[Format::Yaml, Format::Json, Format::Name])?;
    let given = parameters::read(&arguments.parameters)?;
    let found = if arguments.in_cluster {
        None
    } else {
        let tree = source::load_tree(
            &arguments.package,
            &arguments.choice,
            global,
            output,
            Purpose::Upgrade,
        )
        .await?;
        warn_of_choice(&arguments.choice, &tree.root, output);
        Some(tree)
    };

    let name = &arguments.instance;
    let session = Session::open(global).await?;
    let instance = session.instance(name).await?;
    let from = session.operator_version_of(&instance).await?;
    let target = if let Some(tree) = found {
        Target::Packages(Box::new(tree))
    } else {
        let choice = &arguments.choice;
        let installed = Installed::choose(&session, &arguments.package, choice).await?;
        Target::Installed(Box::new(installed))
    };
    let definition = target.definition();
    check_versions(&session, name, &definition_of(&from)?, definition)?;
    let values = check_given(definition, &instance.spec.parameters, &given)?;
    let identity = InstanceIdentity {
        name,
        namespace: &session.namespace,
    };
    let plan = upgrade_plan(definition);
    let family = Family::new(&session, target.children(&session).await?).await?;
    let unserved = family
        .check(&session, definition, identity, plan, &values)
        .await?;
    unserved.settle(arguments.wait.wait, output)?;
    let provisions = target.provisions(&session).await?;

    let version = target.version(&session.namespace);
    let mut spec = json!({ "operatorVersion": { "name": version.name_any() } });
    let changed = changes(&instance, &given);
    if !changed.is_empty() {
        spec["parameters"] = json!(changed);
    }
    check_change(&session, global.rules, &instance, &spec, definition).await?;

    let mut objects: Vec<Value> = Vec::new();
    for provision in &provisions {
        provision.write(&session, output).await?;
        objects.extend(provision.objects());
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

/// What the instance is upgraded to.
enum Target {
    /// A package, with all that it depends on.
    Packages(Box<Tree>),
    /// An operator version of the cluster.
    Installed(Box<Installed>),
}

impl Target {
    fn definition(&self) -> &OperatorDefinition {
        match self {
            Self::Packages(tree) => &tree.root.definition,
            Self::Installed(installed) => &installed.definition,
        }
    }

    fn version(&self, namespace: &str) -> OperatorVersion {
        match self {
            Self::Packages(tree) => convert::operator_version(&tree.root, namespace),
            Self::Installed(installed) => installed.version.clone(),
        }
    }

    /// What its children may be, if the cluster takes all of it.
    async fn children(&self, session: &Session) -> Result<Definitions, Error> {
        match self {
            Self::Packages(tree) => {
                check_kubernetes_of(session, tree).await?;
                Ok(tree.children())
            }
            Self::Installed(installed) => installed.check(session).await,
        }
    }

    /// What is to be written first.
    async fn provisions(&self, session: &Session) -> Result<Vec<Provision>, Error> {
        match self {
            Self::Packages(tree) => Provision::plan_tree(session, tree).await,
            Self::Installed(_) => Ok(Vec::new()),
        }
    }
}

fn check_versions(
    session: &Session,
    instance: &str,
    from: &OperatorDefinition,
    to: &OperatorDefinition,
) -> Result<(), Error> {
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
