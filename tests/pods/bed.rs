//! The cluster, with KUDO installed into it, and a namespace for each test.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Debug;
use std::future::Future;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{
    AttachParams, DeleteParams, EvictParams, ListParams, Patch, PatchParams, PostParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::DynamicObject;
use kube::discovery::{ApiGroup, Discovery, Scope, verbs};
use kube::{Api, Client, Config, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

/// The cluster to test on.
const KUBECONFIG: &str = "KUDO_E2E_KUBECONFIG";
/// Image of the manager; `init`'s own default without it.
const MANAGER_IMAGE: &str = "KUDO_E2E_MANAGER_IMAGE";
/// The command line, if it is not to be taken from beside the test.
const PROGRAM: &str = "KUDO_TEST_PROGRAM";
/// Deleted pods may stay in the API for a minute, and the machine may be slow.
const PATIENCE: Duration = Duration::from_mins(10);
const POLL: Duration = Duration::from_millis(250);
/// What makes a command wait for the plan's end, for as long as that may take.
pub(crate) const WAIT: [&str; 3] = ["--wait", "--wait-time", "600"];
/// Where the manager runs.
pub(crate) const SYSTEM: &str = "kudo-system";

/// What the API server says when nobody answers the manager's webhook.
const NO_WEBHOOK: &str = "failed calling webhook";

/// More tests than there are.
const ALL_TURNS: u32 = 1000;
static TURNS: Semaphore = Semaphore::const_new(ALL_TURNS as usize);
static INSTALLED: OnceCell<()> = OnceCell::const_new();

/// A namespace of the cluster, and the command line in it.
pub(crate) struct Bed {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    kubeconfig: PathBuf,
    config: Config,
    home: tempfile::TempDir,
    _turn: SemaphorePermit<'static>,
}

/// What the command line said.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    /// Demands an exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }
}

/// Says something that the test harness does not swallow.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

async fn config(kubeconfig: &Path) -> Config {
    let read = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
    config.unwrap()
}

impl Bed {
    /// A namespace of that name, empty; `None` with no cluster, which is said aloud. Tests in other namespaces
    /// run meanwhile, and may end the manager.
    pub(crate) async fn beside_others(name: &str) -> Option<Self> {
        Self::new(name, 1).await
    }

    /// The same, with no other test meanwhile.
    pub(crate) async fn alone(name: &str) -> Option<Self> {
        Self::new(name, ALL_TURNS).await
    }

    async fn new(name: &str, turns: u32) -> Option<Self> {
        let Some(kubeconfig) = env::var_os(KUBECONFIG).map(PathBuf::from) else {
            say(&format!(
                "SKIPPED: pods::{name} needs a cluster with real pods; set {KUBECONFIG}, or run `cargo xtask test --only pods`"
            ));
            return None;
        };
        let turn = TURNS.acquire_many(turns).await.unwrap();
        let config = config(&kubeconfig).await;
        let bed = Self {
            client: Client::try_from(config.clone()).unwrap(),
            namespace: format!("e2e-{name}"),
            kubeconfig,
            config,
            home: tempfile::tempdir().unwrap(),
            _turn: turn,
        };
        INSTALLED.get_or_init(|| async { bed.install_kudo() }).await;
        bed.remove().await;
        let namespaces: Api<Namespace> = Api::all(bed.client.clone());
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(bed.namespace.clone());
        namespaces
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap();
        Some(bed)
    }

    fn install_kudo(&self) {
        let image = env::var(MANAGER_IMAGE).ok();
        let image: Vec<&str> = image
            .as_deref()
            .into_iter()
            .flat_map(|image| ["--kudo-image", image])
            .collect();
        let init = ["init", "--wait", "--wait-timeout", "180"];
        let installed = self.run(&[&init, &image[..]].concat());
        if installed.code != Some(0) {
            // Another version's manager may be there from before.
            self.run(&[&init[..], &["--upgrade"], &image[..]].concat())
                .expect(0);
        }
        self.run(&[&["init", "--verify"], &image[..]].concat())
            .expect(0);
    }

    /// Removes the namespace with all that is in it, and waits.
    pub(crate) async fn remove(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let gone = DeleteParams::background();
        let _ = namespaces.delete(&self.namespace, &gone).await;
        eventually("the namespace is gone", || async {
            namespaces.get_opt(&self.namespace).await.unwrap().is_none()
        })
        .await;
    }

    /// Runs the command line in the namespace; once more when nobody answered the webhook, for the manager may
    /// be about to start again.
    pub(crate) fn kudo(&self, arguments: &[&str]) -> Outcome {
        let begun = Instant::now();
        loop {
            let outcome = self.run(&[arguments, &["-n", &self.namespace]].concat());
            if !outcome.err.contains(NO_WEBHOOK) || begun.elapsed() > PATIENCE {
                return outcome;
            }
            tokio::task::block_in_place(|| std::thread::sleep(POLL));
        }
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        let beside = || {
            let test = env::current_exe().unwrap();
            test.ancestors().nth(2).unwrap().join("kubectl-kudo")
        };
        let program = env::var_os(PROGRAM).map_or_else(beside, PathBuf::from);
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_remove("KUBECONFIG")
            .env("KUDO_HOME", self.home.path())
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .stdin(Stdio::null());
        let output = tokio::task::block_in_place(|| command.output()).expect("kubectl-kudo runs");
        Outcome {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Evicts a pod, once: the client would try again until it may.
    pub(crate) async fn evict(&self, pod: &str) -> kube::Result<()> {
        let mut config = self.config.clone();
        config.default_retry = false;
        let pods: Api<Pod> = Api::namespaced(Client::try_from(config)?, &self.namespace);
        pods.evict(pod, &EvictParams::default()).await?;
        Ok(())
    }

    /// Names of all objects of a kind, in order.
    pub(crate) async fn names<K>(&self) -> Vec<String>
    where
        K: kube::Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
        K::DynamicType: Default,
    {
        let listed = self.api::<K>().list(&ListParams::default()).await.unwrap();
        listed.items.iter().map(ResourceExt::name_any).collect()
    }

    /// All there is in the namespace, as `Kind/name`, but for what Kubernetes puts into every one and
    /// what is no object of anybody's: events, and the addresses of services.
    pub(crate) async fn everything(&self) -> Vec<String> {
        let discovery = Discovery::new(self.client.clone()).run().await.unwrap();
        let kinds = discovery.groups().flat_map(ApiGroup::recommended_resources);
        let mut found = BTreeSet::new();
        for (kind, capabilities) in kinds {
            let ours = capabilities.scope == Scope::Namespaced
                && capabilities.supports_operation(verbs::LIST);
            if !ours || ["Event", "Endpoints", "EndpointSlice"].contains(&&*kind.kind) {
                continue;
            }
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.client.clone(), &self.namespace, &kind);
            let listed = api.list_metadata(&ListParams::default()).await.unwrap();
            let names = listed.items.iter().map(ResourceExt::name_any);
            found.extend(names.map(|name| format!("{}/{name}", kind.kind)));
        }
        let everywhere = |name: &String| {
            name.starts_with("Secret/default-token-")
                || ["ConfigMap/kube-root-ca.crt", "ServiceAccount/default"].contains(&&**name)
        };
        found.into_iter().filter(|name| !everywhere(name)).collect()
    }

    /// Applies an object.
    pub(crate) async fn apply<K>(&self, object: Value)
    where
        K: kube::Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
        K::DynamicType: Default,
    {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let params = PatchParams::apply("test").force();
        let api = self.api::<K>();
        let patch = Patch::Apply(object);
        api.patch(&name, &params, &patch).await.unwrap();
    }

    /// Deletes an object as an operator would who has lost patience.
    pub(crate) async fn kill_pod(&self, name: &str) {
        let now = DeleteParams::default().grace_period(0);
        let _ = self.api::<Pod>().delete(name, &now).await;
    }

    /// Waits until there is no pod of that name.
    pub(crate) async fn until_pod_is_gone(&self, name: &str) {
        eventually(&format!("pod {name} is gone"), || async {
            !self.names::<Pod>().await.contains(&name.to_owned())
        })
        .await;
    }

    /// Uid of a pod, if there is one of that name.
    pub(crate) async fn uid_of(&self, pod: &str) -> Option<String> {
        self.api::<Pod>().get_opt(pod).await.unwrap()?.uid()
    }

    /// Waits until there is another pod of that name.
    pub(crate) async fn until_replaced(&self, pod: &str, former: Option<String>) {
        eventually(&format!("there is another pod {pod}"), || async {
            let now = self.uid_of(pod).await;
            now.is_some() && now != former
        })
        .await;
    }

    /// Runs a command in a container of a pod; gives what it printed, or why it failed.
    pub(crate) async fn exec(
        &self,
        pod: &str,
        container: &str,
        command: &[&str],
    ) -> Result<String, String> {
        self.exec_in(&self.namespace, pod, container, command).await
    }

    /// The same, in another namespace.
    pub(crate) async fn exec_in(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        command: &[&str],
    ) -> Result<String, String> {
        let params = AttachParams::default().container(container).stderr(false);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let running = pods.exec(pod, command.iter().copied(), &params).await;
        let mut running = running.map_err(|error| error.to_string())?;
        let status = running.take_status().ok_or("no status")?;
        let mut out = String::new();
        let mut stdout = running.stdout().ok_or("no output")?;
        stdout
            .read_to_string(&mut out)
            .await
            .map_err(|error| error.to_string())?;
        match status.await.and_then(|status| status.status) {
            Some(status) if status == "Success" => Ok(out),
            status => Err(format!("{status:?}: {out}")),
        }
    }
}

/// Whether a pod has a condition.
pub(crate) fn has(pod: &Pod, condition: &str) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|found| found.type_ == condition && found.status == "True")
}

/// Waits until something holds.
pub(crate) async fn eventually<F, O>(what: &str, mut holds: F)
where
    F: FnMut() -> O,
    O: Future<Output = bool>,
{
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        tokio::time::sleep(POLL).await;
    }
}
