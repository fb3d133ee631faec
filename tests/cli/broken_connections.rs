//! Servers that break off, or that somebody else writes to at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::environment::TestEnvironment;
use crate::fake_server::{Answer, FakeServer, failure, kudo_is_served};

const INSTANCE: &str = "/apis/kudo.dev/v1beta1/namespaces/team/instances/small-instance";
const VERSION: &str = "/apis/kudo.dev/v1beta1/namespaces/team/operatorversions/small-0.1.0";

fn instance(status: &str, count: &str, resource_version: usize) -> Value {
    json!({
        "apiVersion": "kudo.dev/v1beta1", "kind": "Instance",
        "metadata": { "name": "small-instance", "namespace": "team", "uid": "u",
            "resourceVersion": resource_version.to_string(), "generation": 1 },
        "spec": { "operatorVersion": { "name": "small-0.1.0" }, "parameters": { "COUNT": count } },
        "status": { "planStatus": { "deploy": { "name": "deploy", "status": status, "uid": "a",
            "phases": [{ "name": "main", "status": status,
                "steps": [{ "name": "config", "status": status }] }] } } },
    })
}

fn version() -> Answer {
    Answer::Json(
        200,
        json!({
            "apiVersion": "kudo.dev/v1beta1", "kind": "OperatorVersion",
            "metadata": { "name": "small-0.1.0", "namespace": "team" },
            "spec": {
                "operator": { "name": "small" }, "version": "0.1.0",
                "parameters": [{ "name": "COUNT", "default": "3" }],
                "plans": { "deploy": { "strategy": "serial", "phases": [] } },
            },
        }),
    )
}

fn list(items: &[Value]) -> Answer {
    let list = json!({ "apiVersion": "kudo.dev/v1beta1", "kind": "InstanceList",
        "metadata": { "resourceVersion": "1" }, "items": items });
    Answer::Json(200, list)
}

#[test]
fn a_broken_watch_is_taken_up_again() {
    let asked = AtomicUsize::new(0);
    let server = FakeServer::start(move |_, path| match path.split('?').next().unwrap() {
        "/apis/kudo.dev/v1beta1" => kudo_is_served(),
        INSTANCE => Answer::Json(200, instance("IN_PROGRESS", "3", 1)),
        VERSION => version(),
        _ if !path.contains("watch=true") => list(&[instance("IN_PROGRESS", "3", 1)]),
        _ => match asked.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => failure(500, "InternalError", "etcdserver: leader changed"),
            _ => {
                let event = json!({ "type": "MODIFIED", "object": instance("COMPLETE", "3", 2) });
                Answer::Json(200, event)
            }
        },
    });
    let environment = TestEnvironment::new();
    let file = server.kubeconfig(&environment);
    let environment = environment.with_kubeconfig(&file);
    let outcome = environment.run(&["plan", "status", "--instance", "small-instance", "--wait"]);
    let outcome = outcome.expect_code(0);
    assert_eq!(
        outcome.stderr,
        "Plan deploy [IN_PROGRESS]\n\
         Step deploy/main/config [IN_PROGRESS]\n\
         the connection to the cluster broke; connecting again\n\
         Step deploy/main/config [COMPLETE]\n\
         Plan deploy [COMPLETE]\n"
    );
}

#[test]
fn a_credential_that_expires_ends_the_wait() {
    let server = FakeServer::start(|_, path| match path.split('?').next().unwrap() {
        "/apis/kudo.dev/v1beta1" => kudo_is_served(),
        INSTANCE => Answer::Json(200, instance("IN_PROGRESS", "3", 1)),
        VERSION => version(),
        _ => failure(401, "Unauthorized", "Unauthorized"),
    });
    let environment = TestEnvironment::new();
    let file = server.kubeconfig(&environment);
    let environment = environment.with_kubeconfig(&file);
    let outcome = environment.run(&["plan", "status", "--instance", "small-instance", "--wait"]);
    let outcome = outcome.expect_code(7);
    assert!(
        outcome
            .stderr
            .contains("Hint: the credential may have expired"),
        "{outcome}"
    );
}

/// Runs an update of COUNT to 5 while somebody else sets it to `theirs` between read and write;
/// the second write is taken. Gives the exit code and how often a write was tried.
fn update_while_somebody_else_writes(theirs: &'static str) -> (Option<i32>, usize) {
    let reads = AtomicUsize::new(0);
    let writes = AtomicUsize::new(0);
    let server =
        FakeServer::start(
            move |method, path| match (method, path.split('?').next().unwrap()) {
                (_, "/apis/kudo.dev/v1beta1") => kudo_is_served(),
                ("GET", INSTANCE) => match reads.fetch_add(1, Ordering::SeqCst) {
                    0 => Answer::Json(200, instance("COMPLETE", "3", 1)),
                    _ => Answer::Json(200, instance("COMPLETE", theirs, 2)),
                },
                ("PATCH", INSTANCE) => match writes.fetch_add(1, Ordering::SeqCst) {
                    0 => failure(409, "Conflict", "the object has been modified"),
                    _ => Answer::Json(200, instance("COMPLETE", "5", 3)),
                },
                (_, VERSION) => version(),
                _ => list(&[instance("COMPLETE", "5", 3)]),
            },
        );
    let environment = TestEnvironment::new();
    let file = server.kubeconfig(&environment);
    let environment = environment.with_kubeconfig(&file);
    let outcome = environment.run(&["update", "--instance", "small-instance", "-p", "COUNT=5"]);
    let tried = server
        .requests()
        .iter()
        .filter(|r| r.starts_with("PATCH"))
        .count();
    (outcome.code, tried)
}

#[test]
fn a_write_of_somebody_else_to_something_else_is_no_conflict() {
    assert_eq!(update_while_somebody_else_writes("3"), (Some(0), 2));
}

#[test]
fn a_write_of_somebody_else_to_the_same_parameter_is_one() {
    assert_eq!(update_while_somebody_else_writes("4"), (Some(6), 1));
}
