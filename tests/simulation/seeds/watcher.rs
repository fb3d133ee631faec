//! Sees every state of the instance, and what must never be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use kube::Api;
use kube::runtime::{WatchStreamExt, watcher};
use kudo_api::Instance;
use kudo_api::instance::PlanStatus;
use kudo_api::names::CLEANUP_PLAN;
use tokio::task::JoinSet;

use crate::world::{NAMESPACE, World};

/// Who watches the instance from its beginning.
pub(super) struct Watcher {
    seen: Arc<Mutex<Seen>>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    /// Steps that were complete, by execution.
    complete: BTreeMap<String, Vec<String>>,
    ended: Vec<Ended>,
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
    pub(super) fn of(world: &World) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let mut task = JoinSet::new();
        let api: Api<Instance> = Api::namespaced(world.client(), NAMESPACE);
        let notes = Arc::clone(&seen);
        task.spawn(async move {
            let events = watcher(api, watcher::Config::default()).default_backoff();
            let mut instances = std::pin::pin!(events.touched_objects());
            while let Some(instance) = instances.next().await {
                if let Ok(instance) = instance {
                    notes.lock().unwrap().note(&instance);
                }
            }
        });
        Self { seen, _task: task }
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
        let mut complete = Vec::new();
        for phase in &plan.phases {
            for step in &phase.steps {
                if step.status == "COMPLETE" {
                    complete.push(format!("{}/{}", phase.name, step.name));
                }
            }
        }
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
