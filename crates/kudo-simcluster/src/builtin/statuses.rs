//! What a write of a status must hold to, beyond the [rules](super::rules) of its type.

use std::net::IpAddr;

use serde_json::Value;

use super::check::{self, is_nothing, join, list};
use super::{Gvk, containers, names, quotas};
use crate::field_error::FieldError;
use crate::schema;

/// What is wrong with the status of an object of a built-in kind and with the way it has changed.
pub(super) fn validate(gvk: Gvk<'_>, old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    let Some(ty) = schema::of(gvk.group, gvk.version, gvk.kind) else {
        return;
    };
    if let schema::Type::Object(object) = ty.get()
        && let (Some(field), Some(status)) = (object.fields.get("status"), new.get("status"))
    {
        check::check(&field.ty, status, "status", errors);
    }
    collisions(old, new, errors);
    match (gvk.group, gvk.kind) {
        ("", "Namespace") => phase(new, errors),
        ("", "Pod") => pod(old, new, errors),
        _ => {}
    }
}

/// Counts that are parts of another.
fn at_most(
    status: &Value,
    path: &str,
    (parts, whole): (&[&str], &str),
    words: &str,
    errors: &mut Vec<FieldError>,
) {
    let number = |field: &str| status[field].as_i64().unwrap_or(0);
    for part in parts {
        if number(part) > number(whole) {
            let shown = number(part).into();
            errors.push(FieldError::invalid(join(path, part), &shown, words));
        }
    }
}

const OF_ALL: &str = "cannot be greater than status.replicas";

pub(super) fn deployment(status: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let parts = ["updatedReplicas", "readyReplicas", "availableReplicas"];
    at_most(status, path, (&parts, "replicas"), OF_ALL, errors);
    available(status, path, errors);
}

pub(super) fn replica_set(status: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
    at_most(status, path, (&parts, "replicas"), OF_ALL, errors);
    available(status, path, errors);
}

pub(super) fn stateful_set(status: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let parts = [
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
    ];
    at_most(status, path, (&parts, "replicas"), OF_ALL, errors);
    let words = "cannot be greater than status.readyReplicas";
    let (part, whole) = ("availableReplicas", "readyReplicas");
    at_most(status, path, (&[part], whole), words, errors);
}

fn available(status: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let words = "cannot be greater than readyReplicas";
    let (part, whole) = ("availableReplicas", "readyReplicas");
    at_most(status, path, (&[part], whole), words, errors);
}

/// Hashes that met are counted, and the count never goes back.
fn collisions(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    let count = |object: &Value| object["status"]["collisionCount"].as_i64();
    if count(old) > count(new) {
        let value = count(new).unwrap_or(0).into();
        let words = "cannot be decremented";
        errors.push(FieldError::invalid("status.collisionCount", &value, words));
    }
}

/// Addresses of a load balancer.
pub(super) fn load_balancer(ingress: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let is_address = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.parse::<IpAddr>().is_ok()
    };
    let (ip, hostname) = (&ingress["ip"], &ingress["hostname"]);
    if !is_nothing(ip) && !is_address(ip) {
        let words = "must be a valid IP address";
        errors.push(FieldError::invalid(join(path, "ip"), ip, words));
    }
    if is_nothing(hostname) {
        return;
    }
    let field = join(path, "hostname");
    for fault in names::subdomain(hostname.as_str().unwrap_or_default()) {
        errors.push(FieldError::invalid(&field, hostname, fault));
    }
    if is_address(hostname) {
        let words = "must be a DNS name, not an IP address";
        errors.push(FieldError::invalid(&field, hostname, words));
    }
}

fn phase(namespace: &Value, errors: &mut Vec<FieldError>) {
    let phase = &namespace["status"]["phase"];
    let (due, words) = if namespace["metadata"]["deletionTimestamp"].is_null() {
        (
            "Active",
            "may only be 'Active' if `deletionTimestamp` is empty",
        )
    } else {
        (
            "Terminating",
            "may only be 'Terminating' if `deletionTimestamp` is not empty",
        )
    };
    if phase != due {
        let phase = phase.as_str().unwrap_or_default();
        errors.push(FieldError::invalid("status.Phase", &phase.into(), words));
    }
}

fn pod(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    let nominated = &new["status"]["nominatedNodeName"];
    if !is_nothing(nominated) && old["status"]["nominatedNodeName"] != *nominated {
        for fault in names::subdomain(nominated.as_str().unwrap_or_default()) {
            let field = "status.nominatedNodeName";
            errors.push(FieldError::invalid(field, nominated, fault));
        }
    }
    for field in ["containerStatuses", "initContainerStatuses"] {
        restarts(old, new, field, errors);
    }
    addresses(&new["status"]["podIPs"], "status.podIPs", errors);
}

/// A container that has ended stays so, unless the pod restarts it.
fn restarts(old: &Value, new: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let policy = &old["spec"]["restartPolicy"];
    if policy == "Always" {
        return;
    }
    for (index, before) in list(&old["status"][field]).enumerate() {
        let ended = &before["state"]["terminated"];
        let failed = ended["exitCode"].as_i64().unwrap_or(0) != 0;
        if ended.is_null() || (failed && policy == "OnFailure") {
            continue;
        }
        let goes_on = |after: &&Value| {
            after["name"] == before["name"] && after["state"]["terminated"].is_null()
        };
        for _ in list(&new["status"][field]).filter(goes_on) {
            let words = "may not be transitioned to non-terminated state";
            let field = format!("status.{field}[{index}].state");
            errors.push(FieldError::forbidden(field, words));
        }
    }
}

/// A pod has one address of each family at most.
fn addresses(addresses: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let texts: Vec<&Value> = list(addresses).map(|address| &address["ip"]).collect();
    let mut families = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        if let Ok(address) = text.as_str().unwrap_or_default().parse::<IpAddr>() {
            families.push(address.is_ipv4());
        } else {
            let words = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            let field = format!("{path}[{index}]");
            errors.push(FieldError::invalid(field, text, words));
        }
    }
    if texts.len() < 2 || families.len() < texts.len() {
        return;
    }
    if texts.len() > 2 || families[0] == families[1] {
        let words = "may specify no more than one IP for each IP family";
        let shown: Vec<String> = texts.iter().map(|ip| go_address(ip)).collect();
        let shown = format!("[]core.PodIP{{{}}}", shown.join(", "));
        errors.push(FieldError::invalid_shown(path, shown, words));
    }
    for (index, text) in texts.iter().enumerate() {
        if texts[..index].contains(text) {
            let field = format!("{path}[{index}]");
            errors.push(FieldError::duplicate_shown(field, go_address(text)));
        }
    }
}

fn go_address(ip: &Value) -> String {
    format!("core.PodIP{{IP:{ip}}}")
}

/// What a node has, and how it is reached.
pub(super) fn node(status: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for side in ["capacity", "allocatable"] {
        for (name, amount) in status[side].as_object().into_iter().flatten() {
            let field = join(path, &format!("{side}.{name}"));
            quotas::amount_of(name, amount, &field, errors);
        }
    }
    let addresses: Vec<&Value> = list(&status["addresses"]).collect();
    for (index, address) in addresses.iter().enumerate() {
        if addresses[..index].contains(address) {
            let field = join(path, &format!("addresses[{index}]"));
            let (kind, text) = (&address["type"], &address["address"]);
            let shown = format!("core.NodeAddress{{Type:{kind}, Address:{text}}}");
            errors.push(FieldError::duplicate_shown(field, shown));
        }
    }
}

/// What a claim was given.
pub(super) fn claim(status: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (name, amount) in status["capacity"].as_object().into_iter().flatten() {
        if let Some(size) = containers::quantity(amount).filter(|size| size.is_negative()) {
            let field = join(path, &format!("capacity[{name}]"));
            let words = "must be a valid resource quantity";
            errors.push(FieldError::invalid_shown(field, size.to_string(), words));
        }
    }
}
