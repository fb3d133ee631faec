//! What all actors of a manager share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Client;
use kudo_api::Instance;
use kudo_api::instance::InventoryEntry;
use kudo_kube::readiness::Readiness;
use kudo_kube::{Cluster, InstanceKey};
use kudo_template::Renderer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actor;
use crate::actors::Actors;
use crate::events::{self, Notification};
use crate::gate::RequestGate;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::pace::Pace;
use crate::readiness;
use crate::store::{DefinitionStore, InstanceStore};
use crate::turn::Turns;
use crate::versions::VersionKey;

/// A plan that ended this shortly before the manager began may have ended without its event.
const RECENT: SignedDuration = SignedDuration::from_secs(30);
/// How long an operator version that was created together with its instance may take to be seen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// How long watches may take to begin before readiness is told without them.
const WATCH_PATIENCE: Duration = Duration::from_secs(5);

/// What all actors of a manager share.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) gate: RequestGate,
    pub(crate) turns: Turns,
    pub(crate) pace: Pace,
    pub(crate) cluster: Cluster,
    pub(crate) namespaces: Vec<String>,
    pub(crate) instances: Arc<InstanceStore>,
    /// The uid of the plan of each instance that this manager ran last.
    pub(crate) own_plans: Mutex<HashMap<InstanceKey, String>>,
    pub(crate) definitions: Arc<DefinitionStore>,
    pub(crate) actors: Actors,
    pub(crate) renderer: Renderer,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
    pub(crate) began: Timestamp,
}

impl Context {
    /// Tells the actor of an instance of news; starts it if there is none.
    pub(crate) fn wake(self: &Arc<Self>, key: &InstanceKey) {
        if self.shutdown.is_cancelled() {
            return;
        }
        if let Some(signal) = self.actors.tell(key) {
            self.metrics.active.inc();
            let context = Arc::clone(self);
            self.tasks.spawn(actor::run(context, key.clone(), signal));
        }
    }

    /// Wakes the instances that need an operator version.
    pub(crate) fn wake_users_of(self: &Arc<Self>, version: &VersionKey) {
        for key in self.instances.users_of(version) {
            self.wake(&key);
        }
    }

    /// Whether operator versions of a namespace are seen at all.
    pub(crate) fn watches(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|watched| watched == namespace)
    }

    /// Whether all that runs for an instance is ready, once all that bears on that is known.
    ///
    /// A kind that cannot be watched, for want of a permission say, is left out after a while.
    pub(crate) async fn readiness(
        &self,
        key: &InstanceKey,
        inventory: &[InventoryEntry],
    ) -> Readiness {
        let observed = &self.cluster.observed;
        let watched = async {
            for kind in readiness::kinds(inventory) {
                let Ok(kind) = self.cluster.discovery.resolve(&kind).await else {
                    continue;
                };
                if let Err(error) = observed.ensure(&kind).await {
                    tracing::debug!(instance = %key, %error, "readiness is told without a kind");
                }
            }
        };
        if tokio::time::timeout(WATCH_PATIENCE, watched).await.is_err() {
            tracing::warn!(instance = %key, "readiness is told before all kinds are known");
        }
        observed.readiness(key)
    }

    /// Tells of something in the background: an event never holds up a plan.
    pub(crate) fn notify(self: &Arc<Self>, instance: &Instance, notification: Notification) {
        let client = self.client.clone();
        // An event needs no more of an instance than its metadata.
        let mut about = Instance::new("", kudo_api::InstanceSpec::default());
        about.metadata = instance.metadata.clone();
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            let published = events::publish(&client, &about, &notification);
            let _ = shutdown.run_until_cancelled(published).await;
        });
    }

    /// Tells of the end of a plan once more if the manager before this one may have died before it did.
    pub(crate) fn tell_of_recent_end(self: &Arc<Self>, instance: &Instance) {
        let last = instance
            .status
            .as_ref()
            .and_then(|s| s.last_executed_plan());
        let Some((plan, recorded)) = last.filter(|(_, plan)| plan.status == "COMPLETE") else {
            return;
        };
        let ended = recorded.last_updated_timestamp.as_ref().map(|time| time.0);
        if ended.is_some_and(|ended| self.began.duration_since(ended) < RECENT) {
            self.notify(
                instance,
                Notification::plan_finished(plan, &recorded.uid, &recorded.status),
            );
        }
    }

    /// The same, if it was not this manager that ran the plan.
    pub(crate) fn tell_of_end_elsewhere(self: &Arc<Self>, key: &InstanceKey, instance: &Instance) {
        let own = self.own_plans().get(key).cloned();
        let status = instance.status.as_ref();
        let last = status.and_then(|status| status.last_executed_plan());
        if last.is_some_and(|(_, plan)| Some(&plan.uid) != own.as_ref()) {
            self.tell_of_recent_end(instance);
        }
    }

    /// Notes that this manager runs a plan.
    pub(crate) fn runs(&self, key: &InstanceKey, uid: &str) {
        self.own_plans().insert(key.clone(), uid.to_owned());
    }

    /// Notes that an instance is gone.
    pub(crate) fn forget(&self, key: &InstanceKey) {
        self.own_plans().remove(key);
    }

    fn own_plans(&self) -> MutexGuard<'_, HashMap<InstanceKey, String>> {
        self.own_plans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
