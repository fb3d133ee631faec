//! `install`: a package's Operator, `OperatorVersion` and Instance into the cluster.
//!
//! Everything is checked before anything is written, and whatever is left by a failure between two
//! writes is taken up by the next try.

mod in_cluster;
mod namespace;

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use kube::ResourceExt;
use kudo_api::names::{self, DEPLOY_PLAN};
use kudo_api::{Instance, convert};
use kudo_package::OperatorDefinition;
use kudo_template::InstanceIdentity;

use super::children::Family;
use super::operator_version::{Provision, check_given, check_kubernetes_of, warn_of_choice};
use crate::arguments::{Format, Global, ParameterArgs, VersionChoice, WaitArgs};
use crate::cluster::Session;
use crate::error::Error;
use crate::follow::{Awaited, Change, Follow, follow};
use crate::listing::print_objects;
use crate::output::Output;
use crate::simulate::SimulateArgs;
use crate::{instance_name, parameters, source};

/// Install an operator: a package's operator, its version, and an instance of it
#[derive(Debug, Args)]
#[command(after_help = "\
The package is a directory that holds operator.yaml and params.yaml (or a folder `operator` that
does), a .tgz file of one, the URL of such a file, or a name in a repository, of which the newest
version is taken unless another is asked for. A path has a separator or begins with a dot.

Examples:
  # Install from a directory, and wait until the plan `deploy` is complete
  kubectl kudo install ./operators/galera --wait

  # Give parameters, and a name to the instance
  kubectl kudo install ./galera-0.1.0.tgz --instance db -p NODE_COUNT=5 -P production.yaml

  # Install the newest version in the current repository, or a certain one in another
  kubectl kudo install zookeeper
  kubectl kudo install zookeeper --repo local --operator-version 0.3.0

  # Install only the operator and its version
  kubectl kudo install ./operators/galera --skip-instance

  # Another instance of what is in the cluster already
  kubectl kudo install galera --in-cluster --operator-version 0.1.0 --instance db2")]
pub(crate) struct InstallArgs {
    /// The package: a directory, a .tgz file, the URL of one, or a name in a repository
    #[arg(value_name = "PACKAGE")]
    package: String,

    /// Name of the instance [default: the operator's name with `-instance` after it]
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,

    #[command(flatten)]
    parameters: ParameterArgs,

    #[command(flatten)]
    choice: VersionChoice,

    /// Install the operator and its version, but no instance
    #[arg(long)]
    skip_instance: bool,

    /// Create the namespace first, from the package's namespace manifest if it has one
    #[arg(long)]
    pub(crate) create_namespace: bool,

    /// Take an operator version that is in the cluster already; PACKAGE is the operator's name
    #[arg(long, conflicts_with_all = ["skip_instance", "repo"])]
    in_cluster: bool,

    #[command(flatten)]
    pub(crate) wait: WaitArgs,

    #[command(flatten)]
    pub(crate) simulate: SimulateArgs,
}

pub(crate) async fn run(
    arguments: &InstallArgs,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    let format = output.format("install", &[Format::Yaml, Format::Json, Format::Name])?;
    let given = parameters::read(&arguments.parameters)?;
    if arguments.in_cluster {
        return in_cluster::install(arguments, global, output, format, given).await;
    }
    let tree = source::load_tree(
        &arguments.package,
        &arguments.choice,
        global,
        output,
        source::Purpose::Install,
    )
    .await?;
    let package = &tree.root;
    warn_of_choice(&arguments.choice, package, output);
    let instance_name = instance_name(arguments, &package.definition)?;
    let values = if arguments.skip_instance && package.manifest.namespace_manifest.is_none() {
        // With no instance there is nothing that would need the required parameters.
        BTreeMap::new()
    } else {
        check_given(&package.definition, &BTreeMap::new(), &given)?
    };

    let session = Session::open(global).await?;
    check_kubernetes_of(&session, &tree).await?;
    if !arguments.skip_instance {
        let identity = InstanceIdentity {
            name: &instance_name,
            namespace: &session.namespace,
        };
        let family = Family::new(&session, tree.children()).await?;
        let definition = &package.definition;
        let unserved = family
            .check(&session, definition, identity, DEPLOY_PLAN, &values)
            .await?;
        unserved.settle(arguments.wait.wait, output)?;
    }
    let namespace = if arguments.create_namespace {
        namespace::missing(&session, package, &instance_name, &values).await?
    } else {
        None
    };
    let version = convert::definition_name(&package.definition);
    if !arguments.skip_instance {
        refuse_existing(&session, &instance_name, &version).await?;
    }
    let provisions = Provision::plan_tree(&session, &tree).await?;

    if let Some(namespace) = namespace {
        namespace::create(&session, &namespace).await?;
        output.result(&format!("namespace {} created", session.namespace))?;
    }
    let mut objects = Vec::new();
    for provision in &provisions {
        provision.write(&session, output).await?;
        objects.extend(provision.objects());
    }
    if !arguments.skip_instance {
        let instance = convert::instance(package, &instance_name, &session.namespace, given);
        let plans = convert::operator_version(package, &session.namespace)
            .spec
            .plans;
        let created = create_instance(&session, output, &instance).await?;
        let last = wait(arguments, &session, output, &created, &plans).await?;
        objects.extend(serde_json::to_value(last.unwrap_or(created)));
    }
    print_objects(output, format, &objects)
}

/// Installs a package with its default values, and waits until its plan has ended.
pub(crate) async fn run_package(
    package: &Path,
    instance: Option<&str>,
    wait: WaitArgs,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    // A path, even where its name alone could be that of a package in a repository.
    let package = Path::new(".").join(package);
    let arguments = InstallArgs {
        package: package.to_string_lossy().into_owned(),
        instance: instance.map(str::to_owned),
        parameters: ParameterArgs::default(),
        choice: VersionChoice::default(),
        skip_instance: false,
        create_namespace: false,
        in_cluster: false,
        wait,
        simulate: SimulateArgs::default(),
    };
    run(&arguments, global, output).await
}

fn instance_name(
    arguments: &InstallArgs,
    definition: &OperatorDefinition,
) -> Result<String, Error> {
    if arguments.skip_instance {
        return Ok(names::default_instance_name(&definition.operator_name));
    }
    instance_name::choose(arguments.instance.as_deref(), definition)
}

async fn refuse_existing(session: &Session, name: &str, version: &str) -> Result<(), Error> {
    let existing: Option<Instance> = session.find(name).await?;
    match existing {
        Some(existing) => Err(exists(session, &existing, version)),
        None => Ok(()),
    }
}

fn exists(session: &Session, existing: &Instance, version: &str) -> Error {
    let has = existing
        .spec
        .operator_version
        .name
        .clone()
        .unwrap_or_default();
    Error::InstanceExists {
        instance: session.named(&existing.name_any()),
        same_version: has == version,
        version: has,
    }
}

async fn create_instance(
    session: &Session,
    output: &Output,
    instance: &Instance,
) -> Result<Instance, Error> {
    let created = match session.create(instance).await {
        Err(Error::Api { source, .. })
            if kudo_kube::error::cause(&source) == kudo_kube::error::Cause::AlreadyExists =>
        {
            let version = instance
                .spec
                .operator_version
                .name
                .clone()
                .unwrap_or_default();
            return Err(exists(session, instance, &version));
        }
        created => created?,
    };
    let named = session.named(&created.name_any());
    output.result(&format!("instance {named} created"))?;
    Ok(created)
}

async fn wait(
    arguments: &InstallArgs,
    session: &Session,
    output: &Output,
    created: &Instance,
    plans: &BTreeMap<String, kudo_api::operator_version::Plan>,
) -> Result<Option<Instance>, Error> {
    if !arguments.wait.wait {
        return Ok(None);
    }
    let name = created.name_any();
    let finished = follow(
        session,
        output,
        Follow {
            name: &name,
            awaited: Awaited::of(created, Change::Spec),
            plans,
            limit: arguments.wait.limit(),
            keep_tree: true,
        },
    )
    .await?;
    output.result(&format!("instance {} ready", session.named(&name)))?;
    Ok(finished.instance)
}
