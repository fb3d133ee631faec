//! The simulated kubelet against a real API server and its workload controllers.

#![cfg(test)]

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use kudo_simcluster::control_plane::{ControlPlane, ControlPlaneOptions};
use kudo_simcluster::kubelet::{OUTCOME_ANNOTATION, PodOptions, simulate_pods};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const NAMESPACE: &str = "default";

fn api<K>(client: &Client) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::namespaced(client.clone(), NAMESPACE)
}

async fn create<K>(client: &Client, object: Value)
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K: Clone + std::fmt::Debug + Serialize + DeserializeOwned,
    K::DynamicType: Default,
{
    let object: K = serde_json::from_value(object).unwrap();
    api::<K>(client)
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let start = Instant::now();
    while !holds().await {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "timed out: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eprintln!("{what}: {:?}", start.elapsed());
}

/// Whether the value at the path of an object's status is the one expected.
async fn reads<K>(client: &Client, name: &str, path: &str, expected: Value) -> bool
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K: Clone + std::fmt::Debug + Serialize + DeserializeOwned,
    K::DynamicType: Default,
{
    let object = api::<K>(client).get_opt(name).await.unwrap();
    let object = serde_json::to_value(object).unwrap();
    object.pointer(path).is_some_and(|value| *value == expected)
}

fn workload(kind: &str, name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": { "name": name },
        "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": {
                    "initContainers": [{ "name": "prepare", "image": "busybox" }],
                    "containers": [{ "name": "main", "image": image }],
                },
            },
        },
    })
}

fn job(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": name },
        "spec": { "backoffLimit": 0, "template": { "spec": {
            "restartPolicy": "Never",
            "containers": [{ "name": "main", "image": image }],
        }}},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workloads_become_ready_and_go() {
    let control_plane = ControlPlane::start(ControlPlaneOptions::default())
        .await
        .unwrap();
    let client = &control_plane.client().await.unwrap();
    let kubelet = tokio::spawn(simulate_pods(client.clone(), PodOptions::default()));

    let mut set = workload("StatefulSet", "set", "nginx");
    set["spec"]["replicas"] = 3.into();
    set["spec"]["serviceName"] = "set".into();
    set["spec"]["volumeClaimTemplates"] = json!([{
        "metadata": { "name": "data" },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Gi" } },
        },
    }]);
    create::<StatefulSet>(client, set).await;
    until("three pods of a StatefulSet are ready", || {
        reads::<StatefulSet>(client, "set", "/status/readyReplicas", 3.into())
    })
    .await;
    assert!(
        reads::<PersistentVolumeClaim>(client, "data-set-2", "/status/phase", "Bound".into()).await
    );

    create::<Deployment>(client, workload("Deployment", "deploy", "nginx")).await;
    until("a Deployment is available", || {
        reads::<Deployment>(client, "deploy", "/status/availableReplicas", 1.into())
    })
    .await;
    create::<DaemonSet>(client, workload("DaemonSet", "daemon", "nginx")).await;
    until("a DaemonSet is ready", || {
        reads::<DaemonSet>(client, "daemon", "/status/numberReady", 1.into())
    })
    .await;

    create::<Job>(client, job("good", "busybox")).await;
    until("a Job completes", || {
        reads::<Job>(client, "good", "/status/succeeded", 1.into())
    })
    .await;
    create::<Job>(client, job("bad", "simulate.kudo.dev/fail:1")).await;
    until("a Job fails", || {
        reads::<Job>(client, "bad", "/status/conditions/0/type", "Failed".into())
    })
    .await;

    let outcome =
        |outcome: &str| json!({ "metadata": { "annotations": { OUTCOME_ANNOTATION: outcome } } });
    let patch = outcome("never-ready");
    let params = PatchParams::default();
    api::<Pod>(client)
        .patch("set-1", &params, &Patch::Merge(&patch))
        .await
        .unwrap();
    until("a living pod becomes unready", || {
        reads::<StatefulSet>(client, "set", "/status/readyReplicas", 2.into())
    })
    .await;
    let patch = outcome("ready");
    api::<Pod>(client)
        .patch("set-1", &params, &Patch::Merge(&patch))
        .await
        .unwrap();
    until("and ready again", || {
        reads::<StatefulSet>(client, "set", "/status/readyReplicas", 3.into())
    })
    .await;

    api::<StatefulSet>(client)
        .delete("set", &DeleteParams::foreground())
        .await
        .unwrap();
    until("a StatefulSet is deleted in the foreground", || async {
        let gone = api::<StatefulSet>(client)
            .get_opt("set")
            .await
            .unwrap()
            .is_none();
        let label = ListParams::default().labels("app=set");
        gone && api::<Pod>(client)
            .list(&label)
            .await
            .unwrap()
            .items
            .is_empty()
    })
    .await;

    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "n" } });
    let namespace = serde_json::from_value(namespace).unwrap();
    namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
    namespaces
        .delete("n", &DeleteParams::default())
        .await
        .unwrap();
    until("a namespace is deleted", || async {
        namespaces.get_opt("n").await.unwrap().is_none()
    })
    .await;
    assert!(!kubelet.is_finished());
}
