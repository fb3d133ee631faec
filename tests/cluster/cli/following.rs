//! `--wait` and `plan …`, with the status recorded by the test in the manager's stead.

use std::time::{Duration, Instant};

use kube::api::{Patch, PatchParams};
use kudo_api::Instance;
use serde_json::json;

use super::{Setting, deploy};
use crate::harness::SOON;

/// Waits until the instance is there, as the command has just been started.
async fn installed(setting: &Setting) {
    let there = |instance: Option<&Instance>| instance.is_some();
    setting
        .namespace
        .wait_for::<Instance>("small-instance", "exists", SOON, there)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_when_the_plan_is_complete() {
    let setting = Setting::new().await;
    let child = setting.start("install ./small -p SECRET=x --wait");
    installed(&setting).await;
    setting.record(deploy("IN_PROGRESS", "a", "")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    setting.record(deploy("ERROR", "a", "not yet")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    setting.record(deploy("COMPLETE", "a", "")).await;
    let start = Instant::now();
    let outcome = setting.end(child).expect_code(0);
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    assert!(
        outcome
            .stdout
            .ends_with("instance $NAMESPACE/small-instance ready\n"),
        "{outcome}"
    );
    assert_eq!(
        outcome.stderr,
        "Plan deploy [IN_PROGRESS]\n\
         Step deploy/main/config [IN_PROGRESS]\n\
         Plan deploy [ERROR]\n\
         Step deploy/main/config [ERROR] (not yet)\n\
         Step deploy/main/config [COMPLETE]\n\
         Plan deploy [COMPLETE]\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_fails_ends_the_wait_at_once() {
    let setting = Setting::new().await;
    let child = setting.start("install ./small -p SECRET=x --wait");
    installed(&setting).await;
    setting
        .record(deploy("FATAL_ERROR", "a", "config.yaml:3:1: no such kind"))
        .await;
    let outcome = setting.end(child).expect_code(3);
    assert!(
        outcome.stderr.ends_with(
            "Error: plan \"deploy\" of instance $NAMESPACE/small-instance failed in step \
             main/config: config.yaml:3:1: no such kind\n\
             Hint: see all of it with: kubectl kudo plan status --instance small-instance -n $NAMESPACE\n"
        ),
        "{outcome}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn time_runs_out() {
    let setting = Setting::new().await;
    let outcome = setting
        .run("install ./small -p SECRET=x --wait --wait-time 1")
        .expect_code(4);
    assert!(
        outcome.stderr.ends_with(
            "Error: the plan of instance $NAMESPACE/small-instance was not done within 1s\n\
             Hint: it goes on; follow it with: kubectl kudo plan status --instance small-instance -n $NAMESPACE --wait\n"
        ),
        "{outcome}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_the_plan_running() {
    let setting = Setting::new().await;
    let child = setting.start("install ./small -p SECRET=x --wait");
    installed(&setting).await;
    setting.record(deploy("IN_PROGRESS", "a", "")).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .unwrap();
    assert!(sent.success());
    let outcome = setting.end(child).expect_code(130);
    assert!(
        outcome
            .stderr
            .contains("interrupted; the plan of instance $NAMESPACE/small-instance goes on"),
        "{outcome}"
    );
    assert!(
        outcome
            .stderr
            .contains("Hint: follow it with: kubectl kudo plan status"),
        "{outcome}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_with_and_without_waiting() {
    for wait in ["", " --wait"] {
        let setting = Setting::new().await;
        setting.install();
        setting.record(deploy("COMPLETE", "a", "")).await;
        let child = setting.start(&format!(
            "update --instance small-instance -p COUNT=5{wait}"
        ));
        let changed = |instance: Option<&Instance>| {
            instance.is_some_and(|i| i.spec.parameters.contains_key("COUNT"))
        };
        setting
            .namespace
            .wait_for::<Instance>("small-instance", "changed", SOON, changed)
            .await;
        let refused = json!({ "conditions": [{ "type": "Accepted", "status": "False",
            "reason": "SeveralPlans", "message": "two plans would run",
            "lastTransitionTime": "2020-06-23T14:10:39Z" }] });
        setting.record_only(&refused).await;
        let outcome = setting.end(child).expect_code(3);
        assert!(
            outcome.stderr.ends_with(
                "Error: the change of instance $NAMESPACE/small-instance was refused: two plans would run\n\
                 Hint: the instance runs on as it was before the change\n"
            ),
            "{outcome}"
        );
        let outcome = setting
            .run("plan status --instance small-instance")
            .expect_code(0);
        assert_eq!(
            outcome.stderr,
            "Warning: the last change was refused: two plans would run; COUNT keeps its former value\n"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_shown_where_a_change_was_refused() {
    let setting = Setting::new().await;
    setting.install();
    setting.record(deploy("COMPLETE", "a", "")).await;
    let change = Patch::Merge(json!({ "spec": {
        "operatorVersion": { "name": "small-9.9.9" }, "parameters": { "COUNT": "lots" } } }));
    let instances = setting.namespace.api::<Instance>();
    let ours = PatchParams::default();
    let patched = instances.patch("small-instance", &ours, &change).await;
    assert!(patched.is_ok());
    let refused = json!({ "conditions": [{ "type": "Accepted", "status": "False",
        "reason": "InvalidParams", "message": "no number",
        "lastTransitionTime": "2020-06-23T14:10:39Z" }] });
    setting.record_only(&refused).await;
    let told = "Warning: the last change was refused: no number; small-0.1.0 runs, not small-9.9.9; COUNT \
                keeps its former value\n";
    for (command, shown) in [
        ("plan status", "Operator-Version: \"small-0.1.0\""),
        ("get parameters", "SECRET: x\n"),
        ("get parameters -o name", "SECRET\n"),
        ("plan status -o json", "COMPLETE"),
    ] {
        let outcome = setting.run(&format!("{command} --instance small-instance"));
        let outcome = outcome.expect_code(0);
        assert!(outcome.stdout.contains(shown), "{command}: {outcome}");
        assert!(!outcome.stdout.contains("lots"), "{command}: {outcome}");
        assert_eq!(outcome.stderr, told, "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_history() {
    let setting = Setting::new().await;
    setting.install();
    let outcome = setting
        .run("plan status --instance small-instance")
        .expect_code(0);
    assert_eq!(
        outcome.stdout,
        "No plan ever run for instance - nothing to show for instance small-instance\n"
    );
    setting
        .record(deploy("FATAL_ERROR", "a", "no such kind"))
        .await;
    let outcome = setting
        .run("plan status --instance small-instance")
        .expect_code(0);
    assert_eq!(
        outcome.stdout,
        "Plan(s) for \"small-instance\" in namespace \"$NAMESPACE\":\n\
         .\n\
         └── small-instance (Operator-Version: \"small-0.1.0\" Active-Plan: \"deploy\")\n    \
             └── Plan deploy (serial strategy) [FATAL_ERROR], last updated 2020-06-23 14:10:39\n        \
                 └── Phase main (serial strategy) [FATAL_ERROR]\n            \
                     └── Step config [FATAL_ERROR] (no such kind)\n"
    );
    assert_eq!(outcome.stderr, "");
    let outcome = setting
        .run("plan status --instance small-instance -o json")
        .expect_code(0);
    assert_eq!(
        outcome.json()["planStatus"]["deploy"]["status"],
        "FATAL_ERROR"
    );
    let outcome = setting
        .run("plan history --instance small-instance")
        .expect_code(0);
    assert_eq!(
        outcome.stdout,
        ".\n└── deploy (last finished run at 2020-06-23T14:10:39 (FATAL_ERROR))\n"
    );
    let outcome = setting
        .run("plan status --instance small-instance --wait")
        .expect_code(3);
    assert!(outcome.stdout.starts_with("Plan(s) for"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_triggered_plan_is_told_by_its_uid() {
    let setting = Setting::new().await;
    setting.install();
    setting.record(deploy("COMPLETE", "a", "")).await;
    let child = setting.start("plan trigger --name deploy --instance small-instance --wait");
    let asked = |instance: Option<&Instance>| {
        instance.is_some_and(|i| i.spec.plan_execution.plan_name == "deploy")
    };
    let instance = setting
        .namespace
        .wait_for::<Instance>("small-instance", "asked", SOON, asked)
        .await;
    let uid = instance.unwrap().spec.plan_execution.uid;
    setting.record(deploy("IN_PROGRESS", &uid, "")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    setting.record(deploy("COMPLETE", &uid, "")).await;
    let outcome = setting.end(child).expect_code(0);
    assert_eq!(
        outcome.stderr,
        "Plan deploy [IN_PROGRESS]\n\
         Step deploy/main/config [IN_PROGRESS]\n\
         Step deploy/main/config [COMPLETE]\n\
         Plan deploy [COMPLETE]\n",
        "the run before is not told again"
    );
    assert_eq!(
        outcome.stdout,
        "Triggered deploy plan for $NAMESPACE/small-instance instance\n\
         Plan deploy of $NAMESPACE/small-instance instance is complete\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_that_cannot_be_triggered() {
    let setting = Setting::new().await;
    setting.install();
    let outcome = setting
        .run("plan trigger --name deplyo --instance small-instance")
        .expect_code(5);
    assert_eq!(
        outcome.stderr,
        "Error: operator version small-0.1.0 has no plan \"deplyo\"\nHint: did you mean \"deploy\"?\n"
    );
    let mut running = deploy("IN_PROGRESS", "a", "");
    running["planStatus"]["backup"] = running["planStatus"]["deploy"].take();
    running["planStatus"]
        .as_object_mut()
        .unwrap()
        .remove("deploy");
    setting.record(running).await;
    let outcome = setting
        .run("plan trigger --name deploy --instance small-instance")
        .expect_code(6);
    assert!(outcome.stderr.starts_with("Error: plan \"backup\" of instance $NAMESPACE/small-instance is running\nHint: wait for it"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_cleanup_ends_the_wait_for_a_deletion() {
    let setting = Setting::new().await;
    setting.install();
    let held = Patch::Merge(json!({ "metadata": { "finalizers": ["kudo.dev.instance.cleanup"] } }));
    let instances = setting.namespace.api::<Instance>();
    instances
        .patch("small-instance", &PatchParams::default(), &held)
        .await
        .unwrap();
    let child = setting.start("uninstall --instance small-instance --wait");
    let deleting = |instance: Option<&Instance>| {
        instance.is_some_and(|i| i.metadata.deletion_timestamp.is_some())
    };
    setting
        .namespace
        .wait_for::<Instance>("small-instance", "is being deleted", SOON, deleting)
        .await;
    let mut status = deploy("FATAL_ERROR", "b", "cannot clean up");
    status["planStatus"]["cleanup"] = status["planStatus"]["deploy"].take();
    status["planStatus"]
        .as_object_mut()
        .unwrap()
        .remove("deploy");
    setting.record_only(&status).await;
    let outcome = setting.end(child).expect_code(3);
    assert!(outcome.stderr.contains("plan \"cleanup\" of instance $NAMESPACE/small-instance failed in step main/config: cannot clean up"), "{outcome}");
    let released = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    instances
        .patch("small-instance", &PatchParams::default(), &released)
        .await
        .unwrap();
}
