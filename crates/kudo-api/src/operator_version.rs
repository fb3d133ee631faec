//! The `OperatorVersion` resource: one version of an operator, with all the engine needs to run it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::{is_default, null_as_default, optional_spec, string_map};
use crate::schema::{object_reference, object_references};

/// One version of an operator: templates, tasks, parameters and plans.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kudo.dev",
    version = "v1beta1",
    kind = "OperatorVersion",
    namespaced,
    shortname = "kov",
    category = "kudo",
    derive = "Default",
    derive = "PartialEq",
    doc = "One version of an operator: the templates, tasks, parameters and plans that its instances are run by.",
    printcolumn = r#"{"name":"Operator","type":"string","jsonPath":".spec.operator.name","description":"The operator this is a version of."}"#,
    printcolumn = r#"{"name":"Version","type":"string","jsonPath":".spec.version","description":"Version of the operator."}"#,
    printcolumn = r#"{"name":"App-Version","type":"string","jsonPath":".spec.appVersion","description":"Version of the application."}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub struct OperatorVersionSpec {
    /// The operator this is a version of.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    #[schemars(schema_with = "object_reference")]
    pub operator: ObjectReference,
    /// Version of the operator, a semantic version.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub version: String,
    /// Version of the application that the operator runs.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub app_version: String,
    /// Templates by name; tasks refer to them.
    #[serde(
        deserialize_with = "string_map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub templates: BTreeMap<String, String>,
    /// Tasks that the steps of plans refer to by name.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub tasks: Vec<Task>,
    /// Parameters that an instance may set.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub parameters: Vec<Parameter>,
    /// Plans by name. A plan called deploy must exist.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(extend("nullable" = true))]
    pub plans: BTreeMap<String, Plan>,
    /// A template of the string by which clients connect to an instance.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub connection_string: String,
    /// The versions from which an instance can be upgraded to this one.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "object_references")]
    pub upgradable_from: Vec<ObjectReference>,
}

optional_spec!(OperatorVersionSpec);

/// A plan: phases to complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Plan {
    /// Whether phases run one after the other (serial) or at the same time (parallel).
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("enum" = ["serial", "parallel", ""]))]
    pub strategy: String,
    /// The phases of the plan.
    #[serde(deserialize_with = "null_as_default")]
    #[schemars(extend("nullable" = true))]
    pub phases: Vec<Phase>,
}

/// A phase: steps to complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Phase {
    /// Name of the phase, unique in its plan.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// Whether steps run one after the other (serial) or at the same time (parallel).
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("enum" = ["serial", "parallel", ""]))]
    pub strategy: String,
    /// The steps of the phase.
    #[serde(deserialize_with = "null_as_default")]
    #[schemars(extend("nullable" = true))]
    pub steps: Vec<Step>,
}

/// A step: tasks that start together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Step {
    /// Name of the step, unique in its phase.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// Names of the tasks to run.
    #[serde(deserialize_with = "null_as_default")]
    #[schemars(extend("nullable" = true))]
    pub tasks: Vec<String>,
}

/// A task: one thing to be done, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Task {
    /// Name of the task, unique in the operator version.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// What kind of task it is; says which fields of spec are read.
    #[serde(deserialize_with = "null_as_default")]
    #[schemars(extend("enum" = ["Apply", "Delete", "Toggle", "Pipe", "KudoOperator", "Dummy"]))]
    pub kind: String,
    /// The fields of all kinds of tasks side by side.
    #[serde(deserialize_with = "null_as_default")]
    pub spec: TaskSpec,
}

/// The fields of every kind of task, flat as they stand in the resource.
///
/// Which of them are read is decided by the task's kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskSpec {
    /// Apply, Delete, Toggle: names of the templates to render.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("nullable" = true))]
    pub resources: Vec<String>,
    /// Toggle: name of the boolean parameter that decides between applying and deleting.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub parameter: String,
    /// Dummy: fail.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub want_err: bool,
    /// Dummy: fail for good, without being retried.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub fatal: bool,
    /// Dummy: be done.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "is_default"
    )]
    pub done: bool,
    /// Pipe: name of the template of the pod that makes the files.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub pod: String,
    /// Pipe: the files to take from the pod and where to keep them.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("nullable" = true))]
    pub pipe: Vec<PipeSpec>,
    /// `KudoOperator`: name of the operator to install.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub package: String,
    /// `KudoOperator`: name of the child instance; by default made of the parent's and the operator's.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub instance_name: String,
    /// `KudoOperator`: application version of the operator.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub app_version: String,
    /// `KudoOperator`: version of the operator.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub operator_version: String,
    /// `KudoOperator`: name of the template that renders the child's parameters.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub parameter_file: String,
}

/// A file that a Pipe task takes from its pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PipeSpec {
    /// Path of a file that is kept whole, under its base name.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub file: String,
    /// Path of a file of lines key=value that are kept one by one.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub env_file: String,
    /// Kind of the object that keeps the file.
    #[serde(deserialize_with = "null_as_default")]
    #[schemars(extend("enum" = ["Secret", "ConfigMap"]))]
    pub kind: String,
    /// Key by which templates find the object's name in Pipes.
    #[serde(deserialize_with = "null_as_default")]
    pub key: String,
}

/// A parameter that an instance may set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Parameter {
    /// Name for people, in user interfaces.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub display_name: String,
    /// Name by which templates and instances refer to the parameter.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub name: String,
    /// What the parameter does.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub description: String,
    /// Whether there must be a value, from the instance or by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "boolean")]
    pub required: Option<bool>,
    /// The value used when the instance gives none, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "string")]
    pub default: Option<String>,
    /// Name of the plan that runs when the value changes; update or deploy when empty.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub trigger: String,
    /// Type of the value; string when empty.
    #[serde(
        rename = "value-type",
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("enum" = ["string", "integer", "number", "boolean", "array", "map", ""]))]
    pub value_type: String,
    /// Whether the value stays as it was at installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "boolean")]
    pub immutable: Option<bool>,
    /// The only values allowed, where given.
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "strings")]
    pub enum_values: Option<Vec<String>>,
}

fn boolean(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    bool::json_schema(generator)
}

fn string(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    String::json_schema(generator)
}

fn strings(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    Vec::<String>::json_schema(generator)
}
