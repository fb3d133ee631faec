//! What the controllers read of each kind: a few fields, so that a cache of them stays small.
//!
//! What is only passed on, such as a pod template, stays a JSON value.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::resources::Kind;
pub(super) use crate::storage::{Claim, StorageClass, Volume};

/// Declares a struct of which every field may be absent.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(super) struct $name { $($(#[$attribute])* pub(super) $field: $type,)* }
    )*};
}

fields! {
    Deployment { spec: DeploymentSpec, status: Value, }
    DeploymentSpec {
        replicas: Option<i32>,
        selector: LabelSelector,
        template: Value,
        strategy: Strategy,
        min_ready_seconds: i32,
        revision_history_limit: Option<i32>,
        paused: bool,
        progress_deadline_seconds: Option<i32>,
    }
    /// How pods are replaced.
    Strategy { #[serde(rename = "type")] kind: String, rolling_update: RollingUpdate, }
    RollingUpdate {
        max_surge: Option<IntOrString>,
        max_unavailable: Option<IntOrString>,
        partition: Option<i32>,
    }

    /// Also of replication controllers, but for their selector.
    ReplicaSet { spec: ReplicaSetSpec, status: Value, }
    ReplicaSetSpec {
        replicas: Option<i32>,
        selector: LabelSelector,
        template: Value,
        min_ready_seconds: i32,
    }

    StatefulSet { spec: StatefulSetSpec, status: Value, }
    StatefulSetSpec {
        replicas: Option<i32>,
        selector: LabelSelector,
        template: Value,
        service_name: String,
        volume_claim_templates: Vec<Value>,
        pod_management_policy: String,
        update_strategy: Strategy,
        revision_history_limit: Option<i32>,
        min_ready_seconds: i32,
        ordinals: Ordinals,
        persistent_volume_claim_retention_policy: ClaimRetention,
    }
    /// Whether claims are kept: `Retain` or `Delete`.
    ClaimRetention { when_deleted: String, when_scaled: String, }
    Ordinals { start: i32, }

    DaemonSet { spec: DaemonSetSpec, status: Value, }
    DaemonSetSpec {
        selector: LabelSelector,
        template: Value,
        update_strategy: Strategy,
        revision_history_limit: Option<i32>,
        min_ready_seconds: i32,
    }

    ClusterRole { aggregation_rule: Option<Aggregation>, rules: Vec<Value>, }
    Aggregation { cluster_role_selectors: Vec<LabelSelector>, }

    ControllerRevision { data: Value, revision: i64, }

    Job { spec: JobSpec, status: Value, }
    JobSpec {
        parallelism: Option<i32>,
        completions: Option<i32>,
        completion_mode: String,
        backoff_limit: Option<i32>,
        backoff_limit_per_index: Option<i32>,
        max_failed_indexes: Option<i32>,
        pod_failure_policy: FailurePolicy,
        success_policy: SuccessPolicy,
        active_deadline_seconds: Option<i64>,
        ttl_seconds_after_finished: Option<i64>,
        selector: LabelSelector,
        suspend: bool,
        managed_by: Option<String>,
        template: Value,
    }

    /// What a job makes of pods that have failed.
    FailurePolicy { rules: Vec<FailureRule>, }
    FailureRule {
        action: String,
        on_exit_codes: Option<ExitCodes>,
        on_pod_conditions: Vec<Condition>,
    }
    ExitCodes { container_name: Option<String>, operator: String, values: Vec<i32>, }

    /// Which indexes of a job are enough.
    SuccessPolicy { rules: Vec<SuccessRule>, }
    SuccessRule { succeeded_indexes: Option<String>, succeeded_count: Option<i32>, }

    CronJob { spec: CronJobSpec, status: Value, }
    CronJobSpec {
        schedule: String,
        time_zone: Option<String>,
        starting_deadline_seconds: Option<i64>,
        concurrency_policy: String,
        suspend: bool,
        job_template: Value,
        successful_jobs_history_limit: Option<i32>,
        failed_jobs_history_limit: Option<i32>,
    }

    Pod { spec: PodSpec, status: PodStatus, }
    PodSpec {
        node_name: String,
        hostname: String,
        subdomain: String,
        restart_policy: String,
        containers: Vec<Container>,
        affinity: Option<Value>,
        volumes: Vec<PodVolume>,
    }
    PodVolume {
        name: String,
        persistent_volume_claim: Option<ClaimSource>,
        ephemeral: Option<EphemeralSource>,
    }
    ClaimSource { claim_name: String, }
    EphemeralSource { volume_claim_template: Value, }
    Container { ports: Vec<ContainerPort>, }
    ContainerPort {
        name: String,
        #[serde(rename = "containerPort")]
        number: i32,
        protocol: String,
    }
    PodStatus {
        phase: String,
        #[serde(rename = "podIP")]
        pod_ip: String,
        conditions: Vec<Condition>,
        container_statuses: Vec<ContainerStatus>,
        init_container_statuses: Vec<ContainerStatus>,
    }
    ContainerStatus { name: String, restart_count: i32, state: ContainerState, }
    ContainerState { terminated: Option<Terminated>, }
    Terminated { exit_code: i32, finished_at: Option<Time>, }
    Condition {
        #[serde(rename = "type")]
        kind: String,
        status: String,
        last_transition_time: Option<Time>,
    }

    /// Which values it has, and not what they are.
    Secret {
        #[serde(rename = "type")]
        kind: String,
        #[serde(deserialize_with = "keys")]
        data: BTreeSet<String>,
    }

    Lifecycle { phase: String, conditions: Vec<Value>, }

    Service { spec: ServiceSpec, }
    ServiceSpec {
        selector: BTreeMap<String, String>,
        #[serde(rename = "clusterIP")]
        cluster_ip: String,
        #[serde(rename = "type")]
        kind: String,
        ports: Vec<ServicePort>,
        publish_not_ready_addresses: bool,
    }
    ServicePort {
        name: String,
        port: i32,
        protocol: String,
        app_protocol: Option<String>,
        target_port: Option<IntOrString>,
    }
    Endpoints { subsets: Value, }
    EndpointSlice { endpoints: Value, ports: Value, address_type: String, }

    DisruptionBudget { spec: DisruptionBudgetSpec, status: Value, }
    DisruptionBudgetSpec {
        selector: Option<LabelSelector>,
        min_available: Option<IntOrString>,
        max_unavailable: Option<IntOrString>,
    }

    Autoscaler { spec: AutoscalerSpec, status: Value, }
    AutoscalerSpec {
        scale_target_ref: ScaleTarget,
        min_replicas: Option<i32>,
        max_replicas: i32,
        metrics: Vec<Value>,
    }
    ScaleTarget { api_version: String, kind: String, name: String, }

    Namespace { spec: NamespaceSpec, status: Lifecycle, }
    NamespaceSpec { finalizers: Vec<String>, }

    Node { spec: NodeSpec, }
    NodeSpec { unschedulable: bool, taints: Vec<Taint>, }
    Taint { key: String, value: String, effect: String, }

    Definition { spec: DefinitionSpec, status: DefinitionStatus, }
    DefinitionSpec {
        group: String,
        names: DefinitionNames,
        scope: String,
        versions: Vec<DefinitionVersion>,
    }
    DefinitionNames { kind: String, plural: String, }
    DefinitionVersion { name: String, served: bool, storage: bool, }
    DefinitionStatus { conditions: Vec<Condition>, }
}

impl PodSpec {
    /// Names of the claims that the pod of that name mounts.
    pub(super) fn claims<'a>(&'a self, pod: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        let volumes = self.volumes.iter();
        volumes.filter_map(move |volume| volume.claim(pod))
    }
}

impl PodVolume {
    /// The name of the claim that it is, in the pod of that name.
    pub(super) fn claim(&self, pod: &str) -> Option<Cow<'_, str>> {
        let named = self.persistent_volume_claim.as_ref();
        let named = named.map(|source| Cow::from(&source.claim_name));
        let own = || format!("{pod}-{}", self.name).into();
        named.or_else(|| self.ephemeral.as_ref().map(|_| own()))
    }
}

/// A kind's content, as [`Content`] holds it.
pub(super) trait Body: Sized + 'static {
    /// The kind.
    const KIND: Kind;
    /// The content, if it is of this kind.
    fn of(content: &Content) -> Option<&Self>;
}

/// Ties the kinds to their contents.
macro_rules! contents {
    ($($kind:ident),*) => {
        /// What is known of an object besides its metadata.
        #[derive(Clone, Debug)]
        pub(super) enum Content { None, $($kind(Box<$kind>),)* ReplicationController(Box<ReplicaSet>) }

        impl Content {
            /// Reads the content of a kind out of an object without its metadata.
            pub(super) fn read(kind: Kind, data: Value) -> Result<Self, serde_json::Error> {
                Ok(match kind {
                    $(Kind::$kind => Self::$kind(serde_json::from_value(data)?),)*
                    Kind::ReplicationController => Self::ReplicationController(Box::new(
                        serde_json::from_value(selecting_by_labels(data))?
                    )),
                    _ => Self::None,
                })
            }
        }

        $(impl Body for $kind {
            const KIND: Kind = Kind::$kind;
            fn of(content: &Content) -> Option<&Self> {
                match content { Content::$kind(body) => Some(body), _ => None }
            }
        })*
    };
}

contents!(
    Autoscaler,
    Claim,
    ClusterRole,
    ControllerRevision,
    CronJob,
    DaemonSet,
    Definition,
    Deployment,
    DisruptionBudget,
    Endpoints,
    EndpointSlice,
    Job,
    Namespace,
    Node,
    Pod,
    ReplicaSet,
    Secret,
    Service,
    StatefulSet,
    StorageClass,
    Volume
);

/// What the values of an object are called.
fn keys<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<String>, D::Error> {
    let values = Option::<Map<String, Value>>::deserialize(from)?;
    Ok(values.into_iter().flatten().map(|(key, _)| key).collect())
}

/// The selector of a replication controller is a plain map of labels.
fn selecting_by_labels(mut controller: Value) -> Value {
    if let Some(selector) = controller.pointer_mut("/spec/selector") {
        *selector = serde_json::json!({ "matchLabels": selector.take() });
    }
    controller
}
