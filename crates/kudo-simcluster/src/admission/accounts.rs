//! The account of a pod: it must be there, and the pod gets a token of it and its pull secrets.

use serde_json::{Value, json};

use crate::cluster::Server;

/// The account of pods that name none; every namespace has it.
pub(crate) const DEFAULT_ACCOUNT: &str = "default";
/// Where containers find the token.
const TOKEN_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How the names of volumes with a token begin.
const TOKEN_VOLUME: &str = "kube-api-access-";
/// A pod that a kubelet has of its own.
const MIRROR: &str = "kubernetes.io/config.mirror";

impl Server {
    /// Gives a new pod what its account gives to it.
    pub(super) fn give_account(&self, pod: &mut Value) -> Result<(), String> {
        if !pod["metadata"]["annotations"][MIRROR].is_null() {
            return Ok(());
        }
        let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
        let name = pod["spec"]["serviceAccountName"].as_str();
        let name = name.filter(|name| !name.is_empty());
        let name = name.unwrap_or(DEFAULT_ACCOUNT).to_owned();
        let account = self.store.get("serviceaccounts", namespace, &name);
        let account = account.ok_or_else(|| {
            format!(
                "error looking up service account {namespace}/{name}: serviceaccount {name:?} not found"
            )
        })?;
        let account = account.bare();
        let spec = &mut pod["spec"];
        spec["serviceAccount"] = name.as_str().into();
        spec["serviceAccountName"] = name.into();
        let automounts =
            [&*spec, &account].map(|owner| owner["automountServiceAccountToken"].as_bool());
        if automounts[0].or(automounts[1]) != Some(false) {
            self.mount_token(spec);
        }
        let secrets = &account["imagePullSecrets"];
        let has = |secrets: &Value| secrets.as_array().is_some_and(|list| !list.is_empty());
        if !has(&spec["imagePullSecrets"]) && has(secrets) {
            spec["imagePullSecrets"] = secrets.clone();
        }
        Ok(())
    }

    /// Mounts a token into all containers that have nothing of their own in its place.
    fn mount_token(&self, spec: &mut Value) {
        let volumes = spec["volumes"].as_array().into_iter().flatten();
        let mut names = volumes.filter_map(|volume| volume["name"].as_str());
        let known = names.find(|name| name.starts_with(TOKEN_VOLUME));
        let volume = known.map(ToOwned::to_owned);
        let is_there = volume.is_some();
        let volume = volume.unwrap_or_else(|| format!("{TOKEN_VOLUME}{}", self.chance.suffix()));
        let mut mounted = false;
        for list in ["initContainers", "containers"] {
            let containers = spec.get_mut(list).and_then(Value::as_array_mut);
            let containers = containers.into_iter().flatten();
            for container in containers.filter(|container| container.is_object()) {
                mounted |= mount(container, &volume);
            }
        }
        if mounted && !is_there {
            append(spec, "volumes", token_volume(&volume));
        }
    }
}

/// Mounts a volume with a token into a container, unless something of its own is there.
fn mount(container: &mut Value, volume: &str) -> bool {
    let mounts = container["volumeMounts"].as_array();
    let mut mounts = mounts.into_iter().flatten();
    if mounts.any(|mount| mount["mountPath"] == TOKEN_FOLDER) {
        return false;
    }
    let mount = json!({ "name": volume, "readOnly": true, "mountPath": TOKEN_FOLDER });
    append(container, "volumeMounts", mount);
    true
}

/// Adds an item to a list of an object.
fn append(object: &mut Value, list: &str, item: Value) {
    match &mut object[list] {
        Value::Array(items) => items.push(item),
        nothing => *nothing = json!([item]),
    }
}

fn token_volume(name: &str) -> Value {
    json!({
        "name": name,
        "projected": {
            "defaultMode": 420,
            "sources": [
                { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                {
                    "configMap": {
                        "name": crate::controllers::ROOT_CERTIFICATE,
                        "items": [{ "key": "ca.crt", "path": "ca.crt" }],
                    },
                },
                {
                    "downwardAPI": {
                        "items": [{
                            "path": "namespace",
                            "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" },
                        }],
                    },
                },
            ],
        },
    })
}
