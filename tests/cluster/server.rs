//! The cluster that tests talk to: the embedded one, a real control plane, or one that was there
//! before.

use std::any::Any;
use std::env;
use std::path::{Path, PathBuf};

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use kudo_simcluster::control_plane::{ControlPlane, ControlPlaneOptions, client_for};
use kudo_simcluster::controllers::{self, ControllerOptions};
use kudo_simcluster::kubelet::{KubeletError, PodOptions, simulate_pods};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use tempfile::TempDir;

/// Names a kubeconfig; the tests then use its cluster and start none.
pub(crate) const KUBECONFIG_VARIABLE: &str = "KUDO_TEST_KUBECONFIG";
/// `real` or `simulated`.
pub(crate) const CLUSTER_VARIABLE: &str = "KUDO_TEST_CLUSTER";

/// A running cluster with workload controllers and a simulated kubelet.
pub(crate) struct TestServer {
    kubeconfig: PathBuf,
    owned: Owned,
}

/// What ends with the cluster.
enum Owned {
    Nothing,
    Real(Box<ControlPlane>),
    Simulated {
        restricted: PathBuf,
        _folder: TempDir,
        _serving: Box<dyn Any + Send + Sync>,
    },
}

/// Which cluster `KUDO_TEST_CLUSTER` asks for, or the one that tests choose by themselves.
pub(crate) fn is_simulated(by_default: bool) -> bool {
    match env::var(CLUSTER_VARIABLE).as_deref() {
        Ok("simulated") => true,
        Ok("real") => false,
        Err(_) => by_default,
        Ok(other) => panic!("{CLUSTER_VARIABLE} is `real` or `simulated`, not {other:?}"),
    }
}

impl TestServer {
    /// Starts what the environment asks for, with pods that behave so. What runs in the background lives in
    /// the caller's runtime.
    pub(crate) async fn start(simulated: bool, pods: PodOptions) -> Self {
        let server = if let Some(kubeconfig) = env::var_os(KUBECONFIG_VARIABLE) {
            Self {
                kubeconfig: kubeconfig.into(),
                owned: Owned::Nothing,
            }
        } else {
            Self::of_its_own(simulated).await
        };
        server.simulate_pods(pods).await;
        server
    }

    /// Starts one that nothing but its caller uses, whatever clusters there were before.
    pub(crate) async fn start_another(simulated: bool, pods: PodOptions) -> Self {
        let server = Self::of_its_own(simulated).await;
        server.simulate_pods(pods).await;
        server
    }

    async fn of_its_own(simulated: bool) -> Self {
        if simulated {
            Self::simulated().await
        } else {
            Self::real().await
        }
    }

    async fn simulate_pods(&self, options: PodOptions) {
        let client = client_for(&self.kubeconfig).await.unwrap();
        tokio::spawn(async {
            match simulate_pods(client, options).await {
                Err(KubeletError::RealNodes { .. }) => {}
                ended => panic!("the simulated kubelet ended: {ended:?}"),
            }
        });
    }

    async fn real() -> Self {
        let started = ControlPlane::start(ControlPlaneOptions::default()).await;
        let control_plane = started.unwrap_or_else(|error| {
            panic!("{error}\nhint: `cargo xtask control-plane build` makes the programs")
        });
        Self {
            kubeconfig: control_plane.kubeconfig().to_owned(),
            owned: Owned::Real(Box::new(control_plane)),
        }
    }

    async fn simulated() -> Self {
        let cluster = SimCluster::start(SimOptions {
            rbac: true,
            ..SimOptions::default()
        });
        let key = KeyPair::generate().unwrap();
        let names = ["127.0.0.1", "localhost"].map(str::to_owned);
        let certificate = CertificateParams::new(names)
            .unwrap()
            .self_signed(&key)
            .unwrap()
            .pem();
        let address = "127.0.0.1:0".parse().unwrap();
        let serving = cluster
            .serve(address, &certificate, &key.serialize_pem())
            .await
            .unwrap();
        let token = uuid::Uuid::new_v4().to_string();
        cluster.add_admin_token(&token);
        let options = ControllerOptions {
            root_certificate: Some(certificate.clone()),
            ..ControllerOptions::default()
        };
        tokio::spawn(controllers::run(cluster.client(), options));
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("ca.crt");
        std::fs::write(&authority, certificate).unwrap();
        let url = format!("https://{}", serving.address);
        let write = |name: &str, token: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, kubeconfig_text(&url, &authority, token)).unwrap();
            path
        };
        let kubeconfig = write("kubeconfig", &token);
        let restricted = write("restricted", &token_of_nobody(&cluster.client()).await);
        Self {
            kubeconfig,
            owned: Owned::Simulated {
                restricted,
                _folder: folder,
                _serving: Box::new(serving),
            },
        }
    }

    /// The kubeconfig of a user who may do everything.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubeconfig of a user who may do nothing; a cluster that was there before has none.
    pub(crate) fn restricted_kubeconfig(&self) -> Option<&Path> {
        match &self.owned {
            Owned::Real(control_plane) => Some(control_plane.restricted_kubeconfig()),
            Owned::Simulated { restricted, .. } => Some(restricted),
            Owned::Nothing => None,
        }
    }
}

/// A token of somebody who has no rights.
async fn token_of_nobody(client: &Client) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let params = PostParams::default();
    let account = ServiceAccount {
        metadata: ObjectMeta {
            name: Some("nobody".to_owned()),
            ..ObjectMeta::default()
        },
        ..ServiceAccount::default()
    };
    accounts.create(&params, &account).await.unwrap();
    let request = TokenRequest::default();
    let answer = accounts.create_token_request("nobody", &params, &request);
    answer.await.unwrap().status.unwrap().token
}

/// JSON is YAML, so every client reads it.
fn kubeconfig_text(url: &str, authority: &Path, token: &str) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "kudo",
            "cluster": { "server": url, "certificate-authority": authority },
        }],
        "users": [{ "name": "admin", "user": { "token": token } }],
        "contexts": [{
            "name": "kudo",
            "context": { "cluster": "kudo", "user": "admin", "namespace": "default" },
        }],
        "current-context": "kudo",
    });
    format!("{config:#}\n")
}
