//! The two servers that all cases of a run share.

use std::env;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, ListParams};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use kudo_simcluster::control_plane::{ControlPlane, ControlPlaneOptions};
use kudo_simcluster::controllers::{self, ControllerOptions};
use kudo_simcluster::kubelet::{KubeletError, PodOptions, simulate_pods};
use serde_json::Value;
use tokio::runtime::{Handle, Runtime};

use crate::hooks::Hooks;
use crate::versions::Version;

/// Names a kubeconfig of another real cluster to compare with; none is started then.
const KUBECONFIG_VARIABLE: &str = "KUDO_TEST_KUBECONFIG";

/// A server, whichever.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    /// Shows no credential but what a request itself has.
    pub(crate) stranger: Client,
    pub(crate) version: Version,
    /// How long anything may take that is waited for.
    pub(crate) patience: Duration,
}

/// What a case is played on.
pub(crate) struct Servers {
    pub(crate) real: Server,
    pub(crate) embedded: Server,
    /// Webhooks that both call.
    pub(crate) hooks: Hooks,
    runtime: Handle,
    /// Ends with the process that owns it.
    _control_plane: Option<ControlPlane>,
}

/// The servers, started by whoever asks first.
pub(crate) fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = Runtime::new().unwrap();
            runtime.block_on(async {
                send.send(Servers::start().await).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receive.recv().expect("the servers start")
    })
}

impl Servers {
    async fn start() -> Self {
        let existing = env::var_os(KUBECONFIG_VARIABLE).map(PathBuf::from);
        let control_plane = if existing.is_some() {
            None
        } else {
            let started = ControlPlane::start(ControlPlaneOptions::default()).await;
            Some(started.unwrap_or_else(|error| {
                panic!("{error}\nhint: `cargo xtask control-plane build` makes the programs")
            }))
        };
        let started = control_plane.as_ref().map(|c| c.kubeconfig().to_owned());
        let kubeconfig = existing.or(started).unwrap();
        let parsed = Kubeconfig::read_from(&kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(parsed, &options)
            .await
            .unwrap();
        // An error is an answer here.
        config.default_retry = false;
        let client = Client::try_from(config.clone()).unwrap();
        config.auth_info = kube::config::AuthInfo::default();
        let stranger = Client::try_from(config).unwrap();
        spawn_kubelet(client.clone()).await;
        Self {
            real: Server::new("the real server", client, stranger, Duration::from_mins(1)).await,
            embedded: start_embedded().await,
            hooks: Hooks::start().await,
            runtime: Handle::current(),
            _control_plane: control_plane,
        }
    }

    /// Runs a future to its end from a thread outside of any runtime.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

impl Server {
    async fn new(name: &'static str, client: Client, stranger: Client, patience: Duration) -> Self {
        let request = http::Request::get("/version").body(Body::empty()).unwrap();
        let answer = client.send(request).await.unwrap();
        let answer = answer.into_body().collect_bytes().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let version = Version::of_server(&answer);
        Self {
            name,
            client,
            stranger,
            version,
            patience,
        }
    }
}

async fn start_embedded() -> Server {
    let client = SimCluster::start(SimOptions {
        rbac: true,
        ..SimOptions::default()
    });
    let client = client.client();
    let options = ControllerOptions {
        root_certificate: Some("a certificate".to_owned()),
        ..ControllerOptions::default()
    };
    tokio::spawn(controllers::run(client.clone(), options));
    spawn_kubelet(client.clone()).await;
    let stranger = client.clone();
    Server::new(
        "the embedded server",
        client,
        stranger,
        Duration::from_secs(8),
    )
    .await
}

/// Simulates pods, and waits for the class of claims that name none.
async fn spawn_kubelet(client: Client) {
    let classes: Api<StorageClass> = Api::all(client.clone());
    let kubelet = tokio::spawn(async {
        match simulate_pods(client, PodOptions::default()).await {
            Err(KubeletError::RealNodes { .. }) => {}
            ended => panic!("the simulated kubelet ended: {ended:?}"),
        }
    });
    let is_there = || async {
        let found = classes.list(&ListParams::default()).await;
        found.is_ok_and(|classes| !classes.items.is_empty())
    };
    while !kubelet.is_finished() && !is_there().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
