//! What an instance applied: a record by name, so that deleting never needs to render.
//!
//! All namespaced objects of an instance live in the instance's namespace, so group, kind and name tell
//! its objects apart; the version may change from one operator version to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kudo_api::instance::InventoryEntry;
use serde_json::Value;

use crate::identity::{gvk_of, name_of};

/// What tells the objects of one instance apart.
pub type Identity = (String, String, String);

/// The objects of one instance, in a stable order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    entries: BTreeMap<Identity, InventoryEntry>,
}

impl Inventory {
    /// Reads a recorded inventory; the last of equal entries counts.
    pub fn new(entries: impl IntoIterator<Item = InventoryEntry>) -> Self {
        let mut inventory = Self::default();
        inventory.extend(entries);
        inventory
    }

    /// Adds or replaces an entry; whether that changed anything.
    pub fn insert(&mut self, entry: InventoryEntry) -> bool {
        let identity = identity(&entry);
        if self.entries.get(&identity) == Some(&entry) {
            return false;
        }
        self.entries.insert(identity, entry);
        true
    }

    /// Takes an object out; whether it was there.
    pub fn remove(&mut self, entry: &InventoryEntry) -> bool {
        self.entries.remove(&identity(entry)).is_some()
    }

    /// Adds or replaces entries.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = InventoryEntry>) {
        for entry in entries {
            self.insert(entry);
        }
    }

    /// Whether the object is in it.
    pub fn contains(&self, entry: &InventoryEntry) -> bool {
        self.entries.contains_key(&identity(entry))
    }

    /// The entries in order.
    pub fn entries(&self) -> impl Iterator<Item = &InventoryEntry> {
        self.entries.values()
    }

    /// The entries in order, as they are recorded.
    pub fn to_vec(&self) -> Vec<InventoryEntry> {
        self.entries.values().cloned().collect()
    }

    /// How many objects are in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it holds an object that no owner reference can reach.
    pub fn has_cluster_scoped(&self) -> bool {
        self.entries().any(|entry| entry.namespace.is_none())
    }

    /// What a new operator version no longer has: entries of this inventory that `rendered` lacks and
    /// whose plan is one of `plans` (those that run by themselves).
    ///
    /// `CustomResourceDefinition`s and `Namespace`s are never among them, as their deletion would take
    /// other people's objects along.
    pub fn no_longer_rendered(
        &self,
        rendered: &Inventory,
        plans: &BTreeSet<String>,
    ) -> Vec<InventoryEntry> {
        self.entries()
            .filter(|entry| !rendered.contains(entry))
            .filter(|entry| plans.contains(&entry.plan))
            .filter(|entry| !holds_others(entry))
            .cloned()
            .collect()
    }

    /// What has to be deleted one by one when the instance goes: its cluster-scoped objects, but for
    /// `CustomResourceDefinition`s and `Namespace`s.
    pub fn cluster_scoped_leftovers(&self) -> Vec<InventoryEntry> {
        self.entries()
            .filter(|entry| entry.namespace.is_none() && !holds_others(entry))
            .cloned()
            .collect()
    }
}

/// Whether deleting the object would delete other objects, perhaps of other people.
pub fn holds_others(entry: &InventoryEntry) -> bool {
    matches!(
        (entry.group.as_str(), entry.kind.as_str()),
        ("apiextensions.k8s.io", "CustomResourceDefinition") | ("", "Namespace")
    )
}

/// Whether the object is the pod of a Pipe task, which is of no use once its task has ended.
pub fn is_pipe_pod(entry: &InventoryEntry) -> bool {
    let suffix = format!(".{}", kudo_template::pipes::POD);
    entry.group.is_empty() && entry.kind == "Pod" && entry.name.ends_with(&suffix)
}

/// What tells the object apart from the others of its instance.
pub fn identity(entry: &InventoryEntry) -> Identity {
    (entry.group.clone(), entry.kind.clone(), entry.name.clone())
}

/// The entry of a rendered object, `None` if it has no kind or no name. `namespace` is that of the
/// instance, or `None` for a cluster-scoped object.
pub fn entry_of(object: &Value, namespace: Option<&str>, plan: &str) -> Option<InventoryEntry> {
    let gvk = gvk_of(object)?;
    let name = name_of(object);
    (!name.is_empty()).then(|| InventoryEntry {
        group: gvk.group,
        version: gvk.version,
        kind: gvk.kind,
        namespace: namespace.map(ToOwned::to_owned),
        name: name.to_owned(),
        plan: plan.to_owned(),
    })
}

/// An inventory that a running plan and the recorder of its status share.
#[derive(Clone, Debug, Default)]
pub struct SharedInventory {
    state: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    inventory: Inventory,
    unrecorded: bool,
}

impl SharedInventory {
    /// Starts from what is recorded.
    pub fn new(recorded: Inventory) -> Self {
        Self {
            state: Arc::new(Mutex::new(Shared {
                inventory: recorded,
                unrecorded: false,
            })),
        }
    }

    /// The inventory as it stands, to be recorded.
    pub fn snapshot(&self) -> Inventory {
        self.state().inventory.clone()
    }

    /// Whether an object was added since the last [`SharedInventory::recorded`], which has to be
    /// recorded before it is applied.
    pub fn has_unrecorded(&self) -> bool {
        self.state().unrecorded
    }

    /// Notes that `snapshot` is recorded.
    pub fn recorded(&self, snapshot: &Inventory) {
        let mut state = self.state();
        if state.inventory == *snapshot {
            state.unrecorded = false;
        }
    }

    pub(crate) fn add(&self, entry: InventoryEntry) {
        let mut state = self.state();
        let before = state.inventory.entries.get(&identity(&entry));
        // A write-ahead that does not know the scope yet must not undo one that did.
        let entry = match before {
            Some(before) if entry.namespace.is_none() && before.namespace.is_some() => {
                InventoryEntry {
                    namespace: before.namespace.clone(),
                    ..entry
                }
            }
            _ => entry,
        };
        if state.inventory.insert(entry) {
            state.unrecorded = true;
        }
    }

    pub(crate) fn correct(&self, entry: InventoryEntry) {
        self.state().inventory.insert(entry);
    }

    pub(crate) fn remove(&self, entry: &InventoryEntry) {
        self.state().inventory.remove(entry);
    }

    fn state(&self) -> MutexGuard<'_, Shared> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(kind: &str, name: &str, plan: &str) -> InventoryEntry {
        let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
        entry_of(&object, Some("ns"), plan).unwrap()
    }

    fn cluster(group: &str, kind: &str) -> InventoryEntry {
        InventoryEntry {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: None,
            ..entry("", "x", "deploy")
        }
    }

    #[test]
    fn entries_are_told_apart_by_group_kind_and_name() {
        let mut inventory = Inventory::new([entry("ConfigMap", "a", "deploy")]);
        assert!(
            !inventory.insert(entry("ConfigMap", "a", "deploy")),
            "nothing new"
        );
        assert!(
            inventory.insert(entry("ConfigMap", "a", "update")),
            "another plan"
        );
        assert!(inventory.insert(entry("Secret", "a", "deploy")));
        let newer = InventoryEntry {
            version: "v2".into(),
            ..entry("Secret", "a", "deploy")
        };
        assert!(
            inventory.insert(newer.clone()),
            "another version of the same"
        );
        assert_eq!(inventory.len(), 2);
        assert_eq!(inventory.to_vec()[1], newer);
        assert!(inventory.remove(&entry("Secret", "a", "deploy")));
        assert!(!inventory.remove(&entry("Secret", "a", "deploy")));
        assert!(!inventory.is_empty() && inventory.contains(&entry("ConfigMap", "a", "x")));
    }

    #[test]
    fn pods_of_pipe_tasks_are_known_by_their_names() {
        let pod = "inst.deploy.main.step.task.pipepod";
        assert!(is_pipe_pod(&entry("Pod", pod, "deploy")));
        assert!(!is_pipe_pod(&entry("Pod", "pipepod", "deploy")));
        assert!(!is_pipe_pod(&entry("Secret", pod, "deploy")));
    }

    #[test]
    fn an_object_without_name_or_kind_has_no_entry() {
        for object in [
            json!({"apiVersion": "v1", "kind": "A", "metadata": {}}),
            json!({"apiVersion": "v1", "metadata": {"name": "a"}}),
            json!({"kind": "A", "metadata": {"name": "a"}}),
        ] {
            assert_eq!(entry_of(&object, None, "deploy"), None);
        }
        let object =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}});
        let entry = entry_of(&object, Some("ns"), "deploy").unwrap();
        assert_eq!(
            (entry.group.as_str(), entry.version.as_str()),
            ("apps", "v1")
        );
    }

    #[test]
    fn what_is_no_longer_rendered_goes_if_its_plan_runs_by_itself() {
        let old = Inventory::new([
            entry("ConfigMap", "kept", "deploy"),
            entry("ConfigMap", "gone", "deploy"),
            entry("ConfigMap", "gone-too", "update"),
            entry("PersistentVolumeClaim", "backup", "backup"),
            cluster("apiextensions.k8s.io", "CustomResourceDefinition"),
            cluster("", "Namespace"),
            cluster("rbac.authorization.k8s.io", "ClusterRole"),
        ]);
        let rendered = Inventory::new([entry("ConfigMap", "kept", "update")]);
        let plans = BTreeSet::from(["deploy".to_owned(), "update".to_owned()]);
        let over: Vec<String> = old
            .no_longer_rendered(&rendered, &plans)
            .iter()
            .map(|entry| format!("{} {}", entry.kind, entry.name))
            .collect();
        assert_eq!(
            over,
            ["ConfigMap gone", "ConfigMap gone-too", "ClusterRole x"]
        );
        let left = old.cluster_scoped_leftovers();
        assert_eq!(left, [cluster("rbac.authorization.k8s.io", "ClusterRole")]);
        assert!(old.has_cluster_scoped() && !rendered.has_cluster_scoped());
    }

    #[test]
    fn what_was_added_is_unrecorded_until_it_is_recorded_as_it_is() {
        let shared = SharedInventory::new(Inventory::new([entry("ConfigMap", "a", "deploy")]));
        assert!(!shared.has_unrecorded());
        shared.add(entry("ConfigMap", "a", "deploy"));
        assert!(!shared.has_unrecorded(), "it was there");
        shared.add(entry("ConfigMap", "b", "deploy"));
        assert!(shared.has_unrecorded());
        let snapshot = shared.snapshot();
        shared.add(entry("ConfigMap", "c", "deploy"));
        shared.recorded(&snapshot);
        assert!(shared.has_unrecorded(), "one more came meanwhile");
        shared.recorded(&shared.snapshot());
        assert!(!shared.has_unrecorded());
        shared.remove(&entry("ConfigMap", "c", "deploy"));
        assert!(!shared.has_unrecorded(), "a name too many does no harm");
        assert_eq!(shared.snapshot().len(), 2);
    }

    #[test]
    fn a_scope_that_is_known_is_not_forgotten() {
        let shared = SharedInventory::default();
        let unknown = InventoryEntry {
            namespace: None,
            ..entry("Widget", "a", "deploy")
        };
        shared.add(unknown.clone());
        assert!(shared.snapshot().has_cluster_scoped());
        shared.correct(entry("Widget", "a", "deploy"));
        shared.recorded(&shared.snapshot());
        shared.add(unknown);
        assert!(!shared.has_unrecorded());
        assert!(!shared.snapshot().has_cluster_scoped());
    }
}
