//! Changes that the rules refuse, with no webhook: the last good state stays, and the way back is open.

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};

use crate::harness::{TestNamespace, cluster};
use crate::instances::{Operator, a_while, condition, condition_message, plan_status, status_of};
use crate::managers::TestManager;

/// An operator with something for each rule, and a plan `wait` that never ends.
pub(crate) fn operator() -> Operator {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: '{{ .Name }}'\nspec:\n  containers:\n    \
               - {name: c, image: simulate.kudo.dev/never-ready}\n";
    Operator::new("rules")
        .parameter(json!({ "name": "A", "default": "1", "trigger": "deploy" }))
        .parameter(json!({ "name": "B", "default": "1", "trigger": "special" }))
        .parameter(json!({ "name": "COUNT", "default": "1", "value-type": "integer" }))
        .parameter(json!({ "name": "FIXED", "default": "x", "immutable": true }))
        .config_map(
            "a",
            &[("a", "{{ .Params.A }}"), ("fixed", "{{ .Params.FIXED }}")],
        )
        .template("pod", pod)
        .plan("deploy", &["only: a"])
        .plan("special", &["only: a"])
        .plan("wait", &["only: pod"])
}

async fn refused(namespace: &TestNamespace, patch: Value, rule: &str) -> kudo_api::Instance {
    let before = namespace
        .api::<kudo_api::Instance>()
        .get("i")
        .await
        .unwrap();
    namespace.change("i", patch.clone()).await;
    let expected = format!("False {rule}");
    let refused = namespace
        .until("i", &expected, |i| condition(i, "Accepted") == expected)
        .await;
    a_while().await;
    let (old, new) = (status_of(&before), status_of(&refused));
    assert_eq!(old.accepted, new.accepted, "{patch}");
    let uids = |status: &kudo_api::InstanceStatus| -> Vec<String> {
        status
            .plan_status
            .values()
            .map(|plan| plan.uid.clone())
            .collect()
    };
    assert_eq!(uids(&old), uids(&new), "{patch}");
    refused
}

async fn mended(namespace: &TestNamespace, patch: Value) {
    namespace.change("i", patch).await;
    namespace
        .until("i", "is accepted again", |i| {
            condition(i, "Accepted") == "True Accepted"
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_leave_the_last_good_state() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    namespace.apply(&operator().version("1.0.0")).await;
    namespace.instance("i", "rules-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;

    let parameters = |parameters: Value| json!({ "spec": { "parameters": parameters } });
    let request = |plan: &str| json!({ "spec": { "planExecution": { "planName": plan, "uid": format!("{plan}-1") } } });
    let nothing = json!({ "spec": { "planExecution": null } });
    let cases = [
        (
            parameters(json!({ "FIXED": "y" })),
            "ImmutableParameter",
            parameters(json!({ "FIXED": "x" })),
        ),
        (
            parameters(json!({ "COUNT": "many" })),
            "InvalidParameters",
            parameters(json!({ "COUNT": null })),
        ),
        (
            parameters(json!({ "NONE": "1" })),
            "UnknownParameter",
            parameters(json!({ "NONE": null })),
        ),
        (
            parameters(json!({ "A": "2", "B": "2" })),
            "SeveralPlans",
            parameters(json!({ "A": null, "B": null })),
        ),
        (request("speical"), "UnknownPlan", nothing.clone()),
        (
            json!({ "spec": { "parameters": { "A": "2" }, "planExecution": { "planName": "special", "uid": "s" } } }),
            "TriggerWithParameterChange",
            json!({ "spec": { "parameters": { "A": null }, "planExecution": null } }),
        ),
    ];
    for (wrong, rule, right) in cases {
        refused(&namespace, wrong, rule).await;
        mended(&namespace, right).await;
    }
    let map = namespace.api::<ConfigMap>().get("i-a").await.unwrap();
    assert_eq!(map.data.unwrap()["fixed"], "x");

    let wrong = refused(
        &namespace,
        parameters(json!({ "NODES": "1" })),
        "UnknownParameter",
    )
    .await;
    assert_eq!(
        condition_message(&wrong, "Accepted"),
        "unknown parameter \"NODES\""
    );
    let told = "InvalidParams: unknown parameter \"NODES\"";
    namespace.until_told("i", told).await;
    // Mending and changing at once is fine.
    namespace.set("i", json!({ "NODES": null, "A": "3" })).await;
    namespace.until_done("i", "deploy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_plan_runs_others_wait() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    namespace.apply(&operator().version("1.0.0")).await;
    namespace.instance("i", "rules-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;
    let request = |plan: &str, uid: &str| json!({ "spec": { "planExecution": { "planName": plan, "uid": uid } } });
    namespace.change("i", request("wait", "w1")).await;
    namespace.until_plan("i", "wait", "IN_PROGRESS").await;
    refused(&namespace, request("deploy", "d"), "OverrideWhileRunning").await;
    let waiting = refused(
        &namespace,
        json!({ "spec": { "parameters": { "A": "2" }, "planExecution": { "planName": "wait", "uid": "w1" } } }),
        "ParameterChangeWhileRunning",
    )
    .await;
    let message = condition_message(&waiting, "Accepted");
    assert!(
        message.contains("taken up when the plan has ended"),
        "{message}"
    );

    // The same plan may be started anew.
    let anew = json!({ "spec": { "parameters": { "A": null }, "planExecution": { "planName": "wait", "uid": "w2" } } });
    namespace.change("i", anew).await;
    namespace
        .until("i", "the plan is started anew", |i| {
            plan_status(i, "wait").is_some_and(|p| p.uid == "w2" && p.status == "IN_PROGRESS")
                && condition(i, "Accepted") == "True Accepted"
        })
        .await;
    // What had to wait is taken up in the end.
    namespace.set("i", json!({ "A": "9" })).await;
    namespace
        .until("i", "has to wait", |i| {
            condition(i, "Accepted").starts_with("False")
        })
        .await;
    let pods = namespace.api::<k8s_openapi::api::core::v1::Pod>();
    let ready = json!({ "metadata": { "annotations": { "simulate.kudo.dev/outcome": "ready" } } });
    let params = kube::api::PatchParams::default();
    pods.patch("i", &params, &kube::api::Patch::Merge(ready))
        .await
        .unwrap();
    namespace.until_done("i", "deploy").await;
    let map = namespace.api::<ConfigMap>().get("i-a").await.unwrap();
    assert_eq!(map.data.unwrap()["a"], "9");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_may_not_be_is_told_so() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let operator = Operator::new("strict")
        .parameter(json!({ "name": "MUST", "required": true }))
        .config_map("a", &[("a", "{{ .Params.MUST }}")])
        .plan("deploy", &["only: a"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace
        .apply(&Operator::new("none").plan("update", &[]).version("1.0.0"))
        .await;
    for (name, version, rule) in [
        ("empty", "strict-1.0.0", "InvalidParameters"),
        ("none", "none-1.0.0", "NoDeployPlan"),
    ] {
        namespace.instance(name, version, &[]).await;
        let expected = format!("False {rule}");
        let refused = namespace
            .until(name, &expected, |i| condition(i, "Accepted") == expected)
            .await;
        assert!(status_of(&refused).plan_status.is_empty());
    }
    namespace.set("empty", json!({ "MUST": "1" })).await;
    namespace.until_done("empty", "deploy").await;
    namespace.delete_instance("none").await;
    namespace.until_gone("none").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_restarts_the_running_plan_takes_its_place() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: '{{ .Name }}-{{ .Params.N }}'\nspec:\n  containers:\n    \
               - {name: c, image: '{{ .Params.IMAGE }}'}\n";
    let operator = Operator::new("pods")
        .parameter(json!({ "name": "IMAGE", "default": "simulate.kudo.dev/never-ready" }))
        .parameter(json!({ "name": "N", "default": "1" }))
        .template("pod", pod)
        .plan("deploy", &["only: pod"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("i", "pods-1.0.0", &[]).await;
    let first = namespace.until_plan("i", "deploy", "IN_PROGRESS").await;
    namespace
        .set("i", json!({ "IMAGE": "nginx", "N": "2" }))
        .await;
    let second = namespace.until_done("i", "deploy").await;
    let uid = |i| plan_status(i, "deploy").unwrap().uid.clone();
    assert_ne!(uid(&first), uid(&second));
    let inventory = status_of(&second).inventory;
    let names: Vec<&str> = inventory.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(
        names,
        ["i-1", "i-2"],
        "what the first try applied stays on record"
    );
}
