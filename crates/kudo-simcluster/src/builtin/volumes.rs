//! Checks of the volumes of pods, and of where containers mount them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::check::{is_nothing, join, list};
use super::{containers, names, variables};
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
    unreserved(&item["path"], &join(path, "path"), errors);
    mode(&item["mode"], join(path, "mode"), errors);
}

/// Files made of what is known of the pod.
pub(super) fn downward(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    default_mode(source, path, errors);
    for file in list(&source["items"]) {
        // The server names no item.
        downward_file(file, path, errors);
    }
}

fn downward_file(file: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if is_nothing(&file["path"]) {
        errors.push(FieldError::required(join(path, "path"), ""));
    }
    unreserved(&file["path"], &join(path, "path"), errors);
    let (field, amount) = (&file["fieldRef"], &file["resourceFieldRef"]);
    if !field.is_null() {
        variables::field_of_pod(
            field,
            variables::FILE_FIELDS,
            &join(path, "fieldRef"),
            errors,
        );
        if !amount.is_null() {
            let words = "fieldRef and resourceFieldRef can not be specified simultaneously";
            errors.push(FieldError::invalid(path, &"resource".into(), words));
        }
    } else if !amount.is_null() {
        let path = join(path, "resourceFieldRef");
        if is_nothing(&amount["containerName"]) {
            errors.push(FieldError::required(join(&path, "containerName"), ""));
        } else {
            variables::amount_of_container(amount, &path, errors);
        }
    } else {
        let words = "one of fieldRef and resourceFieldRef is required";
        errors.push(FieldError::required(path, words));
    }
    mode(&file["mode"], join(path, "mode"), errors);
}

/// Several sources in one volume, none of which may be in the way of another.
pub(super) fn projected(volume: &Value, path: &str, errors: &mut Vec<FieldError>) {
    default_mode(volume, path, errors);
    let mut files = BTreeSet::new();
    for (index, source) in list(&volume["sources"]).enumerate() {
        let own = join(path, &format!("sources[{index}]"));
        let kinds = ["secret", "configMap", "downwardAPI", "serviceAccountToken"];
        let said = kinds.iter().filter(|kind| !source[**kind].is_null());
        let said: Vec<&&str> = said.collect();
        for kind in &said {
            let (projection, field) = (&source[**kind], join(&own, kind));
            let mut place = |file: &'_ Value, shown: &Value, errors: &mut Vec<FieldError>| {
                let file = file.as_str().unwrap_or_default();
                if !file.is_empty() && !files.insert(file.to_owned()) {
                    let words = "conflicting duplicate paths";
                    errors.push(FieldError::invalid(path, shown, words));
                }
            };
            match **kind {
                "downwardAPI" => {
                    for file in list(&projection["items"]) {
                        downward_file(file, &field, errors);
                        place(&file["path"], &file["path"], errors);
                    }
                }
                "serviceAccountToken" => {
                    token_file(projection, (&field, path), errors);
                    place(&projection["path"], &projection["path"], errors);
                }
                _ => {
                    let name = &projection["name"];
                    if is_nothing(name) {
                        errors.push(FieldError::required(join(&field, "name"), ""));
                    }
                    let shown = name.as_str().unwrap_or_default().into();
                    for (index, item) in list(&projection["items"]).enumerate() {
                        key_to_path(item, &join(&field, &format!("items[{index}]")), errors);
                        place(&item["path"], &shown, errors);
                    }
                }
            }
        }
        if said.len() > 1 {
            let words = "may not specify more than 1 volume type";
            errors.push(FieldError::forbidden(own, words));
        }
    }
}

/// A token in a file; the server takes the file's name for one of the volume.
fn token_file(token: &Value, (field, volume): (&str, &str), errors: &mut Vec<FieldError>) {
    lifetime(&token["expirationSeconds"], field, errors);
    let (file, path) = (&token["path"], join(volume, "path"));
    if is_nothing(file) {
        errors.push(FieldError::required(path, ""));
    } else {
        no_steps_back(file, &path, errors);
    }
}

/// A pod that runs as nobody has no token; a template may yet be given an account.
pub(super) fn tokens_of_nobody(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if path != "spec" || !is_nothing(&pod["serviceAccountName"]) {
        return;
    }
    for (index, volume) in list(&pod["volumes"]).enumerate() {
        for (place, source) in list(&volume["projected"]["sources"]).enumerate() {
            if !source["serviceAccountToken"].is_null() {
                let source = format!("volumes[{index}].projected.sources[{place}]");
                let field = join(path, &format!("{source}.serviceAccountToken"));
                let words = "must not be specified when serviceAccountName is not set";
                errors.push(FieldError::forbidden(field, words));
            }
        }
    }
}

/// How long a token is good for.
fn lifetime(seconds: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let words = match seconds.as_i64() {
        Some(number) if number < 10 * 60 => "may not specify a duration less than 10 minutes",
        Some(number) if number > 1 << 32 => "may not specify a duration larger than 2^32 seconds",
        _ => return,
    };
    let field = join(path, "expirationSeconds");
    errors.push(FieldError::invalid(field, seconds, words));
}

/// A volume of a driver that lives with the pod.
pub(super) fn csi(source: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let (driver, field) = (&source["driver"], join(path, "driver"));
    if is_nothing(driver) {
        errors.push(FieldError::required(&*field, ""));
    }
    for fault in names::subdomain(&driver.as_str().unwrap_or_default().to_lowercase()) {
        errors.push(FieldError::invalid(&*field, driver, fault));
    }
    let secret = &source["nodePublishSecretRef"];
    if !secret.is_null() && is_nothing(&secret["name"]) {
        let field = join(path, "nodePublishSecretRef.name");
        errors.push(FieldError::required(field, ""));
    }
}

/// Where a container has claims as devices: each in one place, and not as files too.
pub(super) fn devices(
    container: &Value,
    volumes: &Value,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    fn text(value: &Value) -> &str {
        value.as_str().unwrap_or_default()
    }
    let mounted = |field: &str, value: &str| {
        list(&container["volumeMounts"]).any(|mount| mount[field] == *value)
    };
    let (mut names, mut places) = (BTreeSet::new(), BTreeSet::new());
    for (index, device) in list(&container["volumeDevices"]).enumerate() {
        let own = format!("{path}[{index}]");
        let (name_field, place_field) = (join(&own, "name"), join(&own, "devicePath"));
        let (name, place) = (text(&device["name"]), text(&device["devicePath"]));
        let wrong_name = |words: &str| FieldError::invalid(&*name_field, &name.into(), words);
        let wrong_place = |words: &str| FieldError::invalid(&*place_field, &place.into(), words);
        if name.is_empty() {
            errors.push(FieldError::required(&*name_field, ""));
        } else if !names.insert(name) {
            errors.push(wrong_name("must be unique"));
        }
        match list(volumes).find(|volume| text(&volume["name"]) == name) {
            Some(volume) if volume["persistentVolumeClaim"].is_null() => errors.push(wrong_name(
                "can only use volume source type of PersistentVolumeClaim for block mode",
            )),
            Some(_) => {}
            None => errors.push(FieldError::not_found(&*name_field, &name.into())),
        }
        if place.is_empty() {
            errors.push(FieldError::required(&*place_field, ""));
        } else if place.split('/').any(|part| part == "..") {
            errors.push(wrong_place("can not contain backsteps ('..')"));
        } else if !places.insert(place) {
            errors.push(wrong_place("must be unique"));
        }
        if mounted("name", name) {
            errors.push(wrong_name("must not already exist in volumeMounts"));
        }
        if mounted("mountPath", place) {
            errors.push(wrong_place(
                "must not already exist as a path in volumeMounts",
            ));
        }
    }
}

/// A path that stays where it begins.
fn relative(value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if value.as_str().is_some_and(|text| text.starts_with('/')) {
        errors.push(FieldError::invalid(path, value, "must be a relative path"));
    }
    no_steps_back(value, path, errors);
}

/// The same, under a name that the kubelet does not use itself.
fn unreserved(value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    relative(value, path, errors);
    let text = value.as_str().unwrap_or_default();
    if text.starts_with("..") && !text.split('/').any(|part| part == "..") {
        errors.push(FieldError::invalid(path, value, "must not start with '..'"));
    }
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
    if containers::quantity(&source["sizeLimit"]).is_some_and(Quantity::is_negative) {
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
