//! A cluster in this thread, in virtual time, with all that a manager needs around it.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use kudo_api::{Instance, OperatorVersion};
use kudo_controller::{Manager, ManagerOptions};
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use kudo_simcluster::controllers::{self, Clock, ControllerOptions};
use kudo_simcluster::kubelet::{PodOptions, simulate_pods};
use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempPath};
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::network::{Fair, Network, Past, Trace, Weather};

/// Namespace of all that happens.
pub(crate) const NAMESPACE: &str = "default";
/// Name of the instance.
pub(crate) const NAME: &str = "db";

/// Longest that anything may take, in virtual time: some faults cost minutes.
const PATIENCE: Duration = Duration::from_hours(1);
/// How long caches are behind.
const LAG: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(200);

/// Runs a future to its end in a thread whose time passes when nothing else is to be done.
pub(crate) fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// A cluster as it was at some time, in a file: a beginning for many worlds.
pub(crate) struct Ready {
    file: TempPath,
    time: Timestamp,
}

/// The cluster.
pub(crate) struct World {
    cluster: SimCluster,
    client: Client,
    pub(crate) trace: Trace,
    _background: JoinSet<()>,
}

impl World {
    /// Starts a cluster with controllers, a kubelet and the definitions.
    pub(crate) async fn new(seed: u64) -> Self {
        let begin = "2026-01-01T00:00:00Z".parse().unwrap();
        let world = Self::with(SimCluster::start(options(seed, begin)), begin);
        let definitions: Api<CustomResourceDefinition> = Api::all(world.client());
        for definition in kudo_api::crds() {
            let params = PostParams::default();
            definitions.create(&params, &definition).await.unwrap();
        }
        world
    }

    /// Goes on where another world was saved.
    pub(crate) fn from(ready: &Ready) -> Self {
        let cluster = SimCluster::start_from(options(1, ready.time), &ready.file);
        Self::with(cluster.unwrap(), ready.time)
    }

    /// Saves what there is by now.
    pub(crate) fn save(&self) -> Ready {
        let file = NamedTempFile::new().unwrap().into_temp_path();
        self.cluster.save(&file).unwrap();
        let time = self.cluster.now();
        Ready { file, time }
    }

    fn with(cluster: SimCluster, begin: Timestamp) -> Self {
        let client = cluster.client();
        let mut background = JoinSet::new();
        let clock = Clock::starting_at(begin);
        let options = ControllerOptions {
            clock,
            ..ControllerOptions::default()
        };
        let workloads = controllers::run(client.clone(), options);
        background.spawn(async { workloads.await.unwrap() });
        let options = PodOptions {
            clock,
            delay: Duration::from_millis(500),
            ..PodOptions::default()
        };
        let kubelet = simulate_pods(client.clone(), options);
        background.spawn(async { kubelet.await.unwrap() });
        Self {
            cluster,
            client,
            trace: Trace::new(),
            _background: background,
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn instances(&self) -> Api<Instance> {
        Api::namespaced(self.client(), NAMESPACE)
    }

    /// Starts a manager behind a network with this weather.
    pub(crate) fn manager(&self, weather: impl Weather + 'static) -> RunningManager {
        self.started(weather, None)
    }

    /// Starts a manager that sees everything as it was some versions ago, for a while.
    pub(crate) async fn manager_in_the_past(&self, versions: u64) -> RunningManager {
        let params = ListParams::default().limit(1);
        let list = self.instances().list(&params).await.unwrap();
        let version = list.metadata.resource_version.unwrap();
        let version = version
            .parse::<u64>()
            .unwrap()
            .saturating_sub(versions)
            .max(1);
        let until = tokio::time::Instant::now() + LAG;
        self.started(Fair, Some(Past { version, until }))
    }

    fn started(&self, weather: impl Weather + 'static, past: Option<Past>) -> RunningManager {
        let network = Network::new(self.client(), weather, self.trace.clone(), past);
        let manager = Manager::new(network.client(), ManagerOptions::default());
        let shutdown = CancellationToken::new();
        RunningManager {
            task: tokio::spawn(manager.run(shutdown.clone())),
            network,
            shutdown,
        }
    }

    pub(crate) async fn create_version(&self, version: &Value) {
        let version: OperatorVersion = serde_json::from_value(version.clone()).unwrap();
        let api: Api<OperatorVersion> = Api::namespaced(self.client(), NAMESPACE);
        api.create(&PostParams::default(), &version).await.unwrap();
    }

    pub(crate) async fn create_instance(&self, version: &str) {
        let instance = json!({
            "metadata": { "name": NAME },
            "spec": { "operatorVersion": { "name": version } },
        });
        let instance: Instance = serde_json::from_value(instance).unwrap();
        let (api, params) = (self.instances(), PostParams::default());
        api.create(&params, &instance).await.unwrap();
    }

    /// Changes the instance's spec by a merge patch.
    pub(crate) async fn change(&self, spec: Value) {
        let patch = Patch::Merge(json!({ "spec": spec }));
        let (api, params) = (self.instances(), PatchParams::default());
        api.patch(NAME, &params, &patch).await.unwrap();
    }

    pub(crate) async fn delete_instance(&self) {
        let (api, params) = (self.instances(), DeleteParams::background());
        api.delete(NAME, &params).await.unwrap();
    }

    pub(crate) async fn instance(&self) -> Option<Instance> {
        self.instances().get_opt(NAME).await.unwrap()
    }

    /// Waits until the instance is as it should be; `None` stands for no instance.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(Option<&Instance>) -> bool) {
        let begun = tokio::time::Instant::now();
        loop {
            let found = self.instance().await;
            if holds(found.as_ref()) {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "not after {PATIENCE:?}: {what}; it is {:#}",
                json!(found)
            );
            tokio::time::sleep(POLL).await;
        }
    }
}

/// All objects of a kind in the namespace that belong to an instance.
pub(crate) async fn owned(client: &Client, kind: &GroupVersionKind) -> Vec<DynamicObject> {
    let resource = ApiResource::from_gvk(kind);
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &resource);
    let mut items = api.list(&ListParams::default()).await.unwrap().items;
    items.retain(|object| object.labels().get("kudo.dev/instance").is_some());
    items
}

fn options(seed: u64, begin: Timestamp) -> SimOptions {
    SimOptions {
        seed: Some(seed),
        time: Some(begin),
        ..SimOptions::default()
    }
}

/// A manager that runs, or is dead.
pub(crate) struct RunningManager {
    pub(crate) network: Network,
    task: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl RunningManager {
    /// Ends it as `SIGKILL` does: nothing more of it is seen.
    pub(crate) fn kill(&self) {
        self.network.cut();
        self.task.abort();
    }

    /// Ends it as `SIGTERM` does.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        (&mut self.task).await.unwrap();
        self.network.cut();
    }
}

impl Drop for RunningManager {
    fn drop(&mut self) {
        self.kill();
    }
}
