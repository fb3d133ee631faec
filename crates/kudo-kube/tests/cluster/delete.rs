//! Deleting: what goes, what is waited for, what is left alone.

use std::time::Duration;

use kudo_kube::Gvk;
use kudo_kube::delete::{Deleted, Owner, Target, delete};
use serde_json::json;

use crate::harness::{World, config_map, deployment, soon};

fn target(world: &World, group: &str, version: &str, kind: &str, name: &str) -> Target {
    Target {
        kind: Gvk::gvk(group, version, kind),
        namespace: world.namespace.clone(),
        name: name.to_owned(),
        owner: None,
    }
}

#[tokio::test]
async fn a_deployment_is_gone_only_when_its_pods_are() {
    let Some(world) = World::new().await else {
        return;
    };
    world.apply(&deployment("web", 2), "u1").await.unwrap();
    let pods = world.api("v1", "Pod").await;
    soon("pods appear", async {
        while pods
            .list(&kube::api::ListParams::default())
            .await
            .unwrap()
            .items
            .len()
            < 2
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let target = target(&world, "apps", "v1", "Deployment", "web");
    let deleted = soon("the deployment goes", delete(&world.cluster, &target)).await;
    assert_eq!(deleted.unwrap(), Deleted::Gone);
    assert_eq!(
        pods.list(&kube::api::ListParams::default())
            .await
            .unwrap()
            .items
            .len(),
        0
    );
    assert_eq!(
        delete(&world.cluster, &target).await.unwrap(),
        Deleted::Absent
    );
}

#[tokio::test]
async fn what_is_not_there_or_not_known_is_fine() {
    let Some(world) = World::new().await else {
        return;
    };
    for target in [
        target(&world, "", "v1", "ConfigMap", "absent"),
        target(&world, "example.com", "v1", "Nothing", "x"),
        target(&world, "apps", "v9", "Deployment", "x"),
    ] {
        assert_eq!(
            delete(&world.cluster, &target).await.unwrap(),
            Deleted::Absent
        );
    }
}

#[tokio::test]
async fn objects_without_our_labels_go_too() {
    let Some(world) = World::new().await else {
        return;
    };
    let mut object = config_map("plain", json!({}));
    object["metadata"]["namespace"] = json!(world.namespace);
    object["metadata"]["finalizers"] = json!(["example.com/wait"]);
    world.create_as("somebody", &object).await;
    let target = target(&world, "", "v1", "ConfigMap", "plain");
    let other = config_map("other", json!({}));
    let release = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let reads = world.meter.reads();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(world.meter.reads(), reads, "it is watched, not looked at");
        // What happens to others is nothing to the one that is waited for.
        world.create_as("somebody", &other).await;
        world.delete(&other).await;
        assert!(
            world.get("v1", "ConfigMap", "plain").await.is_some(),
            "finalizers are respected"
        );
        world
            .merge_as(
                "somebody",
                &object,
                json!({"metadata": {"finalizers": null}}),
            )
            .await;
    };
    let (deleted, ()) = soon("it goes", async {
        tokio::join!(delete(&world.cluster, &target), release)
    })
    .await;
    assert_eq!(deleted.unwrap(), Deleted::Gone);
    assert!(world.get("v1", "ConfigMap", "plain").await.is_none());
}

#[tokio::test]
async fn only_what_the_instance_owns_goes_by_its_record() {
    let Some(world) = World::new().await else {
        return;
    };
    world
        .apply(&config_map("ours", json!({})), "u1")
        .await
        .unwrap();
    let mut kept = config_map("kept", json!({}));
    kept["metadata"]["annotations"] = json!({"kudo.dev/prune": "false"});
    world.apply(&kept, "u1").await.unwrap();
    world
        .create_as("somebody", &{
            let mut theirs = config_map("theirs", json!({}));
            theirs["metadata"]["labels"] = json!({"heritage": "kudo", "kudo.dev/instance": "inst"});
            theirs
        })
        .await;
    let of = |name: &str, uid: &str| Target {
        owner: Some(Owner {
            name: "inst".to_owned(),
            uid: uid.to_owned(),
        }),
        ..target(&world, "", "v1", "ConfigMap", name)
    };
    let uid = &world.instance_uid;
    // The watch tells of the object that somebody else made in its own time.
    soon("the watch has come that far", async {
        while world
            .cluster
            .observed
            .get(&world.key("v1", "ConfigMap", "theirs"))
            .is_none()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let cases = [
        ("theirs", uid.as_str(), Deleted::Left),
        ("kept", uid, Deleted::Left),
        ("ours", "another uid", Deleted::Left),
        ("ours", uid, Deleted::Gone),
        ("ours", uid, Deleted::Absent),
    ];
    for (name, uid, expected) in cases {
        let deleted = soon("it is decided", delete(&world.cluster, &of(name, uid)))
            .await
            .unwrap();
        assert_eq!(deleted, expected, "{name} {uid}");
    }
}
