//! Operator versions for the webhook: those the manager knows, and a look at the server for the rest.

use kube::{Api, Client};
use kudo_api::{DefinitionError, OperatorVersion};
use kudo_kube::error::message;
use kudo_package::OperatorDefinition;
use std::sync::Arc;

use super::desk::{Definitions, Known};
use crate::standing::Standing;
use crate::store::Found;
use crate::versions::VersionKey;

/// Looks operator versions up. One that is created right before its instance may not have been seen by the
/// manager's watch yet, and a process that stands by watches nothing: then the server is asked.
#[derive(Clone)]
pub struct Lookups {
    /// The manager, if it acts.
    pub standing: Standing,
    /// Not held up by anything.
    pub client: Client,
    /// Namespaces that are looked after; empty means all.
    pub namespaces: Vec<String>,
}

impl Definitions for Lookups {
    fn watches(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|watched| watched == namespace)
    }

    async fn find(&self, key: &VersionKey) -> Result<Known, String> {
        if !self.watches(&key.namespace) {
            return Ok(Known::NotWatched);
        }
        let known = self.standing.definitions().map(|known| known.get(key));
        match known {
            Some(found @ (Found::Valid(_) | Found::Invalid(_))) => Ok(Known::Found(found)),
            Some(Found::Missing) | None => self.ask(key).await.map(Known::Found),
        }
    }
}

impl Lookups {
    async fn ask(&self, key: &VersionKey) -> Result<Found, String> {
        let VersionKey { namespace, name } = key;
        if name.is_empty() {
            return Ok(Found::Missing);
        }
        let api: Api<OperatorVersion> = Api::namespaced(self.client.clone(), namespace);
        let found = api.get_opt(name).await.map_err(|error| {
            let text = message(&error);
            format!("cannot read operator version {name:?} in namespace {namespace:?}: {text}")
        })?;
        let parsed: Option<Result<OperatorDefinition, DefinitionError>> =
            found.as_ref().map(OperatorDefinition::try_from);
        Ok(match parsed {
            None => Found::Missing,
            Some(Ok(definition)) => Found::Valid(Arc::new(definition)),
            Some(Err(error)) => Found::Invalid(Arc::new(error)),
        })
    }
}
