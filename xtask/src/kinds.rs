//! `cargo xtask kinds`: the catalogue of built-in kinds that the embedded cluster carries.
//!
//! Input are published `OpenAPI` definitions: those of a current Kubernetes, and those of an older
//! one for the beta kinds that newer servers no longer have. Output are two small compressed files
//! in `crates/kudo-simcluster/data`: the types, which every start reads, and their descriptions,
//! which only a client that asks for the `OpenAPI` documents needs. Where the documents come from is
//! in `docs/decisions/0015-kinds.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use serde_json::{Map, Value, json};

/// Kinds of the older document that are kept: group, version and kind.
const OLDER: &[(&str, &str, &str)] = &[
    (
        "admissionregistration.k8s.io",
        "v1beta1",
        "MutatingWebhookConfiguration",
    ),
    (
        "admissionregistration.k8s.io",
        "v1beta1",
        "ValidatingWebhookConfiguration",
    ),
    (
        "apiextensions.k8s.io",
        "v1beta1",
        "CustomResourceDefinition",
    ),
    ("autoscaling", "v2beta2", "HorizontalPodAutoscaler"),
    ("batch", "v1beta1", "CronJob"),
    ("discovery.k8s.io", "v1beta1", "EndpointSlice"),
    ("events.k8s.io", "v1beta1", "Event"),
    ("extensions", "v1beta1", "Ingress"),
    ("networking.k8s.io", "v1beta1", "Ingress"),
    ("networking.k8s.io", "v1beta1", "IngressClass"),
    ("policy", "v1beta1", "Eviction"),
    ("policy", "v1beta1", "PodDisruptionBudget"),
];

/// Where the catalogue comes from.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// `OpenAPI` definitions of a current Kubernetes (JSON)
    #[arg(long, value_name = "FILE")]
    definitions: PathBuf,
    /// `OpenAPI` v2 document of an older server, for beta kinds that are gone (`GET /openapi/v2`)
    #[arg(long, value_name = "FILE")]
    older: PathBuf,
}

/// Why the catalogue could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KindsError {
    /// A file could not be read or written.
    #[error("cannot read or write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A document is not what was expected.
    #[error("{} has no OpenAPI definitions", .0.display())]
    Document(PathBuf),
    /// A reference leads nowhere.
    #[error("the definition {0} is referred to and missing")]
    Missing(String),
}

/// Writes the catalogue; the answer is a line to print.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<String, KindsError> {
    let modern = read(&arguments.definitions)?;
    let older = read(&arguments.older)?;
    let mut wanted: Vec<String> = modern
        .iter()
        .filter(|(_, definition)| gvks(definition).iter().any(is_stable))
        .map(|(name, _)| name.clone())
        .collect();
    wanted.extend(
        older
            .iter()
            .filter(|(_, definition)| gvks(definition).iter().any(is_older))
            .map(|(name, _)| name.clone()),
    );
    let mut kept = BTreeMap::new();
    while let Some(name) = wanted.pop() {
        if kept.contains_key(&name) {
            continue;
        }
        let mut definition = modern
            .get(&name)
            .or_else(|| older.get(&name))
            .ok_or_else(|| KindsError::Missing(name.clone()))?
            .clone();
        if name.starts_with("io.k8s.apimachinery") {
            keep_own_gvks(&mut definition);
        }
        plain(&name, &mut definition);
        wanted.extend(references(&definition));
        kept.insert(name, definition);
    }
    let descriptions: Map<String, Value> = kept
        .iter_mut()
        .map(|(name, definition)| (name.clone(), take_descriptions(definition)))
        .collect();
    let folder = root.join("crates/kudo-simcluster/data");
    let types = write(
        &folder.join("types.json.gz"),
        json!(kept).to_string().as_bytes(),
    )?;
    let words = write(
        &folder.join("descriptions.json.gz"),
        json!(descriptions).to_string().as_bytes(),
    )?;
    Ok(format!(
        "kinds: {} types, {types} bytes; descriptions, {words} bytes",
        kept.len()
    ))
}

fn read(path: &Path) -> Result<Map<String, Value>, KindsError> {
    let text = std::fs::read(path).map_err(|source| KindsError::File {
        path: path.to_owned(),
        source,
    })?;
    let mut document: Value =
        serde_json::from_slice(&text).map_err(|_| KindsError::Document(path.to_owned()))?;
    ["$defs", "definitions"]
        .iter()
        .find_map(|key| match document.get_mut(key).map(Value::take) {
            Some(Value::Object(definitions)) => Some(definitions),
            _ => None,
        })
        .ok_or_else(|| KindsError::Document(path.to_owned()))
}

/// Group, version and kind, as the document says them.
fn gvks(definition: &Value) -> Vec<(String, String, String)> {
    let part = |gvk: &Value, key: &str| gvk[key].as_str().unwrap_or_default().to_owned();
    definition["x-kubernetes-group-version-kind"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|gvk| (part(gvk, "group"), part(gvk, "version"), part(gvk, "kind")))
        .collect()
}

fn is_stable((group, version, kind): &(String, String, String)) -> bool {
    let left_out = ["resource.k8s.io", "storagemigration.k8s.io"].contains(&group.as_str());
    let alias = kind.ends_with("Options") && !group.is_empty() || kind == "WatchEvent";
    !left_out && !alias && !version.contains("alpha") && !version.contains("beta")
}

fn is_older((group, version, kind): &(String, String, String)) -> bool {
    let item = kind.strip_suffix("List").unwrap_or(kind);
    OLDER.contains(&(group, version, item))
}

/// Options and Status belong to the core group; the document lists them once for each group.
fn keep_own_gvks(definition: &mut Value) {
    if let Some(list) = definition["x-kubernetes-group-version-kind"].as_array_mut() {
        list.retain(|gvk| gvk["group"] == "" && gvk["version"] == "v1");
    }
}

/// Undoes what a conversion to JSON Schema added: null as a type, the one value that apiVersion and
/// kind may have, and alternatives in the place of formats.
fn plain(name: &str, schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else {
        return;
    };
    map.remove("x-kubernetes-unions");
    if let Some(Value::Array(types)) = map.get("type") {
        let first = types.iter().find(|name| *name != "null").cloned();
        map.insert("type".to_owned(), first.unwrap_or(Value::Null));
    }
    if map.remove("oneOf").is_some() {
        map.insert("type".to_owned(), json!("string"));
        if name.ends_with("IntOrString") {
            map.insert("format".to_owned(), json!("int-or-string"));
        }
    }
    if let Some(Value::String(reference)) = map.get_mut("$ref") {
        *reference = reference.replace("#/$defs/", "#/definitions/");
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        for (key, property) in properties {
            if let Some(property) = property.as_object_mut()
                && ["apiVersion", "kind"].contains(&key.as_str())
            {
                property.remove("enum");
            }
            plain(name, property);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(key) {
            plain(name, inner);
        }
    }
}

fn references(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                found.extend(
                    reference
                        .strip_prefix("#/definitions/")
                        .map(ToOwned::to_owned),
                );
            }
            found.extend(map.values().flat_map(references));
        }
        Value::Array(list) => found.extend(list.iter().flat_map(references)),
        _ => {}
    }
    found
}

/// Takes the descriptions out of a definition: its own under the empty key, then one per field.
fn take_descriptions(definition: &mut Value) -> Value {
    let mut words = Map::new();
    let mut take = |key: &str, schema: &mut Value| {
        if let Some(text) = schema
            .as_object_mut()
            .and_then(|map| map.remove("description"))
        {
            words.insert(key.to_owned(), text);
        }
    };
    take("", definition);
    if let Some(properties) = definition["properties"].as_object_mut() {
        for (key, property) in properties {
            take(key, property);
        }
    }
    if definition["properties"].is_null()
        && let Some(map) = definition.as_object_mut()
    {
        map.remove("properties");
    }
    Value::Object(words)
}

/// Writes a file compressed, without a time in the header, so that equal input gives equal files.
pub(crate) fn write(path: &Path, text: &[u8]) -> Result<usize, KindsError> {
    let failed = |source| KindsError::File {
        path: path.to_owned(),
        source,
    };
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    encoder.write_all(text).map_err(failed)?;
    let bytes = encoder.finish().map_err(failed)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, &bytes).map_err(failed)?;
    Ok(bytes.len())
}
