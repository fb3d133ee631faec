//! The shared control plane, and what a test needs of it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::Poll;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Client, ResourceExt};
use kudo_kube::apply::{Application, Applied, ApplyError, apply};
use kudo_kube::discovery::Kind;
use kudo_kube::enhance::{Enhancement, enhance};
use kudo_kube::observed::AppliedBy;
use kudo_kube::{Cluster, ClusterOptions, ConnectOptions, Gvk, Meter, ObjectKey, connect};
use kudo_simcluster::control_plane::{ControlPlane, ControlPlaneError, ControlPlaneOptions};
use kudo_simcluster::kubelet::{PodOptions, simulate_pods};
use serde_json::{Value, json};

/// Numbers the namespaces.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Time enough for anything that should happen at once, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_mins(1);

/// The kubeconfig of the shared control plane; `None`, said aloud, where its programs are missing.
pub(crate) fn kubeconfig() -> Option<PathBuf> {
    static SHARED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let (send, receive) = mpsc::channel();
        // A thread and a runtime that outlive every test.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let control_plane = match ControlPlane::start(ControlPlaneOptions::default()).await
                {
                    Ok(control_plane) => control_plane,
                    Err(error @ ControlPlaneError::BinariesMissing { .. }) => {
                        eprintln!("SKIPPED, no control plane: {error}");
                        send.send(None).unwrap();
                        return;
                    }
                    Err(error) => panic!("{error}"),
                };
                let client = control_plane.client().await.unwrap();
                install_definitions(&client).await;
                send.send(Some(control_plane.kubeconfig().to_owned()))
                    .unwrap();
                let kubelet = simulate_pods(client, PodOptions::default());
                panic!("the simulated kubelet ended: {:?}", kubelet.await);
            });
        });
        receive.recv().expect("the control plane starts")
    });
    shared.clone()
}

async fn install_definitions(client: &Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in kudo_api::crds() {
        let (name, params) = (definition.name_any(), PatchParams::apply("tests").force());
        api.patch(&name, &params, &Patch::Apply(&definition))
            .await
            .unwrap();
        let established = conditions::is_crd_established();
        soon(
            "a definition is established",
            await_condition(api.clone(), &name, established),
        )
        .await
        .unwrap();
    }
}

/// A namespace with an instance in it, and a manager's view of the cluster.
pub(crate) struct World {
    pub(crate) namespace: String,
    pub(crate) cluster: Cluster,
    pub(crate) meter: Meter,
    pub(crate) instance_uid: String,
}

impl World {
    /// `None` where there is no control plane.
    pub(crate) async fn new() -> Option<Self> {
        let path = kubeconfig()?;
        let meter = Meter::new();
        let client = client(path, meter.clone()).await;
        let cluster = Cluster::new(client, ClusterOptions::default());
        Some(Self::with(cluster, meter).await)
    }

    /// Another namespace and instance, seen by the same manager.
    pub(crate) async fn beside(world: &Self) -> Self {
        Self::with(world.cluster.clone(), world.meter.clone()).await
    }

    async fn with(cluster: Cluster, meter: Meter) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("test-{number}");
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> =
            Api::all(cluster.client.clone());
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).unwrap();
        namespaces
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
        let mut world = Self {
            namespace,
            cluster,
            meter,
            instance_uid: String::new(),
        };
        let instance = world.create_instance().await;
        world.instance_uid = instance.metadata.uid.unwrap();
        world
    }

    /// A second manager, which knows nothing yet.
    pub(crate) async fn restarted(&self) -> Self {
        let meter = Meter::new();
        let client = client(kubeconfig().unwrap(), meter.clone()).await;
        Self {
            namespace: self.namespace.clone(),
            cluster: Cluster::new(client, ClusterOptions::default()),
            meter,
            instance_uid: self.instance_uid.clone(),
        }
    }

    /// The API of a kind in the world's namespace, resolved apart from the manager's own view.
    pub(crate) async fn api(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let kind = self.kind(api_version, kind).await;
        kind.api(&self.cluster.client, Some(&self.namespace))
    }

    pub(crate) async fn kind(&self, api_version: &str, kind: &str) -> Arc<Kind> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = Gvk::gvk(group, version, kind);
        self.cluster.discovery.resolve(&gvk).await.unwrap()
    }

    pub(crate) async fn get(&self, api_version: &str, kind: &str, name: &str) -> Option<Value> {
        let api = self.api(api_version, kind).await;
        let object = api.get_opt(name).await.unwrap()?;
        let mut value = serde_json::to_value(object).unwrap();
        value["apiVersion"] = json!(api_version);
        value["kind"] = json!(kind);
        Some(value)
    }

    /// Creates an object as a plain client by some name does.
    pub(crate) async fn create_as(&self, manager: &str, object: &Value) -> Value {
        let api = self.api_of(object).await;
        let params = PostParams {
            field_manager: Some(manager.to_owned()),
            ..PostParams::default()
        };
        let object = serde_json::from_value(object.clone()).unwrap();
        serde_json::to_value(api.create(&params, &object).await.unwrap()).unwrap()
    }

    /// Changes an object as a plain client by some name does.
    pub(crate) async fn merge_as(&self, manager: &str, object: &Value, patch: Value) -> Value {
        let api = self.api_of(object).await;
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            ..PatchParams::default()
        };
        let name = object["metadata"]["name"].as_str().unwrap();
        serde_json::to_value(
            api.patch(name, &params, &Patch::Merge(patch))
                .await
                .unwrap(),
        )
        .unwrap()
    }

    pub(crate) async fn delete(&self, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap();
        let api = self.api_of(object).await;
        api.delete(name, &DeleteParams::background()).await.unwrap();
    }

    async fn api_of(&self, object: &Value) -> Api<DynamicObject> {
        self.api(
            object["apiVersion"].as_str().unwrap(),
            object["kind"].as_str().unwrap(),
        )
        .await
    }

    /// Enhances and applies an object as a step of an execution.
    pub(crate) async fn apply(
        &self,
        object: &Value,
        execution: &str,
    ) -> Result<Applied, ApplyError> {
        self.apply_in(object, "step", execution, false).await
    }

    pub(crate) async fn apply_in(
        &self,
        object: &Value,
        step: &str,
        execution: &str,
        contested: bool,
    ) -> Result<Applied, ApplyError> {
        let kind = self
            .kind(
                object["apiVersion"].as_str().unwrap(),
                object["kind"].as_str().unwrap(),
            )
            .await;
        if kind.watchable {
            self.cluster.observed.ensure(&kind).await.unwrap();
        }
        let desired = self.enhanced(object, &kind, step, execution);
        let by = AppliedBy {
            plan: "deploy".into(),
            phase: "phase".into(),
            step: step.into(),
            execution: execution.into(),
        };
        let application = Application {
            desired: &desired,
            kind: &kind,
            by: &by,
            instance_uid: &self.instance_uid,
            contested,
        };
        apply(&self.cluster, &application).await
    }

    /// The object as the original would have sent it: with itself in its annotation.
    pub(crate) async fn as_original(&self, object: &Value) -> Value {
        let text = |field: &str| object[field].as_str().unwrap().to_owned();
        let kind = self.kind(&text("apiVersion"), &text("kind")).await;
        let mut original = self.enhanced(object, &kind, "step", "original");
        let sent = original.to_string();
        original["metadata"]["annotations"]["kudo.dev/last-applied-configuration"] = json!(sent);
        original
    }

    pub(crate) fn enhanced(
        &self,
        object: &Value,
        kind: &Kind,
        step: &str,
        execution: &str,
    ) -> Value {
        let enhancement = Enhancement {
            operator_name: "op",
            operator_version: "1.0.0",
            instance: "inst",
            namespace: &self.namespace,
            instance_uid: &self.instance_uid,
            plan: "deploy",
            phase: "phase",
            step,
            execution_uid: execution,
        };
        enhance(object.clone(), &kind.scope, &enhancement).unwrap()
    }

    /// Waits until the manager sees an object healthy.
    pub(crate) async fn healthy(&self, api_version: &str, kind: &str, name: &str) {
        self.healthy_at(self.key(api_version, kind, name)).await;
    }

    /// The same for a cluster-scoped object.
    pub(crate) async fn healthy_cluster(&self, api_version: &str, kind: &str, name: &str) {
        let key = self.key(api_version, kind, name);
        self.healthy_at(ObjectKey {
            namespace: None,
            ..key
        })
        .await;
    }

    async fn healthy_at(&self, key: ObjectKey) {
        let healthy = self.cluster.observed.wait(&key, |record| match record {
            Some(record) if record.health.is_healthy() => Poll::Ready(()),
            _ => Poll::Pending,
        });
        soon("it is healthy", healthy).await;
    }

    pub(crate) fn key(&self, api_version: &str, kind: &str, name: &str) -> ObjectKey {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        ObjectKey {
            kind: Gvk::gvk(group, version, kind),
            namespace: Some(self.namespace.clone()),
            name: name.to_owned(),
        }
    }

    async fn create_instance(&self) -> DynamicObject {
        let api = self.api("kudo.dev/v1beta1", "Instance").await;
        let object = serde_json::from_value(json!({
            "apiVersion": "kudo.dev/v1beta1", "kind": "Instance",
            "metadata": {"name": "inst"},
            "spec": {"operatorVersion": {"name": "op-1.0.0"}},
        }))
        .unwrap();
        let create = || async { api.create(&PostParams::default(), &object).await };
        loop {
            match create().await {
                Ok(created) => return created,
                // The definitions were established a moment ago.
                Err(kube::Error::Api(status)) if status.code == 404 => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

async fn client(path: PathBuf, meter: Meter) -> Client {
    let options = ConnectOptions {
        kubeconfig: Some(path),
        ..ConnectOptions::default()
    };
    connect(options, meter).await.unwrap().client
}

/// Waits for something that must happen soon.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"))
}

#[expect(clippy::needless_pass_by_value, reason = "tests read better")]
pub(crate) fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

pub(crate) fn deployment(name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "nginx", "ports": [{"containerPort": 80}]}]},
            },
        },
    })
}

/// The entry of a field manager in an object.
pub(crate) fn manager_of(object: &Value, manager: &str, operation: &str) -> Option<Value> {
    object["metadata"]["managedFields"]
        .as_array()?
        .iter()
        .find(|entry| entry["manager"] == manager && entry["operation"] == operation)
        .cloned()
}
