//! Checks of resource quotas.

use serde_json::Value;

use super::check::{is_nothing, join, list};
use super::{containers, names};
use crate::field_error::FieldError;

/// Amounts that pods need.
const COMPUTE: &[&str] = &[
    "cpu",
    "memory",
    "limits.cpu",
    "limits.memory",
    "requests.cpu",
    "requests.memory",
];
/// Other amounts.
const AMOUNTS: &[&str] = &[
    "ephemeral-storage",
    "limits.ephemeral-storage",
    "requests.ephemeral-storage",
    "requests.storage",
];
/// Numbers of objects.
const COUNTS: &[&str] = &[
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];
/// What a resource must be.
pub(super) const STANDARD: &str = "must be a standard resource type or fully qualified";
const SCOPES: &[&str] = &[
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
];
const CONFLICTS: &[[&str; 2]] = &[
    ["BestEffort", "NotBestEffort"],
    ["NotTerminating", "Terminating"],
];

fn is_standard(resource: &str) -> bool {
    [COMPUTE, AMOUNTS, COUNTS]
        .iter()
        .any(|known| known.contains(&resource))
        || resource.starts_with("requests.hugepages-")
        || resource.starts_with("hugepages-")
}

pub(super) fn spec(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    amounts(&spec["hard"], &join(path, "hard"), errors);
    scopes(spec, &join(path, "scopes"), errors);
    let field = join(path, "scopeSelector.matchExpressions");
    scope_selector(spec, &field, errors);
}

pub(super) fn status(status: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for field in ["hard", "used"] {
        amounts(&status[field], &join(path, field), errors);
    }
}

fn amounts(amounts: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (name, amount) in amounts.as_object().into_iter().flatten() {
        let field = format!("{path}[{name}]");
        unknown_resource(name, &field, errors);
        if !name.contains('/') && !is_standard(name) {
            let words = "must be a standard resource for quota";
            errors.push(FieldError::invalid(&field, &name.as_str().into(), words));
        }
        amount_of(name, amount, &field, errors);
    }
}

/// A resource without a domain must be a known one: storage itself is, if none that a quota is for.
pub(super) fn unknown_resource(name: &str, field: &str, errors: &mut Vec<FieldError>) {
    let shown = Value::from(name);
    for fault in names::qualified(name) {
        errors.push(FieldError::invalid(field, &shown, fault));
    }
    if !name.contains('/') && !is_standard(name) && name != "storage" {
        errors.push(FieldError::invalid(field, &shown, STANDARD));
    }
}

/// What there is of a resource, or may be.
pub(super) fn amount_of(name: &str, amount: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let Some(size) = containers::quantity(amount) else {
        return;
    };
    if size.is_negative() {
        let words = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(field, amount, words));
    }
    let is_count =
        COUNTS.contains(&name) || (containers::is_extended(name) && !name.starts_with("requests."));
    if is_count && !size.is_whole() {
        errors.push(FieldError::invalid(field, amount, "must be an integer"));
    }
}

/// The resources of a quota that a scope is not for.
fn strangers<'a>(spec: &'a Value, scope: &'a str) -> impl Iterator<Item = &'a String> {
    let resources = spec["hard"].as_object().into_iter().flatten();
    resources.map(|(name, _)| name).filter(move |name| {
        let name = name.as_str();
        let fits = match scope {
            "BestEffort" => name == "pods",
            "Terminating"
            | "NotTerminating"
            | "NotBestEffort"
            | "PriorityClass"
            | "CrossNamespacePodAffinity" => name == "pods" || COMPUTE.contains(&name),
            _ => true,
        };
        is_standard(name) && !fits
    })
}

fn go_scopes(scopes: &Value) -> String {
    if scopes.is_null() {
        return "[]core.ResourceQuotaScope(nil)".to_owned();
    }
    let texts: Vec<String> = list(scopes).map(ToString::to_string).collect();
    format!("[]core.ResourceQuotaScope{{{}}}", texts.join(", "))
}

fn are_in_conflict(scopes: &[&str]) -> bool {
    let both = |pair: &[&str; 2]| pair.iter().all(|scope| scopes.contains(scope));
    CONFLICTS.iter().any(both)
}

fn scopes(spec: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let scopes: Vec<&str> = list(&spec["scopes"]).filter_map(Value::as_str).collect();
    let mut refuse = |words: &str| {
        errors.push(FieldError::invalid_shown(
            field,
            go_scopes(&spec["scopes"]),
            words,
        ));
    };
    for scope in &scopes {
        if !SCOPES.contains(scope) {
            refuse("unsupported scope");
        }
        for _ in strangers(spec, scope) {
            refuse("unsupported scope applied to resource");
        }
    }
    if are_in_conflict(&scopes) {
        refuse("conflicting scopes");
    }
}

fn scope_selector(spec: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let mut scopes = Vec::new();
    for asked in list(&spec["scopeSelector"]["matchExpressions"]) {
        let scope = asked["scopeName"].as_str().unwrap_or_default();
        if !SCOPES.contains(&scope) {
            let field = join(field, "scopeName");
            errors.push(FieldError::invalid(
                field,
                &scope.into(),
                "unsupported scope",
            ));
        }
        for _ in strangers(spec, scope) {
            let words = "unsupported scope applied to resource";
            errors.push(FieldError::invalid(field, &spec["scopeSelector"], words));
        }
        let operator = asked["operator"].as_str().unwrap_or_default();
        if scope != "PriorityClass" && SCOPES.contains(&scope) && operator != "Exists" {
            let words = "must be 'Exist' only operator when scope is any of \
                         ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, \
                         ResourceQuotaScopeBestEffort and ResourceQuotaScopeNotBestEffort";
            let field = join(field, "operator");
            errors.push(FieldError::invalid(field, &operator.into(), words));
        }
        let values = &asked["values"];
        match operator {
            "In" | "NotIn" if is_nothing(values) => {
                let words = "must be at least one value when `operator` is 'In' or 'NotIn' for scope \
                             selector";
                errors.push(FieldError::required(join(field, "values"), words));
            }
            "Exists" | "DoesNotExist" if !is_nothing(values) => {
                let words = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope \
                             selector";
                let shown = super::check::go_texts(values);
                errors.push(FieldError::invalid_shown(
                    join(field, "values"),
                    shown,
                    words,
                ));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => {
                let words = "not a valid selector operator";
                errors.push(FieldError::invalid(
                    join(field, "operator"),
                    &operator.into(),
                    words,
                ));
            }
        }
        scopes.push(scope);
    }
    if are_in_conflict(&scopes) {
        let shown = go_scopes(&spec["scopes"]);
        errors.push(FieldError::invalid_shown(
            field,
            shown,
            "conflicting scopes",
        ));
    }
}

/// A quota is looked at once more when it changes, and its scopes stay.
pub(super) fn update(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    spec(&new["spec"], "spec", errors);
    let sorted = |quota: &Value| {
        let mut scopes: Vec<String> = list(&quota["spec"]["scopes"])
            .map(ToString::to_string)
            .collect();
        scopes.sort();
        scopes.dedup();
        scopes
    };
    if sorted(old) != sorted(new) {
        let shown = go_scopes(&new["spec"]["scopes"]);
        errors.push(FieldError::invalid_shown(
            "spec.scopes",
            shown,
            "field is immutable",
        ));
    }
}
