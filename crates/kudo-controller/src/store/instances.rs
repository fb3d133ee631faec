//! All instances, in as little memory as possible.
//!
//! An idle instance is looked at once in a blue moon, and there may be thousands: each is kept as
//! compact JSON without its managed fields, and read when it is needed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use kudo_api::Instance;
use kudo_kube::InstanceKey;

use super::is_older;
use crate::versions::VersionKey;

/// The instances known.
#[derive(Debug, Default)]
pub struct InstanceStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<InstanceKey, Entry>,
    /// Instances by the operator versions that they need.
    users: HashMap<VersionKey, BTreeSet<InstanceKey>>,
}

#[derive(Debug)]
struct Entry {
    uid: Option<String>,
    resource_version: Option<String>,
    versions: Vec<VersionKey>,
    json: Box<[u8]>,
}

impl InstanceStore {
    /// Takes up a state that a watch reports; whether it was news.
    pub fn observe(&self, instance: &Instance) -> bool {
        let Some((key, entry)) = entry_of(instance) else {
            return false;
        };
        let mut state = self.state();
        let known = state.entries.get(&key);
        if known.is_some_and(|known| known.uid == entry.uid && known.is_newer_than(&entry)) {
            return false;
        }
        state.insert(key, entry);
        true
    }

    /// Takes up the answer to an own write or read, unless the instance is gone or newer by now.
    ///
    /// It never makes an instance known: its deletion may have been reported before the answer came.
    pub fn refresh(&self, instance: &Instance) {
        let Some((key, entry)) = entry_of(instance) else {
            return;
        };
        let mut state = self.state();
        let known = state.entries.get(&key);
        if known.is_some_and(|known| known.uid == entry.uid && !known.is_newer_than(&entry)) {
            state.insert(key, entry);
        }
    }

    /// Forgets an instance; whether it was known.
    pub fn remove(&self, key: &InstanceKey) -> bool {
        self.state().remove(key)
    }

    /// Forgets the instances of the namespaces watched (`None` means all) that a new list lacks, and
    /// gives their keys.
    pub fn retain_listed(
        &self,
        namespace: Option<&str>,
        listed: &HashSet<InstanceKey>,
    ) -> Vec<InstanceKey> {
        let mut state = self.state();
        let gone: Vec<InstanceKey> = state
            .entries
            .keys()
            .filter(|key| namespace.is_none_or(|namespace| key.namespace == namespace))
            .filter(|key| !listed.contains(*key))
            .cloned()
            .collect();
        for key in &gone {
            state.remove(key);
        }
        gone
    }

    /// The instance, if it is known.
    pub fn get(&self, key: &InstanceKey) -> Option<Instance> {
        let state = self.state();
        let entry = state.entries.get(key)?;
        match serde_json::from_slice(&entry.json) {
            Ok(instance) => Some(instance),
            Err(error) => {
                tracing::error!(%key, %error, "a stored instance cannot be read");
                None
            }
        }
    }

    /// Whether the instance is known.
    pub fn contains(&self, key: &InstanceKey) -> bool {
        self.state().entries.contains_key(key)
    }

    /// The instances that need an operator version.
    pub fn users_of(&self, version: &VersionKey) -> Vec<InstanceKey> {
        let state = self.state();
        let users = state.users.get(version);
        users.into_iter().flatten().cloned().collect()
    }

    /// The keys of all instances.
    pub fn keys(&self) -> Vec<InstanceKey> {
        self.state().entries.keys().cloned().collect()
    }

    /// How many instances are known.
    pub fn len(&self) -> usize {
        self.state().entries.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, key: InstanceKey, entry: Entry) {
        let before = self.entries.get(&key).map(|known| &known.versions);
        if before != Some(&entry.versions) {
            self.unlink(&key);
            for version in &entry.versions {
                let users = self.users.entry(version.clone()).or_default();
                users.insert(key.clone());
            }
        }
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: &InstanceKey) -> bool {
        self.unlink(key);
        self.entries.remove(key).is_some()
    }

    fn unlink(&mut self, key: &InstanceKey) {
        for version in self.entries.get(key).into_iter().flat_map(|e| &e.versions) {
            if let Some(users) = self.users.get_mut(version) {
                users.remove(key);
                if users.is_empty() {
                    self.users.remove(version);
                }
            }
        }
    }
}

impl Entry {
    fn is_newer_than(&self, other: &Self) -> bool {
        is_older(
            other.resource_version.as_deref(),
            self.resource_version.as_deref(),
        )
    }
}

fn entry_of(instance: &Instance) -> Option<(InstanceKey, Entry)> {
    let namespace = instance.namespace().unwrap_or_default();
    let mut versions = vec![VersionKey::referenced(
        &instance.spec.operator_version,
        &namespace,
    )];
    let accepted = instance.status.as_ref().and_then(|s| s.accepted.as_ref());
    if let Some(accepted) = accepted {
        let accepted = VersionKey::recorded(&accepted.operator_version, &namespace);
        if !versions.contains(&accepted) {
            versions.push(accepted);
        }
    }
    let json = if instance.metadata.managed_fields.is_some() {
        let mut lean = instance.clone();
        lean.metadata.managed_fields = None;
        serde_json::to_vec(&lean)
    } else {
        serde_json::to_vec(instance)
    };
    let json = match json {
        Ok(json) => json.into_boxed_slice(),
        Err(error) => {
            tracing::error!(%error, "an instance cannot be stored");
            return None;
        }
    };
    let entry = Entry {
        uid: instance.uid(),
        resource_version: instance.resource_version(),
        versions,
        json,
    };
    Some((InstanceKey::new(namespace, instance.name_any()), entry))
}
