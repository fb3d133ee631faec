//! Between the versions of built-in kinds that have more than one shape.

use serde_json::{Map, Value, json};

use crate::crd;

/// Whether objects of this version look other than they are stored.
pub(crate) fn differs(storage: &str, _group: &str, version: &str) -> bool {
    matches!(
        (storage, version),
        (
            "ingresses.networking.k8s.io" | "customresourcedefinitions.apiextensions.k8s.io",
            "v1beta1"
        ) | ("horizontalpodautoscalers.autoscaling", "v1")
            | ("events", _)
    )
}

/// Turns an object of a version into its stored shape.
pub(crate) fn to_stored(storage: &str, group: &str, object: &mut Value) {
    match storage {
        "ingresses.networking.k8s.io" => {
            each_backend(object, "backend", "defaultBackend", new_backend);
        }
        "horizontalpodautoscalers.autoscaling" => new_autoscaler(object),
        "customresourcedefinitions.apiextensions.k8s.io" => crd::beta::to_v1(object),
        "events" if group == "events.k8s.io" => rename(object, EVENT),
        _ => {}
    }
}

/// Turns a stored object into the shape of a version.
pub(crate) fn from_stored(storage: &str, group: &str, object: &mut Value) {
    match storage {
        "ingresses.networking.k8s.io" => {
            each_backend(object, "defaultBackend", "backend", old_backend);
        }
        "horizontalpodautoscalers.autoscaling" => old_autoscaler(object),
        "customresourcedefinitions.apiextensions.k8s.io" => crd::beta::from_v1(object),
        "events" if group == "events.k8s.io" => {
            let back: Vec<_> = EVENT.iter().map(|(new, old)| (*old, *new)).collect();
            rename(object, &back);
        }
        _ => {}
    }
}

/// Fields of `events.k8s.io/v1` and what the core group calls them.
const EVENT: &[(&str, &str)] = &[
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

fn rename(object: &mut Value, names: &[(&str, &str)]) {
    let Some(members) = object.as_object_mut() else {
        return;
    };
    for (from, to) in names {
        if let Some(value) = members.remove(*from) {
            members.insert((*to).to_owned(), value);
        }
    }
}

fn each_backend(object: &mut Value, from: &str, to: &str, change: fn(&mut Value)) {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(mut backend) = spec.remove(from) {
        change(&mut backend);
        spec.insert(to.to_owned(), backend);
    }
    let rules = spec.get_mut("rules").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten() {
        let paths = rule
            .pointer_mut("/http/paths")
            .and_then(Value::as_array_mut);
        for path in paths.into_iter().flatten() {
            if let Some(backend) = path.get_mut("backend") {
                change(backend);
            }
        }
    }
}

fn new_backend(backend: &mut Value) {
    let Some(members) = backend.as_object_mut() else {
        return;
    };
    let (name, port) = (members.remove("serviceName"), members.remove("servicePort"));
    if name.is_none() && port.is_none() {
        return;
    }
    let mut service = Map::new();
    service.insert("name".into(), name.unwrap_or_else(|| "".into()));
    match port {
        Some(Value::String(name)) => service.insert("port".into(), json!({ "name": name })),
        Some(number) => service.insert("port".into(), json!({ "number": number })),
        None => None,
    };
    members.insert("service".into(), service.into());
}

fn old_backend(backend: &mut Value) {
    let Some(members) = backend.as_object_mut() else {
        return;
    };
    let Some(service) = members.remove("service") else {
        return;
    };
    members.insert("serviceName".into(), service["name"].clone());
    let port = [&service["port"]["name"], &service["port"]["number"]];
    if let Some(port) = port.into_iter().find(|port| !port.is_null()) {
        members.insert("servicePort".into(), port.clone());
    }
}

fn new_autoscaler(object: &mut Value) {
    let spec = object.get_mut("spec").and_then(Value::as_object_mut);
    if let Some(spec) = spec
        && let Some(percent) = spec.remove("targetCPUUtilizationPercentage")
    {
        let target = json!({ "type": "Utilization", "averageUtilization": percent });
        let metric = json!({ "type": "Resource", "resource": { "name": "cpu", "target": target } });
        spec.insert("metrics".into(), json!([metric]));
    }
    let status = object.get_mut("status").and_then(Value::as_object_mut);
    if let Some(status) = status
        && let Some(percent) = status.remove("currentCPUUtilizationPercentage")
    {
        let current = json!({ "averageUtilization": percent, "averageValue": "0" });
        let metric =
            json!({ "type": "Resource", "resource": { "name": "cpu", "current": current } });
        status.insert("currentMetrics".into(), json!([metric]));
    }
}

fn old_autoscaler(object: &mut Value) {
    let is_cpu = |metric: &&Value| metric["resource"]["name"] == "cpu";
    let spec = object.get_mut("spec").and_then(Value::as_object_mut);
    if let Some(spec) = spec {
        spec.remove("behavior");
        if let Some(Value::Array(metrics)) = spec.remove("metrics")
            && let Some(metric) = metrics.iter().find(is_cpu)
        {
            let percent = metric["resource"]["target"]["averageUtilization"].clone();
            spec.insert("targetCPUUtilizationPercentage".into(), percent);
        }
    }
    let status = object.get_mut("status").and_then(Value::as_object_mut);
    if let Some(status) = status {
        status.remove("conditions");
        if let Some(Value::Array(metrics)) = status.remove("currentMetrics")
            && let Some(metric) = metrics.iter().find(is_cpu)
        {
            let percent = metric["resource"]["current"]["averageUtilization"].clone();
            status.insert("currentCPUUtilizationPercentage".into(), percent);
        }
    }
}
