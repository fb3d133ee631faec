//! What a step says while it waits, and how seldom.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use kudo_api::Instance;
use serde_json::json;

use crate::harness::cluster;
use crate::instances::{Operator, plan_status};
use crate::managers::TestManager;

fn message(instance: &Instance) -> &str {
    plan_status(instance, "deploy").map_or("", |plan| &plan.phases[0].steps[0].message)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_says_what_it_waits_for_and_what_its_pods_say() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let nodes = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: '{{ .Name }}'}\nspec:\n  \
                 replicas: 2\n  serviceName: db\n  selector: {matchLabels: {app: db}}\n  template:\n    \
                 metadata:\n      labels: {app: db}\n      annotations: {simulate.kudo.dev/outcome: image-pull-error}\n    \
                 spec: {containers: [{name: c, image: nginx}]}\n";
    let operator = Operator::new("db")
        .template("nodes", nodes)
        .plan("deploy", &["only: nodes"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("i", "db-1.0.0", &[]).await;
    let waits = namespace
        .until("i", "says what it waits for", |i| !message(i).is_empty())
        .await;
    assert_eq!(
        message(&waits),
        "waiting for StatefulSet \"i\": 0 of 2 pods ready; Pod \"i-0\": container \"c\": \
         ImagePullBackOff: image \"nginx\" cannot be pulled"
    );
    // Once is enough.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let later = namespace.until("i", "is there", |_| true).await;
    assert_eq!(later.resource_version(), waits.resource_version());

    let heal = json!({ "metadata": { "annotations": { "simulate.kudo.dev/outcome": "ready" } } });
    let pods = namespace.api::<Pod>();
    let healed = async {
        loop {
            for pod in pods.list(&ListParams::default()).await.unwrap() {
                let patch = Patch::Merge(&heal);
                let params = PatchParams::default();
                let _ = pods.patch(&pod.name_any(), &params, &patch).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let done = tokio::select! {
        done = namespace.until_plan("i", "deploy", "COMPLETE") => done,
        () = healed => return,
    };
    assert_eq!(message(&done), "");
}
