//! The work of one task: its objects applied or deleted, and awaited.

use std::sync::Arc;
use std::task::Poll;

use futures::stream::{self, FuturesUnordered, StreamExt, TryStreamExt};
use kudo_plan::{StepRef, TaskFailure};
use kudo_template::{Action, RenderedTask};
use serde_json::Value;

use super::failure::{Site, reasons, worst};
use super::last_words::last_words;
use super::order::Wave;
use super::waiting::Waiting;
use super::{KubeRunner, TaskPath, path_of};
use crate::apply::{Application, Applied, apply, is_applied, key_of};
use crate::cluster::KindError;
use crate::delete::{Target, delete};
use crate::dependencies::{Digest, Reference, digest, hash, references};
use crate::discovery::{Kind, Scope};
use crate::enhance::{enhance, set_dependencies_hash};
use crate::error::{classify, message};
use crate::health::{Health, health_of};
use crate::identity::{Gvk, ObjectKey, gvk_of, kind_of, name_of, text};
use crate::inventory::entry_of;
use crate::observed::AppliedBy;
use crate::provision;

/// How many objects of a task are on their way at a time.
const IN_FLIGHT: usize = 16;

pub(super) struct TaskWork<'a> {
    pub(super) runner: &'a KubeRunner,
    step: &'a StepRef<'a>,
    path: TaskPath,
    pub(super) site: Site,
    pub(super) waiting: Arc<Waiting>,
    rendered: &'a RenderedTask,
}

/// An object that was sent, or found to be there. It may be awaited for long, so little of it is kept.
pub(super) struct Sent {
    pub(super) key: ObjectKey,
    /// Whether anything is to be awaited.
    awaited: bool,
    /// The API group that the object adds kinds to.
    defines: Option<String>,
}

impl<'a> TaskWork<'a> {
    pub(super) fn new(
        runner: &'a KubeRunner,
        step: &'a StepRef<'a>,
        task: &str,
        rendered: &'a RenderedTask,
    ) -> Self {
        let path = path_of(step, task);
        Self {
            runner,
            step,
            waiting: runner.waiting(&path),
            path,
            site: Site::new(step, task),
            rendered,
        }
    }

    pub(super) async fn run(&self) -> Result<(), TaskFailure> {
        match &self.rendered.action {
            Action::Apply => self.apply().await,
            Action::Delete => self.delete().await,
            Action::Dummy {
                want_err: true,
                fatal: true,
                ..
            } => Err(self.site.fatal(reasons::DUMMY, "dummy error")),
            Action::Dummy { want_err: true, .. } => {
                Err(self.site.transient(reasons::DUMMY, "dummy error"))
            }
            Action::Dummy { done: true, .. } => Ok(()),
            // Upstream runs such a task over and over, and it is never done.
            Action::Dummy { .. } => std::future::pending().await,
            Action::Pipe { artifacts, .. } => self.pipe(artifacts).await,
            Action::Operator { .. } => self.install_child().await,
        }
    }

    /// The objects of the task in its order.
    pub(super) fn objects(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        let documents = self.rendered.documents.iter();
        documents.flat_map(|document| &document.objects)
    }

    fn wave(&self, wave: Wave) -> impl Iterator<Item = &'a Value> {
        self.objects()
            .filter(move |object| Wave::of(object) == wave)
    }

    async fn apply(&self) -> Result<(), TaskFailure> {
        let mut sent = Vec::new();
        for wave in Wave::ALL {
            let work: Vec<_> = self
                .wave(wave)
                .map(|object| self.apply_one(object))
                .collect();
            let results: Vec<_> = stream::iter(work)
                .buffer_unordered(IN_FLIGHT)
                .collect()
                .await;
            let (done, failed): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
            worst(failed.into_iter().filter_map(Result::err).collect())?;
            let done: Vec<Sent> = done.into_iter().filter_map(Result::ok).collect();
            if wave == Wave::Foundation {
                self.until_healthy(&done).await?;
                self.publish(&done);
            } else {
                sent.extend(done);
            }
        }
        self.until_healthy(&sent).await
    }

    /// Enhances an object and applies it.
    pub(super) async fn apply_one(&self, object: &Value) -> Result<Sent, TaskFailure> {
        let kind = self.resolve(object).await?;
        let desired = self.enhanced(object, &kind)?;
        self.send(desired, &kind).await
    }

    /// Applies an object that is as it should be in the cluster, but for the hash of what it reads.
    pub(super) async fn send(
        &self,
        mut desired: Value,
        kind: &Arc<Kind>,
    ) -> Result<Sent, TaskFailure> {
        self.note(kind, &desired);
        let key = key_of(kind, &desired);
        let by = self.applied_by();
        let contested = self.runner.is_contested(&key, &self.path);
        let observed = &self.runner.cluster.observed;
        let answer = if !contested && is_applied(observed.get(&key).as_ref(), &by) {
            self.keep(&desired);
            None
        } else {
            self.add_hash(&mut desired).await?;
            let application = Application {
                desired: &desired,
                kind,
                by: &by,
                instance_uid: &self.runner.execution.instance_uid,
                contested,
            };
            match apply(&self.runner.cluster, &application).await {
                Ok(Applied::Sent(answer)) => Some(*answer),
                Ok(Applied::Unchanged(answer)) => {
                    self.keep(&desired);
                    Some(*answer)
                }
                Ok(Applied::Already) => {
                    self.keep(&desired);
                    None
                }
                Err(error) => return Err(self.site.applying(&error)),
            }
        };
        self.runner.applied(&key, &self.path);
        let awaited = kind.watchable && self.is_awaited(kind, &desired, answer.as_ref()).await;
        let defines = (kind_of(&desired) == "CustomResourceDefinition")
            .then(|| text(&desired, "/spec/group").to_owned());
        Ok(Sent {
            key,
            awaited,
            defines,
        })
    }

    /// Whether there is something to wait for: not if the server's answer says that all is well, nor if
    /// nothing in the cluster provides what is missing.
    async fn is_awaited(&self, kind: &Kind, desired: &Value, answer: Option<&Value>) -> bool {
        let healthy = |object| health_of(&kind.gvk.group, &kind.gvk.kind, object).is_healthy();
        if answer.is_some_and(healthy) {
            return false;
        }
        let provisioners = &self.runner.cluster.provisioners;
        !provision::concerns(desired) || provisioners.will_provide(answer.unwrap_or(desired)).await
    }

    fn enhanced(&self, object: &Value, kind: &Kind) -> Result<Value, TaskFailure> {
        let enhancement = self.runner.execution.enhancement(self.step);
        let mut enhanced = enhance(object.clone(), &kind.scope, &enhancement)
            .map_err(|error| self.site.fatal(reasons::ENHANCEMENT, error.to_string()))?;
        // The cluster may serve the kind in an equal version only.
        if let Some(version) = enhanced.get_mut("apiVersion") {
            *version = kind.gvk.api_version().into();
        }
        Ok(enhanced)
    }

    pub(super) fn applied_by(&self) -> AppliedBy {
        AppliedBy {
            plan: self.step.plan.into(),
            phase: self.step.phase.into(),
            step: self.step.step.into(),
            execution: self.runner.execution.uid.as_str().into(),
        }
    }

    /// An object that an earlier run of this execution applied stays as it is, and what it holds is what
    /// that run gave it: who depends on it has to look.
    fn keep(&self, desired: &Value) {
        if let Some(reference) = Reference::to(desired) {
            self.runner.state().digests.remove(&reference);
        }
    }

    async fn add_hash(&self, desired: &mut Value) -> Result<(), TaskFailure> {
        let references = references(desired);
        if references.is_empty() {
            return Ok(());
        }
        let mut digests = Vec::with_capacity(references.len());
        for reference in &references {
            digests.push(self.digest_of(reference).await?);
        }
        set_dependencies_hash(desired, &hash(digests));
        Ok(())
    }

    /// Finds the object's kind and makes sure that it is watched.
    pub(super) async fn resolve(&self, object: &Value) -> Result<Arc<Kind>, TaskFailure> {
        let named = || format!("{} {:?}", kind_of(object), name_of(object));
        let Some(gvk) = gvk_of(object) else {
            return Err(self.site.fatal(reasons::RENDERING, "an object has no kind"));
        };
        let kind = self.runner.cluster.kind(&gvk).await;
        kind.map_err(|error| {
            let reason = match error {
                KindError::Resolve(_) => reasons::ENHANCEMENT,
                KindError::Watch(_) => reasons::VALIDATION,
            };
            let text = format!("cannot apply {}: {error}", named());
            if error.is_unknown() && self.runner.gives_up(&gvk) {
                self.site.fatal(reason, text)
            } else {
                self.site.transient(reason, text)
            }
        })
    }

    /// Puts the inventory right, now that the object's scope is known.
    fn note(&self, kind: &Kind, object: &Value) {
        let execution = &self.runner.execution;
        let namespace = match kind.scope {
            Scope::Namespaced => Some(execution.instance.namespace.as_str()),
            Scope::Cluster => None,
        };
        if let Some(entry) = entry_of(object, namespace, &execution.plan) {
            self.runner.inventory.correct(entry);
        }
    }

    /// What a `ConfigMap` or `Secret` holds: as this execution renders it, else as the cluster has it.
    async fn digest_of(&self, reference: &Reference) -> Result<Option<Digest>, TaskFailure> {
        if let Some(known) = self.runner.state().digests.get(reference) {
            return Ok(*known);
        }
        let cluster = &self.runner.cluster;
        let gvk = Gvk::gvk("", "v1", reference.source.kind());
        let failed = |text: String| {
            let object = format!("{} {:?}", reference.source.kind(), reference.name);
            self.site.transient(
                reasons::ENHANCEMENT,
                format!("cannot read {object}: {text}"),
            )
        };
        let kind = cluster
            .discovery
            .resolve(&gvk)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let namespace = &self.runner.execution.instance.namespace;
        let found = kind
            .api(&cluster.client, Some(namespace))
            .get_opt(&reference.name)
            .await
            .map_err(|error| failed(message(&error)))?;
        let Some(found) = found else {
            return Ok(None);
        };
        let mut object = serde_json::to_value(found).map_err(|error| {
            failed(
                classify(&kube::Error::SerdeError(error))
                    .message()
                    .to_owned(),
            )
        })?;
        if let Value::Object(fields) = &mut object {
            fields.insert("kind".to_owned(), reference.source.kind().into());
        }
        Ok(digest(&object))
    }

    /// Definitions that were just established make new kinds.
    fn publish(&self, sent: &[Sent]) {
        for group in sent.iter().filter_map(|sent| sent.defines.as_deref()) {
            self.runner.cluster.discovery.refresh(group);
        }
    }

    pub(super) async fn until_healthy(&self, sent: &[Sent]) -> Result<(), TaskFailure> {
        let awaited = sent.iter().filter(|sent| sent.awaited);
        let waits: FuturesUnordered<_> = awaited.map(|sent| self.until_one_healthy(sent)).collect();
        waits.try_collect().await
    }

    async fn until_one_healthy(&self, sent: &Sent) -> Result<(), TaskFailure> {
        let observed = &self.runner.cluster.observed;
        let wait = self.waiting.on(&sent.key);
        let ended = observed.wait(&sent.key, |record| match record {
            None => Poll::Ready(Wait::Gone),
            Some(record) if record.deleting => Poll::Pending,
            Some(record) => match &record.health {
                Health::Healthy => Poll::Ready(Wait::Healthy),
                Health::Progressing(message) => {
                    wait.say(message);
                    Poll::Pending
                }
                Health::Failed(message) => Poll::Ready(Wait::Failed(message.clone())),
            },
        });
        match ended.await {
            Wait::Healthy => Ok(()),
            Wait::Failed(message) => {
                let words = last_words(&self.runner.cluster, &sent.key).await;
                let words = words.or_else(|| self.waiting.last_trouble(&sent.key));
                let message = words.map_or(message.clone(), |words| format!("{message}: {words}"));
                Err(self.site.fatal(reasons::TERMINAL, message))
            }
            Wait::Gone => {
                let text = format!("{} was deleted while the step waited for it", sent.key);
                Err(self.site.transient(reasons::TERMINAL, text))
            }
        }
    }

    async fn delete(&self) -> Result<(), TaskFailure> {
        // Kinds and namespaces go last: they take others along.
        for wave in Wave::ALL.into_iter().rev() {
            let work: Vec<_> = self
                .wave(wave)
                .map(|object| self.delete_one(object))
                .collect();
            let results: Vec<_> = stream::iter(work)
                .buffer_unordered(IN_FLIGHT)
                .collect()
                .await;
            worst(results.into_iter().filter_map(Result::err).collect())?;
        }
        Ok(())
    }

    async fn delete_one(&self, object: &Value) -> Result<(), TaskFailure> {
        let Some(gvk) = gvk_of(object) else {
            return Ok(());
        };
        let execution = &self.runner.execution;
        let target = Target {
            kind: gvk,
            namespace: execution.instance.namespace.clone(),
            name: name_of(object).to_owned(),
            owner: None,
        };
        let key = ObjectKey {
            kind: target.kind.clone(),
            namespace: Some(target.namespace.clone()),
            name: target.name.clone(),
        };
        let wait = self.waiting.on(&key);
        wait.say(&format!("waiting for {key} to be gone"));
        delete(&self.runner.cluster, &target)
            .await
            .map_err(|error| self.site.transient(reasons::VALIDATION, error.to_string()))?;
        if let Some(entry) = entry_of(object, None, &execution.plan) {
            self.runner.inventory.remove(&entry);
        }
        Ok(())
    }
}

/// How the wait for an object ends.
enum Wait {
    Healthy,
    Failed(String),
    Gone,
}
