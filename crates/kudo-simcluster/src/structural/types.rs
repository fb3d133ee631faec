//! A custom resource's schema as a type for server-side apply.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{EMBEDDED, INT_OR_STRING, LIST_KEYS, LIST_TYPE, MAP_TYPE, PRESERVE, is_on};
use crate::schema::{self, Field, Object, Patch, Scalar, Topology, Type, TypeRef};

/// The type of a whole object.
pub(super) fn root(spec: &Value) -> TypeRef {
    let mut object = object(spec);
    add_identity(&mut object);
    TypeRef::new(Type::Object(object))
}

fn convert(spec: &Value) -> TypeRef {
    if is_on(spec, INT_OR_STRING) {
        return TypeRef::new(Type::Scalar(Scalar::IntOrString));
    }
    let atomic = spec[MAP_TYPE] == "atomic";
    TypeRef::new(match spec["type"].as_str() {
        Some("object") if spec["additionalProperties"].is_object() => Type::Map {
            values: convert(&spec["additionalProperties"]),
            atomic,
        },
        Some("object") if spec["additionalProperties"] == true => Type::Map {
            values: TypeRef::any(),
            atomic,
        },
        Some("object") if !spec["properties"].is_object() && is_on(spec, PRESERVE) && !atomic => {
            Type::Any
        }
        Some("object") => {
            let mut object = object(spec);
            if is_on(spec, EMBEDDED) {
                add_identity(&mut object);
            }
            Type::Object(object)
        }
        Some("array") => Type::List {
            items: convert(&spec["items"]),
            topology: topology(spec),
        },
        Some("string") => Type::Scalar(Scalar::Text),
        Some("boolean") => Type::Scalar(Scalar::Boolean),
        Some("integer") => Type::Scalar(Scalar::Int64),
        Some("number") => Type::Scalar(Scalar::Float),
        _ => Type::Any,
    })
}

fn object(spec: &Value) -> Object {
    let required = |key: &str| {
        spec["required"]
            .as_array()
            .is_some_and(|list| list.iter().any(|name| name == key))
    };
    let fields: BTreeMap<String, Field> = spec["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, property)| {
            let mut field = plain(convert(property));
            field.required = required(key);
            field.key_default = property.get("default").cloned();
            (key.clone(), field)
        })
        .collect();
    Object {
        fields,
        rest: is_on(spec, PRESERVE).then(TypeRef::any),
        atomic: spec[MAP_TYPE] == "atomic",
        ..Object::default()
    }
}

fn add_identity(object: &mut Object) {
    let text = || plain(TypeRef::new(Type::Scalar(Scalar::Text)));
    object.fields.insert("apiVersion".to_owned(), text());
    object.fields.insert("kind".to_owned(), text());
    let metadata = plain(schema::metadata());
    object.fields.insert("metadata".to_owned(), metadata);
}

fn plain(ty: TypeRef) -> Field {
    Field {
        ty,
        required: false,
        patch: Patch::default(),
        key_default: None,
    }
}

fn topology(spec: &Value) -> Topology {
    match spec[LIST_TYPE].as_str() {
        Some("set") => Topology::Set,
        Some("map") => Topology::Map(
            spec[LIST_KEYS]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|key| key.as_str().map(ToOwned::to_owned))
                .collect(),
        ),
        _ => Topology::Atomic,
    }
}
