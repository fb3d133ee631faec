//! Objects of a cluster: found, created or patched, deleted.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, ResourceExt};
use kudo_kube::error::{Cause, cause, message};
use kudo_kube::{Discovery, Gvk, Kind, ResolveError};
use serde_json::Value;

const MANAGER: &str = "kudo-test";
/// Attempts to write an object that somebody else writes at the same time.
const ATTEMPTS: usize = 20;

/// Why something could not be done with an object.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectError {
    #[error("{0}")]
    Resolve(#[from] ResolveError),
    #[error("cannot {doing}: {}", message(source))]
    Api {
        doing: String,
        source: Box<kube::Error>,
    },
    #[error("cannot {doing}: {message}")]
    Invalid { doing: String, message: String },
    #[error("{what} is still there after {} s", after.as_secs())]
    StillThere { what: String, after: Duration },
}

/// A cluster as a step sees it.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) discovery: Discovery,
}

/// An object with its kind and place.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) kind: Arc<Kind>,
    pub(crate) namespace: Option<String>,
    /// `None` if it names no object but all that it fits.
    pub(crate) name: Option<String>,
    /// The object with its namespace filled in.
    pub(crate) value: Value,
}

impl Placed {
    /// As kuttl writes it: `Kind:namespace/name`.
    pub(crate) fn id(&self) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        let namespace = self.namespace.as_deref().unwrap_or_default();
        format!("{}:{namespace}/{name}", self.kind.gvk.kind)
    }
}

impl Cluster {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            discovery: Discovery::new(client.clone()),
            client,
        }
    }

    /// Finds the kind of an object, and gives it the namespace if it has none and can have one.
    pub(crate) async fn place(
        &self,
        value: &Value,
        namespace: &str,
    ) -> Result<Placed, ResolveError> {
        let text = |pointer| value.pointer(pointer).and_then(Value::as_str);
        let version = text("/apiVersion").unwrap_or_default();
        let kind = text("/kind").unwrap_or_default();
        let kind = self.discovery.resolve(&gvk(version, kind)).await?;
        let own = text("/metadata/namespace").filter(|own| !own.is_empty());
        let name = text("/metadata/name").filter(|name| !name.is_empty());
        let name = name.map(str::to_owned);
        let namespace = kind
            .is_namespaced()
            .then(|| own.unwrap_or(namespace).to_owned());
        let mut value = value.clone();
        if let Some(namespace) = &namespace {
            value["metadata"]["namespace"] = namespace.clone().into();
        }
        Ok(Placed {
            kind,
            namespace,
            name,
            value,
        })
    }

    fn api(&self, placed: &Placed) -> Api<DynamicObject> {
        placed.kind.api(&self.client, placed.namespace.as_deref())
    }

    /// Creates an object, or merges it into the one that is there; tells whether it was created.
    pub(crate) async fn create_or_update(&self, placed: &mut Placed) -> Result<bool, ObjectError> {
        let doing = format!("apply {}", placed.id());
        let failed = |source| ObjectError::Api {
            doing: doing.clone(),
            source: Box::new(source),
        };
        let api = self.api(placed);
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let existing = match &placed.name {
                Some(name) => api.get_opt(name).await.map_err(failed)?,
                None => None,
            };
            let written =
                if let (Some(existing), Some(name)) = (existing, &placed.name) {
                    let mut patch = placed.value.clone();
                    patch["metadata"]["resourceVersion"] = existing.resource_version().into();
                    let parameters = PatchParams {
                        field_manager: Some(MANAGER.to_owned()),
                        ..PatchParams::default()
                    };
                    let patched = api.patch(name, &parameters, &Patch::Merge(&patch)).await;
                    patched.map(|_| false)
                } else {
                    let object: DynamicObject = serde_json::from_value(placed.value.clone())
                        .map_err(|error| ObjectError::Invalid {
                            doing: doing.clone(),
                            message: error.to_string(),
                        })?;
                    let parameters = PostParams {
                        field_manager: Some(MANAGER.to_owned()),
                        ..PostParams::default()
                    };
                    match api.create(&parameters, &object).await {
                        // `generateName` has become a name.
                        Ok(created) => {
                            placed.name = created.metadata.name;
                            Ok(true)
                        }
                        Err(error) => Err(error),
                    }
                };
            match written {
                Ok(created) => {
                    self.note_definition(placed);
                    return Ok(created);
                }
                Err(error) if matches!(cause(&error), Cause::Conflict) => last = Some(error),
                Err(error) => return Err(failed(error)),
            }
        }
        last.map_or(Ok(false), |error| Err(failed(error)))
    }

    /// Kinds of a definition that was just written are about to appear.
    fn note_definition(&self, placed: &Placed) {
        if placed.kind.gvk.kind == "CustomResourceDefinition"
            && let Some(group) = placed.value.pointer("/spec/group").and_then(Value::as_str)
        {
            self.discovery.refresh(group);
        }
    }

    /// Deletes an object; one that is not there is fine. Tells whether it was there.
    pub(crate) async fn delete(&self, placed: &Placed) -> Result<bool, ObjectError> {
        let Some(name) = &placed.name else {
            return Ok(false);
        };
        let deleted = self
            .api(placed)
            .delete(name, &DeleteParams::default())
            .await;
        match deleted {
            Ok(_) => Ok(true),
            Err(error) if matches!(cause(&error), Cause::NotFound) => Ok(false),
            Err(error) => Err(ObjectError::Api {
                doing: format!("delete {}", placed.id()),
                source: Box::new(error),
            }),
        }
    }

    /// Names of the objects of a kind that have labels.
    pub(crate) async fn names(
        &self,
        placed: &Placed,
        selector: &str,
    ) -> Result<Vec<String>, ObjectError> {
        let parameters = ListParams::default().labels(selector);
        let listed = self.api(placed).list(&parameters).await;
        let listed = listed.map_err(|source| ObjectError::Api {
            doing: format!("list {}", placed.kind.resource.plural),
            source: Box::new(source),
        })?;
        Ok(listed.items.iter().map(ResourceExt::name_any).collect())
    }

    /// Waits by watch until an object is gone.
    pub(crate) async fn wait_until_gone(
        &self,
        placed: &Placed,
        limit: Duration,
    ) -> Result<(), ObjectError> {
        let Some(name) = &placed.name else {
            return Ok(());
        };
        let config = Config::default().fields(&format!("metadata.name={name}"));
        let gone = async {
            let mut there = false;
            let mut events = watcher(self.api(placed), config).default_backoff().boxed();
            while let Some(event) = events.next().await {
                match event {
                    Ok(Event::Init) => there = false,
                    Ok(Event::InitApply(_) | Event::Apply(_)) => there = true,
                    Ok(Event::Delete(_)) => return,
                    Ok(Event::InitDone) if !there => return,
                    Ok(Event::InitDone) | Err(_) => {}
                }
            }
        };
        let waited = tokio::time::timeout(limit, gone).await;
        waited.map_err(|_| ObjectError::StillThere {
            what: placed.id(),
            after: limit,
        })
    }
}

pub(crate) fn gvk(api_version: &str, kind: &str) -> Gvk {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Gvk::gvk(group, version, kind)
}
