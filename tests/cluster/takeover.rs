//! What upstream's manager left: its instances go on, its objects are taken over.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::harness::{SOON, TestNamespace, cluster, object};
use crate::instances::{Operator, a_while, plan_status, status_of};
use crate::managers::{Log, TestManager};

fn operator() -> Operator {
    Operator::new("old")
        .parameter(json!({ "name": "A", "default": "1", "trigger": "deploy" }))
        .config_map("a", &[("a", "{{ .Params.A }}")])
        .plan("deploy", &["only: a"])
}

/// An instance as upstream's manager left it, with its plan in the state given.
async fn upstream_instance(namespace: &TestNamespace, state: &str, execution: Value) {
    namespace.apply(&operator().version("1.0.0")).await;
    let instance = json!({
        "metadata": { "name": "i" },
        "spec": { "operatorVersion": { "name": "old-1.0.0" }, "planExecution": execution },
    });
    let api = namespace.api::<kudo_api::Instance>();
    let created = api
        .create(&PostParams::default(), &object(instance))
        .await
        .unwrap();
    let status = json!({ "status": {
        "conditions": [],
        "planStatus": { "deploy": {
            "name": "deploy", "status": state, "uid": "upstream",
            "lastUpdatedTimestamp": "2021-01-01T00:00:00Z",
            "phases": [{ "name": "main", "status": state, "steps": [{ "name": "only", "status": state }] }],
        } },
    } });
    api.patch_status("i", &PatchParams::default(), &Patch::Merge(status))
        .await
        .unwrap();
    // What it applied carries the whole object in an annotation.
    let mut map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "i-a",
            "labels": { "heritage": "kudo", "kudo.dev/operator": "old", "kudo.dev/instance": "i" },
            "ownerReferences": [{
                "apiVersion": "kudo.dev/v1beta1", "kind": "Instance", "name": "i",
                "uid": created.uid().unwrap(), "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "data": { "a": "1", "dropped": "since" },
    });
    let applied = map.to_string();
    map["metadata"]["annotations"] = json!({ "kudo.dev/last-applied-configuration": applied });
    let maps = namespace.api::<ConfigMap>();
    let params = PostParams {
        field_manager: Some("manager".to_owned()),
        ..PostParams::default()
    };
    maps.create(&params, &object(map)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_of_upstreams_is_adopted_without_running_anything() {
    let namespace = cluster().namespace().await;
    upstream_instance(&namespace, "COMPLETE", json!({})).await;
    let _manager = TestManager::start(&[&namespace]);
    let adopted = namespace
        .until("i", "is adopted", |i| status_of(i).accepted.is_some())
        .await;
    a_while().await;
    assert_eq!(plan_status(&adopted, "deploy").unwrap().uid, "upstream");
    let before = namespace.api::<ConfigMap>().get("i-a").await.unwrap();
    assert!(before.data.unwrap().contains_key("dropped"));

    namespace.set("i", json!({ "A": "2" })).await;
    namespace.until_done("i", "deploy").await;
    let map = namespace.api::<ConfigMap>().get("i-a").await.unwrap();
    let data: Vec<(String, String)> = map.data.clone().unwrap().into_iter().collect();
    assert_eq!(data, [("a".to_owned(), "2".to_owned())]);
    let annotations = map.annotations();
    assert!(
        !annotations.contains_key("kudo.dev/last-applied-configuration"),
        "{annotations:?}"
    );
    assert_eq!(map.uid(), before.metadata.uid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_upstreams_goes_on() {
    let namespace = cluster().namespace().await;
    let execution = json!({ "planName": "deploy", "uid": "upstream", "status": "IN_PROGRESS" });
    upstream_instance(&namespace, "IN_PROGRESS", execution).await;
    let _manager = TestManager::start(&[&namespace]);
    let done = namespace.until_done("i", "deploy").await;
    assert_eq!(plan_status(&done, "deploy").unwrap().uid, "upstream");
    let map = namespace.api::<ConfigMap>().get("i-a").await.unwrap();
    assert!(!map.data.unwrap().contains_key("dropped"));
}

/// What upstream's manager made of the template of a Deployment.
fn upstream_deployment(uid: &str) -> Value {
    let labels = json!({ "heritage": "kudo", "kudo.dev/operator": "old", "kudo.dev/instance": "i", "app": "web" });
    let mut deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "i-web",
            "labels": labels,
            "annotations": {
                "kudo.dev/plan": "deploy", "kudo.dev/phase": "main", "kudo.dev/step": "only",
                "kudo.dev/last-plan-execution-uid": "upstream",
            },
            "ownerReferences": [{
                "apiVersion": "kudo.dev/v1beta1", "kind": "Instance", "name": "i",
                "uid": uid, "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {
                        "kudo.dev/operator-version": "1.0.0",
                        "kudo.dev/dependencies-hash": "d41d8cd98f00b204e9800998ecf8427e",
                    },
                },
                "spec": { "containers": [{ "name": "web", "image": "web:1" }] },
            },
        },
    });
    let applied = deployment.to_string();
    deployment["metadata"]["annotations"]["kudo.dev/last-applied-configuration"] = json!(applied);
    deployment
}

/// Identity and version of everything in the namespace that must not be touched.
async fn sight(namespace: &TestNamespace) -> Vec<String> {
    let all = ListParams::default();
    let mut seen = Vec::new();
    for pod in namespace.api::<Pod>().list(&all).await.unwrap() {
        seen.push(format!("pod {} {}", pod.name_any(), pod.uid().unwrap()));
    }
    for deployment in namespace.api::<Deployment>().list(&all).await.unwrap() {
        let generation = deployment.metadata.generation;
        seen.push(format!("{} {generation:?}", deployment.name_any()));
    }
    for map in namespace.api::<ConfigMap>().list(&all).await.unwrap() {
        let version = map.resource_version();
        seen.push(format!("{} {version:?}", map.name_any()));
    }
    let instances = namespace.api::<kudo_api::Instance>();
    for instance in instances.list(&all).await.unwrap() {
        let generation = instance.metadata.generation;
        let plans = &status_of(&instance).plan_status;
        seen.push(format!("{} {generation:?} {plans:?}", instance.name_any()));
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_of_upstreams_is_taken_over_with_no_restart_and_no_plan() {
    let namespace = cluster().namespace().await;
    upstream_instance(&namespace, "COMPLETE", json!({})).await;
    // A failed one, a child, and one whose last plan upstream had not cleared yet.
    let instances = namespace.api::<kudo_api::Instance>();
    let parent = instances.get("i").await.unwrap().uid().unwrap();
    let owner = json!([{ "apiVersion": "kudo.dev/v1beta1", "kind": "Instance", "name": "i", "uid": parent }]);
    let plan = |state: &str| {
        json!({ "status": { "planStatus": {
            "deploy": { "name": "deploy", "status": state, "uid": "u", "lastUpdatedTimestamp": "2021-01-01T00:00:00Z",
                "phases": [{ "name": "main", "status": state, "steps": [{ "name": "only", "status": state }] }] },
        } } })
    };
    let others = [
        ("failed", "FATAL_ERROR", json!([]), json!({})),
        ("child", "COMPLETE", owner, json!({})),
        (
            "ended",
            "COMPLETE",
            json!([]),
            json!({ "planName": "deploy", "uid": "u", "status": "COMPLETE" }),
        ),
    ];
    for (name, state, owners, execution) in others {
        let instance = json!({
            "metadata": { "name": name, "ownerReferences": owners },
            "spec": { "operatorVersion": { "name": "old-1.0.0" }, "parameters": { "A": "1" },
                "planExecution": execution },
        });
        let params = PostParams::default();
        instances.create(&params, &object(instance)).await.unwrap();
        let status = Patch::Merge(plan(state));
        instances
            .patch_status(name, &PatchParams::default(), &status)
            .await
            .unwrap();
    }
    let params = PostParams {
        field_manager: Some("manager".to_owned()),
        ..PostParams::default()
    };
    let deployments = namespace.api::<Deployment>();
    deployments
        .create(&params, &object(upstream_deployment(&parent)))
        .await
        .unwrap();
    namespace
        .wait_for::<Deployment>("i-web", "runs", SOON, |found| {
            let status = found.and_then(|found| found.status.as_ref());
            status.is_some_and(|status| status.ready_replicas == Some(2))
        })
        .await;
    let before = sight(&namespace).await;

    let log = Arc::new(Log::default());
    let _manager = TestManager::start_with(&[&namespace], Some(log.clone()));
    for name in ["i", "failed", "child", "ended"] {
        namespace
            .until(name, "is adopted and at rest", |i| {
                status_of(i).accepted.is_some() && i.spec.plan_execution.is_empty()
            })
            .await;
    }
    namespace
        .until("i", "is ready", |i| {
            crate::instances::condition(i, "Ready") == "True ResourcesReady"
        })
        .await;
    a_while().await;
    // Its request is cleared, as upstream's manager would have done.
    let generation = |line: &String| !line.starts_with("ended ");
    let unchanged = |lines: Vec<String>| lines.into_iter().filter(generation).collect::<Vec<_>>();
    assert_eq!(unchanged(sight(&namespace).await), unchanged(before));
    for write in log.writes() {
        let expected = [
            "patch instances.status/",
            "update instances.status/",
            "patch instances/ended",
        ];
        assert!(
            expected.iter().any(|start| write.starts_with(start)),
            "{write}"
        );
    }
    assert_eq!(namespace.events("i").await, [""; 0]);
}
