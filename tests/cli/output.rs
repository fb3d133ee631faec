//! The output gate: data on standard output, everything else on standard error, colours on demand.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::environment::TestEnvironment;
use crate::packages::SMALL;

#[test]
fn the_version_needs_no_cluster() {
    let outcome = TestEnvironment::new().run(&["version"]).expect_code(0);
    assert!(
        outcome.stdout.starts_with("KUDO Version: v$VERSION ("),
        "{outcome}"
    );
    assert_eq!(outcome.stderr, "");
    let outcome = TestEnvironment::new()
        .run(&["version", "-o", "json"])
        .expect_code(0);
    assert_eq!(outcome.json()["clientVersion"]["gitVersion"], "v$VERSION");
    let outcome = TestEnvironment::new().run(&["--version"]).expect_code(0);
    assert_eq!(outcome.stdout, "kubectl-kudo $VERSION\n");
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let outcome = TestEnvironment::new()
            .run(&["completion", shell])
            .expect_code(0);
        assert!(outcome.stdout.contains("kubectl-kudo"), "{shell}");
        assert_eq!(outcome.stderr, "");
    }
}

#[test]
fn colours_only_where_they_are_wanted() {
    let environment = TestEnvironment::new();
    let colour = |arguments: &[&str], no_color: &str| {
        let mut command = environment.command(arguments);
        let output = command.env("NO_COLOR", no_color).output().unwrap();
        environment.outcome(&output).stderr.contains('\u{1b}')
    };
    assert!(!colour(&["install", "./nothing"], ""));
    assert!(!colour(&["install", "./nothing", "--color", "never"], ""));
    assert!(colour(&["install", "./nothing", "--color", "always"], ""));
    assert!(colour(&["install", "./nothing", "--color", "always"], "1"));
}

#[test]
fn quiet_prints_errors_and_data_only() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    let outcome = environment
        .run(&["package", "verify", "small", "-q"])
        .expect_code(0);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
    let outcome = environment
        .run(&["install", "./nothing", "-q"])
        .expect_code(5);
    assert!(outcome.stderr.starts_with("Error: "), "{outcome}");
    let outcome = environment
        .run(&["version", "-q", "-o", "json"])
        .expect_code(0);
    assert!(!outcome.stdout.is_empty());
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let environment = TestEnvironment::new();
    let mut command = environment.command(&["init", "--dry-run", "-o", "yaml"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let outcome = environment.outcome(&output).expect_code(0);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn formats_that_a_command_lacks() {
    let environment = TestEnvironment::new();
    insta::assert_snapshot!("lacks_one", environment.run(&["version", "-o", "name"]));
    insta::assert_snapshot!(
        "has_none",
        environment.run(&[
            "plan",
            "trigger",
            "--name",
            "a",
            "--instance",
            "b",
            "-o",
            "json"
        ])
    );
    insta::assert_snapshot!("unknown", environment.run(&["version", "-o", "jsn"]));
}

#[test]
fn kubectl_finds_it_as_a_plugin() {
    let environment = TestEnvironment::new();
    let output = kubectl(&environment, &["kudo", "version"]);
    let Some(output) = output else {
        eprintln!("SKIPPED: there is no kubectl on this machine");
        return;
    };
    let outcome = environment.outcome(&output).expect_code(0);
    assert!(
        outcome.stdout.starts_with("KUDO Version: v$VERSION ("),
        "{outcome}"
    );
    let output = kubectl(&environment, &["kudo", "install", "./nothing"]).unwrap();
    environment.outcome(&output).expect_code(5);
}

#[test]
fn the_log_is_off_unless_asked_for() {
    let environment = TestEnvironment::new();
    let file = environment.home().join("config");
    std::fs::write(&file, crate::fake_server::kubeconfig("127.0.0.1:9")).unwrap();
    let environment = environment.with_kubeconfig(&file);
    let logged = |arguments: &[&str]| {
        let outcome = environment.run(arguments).expect_code(7);
        outcome
            .stderr
            .contains("connected server=\"http://127.0.0.1:9/\"")
    };
    assert!(!logged(&["get", "instances"]));
    assert!(logged(&["get", "instances", "-v", "1"]));
    assert!(logged(&["get", "instances", "-v=8"]));
}

/// Runs kubectl with the program on its `PATH`; nothing if this machine has no kubectl.
fn kubectl(environment: &TestEnvironment, arguments: &[&str]) -> Option<Output> {
    let own = environment.command::<&str>(&[]);
    let folder = Path::new(own.get_program()).parent().unwrap();
    let mut paths = vec![folder.to_owned()];
    paths.extend(std::env::split_paths(&std::env::var_os("PATH")?));
    let kubectl = paths
        .iter()
        .map(|path| path.join("kubectl"))
        .find(|path| path.is_file())?;
    let mut command = Command::new(kubectl);
    command
        .env_clear()
        .envs(
            own.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", std::env::join_paths(&paths).unwrap())
        .current_dir(environment.work())
        .args(arguments);
    Some(command.output().unwrap())
}
