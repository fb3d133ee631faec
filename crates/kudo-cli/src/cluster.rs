//! The cluster as commands see it: KUDO's resources in one namespace, with errors that say what
//! was being done.

use std::fmt::Debug;

use futures::TryFutureExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::{NamespaceResourceScope, Status};
use kube::{Api, Client, Resource, ResourceExt};
use kudo_api::{Instance, Operator, OperatorVersion};
use kudo_kube::client::Meter;
use kudo_kube::error::{Cause, cause, message};
use kudo_kube::{ConnectOptions, connect};
use kudo_package::suggest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments::Global;
use crate::error::{Error, Named};

/// Field manager of what the command line creates and patches.
pub(crate) const FIELD_MANAGER: &str = "kubectl-kudo";

/// A client, and the namespace that the command works in.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    /// Address of the server, for messages.
    server: String,
}

impl Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("namespace", &self.namespace)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Connects as the global flags say, and checks that KUDO is installed unless told not to.
    pub(crate) async fn open(global: &Global) -> Result<Self, Error> {
        let session = Self::open_unchecked(global).await?;
        if global.validate_install {
            session.check_installed().await?;
        }
        Ok(session)
    }

    /// Connects as the global flags say; sends no request.
    pub(crate) async fn open_unchecked(global: &Global) -> Result<Self, Error> {
        if let Some(session) = &global.simulated {
            return Ok(session.clone());
        }
        let options = ConnectOptions {
            kubeconfig: global.kubeconfig.clone(),
            context: global.context.clone(),
            namespace: global.namespace.clone(),
            request_timeout: (!global.request_timeout.is_zero()).then_some(global.request_timeout),
            user_agent: Some(concat!("kubectl-kudo/", env!("CARGO_PKG_VERSION")).to_owned()),
        };
        let connected = connect(options, Meter::new()).await?;
        tracing::info!(
            server = connected.server,
            namespace = connected.namespace,
            "connected"
        );
        Ok(Self {
            client: connected.client,
            namespace: connected.namespace,
            server: connected.server,
        })
    }

    /// A session in an embedded cluster.
    pub(crate) fn simulated(client: Client, namespace: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
            server: "the simulated cluster".to_owned(),
        }
    }

    async fn check_installed(&self) -> Result<(), Error> {
        let listed = self
            .client
            .list_api_group_resources(kudo_api::API_VERSION)
            .await;
        let served = match listed {
            Ok(list) => list.resources,
            Err(error) if cause(&error) == Cause::NotFound => vec![],
            Err(error) => return Err(self.error("find out whether KUDO is installed", error)),
        };
        let complete = ["Operator", "OperatorVersion", "Instance"]
            .iter()
            .all(|kind| served.iter().any(|resource| resource.kind == *kind));
        if complete {
            Ok(())
        } else {
            Err(Error::NotInstalled)
        }
    }

    /// A resource's endpoint in the session's namespace.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The same cluster, in another namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            ..self.clone()
        }
    }

    /// A name in the session's namespace.
    pub(crate) fn named(&self, name: &str) -> Named {
        Named::new(&self.namespace, name)
    }

    /// Reads an object that may not exist.
    pub(crate) async fn find<K>(&self, name: &str) -> Result<Option<K>, Error>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        self.api::<K>()
            .get_opt(name)
            .map_err(|error| self.error(&format!("read {}", self.describe::<K>(name)), error))
            .await
    }

    /// Reads all objects of a kind, sorted by name.
    pub(crate) async fn list<K>(&self) -> Result<Vec<K>, Error>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let plural = K::plural(&K::DynamicType::default()).into_owned();
        let doing = format!("list {plural} in namespace {:?}", self.namespace);
        let mut items = self
            .api::<K>()
            .list(&ListParams::default())
            .map_err(|error| self.error(&doing, error))
            .await?
            .items;
        items.sort_by_key(ResourceExt::name_any);
        Ok(items)
    }

    /// Creates an object.
    pub(crate) async fn create<K>(&self, object: &K) -> Result<K, Error>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + Serialize + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let parameters = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let doing = format!("create {}", self.describe::<K>(&object.name_any()));
        let created = self.api::<K>().create(&parameters, object).await;
        created.map_err(|error| match &error {
            kube::Error::Api(status) if names_missing_namespace(status) => Error::NoNamespace {
                namespace: self.namespace.clone(),
            },
            _ => self.error(&doing, error),
        })
    }

    /// Reads an instance; one that does not exist is an error with the nearest name.
    pub(crate) async fn instance(&self, name: &str) -> Result<Instance, Error> {
        if let Some(instance) = self.find(name).await? {
            return Ok(instance);
        }
        let all: Vec<Instance> = self.list().await.unwrap_or_default();
        Err(Error::NoInstance {
            instance: self.named(name),
            nearest: nearest(name, &all),
        })
    }

    /// Reads the operator version of an instance.
    pub(crate) async fn operator_version_of(
        &self,
        instance: &Instance,
    ) -> Result<OperatorVersion, Error> {
        let reference = &instance.spec.operator_version;
        let name = reference.name.as_deref().unwrap_or_default();
        let namespace = reference
            .namespace
            .as_deref()
            .filter(|namespace| !namespace.is_empty())
            .unwrap_or(&self.namespace);
        let session = self.in_namespace(namespace);
        if !name.is_empty()
            && let Some(version) = session.find(name).await?
        {
            return Ok(version);
        }
        let all: Vec<OperatorVersion> = session.list().await.unwrap_or_default();
        Err(Error::NoOperatorVersion {
            version: session.named(name),
            nearest: nearest(name, &all),
        })
    }

    /// Reads an operator.
    pub(crate) async fn operator(&self, name: &str) -> Result<Option<Operator>, Error> {
        self.find(name).await
    }

    /// Merges a patch into an instance. `None` if it does not apply any more, because somebody
    /// else has written meanwhile (the patch names the resource version it was made for).
    pub(crate) async fn patch_instance(
        &self,
        name: &str,
        patch: &Value,
    ) -> Result<Option<Instance>, Error> {
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = self
            .api::<Instance>()
            .patch(name, &parameters, &Patch::Merge(patch))
            .await;
        match patched {
            Ok(instance) => Ok(Some(instance)),
            Err(error) if cause(&error) == Cause::Conflict => Ok(None),
            Err(error) => {
                let doing = format!("change {}", self.describe::<Instance>(name));
                Err(self.error(&doing, error))
            }
        }
    }

    /// Deletes an instance, but no other of the same name. What depends on it follows.
    pub(crate) async fn delete_instance(&self, name: &str, uid: &str) -> Result<(), Error> {
        let parameters = DeleteParams::background().preconditions(kube::api::Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        });
        match self.api::<Instance>().delete(name, &parameters).await {
            Ok(_) => Ok(()),
            Err(error) if cause(&error) == Cause::NotFound => Ok(()),
            Err(error) => {
                let doing = format!("delete {}", self.describe::<Instance>(name));
                Err(self.error(&doing, error))
            }
        }
    }

    /// Reads the session's namespace, if it exists.
    pub(crate) async fn namespace(&self) -> Result<Option<Namespace>, Error> {
        Api::<Namespace>::all(self.client.clone())
            .get_opt(&self.namespace)
            .map_err(|error| self.error(&format!("read namespace {:?}", self.namespace), error))
            .await
    }

    /// The server's version, such as `v1.20.2`.
    pub(crate) async fn kubernetes_version(&self) -> Result<String, Error> {
        let version = self
            .client
            .apiserver_version()
            .map_err(|error| self.error("ask the server for its version", error))
            .await?;
        Ok(version.git_version)
    }

    /// A failed request, with what it was for.
    pub(crate) fn error(&self, doing: &str, source: kube::Error) -> Error {
        if let Some((instance, message)) = refusal(&source) {
            return Error::Refused { instance, message };
        }
        Error::Api {
            doing: doing.to_owned(),
            server: self.server.clone(),
            source: Box::new(source),
        }
    }

    fn describe<K: Resource>(&self, name: &str) -> String
    where
        K::DynamicType: Default,
    {
        let kind = K::kind(&K::DynamicType::default()).to_lowercase();
        format!("{kind} {}/{name}", self.namespace)
    }
}

/// What KUDO's own webhook refused, and why: not an error of the request, but the manager's answer to it.
fn refusal(error: &kube::Error) -> Option<(Named, String)> {
    if cause(error) != Cause::Denied {
        return None;
    }
    let text = message(error);
    let (_, refused) =
        text.split_once("webhook \"instance-admission.kudo.dev\" denied the request: ")?;
    let (about, reason) = refused.split_once(": ")?;
    let (namespace, name) = about.rsplit_once(' ')?.1.split_once('/')?;
    Some((Named::new(namespace, name), reason.to_owned()))
}

fn names_missing_namespace(status: &Status) -> bool {
    let kind = status.details.as_ref().map(|details| details.kind.as_str());
    status.code == 404 && kind == Some("namespaces")
}

fn nearest<K: ResourceExt>(name: &str, all: &[K]) -> Option<String> {
    let names: Vec<String> = all.iter().map(ResourceExt::name_any).collect();
    suggest::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}
