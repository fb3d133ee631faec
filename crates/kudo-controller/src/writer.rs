//! Writes to one instance, each guarded against acting on an old state.
//!
//! Every patch carries the resource version it was made for. A write whose answer was lost is found out
//! by the conflict that the next attempt meets: the instance is read once, and what it already says
//! is not written again.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use kudo_api::instance::InstanceStatus;
use kudo_api::names::FIELD_MANAGER;
use kudo_api::{API_VERSION, Instance};
use kudo_kube::InstanceKey;
use kudo_kube::error::{Cause, cause, message};
use kudo_plan::Backoff;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use crate::merge;
use crate::store::{InstanceStore, is_older};

const RETRIES: Backoff = Backoff {
    initial: Duration::from_millis(100),
    max: Duration::from_secs(30),
    factor: 2.0,
    jitter: 0.2,
};

/// Why a write was not made. All else is retried until it is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The instance is gone, or another one has its name.
    #[error("the instance is gone")]
    Gone,
    /// The instance is not any more what the decision to write was based on.
    #[error("the instance has changed meanwhile")]
    Stale,
    /// The server will never take it.
    #[error("{message}")]
    Refused {
        /// The server's words.
        message: String,
    },
}

/// What a write is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis<'a> {
    /// The instance as it is at the moment.
    Latest,
    /// The spec as it was at this resource version: any change since makes the write stale.
    Exactly(&'a str),
}

/// Writes to one instance. Whoever shares it never gets in another's way.
#[derive(Debug)]
pub struct Writer {
    api: Api<Instance>,
    key: InstanceKey,
    uid: Option<String>,
    store: Arc<InstanceStore>,
    current: Mutex<Current>,
}

/// The instance as it was last seen.
#[derive(Debug)]
struct Current {
    instance: Instance,
    /// Whether an answer to an own request has shown it.
    confirmed: bool,
}

impl Writer {
    /// A writer for an instance as it was observed.
    pub fn new(client: Client, store: Arc<InstanceStore>, observed: Instance) -> Self {
        let namespace = observed.namespace().unwrap_or_default();
        Self {
            api: Api::namespaced(client, &namespace),
            key: InstanceKey::new(namespace, observed.name_any()),
            uid: observed.uid(),
            store,
            current: Mutex::new(Current {
                instance: observed,
                confirmed: false,
            }),
        }
    }

    /// Whether it writes to this very instance, not to another of the same name.
    pub fn is_for(&self, instance: &Instance) -> bool {
        self.uid == instance.uid()
    }

    /// Changes the status; nothing is sent if that changes nothing. Gives the instance as it is then.
    ///
    /// `change` may be called several times, each time on the status as it is by then, and may give up.
    pub async fn status(
        &self,
        basis: Basis<'_>,
        change: impl Fn(&mut InstanceStatus) -> Result<(), WriteError>,
    ) -> Result<Instance, WriteError> {
        let make = |instance: &Instance| {
            let old = instance.status.clone().unwrap_or_default();
            let mut new = old.clone();
            change(&mut new)?;
            let patch = merge::difference(&object(&old), &object(&new));
            Ok(patch.map(|patch| Map::from_iter([("status".to_owned(), Value::Object(patch))])))
        };
        self.write(basis, Target::Status, make).await
    }

    /// Changes metadata or spec by a merge patch, if there is anything to change.
    pub async fn patch(
        &self,
        basis: Basis<'_>,
        make: impl Fn(&Instance) -> Option<Map<String, Value>>,
    ) -> Result<Instance, WriteError> {
        let make = |instance: &Instance| Ok(make(instance));
        self.write(basis, Target::Main, make).await
    }

    /// The instance as the server has it, if that is another state than the one observed. The server is asked
    /// only if it has never answered before.
    ///
    /// What a new watch tells first may be long past: the server that it comes from may be behind. A write based on
    /// that is refused; whoever is to change other objects with no such write before it has to make sure.
    pub async fn correct(&self, observed: &Instance) -> Result<Option<Instance>, WriteError> {
        let mut current = self.current.lock().await;
        if current.confirmed {
            return Ok(None);
        }
        let mut failures = 0;
        while !current.confirmed {
            failures += 1;
            self.read(&mut current, failures).await?;
        }
        let latest = &current.instance;
        let same = latest.resource_version() == observed.resource_version();
        Ok((!same).then(|| latest.clone()))
    }

    async fn write(
        &self,
        basis: Basis<'_>,
        target: Target,
        make: impl Fn(&Instance) -> Result<Option<Map<String, Value>>, WriteError>,
    ) -> Result<Instance, WriteError> {
        let mut current = self.current.lock().await;
        let mut failures = 0;
        loop {
            // Before each attempt: a webhook judges a patch before the server sees that it is too old for
            // a conflict, and may refuse for ever what nobody would write on the latest instance.
            self.catch_up(&mut current.instance);
            if let Basis::Exactly(version) = basis
                && current.instance.resource_version().as_deref() != Some(version)
            {
                return Err(WriteError::Stale);
            }
            let Some(patch) = make(&current.instance)? else {
                return Ok(current.instance.clone());
            };
            match self.send(target, guarded(patch, &current.instance)).await {
                Ok(answer) => {
                    self.answered(&mut current, &answer);
                    return Ok(answer);
                }
                Err(error) => {
                    failures += 1;
                    self.recover(&error, &mut current, failures).await?;
                }
            }
        }
    }

    async fn send(&self, target: Target, patch: Value) -> kube::Result<Instance> {
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Merge(patch);
        match target {
            Target::Main => self.api.patch(&self.key.name, &params, &patch).await,
            Target::Status => self.api.patch_status(&self.key.name, &params, &patch).await,
        }
    }

    /// Makes the next attempt possible, or gives up.
    async fn recover(
        &self,
        error: &kube::Error,
        current: &mut Current,
        failures: u32,
    ) -> Result<(), WriteError> {
        match cause(error) {
            Cause::NotFound => {
                return Err(WriteError::Gone);
            }
            Cause::Invalid | Cause::TooLarge => {
                return Err(WriteError::Refused {
                    message: message(error),
                });
            }
            Cause::Conflict | Cause::AlreadyExists => {}
            _ => {
                tracing::warn!(instance = %self.key, error = message(error), "cannot write, trying again");
                self.pause(failures).await;
                return Ok(());
            }
        }
        if failures > 1 {
            self.pause(failures).await;
        }
        self.read(current, failures).await
    }

    /// Reads the instance once; waits if that fails.
    async fn read(&self, current: &mut Current, failures: u32) -> Result<(), WriteError> {
        match self.api.get_opt(&self.key.name).await {
            Ok(Some(found)) if found.uid() == self.uid => {
                self.answered(current, &found);
                Ok(())
            }
            Ok(_) => Err(WriteError::Gone),
            Err(error) => {
                tracing::warn!(instance = %self.key, error = message(&error), "cannot read, trying again");
                self.pause(failures).await;
                Ok(())
            }
        }
    }

    fn answered(&self, current: &mut Current, answer: &Instance) {
        self.store.refresh(answer);
        current.instance.clone_from(answer);
        current.confirmed = true;
    }

    /// Takes up what the watch has reported since.
    fn catch_up(&self, current: &mut Instance) {
        if let Some(observed) = self.store.get(&self.key)
            && observed.uid() == self.uid
            && !is_older(
                observed.metadata.resource_version.as_deref(),
                current.metadata.resource_version.as_deref(),
            )
        {
            *current = observed;
        }
    }

    async fn pause(&self, failures: u32) {
        let chance = fastrand::u64(..);
        tokio::time::sleep(RETRIES.delay(failures, chance)).await;
    }
}

#[derive(Clone, Copy)]
enum Target {
    Main,
    Status,
}

fn object(status: &InstanceStatus) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Adds what the patch is based on.
fn guarded(patch: Map<String, Value>, current: &Instance) -> Value {
    let mut patch = patch;
    patch.insert("apiVersion".to_owned(), json!(API_VERSION));
    patch.insert("kind".to_owned(), json!("Instance"));
    let metadata = patch
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(metadata) = metadata {
        metadata.insert("uid".to_owned(), json!(current.metadata.uid));
        metadata.insert(
            "resourceVersion".to_owned(),
            json!(current.metadata.resource_version),
        );
    }
    Value::Object(patch)
}
