//! What is known of Kubernetes' own kinds without asking.

use super::Scope;

/// API groups that every Kubernetes has or had; their kinds are not custom resources.
pub(crate) fn is_builtin_group(group: &str) -> bool {
    matches!(
        group,
        "" | "admissionregistration.k8s.io"
            | "apiextensions.k8s.io"
            | "apiregistration.k8s.io"
            | "apps"
            | "authentication.k8s.io"
            | "authorization.k8s.io"
            | "autoscaling"
            | "batch"
            | "certificates.k8s.io"
            | "coordination.k8s.io"
            | "discovery.k8s.io"
            | "events.k8s.io"
            | "extensions"
            | "flowcontrol.apiserver.k8s.io"
            | "internal.apiserver.k8s.io"
            | "networking.k8s.io"
            | "node.k8s.io"
            | "policy"
            | "rbac.authorization.k8s.io"
            | "resource.k8s.io"
            | "scheduling.k8s.io"
            | "storage.k8s.io"
            | "storagemigration.k8s.io"
    )
}

/// The scope of Kubernetes' own kinds, and of ours; `None` for kinds that only a cluster knows.
pub fn builtin_scope(group: &str, kind: &str) -> Option<Scope> {
    if group == kudo_api::GROUP {
        return Some(Scope::Namespaced);
    }
    if !is_builtin_group(group) {
        return None;
    }
    let cluster = match group {
        "" => matches!(
            kind,
            "Namespace" | "Node" | "PersistentVolume" | "ComponentStatus"
        ),
        "rbac.authorization.k8s.io" => matches!(kind, "ClusterRole" | "ClusterRoleBinding"),
        "storage.k8s.io" => kind != "CSIStorageCapacity",
        "policy" | "extensions" => kind == "PodSecurityPolicy",
        "networking.k8s.io" => matches!(kind, "IngressClass" | "IPAddress" | "ServiceCIDR"),
        "authorization.k8s.io" => kind != "LocalSubjectAccessReview",
        "resource.k8s.io" => matches!(kind, "DeviceClass" | "ResourceSlice"),
        "admissionregistration.k8s.io"
        | "apiextensions.k8s.io"
        | "apiregistration.k8s.io"
        | "authentication.k8s.io"
        | "certificates.k8s.io"
        | "flowcontrol.apiserver.k8s.io"
        | "internal.apiserver.k8s.io"
        | "node.k8s.io"
        | "scheduling.k8s.io"
        | "storagemigration.k8s.io" => true,
        _ => false,
    };
    Some(if cluster {
        Scope::Cluster
    } else {
        Scope::Namespaced
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_of_kubernetes_own_kinds_needs_no_request() {
        let cases = [
            ("", "ConfigMap", Some(Scope::Namespaced)),
            ("", "Namespace", Some(Scope::Cluster)),
            ("", "PersistentVolume", Some(Scope::Cluster)),
            ("", "PersistentVolumeClaim", Some(Scope::Namespaced)),
            ("apps", "StatefulSet", Some(Scope::Namespaced)),
            ("batch", "Job", Some(Scope::Namespaced)),
            ("rbac.authorization.k8s.io", "Role", Some(Scope::Namespaced)),
            (
                "rbac.authorization.k8s.io",
                "ClusterRole",
                Some(Scope::Cluster),
            ),
            (
                "rbac.authorization.k8s.io",
                "ClusterRoleBinding",
                Some(Scope::Cluster),
            ),
            ("storage.k8s.io", "StorageClass", Some(Scope::Cluster)),
            (
                "storage.k8s.io",
                "CSIStorageCapacity",
                Some(Scope::Namespaced),
            ),
            ("policy", "PodDisruptionBudget", Some(Scope::Namespaced)),
            ("policy", "PodSecurityPolicy", Some(Scope::Cluster)),
            ("networking.k8s.io", "Ingress", Some(Scope::Namespaced)),
            ("networking.k8s.io", "IngressClass", Some(Scope::Cluster)),
            (
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
                Some(Scope::Cluster),
            ),
            ("scheduling.k8s.io", "PriorityClass", Some(Scope::Cluster)),
            ("kudo.dev", "Instance", Some(Scope::Namespaced)),
            ("example.com", "Widget", None),
            ("gateway.networking.k8s.io", "Gateway", None),
        ];
        for (group, kind, scope) in cases {
            assert_eq!(builtin_scope(group, kind), scope, "{group}/{kind}");
        }
    }
}
