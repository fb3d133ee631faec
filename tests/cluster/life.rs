//! Plans in the course of an instance's life, and what they cost.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::DeleteParams;
use kudo_api::OperatorVersion;
use serde_json::json;

use crate::harness::cluster;
use crate::instances::{
    COLLECTED, Operator, a_while, condition, condition_message, plan_status, status_of, steps,
};
use crate::managers::TestManager;

fn settings() -> Operator {
    Operator::new("settings")
        .parameter(json!({ "name": "A", "default": "1", "trigger": "deploy" }))
        .parameter(json!({ "name": "B", "default": "1", "trigger": "special" }))
        .parameter(json!({ "name": "FREE", "default": "1" }))
        .config_map(
            "a",
            &[("a", "{{ .Params.A }}"), ("free", "{{ .Params.FREE }}")],
        )
        .config_map("b", &[("b", "{{ .Params.B }}")])
        .plan("deploy", &["first: a", "second: b"])
        .plan("update", &["only: a"])
        .plan("special", &["only: b"])
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_run_their_plans() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    namespace.apply(&settings().version("1.0.0")).await;
    namespace.instance("i", "settings-1.0.0", &[]).await;
    let deployed = namespace.until_done("i", "deploy").await;
    assert_eq!(
        steps(&deployed, "deploy"),
        ["main.first COMPLETE", "main.second COMPLETE"]
    );
    assert_eq!(
        plan_status(&deployed, "update").unwrap().status,
        "NEVER_RUN"
    );

    // A parameter without a trigger runs update.
    namespace.set("i", json!({ "FREE": "2" })).await;
    let updated = namespace.until_done("i", "update").await;
    let uid = |instance, plan| plan_status(instance, plan).unwrap().uid.clone();
    assert_eq!(uid(&updated, "deploy"), uid(&deployed, "deploy"));
    let a = namespace.api::<ConfigMap>().get("i-a").await.unwrap();
    assert_eq!(a.data.unwrap()["free"], "2");

    namespace.set("i", json!({ "B": "2" })).await;
    let special = namespace.until_done("i", "special").await;
    assert_eq!(uid(&special, "update"), uid(&updated, "update"));
    let b = namespace.api::<ConfigMap>().get("i-b").await.unwrap();
    assert_eq!(b.data.unwrap()["b"], "2");

    // By hand, and the request is cleared.
    let request =
        json!({ "spec": { "planExecution": { "planName": "special", "uid": "by-hand" } } });
    namespace.change("i", request).await;
    let by_hand = namespace
        .until("i", "the request is cleared", |i| {
            plan_status(i, "special").is_some_and(|p| p.uid == "by-hand" && p.is_terminal())
                && i.spec.plan_execution.is_empty()
        })
        .await;
    assert_eq!(uid(&by_hand, "deploy"), uid(&deployed, "deploy"));

    // A request without a uid is given one, and runs once.
    let request = json!({ "spec": { "planExecution": { "planName": "update" } } });
    namespace.change("i", request).await;
    let again = namespace
        .until("i", "update ran once more", |i| {
            plan_status(i, "update")
                .is_some_and(|p| p.uid != uid(&updated, "update") && p.is_terminal())
                && i.spec.plan_execution.is_empty()
        })
        .await;
    a_while().await;
    let later = namespace.until_done("i", "update").await;
    assert_eq!(uid(&later, "update"), uid(&again, "update"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_costs_what_it_should_and_rest_costs_nothing() {
    let namespace = cluster().namespace().await;
    let manager = TestManager::start(&[&namespace]);
    let names: Vec<String> = (0..10).map(|number| format!("c{number}")).collect();
    let mut operator = Operator::new("ten");
    for name in &names {
        operator = operator.config_map(name, &[("key", "value")]);
    }
    let operator = operator.plan("deploy", &[&format!("all: {}", names.join(", "))]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("warm-up", "ten-1.0.0", &[]).await;
    namespace.until_done("warm-up", "deploy").await;
    a_while().await;

    let (writes, reads) = (manager.meter().writes(), manager.meter().reads());
    namespace.instance("i", "ten-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;
    a_while().await;
    let spent = (
        manager.meter().writes() - writes,
        manager.meter().reads() - reads,
    );
    assert_eq!(
        spent,
        (14, 0),
        "writes and reads: {:?}",
        manager.meter().counts()
    );
    assert_eq!(
        namespace.events("i").await,
        [
            "PlanFinished: Execution of plan deploy finished with status COMPLETE",
            "PlanStarted: Execution of plan deploy started",
        ]
    );

    let before = manager.meter().counts();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(manager.meter().counts(), before);

    // A manager that finds nothing to do does nothing.
    manager.stop().await;
    let next = TestManager::start(&[&namespace]);
    a_while().await;
    a_while().await;
    let events = next.meter().writes();
    assert!(
        events <= 2,
        "at most the events of the last plans: {:?}",
        next.meter().counts()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_made_while_no_manager_ran_is_not_lost() {
    let namespace = cluster().namespace().await;
    let manager = TestManager::start(&[&namespace]);
    namespace.apply(&settings().version("1.0.0")).await;
    namespace.instance("i", "settings-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;
    manager.stop().await;
    namespace.set("i", json!({ "FREE": "2" })).await;
    namespace.set("i", json!({ "FREE": "3" })).await;
    let _manager = TestManager::start(&[&namespace]);
    namespace.until_done("i", "update").await;
    let a = namespace.api::<ConfigMap>().get("i-a").await.unwrap();
    assert_eq!(a.data.unwrap()["free"], "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_one_operator_do_not_disturb_each_other() {
    let (here, there) = (cluster().namespace().await, cluster().namespace().await);
    let _manager = TestManager::start(&[&here, &there]);
    here.apply(&settings().version("1.0.0")).await;
    here.instance("one", "settings-1.0.0", &[("A", "one")])
        .await;
    here.instance("two", "settings-1.0.0", &[("A", "two")])
        .await;
    let version = json!({ "name": "settings-1.0.0", "namespace": here.name() });
    there
        .apply(&json!({
            "apiVersion": "kudo.dev/v1beta1", "kind": "Instance", "metadata": { "name": "one" },
            "spec": { "operatorVersion": version, "parameters": { "A": "three" } },
        }))
        .await;
    for (namespace, name, value) in [
        (&here, "one", "one"),
        (&here, "two", "two"),
        (&there, "one", "three"),
    ] {
        namespace.until_plan(name, "deploy", "COMPLETE").await;
        let map = namespace
            .api::<ConfigMap>()
            .get(&format!("{name}-a"))
            .await
            .unwrap();
        assert_eq!(map.data.unwrap()["a"], value);
    }
    here.delete_instance("one").await;
    here.wait_for::<ConfigMap>("one-a", "is gone", COLLECTED, |found| found.is_none())
        .await;
    assert!(here.api::<ConfigMap>().get("two-a").await.is_ok());
    assert!(there.api::<ConfigMap>().get("one-a").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_version_may_come_later() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    namespace.instance("i", "settings-1.0.0", &[]).await;
    let waiting = namespace
        .until("i", "says what is missing", |i| {
            condition(i, "Accepted") == "False InvalidOperatorVersion"
        })
        .await;
    let message = condition_message(&waiting, "Accepted");
    assert!(
        message.contains("\"settings-1.0.0\" not found"),
        "{message}"
    );
    namespace.until_told("i", "InvalidOperatorVersion: ").await;
    namespace.apply(&settings().version("1.0.0")).await;
    let deployed = namespace.until_done("i", "deploy").await;
    assert_eq!(condition(&deployed, "Accepted"), "True Accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_and_its_resource_come_in_one_plan() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let group = format!("{}.example.com", namespace.name());
    let definition = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
         metadata: {{name: widgets.{group}}}\nspec:\n  group: {group}\n  scope: Namespaced\n  \
         names: {{plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}}\n  \
         versions:\n    - name: v1\n      served: true\n      storage: true\n      \
         schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}\n"
    );
    let widget = format!(
        "apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: '{{{{ .Name }}}}'}}\nspec: {{size: 1}}\n"
    );
    let operator = Operator::new("widgets")
        .template("definition", &definition)
        .template("widget", &widget)
        .plan("deploy", &["definition: definition", "widget: widget"])
        .plan("update", &["both: definition, widget"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("i", "widgets-1.0.0", &[]).await;
    let deployed = namespace.until_done("i", "deploy").await;
    let inventory = status_of(&deployed).inventory;
    let widget = inventory
        .iter()
        .find(|entry| entry.kind == "Widget")
        .unwrap();
    assert_eq!(widget.namespace.as_deref(), Some(namespace.name()));
    let held = deployed
        .finalizers()
        .iter()
        .any(|name| name == "kudo.dev/inventory");
    assert!(
        held,
        "a cluster-scoped object is on record: {:?}",
        deployed.finalizers()
    );
    let widgets = namespace.dynamic(&format!("{group}/v1"), "Widget").await;
    assert!(widgets.get("i").await.is_ok());

    // The definition stays, as others may use it.
    namespace.delete_instance("i").await;
    namespace.until_gone("i").await;
    let definitions = namespace
        .dynamic("apiextensions.k8s.io/v1", "CustomResourceDefinition")
        .await;
    let name = format!("widgets.{group}");
    assert!(definitions.get(&name).await.is_ok());
    definitions
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_plan_follows_its_operator_version() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let stuck = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: '{{ .Name }}'\nspec:\n  containers:\n    \
                 - {name: c, image: simulate.kudo.dev/never-ready}\n";
    let broken = Operator::new("stuck")
        .config_map("done", &[("key", "value")])
        .template("pod", stuck)
        .plan("deploy", &["first: done", "second: pod"]);
    namespace.apply(&broken.version("1.0.0")).await;
    namespace.instance("i", "stuck-1.0.0", &[]).await;
    let waiting = namespace
        .until("i", "waits for the pod", |i| {
            plan_status(i, "deploy").is_some_and(|p| p.phases[0].steps[1].status == "IN_PROGRESS")
        })
        .await;
    // The step that waits is taken out of the plan; the one that is complete does not run again.
    let mended = Operator::new("stuck")
        .config_map("done", &[("key", "other")])
        .config_map("late", &[("key", "value")])
        .plan("deploy", &["first: done", "third: late"]);
    namespace.apply(&mended.version("1.0.0")).await;
    let deployed = namespace.until_done("i", "deploy").await;
    assert_eq!(
        plan_status(&deployed, "deploy").unwrap().uid,
        plan_status(&waiting, "deploy").unwrap().uid
    );
    assert_eq!(
        steps(&deployed, "deploy"),
        ["main.first COMPLETE", "main.third COMPLETE"]
    );
    let done = namespace.api::<ConfigMap>().get("i-done").await.unwrap();
    assert_eq!(done.data.unwrap()["key"], "value");

    // Without its operator version an instance that has nothing to do rests, and its deletion works.
    let versions = namespace.api::<OperatorVersion>();
    versions
        .delete("stuck-1.0.0", &DeleteParams::default())
        .await
        .unwrap();
    a_while().await;
    namespace.delete_instance("i").await;
    namespace.until_gone("i").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_may_go_while_its_plan_runs_and_come_again() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: '{{ .Name }}'\nspec:\n  containers:\n    \
               - {name: c, image: '{{ .Params.IMAGE }}'}\n";
    let operator = Operator::new("pods")
        .parameter(json!({ "name": "IMAGE", "default": "simulate.kudo.dev/never-ready" }))
        .template("pod", pod)
        .plan("deploy", &["only: pod"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("i", "pods-1.0.0", &[]).await;
    namespace.until_plan("i", "deploy", "IN_PROGRESS").await;
    namespace.delete_instance("i").await;
    namespace.until_gone("i").await;
    namespace
        .instance("i", "pods-1.0.0", &[("IMAGE", "nginx")])
        .await;
    let deployed = namespace.until_done("i", "deploy").await;
    assert_eq!(steps(&deployed, "deploy"), ["main.only COMPLETE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_pods() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: '{{ .Name }}'}\nspec:\n  \
                      selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
                      spec: {containers: [{name: c, image: nginx}]}\n";
    let operator = Operator::new("web")
        .template("deployment", deployment)
        .plan("deploy", &["only: deployment"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("i", "web-1.0.0", &[]).await;
    let ready = |i: &kudo_api::Instance| condition(i, "Ready") == "True ResourcesReady";
    namespace.until("i", "is ready", ready).await;
    let pods = namespace.api::<k8s_openapi::api::core::v1::Pod>();
    let pod = pods
        .list(&kube::api::ListParams::default())
        .await
        .unwrap()
        .items[0]
        .name_any();
    let outcome = |outcome| {
        let annotations = json!({ "simulate.kudo.dev/outcome": outcome });
        kube::api::Patch::Merge(json!({ "metadata": { "annotations": annotations } }))
    };
    let params = kube::api::PatchParams::default();
    pods.patch(&pod, &params, &outcome("never-ready"))
        .await
        .unwrap();
    let unready = namespace
        .until("i", "is not ready", |i| {
            condition(i, "Ready") == "False ResourceNotReady"
        })
        .await;
    assert!(!condition_message(&unready, "Ready").is_empty());
    pods.patch(&pod, &params, &outcome("ready")).await.unwrap();
    namespace.until("i", "is ready again", ready).await;
}
