//! Checks of pods that look at more than one field.

use std::collections::BTreeSet;

use serde_json::Value;

use super::check::{go_texts, is_nothing, join, list, one_of};
use super::{metadata, names, volumes};
use crate::field_error::FieldError;

/// Marks a place in the order of checks: what is below the field comes here.
pub(super) fn nothing(_: &Value, _: &str, _: &mut Vec<FieldError>) {}

/// Sources of volumes in the order in which a server looks at them.
const VOLUME_SOURCES: &[&str] = &[
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];

/// A volume has one source.
pub(super) fn volume(volume: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let said = |source: &&&str| !volume[**source].is_null();
    let sources: Vec<&&str> = VOLUME_SOURCES.iter().filter(said).collect();
    let first = sources.first();
    for source in &sources {
        if Some(source) != first {
            let words = "may not specify more than 1 volume type";
            errors.push(FieldError::forbidden(join(path, source), words));
        }
    }
    let needed = [("configMap", "name"), ("secret", "secretName")];
    for (source, field) in needed {
        let found = &volume[source];
        if found.is_object()
            && found[field].is_null()
            && first.is_some_and(|first| **first == source)
        {
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

pub(super) fn duplicates(items: &Value, path: &str, errors: &mut Vec<FieldError>) {
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
    // A volume that something is wrong with is none.
    let is_sound = |index: usize| {
        let field = join(path, &format!("volumes[{index}]"));
        !errors.iter().any(|error| error.field.starts_with(&field))
    };
    let known: BTreeSet<&str> = list(&pod["volumes"])
        .enumerate()
        .filter(|(index, _)| is_sound(*index))
        .filter_map(|(_, volume)| volume["name"].as_str())
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

/// What a container of its own policy does when it ends: only one that begins before the others has one.
pub(super) fn restarts_of_containers(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, container) in list(&pod["containers"]).enumerate() {
        if !container["restartPolicy"].is_null() {
            let field = join(path, &format!("containers[{index}].restartPolicy"));
            errors.push(FieldError::forbidden(
                field,
                "may not be set for non-init containers",
            ));
        }
    }
    for (index, container) in list(&pod["initContainers"]).enumerate() {
        let field = join(path, &format!("initContainers[{index}].restartPolicy"));
        one_of(&container["restartPolicy"], &field, &["Always"], errors);
    }
}

/// The operating system that a pod is for.
pub(super) fn system(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let system = &pod["os"];
    if system.is_null() {
        return;
    }
    let field = join(path, "os.name");
    match system["name"].as_str().unwrap_or_default() {
        "" => errors.push(FieldError::required(field, "")),
        _ => one_of(&system["name"], &field, &["linux", "windows"], errors),
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
