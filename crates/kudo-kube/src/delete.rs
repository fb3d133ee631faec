//! Deleting objects and waiting until they are gone: foreground propagation, a precondition on the uid where
//! it is known, and finalizers respected.
//!
//! Absent objects are fine, and so are kinds that the cluster does not serve: nothing of them can be left.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, Preconditions, WatchParams};
use kube::core::{DynamicObject, WatchEvent};

use crate::cluster::{Cluster, KindError};
use crate::discovery::Kind;
use crate::error::{Cause, cause, message};
use crate::identity::{Gvk, ObjectKey};

/// Pauses before an object is looked at whose watch ended or can't be had.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// How long the server keeps the watch of one object open, and how much longer its silence is believed.
const WATCH_SECONDS: u32 = 240;
const GRACE: Duration = Duration::from_secs(20);
/// How long the watch may take to tell what a conflict was about.
const CONFLICT_PAUSE: Duration = Duration::from_secs(1);

/// An object that is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: Gvk,
    /// Namespace to look in if the kind is namespaced.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// If given, the object goes only if this instance (by uid) owns it, or, for a cluster-scoped object, if
    /// it carries the instance's name; otherwise it is left alone.
    pub owner: Option<Owner>,
}

/// The instance that must own an object for it to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Name of the instance.
    pub name: String,
    /// Uid of the instance resource.
    pub uid: String,
}

/// What came of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It was there and is gone.
    Gone,
    /// It was not there, or its kind is not served.
    Absent,
    /// It is somebody else's, or asks to be kept; it was left alone.
    Left,
}

/// Why an object could not be deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// The kind could not be looked up or watched.
    #[error("cannot delete {object}: {cause}")]
    Kind {
        /// Kind and name of the object.
        object: String,
        /// Why not. Not a source: its text is within this one.
        cause: KindError,
    },
    /// The server refused or failed.
    #[error("cannot delete {object}: {message}")]
    Failed {
        /// Kind and name of the object.
        object: String,
        /// The server's words.
        message: String,
    },
}

/// Deletes an object and waits until it is gone, however long its finalizers take. May be dropped at any
/// time and called again.
pub async fn delete(cluster: &Cluster, target: &Target) -> Result<Deleted, DeleteError> {
    match work(cluster, target).await? {
        Some(work) => work.run().await,
        None => Ok(Deleted::Absent),
    }
}

/// Asks for an object's deletion and does not wait for its end. An object that is gone, or whose place
/// another one has taken, is fine.
pub async fn begin_delete(cluster: &Cluster, target: &Target) -> Result<(), DeleteError> {
    let Some(work) = work(cluster, target).await? else {
        return Ok(());
    };
    let known = cluster.observed.get(&work.key);
    let uid = known.as_ref().map(|record| record.uid.to_string());
    match work.send(uid.as_deref()).await {
        Ok(_) => Ok(()),
        Err(error) if cause(&error) == Cause::Conflict && uid.is_some() => Ok(()),
        Err(error) => Err(work.failed(&error)),
    }
}

/// What is to be done; nothing where the cluster does not serve the kind.
async fn work<'a>(
    cluster: &'a Cluster,
    target: &'a Target,
) -> Result<Option<Work<'a>>, DeleteError> {
    let described = format!("{} {:?}", target.kind.kind, target.name);
    let kind = match cluster.kind(&target.kind).await {
        Ok(kind) if kind.deletable => kind,
        Ok(_) => return Ok(None),
        Err(error) if error.is_unknown() => return Ok(None),
        Err(cause) => {
            return Err(DeleteError::Kind {
                object: described,
                cause,
            });
        }
    };
    let key = ObjectKey {
        namespace: kind.is_namespaced().then(|| target.namespace.clone()),
        kind: kind.gvk.clone(),
        name: target.name.clone(),
    };
    Ok(Some(Work {
        cluster,
        kind,
        target,
        key,
    }))
}

/// What the server says to a deletion.
enum Answer {
    /// The object is still there, on its way out.
    Leaving(Leaving),
    /// The object is gone.
    Gone,
    /// There was none.
    Nothing,
}

/// An object on its way out.
struct Leaving {
    uid: String,
    /// The version from which to follow it.
    version: String,
}

impl Leaving {
    fn of(metadata: ObjectMeta) -> Self {
        Self {
            uid: metadata.uid.unwrap_or_default(),
            version: metadata.resource_version.unwrap_or_default(),
        }
    }
}

struct Work<'a> {
    cluster: &'a Cluster,
    kind: Arc<Kind>,
    target: &'a Target,
    key: ObjectKey,
}

impl Work<'_> {
    async fn run(&self) -> Result<Deleted, DeleteError> {
        loop {
            let known = self.cluster.observed.get(&self.key);
            let uid = known.as_ref().map(|record| record.uid.to_string());
            if let Some(owner) = &self.target.owner {
                let Some(record) = &known else {
                    return Ok(Deleted::Absent);
                };
                let owned = if self.kind.is_namespaced() {
                    record.is_owned_by(&owner.uid)
                } else {
                    record.instance.as_deref() == Some(owner.name.as_str())
                };
                if !owned || record.kept {
                    return Ok(Deleted::Left);
                }
            }
            if known.as_ref().is_some_and(|record| record.deleting) {
                self.until_told(uid.as_deref().unwrap_or_default()).await;
                return Ok(Deleted::Gone);
            }
            match self.send(uid.as_deref()).await {
                Ok(Answer::Leaving(found)) => {
                    match uid {
                        Some(uid) => self.until_told(&uid).await,
                        None => self.until_unseen(found).await?,
                    }
                    return Ok(Deleted::Gone);
                }
                Ok(Answer::Nothing | Answer::Gone) if uid.is_none() => return Ok(Deleted::Absent),
                Ok(Answer::Nothing | Answer::Gone) => {
                    // The watch may still be behind; a later step must not find a ghost.
                    self.until_told(uid.as_deref().unwrap_or_default()).await;
                    return Ok(Deleted::Gone);
                }
                Err(error) if cause(&error) == Cause::Conflict && uid.is_some() => {
                    // Another object of that name took its place, and the watch is about to tell. If it
                    // does not, the conflict was another one, and the server is asked again.
                    let told = self.until_told(uid.as_deref().unwrap_or_default());
                    let _ = tokio::time::timeout(CONFLICT_PAUSE, told).await;
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    /// Asks for the deletion.
    async fn send(&self, uid: Option<&str>) -> Result<Answer, kube::Error> {
        let mut params = DeleteParams::foreground();
        params.preconditions = uid.map(|uid| Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        });
        match self.api().delete(&self.key.name, &params).await {
            Ok(answer) => Ok(match answer.left() {
                Some(object) => Answer::Leaving(Leaving::of(object.metadata)),
                None => Answer::Gone,
            }),
            Err(error) if cause(&error) == Cause::NotFound => Ok(Answer::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Waits until the watch no longer shows the object.
    async fn until_told(&self, uid: &str) {
        let gone = self.cluster.observed.wait(&self.key, |known| match known {
            Some(known) if &*known.uid == uid => Poll::Pending,
            _ => Poll::Ready(()),
        });
        gone.await;
    }

    /// Waits until an object without our labels is gone, which the store's watches do not show: by a watch
    /// of its own. Where that can't be had (the kind has none, or the credential may not watch it) the
    /// object is looked at, less and less often, but never more than [`LONGEST_LOOK`] apart: how long its
    /// finalizers take is not ours to limit, and the step that waits may be overridden at any time.
    async fn until_unseen(&self, mut leaving: Leaving) -> Result<(), DeleteError> {
        let mut pause = FIRST_LOOK;
        loop {
            if self.kind.watchable {
                match self.follow(&leaving).await {
                    Ok(true) => return Ok(()),
                    Ok(false) => pause = FIRST_LOOK,
                    Err(error) => {
                        let (object, error) = (self.key.to_string(), message(&error));
                        tracing::debug!(
                            object,
                            error,
                            "cannot watch what is to go; looking instead"
                        );
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_LOOK);
            let now = self.api().get_metadata_opt(&self.key.name).await;
            let now = now.map_err(|error| self.failed(&error))?;
            match now.map(|now| Leaving::of(now.metadata)) {
                Some(now) if now.uid == leaving.uid => leaving = now,
                _ => return Ok(()),
            }
        }
    }

    /// Watches one object; tells whether it went while the watch lasted.
    async fn follow(&self, leaving: &Leaving) -> Result<bool, kube::Error> {
        let params = WatchParams::default()
            .fields(&format!("metadata.name={}", self.key.name))
            .timeout(WATCH_SECONDS);
        let api = self.api();
        let events = api.watch_metadata(&params, &leaving.version).await?;
        let mut events = std::pin::pin!(events);
        let until = Duration::from_secs(WATCH_SECONDS.into()) + GRACE;
        let gone = async {
            while let Some(event) = events.try_next().await? {
                let is_ours = |uid: Option<&String>| uid == Some(&leaving.uid);
                match event {
                    WatchEvent::Deleted(object) if is_ours(object.metadata.uid.as_ref()) => {
                        return Ok(true);
                    }
                    WatchEvent::Added(object) | WatchEvent::Modified(object)
                        if !is_ours(object.metadata.uid.as_ref()) =>
                    {
                        return Ok(true);
                    }
                    WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
                    _ => {}
                }
            }
            Ok(false)
        };
        tokio::time::timeout(until, gone).await.unwrap_or(Ok(false))
    }

    fn api(&self) -> Api<DynamicObject> {
        self.kind
            .api(&self.cluster.client, self.key.namespace.as_deref())
    }

    fn failed(&self, error: &kube::Error) -> DeleteError {
        DeleteError::Failed {
            object: self.key.to_string(),
            message: message(error),
        }
    }
}

#[cfg(test)]
mod tests;
