//! Objects that the original applied.

use serde_json::json;

use crate::harness::{World, config_map, deployment, manager_of};

#[tokio::test]
async fn objects_of_the_original_are_taken_over() {
    let Some(world) = World::new().await else {
        return;
    };
    let mut old = deployment("web", 1);
    old["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(
            json!({"name": "sidecar", "image": "busybox", "env": [{"name": "A", "value": "1"}],
            "livenessProbe": {"exec": {"command": ["true"]}}}),
        );
    old["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] =
        json!({"tcpSocket": {"port": 80}});
    old["spec"]["strategy"] = json!({"type": "RollingUpdate"});
    world
        .create_as("manager", &world.as_original(&old).await)
        .await;
    world
        .merge_as(
            "somebody",
            &old,
            json!({"metadata": {"labels": {"theirs": "1"}}}),
        )
        .await;

    let (reads, writes) = (world.meter.reads(), world.meter.writes());
    let mut new = deployment("web", 1);
    new["spec"]["strategy"] = json!({"type": "Recreate"});
    world.apply(&new, "u1").await.unwrap();
    assert!(
        world.meter.writes() - writes <= 3,
        "hand over and apply; on an old server a patch before"
    );
    assert!(
        world.meter.reads() - reads <= 4,
        "discovery, version, list, get"
    );

    let live = world.get("apps/v1", "Deployment", "web").await.unwrap();
    assert_eq!(
        live["metadata"]["annotations"].get("kudo.dev/last-applied-configuration"),
        None
    );
    assert_eq!(live["metadata"]["labels"]["theirs"], "1");
    let spec = &live["spec"]["template"]["spec"];
    assert_eq!(spec["containers"].as_array().unwrap().len(), 1);
    assert_eq!(spec["containers"][0].get("readinessProbe"), None);
    assert_eq!(live["spec"]["strategy"], json!({"type": "Recreate"}));
    assert!(manager_of(&live, "manager", "Update").is_none());

    let writes = world.meter.writes();
    world.apply(&new, "u2").await.unwrap();
    assert_eq!(
        world.meter.writes() - writes,
        1,
        "once taken over, it is an object like any other"
    );
}

#[tokio::test]
async fn a_takeover_that_was_cut_short_goes_on() {
    let Some(world) = World::new().await else {
        return;
    };
    let old = config_map("cm", json!({"a": "1", "old": "2"}));
    let created = world
        .create_as("kudo-0.19", &world.as_original(&old).await)
        .await;
    // Half of it was done: the fields are ours, the annotation is still there.
    let mut managed = created["metadata"]["managedFields"].clone();
    managed[0]["manager"] = json!("kudo-manager");
    managed[0]["operation"] = json!("Apply");
    world
        .merge_as(
            "kudo-manager",
            &old,
            json!({"metadata": {"managedFields": managed}}),
        )
        .await;
    let writes = world.meter.writes();
    world
        .apply(&config_map("cm", json!({"a": "1"})), "original")
        .await
        .unwrap();
    assert_eq!(world.meter.writes() - writes, 1);
    let live = world.get("v1", "ConfigMap", "cm").await.unwrap();
    assert_eq!(live["data"], json!({"a": "1"}));
    assert_eq!(
        live["metadata"]["annotations"].get("kudo.dev/last-applied-configuration"),
        None
    );
}

#[tokio::test]
async fn an_object_without_record_of_its_fields_is_taken_over_too() {
    let Some(world) = World::new().await else {
        return;
    };
    let old = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc"},
        "spec": {"selector": {"app": "x"}, "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}});
    world
        .create_as("manager", &world.as_original(&old).await)
        .await;
    // This is how a server older than 1.18 left it.
    let before = world
        .merge_as("any", &old, json!({"metadata": {"managedFields": [{}]}}))
        .await;
    assert_eq!(before["metadata"].get("managedFields"), None);
    let mut new = old.clone();
    new["spec"]["ports"] = json!([{"name": "a", "port": 80}]);
    world.apply(&new, "u1").await.unwrap();
    let live = world.get("v1", "Service", "svc").await.unwrap();
    assert_eq!(live["spec"]["ports"].as_array().unwrap().len(), 1);
    assert_eq!(live["spec"]["clusterIP"], before["spec"]["clusterIP"]);
    assert_eq!(
        live["metadata"]["annotations"].get("kudo.dev/last-applied-configuration"),
        None
    );
}
