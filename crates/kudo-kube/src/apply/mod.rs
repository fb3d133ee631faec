//! Applying one object: server-side apply by `kudo-manager`, with force, and nothing sent in vain.
//!
//! What the watch tells of the object decides:
//! - it is not there: apply, no read;
//! - this very step of this very execution applied it already (before a crash or a retry): it is done.
//!   Rendering again may give another text (random functions, `now`), and must not change it. Someone
//!   else's edit in between stays until the next execution;
//! - another execution or step applied it: apply, no read, as its annotations change in any case;
//! - another task of the same step applied it: read it, and apply only if something would change;
//! - the original applied it: read it and take it over;
//! - it is being deleted, or belongs to an instance of the same name that is gone: wait until it is gone.

mod compare;
mod fields;
mod takeover;

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::{DynamicObject, Request};
use kudo_api::names::FIELD_MANAGER;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::discovery::Kind;
use crate::error::{Cause, Verdict, cause, classify, message};
use crate::identity::{ObjectKey, name_of, text};
use crate::observed::{AppliedBy, Record};

/// How often a takeover begins anew because the object changed meanwhile.
const TAKEOVER_ATTEMPTS: usize = 5;
/// How long an object that is being deleted is awaited before the step shows it.
const GONE_PATIENCE: Duration = Duration::from_secs(30);
/// How long a kind that was just defined may answer "not found" to an apply.
const PUBLICATION_PAUSE: Duration = Duration::from_millis(100);

/// What is to be applied, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Application<'a> {
    /// The enhanced object.
    pub desired: &'a Value,
    /// Its kind.
    pub kind: &'a Arc<Kind>,
    /// The step and execution, as the object's annotations say.
    pub by: &'a AppliedBy,
    /// Uid of the instance that will own it.
    pub instance_uid: &'a str,
    /// Whether another task of this step has applied the object in this process, so that an equal
    /// address does not mean an equal content.
    pub contested: bool,
}

/// What came of an apply.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// It was sent; this is the server's answer.
    Sent(Box<Value>),
    /// It was read and found to be as desired.
    Unchanged(Box<Value>),
    /// This step of this execution had applied it before.
    Already,
}

/// Why an object could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Trying again cannot help: the server finds the object invalid.
    #[error("cannot apply {object}: {message}")]
    Refused {
        /// Kind and name of the object.
        object: String,
        /// The server's words, and a hint where there is one.
        message: String,
    },
    /// Trying again may help.
    #[error("cannot apply {object}: {message}")]
    Failed {
        /// Kind and name of the object.
        object: String,
        /// The server's words.
        message: String,
    },
    /// It is still being deleted.
    #[error("cannot apply {object}: the one of that name is still being deleted")]
    Deleting {
        /// Kind and name of the object.
        object: String,
    },
    /// It belongs to another instance.
    #[error("cannot apply {object}: it belongs to instance {owner:?}")]
    Foreign {
        /// Kind and name of the object.
        object: String,
        /// Name of the instance that it belongs to.
        owner: String,
    },
}

impl ApplyError {
    /// Whether trying again cannot help.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// The object's key, given the kind it was resolved to.
pub fn key_of(kind: &Kind, object: &Value) -> ObjectKey {
    let namespace = text(object, "/metadata/namespace");
    ObjectKey {
        kind: kind.gvk.clone(),
        namespace: (kind.is_namespaced() && !namespace.is_empty()).then(|| namespace.to_owned()),
        name: name_of(object).to_owned(),
    }
}

/// Makes the object what it should be, with as few requests as that takes.
///
/// The kind must be watched (see [`crate::Observed::ensure`]) unless it cannot be.
pub async fn apply(
    cluster: &Cluster,
    application: &Application<'_>,
) -> Result<Applied, ApplyError> {
    let key = key_of(application.kind, application.desired);
    let work = Work {
        api: application
            .kind
            .api(&cluster.client, key.namespace.as_deref()),
        cluster,
        application,
        key,
    };
    work.run().await
}

struct Work<'a> {
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

impl Work<'_> {
    async fn run(&self) -> Result<Applied, ApplyError> {
        loop {
            match self.situation()? {
                Situation::Done => return Ok(Applied::Already),
                Situation::Leaving => self.until_gone().await?,
                Situation::Absent | Situation::Outdated => {
                    let answer = self.send().await?;
                    if answer.pointer("/metadata/deletionTimestamp").is_some() {
                        continue;
                    }
                    if takeover::is_due(&answer) {
                        return self.take_over(answer).await;
                    }
                    return Ok(Applied::Sent(Box::new(answer)));
                }
                Situation::Compare => match self.read().await? {
                    Some(live) if compare::is_unchanged(self.application.desired, &live) => {
                        return Ok(Applied::Unchanged(Box::new(live)));
                    }
                    _ => return Ok(Applied::Sent(Box::new(self.send().await?))),
                },
                Situation::Legacy => match self.read().await? {
                    Some(live) => return self.take_over(live).await,
                    None => return Ok(Applied::Sent(Box::new(self.send().await?))),
                },
            }
        }
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

    async fn send(&self) -> Result<Value, ApplyError> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let request = Request::new(self.path());
        loop {
            let request = request
                .patch(
                    &self.key.name,
                    &params,
                    &Patch::Apply(self.application.desired),
                )
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
    async fn take_over(&self, mut live: Value) -> Result<Applied, ApplyError> {
        for _ in 0..TAKEOVER_ATTEMPTS {
            if takeover::is_due(&live)
                && let Some(patch) = takeover::handover(&live, self.application.desired)
                && !self.hand_over(&patch).await?
            {
                match self.read().await? {
                    Some(newer) => {
                        live = newer;
                        continue;
                    }
                    None => break,
                }
            }
            let answer = self.send().await?;
            if !takeover::is_due(&answer)
                || takeover::handover(&answer, self.application.desired).is_none()
            {
                return Ok(Applied::Sent(Box::new(answer)));
            }
            // A server that had not kept track of fields has begun to with this apply.
            live = answer;
        }
        Err(ApplyError::Failed {
            object: self.key.to_string(),
            message: "it keeps changing while it is taken over".to_owned(),
        })
    }

    /// Sends the patch; `false` if the object has changed meanwhile.
    async fn hand_over(&self, patch: &Value) -> Result<bool, ApplyError> {
        let request = http::Request::patch(format!("{}/{}", self.path(), self.key.name))
            .header(http::header::CONTENT_TYPE, "application/json-patch+json")
            .body(patch.to_string().into_bytes())
            .map_err(kube::Error::HttpError)
            .map_err(|error| self.failure(&error))?;
        match self.cluster.client.request::<Value>(request).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(cause(&error), Cause::Conflict | Cause::NotFound) => Ok(false),
            Err(error) => Err(self.failure(&error)),
        }
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
            Verdict::Stop { message } => ApplyError::Refused {
                message: with_hint(message),
                object,
            },
            Verdict::Retry { .. } => ApplyError::Failed {
                object,
                message: message(error),
            },
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
