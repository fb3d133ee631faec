//! Tables: an object of each kind in each state, and what is said of it.
//!
//! Expected texts leave out the beginning: `-` means healthy, `… text` means
//! `waiting for KIND "x": text`, `! text` means `KIND "x" has failed: text`.

mod resources;
mod workloads;

use serde_json::{Value, json};

use super::{Health, health, needs_content, refusal_of};

/// Judges objects of one kind, given as what is merged into the bare object.
fn check(api_version: &str, kind: &str, cases: &[(&str, Value, &str)]) {
    for (name, given, expected) in cases {
        let mut object =
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}});
        merge(&mut object, given);
        let expected = match expected.split_once(' ') {
            None if *expected == "-" => Health::Healthy,
            Some(("…", text)) => Health::Progressing(format!("waiting for {kind} \"x\": {text}")),
            Some(("!", text)) => Health::Failed(format!("{kind} \"x\" has failed: {text}")),
            _ => panic!("{name}: bad expectation {expected:?}"),
        };
        assert_eq!(health(&object), expected, "{api_version} {kind}: {name}");
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

const UNSEEN: &str = "… its controller has not seen the change yet";

#[test]
fn kinds_without_a_notion_of_health_are_healthy() {
    for (api_version, kind) in [
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "ServiceAccount"),
        ("v1", "Endpoints"),
        ("v1", "PersistentVolume"),
        ("v1", "ResourceQuota"),
        ("batch/v1", "CronJob"),
        ("batch/v1beta1", "CronJob"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("storage.k8s.io/v1", "StorageClass"),
        ("scheduling.k8s.io/v1", "PriorityClass"),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
        ),
        ("kudo.dev/v1beta1", "Operator"),
        ("kudo.dev/v1beta1", "OperatorVersion"),
        ("example.com/v1", "Widget"),
        ("example.com/v1", "Deployment"),
    ] {
        let conditions = json!({"status": {"phase": "Pending"}});
        check(
            api_version,
            kind,
            &[("bare", json!({}), "-"), ("phase", conditions, "-")],
        );
        let leaving = json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}});
        check(
            api_version,
            kind,
            &[("leaving", leaving, "… it is being deleted")],
        );
    }
}

#[test]
fn custom_resources_speak_for_themselves() {
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "Why", "message": "said so"});
    let with = |conditions: Vec<Value>| json!({"status": {"conditions": conditions}});
    check(
        "example.com/v1",
        "Widget",
        &[
            ("says nothing", json!({}), "-"),
            ("an empty status", json!({"status": {}}), "-"),
            ("no conditions", with(vec![]), "-"),
            (
                "conditions of its own",
                with(vec![condition("Shiny", "False")]),
                "-",
            ),
            ("ready", with(vec![condition("Ready", "True")]), "-"),
            (
                "not ready",
                with(vec![condition("Ready", "False")]),
                "… said so (Why)",
            ),
            (
                "perhaps ready",
                with(vec![condition("Ready", "Unknown")]),
                "… said so (Why)",
            ),
            (
                "not ready, no word",
                json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
                "… Ready is False",
            ),
            (
                "reconciling",
                with(vec![condition("Reconciling", "True")]),
                "… said so (Why)",
            ),
            (
                "done reconciling",
                with(vec![condition("Reconciling", "False")]),
                "-",
            ),
            (
                "ready, but reconciling",
                with(vec![
                    condition("Ready", "True"),
                    condition("Reconciling", "True"),
                ]),
                "… said so (Why)",
            ),
            (
                "stalled",
                with(vec![condition("Stalled", "True")]),
                "! said so (Why)",
            ),
            (
                "not stalled",
                with(vec![condition("Stalled", "False")]),
                "-",
            ),
            (
                "stalled and not ready",
                with(vec![
                    condition("Ready", "False"),
                    condition("Stalled", "True"),
                ]),
                "! said so (Why)",
            ),
            (
                "not observed",
                json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1,
                    "conditions": [{"type": "Ready", "status": "True"}]}}),
                UNSEEN,
            ),
            (
                "a stall of an older generation",
                json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1,
                    "conditions": [{"type": "Stalled", "status": "True"}]}}),
                UNSEEN,
            ),
            (
                "observed",
                json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 2}}),
                "-",
            ),
            (
                "keeps no generation",
                json!({"metadata": {"generation": 2}, "status": {}}),
                "-",
            ),
            (
                "conditions that are no list",
                json!({"status": {"conditions": {"Ready": "False"}}}),
                "-",
            ),
        ],
    );
}

#[test]
fn a_refusal_counts_once_nothing_runs() {
    let instance = |plan: &str, accepted: &str| {
        json!({
            "status": {
                "planStatus": {"deploy": {"status": plan}},
                "conditions": [{"type": "Accepted", "status": accepted, "message": "no", "reason": "R"}],
            },
        })
    };
    let cases = [
        ("COMPLETE", "False", Some("no (R)")),
        ("IN_PROGRESS", "False", None),
        ("COMPLETE", "True", None),
    ];
    for (plan, accepted, expected) in cases {
        let found = refusal_of("kudo.dev", "Instance", &instance(plan, accepted));
        assert_eq!(found.as_deref(), expected, "{plan} {accepted}");
    }
    let other = instance("COMPLETE", "False");
    assert_eq!(refusal_of("example.com", "Instance", &other), None);
}

#[test]
fn instances() {
    let accepted = json!({"operatorVersion": "op-1", "parameters": {"A": "1"}});
    let spec = json!({"operatorVersion": {"name": "op-1"}, "parameters": {"A": "1"}});
    let plan = |status: &str, time: &str| json!({"status": status, "lastUpdatedTimestamp": time});
    let ours =
        |plans: Value| json!({"spec": spec, "status": {"accepted": accepted, "planStatus": plans}});
    let untaken = "… its last change has not been taken up yet";
    let mut refused = ours(json!({"deploy": plan("COMPLETE", "1")}));
    refused["status"]["conditions"] = json!([{"type": "Accepted", "status": "False", "reason": "Denied", "message": "no such plan"}]);
    let mut changed = ours(json!({"deploy": plan("COMPLETE", "1")}));
    changed["spec"]["parameters"]["A"] = json!("2");
    let mut upgraded = ours(json!({"deploy": plan("COMPLETE", "1")}));
    upgraded["spec"]["operatorVersion"]["name"] = json!("op-2");
    let mut dropped = ours(json!({"deploy": plan("COMPLETE", "1")}));
    dropped["spec"]["parameters"] = json!({});
    let mut elsewhere = ours(json!({"deploy": plan("COMPLETE", "1")}));
    elsewhere["metadata"] = json!({"namespace": "ns"});
    elsewhere["spec"]["operatorVersion"]["namespace"] = json!("shared");
    elsewhere["status"]["accepted"]["operatorVersion"] = json!("shared/op-1");
    let mut own_namespace = ours(json!({"deploy": plan("COMPLETE", "1")}));
    own_namespace["metadata"] = json!({"namespace": "ns"});
    own_namespace["spec"]["operatorVersion"]["namespace"] = json!("ns");
    let mut retried = plan("IN_PROGRESS", "1");
    retried["phases"] = json!([{"steps": [{"status": "ERROR", "message": "no such class"}]}]);
    let mut scheduled = ours(json!({"deploy": plan("COMPLETE", "1")}));
    scheduled["spec"]["planExecution"] = json!({"planName": "backup", "uid": "u"});
    let mut failed_step = plan("FATAL_ERROR", "3");
    failed_step["phases"] = json!([{"steps": [
        {"status": "COMPLETE", "message": "fine"}, {"status": "FATAL_ERROR", "message": "no template"}]}]);
    check(
        "kudo.dev/v1beta1",
        "Instance",
        &[
            ("just created", json!({"spec": spec}), untaken),
            ("scheduled", scheduled, "… plan \"backup\" is scheduled"),
            (
                "scheduled by the original",
                json!({"spec": {"planExecution": {"planName": "deploy", "status": "IN_PROGRESS"}}}),
                "… plan \"deploy\" is scheduled",
            ),
            (
                "under way",
                ours(json!({"deploy": plan("IN_PROGRESS", "1")})),
                "… plan \"deploy\" is IN_PROGRESS",
            ),
            (
                "pending",
                ours(json!({"deploy": plan("PENDING", "1")})),
                "… plan \"deploy\" is PENDING",
            ),
            (
                "retrying",
                ours(json!({"deploy": plan("ERROR", "1")})),
                "… plan \"deploy\" is ERROR",
            ),
            (
                "done",
                ours(json!({"deploy": plan("COMPLETE", "1"), "update": plan("NEVER_RUN", "")})),
                "-",
            ),
            ("accepted, nothing ran", ours(json!({})), "-"),
            ("a parameter changed", changed, untaken),
            ("a parameter was dropped", dropped, untaken),
            ("its version is in another namespace", elsewhere, "-"),
            ("its version's namespace is its own", own_namespace, "-"),
            (
                "retrying, with a step's word",
                ours(json!({"deploy": retried})),
                "… plan \"deploy\" is IN_PROGRESS: no such class",
            ),
            ("upgraded", upgraded, untaken),
            ("refused", refused, "… no such plan (Denied)"),
            (
                "left behind by the original, done",
                json!({"spec": spec, "status": {"planStatus": {"deploy": plan("COMPLETE", "1")}}}),
                "-",
            ),
            (
                "left behind by the original, never run",
                json!({"spec": spec, "status": {"planStatus": {"deploy": plan("NEVER_RUN", "")}}}),
                untaken,
            ),
            (
                "failed",
                ours(json!({"deploy": plan("COMPLETE", "1"), "update": plan("FATAL_ERROR", "2")})),
                "! plan \"update\" ended in a fatal error",
            ),
            (
                "failed, with a step's word",
                ours(json!({"deploy": failed_step})),
                "! plan \"deploy\" ended in a fatal error: no template",
            ),
            (
                "failed before, done since",
                ours(json!({"deploy": plan("FATAL_ERROR", "1"), "update": plan("COMPLETE", "2")})),
                "-",
            ),
        ],
    );
}

#[test]
fn an_instance_that_waits_says_what_its_step_waits_for() {
    let steps =
        json!([{"status": "COMPLETE"}, {"status": "IN_PROGRESS", "message": "waiting for a pod"}]);
    let plan = json!({"status": "IN_PROGRESS", "phases": [{"steps": steps}]});
    let waiting = json!({"status": {"planStatus": {"deploy": plan}}});
    let expected = "… plan \"deploy\" is IN_PROGRESS: waiting for a pod";
    check(
        "kudo.dev/v1beta1",
        "Instance",
        &[("waiting", waiting, expected)],
    );
}

#[test]
fn metadata_is_enough_only_for_kinds_that_are_healthy_at_once() {
    let bare = |group: &str, kind: &str| {
        let version = if group.is_empty() {
            "v1".to_owned()
        } else {
            format!("{group}/v1")
        };
        health(
            &json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x", "generation": 1}}),
        )
    };
    for (group, kind, needed) in [
        ("", "ConfigMap", false),
        ("", "Secret", false),
        ("", "ServiceAccount", false),
        ("", "Pod", true),
        ("", "Service", true),
        ("", "Namespace", true),
        ("", "PersistentVolumeClaim", true),
        ("", "ReplicationController", true),
        ("apps", "Deployment", true),
        ("apps", "StatefulSet", true),
        ("apps", "DaemonSet", true),
        ("apps", "ReplicaSet", true),
        ("apps", "ControllerRevision", false),
        ("batch", "Job", true),
        ("batch", "CronJob", false),
        ("policy", "PodDisruptionBudget", true),
        ("policy", "PodSecurityPolicy", false),
        ("autoscaling", "HorizontalPodAutoscaler", true),
        ("networking.k8s.io", "Ingress", true),
        ("networking.k8s.io", "NetworkPolicy", false),
        ("apiextensions.k8s.io", "CustomResourceDefinition", true),
        ("rbac.authorization.k8s.io", "Role", false),
        ("kudo.dev", "Instance", true),
        ("kudo.dev", "OperatorVersion", false),
        ("example.com", "Widget", true),
    ] {
        assert_eq!(needs_content(group, kind), needed, "{group}/{kind}");
        if !needed {
            assert!(bare(group, kind).is_healthy(), "{group}/{kind}");
        }
    }
}
