//! Pod templates: their hash, and pods made of them.

use serde_json::{Map, Value, json};

use super::action::Action;
use super::resources::Kind;

/// What Kubernetes spells hashes with: no vowels, no bad words.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A hash of a document, whatever the order of its fields, as it is spelled in names and labels.
///
/// Names differ from the real controllers', which hash the memory layout of their Go types.
pub(super) fn hash(document: &Value, collisions: i64) -> String {
    let mut hash = Fnv::new();
    hash.value(document);
    if collisions != 0 {
        hash.bytes(&collisions.to_le_bytes());
    }
    let digits = hash.0.to_string().into_bytes();
    let spelled = digits.iter().map(|digit| {
        let index = usize::from(*digit) % ALPHABET.len();
        char::from(ALPHABET[index])
    });
    spelled.collect()
}

/// FNV-1a with 32 bits.
struct Fnv(u32);

impl Fnv {
    fn new() -> Self {
        Self(0x811c_9dc5)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                let mut names: Vec<&String> = fields.keys().collect();
                names.sort();
                self.bytes(b"{");
                for name in names {
                    self.bytes(name.as_bytes());
                    self.bytes(b":");
                    self.value(&fields[name]);
                }
                self.bytes(b"}");
            }
            Value::Array(items) => {
                self.bytes(b"[");
                for item in items {
                    self.value(item);
                    self.bytes(b",");
                }
                self.bytes(b"]");
            }
            scalar => self.bytes(scalar.to_string().as_bytes()),
        }
    }
}

/// A pod as its template describes it, controlled by an owner.
pub(super) fn pod(template: &Value, owner: &Value) -> Value {
    let mut metadata = Map::new();
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    metadata.insert("ownerReferences".to_owned(), json!([owner]));
    json!({
        "metadata": metadata,
        "spec": template.get("spec").cloned().unwrap_or_else(|| json!({})),
    })
}

/// The creation of a pod that the server names.
pub(super) fn create_pod(namespace: &str, prefix: &str, mut pod: Value) -> Action {
    pod["metadata"]["generateName"] = format!("{prefix}-").into();
    Action::Create {
        kind: Kind::Pod,
        namespace: namespace.to_owned(),
        object: pod,
    }
}

/// Sets a label of an object or a template.
pub(super) fn set_label(object: &mut Value, name: &str, value: &str) {
    let labels = &mut object["metadata"]["labels"];
    if !labels.is_object() {
        *labels = json!({});
    }
    labels[name] = value.into();
}

/// Sets an annotation of an object or a template.
pub(super) fn set_annotation(object: &mut Value, name: &str, value: &str) {
    let annotations = &mut object["metadata"]["annotations"];
    if !annotations.is_object() {
        *annotations = json!({});
    }
    annotations[name] = value.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_content_and_collisions_only() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":[true,"x"]}"#).unwrap();
        let same: Value = serde_json::from_str(r#"{"b":[true,"x"],"a":1}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"a":1,"b":["x",true]}"#).unwrap();
        assert_eq!(hash(&one, 0), hash(&same, 0));
        assert_ne!(hash(&one, 0), hash(&other, 0));
        assert_ne!(hash(&one, 0), hash(&one, 1));
        assert!(hash(&one, 0).bytes().all(|b| ALPHABET.contains(&b)));
    }
}
