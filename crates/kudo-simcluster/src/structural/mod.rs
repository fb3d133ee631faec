//! Schemas of custom resources: compiled once, then used to prune, default and validate objects.
//!
//! A server handles an object of a custom resource in this order: [`Structural::prune`],
//! [`Structural::default`], [`Structural::validate`]. Rules in CEL (`x-kubernetes-validations`) are
//! stored and not evaluated.

mod compile;
mod default;
mod embedded;
mod formats;
mod prune;
mod types;
mod validate;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::field_error::FieldError;
use crate::schema::TypeRef;

/// A compiled schema of one version of a custom resource.
#[derive(Clone, Debug)]
pub struct Structural {
    source: Value,
    ty: TypeRef,
    patterns: BTreeMap<String, Regex>,
}

impl Structural {
    /// Compiles `openAPIV3Schema`; `field` is its path in the definition, for messages. A server
    /// tells of a schema that all versions share at `spec.validation.openAPIV3Schema`.
    pub fn compile(schema: &Value, field: &str) -> Result<Self, Vec<FieldError>> {
        let mut patterns = BTreeMap::new();
        let mut errors = compile::check(schema, field, &mut patterns);
        let compiled = Self {
            source: schema.clone(),
            ty: types::root(schema),
            patterns,
        };
        if errors.is_empty() {
            if let Some(value) = schema.get("default") {
                let mut found = Vec::new();
                embedded::validate(schema, value, true, &mut found);
                errors.extend(found.into_iter().map(|error| FieldError {
                    field: format!("{field}.default.{}", error.field),
                    ..error
                }));
            }
            compile::check_defaults(&compiled, schema, field, &mut errors);
        }
        if errors.is_empty() {
            Ok(compiled)
        } else {
            Err(errors)
        }
    }

    /// The type for server-side apply and unknown fields.
    pub fn type_ref(&self) -> &TypeRef {
        &self.ty
    }

    /// The schema as given.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Removes fields that the schema does not specify; the answer lists their paths.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut removed = Vec::new();
        let path = &mut String::new();
        prune::prune(&self.source, object, prune::Place::Root, path, &mut removed);
        removed
    }

    /// Why an object within the object cannot be read.
    pub(crate) fn misfit(&self, object: &Value) -> Option<FieldError> {
        embedded::misfit(&self.source, object)
    }

    /// Sets defaults. Nulls of fields that are not nullable are taken as not said.
    pub fn default(&self, object: &mut Value) {
        default::default(&self.source, object);
    }

    /// What is wrong with an object.
    pub fn validate(&self, object: &Value) -> Vec<FieldError> {
        validate::validate(self, &self.source, object)
    }
}

/// Whether a switch of a schema is on.
fn is_on(schema: &Value, key: &str) -> bool {
    schema[key] == true
}

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
const EMBEDDED: &str = "x-kubernetes-embedded-resource";
const INT_OR_STRING: &str = "x-kubernetes-int-or-string";
const LIST_TYPE: &str = "x-kubernetes-list-type";
const LIST_KEYS: &str = "x-kubernetes-list-map-keys";
const MAP_TYPE: &str = "x-kubernetes-map-type";
