//! Bad input that needs no server to be refused: one message, a hint, the documented exit code.

use std::collections::BTreeMap;

use kudo_package::archive;

use crate::environment::{Outcome, TestEnvironment};
use crate::packages::{CONFIG, OPERATOR, PARAMS, SMALL};

const INSTALL: &[&str] = &["install", "./small", "-p", "SECRET=x"];

/// Installs the small package with one file written otherwise.
fn install_with(file: &str, text: &str) -> Outcome {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment.write(&format!("small/{file}"), text);
    environment.run(INSTALL)
}

fn small(arguments: &[&str]) -> Outcome {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment.run(arguments)
}

#[test]
fn wrong_yaml() {
    insta::assert_snapshot!(install_with(
        "operator.yaml",
        &OPERATOR.replace("tasks:\n- name", "tasks:\n  - name: [\n- name")
    ));
}

#[test]
fn a_second_document_is_not_passed_over() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment.write("values.yaml", "SECRET: x\n---\nCOUNT: 3\n");
    environment.write(
        "small/operator.yaml",
        &format!("{OPERATOR}---\nname: other\n"),
    );
    environment.write("small/params.yaml", &format!("{PARAMS}---\n# nothing\n"));
    insta::assert_snapshot!(
        "second_document_of_a_package",
        environment.run(&["package", "verify", "small"])
    );
    environment.write("small/operator.yaml", OPERATOR);
    insta::assert_snapshot!(
        "second_document_of_a_values_file",
        environment.run(&["package", "render", "small", "-P", "values.yaml"])
    );
}

#[test]
fn wrong_types() {
    let text = OPERATOR.replace("resources: [config.yaml]", "resources: config.yaml");
    insta::assert_snapshot!(install_with("operator.yaml", &text));
}

#[test]
fn unknown_fields() {
    let text = OPERATOR.replace(
        "strategy: serial\n    phases",
        "stratgey: serial\n    phases",
    );
    insta::assert_snapshot!(install_with("operator.yaml", &text));
}

#[test]
fn several_errors_at_once() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment.write(
        "small/operator.yaml",
        &OPERATOR.replace("kind: Apply", "kind: Aply"),
    );
    environment.write(
        "small/params.yaml",
        &PARAMS.replace("type: integer", "type: int"),
    );
    insta::assert_snapshot!(environment.run(INSTALL));
}

#[test]
fn what_cannot_be_read_hides_nothing() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    let operator = OPERATOR
        .replace("kind: Apply", "kind: Aply")
        .replace("    resources: [config.yaml]", "    resource: [confg.yaml]")
        .replace("tasks: [config]", "tasks: [conifg]");
    environment.write("small/operator.yaml", &operator);
    environment.write(
        "small/params.yaml",
        &PARAMS.replace("default: 3", "default: x"),
    );
    environment.write(
        "small/templates/config.yaml",
        &CONFIG.replace("GREETING", "GRETING"),
    );
    let install = environment.run(INSTALL);
    let verify = environment.run(&["package", "verify", "./small"]);
    insta::assert_snapshot!("what_cannot_be_read_hides_nothing", install);
    insta::assert_snapshot!("what_cannot_be_read_hides_nothing_verify", verify);
}

#[test]
fn a_file_that_is_no_yaml_hides_nothing() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment.write(
        "small/operator.yaml",
        &OPERATOR.replace("[config]", "[config"),
    );
    environment.write(
        "small/params.yaml",
        &PARAMS.replace("default: 3", "default: x"),
    );
    environment.write(
        "small/templates/config.yaml",
        &CONFIG.replace("| quote", "| qoute"),
    );
    insta::assert_snapshot!(environment.run(INSTALL));
}

#[test]
fn duplicate_names() {
    insta::assert_snapshot!(install_with(
        "params.yaml",
        &format!("{PARAMS}- name: COUNT\n")
    ));
}

#[test]
fn a_task_whose_template_is_missing() {
    let text = OPERATOR.replace("[config.yaml]", "[confg.yaml]");
    insta::assert_snapshot!(install_with("operator.yaml", &text));
}

#[test]
fn a_file_of_the_package_is_missing() {
    let environment = TestEnvironment::new();
    environment.package("small", &SMALL[..1]);
    insta::assert_snapshot!(environment.run(INSTALL));
}

#[test]
fn no_package_there() {
    insta::assert_snapshot!("no_directory", small(&["install", "./smal"]));
    insta::assert_snapshot!("no_archive", small(&["install", "small.tgz"]));
}

#[test]
fn not_an_archive() {
    let environment = TestEnvironment::new();
    environment.write("small.tgz", "this is no archive");
    insta::assert_snapshot!(environment.run(&["install", "small.tgz"]));
}

#[test]
fn an_archive_that_is_not_whole() {
    let environment = TestEnvironment::new();
    let mut archive = Vec::new();
    let files = BTreeMap::from([("operator.yaml".to_owned(), OPERATOR.as_bytes().to_vec())]);
    archive::write(&files, &mut archive).unwrap();
    let path = environment.write("small.tgz", "");
    std::fs::write(&path, &archive[..archive.len() / 2]).unwrap();
    insta::assert_snapshot!("cut_short", environment.run(&["install", "small.tgz"]));
    std::fs::write(&path, [&archive, b"more".as_slice()].concat()).unwrap();
    insta::assert_snapshot!("garbage", environment.run(&["install", "small.tgz"]));
}

#[test]
fn a_child_is_given_what_it_does_not_take() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    let task =
        "- name: kid\n  kind: KudoOperator\n  spec: {package: ../small, parameterFile: kid.yaml}\n";
    let operator = OPERATOR
        .replace("name: small", "name: parent")
        .replace("tasks:\n- name", &format!("tasks:\n{task}- name"))
        .replace("tasks: [config]", "tasks: [config, kid]");
    environment.package("parent", SMALL);
    environment.write("parent/operator.yaml", &operator);
    environment.write(
        "parent/templates/kid.yaml",
        "SECRET: x\nCUONT: 3\nCOUNT: {{ .Params.GREETING }}\n",
    );
    insta::assert_snapshot!(environment.run(&["package", "verify", "parent"]));
}

/// A directory and an archive that hold the same are told the same about.
#[test]
fn no_operator_file_is_there() {
    let some = BTreeMap::from([("params.yaml".to_owned(), PARAMS.as_bytes().to_vec())]);
    for files in [BTreeMap::new(), some] {
        let environment = TestEnvironment::new();
        let mut archive = Vec::new();
        archive::write(&files, &mut archive).unwrap();
        let path = environment.write("small.tgz", "");
        std::fs::write(&path, archive).unwrap();
        std::fs::create_dir(environment.work().join("small")).unwrap();
        for (name, content) in &files {
            std::fs::write(environment.work().join("small").join(name), content).unwrap();
        }
        for command in [
            ["package", "verify"],
            ["package", "render"],
            ["package", "rbac"],
        ] {
            let [group, command] = command;
            let archive = environment.run(&[group, command, "./small.tgz"]);
            let directory = environment.run(&[group, command, "./small"]);
            let archive = archive.to_string().replace("small.tgz", "small");
            assert_eq!(archive, directory.to_string(), "{command}");
            assert!(archive.starts_with("exit code: 1\n"), "{archive}");
            let missing = "operator.yaml: error: the file is missing";
            assert!(archive.contains(missing), "{archive}");
        }
    }
}

#[test]
fn unknown_parameters() {
    insta::assert_snapshot!(
        "near",
        small(&["install", "./small", "-p", "SECRET=x", "-p", "CUONT=3"])
    );
    insta::assert_snapshot!(
        "far",
        small(&["install", "./small", "-p", "SECRET=x", "-p", "ZZZZZZ=3"])
    );
    insta::assert_snapshot!(
        "several",
        small(&[
            "install",
            "./small",
            "-p",
            "CUONT=3",
            "-p",
            "GREETINGS=x",
            "-p",
            "COUNT=many"
        ])
    );
}

#[test]
fn parameters_of_the_wrong_type() {
    insta::assert_snapshot!(small(&[
        "install",
        "./small",
        "-p",
        "SECRET=x",
        "-p",
        "COUNT=many"
    ]));
}

#[test]
fn a_required_parameter_is_missing() {
    insta::assert_snapshot!(small(&["install", "./small"]));
}

#[test]
fn parameters_that_are_none() {
    insta::assert_snapshot!("no_value", small(&["install", "./small", "-p", "SECRET"]));
    insta::assert_snapshot!(
        "empty_value",
        small(&["install", "./small", "-p", "SECRET="])
    );
}

#[test]
fn parameter_files() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment.write("broken.yaml", "SECRET: [\n");
    environment.write("list.yaml", "- SECRET\n");
    environment.write("null.yaml", "SECRET:\n");
    let run = |file| environment.run(&["install", "./small", "-P", file]);
    insta::assert_snapshot!("missing_file", run("missing.yaml"));
    insta::assert_snapshot!("broken_file", run("broken.yaml"));
    insta::assert_snapshot!("file_with_a_list", run("list.yaml"));
    insta::assert_snapshot!("file_with_null", run("null.yaml"));
    insta::assert_snapshot!("folder_as_file", run("small"));
    std::fs::write(environment.work().join("latin1.yaml"), b"SECRET: \xe4\n").unwrap();
    insta::assert_snapshot!("file_in_another_encoding", run("latin1.yaml"));
}

#[test]
fn an_empty_text_must_be_allowed_like_any_other() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment.write("empty.yaml", "SECRET: x\nMODE: ''\n");
    let install = ["install", "./small", "--simulate", "-P", "empty.yaml"];
    for (allowed, code) in [("fast, safe", 2), ("fast, safe, ''", 0)] {
        let mode = format!("- name: MODE\n  required: false\n  enum: [{allowed}]\n");
        environment.write("small/params.yaml", &format!("{PARAMS}{mode}"));
        let outcome = environment.run(&install).expect_code(code);
        let said =
            "Error: parameter \"MODE\": \"\" is not allowed, must be one of \"fast\", \"safe\"\n";
        assert_eq!(outcome.stderr.contains(said), code == 2, "{outcome}");
    }
}

#[test]
fn names_that_kubernetes_does_not_take() {
    let long = "a".repeat(64);
    for arguments in [
        vec!["install", "./small", "--instance", "Bad_Name"],
        vec!["package", "render", "./small", "--instance", "Bad_Name"],
        vec!["package", "render", "./small", "--instance", &long],
        vec!["package", "rbac", "./small", "--instance", "a,Bad_Name"],
        vec!["package", "render", "./small", "-n", "Bad_Name"],
        vec!["get", "instances", "-n", "a.b"],
        vec!["init", "--dry-run", "--namespaces", "a,Bad_Name"],
    ] {
        let parameters = ["-p", "SECRET=x"];
        let parameters = &parameters[..if arguments.contains(&"./small") { 2 } else { 0 }];
        let outcome = small(&[&arguments, parameters].concat()).expect_code(2);
        assert!(
            outcome.stderr.contains("name has up to 63 lower case"),
            "{outcome}"
        );
    }
}

#[test]
fn files_that_are_not_there() {
    let simulated = small(&[
        "install",
        "./small",
        "-p",
        "SECRET=x",
        "--simulate",
        "--simulate-from",
        "nothing.yaml",
    ]);
    insta::assert_snapshot!("simulate_from_nothing", simulated);
    insta::assert_snapshot!(
        "create_in_no_folder",
        small(&["package", "create", "./small", "-d", "nowhere"])
    );
}

#[test]
fn a_value_that_breaks_the_yaml() {
    let outcome = small(&[
        "package",
        "render",
        "./small",
        "-p",
        "SECRET=x",
        "-p",
        "GREETING=a: b: c",
    ]);
    insta::assert_snapshot!(outcome);
}

#[test]
fn a_template_that_cannot_be_rendered() {
    let text = CONFIG.replace(".Params.COUNT", ".Params.CUONT");
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    environment.write("small/templates/config.yaml", &text);
    insta::assert_snapshot!(environment.run(&["package", "render", "small", "-p", "SECRET=x"]));
}

#[test]
fn wrong_usage() {
    insta::assert_snapshot!("unknown_flag", small(&["install", "./small", "--wiat"]));
    insta::assert_snapshot!("no_package", small(&["install"]));
    insta::assert_snapshot!("no_instance", small(&["update", "-p", "A=1"]));
    insta::assert_snapshot!("nothing_to_update", small(&["update", "--instance", "a"]));
    insta::assert_snapshot!(
        "in_cluster",
        small(&["install", "small", "--in-cluster", "--skip-instance"])
    );
    insta::assert_snapshot!(
        "wait_time",
        small(&["install", "./small", "--wait-time", "soon"])
    );
}
