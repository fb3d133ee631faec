//! Tables of cron jobs.

#![expect(
    clippy::needless_pass_by_value,
    reason = "documents read best where they are passed"
)]

use serde_json::{Value, json};

use super::observe;
use crate::controllers::testing::{Scene, created, deeds, events, owner, status};

fn cron(more: Value, state: Value) -> Value {
    let mut spec = json!({
        "schedule": "*/10 * * * *",
        "concurrencyPolicy": "Allow",
        "jobTemplate": { "metadata": { "labels": { "a": "b" } }, "spec": { "template": {} } },
    });
    let fields = spec.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": { "name": "tick", "creationTimestamp": "2026-01-01T00:45:00Z" },
        "spec": spec, "status": state,
    })
}

fn job(name: &str, condition: Option<&str>, start: &str) -> Value {
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": name, "ownerReferences": [owner("CronJob", "tick")] },
        "spec": {}, "status": { "startTime": start },
    });
    if let Some(condition) = condition {
        job["status"]["conditions"] = json!([{ "type": condition, "status": "True" }]);
    }
    job
}

/// Minutes since 1970 at one o'clock.
const ONE: &str = "tick-29453820";

#[test]
fn a_job_starts_when_the_schedule_says_so() {
    let last = |time: &str| json!({ "lastScheduleTime": time });
    for (what, spec, state, now, expected, again) in [
        (
            "due",
            json!({}),
            json!({}),
            "2026-01-01T01:00:00Z",
            vec!["create Job tick-29453820"],
            600,
        ),
        (
            "missed",
            json!({}),
            json!({}),
            "2026-01-01T01:03:00Z",
            vec!["create Job tick-29453820"],
            420,
        ),
        (
            "done",
            json!({}),
            last("2026-01-01T01:00:00Z"),
            "2026-01-01T01:03:00Z",
            vec![],
            420,
        ),
        (
            "not yet",
            json!({}),
            last("2026-01-01T01:00:00Z"),
            "2026-01-01T01:09:59Z",
            vec![],
            1,
        ),
        (
            "too late",
            json!({ "startingDeadlineSeconds": 60 }),
            json!({}),
            "2026-01-01T01:03:00Z",
            vec![],
            420,
        ),
        (
            "after a long time only the last",
            json!({}),
            last("2025-06-01T00:00:00Z"),
            "2026-01-01T01:00:00Z",
            vec!["create Job tick-29453820"],
            600,
        ),
        (
            "in a zone",
            json!({ "schedule": "0 6 * * *", "timeZone": "Asia/Kolkata" }),
            json!({}),
            "2026-01-01T00:46:00Z",
            vec![],
            0,
        ),
    ] {
        let scene = Scene::new().with(cron(spec, state)).at(now);
        let verdict = scene.observe(observe, "tick");
        assert_eq!(deeds(&verdict), expected, "{what}");
        if again != 0 {
            assert_eq!(verdict.again.unwrap().as_secs(), again, "{what}");
        }
    }
}

#[test]
fn schedules_are_read_as_kubernetes_does() {
    for (schedule, next) in [
        ("0 * * * *", Some(3600)),
        ("*/5 * * * *", Some(300)),
        ("@hourly", Some(3600)),
        ("@daily", Some(82_800)),
        ("30 2 * * 5", Some(91_800)),
        ("30 2 1 * *", Some(5400)),
        ("0 0 13 * 5", Some(82_800)),
        ("nonsense", None),
        ("61 * * * *", None),
    ] {
        let state = json!({ "lastScheduleTime": "2026-01-01T01:00:00Z" });
        let scene = Scene::new().with(cron(json!({ "schedule": schedule }), state));
        let verdict = scene.observe(observe, "tick");
        assert_eq!(
            verdict.again.map(|again| again.as_secs()),
            next,
            "{schedule}"
        );
    }
}

#[test]
fn jobs_at_work_are_let_be_waited_for_or_replaced() {
    for (policy, expected, scheduled) in [
        ("Allow", vec!["create Job tick-29453820"], true),
        ("Forbid", vec![], false),
        (
            "Replace",
            vec!["delete old", "create Job tick-29453820"],
            true,
        ),
    ] {
        let scene = Scene::new()
            .with(cron(
                json!({ "concurrencyPolicy": policy }),
                json!({ "active": [{ "name": "old", "uid": "uid-old" }] }),
            ))
            .with(job("old", None, "2026-01-01T00:50:00Z"));
        let verdict = scene.observe(observe, "tick");
        assert_eq!(deeds(&verdict), expected, "{policy}");
        let time = &status(&verdict)["lastScheduleTime"];
        assert_eq!(time.is_string(), scheduled, "{policy}");
    }
}

#[test]
fn a_job_is_started_once_though_the_status_is_behind() {
    let scene =
        Scene::new()
            .with(cron(json!({}), json!({})))
            .with(job(ONE, None, "2026-01-01T01:00:00Z"));
    let verdict = scene.observe(observe, "tick");
    assert!(created(&verdict).is_empty());
    assert_eq!(status(&verdict)["lastScheduleTime"], "2026-01-01T01:00:00Z");
    assert_eq!(status(&verdict)["active"][0]["name"], ONE);
}

#[test]
fn suspended_or_going_nothing_starts() {
    let scene = Scene::new().with(cron(json!({ "suspend": true }), json!({})));
    assert!(deeds(&scene.observe(observe, "tick")).is_empty());
    let mut going = cron(json!({}), json!({}));
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    assert!(deeds(&Scene::new().with(going).observe(observe, "tick")).is_empty());
}

#[test]
fn finished_jobs_beyond_the_limits_go_the_oldest_first() {
    let limits = json!({
        "suspend": true, "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 0,
    });
    let scene = Scene::new().with(cron(limits, json!({}))).with_all([
        job("good-2", Some("Complete"), "2026-01-01T00:50:00Z"),
        job("good-1", Some("Complete"), "2026-01-01T00:40:00Z"),
        job("bad", Some("Failed"), "2026-01-01T00:30:00Z"),
        job("busy", None, "2026-01-01T00:20:00Z"),
    ]);
    assert_eq!(
        deeds(&scene.observe(observe, "tick")),
        ["delete good-1", "delete bad"]
    );
}

#[test]
fn what_becomes_of_jobs_is_told() {
    let created = "Normal SuccessfulCreate: Created job {name} | \
                   Warning FailedCreate: Error creating job: {error}";
    let deleted =
        "Normal SuccessfulDelete: Deleted job old | Warning FailedDelete: Deleted job: {error}";
    let started = "2026-01-01T00:50:00Z";
    let state = || {
        json!({
            "lastScheduleTime": started, "active": [{ "name": "old", "uid": "uid-old" }],
        })
    };
    for (what, spec, jobs, expected) in [
        (
            "started",
            json!({}),
            vec![job("old", None, started)],
            vec![created],
        ),
        (
            "forbidden",
            json!({ "concurrencyPolicy": "Forbid" }),
            vec![job("old", None, started)],
            vec![
                "Normal JobAlreadyActive: Not starting job because prior execution is running and \
                 concurrency policy is Forbid",
            ],
        ),
        (
            "replaced",
            json!({ "concurrencyPolicy": "Replace" }),
            vec![job("old", None, started)],
            vec![deleted, created],
        ),
        (
            "complete",
            json!({ "suspend": true }),
            vec![job("old", Some("Complete"), started)],
            vec!["Normal SawCompletedJob: Saw completed job: old, condition: Complete"],
        ),
        (
            "failed and too many",
            json!({ "suspend": true, "failedJobsHistoryLimit": 0 }),
            vec![job("old", Some("Failed"), started)],
            vec![
                deleted,
                "Normal SawCompletedJob: Saw completed job: old, condition: Failed",
            ],
        ),
        (
            "missing",
            json!({ "suspend": true }),
            vec![],
            vec!["Normal MissingJob: Active job went missing: old"],
        ),
    ] {
        let scene = Scene::new().with(cron(spec, state())).with_all(jobs);
        assert_eq!(events(&scene.observe(observe, "tick")), expected, "{what}");
    }
}

#[test]
fn a_job_that_somebody_else_has_started_is_not_waited_for() {
    let told =
        "Warning UnexpectedJob: Saw a job that the controller did not create or forgot: by-hand";
    for (policy, expected) in [
        ("Allow", vec!["create Job tick-29453820"]),
        ("Forbid", vec!["create Job tick-29453820"]),
        ("Replace", vec!["create Job tick-29453820"]),
    ] {
        let scene = Scene::new()
            .with(cron(json!({ "concurrencyPolicy": policy }), json!({})))
            .with(job("by-hand", None, "2026-01-01T00:50:00Z"));
        let verdict = scene.observe(observe, "tick");
        assert_eq!(deeds(&verdict), expected, "{policy}");
        assert!(events(&verdict).contains(&told.to_owned()), "{policy}");
        assert_eq!(status(&verdict)["active"], Value::Null, "{policy}");
    }
}

#[test]
fn too_many_missed_starts_are_told() {
    let told = "Warning TooManyMissedTimes: too many missed start times. Set or decrease \
                .spec.startingDeadlineSeconds or check clock skew";
    for (since, expected) in [
        ("2025-06-01T00:00:00Z", true),
        ("2025-12-31T23:00:00Z", false),
    ] {
        let state = json!({ "lastScheduleTime": since });
        let scene = Scene::new().with(cron(json!({}), state));
        let verdict = scene.observe(observe, "tick");
        assert_eq!(
            events(&verdict).contains(&told.to_owned()),
            expected,
            "{since}"
        );
    }
}
