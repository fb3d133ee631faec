//! Checks of volumes and claims.

use serde_json::Value;

use super::check::{join, list};
use super::{containers, selectors};
use crate::field_error::FieldError;
use crate::storage::marks_default;

/// Whether a storage class is for claims that name none.
pub(crate) fn is_default_class(class: &Value) -> bool {
    marks_default(|name| class["metadata"]["annotations"][name].as_str())
}

/// A volume for one pod is for nobody else.
pub(super) fn alone(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let is_for_one = |mode: &Value| mode == "ReadWriteOncePod";
    let others = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce"];
    let is_for_more = |mode: &Value| others.iter().any(|known| mode == known);
    let modes = &spec["accessModes"];
    if list(modes).any(is_for_one) && list(modes).any(is_for_more) {
        let words = "may not use ReadWriteOncePod with other access modes";
        errors.push(FieldError::forbidden(join(path, "accessModes"), words));
    }
}

pub(super) fn claim_selector(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    selectors::validate(&spec["selector"], &join(path, "selector"), errors);
}

pub(super) fn claim_size(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let amount = &spec["resources"]["requests"]["storage"];
    let field = join(path, "resources[storage]");
    match containers::quantity(amount) {
        None => errors.push(FieldError::required(field, "")),
        Some(size) if size.is_negative() || size.to_string() == "0" => {
            errors.push(FieldError::invalid(
                field,
                amount,
                "must be greater than zero",
            ));
        }
        Some(_) => {}
    }
}

pub(super) fn capacity(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let capacity = spec["capacity"].as_object();
    if capacity.is_none_or(|map| map.len() != 1 || !map.contains_key("storage")) {
        let shown = match capacity {
            None => "core.ResourceList(nil)".to_owned(),
            Some(_) => spec["capacity"].to_string(),
        };
        let field = join(path, "capacity");
        errors.push(FieldError::not_supported_shown(&field, shown, &["storage"]));
    }
    for (name, amount) in capacity.into_iter().flatten() {
        let Some(size) = containers::quantity(amount) else {
            continue;
        };
        let field = join(path, &format!("capacity[{name}]"));
        if size.is_negative() {
            let words = "must be a valid resource quantity";
            let shown = size.to_string();
            errors.push(FieldError::invalid_shown(field.as_str(), shown, words));
        }
        if size.is_negative() || size.to_string() == "0" {
            errors.push(FieldError::invalid(
                field,
                amount,
                "must be greater than zero",
            ));
        }
    }
}

/// The sources that a persistent volume may have.
pub(super) const VOLUME_SOURCES: &[&str] = &[
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "hostPath",
    "iscsi",
    "local",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

pub(super) fn volume_source(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let said: Vec<&&str> = VOLUME_SOURCES
        .iter()
        .filter(|source| !spec[**source].is_null())
        .collect();
    if said.is_empty() {
        errors.push(FieldError::required(path, "must specify a volume type"));
    }
    for source in said.into_iter().skip(1) {
        let words = "may not specify more than 1 volume type";
        errors.push(FieldError::forbidden(join(path, source), words));
    }
}
