//! Parents of several children: their plans run at the same time, and one that a new version of the parent
//! no longer installs goes.

use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::api::{ListParams, Patch, PatchParams};
use kudo_api::Instance;
use serde_json::{Value, json};

use crate::harness::{SOON, TestNamespace, cluster};
use crate::instances::{COLLECTED, Operator, plan_status, status_of};
use crate::managers::TestManager;

const CHILDREN: usize = 10;
const OBJECTS: usize = 10;

/// A child of ten objects, the last of which is a service that waits for its address.
fn gated() -> Operator {
    let mut service = String::new();
    write!(
        service,
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: '{{{{ .Name }}}}-gate'\nspec:\n  \
         type: LoadBalancer\n  ports: [{{port: 80}}]\n"
    )
    .unwrap();
    let names: Vec<String> = (1..OBJECTS).map(|index| format!("map-{index}")).collect();
    let operator = names
        .iter()
        .fold(Operator::new("gated"), |operator, name| {
            operator.config_map(name, &[("key", "value")])
        })
        .template("gate", &service);
    let step = format!("all: {}, gate", names.join(", "));
    operator.plan("deploy", &[&step])
}

/// A parent whose one step installs children of these names.
fn parent(operator: &str, children: &[String]) -> Operator {
    let task = |child: &String| {
        json!({
            "name": child,
            "kind": "KudoOperator",
            "spec": { "package": operator, "operatorVersion": "1.0.0", "instanceName": child },
        })
    };
    let plan = json!({
        "strategy": "serial",
        "phases": [{ "name": "main", "strategy": "serial", "steps": [{ "name": "children", "tasks": children }] }],
    });
    let all = children.iter().map(task);
    all.fold(Operator::new("parent"), Operator::task)
        .raw_plan("deploy", plan)
}

/// Gives every service that waits for one an address.
async fn open_gates(namespace: &TestNamespace) {
    let services = namespace.api::<Service>();
    let address = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } } });
    for service in services.list(&ListParams::default()).await.unwrap() {
        let name = service.metadata.name.unwrap();
        let patch = Patch::Merge(&address);
        services
            .patch_status(&name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plans_of_ten_children_run_at_the_same_time() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let children: Vec<String> = (0..CHILDREN)
        .map(|index| format!("child-{index}"))
        .collect();
    namespace.apply(&gated().version("1.0.0")).await;
    namespace
        .apply(&parent("gated", &children).version("1.0.0"))
        .await;
    namespace.instance("p", "parent-1.0.0", &[]).await;
    // No child can end before the gates open, so all of them are under way together.
    for child in &children {
        namespace.until_plan(child, "deploy", "IN_PROGRESS").await;
        let gate = format!("{child}-gate");
        namespace
            .wait_for::<Service>(&gate, "is applied", SOON, |found| found.is_some())
            .await;
    }
    let p = namespace.api::<Instance>().get("p").await.unwrap();
    assert_eq!(plan_status(&p, "deploy").unwrap().status, "IN_PROGRESS");
    open_gates(&namespace).await;
    let done = namespace.until_done("p", "deploy").await;
    assert_eq!(status_of(&done).inventory.len(), CHILDREN);
    for child in &children {
        let child = namespace.until_done(child, "deploy").await;
        assert_eq!(status_of(&child).inventory.len(), OBJECTS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_vanishes_is_made_again_and_one_that_was_edited_is_put_right() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let child = gated().parameter(json!({ "name": "MINE", "default": "1" }));
    namespace.apply(&child.version("1.0.0")).await;
    let names = ["c".to_owned()];
    let parent = parent("gated", &names)
        .parameter(json!({ "name": "WORD", "default": "a" }))
        .config_map("word", &[("word", "{{ .Params.WORD }}")]);
    namespace.apply(&parent.version("1.0.0")).await;
    namespace.instance("p", "parent-1.0.0", &[]).await;
    let first = namespace.until_plan("c", "deploy", "IN_PROGRESS").await;
    namespace.delete_instance("c").await;
    namespace
        .until("c", "is another one", |instance| {
            instance.metadata.uid != first.metadata.uid
        })
        .await;
    namespace
        .wait_for::<Service>("c-gate", "is the new child's", COLLECTED, |found| {
            let owners = found.and_then(|found| found.metadata.owner_references.as_ref());
            owners.is_some_and(|owners| Some(&owners[0].uid) != first.metadata.uid.as_ref())
        })
        .await;
    open_gates(&namespace).await;
    namespace.until_done("p", "deploy").await;

    // Somebody takes the child to another version; a parameter that the parent says nothing about is his.
    namespace.apply(&child.version("2.0.0")).await;
    let edit = json!({ "spec": { "operatorVersion": { "name": "gated-2.0.0" } } });
    namespace.change("c", edit).await;
    namespace.until_done("c", "deploy").await;
    namespace.set("c", json!({ "MINE": "2" })).await;
    namespace.until_done("c", "deploy").await;
    namespace.set("p", json!({ "WORD": "b" })).await;
    namespace.until_done("p", "deploy").await;
    let put_right = namespace.until_done("c", "deploy").await;
    assert_eq!(
        put_right.spec.operator_version.name.as_deref(),
        Some("gated-1.0.0")
    );
    assert_eq!(json!(put_right.spec.parameters), json!({ "MINE": "2" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_a_new_version_no_longer_installs_goes_with_its_objects() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let child = Operator::new("child")
        .config_map("config", &[("key", "value")])
        .plan("deploy", &["all: config"]);
    let names =
        |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    namespace.apply(&child.version("1.0.0")).await;
    let both = parent("child", &names(&["stays", "goes"]));
    namespace.apply(&both.version("1.0.0")).await;
    namespace.instance("p", "parent-1.0.0", &[]).await;
    namespace.until_done("p", "deploy").await;
    let stays = namespace.until_done("stays", "deploy").await;

    let one = parent("child", &names(&["stays"]));
    namespace.apply(&one.version("2.0.0")).await;
    let upgrade = json!({ "spec": { "operatorVersion": { "name": "parent-2.0.0" } } });
    namespace.change("p", upgrade).await;
    let upgraded = namespace.until_done("p", "deploy").await;
    let inventory: Vec<Value> = status_of(&upgraded)
        .inventory
        .iter()
        .map(|entry| json!(entry.name))
        .collect();
    assert_eq!(inventory, ["stays"]);
    namespace.until_gone("goes").await;
    namespace
        .wait_for::<ConfigMap>("goes-config", "goes with it", COLLECTED, |found| {
            found.is_none()
        })
        .await;
    let still = namespace.until_done("stays", "deploy").await;
    let uid = |instance: &Instance| plan_status(instance, "deploy").unwrap().uid.clone();
    assert_eq!(uid(&still), uid(&stays), "what did not change ran nothing");
}
