//! `dev`: the embedded cluster as a program that others talk to.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

use crate::environment::{TestEnvironment, repository};

/// A cluster in the foreground, ended with the test.
struct Foreground(Child);

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn kubeconfig(environment: &TestEnvironment) -> std::path::PathBuf {
    environment.home().join(".kudo/dev/kubeconfig")
}

#[test]
fn a_detached_cluster_lives_until_it_is_stopped() {
    let environment = TestEnvironment::new();
    environment.run(&["dev", "status"]).expect_code(5);
    environment.run(&["dev", "stop"]).expect_code(5);
    let started = environment.run(&["dev", "--detach"]).expect_code(0);
    let path = kubeconfig(&environment);
    assert!(
        started
            .stdout
            .contains("export KUBECONFIG=$ROOT/home/.kudo/dev/kubeconfig"),
        "{started}"
    );
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let again = environment.run(&["dev"]).expect_code(6);
    assert!(again.stderr.contains("kubectl kudo dev stop"), "{again}");
    let status = environment.run(&["dev", "status"]).expect_code(0);
    assert!(
        status
            .stdout
            .starts_with("The embedded cluster runs in process "),
        "{status}"
    );

    let path = path.to_str().unwrap();
    let status = environment.run(&["dev", "status", "-o", "json"]).json();
    assert_eq!(
        status["kubeconfig"], "$ROOT/home/.kudo/dev/kubeconfig",
        "{status}"
    );
    assert!(status["pid"].as_u64() > Some(0), "{status}");
    assert!(status["state"].is_null(), "{status}");
    let package = repository().join("operators/first-operator");
    let package = package.to_str().unwrap();
    let arguments = ["install", package, "--wait", "--kubeconfig", path];
    environment.run(&arguments).expect_code(0);
    let listed = environment
        .run(&["get", "instances", "--kubeconfig", path])
        .expect_code(0);
    assert!(
        listed.stdout.contains("first-operator-instance"),
        "{listed}"
    );

    let stopped = environment.run(&["dev", "stop"]).expect_code(0);
    assert_eq!(stopped.stdout, "The embedded cluster has ended.\n");
    assert!(!kubeconfig(&environment).exists());
    environment.run(&["dev", "status"]).expect_code(5);
}

#[test]
fn each_start_has_a_token_of_its_own_and_no_other_is_taken() {
    let environment = TestEnvironment::new();
    let mut texts = Vec::new();
    for _ in 0..2 {
        environment.run(&["dev", "--detach"]).expect_code(0);
        texts.push(std::fs::read_to_string(kubeconfig(&environment)).unwrap());
        let config: serde_json::Value = serde_json::from_str(texts.last().unwrap()).unwrap();
        let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap();
        assert!(server.starts_with("https://127.0.0.1:"), "{server}");
        let token = config["users"][0]["user"]["token"].as_str().unwrap();
        let forged = texts.last().unwrap().replace(token, "forged");
        let forged = environment.write("forged", &forged);
        let arguments = ["get", "instances", "--kubeconfig", forged.to_str().unwrap()];
        environment.run(&arguments).expect_code(7);
        environment.run(&["dev", "stop"]).expect_code(0);
    }
    let token = |text: &str| {
        let config: serde_json::Value = serde_json::from_str(text).unwrap();
        config["users"][0]["user"]["token"].clone()
    };
    assert_ne!(token(&texts[0]), token(&texts[1]));
}

/// What a service account meets that no role allows anything.
#[test]
fn roles_count_only_where_they_are_asked_for() {
    for (rbac, code) in [(&[][..], 0), (&["--rbac"][..], 7)] {
        let environment = TestEnvironment::new();
        let start = [&["dev", "--detach"][..], rbac].concat();
        environment.run(&start).expect_code(0);
        let text = std::fs::read_to_string(kubeconfig(&environment)).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
        config["users"][0]["user"]["as"] = "system:serviceaccount:default:nobody".into();
        let nobody = environment.write("nobody", &config.to_string());
        let list = ["get", "instances", "--kubeconfig", nobody.to_str().unwrap()];
        let listed = environment.run(&list).expect_code(code);
        let refused = listed.stderr.contains("is forbidden");
        assert_eq!(refused, code != 0, "{listed}");
        environment.run(&["dev", "stop"]).expect_code(0);
    }
}

#[test]
fn in_the_foreground_it_says_what_to_type_and_ends_when_asked() {
    let environment = TestEnvironment::new();
    let mut command = environment.command(&["dev"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut cluster = Foreground(child.unwrap());
    let mut out = BufReader::new(cluster.0.stdout.take().unwrap()).lines();
    let said: Vec<String> = out
        .by_ref()
        .map(Result::unwrap)
        .take_while(|line| !line.starts_with("Ctrl-C"))
        .collect();
    assert!(
        said.iter().any(|line| line.contains("export KUBECONFIG=")),
        "{said:?}"
    );
    environment.run(&["dev", "stop"]).expect_code(0);
    assert!(cluster.0.wait().unwrap().success());
}

#[test]
fn after_a_crash_the_next_one_starts() {
    let environment = TestEnvironment::new();
    let mut command = environment.command(&["dev"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut cluster = Foreground(child.unwrap());
    let mut out = BufReader::new(cluster.0.stdout.take().unwrap()).lines();
    assert!(out.next().is_some());
    cluster.0.kill().unwrap();
    cluster.0.wait().unwrap();
    environment.run(&["dev", "status"]).expect_code(5);
    environment.run(&["dev", "--detach"]).expect_code(0);
    environment.run(&["dev", "stop"]).expect_code(0);
}
