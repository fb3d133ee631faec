//! The instances that an instance's plan installs: what would go wrong with them is found out before the
//! parent is written.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use kudo_api::Instance;
use kudo_api::convert::definition_name;
use kudo_api::dependencies;
use kudo_api::names::DEPLOY_PLAN;
use kudo_package::OperatorDefinition;
use kudo_template::{Action, InstanceIdentity, Limits, RenderedTask, Renderer, render_plan};
use serde_json::Value;

use super::operator_version::{check_parameters, update_plans, upgrade_plan};
use super::update::{changes, check_immutable};
use crate::cluster::Session;
use crate::definitions::{Definitions, InCluster};
use crate::error::{Error, Named};
use crate::kinds::{self, PlannedStep, Unserved};

/// What an instance's children are checked against.
pub(crate) struct Family {
    /// What they may be.
    definitions: Definitions,
    /// The instances of the namespace.
    existing: Vec<Instance>,
}

impl Family {
    /// Children that are made from these.
    pub(crate) async fn new(session: &Session, definitions: Definitions) -> Result<Self, Error> {
        let existing = if definitions.is_empty() {
            Vec::new()
        } else {
            session.list().await?
        };
        Ok(Self {
            definitions,
            existing,
        })
    }

    /// Children of an operator version that is in the cluster. Those whose own is missing there are
    /// left to the manager, which waits for it.
    pub(crate) async fn in_cluster(
        session: &Session,
        parent: &OperatorDefinition,
    ) -> Result<Self, Error> {
        let definitions = if dependencies::children(parent).is_empty() {
            Definitions::default()
        } else {
            InCluster::read(session).await?.definitions()
        };
        Self::new(session, definitions).await
    }

    /// Renders a plan as the manager will, and those of the children that it installs, before anything is
    /// written: values and templates that break are refused, and so are kinds that the cluster cannot serve.
    /// Gives the kinds that it does not serve as yet. A plan that does not exist is not this function's to
    /// refuse.
    ///
    /// Children that exist keep the values they have, and run what the change makes them run; one that is
    /// somebody else's is refused.
    pub(crate) async fn check(
        &self,
        session: &Session,
        definition: &OperatorDefinition,
        instance: InstanceIdentity<'_>,
        plan: &str,
        values: &BTreeMap<String, Value>,
    ) -> Result<Unserved, Error> {
        let steps = self.render(definition, None, instance, plan, values)?;
        kinds::check(session, &steps).await
    }

    /// The steps of a plan; after each one those of the children that it installs.
    fn render(
        &self,
        definition: &OperatorDefinition,
        child: Option<&str>,
        instance: InstanceIdentity<'_>,
        plan: &str,
        values: &BTreeMap<String, Value>,
    ) -> Result<Vec<PlannedStep>, Error> {
        if !definition.plans.contains_key(plan) {
            return Ok(Vec::new());
        }
        let renderer = Renderer::new(Limits::default());
        let mut all = Vec::new();
        for step in render_plan(&renderer, definition, instance, plan, values)? {
            let mut below = Vec::new();
            let mut installs_unknown = false;
            for task in &step.tasks {
                match self.render_child(definition, instance, task)? {
                    Some(steps) => below.extend(steps),
                    None => installs_unknown = true,
                }
            }
            all.push(PlannedStep {
                child: child.map(str::to_owned),
                step,
                installs_unknown,
            });
            all.extend(below);
        }
        Ok(all)
    }

    /// The steps of the child that a task installs, none for other tasks; `None` if it is not known.
    fn render_child(
        &self,
        parent: &OperatorDefinition,
        instance: InstanceIdentity<'_>,
        task: &RenderedTask,
    ) -> Result<Option<Vec<PlannedStep>>, Error> {
        let Action::Operator {
            package,
            instance: name,
            app_version,
            operator_version,
            parameters,
        } = &task.action
        else {
            return Ok(Some(Vec::new()));
        };
        let (app_version, version) = (app_version.as_deref(), operator_version.as_deref());
        let Some(child) = self.definitions.of_task(package, app_version, version) else {
            return Ok(None);
        };
        let mut existing = self.existing.iter();
        let found = existing.find(|found| found.name_any() == *name);
        let identity = InstanceIdentity {
            name,
            namespace: instance.namespace,
        };
        let render = || {
            if let Some(found) = found {
                check_owner(found, instance)?;
                if is_of(found, &child) {
                    check_immutable(&child, found, parameters)?;
                }
            }
            let current = found.map(|found| found.spec.parameters.clone());
            let values = check_parameters(&child, &current.unwrap_or_default(), parameters)?;
            let version = definition_name(&child);
            let mut steps = Vec::new();
            for plan in plans(&child, found, parameters) {
                steps.extend(self.render(&child, Some(&version), identity, plan, &values)?);
            }
            Ok(Some(steps))
        };
        render().map_err(|error: Error| {
            error.of_dependency(package, &task.task, &definition_name(parent))
        })
    }
}

/// The plans that a child runs that gets these parameters.
fn plans<'a>(
    child: &'a OperatorDefinition,
    found: Option<&Instance>,
    parameters: &BTreeMap<String, String>,
) -> BTreeSet<&'a str> {
    match found {
        None => BTreeSet::from([DEPLOY_PLAN]),
        Some(found) if is_of(found, child) => {
            update_plans(child, changes(found, parameters).keys())
        }
        Some(_) => BTreeSet::from([upgrade_plan(child)]),
    }
}

/// Whether an instance has this operator version already.
fn is_of(instance: &Instance, definition: &OperatorDefinition) -> bool {
    let version = instance.spec.operator_version.name.as_deref();
    version == Some(definition_name(definition).as_str())
}

/// Refuses to make a child of an instance that somebody else has made.
fn check_owner(found: &Instance, parent: InstanceIdentity<'_>) -> Result<(), Error> {
    let mut owners = found.owner_references().iter();
    if owners.any(|owner| owner.kind == "Instance" && owner.name == parent.name) {
        return Ok(());
    }
    let named = |name: &str| Named::new(parent.namespace, name);
    Err(Error::ForeignChild {
        child: named(&found.name_any()),
        parent: named(parent.name),
    })
}
