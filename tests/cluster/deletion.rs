//! The end of an instance, with and without a cleanup plan.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::DeleteParams;
use kudo_api::OperatorVersion;
use serde_json::json;

use crate::harness::{SOON, cluster, eventually};
use crate::instances::{Operator, a_while, plan_status};
use crate::managers::TestManager;

fn operator() -> Operator {
    // What the cleanup plan applies belongs to nobody afterwards, so that it can be looked at.
    Operator::new("tidy")
        .parameter(json!({ "name": "OUTCOME", "default": "succeed" }))
        .config_map("a", &[("key", "value")])
        .template(
            "job",
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: '{{ .Name }}'}\nspec:\n  backoffLimit: 0\n  \
             template:\n    spec:\n      restartPolicy: Never\n      \
             containers: [{name: c, image: 'simulate.kudo.dev/{{ .Params.OUTCOME }}'}]\n",
        )
        .plan("deploy", &["only: a"])
        .plan("cleanup", &["delete: -a", "job: job"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleanup_plan_runs_before_the_instance_goes() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    namespace.apply(&operator().version("1.0.0")).await;
    let never = [("OUTCOME", "pending")];
    namespace.instance("i", "tidy-1.0.0", &never).await;
    let deployed = namespace.until_done("i", "deploy").await;
    assert_eq!(deployed.finalizers(), ["kudo.dev.instance.cleanup"]);
    namespace.delete_instance("i").await;
    let cleaning = namespace.until_plan("i", "cleanup", "IN_PROGRESS").await;
    assert_eq!(plan_status(&cleaning, "deploy").unwrap().status, "COMPLETE");
    namespace
        .wait_for::<ConfigMap>("i-a", "is deleted by the plan", SOON, |found| {
            found.is_none()
        })
        .await;
    // The plan waits for its job; the pod is told to succeed.
    let pods = namespace.api::<k8s_openapi::api::core::v1::Pod>();
    let selector = kube::api::ListParams::default().labels("job-name=i");
    let pod = eventually("the job has a pod", SOON, || async {
        let found = pods.list(&selector).await.map_err(|e| e.to_string())?;
        found
            .items
            .first()
            .map(ResourceExt::name_any)
            .ok_or_else(|| "none".to_owned())
    })
    .await;
    let outcome =
        json!({ "metadata": { "annotations": { "simulate.kudo.dev/outcome": "succeed" } } });
    let params = kube::api::PatchParams::default();
    pods.patch(&pod, &params, &kube::api::Patch::Merge(outcome))
        .await
        .unwrap();
    namespace.until_gone("i").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_cleanup_stays_and_can_be_repeated_or_given_up() {
    let namespace = cluster().namespace().await;
    let manager = TestManager::start(&[&namespace]);
    namespace.apply(&operator().version("1.0.0")).await;
    for name in ["repeated", "given-up"] {
        namespace
            .instance(name, "tidy-1.0.0", &[("OUTCOME", "fail")])
            .await;
        namespace.until_done(name, "deploy").await;
        namespace.delete_instance(name).await;
        namespace.until_plan(name, "cleanup", "FATAL_ERROR").await;
    }
    manager.stop().await;
    let _manager = TestManager::start(&[&namespace]);
    a_while().await;
    let failed = namespace
        .until_plan("repeated", "cleanup", "FATAL_ERROR")
        .await;

    let again = json!({ "spec": { "planExecution": { "planName": "cleanup", "uid": "again" } } });
    namespace.change("repeated", again).await;
    let failed_again = namespace
        .until("repeated", "has failed again", |i| {
            plan_status(i, "cleanup").is_some_and(|p| p.uid == "again" && p.status == "FATAL_ERROR")
                && i.spec.plan_execution.is_empty()
        })
        .await;
    assert_ne!(
        plan_status(&failed, "cleanup"),
        plan_status(&failed_again, "cleanup")
    );
    // The operator version is mended, and the plan repeated once more.
    let mended = operator().template("job", "# nothing\n").version("1.0.0");
    namespace.apply(&mended).await;
    let again = json!({ "spec": { "planExecution": { "planName": "cleanup", "uid": "third" } } });
    namespace.change("repeated", again).await;
    namespace.until_gone("repeated").await;

    let abandon = json!({ "metadata": { "annotations": { "kudo.dev/cleanup": "abandon" } } });
    namespace.change("given-up", abandon).await;
    namespace.until_gone("given-up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_does_not_need_the_operator_version() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    namespace.apply(&operator().version("1.0.0")).await;
    namespace.instance("i", "tidy-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;
    let versions = namespace.api::<OperatorVersion>();
    versions
        .delete("tidy-1.0.0", &DeleteParams::default())
        .await
        .unwrap();
    namespace.delete_instance("i").await;
    namespace.until_gone("i").await;
    let told = "InvalidOperatorVersion: the cleanup plan";
    namespace.until_told("i", told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_interrupts_a_running_plan() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let stuck = operator().template(
        "stuck",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: '{{ .Name }}'}\nspec:\n  \
         containers: [{name: c, image: simulate.kudo.dev/never-ready}]\n",
    );
    let stuck = stuck.plan("deploy", &["stuck: stuck"]);
    namespace.apply(&stuck.version("1.0.0")).await;
    namespace
        .instance("i", "tidy-1.0.0", &[("OUTCOME", "fail")])
        .await;
    namespace.until_plan("i", "deploy", "IN_PROGRESS").await;
    namespace.delete_instance("i").await;
    let failed = namespace.until_plan("i", "cleanup", "FATAL_ERROR").await;
    let deploy = plan_status(&failed, "deploy").unwrap();
    assert_eq!(deploy.status, "FATAL_ERROR");
    assert!(deploy.message.contains("interrupted"), "{}", deploy.message);
    let abandon = json!({ "metadata": { "annotations": { "kudo.dev/cleanup": "abandon" } } });
    namespace.change("i", abandon).await;
    namespace.until_gone("i").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_scoped_objects_go_by_the_record() {
    let namespace = cluster().namespace().await;
    let manager = TestManager::start(&[&namespace]);
    let name = format!("kudo-test-{}", namespace.name());
    let role = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {name}}}\nrules: []\n"
    );
    let operator = Operator::new("roles")
        .template("role", &role)
        .plan("deploy", &["only: role"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("i", "roles-1.0.0", &[]).await;
    let deployed = namespace.until_done("i", "deploy").await;
    assert_eq!(deployed.finalizers(), ["kudo.dev/inventory"]);
    let roles = namespace
        .dynamic("rbac.authorization.k8s.io/v1", "ClusterRole")
        .await;
    assert!(roles.get(&name).await.is_ok());
    manager.stop().await;
    namespace.delete_instance("i").await;
    let _manager = TestManager::start(&[&namespace]);
    namespace.until_gone("i").await;
    assert!(roles.get_opt(&name).await.unwrap().is_none());
}
