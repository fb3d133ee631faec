//! The manager: watches, actors, and their orderly end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::Client;
use kudo_kube::{Cluster, ClusterOptions, CopyFiles, Meter};
use kudo_template::{Limits, Renderer};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actors::Actors;
use crate::clock::time;
use crate::context::Context;
use crate::election::Fence;
use crate::gate::RequestGate;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::pace::Pace;
use crate::store::{DefinitionStore, InstanceStore};
use crate::turn::Turns;
use crate::watching::{
    WATCHED, description, follow_instances, follow_operator_versions, operator_versions_listed,
};

/// How long requests under way may take when the manager ends.
const DRAIN: Duration = Duration::from_secs(5);
/// How long what is left may take to notice that the manager ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// How a manager works.
#[derive(Clone)]
pub struct ManagerOptions {
    /// Namespaces whose instances it looks after; empty means all.
    pub namespaces: Vec<String>,
    /// How many requests may be under way at a time.
    pub workers: usize,
    /// Counts the requests, for the metrics; the client's own meter.
    pub meter: Option<Meter>,
    /// Bounds of each rendering of a template.
    pub limits: Limits,
    /// What ends the work on the spot: the end of a term as leader.
    pub fence: Option<Fence>,
    /// Image of the container that keeps the pod of a Pipe task until its files are copied; `None` means
    /// the default.
    pub waiter_image: Option<String>,
    /// Copies files out of such pods; `None` means by `exec` over the API server.
    pub files: Option<Arc<dyn CopyFiles>>,
}

impl Default for ManagerOptions {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            workers: 64,
            meter: None,
            limits: Limits::default(),
            fence: None,
            waiter_image: None,
            files: None,
        }
    }
}

/// Looks after the instances of a cluster.
///
/// ```no_run
/// # async fn example(client: kube::Client) {
/// use kudo_controller::{Manager, ManagerOptions};
/// use tokio_util::sync::CancellationToken;
///
/// let shutdown = CancellationToken::new();
/// Manager::new(client, ManagerOptions::default()).run(shutdown).await;
/// # }
/// ```
pub struct Manager {
    context: Arc<Context>,
}

impl Manager {
    /// A manager that has not begun. Must be called within a tokio runtime.
    pub fn new(client: Client, options: ManagerOptions) -> Self {
        let gate = RequestGate::new(options.workers).behind(options.fence);
        let client = gate.client(client);
        let mut cluster = Cluster::new(
            client.clone(),
            ClusterOptions {
                namespaces: options.namespaces.clone(),
                waiter_image: options.waiter_image.clone(),
            },
        );
        if let Some(files) = options.files {
            cluster.files = files;
        }
        let health = Health::default();
        for namespace in spans(&options.namespaces) {
            for what in WATCHED {
                health.wait_for(&description(what, namespace.as_deref()));
            }
        }
        let context = Context {
            client,
            gate: gate.clone(),
            turns: Turns::new(gate.clone()),
            pace: Pace::default(),
            cluster,
            namespaces: options.namespaces,
            instances: Arc::new(InstanceStore::default()),
            own_plans: Mutex::default(),
            definitions: Arc::new(DefinitionStore::default()),
            actors: Actors::default(),
            renderer: Renderer::new(options.limits),
            metrics: Arc::new(Metrics::new(options.meter, gate.clone())),
            health: Arc::new(health),
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            began: time(),
        };
        Self {
            context: Arc::new(context),
        }
    }

    /// What it counts.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.context.metrics)
    }

    /// Whether it sees what it looks after.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.context.health)
    }

    /// The operator versions it knows.
    pub fn definitions(&self) -> Arc<DefinitionStore> {
        Arc::clone(&self.context.definitions)
    }

    /// Works until the shutdown, then finishes the requests under way and nothing else: the next
    /// manager goes on from the instances' status. If its fence falls it stops on the spot.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut watches = JoinSet::new();
        for namespace in spans(&self.context.namespaces) {
            let context = Arc::clone(&self.context);
            watches.spawn(follow_operator_versions(context, namespace));
        }
        let listed = operator_versions_listed(&self.context);
        let gate = &self.context.gate;
        let over = async {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => DRAIN,
                () = gate.fallen() => Duration::ZERO,
            }
        };
        let mut over = std::pin::pin!(over);
        let begun = tokio::select! {
            biased;
            drain = over.as_mut() => Err(drain),
            () = listed => Ok(()),
        };
        let drain = if let Err(drain) = begun {
            drain
        } else {
            for namespace in spans(&self.context.namespaces) {
                let context = Arc::clone(&self.context);
                watches.spawn(follow_instances(context, namespace));
            }
            watches.spawn(follow_readiness(Arc::clone(&self.context)));
            tracing::info!("working");
            over.await
        };
        tracing::info!("ending: finishing the requests under way");
        self.context.gate.close(drain).await;
        self.context.shutdown.cancel();
        watches.shutdown().await;
        self.context.tasks.close();
        let _ = tokio::time::timeout(FAREWELL, self.context.tasks.wait()).await;
        tracing::info!("ended");
    }
}

/// Wakes the actors of instances whose resources have become ready or unready.
async fn follow_readiness(context: Arc<Context>) {
    let mut changes = context.cluster.observed.changes();
    loop {
        let key = changes.next().await;
        if context.instances.contains(&key) {
            context.wake(&key);
        }
    }
}

/// What to watch: each namespace by itself, or all as one.
fn spans(namespaces: &[String]) -> Vec<Option<String>> {
    if namespaces.is_empty() {
        vec![None]
    } else {
        namespaces.iter().cloned().map(Some).collect()
    }
}
