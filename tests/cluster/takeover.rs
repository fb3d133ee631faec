//! What upstream's manager left: its instances go on, its objects are taken over.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::harness::{TestNamespace, cluster, object};
use crate::instances::{Operator, a_while, plan_status, status_of};
use crate::managers::TestManager;

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
