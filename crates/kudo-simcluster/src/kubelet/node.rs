//! The nodes that all simulated pods run on.

use k8s_openapi::api::core::v1::Node;
use kube::api::{ListParams, Patch};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::{KubeletError, MANAGER, create, patch_params};

/// The first simulated node's name; further ones count on from it: `simulated-2`.
pub const NODE: &str = "simulated";

/// The name of a simulated node, counted from nought.
pub(super) fn name(index: usize) -> String {
    match index {
        0 => NODE.to_owned(),
        index => format!("{NODE}-{}", index + 1),
    }
}

/// Whether a node is a simulated one.
pub(super) fn is_simulated(name: &str) -> bool {
    let rest = name.strip_prefix(NODE);
    rest.is_some_and(|rest| {
        let number = rest.strip_prefix('-').and_then(|n| n.parse::<usize>().ok());
        rest.is_empty() || number.is_some()
    })
}

/// Registers the nodes that are not there already.
pub(super) async fn register(client: &Client, count: usize) -> Result<(), KubeletError> {
    let nodes: Api<Node> = Api::all(client.clone());
    let existing = nodes.list_metadata(&ListParams::default()).await;
    let existing = existing.map_err(failed)?;
    let names: Vec<String> = existing.iter().map(ResourceExt::name_any).collect();
    let real = names.iter().filter(|name| !is_simulated(name));
    let real: Vec<String> = real.cloned().collect();
    if !real.is_empty() {
        return Err(KubeletError::RealNodes { names: real });
    }
    for index in 0..count.max(1) {
        let name = name(index);
        if !names.contains(&name) {
            join(&nodes, &name).await?;
        }
    }
    Ok(())
}

async fn join(nodes: &Api<Node>, name: &str) -> Result<(), KubeletError> {
    if !create(nodes, node(name), MANAGER).await.map_err(failed)? {
        return Ok(());
    }
    // Admission taints a new node as not ready until a controller, which does not run, says so.
    let untainted = json!({ "spec": { "taints": null } });
    let patch = Patch::Merge(&untainted);
    nodes
        .patch(name, &patch_params(MANAGER), &patch)
        .await
        .map_err(failed)?;
    Ok(())
}

fn failed(error: kube::Error) -> KubeletError {
    KubeletError::Node(Box::new(error))
}

fn node(name: &str) -> Value {
    let resources =
        json!({ "cpu": "1000", "memory": "4Ti", "pods": "100000", "ephemeral-storage": "100Ti" });
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "simulate.kudo.dev/node": "true",
            },
        },
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "addresses": [
                { "type": "InternalIP", "address": "127.0.0.1" },
                { "type": "Hostname", "address": name },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_nodes_are_told_from_real_ones() {
        for index in [0, 1, 41] {
            assert!(is_simulated(&name(index)), "{index}");
        }
        for other in [
            "",
            "simulate",
            "simulated-",
            "simulated-x",
            "simulatedness",
            "worker-1",
        ] {
            assert!(!is_simulated(other), "{other}");
        }
    }
}
