//! The embedded cluster of one command, with all that works in it.

use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Api, Client, ResourceExt};
use kudo_api::Instance;
use kudo_kube::Discovery;
use kudo_kube::discovery::Scope;
use kudo_kube::error::{Cause, cause};
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use kudo_simcluster::controllers::{self, ControllerOptions};
use kudo_simcluster::kubelet::{PodOptions, PodPattern, simulate_pods};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::journal::Journal;
use super::manifests::Load;
use crate::cluster::{FIELD_MANAGER, Session};
use crate::error::Error;

/// How long nothing may change until all is taken to be at rest.
const REST: Duration = Duration::from_secs(3);
/// The same where time is real.
const REAL_REST: Duration = Duration::from_millis(200);
/// How long all may take to come to rest: as long as a command waits if nothing else is said.
const PATIENCE: Duration = Duration::from_mins(5);

/// What becomes of pods.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pods {
    /// Time until they are ready.
    pub(crate) delay: Duration,
    /// Those that fail.
    pub(crate) fail: Vec<PodPattern>,
    /// Those that never are ready.
    pub(crate) never_ready: Vec<PodPattern>,
}

/// An embedded cluster with KUDO's definitions in it.
pub(crate) struct Embedded {
    /// The cluster itself.
    pub(crate) cluster: SimCluster,
    /// How commands see it.
    pub(crate) session: Session,
    /// What the manager wrote.
    pub(crate) journal: Journal,
    rest: Duration,
}

impl Embedded {
    /// Starts one; nothing works in it yet.
    pub(crate) async fn start(namespace: &str, real_time: bool) -> Result<Self, Error> {
        Self::with(
            SimCluster::start(SimOptions::default()),
            namespace,
            real_time,
        )
        .await
    }

    /// Puts KUDO's definitions into a cluster in which nothing works yet.
    pub(crate) async fn with(
        cluster: SimCluster,
        namespace: &str,
        real_time: bool,
    ) -> Result<Self, Error> {
        let embedded = Self {
            session: Session::simulated(cluster.client(), namespace),
            cluster,
            journal: Journal::default(),
            rest: if real_time { REAL_REST } else { REST },
        };
        embedded.define().await?;
        Ok(embedded)
    }

    async fn define(&self) -> Result<(), Error> {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.session.client.clone());
        let parameters = PatchParams::apply(FIELD_MANAGER);
        for definition in kudo_api::crds() {
            let name = definition.name_any();
            let applied = definitions
                .patch(&name, &parameters, &Patch::Apply(&definition))
                .await;
            applied.map_err(|error| self.session.error("define KUDO's resources", error))?;
        }
        Ok(())
    }

    /// Removes the certificate that the server had in an earlier life from all namespaces; the controllers
    /// put the new one there.
    pub(crate) async fn forget_root_certificate(&self) -> Result<(), Error> {
        let name = controllers::ROOT_CERTIFICATE;
        let all: Api<ConfigMap> = Api::all(self.client());
        let named = ListParams::default().fields(&format!("metadata.name={name}"));
        let doing = |error| {
            self.session
                .error("replace the server's certificate", error)
        };
        for found in all.list_metadata(&named).await.map_err(doing)? {
            let namespace = found.namespace().unwrap_or_default();
            let api: Api<ConfigMap> = Api::namespaced(self.client(), &namespace);
            api.delete(name, &DeleteParams::default())
                .await
                .map_err(doing)?;
        }
        Ok(())
    }

    /// Makes a namespace unless it is there.
    pub(crate) async fn make_namespace(&self, name: &str) -> Result<(), Error> {
        let namespaces: Api<Namespace> = Api::all(self.session.client.clone());
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        match namespaces.create(&PostParams::default(), &namespace).await {
            Err(error) if cause(&error) != Cause::AlreadyExists => {
                let doing = format!("create namespace {name:?}");
                Err(self.session.error(&doing, error))
            }
            _ => Ok(()),
        }
    }

    /// Puts objects into the cluster, in their order. Owners are found by the uids they had.
    pub(super) async fn load(&self, loads: &[Load]) -> Result<(), Error> {
        let mut uids = std::collections::HashMap::new();
        for load in loads {
            if let Some(namespace) = load.namespace() {
                self.make_namespace(namespace).await?;
            }
            let object = load.with_owners(&uids);
            let made = self
                .load_one(&object)
                .await
                .map_err(|problem| load.error(&problem))?;
            if let (Some(before), Some(now)) = (load.uid(), made) {
                uids.insert(before.to_owned(), now);
            }
        }
        Ok(())
    }

    /// Creates an object with its status, and gives its uid; one that exists already is left as it is.
    async fn load_one(&self, object: &Value) -> Result<Option<String>, String> {
        let kind = kudo_kube::gvk_of(object).ok_or("it has no apiVersion and kind")?;
        let discovery = Discovery::new(self.session.client.clone());
        let resolved = discovery.resolve(&kind).await;
        let resolved = resolved.map_err(|error| error.to_string())?;
        let namespace = object
            .pointer("/metadata/namespace")
            .and_then(Value::as_str)
            .unwrap_or(&self.session.namespace);
        let resource: &ApiResource = &resolved.resource;
        let client = self.session.client.clone();
        let api: Api<DynamicObject> = match resolved.scope {
            Scope::Namespaced => Api::namespaced_with(client, namespace, resource),
            Scope::Cluster => Api::all_with(client, resource),
        };
        let typed: DynamicObject = serde_json::from_value(object.clone())
            .map_err(|error| format!("it is no Kubernetes object: {error}"))?;
        let message = |error: &kube::Error| kudo_kube::error::message(error);
        let made = match api.create(&PostParams::default(), &typed).await {
            Err(error) if cause(&error) == Cause::AlreadyExists => return Ok(None),
            made => made.map_err(|error| message(&error))?,
        };
        if let Some(status) = object.get("status") {
            let patch = Patch::Merge(json!({ "status": status }));
            let name = made.name_any();
            match api
                .patch_status(&name, &PatchParams::default(), &patch)
                .await
            {
                Err(error) if cause(&error) != Cause::NotFound => return Err(message(&error)),
                _ => {}
            }
        }
        Ok(made.uid())
    }

    /// Lets controllers, pods and the manager work from now on.
    pub(crate) fn work(
        &self,
        pods: Pods,
        root_certificate: Option<String>,
        manager: BoxFuture<'static, ()>,
    ) {
        let client = self.cluster.client();
        let options = PodOptions {
            delay: pods.delay,
            fail: pods.fail,
            never_ready: pods.never_ready,
            ..PodOptions::default()
        };
        tokio::spawn(simulate_pods(client.clone(), options));
        let controllers = ControllerOptions {
            root_certificate,
            ..ControllerOptions::default()
        };
        tokio::spawn(controllers::run(client, controllers));
        tokio::spawn(manager);
    }

    /// Waits until no plan runs and nothing changes any more, but not for ever.
    pub(crate) async fn settle(&self) -> Result<(), Error> {
        let until = Instant::now() + PATIENCE;
        let mut before = None;
        while Instant::now() < until {
            let now = self.cluster.resource_version();
            if before == Some(now) && !self.plan_runs().await? {
                break;
            }
            before = Some(now);
            sleep(self.rest).await;
        }
        Ok(())
    }

    async fn plan_runs(&self) -> Result<bool, Error> {
        let runs = |instance: &Instance| {
            let status = instance.status.as_ref();
            let last = status.and_then(kudo_api::InstanceStatus::last_executed_plan);
            last.is_some_and(|(_, plan)| plan.is_running())
        };
        Ok(self.instances().await?.iter().any(runs))
    }

    /// All instances, by namespace and name.
    pub(crate) async fn instances(&self) -> Result<Vec<Instance>, Error> {
        let api: Api<Instance> = Api::all(self.client());
        let listed = api.list(&ListParams::default()).await;
        let listed = listed.map_err(|error| self.session.error("list instances", error))?;
        let mut items = listed.items;
        items.sort_by_key(|instance| (instance.namespace(), instance.name_any()));
        Ok(items)
    }

    /// A client with all rights.
    pub(crate) fn client(&self) -> Client {
        self.session.client.clone()
    }
}
