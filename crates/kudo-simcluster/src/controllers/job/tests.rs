//! Tables of jobs.

#![expect(
    clippy::needless_pass_by_value,
    reason = "documents read best where they are passed"
)]

use serde_json::{Value, json};

use super::observe;
use crate::controllers::testing::{Scene, created, deeds, events, owner, pod, status, told};

fn job(more: Value, state: Value) -> Value {
    let mut spec = json!({
        "parallelism": 1, "completions": 1, "backoffLimit": 2,
        "selector": { "matchLabels": { "job-name": "work" } },
        "template": {
            "metadata": { "labels": { "job-name": "work" } },
            "spec": { "containers": [{ "name": "main" }], "restartPolicy": "Never" },
        },
    });
    let fields = spec.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "work" },
        "spec": spec, "status": state,
    })
}

fn pods(states: &[&str]) -> Vec<Value> {
    let labels = json!({ "job-name": "work" });
    let each = states.iter().enumerate();
    each.map(|(i, state)| pod(&owner("Job", "work"), &format!("work-{i}"), &labels, state))
        .collect()
}

fn ended_at(mut pod: Value, time: &str) -> Value {
    pod["status"]["containerStatuses"] = json!([{
        "restartCount": 0, "state": { "terminated": { "finishedAt": time } },
    }]);
    pod
}

const STARTED: &str = "2026-01-01T00:59:00Z";

#[test]
fn pods_until_enough_have_succeeded() {
    let started = || json!({ "startTime": STARTED });
    for (what, spec, present, expected) in [
        ("the first", json!({}), vec![], vec!["create Pod work-"]),
        ("one is enough", json!({}), vec!["running"], vec![]),
        (
            "so many at a time",
            json!({ "completions": 5, "parallelism": 3 }),
            vec!["running"],
            vec!["create Pod work-", "create Pod work-"],
        ),
        (
            "no more than are missing",
            json!({ "completions": 3, "parallelism": 3 }),
            vec!["succeeded", "succeeded"],
            vec!["create Pod work-"],
        ),
        (
            "fewer at a time",
            json!({ "completions": 5, "parallelism": 1 }),
            vec!["running", "running"],
            vec!["delete work-1"],
        ),
        (
            "a queue starts all",
            json!({ "completions": null, "parallelism": 2 }),
            vec![],
            vec!["create Pod work-", "create Pod work-"],
        ),
        (
            "a queue that ends starts none",
            json!({ "completions": null, "parallelism": 2 }),
            vec!["succeeded", "running"],
            vec![],
        ),
        (
            "suspended",
            json!({ "suspend": true }),
            vec!["running"],
            vec!["delete work-0"],
        ),
        (
            "too many failures",
            json!({ "backoffLimit": 0, "completions": 2, "parallelism": 2 }),
            vec!["failed", "running"],
            vec!["delete work-1"],
        ),
    ] {
        let scene = Scene::new()
            .with(job(spec, started()))
            .with_all(pods(&present));
        assert_eq!(deeds(&scene.observe(observe, "work")), expected, "{what}");
    }
}

#[test]
fn failures_are_followed_by_growing_pauses() {
    for (what, ends, expected) in [
        ("after one", vec!["2026-01-01T00:59:55Z"], Some(5)),
        ("over", vec!["2026-01-01T00:59:49Z"], None),
        (
            "after two",
            vec!["2026-01-01T00:59:20Z", "2026-01-01T00:59:50Z"],
            Some(10),
        ),
    ] {
        let failed = pods(&vec!["failed"; ends.len()]);
        let failed = failed
            .into_iter()
            .zip(ends)
            .map(|(pod, end)| ended_at(pod, end));
        let scene = Scene::new()
            .with(job(json!({}), json!({ "startTime": STARTED })))
            .with_all(failed);
        let verdict = scene.observe(observe, "work");
        assert_eq!(
            verdict.again.map(|again| again.as_secs()),
            expected,
            "{what}"
        );
        assert_eq!(
            created(&verdict).len(),
            usize::from(expected.is_none()),
            "{what}"
        );
    }
}

#[test]
fn a_job_ends_with_conditions() {
    let started = || json!({ "startTime": STARTED });
    for (what, spec, present, conditions, counts) in [
        (
            "complete",
            json!({}),
            vec!["succeeded"],
            vec![
                ("SuccessCriteriaMet", "CompletionsReached"),
                ("Complete", "CompletionsReached"),
            ],
            (Some(1), None),
        ),
        (
            "a queue",
            json!({ "completions": null }),
            vec!["succeeded", "failed"],
            vec![
                ("SuccessCriteriaMet", "CompletionsReached"),
                ("Complete", "CompletionsReached"),
            ],
            (Some(1), Some(1)),
        ),
        (
            "failed",
            json!({ "backoffLimit": 1 }),
            vec!["failed", "failed"],
            vec![
                ("FailureTarget", "BackoffLimitExceeded"),
                ("Failed", "BackoffLimitExceeded"),
            ],
            (None, Some(2)),
        ),
        (
            "late",
            json!({ "activeDeadlineSeconds": 60 }),
            vec!["running"],
            vec![
                ("FailureTarget", "DeadlineExceeded"),
                ("Failed", "DeadlineExceeded"),
            ],
            (None, Some(1)),
        ),
    ] {
        let scene = Scene::new()
            .with(job(spec, started()))
            .with_all(pods(&present));
        let written = status(&scene.observe(observe, "work"));
        let told: Vec<_> = written["conditions"].as_array().unwrap().iter().collect();
        let told: Vec<_> = told
            .iter()
            .map(|c| (c["type"].as_str().unwrap(), c["reason"].as_str().unwrap()))
            .collect();
        assert_eq!(told, conditions, "{what}");
        let counted = (written["succeeded"].as_i64(), written["failed"].as_i64());
        assert_eq!(counted, counts, "{what}");
    }
}

#[test]
fn restarts_in_place_count_as_failures() {
    let mut restarted = pods(&["running"]).remove(0);
    restarted["status"]["containerStatuses"] = json!([{ "restartCount": 2 }]);
    let mut spec = job(json!({}), json!({ "startTime": STARTED }));
    spec["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure".into();
    let written = status(
        &Scene::new()
            .with(spec)
            .with(restarted)
            .observe(observe, "work"),
    );
    assert_eq!(written["conditions"][1]["reason"], "BackoffLimitExceeded");
}

#[test]
fn counters_never_go_back() {
    let state = json!({ "startTime": STARTED, "succeeded": 2, "failed": 1 });
    let scene = Scene::new()
        .with(job(json!({ "completions": 3 }), state))
        .with_all(pods(&["running"]));
    let written = status(&scene.observe(observe, "work"));
    assert_eq!(written, json!({ "active": 1 }));
}

#[test]
fn an_indexed_job_fills_the_gaps() {
    let indexed = json!({ "completionMode": "Indexed", "completions": 4, "parallelism": 4 });
    let mut present = pods(&["succeeded", "running", "failed"]);
    for (pod, index) in present.iter_mut().zip([0, 2, 3]) {
        let annotation = json!({ "batch.kubernetes.io/job-completion-index": index.to_string() });
        pod["metadata"]["annotations"] = annotation;
        *pod = ended_at(pod.clone(), "2026-01-01T00:00:00Z");
    }
    let state = json!({ "startTime": STARTED });
    let scene = Scene::new().with(job(indexed, state)).with_all(present);
    let verdict = scene.observe(observe, "work");
    assert_eq!(
        deeds(&verdict),
        ["create Pod work-1-", "create Pod work-3-"]
    );
    assert_eq!(status(&verdict)["completedIndexes"], "0");
    let pod = created(&verdict)[0];
    assert_eq!(pod["spec"]["hostname"], "work-1");
    assert_eq!(
        pod["spec"]["containers"][0]["env"][0]["name"],
        "JOB_COMPLETION_INDEX"
    );
}

#[test]
fn suspension_is_told_and_ends_with_a_new_start() {
    let suspended = json!([{ "type": "Suspended", "status": "True", "reason": "JobSuspended" }]);
    let scene = Scene::new().with(job(json!({}), json!({ "conditions": suspended })));
    let written = status(&scene.observe(observe, "work"));
    assert_eq!(written["startTime"], crate::controllers::testing::NOW);
    assert_eq!(written["conditions"][0]["reason"], "JobResumed");
    let scene = Scene::new().with(job(
        json!({ "suspend": true }),
        json!({ "startTime": STARTED }),
    ));
    let written = status(&scene.observe(observe, "work"));
    assert_eq!(written["startTime"], Value::Null);
    assert_eq!(written["conditions"][0]["reason"], "JobSuspended");
}

#[test]
fn a_finished_job_lives_as_long_as_it_may() {
    let done = |ttl: Value| {
        let conditions = json!([{
            "type": "Complete", "status": "True", "lastTransitionTime": "2026-01-01T00:59:30Z",
        }]);
        job(
            json!({ "ttlSecondsAfterFinished": ttl }),
            json!({ "conditions": conditions }),
        )
    };
    for (ttl, expected, again) in [
        (Value::Null, vec![], None),
        (json!(20), vec!["delete work"], None),
        (json!(0), vec!["delete work"], None),
        (json!(40), vec![], Some(10)),
    ] {
        let verdict = Scene::new().with(done(ttl)).observe(observe, "work");
        assert_eq!(told(&verdict), expected);
        assert_eq!(verdict.again.map(|again| again.as_secs()), again);
    }
}

#[test]
fn a_job_tells_of_its_pods_and_its_end() {
    let started = || json!({ "startTime": STARTED });
    let suspended = || json!({ "conditions": [{ "type": "Suspended", "status": "True" }] });
    let created = "Normal SuccessfulCreate: Created pod: {name} | \
                   Warning FailedCreate: Error creating: {error}";
    let deleted = "Normal SuccessfulDelete: Deleted pod: work-0 | \
                   Warning FailedDelete: Error deleting: {error}";
    for (what, spec, state, present, expected) in [
        ("begins", json!({}), started(), vec![], vec![created]),
        ("goes on", json!({}), started(), vec!["running"], vec![]),
        (
            "complete",
            json!({}),
            started(),
            vec!["succeeded"],
            vec!["Normal Completed: Job completed"],
        ),
        (
            "more than complete",
            json!({}),
            started(),
            vec!["succeeded", "succeeded"],
            vec![
                "Warning TooManySucceededPods: \
                 Too many succeeded pods running after completion count reached",
                "Normal Completed: Job completed",
            ],
        ),
        (
            "failed",
            json!({ "backoffLimit": 0 }),
            started(),
            vec!["failed"],
            vec!["Warning BackoffLimitExceeded: Job has reached the specified backoff limit"],
        ),
        (
            "late",
            json!({ "activeDeadlineSeconds": 60 }),
            started(),
            vec!["running"],
            vec![
                deleted,
                "Warning DeadlineExceeded: Job was active longer than specified deadline",
            ],
        ),
        (
            "suspended",
            json!({ "suspend": true }),
            started(),
            vec!["running"],
            vec!["Normal Suspended: Job suspended", deleted],
        ),
        (
            "resumed",
            json!({}),
            suspended(),
            vec![],
            vec!["Normal Resumed: Job resumed", created],
        ),
    ] {
        let scene = Scene::new().with(job(spec, state)).with_all(pods(&present));
        assert_eq!(events(&scene.observe(observe, "work")), expected, "{what}");
    }
}

/// A failed pod with an exit code, and of an index that failed so often before it.
fn failed(name: &str, code: i32, index: Option<(i32, i32)>) -> Value {
    let mut pod = pod(
        &owner("Job", "work"),
        name,
        &json!({ "job-name": "work" }),
        "failed",
    );
    pod["status"]["containerStatuses"] = json!([{
        "name": "main", "restartCount": 0,
        "state": { "terminated": { "exitCode": code, "finishedAt": "2026-01-01T00:30:00Z" } },
    }]);
    if let Some((index, before)) = index {
        pod["metadata"]["annotations"] = json!({
            "batch.kubernetes.io/job-completion-index": index.to_string(),
            "batch.kubernetes.io/job-index-failure-count": before.to_string(),
        });
    }
    pod
}

fn codes(action: &str, operator: &str, values: &[i32]) -> Value {
    json!({ "action": action, "onExitCodes": { "operator": operator, "values": values } })
}

#[test]
fn a_policy_says_what_a_failure_means() {
    let disrupted = json!({
        "action": "FailJob", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }],
    });
    let other = json!({
        "action": "FailJob",
        "onExitCodes": { "containerName": "side", "operator": "In", "values": [42] },
    });
    for (what, rules, code, expected) in [
        (
            "the job fails",
            json!([codes("FailJob", "In", &[42])]),
            42,
            (
                Some(
                    "Container main for pod ns/work-0 failed with exit code 42 matching FailJob rule at index 0",
                ),
                Some(1),
            ),
        ),
        (
            "a later rule",
            json!([
                codes("Count", "In", &[1]),
                codes("FailJob", "NotIn", &[1, 2])
            ]),
            42,
            (
                Some(
                    "Container main for pod ns/work-0 failed with exit code 42 matching FailJob rule at index 1",
                ),
                Some(1),
            ),
        ),
        (
            "the first rule that fits",
            json!([codes("Count", "In", &[42]), codes("FailJob", "In", &[42])]),
            42,
            (None, Some(1)),
        ),
        (
            "ignored",
            json!([codes("Ignore", "In", &[42])]),
            42,
            (None, None),
        ),
        ("of another container", json!([other]), 42, (None, Some(1))),
        (
            "no rule fits",
            json!([codes("Ignore", "In", &[42])]),
            1,
            (None, Some(1)),
        ),
        (
            "a condition",
            json!([disrupted]),
            1,
            (
                Some(
                    "Pod ns/work-0 has condition DisruptionTarget matching FailJob rule at index 0",
                ),
                Some(1),
            ),
        ),
    ] {
        let mut pod = failed("work-0", code, None);
        if what == "a condition" {
            pod["status"]["conditions"] = json!([{ "type": "DisruptionTarget", "status": "True" }]);
        }
        let spec = json!({ "podFailurePolicy": { "rules": rules } });
        let scene = Scene::new()
            .with(job(spec, json!({ "startTime": STARTED })))
            .with(pod);
        let written = status(&scene.observe(observe, "work"));
        let message = written["conditions"][1]["message"].as_str();
        assert_eq!((message, written["failed"].as_i64()), expected, "{what}");
        if message.is_some() {
            assert_eq!(written["conditions"][0]["type"], "FailureTarget", "{what}");
            assert_eq!(
                written["conditions"][1]["reason"], "PodFailurePolicy",
                "{what}"
            );
        }
    }
}

#[test]
fn indexes_fail_one_by_one() {
    let spec = |more: Value| {
        let mut spec = json!({
            "completionMode": "Indexed", "completions": 3, "parallelism": 3,
            "backoffLimit": i32::MAX, "backoffLimitPerIndex": 1,
        });
        let fields = spec.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        spec
    };
    let state = || json!({ "startTime": STARTED });
    let scene = Scene::new()
        .with(job(spec(json!({})), state()))
        .with(failed("work-0-a", 1, Some((0, 1))))
        .with(failed("work-1-a", 1, Some((1, 0))));
    let verdict = scene.observe(observe, "work");
    assert_eq!(
        deeds(&verdict),
        ["create Pod work-1-", "create Pod work-2-"]
    );
    assert_eq!(status(&verdict)["failedIndexes"], "0");
    let noted = |pod: &Value| {
        let annotations = &pod["metadata"]["annotations"];
        annotations["batch.kubernetes.io/job-index-failure-count"].clone()
    };
    let counts: Vec<Value> = created(&verdict).into_iter().map(noted).collect();
    assert_eq!(counts, ["1", "0"]);

    for (what, more, state, pods, reason) in [
        (
            "all have ended",
            json!({}),
            json!({ "startTime": STARTED, "failedIndexes": "0", "completedIndexes": "1,2" }),
            vec![],
            "FailedIndexes",
        ),
        (
            "too many",
            json!({ "maxFailedIndexes": 1 }),
            json!({ "startTime": STARTED, "failedIndexes": "0" }),
            vec![failed("work-1-a", 1, Some((1, 1)))],
            "MaxFailedIndexesExceeded",
        ),
        (
            "for good at once",
            json!({
                "maxFailedIndexes": 0,
                "podFailurePolicy": { "rules": [codes("FailIndex", "In", &[42])] },
            }),
            state(),
            vec![failed("work-1-a", 42, Some((1, 0)))],
            "MaxFailedIndexesExceeded",
        ),
    ] {
        let scene = Scene::new().with(job(spec(more), state)).with_all(pods);
        let written = status(&scene.observe(observe, "work"));
        assert_eq!(written["conditions"][1]["reason"], reason, "{what}");
    }
}

#[test]
fn some_indexes_are_enough() {
    let state = || json!({ "startTime": STARTED, "completedIndexes": "0,2" });
    let spec = |rules: Value| {
        json!({
            "completionMode": "Indexed", "completions": 4, "parallelism": 2,
            "successPolicy": { "rules": rules },
        })
    };
    let scene = |rules: Value| {
        let at_work = pods(&["running"]);
        Scene::new()
            .with(job(spec(rules), state()))
            .with_all(at_work)
    };
    let rules = json!([{ "succeededIndexes": "0-1" }, { "succeededCount": 2 }]);
    let verdict = scene(rules).observe(observe, "work");
    let written = status(&verdict);
    for (index, kind) in ["SuccessCriteriaMet", "Complete"].into_iter().enumerate() {
        let condition = &written["conditions"][index];
        let said = ["type", "reason", "message"].map(|key| condition[key].as_str().unwrap());
        assert_eq!(said, [kind, "SuccessPolicy", "Matched rules at index 1"]);
    }
    assert_eq!(written["completionTime"], crate::controllers::testing::NOW);
    assert_eq!(deeds(&verdict).len(), 1, "the pod at work goes");

    let verdict = scene(json!([{ "succeededIndexes": "1,3" }])).observe(observe, "work");
    assert_eq!(status(&verdict)["conditions"], Value::Null);
}

#[test]
fn an_index_pauses_by_itself() {
    let spec = json!({
        "completionMode": "Indexed", "completions": 2, "parallelism": 2,
        "backoffLimit": i32::MAX, "backoffLimitPerIndex": 5,
    });
    let failed = ended_at(failed("work-0-a", 1, Some((0, 1))), "2026-01-01T00:59:50Z");
    let scene = Scene::new()
        .with(job(spec, json!({ "startTime": STARTED })))
        .with(failed);
    let verdict = scene.observe(observe, "work");
    assert_eq!(deeds(&verdict), ["create Pod work-1-"]);
    assert_eq!(verdict.again.map(|again| again.as_secs()), Some(10));
}
