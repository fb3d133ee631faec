//! All operator versions, parsed once per change and shared.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use kudo_api::{DefinitionError, OperatorVersion};
use kudo_package::OperatorDefinition;

use crate::decide::Lookup;
use crate::versions::VersionKey;

/// What is known of one operator version.
#[derive(Clone, Debug)]
pub enum Found {
    /// It can be run.
    Valid(Arc<OperatorDefinition>),
    /// It cannot.
    Invalid(Arc<DefinitionError>),
    /// There is none.
    Missing,
}

impl Found {
    /// The same, for deciding.
    pub fn lookup(&self) -> Lookup<'_> {
        match self {
            Self::Valid(definition) => Lookup::Found(definition),
            Self::Invalid(error) => Lookup::Invalid(error),
            Self::Missing => Lookup::Missing,
        }
    }

    /// The definition, if it can be run.
    pub fn definition(&self) -> Option<&Arc<OperatorDefinition>> {
        match self {
            Self::Valid(definition) => Some(definition),
            Self::Invalid(_) | Self::Missing => None,
        }
    }
}

/// The operator versions known.
#[derive(Debug, Default)]
pub struct DefinitionStore {
    entries: Mutex<HashMap<VersionKey, Found>>,
}

impl DefinitionStore {
    /// Takes up a state that a watch reports; its key, if what it defines has changed.
    pub fn observe(&self, version: &OperatorVersion) -> Option<VersionKey> {
        let key = key_of(version);
        let parsed = OperatorDefinition::try_from(version);
        let mut entries = self.entries();
        match (entries.get(&key), &parsed) {
            (Some(Found::Valid(known)), Ok(parsed)) if **known == *parsed => return None,
            (Some(Found::Invalid(known)), Err(error)) if **known == *error => return None,
            _ => {}
        }
        let found = match parsed {
            Ok(definition) => Found::Valid(Arc::new(definition)),
            Err(error) => Found::Invalid(Arc::new(error)),
        };
        entries.insert(key.clone(), found);
        Some(key)
    }

    /// Forgets an operator version; its key, if it was known.
    pub fn remove(&self, version: &OperatorVersion) -> Option<VersionKey> {
        let key = key_of(version);
        self.entries().remove(&key).map(|_| key)
    }

    /// Forgets the operator versions of a namespace (`None` means all) that a new list lacks.
    pub fn retain_listed(
        &self,
        namespace: Option<&str>,
        listed: &HashSet<VersionKey>,
    ) -> Vec<VersionKey> {
        let mut entries = self.entries();
        let gone: Vec<VersionKey> = entries
            .keys()
            .filter(|key| namespace.is_none_or(|namespace| key.namespace == namespace))
            .filter(|key| !listed.contains(*key))
            .cloned()
            .collect();
        for key in &gone {
            entries.remove(key);
        }
        gone
    }

    /// What is known of an operator version.
    pub fn get(&self, key: &VersionKey) -> Found {
        self.entries().get(key).cloned().unwrap_or(Found::Missing)
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<VersionKey, Found>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of an operator version.
pub fn key_of(version: &OperatorVersion) -> VersionKey {
    VersionKey {
        namespace: version.namespace().unwrap_or_default(),
        name: version.name_any(),
    }
}
