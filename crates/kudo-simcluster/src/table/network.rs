//! Cells of services, their endpoints and ingresses.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::list;

/// The first three of some texts, and how many more there are.
fn first_three(texts: &[String]) -> Value {
    const MOST: usize = 3;
    let shown = texts[..texts.len().min(MOST)].join(",");
    match texts.len() {
        0 => "<unset>".into(),
        count if count > MOST => format!("{shown} + {} more...", count - MOST).into(),
        _ => shown.into(),
    }
}

pub(super) fn slice_ports(slice: &Value, _: Timestamp) -> Value {
    let text = |port: &Value| match (&port["port"], port["name"].as_str()) {
        (Value::Number(number), _) => number.to_string(),
        (_, Some(name)) => name.to_owned(),
        _ => "*".to_owned(),
    };
    let ports: Vec<String> = list(&slice["ports"]).iter().map(text).collect();
    first_three(&ports)
}

pub(super) fn slice_addresses(slice: &Value, _: Timestamp) -> Value {
    let endpoints = list(&slice["endpoints"]).iter();
    let addresses = endpoints.flat_map(|endpoint| list(&endpoint["addresses"]));
    let addresses: Vec<String> = addresses
        .filter_map(|address| address.as_str().map(ToOwned::to_owned))
        .collect();
    first_three(&addresses)
}

pub(super) fn external_ip(service: &Value, _: Timestamp) -> Value {
    let ips: Vec<&str> = list(&service["spec"]["externalIPs"])
        .iter()
        .filter_map(Value::as_str)
        .collect();
    match service["spec"]["type"].as_str() {
        Some("ExternalName") => service["spec"]["externalName"].clone(),
        Some("LoadBalancer") => match balancers(service, Timestamp::UNIX_EPOCH) {
            Value::String(text) if text.is_empty() && ips.is_empty() => "<pending>".into(),
            found => found,
        },
        _ if ips.is_empty() => "<none>".into(),
        _ => ips.join(",").into(),
    }
}

pub(super) fn balancers(object: &Value, _: Timestamp) -> Value {
    let points = list(&object["status"]["loadBalancer"]["ingress"]).iter();
    let points =
        points.filter_map(|point| point["ip"].as_str().or_else(|| point["hostname"].as_str()));
    points.collect::<Vec<_>>().join(",").into()
}

pub(super) fn service_ports(service: &Value, _: Timestamp) -> Value {
    let ports: Vec<String> = list(&service["spec"]["ports"])
        .iter()
        .map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            match port["nodePort"].as_i64().filter(|port| *port > 0) {
                Some(node) => format!("{}:{node}/{protocol}", port["port"]),
                None => format!("{}/{protocol}", port["port"]),
            }
        })
        .collect();
    if ports.is_empty() {
        "<none>".into()
    } else {
        ports.join(",").into()
    }
}

pub(super) fn endpoints(object: &Value, _: Timestamp) -> Value {
    let mut all = Vec::new();
    for subset in list(&object["subsets"]) {
        for address in list(&subset["addresses"]) {
            let ip = address["ip"].as_str().unwrap_or_default();
            let ports = list(&subset["ports"]);
            if ports.is_empty() {
                all.push(ip.to_owned());
            }
            all.extend(ports.iter().map(|port| format!("{ip}:{}", port["port"])));
        }
    }
    let more = all.len().saturating_sub(3);
    all.truncate(3);
    match (all.is_empty(), more) {
        (true, _) => "<none>".into(),
        (_, 0) => all.join(",").into(),
        (_, more) => format!("{} + {more} more...", all.join(",")).into(),
    }
}

pub(super) fn hosts(ingress: &Value, _: Timestamp) -> Value {
    let hosts: Vec<&str> = list(&ingress["spec"]["rules"])
        .iter()
        .filter_map(|rule| rule["host"].as_str())
        .collect();
    if hosts.is_empty() {
        "*".into()
    } else {
        hosts.join(",").into()
    }
}

pub(super) fn class_parameters(class: &Value, _: Timestamp) -> Value {
    let parameters = &class["spec"]["parameters"];
    if parameters.is_null() {
        return "<none>".into();
    }
    let text = |field: &str| parameters[field].as_str().unwrap_or_default();
    let kind = match text("apiGroup") {
        "" => text("kind").to_owned(),
        group => format!("{}.{group}", text("kind")),
    };
    format!("{kind}/{}", text("name")).into()
}
