//! The cluster that is measured on: a control plane, the definitions, a manager.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::PostParams;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt};
use kudo_api::{Instance, OperatorVersion};
use kudo_simcluster::control_plane::{ControlPlane, ControlPlaneOptions};
use serde_json::json;
use tokio::sync::Mutex;

use super::BenchError;
use super::manager::Manager;

/// Requests that the bare client and the creator of instances have in flight.
pub(super) const IN_FLIGHT: usize = 64;
const ESTABLISHED: Duration = Duration::from_secs(30);

/// Control plane, client and manager.
pub(super) struct Cluster {
    pub(super) client: Client,
    // Before the control plane, as it is dropped first.
    pub(super) manager: Mutex<Manager>,
    manager_program: PathBuf,
    control_plane: ControlPlane,
}

impl Cluster {
    pub(super) async fn start(manager_program: &Path) -> Result<Self, BenchError> {
        let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await?;
        let client = control_plane.client().await?;
        install_definitions(&client).await?;
        let manager = start_manager(manager_program, &control_plane)?;
        Ok(Self {
            client,
            manager: Mutex::new(manager),
            manager_program: manager_program.to_owned(),
            control_plane,
        })
    }

    /// Kills the manager and starts another, as after a crash.
    pub(super) fn restart_manager(self) -> Result<Self, BenchError> {
        drop(self.manager);
        let manager = start_manager(&self.manager_program, &self.control_plane)?;
        Ok(Self {
            manager: Mutex::new(manager),
            ..self
        })
    }

    pub(super) async fn create_namespace(&self, name: &str) -> Result<(), BenchError> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let namespace = json!({ "metadata": { "name": name } });
        let namespace = from_json(namespace)?;
        let created = namespaces.create(&PostParams::default(), &namespace).await;
        created
            .map(drop)
            .map_err(BenchError::api("cannot create a namespace"))
    }

    pub(super) async fn create_version(
        &self,
        namespace: &str,
        version: &OperatorVersion,
    ) -> Result<(), BenchError> {
        let versions: Api<OperatorVersion> = Api::namespaced(self.client.clone(), namespace);
        let created = versions.create(&PostParams::default(), version).await;
        created
            .map(drop)
            .map_err(BenchError::api("cannot create an operator version"))
    }

    /// Creates instances of a version, many at a time.
    pub(super) async fn create_instances(
        &self,
        namespace: &str,
        version: &str,
        names: impl Iterator<Item = String>,
    ) -> Result<(), BenchError> {
        let instances: Api<Instance> = Api::namespaced(self.client.clone(), namespace);
        stream::iter(names.map(Ok))
            .try_for_each_concurrent(IN_FLIGHT, |name| {
                let instances = instances.clone();
                async move {
                    let instance = from_json(json!({
                        "metadata": { "name": name },
                        "spec": { "operatorVersion": { "name": version } },
                    }))?;
                    let created = instances.create(&PostParams::default(), &instance).await;
                    created
                        .map(drop)
                        .map_err(BenchError::api("cannot create an instance"))
                }
            })
            .await
    }
}

fn start_manager(program: &Path, control_plane: &ControlPlane) -> Result<Manager, BenchError> {
    Manager::start(program, control_plane.kubeconfig(), control_plane.folder())
}

async fn install_definitions(client: &Client) -> Result<(), BenchError> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in kudo_api::crds() {
        let created = definitions
            .create(&PostParams::default(), &definition)
            .await;
        created.map_err(BenchError::api("cannot create a definition"))?;
        let name = definition.name_any();
        let established =
            await_condition(definitions.clone(), &name, conditions::is_crd_established());
        let timed_out = |_| BenchError::TimedOut {
            what: format!("{name} is established"),
            within: ESTABLISHED,
            log_tail: String::new(),
        };
        let waited = tokio::time::timeout(ESTABLISHED, established)
            .await
            .map_err(timed_out)?;
        waited.map_err(|_| BenchError::Unreadable("whether the definitions are established"))?;
    }
    Ok(())
}

/// An object from JSON.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    value: serde_json::Value,
) -> Result<T, BenchError> {
    serde_json::from_value(value).map_err(|_| BenchError::Unreadable("an object of the benchmark"))
}

/// All of a stream's outcomes, or the first error; nothing else matters of them.
pub(super) async fn all<F>(work: impl Iterator<Item = F>) -> Result<(), BenchError>
where
    F: Future<Output = Result<(), BenchError>>,
{
    stream::iter(work)
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await
}
