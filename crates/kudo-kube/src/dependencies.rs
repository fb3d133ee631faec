//! Which `ConfigMaps` and `Secrets` a pod template reads, and one hash over what they hold.
//!
//! The hash stands in an annotation of the pod template, so that a change of configuration replaces the
//! pods. It covers contents only: labels, annotations and who wrote an object do not matter, nor does
//! whether a Secret was written as `stringData` or as `data`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kudo_api::names::SKIP_HASH_ANNOTATION;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::enhance::pod_template;
use crate::identity::{annotation, gvk_of, kind_of, name_of, text};

/// What pods read their configuration from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// A `ConfigMap`.
    ConfigMap,
    /// A `Secret`.
    Secret,
}

impl Source {
    /// The kind's name.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }

    fn of(object: &Value) -> Option<Self> {
        if text(object, "/apiVersion") != "v1" {
            return None;
        }
        match kind_of(object) {
            "ConfigMap" => Some(Self::ConfigMap),
            "Secret" => Some(Self::Secret),
            _ => None,
        }
    }
}

/// A `ConfigMap` or `Secret` in the instance's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Which of the two.
    pub source: Source,
    /// Its name.
    pub name: String,
}

impl Reference {
    /// A reference by name.
    pub fn new(source: Source, name: impl Into<String>) -> Self {
        Self {
            source,
            name: name.into(),
        }
    }

    /// The reference that means this object, if it is a `ConfigMap` or a `Secret`.
    pub fn to(object: &Value) -> Option<Self> {
        Some(Self::new(Source::of(object)?, name_of(object)))
    }
}

/// SHA-256 over the contents of one object.
pub type Digest = [u8; 32];

/// What the object's pod template reads, in order, each once: volumes (projected ones too), `env` and
/// `envFrom` of all containers. Pull secrets are not among them: they do not reach the pod.
pub fn references(object: &Value) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    let template = gvk_of(object)
        .and_then(|gvk| pod_template(&gvk.group, &gvk.kind))
        .and_then(|path| object.pointer(path));
    let Some(spec) = template.and_then(|template| template.get("spec")) else {
        return found;
    };
    for volume in list(spec, "volumes") {
        add(&mut found, Source::ConfigMap, volume, "/configMap/name");
        add(&mut found, Source::Secret, volume, "/secret/secretName");
        let projected = volume.get("projected").unwrap_or(&Value::Null);
        for part in list(projected, "sources") {
            add(&mut found, Source::ConfigMap, part, "/configMap/name");
            add(&mut found, Source::Secret, part, "/secret/name");
        }
    }
    for field in ["initContainers", "containers"] {
        for container in list(spec, field) {
            for variable in list(container, "env") {
                add(
                    &mut found,
                    Source::ConfigMap,
                    variable,
                    "/valueFrom/configMapKeyRef/name",
                );
                add(
                    &mut found,
                    Source::Secret,
                    variable,
                    "/valueFrom/secretKeyRef/name",
                );
            }
            for all in list(container, "envFrom") {
                add(&mut found, Source::ConfigMap, all, "/configMapRef/name");
                add(&mut found, Source::Secret, all, "/secretRef/name");
            }
        }
    }
    found
}

/// The digest of a `ConfigMap`'s or `Secret`'s contents; `None` if it asks to be left out.
pub fn digest(object: &Value) -> Option<Digest> {
    if annotation(object, SKIP_HASH_ANNOTATION).is_some() {
        return None;
    }
    // Both kinds of content under one name each, as the server stores them: base64 for bytes.
    let mut contents: BTreeMap<(u8, &str), String> = BTreeMap::new();
    let bytes_field = if kind_of(object) == "Secret" {
        "data"
    } else {
        "binaryData"
    };
    for (name, value) in entries(object, bytes_field) {
        contents.insert((0, name), without_space(&plain(value)));
    }
    if kind_of(object) == "Secret" {
        for (name, value) in entries(object, "stringData") {
            contents.insert((0, name), BASE64.encode(plain(value)));
        }
    } else {
        for (name, value) in entries(object, "data") {
            contents.insert((1, name), plain(value));
        }
    }
    let mut hasher = Sha256::new();
    for ((field, name), value) in &contents {
        hasher.update([*field]);
        for part in [*name, value.as_str()] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    Some(hasher.finalize().into())
}

/// The annotation's value: one hash over the digests in the order of their references. `None` stands for an
/// object that is absent or left out; it counts as empty, so that order and number still matter.
pub fn hash(digests: impl IntoIterator<Item = Option<Digest>>) -> String {
    let mut hasher = Sha256::new();
    for digest in digests {
        hasher.update(digest.unwrap_or([0; 32]));
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn add(found: &mut BTreeSet<Reference>, source: Source, value: &Value, pointer: &str) {
    let name = text(value, pointer);
    if !name.is_empty() {
        found.insert(Reference::new(source, name));
    }
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn entries<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let map = object.get(field).and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Base64 as templates write it may be broken into lines; the server stores it without.
fn without_space(text: &str) -> String {
    text.split_ascii_whitespace().collect()
}

#[cfg(test)]
mod tests;
