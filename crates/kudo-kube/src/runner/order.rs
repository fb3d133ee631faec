//! In which order the objects of one task are applied.
//!
//! Kinds and namespaces come first and are awaited, as other objects need them; then what pods read or run
//! as; then everything else. Within a group all are sent at once.

use serde_json::Value;

use crate::identity::gvk_of;

/// Objects that are applied together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Wave {
    /// Defines where or what other objects are.
    Foundation,
    /// Is read by workloads when they start.
    Configuration,
    /// Everything else.
    Rest,
}

impl Wave {
    pub(super) const ALL: [Self; 3] = [Self::Foundation, Self::Configuration, Self::Rest];

    pub(super) fn of(object: &Value) -> Self {
        let Some(gvk) = gvk_of(object) else {
            return Self::Rest;
        };
        match (gvk.group.as_str(), gvk.kind.as_str()) {
            ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                Self::Foundation
            }
            (
                "",
                "ConfigMap"
                | "Secret"
                | "ServiceAccount"
                | "Service"
                | "PersistentVolume"
                | "PersistentVolumeClaim"
                | "LimitRange"
                | "ResourceQuota",
            )
            | (
                "rbac.authorization.k8s.io"
                | "storage.k8s.io"
                | "scheduling.k8s.io"
                | "node.k8s.io",
                _,
            )
            | ("networking.k8s.io", "NetworkPolicy" | "IngressClass")
            | ("policy", "PodSecurityPolicy") => Self::Configuration,
            _ => Self::Rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_need_comes_first() {
        let cases = [
            ("v1", "Namespace", Wave::Foundation),
            (
                "apiextensions.k8s.io/v1",
                "CustomResourceDefinition",
                Wave::Foundation,
            ),
            (
                "apiextensions.k8s.io/v1beta1",
                "CustomResourceDefinition",
                Wave::Foundation,
            ),
            ("v1", "ConfigMap", Wave::Configuration),
            ("v1", "Secret", Wave::Configuration),
            ("v1", "ServiceAccount", Wave::Configuration),
            ("v1", "Service", Wave::Configuration),
            (
                "rbac.authorization.k8s.io/v1",
                "RoleBinding",
                Wave::Configuration,
            ),
            ("storage.k8s.io/v1", "StorageClass", Wave::Configuration),
            ("scheduling.k8s.io/v1", "PriorityClass", Wave::Configuration),
            ("networking.k8s.io/v1", "NetworkPolicy", Wave::Configuration),
            ("networking.k8s.io/v1", "Ingress", Wave::Rest),
            ("apps/v1", "StatefulSet", Wave::Rest),
            ("batch/v1", "Job", Wave::Rest),
            ("v1", "Pod", Wave::Rest),
            ("example.com/v1", "Namespace", Wave::Rest),
            ("policy/v1beta1", "PodDisruptionBudget", Wave::Rest),
        ];
        for (api_version, kind, wave) in cases {
            let object = json!({"apiVersion": api_version, "kind": kind});
            assert_eq!(Wave::of(&object), wave, "{api_version} {kind}");
        }
    }
}
