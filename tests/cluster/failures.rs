//! Plans that fail: for good, for now, or not at all because they cannot even begin.

use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;

use crate::harness::{SOON, cluster};
use crate::instances::{Operator, condition, condition_message, plan_status, status_of, steps};
use crate::managers::TestManager;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_ends_the_plan() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: '{{ .Name }}'}\nspec:\n  backoffLimit: 0\n  \
               template:\n    spec:\n      restartPolicy: Never\n      \
               containers: [{name: c, image: simulate.kudo.dev/fail}]\n";
    let operator = Operator::new("jobs")
        .template("job", job)
        .config_map("after", &[("key", "value")])
        .plan("deploy", &["job: job", "after: after"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("i", "jobs-1.0.0", &[]).await;
    let failed = namespace.until_plan("i", "deploy", "FATAL_ERROR").await;
    assert_eq!(
        steps(&failed, "deploy"),
        ["main.job FATAL_ERROR", "main.after PENDING"]
    );
    assert_eq!(
        plan_status(&failed, "deploy").unwrap().phases[0].status,
        "FATAL_ERROR"
    );
    assert_eq!(condition(&failed, "Ready"), "Unknown PlanInFatalError");
    namespace
        .until("i", "rests", |i| {
            condition(i, "Ready") == "Unknown PlanInFatalError"
        })
        .await;
    namespace
        .until_told("i", "FailedTerminalStateError: ")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_template_ends_the_plan_with_its_line_and_can_be_mended() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let bad = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: '{{ .Name }}'\ndata:\n  \
               key: '{{ .Params.KYE }}'\n";
    let operator = |text| {
        Operator::new("bad")
            .parameter(json!({ "name": "KEY", "default": "value" }))
            .template("config.yaml", text)
            .plan("deploy", &["only: config.yaml"])
    };
    namespace.apply(&operator(bad).version("1.0.0")).await;
    namespace.instance("i", "bad-1.0.0", &[]).await;
    let failed = namespace.until_plan("i", "deploy", "FATAL_ERROR").await;
    let message = &plan_status(&failed, "deploy").unwrap().phases[0].steps[0].message;
    assert!(message.contains("config.yaml:6"), "{message}");
    assert!(
        message.contains("KYE") && message.contains("KEY"),
        "{message}"
    );
    namespace.until_told("i", "TaskRenderingError: ").await;

    // An edit of the operator version runs nothing by itself; the plan is asked for again.
    namespace
        .apply(&operator(&bad.replace("KYE", "KEY")).version("1.0.0"))
        .await;
    crate::instances::a_while().await;
    let same = namespace.until_plan("i", "deploy", "FATAL_ERROR").await;
    assert_eq!(
        plan_status(&same, "deploy").unwrap().uid,
        plan_status(&failed, "deploy").unwrap().uid
    );
    let request = json!({ "spec": { "planExecution": { "planName": "deploy", "uid": "again" } } });
    namespace.change("i", request).await;
    namespace.until_done("i", "deploy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transient_error_shows_and_passes() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let group = format!("{}.example.com", namespace.name());
    let late =
        format!("apiVersion: {group}/v1\nkind: Late\nmetadata: {{name: '{{{{ .Name }}}}'}}\n");
    let operator = Operator::new("late")
        .template("late", &late)
        .plan("deploy", &["only: late"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("i", "late-1.0.0", &[]).await;
    let erring = namespace
        .until("i", "shows the error", |i| {
            plan_status(i, "deploy").is_some_and(|p| p.phases[0].steps[0].status == "ERROR")
        })
        .await;
    let plan = plan_status(&erring, "deploy").unwrap();
    assert_eq!(plan.status, "IN_PROGRESS");
    assert!(plan.phases[0].steps[0].message.contains("Late"), "{plan:?}");
    namespace
        .apply(&json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": format!("lates.{group}") },
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": { "plural": "lates", "singular": "late", "kind": "Late", "listKind": "LateList" },
                "versions": [{
                    "name": "v1", "served": true, "storage": true,
                    "schema": { "openAPIV3Schema": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
                }],
            },
        }))
        .await;
    let deployed = namespace.until_done("i", "deploy").await;
    assert_eq!(
        plan_status(&deployed, "deploy").unwrap().phases[0].steps[0].message,
        ""
    );
    namespace.delete_instance("i").await;
    namespace.until_gone("i").await;
    let definitions = namespace
        .dynamic("apiextensions.k8s.io/v1", "CustomResourceDefinition")
        .await;
    let _ = definitions
        .delete(
            &format!("lates.{group}"),
            &kube::api::DeleteParams::default(),
        )
        .await;
}

/// The original left them to the server, which drops what it does not know; a server-side apply is refused.
#[tokio::test(flavor = "multi_thread")]
async fn fields_that_a_kind_has_no_place_for_are_left_out() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: '{{ .Name }}'}\nspec:\n  replicas: \
                      {{ .Params.COUNT }}\n  selector: {matchLabels: {app: a}}\n  template:\n    metadata: {labels: {app: a}, \
                      initializers: {pending: []}}\n    spec:\n      containers: [{name: main, image: a, imagePolicy: x}]\n";
    let operator = Operator::new("old")
        .parameter(json!({ "name": "COUNT", "default": "1" }))
        .template("old", deployment)
        .plan("deploy", &["only: old"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("i", "old-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;
    namespace.set("i", json!({ "COUNT": "2" })).await;
    let scaled = |found: Option<&Deployment>| {
        let spec = found.and_then(|found| found.spec.as_ref());
        spec.is_some_and(|spec| spec.replicas == Some(2))
    };
    let deployment = namespace
        .wait_for::<Deployment>("i", "it is scaled", SOON, scaled)
        .await;
    assert!(deployment.is_some());
    namespace.until_done("i", "deploy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_that_cannot_begin_say_why() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let phase = |tasks| {
        json!({ "strategy": "serial", "phases": [
            { "name": "main", "strategy": "serial", "steps": [{ "name": "only", "tasks": [tasks] }] }
        ]})
    };
    let unknown_task = Operator::new("unknown").raw_plan("deploy", phase("nowhere"));
    let fatal = Operator::new("fatal")
        .task(
            json!({ "name": "dummy", "kind": "Dummy", "spec": { "wantErr": true, "fatal": true } }),
        )
        .raw_plan("deploy", phase("dummy"));
    for (operator, name, reason, text) in [
        (unknown_task, "unknown", "UnknownTaskName", "nowhere"),
        (fatal, "fatal", "DummyTaskError", "dummy"),
    ] {
        namespace.apply(&operator.version("1.0.0")).await;
        namespace
            .instance(name, &format!("{name}-1.0.0"), &[])
            .await;
        let failed = namespace.until_plan(name, "deploy", "FATAL_ERROR").await;
        let plan = serde_json::to_string(plan_status(&failed, "deploy").unwrap()).unwrap();
        assert!(plan.contains(text), "{plan}");
        crate::instances::a_while().await;
        let events = namespace.events(name).await;
        assert!(
            events.iter().any(|e| e.starts_with(reason)),
            "{name}: {events:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_version_that_cannot_be_run_says_why() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let broken = Operator::new("broken")
        .task(json!({ "name": "apply", "kind": "Apply", "spec": {} }))
        .plan("deploy", &[]);
    namespace.apply(&broken.version("1.0.0")).await;
    namespace.instance("i", "broken-1.0.0", &[]).await;
    let refused = namespace
        .until("i", "is refused", |i| {
            condition(i, "Accepted").starts_with("False")
        })
        .await;
    assert_eq!(condition(&refused, "Accepted"), "False TaskBuildError");
    let message = condition_message(&refused, "Accepted");
    assert!(message.contains("\"apply\""), "{message}");
    assert!(status_of(&refused).plan_status.is_empty());
    let mended = Operator::new("broken").plan("deploy", &[]);
    namespace.apply(&mended.version("1.0.0")).await;
    namespace.until_done("i", "deploy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_instance_never_delays_another() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let stuck = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: '{{ .Name }}'\nspec:\n  containers:\n    \
                 - {name: c, image: '{{ .Params.IMAGE }}'}\n";
    let operator = Operator::new("pods")
        .parameter(json!({ "name": "IMAGE", "default": "nginx" }))
        .template("pod", stuck)
        .plan("deploy", &["only: pod"]);
    namespace.apply(&operator.version("1.0.0")).await;
    for number in 0..10 {
        let image = [("IMAGE", "simulate.kudo.dev/never-ready")];
        namespace
            .instance(&format!("bad-{number}"), "pods-1.0.0", &image)
            .await;
    }
    namespace.instance("good", "pods-1.0.0", &[]).await;
    namespace.until_done("good", "deploy").await;
    let bad = namespace.until_plan("bad-0", "deploy", "IN_PROGRESS").await;
    assert_eq!(condition(&bad, "Ready"), "Unknown PlanInProgress");
}
