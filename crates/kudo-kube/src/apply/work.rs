//! The requests of one apply.

use std::task::Poll;
use std::time::Duration;

use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::{DynamicObject, Request};
use kudo_api::names::{
    APPLY_ANNOTATION, DEPENDENCIES_HASH_ANNOTATION, FIELD_MANAGER, LAST_APPLIED_ANNOTATION,
    OPERATOR_VERSION_ANNOTATION, PLAN_UID_ANNOTATION,
};
use serde_json::Value;

use super::fields::{Lists, has_unwanted, remove_surplus};
use super::{Application, Applied, ApplyError, compare, takeover, undeclared};
use crate::cluster::Cluster;
use crate::discovery::is_builtin_group;
use crate::error::{Cause, Verdict, cause, classify};
use crate::identity::{ObjectKey, annotation, text};
use crate::observed::Record;

/// What a server says when an object belongs to somebody else.
const TWO_CONTROLLERS: &str = "Only one reference can have Controller set to true";
/// How often a handover begins anew because the object changed meanwhile.
const HANDOVER_ATTEMPTS: usize = 10;
/// How long an object that is being deleted is awaited before the step shows it.
const GONE_PATIENCE: Duration = Duration::from_secs(30);
/// How long a kind that was just defined may answer "not found" to an apply.
const PUBLICATION_PAUSE: Duration = Duration::from_millis(100);

/// One object on its way.
pub(super) struct Work<'a> {
    cluster: &'a Cluster,
    application: &'a Application<'a>,
    key: ObjectKey,
    api: Api<DynamicObject>,
}

/// What the watch tells to do.
enum Situation {
    Absent,
    Done,
    Outdated,
    Compare,
    Legacy,
    Leaving,
}

impl<'a> Work<'a> {
    pub(super) fn new(cluster: &'a Cluster, application: &'a Application<'a>) -> Self {
        let key = super::key_of(application.kind, application.desired);
        Self {
            api: application
                .kind
                .api(&cluster.client, key.namespace.as_deref()),
            cluster,
            application,
            key,
        }
    }

    pub(super) async fn run(&self) -> Result<Applied, ApplyError> {
        loop {
            let answer = match self.situation()? {
                Situation::Done => return Ok(Applied::Already),
                Situation::Leaving => {
                    self.until_gone().await?;
                    continue;
                }
                // The watch may be behind, and what is there must not be lost.
                Situation::Absent if self.is_made_once() => match self.read().await? {
                    Some(live) => return Ok(Applied::Unchanged(Box::new(live))),
                    None => self.send(self.application.desired).await?,
                },
                Situation::Absent => self.send(self.application.desired).await?,
                Situation::Outdated => self.change().await?,
                Situation::Compare => match self.read().await? {
                    Some(live) if compare::is_unchanged(self.application.desired, &live) => {
                        return Ok(Applied::Unchanged(Box::new(live)));
                    }
                    _ => self.change().await?,
                },
                Situation::Legacy => match self.read().await? {
                    Some(live) => return self.take_over(live).await,
                    None => self.send(self.application.desired).await?,
                },
            };
            if answer.pointer("/metadata/deletionTimestamp").is_some() {
                continue;
            }
            if takeover::is_due(&answer) {
                return self.take_over(answer).await;
            }
            return Ok(Applied::Sent(Box::new(answer)));
        }
    }

    /// Applies to an object that is there. Where the server cannot drop structures by an apply, that takes
    /// a look at what we own first; so does a refusal, which may have the same reason.
    async fn change(&self) -> Result<Value, ApplyError> {
        let desired = self.application.desired;
        let refusal = if self.cluster.discovery.drops_structures().await {
            match self.send(desired).await {
                Err(refusal @ ApplyError::Refused { .. }) => Some(refusal),
                sent => return sent,
            }
        } else {
            None
        };
        let Some(live) = self.read().await? else {
            return self.send(desired).await;
        };
        let sent = match (self.surplus(&live), refusal) {
            (Some(patch), _) => self.patch_and_send(&patch).await,
            (None, Some(refusal)) => Err(refusal),
            (None, None) => self.send(desired).await,
        };
        match (sent, self.as_it_runs(&live)) {
            (Err(ApplyError::Refused { .. }), Some(same)) => self.send(&same).await,
            (sent, _) => sent,
        }
    }

    /// The desired Job with the marks that the pods of the one that is there bear: what a Job's pods are made
    /// from cannot change, and another version of the operator is no reason to run it again. `None` for what
    /// is no Job, or if that is no difference.
    fn as_it_runs(&self, live: &Value) -> Option<Value> {
        const TEMPLATE: &str = "/spec/template/metadata/annotations";
        if self.key.kind.group != "batch" || self.key.kind.kind != "Job" {
            return None;
        }
        let mut same = self.application.desired.clone();
        let marks = same.pointer_mut(TEMPLATE)?.as_object_mut()?;
        for name in [OPERATOR_VERSION_ANNOTATION, DEPENDENCIES_HASH_ANNOTATION] {
            let known = live.pointer(TEMPLATE).and_then(|marks| marks.get(name));
            match known {
                Some(known) => marks.insert(name.to_owned(), known.clone()),
                None => marks.remove(name),
            };
        }
        (same != *self.application.desired).then_some(same)
    }

    /// A patch to the desired object that also takes away what of ours is no longer desired; `None` if an
    /// apply does that as well.
    fn surplus(&self, live: &Value) -> Option<Value> {
        let desired = self.application.desired;
        let ours = takeover::ours(live, desired);
        let mut patch = desired.clone();
        let structures = remove_surplus(&ours, live, &mut patch, self.lists());
        if let Some(Value::Object(annotations)) = patch.pointer_mut("/metadata/annotations") {
            // Only the apply that comes last marks the object as done: these tell that it is to come.
            annotations.remove(LAST_APPLIED_ANNOTATION);
            annotations.remove(PLAN_UID_ANNOTATION);
        }
        (structures || has_unwanted(desired, live)).then_some(patch)
    }

    /// Custom resources know no strategic merge patch, and definitions have no lists that it would merge.
    fn lists(&self) -> Lists {
        match self.key.kind.group.as_str() {
            "apiextensions.k8s.io" => Lists::Replaced,
            group if is_builtin_group(group) => Lists::Merged,
            _ => Lists::Replaced,
        }
    }

    /// Changes the content by a patch, makes the patch's fields ours, and applies. The content changes once,
    /// with the first of the three; after a crash in between the whole is done again.
    async fn patch_and_send(&self, patch: &Value) -> Result<Value, ApplyError> {
        let content_type = match self.lists() {
            Lists::Merged => "application/strategic-merge-patch+json",
            Lists::Replaced => "application/merge-patch+json",
        };
        let patched = self.patch(patch, content_type).await;
        let patched = patched.map_err(|error| self.failure(&error))?;
        self.own(patched).await?;
        self.send(self.application.desired).await
    }

    /// Makes the fields ours that are to become ours; gives the object then, `None` if it is gone.
    async fn own(&self, mut live: Value) -> Result<Option<Value>, ApplyError> {
        for _ in 0..HANDOVER_ATTEMPTS {
            let Some(patch) = takeover::handover(&live, self.application.desired) else {
                return Ok(Some(live));
            };
            let newer = match self.patch(&patch, "application/json-patch+json").await {
                Ok(newer) => Some(newer),
                // It has changed meanwhile.
                Err(error) if cause(&error) == Cause::Conflict => self.read().await?,
                Err(error) if cause(&error) == Cause::NotFound => None,
                Err(error) => return Err(self.failure(&error)),
            };
            let Some(newer) = newer else {
                return Ok(None);
            };
            live = newer;
        }
        Err(ApplyError::Failed {
            object: self.key.to_string(),
            message: "it keeps changing while it is taken over".to_owned(),
        })
    }

    fn situation(&self) -> Result<Situation, ApplyError> {
        let Some(record) = self.cluster.observed.get(&self.key) else {
            return Ok(Situation::Absent);
        };
        if record.deleting {
            return Ok(Situation::Leaving);
        }
        if let Some(owner) = self.other_instance(&record) {
            // Owner references name instances of the same namespace: one of the same name and another uid
            // is gone, and the garbage collector is about to remove what it owned.
            let own_name = text(
                self.application.desired,
                "/metadata/labels/kudo.dev~1instance",
            );
            if owner == own_name {
                return Ok(Situation::Leaving);
            }
            return Err(ApplyError::Foreign {
                object: self.key.to_string(),
                owner,
            });
        }
        if self.is_made_once() {
            return Ok(Situation::Done);
        }
        if record.legacy {
            return Ok(Situation::Legacy);
        }
        let same = record.applied_by.as_deref() == Some(self.application.by);
        Ok(match (same, self.application.contested) {
            (true, false) => Situation::Done,
            (true, true) => Situation::Compare,
            (false, _) => Situation::Outdated,
        })
    }

    /// Whether an object that is there is to be left as it is, by whichever execution it was made.
    fn is_made_once(&self) -> bool {
        annotation(self.application.desired, APPLY_ANNOTATION) == Some("once")
    }

    /// The name of the instance that owns the object, if it is not ours.
    fn other_instance(&self, record: &Record) -> Option<String> {
        let controller = record.controller.as_ref()?;
        let other =
            &*controller.kind == "Instance" && &*controller.uid != self.application.instance_uid;
        other.then(|| controller.name.to_string())
    }

    /// Waits until the object that is there now is no more.
    async fn until_gone(&self) -> Result<(), ApplyError> {
        let Some(record) = self.cluster.observed.get(&self.key) else {
            return Ok(());
        };
        let gone = self.cluster.observed.wait(&self.key, |known| match known {
            Some(known) if known.uid == record.uid => Poll::Pending,
            _ => Poll::Ready(()),
        });
        tokio::time::timeout(GONE_PATIENCE, gone)
            .await
            .map_err(|_| ApplyError::Deleting {
                object: self.key.to_string(),
            })
    }

    /// Applies, without what the kind has no place for.
    async fn send(&self, desired: &Value) -> Result<Value, ApplyError> {
        let mut sent = self.send_whole(desired).await;
        let mut known = None;
        while let Err(ApplyError::Refused { object, message }) = &sent
            && let Some((rest, dropped)) =
                undeclared::without(known.as_ref().unwrap_or(desired), message)
        {
            let fields = dropped.join(", ");
            tracing::warn!(
                object,
                fields,
                "the kind has no such fields; applied without them"
            );
            sent = self.send_whole(&rest).await;
            known = Some(rest);
        }
        sent
    }

    async fn send_whole(&self, desired: &Value) -> Result<Value, ApplyError> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let request = Request::new(self.path());
        loop {
            let request = request
                .patch(&self.key.name, &params, &Patch::Apply(desired))
                .map_err(kube::Error::BuildRequest)
                .map_err(|error| self.failure(&error))?;
            match self.cluster.client.request::<Value>(request).await {
                Ok(answer) => {
                    self.cluster.observed.written(&self.key.kind, &answer);
                    return Ok(answer);
                }
                Err(error)
                    if cause(&error) == Cause::NotFound
                        && self.cluster.discovery.is_fresh(&self.key.kind.group) =>
                {
                    tokio::time::sleep(PUBLICATION_PAUSE).await;
                }
                Err(error) => return Err(self.failure(&error)),
            }
        }
    }

    async fn read(&self) -> Result<Option<Value>, ApplyError> {
        let object = self
            .api
            .get_opt(&self.key.name)
            .await
            .map_err(|error| self.failure(&error))?;
        let value = object.map(serde_json::to_value).transpose();
        value.map_err(|error| self.failure(&kube::Error::SerdeError(error)))
    }

    /// Hands the original's fields over to us, then applies.
    async fn take_over(&self, live: Value) -> Result<Applied, ApplyError> {
        let answer = self.owned_and_sent(live).await?;
        // A server that had not kept track of fields has begun to with this apply.
        let answer = if takeover::is_due(&answer)
            && takeover::handover(&answer, self.application.desired).is_some()
        {
            self.owned_and_sent(answer).await?
        } else {
            answer
        };
        Ok(Applied::Sent(Box::new(answer)))
    }

    async fn owned_and_sent(&self, live: Value) -> Result<Value, ApplyError> {
        let surplus = self.surplus(&live);
        if let Some(patch) = &surplus
            && !self.cluster.discovery.drops_structures().await
        {
            return self.patch_and_send(patch).await;
        }
        self.own(live).await?;
        match (self.send(self.application.desired).await, surplus) {
            (Err(ApplyError::Refused { .. }), Some(patch)) => self.patch_and_send(&patch).await,
            (sent, _) => sent,
        }
    }

    async fn patch(&self, patch: &Value, content_type: &str) -> Result<Value, kube::Error> {
        let object = format!("{}/{}", self.path(), self.key.name);
        let request = http::Request::patch(format!("{object}?fieldManager={FIELD_MANAGER}"))
            .header(http::header::CONTENT_TYPE, content_type)
            .body(patch.to_string().into_bytes())
            .map_err(kube::Error::HttpError)?;
        self.cluster.client.request(request).await
    }

    fn path(&self) -> String {
        self.application.kind.path(self.key.namespace.as_deref())
    }

    fn failure(&self, error: &kube::Error) -> ApplyError {
        let object = self.key.to_string();
        if cause(error) == Cause::NotFound {
            // The kind may be gone, or its namespace: either may come back.
            self.cluster.discovery.forget(&self.key.kind.group);
        }
        match classify(error) {
            // It may be about to go with its owner.
            Verdict::Stop { message } if message.contains(TWO_CONTROLLERS) => {
                ApplyError::Failed { object, message }
            }
            Verdict::Stop { message } => ApplyError::Refused {
                message: with_hint(message),
                object,
            },
            Verdict::Retry { message } => ApplyError::Failed { object, message },
        }
    }
}

/// Adds what to do about a refusal that people meet often.
fn with_hint(message: String) -> String {
    let immutable = message.contains("field is immutable")
        || message.contains("updates to statefulset spec for fields other than")
        || message.contains("may not be changed once set")
        || message.contains("is immutable after creation");
    if immutable {
        return format!(
            "{message}; a field that cannot change after creation would change: delete the object in an earlier step, or leave the field as it was"
        );
    }
    if message.contains("duplicate entries for key") {
        return format!("{message}; the template lists the same name, port or key twice");
    }
    message
}
