//! The `Instance` resource: a running copy of an operator version, and the only memory of its
//! plans' executions.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::{is_default, null_as_default, optional_spec, string_map};
use crate::schema::{conditions, nullable_time, object_reference};

/// What an instance should be.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kudo.dev",
    version = "v1beta1",
    kind = "Instance",
    namespaced,
    status = "InstanceStatus",
    shortname = "ki",
    category = "kudo",
    derive = "Default",
    derive = "PartialEq",
    doc = "A running copy of an operator version.",
    printcolumn = r#"{"name":"Operator-Version","type":"string","jsonPath":".spec.operatorVersion.name","description":"The operator version that the instance should run."}"#,
    printcolumn = r#"{"name":"Active-Plan","type":"string","jsonPath":".status.activePlan.name","description":"The plan that runs, or ran last."}"#,
    printcolumn = r#"{"name":"Plan-Status","type":"string","jsonPath":".status.activePlan.status","description":"How far that plan is."}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"Whether all resources of the instance are ready."}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub struct InstanceSpec {
    /// The operator version to run, in the instance's namespace unless another is named.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    #[schemars(schema_with = "object_reference")]
    pub operator_version: ObjectReference,
    /// Values of the operator version's parameters, as text.
    #[serde(
        deserialize_with = "string_map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub parameters: BTreeMap<String, String>,
    /// A plan to run now. A new uid asks for a new execution; emptied when the plan has ended.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub plan_execution: PlanExecution,
}

optional_spec!(InstanceSpec);

/// A plan that was asked for, or in upstream's time was scheduled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanExecution {
    /// Name of the plan.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub plan_name: String,
    /// Identity of the execution.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub uid: String,
    /// Status of the execution; read from upstream's resources, not written.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("enum" = EXECUTION_STATUSES))]
    pub status: String,
}

impl PlanExecution {
    /// Whether no plan is named.
    pub fn is_empty(&self) -> bool {
        self.plan_name.is_empty()
    }
}

/// What was observed of an instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceStatus {
    /// Status of every plan by its name.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub plan_status: BTreeMap<String, PlanStatus>,
    /// Conditions of the instance: Ready, and Accepted when a change of the spec was refused.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// The plan that runs or ran last, repeated from planStatus for lists of instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_plan: Option<ActivePlan>,
    /// The spec that was last accepted and acted upon; changes are found by comparing with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
    /// The operator version before the accepted one, until what only it had applied is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgraded_from: Option<String>,
    /// The objects that plans of this instance applied and that were not removed since.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub inventory: Vec<InventoryEntry>,
}

impl InstanceStatus {
    /// The condition of a type, if it is set.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| condition.type_ == type_)
    }

    /// The plan that runs, or else the one that ran last; `None` when none ever ran.
    ///
    /// Found from `planStatus`, as the resources of upstream have no more than that; of plans that ended
    /// in the same second it is the one that `activePlan` names.
    pub fn last_executed_plan(&self) -> Option<(&str, &PlanStatus)> {
        let ran = || self.plan_status.iter().filter(|(_, plan)| plan.was_run());
        let named = self.active_plan.as_ref().map(|plan| plan.name.as_str());
        let age = |(name, plan): &(&String, &PlanStatus)| {
            let time = plan.last_updated_timestamp.clone();
            (time, named == Some(name.as_str()))
        };
        ran()
            .find(|(_, plan)| plan.is_running())
            .or_else(|| ran().max_by_key(age))
            .map(|(name, plan)| (name.as_str(), plan))
    }
}

/// The plan that runs or ran last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ActivePlan {
    /// Name of the plan.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// Its status.
    #[serde(deserialize_with = "null_as_default")]
    #[schemars(extend("enum" = EXECUTION_STATUSES))]
    pub status: String,
}

/// The part of a spec that was accepted and acted upon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Accepted {
    /// Name of the operator version.
    #[serde(deserialize_with = "null_as_default")]
    pub operator_version: String,
    /// Values of parameters, as text.
    #[serde(
        deserialize_with = "string_map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub parameters: BTreeMap<String, String>,
}

/// An object that a plan of the instance applied.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", default)]
pub struct InventoryEntry {
    /// API group of the object; empty for the core group.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub group: String,
    /// API version of the object within its group.
    #[serde(deserialize_with = "null_as_default")]
    pub version: String,
    /// Kind of the object.
    #[serde(deserialize_with = "null_as_default")]
    pub kind: String,
    /// Namespace of the object; absent for a cluster-scoped one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the object.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// Name of the plan that applied it last.
    #[serde(deserialize_with = "null_as_default")]
    pub plan: String,
}

/// The words for how far a plan, phase or step is.
const EXECUTION_STATUSES: [&str; 7] = [
    "NEVER_RUN",
    "PENDING",
    "IN_PROGRESS",
    "COMPLETE",
    "ERROR",
    "FATAL_ERROR",
    "",
];

/// Status of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanStatus {
    /// Name of the plan.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub name: String,
    /// How far the plan is.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("enum" = EXECUTION_STATUSES))]
    pub status: String,
    /// What went wrong, if something did.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub message: String,
    /// When the status last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nullable_time")]
    pub last_updated_timestamp: Option<Time>,
    /// Identity of the execution that the status tells of.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub uid: String,
    /// Status of the plan's phases, in the plan's order.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub phases: Vec<PhaseStatus>,
}

impl PlanStatus {
    /// Whether the plan was ever started.
    pub fn was_run(&self) -> bool {
        !matches!(self.status.as_str(), "" | "NEVER_RUN")
    }

    /// Whether the plan is under way: scheduled, in progress, or about to be retried.
    pub fn is_running(&self) -> bool {
        matches!(self.status.as_str(), "PENDING" | "IN_PROGRESS" | "ERROR")
    }

    /// Whether the plan has ended, well or badly.
    pub fn is_terminal(&self) -> bool {
        matches!(self.status.as_str(), "COMPLETE" | "FATAL_ERROR")
    }
}

/// Status of a phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PhaseStatus {
    /// Name of the phase.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub name: String,
    /// How far the phase is.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("enum" = EXECUTION_STATUSES))]
    pub status: String,
    /// What went wrong, if something did.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub message: String,
    /// Status of the phase's steps, in the phase's order.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub steps: Vec<StepStatus>,
}

/// Status of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StepStatus {
    /// Name of the step.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub name: String,
    /// What went wrong, if something did.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub message: String,
    /// How far the step is.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("enum" = EXECUTION_STATUSES))]
    pub status: String,
}
