//! The objects, and a window of what happened to them.
//!
//! An object is kept as the JSON text it is served as, without `apiVersion` and `kind`, so that every
//! version of a kind costs a prefix. One counter numbers all writes. A watch is a place in its kind's
//! log: who reads too slowly for the log's bounds has lost its place, and nothing is kept for it.

mod entry;
mod expiry;
mod growth;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::clock::Clock;
pub(crate) use entry::{Entry, strip};
use expiry::{EVENTS, Expiry};
pub(crate) use growth::Growing;
use growth::Growth;

/// Namespace, empty where there is none, and name.
pub(crate) type Key = (Arc<str>, Arc<str>);

/// Where an object is stored, and the object.
pub(crate) type Stored = (Arc<str>, Arc<Entry>);

/// What happened to an object.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) version: u64,
    /// As it was before; none for a creation.
    pub(crate) before: Option<Arc<Entry>>,
    /// As it is now; for a deletion as it was at last, with the deletion's version.
    pub(crate) after: Arc<Entry>,
    pub(crate) deleted: bool,
}

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is one of that name.
    Exists,
    /// It is no longer as it was read.
    Stale,
}

/// How many bytes of objects a kind's log may have: of large objects fewer versions are kept.
const LARGEST_LOG: usize = 32 * 1024 * 1024;

#[derive(Debug)]
struct Collection {
    objects: BTreeMap<Key, Arc<Entry>>,
    log: VecDeque<Change>,
    /// How many bytes of objects the log has.
    size: usize,
    /// The version of the newest change that the log has lost.
    lost: u64,
    growth: Growth,
}

#[derive(Debug, Default)]
struct State {
    version: u64,
    /// The version before which nothing is known of any kind.
    beginning: u64,
    collections: HashMap<Arc<str>, Collection>,
    expiry: Expiry,
}

/// All objects of a cluster.
#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    /// How many changes of a kind are remembered.
    window: usize,
    clock: Clock,
}

/// Objects of one kind at one time.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) version: u64,
    pub(crate) objects: Vec<Arc<Entry>>,
}

/// What a log has told since a version.
#[derive(Debug)]
pub(crate) enum News {
    Changes(Vec<Change>, u64),
    /// The log does not reach back so far; its oldest version.
    Lost(u64),
}

impl Store {
    pub(crate) fn new(window: usize, clock: Clock) -> Self {
        let state = State {
            version: 1,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            window,
            clock,
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.state().version
    }

    pub(crate) fn get(&self, storage: &str, namespace: &str, name: &str) -> Option<Arc<Entry>> {
        let key: Key = (namespace.into(), name.into());
        let state = self.state_of(storage);
        state.collections.get(storage)?.objects.get(&key).cloned()
    }

    /// The objects of a kind in a namespace, or in all, in the order of their keys, after one of them.
    pub(crate) fn list(&self, storage: &str, namespace: &str, after: Option<&Key>) -> Snapshot {
        let state = self.state_of(storage);
        let version = state.version;
        let Some(collection) = state.collections.get(storage) else {
            let objects = Vec::new();
            return Snapshot { version, objects };
        };
        let first: Key = (namespace.into(), "".into());
        let start = match after {
            Some(key) if *key > first => std::ops::Bound::Excluded(key.clone()),
            _ => std::ops::Bound::Included(first),
        };
        let objects = collection
            .objects
            .range((start, std::ops::Bound::Unbounded))
            .take_while(|(key, _)| namespace.is_empty() || *key.0 == *namespace)
            .map(|(_, entry)| Arc::clone(entry))
            .collect();
        Snapshot { version, objects }
    }

    /// The same as it was at a version; nothing if the log does not reach back so far.
    pub(crate) fn list_at(
        &self,
        storage: &Arc<str>,
        namespace: &str,
        after: Option<&Key>,
        version: u64,
    ) -> Option<Snapshot> {
        let mut state = self.state_of(storage);
        let collection = state.collection(storage);
        if version < collection.lost {
            return None;
        }
        let is_meant = |key: &Key| namespace.is_empty() || *key.0 == *namespace;
        let now = collection.objects.iter().filter(|(key, _)| is_meant(key));
        let mut then: BTreeMap<&Key, &Arc<Entry>> = now.collect();
        let keys: Vec<Key> = collection
            .log
            .iter()
            .map(|change| change.after.key())
            .collect();
        for (change, key) in collection.log.iter().zip(&keys).rev() {
            if change.version <= version {
                break;
            }
            match &change.before {
                _ if !is_meant(key) => {}
                Some(before) => {
                    then.insert(key, before);
                }
                None => {
                    then.remove(key);
                }
            }
        }
        let rest = then
            .into_iter()
            .filter(|(key, _)| after.is_none_or(|after| *key > after));
        let objects = rest.map(|(_, entry)| Arc::clone(entry)).collect();
        Some(Snapshot { version, objects })
    }

    /// Everything, and the version of it.
    pub(crate) fn all(&self) -> (u64, Vec<Stored>) {
        let state = self.state_of(EVENTS);
        let mut collections: Vec<_> = state.collections.iter().collect();
        collections.sort_unstable_by_key(|(storage, _)| Arc::clone(storage));
        let objects = collections.into_iter().flat_map(|(storage, collection)| {
            let entries = collection.objects.values();
            entries.map(move |entry| (Arc::clone(storage), Arc::clone(entry)))
        });
        (state.version, objects.collect())
    }

    /// Puts back what [`Self::all`] gave, with the versions that the objects had. What comes later is
    /// numbered from `version` on; what was before is not known.
    pub(crate) fn restore(&self, version: u64, objects: Vec<(Arc<str>, Value)>) {
        let mut state = self.state();
        state.version = version;
        state.beginning = version;
        for (storage, object) in objects {
            let own = object["metadata"]["resourceVersion"].as_str();
            let own = own.and_then(|own| own.parse().ok()).unwrap_or(version);
            let written = (*storage == *EVENTS).then(|| expiry::last_written(&object));
            let entry = Arc::new(Entry::new(object, own, None));
            if let Some(at) = written {
                let at = at.unwrap_or_else(|| self.clock.now());
                state.expiry.add(at, entry.key(), own);
            }
            let collection = state.collection(&storage);
            collection.objects.insert(entry.key(), entry);
        }
        state.expiry.sort();
    }

    /// Begins the log of a kind that has just come to be.
    pub(crate) fn open(&self, storage: &Arc<str>) {
        let mut state = self.state();
        if !state.collections.contains_key(storage) {
            let version = state.version;
            state.collection(storage).lost = version;
        }
    }

    pub(crate) fn create(&self, storage: &Arc<str>, object: Value) -> Result<Arc<Entry>, Refused> {
        let mut state = self.state_of(storage);
        let key = entry::key(&object);
        if state.collection(storage).objects.contains_key(&key) {
            return Err(Refused::Exists);
        }
        let version = state.next();
        let entry = Arc::new(Entry::new(object, version, None));
        self.commit(&mut state, storage, None, &entry, false);
        Ok(entry)
    }

    /// Writes an object that was read as `before`.
    pub(crate) fn replace(
        &self,
        storage: &Arc<str>,
        before: &Arc<Entry>,
        object: Value,
    ) -> Result<Arc<Entry>, Refused> {
        self.change(storage, before, object, false)
    }

    /// Removes an object that was read as `before`; `last` is how it was at last.
    pub(crate) fn remove(
        &self,
        storage: &Arc<str>,
        before: &Arc<Entry>,
        last: Value,
    ) -> Result<Arc<Entry>, Refused> {
        self.change(storage, before, last, true)
    }

    fn change(
        &self,
        storage: &Arc<str>,
        before: &Arc<Entry>,
        object: Value,
        deleted: bool,
    ) -> Result<Arc<Entry>, Refused> {
        let mut state = self.state_of(storage);
        let key = before.key();
        let current = state.collection(storage).objects.get(&key);
        if current.is_none_or(|current| current.version != before.version) {
            return Err(Refused::Stale);
        }
        let version = state.next();
        let entry = Arc::new(Entry::new(object, version, Some(before)));
        self.commit(&mut state, storage, Some(before), &entry, deleted);
        Ok(entry)
    }

    fn commit(
        &self,
        state: &mut State,
        storage: &Arc<str>,
        before: Option<&Arc<Entry>>,
        after: &Arc<Entry>,
        deleted: bool,
    ) {
        if !deleted && **storage == *EVENTS {
            let key = after.key();
            state.expiry.add(self.clock.now(), key, after.version);
        }
        let collection = state.collection(storage);
        if deleted {
            collection.objects.remove(&after.key());
        } else {
            collection.objects.insert(after.key(), Arc::clone(after));
        }
        collection.size += after.text().len();
        collection.log.push_back(Change {
            version: after.version,
            before: before.cloned(),
            after: Arc::clone(after),
            deleted,
        });
        while collection.log.len() > self.window
            || collection.size > LARGEST_LOG && collection.log.len() > 1
        {
            let Some(lost) = collection.log.pop_front() else {
                break;
            };
            collection.size -= lost.after.text().len();
            collection.lost = lost.version;
        }
        collection.growth.reach(after.version);
    }

    /// Tells when a kind's log grows.
    pub(crate) fn subscribe(&self, storage: &Arc<str>) -> Growing {
        self.state().collection(storage).growth.subscribe()
    }

    /// What happened to a kind after a version, and the version up to which that is all.
    pub(crate) fn since(&self, storage: &Arc<str>, version: u64) -> News {
        let mut state = self.state_of(storage);
        let latest = state.version;
        let collection = state.collection(storage);
        if version < collection.lost {
            return News::Lost(collection.lost);
        }
        let start = collection
            .log
            .partition_point(|change| change.version <= version);
        let changes = collection.log.range(start..).cloned().collect();
        News::Changes(changes, latest)
    }

    /// The state in which a kind is as it is now.
    fn state_of(&self, storage: &str) -> MutexGuard<'_, State> {
        let mut state = self.state();
        if storage == EVENTS {
            self.expire(&mut state);
        }
        state
    }

    fn expire(&self, state: &mut State) {
        let now = self.clock.now();
        while let Some((key, version)) = state.expiry.next(now) {
            let storage: Arc<str> = EVENTS.into();
            let event = state.collection(&storage).objects.get(&key);
            if let Some(event) = event.filter(|event| event.version == version).cloned() {
                let version = state.next();
                let last = Arc::new(Entry::new(event.bare(), version, Some(&event)));
                self.commit(state, &storage, Some(&event), &last, true);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn collection(&mut self, storage: &Arc<str>) -> &mut Collection {
        let lost = self.beginning;
        self.collections
            .entry(Arc::clone(storage))
            .or_insert_with(|| Collection {
                objects: BTreeMap::new(),
                log: VecDeque::new(),
                size: 0,
                lost,
                growth: Growth::default(),
            })
    }
}
