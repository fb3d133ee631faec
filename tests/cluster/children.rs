//! Operators that install others: deploy, update, upgrade, failure and removal through the parent.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, PostParams};
use kudo_api::OperatorVersion;
use serde_json::{Value, json};

use crate::harness::{SOON, TestNamespace, cluster, object};
use crate::instances::{COLLECTED, Operator, plan_status, status_of, steps};
use crate::kill::trap::{Moment, Trap};
use crate::managers::TestManager;

/// A child that shows its parameter in a `ConfigMap`.
fn child() -> Operator {
    Operator::new("child")
        .parameter(json!({ "name": "GREETING", "default": "hello" }))
        .config_map(
            "config",
            &[
                ("greeting", "{{ .Params.GREETING }}"),
                ("version", "{{ .OperatorVersion }}"),
            ],
        )
        .plan("deploy", &["all: config"])
        .plan("update", &["all: config"])
        .plan("upgrade", &["all: config"])
}

/// A parent that installs `child` at a version and passes its own parameter on.
fn parent(child_version: &str) -> Operator {
    let plan = json!({
        "strategy": "serial",
        "phases": [{ "name": "main", "strategy": "serial", "steps": [{ "name": "child", "tasks": ["child"] }] }],
    });
    Operator::new("parent")
        .parameter(json!({ "name": "WORD", "default": "hello" }))
        .template(
            "child-params.yaml",
            "GREETING: {{ .Params.WORD }} from {{ .Name }}\n",
        )
        .task(json!({
            "name": "child",
            "kind": "KudoOperator",
            "spec": {
                "package": "child",
                "operatorVersion": child_version,
                "parameterFile": "child-params.yaml",
            },
        }))
        .raw_plan("deploy", plan)
}

async fn greeting(namespace: &TestNamespace) -> (String, String) {
    let map = namespace
        .api::<ConfigMap>()
        .get("p-child-config")
        .await
        .unwrap();
    let data = map.data.unwrap();
    (data["greeting"].clone(), data["version"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_deployed_updated_upgraded_and_removed_with_its_parent() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    namespace.apply(&child().version("1.0.0")).await;
    namespace.apply(&parent("1.0.0").version("1.0.0")).await;
    namespace.instance("p", "parent-1.0.0", &[]).await;
    let deployed = namespace.until_done("p", "deploy").await;
    assert_eq!(
        greeting(&namespace).await,
        ("hello from p".to_owned(), "1.0.0".to_owned())
    );
    let names: Vec<String> = status_of(&deployed)
        .inventory
        .iter()
        .map(|entry| format!("{} {}", entry.kind, entry.name))
        .collect();
    assert_eq!(names, ["Instance p-child"]);

    let child_instance = namespace.until_done("p-child", "deploy").await;
    let metadata = serde_json::to_value(&child_instance.metadata).unwrap();
    assert_eq!(metadata["labels"]["kudo.dev/operator"], "child");
    let owner = &metadata["ownerReferences"][0];
    assert_eq!(owner["uid"], Value::from(deployed.metadata.uid.clone()));
    assert_eq!(owner["controller"], Value::Null);

    namespace.set("p", json!({ "WORD": "hi" })).await;
    namespace.until_done("p", "deploy").await;
    assert_eq!(
        greeting(&namespace).await,
        ("hi from p".to_owned(), "1.0.0".to_owned())
    );
    let updated = namespace.until_done("p-child", "update").await;
    assert_eq!(plan_status(&updated, "deploy").unwrap().status, "COMPLETE");

    namespace.apply(&child().version("2.0.0")).await;
    namespace.apply(&parent("2.0.0").version("2.0.0")).await;
    let upgrade = json!({ "spec": { "operatorVersion": { "name": "parent-2.0.0" } } });
    namespace.change("p", upgrade).await;
    namespace.until_done("p", "deploy").await;
    assert_eq!(
        greeting(&namespace).await,
        ("hi from p".to_owned(), "2.0.0".to_owned())
    );
    namespace.until_done("p-child", "upgrade").await;

    namespace.delete_instance("p").await;
    namespace.until_gone("p").await;
    namespace
        .wait_for::<kudo_api::Instance>("p-child", "goes with its parent", COLLECTED, |found| {
            found.is_none()
        })
        .await;
    namespace
        .wait_for::<ConfigMap>(
            "p-child-config",
            "goes with the child",
            COLLECTED,
            |found| found.is_none(),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_fails_for_good_fails_its_parent() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let broken = Operator::new("child")
        .parameter(json!({ "name": "GREETING" }))
        .template("broken", "{{ fail \"no water\" }}")
        .plan("deploy", &["all: broken"]);
    namespace.apply(&broken.version("1.0.0")).await;
    namespace.apply(&parent("1.0.0").version("1.0.0")).await;
    namespace.instance("p", "parent-1.0.0", &[]).await;
    let failed = namespace.until_plan("p", "deploy", "FATAL_ERROR").await;
    assert_eq!(steps(&failed, "deploy"), ["main.child FATAL_ERROR"]);
    let message = &plan_status(&failed, "deploy").unwrap().phases[0].steps[0].message;
    assert!(
        message.contains("Instance \"p-child\" has failed"),
        "{message}"
    );
    assert!(message.contains("no water"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_whose_version_is_missing_is_awaited_and_the_step_says_so() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    namespace.apply(&parent("1.0.0").version("1.0.0")).await;
    namespace.instance("p", "parent-1.0.0", &[]).await;
    namespace
        .until("p", "the step shows what is missing", |instance| {
            let step = plan_status(instance, "deploy")
                .and_then(|plan| plan.phases.first())
                .and_then(|phase| phase.steps.first());
            step.is_some_and(|step| {
                step.status == "ERROR" && step.message.contains("\"child-1.0.0\" not found")
            })
        })
        .await;
    namespace.apply(&child().version("1.0.0")).await;
    namespace.until_done("p", "deploy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_that_install_each_other_are_refused() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let installs = |name: &'static str, other: &str| {
        let plan = json!({
            "strategy": "serial",
            "phases": [{ "name": "main", "strategy": "serial", "steps": [{ "name": "child", "tasks": ["child"] }] }],
        });
        let task = json!({
            "name": "child",
            "kind": "KudoOperator",
            "spec": { "package": other, "operatorVersion": "1.0.0" },
        });
        Operator::new(name).task(task).raw_plan("deploy", plan)
    };
    for (name, other) in [("a", "b"), ("b", "a")] {
        let version: OperatorVersion = object(installs(name, other).version("1.0.0"));
        let api = namespace.api::<OperatorVersion>();
        api.create(&PostParams::default(), &version).await.unwrap();
    }
    namespace.instance("i", "a-1.0.0", &[]).await;
    let failed = namespace.until_plan("i", "deploy", "FATAL_ERROR").await;
    let message = &plan_status(&failed, "deploy").unwrap().message;
    assert!(
        message.ends_with("a-1.0.0 -> b-1.0.0 -> a-1.0.0"),
        "{message}"
    );
    let children = namespace.api::<kudo_api::Instance>();
    assert!(children.get_opt("i-b").await.unwrap().is_none());
}

/// A parent's deployment makes about this many writes, its child's included.
const WRITES: usize = 14;

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_is_deployed_wherever_its_manager_is_killed() {
    for point in 1..=WRITES {
        let moment = if point % 2 == 0 {
            Moment::Before
        } else {
            Moment::After
        };
        let namespace = cluster().namespace().await;
        let trap = Arc::new(Trap::new(point, moment));
        let manager = TestManager::start_with(&[&namespace], Some(trap.clone()));
        namespace.apply(&child().version("1.0.0")).await;
        namespace.apply(&parent("1.0.0").version("1.0.0")).await;
        namespace.instance("p", "parent-1.0.0", &[]).await;
        // The last writes are events, of which there may be fewer.
        let _ = tokio::time::timeout(SOON / 6, trap.at.notified()).await;
        manager.kill().await;

        let _next = TestManager::start(&[&namespace]);
        namespace.until_done("p", "deploy").await;
        let found = greeting(&namespace).await;
        assert_eq!(
            found,
            ("hello from p".to_owned(), "1.0.0".to_owned()),
            "{point} {moment:?}"
        );
        for name in ["p", "p-child"] {
            let events = namespace.events(name).await;
            let started = events
                .iter()
                .filter(|e| e.starts_with("PlanStarted"))
                .count();
            assert!(started <= 1, "{point} {moment:?}: {events:?}");
        }
        let children = namespace.api::<kudo_api::Instance>();
        let all = children.list(&ListParams::default()).await.unwrap();
        assert_eq!(all.items.len(), 2, "{point} {moment:?}");
    }
}
