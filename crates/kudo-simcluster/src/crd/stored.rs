//! How objects of a custom kind are stored: in one version, whichever version a client speaks.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{beta, storage_version, text};
use crate::kinds::{Shown, api_version};
use crate::structural::Structural;

/// What a definition says of storage.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The `apiVersion` that is written.
    pub(crate) api_version: String,
    /// Version of the definition: what was written later has the shape that its schemas ask for.
    since: u64,
    /// The schemas of all versions, served or not, by `apiVersion`.
    schemas: BTreeMap<String, Arc<Structural>>,
}

impl Stored {
    pub(super) fn new(definition: &Value) -> Self {
        let spec = &definition["spec"];
        let group = text(&spec["group"]);
        let name = |version: &Value| api_version(&group, &text(&version["name"]));
        let versions = || spec["versions"].as_array().into_iter().flatten();
        let schemas = versions().filter_map(|version| {
            let mut schema = version["schema"]["openAPIV3Schema"].clone();
            if spec["preserveUnknownFields"] == true {
                schema = beta::lenient(&schema);
            }
            let structural = Structural::compile(&schema, "").ok()?;
            Some((name(version), Arc::new(structural)))
        });
        let since = text(&definition["metadata"]["resourceVersion"]);
        Self {
            api_version: api_version(&group, &storage_version(spec).unwrap_or_default()),
            // What cannot be told is looked at each time.
            since: since.parse().unwrap_or(u64::MAX),
            schemas: schemas.collect(),
        }
    }

    pub(super) fn schema(&self, api_version: &str) -> Option<&Arc<Structural>> {
        self.schemas.get(api_version)
    }

    /// Brings an object of some version into the stored shape.
    pub(crate) fn write(&self, object: &mut Value) {
        if object["apiVersion"] == *self.api_version {
            return;
        }
        object["apiVersion"] = self.api_version.as_str().into();
        if let Some(schema) = self.schema(&self.api_version) {
            schema.prune(object);
        }
    }

    /// Whether an object that was written in some version, and had the shape of its schema at `shaped`, looks
    /// in that version as it is stored.
    pub(crate) fn is_as_written(&self, shaped: u64) -> bool {
        // A schema may have changed since. What went through another version has no defaults of the stored one.
        shaped > self.since && self.schemas.len() == 1
    }

    /// What would be shown of an object that a version shows if it were written.
    pub(crate) fn as_if_written(&self, shown: &Shown, mut object: Value) -> Value {
        self.write(&mut object);
        self.read(&self.api_version, shown, &mut object);
        object["apiVersion"] = shown.api_version().into();
        object
    }

    /// Brings an object that was written in some version into the shape that another version shows. Defaults
    /// are those of the version in which it was written.
    pub(crate) fn read(&self, written: &str, shown: &Shown, object: &mut Value) {
        let written = if written.is_empty() {
            &self.api_version
        } else {
            written
        };
        if let Some(schema) = self.schema(written) {
            schema.prune(object);
            schema.default(object);
        }
        let shown = shown.api_version();
        if shown != written
            && let Some(schema) = self.schema(&shown)
        {
            schema.prune(object);
        }
    }
}
