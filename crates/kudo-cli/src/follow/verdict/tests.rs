//! What one sight of an instance is judged to say.

use super::*;
use serde_json::{Value, json};

fn instance(spec: &Value, status: &Value) -> Instance {
    serde_json::from_value(json!({
        "apiVersion": "kudo.dev/v1beta1", "kind": "Instance",
        "metadata": { "name": "i", "uid": "u1", "generation": 2 },
        "spec": spec, "status": status,
    }))
    .unwrap()
}

fn awaited(change: Change) -> Awaited {
    Awaited {
        uid: "u1".to_owned(),
        generation: 2,
        change,
        old_refusal: None,
        old_plan: None,
    }
}

fn plan(status: &str, uid: &str) -> Value {
    json!({ "name": "deploy", "status": status, "uid": uid, "phases": [ { "name": "p",
        "status": status, "steps": [ { "name": "s", "status": status, "message": "told" } ] } ] })
}

fn done() -> Verdict {
    Verdict::Done {
        plan: Some("deploy".to_owned()),
    }
}

fn failed() -> Verdict {
    Verdict::Failed(PlanFailure {
        plan: "deploy".to_owned(),
        step: Some(("p".to_owned(), "s".to_owned())),
        message: "told".to_owned(),
    })
}

#[test]
fn a_spec_is_done_when_it_is_accepted_and_its_plan_ended() {
    let spec = json!({ "operatorVersion": { "name": "v1" }, "parameters": { "A": "2" } });
    let accepted = |version: &str, parameters: Value| json!({ "operatorVersion": version, "parameters": parameters });
    let full = accepted("v1", json!({ "A": "2", "DEFAULT": "3" }));
    let cases = [
        (json!({}), Verdict::Pending),
        (
            json!({ "planStatus": { "deploy": plan("COMPLETE", "x") } }),
            Verdict::Pending,
        ),
        (json!({ "accepted": full }), Verdict::Done { plan: None }),
        (
            json!({ "accepted": full, "planStatus": { "deploy": plan("COMPLETE", "x") } }),
            done(),
        ),
        (
            json!({ "accepted": full, "planStatus": { "deploy": plan("ERROR", "x") } }),
            Verdict::Pending,
        ),
        (
            json!({ "accepted": full, "planStatus": { "deploy": plan("FATAL_ERROR", "x") } }),
            failed(),
        ),
        (
            json!({ "accepted": accepted("v0", json!({ "A": "2" })),
            "planStatus": { "deploy": plan("COMPLETE", "x") } }),
            Verdict::Pending,
        ),
        (
            json!({ "accepted": accepted("v1", json!({ "A": "1" })),
            "planStatus": { "deploy": plan("FATAL_ERROR", "x") } }),
            Verdict::Pending,
        ),
    ];
    for (status, expected) in cases {
        let found = judge(Some(&instance(&spec, &status)), &awaited(Change::Spec));
        assert_eq!(found, expected, "{status}");
    }
}

#[test]
fn an_execution_is_told_by_its_uid() {
    let change = Change::Execution {
        plan: "deploy".to_owned(),
        uid: "new".to_owned(),
    };
    let cases = [
        (json!({}), Verdict::Pending),
        (
            json!({ "planStatus": { "deploy": plan("COMPLETE", "old") } }),
            Verdict::Pending,
        ),
        (
            json!({ "planStatus": { "deploy": plan("IN_PROGRESS", "new") } }),
            Verdict::Pending,
        ),
        (
            json!({ "planStatus": { "deploy": plan("COMPLETE", "new") } }),
            done(),
        ),
        (
            json!({ "planStatus": { "deploy": plan("FATAL_ERROR", "new") } }),
            failed(),
        ),
    ];
    for (status, expected) in cases {
        let found = judge(
            Some(&instance(&json!({}), &status)),
            &awaited(change.clone()),
        );
        assert_eq!(found, expected, "{status}");
    }
}

fn condition(status: &str, reason: &str, generation: Option<i64>) -> Value {
    let mut condition = json!({ "type": "Accepted", "status": status, "reason": reason,
        "message": "said so", "lastTransitionTime": "2020-06-23T14:10:39Z" });
    if let Some(generation) = generation {
        condition["observedGeneration"] = json!(generation);
    }
    json!({ "conditions": [condition] })
}

#[test]
fn a_refusal_ends_the_wait_but_not_one_of_an_earlier_change() {
    let message = || "said so".to_owned();
    let refused = || Verdict::Refused { message: message() };
    let deferred = || Verdict::Deferred { message: message() };
    let old = Some(("UnknownPlan".to_owned(), message()));
    let cases = [
        (condition("False", "UnknownPlan", Some(2)), None, refused()),
        (condition("False", "UnknownPlan", Some(3)), None, refused()),
        (
            condition("False", "UnknownPlan", Some(1)),
            None,
            Verdict::Pending,
        ),
        (condition("False", "UnknownPlan", None), None, refused()),
        (
            condition("False", "UnknownPlan", None),
            old.clone(),
            Verdict::Pending,
        ),
        (
            condition("False", "UnknownPlan", Some(2)),
            old.clone(),
            refused(),
        ),
        (condition("False", "SeveralPlans", None), old, refused()),
        (
            condition("True", "Accepted", Some(2)),
            None,
            Verdict::Pending,
        ),
        (
            condition("False", "UpgradeWhileRunning", None),
            None,
            deferred(),
        ),
    ];
    for (status, old_refusal, expected) in cases {
        let awaited = Awaited {
            old_refusal,
            ..awaited(Change::Spec)
        };
        let found = judge(Some(&instance(&json!({}), &status)), &awaited);
        assert_eq!(found, expected, "{status}");
    }
}

#[test]
fn an_answer_is_there_when_the_change_is_taken_up() {
    let spec = json!({ "operatorVersion": { "name": "v1" } });
    let taken_up = json!({ "accepted": { "operatorVersion": "elsewhere/v1" },
        "planStatus": { "deploy": plan("IN_PROGRESS", "x") } });
    let cases = [
        (json!({}), Verdict::Pending),
        (taken_up, Verdict::Done { plan: None }),
        (
            condition("False", "UnknownPlan", None),
            Verdict::Refused {
                message: "said so".to_owned(),
            },
        ),
    ];
    for (status, expected) in cases {
        let found = judge_answer(Some(&instance(&spec, &status)), &awaited(Change::Spec));
        assert_eq!(found, expected, "{status}");
    }
}

#[test]
fn an_instance_that_is_gone() {
    let other = Instance {
        metadata: kudo_api::ObjectMeta {
            uid: Some("u2".to_owned()),
            ..Default::default()
        },
        ..Default::default()
    };
    for sight in [None, Some(&other)] {
        assert_eq!(judge(sight, &awaited(Change::Spec)), Verdict::Vanished);
        assert_eq!(judge(sight, &awaited(Change::Active)), Verdict::Vanished);
        let deletion = judge(sight, &awaited(Change::Deletion));
        assert_eq!(deletion, Verdict::Done { plan: None });
    }
}

#[test]
fn a_deletion_waits_for_the_object_and_fails_with_the_cleanup_plan() {
    let mut cleanup = plan("FATAL_ERROR", "x");
    cleanup["name"] = json!("cleanup");
    let cases = [
        (json!({}), true),
        (
            json!({ "planStatus": { "deploy": plan("FATAL_ERROR", "x") } }),
            true,
        ),
        (
            json!({ "planStatus": { "deploy": plan("COMPLETE", "x") } }),
            true,
        ),
        (json!({ "planStatus": { "cleanup": cleanup } }), false),
    ];
    for (status, pending) in cases {
        let verdict = judge(
            Some(&instance(&json!({}), &status)),
            &awaited(Change::Deletion),
        );
        assert_eq!(verdict == Verdict::Pending, pending, "{status}");
    }
}

#[test]
fn what_keeps_a_plan_is_what_fails_or_else_what_waits() {
    let cases = [
        (json!([["COMPLETE", "done"], ["IN_PROGRESS", ""]]), None),
        (
            json!([["IN_PROGRESS", "waiting for a pod"], ["PENDING", ""]]),
            Some("step p/0: waiting for a pod"),
        ),
        (
            json!([["IN_PROGRESS", "waiting for a pod"], ["ERROR", "busy"]]),
            Some("step p/1 is tried again: busy"),
        ),
    ];
    for (steps, expected) in cases {
        let steps: Vec<Value> = (0..)
            .zip(steps.as_array().unwrap())
            .map(|(name, step): (usize, &Value)| {
                json!({ "name": name.to_string(), "status": step[0], "message": step[1] })
            })
            .collect();
        let plan = json!({ "name": "deploy", "status": "IN_PROGRESS", "uid": "x",
            "phases": [{ "name": "p", "status": "IN_PROGRESS", "steps": steps }] });
        let instance = instance(&json!({}), &json!({ "planStatus": { "deploy": plan } }));
        assert_eq!(trouble(&instance).as_deref(), expected);
    }
}
