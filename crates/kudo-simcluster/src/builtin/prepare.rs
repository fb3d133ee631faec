//! What a server itself changes in an object before it is checked and stored.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Gvk, jobs};

/// Status of a new object, by kind; other kinds start with what their status says, or with none.
const FIRST_STATUS: &[(&str, &str)] = &[
    ("CronJob", "{}"),
    (
        "DaemonSet",
        r#"{"currentNumberScheduled":0,"numberMisscheduled":0,"desiredNumberScheduled":0,"numberReady":0}"#,
    ),
    ("Deployment", "{}"),
    (
        "HorizontalPodAutoscaler",
        r#"{"currentReplicas":0,"desiredReplicas":0}"#,
    ),
    ("Ingress", r#"{"loadBalancer":{}}"#),
    ("Job", "{}"),
    ("Namespace", r#"{"phase":"Active"}"#),
    ("PersistentVolume", r#"{"phase":"Pending"}"#),
    ("PersistentVolumeClaim", r#"{"phase":"Pending"}"#),
    (
        "PodDisruptionBudget",
        r#"{"disruptionsAllowed":0,"currentHealthy":0,"desiredHealthy":0,"expectedPods":0}"#,
    ),
    ("ReplicaSet", r#"{"replicas":0}"#),
    ("ReplicationController", r#"{"replicas":0}"#),
    ("ResourceQuota", "{}"),
    ("Service", r#"{"loadBalancer":{}}"#),
    ("StatefulSet", r#"{"replicas":0,"availableReplicas":0}"#),
    ("VolumeAttachment", r#"{"attached":false}"#),
];

/// Where a daemon set counts the changes of its template.
const GENERATION: &str = "deprecated.daemonset.template.generation";

/// Kinds whose status is part of the object and has no subresource of its own to be reset for.
const KEEPS_STATUS: &[&str] = &["Node", "Event"];

/// Changes of a new object.
pub(super) fn create(gvk: Gvk<'_>, object: &mut Value) {
    let first = FIRST_STATUS.iter().find(|(kind, _)| *kind == gvk.kind);
    if let Some(status) = first.and_then(|(_, text)| serde_json::from_str(text).ok()) {
        object["status"] = status;
    } else if !KEEPS_STATUS.contains(&gvk.kind)
        && let Some(map) = object.as_object_mut()
    {
        map.remove("status");
    }
    match (gvk.group, gvk.kind) {
        ("", "Pod") => pod(object),
        ("", "ServiceAccount") => name_secrets(object),
        ("", "Namespace") => namespace(object),
        ("", "PersistentVolumeClaim") => add_finalizer(object, "kubernetes.io/pvc-protection"),
        ("", "PersistentVolume") => add_finalizer(object, "kubernetes.io/pv-protection"),
        ("", "Service") => headless(object),
        ("batch", "Job") => job(object),
        ("apps", "StatefulSet") => claims(object),
        ("apps", "DaemonSet") => object["metadata"]["annotations"][GENERATION] = json!("1"),
        _ => {}
    }
}

/// What an object of any kind keeps where a write leaves it open.
pub(super) fn keep_identity(old: &Value, new: &mut Value) {
    for key in [
        "creationTimestamp",
        "uid",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        let kept = &old["metadata"][key];
        if let Some(metadata) = new["metadata"].as_object_mut()
            && !kept.is_null()
            && metadata.get(key).is_none_or(Value::is_null)
        {
            metadata.insert(key.to_owned(), kept.clone());
        }
    }
}

/// Changes of an object that is written again.
pub(super) fn update(gvk: Gvk<'_>, old: &Value, new: &mut Value) {
    keep_identity(old, new);
    match (gvk.group, gvk.kind) {
        ("", "ServiceAccount") => name_secrets(new),
        ("", "Service") => service(old, new),
        ("", "Namespace") => keep(old, new, &["finalizers"]),
        ("", "PersistentVolumeClaim") => keep(old, new, &["volumeName", "storageClassName"]),
        ("batch", "Job") => keep(old, new, &["selector"]),
        ("apps", "StatefulSet") => claims(new),
        ("certificates.k8s.io", "CertificateSigningRequest") => new["spec"] = old["spec"].clone(),
        ("apps", "DaemonSet") => count_template(old, new),
        _ => {}
    }
}

/// Takes the status over from the old object, as a write that is not of the status does.
pub(super) fn keep_status(old: &Value, new: &mut Value) {
    if let Some(map) = new.as_object_mut() {
        match old.get("status") {
            Some(status) => map.insert("status".to_owned(), status.clone()),
            None => map.remove("status"),
        };
    }
}

/// What a service's addresses are kept in.
const ADDRESSES: [&str; 4] = ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"];

/// A service keeps its addresses and ports where it has any of its own still.
fn service(old: &Value, new: &mut Value) {
    let kind = |service: &Value| service["spec"]["type"].as_str().unwrap_or("").to_owned();
    let (before, after) = (kind(old), kind(new));
    drop_what_the_type_lacks(old, new, &before, &after);
    if before == "ExternalName" || after == "ExternalName" {
        return;
    }
    keep(old, new, &ADDRESSES);
    if !on_nodes(&before) || !on_nodes(&after) {
        return;
    }
    if is_checked(&old["spec"]) && is_checked(&new["spec"]) {
        keep(old, new, &["healthCheckNodePort"]);
    }
    let known: Vec<&Value> = old["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let ports = new["spec"]["ports"].as_array_mut();
    for port in ports.into_iter().flatten() {
        let same = |other: &&&Value| {
            other["port"] == port["port"] && other["protocol"] == port["protocol"]
        };
        if port["nodePort"].as_i64().unwrap_or(0) == 0
            && let Some(kept) = known
                .iter()
                .find(same)
                .map(|other| other["nodePort"].clone())
            && !kept.is_null()
        {
            port["nodePort"] = kept;
        }
    }
}

/// Takes away what a service of the new type cannot have, where it is what the server itself once
/// assigned or what was there before: only the type was changed.
fn drop_what_the_type_lacks(old: &Value, new: &mut Value, before: &str, after: &str) {
    let same = |field: &str| old["spec"][field] == new["spec"][field];
    let leaves_nodes = on_nodes(before) && !on_nodes(after);
    let mut dropped: Vec<&str> = Vec::new();
    if leaves_nodes {
        dropped.extend(Some("externalTrafficPolicy").filter(|field| same(field)));
    }
    if is_checked(&old["spec"]) && !is_checked(&new["spec"]) && same("healthCheckNodePort") {
        dropped.push("healthCheckNodePort");
    }
    if before == "LoadBalancer" && after != "LoadBalancer" {
        let fields = ["allocateLoadBalancerNodePorts"];
        dropped.extend(fields.into_iter().filter(|field| same(field)));
    }
    if before != "ExternalName" && after == "ExternalName" {
        let one_is_cleared = new["spec"]["clusterIP"].as_str().is_none_or(str::is_empty);
        if same("clusterIPs") && (same("clusterIP") || one_is_cleared) {
            dropped.extend(["clusterIP", "clusterIPs"]);
        }
        let fields = ["ipFamilies", "ipFamilyPolicy"];
        dropped.extend(fields.into_iter().filter(|field| same(field)));
    }
    let ports_dropped = leaves_nodes && node_ports(old) == node_ports(new);
    let Some(spec) = new.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    for field in dropped {
        spec.remove(field);
    }
    if ports_dropped {
        let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
        for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
            port.remove("nodePort");
        }
    }
}

/// Whether load balancers ask each node whether it has a pod of the service.
pub(crate) fn is_checked(spec: &Value) -> bool {
    spec["type"] == "LoadBalancer" && spec["externalTrafficPolicy"] == "Local"
}

/// Whether a service of this type has ports on the nodes.
fn on_nodes(kind: &str) -> bool {
    kind == "NodePort" || kind == "LoadBalancer"
}

/// The node port of each of a service's ports.
fn node_ports(service: &Value) -> Vec<&Value> {
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    ports.map(|port| &port["nodePort"]).collect()
}

/// Fields of the spec that were assigned once, where the new object leaves them open.
fn keep(old: &Value, new: &mut Value, fields: &[&str]) {
    for field in fields {
        let kept = &old["spec"][*field];
        if !kept.is_null() && new["spec"].get(field).is_none_or(Value::is_null) {
            if !new["spec"].is_object() {
                new["spec"] = json!({});
            }
            new["spec"][*field] = kept.clone();
        }
    }
}

/// A namespace is emptied before it goes.
fn namespace(object: &mut Value) {
    let finalizers = &mut object["spec"]["finalizers"];
    let mut list = finalizers.as_array().cloned().unwrap_or_default();
    if !list.iter().any(|known| known == "kubernetes") {
        list.push(json!("kubernetes"));
    }
    *finalizers = list.into();
}

/// Counts the changes of a daemon set's template.
fn count_template(old: &Value, new: &mut Value) {
    let known = old["metadata"]["annotations"][GENERATION].as_str();
    let known: u64 = known.and_then(|text| text.parse().ok()).unwrap_or(1);
    let changed = old["spec"]["template"] != new["spec"]["template"];
    let count = known + u64::from(changed);
    new["metadata"]["annotations"][GENERATION] = Value::from(count.to_string());
}

/// Where a pod's status begins.
fn pod(object: &mut Value) {
    let class = service_class(&object["spec"]);
    object["status"] = json!({ "phase": "Pending", "qosClass": class });
    let gates = object["spec"]["schedulingGates"].as_array();
    if gates.is_some_and(|gates| !gates.is_empty()) {
        object["status"]["conditions"] = json!([{
            "type": "PodScheduled", "status": "False", "lastProbeTime": null,
            "lastTransitionTime": null, "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
}

/// The quality of service class of a pod.
fn service_class(spec: &Value) -> &'static str {
    let containers = || {
        ["initContainers", "containers"]
            .into_iter()
            .flat_map(|key| spec[key].as_array().into_iter().flatten())
    };
    let amount =
        |container: &Value, side: &str, name: &str| container["resources"][side][name].clone();
    let says = |container: &Value| {
        ["limits", "requests"].iter().any(|side| {
            ["cpu", "memory"]
                .iter()
                .any(|name| !amount(container, side, name).is_null())
        })
    };
    let guaranteed = |container: &Value| {
        ["cpu", "memory"].iter().all(|name| {
            let limit = amount(container, "limits", name);
            !limit.is_null() && limit == amount(container, "requests", name)
        })
    };
    if !containers().any(says) {
        "BestEffort"
    } else if containers().all(guaranteed) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// An account's secrets are in its namespace, so that their names say all.
fn name_secrets(account: &mut Value) {
    let secrets = account.get_mut("secrets").and_then(Value::as_array_mut);
    for secret in secrets.into_iter().flatten() {
        if let Some(secret) = secret.as_object_mut() {
            secret.retain(|key, _| key == "name");
        }
    }
}

/// Text in a Secret that is given plainly becomes data, and wins over it.
pub(super) fn take_up_string_data(secret: &mut Value) {
    let Some(map) = secret.as_object_mut() else {
        return;
    };
    let Some(Value::Object(plain)) = map.remove("stringData") else {
        return;
    };
    let data = map
        .entry("data")
        .or_insert_with(|| Value::Object(Map::new()));
    for (key, value) in plain {
        data[key] = Value::from(STANDARD.encode(value.as_str().unwrap_or_default()));
    }
}

fn headless(service: &mut Value) {
    let spec = &mut service["spec"];
    if spec["clusterIP"] == "None" && spec["clusterIPs"].is_null() {
        spec["clusterIPs"] = json!(["None"]);
    }
}

/// A job selects its pods by its own uid, unless it selects by hand.
fn job(object: &mut Value) {
    if object["spec"]["manualSelector"] == true {
        return;
    }
    let uid = object["metadata"]["uid"].clone();
    let name = object["metadata"]["name"].clone();
    let own = [
        ("controller-uid", &uid),
        ("job-name", &name),
        (jobs::CONTROLLER_UID, &uid),
        (jobs::JOB_NAME, &name),
    ];
    // Labels that were taken from the template are the template's own.
    let taken = object["metadata"]["labels"] == object["spec"]["template"]["metadata"]["labels"];
    let places: &[&str] = if taken {
        &["", "/spec/template"]
    } else {
        &["/spec/template"]
    };
    for place in places {
        let Some(parent) = object.pointer_mut(place) else {
            continue;
        };
        for (key, value) in own {
            if parent["metadata"]["labels"][key].is_null() {
                parent["metadata"]["labels"][key] = value.clone();
            }
        }
    }
    let selected = &mut object["spec"]["selector"]["matchLabels"][jobs::CONTROLLER_UID];
    if selected.is_null() {
        *selected = uid;
    }
}

/// Templates of claims are whole objects.
fn claims(object: &mut Value) {
    for claim in object
        .pointer_mut("/spec/volumeClaimTemplates")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        claim["apiVersion"] = json!("v1");
        claim["kind"] = json!("PersistentVolumeClaim");
        claim["metadata"]["creationTimestamp"] = Value::Null;
        claim["status"] = json!({ "phase": "Pending" });
    }
}

fn add_finalizer(object: &mut Value, name: &str) {
    let finalizers = &mut object["metadata"]["finalizers"];
    match finalizers.as_array_mut() {
        Some(list) if list.iter().any(|known| known == name) => {}
        Some(list) => list.push(Value::from(name)),
        None => *finalizers = json!([name]),
    }
}
