//! Checks of pods that look at more than one field.

use std::collections::BTreeSet;

use serde_json::Value;

use super::rules::{go_texts, is_nothing, join, port_or_name};
use super::{metadata, names, volumes};
use crate::field_error::FieldError;
use crate::schema::Quantity;

/// Marks a place in the order of checks: what is below the field comes here.
pub(super) fn nothing(_: &Value, _: &str, _: &mut Vec<FieldError>) {}

/// A volume has one source.
pub(super) fn volume(volume: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let sources: Vec<&String> = volume
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "name")
        .map(|(key, _)| key)
        .collect();
    // The server takes `emptyDir` first; any other order is that of the alphabet.
    let first = sources
        .iter()
        .find(|key| **key == "emptyDir")
        .or(sources.first());
    for source in &sources {
        if Some(source) != first {
            let words = "may not specify more than 1 volume type";
            errors.push(FieldError::forbidden(join(path, source), words));
        }
    }
    let needed = [("configMap", "name"), ("secret", "secretName")];
    for (source, field) in needed {
        let found = &volume[source];
        if found.is_object() && found[field].is_null() && Some(&&source.to_owned()) == first {
            let field = join(path, &format!("{source}.{field}"));
            errors.push(FieldError::required(field, ""));
        }
    }
}

pub(super) fn volume_names(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    duplicates(&pod["volumes"], &join(path, "volumes"), errors);
}

/// Names of containers differ.
pub(super) fn container_names(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    duplicates(&pod["containers"], &join(path, "containers"), errors);
}

/// Names of containers that run first differ, from all others too.
pub(super) fn init_container_names(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let names = list(&pod["containers"]).map(|container| &container["name"]);
    let mut seen: Vec<&Value> = names.collect();
    for (index, container) in list(&pod["initContainers"]).enumerate() {
        let name = &container["name"];
        if !is_nothing(name) && seen.contains(&name) {
            let field = join(path, &format!("initContainers[{index}].name"));
            errors.push(FieldError::duplicate(field, name));
        }
        seen.push(name);
    }
}

fn duplicates(items: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, item) in list(items).enumerate() {
        let Some(name) = item["name"].as_str().filter(|name| !name.is_empty()) else {
            continue;
        };
        if !seen.insert(name) {
            let field = format!("{path}[{index}].name");
            errors.push(FieldError::duplicate(field, &item["name"]));
        }
    }
}

/// Mounts and devices name volumes of the pod, each at a path of its own.
pub(super) fn mounts(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let known: BTreeSet<&str> = list(&pod["volumes"])
        .filter_map(|volume| volume["name"].as_str())
        .collect();
    for key in ["containers", "initContainers"] {
        for (index, container) in list(&pod[key]).enumerate() {
            let mut paths = BTreeSet::new();
            for (place, mount) in list(&container["volumeMounts"]).enumerate() {
                let path = join(path, &format!("{key}[{index}].volumeMounts[{place}]"));
                let name = mount["name"].as_str().unwrap_or_default();
                if !name.is_empty() && !known.contains(name) {
                    let field = format!("{path}.name");
                    errors.push(FieldError::not_found(field, &mount["name"]));
                }
                let at = mount["mountPath"].as_str().unwrap_or_default();
                if !at.is_empty() && !paths.insert(at) {
                    let field = format!("{path}.mountPath");
                    let words = "must be unique";
                    errors.push(FieldError::invalid(field, &mount["mountPath"], words));
                }
                for (own, of_device, words) in [
                    ("name", "name", "must not already exist in volumeDevices"),
                    (
                        "mountPath",
                        "devicePath",
                        "must not already exist as a path in volumeDevices",
                    ),
                ] {
                    let mut devices = list(&container["volumeDevices"]);
                    if devices.any(|device| device[of_device] == mount[own]) {
                        let field = format!("{path}.{own}");
                        errors.push(FieldError::invalid(field, &mount[own], words));
                    }
                }
            }
            let path = join(path, &format!("{key}[{index}].volumeDevices"));
            volumes::devices(container, &pod["volumes"], &path, errors);
        }
    }
}

/// Named ports differ, and so do ports of the node.
pub(super) fn ports(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    duplicates(&container["ports"], &join(path, "ports"), errors);
}

/// No two containers want the same port of the node; those that run one after the other may.
pub(super) fn host_ports(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, container) in list(&pod["containers"]).enumerate() {
        for (place, port) in list(&container["ports"]).enumerate() {
            let Some(number) = port["hostPort"].as_i64().filter(|port| *port != 0) else {
                continue;
            };
            let text = |field: &str| port[field].as_str().unwrap_or_default();
            let wanted = format!("{}/{}/{number}", text("protocol"), text("hostIP"));
            if !seen.insert(wanted.clone()) {
                let field = format!("containers[{index}].ports[{place}].hostPort");
                errors.push(FieldError::duplicate(join(path, &field), &wanted.into()));
            }
        }
    }
}

/// On the network of the node, a port is the node's port.
pub(super) fn host_network(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if pod["hostNetwork"] != true {
        return;
    }
    for (index, container) in list(&pod["containers"]).enumerate() {
        for (place, port) in list(&container["ports"]).enumerate() {
            if port["hostPort"] != port["containerPort"] {
                let words = "must match `hostPort` when `hostNetwork` is true";
                let field = format!("containers[{index}].ports[{place}].containerPort");
                let field = join(path, &field);
                errors.push(FieldError::invalid(field, &port["containerPort"], words));
            }
        }
    }
}

/// An image has no space around its name, unless a template brings it.
pub(super) fn image(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let image = container["image"].as_str().unwrap_or_default();
    let is_of_pod = path.starts_with("spec.containers") || path.starts_with("spec.initContainers");
    if is_of_pod && image.trim() != image {
        let words = "must not have leading or trailing whitespace";
        errors.push(FieldError::invalid(
            join(path, "image"),
            &container["image"],
            words,
        ));
    }
}

pub(super) fn termination_message(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &container["terminationMessagePolicy"];
    if policy.is_string() && policy != "File" && policy != "FallbackToLogsOnError" {
        let words = "must be 'File' or 'FallbackToLogsOnError'";
        let field = join(path, "terminationMessagePolicy");
        errors.push(FieldError::invalid(field, policy, words));
    }
}

/// Containers that end before others begin are neither probed nor told.
pub(super) fn init_containers(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, container) in list(&pod["initContainers"]).enumerate() {
        if container["restartPolicy"] == "Always" {
            continue;
        }
        for key in [
            "lifecycle",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
        ] {
            if !container[key].is_null() {
                let words = "may not be set for init containers without restartPolicy=Always";
                let field = join(path, &format!("initContainers[{index}].{key}"));
                errors.push(FieldError::forbidden(field, words));
            }
        }
    }
}

pub(super) fn node_selector(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let selector = &pod["nodeSelector"];
    metadata::labels(selector, &join(path, "nodeSelector"), errors);
}

/// How names are looked up.
pub(super) fn dns(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let config = &pod["dnsConfig"];
    let path = join(path, "dnsConfig");
    let servers = &config["nameservers"];
    if pod["dnsPolicy"] == "None" && is_nothing(servers) {
        if config.is_null() {
            let words = "must provide `dnsConfig` when `dnsPolicy` is None";
            errors.push(FieldError::required(path, words));
        } else {
            let words = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.push(FieldError::required(join(&path, "nameservers"), words));
        }
        return;
    }
    if list(servers).count() > 3 {
        let words = "must not have more than 3 nameservers";
        let field = join(&path, "nameservers");
        errors.push(FieldError::invalid_shown(field, go_texts(servers), words));
    }
    for (index, server) in list(servers).enumerate() {
        let field = join(&path, &format!("nameservers[{index}]"));
        address(server, field, errors);
    }
    for (index, search) in list(&config["searches"]).enumerate() {
        let text = search.as_str().unwrap_or_default();
        for fault in names::subdomain(text.trim_end_matches('.')) {
            let field = join(&path, &format!("searches[{index}]"));
            errors.push(FieldError::invalid(field, search, fault));
        }
    }
    for (index, option) in list(&config["options"]).enumerate() {
        if is_nothing(&option["name"]) {
            let field = join(&path, &format!("options[{index}]"));
            errors.push(FieldError::required(field, "must not be empty"));
        }
    }
}

fn address(value: &Value, field: String, errors: &mut Vec<FieldError>) {
    let text = value.as_str().unwrap_or_default();
    if text.parse::<std::net::IpAddr>().is_err() {
        errors.push(FieldError::invalid(
            field,
            value,
            "must be valid IP address",
        ));
    }
}

pub(super) fn host_aliases(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let path = join(path, "hostAliases");
    for alias in list(&pod["hostAliases"]) {
        address(&alias["ip"], join(&path, "ip"), errors);
        for name in list(&alias["hostnames"]) {
            for fault in names::subdomain(name.as_str().unwrap_or_default()) {
                errors.push(FieldError::invalid(join(&path, "hostnames"), name, fault));
            }
        }
    }
}

pub(super) fn deadline(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let seconds = &pod["activeDeadlineSeconds"];
    let fits = |seconds: i64| (1..=i64::from(i32::MAX)).contains(&seconds);
    if seconds.as_i64().is_some_and(|seconds| !fits(seconds)) {
        let words = "must be between 1 and 2147483647, inclusive";
        let field = join(path, "activeDeadlineSeconds");
        errors.push(FieldError::invalid(field, seconds, words));
    }
}

pub(super) fn http_headers(action: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for header in list(&action["httpHeaders"]) {
        for fault in names::http_header(header["name"].as_str().unwrap_or_default()) {
            let field = join(path, "httpHeaders");
            errors.push(FieldError::invalid(field, &header["name"], fault));
        }
    }
}

/// Variables of a whole config map or secret.
pub(super) fn env_from(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let all = join(path, "envFrom");
    for (index, source) in list(&container["envFrom"]).enumerate() {
        let own = format!("{all}[{index}]");
        let prefix = source["prefix"].as_str().unwrap_or_default();
        if !prefix.is_empty() {
            for fault in names::env_name(prefix) {
                let field = join(&own, "prefix");
                errors.push(FieldError::invalid(field, &source["prefix"], fault));
            }
        }
        let mut sources = 0;
        for key in ["configMapRef", "secretRef"] {
            if source[key].is_null() {
                continue;
            }
            sources += 1;
            let name = &source[key]["name"];
            for fault in names::subdomain(name.as_str().unwrap_or_default()) {
                errors.push(FieldError::invalid(
                    format!("{own}.{key}.name"),
                    name,
                    fault,
                ));
            }
        }
        let words = match sources {
            0 => "must specify one of: `configMapRef` or `secretRef`",
            1 => continue,
            _ => "may not have more than one field specified at a time",
        };
        errors.push(FieldError::invalid(all.as_str(), &"".into(), words));
    }
}

/// What a variable may be taken from: fields of the pod.
const ENV_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields of a pod that can be named, but not all of them for everything.
const OTHER_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "spec.restartPolicy",
    "spec.schedulerName",
    "status.phase",
];

/// Fields of a pod that a file may be made of.
pub(super) const FILE_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

fn field_for_variable(from: &Value, path: &str, errors: &mut Vec<FieldError>) {
    field_of_pod(from, ENV_FIELDS, path, errors);
}

/// A field of the pod, and one of those allowed.
pub(super) fn field_of_pod(
    from: &Value,
    allowed: &[&str],
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    let text = |field: &str| from[field].as_str().unwrap_or_default();
    let (version, named) = (text("apiVersion"), text("fieldPath"));
    let field = join(path, "fieldPath");
    if named.is_empty() {
        errors.push(FieldError::required(field, ""));
        return;
    }
    let (whole, subscript) = match named.split_once("['") {
        Some((whole, rest)) => (whole, rest.strip_suffix("']")),
        None => (named, None),
    };
    let is_known = ENV_FIELDS.contains(&whole) || OTHER_FIELDS.contains(&whole);
    if version != "v1" || !is_known {
        let problem = if version == "v1" {
            format!("field label not supported: {named}")
        } else {
            format!("unsupported pod version: {version}")
        };
        let words = format!("error converting fieldPath: {problem}");
        errors.push(FieldError::invalid(field, &from["fieldPath"], words));
        return;
    }
    match subscript {
        Some(key) if ["metadata.annotations", "metadata.labels"].contains(&whole) => {
            for fault in names::qualified(key) {
                errors.push(FieldError::invalid(path, &key.into(), fault));
            }
        }
        Some(_) => {
            let words = "does not support subscript";
            errors.push(FieldError::invalid(path, &whole.into(), words));
        }
        None if !allowed.contains(&whole) => {
            errors.push(FieldError::not_supported(field, &whole.into(), allowed));
        }
        None => {}
    }
}

/// What a variable may be taken from: amounts of the container.
const ENV_RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// An amount of a container.
pub(super) fn amount_of_container(from: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let resource = from["resource"].as_str().unwrap_or_default();
    if resource.is_empty() {
        errors.push(FieldError::required(join(path, "resource"), ""));
        return;
    }
    let is_huge = |name: &str| {
        name.split_once('.')
            .is_some_and(|(_, n)| n.starts_with("hugepages-"))
    };
    if !ENV_RESOURCES.contains(&resource) && !is_huge(resource) {
        let field = join(path, "resource");
        errors.push(FieldError::not_supported(
            field,
            &resource.into(),
            ENV_RESOURCES,
        ));
        return;
    }
    let divisor = from["divisor"].as_str().unwrap_or("0");
    let name = resource.split('.').nth(1).unwrap_or_default();
    let (allowed, shown): (&[&str], &str) = if name == "cpu" {
        (&["1m", "1"], "1m and 1")
    } else {
        (
            &[
                "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
            ],
            "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei",
        )
    };
    if divisor != "0" && !allowed.contains(&divisor) {
        let words = format!("only divisor's values {shown} are supported with the {name} resource");
        errors.push(FieldError::invalid(
            join(path, "divisor"),
            &resource.into(),
            words,
        ));
    }
}

/// A variable has a value or a source, and the source is one.
pub(super) fn env(variable: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(from) = variable["valueFrom"].as_object() else {
        return;
    };
    let field = join(path, "valueFrom");
    let nothing = Value::from("");
    for (key, check) in [
        (
            "fieldRef",
            field_for_variable as fn(&Value, &str, &mut Vec<FieldError>),
        ),
        ("resourceFieldRef", amount_of_container),
    ] {
        if let Some(source) = from.get(key).filter(|source| !source.is_null()) {
            check(source, &join(&field, key), errors);
        }
    }
    let value = variable["value"].as_str().unwrap_or_default();
    let words = match (value.is_empty(), from.len()) {
        (false, _) => "may not be specified when `value` is not empty",
        (true, 0) => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or \
             `secretKeyRef`"
        }
        (true, 1) => return,
        (true, _) => "may not have more than one field specified at a time",
    };
    errors.push(FieldError::invalid(field, &nothing, words));
}

/// A probe has one handler.
pub(super) fn handler(probe: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let handlers: Vec<&str> = ["exec", "httpGet", "tcpSocket", "grpc"]
        .into_iter()
        .filter(|key| !probe[*key].is_null())
        .collect();
    if handlers.is_empty() {
        let words = "must specify a handler type";
        errors.push(FieldError::required(path, words));
    }
    for key in handlers.iter().skip(1) {
        let words = "may not specify more than 1 handler type";
        errors.push(FieldError::forbidden(join(path, key), words));
    }
}

/// A container that is alive or has started is so after one success.
pub(super) fn liveness(container: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for key in ["livenessProbe", "startupProbe"] {
        let threshold = &container[key]["successThreshold"];
        if threshold.is_i64() && *threshold != 1 {
            let field = join(path, &format!("{key}.successThreshold"));
            errors.push(FieldError::invalid(field, threshold, "must be 1"));
        }
    }
}

pub(super) fn probe_port(action: &Value, path: &str, errors: &mut Vec<FieldError>) {
    port_or_name(&action["port"], &join(path, "port"), errors);
}

/// Amounts are not negative, and requests stay within limits.
pub(super) fn resources(resources: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for side in ["limits", "requests"] {
        for (name, amount) in resources[side].as_object().into_iter().flatten() {
            let Some(quantity) = quantity(amount) else {
                continue;
            };
            let field = join(path, &format!("{side}[{name}]"));
            unknown_resource(name, &field, errors);
            if quantity.is_negative() {
                let words = "must be greater than or equal to 0";
                errors.push(FieldError::invalid(field.clone(), amount, words));
            }
            if is_extended(name) && !quantity.is_whole() {
                errors.push(FieldError::invalid(field, amount, "must be an integer"));
            }
            if side == "requests" {
                let limit = self::quantity(&resources["limits"][name.as_str()]);
                within_limit(name, amount, (quantity, limit), path, errors);
            }
        }
    }
    let asks_for = |wanted: &dyn Fn(&str) -> bool| {
        let sides = ["limits", "requests"].iter();
        let mut amounts = sides.flat_map(|side| resources[*side].as_object().into_iter().flatten());
        amounts.any(|(name, _)| wanted(name))
    };
    if asks_for(&|name| name.starts_with("hugepages-"))
        && !asks_for(&|name| name == "cpu" || name == "memory")
    {
        let words = "HugePages require cpu or memory";
        errors.push(FieldError::forbidden(path, words));
    }
}

/// Whether a resource is none of Kubernetes' own.
fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

/// What is asked for is no more than the limit, and just that of what cannot be shared.
fn within_limit(
    name: &str,
    amount: &Value,
    (asked, limit): (Quantity, Option<Quantity>),
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    let is_shared = !is_extended(name) && !name.starts_with("hugepages-");
    let relation = match limit {
        None if is_shared => return,
        None => {
            let words = "Limit must be set for non overcommitable resources";
            errors.push(FieldError::required(join(path, "limits"), words));
            return;
        }
        Some(limit) if is_shared && asked > limit => "less than or equal to",
        Some(limit) if !is_shared && asked != limit => "equal to",
        Some(_) => return,
    };
    let words = format!("must be {relation} {name} limit");
    errors.push(FieldError::invalid(join(path, "requests"), amount, words));
}

/// A resource without a domain must be one that containers have.
fn unknown_resource(name: &str, field: &str, errors: &mut Vec<FieldError>) {
    if is_extended(name) {
        let faults = names::qualified(name);
        let is_ill_formed = !faults.is_empty();
        for fault in faults {
            errors.push(FieldError::invalid(field, &name.into(), fault));
        }
        if is_ill_formed {
            let words = "doesn't follow extended resource name standard";
            errors.push(FieldError::invalid(field, &name.into(), words));
        }
    }
    let known = ["cpu", "memory", "ephemeral-storage"].contains(&name);
    if known || name.contains('/') || name.starts_with("hugepages-") {
        return;
    }
    let name = Value::from(name);
    for words in [
        "must be a standard resource type or fully qualified",
        "must be a standard resource for containers",
    ] {
        errors.push(FieldError::invalid(field, &name, words));
    }
}

pub(super) fn quantity(value: &Value) -> Option<Quantity> {
    Quantity::parse(value.as_str()?).ok()
}

/// Pods of most workloads are always started again.
fn always_restarts(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &spec["template"]["spec"]["restartPolicy"];
    if policy.is_string() && *policy != "Always" {
        let field = join(path, "template.spec.restartPolicy");
        errors.push(FieldError::not_supported(field, policy, &["Always"]));
    }
}

/// They have no deadline either.
fn runs_for_ever(spec: &Value, path: &str, kind: &str, errors: &mut Vec<FieldError>) {
    always_restarts(spec, path, errors);
    if !spec["template"]["spec"]["activeDeadlineSeconds"].is_null() {
        let words = format!("activeDeadlineSeconds in {kind} is not Supported");
        let field = join(path, "template.spec.activeDeadlineSeconds");
        errors.push(FieldError::forbidden(field, words));
    }
}

pub(super) fn always_in_replica_set(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    runs_for_ever(spec, path, "ReplicaSet", errors);
}

pub(super) fn always_in_stateful_set(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    runs_for_ever(spec, path, "StatefulSet", errors);
}

pub(super) fn always_in_daemon_set(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    runs_for_ever(spec, path, "DaemonSet", errors);
}

/// Pods of jobs are not.
pub(super) fn job_restarts(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &spec["template"]["spec"]["restartPolicy"];
    let field = join(path, "template.spec.restartPolicy");
    match policy.as_str() {
        Some("OnFailure" | "Never") => {}
        // What is no policy at all has been told already.
        Some(other) if other != "Always" => {}
        _ => {
            let words = "valid values: \"OnFailure\", \"Never\"";
            errors.push(FieldError::required(field, words));
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
