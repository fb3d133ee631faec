//! Sees every state of the instance, and what must never be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use kudo_api::Instance;
use kudo_api::instance::PlanStatus;
use kudo_api::names::CLEANUP_PLAN;
use kudo_kube::client::RequestInfo;
use tokio::task::JoinSet;

use super::operator::{Object, Operator};
use crate::outcome::kinds;
use crate::world::{NAMESPACE, World, owned};

/// Who watches the instance from its beginning.
pub(super) struct Watcher {
    seen: Arc<Mutex<Seen>>,
    operator: Arc<Operator>,
    _task: JoinSet<()>,
}

/// Looks at each request of a manager when it is sent.
pub(super) struct Auditor {
    seen: Arc<Mutex<Seen>>,
    operator: Arc<Operator>,
}

#[derive(Default)]
struct Seen {
    /// Steps that were complete, by execution.
    complete: BTreeMap<String, Vec<String>>,
    ended: Vec<Ended>,
    /// The plan that runs, and its steps that are complete.
    running: Option<(String, Vec<String>)>,
    wrong: Vec<String>,
}

/// A plan that was completed.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) plan: String,
    /// The execution.
    uid: String,
    /// The parameters that it went by.
    pub(super) parameters: BTreeMap<String, String>,
}

impl Watcher {
    pub(super) fn of(world: &World, operator: &Arc<Operator>) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let mut task = JoinSet::new();
        let watch = watch(world.client(), Arc::clone(&seen), Arc::clone(operator));
        task.spawn(watch);
        Self {
            seen,
            operator: Arc::clone(operator),
            _task: task,
        }
    }

    pub(super) fn auditor(&self) -> Auditor {
        Auditor {
            seen: Arc::clone(&self.seen),
            operator: Arc::clone(&self.operator),
        }
    }

    /// Plans that were completed so far, in order.
    pub(super) fn ended(&self) -> Vec<Ended> {
        self.seen.lock().unwrap().ended.clone()
    }

    /// What was seen and must not be.
    pub(super) fn wrong(&self) -> Vec<String> {
        self.seen.lock().unwrap().wrong.clone()
    }
}

async fn watch(client: Client, seen: Arc<Mutex<Seen>>, operator: Arc<Operator>) {
    let api: Api<Instance> = Api::namespaced(client.clone(), NAMESPACE);
    let events = watcher(api, watcher::Config::default()).default_backoff();
    let mut instances = std::pin::pin!(events.touched_objects());
    while let Some(instance) = instances.next().await {
        let Ok(instance) = instance else { continue };
        let known = seen.lock().unwrap().ended.len();
        seen.lock().unwrap().note(&instance);
        let new: Vec<Ended> = seen.lock().unwrap().ended[known..].to_vec();
        for ended in new {
            // No time passes meanwhile.
            let found = objects(&client).await;
            let (applied, deleted) = operator.effect(&ended.plan, &ended.parameters);
            let lacks = applied.iter().filter(|object| !found.contains(object));
            let keeps = deleted.iter().filter(|object| found.contains(object));
            let (lacks, keeps): (Vec<_>, Vec<_>) = (lacks.collect(), keeps.collect());
            if !lacks.is_empty() || !keeps.is_empty() {
                seen.lock().unwrap().wrong.push(format!(
                    "{ended:?} is complete without {lacks:?} and with {keeps:?}"
                ));
            }
        }
    }
}

/// Kinds that templates make; pods and the like are made by others.
const TEMPLATE_KINDS: [&str; 6] = [
    "ConfigMap",
    "Secret",
    "Service",
    "Deployment",
    "StatefulSet",
    "Job",
];

/// Objects of the instance, as far as its templates make them.
pub(super) async fn objects(client: &Client) -> BTreeSet<Object> {
    let mut found = BTreeSet::new();
    for kind in kinds() {
        let of_templates = TEMPLATE_KINDS.into_iter().find(|known| kind.kind == *known);
        let Some(of_templates) = of_templates else {
            continue;
        };
        let names = owned(client, &kind).await.into_iter();
        found.extend(names.map(|object| (of_templates, object.name_any())));
    }
    found
}

impl Auditor {
    /// Notes a write of what a step deals with that is complete while its plan still runs.
    pub(super) fn note(&self, request: &RequestInfo) {
        let mut seen = self.seen.lock().unwrap();
        let (Some((plan, complete)), Some(name)) = (&seen.running, &request.name) else {
            return;
        };
        let step = self.operator.step(plan, &request.resource, name);
        let again =
            step.filter(|step| request.verb.is_write() && complete.iter().any(|c| c == step));
        if let Some(step) = again {
            let (verb, path) = (request.verb.as_str(), &request.path);
            let problem = format!("{plan}: {step} is complete, and there is a {verb} {path}");
            seen.wrong.push(problem);
        }
    }
}

impl Seen {
    fn note(&mut self, instance: &Instance) {
        let Some(status) = &instance.status else {
            return;
        };
        let running: Vec<&String> = status
            .plan_status
            .iter()
            .filter(|(_, plan)| plan.is_running())
            .map(|(name, _)| name)
            .collect();
        if running.len() > 1 {
            self.wrong
                .push(format!("several plans at once: {running:?}"));
        }
        self.running = running.first().map(|&name| {
            let plan = &status.plan_status[name];
            (name.clone(), complete_steps(plan))
        });
        let accepted = status.accepted.as_ref();
        let parameters = accepted.map(|accepted| &accepted.parameters);
        let deleted = instance.metadata.deletion_timestamp.is_some();
        for (name, plan) in &status.plan_status {
            self.note_plan(name, plan, parameters, deleted);
        }
    }

    fn note_plan(
        &mut self,
        name: &str,
        plan: &PlanStatus,
        parameters: Option<&BTreeMap<String, String>>,
        deleted: bool,
    ) {
        if plan.uid.is_empty() {
            return;
        }
        let execution = format!("{name} {}", plan.uid);
        let complete = complete_steps(plan);
        let before = self
            .complete
            .insert(execution.clone(), complete.clone())
            .unwrap_or_default();
        for step in before.iter().filter(|step| !complete.contains(step)) {
            self.wrong
                .push(format!("{execution}: {step} was complete and is run again"));
        }
        let is_known = |ended: &Ended| ended.plan == name && ended.uid == plan.uid;
        if plan.status == "COMPLETE" && !self.ended.iter().any(is_known) {
            self.ended.push(Ended {
                plan: name.to_owned(),
                uid: plan.uid.clone(),
                parameters: parameters.cloned().unwrap_or_default(),
            });
        }
        // A deletion does not wait for the plan that runs.
        let interrupted =
            deleted && plan.message == format!("interrupted by plan {CLEANUP_PLAN:?}");
        if plan.status == "FATAL_ERROR" && !interrupted {
            self.wrong
                .push(format!("{execution} failed: {}", plan.message));
        }
    }
}

/// Phases and names of the steps that are complete.
fn complete_steps(plan: &PlanStatus) -> Vec<String> {
    let steps = plan.phases.iter().flat_map(|phase| {
        let complete = phase.steps.iter().filter(|step| step.status == "COMPLETE");
        complete.map(|step| format!("{}/{}", phase.name, step.name))
    });
    steps.collect()
}
