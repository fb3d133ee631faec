//! Tables: an object of each kind in each state, and what is said of it.
//!
//! Expected texts leave out the beginning: `-` means healthy, `… text` means
//! `waiting for KIND "x": text`, `! text` means `KIND "x" has failed: text`.

use serde_json::{Value, json};

use super::{Health, health, needs_content};

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
fn deployments() {
    let state = |generation: i64, observed: i64, wanted: i64, counts: [i64; 3]| {
        let [replicas, updated, available] = counts;
        json!({"metadata": {"generation": generation}, "spec": {"replicas": wanted}, "status": {
            "observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated,
            "availableReplicas": available}})
    };
    let late = json!({"metadata": {"generation": 1}, "spec": {"replicas": 1}, "status": {"observedGeneration": 1,
        "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}});
    let going = json!({"metadata": {"generation": 1}, "spec": {"replicas": 1}, "status": {"observedGeneration": 1,
        "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]}});
    for api_version in ["apps/v1", "apps/v1beta2", "extensions/v1beta1"] {
        check(
            api_version,
            "Deployment",
            &[
                (
                    "just created",
                    json!({"metadata": {"generation": 1}, "spec": {}}),
                    UNSEEN,
                ),
                ("changed", state(2, 1, 1, [1, 1, 1]), UNSEEN),
                (
                    "nothing yet",
                    state(1, 1, 3, [0, 0, 0]),
                    "… 0 of 3 pods updated",
                ),
                (
                    "some updated",
                    state(1, 1, 3, [3, 2, 2]),
                    "… 2 of 3 pods updated",
                ),
                (
                    "an old one left",
                    state(1, 1, 3, [4, 3, 3]),
                    "… 1 old pod is still to be terminated",
                ),
                (
                    "old ones left",
                    state(1, 1, 3, [5, 3, 3]),
                    "… 2 old pods are still to be terminated",
                ),
                (
                    "not all available",
                    state(1, 1, 3, [3, 3, 2]),
                    "… 2 of 3 pods available",
                ),
                ("done", state(1, 1, 3, [3, 3, 3]), "-"),
                ("done at a later generation", state(7, 7, 2, [2, 2, 2]), "-"),
                ("observed ahead", state(7, 8, 2, [2, 2, 2]), "-"),
                ("scaled to nought", state(1, 1, 0, [0, 0, 0]), "-"),
                (
                    "going to nought",
                    state(1, 1, 0, [1, 0, 1]),
                    "… 1 old pod is still to be terminated",
                ),
                (
                    "one replica by default",
                    json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1}}),
                    "… 0 of 1 pods updated",
                ),
                (
                    "too late, but it may come",
                    late.clone(),
                    "… it exceeded its progress deadline",
                ),
                ("conditions that say nothing", going.clone(), "-"),
            ],
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn stateful_sets() {
    let state = |wanted: i64, counts: [i64; 3], revisions: [&str; 2]| {
        let [replicas, ready, updated] = counts;
        let [current, update] = revisions;
        json!({"metadata": {"generation": 2}, "spec": {"replicas": wanted,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
            "status": {"observedGeneration": 2, "replicas": replicas, "readyReplicas": ready,
                "updatedReplicas": updated, "currentRevision": current, "updateRevision": update}})
    };
    let with = |mut state: Value, strategy: Value| {
        state["spec"]["updateStrategy"] = strategy;
        state
    };
    let partition = |n: i64| json!({"type": "RollingUpdate", "rollingUpdate": {"partition": n}});
    check(
        "apps/v1",
        "StatefulSet",
        &[
            (
                "just created",
                json!({"metadata": {"generation": 1}, "spec": {"replicas": 3}}),
                UNSEEN,
            ),
            (
                "never observed, no generation",
                json!({"spec": {"replicas": 3}}),
                UNSEEN,
            ),
            (
                "changed",
                json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "readyReplicas": 1}}),
                UNSEEN,
            ),
            (
                "the first comes up",
                state(3, [1, 0, 1], ["a", "a"]),
                "… 0 of 3 pods ready",
            ),
            (
                "one of three",
                state(3, [2, 1, 2], ["a", "a"]),
                "… 1 of 3 pods ready",
            ),
            (
                "two of three",
                state(3, [3, 2, 3], ["a", "a"]),
                "… 2 of 3 pods ready",
            ),
            ("done", state(3, [3, 3, 3], ["a", "a"]), "-"),
            (
                "grows",
                state(5, [3, 3, 3], ["a", "a"]),
                "… 3 of 5 pods ready",
            ),
            (
                "shrinks",
                state(3, [5, 5, 5], ["a", "a"]),
                "… 2 pods are still to be terminated",
            ),
            (
                "shrinks by one",
                state(3, [4, 4, 4], ["a", "a"]),
                "… 1 pod is still to be terminated",
            ),
            ("nought", state(0, [0, 0, 0], ["a", "a"]), "-"),
            (
                "rolls, none new",
                state(3, [3, 3, 0], ["a", "b"]),
                "… 0 of 3 pods updated",
            ),
            (
                "rolls, one new",
                state(3, [3, 3, 1], ["a", "b"]),
                "… 1 of 3 pods updated",
            ),
            (
                "rolls, one down",
                state(3, [3, 2, 1], ["a", "b"]),
                "… 2 of 3 pods ready",
            ),
            ("rolled", state(3, [3, 3, 3], ["b", "b"]), "-"),
            (
                "one replica by default",
                json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1}}),
                "… 0 of 1 pods ready",
            ),
            (
                "partition, none new",
                with(state(3, [3, 3, 0], ["a", "b"]), partition(2)),
                "… 0 of 1 pods updated",
            ),
            (
                "partition reached",
                with(state(3, [3, 3, 1], ["a", "b"]), partition(2)),
                "-",
            ),
            (
                "partition beyond all",
                with(state(3, [3, 3, 0], ["a", "b"]), partition(9)),
                "-",
            ),
            (
                "partition, not ready",
                with(state(3, [3, 1, 1], ["a", "b"]), partition(2)),
                "… 1 of 3 pods ready",
            ),
            (
                "on delete, outdated pods",
                with(state(3, [3, 3, 0], ["a", "b"]), json!({"type": "OnDelete"})),
                "-",
            ),
            (
                "on delete, not ready",
                with(state(3, [3, 1, 0], ["a", "b"]), json!({"type": "OnDelete"})),
                "… 1 of 3 pods ready",
            ),
            (
                "no strategy named",
                with(state(3, [3, 3, 0], ["a", "b"]), Value::Null),
                "… 0 of 3 pods updated",
            ),
        ],
    );
}

#[test]
fn daemon_sets() {
    let state = |wanted: i64, updated: i64, available: i64| {
        json!({"metadata": {"generation": 1}, "spec": {}, "status": {"observedGeneration": 1,
            "desiredNumberScheduled": wanted, "updatedNumberScheduled": updated, "numberAvailable": available}})
    };
    let mut on_delete = state(3, 0, 3);
    on_delete["spec"] = json!({"updateStrategy": {"type": "OnDelete"}});
    check(
        "apps/v1",
        "DaemonSet",
        &[
            (
                "just created",
                json!({"metadata": {"generation": 1}}),
                UNSEEN,
            ),
            ("nothing updated", state(3, 0, 0), "… 0 of 3 pods updated"),
            ("some updated", state(3, 2, 3), "… 2 of 3 pods updated"),
            (
                "not all available",
                state(3, 3, 1),
                "… 1 of 3 pods available",
            ),
            ("done", state(3, 3, 3), "-"),
            ("no node wants one", state(0, 0, 0), "-"),
            ("on delete, outdated pods", on_delete, "-"),
        ],
    );
}

#[test]
fn replica_sets_and_replication_controllers() {
    let state = |wanted: i64, ready: i64| {
        json!({"metadata": {"generation": 1}, "spec": {"replicas": wanted},
            "status": {"observedGeneration": 1, "replicas": wanted, "readyReplicas": ready}})
    };
    for (api_version, kind) in [
        ("apps/v1", "ReplicaSet"),
        ("extensions/v1beta1", "ReplicaSet"),
        ("v1", "ReplicationController"),
    ] {
        check(
            api_version,
            kind,
            &[
                (
                    "just created",
                    json!({"metadata": {"generation": 1}}),
                    UNSEEN,
                ),
                ("none ready", state(2, 0), "… 0 of 2 pods ready"),
                ("one ready", state(2, 1), "… 1 of 2 pods ready"),
                ("all ready", state(2, 2), "-"),
                ("an old one of a deployment", state(0, 0), "-"),
                (
                    "one by default",
                    json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1}}),
                    "… 0 of 1 pods ready",
                ),
            ],
        );
    }
}

#[test]
fn jobs() {
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({"status": {"conditions": [
            {"type": kind, "status": status, "reason": reason, "message": message}]}})
    };
    check(
        "batch/v1",
        "Job",
        &[
            ("just created", json!({}), "… 0 of 1 pods succeeded"),
            (
                "runs",
                json!({"status": {"active": 1}}),
                "… 0 of 1 pods succeeded",
            ),
            (
                "had failures",
                json!({"status": {"active": 1, "failed": 2}}),
                "… 0 of 1 pods succeeded, 2 failed",
            ),
            (
                "some of several",
                json!({"spec": {"completions": 5}, "status": {"active": 2, "succeeded": 3}}),
                "… 3 of 5 pods succeeded",
            ),
            (
                "one success is not enough",
                json!({"spec": {"completions": 3}, "status": {"succeeded": 1}}),
                "… 1 of 3 pods succeeded",
            ),
            (
                "all of several",
                json!({"spec": {"completions": 5}, "status": {"succeeded": 5}}),
                "-",
            ),
            (
                "one succeeded, the condition is to come",
                json!({"status": {"succeeded": 1}}),
                "-",
            ),
            (
                "a queue, others still run",
                json!({"spec": {"parallelism": 3}, "status": {"succeeded": 1, "active": 2}}),
                "… 1 of 1 pods succeeded",
            ),
            ("complete", condition("Complete", "True", "", ""), "-"),
            (
                "complete is False",
                condition("Complete", "False", "", ""),
                "… 0 of 1 pods succeeded",
            ),
            (
                "failed",
                condition(
                    "Failed",
                    "True",
                    "BackoffLimitExceeded",
                    "Job has reached the specified backoff limit",
                ),
                "! Job has reached the specified backoff limit (BackoffLimitExceeded)",
            ),
            (
                "failed, reason alone",
                condition("Failed", "True", "DeadlineExceeded", ""),
                "! DeadlineExceeded",
            ),
            (
                "failed, message alone",
                condition("Failed", "True", "", "too bad"),
                "! too bad",
            ),
            (
                "failed, no word",
                condition("Failed", "True", "", ""),
                "! Failed is True",
            ),
            (
                "failed is False",
                condition("Failed", "False", "", ""),
                "… 0 of 1 pods succeeded",
            ),
            (
                "about to fail",
                condition("FailureTarget", "True", "BackoffLimitExceeded", ""),
                "… 0 of 1 pods succeeded",
            ),
            (
                "suspended",
                json!({"spec": {"suspend": true}}),
                "… it is suspended",
            ),
            (
                "not suspended",
                json!({"spec": {"suspend": false}}),
                "… 0 of 1 pods succeeded",
            ),
        ],
    );
}

#[test]
fn pods() {
    let phase = |phase: &str| json!({"status": {"phase": phase}});
    let ready = |status: &str| json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": status}]}});
    let waiting = |phase: &str, reason: &str| {
        json!({"status": {"phase": phase, "containerStatuses": [
            {"name": "fine", "state": {"running": {}}},
            {"name": "main", "state": {"waiting": {"reason": reason}}}]}})
    };
    check(
        "v1",
        "Pod",
        &[
            ("just created", json!({}), "… not scheduled yet"),
            ("pending", phase("Pending"), "… pending"),
            ("unknown", phase("Unknown"), "… unknown"),
            (
                "running, no conditions",
                phase("Running"),
                "… running, but not ready",
            ),
            (
                "running, not ready",
                ready("False"),
                "… running, but not ready",
            ),
            ("running and ready", ready("True"), "-"),
            ("succeeded", phase("Succeeded"), "-"),
            ("failed", phase("Failed"), "! its phase is Failed"),
            (
                "failed with a message",
                json!({"status": {"phase": "Failed", "message": "The node was low on memory", "reason": "Evicted"}}),
                "! The node was low on memory",
            ),
            (
                "failed with a reason",
                json!({"status": {"phase": "Failed", "reason": "Evicted"}}),
                "! Evicted",
            ),
            (
                "a container ended badly",
                json!({"status": {"phase": "Failed", "containerStatuses": [
                    {"name": "a", "state": {"terminated": {"exitCode": 0}}},
                    {"name": "b", "state": {"terminated": {"exitCode": 3}}}]}}),
                "! container \"b\" ended with exit code 3",
            ),
            (
                "cannot be scheduled",
                json!({"status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
                    "reason": "Unschedulable", "message": "0/3 nodes are available"}]}}),
                "… 0/3 nodes are available (Unschedulable)",
            ),
            (
                "image cannot be pulled",
                waiting("Pending", "ImagePullBackOff"),
                "… pending (container \"main\": ImagePullBackOff)",
            ),
            (
                "crashes",
                waiting("Running", "CrashLoopBackOff"),
                "… running, but not ready (container \"main\": CrashLoopBackOff)",
            ),
            (
                "container is being made",
                waiting("Pending", "ContainerCreating"),
                "… pending",
            ),
            (
                "init containers run",
                waiting("Pending", "PodInitializing"),
                "… pending",
            ),
            (
                "an init container crashes",
                json!({"status": {"phase": "Pending", "initContainerStatuses": [
                    {"name": "init", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
                "… pending (container \"init\": CrashLoopBackOff)",
            ),
            (
                "being deleted",
                json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"},
                    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}),
                "… it is being deleted",
            ),
        ],
    );
}

#[test]
fn services() {
    let spec = |spec: Value| json!({"spec": spec});
    check(
        "v1",
        "Service",
        &[
            (
                "no address",
                spec(json!({"type": "ClusterIP"})),
                "… it has no cluster IP",
            ),
            (
                "empty address",
                spec(json!({"clusterIP": ""})),
                "… it has no cluster IP",
            ),
            (
                "an address",
                spec(json!({"type": "ClusterIP", "clusterIP": "10.0.0.1"})),
                "-",
            ),
            ("headless", spec(json!({"clusterIP": "None"})), "-"),
            (
                "a name elsewhere",
                spec(json!({"type": "ExternalName", "externalName": "a.b"})),
                "-",
            ),
            (
                "a node port",
                spec(json!({"type": "NodePort", "clusterIP": "10.0.0.1"})),
                "-",
            ),
            (
                "a load balancer to come",
                spec(json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"})),
                "… its load balancer has no address",
            ),
            (
                "a load balancer with no cluster IP",
                spec(json!({"type": "LoadBalancer"})),
                "… it has no cluster IP",
            ),
            (
                "a load balancer by hand",
                spec(
                    json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1", "externalIPs": ["1.2.3.4"]}),
                ),
                "-",
            ),
            (
                "a load balancer",
                json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"},
                    "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}),
                "-",
            ),
            (
                "a load balancer by name",
                json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"},
                    "status": {"loadBalancer": {"ingress": [{"hostname": "a.b"}]}}}),
                "-",
            ),
            (
                "a load balancer with empty entries",
                json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"},
                    "status": {"loadBalancer": {"ingress": [{}]}}}),
                "… its load balancer has no address",
            ),
        ],
    );
}

#[test]
fn ingresses() {
    for api_version in [
        "networking.k8s.io/v1",
        "networking.k8s.io/v1beta1",
        "extensions/v1beta1",
    ] {
        check(
            api_version,
            "Ingress",
            &[
                ("just created", json!({}), "… it has no address"),
                (
                    "nothing in it",
                    json!({"status": {"loadBalancer": {"ingress": []}}}),
                    "… it has no address",
                ),
                (
                    "an address",
                    json!({"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}),
                    "-",
                ),
                (
                    "a name",
                    json!({"status": {"loadBalancer": {"ingress": [{"hostname": "a"}]}}}),
                    "-",
                ),
            ],
        );
    }
}

#[test]
fn namespaces_and_claims() {
    check(
        "v1",
        "Namespace",
        &[
            ("just created", json!({}), "… not active yet"),
            ("active", json!({"status": {"phase": "Active"}}), "-"),
            (
                "on its way out",
                json!({"status": {"phase": "Terminating"}}),
                "… terminating",
            ),
        ],
    );
    check(
        "v1",
        "PersistentVolumeClaim",
        &[
            ("just created", json!({}), "… not bound to a volume yet"),
            (
                "pending",
                json!({"status": {"phase": "Pending"}}),
                "… not bound to a volume yet",
            ),
            ("bound", json!({"status": {"phase": "Bound"}}), "-"),
            (
                "lost",
                json!({"status": {"phase": "Lost"}}),
                "… the volume it was bound to is lost",
            ),
        ],
    );
}

#[test]
fn definitions() {
    let condition = |kind: &str, status: &str, message: &str| json!({"type": kind, "status": status, "reason": "R", "message": message});
    let with = |conditions: Vec<Value>| json!({"status": {"conditions": conditions}});
    for api_version in ["apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1"] {
        check(
            api_version,
            "CustomResourceDefinition",
            &[
                ("just created", json!({}), "… not established yet"),
                (
                    "established",
                    with(vec![condition("Established", "True", "")]),
                    "-",
                ),
                (
                    "not yet",
                    with(vec![condition("Established", "False", "installing")]),
                    "… not established yet",
                ),
                (
                    "names accepted",
                    with(vec![condition("NamesAccepted", "True", "")]),
                    "… not established yet",
                ),
                (
                    "names taken",
                    with(vec![condition(
                        "NamesAccepted",
                        "False",
                        "\"widgets\" is already in use",
                    )]),
                    "… \"widgets\" is already in use (R)",
                ),
                (
                    "established before its names were taken",
                    with(vec![
                        condition("NamesAccepted", "False", "taken"),
                        condition("Established", "True", ""),
                    ]),
                    "-",
                ),
            ],
        );
    }
}

#[test]
fn disruption_budgets() {
    let state = |observed: i64, counts: [i64; 3]| {
        let [expected, wanted, healthy] = counts;
        json!({"metadata": {"generation": 1}, "status": {"observedGeneration": observed,
            "expectedPods": expected, "desiredHealthy": wanted, "currentHealthy": healthy}})
    };
    for api_version in ["policy/v1", "policy/v1beta1"] {
        check(
            api_version,
            "PodDisruptionBudget",
            &[
                (
                    "just created",
                    json!({"metadata": {"generation": 1}}),
                    UNSEEN,
                ),
                ("before its pods", state(1, [0, 2, 0]), "-"),
                ("none healthy", state(1, [3, 2, 0]), "… 0 of 2 pods healthy"),
                (
                    "too few healthy",
                    state(1, [3, 2, 1]),
                    "… 1 of 2 pods healthy",
                ),
                ("enough healthy", state(1, [3, 2, 2]), "-"),
                ("more than enough", state(1, [3, 2, 3]), "-"),
            ],
        );
    }
}

#[test]
fn autoscalers() {
    let with = |kind: &str, status: &str| {
        json!({"status": {"conditions": [{"type": kind, "status": status, "reason": "FailedGetScale",
            "message": "no such target"}]}})
    };
    let annotated = |text: &str| json!({"metadata": {"annotations": {"autoscaling.alpha.kubernetes.io/conditions": text}}});
    check(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        &[
            ("just created", json!({}), "-"),
            ("able", with("AbleToScale", "True"), "-"),
            (
                "unable",
                with("AbleToScale", "False"),
                "… no such target (FailedGetScale)",
            ),
            ("no metrics", with("ScalingActive", "False"), "-"),
        ],
    );
    check(
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
        &[
            (
                "unable, in the annotation",
                annotated(
                    r#"[{"type":"AbleToScale","status":"False","reason":"R","message":"m"}]"#,
                ),
                "… m (R)",
            ),
            (
                "able, in the annotation",
                annotated(r#"[{"type":"AbleToScale","status":"True"}]"#),
                "-",
            ),
            ("nonsense in the annotation", annotated("nonsense"), "-"),
        ],
    );
}

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
