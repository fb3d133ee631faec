//! Whether some binding gives a user a role with a fitting rule.

use serde_json::Value;

use super::{Attributes, User};
use crate::cluster::Server;

const ROLES: &str = "roles.rbac.authorization.k8s.io";
const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";
const CLUSTER_BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io";

/// Whether some rule lets a user do something, and in whose words.
pub(super) fn allows(server: &Server, user: &User, asked: &Attributes) -> Option<String> {
    let bindings = bindings(server, &asked.namespace);
    bindings.iter().find_map(|(binding, namespace)| {
        let subject = subject(binding, user, namespace)?;
        let rules = role_rules(server, &binding["roleRef"], namespace)?;
        let fitting = rules.iter().any(|rule| fits(rule, asked));
        fitting.then(|| reason(binding, subject))
    })
}

/// The rules of a user's roles, in the whole cluster and in a namespace.
pub(super) fn of(server: &Server, user: &User, namespace: &str) -> Vec<Value> {
    let bindings = bindings(server, namespace);
    let given = bindings.iter().filter_map(|(binding, namespace)| {
        subject(binding, user, namespace)?;
        role_rules(server, &binding["roleRef"], namespace)
    });
    given.flatten().collect()
}

/// The bindings of the cluster and those of a namespace, each with its namespace.
fn bindings<'a>(server: &Server, namespace: &'a str) -> Vec<(Value, &'a str)> {
    let all = |storage: &str, namespace: &'a str| {
        let objects = server.store.list(storage, namespace, None).objects;
        let bare = objects.iter().map(|entry| (entry.bare(), namespace));
        bare.collect::<Vec<_>>()
    };
    let mut found = all(CLUSTER_BINDINGS, "");
    if !namespace.is_empty() {
        found.extend(all(BINDINGS, namespace));
    }
    found
}

/// The subject by which a binding is about a user.
fn subject<'a>(binding: &'a Value, user: &User, namespace: &str) -> Option<&'a Value> {
    let subjects = binding["subjects"].as_array().into_iter().flatten();
    subjects
        .into_iter()
        .find(|subject| names(subject, user, namespace))
}

/// How a review tells of a binding.
fn reason(binding: &Value, subject: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (metadata, role) = (&binding["metadata"], &binding["roleRef"]);
    let (kind, name) = match metadata["namespace"].as_str() {
        None => ("ClusterRoleBinding", text(&metadata["name"])),
        Some(namespace) => (
            "RoleBinding",
            format!("{}/{namespace}", text(&metadata["name"])),
        ),
    };
    let to = match subject["namespace"].as_str() {
        Some(namespace) => format!("{}/{namespace}", text(&subject["name"])),
        None => text(&subject["name"]),
    };
    format!(
        "RBAC: allowed by {kind} {name:?} of {} {:?} to {} {to:?}",
        text(&role["kind"]),
        text(&role["name"]),
        text(&subject["kind"]),
    )
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

/// The rules of the role that a binding names, if there is one.
pub(super) fn role_rules(server: &Server, role: &Value, namespace: &str) -> Option<Vec<Value>> {
    let name = role["name"].as_str().unwrap_or_default();
    let entry = if role["kind"] == "Role" {
        server.store.get(ROLES, namespace, name)
    } else {
        server.store.get(CLUSTER_ROLES, "", name)
    };
    let mut role = entry?.bare();
    match role["rules"].take() {
        Value::Array(rules) => Some(rules),
        _ => Some(Vec::new()),
    }
}

pub(super) fn fits(rule: &Value, asked: &Attributes) -> bool {
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
