//! What the webhook answers, and what it writes into an instance.

use kudo_api::Instance;
use kudo_api::instance::PlanExecution;
use kudo_api::names::CLEANUP_FINALIZER;
use kudo_controller::decide::Lookup;
use kudo_controller::webhook::judgement::{Change, read_instance};
use kudo_controller::webhook::review::{AdmissionRequest, Answer, Envelope, Operation};
use kudo_package::OperatorDefinition;
use serde_json::{Value, json};

use crate::fixture::{With, instance, operator};

const PLANS: &str = "deploy update cleanup backup";
const PARAMETERS: &str =
    "foo:deploy bar:update fixed:deploy:!:=f back:backup broken:missing size:int:update";

fn v1() -> OperatorDefinition {
    operator(PLANS, PARAMETERS)
}

/// A changes as `path=value`, with plain text for execution requests.
fn words(operation: &Operation) -> String {
    let value = &operation.value;
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    match operation.path {
        "/spec/planExecution" => format!("{} {} {}", text("planName"), text("uid"), text("status")),
        path => format!("{}={value}", path.rsplit('/').next().unwrap()),
    }
}

/// The answer in one line: `-` for nothing to change, or what is changed, or why it is refused.
fn line(answer: &Answer) -> String {
    match answer {
        Answer::Allow(operations) if operations.is_empty() => "-".to_owned(),
        Answer::Allow(operations) => {
            let words: Vec<String> = operations.iter().map(words).collect();
            words.join("; ")
        }
        Answer::Deny { code: 403, message } => {
            let (place, problem) = message.split_once(": ").unwrap();
            assert!(
                [
                    "failed to update Instance ns/inst",
                    "failed to create an Instance ns/inst"
                ]
                .contains(&place),
                "{message}"
            );
            problem.to_owned()
        }
        Answer::Deny { code, message } => format!("{code} {message}"),
    }
}

fn update(
    old: &Instance,
    new: &Instance,
    wanted: &OperatorDefinition,
    replaced: &OperatorDefinition,
) -> String {
    let Some(change) = Change::update(old, new.clone()) else {
        return "-".to_owned();
    };
    let replaced = change.replaced().map(|_| Lookup::Found(replaced));
    line(&change.judge(Lookup::Found(wanted), replaced, "NEW"))
}

fn create(new: Instance, definition: &OperatorDefinition) -> String {
    line(&Change::creation(new).judge(Lookup::Found(definition), None, "NEW"))
}

/// An instance that has run `deploy` and rests.
fn idle() -> Instance {
    instance("foo=1 fixed=f")
        .accepted("v1", "foo=1 fixed=f")
        .plan("deploy", "COMPLETE", "d1")
        .finalizers(&[CLEANUP_FINALIZER])
}

/// The same with a plan that runs as the webhook has scheduled it.
fn running(plan: &str) -> Instance {
    idle().plan(plan, "IN_PROGRESS", "r1").scheduled(plan, "r1")
}

/// The same with a plan that is scheduled and not begun.
fn scheduled(plan: &str) -> Instance {
    idle().scheduled(plan, "s1")
}

fn with(instance: &Instance, parameters: &str) -> Instance {
    let mut changed = instance.clone();
    changed.spec.parameters = crate::fixture::map(parameters);
    changed
}

#[test]
fn creation() {
    let without_deploy = operator("update", "");
    let cases = vec![
        (
            instance("foo=1"),
            v1(),
            "parameters={\"fixed\":\"f\",\"foo\":\"1\"}; deploy NEW NEVER_RUN; finalizers=[\"kudo.dev.instance.cleanup\"]",
        ),
        (
            instance("fixed=x").finalizers(&[CLEANUP_FINALIZER]),
            v1(),
            "deploy NEW NEVER_RUN",
        ),
        (instance(""), operator("deploy", ""), "deploy NEW NEVER_RUN"),
        // What a person asks for on creation gives way to deploy, which has to come first.
        (
            instance("").request("backup", "b"),
            operator("deploy backup", ""),
            "deploy NEW NEVER_RUN",
        ),
        (
            instance("").request("deploy", "mine"),
            operator("deploy", ""),
            "deploy mine NEVER_RUN",
        ),
        // A status that a client sends along is not stored, and is not looked at.
        (
            idle().finalizers(&[CLEANUP_FINALIZER]),
            v1(),
            "deploy NEW NEVER_RUN",
        ),
        (
            instance(""),
            without_deploy,
            "operator version \"v1\" has no plan \"deploy\"",
        ),
        (
            instance("fo=1"),
            v1(),
            "unknown parameter \"fo\" (did you mean \"foo\"?)",
        ),
    ];
    for (new, definition, expected) in cases {
        assert_eq!(create(new.clone(), &definition), expected, "{:?}", new.spec);
    }
    let required = create(instance(""), &operator("deploy", "must:*"));
    assert!(required.contains("\"must\""), "{required}");
}

#[test]
fn nothing_to_judge() {
    let labelled = |instance: &Instance| {
        let mut labelled = instance.clone();
        labelled.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
        labelled
    };
    let cleared = |instance: &Instance| {
        let mut cleared = instance.clone();
        cleared.spec.plan_execution = PlanExecution::default();
        cleared
    };
    let over = idle().scheduled("deploy", "d1");
    // Stored while no webhook was there: an unknown plan, and parameters that are refused.
    let nonsense = with(&idle().request("nonsense", "n"), "nonsense=1");
    for (old, new) in [
        (idle(), labelled(&idle())),
        (running("backup"), labelled(&running("backup"))),
        (over.clone(), cleared(&over)),
        (nonsense.clone(), cleared(&nonsense)),
        (nonsense.clone(), labelled(&nonsense)),
    ] {
        assert!(
            Change::update(&old, new.clone()).is_none(),
            "{:?} -> {:?}",
            old.spec,
            new.spec
        );
    }
}

#[test]
fn updates() {
    let cases = vec![
        (
            idle(),
            with(&idle(), "foo=2 fixed=f"),
            "deploy NEW NEVER_RUN",
        ),
        (
            idle(),
            with(&idle(), "foo=1 bar=2 fixed=f"),
            "update NEW NEVER_RUN",
        ),
        (
            idle(),
            with(&idle(), "foo=1 fixed=f back=1"),
            "backup NEW NEVER_RUN",
        ),
        // An immutable value that was left out is put back.
        (
            idle(),
            with(&idle(), "foo=1"),
            "parameters={\"fixed\":\"f\",\"foo\":\"1\"}",
        ),
        (
            idle(),
            with(&idle(), "foo=2"),
            "parameters={\"fixed\":\"f\",\"foo\":\"2\"}; deploy NEW NEVER_RUN",
        ),
        (
            idle(),
            idle().request("backup", "mine"),
            "backup mine NEVER_RUN",
        ),
        (idle(), idle().request("backup", ""), "backup NEW NEVER_RUN"),
        // A uid that was used before is none.
        (idle(), idle().request("deploy", "d1"), "-"),
        (
            idle(),
            with(&idle(), "foo=1 fixed=g"),
            "parameter \"fixed\" is immutable and can't change from \"f\" to \"g\"",
        ),
        (
            idle(),
            with(&idle(), "foo=1 fixed=f size=x"),
            "InvalidParameters",
        ),
        (
            idle(),
            with(&idle(), "foo=1 fixed=f nonsense=1"),
            "unknown parameter \"nonsense\"",
        ),
        (
            idle(),
            with(&idle(), "foo=2 bar=2 fixed=f"),
            "the change triggers several plans at once: deploy, update",
        ),
        (
            idle(),
            with(&idle(), "foo=1 fixed=f broken=1"),
            "parameter \"broken\" triggers plan \"missing\", which the operator version does not define",
        ),
        (
            idle(),
            idle().request("bakcup", "m"),
            "unknown plan \"bakcup\" (did you mean \"backup\"?)",
        ),
        (
            idle(),
            idle().request("cleanup", "m"),
            "the cleanup plan runs when the instance is deleted and can't be triggered otherwise",
        ),
        (
            idle(),
            with(&idle(), "foo=2 fixed=f").request("backup", "m"),
            "plan \"backup\" can't be triggered together with a change of parameters (foo)",
        ),
        // Nobody schedules but the webhook itself.
        (
            idle(),
            with(&idle(), "foo=2 fixed=f").scheduled("backup", "m"),
            "plan \"backup\" can't be triggered together with a change of parameters (foo)",
        ),
    ];
    for (old, new, expected) in cases {
        let found = update(&old, &new, &v1(), &v1());
        if expected == "InvalidParameters" {
            assert!(found.contains("\"size\""), "{found}");
        } else {
            assert_eq!(found, expected, "{:?} -> {:?}", old.spec, new.spec);
        }
    }
}

#[test]
fn while_a_plan_is_scheduled_or_runs() {
    let mut cancelled = running("deploy");
    cancelled.spec.plan_execution = PlanExecution::default();
    let mut not_begun = scheduled("deploy");
    not_begun.spec.plan_execution = PlanExecution::default();
    let restarted = |old: &Instance| with(old, "foo=2 fixed=f");
    let other = |old: &Instance| with(old, "foo=1 fixed=f bar=2");
    let cases = vec![
        (
            running("deploy"),
            restarted(&running("deploy")),
            "deploy NEW NEVER_RUN",
        ),
        (scheduled("deploy"), restarted(&scheduled("deploy")), "-"),
        (
            running("deploy"),
            running("deploy").request("deploy", "again"),
            "deploy again NEVER_RUN",
        ),
        (
            scheduled("deploy"),
            scheduled("deploy").request("deploy", "again"),
            "deploy again NEVER_RUN",
        ),
        (
            running("deploy"),
            other(&running("deploy")),
            "plan \"deploy\" is running: a change of parameters (bar) that triggers plan \"update\" has to wait",
        ),
        (
            scheduled("backup"),
            other(&scheduled("backup")),
            "plan \"backup\" is running: a change of parameters (bar) that triggers plan \"update\" has to wait",
        ),
        (
            running("deploy"),
            running("deploy").request("backup", "m"),
            "plan \"deploy\" is running: plan \"backup\" has to wait",
        ),
        (
            scheduled("deploy"),
            scheduled("deploy").request("backup", "m"),
            "plan \"deploy\" is running: plan \"backup\" has to wait",
        ),
        (
            running("deploy"),
            running("deploy").version("v2"),
            "plan \"deploy\" is running: the upgrade to \"v2\" has to wait",
        ),
        (
            running("deploy"),
            cancelled,
            "plan \"deploy\" is running and can't be cancelled",
        ),
        (
            scheduled("deploy"),
            not_begun,
            "plan \"deploy\" is running and can't be cancelled",
        ),
    ];
    for (old, new, expected) in cases {
        let found = update(&old, &new, &v1(), &v1());
        assert_eq!(found, expected, "{:?} -> {:?}", old.spec, new.spec);
    }
}

#[test]
fn upgrades() {
    let v2 = operator(
        "deploy upgrade backup",
        "foo:deploy fixed:deploy:!:=f back:backup new:!:=n",
    );
    let plain = operator("deploy", "foo:deploy fixed:deploy:!:=f bar:deploy:!");
    let fewer = operator("deploy", "foo");
    let to = |parameters: &str| with(&idle(), parameters).version("v2");
    let cases = vec![
        (to("foo=1 fixed=f new=1"), &v2, "upgrade NEW NEVER_RUN"),
        (to("foo=2 fixed=f new=1"), &v2, "upgrade NEW NEVER_RUN"),
        (
            to("foo=1 fixed=f"),
            &fewer,
            "parameters={\"foo\":\"1\"}; deploy NEW NEVER_RUN",
        ),
        (to("foo=1 fixed=g"), &fewer, "unknown parameter \"fixed\""),
        (
            to("foo=1 fixed=f new=1 back=1"),
            &v2,
            "the upgrade to \"v2\" can't come together with a change of parameters (back) that triggers \
             plan \"backup\"",
        ),
        (
            to("foo=1 fixed=f new=1").request("backup", "m"),
            &v2,
            "plan \"backup\" can't be triggered together with the upgrade to \"v2\"",
        ),
        (
            to("foo=1 fixed=f"),
            &v2,
            "operator version \"v2\" adds the immutable parameter \"new\": give it a value (its default \
             would be \"n\")",
        ),
        (
            to("foo=1 fixed=f"),
            &plain,
            "operator version \"v2\" makes parameter \"bar\" immutable: give it a value",
        ),
    ];
    for (new, definition, expected) in cases {
        let found = update(&idle(), &new, definition, &v1());
        assert_eq!(
            found.trim_end_matches("; finalizers=[]"),
            expected,
            "{:?}",
            new.spec
        );
    }
    let none = update(
        &idle(),
        &to("foo=1 fixed=f"),
        &operator("backup", "foo fixed:!"),
        &v1(),
    );
    assert_eq!(
        none,
        "the operator version has none of the plans upgrade, update, deploy"
    );
}

#[test]
fn while_deleting() {
    let deleting = || idle().deleting();
    let cleaning = || deleting().plan("cleanup", "IN_PROGRESS", "c1");
    let asked = |old: Instance| old.scheduled("cleanup", "c1");
    let only = "the instance is being deleted: only its cleanup plan can run, and can't be cancelled or overridden";
    let frozen =
        "the instance is being deleted: its parameters and operator version can no longer change";
    let mut cancelled = asked(cleaning());
    cancelled.spec.plan_execution = PlanExecution::default();
    let cases = vec![
        (deleting(), with(&deleting(), "foo=2 fixed=f"), frozen),
        (deleting(), deleting().version("v2"), frozen),
        (deleting(), deleting().request("backup", "m"), only),
        (cleaning(), cleaning().request("backup", "m"), only),
        (asked(cleaning()), cancelled, only),
        (
            deleting(),
            deleting().request("cleanup", "m"),
            "cleanup m NEVER_RUN",
        ),
        // Never accepted, and deleted before it could be.
        (
            instance("foo=1 fixed=f")
                .finalizers(&[CLEANUP_FINALIZER])
                .deleting(),
            instance("foo=1 fixed=f")
                .finalizers(&[CLEANUP_FINALIZER])
                .deleting()
                .request("backup", "m"),
            only,
        ),
    ];
    for (old, new, expected) in cases {
        let found = update(&old, &new, &v1(), &v1());
        assert_eq!(found, expected, "{:?} -> {:?}", old.spec, new.spec);
    }
}

#[test]
fn an_operator_version_that_cannot_be_used() {
    let change = Change::update(&idle(), idle().version("v9")).unwrap();
    let replaced = v1();
    let answer = change.judge(Lookup::Missing, Some(Lookup::Found(&replaced)), "NEW");
    assert_eq!(
        line(&answer),
        "operator version \"v9\" not found in namespace \"ns\""
    );
    let answer = Change::creation(instance("")).judge(Lookup::NotWatched, None, "NEW");
    assert_eq!(
        line(&answer),
        "operator version \"v1\" is in namespace \"ns\", which this manager does not watch"
    );
}

fn envelope(version: &str, request: &Value) -> Value {
    json!({ "apiVersion": format!("admission.k8s.io/{version}"), "kind": "AdmissionReview", "request": request })
}

fn request() -> Value {
    json!({
        "uid": "u",
        "kind": { "group": "kudo.dev", "version": "v1beta1", "kind": "Instance" },
        "namespace": "ns",
        "operation": "UPDATE",
        "object": { "metadata": { "name": "inst" } },
        "oldObject": null,
    })
}

#[test]
fn both_versions_of_the_envelope() {
    for version in ["v1", "v1beta1"] {
        let body = envelope(version, &request()).to_string();
        let envelope = Envelope::read(body.as_bytes()).unwrap();
        let AdmissionRequest { uid, operation, .. } = &envelope.request;
        assert_eq!((uid.as_str(), operation.as_str()), ("u", "UPDATE"));
        let operations = vec![Operation::put(
            "/spec/planExecution",
            json!({ "planName": "deploy" }),
        )];
        let answer = envelope.answer(&Answer::Allow(operations));
        assert_eq!(
            answer,
            json!({
                "apiVersion": format!("admission.k8s.io/{version}"),
                "kind": "AdmissionReview",
                "response": {
                    "uid": "u",
                    "allowed": true,
                    "patchType": "JSONPatch",
                    // [{"op":"add","path":"/spec/planExecution","value":{"planName":"deploy"}}]
                    "patch": "W3sib3AiOiJhZGQiLCJwYXRoIjoiL3NwZWMvcGxhbkV4ZWN1dGlvbiIsInZhbHVlIjp7InBsYW5OYW1lIjoiZGVwbG95In19XQ==",
                },
            })
        );
        let answer = envelope.answer(&Answer::Deny {
            code: 403,
            message: "no".to_owned(),
        });
        assert_eq!(
            answer["response"],
            json!({
                "uid": "u",
                "allowed": false,
                "status": { "status": "Failure", "reason": "Forbidden", "code": 403, "message": "no" },
            })
        );
        let answer = envelope.answer(&Answer::Allow(Vec::new()));
        assert_eq!(answer["response"], json!({ "uid": "u", "allowed": true }));
    }
}

#[test]
fn garbage_is_no_question() {
    let other = envelope("v2", &request()).to_string();
    let cases: [(&[u8], &str); 5] = [
        (b"", "the body is no AdmissionReview: EOF while parsing"),
        (
            b"{}",
            "the body is no AdmissionReview: missing field `apiVersion`",
        ),
        (b"[1, 2]", "the body is no AdmissionReview: "),
        (b"\xff\xfe", "the body is no AdmissionReview: "),
        (
            other.as_bytes(),
            "expected an AdmissionReview of admission.k8s.io/v1 or admission.k8s.io/v1beta1, found \
             \"AdmissionReview\" of \"admission.k8s.io/v2\"",
        ),
    ];
    for (body, expected) in cases {
        let error = Envelope::read(body).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn the_namespace_is_that_of_the_question() {
    let object = json!({ "metadata": { "name": "a", "namespace": "other" }, "spec": {} });
    let read = read_instance(&object, Some("ns")).unwrap();
    assert_eq!(read.metadata.namespace.as_deref(), Some("ns"));
    let error = read_instance(&json!("text"), None).unwrap_err();
    assert!(error.starts_with("no instance: "), "{error}");
}
