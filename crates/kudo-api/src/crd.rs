//! The `CustomResourceDefinitions`, as they are installed and committed.
//!
//! They are derived from the types and then brought to what a Kubernetes 1.20 API server takes and
//! what upstream's stored resources need: nothing is required, nothing is defaulted by the server.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use crate::{Instance, Operator, OperatorVersion};

/// The committed text of the definitions, a YAML document each.
pub const CRDS_YAML: &str = include_str!("../crds/kudo.dev.yaml");

const HEADER: &str = "\
# The custom resource definitions of kudo.dev/v1beta1.
# Written by `cargo xtask codegen` from the types in crates/kudo-api; do not edit.
";

/// The definitions of all KUDO resources: operators, operator versions, instances.
pub fn crds() -> Vec<CustomResourceDefinition> {
    [Operator::crd(), OperatorVersion::crd(), Instance::crd()]
        .map(finished)
        .into()
}

/// The text of [`CRDS_YAML`] as it should be, made anew from the types.
pub fn crds_yaml() -> Result<String, serde_json::Error> {
    let mut text = HEADER.to_owned();
    for crd in crds() {
        text.push_str("---\n");
        text.push_str(&kudo_package::yaml::to_string(&serde_json::to_value(crd)?));
    }
    Ok(text)
}

fn finished(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(schema) = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
        else {
            continue;
        };
        // Upstream's schema asks for nothing, so a stored resource may lack its spec.
        schema.required = None;
        schema.title = None;
        let properties = schema.properties.get_or_insert_default();
        // Upstream wrote `status: {}` on every resource; kubectl refuses fields it doesn't know.
        properties
            .entry("status".to_owned())
            .or_insert_with(|| JSONSchemaProps {
                type_: Some("object".to_owned()),
                description: Some("Not used.".to_owned()),
                ..JSONSchemaProps::default()
            });
        tidy(schema);
    }
    crd
}

/// Drops defaults, for a field that nobody set stays absent, as it did with upstream; and lets text
/// that may be empty be `null`.
///
/// `description:` with nothing behind it is `null` to YAML and empty text to everyone else. An API
/// server 1.20 built with a newer Go also takes empty text for `null`.
fn tidy(schema: &mut JSONSchemaProps) {
    schema.default = None;
    if may_be_empty_text(schema) {
        schema.nullable = Some(true);
    }
    for property in schema
        .properties
        .iter_mut()
        .flat_map(|map| map.values_mut())
    {
        tidy(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = schema.items.as_mut() {
        tidy(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = schema.additional_properties.as_mut() {
        tidy(values);
    }
}

fn may_be_empty_text(schema: &JSONSchemaProps) -> bool {
    let listed = |words: &Vec<JSON>| words.iter().any(|word| word.0 == "");
    schema.type_.as_deref() == Some("string")
        && schema.format.is_none()
        && schema.pattern.is_none()
        && schema.enum_.as_ref().is_none_or(listed)
}
