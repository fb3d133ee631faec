//! The one node that all simulated pods run on.

use k8s_openapi::api::core::v1::Node;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::KubeletError;

/// The simulated node's name.
pub const NODE: &str = "simulated";

/// Registers the node unless it is there already.
pub(super) async fn register(client: &Client) -> Result<(), KubeletError> {
    let nodes: Api<Node> = Api::all(client.clone());
    let failed = |error: kube::Error| KubeletError::Node(Box::new(error));
    let existing = nodes
        .list_metadata(&ListParams::default())
        .await
        .map_err(failed)?;
    let names: Vec<String> = existing.iter().map(ResourceExt::name_any).collect();
    if names.iter().any(|name| name == NODE) {
        return Ok(());
    }
    if !names.is_empty() {
        return Err(KubeletError::RealNodes { names });
    }
    let node = serde_json::from_value(node())
        .map_err(kube::Error::SerdeError)
        .map_err(failed)?;
    match nodes.create(&PostParams::default(), &node).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.is_already_exists() => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    // Admission taints a new node as not ready until a controller, which does not run, says so.
    let untainted = json!({ "spec": { "taints": null } });
    let patch = Patch::Merge(&untainted);
    nodes
        .patch(NODE, &PatchParams::default(), &patch)
        .await
        .map_err(failed)?;
    Ok(())
}

fn node() -> Value {
    let resources =
        json!({ "cpu": "1000", "memory": "4Ti", "pods": "100000", "ephemeral-storage": "100Ti" });
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": NODE,
            "labels": {
                "kubernetes.io/hostname": NODE,
                "kubernetes.io/os": "linux",
                "simulate.kudo.dev/node": "true",
            },
        },
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "addresses": [
                { "type": "InternalIP", "address": "127.0.0.1" },
                { "type": "Hostname", "address": NODE },
            ],
            "conditions": [{
                "type": "Ready",
                "status": "True",
                "reason": "Simulated",
                "message": "pods on this node are simulated",
            }],
            "nodeInfo": {
                "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "simulated://1",
                "kernelVersion": "", "kubeProxyVersion": "", "kubeletVersion": "simulated",
                "machineID": "", "operatingSystem": "linux", "osImage": "", "systemUUID": "",
            },
        },
    })
}
