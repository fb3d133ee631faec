//! What fields of built-in kinds must be: a table by type and field.
//!
//! The order matters, since a server tells of all faults at once, in the order of its own checks.
//! What can't be said in the table is a function, named in it.

use super::check::Rule::{
    Closed, Named, NamedThere, NotNegative, OneOf, Port, Positive, Required, Whole,
};
use super::check::Rules;
use super::{
    containers, data, jobs, limits, names, network, pods, quotas, roles, scaling, schedules,
    scheduling, security, selectors, services, statuses, storage, variables, volumes, webhooks,
    workloads,
};

const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const ACCESS_MODES: &[&str] = &[
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

/// The rules of each type that has any.
pub(super) const RULES: &[(&str, Rules)] = &[
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
            ("", Whole(containers::image)),
            ("lifecycle", Whole(pods::nothing)),
            ("livenessProbe", Whole(pods::nothing)),
            ("", Whole(containers::liveness)),
            ("", Whole(containers::termination_message)),
            ("ports", Whole(pods::nothing)),
            ("", Whole(containers::ports)),
            ("env", Whole(pods::nothing)),
            ("envFrom", Whole(pods::nothing)),
            ("", Whole(variables::env_from)),
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
            ("", Whole(jobs::template)),
            ("startingDeadlineSeconds", NotNegative),
            ("", Whole(schedules::time_zone)),
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
            ("", Whole(workloads::always_in_daemon_set)),
            ("minReadySeconds", NotNegative),
            ("", Whole(workloads::daemon_set_strategy)),
            ("revisionHistoryLimit", NotNegative),
        ],
    ),
    (
        "DaemonSetStatus",
        &[
            ("currentNumberScheduled", NotNegative),
            ("numberMisscheduled", NotNegative),
            ("desiredNumberScheduled", NotNegative),
            ("numberReady", NotNegative),
            ("observedGeneration", NotNegative),
            ("updatedNumberScheduled", NotNegative),
            ("numberAvailable", NotNegative),
            ("numberUnavailable", NotNegative),
            ("collisionCount", NotNegative),
        ],
    ),
    (
        "DeploymentSpec",
        &[
            ("replicas", NotNegative),
            ("", Whole(selectors::deployment)),
            ("template", Whole(pods::nothing)),
            ("", Whole(workloads::always_in_replica_set)),
            ("", Whole(workloads::deployment_strategy)),
            ("minReadySeconds", NotNegative),
            ("revisionHistoryLimit", NotNegative),
            ("", Whole(workloads::progress_deadline)),
        ],
    ),
    (
        "DeploymentStatus",
        &[
            ("observedGeneration", NotNegative),
            ("replicas", NotNegative),
            ("updatedReplicas", NotNegative),
            ("readyReplicas", NotNegative),
            ("availableReplicas", NotNegative),
            ("unavailableReplicas", NotNegative),
            ("collisionCount", NotNegative),
            ("", Whole(statuses::deployment)),
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
            ("", Whole(variables::env)),
        ],
    ),
    ("Event", &[("", Whole(data::event))]),
    ("ExecAction", &[("command", Required(""))]),
    (
        "HTTPGetAction",
        &[
            ("path", Required("")),
            ("", Whole(containers::probe_port)),
            ("", Whole(containers::http_headers)),
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
            ("", Whole(scaling::bounds)),
            ("scaleTargetRef", Whole(pods::nothing)),
            ("metrics", Whole(pods::nothing)),
            ("behavior", Whole(pods::nothing)),
        ],
    ),
    (
        "HorizontalPodAutoscalerStatus",
        &[
            ("currentReplicas", NotNegative),
            ("desiredReplicas", NotNegative),
        ],
    ),
    ("HPAScalingPolicy", &[("", Whole(scaling::policy))]),
    ("HPAScalingRules", &[("", Whole(scaling::rules))]),
    (
        "HorizontalPodAutoscalerBehavior",
        &[
            ("scaleUp", Whole(pods::nothing)),
            ("scaleDown", Whole(pods::nothing)),
        ],
    ),
    ("LimitRangeSpec", &[("", Whole(limits::spec))]),
    (
        "MetricSpec",
        &[
            ("", Whole(scaling::metric)),
            ("object", Closed),
            ("external", Closed),
            ("pods", Closed),
            ("resource", Closed),
            ("containerResource", Closed),
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
            ("backoffLimitPerIndex", NotNegative),
            ("maxFailedIndexes", NotNegative),
            ("", Whole(jobs::completion_mode)),
            ("", Whole(jobs::failure_policy)),
            ("podFailurePolicy", Closed),
            ("", Whole(jobs::success_policy)),
            ("successPolicy", Closed),
            ("", Whole(jobs::replacement)),
            ("template", Whole(pods::nothing)),
            ("", Whole(jobs::restarts)),
        ],
    ),
    (
        "JobStatus",
        &[
            ("active", NotNegative),
            ("succeeded", NotNegative),
            ("failed", NotNegative),
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
    (
        "IngressLoadBalancerIngress",
        &[("", Whole(statuses::load_balancer))],
    ),
    (
        "LoadBalancerIngress",
        &[("", Whole(statuses::load_balancer))],
    ),
    ("LifecycleHandler", &[("", Whole(containers::handler))]),
    ("MutatingWebhook", WEBHOOK),
    (
        "MutatingWebhookConfiguration",
        &[("", Whole(webhooks::unique_names))],
    ),
    ("NFSVolumeSource", &[("", Whole(volumes::nfs))]),
    ("Node", &[("", Whole(scheduling::node))]),
    ("NodeSelector", &[("", Whole(scheduling::node_selector))]),
    ("NodeStatus", &[("", Whole(statuses::node))]),
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
            ("", Whole(storage::alone)),
            ("", Whole(storage::claim_selector)),
            ("", Whole(storage::claim_size)),
            ("storageClassName", Named(names::subdomain)),
            ("volumeMode", OneOf(&["Block", "Filesystem"])),
        ],
    ),
    (
        "PersistentVolumeClaimStatus",
        &[("", Whole(statuses::claim))],
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
            ("", Whole(storage::alone)),
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
            ("", Whole(containers::sleeps)),
            ("", Whole(pods::host_ports)),
            ("initContainers", Whole(pods::nothing)),
            ("", Whole(pods::init_container_names)),
            ("", Whole(pods::init_containers)),
            ("", Whole(pods::restarts_of_containers)),
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
            ("", Whole(scheduling::gates)),
            ("", Whole(pods::system)),
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
            ("", Whole(containers::handler)),
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
            ("", Whole(workloads::always_in_replica_set)),
        ],
    ),
    ("ReplicaSetStatus", REPLICA_STATUS),
    ("ReplicationControllerStatus", REPLICA_STATUS),
    ("ResourceQuotaSpec", &[("", Whole(quotas::spec))]),
    ("ResourceQuotaStatus", &[("", Whole(quotas::status))]),
    (
        "ResourceRequirements",
        &[("", Whole(containers::resources))],
    ),
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
    ("AppArmorProfile", &[("", Whole(security::app_armor))]),
    ("SecurityContext", &[("", Whole(security::of_container))]),
    ("ServicePort", &[]),
    ("ServiceSpec", &[("", Whole(services::service))]),
    (
        "StatefulSetSpec",
        &[
            ("", Whole(workloads::stateful_set_strategy)),
            ("", Whole(workloads::claim_retention)),
            ("replicas", NotNegative),
            ("minReadySeconds", NotNegative),
            ("", Whole(selectors::stateful_set)),
            ("", Whole(workloads::stateful_set_template)),
            ("template", Closed),
            // Who asks for claims is told only when they are made.
            ("volumeClaimTemplates", Closed),
            ("", Whole(workloads::always_in_stateful_set)),
        ],
    ),
    (
        "StatefulSetStatus",
        &[
            ("replicas", NotNegative),
            ("readyReplicas", NotNegative),
            ("currentReplicas", NotNegative),
            ("updatedReplicas", NotNegative),
            ("availableReplicas", NotNegative),
            ("observedGeneration", NotNegative),
            ("collisionCount", NotNegative),
            ("", Whole(statuses::stateful_set)),
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
    ("TCPSocketAction", &[("", Whole(containers::probe_port))]),
    (
        "ValidatingAdmissionPolicySpec",
        &[
            ("failurePolicy", OneOf(&["Fail", "Ignore"])),
            ("matchConstraints", Required("")),
            ("", Whole(webhooks::policy)),
        ],
    ),
    (
        "ValidatingAdmissionPolicyBindingSpec",
        &[
            ("policyName", Required("")),
            ("policyName", Named(names::subdomain)),
            ("", Whole(webhooks::policy_actions)),
        ],
    ),
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

const REPLICA_STATUS: Rules = &[
    ("replicas", NotNegative),
    ("fullyLabeledReplicas", NotNegative),
    ("readyReplicas", NotNegative),
    ("availableReplicas", NotNegative),
    ("observedGeneration", NotNegative),
    ("", Whole(statuses::replica_set)),
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
