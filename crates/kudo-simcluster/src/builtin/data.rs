//! Checks of config maps, secrets and events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::names;
use crate::field_error::FieldError;
use crate::go_json;
use crate::tokens::{ACCOUNT_NAME, SECRET_TYPE};

pub(super) fn config_map(object: &Value, _: &str, errors: &mut Vec<FieldError>) {
    for part in ["data", "binaryData"] {
        keys(&object[part], part, errors);
    }
    let both = object["data"].as_object().into_iter().flatten();
    for (key, _) in both.filter(|(key, _)| !object["binaryData"][key.as_str()].is_null()) {
        let field = format!("data[{key}]");
        let words = "duplicate of key present in binaryData";
        errors.push(FieldError::invalid(
            field,
            &Value::from(key.as_str()),
            words,
        ));
    }
    let size = size(&object["data"], 1, 1) + size(&object["binaryData"], 3, 4);
    too_large(size, "[]", errors);
}

pub(super) fn secret(object: &Value, _: &str, errors: &mut Vec<FieldError>) {
    keys(&object["data"], "data", errors);
    too_large(size(&object["data"], 3, 4), "data", errors);
    let needed: &[&str] = match object["type"].as_str().unwrap_or_default() {
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/ssh-auth" => &["%s][ssh-privatekey"],
        "kubernetes.io/basic-auth" => {
            let either = ["username", "password"];
            if either.iter().any(|key| !object["data"][*key].is_null()) {
                &[]
            } else {
                &["%s][username", "%s][password"]
            }
        }
        SECRET_TYPE => {
            if object["metadata"]["annotations"][ACCOUNT_NAME].is_null() {
                let field = format!("metadata.annotations[{ACCOUNT_NAME}]");
                errors.push(FieldError::required(field, ""));
            }
            &[]
        }
        _ => &[],
    };
    for key in needed {
        let name = key.rsplit('[').next().unwrap_or(key);
        let value = &object["data"][name];
        if value.is_null() {
            errors.push(FieldError::required(format!("data[{key}]"), ""));
        } else if name.starts_with(".docker")
            && let Some(fault) = decoded(value).and_then(|text| go_json::fault(&text))
        {
            let field = format!("data[{key}]");
            let hidden = "\"<secret contents redacted>\"";
            errors.push(FieldError::invalid_shown(field, hidden, fault));
        }
    }
}

fn decoded(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}

fn keys(data: &Value, part: &str, errors: &mut Vec<FieldError>) {
    for (key, _) in data.as_object().into_iter().flatten() {
        for fault in names::config_key(key) {
            let field = format!("{part}[{key}]");
            errors.push(FieldError::invalid(
                field,
                &Value::from(key.as_str()),
                fault,
            ));
        }
    }
}

/// Bytes of all values, of which `times / per` of the text count: base64 is longer than it holds.
fn size(data: &Value, times: usize, per: usize) -> usize {
    let values = data.as_object().into_iter().flatten();
    values
        .map(|(_, value)| value.as_str().map_or(0, str::len) * times / per)
        .sum()
}

fn too_large(size: usize, field: &str, errors: &mut Vec<FieldError>) {
    const LIMIT: usize = 1024 * 1024;
    if size > LIMIT {
        errors.push(FieldError::too_long(field, LIMIT));
    }
}

pub(super) fn event(object: &Value, _: &str, errors: &mut Vec<FieldError>) {
    let own = object["metadata"]["namespace"].as_str().unwrap_or_default();
    // By the events' own group, it may be in any.
    if !object["regarding"].is_null() {
        return;
    }
    let involved = &object["involvedObject"]["namespace"];
    let other = involved.as_str().unwrap_or_default();
    let fits = if other.is_empty() {
        own.is_empty() || own == "default"
    } else {
        own == other
    };
    if !fits {
        let words = "does not match event.namespace";
        let field = "involvedObject.namespace";
        errors.push(FieldError::invalid(field, &Value::from(other), words));
    }
}
