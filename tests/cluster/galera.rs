//! The worked example, on a real API server: deployed, scaled, removed.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::json;

use crate::harness::{TestNamespace, cluster};
use crate::instances::{COLLECTED, condition, package, plan_status, status_of, steps};
use crate::managers::TestManager;

const STEPS: [&str; 8] = [
    "bootstrap_config",
    "bootstrap_service",
    "bootstrap_deploy",
    "firstboot_config",
    "cluster_services",
    "statefulset",
    "cleanup",
    "node_scripts",
];

async fn names<K>(namespace: &TestNamespace) -> BTreeSet<String>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
    K::DynamicType: Default,
{
    let labelled = ListParams::default().labels("kudo.dev/instance");
    let list = namespace.api::<K>().list(&labelled).await.unwrap();
    list.items.iter().map(ResourceExt::name_any).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn galera_is_deployed_scaled_and_removed() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let version = namespace.install(&package("galera")).await;
    namespace.instance("db", &version, &[]).await;

    // Steps start in their order: whatever is seen, a step has begun only when all before are complete.
    let in_order = |instance: &kudo_api::Instance| {
        let recorded = plan_status(instance, "deploy").filter(|plan| plan.was_run());
        let Some(plan) = recorded else { return false };
        let statuses: Vec<&str> = plan.phases[0]
            .steps
            .iter()
            .map(|s| s.status.as_str())
            .collect();
        let complete = statuses.iter().take_while(|s| **s == "COMPLETE").count();
        let begun = statuses.iter().skip(complete + 1).any(|s| *s != "PENDING");
        assert!(!begun, "a step begins too early: {statuses:?}");
        plan.status == "COMPLETE"
    };
    let deployed = namespace.until("db", "is deployed", in_order).await;
    let expected: Vec<String> = STEPS
        .iter()
        .map(|s| format!("deploy.{s} COMPLETE"))
        .collect();
    assert_eq!(steps(&deployed, "deploy"), expected);
    assert_eq!(names::<Deployment>(&namespace).await, set(&[]));
    assert_eq!(names::<StatefulSet>(&namespace).await, set(&["db"]));
    assert_eq!(names::<Service>(&namespace).await, set(&["db-cs", "db-hs"]));
    assert_eq!(names::<Secret>(&namespace).await, set(&["db-credentials"]));
    let config_maps = set(&["db-node-config", "db-node-scripts"]);
    assert_eq!(names::<ConfigMap>(&namespace).await, config_maps);
    let inventory = status_of(&deployed).inventory;
    assert_eq!(inventory.len(), 7, "{inventory:?}");
    namespace
        .until("db", "is ready", |i| {
            condition(i, "Ready") == "True ResourcesReady"
        })
        .await;
    let settled = namespace.until_done("db", "deploy").await;
    assert_eq!(
        settled.spec.parameters["MYSQL_PORT"], "3306",
        "immutable defaults are pinned"
    );

    for count in [5, 3] {
        let deploy_uid = plan_status(&settled, "deploy").unwrap().uid.clone();
        namespace
            .set("db", json!({ "NODE_COUNT": count.to_string() }))
            .await;
        let scaled = namespace.until_done("db", "node_update").await;
        let set = namespace.api::<StatefulSet>().get("db").await.unwrap();
        assert_eq!(set.spec.unwrap().replicas, Some(count));
        assert_eq!(set.status.unwrap().ready_replicas, Some(count));
        assert_eq!(plan_status(&scaled, "deploy").unwrap().uid, deploy_uid);
        namespace
            .until("db", "is ready", |i| {
                condition(i, "Ready") == "True ResourcesReady"
            })
            .await;
    }

    // Backups are kept in a claim of the user's own.
    namespace
        .apply(&json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "db-backup" },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "1Gi" } },
            },
        }))
        .await;
    for plan in ["update", "upgrade", "backup", "restore", "recover"] {
        let trigger = json!({ "spec": { "planExecution": { "planName": plan } } });
        namespace.change("db", trigger).await;
        namespace.until_done("db", plan).await;
    }

    namespace.delete_instance("db").await;
    namespace.until_gone("db").await;
    namespace
        .wait_for::<StatefulSet>("db", "is gone", COLLECTED, |found| found.is_none())
        .await;
    namespace
        .wait_for::<Pod>("db-0", "is gone", COLLECTED, |found| found.is_none())
        .await;
}
