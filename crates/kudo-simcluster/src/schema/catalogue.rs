//! The built-in kinds: read once, when the first of them is asked for.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, OnceLock};

use flate2::read::GzDecoder;
use serde_json::{Map, Value};

use super::{Field, Link, Object, Patch, Scalar, Topology, Type, TypeRef};

static TYPES: &[u8] = include_bytes!("../../data/types.json.gz");
static DESCRIPTIONS: &[u8] = include_bytes!("../../data/descriptions.json.gz");

/// Every built-in type, and which of them are kinds.
struct Catalogue {
    types: BTreeMap<Arc<str>, Type>,
    kinds: BTreeMap<(String, String, String), Arc<str>>,
}

/// The type of a built-in kind; `None` if there is no such kind. The core group is the empty text.
pub fn of(group: &str, version: &str, kind: &str) -> Option<TypeRef> {
    definition_of(group, version, kind).map(|name| reference(name, None))
}

/// The name of a kind's definition, such as `io.k8s.api.core.v1.Pod`.
pub(crate) fn definition_of(group: &str, version: &str, kind: &str) -> Option<&'static Arc<str>> {
    let key = (group.to_owned(), version.to_owned(), kind.to_owned());
    catalogue().kinds.get(&key)
}

/// The type of every object's `metadata`.
pub fn metadata() -> TypeRef {
    let name = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    reference(&Arc::from(name), None)
}

/// A type by the name of its definition; anything is allowed where there is none.
pub(super) fn named(name: &str) -> &'static Type {
    catalogue().types.get(name).unwrap_or(&Type::Any)
}

/// The definitions as `OpenAPI` has them, without descriptions.
pub(super) fn definitions() -> Map<String, Value> {
    unpack(TYPES)
}

/// Descriptions of definitions (under the empty key) and of their fields.
pub(super) fn descriptions() -> Map<String, Value> {
    unpack(DESCRIPTIONS)
}

fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| build(&definitions()))
}

/// The data is part of the program, and a test reads it; a damaged one would hold no types.
fn unpack(data: &[u8]) -> Map<String, Value> {
    let mut text = Vec::new();
    let read = GzDecoder::new(data).read_to_end(&mut text).is_ok();
    match serde_json::from_slice(&text) {
        Ok(Value::Object(map)) if read => map,
        _ => Map::new(),
    }
}

fn build(definitions: &Map<String, Value>) -> Catalogue {
    let mut types = BTreeMap::new();
    let mut kinds = BTreeMap::new();
    for (name, definition) in definitions {
        let name: Arc<str> = Arc::from(name.as_str());
        for gvk in list(&definition["x-kubernetes-group-version-kind"]) {
            let part = |key: &str| gvk[key].as_str().unwrap_or_default().to_owned();
            kinds.insert((part("group"), part("version"), part("kind")), name.clone());
        }
        let ty = special(&name).unwrap_or_else(|| convert(&name, definition));
        types.insert(name, ty);
    }
    Catalogue { types, kinds }
}

/// Types that are written otherwise than their definition says.
fn special(name: &str) -> Option<Type> {
    Some(match name.rsplit('.').next()? {
        "IntOrString" => Type::Scalar(Scalar::IntOrString),
        "Quantity" => Type::Scalar(Scalar::Quantity),
        "Time" => Type::Scalar(Scalar::Time),
        "MicroTime" => Type::Scalar(Scalar::MicroTime),
        "FieldsV1"
        | "RawExtension"
        | "JSON"
        | "JSONSchemaPropsOrBool"
        | "JSONSchemaPropsOrArray"
        | "JSONSchemaPropsOrStringArray"
        | "Patch" => Type::Any,
        _ => return None,
    })
}

fn convert(name: &str, schema: &Value) -> Type {
    let text = |key: &str| schema[key].as_str().unwrap_or_default();
    match (text("type"), text("format")) {
        ("object" | "", _) if schema["properties"].is_object() => {
            Type::Object(object(name, schema))
        }
        ("object", _) if schema["additionalProperties"].is_object() => Type::Map {
            values: link(&schema["additionalProperties"]),
            atomic: text("x-kubernetes-map-type") == "atomic",
        },
        ("object", _) if name.is_empty() => Type::Any,
        ("object", _) => Type::Object(object(name, schema)),
        ("array", _) => Type::List {
            items: link(&schema["items"]),
            topology: topology(schema),
        },
        ("string", "byte") => Type::Scalar(Scalar::Bytes),
        ("string", "int-or-string") => Type::Scalar(Scalar::IntOrString),
        ("string", "date-time") => Type::Scalar(Scalar::Time),
        ("string", _) => Type::Scalar(Scalar::Text),
        ("boolean", _) => Type::Scalar(Scalar::Boolean),
        ("integer", "int32") => Type::Scalar(Scalar::Int32),
        ("integer", _) => Type::Scalar(Scalar::Int64),
        ("number", _) => Type::Scalar(Scalar::Float),
        _ => Type::Any,
    }
}

/// Types that differ from those of the same name in a newer version are named with their version.
fn go_name(name: &str) -> &str {
    const BETA: [&str; 3] = [
        "io.k8s.api.admissionregistration.v1beta1.MutatingWebhook",
        "io.k8s.api.admissionregistration.v1beta1.ValidatingWebhook",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1beta1.CustomResourceDefinitionSpec",
    ];
    let parts = if BETA.contains(&name) { 2 } else { 1 };
    let dots = name.rmatch_indices('.').nth(parts - 1);
    dots.map_or(name, |(dot, _)| &name[dot + 1..])
}

fn object(name: &str, schema: &Value) -> Object {
    let required: Vec<&str> = list(&schema["required"])
        .filter_map(Value::as_str)
        .collect();
    let field = |(key, property): (&String, &Value)| {
        let field = Field {
            ty: link(property),
            required: required.contains(&key.as_str()),
            patch: patch(property),
            key_default: (key == "protocol").then(|| Value::from("TCP")),
        };
        (key.clone(), field)
    };
    Object {
        go_name: Arc::from(go_name(name)),
        fields: schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(field)
            .collect(),
        rest: None,
        atomic: schema["x-kubernetes-map-type"] == "atomic",
    }
}

fn link(schema: &Value) -> TypeRef {
    let name = schema["$ref"]
        .as_str()
        .and_then(|reference| reference.strip_prefix("#/definitions/"));
    match name {
        Some(name) => {
            let name = match name {
                // Since Kubernetes 1.21 the beta version has the conditions of the stable one.
                "io.k8s.api.policy.v1beta1.PodDisruptionBudgetStatus" => {
                    "io.k8s.api.policy.v1.PodDisruptionBudgetStatus"
                }
                name => name,
            };
            let atomic = schema["x-kubernetes-map-type"]
                .as_str()
                .map(|kind| kind == "atomic");
            // What the documents leave open is owned as a whole.
            let open = matches!(special(name), Some(Type::Any));
            let atomic = if open { Some(true) } else { atomic };
            reference(&Arc::from(name), atomic)
        }
        None => TypeRef::new(convert("", schema)),
    }
}

fn reference(name: &Arc<str>, atomic: Option<bool>) -> TypeRef {
    TypeRef {
        link: Link::Named(name.clone()),
        atomic,
    }
}

/// How a list's items are told apart: by the list type, else as strategic merge patches do.
fn topology(schema: &Value) -> Topology {
    let keys = || {
        list(&schema["x-kubernetes-list-map-keys"])
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect()
    };
    match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => Topology::Map(keys()),
        Some("set") => Topology::Set,
        Some(_) => Topology::Atomic,
        None => {
            let patch = patch(schema);
            match patch.merge_key {
                Some(key) if patch.merge => Topology::Map(vec![key]),
                _ if patch.merge => Topology::Set,
                _ => Topology::Atomic,
            }
        }
    }
}

fn patch(schema: &Value) -> Patch {
    let strategy = schema["x-kubernetes-patch-strategy"].as_str();
    let has = |word: &str| strategy.is_some_and(|text| text.split(',').any(|part| part == word));
    Patch {
        merge: has("merge"),
        retain_keys: has("retainKeys"),
        merge_key: schema["x-kubernetes-patch-merge-key"]
            .as_str()
            .map(ToOwned::to_owned),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
