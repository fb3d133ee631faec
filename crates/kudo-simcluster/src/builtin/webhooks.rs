//! Checks of the registrations of admission webhooks, and of admission policies.

use serde_json::Value;

use super::check::{go_texts, is_nothing, join, list};
use super::{names, selectors};
use crate::field_error::FieldError;

const SCOPES: &[&str] = &["*", "Cluster", "Namespaced"];

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

/// A policy is about something, and says something of it.
pub(super) fn policy(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let constraints = &spec["matchConstraints"];
    if !constraints.is_null() && is_nothing(&constraints["resourceRules"]) {
        let field = join(path, "matchConstraints.resourceRules");
        errors.push(FieldError::required(field, ""));
    }
    let parts = ["validations", "auditAnnotations"];
    if parts.iter().all(|part| is_nothing(&spec[*part])) {
        for part in parts {
            let words = "validations or auditAnnotations must contain at least one item";
            errors.push(FieldError::required(join(path, part), words));
        }
    }
}

/// What is done about an object that a policy is not content with: each thing once, and it is told once.
pub(super) fn policy_actions(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let field = join(path, "validationActions");
    let actions: Vec<&Value> = list(&spec["validationActions"]).collect();
    let known = ["Audit", "Deny", "Warn"];
    for (index, action) in actions.iter().enumerate() {
        if !known.iter().any(|known| *action == known) {
            let field = format!("{field}[{index}]");
            errors.push(FieldError::not_supported(field, action, &known));
        }
        if actions[..index].contains(action) {
            errors.push(FieldError::duplicate(format!("{field}[{index}]"), action));
        }
    }
    let has = |name: &str| actions.iter().any(|action| *action == name);
    if has("Deny") && has("Warn") {
        let words = "must not contain both Deny and Warn (repeating the same validation failure \
                     information in the API response and headers serves no purpose)";
        errors.push(FieldError::invalid(
            &*field,
            &spec["validationActions"],
            words,
        ));
    }
    if actions.is_empty() {
        let words = "at least one validation action is required";
        errors.push(FieldError::required(field, words));
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
    if list(&rule["operations"]).count() > 1 && list(&rule["operations"]).any(|name| name == "*") {
        let shown = go_texts(&rule["operations"]);
        let shown = shown.replacen("[]string", "[]admissionregistration.OperationType", 1);
        let words = "if '*' is present, must not specify other operations";
        errors.push(FieldError::invalid_shown(
            join(path, "operations"),
            shown,
            words,
        ));
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
    for (index, version) in list(&rule["apiVersions"]).enumerate() {
        if is_nothing(version) {
            let field = join(path, &format!("apiVersions[{index}]"));
            errors.push(FieldError::required(field, ""));
        }
    }
    resources(&rule["resources"], &join(path, "resources"), errors);
    let scope = &rule["scope"];
    if !scope.is_null() && !SCOPES.iter().any(|known| scope == known) {
        errors.push(FieldError::not_supported(
            join(path, "scope"),
            scope,
            SCOPES,
        ));
    }
}

/// Resources of a rule, of which none is named twice by a wildcard.
fn resources(resources: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if is_nothing(resources) {
        errors.push(FieldError::required(path, ""));
    }
    let (mut all_parts_of, mut part_of_all) = (Vec::new(), Vec::new());
    let (mut everything, mut any, mut others) = (false, false, false);
    for (index, resource) in list(resources).enumerate() {
        let field = format!("{path}[{index}]");
        let text = resource.as_str().unwrap_or_default();
        if text.is_empty() {
            errors.push(FieldError::required(field, ""));
            continue;
        }
        everything |= text == "*/*";
        any |= text == "*";
        let Some((whole, part)) = text.split_once('/') else {
            others = text != "*";
            continue;
        };
        for (known, said) in [
            (all_parts_of.contains(&whole), format!("{whole}/*")),
            (part_of_all.contains(&part), format!("*/{part}")),
        ] {
            if known {
                let words = format!("if '{said}' is present, must not specify {text}");
                errors.push(FieldError::invalid(field.as_str(), resource, words));
            }
        }
        all_parts_of.extend((part == "*").then_some(whole));
        part_of_all.extend((whole == "*").then_some(part));
    }
    let shown = || go_texts(resources);
    if everything && list(resources).count() > 1 {
        let words = "if '*/*' is present, must not specify other resources";
        errors.push(FieldError::invalid_shown(path, shown(), words));
    }
    if any && others {
        let words = "if '*' is present, must not specify other resources without subresources";
        errors.push(FieldError::invalid_shown(path, shown(), words));
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
        webhook_url(text, &join(path, "url"), errors);
    } else {
        webhook_service(service, &join(path, "service"), errors);
    }
}

/// An address with `https` and a host, and nothing after its path.
fn webhook_url(text: &str, path: &str, errors: &mut Vec<FieldError>) {
    const FORM: &str = "; desired format: https://host[/path]";
    if let Some(escape) = wrong_escape(text) {
        let words =
            format!("url must be a valid URL: parse {text:?}: invalid URL escape {escape:?}{FORM}");
        errors.push(FieldError::required(path, words));
        return;
    }
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (scheme, rest) = rest.split_once("://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (user, host),
        None => ("", authority),
    };
    let https = format!("'https' is the only allowed URL scheme{FORM}");
    let no_host = format!("host must be provided{FORM}");
    for (is_wrong, value, words) in [
        (scheme != "https", scheme, https.as_str()),
        (host.is_empty(), host, no_host.as_str()),
        (
            !user.is_empty(),
            user,
            "user information is not permitted in the URL",
        ),
        (
            !fragment.is_empty(),
            fragment,
            "fragments are not permitted in the URL",
        ),
        (
            !query.is_empty(),
            query,
            "query parameters are not permitted in the URL",
        ),
    ] {
        if is_wrong {
            errors.push(FieldError::invalid(path, &Value::from(value), words));
        }
    }
}

/// The first percent sign with its letters that are no number.
fn wrong_escape(text: &str) -> Option<String> {
    let escapes = text.split('%').skip(1);
    let mut escapes = escapes.map(|rest| rest.chars().take(2).collect::<String>());
    let is_wrong = |digits: &String| {
        digits.len() != 2 || !digits.chars().all(|digit| digit.is_ascii_hexdigit())
    };
    escapes.find(is_wrong).map(|digits| format!("%{digits}"))
}

fn webhook_service(service: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for key in ["name", "namespace"] {
        if is_nothing(&service[key]) {
            let words = format!("service {key} is required");
            errors.push(FieldError::required(join(path, key), words));
        }
    }
    let port = &service["port"];
    if port
        .as_i64()
        .is_some_and(|port| !(1..=65535).contains(&port))
    {
        let words = "port is not valid: must be between 1 and 65535, inclusive";
        errors.push(FieldError::invalid(join(path, "port"), port, words));
    }
    let wanted = service["path"].as_str().unwrap_or_default();
    let mut refuse = |words: String| {
        errors.push(FieldError::invalid(
            join(path, "path"),
            &service["path"],
            words,
        ));
    };
    if wanted.is_empty() || wanted == "/" {
        return;
    }
    if wanted == "//" {
        refuse("segment[0] may not be empty".to_owned());
        return;
    }
    if !wanted.starts_with('/') {
        refuse("must start with a '/'".to_owned());
    }
    let below: String = wanted.chars().skip(1).collect();
    let below = below.strip_suffix('/').unwrap_or(&below);
    for (index, segment) in below.split('/').enumerate() {
        if segment.is_empty() {
            refuse(format!("segment[{index}] may not be empty"));
            continue;
        }
        for fault in names::subdomain(segment) {
            refuse(format!("segment[{index}]: {fault}"));
        }
    }
}

pub(super) fn webhook_selectors(hook: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for key in ["namespaceSelector", "objectSelector"] {
        selectors::validate(&hook[key], &join(path, key), errors);
    }
}

pub(super) fn webhook_versions(hook: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let versions = &hook["admissionReviewVersions"];
    let field = join(path, "admissionReviewVersions");
    if is_nothing(versions) {
        let words = "must specify one of v1, v1beta1";
        errors.push(FieldError::required(field, words));
        return;
    }
    let mut seen: Vec<&Value> = Vec::new();
    for (index, version) in list(versions).enumerate() {
        let field = format!("{field}[{index}]");
        if seen.contains(&version) {
            errors.push(FieldError::invalid(field, version, "duplicate version"));
            continue;
        }
        seen.push(version);
        for fault in names::label_1035(version.as_str().unwrap_or_default()) {
            errors.push(FieldError::invalid(field.as_str(), version, fault));
        }
    }
    if !list(versions).any(|version| version == "v1" || version == "v1beta1") {
        let words = "must include at least one of v1, v1beta1";
        errors.push(FieldError::invalid_shown(field, go_texts(versions), words));
    }
}
