//! What two servers' objects have in common: no uids, times, versions, hashes, addresses, random names.

use std::collections::BTreeMap;

use kube::Client;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::compare::{KINDS, api};

/// What newer controllers write and those of 1.20 do not, and what no two runs have in common.
const FIELDS: [&str; 11] = [
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uncountedTerminatedPods",
    "clusterIP",
    "clusterIPs",
    "apps.kubernetes.io/pod-index",
    "endpoints.kubernetes.io/last-change-trigger-time",
    "containerID",
    "kubernetes.io/description",
    "volume.kubernetes.io/storage-provisioner",
];

/// All objects of a namespace, one field a line.
pub(crate) async fn snapshot(client: &Client, namespace: &str) -> Vec<String> {
    let mut objects = Vec::new();
    for (.., kind, _) in KINDS {
        let list = api(client, kind, namespace)
            .list(&ListParams::default())
            .await
            .unwrap();
        for object in list {
            let mut object = serde_json::to_value(object).unwrap();
            object["kind"] = kind.into();
            objects.push(object);
        }
    }
    let names = names(&objects);
    let renamed = |text: String| {
        names
            .iter()
            .fold(text, |text, (from, to)| text.replace(from, to))
    };
    let mut lines = Vec::new();
    for mut object in objects {
        clean(&mut object);
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        if kind == "ReplicaSet" {
            // How many writes it took to scale a set is a matter of pace.
            object["metadata"]["generation"] = Value::Null;
            object["status"]["observedGeneration"] = Value::Null;
        }
        if kind == "ServiceAccount" {
            // A token that newer servers do not make.
            object["secrets"] = Value::Null;
        }
        if kind == "Job" {
            only_old_conditions(&mut object);
        }
        if kind == "Endpoints" {
            // They are in order of address, and which pod has which is chance.
            for subset in object["subsets"].as_array_mut().into_iter().flatten() {
                for list in ["addresses", "notReadyAddresses"] {
                    if let Some(list) = subset[list].as_array_mut() {
                        list.sort_by_cached_key(|address| renamed(address.to_string()));
                    }
                }
            }
        }
        let mut own = Vec::new();
        flatten(&object, "", &mut own);
        let text = renamed(own.join("\n"));
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let name = renamed(name.to_owned());
        lines.extend(text.lines().map(|line| format!("{kind} {name} {line}")));
    }
    lines.sort();
    lines
}

/// Chance strings and what stands for them, the longest first.
fn names(objects: &[Value]) -> Vec<(String, String)> {
    let mut names = BTreeMap::new();
    for object in objects {
        let meta = &object["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&meta["name"]);
        names.insert(
            text(&meta["uid"]),
            format!("<uid of {} {name}>", text(&object["kind"])),
        );
        match object["kind"].as_str() {
            Some("ReplicaSet") if !meta["labels"]["pod-template-hash"].is_null() => {
                let hash = text(&meta["labels"]["pod-template-hash"]);
                let revision = text(&meta["annotations"]["deployment.kubernetes.io/revision"]);
                names.insert(hash, format!("<hash {revision}>"));
            }
            Some("ControllerRevision") => {
                let hash = name.rsplit('-').next().unwrap_or_default().to_owned();
                names.insert(hash, format!("<hash {}>", object["revision"]));
            }
            Some("Pod") => {
                let numbered = meta["ownerReferences"][0]["kind"] == "StatefulSet";
                if let Some(prefix) = meta["generateName"].as_str().filter(|_| !numbered) {
                    names.insert(name.clone(), format!("{prefix}*"));
                }
                names.insert(text(&object["status"]["podIP"]), "<address>".to_owned());
                let volumes = object["spec"]["volumes"].as_array().into_iter().flatten();
                for volume in volumes.map(|volume| text(&volume["name"])) {
                    if volume.starts_with("kube-api-access-") {
                        names.insert(volume, "<token>".to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    names.remove("");
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
    // A name that stands for a uid holds names itself.
    let all = names.clone();
    for (_, to) in &mut names {
        if to.starts_with("<uid") {
            *to = all
                .iter()
                .fold(to.clone(), |to, (from, name)| to.replace(from, name));
        }
    }
    names
}

fn clean(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| {
                let time =
                    name.ends_with("Time") || name.ends_with("Timestamp") || name.ends_with("At");
                !time && !FIELDS.contains(&name.as_str()) && !value.is_null()
            });
            fields.values_mut().for_each(clean);
            fields.retain(|name, value| name != "annotations" || *value != json!({}));
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        _ => {}
    }
}

/// Newer job controllers say why, and say it twice.
fn only_old_conditions(job: &mut Value) {
    let Some(conditions) = job["status"]["conditions"].as_array_mut() else {
        return;
    };
    conditions.retain(|c| c["type"] == "Complete" || c["type"] == "Failed");
    for condition in conditions {
        if condition["type"] == "Complete" {
            condition["reason"] = Value::Null;
            condition["message"] = Value::Null;
        }
    }
}

fn flatten(value: &Value, path: &str, lines: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                flatten(value, &format!("{path}.{name}"), lines);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            // Conditions by their type: their order is a matter of history.
            for (index, item) in items.iter().enumerate() {
                let index = item["type"]
                    .as_str()
                    .map_or_else(|| index.to_string(), ToOwned::to_owned);
                flatten(item, &format!("{path}[{index}]"), lines);
            }
        }
        scalar => lines.push(format!("{path} = {scalar}")),
    }
}
