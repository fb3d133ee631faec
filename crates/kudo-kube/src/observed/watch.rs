//! One watch: lists a kind, follows it, and starts over when the server has forgotten where it was.
//!
//! Written by hand and not with `kube::runtime::watcher`, because the store needs what that hides: the
//! resource version of a list and of bookmarks, by which answers to our own writes are told to be newer
//! or older than what the watch has seen.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::Error;
use kube::api::{ListParams, WatchParams};
use kube::core::{Request, WatchEvent};
use kudo_api::names::{HERITAGE, HERITAGE_LABEL};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::oneshot;

use super::Inner;
use super::record::{Record, place_of, version_of};
use super::store::Place;
use crate::discovery::Kind;
use crate::error::{Cause, cause, message};
use crate::health::needs_content;

/// Pauses after failures, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// From this pause on an interruption is worth a warning.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// How often a list is begun that the server forgets between two pages.
const LIST_ATTEMPTS: usize = 3;
/// How long the server keeps one watch open, before jitter; it is taken up again without a list.
const WATCH_SECONDS: u32 = 240;
/// How much longer than that silence is believed before the connection counts as dead.
const GRACE: Duration = Duration::from_secs(20);

/// What one watch follows.
pub(super) struct Watch {
    pub(super) kind: Arc<Kind>,
    /// `None` means all namespaces, or a cluster-scoped kind.
    pub(super) namespace: Option<String>,
    pub(super) page_size: u32,
}

/// Why a watch came to an end by itself.
enum End {
    /// The kind is not served any longer.
    Vanished,
    /// Nobody is interested any longer.
    Unwanted,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: ListMeta,
    // Some servers answer a list of metadata that names nothing with null.
    items: Option<Vec<Value>>,
}

impl Watch {
    /// Lists, tells of success or failure, and then follows for as long as the store lives.
    pub(super) async fn run(
        self,
        store: Weak<Inner>,
        listed: oneshot::Sender<Result<(), Arc<Error>>>,
    ) {
        let first = match self.list(&store).await {
            Ok(Some(version)) => version,
            Ok(None) => return,
            Err(error) => {
                if let Some(store) = store.upgrade() {
                    store.end(&self.kind.gvk, self.namespace.as_deref());
                }
                // Nobody may wait for it any more.
                let _ = listed.send(Err(Arc::new(error)));
                return;
            }
        };
        let _ = listed.send(Ok(()));
        if let End::Vanished = self.follow(&store, first).await
            && let Some(store) = store.upgrade()
        {
            tracing::info!(kind = %self.kind.gvk.kind, "kind is no longer served");
            store.end(&self.kind.gvk, self.namespace.as_deref());
        }
    }

    async fn follow(&self, store: &Weak<Inner>, first: String) -> End {
        let mut version = Some(first);
        let mut pause = FIRST_PAUSE;
        loop {
            let step = match &version {
                Some(version) => self.events(store, version).await,
                None => self.list(store).await,
            };
            match step {
                Ok(Some(next)) => {
                    version = Some(next);
                    pause = FIRST_PAUSE;
                }
                Ok(None) => return End::Unwanted,
                Err(error) => {
                    match cause(&error) {
                        Cause::Gone => version = None,
                        Cause::NotFound => return End::Vanished,
                        _ => {}
                    }
                    let (kind, error) = (&self.kind.gvk.kind, message(&error));
                    if pause >= LONG_PAUSE {
                        tracing::warn!(kind, error, "cannot watch; trying again");
                    } else {
                        tracing::debug!(kind, error, "watch interrupted");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Reads a list from its beginning, again if the server forgets it between two pages.
    async fn list(&self, store: &Weak<Inner>) -> Result<Option<String>, Error> {
        for _ in 1..LIST_ATTEMPTS {
            match self.pages(store).await {
                Err(error) if cause(&error) == Cause::Gone => {}
                listed => return listed,
            }
        }
        self.pages(store).await
    }

    /// Reads all pages of a list; gives the version from which to follow, `None` if the store is gone.
    async fn pages(&self, store: &Weak<Inner>) -> Result<Option<String>, Error> {
        let request = Request::new(self.kind.path(self.namespace.as_deref()));
        let mut named: HashSet<Place> = HashSet::new();
        let mut params = ListParams::default()
            .labels(&format!("{HERITAGE_LABEL}={HERITAGE}"))
            .limit(self.page_size);
        loop {
            let asked = if self.needs_content() {
                request.list(&params)
            } else {
                request.list_metadata(&params)
            };
            let Some(client) = store.upgrade().map(|inner| inner.client.clone()) else {
                return Ok(None);
            };
            let page: Page = client.request(asked.map_err(Error::BuildRequest)?).await?;
            let Some(inner) = store.upgrade() else {
                return Ok(None);
            };
            for object in page.items.unwrap_or_default() {
                let record = Record::of(&self.kind.gvk, &object);
                let place = place_of(&object);
                named.insert(place.clone());
                inner.store().listing(&self.kind.gvk, place, record);
            }
            let version = page.metadata.resource_version.unwrap_or_default();
            let token = page.metadata.continue_.unwrap_or_default();
            if token.is_empty() {
                let number = version.parse().unwrap_or(0);
                let namespace = self.namespace.as_deref();
                inner
                    .store()
                    .listed(&self.kind.gvk, namespace, &named, number);
                return Ok(Some(version));
            }
            params = params.continue_token(&token);
        }
    }

    /// Follows from a version until the server ends the watch; gives the version it came to.
    async fn events(&self, store: &Weak<Inner>, from: &str) -> Result<Option<String>, Error> {
        let seconds = WATCH_SECONDS + spread(&self.kind.gvk.kind);
        let mut params = WatchParams::default()
            .labels(&format!("{HERITAGE_LABEL}={HERITAGE}"))
            .timeout(seconds);
        params.bookmarks = true;
        let request = Request::new(self.kind.path(self.namespace.as_deref()));
        let asked = if self.needs_content() {
            request.watch(&params, from)
        } else {
            request.watch_metadata(&params, from)
        };
        let Some(client) = store.upgrade().map(|inner| inner.client.clone()) else {
            return Ok(None);
        };
        let stream = client
            .request_events::<Value>(asked.map_err(Error::BuildRequest)?)
            .await?;
        let mut stream = std::pin::pin!(stream);
        let mut version = from.to_owned();
        let limit = Duration::from_secs(seconds.into()) + GRACE;
        loop {
            let Ok(next) = tokio::time::timeout(limit, stream.try_next()).await else {
                return Ok(Some(version));
            };
            let event = match next {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(Some(version)),
                Err(error) if cause(&error) == Cause::Gone => return Err(error),
                // What was seen so far counts: the next watch begins where this one broke.
                Err(error) if version != from => {
                    let (kind, error) = (&self.kind.gvk.kind, message(&error));
                    tracing::debug!(kind, error, "watch broke");
                    return Ok(Some(version));
                }
                Err(error) => return Err(error),
            };
            let Some(inner) = store.upgrade() else {
                return Ok(None);
            };
            if let Some(seen) = self.take_in(&inner, event)? {
                version = seen;
            }
        }
    }

    /// Takes an event into the store; gives its version, if it has one.
    fn take_in(&self, inner: &Inner, event: WatchEvent<Value>) -> Result<Option<String>, Error> {
        let kind = &self.kind.gvk;
        let namespace = self.namespace.as_deref();
        let (object, is_gone) = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
            WatchEvent::Deleted(object) => (object, true),
            WatchEvent::Bookmark(bookmark) => {
                let version = bookmark.metadata.resource_version;
                inner
                    .store()
                    .advance(kind, namespace, version.parse().unwrap_or(0));
                return Ok(Some(version));
            }
            WatchEvent::Error(status) => return Err(Error::Api(status)),
        };
        let record = Record::of(kind, &object);
        let place = place_of(&object);
        let version = crate::identity::text(&object, "/metadata/resourceVersion").to_owned();
        debug_assert_eq!(record.version, version_of(&object));
        let mut store = inner.store();
        if is_gone {
            store.gone(kind, namespace, &place, &record);
        } else {
            store.seen(kind, namespace, place, record);
        }
        Ok((!version.is_empty()).then_some(version))
    }

    fn needs_content(&self) -> bool {
        needs_content(&self.kind.gvk.group, &self.kind.gvk.kind)
    }
}

/// A few seconds that differ from kind to kind, so that watches are not all taken up again at once.
fn spread(kind: &str) -> u32 {
    kind.bytes().fold(7, |sum: u32, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    }) % 50
}

#[cfg(test)]
mod tests;
