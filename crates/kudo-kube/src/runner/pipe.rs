//! Pipe tasks: a pod writes files, which are copied out of it and kept in `Secret`s and `ConfigMap`s.
//!
//! Everything is in the inventory before the first request. A pod that is left behind, because its task
//! failed, was dropped or killed, is deleted by that record once no plan runs; one that an older
//! execution left is deleted before this one's begins. After a crash, what was kept already is not made
//! again.

use std::time::Duration;

use futures::future::try_join_all;
use kudo_plan::TaskFailure;
use kudo_template::PipeArtifact;
use kudo_template::pipe_pod::{WAITER, path_of};
use serde_json::Value;

use super::artifact;
use super::failure::reasons;
use super::work::{Sent, TaskWork};
use crate::apply::{is_applied, key_of};
use crate::copy::{CopyError, PodFile};
use crate::delete::{Target, begin_delete, delete};
use crate::health::Health;
use crate::identity::{Gvk, ObjectKey, name_of};
use crate::inventory::entry_of;

/// How long a pod may take to become ready before the step tells what it waits for.
const PATIENCE: Duration = Duration::from_mins(1);

impl TaskWork<'_> {
    pub(super) async fn pipe(&self, artifacts: &[PipeArtifact]) -> Result<(), TaskFailure> {
        let Some(pod) = self.objects().next() else {
            return Err(self.site.fatal(reasons::PIPE, "there is no pod to run"));
        };
        if !self.are_kept(artifacts).await? {
            let kept = self.make(pod, artifacts).await?;
            for object in &kept {
                let sent = self.apply_one(object).await?;
                tracing::debug!(artifact = %sent.key, "kept what a pipe pod wrote");
            }
        }
        self.remove(pod).await
    }

    /// Whether this execution kept everything already, before a crash.
    async fn are_kept(&self, artifacts: &[PipeArtifact]) -> Result<bool, TaskFailure> {
        let by = self.applied_by();
        for artifact in artifacts {
            let object = artifact.stub();
            let kind = self.resolve(&object).await?;
            let key = ObjectKey {
                namespace: Some(self.runner.execution.instance.namespace.clone()),
                ..key_of(&kind, &object)
            };
            let known = self.runner.cluster.observed.get(&key);
            if !is_applied(known.as_ref(), &by) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs the pod and gives the objects that keep what it wrote.
    async fn make(
        &self,
        pod: &Value,
        artifacts: &[PipeArtifact],
    ) -> Result<Vec<Value>, TaskFailure> {
        self.clear(pod).await?;
        let sent = self.apply_one(pod).await?;
        self.until_ready(pod, sent).await?;
        let copies = artifacts.iter().map(|artifact| self.copy(pod, artifact));
        try_join_all(copies).await
    }

    /// Makes room: the pod of an older execution cannot become this one's.
    async fn clear(&self, pod: &Value) -> Result<(), TaskFailure> {
        self.resolve(pod).await?;
        let target = self.pod_target(pod);
        let key = self.pod_key(pod);
        let known = self.runner.cluster.observed.get(&key);
        let stale = known.is_some_and(|record| {
            !is_applied(Some(&record), &self.applied_by())
                || matches!(record.health, Health::Failed(_))
        });
        if stale {
            delete(&self.runner.cluster, &target)
                .await
                .map_err(|error| self.site.transient(reasons::PIPE, error.to_string()))?;
        }
        Ok(())
    }

    async fn until_ready(&self, pod: &Value, sent: Sent) -> Result<(), TaskFailure> {
        let sent = [sent];
        match tokio::time::timeout(PATIENCE, self.until_healthy(&sent)).await {
            Ok(Ok(())) => Ok(()),
            // Evicted, say: another one may fare better.
            Ok(Err(failure)) if failure.is_fatal() => {
                Err(TaskFailure::transient(reasons::PIPE, failure.message()))
            }
            Ok(Err(failure)) => Err(failure),
            Err(_) => {
                let known = self.runner.cluster.observed.get(&self.pod_key(pod));
                let what = known.map(|record| record.health.message().to_owned());
                let what = what.unwrap_or_else(|| format!("waiting for Pod {:?}", name_of(pod)));
                Err(self.site.transient(reasons::PIPE, what))
            }
        }
    }

    async fn copy(&self, pod: &Value, artifact: &PipeArtifact) -> Result<Value, TaskFailure> {
        let cluster = &self.runner.cluster;
        let file = PodFile {
            namespace: self.runner.execution.instance.namespace.clone(),
            pod: name_of(pod).to_owned(),
            container: WAITER.to_owned(),
            path: path_of(&artifact.file.source).to_owned(),
        };
        let copied = cluster.files.copy(&cluster.client, &file).await;
        let content = copied.map_err(|error: CopyError| {
            if error.is_fatal() {
                self.site.fatal(reasons::PIPE, error.to_string())
            } else {
                self.site.transient(reasons::PIPE, error.to_string())
            }
        })?;
        artifact::object(artifact, &content)
            .map_err(|error| self.site.fatal(reasons::PIPE, error.to_string()))
    }

    /// Deletes the pod. Its end, for which the kubelet takes its time, is not awaited.
    async fn remove(&self, pod: &Value) -> Result<(), TaskFailure> {
        begin_delete(&self.runner.cluster, &self.pod_target(pod))
            .await
            .map_err(|error| self.site.transient(reasons::PIPE, error.to_string()))?;
        if let Some(entry) = entry_of(pod, None, &self.runner.execution.plan) {
            self.runner.inventory.remove(&entry);
        }
        Ok(())
    }

    fn pod_key(&self, pod: &Value) -> ObjectKey {
        ObjectKey {
            kind: Gvk::gvk("", "v1", "Pod"),
            namespace: Some(self.runner.execution.instance.namespace.clone()),
            name: name_of(pod).to_owned(),
        }
    }

    fn pod_target(&self, pod: &Value) -> Target {
        Target {
            kind: Gvk::gvk("", "v1", "Pod"),
            namespace: self.runner.execution.instance.namespace.clone(),
            name: name_of(pod).to_owned(),
            owner: None,
        }
    }
}
