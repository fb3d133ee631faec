//! Defaults and validation of built-in kinds, driven by tables.
//!
//! The order in which a server handles an object: [`crate::schema::decode`], [`default`],
//! [`prepare_create`] or [`prepare_update`], then [`validate_create`] or [`validate_update`]. What
//! needs other objects (cluster IPs, claims, quotas) is the store's business, not this module's.

use serde_json::Value;

use crate::field_error::FieldError;

/// Which kind an object is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gvk<'a> {
    /// Group; empty for the core group.
    pub group: &'a str,
    /// Version.
    pub version: &'a str,
    /// Kind.
    pub kind: &'a str,
}

/// Sets what the object leaves open. Doing it twice changes nothing more.
pub fn default(_gvk: Gvk<'_>, _object: &mut Value) {}

/// What a server changes in an object that is created: status goes back to its beginning, secrets
/// take up `stringData`, jobs get their selector (from `metadata.uid`, which must be set).
pub fn prepare_create(_gvk: Gvk<'_>, _object: &mut Value) {}

/// What a server changes in an object that is updated: `status` is that of the old object unless
/// the subresource is written, values that it assigned once are kept where the new object leaves
/// them open.
pub fn prepare_update(_gvk: Gvk<'_>, _old: &Value, _new: &mut Value) {}

/// What is wrong with a new object.
pub fn validate_create(_gvk: Gvk<'_>, _object: &Value) -> Vec<FieldError> {
    Vec::new()
}

/// What is wrong with a change.
pub fn validate_update(_gvk: Gvk<'_>, _old: &Value, _new: &Value) -> Vec<FieldError> {
    Vec::new()
}
