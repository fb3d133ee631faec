//! Checks of the registrations of admission webhooks.

use serde_json::Value;

use super::names;
use super::rules::{go_texts, is_nothing, join, list};
use crate::field_error::FieldError;

pub(super) fn webhook_name(hook: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let text = hook["name"].as_str().unwrap_or_default();
    let field = join(path, "name");
    if text.is_empty() {
        errors.push(FieldError::required(field, ""));
        return;
    }
    let faults = names::subdomain(text);
    for fault in &faults {
        errors.push(FieldError::invalid(
            field.clone(),
            &hook["name"],
            fault.as_str(),
        ));
    }
    if faults.is_empty() && text.split('.').count() < 3 {
        let words = "should be a domain with at least three segments separated by dots";
        errors.push(FieldError::invalid(field, &hook["name"], words));
    }
}

/// No two hooks of a configuration have one name.
pub(super) fn unique_names(object: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut seen: Vec<&Value> = Vec::new();
    for (index, hook) in list(&object["webhooks"]).enumerate() {
        let name = &hook["name"];
        if seen.contains(&name) {
            let field = join(path, &format!("webhooks[{index}].name"));
            errors.push(FieldError::duplicate(field, name));
        }
        seen.push(name);
    }
}

pub(super) fn webhook_rule(rule: &Value, path: &str, errors: &mut Vec<FieldError>) {
    const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
    let several = [("apiGroups", "API groups"), ("apiVersions", "API versions")];
    if is_nothing(&rule["operations"]) {
        errors.push(FieldError::required(join(path, "operations"), ""));
    }
    for (index, operation) in list(&rule["operations"]).enumerate() {
        if !OPERATIONS.iter().any(|known| operation == known) {
            let field = join(path, &format!("operations[{index}]"));
            errors.push(FieldError::not_supported(field, operation, OPERATIONS));
        }
    }
    for (key, words) in several {
        let field = join(path, key);
        if is_nothing(&rule[key]) {
            errors.push(FieldError::required(field, ""));
        } else if list(&rule[key]).count() > 1 && list(&rule[key]).any(|name| name == "*") {
            let words = format!("if '*' is present, must not specify other {words}");
            errors.push(FieldError::invalid_shown(
                field,
                go_texts(&rule[key]),
                words,
            ));
        }
    }
    if is_nothing(&rule["resources"]) {
        errors.push(FieldError::required(join(path, "resources"), ""));
    }
}

pub(super) fn webhook_timeout(hook: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let seconds = &hook["timeoutSeconds"];
    if seconds
        .as_i64()
        .is_some_and(|number| !(1..=30).contains(&number))
    {
        let words = "the timeout value must be between 1 and 30 seconds";
        let field = join(path, "timeoutSeconds");
        errors.push(FieldError::invalid(field, seconds, words));
    }
}

pub(super) fn webhook_client(hook: &Value, path: &str, errors: &mut Vec<FieldError>) {
    client_config(&hook["clientConfig"], &join(path, "clientConfig"), errors);
}

/// Where a webhook is found.
pub(crate) fn client_config(client: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let (url, service) = (&client["url"], &client["service"]);
    if url.is_null() == service.is_null() {
        let words = "exactly one of url or service is required";
        errors.push(FieldError::required(path, words));
    } else if let Some(text) = url.as_str() {
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if scheme != "https" {
            let words =
                "'https' is the only allowed URL scheme; desired format: https://host[/path]";
            let field = join(path, "url");
            errors.push(FieldError::invalid(field, &Value::from(scheme), words));
        }
        if let Some((_, query)) = text.split_once('?') {
            let words = "query parameters are not permitted in the URL";
            let field = join(path, "url");
            errors.push(FieldError::invalid(field, &Value::from(query), words));
        }
    } else {
        for (key, words) in [
            ("name", "service name is required"),
            ("namespace", "service namespace is required"),
        ] {
            if is_nothing(&service[key]) {
                let field = join(path, &format!("service.{key}"));
                errors.push(FieldError::required(field, words));
            }
        }
        let port = &service["port"];
        if port
            .as_i64()
            .is_some_and(|port| !(1..=65535).contains(&port))
        {
            let words = "port is not valid: must be between 1 and 65535, inclusive";
            errors.push(FieldError::invalid(join(path, "service.port"), port, words));
        }
        service_path(&service["path"], &join(path, "service.path"), errors);
    }
}

fn service_path(path: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let Some(text) = path
        .as_str()
        .filter(|text| !text.is_empty() && *text != "/")
    else {
        return;
    };
    let mut fault = |words: String| errors.push(FieldError::invalid(field, path, words));
    if !text.starts_with('/') {
        fault("must start with a '/'".to_owned());
    }
    let inner = text.get(1..).unwrap_or_default();
    for (index, segment) in inner.trim_end_matches('/').split('/').enumerate() {
        if segment.is_empty() {
            fault(format!("segment[{index}] may not be empty"));
        }
    }
}

pub(super) fn webhook_versions(hook: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let versions = &hook["admissionReviewVersions"];
    let field = join(path, "admissionReviewVersions");
    if is_nothing(versions) {
        let words = "must specify one of v1, v1beta1";
        errors.push(FieldError::required(field, words));
    } else if !list(versions).any(|version| version == "v1" || version == "v1beta1") {
        let words = "must include at least one of v1, v1beta1";
        errors.push(FieldError::invalid_shown(field, go_texts(versions), words));
    }
}
