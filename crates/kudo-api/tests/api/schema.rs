//! The definitions: what upstream's stored resources and a 1.20 API server need of them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kudo_api::{Instance, Operator, OperatorVersion, crds};
use serde_json::{Value, json};

fn schema(crd: &CustomResourceDefinition) -> &JSONSchemaProps {
    let schema = crd.spec.versions[0].schema.as_ref().unwrap();
    schema.open_api_v3_schema.as_ref().unwrap()
}

fn children(schema: &JSONSchemaProps) -> Vec<(String, &JSONSchemaProps)> {
    let properties = schema.properties.iter().flatten();
    let mut children: Vec<_> = properties
        .map(|(name, property)| (format!(".{name}"), property))
        .collect();
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        children.push(("[]".to_owned(), items));
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
        children.push(("{}".to_owned(), values));
    }
    children
}

fn walk<'a>(
    path: &str,
    schema: &'a JSONSchemaProps,
    visit: &mut impl FnMut(&str, &'a JSONSchemaProps),
) {
    visit(path, schema);
    for (name, child) in children(schema) {
        walk(&format!("{path}{name}"), child, visit);
    }
}

fn each(mut visit: impl FnMut(&str, &JSONSchemaProps)) {
    let crds = crds();
    for crd in &crds {
        walk(&crd.spec.names.kind, schema(crd), &mut visit);
    }
}

#[test]
fn the_committed_definitions_are_the_ones_the_types_give() {
    assert!(
        kudo_api::CRDS_YAML == kudo_api::crds_yaml().unwrap(),
        "run `cargo xtask codegen` and commit the result"
    );
}

#[test]
fn names_are_upstreams_with_short_names_and_the_category() {
    let found: Vec<_> = crds()
        .into_iter()
        .map(|crd| {
            let names = crd.spec.names;
            let short = names.short_names.unwrap_or_default().join(",");
            assert_eq!(names.categories.unwrap_or_default(), ["kudo"]);
            assert_eq!(crd.spec.scope, "Namespaced");
            assert_eq!(crd.spec.versions.len(), 1);
            assert_eq!(crd.spec.versions[0].name, "v1beta1");
            (
                crd.metadata.name.unwrap_or_default(),
                names.kind,
                names.singular.unwrap_or_default(),
                short,
            )
        })
        .collect();
    let expected = [
        ("operators.kudo.dev", "Operator", "operator", "ko"),
        (
            "operatorversions.kudo.dev",
            "OperatorVersion",
            "operatorversion",
            "kov",
        ),
        ("instances.kudo.dev", "Instance", "instance", "ki"),
    ];
    for (found, expected) in found.iter().zip(expected) {
        let found = (
            found.0.as_str(),
            found.1.as_str(),
            found.2.as_str(),
            found.3.as_str(),
        );
        assert_eq!(found, expected);
    }
}

#[test]
fn only_instances_have_a_status_subresource() {
    for crd in crds() {
        let status = crd.spec.versions[0]
            .subresources
            .as_ref()
            .and_then(|all| all.status.as_ref());
        assert_eq!(status.is_some(), crd.spec.names.kind == "Instance");
    }
}

#[test]
fn an_instance_is_listed_with_version_plan_status_readiness_and_age() {
    let crds = crds();
    let columns = crds[2].spec.versions[0]
        .additional_printer_columns
        .as_ref()
        .unwrap();
    let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Operator-Version",
            "Active-Plan",
            "Plan-Status",
            "Ready",
            "Age"
        ]
    );
    for column in columns {
        assert!(column.json_path.starts_with('.'), "{}", column.json_path);
    }
}

#[test]
fn every_field_is_described() {
    each(|path, schema| {
        let named = !path.ends_with("[]") && !path.ends_with("{}");
        assert!(
            !named || schema.description.is_some(),
            "{path} has no description"
        );
    });
}

#[test]
fn nothing_is_required_or_defaulted_but_in_conditions() {
    each(|path, schema| {
        assert!(schema.default.is_none(), "{path} has a default");
        let condition = path == "Instance.status.conditions[]";
        assert_eq!(
            schema.required.is_some(),
            condition,
            "{path}: {:?}",
            schema.required
        );
    });
}

#[test]
fn schemas_are_structural_and_need_nothing_newer_than_1_20() {
    each(|path, schema| {
        assert!(schema.type_.is_some(), "{path} has no type");
        assert!(
            schema.x_kubernetes_validations.is_none(),
            "{path} has CEL rules"
        );
        assert!(
            schema.any_of.is_none() && schema.one_of.is_none(),
            "{path} has alternatives"
        );
        assert!(
            schema.all_of.is_none() && schema.not.is_none(),
            "{path} has conjunctions"
        );
        assert!(schema.ref_path.is_none(), "{path} has a reference");
        assert!(
            schema.x_kubernetes_preserve_unknown_fields.is_none(),
            "{path} keeps anything"
        );
    });
}

#[test]
fn closed_lists_of_words_have_room_for_the_empty_one_that_upstream_wrote() {
    let mut found = Vec::new();
    each(|path, schema| {
        if let Some(words) = &schema.enum_ {
            let empty = words.iter().any(|word| word.0 == json!(""));
            found.push((path.to_owned(), empty));
        }
    });
    let expected = [
        ("OperatorVersion.spec.parameters[].value-type", true),
        ("OperatorVersion.spec.plans{}.phases[].strategy", true),
        ("OperatorVersion.spec.plans{}.strategy", true),
        ("OperatorVersion.spec.tasks[].kind", false),
        ("OperatorVersion.spec.tasks[].spec.pipe[].kind", false),
        ("Instance.spec.planExecution.status", true),
        ("Instance.status.activePlan.status", true),
        ("Instance.status.conditions[].status", false),
        ("Instance.status.planStatus{}.phases[].status", true),
        ("Instance.status.planStatus{}.phases[].steps[].status", true),
        ("Instance.status.planStatus{}.status", true),
    ];
    assert_eq!(
        found,
        expected.map(|(path, empty)| (path.to_owned(), empty))
    );
}

#[test]
fn what_upstream_could_leave_null_may_be_null() {
    let nullable = [
        "OperatorVersion.spec.plans",
        "OperatorVersion.spec.plans{}.phases",
        "OperatorVersion.spec.tasks[].spec.resources",
        "OperatorVersion.spec.tasks[].spec.pipe",
        "Instance.status.planStatus{}.lastUpdatedTimestamp",
    ];
    let mut seen = 0;
    each(|path, schema| {
        if nullable.contains(&path) {
            seen += 1;
            assert_eq!(schema.nullable, Some(true), "{path}");
        }
    });
    assert_eq!(seen, nullable.len());
}

/// A server drops what a schema doesn't know, so the schema must know all that the types write.
#[test]
fn the_schema_knows_every_field_that_the_types_write() {
    let crds = crds();
    let everything: [Value; 3] = [
        serde_json::to_value(full::<Operator>(schema(&crds[0]))).unwrap(),
        serde_json::to_value(full::<OperatorVersion>(schema(&crds[1]))).unwrap(),
        serde_json::to_value(full::<Instance>(schema(&crds[2]))).unwrap(),
    ];
    for (crd, value) in crds.iter().zip(everything) {
        let kind = &crd.spec.names.kind;
        let sample = sample(schema(crd));
        for part in ["spec", "status"] {
            if part == "status" && kind != "Instance" {
                continue;
            }
            assert_eq!(value[part], sample[part], "{kind}.{part}");
        }
    }
}

/// Decodes the fullest document that a schema allows.
fn full<T: serde::de::DeserializeOwned>(schema: &JSONSchemaProps) -> T {
    let mut value = sample(schema);
    value["metadata"] = json!({ "name": "x" });
    serde_json::from_value(value).unwrap()
}

/// A document with every field of a schema set.
fn sample(schema: &JSONSchemaProps) -> Value {
    if let Some(word) = schema.enum_.iter().flatten().next() {
        return word.0.clone();
    }
    match (schema.type_.as_deref(), schema.format.as_deref()) {
        (Some("string"), Some("date-time")) => json!("2020-01-01T00:00:00Z"),
        (Some("string"), _) => json!("text"),
        (Some("boolean"), _) => json!(true),
        (Some("integer"), _) => json!(1),
        (Some("array"), _) => {
            let items = children(schema).into_iter().map(|(_, items)| sample(items));
            Value::Array(items.collect())
        }
        _ => {
            let fields = children(schema).into_iter();
            let fields = fields.map(|(name, field)| match name.strip_prefix('.') {
                Some(name) => (name.to_owned(), sample(field)),
                None => ("any".to_owned(), sample(field)),
            });
            Value::Object(fields.collect())
        }
    }
}
