//! `package rbac`: the least that a manager must be allowed to do for instances of a package.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use kudo_api::convert::definition_name;
use kudo_package::OperatorDefinition;
use kudo_template::{Action, InstanceIdentity, Limits, RenderedTask, Renderer, render_plan};
use serde_json::Value;

use crate::arguments::{Format, Global, ParameterArgs, VersionChoice};
use crate::commands::init::{NAMESPACE, SERVICE_ACCOUNT};
use crate::commands::operator_version::{check_given, check_parameters};
use crate::definitions::Definitions;
use crate::dependencies;
use crate::error::Error;
use crate::output::{Output, Structured};
use crate::rbac::{Account, Needs, Rules, SYSTEM_ROLE, cluster_role, role};
use crate::{instance_name, parameters, source};

/// Print the least rights that a manager needs for instances of a package
#[derive(Debug, Args)]
#[command(after_help = "\
All plans are rendered, with the parameters' defaults unless others are given; templates that
make other objects for other parameters need more. Packages that this one installs are looked at,
too: the same manager runs their plans. Besides what the package's objects need, the
roles have what every manager needs: to follow instances and operator versions, and to write events.
Where the package binds roles, the manager may bind these alone, by their names.

Examples:
  # For a manager that looks after the namespace `databases` with the least rights
  kubectl create serviceaccount kudo-least -n kudo-system
  kubectl kudo package rbac ./operators/galera -n databases --service-account kudo-least \\
    | kubectl apply -f -
  kubectl kudo init --namespaces databases --service-account kudo-least")]
pub(crate) struct RbacArgs {
    /// The package: a directory or a .tgz file
    #[arg(value_name = "PACKAGE")]
    package: String,

    #[command(flatten)]
    parameters: ParameterArgs,

    #[command(flatten)]
    choice: VersionChoice,

    /// Names of the instances, separated by commas: a role that is bound may have its instance's name in
    /// its own [default: the operator's name with `-instance` after it]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    instance: Vec<String>,

    /// Service account of the manager
    #[arg(long, value_name = "NAME", default_value = SERVICE_ACCOUNT)]
    service_account: String,

    /// Namespace of the manager
    #[arg(long, value_name = "NAMESPACE", default_value = NAMESPACE)]
    manager_namespace: String,
}

pub(super) fn run(arguments: &RbacArgs, global: &Global, output: &Output) -> Result<(), Error> {
    let format = output.format("package rbac", &[Format::Yaml, Format::Json])?;
    let given = parameters::read(&arguments.parameters)?;
    let package = source::load_local(&arguments.package, &arguments.choice, global)?;
    let resolver = source::resolver(arguments.choice.repo.as_deref(), global)?;
    let tree = dependencies::resolve(package, &resolver, None)?;
    let children = tree.children();
    let definition = &tree.root.definition;
    let values = check_given(definition, &BTreeMap::new(), &given)?;
    let namespace = global.namespace.as_deref().unwrap_or("default");
    let mut instances = Vec::new();
    for name in &arguments.instance {
        instances.push(instance_name::choose(Some(name), definition)?);
    }
    if instances.is_empty() {
        instances.push(instance_name::choose(None, definition)?);
    }
    let mut survey = Survey::default();
    for name in &instances {
        let instance = InstanceIdentity { name, namespace };
        survey.visit(&children, definition, instance, &values)?;
    }
    let needs = survey.needs();
    if !needs.guessed.is_empty() {
        let kinds: Vec<&str> = needs.guessed.iter().map(String::as_str).collect();
        output.note(&format!(
            "Only a cluster knows how these kinds are served; check their rules: {}",
            kinds.join(", ")
        ));
    }
    let account = Account {
        name: arguments.service_account.clone(),
        namespace: arguments.manager_namespace.clone(),
    };
    let name = format!("kudo-{}", definition.operator_name);
    let mut objects = role(&name, namespace, &needs.namespaced, &account);
    objects.extend(cluster_role(&name, &needs.cluster, &account));
    objects.extend(role(
        SYSTEM_ROLE,
        &account.namespace,
        &Rules::of_the_system(),
        &account,
    ));
    let structured = Structured::from_format(format).unwrap_or(Structured::Yaml);
    output.objects(structured, &objects)
}

/// What the plans of a package and of those that it installs do.
#[derive(Default)]
struct Survey {
    objects: Vec<Value>,
    pipes: bool,
    /// Names of the child instances.
    children: BTreeSet<String>,
}

impl Survey {
    fn visit(
        &mut self,
        children: &Definitions,
        definition: &OperatorDefinition,
        instance: InstanceIdentity<'_>,
        values: &BTreeMap<String, Value>,
    ) -> Result<(), Error> {
        let renderer = Renderer::new(Limits::default());
        for plan in definition.plans.keys() {
            for step in render_plan(&renderer, definition, instance, plan, values)? {
                for task in step.tasks {
                    match &task.action {
                        Action::Apply | Action::Delete => {
                            let documents = task.documents.into_iter();
                            self.objects.extend(documents.flat_map(|d| d.objects));
                        }
                        Action::Pipe { .. } => self.pipes = true,
                        Action::Operator { .. } => {
                            self.child(children, definition, instance.namespace, &task)?;
                        }
                        Action::Dummy { .. } => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// The same manager runs the plans of the children.
    fn child(
        &mut self,
        children: &Definitions,
        parent: &OperatorDefinition,
        namespace: &str,
        task: &RenderedTask,
    ) -> Result<(), Error> {
        let Action::Operator {
            package,
            instance: name,
            app_version,
            operator_version,
            parameters,
        } = &task.action
        else {
            return Ok(());
        };
        let child = children.of_task(package, app_version.as_deref(), operator_version.as_deref());
        let Some(child) = child.filter(|_| self.children.insert(name.clone())) else {
            return Ok(());
        };
        let identity = InstanceIdentity { name, namespace };
        check_parameters(&child, &BTreeMap::new(), parameters)
            .and_then(|values| self.visit(children, &child, identity, &values))
            .map_err(|error| error.of_dependency(package, &task.task, &definition_name(parent)))
    }

    fn needs(&self) -> Needs {
        let mut needs = Needs::of(&self.objects);
        if self.pipes {
            needs.add_pipes();
        }
        if !self.children.is_empty() {
            needs.add_children();
        }
        needs
    }
}
