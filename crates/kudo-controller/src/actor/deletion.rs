//! The end of an instance, and of what an older operator version left behind.

use std::sync::Arc;

use kube::Api;
use kudo_api::OperatorVersion;
use kudo_api::names::{CLEANUP_FINALIZER, INVENTORY_FINALIZER};
use kudo_kube::Inventory;
use kudo_kube::error::{Cause, cause, message};
use serde_json::{Map, json};

use super::observe::Observed;
use super::{Actor, Next, ReconcileError};
use crate::events::Notification;
use crate::prune::{self, Pruned};
use crate::versions::VersionKey;
use crate::writer::Basis;

impl Actor {
    /// Deletes what the operator version before the accepted one left behind.
    pub(super) async fn prune(&mut self, observed: &Observed) -> Result<Next, ReconcileError> {
        self.stop_running().await;
        let Some(definition) = observed.accepted().map(Arc::clone) else {
            return Ok(Next::Settled);
        };
        let status = observed.status();
        let inventory = Inventory::new(status.inventory.clone());
        let pruned = prune::prune(&self.context, &observed.instance, &definition, &inventory).await;
        self.record_pruned(observed, &pruned).await?;
        match pruned.problem {
            Some(problem) => Err(problem.into()),
            None => Ok(Next::Again),
        }
    }

    /// Deletes the pods that Pipe tasks have left behind.
    pub(super) async fn sweep(&mut self, observed: &Observed) -> Result<Next, ReconcileError> {
        self.stop_running().await;
        let pods = prune::leftover_pods(&observed.instance);
        let swept = prune::delete_all(&self.context, &observed.instance, &pods).await;
        let write = observed.writer.status(Basis::Latest, |status| {
            swept.take_out(status);
            Ok(())
        });
        write.await?;
        match swept.problem {
            Some(problem) => Err(problem.into()),
            None => Ok(Next::Again),
        }
    }

    async fn record_pruned(
        &self,
        observed: &Observed,
        pruned: &Pruned,
    ) -> Result<(), ReconcileError> {
        let write = observed.writer.status(Basis::Latest, |status| {
            pruned.record(status);
            Ok(())
        });
        write.await?;
        Ok(())
    }

    /// Removes what only the inventory reaches, then lets the instance go.
    pub(super) async fn finish_deletion(
        &mut self,
        observed: &Observed,
        skipped_cleanup: Option<String>,
    ) -> Result<Next, ReconcileError> {
        self.stop_running().await;
        if let Some(reason) = skipped_cleanup {
            if self.is_version_there(observed).await? {
                return Ok(Next::Again);
            }
            let text = format!("the cleanup plan does not run: {reason}");
            tracing::warn!(instance = %self.key, text);
            let occasion = observed
                .instance
                .metadata
                .uid
                .as_deref()
                .unwrap_or_default();
            let warning = Notification::warning("InvalidOperatorVersion", &text, occasion);
            self.context.notify(&observed.instance, warning);
        }
        let inventory = Inventory::new(observed.status().inventory);
        let leftovers = inventory.cluster_scoped_leftovers();
        prune::delete_all(&self.context, &observed.instance, &leftovers)
            .await
            .problem
            .map_or(Ok(()), Err)?;
        let release = observed.writer.patch(Basis::Latest, |instance| {
            let held = instance.metadata.finalizers.clone().unwrap_or_default();
            let left: Vec<&String> = held
                .iter()
                .filter(|name| *name != CLEANUP_FINALIZER && *name != INVENTORY_FINALIZER)
                .collect();
            let patch = || {
                let metadata = json!({ "finalizers": left });
                Map::from_iter([("metadata".to_owned(), metadata)])
            };
            (left.len() < held.len()).then(patch)
        });
        match release.await {
            // The last finalizer gone, so may the instance be.
            Ok(_) | Err(crate::writer::WriteError::Gone) => Ok(Next::Settled),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the operator version whose absence lets the cleanup plan fall flat is there after all:
    /// this is the one thing that is worth a look at the server.
    async fn is_version_there(&self, observed: &Observed) -> Result<bool, ReconcileError> {
        if observed.accepted().is_some() {
            return Ok(false);
        }
        let Some(accepted) = observed.status().accepted else {
            return Ok(false);
        };
        let key = VersionKey::recorded(&accepted.operator_version, &self.key.namespace);
        let api: Api<OperatorVersion> =
            Api::namespaced(self.context.client.clone(), &key.namespace);
        match api.get_opt(&key.name).await {
            Ok(Some(version)) => {
                self.context.definitions.observe(&version);
                Ok(true)
            }
            Ok(None) => Ok(false),
            // The kind itself may be gone.
            Err(error) if cause(&error) == Cause::NotFound => Ok(false),
            Err(error) => Err(ReconcileError::Version {
                version: key.name,
                message: message(&error),
            }),
        }
    }
}
