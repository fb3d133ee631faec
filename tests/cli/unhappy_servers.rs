//! Servers that are not there, refuse the credential, or know nothing of KUDO: one clear message,
//! a hint, the documented exit code, and not a single write.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::environment::{Outcome, TestEnvironment};
use crate::fake_server::{Answer, FakeServer, failure, kubeconfig, kudo_is_served};
use crate::packages::SMALL;

const INSTALL: &[&str] = &["install", "./small", "-p", "SECRET=x"];

fn environment() -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment
}

fn run(server: &FakeServer, arguments: &[&str]) -> Outcome {
    let environment = environment();
    let kubeconfig = server.kubeconfig(&environment);
    let mut outcome = environment.with_kubeconfig(&kubeconfig).run(arguments);
    outcome.stderr = outcome.stderr.replace(server.address(), "$SERVER");
    let writes: Vec<_> = server
        .requests()
        .into_iter()
        .filter(|request| !request.starts_with("GET "))
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
    outcome
}

#[test]
fn nothing_listens() {
    let environment = environment();
    let file = environment.home().join("config");
    // Port 9 is "discard"; nobody serves it.
    std::fs::write(&file, kubeconfig("127.0.0.1:9")).unwrap();
    let outcome = environment.with_kubeconfig(&file).run(INSTALL);
    insta::assert_snapshot!(outcome);
}

#[test]
fn the_server_does_not_answer() {
    let server = FakeServer::start(|_, _| Answer::Silence);
    let start = Instant::now();
    let outcome = run(&server, &["get", "instances", "--request-timeout", "1s"]);
    assert!(start.elapsed() < Duration::from_secs(10));
    insta::assert_snapshot!(outcome);
}

#[test]
fn the_credential_has_expired() {
    let server = FakeServer::start(|_, _| failure(401, "Unauthorized", "Unauthorized"));
    insta::assert_snapshot!(run(&server, INSTALL));
}

#[test]
fn the_credential_may_not_do_it() {
    let server = FakeServer::start(|_, path| match path {
        "/apis/kudo.dev/v1beta1" => kudo_is_served(),
        _ => failure(
            403,
            "Forbidden",
            "instances.kudo.dev is forbidden: User \"eve\" cannot list resource \"instances\" \
             in API group \"kudo.dev\" in the namespace \"team\"",
        ),
    });
    insta::assert_snapshot!(run(&server, &["get", "instances"]));
}

#[test]
fn kudo_is_not_installed() {
    let server = FakeServer::start(|_, _| {
        failure(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
    });
    insta::assert_snapshot!(run(&server, INSTALL));
}

#[test]
fn the_check_for_kudo_can_be_left_out() {
    let server = FakeServer::start(|_, _| {
        Answer::Json(
            200,
            json!({ "apiVersion": "v1", "kind": "List", "metadata": {}, "items": [] }),
        )
    });
    let outcome = run(&server, &["get", "instances", "--validate-install=false"]).expect_code(0);
    assert!(
        outcome.stdout.contains("in namespace \"team\""),
        "{outcome}"
    );
    assert_eq!(
        server.requests(),
        ["GET /apis/kudo.dev/v1beta1/namespaces/team/instances"]
    );
}

#[test]
fn kubernetes_is_too_old() {
    let server = FakeServer::start(|_, path| match path {
        "/apis/kudo.dev/v1beta1" => kudo_is_served(),
        "/version" => Answer::Json(
            200,
            json!({
                "major": "1", "minor": "16", "gitVersion": "v1.16.3", "gitCommit": "",
                "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
            }),
        ),
        _ => failure(404, "NotFound", "not found"),
    });
    insta::assert_snapshot!(run(&server, INSTALL));
}

#[test]
fn the_server_fails() {
    let server = FakeServer::start(|_, path| match path {
        "/apis/kudo.dev/v1beta1" => kudo_is_served(),
        _ => failure(500, "InternalError", "etcdserver: request timed out"),
    });
    insta::assert_snapshot!(run(&server, &["get", "instances"]));
}

#[test]
fn the_server_is_none() {
    let server = FakeServer::start(|_, _| Answer::Json(200, json!("hello")));
    insta::assert_snapshot!(run(
        &server,
        &["get", "instances", "--validate-install=false"]
    ));
}
