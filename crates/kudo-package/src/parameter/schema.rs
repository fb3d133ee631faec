//! Parameters as a JSON Schema: what a values file may say.

use serde_json::{Map, Value, json};

use super::values::typed_value;
use super::{Parameter, ValueType};
use crate::package::{Group, Package};

/// The dialect of the schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a package's values files, for draft 2020-12.
///
/// What JSON Schema has no word for is told in keywords of our own that begin with `x-kudo-`, which
/// validators pass over: groups, triggers, hints, and which parameters are immutable or advanced.
pub fn json_schema(package: &Package) -> Value {
    let definition = &package.definition;
    let name = &definition.operator_name;
    let version = &definition.operator_version;
    let parameters = &definition.parameters;
    let properties: Map<String, Value> = parameters
        .iter()
        .map(|parameter| (parameter.name.clone(), Value::Object(property(parameter))))
        .collect();
    let required: Vec<&str> = parameters
        .iter()
        .filter(|parameter| parameter.needs_value())
        .map(|parameter| parameter.name.as_str())
        .collect();
    let mut schema = Map::from_iter([
        ("$schema".to_owned(), json!(DIALECT)),
        (
            "title".to_owned(),
            json!(format!("Parameters of {name} {version}")),
        ),
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), Value::Object(properties)),
        ("additionalProperties".to_owned(), json!(false)),
    ]);
    if let Some(description) = &package.manifest.description {
        schema.insert("description".to_owned(), json!(description));
    }
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    if !package.groups.is_empty() {
        let groups = package.groups.iter().map(group).collect();
        schema.insert("x-kudo-groups".to_owned(), Value::Array(groups));
    }
    Value::Object(schema)
}

fn property(parameter: &Parameter) -> Map<String, Value> {
    let mut property = Map::new();
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            property.insert(key.to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    let flag = |on: bool| on.then_some(json!(true));
    add("type", Some(json!(type_name(parameter.value_type))));
    add("title", text(&parameter.display_name));
    add("description", text(&parameter.description));
    let typed = |text: &String| typed_value(parameter.value_type, text);
    add("default", parameter.default.as_ref().and_then(typed));
    let choices = parameter.enum_values.as_ref();
    add(
        "enum",
        choices.map(|choices| choices.iter().filter_map(typed).collect()),
    );
    let is_text = parameter.value_type == ValueType::String;
    add(
        "minLength",
        // An empty text is no value.
        (is_text && parameter.needs_value()).then_some(json!(1)),
    );
    let is_bounded = parameter.value_type == ValueType::Integer && choices.is_none();
    add("minimum", is_bounded.then_some(json!(i64::MIN)));
    add("maximum", is_bounded.then_some(json!(i64::MAX)));
    add("x-kudo-immutable", flag(parameter.immutable));
    add("x-kudo-advanced", flag(parameter.advanced));
    add("x-kudo-group", text(&parameter.group));
    add("x-kudo-hint", text(&parameter.hint));
    add("x-kudo-trigger", text(&parameter.trigger));
    property
}

fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Map => "object",
        other => other.as_str(),
    }
}

fn group(group: &Group) -> Value {
    json!({
        "name": group.name,
        "displayName": group.display_name,
        "description": group.description,
        "prio": group.priority,
    })
}
