//! Applying: what is sent, what is not, and what the server makes of it.

use kudo_kube::apply::{Applied, ApplyError};
use serde_json::json;

use crate::harness::{World, config_map, deployment, manager_of, soon};

#[tokio::test]
async fn a_first_install_reads_nothing_and_writes_each_object_once() {
    let Some(world) = World::new().await else {
        return;
    };
    world
        .apply(&config_map("first", json!({"a": "1"})), "u0")
        .await
        .unwrap();
    world.apply(&deployment("first", 1), "u0").await.unwrap();
    let (reads, writes) = (world.meter.reads(), world.meter.writes());
    world
        .apply(&config_map("cm", json!({"a": "1"})), "u1")
        .await
        .unwrap();
    let applied = world.apply(&deployment("web", 2), "u1").await.unwrap();
    assert_eq!(world.meter.reads() - reads, 0);
    assert_eq!(world.meter.writes() - writes, 2);
    let Applied::Sent(answer) = applied else {
        panic!("{applied:?}");
    };
    assert_eq!(
        answer["metadata"]["annotations"]["kudo.dev/last-plan-execution-uid"],
        "u1"
    );
    assert!(manager_of(&answer, "kudo-manager", "Apply").is_some());

    world.healthy("apps/v1", "Deployment", "web").await;
}

#[tokio::test]
async fn what_is_made_once_stays_as_it_was_made() {
    let Some(world) = World::new().await else {
        return;
    };
    let once = |password: &str| {
        let mut made = config_map("secret", json!({ "password": password }));
        made["metadata"]["annotations"] = json!({ "kudo.dev/apply": "once" });
        made
    };
    let password = async |world: &World| {
        let live = world.get("v1", "ConfigMap", "secret").await.unwrap();
        live["data"]["password"].clone()
    };
    let made = world.apply(&once("first"), "u1").await.unwrap();
    assert!(matches!(made, Applied::Sent(_)), "{made:?}");
    let writes = world.meter.writes();
    let again = world.apply(&once("second"), "u2").await.unwrap();
    assert_eq!(again, Applied::Already);
    let restarted = world.restarted().await;
    let again = restarted.apply(&once("third"), "u3").await.unwrap();
    assert_eq!(again, Applied::Already);
    assert_eq!(world.meter.writes(), writes);
    assert_eq!(password(&restarted).await, "first");
}

#[tokio::test]
async fn a_kind_is_found_in_an_equal_version() {
    let Some(world) = World::new().await else {
        return;
    };
    let served = async |version: &str| {
        let kind = world.kind(version, "PodDisruptionBudget").await;
        kind.gvk.version.clone()
    };
    // Any server has one of them, and old and new packages find it.
    let (old, new) = (served("policy/v1beta1").await, served("policy/v1").await);
    assert!(
        old == new || (old == "v1beta1" && new == "v1"),
        "{old} {new}"
    );
}

#[tokio::test]
async fn what_an_execution_applied_it_does_not_apply_again() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = config_map("cm", json!({"random": "1"}));
    world.apply(&first, "u1").await.unwrap();
    let again = world.restarted().await;
    let (reads, writes) = (again.meter.reads(), again.meter.writes());
    let other = config_map("cm", json!({"random": "2"}));
    assert_eq!(again.apply(&other, "u1").await.unwrap(), Applied::Already);
    assert_eq!(again.meter.writes(), writes);
    // One list of the kind, two requests to discovery (core and kudo.dev are one each at most).
    assert!(again.meter.reads() - reads <= 3, "{:?}", again.meter);
    assert_eq!(
        again.get("v1", "ConfigMap", "cm").await.unwrap()["data"]["random"],
        "1"
    );

    // The next execution changes it. That takes a read and the server's version where the server is old.
    let (reads, writes) = (again.meter.reads(), again.meter.writes());
    let applied = again.apply(&other, "u2").await.unwrap();
    assert!(matches!(applied, Applied::Sent(_)));
    assert!(again.meter.reads() - reads <= 2);
    assert_eq!(again.meter.writes() - writes, 1);
    assert_eq!(
        again.get("v1", "ConfigMap", "cm").await.unwrap()["data"]["random"],
        "2"
    );
}

#[tokio::test]
async fn two_tasks_of_a_step_with_one_object_write_only_what_differs() {
    let Some(world) = World::new().await else {
        return;
    };
    let object = deployment("web", 1);
    world.apply(&object, "u1").await.unwrap();
    let writes = world.meter.writes();
    let applied = world.apply_in(&object, "step", "u1", true).await.unwrap();
    assert!(matches!(applied, Applied::Unchanged(_)), "{applied:?}");
    assert_eq!(world.meter.writes(), writes);
    let applied = world
        .apply_in(&deployment("web", 2), "step", "u1", true)
        .await
        .unwrap();
    assert!(matches!(applied, Applied::Sent(_)));
    assert_eq!(world.meter.writes(), writes + 1);
}

#[tokio::test]
async fn an_edit_by_hand_of_a_field_of_ours_is_put_back() {
    let Some(world) = World::new().await else {
        return;
    };
    let object = deployment("web", 1);
    world.apply(&object, "u1").await.unwrap();
    world
        .merge_as("somebody", &object, json!({"spec": {"replicas": 3}}))
        .await;
    world.apply(&object, "u2").await.unwrap();
    assert_eq!(
        world.get("apps/v1", "Deployment", "web").await.unwrap()["spec"]["replicas"],
        1
    );
}

#[tokio::test]
async fn a_field_that_cannot_change_is_refused_for_good_with_a_hint() {
    let Some(world) = World::new().await else {
        return;
    };
    let job = |command: &str| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"},
            "spec": {"template": {"spec": {"restartPolicy": "Never",
                "containers": [{"name": "main", "image": "x", "command": [command]}]}}}})
    };
    world.apply(&job("a"), "u1").await.unwrap();
    let error = world.apply(&job("b"), "u2").await.unwrap_err();
    assert!(error.is_fatal(), "{error}");
    let text = error.to_string();
    assert!(
        text.starts_with("cannot apply Job \"job\": Job.batch \"job\" is invalid"),
        "{text}"
    );
    assert!(
        text.contains("delete the object in an earlier step"),
        "{text}"
    );
    assert_eq!(text.matches("is invalid").count(), 1, "said once: {text}");
}

#[tokio::test]
async fn refusals_are_told_from_failures() {
    let Some(world) = World::new().await else {
        return;
    };
    let invalid = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc"},
        "spec": {"ports": [{"port": 99999}]}});
    let wrong_type = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"replicas": "three"}});
    let mut duplicates = deployment("twice", 1);
    duplicates["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    let bad_name = config_map("Not_A_Name", json!({}));
    for object in [invalid, wrong_type, duplicates, bad_name] {
        let error = world.apply(&object, "u1").await.unwrap_err();
        assert!(
            matches!(error, ApplyError::Refused { .. }),
            "{object}: {error}"
        );
        eprintln!("{error}");
    }
}

#[tokio::test]
async fn an_object_on_its_way_out_is_awaited_and_made_anew() {
    let Some(world) = World::new().await else {
        return;
    };
    let mut object = config_map("cm", json!({"a": "1"}));
    object["metadata"]["finalizers"] = json!(["example.com/wait"]);
    let Applied::Sent(first) = world.apply(&object, "u1").await.unwrap() else {
        panic!("not sent");
    };
    world.delete(&object).await;
    let new = config_map("cm", json!({"a": "2"}));
    let apply = Box::pin(world.apply(&new, "u2"));
    let release = Box::pin(async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        world
            .merge_as(
                "somebody",
                &object,
                json!({"metadata": {"finalizers": null}}),
            )
            .await;
    });
    let (applied, ()) = soon("the object is made anew", async {
        tokio::join!(apply, release)
    })
    .await;
    let Applied::Sent(second) = applied.unwrap() else {
        panic!("not sent");
    };
    assert_ne!(first["metadata"]["uid"], second["metadata"]["uid"]);
    assert_eq!(second["data"], json!({"a": "2"}));
}

#[tokio::test]
async fn an_object_of_another_instance_is_left_alone() {
    let Some(mut world) = World::new().await else {
        return;
    };
    world
        .apply(&config_map("cm", json!({"a": "1"})), "u1")
        .await
        .unwrap();
    let labels = json!({"metadata": {"labels": {"kudo.dev/instance": "other"}, "ownerReferences": [
        {"apiVersion": "kudo.dev/v1beta1", "kind": "Instance", "name": "other", "uid": world.instance_uid,
         "controller": true, "blockOwnerDeletion": true}]}});
    world
        .merge_as("somebody", &config_map("cm", json!({})), labels)
        .await;
    world.instance_uid = "11111111-2222-3333-4444-555555555555".to_owned();
    let again = world.restarted().await;
    let error = again
        .apply(&config_map("cm", json!({"a": "2"})), "u2")
        .await
        .unwrap_err();
    assert!(matches!(error, ApplyError::Foreign { .. }), "{error}");
    assert!(!error.is_fatal());
}
