//! The `Operator` resource: what an operator is, apart from any of its versions.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::{null_as_default, optional_spec};

/// What an operator is and who maintains it.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "kudo.dev",
    version = "v1beta1",
    kind = "Operator",
    namespaced,
    shortname = "ko",
    category = "kudo",
    derive = "Default",
    derive = "PartialEq",
    doc = "An operator that can be installed: its description and maintainers. Its versions are OperatorVersions.",
    printcolumn = r#"{"name":"URL","type":"string","jsonPath":".spec.url","priority":1,"description":"Home page of the operator."}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub struct OperatorSpec {
    /// What the operator does, in a sentence or two.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub description: String,
    /// The oldest KUDO version that the operator works with.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub kudo_version: String,
    /// The oldest Kubernetes version that the operator works with.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub kubernetes_version: String,
    /// Who maintains the operator.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub maintainers: Vec<Maintainer>,
    /// Home page of the operator.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub url: String,
    /// Name of the template from which the instance's namespace is created, where it is created.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub namespace_manifest: String,
}

optional_spec!(OperatorSpec);

/// A person or organisation that maintains an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Maintainer {
    /// Name of a person or an organisation.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub name: String,
    /// Address at which the maintainer can be reached.
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub email: String,
}
