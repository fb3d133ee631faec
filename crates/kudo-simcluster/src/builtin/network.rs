//! Checks of endpoints, ingresses and network policies.

use std::net::IpAddr;
use std::str::FromStr;

use serde_json::Value;

use super::check::{go_texts, is_nothing, join, list, port_or_name};
use super::{names, selectors};
use crate::field_error::FieldError;

pub(super) fn address(address: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let text = address["ip"].as_str().unwrap_or_default();
    let Ok(ip) = IpAddr::from_str(text) else {
        let field = join(path, "ip");
        let words = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        errors.push(FieldError::invalid(
            field.clone(),
            &Value::from(text),
            words,
        ));
        let words = "must be a valid IP address";
        errors.push(FieldError::invalid(field, &Value::from(text), words));
        return;
    };
    let forbidden = [
        (ip.is_unspecified(), "may not be unspecified (0.0.0.0)"),
        (
            ip.is_loopback(),
            "may not be in the loopback range (127.0.0.0/8)",
        ),
    ];
    for (_, words) in forbidden.into_iter().filter(|(is, _)| *is) {
        errors.push(FieldError::invalid(join(path, "ip"), &address["ip"], words));
    }
    let name = address["hostname"].as_str().filter(|name| !name.is_empty());
    for fault in name.map(names::label).unwrap_or_default() {
        let field = join(path, "hostname");
        errors.push(FieldError::invalid(field, &address["hostname"], fault));
    }
    let node = address["nodeName"].as_str();
    for fault in node.map(names::subdomain).unwrap_or_default() {
        let field = join(path, "nodeName");
        errors.push(FieldError::invalid(field, &address["nodeName"], fault));
    }
}

/// Ports of endpoints; those of slices may have none.
pub(super) fn endpoint_port(port: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if path.starts_with("subsets") {
        let name = port["name"].as_str().filter(|name| !name.is_empty());
        for fault in name.map(names::label).unwrap_or_default() {
            errors.push(FieldError::invalid(
                join(path, "name"),
                &port["name"],
                fault,
            ));
        }
        super::check::port(&port["port"], &join(path, "port"), errors);
        let protocol = port["appProtocol"].as_str();
        for fault in protocol.map(names::qualified).unwrap_or_default() {
            let field = join(path, "appProtocol");
            errors.push(FieldError::invalid(field, &port["appProtocol"], fault));
        }
    }
}

pub(super) fn subset(subset: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if is_nothing(&subset["addresses"]) && is_nothing(&subset["notReadyAddresses"]) {
        let words = "must specify `addresses` or `notReadyAddresses`";
        errors.push(FieldError::required(path, words));
    }
    let ports = subset["ports"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for (index, port) in ports.iter().enumerate() {
        if ports.len() > 1 && is_nothing(&port["name"]) {
            let field = join(path, &format!("ports[{index}].name"));
            errors.push(FieldError::required(field, ""));
        }
    }
}

pub(super) fn ingress(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let backends = ["defaultBackend", "backend"];
    if is_nothing(&spec["rules"]) && backends.iter().all(|key| spec[*key].is_null()) {
        let words = "either `defaultBackend` or `rules` must be specified";
        let shown = "[]networking.IngressRule(nil)";
        errors.push(FieldError::invalid_shown(path, shown, words));
    }
    let class = spec["ingressClassName"].as_str();
    for fault in class.map(names::subdomain).unwrap_or_default() {
        let field = join(path, "ingressClassName");
        errors.push(FieldError::invalid(field, &spec["ingressClassName"], fault));
    }
    if !spec["defaultBackend"].is_null() {
        backend(
            &spec["defaultBackend"],
            &join(path, "defaultBackend"),
            errors,
        );
    }
}

/// A new ingress names its class in one place.
pub(super) fn one_class(ingress: &Value, errors: &mut Vec<FieldError>) {
    const CLASS: &str = "kubernetes.io/ingress.class";
    let said = &ingress["metadata"]["annotations"][CLASS];
    if !said.is_null() && !ingress["spec"]["ingressClassName"].is_null() {
        let field = format!("annotations.{CLASS}");
        let words = "can not be set when the class field is also set";
        errors.push(FieldError::invalid(field, said, words));
    }
}

pub(super) fn ingress_host(rule: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let field = join(path, "host");
    let name = rule["host"].as_str().unwrap_or_default();
    if IpAddr::from_str(name).is_ok() {
        let words = "must be a DNS name, not an IP address";
        errors.push(FieldError::invalid(field.as_str(), &rule["host"], words));
    }
    host(&rule["host"], &field, errors);
}

pub(super) fn ingress_tls(tls: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, name) in list(&tls["hosts"]).enumerate() {
        let field = join(path, &format!("hosts[{index}]"));
        if is_nothing(name) {
            for fault in names::subdomain("") {
                errors.push(FieldError::invalid(field.as_str(), name, fault));
            }
        }
        host(name, &field, errors);
    }
    let name = tls["secretName"].as_str().unwrap_or_default();
    if !name.is_empty() {
        for fault in names::subdomain(name) {
            let field = join(path, "secretName");
            errors.push(FieldError::invalid(field, &tls["secretName"], fault));
        }
    }
}

fn host(name: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let text = name.as_str().unwrap_or_default();
    let faults = if text.is_empty() {
        Vec::new()
    } else if text.contains('*') {
        names::wildcard(text)
    } else {
        names::subdomain(text)
    };
    for fault in faults {
        errors.push(FieldError::invalid(field, name, fault));
    }
}

pub(super) fn ingress_path(path: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let text = path["path"].as_str().unwrap_or_default();
    let kind = path["pathType"].as_str().unwrap_or_default();
    if (kind == "Exact" || kind == "Prefix") && !text.starts_with('/') {
        let words = "must be an absolute path";
        let field = join(field, "path");
        errors.push(FieldError::invalid(field, &Value::from(text), words));
    }
    if kind == "Exact" || kind == "Prefix" {
        path_parts(&path["path"], &join(field, "path"), errors);
    }
    backend(&path["backend"], &join(field, "backend"), errors);
}

/// A path that is compared part by part has no empty ones, and none that lead back.
fn path_parts(path: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let text = path.as_str().unwrap_or_default();
    for part in ["//", "/./", "/../", "%2f", "%2F"] {
        if text.contains(part) {
            let words = format!("must not contain '{part}'");
            errors.push(FieldError::invalid(field, path, words));
        }
    }
    for end in ["/..", "/."] {
        if text.ends_with(end) {
            let words = format!("cannot end with '{end}'");
            errors.push(FieldError::invalid(field, path, words));
        }
    }
}

/// Who answers: a service at one of its ports, or another resource.
fn backend(backend: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if !backend["serviceName"].is_null() {
        return;
    }
    let nothing = Value::from("");
    let service = &backend["service"];
    match (service.is_null(), backend["resource"].is_null()) {
        (true, true) => {
            let words = "resource or service backend is required";
            errors.push(FieldError::invalid(path, &nothing, words));
        }
        (false, false) => {
            let words = "cannot set both resource and service backends";
            errors.push(FieldError::invalid(path, &nothing, words));
        }
        _ => {}
    }
    if service.is_null() {
        return;
    }
    let field = join(path, "service.name");
    match service["name"].as_str().unwrap_or_default() {
        "" => errors.push(FieldError::required(field, "")),
        name => {
            for fault in names::label_1035(name) {
                errors.push(FieldError::invalid(field.as_str(), &service["name"], fault));
            }
        }
    }
    let port = &service["port"];
    let number = port["number"].as_i64().unwrap_or_default();
    match (is_nothing(&port["name"]), number) {
        (true, 0) => errors.push(FieldError::required(
            path,
            "port name or number is required",
        )),
        (true, _) => port_or_name(&port["number"], &join(path, "service.port.number"), errors),
        (false, 0) => port_or_name(&port["name"], &join(path, "service.port.name"), errors),
        (false, _) => {
            let words = "cannot set both port name & port number";
            errors.push(FieldError::invalid(path, &nothing, words));
        }
    }
}

/// Address and length of a range.
pub(super) fn range(value: &Value) -> Option<(u128, u32, u32)> {
    let (address, bits) = value.as_str()?.split_once('/')?;
    let (number, most) = match IpAddr::from_str(address).ok()? {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= most)?;
    Some((number, bits, most))
}

/// Whether a range is a part of another, and not all of it.
fn is_within((inner, length, most): (u128, u32, u32), outer: (u128, u32, u32)) -> bool {
    let network = |address: u128| address.checked_shr(most - outer.1).unwrap_or(0);
    most == outer.2 && length > outer.1 && network(inner) == network(outer.0)
}

fn exceptions(block: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(outer) = range(&block["cidr"]) else {
        return;
    };
    for (index, except) in list(&block["except"]).enumerate() {
        let field = join(path, &format!("except[{index}]"));
        let Some(inner) = range(except) else {
            errors.push(FieldError::invalid(field, except, "not a valid CIDR"));
            return;
        };
        if !is_within(inner, outer) {
            let words = "must be a strict subset of `cidr`";
            errors.push(FieldError::invalid(field, except, words));
        }
    }
}

pub(super) fn peer(peer: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let selects = !peer["podSelector"].is_null() || !peer["namespaceSelector"].is_null();
    let block = &peer["ipBlock"];
    for key in ["podSelector", "namespaceSelector"] {
        selectors::validate(&peer[key], &join(path, key), errors);
    }
    if !block.is_null() {
        let field = join(path, "ipBlock.cidr");
        if is_nothing(&block["cidr"]) {
            errors.push(FieldError::required(field, ""));
        } else if range(&block["cidr"]).is_none() {
            let words = "not a valid CIDR";
            errors.push(FieldError::invalid(field, &block["cidr"], words));
        } else {
            exceptions(block, &join(path, "ipBlock"), errors);
        }
    }
    match (selects, block.is_null()) {
        (false, true) => errors.push(FieldError::required(path, "must specify a peer")),
        (true, false) => {
            let words = "may not specify both ipBlock and another peer";
            errors.push(FieldError::forbidden(path, words));
        }
        _ => {}
    }
}

pub(super) fn policy_port(policy: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let (first, last) = (&policy["port"], &policy["endPort"]);
    let field = join(path, "endPort");
    if first.is_number() {
        port_or_name(first, &join(path, "port"), errors);
        if !last.is_null() && last.as_i64() < first.as_i64() {
            // Servers show the first port of the range there.
            let words = "must be greater than or equal to `port`";
            errors.push(FieldError::invalid(&*field, first, words));
        }
        if !last.is_null() {
            super::check::port(last, &field, errors);
        }
        return;
    }
    if !last.is_null() {
        let words = if first.is_null() {
            "may not be specified when `port` is not specified"
        } else {
            "may not be specified when `port` is non-numeric"
        };
        errors.push(FieldError::invalid(field, last, words));
    }
    if !first.is_null() {
        port_or_name(first, &join(path, "port"), errors);
    }
}

pub(super) fn policy_types(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let known = ["Ingress", "Egress"];
    if list(&spec["policyTypes"]).count() > known.len() {
        let shown = go_texts(&spec["policyTypes"]);
        let shown = shown.replacen("[]string", "[]networking.PolicyType", 1);
        let words = "may not specify more than two policyTypes";
        errors.push(FieldError::invalid_shown(
            join(path, "policyTypes"),
            shown,
            words,
        ));
        return;
    }
    for (index, name) in list(&spec["policyTypes"]).enumerate() {
        if !known.iter().any(|known| name == known) {
            let field = join(path, &format!("policyTypes[{index}]"));
            errors.push(FieldError::not_supported(field, name, &known));
        }
    }
}

/// Whom a policy is about.
pub(super) fn policy_pods(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    selectors::validate(&spec["podSelector"], &join(path, "podSelector"), errors);
}
