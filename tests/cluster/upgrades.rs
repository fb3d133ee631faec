//! A new operator version: which plan runs, and what the old one leaves behind.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::DeleteParams;
use kudo_api::OperatorVersion;
use serde_json::json;

use crate::harness::{SOON, TestNamespace, cluster};
use crate::instances::{Operator, a_while, condition, plan_status, status_of};
use crate::managers::TestManager;

async fn data(namespace: &TestNamespace, name: &str) -> Vec<String> {
    let map = namespace.api::<ConfigMap>().get(name).await.unwrap();
    map.data.unwrap_or_default().into_keys().collect()
}

fn version_reference(name: &str) -> serde_json::Value {
    json!({ "spec": { "operatorVersion": { "name": name } } })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_drops_templates_and_fields() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let keep = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: '{{ .Name }}-keep'\n  \
                annotations: {kudo.dev/prune: \"false\"}\n";
    let first = Operator::new("app")
        .config_map("stays", &[("one", "1"), ("two", "2")])
        .config_map("goes", &[("key", "value")])
        .config_map("backup", &[("key", "value")])
        .template("keep", keep)
        .plan("deploy", &["all: stays, goes, keep"])
        .plan("backup", &["all: backup"]);
    let second = Operator::new("app")
        .config_map("stays", &[("one", "1")])
        .config_map("comes", &[("key", "value")])
        .plan("deploy", &["all: stays"])
        .plan("upgrade", &["all: stays, comes"]);
    namespace.apply(&first.version("1.0.0")).await;
    namespace.instance("i", "app-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;
    let request = json!({ "spec": { "planExecution": { "planName": "backup", "uid": "b" } } });
    namespace.change("i", request).await;
    namespace.until_done("i", "backup").await;
    assert_eq!(data(&namespace, "i-stays").await, ["one", "two"]);

    namespace.apply(&second.version("2.0.0")).await;
    namespace.change("i", version_reference("app-2.0.0")).await;
    let upgraded = namespace.until_done("i", "upgrade").await;
    assert_eq!(plan_status(&upgraded, "deploy").unwrap().status, "COMPLETE");
    assert_eq!(
        data(&namespace, "i-stays").await,
        ["one"],
        "a dropped field disappears"
    );
    assert_eq!(data(&namespace, "i-comes").await, ["key"]);
    let maps = namespace.api::<ConfigMap>();
    assert!(
        maps.get_opt("i-goes").await.unwrap().is_none(),
        "a dropped template disappears"
    );
    assert!(
        maps.get_opt("i-keep").await.unwrap().is_some(),
        "unless it asks to be kept"
    );
    assert!(
        maps.get_opt("i-backup").await.unwrap().is_some(),
        "what a person asked for stays"
    );
    let status = status_of(&upgraded);
    assert_eq!(status.upgraded_from, None);
    let names: Vec<&str> = status.inventory.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["i-backup", "i-comes", "i-keep", "i-stays"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_runs_upgrade_or_update_or_deploy() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let plans: [(&str, &[&str], &str); 4] = [
        ("1.0.0", &["deploy"], "deploy"),
        ("2.0.0", &["deploy", "update", "upgrade"], "upgrade"),
        ("3.0.0", &["deploy", "update"], "update"),
        ("4.0.0", &["deploy"], "deploy"),
    ];
    namespace.instance("i", "plans-1.0.0", &[]).await;
    let mut deploy_uid = String::new();
    for (version, plans, expected) in plans {
        let operator = plans.iter().fold(
            Operator::new("plans").config_map("a", &[("version", version)]),
            |operator, plan| operator.plan(plan, &["only: a"]),
        );
        namespace.apply(&operator.version(version)).await;
        namespace
            .change("i", version_reference(&format!("plans-{version}")))
            .await;
        let done = namespace.until_done("i", expected).await;
        let uid = plan_status(&done, "deploy").unwrap().uid.clone();
        assert_eq!(uid != deploy_uid, expected == "deploy", "{version}");
        deploy_uid = uid;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_survives_the_old_version_and_waits_for_the_new_one() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let operator = |value| {
        Operator::new("app")
            .config_map("a", &[("version", value)])
            .plan("deploy", &["only: a"])
    };
    namespace.apply(&operator("1").version("1.0.0")).await;
    namespace.instance("i", "app-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;
    namespace.change("i", version_reference("app-2.0.0")).await;
    let waiting = namespace
        .until("i", "waits for its version", |i| {
            condition(i, "Accepted") == "False InvalidOperatorVersion"
        })
        .await;
    assert_eq!(
        status_of(&waiting).accepted.unwrap().operator_version,
        "app-1.0.0"
    );
    let versions = namespace.api::<OperatorVersion>();
    versions
        .delete("app-1.0.0", &DeleteParams::default())
        .await
        .unwrap();
    namespace.apply(&operator("2").version("2.0.0")).await;
    namespace.until_done("i", "deploy").await;
    namespace
        .wait_for::<ConfigMap>("i-a", "is of version 2", SOON, |map| {
            map.and_then(|m| m.data.as_ref())
                .is_some_and(|d| d["version"] == "2")
        })
        .await;
    a_while().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_forgets_parameters_that_are_no_more() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let operator = |parameters: &[&str]| {
        let operator = Operator::new("app").config_map("a", &[("a", "{{ .Params.A }}")]);
        let parameter = |name: &&str| json!({ "name": name, "default": "1" });
        let parameters = parameters.iter().map(parameter);
        parameters
            .fold(operator, Operator::parameter)
            .plan("deploy", &["only: a"])
    };
    namespace
        .apply(&operator(&["A", "B"]).version("1.0.0"))
        .await;
    namespace
        .instance("i", "app-1.0.0", &[("A", "2"), ("B", "3")])
        .await;
    namespace.until_done("i", "deploy").await;
    namespace.apply(&operator(&["A"]).version("2.0.0")).await;
    namespace.change("i", version_reference("app-2.0.0")).await;
    let upgraded = namespace.until_done("i", "deploy").await;
    assert_eq!(json!(upgraded.spec.parameters), json!({ "A": "2" }));
    namespace.set("i", json!({ "A": "4" })).await;
    namespace.until_done("i", "deploy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_does_not_run_a_job_again() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: '{{ .Name }}'}\nspec:\n  template:\n    \
               spec:\n      restartPolicy: Never\n      containers:\n      - name: c\n        image: i\n        \
               envFrom: [{configMapRef: {name: '{{ .Name }}-settings'}}]\n";
    let operator = |value| {
        Operator::new("jobs")
            .config_map("settings", &[("key", value)])
            .template("job", job)
            .plan("deploy", &["settings: settings", "job: job"])
    };
    namespace.apply(&operator("1").version("1.0.0")).await;
    namespace.instance("i", "jobs-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;
    let jobs = namespace.api::<Job>();
    let before = jobs.get("i").await.unwrap();
    namespace.apply(&operator("2").version("2.0.0")).await;
    namespace.change("i", version_reference("jobs-2.0.0")).await;
    namespace
        .until("i", "it is upgraded", |instance| {
            let plan = plan_status(instance, "deploy").unwrap();
            let again = instance.status.as_ref().unwrap().upgraded_from.is_none();
            let accepted = instance.status.as_ref().unwrap().accepted.as_ref();
            let accepted = accepted.is_some_and(|a| a.operator_version == "jobs-2.0.0");
            plan.status == "COMPLETE" && again && accepted
        })
        .await;
    let after = jobs.get("i").await.unwrap();
    assert_eq!(before.uid(), after.uid());
    assert_eq!(before.spec, after.spec, "its pods are the same");
    assert_ne!(
        before.annotations(),
        after.annotations(),
        "it was applied again"
    );
}
