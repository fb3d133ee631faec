//! Applying: what is sent, what is not, and what the server makes of it.

use kudo_kube::apply::{Applied, ApplyError};
use serde_json::{Value, json};

use crate::harness::{World, config_map, deployment, soon};

fn manager_of(object: &Value, manager: &str, operation: &str) -> Option<Value> {
    object["metadata"]["managedFields"]
        .as_array()?
        .iter()
        .find(|entry| entry["manager"] == manager && entry["operation"] == operation)
        .cloned()
}

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
async fn a_field_that_left_the_template_leaves_the_object() {
    let Some(world) = World::new().await else {
        return;
    };
    world
        .apply(&config_map("cm", json!({"a": "1", "b": "2"})), "u1")
        .await
        .unwrap();
    world
        .merge_as(
            "somebody",
            &config_map("cm", json!({})),
            json!({"data": {"theirs": "3"}}),
        )
        .await;
    world
        .apply(&config_map("cm", json!({"a": "1"})), "u2")
        .await
        .unwrap();
    let data = &world.get("v1", "ConfigMap", "cm").await.unwrap()["data"];
    assert_eq!(*data, json!({"a": "1", "theirs": "3"}));
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

#[tokio::test]
async fn nested_structures_that_left_the_template_leave_the_object() {
    let Some(world) = World::new().await else {
        return;
    };
    let full = |name: &str| {
        let mut full = deployment(name, 1);
        let container = &mut full["spec"]["template"]["spec"]["containers"][0];
        container["readinessProbe"] = json!({"tcpSocket": {"port": 80}, "periodSeconds": 5});
        container["resources"] = json!({"limits": {"cpu": "1"}});
        container["lifecycle"] = json!({"preStop": {"exec": {"command": ["true"]}}});
        container["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
        container["env"] = json!([{"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]);
        container["securityContext"] = json!({"runAsUser": 1});
        full["spec"]["template"]["spec"]["volumes"] =
            json!([{"name": "v", "emptyDir": {"medium": "Memory"}}]);
        full["spec"]["template"]["spec"]["securityContext"] = json!({"fsGroup": 1});
        full["spec"]["template"]["spec"]["affinity"] = json!({"podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "a", "labelSelector": {"matchLabels": {"a": "b"}}}]}});
        full["spec"]["strategy"] =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}});
        full
    };
    for (number, (path, left)) in [
        (
            "/spec/template/spec/containers/0/readinessProbe",
            Value::Null,
        ),
        (
            "/spec/template/spec/containers/0/readinessProbe/periodSeconds",
            json!(10),
        ),
        ("/spec/template/spec/containers/0/resources", json!({})),
        ("/spec/template/spec/containers/0/lifecycle", Value::Null),
        (
            "/spec/template/spec/containers/0/lifecycle/preStop",
            Value::Null,
        ),
        ("/spec/template/spec/containers/0/env", Value::Null),
        ("/spec/template/spec/containers/0/env/1", Value::Null),
        (
            "/spec/template/spec/containers/0/securityContext",
            Value::Null,
        ),
        ("/spec/template/spec/securityContext", json!({})),
        ("/spec/template/spec/affinity", Value::Null),
        ("/spec/template/spec/affinity/podAntiAffinity", Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let name = &format!("web-{number}");
        let before = full(name);
        world.apply(&before, "u1").await.unwrap();
        let mut after = before.clone();
        let (parent, field) = path.rsplit_once('/').unwrap();
        match after.pointer_mut(parent).unwrap() {
            Value::Object(map) => {
                map.remove(field);
            }
            Value::Array(list) => {
                list.remove(field.parse().unwrap());
            }
            _ => panic!("{path}"),
        }
        world.apply(&after, "u2").await.unwrap();
        let live = world.get("apps/v1", "Deployment", name).await.unwrap();
        assert_eq!(
            live.pointer(path).cloned().unwrap_or_default(),
            left,
            "{path}"
        );
        // Whatever it took, all is ours by apply alone, and what comes back and goes again does so.
        assert!(
            manager_of(&live, "kudo-manager", "Update").is_none(),
            "{path}"
        );
        world.apply(&before, "u3").await.unwrap();
        world.apply(&after, "u4").await.unwrap();
        let live = world.get("apps/v1", "Deployment", name).await.unwrap();
        assert_eq!(
            live.pointer(path).cloned().unwrap_or_default(),
            left,
            "{path} again"
        );
    }
}

#[tokio::test]
async fn one_of_a_kind_can_be_changed_for_another() {
    let Some(world) = World::new().await else {
        return;
    };
    let object = |strategy: Value, probe: Value, volume: Value, variable: Value| {
        let mut object = deployment("web", 1);
        let pod = &mut object["spec"]["template"]["spec"];
        pod["volumes"] = json!([volume]);
        pod["containers"][0]["livenessProbe"] = probe;
        pod["containers"][0]["env"] = json!([variable]);
        object["spec"]["strategy"] = strategy;
        object
    };
    let one = object(
        json!({"type": "RollingUpdate"}),
        json!({"httpGet": {"port": 80, "path": "/"}, "periodSeconds": 3}),
        json!({"name": "v", "emptyDir": {"medium": "Memory"}}),
        json!({"name": "A", "value": "1"}),
    );
    let other = object(
        json!({"type": "Recreate"}),
        json!({"exec": {"command": ["true"]}}),
        json!({"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}}),
        json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
    );
    for (number, wanted) in [&one, &other, &one, &other].into_iter().enumerate() {
        world.apply(wanted, &format!("u{number}")).await.unwrap();
        let live = world.get("apps/v1", "Deployment", "web").await.unwrap();
        let spec = &live["spec"]["template"]["spec"];
        assert_eq!(
            live["spec"]["strategy"]["type"],
            wanted["spec"]["strategy"]["type"]
        );
        let is_one = number % 2 == 0;
        assert_eq!(
            spec["volumes"][0].get("emptyDir").is_some(),
            is_one,
            "{number}"
        );
        assert_eq!(
            spec["volumes"][0].get("configMap").is_some(),
            !is_one,
            "{number}"
        );
        let probe = &spec["containers"][0]["livenessProbe"];
        assert_eq!(probe.get("httpGet").is_some(), is_one, "{number}");
        assert_eq!(probe.get("exec").is_some(), !is_one, "{number}");
    }
}

#[tokio::test]
async fn a_change_replaces_pods_once() {
    let Some(world) = World::new().await else {
        return;
    };
    let mut object = deployment("web", 1);
    object["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] =
        json!({"tcpSocket": {"port": 80}});
    world.apply(&object, "u1").await.unwrap();
    world.healthy("apps/v1", "Deployment", "web").await;
    let mut object = deployment("web", 1);
    object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("nginx:2");
    world.apply(&object, "u2").await.unwrap();
    world.healthy("apps/v1", "Deployment", "web").await;
    let sets = world.api("apps/v1", "ReplicaSet").await;
    let sets = sets.list(&kube::api::ListParams::default()).await.unwrap();
    assert_eq!(sets.items.len(), 2, "one before, one after");
}
