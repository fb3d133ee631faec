//! Cells of nodes.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::list;

pub(super) fn status(node: &Value, _: Timestamp) -> Value {
    let ready = list(&node["status"]["conditions"])
        .iter()
        .find(|c| c["type"] == "Ready");
    let mut status = match ready.and_then(|condition| condition["status"].as_str()) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node["spec"]["unschedulable"] == true {
        status.push_str(",SchedulingDisabled");
    }
    status.into()
}

pub(super) fn roles(node: &Value, _: Timestamp) -> Value {
    let labels = node["metadata"]["labels"].as_object();
    let roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(|(name, _)| name.strip_prefix("node-role.kubernetes.io/"))
        .collect();
    if roles.is_empty() {
        "<none>".into()
    } else {
        roles.join(",").into()
    }
}

pub(super) fn address(node: &Value, ty: &str) -> Value {
    let mut addresses = list(&node["status"]["addresses"]).iter();
    let found = addresses.find(|address| address["type"] == ty);
    found.map_or_else(|| "<none>".into(), |address| address["address"].clone())
}

pub(super) fn info(node: &Value, field: &str) -> Value {
    match node["status"]["nodeInfo"][field].as_str() {
        None | Some("") => "<unknown>".into(),
        Some(text) => text.into(),
    }
}
