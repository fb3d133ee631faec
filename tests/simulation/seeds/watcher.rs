//! Sees every state of the instance, and what must never be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use kube::Api;
use kube::runtime::{WatchStreamExt, watcher};
use kudo_api::Instance;
use kudo_api::instance::PlanStatus;
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
    /// Plans that were completed, in order, with the execution.
    plans: Vec<(String, String)>,
    wrong: Vec<String>,
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
    pub(super) fn plans(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.plans.iter().map(|(plan, _)| plan.clone()).collect()
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
        for (name, plan) in &status.plan_status {
            self.note_plan(name, plan);
        }
    }

    fn note_plan(&mut self, name: &str, plan: &PlanStatus) {
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
        let ended = (name.to_owned(), plan.uid.clone());
        if plan.status == "COMPLETE" && !self.plans.contains(&ended) {
            self.plans.push(ended);
        }
        if plan.status == "FATAL_ERROR" {
            self.wrong
                .push(format!("{execution} failed: {}", plan.message));
        }
    }
}
