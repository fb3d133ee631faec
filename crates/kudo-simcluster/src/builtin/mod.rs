//! Defaults and validation of built-in kinds, driven by tables.
//!
//! The order in which a server handles an object: [`crate::schema::decode`], [`default`],
//! [`prepare_create`] or [`prepare_update`], then [`validate_create`] or [`validate_update`]. What
//! needs other objects (cluster IPs, claims, quotas) is the store's business, not this module's.
//! The words are those of the server that the conformance corpus is played on, and newer ones where
//! they are known to have changed.

mod check;
mod containers;
mod data;
mod defaults;
mod jobs;
mod limits;
mod metadata;
mod names;
mod network;
mod pods;
mod prepare;
mod quotas;
mod roles;
mod rules;
mod scaling;
mod schedules;
mod scheduling;
mod security;
mod selectors;
mod services;
mod statuses;
mod storage;
mod update;
mod variables;
mod volumes;
mod webhooks;
mod workloads;

use serde_json::Value;

use crate::field_error::FieldError;
use crate::schema;

pub(crate) use metadata::validate_embedded;
pub(crate) use names::{label_1035, subdomain};
pub(crate) use prepare::is_checked;
pub(crate) use storage::is_default_class;
pub(crate) use webhooks::client_config;

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

/// Sets what the object leaves open; Secrets take up their `stringData`. Doing it twice changes nothing
/// more. Objects of kinds that are not built in are left alone.
pub fn default(gvk: Gvk<'_>, object: &mut Value) {
    if gvk.group.is_empty() && gvk.kind == "Secret" {
        prepare::take_up_string_data(object);
    }
    if let Some(ty) = schema::of(gvk.group, gvk.version, gvk.kind) {
        defaults::set(&ty, object);
    }
}

/// What a server changes in an object that is created: status goes back to its beginning, jobs get
/// their selector (from `metadata.uid`, which must be set).
pub fn prepare_create(gvk: Gvk<'_>, object: &mut Value) {
    prepare::create(gvk, object);
}

/// What a server changes in an object that is updated: identity and values that it assigned once
/// are kept where the new object leaves them open. The status is left alone, see [`keep_status`].
pub fn prepare_update(gvk: Gvk<'_>, old: &Value, new: &mut Value) {
    prepare::update(gvk, old, new);
}

/// Keeps uid, creation and deletion times where the new object, of any kind, leaves them open.
pub fn keep_identity(old: &Value, new: &mut Value) {
    prepare::keep_identity(old, new);
}

/// Takes the status over from the old object, as every write does that is not of the status.
pub fn keep_status(old: &Value, new: &mut Value) {
    prepare::keep_status(old, new);
}

/// What is wrong with a new object; custom resources are checked for their metadata alone.
pub fn validate_create(gvk: Gvk<'_>, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    metadata::validate(gvk, &object["metadata"], &mut errors);
    if is_built_in(gvk) {
        metadata::built_in_finalizers(&object["metadata"], "metadata", &mut errors);
    }
    validate_object(gvk, object, &mut errors);
    if gvk.kind == "Ingress" && is_built_in(gvk) {
        network::one_class(object, &mut errors);
    }
    errors
}

/// What is wrong with a change.
pub fn validate_update(gvk: Gvk<'_>, old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    // A server checks metadata before the kind does, which checks it again, each with the parts that
    // a new object has: every fault is there as often.
    for _ in 0..2 {
        metadata_update(gvk, old, new, 2, &mut errors);
    }
    validate_object(gvk, new, &mut errors);
    if is_built_in(gvk) {
        update::validate(gvk, old, new, &mut errors);
    }
    errors
}

/// What is wrong with a change of the status.
pub fn validate_status_update(gvk: Gvk<'_>, old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    metadata_update(gvk, old, new, 2, &mut errors);
    let of_kind = |errors: &mut Vec<FieldError>| {
        if !["CronJob", "PodDisruptionBudget"].contains(&gvk.kind) {
            metadata_update(gvk, old, new, 1, errors);
        }
    };
    if gvk.kind == "StatefulSet" {
        statuses::validate(gvk, old, new, &mut errors);
        of_kind(&mut errors);
    } else {
        of_kind(&mut errors);
        statuses::validate(gvk, old, new, &mut errors);
    }
    errors
}

/// What is wrong with a change of metadata, and as often with its parts.
fn metadata_update(
    gvk: Gvk<'_>,
    old: &Value,
    new: &Value,
    times: usize,
    errors: &mut Vec<FieldError>,
) {
    metadata::validate_update(&old["metadata"], &new["metadata"], errors);
    for _ in 0..times {
        metadata::validate_parts(&new["metadata"], "metadata", errors);
        if is_built_in(gvk) {
            metadata::built_in_finalizers(&new["metadata"], "metadata", errors);
        }
    }
}

fn is_built_in(gvk: Gvk<'_>) -> bool {
    schema::of(gvk.group, gvk.version, gvk.kind).is_some()
}

fn validate_object(gvk: Gvk<'_>, object: &Value, errors: &mut Vec<FieldError>) {
    let Some(ty) = schema::of(gvk.group, gvk.version, gvk.kind) else {
        return;
    };
    match (gvk.group, gvk.kind) {
        ("batch", "Job") => jobs::job(object, errors),
        ("batch", "CronJob") => long_name(object, errors),
        _ => {}
    }
    check::check(&ty, object, "", errors);
}

/// Jobs are named after their cron job, which leaves fewer letters to it.
fn long_name(object: &Value, errors: &mut Vec<FieldError>) {
    let name = &object["metadata"]["name"];
    if name.as_str().is_some_and(|name| name.len() > 52) {
        let words = "must be no more than 52 characters";
        errors.push(FieldError::invalid("metadata.name", name, words));
    }
}
