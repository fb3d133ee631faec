//! What fields of built-in kinds must be: a table by type and field, walked in its order.
//!
//! The order matters, since a server tells of all faults at once, in the order of its own checks.
//! What can't be said in the table is a function, named in it.

use serde_json::Value;

use super::{
    data, names, network, pods, roles, schedules, scheduling, security, selectors, services,
    storage, volumes, webhooks, workloads,
};
use crate::field_error::FieldError;
use crate::schema::{Type, TypeRef};

/// One thing that a field must be.
pub(super) enum Rule {
    /// It must be there, and hold something; the text says more where servers do.
    Required(&'static str),
    /// If it is there, it must be one of these.
    OneOf(&'static [&'static str]),
    /// It must not be below zero.
    NotNegative,
    /// It must be above zero.
    Positive,
    /// It must be a port; zero counts as missing where it may be.
    Port,
    /// It must be named so.
    Named(fn(&str) -> Vec<String>),
    /// The same, and it must be there.
    NamedThere(fn(&str) -> Vec<String>),
    /// What lies below it is not looked at.
    Closed,
    /// The object that has the field must pass; the field is not looked at.
    Whole(fn(&Value, &str, &mut Vec<FieldError>)),
}

use Rule::{Closed, Named, NamedThere, NotNegative, OneOf, Port, Positive, Required, Whole};

const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const ACCESS_MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce"];

/// Rules of one type: a field and what it must be. A field with several rules is there several
/// times; `""` stands for the object itself. What lies below a field is checked after its last rule.
type Rules = &'static [(&'static str, Rule)];

const RULES: &[(&str, Rules)] = &[
    ("CSIVolumeSource", &[("", Whole(volumes::csi))]),
    ("ClusterRole", &[("", Whole(roles::cluster_role))]),
    (
        "ClusterRoleBinding",
        &[("", Whole(roles::cluster_role_binding))],
    ),
    ("ConfigMap", &[("", Whole(data::config_map))]),
    (
        "Container",
        &[
            ("name", Required("")),
            ("name", Named(names::label)),
            ("image", Required("")),
            ("", Whole(pods::image)),
            ("lifecycle", Whole(pods::nothing)),
            ("livenessProbe", Whole(pods::nothing)),
            ("", Whole(pods::liveness)),
            ("", Whole(pods::termination_message)),
            ("ports", Whole(pods::nothing)),
            ("", Whole(pods::ports)),
            ("env", Whole(pods::nothing)),
            ("envFrom", Whole(pods::nothing)),
            ("", Whole(pods::env_from)),
            ("volumeMounts", Whole(pods::nothing)),
            ("", Whole(volumes::mount)),
            (
                "imagePullPolicy",
                OneOf(&["Always", "IfNotPresent", "Never"]),
            ),
            ("resources", Whole(pods::nothing)),
        ],
    ),
    (
        "ContainerPort",
        &[
            ("name", Named(names::port_name)),
            ("containerPort", Required("")),
            ("containerPort", Port),
            ("hostPort", Port),
            ("protocol", Required("")),
            ("protocol", OneOf(PROTOCOLS)),
        ],
    ),
    (
        "ControllerRevision",
        &[
            ("", Whole(workloads::revision_data)),
            ("revision", NotNegative),
        ],
    ),
    (
        "CronJobSpec",
        &[
            ("schedule", Required("")),
            ("", Whole(schedules::schedule)),
            ("", Whole(workloads::job_template)),
            ("startingDeadlineSeconds", NotNegative),
            ("concurrencyPolicy", OneOf(&["Allow", "Forbid", "Replace"])),
            ("successfulJobsHistoryLimit", NotNegative),
            ("failedJobsHistoryLimit", NotNegative),
        ],
    ),
    (
        "CrossVersionObjectReference",
        &[
            ("kind", Required("")),
            ("kind", Named(names::path_segment)),
            ("name", Required("")),
            ("name", Named(names::path_segment)),
        ],
    ),
    (
        "DaemonSetSpec",
        &[
            ("", Whole(selectors::daemon_set)),
            ("template", Whole(pods::nothing)),
            ("", Whole(pods::always_in_daemon_set)),
            ("minReadySeconds", NotNegative),
            ("", Whole(workloads::daemon_set_strategy)),
            ("revisionHistoryLimit", NotNegative),
        ],
    ),
    (
        "DeploymentSpec",
        &[
            ("replicas", NotNegative),
            ("", Whole(selectors::deployment)),
            ("template", Whole(pods::nothing)),
            ("", Whole(pods::always_in_replica_set)),
            ("", Whole(workloads::deployment_strategy)),
            ("minReadySeconds", NotNegative),
            ("revisionHistoryLimit", NotNegative),
            ("", Whole(workloads::progress_deadline)),
        ],
    ),
    (
        "DownwardAPIVolumeSource",
        &[("", Whole(volumes::downward)), ("items", Closed)],
    ),
    (
        "Endpoint",
        &[("addresses", Required("must contain at least 1 address"))],
    ),
    ("EndpointAddress", &[("", Whole(network::address))]),
    (
        "EndpointPort",
        &[
            ("", Whole(network::endpoint_port)),
            ("protocol", OneOf(PROTOCOLS)),
        ],
    ),
    (
        "EndpointSlice",
        &[
            ("addressType", Required("")),
            ("addressType", OneOf(&["FQDN", "IPv4", "IPv6"])),
        ],
    ),
    ("EndpointSubset", &[("", Whole(network::subset))]),
    (
        "EnvVar",
        &[
            ("name", Required("")),
            ("name", Named(names::env_name)),
            ("", Whole(pods::env)),
        ],
    ),
    ("Event", &[("", Whole(data::event))]),
    ("ExecAction", &[("command", Required(""))]),
    (
        "HTTPGetAction",
        &[
            ("path", Required("")),
            ("", Whole(pods::probe_port)),
            ("", Whole(pods::http_headers)),
            ("scheme", OneOf(&["HTTP", "HTTPS"])),
        ],
    ),
    (
        "HTTPIngressPath",
        &[
            ("pathType", Required("pathType must be specified")),
            (
                "pathType",
                OneOf(&["Exact", "ImplementationSpecific", "Prefix"]),
            ),
            ("", Whole(network::ingress_path)),
        ],
    ),
    ("HTTPIngressRuleValue", &[("paths", Required(""))]),
    (
        "HorizontalPodAutoscalerSpec",
        &[
            ("", Whole(workloads::scaling_bounds)),
            ("scaleTargetRef", Whole(pods::nothing)),
        ],
    ),
    (
        "HostPathVolumeSource",
        &[("path", Required("")), ("", Whole(volumes::host_path))],
    ),
    ("IngressClassSpec", &[("controller", Required(""))]),
    ("IngressRule", &[("", Whole(network::ingress_host))]),
    ("IngressSpec", &[("", Whole(network::ingress))]),
    ("IngressTLS", &[("", Whole(network::ingress_tls))]),
    (
        "JobSpec",
        &[
            ("parallelism", NotNegative),
            ("completions", NotNegative),
            ("activeDeadlineSeconds", NotNegative),
            ("backoffLimit", NotNegative),
            ("ttlSecondsAfterFinished", NotNegative),
            ("template", Whole(pods::nothing)),
            ("", Whole(pods::job_restarts)),
        ],
    ),
    ("KeyToPath", &[("", Whole(volumes::key_to_path))]),
    (
        "LeaseSpec",
        &[
            ("leaseDurationSeconds", Positive),
            ("", Whole(workloads::lease_transitions)),
        ],
    ),
    ("LifecycleHandler", &[("", Whole(pods::handler))]),
    ("MutatingWebhook", WEBHOOK),
    (
        "MutatingWebhookConfiguration",
        &[("", Whole(webhooks::unique_names))],
    ),
    ("NFSVolumeSource", &[("", Whole(volumes::nfs))]),
    ("Node", &[("", Whole(scheduling::node))]),
    ("NodeSelector", &[("", Whole(scheduling::node_selector))]),
    ("NodeSelectorTerm", &[("", Whole(scheduling::node_term))]),
    ("NetworkPolicyPeer", &[("", Whole(network::peer))]),
    (
        "NetworkPolicyPort",
        &[
            ("protocol", OneOf(&["TCP", "UDP", "SCTP"])),
            ("", Whole(network::policy_port)),
        ],
    ),
    (
        "NetworkPolicySpec",
        &[
            ("", Whole(network::policy_pods)),
            ("ingress", Whole(pods::nothing)),
            ("egress", Whole(pods::nothing)),
            ("", Whole(network::policy_types)),
        ],
    ),
    (
        "PersistentVolumeClaimSpec",
        &[
            (
                "accessModes",
                Required("at least 1 access mode is required"),
            ),
            ("accessModes", OneOf(ACCESS_MODES)),
            ("", Whole(storage::claim_selector)),
            ("", Whole(storage::claim_size)),
            ("storageClassName", Named(names::subdomain)),
            ("volumeMode", OneOf(&["Block", "Filesystem"])),
        ],
    ),
    (
        "PersistentVolumeClaimVolumeSource",
        &[("claimName", Required(""))],
    ),
    (
        "PriorityClass",
        &[
            ("", Whole(scheduling::priority)),
            (
                "preemptionPolicy",
                OneOf(&["PreemptLowerPriority", "Never"]),
            ),
        ],
    ),
    (
        "PersistentVolumeSpec",
        &[
            ("accessModes", Required("")),
            ("accessModes", OneOf(ACCESS_MODES)),
            ("capacity", Required("")),
            ("", Whole(storage::capacity)),
            (
                "persistentVolumeReclaimPolicy",
                OneOf(&["Delete", "Recycle", "Retain"]),
            ),
            ("", Whole(storage::volume_source)),
            ("storageClassName", Named(names::subdomain)),
            ("volumeMode", OneOf(&["Block", "Filesystem"])),
        ],
    ),
    (
        "PodDisruptionBudgetSpec",
        &[("", Whole(workloads::disruption))],
    ),
    ("PodAffinityTerm", &[("", Whole(scheduling::pod_term))]),
    (
        "PodReadinessGate",
        &[("conditionType", NamedThere(names::qualified))],
    ),
    (
        "PodSpec",
        &[
            ("volumes", Whole(pods::nothing)),
            ("", Whole(pods::volume_names)),
            ("containers", Required("")),
            ("containers", Whole(pods::nothing)),
            ("", Whole(pods::container_names)),
            ("", Whole(pods::host_ports)),
            ("initContainers", Whole(pods::nothing)),
            ("", Whole(pods::init_container_names)),
            ("", Whole(pods::init_containers)),
            ("", Whole(pods::mounts)),
            ("restartPolicy", OneOf(&["Always", "OnFailure", "Never"])),
            (
                "dnsPolicy",
                OneOf(&["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]),
            ),
            ("", Whole(pods::node_selector)),
            ("", Whole(pods::host_network)),
            ("", Whole(security::of_pod)),
            ("securityContext", Whole(pods::nothing)),
            ("affinity", Whole(pods::nothing)),
            ("", Whole(pods::dns)),
            ("readinessGates", Whole(pods::nothing)),
            ("", Whole(scheduling::spread)),
            ("serviceAccountName", Named(names::subdomain)),
            ("nodeName", Named(names::subdomain)),
            ("", Whole(pods::deadline)),
            ("hostname", Named(names::label)),
            ("subdomain", Named(names::label)),
            ("tolerations", Whole(pods::nothing)),
            ("", Whole(pods::host_aliases)),
            ("terminationGracePeriodSeconds", NotNegative),
            ("", Whole(volumes::tokens_of_nobody)),
        ],
    ),
    (
        "PreferredSchedulingTerm",
        &[("", Whole(scheduling::weight))],
    ),
    (
        "PodTemplateSpec",
        &[("", Whole(workloads::template_metadata))],
    ),
    (
        "Probe",
        &[
            ("", Whole(pods::handler)),
            ("initialDelaySeconds", NotNegative),
            ("timeoutSeconds", NotNegative),
            ("periodSeconds", NotNegative),
            ("successThreshold", NotNegative),
            ("failureThreshold", NotNegative),
        ],
    ),
    (
        "ReplicaSetSpec",
        &[
            ("replicas", NotNegative),
            ("minReadySeconds", NotNegative),
            ("", Whole(selectors::replica_set)),
            ("template", Whole(pods::nothing)),
            ("", Whole(pods::always_in_replica_set)),
        ],
    ),
    ("ResourceRequirements", &[("", Whole(pods::resources))]),
    ("Role", &[("", Whole(roles::role))]),
    ("RoleBinding", &[("", Whole(roles::role_binding))]),
    ("RuleWithOperations", &[("", Whole(webhooks::webhook_rule))]),
    ("Secret", &[("", Whole(data::secret))]),
    (
        "SecretKeySelector",
        &[
            ("name", NamedThere(names::subdomain)),
            ("key", Required("")),
            ("", Whole(volumes::selected_key)),
        ],
    ),
    (
        "ConfigMapKeySelector",
        &[
            ("name", NamedThere(names::subdomain)),
            ("key", Required("")),
            ("", Whole(volumes::selected_key)),
        ],
    ),
    (
        "ConfigMapVolumeSource",
        &[("", Whole(volumes::default_mode))],
    ),
    ("SecretVolumeSource", &[("", Whole(volumes::default_mode))]),
    (
        "ProjectedVolumeSource",
        &[("", Whole(volumes::projected)), ("sources", Closed)],
    ),
    ("EmptyDirVolumeSource", &[("", Whole(volumes::empty_dir))]),
    ("SeccompProfile", &[("", Whole(security::seccomp))]),
    ("SecurityContext", &[("", Whole(security::of_container))]),
    ("ServicePort", &[]),
    ("ServiceSpec", &[("", Whole(services::service))]),
    (
        "StatefulSetSpec",
        &[
            ("", Whole(workloads::stateful_set_strategy)),
            ("replicas", NotNegative),
            ("", Whole(selectors::stateful_set)),
            ("", Whole(workloads::stateful_set_template)),
            ("template", Closed),
            // Who asks for claims is told only when they are made.
            ("volumeClaimTemplates", Closed),
            ("", Whole(pods::always_in_stateful_set)),
        ],
    ),
    (
        "StorageClass",
        &[
            ("provisioner", Required("")),
            ("provisioner", Named(names::provisioner)),
            ("reclaimPolicy", OneOf(&["Delete", "Retain"])),
            (
                "volumeBindingMode",
                OneOf(&["Immediate", "WaitForFirstConsumer"]),
            ),
        ],
    ),
    ("Toleration", &[("", Whole(scheduling::toleration))]),
    (
        "WeightedPodAffinityTerm",
        &[
            ("", Whole(scheduling::weight)),
            ("", Whole(scheduling::weighted_term)),
        ],
    ),
    ("TCPSocketAction", &[("", Whole(pods::probe_port))]),
    ("ValidatingWebhook", WEBHOOK),
    (
        "ValidatingWebhookConfiguration",
        &[("", Whole(webhooks::unique_names))],
    ),
    (
        "Volume",
        &[
            ("name", Required("")),
            ("name", Named(names::label)),
            ("", Whole(pods::volume)),
        ],
    ),
    (
        "VolumeNodeAffinity",
        &[(
            "required",
            Required("must specify required node constraints"),
        )],
    ),
    (
        "VolumeMount",
        &[("name", Required("")), ("mountPath", Required(""))],
    ),
    ("v1beta1.MutatingWebhook", BETA_WEBHOOK),
    ("v1beta1.ValidatingWebhook", BETA_WEBHOOK),
];

const WEBHOOK: Rules = &[
    ("", Whole(webhooks::webhook_name)),
    ("rules", Whole(pods::nothing)),
    ("failurePolicy", OneOf(&["Fail", "Ignore"])),
    ("matchPolicy", OneOf(&["Equivalent", "Exact"])),
    (
        "sideEffects",
        Required("must specify one of None, NoneOnDryRun"),
    ),
    ("sideEffects", OneOf(&["None", "NoneOnDryRun"])),
    ("", Whole(webhooks::webhook_timeout)),
    ("", Whole(webhooks::webhook_selectors)),
    ("reinvocationPolicy", OneOf(&["IfNeeded", "Never"])),
    ("", Whole(webhooks::webhook_client)),
    ("", Whole(webhooks::webhook_versions)),
];

const BETA_WEBHOOK: Rules = &[
    ("", Whole(webhooks::webhook_name)),
    ("rules", Whole(pods::nothing)),
    ("failurePolicy", OneOf(&["Fail", "Ignore"])),
    ("matchPolicy", OneOf(&["Equivalent", "Exact"])),
    (
        "sideEffects",
        OneOf(&["None", "NoneOnDryRun", "Some", "Unknown"]),
    ),
    ("", Whole(webhooks::webhook_timeout)),
    ("", Whole(webhooks::webhook_selectors)),
    ("reinvocationPolicy", OneOf(&["IfNeeded", "Never"])),
    ("", Whole(webhooks::webhook_client)),
    ("", Whole(webhooks::webhook_versions)),
];

/// Checks a value of a type and what is below it.
pub(super) fn check(ty: &TypeRef, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    match (ty.get(), value) {
        (Type::Object(object), Value::Object(map)) => {
            let name: &str = match &*object.go_name {
                "EphemeralContainer" => "Container",
                name => name,
            };
            let rules = RULES.iter().find(|(owner, _)| *owner == name);
            let rules: Rules = rules.map_or(&[], |(_, rules)| *rules);
            for (index, (field, rule)) in rules.iter().enumerate() {
                let path = join(path, field);
                match rule {
                    Whole(whole) if field.is_empty() => {
                        whole(value, path.trim_end_matches('.'), errors);
                    }
                    rule => check_field(rule, map.get(*field), &path, errors),
                }
                let is_closed = matches!(rule, Closed);
                let is_last =
                    !is_closed && !rules[index + 1..].iter().any(|(other, _)| other == field);
                if let (true, Some(known), Some(value)) =
                    (is_last, object.fields.get(*field), map.get(*field))
                {
                    check(&known.ty, value, &path, errors);
                }
            }
            for (key, value) in map {
                let is_done = rules.iter().any(|(field, _)| field == key);
                if let (false, Some(field)) = (is_done, object.fields.get(key)) {
                    // Status is written by controllers, and is not validated by most servers.
                    if key != "status" && key != "metadata" {
                        check(&field.ty, value, &join(path, key), errors);
                    }
                }
            }
        }
        (Type::Map { values, .. }, Value::Object(map)) => {
            for (key, value) in map {
                check(values, value, &format!("{path}[{key}]"), errors);
            }
        }
        (Type::List { items, .. }, Value::Array(list)) => {
            for (index, value) in list.iter().enumerate() {
                check(items, value, &format!("{path}[{index}]"), errors);
            }
        }
        _ => {}
    }
}

fn check_field(rule: &Rule, value: Option<&Value>, path: &str, errors: &mut Vec<FieldError>) {
    let value = value.filter(|value| !is_nothing(value));
    let is_zero = value.is_some_and(|value| *value == 0);
    let Some(value) = value.filter(|_| !(is_zero && matches!(rule, Required(_) | Port))) else {
        match rule {
            Required(words) => errors.push(FieldError::required(path, *words)),
            NamedThere(faults) => {
                for fault in faults("") {
                    errors.push(FieldError::invalid(path, &"".into(), fault));
                }
            }
            _ => {}
        }
        return;
    };
    match (rule, value) {
        (OneOf(allowed), Value::Array(list)) => {
            let wrong = list
                .iter()
                .find(|item| !allowed.iter().any(|word| *item == word));
            errors.extend(wrong.map(|item| FieldError::not_supported(path, item, allowed)));
        }
        (OneOf(allowed), value) if !allowed.iter().any(|word| value == word) => {
            errors.push(FieldError::not_supported(path, value, allowed));
        }
        (NotNegative, Value::Number(number)) if number.as_i64().is_some_and(|n| n < 0) => {
            errors.push(not_negative(path, value));
        }
        (Positive, Value::Number(number)) if number.as_i64().is_some_and(|n| n <= 0) => {
            errors.push(FieldError::invalid(path, value, "must be greater than 0"));
        }
        (Port, value) => port(value, path, errors),
        (Named(faults) | NamedThere(faults), Value::String(text)) => {
            for fault in faults(text) {
                errors.push(FieldError::invalid(path, value, fault));
            }
        }
        _ => {}
    }
}

/// A number that must be a port.
pub(super) fn port(value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let fits = value
        .as_i64()
        .is_some_and(|port| (1..=65535).contains(&port));
    if !fits {
        let words = "must be between 1 and 65535, inclusive";
        errors.push(FieldError::invalid(path, value, words));
    }
}

/// A port by number or name.
pub(super) fn port_or_name(value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    match value {
        Value::String(text) => {
            for fault in names::port_name(text) {
                errors.push(FieldError::invalid(path, value, fault));
            }
        }
        Value::Null => port(&Value::from(0), path, errors),
        number => port(number, path, errors),
    }
}

pub(super) fn not_negative(path: &str, value: &Value) -> FieldError {
    FieldError::invalid(path, value, "must be greater than or equal to 0")
}

/// Whether a value is what a field holds that nobody set.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(_) | Value::Bool(_) => false,
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    match (path, key) {
        (path, "") => path.to_owned(),
        ("", key) => key.to_owned(),
        (path, key) => format!("{path}.{key}"),
    }
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A list of texts as Go prints it.
pub(super) fn go_texts(texts: &Value) -> String {
    let texts: Vec<String> = list(texts).map(ToString::to_string).collect();
    format!("[]string{{{}}}", texts.join(", "))
}
