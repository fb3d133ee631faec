//! The cache: what the watches and the controllers' own writes have told of the objects.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;

use super::model::{Body, Content, Pod};
use super::resources::{Kind, Resource};

/// A kind's place in the list of kinds.
pub(super) type ResourceId = usize;
/// An object's uid.
pub(super) type Uid = Arc<str>;

/// An object's namespace, empty for a kind without, and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
}

impl Key {
    pub(super) fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// One object in the cache.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) resource: ResourceId,
    pub(super) meta: ObjectMeta,
    pub(super) content: Content,
}

impl Entry {
    pub(super) fn key(&self) -> Key {
        let meta = &self.meta;
        Key::new(
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
        )
    }
}

/// An object of a known kind, borrowed from the cache.
pub(super) struct Object<'a, T> {
    pub(super) resource: ResourceId,
    pub(super) meta: &'a ObjectMeta,
    pub(super) body: &'a T,
}

impl<T> Clone for Object<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Object<'_, T> {}

impl<'a, T> Object<'a, T> {
    pub(super) fn name(&self) -> &'a str {
        self.meta.name.as_deref().unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> &'a str {
        self.meta.namespace.as_deref().unwrap_or_default()
    }

    pub(super) fn uid(&self) -> &'a str {
        self.meta.uid.as_deref().unwrap_or_default()
    }

    pub(super) fn generation(&self) -> i64 {
        self.meta.generation.unwrap_or(0)
    }

    pub(super) fn labels(&self) -> &'a BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.meta.labels.as_ref().unwrap_or(&NONE)
    }

    pub(super) fn label(&self, name: &str) -> Option<&'a str> {
        self.labels().get(name).map(String::as_str)
    }

    pub(super) fn annotation(&self, name: &str) -> Option<&'a str> {
        self.meta
            .annotations
            .as_ref()?
            .get(name)
            .map(String::as_str)
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.meta.deletion_timestamp.is_some()
    }

    pub(super) fn created(&self) -> Timestamp {
        self.meta
            .creation_timestamp
            .as_ref()
            .map_or(Timestamp::UNIX_EPOCH, |time| time.0)
    }

    pub(super) fn controller(&self) -> Option<&'a OwnerReference> {
        controller(self.meta)
    }
}

/// The owner that controls an object.
pub(super) fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true))
}

/// All objects, by uid, by name, by owner.
#[derive(Debug, Default)]
pub(super) struct World {
    resources: Vec<Resource>,
    objects: BTreeMap<Uid, Entry>,
    names: BTreeMap<(ResourceId, Key), Uid>,
    dependents: HashMap<Uid, BTreeSet<Uid>>,
    /// What a controller might adopt: pods, replica sets and revisions that nobody controls.
    orphans: BTreeSet<(ResourceId, Arc<str>, Uid)>,
    /// Owners known not to exist.
    absent: HashSet<Uid>,
    /// What an own request removed and a late watch event must not bring back.
    removed: HashMap<Uid, ResourceId>,
    /// What a watch has told the end of while answers to own requests were on their way: those may be
    /// older than the end.
    ended: HashSet<Uid>,
    /// The uids a list that is under way has shown.
    listing: HashMap<ResourceId, HashSet<Uid>>,
}

impl World {
    /// Adds a kind; one that is there keeps its place.
    pub(super) fn add_resource(&mut self, resource: Resource) -> ResourceId {
        let same = |known: &Resource| {
            known.api.group == resource.api.group && known.api.plural == resource.api.plural
        };
        if let Some(id) = self.resources.iter().position(same) {
            self.resources[id] = resource;
            return id;
        }
        self.resources.push(resource);
        self.resources.len() - 1
    }

    pub(super) fn resources(&self) -> &[Resource] {
        &self.resources
    }

    pub(super) fn resource(&self, kind: Kind) -> Option<ResourceId> {
        self.resources.iter().position(|known| known.kind == kind)
    }

    /// The kind an owner reference means.
    pub(super) fn meant(&self, owner: &OwnerReference) -> Option<ResourceId> {
        self.resources.iter().position(|r| r.is_meant_by(owner))
    }

    pub(super) fn entry(&self, uid: &str) -> Option<&Entry> {
        self.objects.get(uid)
    }

    pub(super) fn find(&self, kind: Kind, key: &Key) -> Option<&Entry> {
        self.named(self.resource(kind)?, key)
    }

    pub(super) fn named(&self, resource: ResourceId, key: &Key) -> Option<&Entry> {
        self.objects.get(self.names.get(&(resource, key.clone()))?)
    }

    pub(super) fn get<T: Body>(&self, key: &Key) -> Option<Object<'_, T>> {
        typed(self.find(T::KIND, key)?)
    }

    /// The entries of a kind, of one namespace or of all, in the order of their names.
    pub(super) fn entries<'a>(
        &'a self,
        resource: ResourceId,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Entry> + 'a {
        let start = (resource, Key::new(namespace.unwrap_or_default(), ""));
        self.names
            .range(start..)
            .take_while(move |((id, key), _)| {
                *id == resource && namespace.is_none_or(|wanted| &*key.namespace == wanted)
            })
            .filter_map(|(_, uid)| self.objects.get(uid))
    }

    /// The objects of a kind, of one namespace or of all, in the order of their names.
    pub(super) fn all<'a, T: Body>(
        &'a self,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = Object<'a, T>> + 'a {
        let resource = self.resource(T::KIND);
        resource
            .into_iter()
            .flat_map(move |id| self.entries(id, namespace))
            .filter_map(typed)
    }

    /// The uids of the objects with an owner reference to this one.
    pub(super) fn dependents(&self, uid: &str) -> impl Iterator<Item = &Entry> {
        let uids = self.dependents.get(uid).into_iter().flatten();
        uids.filter_map(|uid| self.objects.get(uid))
    }

    /// The objects of a kind that this one controls.
    pub(super) fn controlled<'a, T: Body>(
        &'a self,
        uid: &'a str,
    ) -> impl Iterator<Item = Object<'a, T>> + 'a {
        self.dependents(uid)
            .filter_map(typed)
            .filter(move |object: &Object<'_, T>| object.controller().is_some_and(|o| o.uid == uid))
    }

    /// The objects of a kind in a namespace that nobody controls.
    pub(super) fn orphans<'a, T: Body>(
        &'a self,
        namespace: &str,
    ) -> impl Iterator<Item = Object<'a, T>> + 'a {
        let namespace: Arc<str> = namespace.into();
        let resource = self.resource(T::KIND).unwrap_or(ResourceId::MAX);
        let start = (resource, Arc::clone(&namespace), Uid::from(""));
        self.orphans
            .range(start..)
            .take_while(move |(id, ns, _)| *id == resource && *ns == namespace)
            .filter_map(|(_, _, uid)| typed(self.objects.get(uid)?))
    }

    /// Whether an owner of that uid is known not to exist.
    pub(super) fn is_absent(&self, uid: &str) -> bool {
        self.absent.contains(uid)
    }

    /// Remembers that no owner of that uid exists.
    pub(super) fn mark_absent(&mut self, uid: &str) {
        self.absent.insert(uid.into());
    }

    /// A list of a kind begins.
    pub(super) fn listing_begins(&mut self, resource: ResourceId) {
        self.listing.insert(resource, HashSet::new());
    }

    /// A list of a kind is complete: what it has not shown is gone. Returns the uids.
    pub(super) fn listing_ends(&mut self, resource: ResourceId) -> Vec<Uid> {
        let shown = self.listing.remove(&resource).unwrap_or_default();
        self.removed.retain(|_, of| *of != resource);
        let gone = |(uid, entry): (&Uid, &Entry)| {
            (entry.resource == resource && !shown.contains(uid)).then(|| Uid::clone(uid))
        };
        self.objects.iter().filter_map(gone).collect()
    }

    /// Takes in an object unless the cache knows it newer. Returns whether it was taken.
    pub(super) fn apply(&mut self, resource: ResourceId, object: DynamicObject) -> bool {
        let mut meta = object.metadata;
        let Some(uid) = meta.uid.as_deref().map(Uid::from) else {
            return false;
        };
        if let Some(shown) = self.listing.get_mut(&resource) {
            shown.insert(Uid::clone(&uid));
        }
        let known = self.objects.get(&uid);
        if self.removed.contains_key(&uid)
            || self.ended.contains(&uid)
            || known.is_some_and(|known| version(&known.meta) >= version(&meta))
        {
            return false;
        }
        let content = Content::read(self.resources[resource].kind, object.data);
        let content = content.unwrap_or_else(|error| {
            let name = meta.name.as_deref();
            tracing::warn!(name, %error, "an object cannot be read");
            Content::None
        });
        meta.managed_fields = None;
        self.forget(&uid);
        let entry = Entry {
            resource,
            meta,
            content,
        };
        self.link(&uid, &entry);
        self.objects.insert(uid, entry);
        true
    }

    /// Drops an object that an own request removed; late events about it are void.
    pub(super) fn remove_early(&mut self, uid: &str) {
        if let Some(entry) = self.objects.get(uid) {
            self.removed.insert(uid.into(), entry.resource);
            self.remove(uid);
        }
    }

    /// Drops an object that no longer exists.
    pub(super) fn remove(&mut self, uid: &str) {
        self.forget(uid);
        if self.dependents.contains_key(uid) {
            self.absent.insert(uid.into());
        }
    }

    /// The watch has told of an object's end. Nothing about it can come any more but late answers, if any
    /// are awaited.
    pub(super) fn removal_seen(&mut self, uid: &str, answers_awaited: bool) {
        if answers_awaited {
            self.ended.insert(uid.into());
        }
        self.removed.remove(uid);
        self.remove(uid);
    }

    /// All answers have come.
    pub(super) fn answers_are_in(&mut self) {
        self.ended.clear();
    }

    fn link(&mut self, uid: &Uid, entry: &Entry) {
        let key = entry.key();
        let claimable = matches!(
            self.resources[entry.resource].kind,
            Kind::Pod | Kind::ReplicaSet | Kind::ControllerRevision
        );
        if claimable && controller(&entry.meta).is_none() {
            let namespace = Arc::clone(&key.namespace);
            self.orphans
                .insert((entry.resource, namespace, Uid::clone(uid)));
        }
        self.names.insert((entry.resource, key), Uid::clone(uid));
        for owner in entry.meta.owner_references.iter().flatten() {
            let owned = self.dependents.entry(owner.uid.as_str().into());
            owned.or_default().insert(Uid::clone(uid));
        }
    }

    fn forget(&mut self, uid: &str) {
        let Some((uid, entry)) = self.objects.remove_entry(uid) else {
            return;
        };
        let key = entry.key();
        self.orphans
            .remove(&(entry.resource, Arc::clone(&key.namespace), Uid::clone(&uid)));
        let named = (entry.resource, key);
        if self.names.get(&named) == Some(&uid) {
            self.names.remove(&named);
        }
        for owner in entry.meta.owner_references.iter().flatten() {
            if let Some(owned) = self.dependents.get_mut(owner.uid.as_str()) {
                owned.remove(&uid);
                if owned.is_empty() {
                    self.dependents.remove(owner.uid.as_str());
                    self.absent.remove(owner.uid.as_str());
                }
            }
        }
    }
}

pub(super) fn typed<T: Body>(entry: &Entry) -> Option<Object<'_, T>> {
    Some(Object {
        resource: entry.resource,
        meta: &entry.meta,
        body: T::of(&entry.content)?,
    })
}

/// Pods by way of the names most controllers use.
pub(super) type PodRef<'a> = Object<'a, Pod>;

/// Resource versions of one server can be compared, which Kubernetes promises since 1.35 and has always
/// kept.
fn version(meta: &ObjectMeta) -> u64 {
    let version = meta.resource_version.as_deref();
    version.and_then(|v| v.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn world() -> World {
        let mut world = World::default();
        world.add_resource(Resource {
            kind: Kind::Pod,
            api: kube::api::ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&()),
            namespaced: true,
        });
        world
    }

    fn pod(version: &str) -> DynamicObject {
        let meta = json!({
            "name": "p", "namespace": "ns", "uid": "u", "resourceVersion": version,
            "ownerReferences": [{ "apiVersion": "v1", "kind": "Pod", "name": "o", "uid": "owner" }],
        });
        serde_json::from_value(json!({ "metadata": meta })).unwrap()
    }

    #[test]
    fn only_news_is_taken_in() {
        let mut world = world();
        assert!(world.apply(0, pod("5")));
        assert!(!world.apply(0, pod("5")));
        assert!(!world.apply(0, pod("4")));
        assert!(world.apply(0, pod("10")));
    }

    #[test]
    fn what_an_own_request_removed_stays_away_until_its_end_is_seen() {
        let mut world = world();
        world.apply(0, pod("5"));
        world.remove_early("u");
        assert!(!world.apply(0, pod("6")));
        world.removal_seen("u", false);
        assert!(world.removed.is_empty());
    }

    #[test]
    fn a_late_answer_brings_nothing_back() {
        let mut world = world();
        world.apply(0, pod("5"));
        world.removal_seen("u", true);
        assert!(!world.apply(0, pod("6")));
        assert!(world.entry("u").is_none());
        world.answers_are_in();
        assert!(world.ended.is_empty());
    }

    #[test]
    fn what_a_list_does_not_show_is_gone() {
        let mut world = world();
        world.apply(0, pod("5"));
        world.listing_begins(0);
        assert_eq!(world.listing_ends(0), [Uid::from("u")]);
        world.listing_begins(0);
        world.apply(0, pod("5"));
        assert!(world.listing_ends(0).is_empty());
    }

    #[test]
    fn an_owner_that_goes_is_known_absent_while_it_has_dependents() {
        let mut world = world();
        world.apply(0, pod("5"));
        world.remove("owner");
        assert!(world.is_absent("owner"));
        world.remove("u");
        assert!(!world.is_absent("owner"));
    }
}
