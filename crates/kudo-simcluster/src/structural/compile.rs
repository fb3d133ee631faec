//! What a schema must be to be accepted: structural, with supported parts alone.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::{EMBEDDED, INT_OR_STRING, LIST_KEYS, LIST_TYPE, MAP_TYPE, PRESERVE, Structural, is_on};
use super::{default, prune, validate};
use crate::field_error::{FieldError, go_syntax};

const TYPES: &[&str] = &["array", "boolean", "integer", "number", "object", "string"];
const UNSUPPORTED: &[&str] = &[
    "$ref",
    "additionalItems",
    "definitions",
    "dependencies",
    "deprecated",
    "discriminator",
    "id",
    "patternProperties",
    "readOnly",
    "writeOnly",
    "xml",
];

/// Parts that alternatives must not have, and the words for it.
const NOT_IN_ALTERNATIVES: &[(&str, &str)] = &[
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    ("title", "must be empty to be structural"),
    ("type", "must be empty to be structural"),
    (EMBEDDED, "must be false to be structural"),
    (INT_OR_STRING, "must be false to be structural"),
    (LIST_KEYS, "must be empty to be structural"),
    (LIST_TYPE, "must be undefined to be structural"),
    (MAP_TYPE, "must be undefined to be structural"),
    (PRESERVE, "must be false to be structural"),
];

/// Where a schema stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Field,
    Items,
}

struct Check<'a> {
    patterns: &'a mut BTreeMap<String, Regex>,
    errors: Vec<FieldError>,
}

/// What is wrong with a schema; its patterns are compiled on the way.
pub(super) fn check(
    schema: &Value,
    path: &str,
    patterns: &mut BTreeMap<String, Regex>,
) -> Vec<FieldError> {
    let mut check = Check {
        patterns,
        errors: Vec::new(),
    };
    check.schema(schema, path, Place::Root);
    check.metadata(&schema["properties"]["metadata"], path);
    check.errors
}

impl Check<'_> {
    fn schema(&mut self, schema: &Value, path: &str, place: Place) {
        self.parts(schema, path);
        self.extensions(schema, path);
        for (key, property) in map(&schema["properties"]) {
            let path = format!("{path}.properties[{key}]");
            self.schema(property, &path, Place::Field);
        }
        if schema["items"].is_object() {
            self.schema(&schema["items"], &format!("{path}.items"), Place::Items);
        }
        if schema["additionalProperties"].is_object() {
            let path = format!("{path}.additionalProperties");
            self.schema(&schema["additionalProperties"], &path, Place::Field);
        }
        self.alternatives(schema, schema, path);
        self.ty(schema, path, place);
        if place == Place::Root || is_on(schema, EMBEDDED) {
            self.identity(&schema["properties"], path);
        }
        if place == Place::Root {
            self.root(schema, path);
        }
    }

    /// Version and kind of an object are texts, and its metadata is an object.
    fn identity(&mut self, properties: &Value, path: &str) {
        for (name, ty) in [
            ("apiVersion", "string"),
            ("kind", "string"),
            ("metadata", "object"),
        ] {
            let property = &properties[name];
            if property.is_object() && property["type"] != ty {
                let field = format!("{path}.properties[{name}].type");
                let words = format!("must be {ty}");
                self.errors
                    .push(FieldError::invalid(field, &property["type"], words));
            }
        }
    }

    fn root(&mut self, schema: &Value, path: &str) {
        if schema["additionalProperties"].is_object() {
            let field = format!("{path}.additionalProperties");
            self.errors
                .push(FieldError::forbidden(field, "must not be used at the root"));
        }
        for name in ["apiVersion", "kind", "metadata"] {
            let path = format!("{path}.properties[{name}]");
            self.no_defaults(&schema["properties"][name], &path, name);
        }
    }

    fn no_defaults(&mut self, schema: &Value, path: &str, above: &str) {
        if schema.get("default").is_some() {
            let words = format!("must not be set in top-level {above}");
            self.errors
                .push(FieldError::forbidden(format!("{path}.default"), words));
        }
        for (key, property) in map(&schema["properties"]) {
            self.no_defaults(property, &format!("{path}.properties[{key}]"), above);
        }
    }

    fn ty(&mut self, schema: &Value, path: &str, place: Place) {
        let field = format!("{path}.type");
        if is_on(schema, EMBEDDED) && schema["type"] != "object" {
            let words = "must be object if x-kubernetes-embedded-resource is true";
            self.errors.push(of_type(field, schema, words));
            return;
        }
        let free =
            place != Place::Root && (is_on(schema, INT_OR_STRING) || is_on(schema, PRESERVE));
        match (schema["type"].as_str().unwrap_or_default(), place) {
            ("", _) if free => {}
            ("", place) => {
                let words = match place {
                    Place::Root => "must not be empty at the root",
                    Place::Field => "must not be empty for specified object fields",
                    Place::Items => "must not be empty for specified array items",
                };
                self.errors.push(FieldError::required(field, words));
            }
            (name, Place::Root) if name != "object" => {
                let words = "must be object at the root";
                self.errors
                    .push(FieldError::invalid(field, &schema["type"], words));
            }
            (name, _) if !TYPES.contains(&name) => {
                self.errors.push(FieldError::not_supported(
                    field.clone(),
                    &schema["type"],
                    TYPES,
                ));
                if name == "null" {
                    let words = "type cannot be set to null, use nullable as an alternative";
                    self.errors.push(FieldError::forbidden(field, words));
                }
            }
            _ => {}
        }
    }

    fn parts(&mut self, schema: &Value, path: &str) {
        for part in UNSUPPORTED {
            if schema.get(part).is_some_and(|value| *value != false) {
                let words = format!("{part} is not supported");
                self.errors
                    .push(FieldError::forbidden(format!("{path}.{part}"), words));
            }
        }
        if schema["uniqueItems"] == true {
            let words =
                "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.errors
                .push(FieldError::forbidden(format!("{path}.uniqueItems"), words));
        }
        if schema["additionalProperties"].is_object() && !map(&schema["properties"]).is_empty() {
            let words = "additionalProperties and properties are mutual exclusive";
            let field = format!("{path}.additionalProperties");
            self.errors.push(FieldError::forbidden(field, words));
        }
        if schema["items"].is_array() {
            let words = "items must be a schema object and not an array";
            self.errors
                .push(FieldError::forbidden(format!("{path}.items"), words));
        } else if schema["type"] == "array" && !schema["items"].is_object() {
            let field = format!("{path}.items");
            self.errors
                .push(FieldError::required(field, "must be specified"));
        }
        self.pattern(schema, path);
    }

    fn pattern(&mut self, schema: &Value, path: &str) {
        let Some(pattern) = schema["pattern"].as_str() else {
            return;
        };
        match Regex::new(pattern) {
            Ok(regex) => {
                self.patterns.insert(pattern.to_owned(), regex);
            }
            Err(error) => {
                let words = format!(
                    "must be a valid regular expression, but isn't: {}",
                    go_regex_error(pattern, &error)
                );
                let field = format!("{path}.pattern");
                self.errors
                    .push(FieldError::invalid(field, &schema["pattern"], words));
            }
        }
    }

    fn extensions(&mut self, schema: &Value, path: &str) {
        if schema[PRESERVE] == false {
            let field = format!("{path}.{PRESERVE}");
            let words = "must be true or undefined";
            self.errors
                .push(FieldError::invalid(field, &schema[PRESERVE], words));
        }
        for part in [PRESERVE, EMBEDDED] {
            if is_on(schema, INT_OR_STRING) && is_on(schema, part) {
                let words = "must be false if x-kubernetes-int-or-string is true";
                let field = format!("{path}.{part}");
                self.errors
                    .push(FieldError::invalid(field, &schema[part], words));
            }
        }
        if is_on(schema, EMBEDDED) && schema["additionalProperties"].is_object() {
            let words = "must not be used if x-kubernetes-embedded-resource is set";
            let field = format!("{path}.additionalProperties");
            self.errors.push(FieldError::forbidden(field, words));
        }
        if is_on(schema, EMBEDDED)
            && !is_on(schema, PRESERVE)
            && map(&schema["properties"]).is_empty()
        {
            let words = format!("must not be empty if {EMBEDDED} is true without {PRESERVE}");
            let field = format!("{path}.properties");
            self.errors.push(FieldError::required(field, words));
        }
        if schema.get(MAP_TYPE).is_some() && schema["type"] != "object" {
            let words = "must be object if x-kubernetes-map-type is specified";
            self.errors
                .push(of_type(format!("{path}.type"), schema, words));
        }
        if let Some(kind) = schema.get(MAP_TYPE)
            && *kind != "atomic"
            && *kind != "granular"
        {
            let field = format!("{path}.{MAP_TYPE}");
            self.errors.push(FieldError::not_supported(
                field,
                kind,
                &["atomic", "granular"],
            ));
        }
        self.list_type(schema, path);
    }

    fn list_type(&mut self, schema: &Value, path: &str) {
        let has_keys = list(&schema[LIST_KEYS]).next().is_some();
        let list_type = format!("{path}.{LIST_TYPE}");
        let words = "must be map if x-kubernetes-list-map-keys is non-empty";
        let Some(kind) = schema.get(LIST_TYPE) else {
            if has_keys {
                self.errors.push(FieldError::required(list_type, words));
            }
            return;
        };
        let items = &schema["items"];
        if schema["type"] != "array" {
            let words = "must be array if x-kubernetes-list-type is specified";
            self.errors
                .push(of_type(format!("{path}.type"), schema, words));
            return;
        }
        if has_keys && *kind != "map" {
            self.errors
                .push(FieldError::invalid(list_type, kind, words));
        }
        if (*kind == "map" || *kind == "set") && items["nullable"] == true {
            let words = format!(
                "cannot be nullable when x-kubernetes-list-type is {}",
                kind.as_str().unwrap_or_default()
            );
            self.errors.push(FieldError::forbidden(
                format!("{path}.items.nullable"),
                words,
            ));
        }
        match kind.as_str() {
            Some("atomic") => {}
            Some("set") => {
                let inner = &items[LIST_TYPE];
                if items["type"] == "array" && inner.is_string() && inner != "atomic" {
                    let field = format!("{path}.items.{LIST_TYPE}");
                    let words = "must be atomic as item of a list with x-kubernetes-list-type=set";
                    self.errors.push(FieldError::invalid(field, inner, words));
                }
                if items["type"] == "object" && items[MAP_TYPE] != "atomic" {
                    let field = format!("{path}.items.{MAP_TYPE}");
                    let words = "must be atomic as item of a list with x-kubernetes-list-type=set";
                    self.errors
                        .push(FieldError::invalid(field, &items[MAP_TYPE], words));
                }
            }
            Some("map") => self.list_keys(schema, path),
            _ => {
                let field = format!("{path}.{LIST_TYPE}");
                let supported = ["atomic", "set", "map"];
                self.errors
                    .push(FieldError::not_supported(field, kind, &supported));
            }
        }
    }

    fn list_keys(&mut self, schema: &Value, path: &str) {
        let items = &schema["items"];
        let field = format!("{path}.{LIST_KEYS}");
        let keys: Vec<&str> = list(&schema[LIST_KEYS]).filter_map(Value::as_str).collect();
        if keys.is_empty() {
            let words = "must not be empty if x-kubernetes-list-type is map";
            self.errors.push(FieldError::required(field, words));
            return;
        }
        if items["type"] != "object" {
            let words = "must be object if parent array's x-kubernetes-list-type is map";
            let field = format!("{path}.items.type");
            self.errors
                .push(FieldError::invalid(field, &items["type"], words));
            return;
        }
        let quoted: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
        let shown = format!("[]string{{{}}}", quoted.join(", "));
        let mut refuse = |words: &str| {
            self.errors.push(FieldError::invalid_shown(
                field.clone(),
                shown.clone(),
                words,
            ));
        };
        if keys
            .iter()
            .any(|key| items["properties"].get(key).is_none())
        {
            refuse("entries must all be names of item properties");
        }
        if (1..keys.len()).any(|index| keys[..index].contains(&keys[index])) {
            refuse("must not contain duplicate entries");
        }
        for key in keys {
            let property = &items["properties"][key];
            let field = format!("{path}.items.properties[{key}]");
            if property["type"] == "array" || property["type"] == "object" {
                let words = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                let field = format!("{field}.type");
                self.errors
                    .push(FieldError::invalid(field, &items["type"], words));
            }
            if property["nullable"] == true {
                let words =
                    "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
                self.errors
                    .push(FieldError::forbidden(format!("{field}.nullable"), words));
            }
            let is_required = list(&items["required"]).any(|name| name == key);
            if property.is_object() && property.get("default").is_none() && !is_required {
                let words = "this property is in x-kubernetes-list-map-keys, so it must have a \
                             default or be a required property";
                let field = format!("{path}.items.properties[{key}].default");
                self.errors.push(FieldError::required(field, words));
            }
        }
    }

    /// Alternatives may only narrow what the structure says.
    fn alternatives(&mut self, schema: &Value, structure: &Value, path: &str) {
        for key in ["allOf", "anyOf", "oneOf"] {
            for (index, inner) in list(&schema[key]).enumerate() {
                self.narrowing(inner, structure, &format!("{path}.{key}[{index}]"), path);
            }
        }
        if schema["not"].is_object() {
            self.narrowing(&schema["not"], structure, &format!("{path}.not"), path);
        }
    }

    fn narrowing(&mut self, schema: &Value, structure: &Value, path: &str, above: &str) {
        let names_type = is_on(structure, INT_OR_STRING)
            && (schema["type"] == "integer" || schema["type"] == "string");
        for (part, words) in NOT_IN_ALTERNATIVES {
            let said = match schema.get(part) {
                None | Some(Value::Null | Value::Bool(false)) => false,
                Some(Value::String(text)) => !text.is_empty(),
                Some(_) => true,
            };
            if said && !(*part == "type" && names_type) {
                self.errors
                    .push(FieldError::forbidden(format!("{path}.{part}"), *words));
            }
        }
        for (key, property) in map(&schema["properties"]) {
            let known = &structure["properties"][key.as_str()];
            let below = format!("{path}.properties[{key}]");
            if !known.is_object() && !structure["additionalProperties"].is_object() {
                let field = format!("{above}.properties[{key}]");
                let words = format!("because it is defined in {below}");
                self.errors.push(FieldError::required(field, words));
            }
            self.narrowing(
                property,
                known,
                &below,
                &format!("{above}.properties[{key}]"),
            );
        }
        if schema["items"].is_object() {
            let below = format!("{path}.items");
            let above = format!("{above}.items");
            self.narrowing(&schema["items"], &structure["items"], &below, &above);
        }
        self.pattern(schema, path);
        self.alternatives(schema, structure, path);
    }

    /// Metadata may be narrowed in its names alone.
    fn metadata(&mut self, metadata: &Value, path: &str) {
        if !metadata.is_object() {
            return;
        }
        let field = format!("{path}.properties[metadata]");
        let names = |key: &String| key == "name" || key == "generateName";
        let said = ["additionalProperties", PRESERVE, EMBEDDED];
        if !map(&metadata["properties"]).keys().all(names)
            || said.iter().any(|part| metadata.get(part).is_some())
        {
            let words = "must not specify anything other than name and generateName, but metadata \
                         is implicitly specified";
            self.errors.push(FieldError::forbidden(field, words));
        }
    }
}

/// A type that does not go with what else is said.
fn of_type(field: String, schema: &Value, words: &str) -> FieldError {
    match &schema["type"] {
        Value::Null => FieldError::required(field, words),
        ty => FieldError::invalid(field, ty, words),
    }
}

/// Defaults must be what pruning and validation would leave alone.
pub(super) fn check_defaults(
    compiled: &Structural,
    schema: &Value,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    if let Some(value) = schema.get("default") {
        let field = format!("{path}.default");
        let mut pruned = value.clone();
        default::default(schema, &mut pruned);
        let mut unknown = Vec::new();
        let path = &mut String::new();
        prune::prune(
            schema,
            &mut pruned,
            prune::Place::Inside,
            path,
            &mut unknown,
        );
        if !unknown.is_empty() {
            let words = "must not have unknown fields";
            errors.push(FieldError::invalid_shown(
                field.clone(),
                go_syntax(value),
                words,
            ));
        }
        for mut error in validate::validate(compiled, schema, &pruned) {
            error.field = match error.field.as_str() {
                "<nil>" => field.clone(),
                below => format!("{field}.{below}"),
            };
            errors.push(error);
        }
    }
    for (key, property) in map(&schema["properties"]) {
        let path = format!("{path}.properties[{key}]");
        check_defaults(compiled, property, &path, errors);
    }
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            check_defaults(compiled, &schema[key], &format!("{path}.{key}"), errors);
        }
    }
}

/// The words of Go's parser for the mistakes that people make.
fn go_regex_error(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let what = last.strip_prefix("error: ").unwrap_or(last);
    let words = match what {
        "unclosed group" => format!("missing closing ): `{pattern}`"),
        "unopened group" => format!("unexpected ): `{pattern}`"),
        "unclosed character class" => format!("missing closing ]: `{pattern}`"),
        "repetition operator missing expression" => {
            format!("missing argument to repetition operator: `{pattern}`")
        }
        other => format!("{other}: `{pattern}`"),
    };
    format!("error parsing regexp: {words}")
}

fn map(value: &Value) -> &Map<String, Value> {
    static EMPTY: std::sync::OnceLock<Map<String, Value>> = std::sync::OnceLock::new();
    value
        .as_object()
        .unwrap_or_else(|| EMPTY.get_or_init(Map::new))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
