//! What is known of the cluster's objects, and the rules by which older news is told from newer.
//!
//! News comes from two sides: from watches, in the order in which things happened, and from the answers
//! to our own writes, which may overtake the watch or come in behind it. Resource versions decide. A
//! write's answer is ignored if the watch is already past its version, as the object may have been deleted
//! since; an event is ignored if the record is newer.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

use super::record::Record;
use crate::identity::{Gvk, InstanceKey, ObjectKey};
use crate::readiness;

/// Namespace and name.
pub(super) type Place = (Option<Box<str>>, Box<str>);

/// All records, with those who wait for them.
#[derive(Default)]
pub(super) struct Store {
    kinds: HashMap<Gvk, Objects>,
    /// Objects that bear on an instance's readiness.
    components: HashMap<Arc<InstanceKey>, Vec<Component>>,
    waiters: HashMap<ObjectKey, Vec<Weak<Notify>>>,
    /// Those who wait for changes of what runs for an instance.
    followers: HashMap<InstanceKey, Vec<Weak<Notify>>>,
    subscribers: Vec<Weak<Dirty>>,
}

/// Where an object that bears on readiness is found.
type Component = (Arc<Gvk>, Arc<Place>);

/// The objects of one kind.
struct Objects {
    kind: Arc<Gvk>,
    records: HashMap<Arc<Place>, Record>,
    /// How far each watch has come: the highest resource version it has told of. Keyed by the
    /// namespace watched, `None` for all.
    progress: HashMap<Option<String>, u64>,
}

impl Objects {
    fn new(kind: &Gvk) -> Self {
        Self {
            kind: Arc::new(kind.clone()),
            records: HashMap::new(),
            progress: HashMap::new(),
        }
    }

    fn progress_at(&self, place: &Place) -> Option<u64> {
        let namespace = place.0.as_deref().map(ToOwned::to_owned);
        self.progress
            .get(&None)
            .or_else(|| self.progress.get(&namespace))
            .copied()
    }
}

impl Store {
    pub(super) fn get(&self, key: &ObjectKey) -> Option<&Record> {
        self.kinds.get(&key.kind)?.records.get(&place_of(key))
    }

    /// All objects that bear on an instance's readiness.
    pub(super) fn components(
        &self,
        instance: &InstanceKey,
    ) -> impl Iterator<Item = (&Gvk, &str, &Record)> {
        let places = self.components.get(instance);
        places.into_iter().flatten().filter_map(|(kind, place)| {
            let record = self.kinds.get(&**kind)?.records.get(place)?;
            Some((&**kind, &*place.1, record))
        })
    }

    /// Why pods that a workload made for an instance are not ready, in the words of the first that says.
    pub(super) fn trouble_of(
        &self,
        instance: &InstanceKey,
        workload: &ObjectKey,
    ) -> Option<String> {
        let pods = self
            .components(instance)
            .filter_map(|(kind, name, record)| {
                let trouble = record.trouble.as_deref()?;
                let ours = record.is_made_by(workload) && !record.deleting;
                ours.then_some((&*kind.kind, name, trouble))
            });
        let (kind, name, trouble) = pods.min()?;
        Some(format!("{kind} {name:?}: {trouble}"))
    }

    pub(super) fn len(&self) -> usize {
        self.kinds
            .values()
            .map(|objects| objects.records.len())
            .sum()
    }

    /// Begins to keep records of a kind in a namespace.
    pub(super) fn start(&mut self, kind: &Gvk, namespace: Option<&str>) {
        let objects = self
            .kinds
            .entry(kind.clone())
            .or_insert_with(|| Objects::new(kind));
        objects
            .progress
            .entry(namespace.map(ToOwned::to_owned))
            .or_insert(0);
    }

    /// Forgets all of a kind in a namespace, as it is no longer watched.
    pub(super) fn stop(&mut self, kind: &Gvk, namespace: Option<&str>) {
        self.retain(kind, namespace, |_, _| false);
        if let Some(objects) = self.kinds.get_mut(kind) {
            objects.progress.remove(&namespace.map(ToOwned::to_owned));
            if objects.progress.is_empty() {
                self.kinds.remove(kind);
            }
        }
    }

    /// A watch told of an object that is there.
    pub(super) fn seen(
        &mut self,
        kind: &Gvk,
        namespace: Option<&str>,
        place: Place,
        record: Record,
    ) {
        self.advance(kind, namespace, record.version);
        self.put(kind, place, record);
    }

    /// A watch told of an object that is gone.
    pub(super) fn gone(
        &mut self,
        kind: &Gvk,
        namespace: Option<&str>,
        place: &Place,
        gone: &Record,
    ) {
        self.advance(kind, namespace, gone.version);
        let Some(objects) = self.kinds.get(kind) else {
            return;
        };
        let over = objects
            .records
            .get(place)
            .is_some_and(|known| known.uid == gone.uid || known.version <= gone.version);
        if over {
            self.remove(kind, place);
        }
    }

    /// A list named an object that is there. The watch has come as far as the list only when it is complete.
    pub(super) fn listing(&mut self, kind: &Gvk, place: Place, record: Record) {
        self.put(kind, place, record);
    }

    /// A list is complete: what it did not name is gone, unless it was written after the list.
    pub(super) fn listed(
        &mut self,
        kind: &Gvk,
        namespace: Option<&str>,
        named: &HashSet<Place>,
        version: u64,
    ) {
        self.retain(kind, namespace, |place, record| {
            named.contains(place) || record.version > version
        });
        self.advance(kind, namespace, version);
    }

    /// A watch has come this far without news.
    pub(super) fn advance(&mut self, kind: &Gvk, namespace: Option<&str>, version: u64) {
        let objects = self.kinds.get_mut(kind);
        let key = namespace.map(ToOwned::to_owned);
        if let Some(progress) = objects.and_then(|objects| objects.progress.get_mut(&key)) {
            *progress = version.max(*progress);
        }
    }

    /// The answer to a write of our own. Kinds that are not watched are not remembered.
    pub(super) fn written(&mut self, kind: &Gvk, place: Place, record: Record) {
        let progress = self
            .kinds
            .get(kind)
            .and_then(|objects| objects.progress_at(&place));
        if progress.is_some_and(|progress| record.version > progress) {
            self.put(kind, place, record);
        }
    }

    /// Asks to be told of every change of an object.
    pub(super) fn await_change(&mut self, key: &ObjectKey, notify: &Arc<Notify>) {
        let waiters = self.waiters.entry(key.clone()).or_default();
        waiters.push(Arc::downgrade(notify));
    }

    /// Asks to be told of every change of what runs for an instance.
    pub(super) fn follow(&mut self, instance: &InstanceKey, notify: &Arc<Notify>) {
        let followers = self.followers.entry(instance.clone()).or_default();
        followers.push(Arc::downgrade(notify));
    }

    /// Drops followers that are no more.
    pub(super) fn forget_followers(&mut self, instance: &InstanceKey) {
        forget_dropped(&mut self.followers, instance);
    }

    /// Drops waiters that are no more.
    pub(super) fn forget_waiters(&mut self, key: &ObjectKey) {
        forget_dropped(&mut self.waiters, key);
    }

    /// Asks to be told which instances' readiness may have changed.
    pub(super) fn subscribe(&mut self, dirty: &Arc<Dirty>) {
        self.subscribers.retain(|known| known.strong_count() > 0);
        self.subscribers.push(Arc::downgrade(dirty));
    }

    fn put(&mut self, kind: &Gvk, place: Place, record: Record) {
        let Some(objects) = self.kinds.get_mut(kind) else {
            return;
        };
        let known = objects.records.get_key_value(&place);
        if known.is_some_and(|(_, known)| known.version >= record.version && record.version != 0) {
            return;
        }
        let changed = known.is_none_or(|(_, known)| {
            known.health != record.health || known.deleting != record.deleting
        });
        let before = known.and_then(|(place, known)| readiness_key(kind, place, known));
        let now = readiness_key(kind, &place, &record);
        let place = known.map_or_else(|| Arc::new(place), |(place, _)| Arc::clone(place));
        let component = (Arc::clone(&objects.kind), Arc::clone(&place));
        objects.records.insert(Arc::clone(&place), record);
        if before != now {
            if let Some(before) = &before {
                self.drop_component(before, &component);
                self.tell(before);
            }
            if let Some(now) = &now {
                self.add_component(now, component);
            }
        }
        if let Some(now) = now.filter(|now| changed || before.as_ref() != Some(now)) {
            self.tell(&now);
        }
        self.wake(kind, &place);
    }

    fn remove(&mut self, kind: &Gvk, place: &Place) {
        let Some(objects) = self.kinds.get_mut(kind) else {
            return;
        };
        let component_kind = Arc::clone(&objects.kind);
        let Some((place, record)) = objects.records.remove_entry(place) else {
            return;
        };
        if let Some(instance) = readiness_key(kind, &place, &record) {
            self.drop_component(&instance, &(component_kind, Arc::clone(&place)));
            self.tell(&instance);
        }
        self.wake(kind, &place);
    }

    fn retain(
        &mut self,
        kind: &Gvk,
        namespace: Option<&str>,
        keep: impl Fn(&Place, &Record) -> bool,
    ) {
        let Some(objects) = self.kinds.get(kind) else {
            return;
        };
        let mut over: Vec<Arc<Place>> = objects
            .records
            .iter()
            .filter(|(place, _)| namespace.is_none() || place.0.as_deref() == namespace)
            .filter(|(place, record)| !keep(place, record))
            .map(|(place, _)| Arc::clone(place))
            .collect();
        // Who waits for them is told in the same order each time.
        over.sort_unstable();
        for place in over {
            self.remove(kind, &place);
        }
    }

    fn add_component(&mut self, instance: &InstanceKey, component: Component) {
        if let Some(components) = self.components.get_mut(instance) {
            components.push(component);
        } else {
            let instance = Arc::new(instance.clone());
            self.components.insert(instance, vec![component]);
        }
    }

    fn drop_component(&mut self, instance: &InstanceKey, component: &Component) {
        if let Some(components) = self.components.get_mut(instance) {
            components.retain(|known| known != component);
            if components.is_empty() {
                self.components.remove(instance);
            }
        }
    }

    fn tell(&self, instance: &InstanceKey) {
        for subscriber in self.subscribers.iter().filter_map(Weak::upgrade) {
            subscriber.mark(instance);
        }
        let followers = self.followers.get(instance).into_iter().flatten();
        for follower in followers.filter_map(Weak::upgrade) {
            follower.notify_one();
        }
    }

    fn wake(&self, kind: &Gvk, place: &Place) {
        if self.waiters.is_empty() {
            return;
        }
        let key = ObjectKey {
            kind: kind.clone(),
            namespace: place.0.as_deref().map(ToOwned::to_owned),
            name: place.1.clone().into_string(),
        };
        let waiters = self.waiters.get(&key).into_iter().flatten();
        for waiter in waiters.filter_map(Weak::upgrade) {
            waiter.notify_one();
        }
    }
}

/// The instance on whose readiness an object bears. Cluster-scoped objects bear on none: their labels do
/// not tell the instance's namespace.
fn readiness_key(kind: &Gvk, place: &Place, record: &Record) -> Option<InstanceKey> {
    let namespace = place.0.as_deref()?;
    let name = record.instance.as_deref()?;
    readiness::concerns(&kind.group, &kind.kind).then(|| InstanceKey::new(namespace, name))
}

pub(super) fn place_of(key: &ObjectKey) -> Place {
    (
        key.namespace.as_deref().map(Into::into),
        key.name.as_str().into(),
    )
}

/// Instances whose readiness may have changed since somebody last looked.
#[derive(Default)]
pub(super) struct Dirty {
    instances: Mutex<BTreeSet<InstanceKey>>,
    marked: Notify,
}

impl Dirty {
    fn mark(&self, instance: &InstanceKey) {
        let mut instances = self
            .instances
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if instances.contains(instance) {
            return;
        }
        instances.insert(instance.clone());
        drop(instances);
        self.marked.notify_one();
    }

    /// Takes one of them, waiting for it if there is none.
    pub(super) async fn take(&self) -> InstanceKey {
        loop {
            let first = self
                .instances
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_first();
            match first {
                Some(instance) => return instance,
                None => self.marked.notified().await,
            }
        }
    }
}

/// Drops those under a key that are no more, and the key with the last of them.
fn forget_dropped<K: Clone + Eq + Hash>(asked: &mut HashMap<K, Vec<Weak<Notify>>>, key: &K) {
    if let Entry::Occupied(mut known) = asked.entry(key.clone()) {
        known.get_mut().retain(|notify| notify.strong_count() > 0);
        if known.get().is_empty() {
            known.remove();
        }
    }
}
