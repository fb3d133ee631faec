//! All that is shared by everything that talks to one cluster.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kudo_template::pipe_pod::WAITER_IMAGE;

use crate::copy::{CopyFiles, ExecCopy};
use crate::discovery::{Discovery, Kind, ResolveError};
use crate::error::{Cause, cause};
use crate::identity::Gvk;
use crate::observed::{Observed, ObservedOptions, WatchError};
use crate::provision::Provisioners;

/// A cluster as the adapter sees it: a client and the caches over it. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    /// Sends requests.
    pub client: Client,
    /// Knows which kinds are served.
    pub discovery: Discovery,
    /// Knows which of our objects exist and how they are.
    pub observed: Observed,
    /// Knows what of the cluster provides volumes and addresses.
    pub provisioners: Provisioners,
    /// Copies files out of the pods of Pipe tasks.
    pub files: Arc<dyn CopyFiles>,
    /// Image of the container that keeps such a pod until its files are copied.
    pub waiter_image: Arc<str>,
}

/// Pause between two attempts to list a kind that was just defined.
const PUBLICATION_PAUSE: Duration = Duration::from_millis(50);

/// A kind cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum KindError {
    /// It could not be looked up.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// It could not be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl KindError {
    /// Whether the cluster does not serve the kind, now.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Resolve(ResolveError::Unknown { .. }))
    }
}

/// How a cluster is looked at.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// Namespaces to watch; empty means all.
    pub namespaces: Vec<String>,
    /// Image of the container that keeps the pod of a Pipe task; `None` means the default.
    pub waiter_image: Option<String>,
}

impl Cluster {
    /// The caches over a client; nothing is asked before it is needed. Must be called within a tokio
    /// runtime, as watches are its tasks. They end with the last clone.
    pub fn new(client: Client, options: ClusterOptions) -> Self {
        Self {
            discovery: Discovery::new(client.clone()),
            observed: Observed::new(
                client.clone(),
                ObservedOptions {
                    namespaces: options.namespaces,
                    ..ObservedOptions::default()
                },
            ),
            provisioners: Provisioners::new(client.clone()),
            files: Arc::new(ExecCopy),
            waiter_image: options
                .waiter_image
                .as_deref()
                .unwrap_or(WAITER_IMAGE)
                .into(),
            client,
        }
    }

    /// Finds a kind, and if it can be watched makes sure that all its objects are known.
    pub async fn kind(&self, gvk: &Gvk) -> Result<Arc<Kind>, KindError> {
        let mut forgotten = false;
        loop {
            let kind = self.discovery.resolve(gvk).await?;
            if !kind.watchable {
                return Ok(kind);
            }
            match self.observed.ensure(&kind).await {
                Ok(()) => return Ok(kind),
                // It is published, but not yet served.
                Err(error) if is_missing(&error) && self.discovery.is_fresh(&gvk.group) => {
                    tokio::time::sleep(PUBLICATION_PAUSE).await;
                }
                // It was served when it was asked for, and is no longer.
                Err(error) if is_missing(&error) && !forgotten => {
                    self.discovery.forget(&gvk.group);
                    forgotten = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn is_missing(error: &WatchError) -> bool {
    cause(&error.cause) == Cause::NotFound
}
