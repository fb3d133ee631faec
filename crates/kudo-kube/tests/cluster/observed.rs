//! The store of observed objects: what it tells, and when.

use std::task::Poll;
use std::time::Duration;

use kudo_kube::InstanceKey;
use kudo_kube::readiness::Readiness;
use serde_json::json;

use crate::harness::{World, config_map, deployment, soon};

#[tokio::test]
async fn only_our_objects_are_known() {
    let Some(world) = World::new().await else {
        return;
    };
    let mut plain = config_map("plain", json!({}));
    plain["metadata"]["namespace"] = json!(world.namespace);
    world.create_as("somebody", &plain).await;
    world
        .apply(&config_map("ours", json!({})), "u1")
        .await
        .unwrap();
    let again = world.restarted().await;
    let kind = again.kind("v1", "ConfigMap").await;
    again.cluster.observed.ensure(&kind).await.unwrap();
    let observed = &again.cluster.observed;
    assert!(
        observed
            .get(&again.key("v1", "ConfigMap", "plain"))
            .is_none()
    );
    let record = observed.get(&again.key("v1", "ConfigMap", "ours")).unwrap();
    assert!(record.is_owned_by(&again.instance_uid));
    assert_eq!(record.applied_by.unwrap().execution.as_ref(), "u1");
}

#[tokio::test]
async fn readiness_follows_what_runs() {
    let Some(world) = World::new().await else {
        return;
    };
    let observed = world.cluster.observed.clone();
    for (api_version, kind) in [
        ("apps/v1", "Deployment"),
        ("apps/v1", "ReplicaSet"),
        ("v1", "Pod"),
    ] {
        observed
            .ensure(&world.kind(api_version, kind).await)
            .await
            .unwrap();
    }
    let instance = InstanceKey::new(&world.namespace, "inst");
    let mut changes = observed.changes();
    assert_eq!(observed.readiness(&instance), Readiness::Ready);
    world.apply(&deployment("web", 2), "u1").await.unwrap();
    let Readiness::NotReady(message) = observed.readiness(&instance) else {
        panic!("ready too early");
    };
    assert!(
        message.contains("waiting for Deployment \"web\": "),
        "{message}"
    );
    soon("ready", async {
        loop {
            let told = changes.next().await;
            if told == instance && observed.readiness(&instance) == Readiness::Ready {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn who_waits_is_woken_and_who_gave_up_leaves_nothing() {
    let Some(world) = World::new().await else {
        return;
    };
    let kind = world.kind("v1", "ConfigMap").await;
    let observed = world.cluster.observed.clone();
    observed.ensure(&kind).await.unwrap();
    let key = world.key("v1", "ConfigMap", "late");
    let appears = || {
        observed.wait(&key, |record| match record {
            Some(record) => Poll::Ready(record.uid.clone()),
            None => Poll::Pending,
        })
    };
    let given_up = tokio::time::timeout(Duration::from_millis(50), appears()).await;
    assert!(given_up.is_err());
    let other = world.restarted().await;
    let late = config_map("late", json!({}));
    let (uid, applied) = soon("it appears", async {
        tokio::join!(appears(), other.apply(&late, "u1"))
    })
    .await;
    applied.unwrap();
    assert!(!uid.is_empty());
}
