//! A simulated kubelet for any API server without nodes.
//!
//! It registers one [`NODE`] or more, binds every pod without a node to one (no scheduler runs) and moves
//! the pod through the states a real kubelet would report: Running, then Ready, or Succeeded where
//! a Job owns it. Deleted pods go after their termination delay. Nothing runs: only status is written, and
//! the events that scheduler and kubelet tell of it.
//!
//! It stands in for the drivers of storage, too: claims that ask for a volume get one, whatever their class.
//! A class for claims that name none, [`STORAGE_CLASS`], is made unless there is one. Pods wait for their
//! claims.
//!
//! # Asking for trouble
//!
//! Annotations on a pod, and so on a pod template, change what becomes of it:
//!
//! | Annotation | Value |
//! |---|---|
//! | [`OUTCOME_ANNOTATION`] | an [`Outcome`], such as `fail` or `never-ready` |
//! | [`DELAY_ANNOTATION`] | time from Running to the outcome, such as `500ms` or `2s` |
//! | [`TERMINATION_ANNOTATION`] | time from the deletion to the pod's end |
//!
//! Where an annotation is out of reach an image can ask for the same: the image
//! `simulate.kudo.dev/<outcome>`, with any tag, in any container or init container. An annotation
//! wins over an image. An outcome that is changed on a living pod takes effect at once, so a Ready
//! pod can be made unready and ready again.
//!
//! The pipeline of one pod event: [`behaviour`](self) → `stage` (pure) → at most one request.

mod behaviour;
mod news;
mod node;
mod pattern;
mod schedule;
mod stage;
mod status;
mod storage;

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use behaviour::{
    DELAY_ANNOTATION, IMAGE_REGISTRY, OUTCOME_ANNOTATION, Outcome, TERMINATION_ANNOTATION,
    parse_duration,
};
pub use node::NODE;
pub(crate) use pattern::fits;
pub use pattern::{PodPattern, PodPatternError};
use schedule::Schedule;
pub use storage::STORAGE_CLASS;

use crate::controllers::Clock;
use crate::events;

/// Who writes, as managed fields have it.
const MANAGER: &str = "kubelet";
/// The driver that makes volumes, as storage classes name it.
pub const DRIVER: &str = "simulate.kudo.dev";

/// Creates an object in some name, unless it is there; the answer is whether it was created.
async fn create<K>(api: &Api<K>, object: Value, manager: &str) -> kube::Result<bool>
where
    K: Clone + std::fmt::Debug + DeserializeOwned + Serialize,
{
    let object = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    let params = PostParams {
        field_manager: Some(manager.to_owned()),
        ..PostParams::default()
    };
    match api.create(&params, &object).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
        Err(error) => Err(error),
    }
}

/// What the simulated kubelet does with pods that ask for nothing special.
#[derive(Clone, Debug)]
pub struct PodOptions {
    /// Time from Running to Ready, or to the end of a Job's pod. With zero, Running and the
    /// outcome are one request.
    pub delay: Duration,
    /// Time from the deletion of a pod to its end.
    pub termination_delay: Duration,
    /// Pods that fail, whatever they ask for.
    pub fail: Vec<PodPattern>,
    /// Pods that never become ready, whatever they ask for.
    pub never_ready: Vec<PodPattern>,
    /// The number of nodes, at least one. The first is [`NODE`], the others count on: `simulated-2`.
    pub nodes: usize,
    /// The time of day that statuses hold.
    pub clock: Clock,
}

impl Default for PodOptions {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            termination_delay: Duration::ZERO,
            fail: Vec::new(),
            never_ready: Vec::new(),
            nodes: 1,
            clock: Clock::default(),
        }
    }
}

/// Why the simulated kubelet did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeletError {
    /// The cluster has nodes of its own, whose kubelets must not be interfered with.
    #[error("the cluster has real nodes ({}); pods are not simulated there", names.join(", "))]
    RealNodes {
        /// The nodes' names.
        names: Vec<String>,
    },
    /// The class of claims that name none could not be made.
    #[error("cannot make the simulated storage class: {0}")]
    StorageClass(#[source] Box<kube::Error>),
    /// The node could not be registered.
    #[error("cannot register the simulated node: {0}")]
    Node(#[source] Box<kube::Error>),
}

/// Simulates pods until the future is dropped; it only ever returns with an error.
///
/// Watch errors and refused writes are retried with growing pauses and told through `tracing`.
pub async fn simulate_pods(client: Client, options: PodOptions) -> Result<(), KubeletError> {
    node::register(&client, options.nodes).await?;
    storage::register(&client).await?;
    let pods = watcher(Api::<Pod>::all(client.clone()), watcher::Config::default());
    let mut pods = std::pin::pin!(pods.default_backoff());
    let mut storage = storage::watch(&client);
    let (recorder, writer) = events::recorder(client.clone(), options.clock);
    let mut telling = std::pin::pin!(writer.run());
    let mut schedule = Schedule::new(client, options, recorder);
    loop {
        tokio::select! {
            biased;
            Some((kind, event)) = storage.next() => match event {
                Ok(event) => schedule.storage_event(kind, event),
                Err(error) => watch_broke(&error),
            },
            Some(event) = pods.next() => match event {
                Ok(event) => schedule.pod_event(&event),
                Err(error) => watch_broke(&error),
            },
            () = &mut telling => return Ok(()),
            else => return Ok(()),
        }
    }
}

/// Of writes of somebody.
fn patch_params(manager: &str) -> PatchParams {
    PatchParams {
        field_manager: Some(manager.to_owned()),
        ..PatchParams::default()
    }
}

fn watch_broke(error: &watcher::Error) {
    tracing::warn!(%error, "a watch broke and is started again");
}
