//! Checks of services.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

use serde_json::Value;

use super::check::{go_texts, is_nothing, join, list, one_of, port, port_or_name};
use super::prepare::is_checked;
use super::{metadata, names};
use crate::field_error::{Fault, FieldError};

const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const AFFINITIES: &[&str] = &["ClientIP", "None"];
const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

pub(super) fn service(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let kind = spec["type"].as_str().unwrap_or_default();
    let ports = spec["ports"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let is_headless = spec["clusterIP"] == "None";
    if ports.is_empty() && !is_headless && kind != "ExternalName" {
        errors.push(FieldError::required(join(path, "ports"), ""));
    }
    if kind == "ExternalName" {
        external_name(spec, path, errors);
    }
    if is_headless && (kind == "NodePort" || kind == "LoadBalancer") {
        let field = join(path, "clusterIPs[0]");
        let words = "may not be set to 'None' for LoadBalancer services";
        let words = words.replace("LoadBalancer", kind);
        errors.push(FieldError::invalid(field, &spec["clusterIP"], words));
    }
    all_ports(ports, &join(path, "ports"), errors);
    metadata::labels(&spec["selector"], &join(path, "selector"), errors);
    one_of(
        &spec["sessionAffinity"],
        &join(path, "sessionAffinity"),
        AFFINITIES,
        errors,
    );
    affinity(spec, path, errors);
    addresses(spec, path, errors);
    outside(spec, path, errors);
    one_of(&spec["type"], &join(path, "type"), TYPES, errors);
    differing(ports, &join(path, "ports"), errors);
    if kind == "ClusterIP" {
        for (index, one) in ports.iter().enumerate() {
            if one["nodePort"].as_i64().is_some_and(|port| port != 0) {
                let field = join(path, &format!("ports[{index}].nodePort"));
                let words = "may not be used when `type` is 'ClusterIP'";
                errors.push(FieldError::forbidden(field, words));
            }
        }
    }
    if kind != "LoadBalancer" && spec["allocateLoadBalancerNodePorts"].is_boolean() {
        let field = join(path, "allocateLoadBalancerNodePorts");
        let words = "may only be used when `type` is 'LoadBalancer'";
        errors.push(FieldError::forbidden(field, words));
    }
    let policy = &spec["externalTrafficPolicy"];
    if policy.is_string() && kind != "NodePort" && kind != "LoadBalancer" {
        let words = "ExternalTrafficPolicy can only be set on NodePort and LoadBalancer service";
        let field = join(path, "externalTrafficPolicy");
        errors.push(FieldError::invalid(field, policy, words));
    } else {
        let field = join(path, "externalTrafficPolicy");
        one_of(policy, &field, &["Cluster", "Local"], errors);
    }
    let field = join(path, "internalTrafficPolicy");
    let policy = &spec["internalTrafficPolicy"];
    one_of(policy, &field, &["Cluster", "Local"], errors);
}

/// How long one server keeps a client.
fn affinity(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let seconds = &spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"];
    if seconds
        .as_i64()
        .is_some_and(|seconds| !(1..=86_400).contains(&seconds))
    {
        let words = "must be greater than 0 and less than 86400";
        let field = join(path, "sessionAffinityConfig.clientIP.timeoutSeconds");
        errors.push(FieldError::invalid(field, seconds, words));
    }
}

/// Addresses that nodes answer for, and those that load balancers let in.
fn outside(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, address) in list(&spec["externalIPs"]).enumerate() {
        let words = match IpAddr::from_str(address.as_str().unwrap_or_default()) {
            Err(_) => "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            Ok(address) if address.is_unspecified() => "may not be unspecified (0.0.0.0 or ::)",
            Ok(address) if address.is_loopback() => {
                "may not be in the loopback range (127.0.0.0/8, ::1/128)"
            }
            Ok(_) => continue,
        };
        let field = join(path, &format!("externalIPs[{index}]"));
        errors.push(FieldError::invalid(field, address, words));
    }
    for (index, range) in list(&spec["loadBalancerSourceRanges"]).enumerate() {
        if super::network::range(range).is_none() {
            let words = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
            let field = join(path, &format!("loadBalancerSourceRanges[{index}]"));
            errors.push(FieldError::invalid(field, range, words));
        }
    }
    let port = &spec["healthCheckNodePort"];
    if !is_checked(spec) && port.as_i64().is_some_and(|port| port != 0) {
        let words = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is \
                     'Local'";
        errors.push(FieldError::invalid(
            join(path, "healthCheckNodePort"),
            port,
            words,
        ));
    }
}

fn external_name(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let field = join(path, "externalName");
    let name = spec["externalName"].as_str().unwrap_or_default();
    if name.is_empty() {
        errors.push(FieldError::required(field, ""));
        return;
    }
    for fault in names::subdomain(name.trim_end_matches('.')) {
        errors.push(FieldError::invalid(
            field.clone(),
            &spec["externalName"],
            fault,
        ));
    }
}

fn addresses(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let address = spec["clusterIP"].as_str().unwrap_or_default();
    let all = &spec["clusterIPs"];
    if spec["type"] == "ExternalName" {
        if !address.is_empty() || !is_nothing(all) {
            let words = "may not be set for ExternalName services";
            errors.push(FieldError::forbidden(join(path, "clusterIPs"), words));
        }
        return;
    }
    if address.is_empty() && !is_nothing(all) {
        let words = "must be empty when clusterIP is empty";
        let field = join(path, "clusterIPs");
        errors.push(FieldError::invalid_shown(field, go_texts(all), words));
        for (index, address) in list(all).enumerate() {
            if IpAddr::from_str(address.as_str().unwrap_or_default()).is_err() {
                let words = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
                let field = join(path, &format!("clusterIPs[{index}]"));
                errors.push(FieldError::invalid(field, address, words));
            }
        }
    }
    if !address.is_empty() && address != "None" && IpAddr::from_str(address).is_err() {
        let words = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        let field = join(path, "clusterIPs[0]");
        errors.push(FieldError::invalid(field, &spec["clusterIP"], words));
    }
}

fn all_ports(ports: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, one) in ports.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let name = one["name"].as_str().unwrap_or_default();
        let field = format!("{path}.name");
        if name.is_empty() {
            if ports.len() > 1 {
                errors.push(FieldError::required(field, ""));
            }
        } else {
            let faults = names::label(name);
            if faults.is_empty() && !seen.insert(name) {
                errors.push(FieldError::duplicate(field.clone(), &one["name"]));
            }
            for fault in faults {
                errors.push(FieldError::invalid(field.clone(), &one["name"], fault));
            }
        }
        let number = Value::from(one["port"].as_i64().unwrap_or_default());
        port(&number, &format!("{path}.port"), errors);
        if let Some(protocol) = one["appProtocol"].as_str() {
            for fault in names::qualified(protocol) {
                let field = format!("{path}.appProtocol");
                errors.push(FieldError::invalid(field, &one["appProtocol"], fault));
            }
        }
        one_of(
            &one["protocol"],
            &format!("{path}.protocol"),
            PROTOCOLS,
            errors,
        );
        port_or_name(&one["targetPort"], &format!("{path}.targetPort"), errors);
    }
}

/// A port is there once for each protocol.
fn differing(ports: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, one) in ports.iter().enumerate() {
        let protocol = one["protocol"].as_str().unwrap_or_default();
        let id = format!("{protocol} {}", one["port"]);
        if !seen.insert(id) {
            errors.push(FieldError {
                fault: Fault::Duplicate,
                field: format!("{path}[{index}]"),
                value: Some(go_port(one)),
                detail: String::new(),
            });
        }
    }
}

fn go_port(port: &Value) -> String {
    format!(
        "core.ServicePort{{Name:\"\", Protocol:{}, AppProtocol:(*string)(nil), Port:{}, \
         TargetPort:intstr.IntOrString{{Type:0, IntVal:0, StrVal:\"\"}}, NodePort:0}}",
        port["protocol"], port["port"]
    )
}
