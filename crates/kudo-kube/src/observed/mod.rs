//! What is known of the objects we applied: one watch per kind, and a small record per object.
//!
//! Watches select by the label `heritage=kudo` and begin when a kind is first used. Nothing but the
//! record is kept of an object, and kinds whose health needs no content are watched by metadata alone.
//! The answers to our own writes are taken in at once, so that what this process wrote is never seen
//! older than it wrote it.
//!
//! Waiting is by event: [`Observed::wait`] looks again whenever the object changes, and may be dropped at
//! any time.

mod record;
mod store;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures::FutureExt;
use futures::future::Shared;
use kube::Client;
use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

pub use record::{AppliedBy, Controller, Record};

use crate::discovery::Kind;
use crate::identity::{Gvk, InstanceKey, ObjectKey};
use crate::readiness::{Component, Readiness, readiness};
use store::{Dirty, Store};
use watch::Watch;

/// How objects are watched.
#[derive(Clone, Debug)]
pub struct ObservedOptions {
    /// Namespaces to watch; empty means all.
    pub namespaces: Vec<String>,
    /// How many objects a page of a list holds.
    pub page_size: u32,
}

impl Default for ObservedOptions {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            page_size: 250,
        }
    }
}

/// A kind cannot be watched.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot watch {kind}: {}", crate::error::message(.cause))]
pub struct WatchError {
    /// The kind.
    pub kind: String,
    /// What came of the list. Not a source: its text is within this one.
    pub cause: Arc<kube::Error>,
}

/// The observed objects of one cluster. Clones share what they know; the watches end with the last.
#[derive(Clone)]
pub struct Observed {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    options: ObservedOptions,
    store: Mutex<Store>,
    watches: Mutex<HashMap<WatchKey, Running>>,
}

type WatchKey = (Gvk, Option<String>);

struct Running {
    listed: Outcome,
    task: AbortHandle,
}

/// How the first list of a watch ends. All that wait for it are woken in the order in which they came.
type Outcome = Shared<oneshot::Receiver<Result<(), Arc<kube::Error>>>>;

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("objects", &self.len())
            .finish()
    }
}

impl Observed {
    /// Watches nothing yet.
    pub fn new(client: Client, options: ObservedOptions) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                options,
                store: Mutex::default(),
                watches: Mutex::default(),
            }),
        }
    }

    /// Makes sure that a kind is watched, and waits until all its objects are known. Afterwards
    /// [`Observed::get`] giving `None` means that there is no such object of ours.
    ///
    /// Must be called within a tokio runtime.
    pub async fn ensure(&self, kind: &Arc<Kind>) -> Result<(), WatchError> {
        let namespaces: Vec<Option<String>> =
            if kind.is_namespaced() && !self.inner.options.namespaces.is_empty() {
                self.inner
                    .options
                    .namespaces
                    .iter()
                    .cloned()
                    .map(Some)
                    .collect()
            } else {
                vec![None]
            };
        for namespace in namespaces {
            self.ensure_in(kind, namespace).await?;
        }
        Ok(())
    }

    async fn ensure_in(
        &self,
        kind: &Arc<Kind>,
        namespace: Option<String>,
    ) -> Result<(), WatchError> {
        match self.start(kind, namespace).await {
            Ok(Err(cause)) => Err(WatchError {
                kind: kind.gvk.kind.clone(),
                cause,
            }),
            // The sender goes with the watch.
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    fn start(&self, kind: &Arc<Kind>, namespace: Option<String>) -> Outcome {
        let key = (kind.gvk.clone(), namespace.clone());
        let mut watches = self.inner.watches();
        if let Some(running) = watches.get(&key) {
            return running.listed.clone();
        }
        self.inner.store().start(&kind.gvk, namespace.as_deref());
        let (sender, receiver) = oneshot::channel();
        let listed = receiver.shared();
        let watch = Watch {
            kind: Arc::clone(kind),
            namespace,
            page_size: self.inner.options.page_size,
        };
        let task = tokio::spawn(watch.run(Arc::downgrade(&self.inner), sender));
        watches.insert(
            key,
            Running {
                listed: listed.clone(),
                task: task.abort_handle(),
            },
        );
        listed
    }

    /// Whether a kind is watched and all its objects in the namespace are known.
    pub fn is_synced(&self, kind: &Gvk, namespace: Option<&str>) -> bool {
        let watches = self.inner.watches();
        let of = |namespace: Option<&str>| {
            let key = (kind.clone(), namespace.map(ToOwned::to_owned));
            watches.get(&key).is_some_and(|running| {
                matches!(running.listed.clone().now_or_never(), Some(Ok(Ok(()))))
            })
        };
        of(None) || (namespace.is_some() && of(namespace))
    }

    /// What is known of an object.
    pub fn get(&self, key: &ObjectKey) -> Option<Record> {
        self.inner.store().get(key).cloned()
    }

    /// How many objects are known.
    pub fn len(&self) -> usize {
        self.inner.store().len()
    }

    /// Whether no object is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in the server's answer to a write of our own.
    pub fn written(&self, kind: &Gvk, object: &Value) {
        let record = Record::of(kind, object);
        let place = record::place_of(object);
        self.inner.store().written(kind, place, record);
    }

    /// Waits until `check` is ready, looking at once and at every change of the object. `check` sees `None`
    /// when there is no such object; it must not call back into this store.
    ///
    /// The kind must have been [`Observed::ensure`]d.
    pub async fn wait<T>(
        &self,
        key: &ObjectKey,
        mut check: impl FnMut(Option<&Record>) -> Poll<T>,
    ) -> T {
        let waiter = Waiter::new(&self.inner, key);
        loop {
            if let Poll::Ready(value) = check(self.inner.store().get(key)) {
                return value;
            }
            waiter.changed.notified().await;
        }
    }

    /// Whether all that runs for an instance is ready, as far as watched kinds tell.
    pub fn readiness(&self, instance: &InstanceKey) -> Readiness {
        let store = self.inner.store();
        let components = store
            .components(instance)
            .map(|(kind, _, record)| Component {
                group: &kind.group,
                kind: &kind.kind,
                health: &record.health,
                controller: record
                    .controller
                    .as_ref()
                    .map(|controller| &*controller.kind),
                deleting: record.deleting,
            });
        readiness(components)
    }

    /// Why pods that a workload made for an instance are not ready, in the words of the first that says;
    /// as far as pods are watched.
    pub fn trouble_of(&self, instance: &InstanceKey, workload: &ObjectKey) -> Option<String> {
        self.inner.store().trouble_of(instance, workload)
    }

    /// Tells from now on of changes of what runs for an instance.
    pub fn follow(&self, instance: &InstanceKey) -> News {
        let changed = Arc::new(Notify::new());
        self.inner.store().follow(instance, &changed);
        News {
            inner: Arc::clone(&self.inner),
            instance: instance.clone(),
            changed,
        }
    }

    /// Tells from now on which instances' readiness may have changed.
    pub fn changes(&self) -> Changes {
        let dirty = Arc::new(Dirty::default());
        self.inner.store().subscribe(&dirty);
        Changes { dirty }
    }
}

/// Changes of what runs for an instance; dropping it ends that.
pub struct News {
    inner: Arc<Inner>,
    instance: InstanceKey,
    changed: Arc<Notify>,
}

impl News {
    /// Waits for a change since this was last called, or since the beginning. Safe to drop at any time.
    pub async fn next(&self) {
        self.changed.notified().await;
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.changed = Arc::new(Notify::new());
        self.inner.store().forget_followers(&self.instance);
    }
}

/// Instances whose readiness may have changed, each told once however often it did.
pub struct Changes {
    dirty: Arc<Dirty>,
}

impl Changes {
    /// The next instance; waits for one. Safe to drop at any time.
    pub async fn next(&mut self) -> InstanceKey {
        self.dirty.take().await
    }
}

/// Somebody who waits for changes of an object; dropping it ends that.
struct Waiter<'a> {
    inner: &'a Arc<Inner>,
    key: &'a ObjectKey,
    changed: Arc<Notify>,
}

impl<'a> Waiter<'a> {
    fn new(inner: &'a Arc<Inner>, key: &'a ObjectKey) -> Self {
        let changed = Arc::new(Notify::new());
        inner.store().await_change(key, &changed);
        Self {
            inner,
            key,
            changed,
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.changed = Arc::new(Notify::new());
        self.inner.store().forget_waiters(self.key);
    }
}

impl Inner {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watches(&self) -> MutexGuard<'_, HashMap<WatchKey, Running>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A watch ended by itself: forgets it and what it told, so that the next who needs it starts anew.
    fn end(&self, kind: &Gvk, namespace: Option<&str>) {
        let key = (kind.clone(), namespace.map(ToOwned::to_owned));
        self.watches().remove(&key);
        self.store().stop(kind, namespace);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for running in self.watches().values() {
            running.task.abort();
        }
    }
}
