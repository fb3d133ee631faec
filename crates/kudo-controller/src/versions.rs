//! Which `OperatorVersion` an instance means.

use std::fmt;

use kudo_api::ObjectReference;

/// Names one `OperatorVersion`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl VersionKey {
    /// The version that a reference means: in the instance's namespace unless it names another.
    pub fn referenced(reference: &ObjectReference, instance_namespace: &str) -> Self {
        let named = reference.namespace.as_deref().unwrap_or_default();
        Self {
            namespace: if named.is_empty() {
                instance_namespace.to_owned()
            } else {
                named.to_owned()
            },
            name: reference.name.clone().unwrap_or_default(),
        }
    }

    /// The version that `status.accepted.operatorVersion` means.
    pub fn recorded(text: &str, instance_namespace: &str) -> Self {
        let (namespace, name) = text.split_once('/').unwrap_or((instance_namespace, text));
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The text for `status.accepted.operatorVersion`: the name, or `namespace/name` if the version
    /// lives elsewhere.
    pub fn to_recorded(&self, instance_namespace: &str) -> String {
        if self.namespace == instance_namespace {
            self.name.clone()
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for VersionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
