//! Defaults of built-in kinds: a table by type and field, and the few that depend on other fields.

mod autoscaler;
mod table;

use serde_json::{Map, Value, json};

use super::check::is_nothing;
use super::limits;
use crate::schema::{Object, Type, TypeRef};
use table::DEFAULTS;

/// Sets defaults in a value of a type, from the outside in.
pub(super) fn set(ty: &TypeRef, value: &mut Value) {
    match (ty.get(), value) {
        (Type::Object(object), Value::Object(map)) => {
            set_fields(object, map);
            for (key, value) in map.iter_mut() {
                match (object.fields.get(key), &*object.go_name) {
                    (Some(field), "JobTemplateSpec") if key == "spec" => {
                        set_below(&field.ty, value);
                    }
                    (Some(field), _) => set(&field.ty, value),
                    (None, _) => {}
                }
            }
            set_after(object, map);
        }
        (Type::Map { values, .. }, Value::Object(map)) => {
            for value in map.values_mut() {
                set(values, value);
            }
        }
        (Type::List { items, .. }, Value::Array(list)) => {
            for value in list {
                set(items, value);
            }
        }
        _ => {}
    }
}

/// Sets defaults in what a template of jobs holds, but none of the job's own: the jobs that are made
/// of it have those.
fn set_below(ty: &TypeRef, value: &mut Value) {
    if let (Type::Object(object), Value::Object(map)) = (ty.get(), value) {
        put(map, "template", json!({}));
        for (key, value) in map.iter_mut() {
            if let Some(field) = object.fields.get(key) {
                set(&field.ty, value);
            }
        }
    }
}

fn set_fields(object: &Object, map: &mut Map<String, Value>) {
    let name: &str = match &*object.go_name {
        "EphemeralContainer" => "Container",
        name => name,
    };
    set_before(name, map);
    let from = DEFAULTS.partition_point(|(owner, ..)| *owner < name);
    let own = DEFAULTS[from..]
        .iter()
        .take_while(|(owner, ..)| *owner == name);
    for (_, field, text) in own {
        if !map.contains_key(*field)
            && object.fields.contains_key(*field)
            && let Ok(value) = serde_json::from_str(text)
        {
            map.insert((*field).to_owned(), value);
        }
    }
}

/// What has no labels has those of its template; and what selects nothing selects by them, if it may.
fn take_labels(map: &mut Map<String, Value>, selects: bool) {
    let template = map
        .get("spec")
        .map(|spec| &spec["template"]["metadata"]["labels"]);
    let Some(labels) = template.filter(|labels| labels.is_object()).cloned() else {
        return;
    };
    if selects
        && map
            .get("spec")
            .is_some_and(|spec| is_nothing(&spec["selector"]))
    {
        within(map, "spec", "selector", labels.clone());
    }
    let metadata = map.get("metadata");
    if metadata.is_none_or(|metadata| is_nothing(&metadata["labels"])) {
        within(map, "metadata", "labels", labels);
    }
}

/// Defaults that depend on what is said, before those of the table.
fn set_before(owner: &str, map: &mut Map<String, Value>) {
    // Servers write this of every template, without a value.
    if ["PodTemplateSpec", "JobTemplateSpec"].contains(&owner) {
        within(map, "metadata", "creationTimestamp", Value::Null);
    }
    if ["Job", "ReplicationController"].contains(&owner) {
        take_labels(map, owner == "ReplicationController");
    }
    if owner == "Pod" {
        within(map, "spec", "enableServiceLinks", json!(true));
    }
    match owner {
        "Event" => {
            for key in ["eventTime", "firstTimestamp", "lastTimestamp"] {
                put(map, key, Value::Null);
            }
            put(map, "source", json!({}));
            put(map, "reportingComponent", json!(""));
            put(map, "reportingInstance", json!(""));
        }
        "Container" => {
            let image = map.get("image").and_then(Value::as_str).unwrap_or_default();
            let policy = if is_latest(image) {
                "Always"
            } else {
                "IfNotPresent"
            };
            put(map, "imagePullPolicy", json!(policy));
        }
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "Job"
        | "CronJob"
        | "Pod"
        | "PersistentVolumeClaim"
        | "PersistentVolume"
        | "Service"
        | "Ingress"
        | "NetworkPolicy"
        | "HorizontalPodAutoscaler"
        | "ValidatingAdmissionPolicy"
        | "ValidatingAdmissionPolicyBinding"
        | "PodTemplateSpec"
        | "JobTemplateSpec" => put(map, "spec", json!({})),
        "StatefulSetUpdateStrategy" if !map.contains_key("type") => {
            put(map, "rollingUpdate", json!({}));
        }
        "LimitRangeItem" => limits::default(map),
        "DeploymentSpec" | "StatefulSetSpec" | "DaemonSetSpec" => put(map, "template", json!({})),
        "NodeSpec" => keep_in_step(map, "podCIDR", "podCIDRs", None),
        "NodeStatus" => {
            if let Some(capacity) = map.get("capacity").filter(|capacity| !is_nothing(capacity)) {
                let capacity = capacity.clone();
                put(map, "allocatable", capacity);
            }
        }
        "PodStatus" => keep_in_step(map, "podIP", "podIPs", Some("ip")),
        "CronJobSpec" => put(map, "jobTemplate", json!({})),
        "PodSpec" => set_account(map),
        "JobSpec" => set_job(map),
        "Volume" if map.len() == 1 && map.contains_key("name") => {
            put(map, "emptyDir", json!({}));
        }
        "Subject" => {
            let group = match map.get("kind").and_then(Value::as_str) {
                Some("User" | "Group") => "rbac.authorization.k8s.io",
                _ => return,
            };
            put_text(map, "apiGroup", group);
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            put(map, "roleRef", json!({}));
            if let Some(role) = map.get_mut("roleRef").and_then(Value::as_object_mut) {
                put_text(role, "apiGroup", "rbac.authorization.k8s.io");
            }
        }
        "ServiceReference" => put(map, "port", json!(443)),
        "CustomResourceDefinitionNames" => set_names(map),
        "NetworkPolicySpec" => {
            let types = if map.contains_key("egress") {
                json!(["Ingress", "Egress"])
            } else {
                json!(["Ingress"])
            };
            put(map, "policyTypes", types);
        }
        _ => {}
    }
}

/// How pods of a job are counted and replaced.
fn set_job(map: &mut Map<String, Value>) {
    let policy = if map.contains_key("podFailurePolicy") {
        "Failed"
    } else {
        "TerminatingOrFailed"
    };
    put(map, "podReplacementPolicy", json!(policy));
    if map.contains_key("backoffLimitPerIndex") {
        put(map, "backoffLimit", json!(i32::MAX));
    }
    put(map, "template", json!({}));
    if !map.contains_key("completions") && !map.contains_key("parallelism") {
        put(map, "completions", json!(1));
    }
    put(map, "parallelism", json!(1));
}

/// Defaults that depend on other defaults.
fn set_after(object: &Object, map: &mut Map<String, Value>) {
    let owner = &*object.go_name;
    let is = |map: &Map<String, Value>, key: &str, value: &str| {
        map.get(key).is_some_and(|found| found == value)
    };
    match owner {
        "EndpointSlice" => {
            let ports = map.get_mut("ports").and_then(Value::as_array_mut);
            for port in ports.into_iter().flatten() {
                if port["name"].is_null() {
                    port["name"] = "".into();
                }
            }
        }
        "DeploymentStrategy" if is(map, "type", "RollingUpdate") => {
            within(map, "rollingUpdate", "maxUnavailable", json!("25%"));
            within(map, "rollingUpdate", "maxSurge", json!("25%"));
        }
        "DaemonSetUpdateStrategy" if is(map, "type", "RollingUpdate") => {
            within(map, "rollingUpdate", "maxUnavailable", json!(1));
            within(map, "rollingUpdate", "maxSurge", json!(0));
        }
        // Unlike those of the others it is added only where not even the type is said.
        "StatefulSetUpdateStrategy"
            if is(map, "type", "RollingUpdate") && map.contains_key("rollingUpdate") =>
        {
            within(map, "rollingUpdate", "partition", json!(0));
        }
        "ServicePort" => {
            let port = map.get("port").cloned().unwrap_or(json!(0));
            let target = map.get("targetPort");
            if target.is_none_or(|target| *target == 0 || target == "") {
                map.insert("targetPort".to_owned(), port);
            }
        }
        "ServiceSpec" => {
            if is(map, "type", "NodePort") || is(map, "type", "LoadBalancer") {
                put(map, "externalTrafficPolicy", json!("Cluster"));
            }
            if is(map, "type", "LoadBalancer") {
                put(map, "allocateLoadBalancerNodePorts", json!(true));
            }
            if is(map, "sessionAffinity", "ClientIP") {
                let config = json!({ "clientIP": { "timeoutSeconds": 10800 } });
                put(map, "sessionAffinityConfig", config);
            }
        }
        "HorizontalPodAutoscalerSpec"
            if object.fields.contains_key("targetCPUUtilizationPercentage") =>
        {
            put(map, "targetCPUUtilizationPercentage", json!(80));
        }
        "HorizontalPodAutoscalerSpec" => autoscaler::set(map),
        "Pod" => ask_for_limits(map),
        "PodSpec" if map.get("hostNetwork") == Some(&Value::Bool(true)) => host_ports(map),
        _ => {}
    }
}

/// A pod asks for its limits where it does not say what it asks for; a template does not.
fn ask_for_limits(pod: &mut Map<String, Value>) {
    let spec = pod.get_mut("spec").and_then(Value::as_object_mut);
    let Some(spec) = spec else { return };
    for key in ["initContainers", "containers"] {
        let containers = spec.get_mut(key).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let resources = container.get_mut("resources");
            let Some(resources) = resources.and_then(Value::as_object_mut) else {
                continue;
            };
            let limits = resources.get("limits").and_then(Value::as_object).cloned();
            for (name, limit) in limits.into_iter().flatten() {
                within(resources, "requests", &name, limit);
            }
        }
    }
}

/// On the network of its node, a container's port is the node's.
fn host_ports(pod: &mut Map<String, Value>) {
    for key in ["initContainers", "containers"] {
        for container in pod
            .get_mut(key)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            for port in container["ports"].as_array_mut().into_iter().flatten() {
                if let Some(port) = port.as_object_mut() {
                    let own = port.get("containerPort").cloned().unwrap_or_default();
                    put(port, "hostPort", own);
                }
            }
        }
    }
}

/// The account of a pod has an older name, which goes on being told.
fn set_account(spec: &mut Map<String, Value>) {
    let text = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default();
    let name = match text("serviceAccountName") {
        "" => text("serviceAccount"),
        name => name,
    };
    let name = name.to_owned();
    if !name.is_empty() {
        spec.insert("serviceAccount".to_owned(), name.as_str().into());
        spec.insert("serviceAccountName".to_owned(), name.into());
    }
}

/// Singular and list kind follow from the kind.
fn set_names(names: &mut Map<String, Value>) {
    let kind = names
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if !kind.is_empty() {
        put(names, "singular", json!(kind.to_lowercase()));
        put(names, "listKind", json!(format!("{kind}List")));
    }
}

/// Whether an image has no tag, or the tag `latest`.
fn is_latest(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or_default();
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

/// Sets a text that is missing or empty.
fn put_text(map: &mut Map<String, Value>, key: &str, text: &str) {
    if map.get(key).is_none_or(|old| old.is_null() || *old == "") {
        map.insert(key.to_owned(), text.into());
    }
}

fn put(map: &mut Map<String, Value>, key: &str, value: Value) {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), value);
    }
}

fn within(map: &mut Map<String, Value>, key: &str, inner: &str, value: Value) {
    put(map, key, json!({}));
    if let Some(map) = map.get_mut(key).and_then(Value::as_object_mut) {
        put(map, inner, value);
    }
}

/// What older clients know as one value and newer ones as several is there twice: the first, and all
/// of them, each a text or the `within` of an object. The one value wins where they differ.
fn keep_in_step(map: &mut Map<String, Value>, one: &str, all: &str, within: Option<&str>) {
    let first = map.get(one).cloned().unwrap_or_default();
    let items = map.get(all).and_then(Value::as_array);
    let of_all = items.and_then(|items| items.first()).cloned();
    let of_all = match (within, of_all) {
        (Some(key), Some(mut item)) => Some(item[key].take()),
        (_, item) => item,
    };
    match (first.as_str().unwrap_or_default(), of_all) {
        ("", Some(of_all)) => {
            map.insert(one.to_owned(), of_all);
        }
        ("", None) => {}
        (_, Some(of_all)) if of_all == first => {}
        _ => {
            let item = within.map_or_else(|| first.clone(), |key| json!({ key: first }));
            map.insert(all.to_owned(), json!([item]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DEFAULTS;

    /// The table is searched by halves.
    #[test]
    fn the_table_is_in_order() {
        assert!(DEFAULTS.is_sorted_by_key(|(owner, field, _)| (*owner, *field)));
        for (_, _, text) in DEFAULTS {
            assert!(
                serde_json::from_str::<serde_json::Value>(text).is_ok(),
                "{text}"
            );
        }
    }
}
