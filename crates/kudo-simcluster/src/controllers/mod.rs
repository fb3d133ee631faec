//! Workload controllers for an API server that has none: what kube-controller-manager does, as far as
//! operators and their users meet it.
//!
//! ```no_run
//! # async fn example(client: kube::Client) -> kube::Result<()> {
//! use kudo_simcluster::controllers::{ControllerOptions, run};
//!
//! run(client, ControllerOptions::default()).await // until the future is dropped
//! # }
//! ```
//!
//! The pipeline: `watches` → `world` (a cache of few fields) → `route` (who must look) → a controller's
//! `observe`, a pure function from the cache to the writes it wants → `action`, which carries them out →
//! their answers go into the cache as well, so nothing is decided on a state older than the own last
//! write. `runner` is the loop around it. There is no polling; timers are where Kubernetes itself has
//! them, on tokio's clock, so they run in virtual time too.
//!
//! Statuses, conditions, reasons, messages and events are those of the real controllers. An event is a
//! `note` at the write that it is about, so that it is told when that has ended.

mod action;
mod aggregation;
mod autoscaler;
mod claiming;
mod clock;
mod conditions;
mod cron_job;
mod daemon_set;
mod deployment;
mod disruption;
mod endpoint_slices;
mod endpoints;
mod ephemeral;
mod garbage;
mod job;
mod model;
mod namespace;
mod namespace_defaults;
mod note;
mod pods;
mod protection;
mod replica_set;
mod resources;
mod revisions;
mod route;
mod runner;
mod shallow;
mod stateful_set;
mod template;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tokens;
mod volumes;
mod watches;
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::Client;

use action::Action;
pub use clock::Clock;
pub(crate) use clock::spelled;
pub use namespace_defaults::ROOT_CERTIFICATE;
use resources::Kind;
use runner::{Failure, Runner};
use world::World;

use crate::events;

/// One of the controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Controller {
    /// Replica sets of deployments.
    Deployment,
    /// Pods of replica sets.
    ReplicaSet,
    /// Pods of replication controllers.
    ReplicationController,
    /// Pods and claims of stateful sets.
    StatefulSet,
    /// Pods of daemon sets, one for each fitting node.
    DaemonSet,
    /// Pods of jobs, and the end of finished jobs.
    Job,
    /// Jobs by the clock.
    CronJob,
    /// Deletion of what owners leave behind; foreground deletion and orphaning.
    GarbageCollector,
    /// Deletion of a namespace's content.
    Namespace,
    /// Endpoints of services.
    Endpoints,
    /// Endpoint slices of services.
    EndpointSlice,
    /// Status of disruption budgets.
    DisruptionBudget,
    /// Status of autoscalers, which here never find a metric.
    Autoscaler,
    /// What every namespace holds from the start: an account and the cluster's certificate.
    NamespaceDefaults,
    /// The end of claims and volumes that nothing uses any more.
    ClaimProtection,
    /// Rules of cluster roles that are made of others.
    RoleAggregation,
    /// Volumes of claims.
    Volumes,
    /// Claims of pods that have templates of them.
    EphemeralVolumes,
    /// Tokens of accounts in Secrets that ask for them.
    Tokens,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Deployment,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Job,
        Self::CronJob,
        Self::GarbageCollector,
        Self::Namespace,
        Self::Endpoints,
        Self::EndpointSlice,
        Self::DisruptionBudget,
        Self::Autoscaler,
        Self::NamespaceDefaults,
        Self::ClaimProtection,
        Self::RoleAggregation,
        Self::Volumes,
        Self::EphemeralVolumes,
        Self::Tokens,
    ];
}

/// How the controllers run.
#[derive(Clone, Debug)]
pub struct ControllerOptions {
    /// Those that run; all unless said otherwise.
    pub controllers: BTreeSet<Controller>,
    /// The time of day they go by.
    pub clock: Clock,
    /// The certificate authority that every namespace's `kube-root-ca.crt` holds; without one no such
    /// ConfigMap is made.
    pub root_certificate: Option<String>,
}

impl Default for ControllerOptions {
    fn default() -> Self {
        Self {
            controllers: BTreeSet::from(Controller::ALL),
            clock: Clock::default(),
            root_certificate: None,
        }
    }
}

impl ControllerOptions {
    /// Whether any of the controllers that run reads a kind.
    fn needs(&self, kind: Kind) -> bool {
        let whole = [Controller::GarbageCollector, Controller::Namespace];
        kind != Kind::Other || whole.iter().any(|c| self.controllers.contains(c))
    }
}

/// Runs the controllers until the future is dropped; it only ever returns if the server cannot even be
/// asked which kinds it has.
///
/// Broken watches and refused writes are retried with growing pauses and told through `tracing`.
pub async fn run(client: Client, options: ControllerOptions) -> kube::Result<()> {
    let client = shallow::shallow(client);
    let resources = resources::discover(&client).await?;
    let (recorder, writer) = events::recorder(client.clone(), options.clock);
    tokio::select! {
        biased;
        () = Runner::new(client, options, recorder).run(resources) => {}
        () = writer.run() => {}
    }
    Ok(())
}

/// What a controller sees.
struct View<'a> {
    world: &'a World,
    now: Timestamp,
    /// Why the same controller's last writes for the same object did not come about.
    failure: Option<&'a Failure>,
    options: &'a ControllerOptions,
}

/// What a controller wants: writes, and to be asked again after a while even if nothing changes.
#[derive(Debug, Default, PartialEq)]
struct Verdict {
    actions: Vec<Action>,
    again: Option<Duration>,
}

impl Verdict {
    fn nothing() -> Self {
        Self::default()
    }

    fn write(actions: impl IntoIterator<Item = Action>) -> Self {
        Self {
            actions: actions.into_iter().collect(),
            again: None,
        }
    }

    fn again_after(mut self, delay: Option<Duration>) -> Self {
        self.again = match (self.again, delay) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self
    }
}
