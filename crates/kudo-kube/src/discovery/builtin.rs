//! What is known of Kubernetes' own kinds without asking.

use super::Scope;
use crate::identity::Gvk;

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

/// The other versions in which a kind has, or had, the same fields: a package may be older or newer than
/// the cluster. An object of one is an object of the other when its `apiVersion` says so.
pub(super) fn equal_versions(gvk: &Gvk) -> Vec<Gvk> {
    let versions: &[&str] = match (gvk.group.as_str(), gvk.kind.as_str()) {
        // Version 1 has other fields.
        ("autoscaling", "HorizontalPodAutoscaler") if gvk.version != "v1" => &["v2", "v2beta2"],
        (
            "rbac.authorization.k8s.io",
            "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding",
        )
        | ("batch", "CronJob")
        | ("coordination.k8s.io", "Lease")
        | ("policy", "PodDisruptionBudget")
        | ("scheduling.k8s.io", "PriorityClass")
        | ("storage.k8s.io", "CSIStorageCapacity") => &["v1", "v1beta1"],
        _ => &[],
    };
    let known = versions.contains(&gvk.version.as_str());
    let others = versions
        .iter()
        .filter(|version| known && **version != gvk.version);
    others
        .map(|version| Gvk::gvk(&gvk.group, version, &gvk.kind))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_may_be_served_in_another_version_with_the_same_fields() {
        let cases: [(&str, &str, &str, &[&str]); 7] = [
            ("policy", "v1", "PodDisruptionBudget", &["v1beta1"]),
            ("policy", "v1beta1", "PodDisruptionBudget", &["v1"]),
            ("policy", "v2", "PodDisruptionBudget", &[]),
            ("batch", "v1beta1", "CronJob", &["v1"]),
            ("autoscaling", "v2beta2", "HorizontalPodAutoscaler", &["v2"]),
            ("autoscaling", "v1", "HorizontalPodAutoscaler", &[]),
            ("extensions", "v1beta1", "Deployment", &[]),
        ];
        for (group, version, kind, expected) in cases {
            let found = equal_versions(&Gvk::gvk(group, version, kind));
            let found: Vec<&str> = found.iter().map(|gvk| gvk.version.as_str()).collect();
            assert_eq!(found, expected, "{group}/{version} {kind}");
        }
    }

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
