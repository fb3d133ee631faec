//! Suites on disk, well and badly written.

use std::collections::BTreeMap;
use std::path::Path;

use kudo_kuttl::{Case, LoadOptions, SuiteError, load_cases, load_suite};
use serde_json::json;

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn load(files: &[(&str, &str)], options: &LoadOptions) -> Result<Vec<Case>, SuiteError> {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), files);
    let (cases, _) = load_cases(root.path(), options, |_| true)?;
    let broken = cases.iter().find_map(|case| case.broken.clone());
    broken.map_or(Ok(cases), Err)
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

fn step(text: &str) -> String {
    format!("apiVersion: kuttl.dev/v1beta1\nkind: TestStep\n{text}")
}

#[test]
fn files_and_folders_become_steps() {
    let cases = load(
        &[
            ("one/00-b.yaml", MAP),
            ("one/00-a.yaml", &format!("{MAP}---\n# nothing\n---\n{MAP}")),
            ("one/00-assert.yaml", MAP),
            ("one/00-errors.yaml", MAP),
            ("one/02-later/pod.yaml", MAP),
            ("one/02-later/assert.yaml", MAP),
            ("one/01-assert.yaml", MAP),
            ("one/README.md", "x"),
            ("one/data/x.yaml", "x"),
            ("file.yaml", "x"),
        ],
        &LoadOptions::default(),
    )
    .unwrap();
    let case = &cases[0];
    assert_eq!((cases.len(), case.name.as_str()), (1, "one"));
    let steps: Vec<_> = case
        .steps
        .iter()
        .map(|step| {
            (
                step.title(),
                step.apply.len(),
                step.asserts.len(),
                step.errors.len(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            ("0-a".to_owned(), 3, 1, 1),
            ("1-".to_owned(), 0, 1, 0),
            ("2-later".to_owned(), 1, 1, 0)
        ]
    );
    assert_eq!(case.ignored, ["data"]);
    assert!(
        case.namespace.starts_with("kudo-test-one-"),
        "{}",
        case.namespace
    );
}

#[test]
fn a_step_names_files_and_a_file_the_runs_it_is_for() {
    let options = LoadOptions {
        run_labels: BTreeMap::from([("flavour".to_owned(), "vanilla".to_owned())]),
        template_vars: BTreeMap::from([("n".to_owned(), json!(3))]),
        namespace: Some("mine".to_owned()),
        ..LoadOptions::default()
    };
    let only = |flavour: &str| {
        format!(
            "apiVersion: kuttl.dev/v1beta1\nkind: TestFile\ntestRunSelector: {{matchLabels: {{flavour: {flavour}}}}}\n---\n{MAP}"
        )
    };
    let first = step("metadata: {name: named}\napply: [more]\nassert: [more/a.yaml]\n");
    let cases = load(
        &[
            ("t/00-step.yaml", &first),
            ("t/more/a.yaml", MAP),
            ("t/more/b.yaml", MAP),
            ("t/00-x.yaml", &only("vanilla")),
            ("t/00-y.yaml", &only("lemon")),
            (
                "t/01-x.gotmpl.yaml",
                "apiVersion: v1\nkind: A\nnamespace: {{ .Namespace }}\ncount: {{ add .Vars.n 1 }}\n",
            ),
        ],
        &options,
    )
    .unwrap();
    let steps = &cases[0].steps;
    assert_eq!(steps[0].title(), "0-named");
    assert_eq!((steps[0].apply.len(), steps[0].asserts.len()), (3, 1));
    assert_eq!(steps[1].apply[0].value["namespace"], "mine");
    assert_eq!(steps[1].apply[0].value["count"], 4);
}

#[test]
fn a_test_that_cannot_be_read_is_no_other_tests_fault() {
    let root = tempfile::tempdir().unwrap();
    let gone = step("apply: [gone.yaml]\n");
    write(
        root.path(),
        &[("bad/00-a.yaml", &gone), ("good/00-a.yaml", MAP)],
    );
    let (cases, _) = load_cases(root.path(), &LoadOptions::default(), |_| true).unwrap();
    let broken = cases[0].broken.as_ref().unwrap();
    let hint = "paths of a step count from its test's folder on";
    assert_eq!(broken.hint(), Some(hint));
    assert!(cases[0].steps.is_empty());
    assert_eq!((cases[1].broken.as_ref(), cases[1].steps.len()), (None, 1));
}

#[test]
fn bad_tests_give_one_error_with_its_place() {
    let assert = "apiVersion: kuttl.dev/v1beta1\nkind: TestAssert\n";
    let cases: Vec<(&str, String, &str)> = vec![
        (
            "00-a.yaml",
            "a: [".into(),
            "00-a.yaml:1:5: expected a value or ']'",
        ),
        (
            "00-a.yaml",
            format!("{MAP}---\nkind: X\n"),
            "00-a.yaml:5:1: the document has no apiVersion",
        ),
        (
            "00-a.yaml",
            step("comands: []\n"),
            "00-a.yaml:3:1: unknown field \"comands\"",
        ),
        (
            "00-a.yaml",
            step("commands: [{comand: x}]\n"),
            "00-a.yaml:3:13: commands[0]: unknown field \"comand\"",
        ),
        (
            "00-a.yaml",
            step("commands: [{}]\n"),
            "commands[0].command: neither it nor script is there",
        ),
        (
            "00-a.yaml",
            step("commands: [{command: a, script: b}]\n"),
            "commands[0].script: command is there as well",
        ),
        (
            "00-a.yaml",
            step("commands: [{script: b, namespaced: true}]\n"),
            "a script cannot be namespaced",
        ),
        (
            "00-a.yaml",
            step("commands: [{command: \"'a\"}]\n"),
            "commands[0].command: a quote (') is not closed",
        ),
        (
            "00-a.yaml",
            step("delete: [{kind: Pod}]\n"),
            "delete[0].apiVersion: is missing",
        ),
        (
            "00-a.yaml",
            step("apply: [gone.yaml]\n"),
            "cannot read what the step names",
        ),
        (
            "00-a.yaml",
            format!("{}---\n{}", step(""), step("")),
            "a second TestStep of the step",
        ),
        (
            "00-a.yaml",
            "apiVersion: kudo.dev/v1beta1\nkind: TestStep\n".into(),
            "TestStep with apiVersion \"kudo.dev/v1beta1\"",
        ),
        (
            "00-a.yaml",
            "apiVersion: kuttl.dev/v1beta1\nkind: TestStp\n".into(),
            "unknown kind \"TestStp\"",
        ),
        ("00-a.yaml", assert.into(), "a TestAssert cannot stand here"),
        (
            "00-assert.yaml",
            format!("{assert}timeout: soon\n"),
            "timeout: expected a whole number, found \"soon\"",
        ),
        (
            "00-assert.yaml",
            format!("{assert}timeout: -1\n"),
            "timeout: expected a number from 0",
        ),
        (
            "00-assert.yaml",
            format!("{assert}collectors: [{{type: pod}}]\n"),
            "neither it nor selector is there",
        ),
        (
            "00-assert.yaml",
            format!("{assert}assertAll: [{{celExpr: x}}]\n"),
            "CEL expressions are not supported",
        ),
        (
            "00-a.gotmpl.yaml",
            "{{ .Nothing }}".into(),
            "00-a.gotmpl.yaml: ",
        ),
    ];
    for (name, text, expected) in cases {
        fails(name, &text, expected);
    }
}

#[test]
fn a_file_named_almost_as_one_to_assert_is_no_file_to_apply() {
    let full = "00-asert.yaml:1:1: objects to apply, in a file named almost as one to assert";
    for (name, expected) in [
        ("00-asert.yaml", full),
        ("00-asserts.yaml", "named almost as"),
        ("00-error.yaml", "named almost as"),
        ("00-Erorrs-b.yaml", "named almost as"),
    ] {
        fails(name, MAP, expected);
    }
}

/// A test of this one file cannot be loaded.
fn fails(name: &str, text: &str, expected: &str) {
    let error = load(&[(&format!("t/{name}"), text)], &LoadOptions::default());
    let error = error.expect_err(text).to_string();
    assert!(error.contains(expected), "{error}\nshould say: {expected}");
}

#[test]
fn configurations() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("kuttl-test.yaml");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        load_suite(&path)
    };
    let head = "apiVersion: kuttl.dev/v1beta1\nkind: TestSuite\n";
    let suite = read(&format!(
        "{head}testDirs: [a, b]\nstartKIND: true\nkindContainers: [x]\ntimeout: 5\nreportFormat: XML\n\
         commands:\n- command: ./manager\n  background: true\n"
    ))
    .unwrap();
    assert_eq!(suite.test_dirs, ["a", "b"]);
    assert!(suite.start_kind && suite.commands[0].background);
    assert_eq!((suite.timeout, suite.report_format.as_str()), (5, "xml"));
    for (text, expected) in [
        (String::new(), "there is no TestSuite in it"),
        (MAP.to_owned(), "expected a TestSuite"),
        (format!("{head}---\n{head}"), "a second TestSuite"),
        (format!("{head}testDir: [a]\n"), "unknown field \"testDir\""),
        (
            format!("{head}testDirs: a\n"),
            "testDirs: expected a list, found \"a\"",
        ),
        (
            format!("{head}reportFormat: html\n"),
            "\"html\" is not one of xml, json",
        ),
        (format!("{head}ignoreFiles: ['[']\n"), "\"[\" is no pattern"),
    ] {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\nshould say: {expected}");
    }
    let missing = load_suite(&root.path().join("none.yaml")).unwrap_err();
    assert!(
        missing.to_string().contains("it does not exist"),
        "{missing}"
    );
}
