//! Last stage: what a plan does is written into the instance's status, before or after it is done as the
//! case may be, and told by events.
//!
//! The inventory is written ahead of the applies, a step's end before the next step's first request. What is
//! written is made from the instance as it is by then, so that a record that was lost, doubled or overtaken
//! by another change ends up the same.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use kudo_api::Instance;
use kudo_api::instance::InventoryEntry;
use kudo_api::names::INVENTORY_FINALIZER;
use kudo_kube::discovery::Scope;
use kudo_kube::inventory::SharedInventory;
use kudo_kube::{Gvk, InstanceKey, Inventory};
use kudo_package::OperatorDefinition;
use kudo_plan::{Observer, PlanState, Status, StepRef, TaskFailure};
use serde_json::{Map, json};

use crate::clock::now;
use crate::conditions::{Wanted, is_refused, ready_at_start};
use crate::context::Context;
use crate::decide::Start;
use crate::events::Notification;
use crate::execution::{Beginning, Job};
use crate::prune::{self, Pruned};
use crate::readiness;
use crate::status::{list_plans, record_plan, to_recorded};
use crate::turn::Turn;
use crate::writer::{Basis, WriteError, Writer};

/// Records one execution.
pub(crate) struct Recorder {
    context: Arc<Context>,
    key: InstanceKey,
    writer: Arc<Writer>,
    definition: Arc<OperatorDefinition>,
    inventory: SharedInventory,
    plan: String,
    uid: String,
    start: Option<Start>,
    begun: AtomicBool,
    latest: Mutex<Instance>,
    failure: Mutex<Option<(String, String)>>,
    turn: Turn,
}

impl Recorder {
    /// A recorder for an execution.
    pub(crate) fn new(job: &Job, inventory: SharedInventory) -> Self {
        job.context.runs(&job.key, &job.uid);
        Self {
            context: Arc::clone(&job.context),
            key: job.key.clone(),
            writer: Arc::clone(&job.writer),
            definition: Arc::clone(&job.definition),
            inventory,
            plan: job.plan.clone(),
            uid: job.uid.clone(),
            start: match &job.beginning {
                Beginning::New(start) => Some(start.clone()),
                Beginning::Recorded => None,
            },
            begun: AtomicBool::new(false),
            latest: Mutex::new(job.instance.clone()),
            failure: Mutex::new(None),
            turn: job.turn.clone(),
        }
    }

    /// The plan cannot run at all.
    pub(crate) fn refused(&self, reason: &str, message: &str) {
        *locked(&self.failure) = Some((reason.to_owned(), message.to_owned()));
    }

    /// Whether this is the first record, which starts the execution. Only it may come too late.
    fn is_start(&self) -> bool {
        self.start.is_some() && !self.begun.load(Ordering::Acquire)
    }

    fn latest(&self) -> Instance {
        locked(&self.latest).clone()
    }

    /// The inventory to write, with scopes found out that were not known when the step was prepared.
    async fn inventory(&self, snapshot: &Inventory) -> Inventory {
        let mut known = snapshot.clone();
        for entry in snapshot.entries().filter(|e| e.namespace.is_none()) {
            if self.is_namespaced(entry).await {
                known.insert(InventoryEntry {
                    namespace: Some(self.key.namespace.clone()),
                    ..entry.clone()
                });
            }
        }
        known
    }

    async fn is_namespaced(&self, entry: &InventoryEntry) -> bool {
        let discovery = &self.context.cluster.discovery;
        let kind = Gvk::gvk(&entry.group, &entry.version, &entry.kind);
        if let Some(scope) = discovery.known_scope(&kind) {
            return scope == Scope::Namespaced;
        }
        let resolved = discovery.resolve(&kind).await;
        resolved.is_ok_and(|kind| kind.is_namespaced())
    }

    /// Objects that no owner reference reaches hold the instance until they are removed by the record.
    async fn hold(&self, inventory: &Inventory) -> Result<(), WriteError> {
        if !inventory.has_cluster_scoped() {
            return Ok(());
        }
        let version = self.latest().resource_version().unwrap_or_default();
        let basis = if self.is_start() {
            Basis::Exactly(&version)
        } else {
            Basis::Latest
        };
        let hold = self.writer.patch(basis, |instance| {
            let mut finalizers = instance.metadata.finalizers.clone().unwrap_or_default();
            let held = finalizers.iter().any(|name| name == INVENTORY_FINALIZER);
            // Nobody can hold what is already going; then the cleanup finalizer does.
            if held || instance.metadata.deletion_timestamp.is_some() {
                return None;
            }
            finalizers.push(INVENTORY_FINALIZER.to_owned());
            let metadata = json!({ "finalizers": finalizers });
            Some(Map::from_iter([("metadata".to_owned(), metadata)]))
        });
        *locked(&self.latest) = hold.await?;
        Ok(())
    }

    /// What a complete upgrade leaves behind goes before the plan is called complete.
    async fn prune(&self, state: &PlanState, inventory: &Inventory) -> Option<Pruned> {
        let mut instance = self.latest();
        let status = instance.status.get_or_insert_default();
        if let Some(start) = self.start.as_ref().filter(|_| self.is_start()) {
            status.upgraded_from.clone_from(&start.upgraded_from);
            status.accepted = Some(start.accepted.clone());
        }
        let upgraded = status.upgraded_from.is_some();
        if !upgraded
            || state.status != Status::Complete
            || instance.metadata.deletion_timestamp.is_some()
        {
            return None;
        }
        let pruned = prune::prune(&self.context, &instance, &self.definition, inventory).await;
        if let Some(problem) = &pruned.problem {
            tracing::warn!(instance = %self.key, %problem, "not everything is pruned yet");
        }
        Some(pruned)
    }

    /// What `Ready` says with this state; `None` leaves it as it is.
    async fn ready(&self, state: &PlanState, inventory: &Inventory) -> Option<Wanted> {
        match state.status {
            Status::FatalError => Some(Wanted::plan_in_fatal_error()),
            Status::Complete => {
                let entries = inventory.to_vec();
                let seen = self.context.readiness(&self.key, &entries).await;
                Some(readiness::when_complete(&seen))
            }
            _ if self.is_start() => ready_at_start(&self.plan),
            _ => None,
        }
    }

    async fn write(&self, state: &PlanState) -> Result<(), WriteError> {
        let snapshot = self.inventory.snapshot();
        let inventory = self.inventory(&snapshot).await;
        self.hold(&inventory).await?;
        let pruned = self.prune(state, &inventory).await;
        let ready = self.ready(state, &inventory).await;
        let time = now();
        let version = self.latest().resource_version().unwrap_or_default();
        let first = !self.begun.load(Ordering::Acquire);
        let start = self.start.as_ref().filter(|_| first);
        let basis = start.map_or(Basis::Latest, |_| Basis::Exactly(&version));
        let written = self.writer.status(basis, |status| {
            if start.is_none() {
                match status.plan_status.get(&self.plan) {
                    Some(recorded) if recorded.uid == self.uid && recorded.is_running() => {}
                    // The answer to this very record was lost.
                    Some(recorded) if *recorded == to_recorded(state, Some(time.clone())) => {
                        return Ok(());
                    }
                    // Another manager has ended this execution, or started another one.
                    _ => return Err(WriteError::Stale),
                }
            }
            if first {
                list_plans(status, &self.definition);
            }
            if let Some(start) = start {
                status.accepted = Some(start.accepted.clone());
                status.upgraded_from.clone_from(&start.upgraded_from);
                if is_refused(status) {
                    Wanted::accepted().apply(status, &time);
                }
            }
            record_plan(status, state, &time);
            status.inventory = inventory.to_vec();
            if let Some(pruned) = &pruned {
                pruned.record(status);
            }
            if let Some(ready) = &ready
                && ready.differs_from(status)
            {
                ready.apply(status, &time);
            }
            Ok(())
        });
        *locked(&self.latest) = written.await?;
        self.inventory.recorded(&snapshot);
        Ok(())
    }

    fn tell(&self, state: &PlanState) {
        let instance = self.latest();
        if !self.begun.swap(true, Ordering::AcqRel) {
            self.turn.give_way();
            tracing::info!(instance = %self.key, plan = self.plan, uid = self.uid, "plan started");
            let started = Notification::plan_started(&self.plan, &self.uid);
            self.context.notify(&instance, started);
        }
        match state.status {
            Status::Complete => {
                tracing::info!(instance = %self.key, plan = self.plan, "plan finished");
                let status = state.status.as_str();
                let finished = Notification::plan_finished(&self.plan, &self.uid, status);
                self.context.notify(&instance, finished);
            }
            Status::FatalError => {
                let failure = locked(&self.failure).take();
                let (reason, message) = failure.unwrap_or_else(|| {
                    let message = state.message.clone().unwrap_or_default();
                    ("InvalidPlan".to_owned(), message)
                });
                tracing::warn!(instance = %self.key, plan = self.plan, reason, message, "plan failed");
                let warning = Notification::warning(&reason, &message, &self.uid);
                self.context.notify(&instance, warning);
            }
            _ => {}
        }
    }
}

impl Observer for Recorder {
    type Error = WriteError;

    async fn record(&self, state: &PlanState) -> Result<(), WriteError> {
        self.write(state).await?;
        self.tell(state);
        Ok(())
    }

    fn failed(&self, step: &StepRef<'_>, task: Option<&str>, failure: &TaskFailure) {
        self.context
            .metrics
            .task_failed(failure.reason(), failure.is_fatal());
        tracing::debug!(
            instance = %self.key,
            %step,
            task,
            reason = failure.reason(),
            message = failure.message(),
            fatal = failure.is_fatal(),
            "a task failed"
        );
        if failure.is_fatal() {
            self.refused(failure.reason(), failure.message());
        }
    }

    fn has_unrecorded(&self) -> bool {
        self.inventory.has_unrecorded()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
