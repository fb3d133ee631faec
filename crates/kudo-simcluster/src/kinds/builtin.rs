//! The table of built-in kinds.

use std::sync::{Arc, OnceLock};

use super::{Kind, Scale, Shown, Strategy, Version};
use crate::schema::{self, TypeRef};

/// One row: plural, kind, short names, categories, switches, groups and versions.
///
/// Switches: `n` namespaced, `s` status, `c` scale, `g` generation, `d` deletions answer with the
/// object, `o` dependents stay by default, `u` a PUT may create, `v` a PUT must name a version,
/// `r` reviews that are not stored.
struct Row(
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const TABLE: &[Row] = &[
    Row("bindings", "Binding", "", "", "nr", "v1"),
    Row("componentstatuses", "ComponentStatus", "cs", "", "", "v1"),
    Row("configmaps", "ConfigMap", "cm", "", "n", "v1"),
    Row("endpoints", "Endpoints", "ep", "", "nu", "v1"),
    Row("events", "Event", "ev", "", "nu", "v1 events.k8s.io/v1"),
    Row("limitranges", "LimitRange", "limits", "", "nu", "v1"),
    Row("namespaces", "Namespace", "ns", "", "s", "v1"),
    Row("nodes", "Node", "no", "", "s", "v1"),
    Row(
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        "pvc",
        "",
        "nsd",
        "v1",
    ),
    Row(
        "persistentvolumes",
        "PersistentVolume",
        "pv",
        "",
        "sd",
        "v1",
    ),
    Row("pods", "Pod", "po", "all", "nsdg", "v1"),
    Row("podtemplates", "PodTemplate", "", "", "ndg", "v1"),
    Row(
        "replicationcontrollers",
        "ReplicationController",
        "rc",
        "all",
        "nscgo",
        "v1",
    ),
    Row("resourcequotas", "ResourceQuota", "quota", "", "nsd", "v1"),
    Row("secrets", "Secret", "", "", "n", "v1"),
    Row("serviceaccounts", "ServiceAccount", "sa", "", "nd", "v1"),
    Row("services", "Service", "svc", "all", "nsd", "v1"),
    Row(
        "controllerrevisions",
        "ControllerRevision",
        "",
        "",
        "n",
        "apps/v1",
    ),
    Row("daemonsets", "DaemonSet", "ds", "all", "nsg", "apps/v1"),
    Row(
        "deployments",
        "Deployment",
        "deploy",
        "all",
        "nscg",
        "apps/v1",
    ),
    Row("replicasets", "ReplicaSet", "rs", "all", "nscg", "apps/v1"),
    Row(
        "statefulsets",
        "StatefulSet",
        "sts",
        "all",
        "nscg",
        "apps/v1",
    ),
    Row(
        "cronjobs",
        "CronJob",
        "cj",
        "all",
        "nsg",
        "batch/v1 batch/v1beta1",
    ),
    Row("jobs", "Job", "", "all", "nsgo", "batch/v1"),
    Row(
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        "pdb",
        "",
        "nsgv",
        "policy/v1 policy/v1beta1",
    ),
    Row(
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        "hpa",
        "all",
        "ns",
        "autoscaling/v2 autoscaling/v1",
    ),
    Row(
        "ingresses",
        "Ingress",
        "ing",
        "",
        "nsg",
        "networking.k8s.io/v1 networking.k8s.io/v1beta1 extensions/v1beta1",
    ),
    Row(
        "ingressclasses",
        "IngressClass",
        "",
        "",
        "g",
        "networking.k8s.io/v1",
    ),
    Row(
        "networkpolicies",
        "NetworkPolicy",
        "netpol",
        "",
        "ng",
        "networking.k8s.io/v1",
    ),
    Row(
        "clusterroles",
        "ClusterRole",
        "",
        "",
        "u",
        "rbac.authorization.k8s.io/v1",
    ),
    Row(
        "clusterrolebindings",
        "ClusterRoleBinding",
        "",
        "",
        "u",
        "rbac.authorization.k8s.io/v1",
    ),
    Row(
        "roles",
        "Role",
        "",
        "",
        "nu",
        "rbac.authorization.k8s.io/v1",
    ),
    Row(
        "rolebindings",
        "RoleBinding",
        "",
        "",
        "nu",
        "rbac.authorization.k8s.io/v1",
    ),
    Row(
        "storageclasses",
        "StorageClass",
        "sc",
        "",
        "d",
        "storage.k8s.io/v1",
    ),
    Row(
        "volumeattachments",
        "VolumeAttachment",
        "",
        "",
        "sdv",
        "storage.k8s.io/v1",
    ),
    Row("csidrivers", "CSIDriver", "", "", "dv", "storage.k8s.io/v1"),
    Row("csinodes", "CSINode", "", "", "dv", "storage.k8s.io/v1"),
    Row("leases", "Lease", "", "", "nuv", "coordination.k8s.io/v1"),
    Row(
        "endpointslices",
        "EndpointSlice",
        "",
        "",
        "ng",
        "discovery.k8s.io/v1",
    ),
    Row(
        "priorityclasses",
        "PriorityClass",
        "pc",
        "",
        "g",
        "scheduling.k8s.io/v1",
    ),
    Row(
        "runtimeclasses",
        "RuntimeClass",
        "",
        "",
        "",
        "node.k8s.io/v1",
    ),
    Row(
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd crds",
        "api-extensions",
        "sgv",
        "apiextensions.k8s.io/v1 apiextensions.k8s.io/v1beta1",
    ),
    Row(
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        "",
        "api-extensions",
        "gv",
        "admissionregistration.k8s.io/v1 admissionregistration.k8s.io/v1beta1",
    ),
    Row(
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        "",
        "api-extensions",
        "gv",
        "admissionregistration.k8s.io/v1 admissionregistration.k8s.io/v1beta1",
    ),
    Row(
        "validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
        "",
        "api-extensions",
        "sgv",
        "admissionregistration.k8s.io/v1",
    ),
    Row(
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        "",
        "api-extensions",
        "gv",
        "admissionregistration.k8s.io/v1",
    ),
    Row(
        "apiservices",
        "APIService",
        "",
        "api-extensions",
        "s",
        "apiregistration.k8s.io/v1",
    ),
    Row(
        "certificatesigningrequests",
        "CertificateSigningRequest",
        "csr",
        "",
        "s",
        "certificates.k8s.io/v1",
    ),
    Row(
        "selfsubjectreviews",
        "SelfSubjectReview",
        "",
        "",
        "r",
        "authentication.k8s.io/v1",
    ),
    Row(
        "tokenreviews",
        "TokenReview",
        "",
        "",
        "r",
        "authentication.k8s.io/v1",
    ),
    Row(
        "localsubjectaccessreviews",
        "LocalSubjectAccessReview",
        "",
        "",
        "nr",
        "authorization.k8s.io/v1",
    ),
    Row(
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        "",
        "",
        "r",
        "authorization.k8s.io/v1",
    ),
    Row(
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
        "",
        "",
        "r",
        "authorization.k8s.io/v1",
    ),
    Row(
        "subjectaccessreviews",
        "SubjectAccessReview",
        "",
        "",
        "r",
        "authorization.k8s.io/v1",
    ),
];

/// Versions that newer clusters have no more, and what to use in their place.
const DEPRECATED: &[(&str, &str, &str)] = &[
    (
        "admissionregistration.k8s.io/v1beta1",
        "v1.16+, unavailable in v1.22+",
        "admissionregistration.k8s.io/v1",
    ),
    (
        "apiextensions.k8s.io/v1beta1",
        "v1.16+, unavailable in v1.22+",
        "apiextensions.k8s.io/v1",
    ),
    (
        "extensions/v1beta1",
        "v1.14+, unavailable in v1.22+",
        "networking.k8s.io/v1",
    ),
    (
        "networking.k8s.io/v1beta1",
        "v1.19+, unavailable in v1.22+",
        "networking.k8s.io/v1",
    ),
    (
        "policy/v1beta1",
        "v1.21+, unavailable in v1.25+",
        "policy/v1",
    ),
    ("batch/v1beta1", "v1.21+, unavailable in v1.25+", "batch/v1"),
];

/// All built-in kinds.
pub(crate) fn builtin() -> Vec<Arc<Kind>> {
    TABLE.iter().map(|row| Arc::new(kind(row))).collect()
}

/// The kind of what a scale subresource shows.
pub(crate) fn scale() -> Shown {
    static SCALE: OnceLock<Arc<Kind>> = OnceLock::new();
    let row = Row("scales", "Scale", "", "", "n", "autoscaling/v1");
    let kind = Arc::clone(SCALE.get_or_init(|| Arc::new(kind(&row))));
    Shown { kind, index: 0 }
}

fn kind(Row(plural, kind, short, categories, switches, versions): &Row) -> Kind {
    let has = |switch: char| switches.contains(switch);
    let words = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect();
    let versions: Vec<Version> = versions
        .split_whitespace()
        .map(|api_version| version(api_version, plural, kind, switches))
        .collect();
    let group = versions
        .first()
        .map_or("", |version| version.group.as_str());
    let storage = if group.is_empty() {
        (*plural).to_owned()
    } else {
        format!("{plural}.{group}")
    };
    Kind {
        storage: storage.into(),
        kind: (*kind).to_owned(),
        list_kind: format!("{kind}List"),
        plural: (*plural).to_owned(),
        singular: kind.to_lowercase(),
        short_names: words(short),
        categories: words(categories),
        namespaced: has('n'),
        strategy: Strategy {
            generation: has('g'),
            returns_deleted: has('d'),
            orphans: has('o'),
            create_on_update: has('u'),
            versioned: has('v'),
            review: has('r'),
        },
        stored: None,
        versions,
    }
}

fn version(api_version: &str, plural: &str, kind: &str, switches: &str) -> Version {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let deprecated = DEPRECATED.iter().find(|(old, ..)| *old == api_version);
    Version {
        group: group.to_owned(),
        version: version.to_owned(),
        ty: schema::of(group, version, kind).unwrap_or_else(TypeRef::any),
        structural: None,
        status: switches.contains('s'),
        scale: switches.contains('c').then(|| Scale {
            spec: "/spec/replicas".to_owned(),
            status: "/status/replicas".to_owned(),
            selector: None,
        }),
        others: others(plural),
        columns: None,
        selectable: Vec::new(),
        deprecated: deprecated.map(|(old, since, new)| {
            format!("{old} {kind} is deprecated in {since}; use {new} {kind}")
        }),
    }
}

type Other = (&'static str, &'static str, &'static str, &'static str);

fn others(plural: &str) -> &'static [Other] {
    match plural {
        "pods" => &[
            ("attach", "", "v1", "PodAttachOptions"),
            ("binding", "", "v1", "Binding"),
            ("eviction", "policy", "v1", "Eviction"),
            ("exec", "", "v1", "PodExecOptions"),
            ("log", "", "v1", "Pod"),
            ("portforward", "", "v1", "PodPortForwardOptions"),
            ("proxy", "", "v1", "PodProxyOptions"),
        ],
        "namespaces" => &[("finalize", "", "v1", "Namespace")],
        "serviceaccounts" => &[("token", "authentication.k8s.io", "v1", "TokenRequest")],
        "certificatesigningrequests" => &[(
            "approval",
            "certificates.k8s.io",
            "v1",
            "CertificateSigningRequest",
        )],
        _ => &[],
    }
}
