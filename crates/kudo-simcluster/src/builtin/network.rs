//! Checks of endpoints, ingresses and network policies.

use std::net::IpAddr;
use std::str::FromStr;

use serde_json::Value;

use super::rules::{is_nothing, join, list, port_or_name};
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
}

/// Ports of endpoints; those of slices may have none.
pub(super) fn endpoint_port(port: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if path.starts_with("subsets") {
        super::rules::port(&port["port"], &join(path, "port"), errors);
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
}

pub(super) fn ingress_host(rule: &Value, path: &str, errors: &mut Vec<FieldError>) {
    host(&rule["host"], &join(path, "host"), errors);
}

pub(super) fn ingress_tls(tls: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, name) in list(&tls["hosts"]).enumerate() {
        host(name, &join(path, &format!("hosts[{index}]")), errors);
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
    let backend = &path["backend"];
    let older = !backend["serviceName"].is_null();
    let said = ["service", "resource"]
        .iter()
        .filter(|key| !backend[**key].is_null())
        .count();
    if said == 0 && !older {
        let words = "resource or service backend is required";
        let field = join(field, "backend");
        errors.push(FieldError::invalid(field, &Value::from(""), words));
    }
    let service = &backend["service"];
    if service.is_object() {
        let field = join(field, "backend.service");
        if is_nothing(&service["name"]) {
            errors.push(FieldError::required(join(&field, "name"), ""));
        }
        let port = &service["port"];
        if is_nothing(&port["name"]) && port["number"].as_i64().unwrap_or_default() == 0 {
            let words = "port name or number is required";
            errors.push(FieldError::required(field, words));
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
        let text = block["cidr"].as_str().unwrap_or_default();
        let fits = text.split_once('/').is_some_and(|(address, bits)| {
            let most = if address.contains(':') { 128 } else { 32 };
            IpAddr::from_str(address).is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
        });
        let field = join(path, "ipBlock.cidr");
        if text.is_empty() {
            errors.push(FieldError::required(field, ""));
        } else if !fits {
            errors.push(FieldError::invalid(
                field,
                &block["cidr"],
                "not a valid CIDR",
            ));
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

pub(super) fn policy_port(port: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if !port["port"].is_null() {
        port_or_name(&port["port"], &join(path, "port"), errors);
    }
}

pub(super) fn policy_types(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let known = ["Ingress", "Egress"];
    for (index, name) in list(&spec["policyTypes"]).enumerate() {
        if !known.iter().any(|known| name == known) {
            let field = join(path, &format!("policyTypes[{index}]"));
            errors.push(FieldError::not_supported(field, name, &known));
        }
    }
}
