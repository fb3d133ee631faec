//! What controllers and kubelet tell of what they do, and how long it stays.

#![cfg(test)]

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use kudo_simcluster::controllers::{self, Clock, ControllerOptions};
use kudo_simcluster::kubelet::{PodOptions, simulate_pods};
use serde_json::json;

const BEGIN: &str = "2026-01-01T00:00:00Z";

fn cluster() -> SimCluster {
    let begin = BEGIN.parse().unwrap();
    let cluster = SimCluster::start(SimOptions {
        seed: Some(1),
        time: Some(begin),
        ..SimOptions::default()
    });
    let clock = Clock::starting_at(begin);
    let options = ControllerOptions {
        clock,
        ..ControllerOptions::default()
    };
    tokio::spawn(controllers::run(cluster.client(), options));
    let options = PodOptions {
        clock,
        ..PodOptions::default()
    };
    tokio::spawn(simulate_pods(cluster.client(), options));
    cluster
}

fn deployment(replicas: usize) -> Deployment {
    let template = json!({
        "metadata": { "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "main", "image": "web" }] },
    });
    serde_json::from_value(json!({
        "metadata": { "name": "web" },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "web" } },
            "template": template,
        },
    }))
    .unwrap()
}

/// Events about a kind, as `count component reason: message`, without made-up ends of names.
async fn told(client: &Client, kind: &str) -> Vec<String> {
    let events: Api<Event> = Api::default_namespaced(client.clone());
    let params = ListParams::default().fields(&format!("involvedObject.kind={kind}"));
    let mut lines: Vec<String> = Vec::new();
    for event in events.list(&params).await.unwrap() {
        let name = event.involved_object.name.clone().unwrap();
        let message = event.message.unwrap_or_default().replace(&name, "NAME");
        let from = event.reporting_component.unwrap_or_default();
        let (count, reason) = (event.count.unwrap_or(1), event.reason.unwrap_or_default());
        lines.push(format!("{count} {from} {reason}: {message}"));
    }
    lines
}

async fn rest() {
    tokio::time::sleep(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn a_deployment_and_its_pod_are_told_of_for_an_hour() {
    let client = cluster().client();
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let params = PostParams::default();
    deployments.create(&params, &deployment(1)).await.unwrap();
    rest().await;
    let scaled = told(&client, "Deployment").await;
    assert_eq!(scaled.len(), 1, "{scaled:?}");
    let expected = "1 deployment-controller ScalingReplicaSet: Scaled up replica set NAME-";
    assert!(scaled[0].starts_with(expected), "{scaled:?}");
    assert!(scaled[0].ends_with(" from 0 to 1"), "{scaled:?}");
    let pod = [
        "1 default-scheduler Scheduled: Successfully assigned default/NAME to simulated",
        "1 kubelet Pulled: Container image \"web\" already present on machine",
        "1 kubelet Created: Created container: main",
        "1 kubelet Started: Started container main",
    ];
    assert_eq!(told(&client, "Pod").await, pod);

    tokio::time::sleep(Duration::from_mins(50)).await;
    let one_less = json!({ "spec": { "replicas": 0 } });
    let params = PatchParams::default();
    deployments
        .patch("web", &params, &Patch::Merge(one_less))
        .await
        .unwrap();
    rest().await;
    let ending = "1 kubelet Killing: Stopping container main";
    assert_eq!(told(&client, "Pod").await.last().unwrap(), ending);
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(told(&client, "Pod").await, [ending], "the others are gone");
    tokio::time::sleep(Duration::from_mins(50)).await;
    let all: Api<Event> = Api::all(client);
    let left = all.list(&ListParams::default()).await.unwrap().items;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn many_pods_are_told_of_in_few_events() {
    let client = cluster().client();
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let params = PostParams::default();
    deployments.create(&params, &deployment(300)).await.unwrap();
    rest().await;
    let created = told(&client, "ReplicaSet").await;
    assert_eq!(created.len(), 10, "{created:?}");
    let last = created.last().unwrap();
    assert!(
        last.contains("(combined from similar events): Created pod: NAME-"),
        "{last}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_run_tells_the_same() {
    async fn run() -> Vec<(String, Option<String>)> {
        let client = cluster().client();
        let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
        let params = PostParams::default();
        deployments.create(&params, &deployment(3)).await.unwrap();
        rest().await;
        let params = DeleteParams::foreground();
        deployments.delete("web", &params).await.unwrap();
        rest().await;
        let all: Api<Event> = Api::all(client);
        let events = all.list(&ListParams::default()).await.unwrap();
        events
            .into_iter()
            .map(|event| (event.name_any(), event.message))
            .collect()
    }
    let first = run().await;
    assert!(first.len() > 10, "{first:?}");
    assert_eq!(run().await, first);
}
