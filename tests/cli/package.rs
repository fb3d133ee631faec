//! `package verify|render|list`.

use std::fmt::Write as _;

use serde_json::json;

use crate::environment::{TestEnvironment, repository};
use crate::packages::{BINDINGS, CONFIG, OPERATOR, SMALL};

fn small() -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment
}

#[test]
fn a_sound_package_verifies() {
    let outcome = small().run(&["package", "verify", "small"]).expect_code(0);
    assert_eq!(outcome.stdout, "package is valid\n");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn findings_have_file_line_and_column() {
    let environment = small();
    environment.write(
        "small/operator.yaml",
        &OPERATOR.replace("tasks: [config]", "tasks: [cofnig]"),
    );
    let outcome = environment.run(&["package", "verify", "./small"]);
    insta::assert_snapshot!(outcome);
    let outcome = environment
        .run(&["package", "verify", "./small", "-o", "json"])
        .expect_code(1);
    let found = outcome.json();
    assert_eq!(found["valid"], false);
    assert_eq!(found["diagnostics"][0]["file"], "operator.yaml");
    assert_eq!(found["errors"].as_array().unwrap().len(), 1, "{outcome}");
}

/// An environment with a package whose task, with this spec, installs `small`.
fn with_parent(spec: &str) -> TestEnvironment {
    let environment = small();
    let operator = OPERATOR.replace("name: small", "name: parent").replace(
        "  kind: Apply\n  spec:\n    resources: [config.yaml]\n",
        &format!("  kind: KudoOperator\n  spec: {spec}\n"),
    );
    environment.write("parent/operator.yaml", &operator);
    environment.write(
        "parent/params.yaml",
        "apiVersion: kudo.dev/v1beta1\nparameters: []\n",
    );
    environment
}

#[test]
fn a_version_that_a_path_does_not_have() {
    let environment = with_parent("{package: ../small, operatorVersion: 9.9.9}");
    let wrong = "small is small 0.1.0, not operator version 9.9.9";
    for command in ["package verify ./parent", "install ./parent --simulate"] {
        let arguments: Vec<&str> = command.split(' ').collect();
        let outcome = environment.run(&arguments).expect_code(1);
        assert!(outcome.to_string().contains(wrong), "{outcome}");
    }
}

#[test]
fn warnings_alone_are_no_failure() {
    let environment = small();
    environment.write("small/templates/unused.yaml", CONFIG);
    let outcome = environment.run(&["package", "verify", "./small"]);
    insta::assert_snapshot!(outcome);
}

#[test]
fn renders_documents() {
    let outcome = small().run(&["package", "render", "small", "-p", "SECRET=a\"b"]);
    insta::assert_snapshot!(outcome);
}

#[test]
fn renders_json() {
    let outcome = small().run(&[
        "package",
        "render",
        "small",
        "-p",
        "SECRET=x",
        "-o",
        "json",
        "--instance",
        "mine",
        "-n",
        "there",
    ]);
    insta::assert_snapshot!(outcome);
}

/// Objects as the manager applies them: where they are, and with what it adds.
#[test]
fn renders_what_is_applied() {
    let environment = TestEnvironment::new();
    let operator = "\
name: all
operatorVersion: 0.1.0
kubernetesVersion: 1.17.0
tasks:
- {name: kinds, kind: Apply, spec: {resources: [kinds.yaml]}}
- {name: away, kind: Delete, spec: {resources: [away.yaml]}}
- {name: keys, kind: Pipe, spec: {pod: pod.yaml, pipe: [{file: /tmp/k, kind: Secret, key: keys}]}}
- {name: child, kind: KudoOperator, spec: {package: zookeeper, operatorVersion: 1.2.3}}
plans:
  deploy:
    strategy: serial
    phases:
    - {name: main, strategy: serial, steps: [{name: s, tasks: [kinds, away, keys, child]}]}
";
    let kinds = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: worlds.example.com, namespace: nowhere}
spec: {group: example.com, scope: Cluster, names: {kind: World, plural: worlds}}
---
{apiVersion: example.com/v1, kind: World, metadata: {name: a}}
---
{apiVersion: example.com/v1, kind: Village, metadata: {name: b}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: c, labels: {mine: x}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: c}]}}}
";
    let pod = "\
apiVersion: v1
kind: Pod
spec:
  volumes: [{name: out, emptyDir: {}}]
  initContainers: [{name: a, image: a, volumeMounts: [{name: out, mountPath: /tmp}]}]
";
    environment.package(
        "all",
        &[
            ("operator.yaml", operator),
            ("params.yaml", "parameters: []\n"),
            ("templates/kinds.yaml", kinds),
            (
                "templates/away.yaml",
                "{apiVersion: v1, kind: ConfigMap, metadata: {name: d}}\n",
            ),
            ("templates/pod.yaml", pod),
        ],
    );
    insta::assert_snapshot!(environment.run(&["package", "render", "all", "-n", "there"]));

    let broken = kinds.replace("labels: {mine: x}", "labels: {mine: 3}");
    environment.write("all/templates/kinds.yaml", &broken);
    insta::assert_snapshot!(
        "a_label_that_is_no_text",
        environment.run(&["package", "render", "all"])
    );
    environment
        .run(&["package", "render", "all", "--raw"])
        .expect_code(0);
}

#[test]
fn renders_the_exact_text() {
    let environment = small();
    environment.write(
        "small/templates/config.yaml",
        &CONFIG.replace("data:", "data: # {{ .Namespace }}"),
    );
    let outcome = environment.run(&[
        "package", "render", "small", "-p", "SECRET=x", "-o", "json", "--raw", "-n", "there",
    ]);
    let found = outcome.expect_code(0).json();
    let keys: Vec<&String> = found[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["phase", "plan", "step", "task", "template", "text"]);
    assert!(
        found[0]["text"]
            .as_str()
            .unwrap()
            .contains("data: # there\n")
    );
}

#[test]
fn raw_text_need_not_be_yaml() {
    let environment = small();
    environment.write("small/templates/config.yaml", "{{ .Name }}: [\n");
    let arguments = [
        "package", "render", "small", "-p", "SECRET=x", "--raw", "-o", "json",
    ];
    let found = environment.run(&arguments).expect_code(0).json();
    assert_eq!(found[0]["text"], "small-instance: [\n");
    let outcome = environment.run(&["package", "render", "small", "-p", "SECRET=x"]);
    insta::assert_snapshot!(outcome);
}

#[test]
fn one_plan_and_one_template() {
    let environment = TestEnvironment::new();
    let two = OPERATOR.replace(
        "resources: [config.yaml]",
        "resources: [config.yaml, other.yaml]",
    ) + "  update:\n    strategy: serial\n    phases:\n    - name: again\n      strategy: serial\n      steps:\n      - name: config\n        tasks: [config]\n";
    environment.package("two", SMALL);
    environment.write("two/operator.yaml", &two);
    environment.write(
        "two/templates/other.yaml",
        &CONFIG.replace("-config", "-other"),
    );
    let rendered = |more: &[&str]| -> Vec<String> {
        let mut arguments = vec!["package", "render", "two", "-p", "SECRET=x", "-o", "json"];
        arguments.extend(more);
        let found = environment.run(&arguments).expect_code(0).json();
        let entries = found.as_array().unwrap().iter();
        entries
            .map(|e| {
                format!(
                    "{}/{}",
                    e["plan"].as_str().unwrap(),
                    e["template"].as_str().unwrap()
                )
            })
            .collect()
    };
    assert_eq!(
        rendered(&[]),
        [
            "deploy/config.yaml",
            "deploy/other.yaml",
            "update/config.yaml",
            "update/other.yaml"
        ]
    );
    assert_eq!(
        rendered(&["--plan", "update"]),
        ["update/config.yaml", "update/other.yaml"]
    );
    assert_eq!(
        rendered(&["--template", "other.yaml"]),
        ["deploy/other.yaml", "update/other.yaml"]
    );
    assert_eq!(
        rendered(&["--plan", "deploy", "--template", "templates/other.yaml"]),
        ["deploy/other.yaml"]
    );
    let outcome = environment.run(&[
        "package", "render", "two", "-p", "SECRET=x", "--plan", "updaet",
    ]);
    insta::assert_snapshot!("unknown_plan", outcome);
    let outcome = environment.run(&[
        "package",
        "render",
        "two",
        "-p",
        "SECRET=x",
        "--template",
        "confg.yaml",
    ]);
    insta::assert_snapshot!("unknown_template", outcome);
    environment.write("two/templates/config.yaml", "{{ .Name }}: [\n");
    assert_eq!(
        rendered(&["--template", "other.yaml"]),
        ["deploy/other.yaml", "update/other.yaml"],
        "what is wrong with another one is not in the way"
    );
}

#[test]
fn lists_are_data_where_data_is_asked_for() {
    let environment = small();
    let list = |arguments: &[&str]| {
        let all = [&["package", "list"], arguments, &["./small", "-o", "json"]].concat();
        environment.run(&all).expect_code(0).json()
    };
    let names = json!(["COUNT", "GREETING", "SECRET"]);
    assert_eq!(list(&["parameters", "--names"]), names);
    let all = list(&["parameters"]);
    assert_eq!(all[0]["value-type"], "integer", "{all}");
    let required = list(&["parameters", "--required"]);
    assert_eq!(required[0]["name"], "SECRET", "{required}");
    assert_eq!(required.as_array().unwrap().len(), 1, "{required}");
    assert_eq!(list(&["plans"])["deploy"]["strategy"], "serial");
    assert_eq!(list(&["tasks"])[0]["kind"], "Apply");
}

#[test]
fn lists_parameters_plans_and_tasks() {
    let environment = small();
    let mut all = String::new();
    for arguments in [
        "parameters small",
        "parameters small -d",
        "parameters small -r",
        "parameters small --names",
        "plans small",
        "plans small -t",
        "tasks small",
    ] {
        let mut full = vec!["package", "list"];
        full.extend(arguments.split_whitespace());
        let outcome = environment.run(&full).expect_code(0);
        assert_eq!(outcome.stderr, "");
        let _ = write!(all, "$ package list {arguments}\n{}", outcome.stdout);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn an_archive_is_as_good_as_a_directory() {
    let environment = small();
    let work = environment.work();
    let packed = std::process::Command::new("tar")
        .args(["czf", "small-0.1.0.tgz", "-C", "small", "."])
        .current_dir(&work)
        .status();
    assert!(packed.unwrap().success());
    let arguments = |package| ["package", "render", package, "-p", "SECRET=x"];
    let directory = environment.run(&arguments("small")).expect_code(0);
    let archive = environment
        .run(&arguments("small-0.1.0.tgz"))
        .expect_code(0);
    assert_eq!(directory, archive);
}

#[test]
fn the_least_rights_that_a_package_needs() {
    let environment = TestEnvironment::new();
    let galera = repository().join("operators/galera");
    let galera = galera.to_str().unwrap();
    let outcome = environment
        .run(&["package", "rbac", galera, "-n", "databases"])
        .expect_code(0);
    insta::assert_snapshot!(outcome);
    let of_another = [
        "package",
        "rbac",
        galera,
        "--service-account",
        "mine",
        "-o",
        "json",
    ];
    let found = environment.run(&of_another).expect_code(0).json();
    for binding in found
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object.get("subjects").is_some())
    {
        assert_eq!(binding["subjects"][0]["name"], "mine");
    }
}

#[test]
fn only_the_roles_that_a_package_binds_may_be_bound() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment.write("small/templates/config.yaml", BINDINGS);
    let bound = |flags: &str| {
        let arguments = format!("package rbac small -p SECRET=x -o json {flags}");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let printed = environment.run(&arguments).expect_code(0).json();
        let objects = printed.as_array().unwrap();
        assert!(
            objects.iter().all(|object| object["kind"] != "ClusterRole"),
            "{printed:#}"
        );
        let rules = objects
            .iter()
            .filter_map(|object| object["rules"].as_array());
        let bind = rules.flatten().filter(|rule| {
            let verbs = rule["verbs"].as_array().unwrap();
            verbs.iter().any(|verb| verb == "bind")
        });
        let found: Vec<String> = bind
            .map(|rule| format!("{} {}", rule["resources"], rule["resourceNames"]))
            .collect();
        found.join(", ")
    };
    assert_eq!(
        bound(""),
        r#"["clusterroles"] ["view"], ["roles"] ["small-instance-own"]"#
    );
    assert_eq!(
        bound("--instance a,b"),
        r#"["clusterroles"] ["view"], ["roles"] ["a-own","b-own"]"#
    );
}

#[test]
fn a_package_for_a_newer_kudo_is_told_of_and_installed() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    let said = "kudoVersion is 1.0.0: packages run here as KUDO 0.19.0 runs them, and what is newer may not work";
    for (version, warned) in [("0.20.0", false), ("1.0.0", true)] {
        let operator = format!("{OPERATOR}kudoVersion: {version}\n");
        environment.write("small/operator.yaml", &operator);
        let verified = environment.run(&["package", "verify", "./small"]);
        let verified = verified.expect_code(0);
        let shown = format!("{}{}", verified.stdout, verified.stderr);
        assert_eq!(shown.contains(said), warned, "{verified}");
        let install = ["install", "./small", "--skip-instance", "--simulate"];
        let installed = environment.run(&install).expect_code(0);
        let said = format!("Warning: operator \"small\": {said}\n");
        assert_eq!(installed.stderr.contains(&said), warned, "{installed}");
    }
}
