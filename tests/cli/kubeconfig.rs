//! Which cluster and namespace a command means: as with kubectl.

use serde_json::json;

use crate::environment::{Outcome, TestEnvironment};
use crate::fake_server::{Answer, FakeServer, kubeconfig};

const GET: &[&str] = &["get", "instances", "--validate-install=false"];

fn server() -> FakeServer {
    FakeServer::start(|_, _| {
        Answer::Json(
            200,
            json!({ "apiVersion": "v1", "kind": "List", "metadata": {}, "items": [] }),
        )
    })
}

fn with(environment: &TestEnvironment, variable: &str, more: &[&str]) -> Outcome {
    let arguments: Vec<&str> = GET.iter().chain(more).copied().collect();
    let mut command = environment.command(&arguments);
    let output = command.env("KUBECONFIG", variable).output().unwrap();
    environment.outcome(&output)
}

fn namespace_of(outcome: Outcome) -> String {
    let outcome = outcome.expect_code(0);
    outcome.stdout.split('"').nth(1).unwrap().to_owned()
}

#[test]
fn several_files_are_merged_and_missing_ones_passed_over() {
    let environment = TestEnvironment::new();
    let server = server();
    let whole = server.kubeconfig(&environment);
    let other = environment.home().join("other");
    std::fs::write(
        &other,
        "apiVersion: v1\nkind: Config\ncurrent-context: other\n\
         contexts: [{name: other, context: {cluster: fake, user: fake, namespace: elsewhere}}]\n",
    )
    .unwrap();
    let list =
        |paths: &[&std::path::Path]| std::env::join_paths(paths).unwrap().into_string().unwrap();
    let missing = environment.home().join("missing");
    let cases = [
        (list(&[&whole]), vec![], "team"),
        (list(&[&missing, &whole]), vec![], "team"),
        (list(&[&other, &whole]), vec![], "elsewhere"),
        (list(&[&whole, &other]), vec![], "team"),
        (
            list(&[&whole, &other]),
            vec!["--context", "other"],
            "elsewhere",
        ),
        (
            list(&[&whole, &other]),
            vec!["--context", "other", "-n", "mine"],
            "mine",
        ),
    ];
    for (variable, more, expected) in cases {
        let found = namespace_of(with(&environment, &variable, &more));
        assert_eq!(found, expected, "{variable} {more:?}");
    }
}

#[test]
fn a_file_named_wins_over_the_variable() {
    let environment = TestEnvironment::new();
    let file = server().kubeconfig(&environment).display().to_string();
    let found = namespace_of(with(&environment, "/nowhere", &["--kubeconfig", &file]));
    assert_eq!(found, "team");
}

#[test]
fn the_default_file_is_in_the_home() {
    let environment = TestEnvironment::new();
    let file = server().kubeconfig(&environment);
    std::fs::create_dir(environment.home().join(".kube")).unwrap();
    std::fs::copy(file, environment.home().join(".kube/config")).unwrap();
    assert_eq!(namespace_of(with(&environment, "", &[])), "team");
}

#[test]
fn no_configuration_at_all() {
    insta::assert_snapshot!(TestEnvironment::new().run(GET));
}

#[test]
fn an_unknown_context() {
    let environment = TestEnvironment::new();
    let file = environment.home().join("config");
    std::fs::write(&file, kubeconfig("127.0.0.1:9")).unwrap();
    let environment = environment.with_kubeconfig(&file);
    insta::assert_snapshot!(environment.run(&["get", "instances", "--context", "fkae"]));
}

#[test]
fn a_broken_file() {
    let environment = TestEnvironment::new();
    let file = environment.home().join("config");
    std::fs::write(&file, "clusters: {").unwrap();
    let outcome = environment.with_kubeconfig(&file).run(GET).expect_code(7);
    assert!(
        outcome
            .stderr
            .starts_with("Error: cannot read the kubeconfig $ROOT/home/config:"),
        "{outcome}"
    );
}

#[test]
fn a_broken_file_is_not_shown() {
    let environment = TestEnvironment::new();
    let file = environment.home().join("config");
    let text = "users:\n- name: me\n  user:\n    token: secret-token\n   bad: x\n    client-key-data: secret-key\n";
    for text in [text, "secret-token:x:0:0\nsecret-key: [\n"] {
        std::fs::write(&file, text).unwrap();
        let path = file.to_str().unwrap();
        let outcome = environment
            .run(&["get", "instances", "--kubeconfig", path])
            .expect_code(7);
        assert!(outcome.stderr.contains(", column "), "{outcome}");
        assert!(!outcome.stderr.contains("secret-"), "{outcome}");
    }
}

#[test]
fn a_named_file_that_does_not_exist() {
    let outcome = TestEnvironment::new().run(&["get", "instances", "--kubeconfig", "nowhere"]);
    insta::assert_snapshot!(outcome);
}
