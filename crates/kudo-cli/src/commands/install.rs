//! `install`: a package's Operator, `OperatorVersion` and Instance into the cluster.
//!
//! Everything is checked before anything is written, and whatever is left by a failure between two
//! writes is taken up by the next try.

use std::collections::BTreeMap;

use clap::Args;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use kudo_api::names::DEPLOY_PLAN;
use kudo_api::{
    Instance, InstanceSpec, ObjectReference, Operator, OperatorVersion, convert, names,
};
use kudo_package::{OperatorDefinition, Package, yaml};
use kudo_template::{InstanceIdentity, Limits, RenderTaskError, Renderer, Values};
use serde_json::Value;

use super::operator_version::{
    Provision, check_kubernetes, check_parameters, check_renders, definition_of, warn_of_choice,
};
use crate::arguments::{Format, Global, ParameterArgs, VersionChoice, WaitArgs};
use crate::cluster::{FIELD_MANAGER, Session};
use crate::error::Error;
use crate::follow::{Awaited, Change, Follow, follow};
use crate::output::{Output, Structured};
use crate::versions::{Versions, newest_first};
use crate::{parameters, source};

/// Marks a namespace as made by `--create-namespace`, as upstream does.
const CREATED_BY: (&str, &str) = ("created-by", "kudo-cli");

/// Install an operator: a package's operator, its version, and an instance of it
#[derive(Debug, Args)]
#[command(after_help = "\
The package is a directory that holds operator.yaml and params.yaml (or a folder `operator` that
does), or a .tgz file of one. A path has a separator or begins with a dot.

Examples:
  # Install from a directory, and wait until the plan `deploy` is complete
  kubectl kudo install ./operators/galera --wait

  # Give parameters, and a name to the instance
  kubectl kudo install ./galera-0.1.0.tgz --instance db -p NODE_COUNT=5 -P production.yaml

  # Install only the operator and its version
  kubectl kudo install ./operators/galera --skip-instance

  # Another instance of what is in the cluster already
  kubectl kudo install galera --in-cluster --operator-version 0.1.0 --instance db2")]
pub(crate) struct InstallArgs {
    /// The package
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
    create_namespace: bool,

    /// Take an operator version that is in the cluster already; PACKAGE is the operator's name
    #[arg(long, conflicts_with_all = ["skip_instance", "repo"])]
    in_cluster: bool,

    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

pub(crate) async fn run(
    arguments: &InstallArgs,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    let format = output.format("install", &[Format::Yaml, Format::Json, Format::Name])?;
    let given = parameters::read(&arguments.parameters)?;
    if arguments.in_cluster {
        return from_cluster(arguments, global, output, format, given).await;
    }
    let (package, _) = source::load_verified(&arguments.package)?;
    warn_of_choice(&arguments.choice, &package, output);
    let instance_name = instance_name(arguments, &package.definition);
    let values = if arguments.skip_instance && package.manifest.namespace_manifest.is_none() {
        // With no instance there is nothing that would need the required parameters.
        BTreeMap::new()
    } else {
        check_parameters(&package.definition, &BTreeMap::new(), &given)?
    };

    let session = Session::open(global).await?;
    if !arguments.skip_instance {
        let identity = InstanceIdentity {
            name: &instance_name,
            namespace: &session.namespace,
        };
        check_renders(&package.definition, identity, DEPLOY_PLAN, &values)?;
    }
    let namespace = if arguments.create_namespace {
        missing_namespace(&session, &package, &instance_name, &values).await?
    } else {
        None
    };
    let needed = package.manifest.kubernetes_version.as_deref();
    check_kubernetes(&session, &package.definition.operator_name, needed).await?;
    let version = convert::operator_version(&package, &session.namespace).name_any();
    if !arguments.skip_instance {
        refuse_existing(&session, &instance_name, &version).await?;
    }
    let provision = Provision::plan(&session, &package).await?;

    if let Some(namespace) = namespace {
        create_namespace(&session, &namespace).await?;
        output.result(&format!("namespace {} created", session.namespace))?;
    }
    provision.write(&session, output).await?;
    let mut objects = provision.objects();
    if !arguments.skip_instance {
        let instance = convert::instance(&package, &instance_name, &session.namespace, given);
        let plans = &provision.version().spec.plans;
        let created = create_instance(&session, output, &instance).await?;
        let last = wait(arguments, &session, output, &created, plans).await?;
        objects.extend(serde_json::to_value(last.unwrap_or(created)));
    }
    print(output, format, &objects)
}

async fn from_cluster(
    arguments: &InstallArgs,
    global: &Global,
    output: &Output,
    format: Option<Format>,
    given: BTreeMap<String, String>,
) -> Result<(), Error> {
    let session = Session::open(global).await?;
    let (operator, version) = choose(&session, arguments).await?;
    let definition = definition_of(&version)?;
    let values = check_parameters(&definition, &BTreeMap::new(), &given)?;
    let name = instance_name(arguments, &definition);
    let identity = InstanceIdentity {
        name: &name,
        namespace: &session.namespace,
    };
    check_renders(&definition, identity, DEPLOY_PLAN, &values)?;
    let needed = operator.map(|operator| operator.spec.kubernetes_version);
    check_kubernetes(&session, &definition.operator_name, needed.as_deref()).await?;
    refuse_existing(&session, &name, &version.name_any()).await?;

    let instance = instance_of(&session, &name, &version, &definition, given);
    let created = create_instance(&session, output, &instance).await?;
    let last = wait(arguments, &session, output, &created, &version.spec.plans).await?;
    let objects: Vec<Value> = serde_json::to_value(last.unwrap_or(created))
        .into_iter()
        .collect();
    print(output, format, &objects)
}

/// The newest operator version in the cluster that fits what was asked for.
async fn choose(
    session: &Session,
    arguments: &InstallArgs,
) -> Result<(Option<Operator>, OperatorVersion), Error> {
    let name = arguments.package.as_str();
    let mut all: Vec<OperatorVersion> = session.list().await?;
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
        Some(version) => Ok((session.operator(name).await?, version.clone())),
        None => Err(Error::NoneFits {
            operator: name.to_owned(),
            namespace: session.namespace.clone(),
            installed: all.iter().map(ResourceExt::name_any).collect(),
        }),
    }
}

fn versions_of(version: &OperatorVersion) -> Versions<'_> {
    let app = version.spec.app_version.as_str();
    Versions {
        operator: &version.spec.version,
        app: (!app.is_empty()).then_some(app),
    }
}

fn instance_name(arguments: &InstallArgs, definition: &OperatorDefinition) -> String {
    match &arguments.instance {
        Some(name) => name.clone(),
        None => names::default_instance_name(&definition.operator_name),
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

/// The namespace to create; nothing if an earlier try has created it.
async fn missing_namespace(
    session: &Session,
    package: &Package,
    instance: &str,
    values: &BTreeMap<String, Value>,
) -> Result<Option<Namespace>, Error> {
    let wanted = namespace_of(session, package, instance, values)?;
    match session.namespace().await? {
        None => Ok(Some(wanted)),
        Some(existing) => {
            let (name, value) = CREATED_BY;
            let made_here = existing
                .annotations()
                .get(name)
                .is_some_and(|found| found == value);
            if made_here {
                return Ok(None);
            }
            Err(Error::NamespaceExists {
                namespace: session.namespace.clone(),
            })
        }
    }
}

/// The namespace as the package wants it, under the name that was asked for.
fn namespace_of(
    session: &Session,
    package: &Package,
    instance: &str,
    values: &BTreeMap<String, Value>,
) -> Result<Namespace, Error> {
    let mut namespace = match &package.manifest.namespace_manifest {
        Some(template) => rendered_namespace(session, package, template, instance, values)?,
        None => Namespace::default(),
    };
    namespace.metadata.name = Some(session.namespace.clone());
    namespace.metadata.namespace = None;
    let (name, value) = CREATED_BY;
    namespace
        .annotations_mut()
        .insert(name.to_owned(), value.to_owned());
    Ok(namespace)
}

fn rendered_namespace(
    session: &Session,
    package: &Package,
    template: &str,
    instance: &str,
    values: &BTreeMap<String, Value>,
) -> Result<Namespace, Error> {
    let problem = |problem: String| Error::NamespaceManifest {
        template: template.to_owned(),
        problem,
    };
    let definition = &package.definition;
    let text = definition
        .templates
        .get(template)
        .ok_or_else(|| problem("is not among the package's templates".to_owned()))?;
    let values = Values {
        operator_name: definition.operator_name.clone(),
        name: instance.to_owned(),
        namespace: session.namespace.clone(),
        app_version: definition.app_version.clone().unwrap_or_default(),
        operator_version: definition.operator_version.clone(),
        params: values.clone(),
        ..Values::default()
    };
    let rendered = Renderer::new(Limits::default())
        .render(template, text, &values)
        .map_err(RenderTaskError::from)?;
    let value = yaml::parse(&rendered).map_err(|error| problem(format!("is not YAML: {error}")))?;
    if value.get("kind").is_some_and(|kind| kind != "Namespace") {
        return Err(problem("is not of kind Namespace".to_owned()));
    }
    serde_json::from_value(value).map_err(|error| problem(format!("is not a namespace: {error}")))
}

async fn create_namespace(session: &Session, namespace: &Namespace) -> Result<(), Error> {
    let parameters = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    Api::<Namespace>::all(session.client.clone())
        .create(&parameters, namespace)
        .await
        .map_err(|error| {
            session.error(&format!("create namespace {:?}", session.namespace), error)
        })?;
    Ok(())
}

/// Prints the objects where `-o` asks for them.
pub(crate) fn print(
    output: &Output,
    format: Option<Format>,
    objects: &[Value],
) -> Result<(), Error> {
    if format == Some(Format::Name) {
        let names: Vec<String> = objects.iter().map(resource_name).collect();
        return output.data(&names.join("\n"));
    }
    match Structured::from_format(format) {
        Some(structured) => output.objects(structured, objects),
        None => Ok(()),
    }
}

/// An object's name as kubectl prints it with `-o name`: `instance.kudo.dev/galera-instance`.
pub(crate) fn resource_name(object: &Value) -> String {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let kind = text("/kind").to_lowercase();
    let name = text("/metadata/name");
    match text("/apiVersion").split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}
