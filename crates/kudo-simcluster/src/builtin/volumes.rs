//! Checks of the volumes of pods, and of where containers mount them.

use serde_json::Value;

use super::names;
use super::pods::quantity;
use super::rules::{is_nothing, join, list};
use crate::field_error::FieldError;
use crate::schema::Quantity;

const MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";
const HOST_PATHS: &[&str] = &[
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];
const PROPAGATIONS: &[&str] = &["Bidirectional", "HostToContainer", "None"];

fn mode(value: &Value, path: String, errors: &mut Vec<FieldError>) {
    if value
        .as_i64()
        .is_some_and(|mode| !(0..=0o777).contains(&mode))
    {
        errors.push(FieldError::invalid(path, value, MODE));
    }
}

/// The mode of files that do not say, for sources that have one.
pub(super) fn default_mode(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    mode(&source["defaultMode"], join(path, "defaultMode"), errors);
}

/// A file made of a key.
pub(super) fn key_to_path(item: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if is_nothing(&item["key"]) {
        errors.push(FieldError::required(join(path, "key"), ""));
    }
    if is_nothing(&item["path"]) {
        errors.push(FieldError::required(join(path, "path"), ""));
    }
    relative(&item["path"], &join(path, "path"), errors);
    mode(&item["mode"], join(path, "mode"), errors);
}

/// A path that stays where it begins.
fn relative(value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if value.as_str().is_some_and(|text| text.starts_with('/')) {
        errors.push(FieldError::invalid(path, value, "must be a relative path"));
    }
    no_steps_back(value, path, errors);
}

fn no_steps_back(value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut parts = value.as_str().unwrap_or_default().split('/');
    if parts.any(|part| part == "..") {
        errors.push(FieldError::invalid(path, value, "must not contain '..'"));
    }
}

pub(super) fn host_path(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    no_steps_back(&source["path"], &join(path, "path"), errors);
    let kind = &source["type"];
    if !kind.is_null() && !HOST_PATHS.iter().any(|known| kind == known) {
        errors.push(FieldError::not_supported(
            join(path, "type"),
            kind,
            HOST_PATHS,
        ));
    }
}

pub(super) fn empty_dir(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if quantity(&source["sizeLimit"]).is_some_and(Quantity::is_negative) {
        let words = "SizeLimit field must be a valid resource quantity";
        errors.push(FieldError::forbidden(join(path, "sizeLimit"), words));
    }
}

pub(super) fn nfs(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for key in ["server", "path"] {
        if is_nothing(&source[key]) {
            errors.push(FieldError::required(join(path, key), ""));
        }
    }
    if !source["path"].as_str().unwrap_or_default().starts_with('/') {
        let words = "must be an absolute path";
        errors.push(FieldError::invalid(
            join(path, "path"),
            &source["path"],
            words,
        ));
    }
}

/// One place where a container has a volume.
pub(super) fn mount(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, mount) in list(&container["volumeMounts"]).enumerate() {
        let all = join(path, "volumeMounts");
        let own = format!("{all}[{index}]");
        let (sub, expression) = (&mount["subPath"], &mount["subPathExpr"]);
        if !is_nothing(sub) {
            relative(sub, &join(&all, "subPath"), errors);
        }
        if !is_nothing(expression) {
            if is_nothing(sub) {
                relative(expression, &join(&all, "subPathExpr"), errors);
            } else {
                let words = "subPathExpr and subPath are mutually exclusive";
                let field = join(&own, "subPathExpr");
                errors.push(FieldError::invalid(field, expression, words));
            }
        }
        let propagation = &mount["mountPropagation"];
        let field = join(&all, "mountPropagation");
        if propagation == "Bidirectional" && container["securityContext"]["privileged"] != true {
            let words =
                "Bidirectional mount propagation is available only to privileged containers";
            errors.push(FieldError::forbidden(field, words));
        } else if !propagation.is_null() && !PROPAGATIONS.iter().any(|one| propagation == one) {
            errors.push(FieldError::not_supported(field, propagation, PROPAGATIONS));
        }
    }
}

/// The key of a config map or a secret that a variable is taken from.
pub(super) fn selected_key(selector: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let key = &selector["key"];
    for fault in names::config_key(key.as_str().filter(|key| !key.is_empty()).unwrap_or("a")) {
        errors.push(FieldError::invalid(join(path, "key"), key, fault));
    }
}
