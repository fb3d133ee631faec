//! What tests do with instances and operator versions, in few words.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kudo_api::instance::{Accepted, PlanStatus};
use kudo_api::{Instance, InstanceStatus, OperatorVersion, convert};
use kudo_package::Package;
use serde_json::{Value, json};

use crate::harness::{SOON, TestNamespace, eventually, object};

/// The garbage collector learns of new kinds, such as ours, every half minute only.
pub(crate) const COLLECTED: Duration = Duration::from_mins(2);

/// An operator version made of words: parameters, templates and plans of one Apply task per step.
///
/// A step is `name: template, template`; a Delete task is `name: -template`.
pub(crate) struct Operator {
    name: &'static str,
    parameters: Vec<Value>,
    templates: Vec<(String, String)>,
    tasks: Vec<Value>,
    plans: Vec<(String, Value)>,
}

impl Operator {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            parameters: Vec::new(),
            templates: Vec::new(),
            tasks: Vec::new(),
            plans: Vec::new(),
        }
    }

    pub(crate) fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub(crate) fn template(mut self, name: &str, text: &str) -> Self {
        self.templates.push((name.to_owned(), text.to_owned()));
        self
    }

    /// A template of a `ConfigMap`, with entries of its data.
    pub(crate) fn config_map(self, name: &str, data: &[(&str, &str)]) -> Self {
        let mut text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: '{{{{ .Name }}}}-{name}'\ndata:\n"
        );
        for (key, value) in data {
            writeln!(text, "  {key}: '{value}'").unwrap();
        }
        self.template(name, &text)
    }

    pub(crate) fn task(mut self, task: Value) -> Self {
        self.tasks.push(task);
        self
    }

    /// A serial plan of one phase.
    pub(crate) fn plan(mut self, name: &str, steps: &[&str]) -> Self {
        let mut listed = Vec::new();
        for step in steps {
            let (step, resources) = step.split_once(": ").unwrap_or((step, ""));
            let task = format!("{name}-{step}");
            let (deleted, applied): (Vec<&str>, Vec<&str>) = resources
                .split(", ")
                .filter(|resource| !resource.is_empty())
                .partition(|resource| resource.starts_with('-'));
            let mut tasks = Vec::new();
            let deleted: Vec<&str> = deleted.iter().map(|name| &name[1..]).collect();
            for (kind, resources) in [("Apply", applied), ("Delete", deleted)] {
                if !resources.is_empty() {
                    let task = format!("{task}-{}", kind.to_lowercase());
                    self.tasks.push(json!({
                        "name": task, "kind": kind, "spec": { "resources": resources }
                    }));
                    tasks.push(task);
                }
            }
            listed.push(json!({ "name": step, "tasks": tasks }));
        }
        let plan = json!({
            "strategy": "serial",
            "phases": [{ "name": "main", "strategy": "serial", "steps": listed }],
        });
        self.plans.push((name.to_owned(), plan));
        self
    }

    pub(crate) fn raw_plan(mut self, name: &str, plan: Value) -> Self {
        self.plans.push((name.to_owned(), plan));
        self
    }

    pub(crate) fn version(&self, version: &str) -> Value {
        let templates: serde_json::Map<String, Value> = self
            .templates
            .iter()
            .map(|(name, text)| (name.clone(), json!(text)))
            .collect();
        let plans: serde_json::Map<String, Value> = self.plans.iter().cloned().collect();
        json!({
            "apiVersion": "kudo.dev/v1beta1",
            "kind": "OperatorVersion",
            "metadata": { "name": format!("{}-{version}", self.name) },
            "spec": {
                "operator": { "name": self.name, "kind": "Operator" },
                "version": version,
                "parameters": self.parameters,
                "templates": templates,
                "tasks": self.tasks,
                "plans": plans,
            },
        })
    }
}

/// The package of that name in `operators/`.
pub(crate) fn package(name: &str) -> Package {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../operators");
    let path: PathBuf = root.join(name);
    Package::load(&path).unwrap()
}

impl TestNamespace {
    /// Creates the operator version of a package; gives its name.
    pub(crate) async fn install(&self, package: &Package) -> String {
        let version = convert::operator_version(package, self.name());
        let api = self.api::<OperatorVersion>();
        let created = api.create(&PostParams::default(), &version).await;
        created.unwrap().name_any()
    }

    /// Creates an instance of an operator version of this namespace.
    pub(crate) async fn instance(
        &self,
        name: &str,
        version: &str,
        parameters: &[(&str, &str)],
    ) -> Instance {
        let parameters: serde_json::Map<String, Value> = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let instance: Instance = object(json!({
            "metadata": { "name": name },
            "spec": { "operatorVersion": { "name": version }, "parameters": parameters },
        }));
        let api = self.api::<Instance>();
        let created = api.create(&PostParams::default(), &instance).await;
        created.unwrap()
    }

    /// Changes an instance by a merge patch.
    pub(crate) async fn change(&self, name: &str, patch: Value) -> Instance {
        let api = self.api::<Instance>();
        let patch = Patch::Merge(patch);
        let patched = api.patch(name, &PatchParams::default(), &patch).await;
        patched.unwrap()
    }

    /// Sets parameters of an instance.
    pub(crate) async fn set(&self, name: &str, parameters: Value) -> Instance {
        self.change(name, json!({ "spec": { "parameters": parameters } }))
            .await
    }

    pub(crate) async fn delete_instance(&self, name: &str) {
        let api = self.api::<Instance>();
        api.delete(name, &DeleteParams::background()).await.unwrap();
    }

    /// Waits until an instance is as it should be.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&Instance) -> bool,
    ) -> Instance {
        self.wait_for::<Instance>(name, what, SOON, |found| found.is_some_and(&holds))
            .await
            .unwrap()
    }

    /// Waits until a plan of an instance has a status.
    pub(crate) async fn until_plan(&self, name: &str, plan: &str, status: &str) -> Instance {
        let what = format!("plan {plan} is {status}");
        self.until(name, &what, |instance| {
            plan_status(instance, plan).is_some_and(|plan| plan.status == status)
        })
        .await
    }

    /// Waits until a plan has ended well with what the spec says now.
    pub(crate) async fn until_done(&self, name: &str, plan: &str) -> Instance {
        let what = format!("plan {plan} is COMPLETE and the spec accepted");
        self.until(name, &what, |instance| {
            let status = status_of(instance);
            let version = instance.spec.operator_version.name.clone();
            let wanted = Accepted {
                operator_version: version.unwrap_or_default(),
                parameters: instance.spec.parameters.clone(),
            };
            let running = status.plan_status.values().any(PlanStatus::is_running);
            status.accepted == Some(wanted)
                && !running
                && instance.spec.plan_execution.is_empty()
                && plan_status(instance, plan).is_some_and(|plan| plan.status == "COMPLETE")
        })
        .await
    }

    pub(crate) async fn until_gone(&self, name: &str) {
        self.wait_for::<Instance>(name, "is gone", SOON, |found| found.is_none())
            .await;
    }

    /// Waits until there is an event about an instance that begins so: events come a moment after the status.
    pub(crate) async fn until_told(&self, name: &str, beginning: &str) {
        eventually(&format!("told of {name}: {beginning}"), SOON, || async {
            let events = self.events(name).await;
            let told = events.iter().any(|event| event.starts_with(beginning));
            told.then_some(()).ok_or_else(|| format!("{events:?}"))
        })
        .await;
    }

    /// The events about an instance, as `reason: message`, in alphabetical order.
    pub(crate) async fn events(&self, name: &str) -> Vec<String> {
        let listed = self.api::<Event>().list(&ListParams::default()).await;
        let mut events: Vec<String> = listed
            .unwrap()
            .items
            .into_iter()
            .filter(|event| event.involved_object.name.as_deref() == Some(name))
            .filter(|event| event.involved_object.kind.as_deref() == Some("Instance"))
            .map(|event| {
                let reason = event.reason.unwrap_or_default();
                format!("{reason}: {}", event.message.unwrap_or_default())
            })
            .collect();
        events.sort();
        events
    }
}

pub(crate) fn status_of(instance: &Instance) -> InstanceStatus {
    instance.status.clone().unwrap_or_default()
}

pub(crate) fn plan_status<'a>(instance: &'a Instance, plan: &str) -> Option<&'a PlanStatus> {
    instance.status.as_ref()?.plan_status.get(plan)
}

/// `status reason` of a condition; empty if it is not set.
pub(crate) fn condition(instance: &Instance, type_: &str) -> String {
    let status = status_of(instance);
    let found = status.condition(type_);
    found.map_or_else(String::new, |c| format!("{} {}", c.status, c.reason))
}

/// The message of a condition.
pub(crate) fn condition_message(instance: &Instance, type_: &str) -> String {
    let status = status_of(instance);
    let found = status.condition(type_);
    found.map(|c| c.message.clone()).unwrap_or_default()
}

/// `phase.step status` for all steps of a plan, in order.
pub(crate) fn steps(instance: &Instance, plan: &str) -> Vec<String> {
    let status = plan_status(instance, plan).expect("the plan is recorded");
    status
        .phases
        .iter()
        .flat_map(|phase| {
            let steps = phase.steps.iter();
            steps.map(|step| format!("{}.{} {}", phase.name, step.name, step.status))
        })
        .collect()
}

/// A little longer than news takes, to see that nothing happens.
pub(crate) async fn a_while() {
    tokio::time::sleep(Duration::from_millis(700)).await;
}
