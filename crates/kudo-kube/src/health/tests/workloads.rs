//! Pods and what makes them.

use serde_json::{Value, json};

use super::{UNSEEN, check};

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
fn pods_say_why_they_are_not_ready_in_words_that_stay_the_same() {
    let said = |state: Value| {
        json!({"status": {"phase": "Pending", "containerStatuses": [
            {"name": "main", "image": "db:1", "state": state}]}})
    };
    let again = |state: Value| {
        json!({"status": {"phase": "Running", "containerStatuses": [{"name": "main", "state": state,
            "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}}]}})
    };
    check(
        "v1",
        "Pod",
        &[
            (
                "image cannot be pulled, now or a moment ago",
                said(json!({"waiting": {"reason": "ErrImagePull", "message": "rpc error"}})),
                "… pending (container \"main\": ImagePullBackOff: image \"db:1\" cannot be pulled)",
            ),
            (
                "image could not be pulled and is waited for",
                said(
                    json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}),
                ),
                "… pending (container \"main\": ImagePullBackOff: image \"db:1\" cannot be pulled)",
            ),
            (
                "a Secret is missing",
                said(
                    json!({"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"x\" not found"}}),
                ),
                "… pending (container \"main\": CreateContainerConfigError: secret \"x\" not found)",
            ),
            (
                "has ended",
                said(
                    json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "the disk\n is full\n"}}),
                ),
                "… pending (container \"main\" ended with exit code 1: the disk is full)",
            ),
            (
                "was killed",
                said(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})),
                "… pending (container \"main\" ended with exit code 137 (OOMKilled))",
            ),
            (
                "ended well",
                said(json!({"terminated": {"exitCode": 0, "reason": "Completed"}})),
                "… pending",
            ),
            (
                "waits before it is started again",
                again(
                    json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}),
                ),
                "… running, but not ready (container \"main\" ended with exit code 3)",
            ),
            (
                "runs again",
                again(json!({"running": {}})),
                "… running, but not ready (container \"main\" ended with exit code 3)",
            ),
        ],
    );
}
