//! What is wrong with the parts of a definition beside its schemas and names: columns, subresources,
//! warnings, conversion.

use std::collections::BTreeSet;

use serde_json::Value;

use super::text;
use crate::builtin::{client_config, label_1035};
use crate::field_error::FieldError;

const COLUMN_TYPES: &str = "boolean,date,integer,number,string";
const COLUMN_FORMATS: &str = "byte,date,date-time,double,float,int32,int64,password";
/// What a schema may say at its root where the status is a subresource.
const AT_ROOT: &[&str] = &[
    "description",
    "type",
    "format",
    "title",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
    "required",
    "items",
    "properties",
    "externalDocs",
    "example",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Columns of tables; `path` is where the list of them is.
pub(super) fn columns(columns: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, column) in list(columns).iter().enumerate() {
        let field = |name: &str| format!("{path}[{index}].{name}");
        if text(&column["name"]).is_empty() {
            errors.push(FieldError::required(field("name"), ""));
        }
        let known = |list: &str, value: &Value| list.split(',').any(|known| value == known);
        let (ty, format) = (&column["type"], &column["format"]);
        if text(ty).is_empty() {
            let words = format!("must be one of {COLUMN_TYPES}");
            errors.push(FieldError::required(field("type"), words));
        } else if !known(COLUMN_TYPES, ty) {
            let words = format!("must be one of {COLUMN_TYPES}");
            errors.push(FieldError::invalid(field("type"), ty, words));
        }
        if !text(format).is_empty() && !known(COLUMN_FORMATS, format) {
            let words = format!("must be one of {COLUMN_FORMATS}");
            errors.push(FieldError::invalid(field("format"), format, words));
        }
        json_path(&column["jsonPath"], &field("JSONPath"), None, errors);
    }
}

/// Fields that objects can be selected by, as selectors name them.
pub(super) fn selectable(version: &Value) -> impl Iterator<Item = String> {
    let fields = list(&version["selectableFields"]).iter();
    fields.map(|field| text(&field["jsonPath"]).trim_start_matches('.').to_owned())
}

/// Fields that objects can be selected by; `path` is where the version is.
pub(super) fn selectable_fields(version: &Value, path: &str, errors: &mut Vec<FieldError>) {
    const MOST: usize = 8;
    let path = format!("{path}.selectableFields");
    let mut seen = BTreeSet::new();
    for (index, field) in list(&version["selectableFields"]).iter().enumerate() {
        let place = format!("{path}[{index}].jsonPath");
        let json_path = text(&field["jsonPath"]);
        if json_path.is_empty() {
            errors.push(FieldError::required(place, ""));
            continue;
        }
        let schema = &version["schema"]["openAPIV3Schema"];
        let found = match leads_to(&json_path, schema) {
            Ok(found) => found,
            Err(problem) => {
                let words = format!("is an invalid path: {problem}");
                errors.push(FieldError::invalid(place, &field["jsonPath"], words));
                continue;
            }
        };
        let mut refuse = |words: &str| {
            errors.push(FieldError::invalid(&*place, &field["jsonPath"], words));
        };
        if json_path == ".metadata" || json_path.starts_with(".metadata.") {
            refuse("must not point to fields in metadata");
        }
        if !["string", "boolean", "integer"].contains(&&*text(&found["type"])) {
            refuse(
                "must point to a field of type string, boolean or integer. Enum string fields and \
                 strings with formats are allowed.",
            );
        }
        if !seen.insert(json_path) {
            errors.push(FieldError::duplicate(place, &field["jsonPath"]));
        }
    }
    if seen.len() > MOST {
        errors.push(FieldError::too_many(path, seen.len(), MOST));
    }
}

/// The schema of the field that a path without lists leads to.
fn leads_to<'a>(path: &str, schema: &'a Value) -> Result<&'a Value, &'static str> {
    let names = path.strip_prefix('.');
    let names = names.filter(|names| !names.contains(['[', ']']));
    let names = names.ok_or("does not refer to a valid field")?;
    names.split('.').try_fold(schema, |schema, name| {
        let found = schema["properties"].get(name);
        found.ok_or("does not refer to a valid field")
    })
}

/// Where the scale subresource finds its values; `path` is where the subresources are.
pub(super) fn subresources(subresources: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let scale = &subresources["scale"];
    if !scale.is_object() {
        return;
    }
    let places: [(&str, &[&str], &str); 2] = [
        (
            "specReplicasPath",
            &[".spec."],
            "should be a json path under .spec",
        ),
        (
            "statusReplicasPath",
            &[".status."],
            "should be a json path under .status",
        ),
    ];
    for (key, below, words) in places {
        let field = format!("{path}.scale.{key}");
        json_path(&scale[key], &field, Some((below, words)), errors);
    }
    if !text(&scale["labelSelectorPath"]).is_empty() {
        let field = format!("{path}.scale.labelSelectorPath");
        let below = (
            &[".spec.", ".status."][..],
            "should be a json path under either .spec or .status",
        );
        json_path(&scale["labelSelectorPath"], &field, Some(below), errors);
    }
}

fn json_path(
    value: &Value,
    field: &str,
    below: Option<(&[&str], &str)>,
    errors: &mut Vec<FieldError>,
) {
    let said = text(value);
    if said.is_empty() {
        errors.push(FieldError::required(field, ""));
    } else if !said.starts_with('.') {
        let words = "must be a simple json path starting with .";
        errors.push(FieldError::invalid(field, value, words));
    } else if let Some((below, words)) = below
        && !below.iter().any(|start| said.starts_with(start))
    {
        errors.push(FieldError::invalid(field, value, words));
    }
}

/// The warning of a version that is deprecated.
pub(super) fn warning(version: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let value = &version["deprecationWarning"];
    let Some(warning) = value.as_str() else {
        return;
    };
    let mut fault = |words: String| {
        errors.push(FieldError::invalid(
            format!("{path}.deprecationWarning"),
            value,
            words,
        ));
    };
    if version["deprecated"] != true {
        return fault("can only be set for deprecated versions".to_owned());
    }
    if warning.len() > 256 {
        fault("must be <= 256 characters long".to_owned());
    }
    if warning.is_empty() {
        fault("must not be an empty string".to_owned());
    }
    let unprintable =
        |letter: &char| letter.is_control() || letter.is_whitespace() && *letter != ' ';
    if let Some((index, _)) = warning
        .char_indices()
        .find(|(_, letter)| unprintable(letter))
    {
        fault(format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {index}"
        ));
    }
}

/// How objects of one version become those of another.
pub(super) fn conversion(conversion: &Value, errors: &mut Vec<FieldError>) {
    const PATH: &str = "spec.conversion";
    let strategy = &conversion["strategy"];
    let webhook = &conversion["webhook"];
    let (client, versions) = (
        &webhook["clientConfig"],
        &webhook["conversionReviewVersions"],
    );
    let field = |name: &str| format!("{PATH}.{name}");
    match strategy.as_str() {
        None | Some("") => errors.push(FieldError::required(field("strategy"), "")),
        Some("None" | "Webhook") => {}
        Some(_) => {
            let known = ["None", "Webhook"];
            errors.push(FieldError::not_supported(
                field("strategy"),
                strategy,
                &known,
            ));
        }
    }
    if strategy == "Webhook" {
        if client.is_null() {
            let words = "required when strategy is set to Webhook";
            errors.push(FieldError::required(field("webhookClientConfig"), words));
        } else {
            client_config(client, &field("webhookClientConfig"), errors);
        }
        return review_versions(versions, &field("conversionReviewVersions"), errors);
    }
    let words = "should not be set when strategy is not set to Webhook";
    if !client.is_null() {
        errors.push(FieldError::forbidden(field("webhookClientConfig"), words));
    }
    if !list(versions).is_empty() {
        errors.push(FieldError::forbidden(
            field("conversionReviewVersions"),
            words,
        ));
    }
}

fn review_versions(versions: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let list = list(versions);
    if list.is_empty() {
        errors.push(FieldError::required(path, ""));
        return;
    }
    for (index, version) in list.iter().enumerate() {
        let field = format!("{path}[{index}]");
        if list[..index].contains(version) {
            errors.push(FieldError::invalid(field, version, "duplicate version"));
            continue;
        }
        for fault in label_1035(&text(version)) {
            errors.push(FieldError::invalid(field.clone(), version, fault));
        }
    }
    if !list
        .iter()
        .any(|version| version == "v1" || version == "v1beta1")
    {
        let quoted: Vec<String> = list.iter().map(ToString::to_string).collect();
        let shown = format!("[]string{{{}}}", quoted.join(", "));
        let words = "must include at least one of v1, v1beta1";
        errors.push(FieldError::invalid_shown(path, shown, words));
    }
}

/// What a schema says at its root and must not; `path` is where it is.
pub(super) fn root(schema: &Value, status: bool, path: &str, errors: &mut Vec<FieldError>) {
    let is_zero = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let mut said = schema.as_object().into_iter().flatten();
    if status && said.any(|(key, value)| !AT_ROOT.contains(&key.as_str()) && !is_zero(value)) {
        let shown = "apiextensions.JSONSchemaProps{}";
        let words = "only the fields of an object are allowed at the root of the schema if the \
                     status subresource is enabled";
        errors.push(FieldError::invalid_shown(path, shown, words));
    }
    if schema["nullable"] == true {
        let words = "nullable cannot be true at the root";
        errors.push(FieldError::forbidden(format!("{path}.nullable"), words));
    }
}

/// Takes out of a schema what is said to be null: it is as if it were not said.
pub(super) fn drop_nulls(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else {
        return;
    };
    for key in ["default", "example"] {
        if map.get(key).is_some_and(Value::is_null) {
            map.remove(key);
        }
    }
    for (key, below) in map {
        match (key.as_str(), below) {
            ("properties" | "patternProperties", Value::Object(map)) => {
                map.values_mut().for_each(drop_nulls);
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(list)) => {
                list.iter_mut().for_each(drop_nulls);
            }
            ("items" | "additionalProperties" | "not", below) => drop_nulls(below),
            _ => {}
        }
    }
}
