//! The cluster that all tests of this binary share, and a namespace of its own for each test.
//!
//! ```ignore
//! #[tokio::test(flavor = "multi_thread")]
//! async fn a_config_map_appears() {
//!     let namespace = cluster().namespace().await;
//!     namespace.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}").await;
//!     namespace.wait_for::<ConfigMap>("a", "exists", SOON, |found| found.is_some()).await;
//! }
//! ```

use std::fmt::{Debug, Display};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Event, Namespace, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
    PostParams,
};
use kube::discovery::{Scope, pinned_kind};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt};
use kudo_simcluster::control_plane::client_for;
use kudo_simcluster::kubelet::PodOptions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime::{Handle, Runtime};

use crate::server::{TestServer, is_simulated};

/// Time enough for anything that should happen at once, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(25);

/// The cluster all tests share.
pub(crate) struct TestCluster {
    server: TestServer,
    background: Handle,
}

/// The shared cluster, started by whoever asks first: control plane, CRDs and simulated kubelet.
pub(crate) fn cluster() -> &'static TestCluster {
    static CLUSTER: OnceLock<TestCluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let (send, receive) = mpsc::channel();
        // A thread of its own, as the caller may be inside a test's runtime, which ends too early.
        std::thread::spawn(move || {
            let runtime = Runtime::new().unwrap();
            runtime.block_on(async {
                send.send(TestCluster::start().await).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receive.recv().expect("the test cluster starts")
    })
}

impl TestCluster {
    async fn start() -> Self {
        let server = TestServer::start(is_simulated(false), PodOptions::default()).await;
        install_crds(&client_for(server.kubeconfig()).await.unwrap()).await;
        let background = Handle::current();
        Self { server, background }
    }

    /// The kubeconfig of a user who may do everything.
    pub(crate) fn kubeconfig(&self) -> &Path {
        self.server.kubeconfig()
    }

    /// The kubeconfig of a user who may do nothing; a cluster that was there before has none.
    pub(crate) fn restricted_kubeconfig(&self) -> Option<&Path> {
        self.server.restricted_kubeconfig()
    }

    /// A client that lives in the caller's runtime.
    pub(crate) async fn client(&self) -> Client {
        client_for(self.kubeconfig()).await.unwrap()
    }

    /// A new namespace, deleted when the value is dropped.
    pub(crate) async fn namespace(&self) -> TestNamespace {
        let client = self.client().await;
        let name = format!("test-{}", &uuid::Uuid::new_v4().simple().to_string()[..10]);
        let namespace: Namespace = object(json!({ "metadata": { "name": name } }));
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap();
        TestNamespace { name, client }
    }

    /// Runs a future to its end outside the caller's runtime.
    fn run_in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        let (send, receive) = mpsc::channel();
        self.background.spawn(async move {
            work.await;
            let _ = send.send(());
        });
        let _ = receive.recv_timeout(SOON);
    }
}

pub(crate) async fn install_crds(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams::apply("kudo-tests").force();
    for definition in kudo_api::crds() {
        let name = definition.name_any();
        definitions
            .patch(&name, &params, &Patch::Apply(&definition))
            .await
            .unwrap();
        let established = conditions::is_crd_established();
        let waiting = await_condition(definitions.clone(), &name, established);
        tokio::time::timeout(SOON, waiting)
            .await
            .expect("a CRD is established")
            .unwrap();
    }
}

/// One test's namespace. Dropping it deletes the namespace in the background; after a failure it
/// first tells what the namespace held.
pub(crate) struct TestNamespace {
    name: String,
    client: Client,
}

impl TestNamespace {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The typed API of a kind in this namespace.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client(), &self.name)
    }

    /// The API of any kind the server knows, in this namespace if the kind is namespaced.
    pub(crate) async fn dynamic(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (resource, scope) = self.resolve(api_version, kind).await;
        match scope {
            Scope::Namespaced => Api::namespaced_with(self.client(), &self.name, &resource),
            Scope::Cluster => Api::all_with(self.client(), &resource),
        }
    }

    async fn resolve(&self, api_version: &str, kind: &str) -> (ApiResource, Scope) {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = GroupVersionKind::gvk(group, version, kind);
        let (resource, capabilities) = pinned_kind(&self.client, &kind).await.unwrap();
        (resource, capabilities.scope)
    }

    /// Applies an object server-side, as the tests' own field manager.
    pub(crate) async fn apply(&self, object: &Value) -> DynamicObject {
        let text = |pointer| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let api = self.dynamic(text("/apiVersion"), text("/kind")).await;
        let params = PatchParams::apply("kudo-tests").force();
        let applied = api
            .patch(text("/metadata/name"), &params, &Patch::Apply(object))
            .await;
        applied.unwrap_or_else(|error| panic!("cannot apply {object:#}: {error}"))
    }

    /// Applies every document of a YAML text.
    pub(crate) async fn apply_yaml(&self, text: &str) {
        for document in kudo_package::yaml::parse_documents(text).unwrap() {
            self.apply(&document.value).await;
        }
    }

    /// Waits by watch until an object, or its absence, is as it should be, and gives it back.
    pub(crate) async fn wait_for<K>(
        &self,
        name: &str,
        what: &str,
        within: Duration,
        holds: impl Fn(Option<&K>) -> bool,
    ) -> Option<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope>,
        K: Clone + Debug + Serialize + DeserializeOwned + Send + 'static,
        K::DynamicType: Default,
    {
        let api = self.api::<K>();
        let kind = K::kind(&K::DynamicType::default()).into_owned();
        let waiting = await_condition(api.clone(), name, |found: Option<&K>| holds(found));
        if let Ok(found) = tokio::time::timeout(within, waiting).await {
            return found.unwrap();
        }
        let last = serde_json::to_value(api.get_opt(name).await.unwrap()).unwrap();
        panic!("{kind} {name:?}: not after {within:?}: {what}; it is now {last:#}");
    }
}

impl Drop for TestNamespace {
    fn drop(&mut self) {
        let (cluster, name) = (cluster(), self.name.clone());
        let failed = std::thread::panicking();
        cluster.run_in_background(async move {
            let client = client_for(cluster.kubeconfig()).await.unwrap();
            if failed {
                tell(&client, &name).await;
            }
            let namespaces: Api<Namespace> = Api::all(client);
            let _ = namespaces.delete(&name, &DeleteParams::background()).await;
        });
    }
}

/// Tries until the answer is good, or fails with what the last attempt said.
pub(crate) async fn eventually<T, E: Display, F>(
    what: &str,
    within: Duration,
    mut attempt: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Result<T, E>>,
{
    let start = Instant::now();
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) if start.elapsed() > within => {
                panic!("not after {within:?}: {what}; the last answer was: {error}")
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// An object of a typed kind from JSON; `apiVersion` and `kind` may be left out.
pub(crate) fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// Prints instances, pods and events of a namespace, for whoever reads the failure.
async fn tell(client: &Client, namespace: &str) {
    let all = ListParams::default();
    let instances: Api<kudo_api::Instance> = Api::namespaced(client.clone(), namespace);
    for instance in instances.list(&all).await.into_iter().flatten() {
        let status = serde_json::to_value(&instance.status).unwrap_or_default();
        eprintln!(
            "instance {}: spec {:?}\nstatus {status:#}",
            instance.name_any(),
            instance.spec
        );
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    for pod in pods.list(&all).await.into_iter().flatten() {
        let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
        eprintln!("pod {}: {}", pod.name_any(), phase.unwrap_or_default());
    }
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    for event in events.list(&all).await.into_iter().flatten() {
        let text = |field: Option<String>| field.unwrap_or_default();
        let about = text(event.involved_object.name);
        eprintln!(
            "event {about}: {} {}",
            text(event.reason),
            text(event.message)
        );
    }
}
