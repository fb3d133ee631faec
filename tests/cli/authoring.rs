//! `package new|add|create` and `package verify --param-checks`: making packages, by arguments and
//! by answers.

use std::io::Write as _;
use std::process::Stdio;

use crate::environment::{Outcome, TestEnvironment};
use crate::packages::{OPERATOR, SMALL};

/// Runs a command and answers its questions, a line for each.
fn answer(environment: &TestEnvironment, arguments: &[&str], answers: &[&str]) -> Outcome {
    let mut command = environment.command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for line in answers {
        // It may have ended at an answer it does not take.
        let _ = writeln!(input, "{line}");
    }
    drop(input);
    environment.end(child)
}

fn read(environment: &TestEnvironment, path: &str) -> String {
    std::fs::read_to_string(environment.work().join(path)).unwrap()
}

#[test]
fn a_new_package_can_be_used_as_it_is() {
    let environment = TestEnvironment::new();
    insta::assert_snapshot!("new", environment.run(&["package", "new", "foo"]));
    insta::assert_snapshot!("new_operator", read(&environment, "operator/operator.yaml"));
    insta::assert_snapshot!("new_params", read(&environment, "operator/params.yaml"));
    let outcome = environment.run(&["package", "verify", "operator"]);
    assert_eq!(outcome.expect_code(0).stdout, "package is valid\n");
    let outcome = environment.run(&["package", "new", "foo"]);
    insta::assert_snapshot!("new_exists", outcome);
    environment
        .run(&["package", "new", "foo", "-w"])
        .expect_code(0);
    environment.write("operator.yaml", "");
    insta::assert_snapshot!("new_within", environment.run(&["package", "new", "foo"]));
    insta::assert_snapshot!("new_name", environment.run(&["package", "new", "My Op"]));
    environment.run(&["package", "new"]).expect_code(2);
}

#[test]
fn a_new_package_by_answers() {
    let environment = TestEnvironment::new();
    let answers = [
        "kafka",
        "packages",
        "1.0.0",
        "",
        "",
        "",
        "",
        "Ada",
        "ada@example.org",
    ];
    let outcome = answer(&environment, &["package", "new", "-i"], &answers);
    insta::assert_snapshot!("new_asked", outcome.expect_code(0));
    let text = read(&environment, "packages/operator.yaml");
    insta::assert_snapshot!("new_asked_operator", text);
    let outcome = answer(
        &environment,
        &["package", "new", "-i"],
        &["kafka", "other", "one"],
    );
    insta::assert_snapshot!("new_bad_answer", outcome);
    let outcome = answer(&environment, &["package", "new", "-i"], &["kafka"]);
    insta::assert_snapshot!("new_no_answer", outcome);
    assert!(!environment.work().join("other").exists());
}

/// An environment with the small package, with comments that an edit must leave.
fn commented() -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    let text = OPERATOR.replace("plans:\n", "\n# What runs when.\nplans:\n");
    environment.write(
        "small/operator.yaml",
        &format!("# The small one.\n{text}# The end.\n"),
    );
    environment
}

#[test]
fn additions_leave_the_rest_as_it_is() {
    let environment = commented();
    let commands: &[&[&str]] = &[
        &["maintainer", "Ada Lovelace", "ada@example.org"],
        &["task", "dump", "--resource", "dump", "--kind", "apply"],
        &[
            "task",
            "keys",
            "--kind",
            "Pipe",
            "--pod",
            "keygen.yaml",
            "--pipe",
            "/tmp/key:Secret:key",
        ],
        &[
            "plan",
            "backup",
            "--step",
            "dump=dump,keys",
            "--step",
            "late/config=config",
        ],
        &[
            "parameter",
            "SIZE",
            "--enum",
            "small",
            "--enum",
            "large",
            "--default",
            "small",
        ],
        &[
            "parameter",
            "PORTS",
            "--type",
            "array",
            "--default",
            "[80, 443]",
            "--optional",
        ],
    ];
    for arguments in commands {
        let mut all = vec!["package", "add"];
        all.extend(*arguments);
        environment.run(&all).expect_code(0);
    }
    insta::assert_snapshot!("added_operator", read(&environment, "small/operator.yaml"));
    insta::assert_snapshot!("added_params", read(&environment, "small/params.yaml"));
    assert_eq!(read(&environment, "small/templates/dump.yaml"), "");
}

#[test]
fn additions_by_answers() {
    let environment = commented();
    let outcome = answer(
        &environment,
        &["package", "add", "maintainer"],
        &["Ada", "ada@example.org"],
    );
    insta::assert_snapshot!("asked_maintainer", outcome.expect_code(0));
    let answers = [
        "MODE",
        "fast",
        "Mode",
        "How it runs.",
        "true",
        "y",
        "deploy",
    ];
    let outcome = answer(&environment, &["package", "add", "parameter"], &answers);
    insta::assert_snapshot!("asked_parameter", outcome.expect_code(0));
    let answers = ["app", "Toggle", "app", "n", "GREETING"];
    let outcome = answer(&environment, &["package", "add", "task"], &answers);
    insta::assert_snapshot!("asked_task", outcome.expect_code(0));
    let answers = [
        "backup", "serial", "main", "parallel", "dump", "dump", "y", "Apply", "dump", "n", "n",
        "n", "n",
    ];
    let outcome = answer(&environment, &["package", "add", "plan"], &answers);
    insta::assert_snapshot!("asked_plan", outcome.expect_code(0));
    insta::assert_snapshot!("asked_operator", read(&environment, "small/operator.yaml"));
    insta::assert_snapshot!("asked_params", read(&environment, "small/params.yaml"));
}

#[test]
fn what_cannot_be_added() {
    let environment = commented();
    let before = read(&environment, "small/operator.yaml");
    let cases: &[(&str, &[&str])] = &[
        ("taken_parameter", &["parameter", "count"]),
        ("taken_task", &["task", "config"]),
        ("bad_email", &["maintainer", "Ada", "ada"]),
        ("bad_kind", &["task", "x", "--kind", "Aply"]),
        ("no_resources", &["task", "x"]),
        ("bad_step", &["plan", "x", "--step", "a"]),
        ("one_argument", &["maintainer", "Ada"]),
        ("no_answers", &["parameter"]),
    ];
    for (name, arguments) in cases {
        let mut all = vec!["package", "add"];
        all.extend(*arguments);
        insta::assert_snapshot!(*name, environment.run(&all));
    }
    assert_eq!(read(&environment, "small/operator.yaml"), before);
    let outcome = environment.run(&["package", "add", "plan", "x", "--step", "a=missing"]);
    insta::assert_snapshot!("missing_task", outcome.expect_code(0));
    environment.package("other", SMALL);
    let arguments = ["package", "add", "parameter", "X"];
    insta::assert_snapshot!("two_packages", environment.run(&arguments));
    let outcome = TestEnvironment::new().run(&arguments);
    insta::assert_snapshot!("no_package", outcome);
}

#[test]
fn archives_are_reproducible() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    std::fs::create_dir(environment.work().join("out")).unwrap();
    let outcome = environment.run(&["package", "create", "small", "--destination", "out"]);
    insta::assert_snapshot!("create", outcome);
    let archive = || std::fs::read(environment.work().join("out/small-0.1.0.tgz")).unwrap();
    let first = archive();
    let outcome = environment.run(&["package", "create", "small", "-d", "out"]);
    insta::assert_snapshot!("create_exists", outcome);
    environment
        .run(&["package", "create", "small", "-d", "out", "-w"])
        .expect_code(0);
    assert!(archive() == first);
    let outcome = environment.run(&["package", "verify", "out/small-0.1.0.tgz"]);
    assert_eq!(outcome.expect_code(0).stdout, "package is valid\n");
    let outcome = environment.run(&["package", "create", "small", "-d", "nowhere"]);
    insta::assert_snapshot!("create_nowhere", outcome);
    let text = OPERATOR.replace("name: small\n", "name: small\nappVersion: 1.2.3\n");
    environment.write("small/operator.yaml", &text);
    environment
        .run(&["package", "create", "small"])
        .expect_code(0);
    assert!(environment.work().join("small-1.2.3_0.1.0.tgz").exists());
    environment.write(
        "small/operator.yaml",
        &OPERATOR.replace("[config]", "[cofnig]"),
    );
    let outcome = environment.run(&["package", "create", "small"]);
    insta::assert_snapshot!("create_invalid", outcome);
}

#[test]
fn parameters_are_checked_on_request() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment.write(
        "small/params.yaml",
        "\
apiVersion: kudo.dev/v1beta1
groups:
- name: main
  displayName: main
parameters:
- name: COUNT
  type: integer
  default: 3
  displayName: 'Count:'
  description: How many there are
  hint: A few
  group: main
- name: GREETING
  default: hello
- name: SECRET
",
    );
    let verify = |checks: &[&str]| {
        let mut all = vec!["package", "verify", "small"];
        all.extend(checks);
        environment.run(&all)
    };
    assert_eq!(verify(&[]).expect_code(0).stdout, "package is valid\n");
    insta::assert_snapshot!("checks_all", verify(&["--param-checks", "all"]));
    let outcome = verify(&["--param-checks", "type,hasgroup", "--param-checks=hint"]);
    insta::assert_snapshot!("checks_some", outcome);
    verify(&["--param-checks", "everything"]).expect_code(2);
}

#[test]
fn parameters_as_a_schema_and_as_a_values_file() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    let outcome = environment.run(&["package", "export-schema", "small"]);
    insta::assert_snapshot!("schema", outcome);
    let outcome = environment.run(&["package", "export-values", "small"]);
    insta::assert_snapshot!("values", outcome);
    let values = outcome.stdout.replace("# SECRET:", "SECRET: x");
    environment.write("values.yaml", &values);
    let render = |arguments: &[&str]| {
        let mut all = vec!["package", "render", "small"];
        all.extend(arguments);
        environment.run(&all).expect_code(0).stdout
    };
    assert_eq!(render(&["-P", "values.yaml"]), render(&["-p", "SECRET=x"]));
}

#[test]
fn the_package_here_is_listed() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    let outcome = environment.run(&["package", "list", "parameters"]);
    assert_eq!(
        outcome,
        environment.run(&["package", "list", "parameters", "small"])
    );
}
