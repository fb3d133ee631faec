//! Checks of roles and their bindings.

use serde_json::Value;

use super::check::{go_texts, is_nothing, list};
use super::{names, selectors};
use crate::field_error::FieldError;

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn role(role: &Value, _: &str, errors: &mut Vec<FieldError>) {
    policy_rules(role, true, errors);
}

pub(super) fn cluster_role(role: &Value, _: &str, errors: &mut Vec<FieldError>) {
    policy_rules(role, false, errors);
    let aggregation = &role["aggregationRule"];
    if aggregation.is_null() {
        return;
    }
    let field = "aggregationRule.clusterRoleSelectors";
    let all = &aggregation["clusterRoleSelectors"];
    if is_nothing(all) {
        let words = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        errors.push(FieldError::required(field, words));
    }
    for (index, selector) in list(all).enumerate() {
        let path = format!("{field}[{index}]");
        let before = errors.len();
        selectors::validate(selector, &path, errors);
        if errors.len() > before {
            let words = "invalid label selector.";
            errors.push(FieldError::invalid(path, &Value::Null, words));
        }
    }
}

fn policy_rules(role: &Value, namespaced: bool, errors: &mut Vec<FieldError>) {
    for (index, rule) in list(&role["rules"]).enumerate() {
        let path = format!("rules[{index}]");
        let mut required = |key: &str, words: &str| {
            if is_nothing(&rule[key]) {
                errors.push(FieldError::required(format!("{path}.{key}"), words));
            }
        };
        required("verbs", "verbs must contain at least one value");
        let urls = &rule["nonResourceURLs"];
        if !is_nothing(urls) {
            let mixed = ["apiGroups", "resources"]
                .iter()
                .any(|key| !is_nothing(&rule[*key]));
            for (is_wrong, words) in [
                (
                    namespaced,
                    "namespaced rules cannot apply to non-resource URLs",
                ),
                (
                    mixed,
                    "rules cannot apply to both regular resources and non-resource URLs",
                ),
            ] {
                if is_wrong {
                    let field = format!("{path}.nonResourceURLs");
                    errors.push(FieldError::invalid_shown(field, go_texts(urls), words));
                }
            }
            continue;
        }
        required(
            "apiGroups",
            "resource rules must supply at least one api group",
        );
        required(
            "resources",
            "resource rules must supply at least one resource",
        );
    }
}

pub(super) fn role_binding(binding: &Value, _: &str, errors: &mut Vec<FieldError>) {
    bound(binding, &["Role", "ClusterRole"], true, errors);
}

pub(super) fn cluster_role_binding(binding: &Value, _: &str, errors: &mut Vec<FieldError>) {
    bound(binding, &["ClusterRole"], false, errors);
}

fn bound(binding: &Value, kinds: &[&str], namespaced: bool, errors: &mut Vec<FieldError>) {
    let role = &binding["roleRef"];
    if role["apiGroup"] != RBAC {
        errors.push(FieldError::not_supported(
            "roleRef.apiGroup",
            &role["apiGroup"],
            &[RBAC],
        ));
    }
    let kind = Value::from(role["kind"].as_str().unwrap_or_default());
    if !kinds.iter().any(|known| kind == *known) {
        errors.push(FieldError::not_supported("roleRef.kind", &kind, kinds));
    }
    if is_nothing(&role["name"]) {
        errors.push(FieldError::required("roleRef.name", ""));
    } else {
        for fault in names::path_segment(role["name"].as_str().unwrap_or_default()) {
            errors.push(FieldError::invalid("roleRef.name", &role["name"], fault));
        }
    }
    for (index, subject) in list(&binding["subjects"]).enumerate() {
        let path = format!("subjects[{index}]");
        if is_nothing(&subject["name"]) {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        }
        let group = &subject["apiGroup"];
        let field = format!("{path}.apiGroup");
        match subject["kind"].as_str().unwrap_or_default() {
            "ServiceAccount" => {
                let name = subject["name"].as_str().unwrap_or_default();
                let faults = if name.is_empty() {
                    Vec::new()
                } else {
                    names::subdomain(name)
                };
                for fault in faults {
                    let field = format!("{path}.name");
                    errors.push(FieldError::invalid(field, &subject["name"], fault));
                }
                if !is_nothing(group) {
                    errors.push(FieldError::not_supported(field, group, &[""]));
                }
                if !namespaced && is_nothing(&subject["namespace"]) {
                    errors.push(FieldError::required(format!("{path}.namespace"), ""));
                }
            }
            "User" | "Group" => {
                if *group != RBAC {
                    errors.push(FieldError::not_supported(field, group, &[RBAC]));
                }
            }
            kind => {
                let known = ["ServiceAccount", "User", "Group"];
                let field = format!("{path}.kind");
                errors.push(FieldError::not_supported(field, &Value::from(kind), &known));
            }
        }
    }
}
