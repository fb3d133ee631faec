//! Whether some binding gives a user a role with a fitting rule.

use serde_json::Value;

use super::{Attributes, User};
use crate::cluster::Server;

const ROLES: &str = "roles.rbac.authorization.k8s.io";
const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";
const CLUSTER_BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io";

/// Looks through the bindings of the cluster and of the namespace.
pub(super) fn allows(server: &Server, user: &User, asked: &Attributes) -> bool {
    let grants = |binding: &Value, namespace: &str| {
        let subjects = binding["subjects"].as_array().into_iter().flatten();
        subjects
            .into_iter()
            .any(|subject| names(subject, user, namespace))
            && rules(server, &binding["roleRef"], namespace)
                .as_array()
                .into_iter()
                .flatten()
                .any(|rule| fits(rule, asked))
    };
    let everywhere = server.store.list(CLUSTER_BINDINGS, "", None).objects;
    if everywhere.iter().any(|binding| grants(&binding.bare(), "")) {
        return true;
    }
    if asked.namespace.is_empty() {
        return false;
    }
    let here = server.store.list(BINDINGS, &asked.namespace, None).objects;
    here.iter()
        .any(|binding| grants(&binding.bare(), &asked.namespace))
}

fn names(subject: &Value, user: &User, namespace: &str) -> bool {
    let name = subject["name"].as_str().unwrap_or_default();
    match subject["kind"].as_str() {
        Some("User") => user.name == name,
        Some("Group") => user.groups.iter().any(|group| group == name),
        Some("ServiceAccount") => {
            let namespace = subject["namespace"].as_str().unwrap_or(namespace);
            user.name == format!("system:serviceaccount:{namespace}:{name}")
        }
        _ => false,
    }
}

fn rules(server: &Server, role: &Value, namespace: &str) -> Value {
    let name = role["name"].as_str().unwrap_or_default();
    let entry = if role["kind"] == "Role" {
        server.store.get(ROLES, namespace, name)
    } else {
        server.store.get(CLUSTER_ROLES, "", name)
    };
    entry
        .map(|role| role.bare()["rules"].take())
        .unwrap_or_default()
}

fn fits(rule: &Value, asked: &Attributes) -> bool {
    let any = |field: &str, fits: &dyn Fn(&str) -> bool| {
        let list = rule[field].as_array().into_iter().flatten();
        list.into_iter().filter_map(Value::as_str).any(fits)
    };
    let is = |wanted: &str| {
        let wanted = wanted.to_owned();
        move |said: &str| said == "*" || said == wanted
    };
    if !any("verbs", &is(&asked.verb)) {
        return false;
    }
    if !asked.path.is_empty() {
        return any("nonResourceURLs", &|said| {
            said == asked.path
                || said
                    .strip_suffix('*')
                    .is_some_and(|start| asked.path.starts_with(start))
        });
    }
    let sub = asked.resource.split_once('/').map(|(_, sub)| sub);
    let resource = any("resources", &|said| {
        said == "*"
            || said == asked.resource
            || sub.is_some_and(|sub| said.strip_prefix("*/") == Some(sub))
    });
    let named = rule["resourceNames"].as_array().is_none_or(Vec::is_empty)
        || any("resourceNames", &|said| said == asked.name);
    any("apiGroups", &is(&asked.group)) && resource && named
}
