//! One version of one object.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::Key;
use crate::depth;
use crate::kinds::{Shown, convert};

/// An object as it is stored: immutable, shared with the log and with whoever reads it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) version: u64,
    /// Whether it has a deletion timestamp.
    pub(crate) is_deleting: bool,
    labels: Box<[(Box<str>, Box<str>)]>,
    /// The `apiVersion` it was written in; empty where nobody said.
    api_version: Box<str>,
    /// The version in which an `apiVersion` was said: when it had the shape of its kind.
    shaped: u64,
    /// A JSON object without `apiVersion` and `kind`.
    text: Bytes,
}

/// Where an object is stored.
pub(super) fn key(object: &Value) -> Key {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    (text("namespace").into(), text("name").into())
}

/// Takes off what an object says of its kind; the answer is its `apiVersion`.
pub(crate) fn strip(object: &mut Value) -> Option<Value> {
    let members = object.as_object_mut()?;
    members.remove("kind");
    members.remove("apiVersion")
}

impl Entry {
    /// Takes an object in its stored version and gives it its number. One without `apiVersion` is as `before`
    /// was written.
    pub(super) fn new(mut object: Value, version: u64, before: Option<&Self>) -> Self {
        let api_version = strip(&mut object);
        let (api_version, shaped) = match (api_version.as_ref().and_then(Value::as_str), before) {
            (Some(said), _) => (said.into(), version),
            (None, Some(before)) => (before.api_version.clone(), before.shaped),
            (None, None) => (Box::default(), version),
        };
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let (namespace, name) = key(&object);
        let labels = object["metadata"]["labels"].as_object();
        let labels = labels.into_iter().flatten().filter_map(|(name, value)| {
            let value = value.as_str()?;
            Some((name.as_str().into(), value.into()))
        });
        Self {
            namespace,
            name,
            version,
            is_deleting: object["metadata"]["deletionTimestamp"].is_string(),
            labels: labels.collect(),
            api_version,
            shaped,
            text: object.to_string().into(),
        }
    }

    pub(crate) fn key(&self) -> Key {
        (Arc::clone(&self.namespace), Arc::clone(&self.name))
    }

    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(known, _)| &**known == name);
        found.map(|(_, value)| &**value)
    }

    /// The `apiVersion` it was written in; empty where nobody said.
    pub(crate) fn api_version(&self) -> &str {
        &self.api_version
    }

    /// The text of [`Self::bare`].
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The object in its stored version, without `apiVersion` and `kind`.
    pub(crate) fn bare(&self) -> Value {
        depth::read_own(&self.text).unwrap_or_default()
    }

    /// The object as a version shows it.
    pub(crate) fn object(&self, shown: &Shown) -> Value {
        let mut object = self.bare();
        if shown.converts() {
            convert::from_stored(&shown.kind.storage, &shown.version().group, &mut object);
        }
        object["apiVersion"] = shown.api_version().into();
        object["kind"] = shown.kind.kind.as_str().into();
        if let Some(stored) = &shown.kind.stored
            && !self.is_as_shown(shown)
        {
            stored.read(&self.api_version, shown, &mut object);
        }
        object
    }

    /// Whether a version shows the text as it is.
    pub(crate) fn is_as_shown(&self, shown: &Shown) -> bool {
        let Some(stored) = &shown.kind.stored else {
            return !shown.converts();
        };
        stored.is_as_written(self.shaped) && *self.api_version == *shown.api_version()
    }

    /// Writes the text of `object` behind what is there.
    pub(crate) fn write(&self, shown: &Shown, to: &mut Vec<u8>) {
        if !self.is_as_shown(shown) {
            to.extend_from_slice(self.object(shown).to_string().as_bytes());
            return;
        }
        to.extend_from_slice(b"{\"kind\":\"");
        to.extend_from_slice(shown.kind.kind.as_bytes());
        to.extend_from_slice(b"\",\"apiVersion\":\"");
        to.extend_from_slice(shown.api_version().as_bytes());
        to.extend_from_slice(b"\",");
        to.extend_from_slice(self.text.get(1..).unwrap_or_default());
    }

    /// Writes the text of the object as an item of a list: only custom ones say their kind there.
    pub(crate) fn write_item(&self, shown: &Shown, to: &mut Vec<u8>) {
        if shown.kind.is_custom() {
            self.write(shown, to);
        } else if shown.converts() {
            let mut object = self.object(shown);
            strip(&mut object);
            to.extend_from_slice(object.to_string().as_bytes());
        } else {
            to.extend_from_slice(&self.text);
        }
    }
}
