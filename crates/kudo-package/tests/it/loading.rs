//! Loading packages: what is read, and what is said about what is wrong.

use std::fs;
use std::path::Path;

use kudo_package::{
    ArchiveLimits, Package, PackageErrors, Severity, Strategy, TaskSpec, ValueType,
};

use crate::sample::{OPERATOR, PARAMS, files, load};

/// Every line that loading reports.
fn report(operator: &str, params: &str) -> String {
    match load(operator, params) {
        Ok(package) => {
            let lines: Vec<String> = package.findings.iter().map(ToString::to_string).collect();
            lines.join("\n")
        }
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn reads_every_field() {
    let operator = "\
apiVersion: kudo.dev/v1beta1
name: galera
description: A database
operatorVersion: 0.1.0
appVersion: 10.5.3
kudoVersion: 0.19.0
kubernetesVersion: 1.16.0
url: https://example.org
namespaceManifest: ns.yaml
maintainers:
- name: A
  email: a@example.org
- name: B
tasks:
- {name: a, kind: Apply, spec: {resources: [app.yaml]}}
- {name: t, kind: Toggle, spec: {resources: [app.yaml], parameter: ON}}
- {name: k, kind: KudoOperator, spec: {package: zookeeper, instanceName: zk}}
- {name: d, kind: Dummy, spec: {wantErr: true, done: false}}
- {name: e, kind: Dummy}
plans:
  deploy:
    strategy: serial
    phases:
    - name: main
      strategy: parallel
      steps:
      - name: one
        tasks: [a, t]
      - name: two
        tasks:
  empty:
  other: {phases: null}
";
    let params = "\
apiVersion: kudo.dev/v1beta1
groups:
- {name: g, displayName: G, description: Group., prio: 10}
parameters:
- name: ON
  displayName: On
  description: Whether.
  type: boolean
  default: False
  trigger: deploy
  group: g
  hint: Try it.
- {name: COUNT, type: integer, default: 3, required: false, immutable: true, advanced: true}
- {name: COLOUR, enum: [red, 5], default: red}
- {name: PORTS, type: array, default: [80, 443]}
- {name: LABELS, type: map, default: {b: 2, a: \"1\"}}
- {name: TEXT, type: map, default: \"{a: 1}\"}
- {name: RATIO, type: number, default: 0.5}
- {name: BIG, default: 1000000}
- {name: NOTHING, default: ~}
";
    let package = load(operator, params).unwrap();
    let definition = &package.definition;
    assert_eq!(definition.operator_name, "galera");
    assert_eq!(definition.operator_version, "0.1.0");
    assert_eq!(definition.app_version.as_deref(), Some("10.5.3"));
    assert_eq!(definition.templates["app.yaml"], "kind: ConfigMap\n");
    assert_eq!(package.manifest.maintainers[1].name.as_deref(), Some("B"));
    assert_eq!(
        package.manifest.namespace_manifest.as_deref(),
        Some("ns.yaml")
    );
    assert_eq!(package.archive_name(), "galera-10.5.3_0.1.0.tgz");

    let kinds: Vec<&str> = definition
        .tasks
        .iter()
        .map(|task| task.spec.kind())
        .collect();
    assert_eq!(kinds, ["Apply", "Toggle", "KudoOperator", "Dummy", "Dummy"]);
    let want_err = TaskSpec::Dummy {
        want_err: true,
        fatal: false,
        done: false,
    };
    assert_eq!(definition.tasks[3].spec, want_err);
    let deploy = &definition.plans["deploy"];
    assert_eq!(deploy.strategy, Some(Strategy::Serial));
    assert_eq!(deploy.phases[0].strategy, Some(Strategy::Parallel));
    assert_eq!(deploy.task_names().collect::<Vec<_>>(), ["a", "t"]);
    assert_eq!(deploy.phases[0].steps[1].tasks, Vec::<String>::new());
    assert!(definition.plans["empty"].phases.is_empty());
    assert_eq!(definition.plans["other"].strategy, None);

    assert_eq!(package.groups[0].priority, Some(10));
    let defaults: Vec<Option<&str>> = definition
        .parameters
        .iter()
        .map(|parameter| parameter.default.as_deref())
        .collect();
    let expected = [
        Some("false"),
        Some("3"),
        Some("red"),
        Some("- 80\n- 443\n"),
        Some("a: \"1\"\nb: 2\n"),
        Some("{a: 1}"),
        Some("0.5"),
        Some("1000000"),
        None,
    ];
    assert_eq!(defaults, expected);
    let on = &definition.parameters[0];
    assert!(on.required && !on.immutable && !on.advanced);
    assert_eq!(on.value_type, ValueType::Boolean);
    assert_eq!(on.trigger.as_deref(), Some("deploy"));
    let count = &definition.parameters[1];
    assert!(!count.required && count.immutable && count.advanced);
    let colour = &definition.parameters[2];
    assert_eq!(colour.value_type, ValueType::String);
    assert_eq!(
        colour.enum_values,
        Some(vec!["red".to_owned(), "5".to_owned()])
    );
}

#[test]
fn an_empty_params_file_has_no_parameters() {
    for params in [
        "",
        "# nothing\n",
        "parameters:\n",
        "apiVersion: kudo.dev/v1beta1\n",
        "{}",
    ] {
        assert!(
            load(OPERATOR, params)
                .unwrap()
                .definition
                .parameters
                .is_empty(),
            "{params:?}"
        );
    }
}

/// Operator texts with what is said about them.
#[test]
fn reports_what_is_wrong_with_operators() {
    let cases = [
        (
            "a: [",
            "operator.yaml:1:5: error: expected a value or ']'\n  hint: the '[' in line 1, column 4 is still open",
        ),
        (
            "",
            "operator.yaml:1:1: error: expected a mapping, found nothing",
        ),
        (
            "- a",
            "operator.yaml:1:1: error: expected a mapping, found a list",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\n---\nnmae: y",
            "operator.yaml:3:1: error: a second document begins here; only one is read",
        ),
        (
            "nmae: x\noperatorVersion: 1.0.0\n---\na: [",
            "operator.yaml:3:1: error: a second document begins here; only one is read\noperator.yaml:1:1: error: unknown field \"nmae\"\n  hint: did you mean \"name\"?",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\nnmae: y",
            "operator.yaml:3:1: error: unknown field \"nmae\"\n  hint: did you mean \"name\"?",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\nzzzzzzzzz: y",
            "operator.yaml:3:1: error: unknown field \"zzzzzzzzz\"\n  hint: \"kubernetesVersion\" is missing; the fields here are apiVersion, name, ",
        ),
        (
            "name: x",
            "operator.yaml:1:1: error: \"operatorVersion\" is missing",
        ),
        (
            "name: [x]\noperatorVersion: 1.0.0",
            "operator.yaml:1:7: error: name: expected a string, found a list",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\napiVersion: kudo.dev/v1alpha1",
            "operator.yaml:3:13: error: apiVersion: expected \"kudo.dev/v1beta1\", found \"kudo.dev/v1alpha1\"",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\ntasks: {}",
            "operator.yaml:3:8: error: tasks: expected a list, found a mapping",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\nplans: [x]",
            "operator.yaml:3:8: error: plans: expected a mapping, found a list",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\ntasks:\n- name: a\n  kind: Aply\n  spec: {}",
            "operator.yaml:5:9: error: tasks[0].kind: unknown task kind \"Aply\", must be one of Apply, Delete, Toggle, Pipe, KudoOperator, Dummy\n  hint: did you mean \"Apply\"?",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\ntasks:\n- name: a\n  kind: Apply\n  spec:\n    resources: [a.yaml]\n    parameter: P",
            "operator.yaml:8:16: error: tasks[0].spec.parameter: a task of kind Apply has no field \"parameter\"\n  hint: \"parameter\" belongs to tasks of kind Toggle",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\ntasks:\n- name: a\n  kind: Apply\n  spec:\n    resorces: [a.yaml]",
            "operator.yaml:7:5: error: tasks[0].spec: unknown field \"resorces\"\n  hint: did you mean \"resources\"?",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\ntasks:\n- name: a\n  kind: Apply",
            "operator.yaml:4:3: error: tasks[0].spec: a task of kind Apply needs \"resources\"\n  hint: an Apply task that is to do nothing is a Dummy task",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\ntasks:\n- kind: Dummy",
            "operator.yaml:4:3: error: tasks[0]: \"name\" is missing",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\ntasks:\n- name: p\n  kind: Pipe\n  spec:\n    pod: p.yaml\n    pipe:\n    - {file: /a, kind: secret, key: k}",
            "operator.yaml:9:24: error: tasks[0].spec.pipe[0].kind: a pipe's kind is Secret or ConfigMap, not \"secret\"",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\ntasks:\n- name: d\n  kind: Dummy\n  spec: {done: \"true\"}",
            "operator.yaml:6:16: error: tasks[0].spec.done: expected true or false, found the string \"true\"\n  hint: leave the quotes out",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\nplans:\n  deploy:\n    strategy: seriell",
            "operator.yaml:5:15: error: plans.deploy.strategy: \"seriell\" is not one of serial, parallel\n  hint: did you mean \"serial\"?",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\nplans:\n  deploy:\n    phases:\n    - strategy: serial",
            "operator.yaml:6:7: error: plans.deploy.phases[0]: \"name\" is missing",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\nplans:\n  deploy:\n    phases:\n    - name: p\n      steps:\n      - name: s\n        task: [a]",
            "operator.yaml:9:9: error: plans.deploy.phases[0].steps[0]: unknown field \"task\"\n  hint: did you mean \"tasks\"?",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\nplans:\n  deploy:\n    phases:\n    - name: p\n      steps:\n      - name: s\n        tasks: a",
            "operator.yaml:9:16: error: plans.deploy.phases[0].steps[0].tasks: expected a list, found the string \"a\"",
        ),
        (
            "name: x\noperatorVersion: 1.0.0\nmaintainers:\n- name: A\n  mail: a@b",
            "operator.yaml:5:3: error: maintainers[0]: unknown field \"mail\"\n  hint: did you mean \"email\"?",
        ),
    ];
    for (operator, expected) in cases {
        let actual = report(operator, PARAMS);
        assert!(
            actual.starts_with(expected),
            "{operator}\n--- got\n{actual}\n--- expected\n{expected}"
        );
    }
}

#[test]
fn reports_what_is_wrong_with_parameters() {
    let cases = [
        (
            "parameters: {}",
            "params.yaml:1:13: error: parameters: expected a list, found a mapping",
        ),
        (
            "parameters: []\n---\nparameters: []",
            "params.yaml:2:1: error: a second document begins here; only one is read",
        ),
        (
            "parameters:\n- default: 1",
            "params.yaml:2:3: error: parameters[0]: \"name\" is missing",
        ),
        (
            "parameters:\n- name: A\n  typ: string",
            "params.yaml:3:3: error: parameters[0]: unknown field \"typ\"\n  hint: did you mean \"type\"?",
        ),
        (
            "parameters:\n- name: A\n  type: int",
            "params.yaml:3:9: error: parameters[0].type: \"int\" is not one of string, integer, number, boolean, array, map",
        ),
        (
            "parameters:\n- name: A\n  type: integr",
            "params.yaml:3:9: error: parameters[0].type: \"integr\" is not one of string, integer, number, boolean, array, map\n  hint: did you mean \"integer\"?",
        ),
        (
            "parameters:\n- name: A\n  required: maybe",
            "params.yaml:3:13: error: parameters[0].required: expected true or false, found the string \"maybe\"",
        ),
        (
            "parameters:\n- name: A\n  enum: red",
            "params.yaml:3:9: error: parameters[0].enum: expected a list, found the string \"red\"",
        ),
        (
            "parameters:\n- name: A\n  enum: [~]",
            "params.yaml:3:10: error: parameters[0].enum[0]: expected a value, found nothing",
        ),
        (
            "groups:\n- name: g\n  prio: high",
            "params.yaml:3:9: error: groups[0].prio: expected an integer, found the string \"high\"",
        ),
        (
            "apiVersion: v1",
            "params.yaml:1:13: error: apiVersion: expected \"kudo.dev/v1beta1\", found \"v1\"",
        ),
        (
            "params: []",
            "params.yaml:1:1: error: unknown field \"params\"",
        ),
        (
            "parameters:\n- A",
            "params.yaml:2:3: error: parameters[0]: expected a mapping, found the string \"A\"",
        ),
    ];
    for (params, expected) in cases {
        let actual = report(OPERATOR, params);
        assert!(
            actual.starts_with(expected),
            "{params}\n--- got\n{actual}\n--- expected\n{expected}"
        );
    }
}

#[test]
fn reports_everything_at_once() {
    let operator = "nme: x\ntasks:\n- {name: a, kind: Aply}\n- {name: b, kind: Toggle}\n";
    let params = "parameters:\n- {nam: A}\n- {name: B, type: txt}\n";
    let errors = load(operator, params).unwrap_err();
    assert_eq!(errors.diagnostics().len(), 8, "{errors}");
    assert!(
        errors
            .diagnostics()
            .iter()
            .all(|finding| finding.severity == Severity::Error)
    );
}

#[test]
fn warns_about_what_is_read_otherwise_than_written() {
    let operator = OPERATOR.replace("1.15.0", "1.20").replace("0.1.0", "010");
    assert_eq!(
        report(&operator, PARAMS),
        "operator.yaml:3:18: warning: operatorVersion: 010 is read as \"8\"\n  \
         hint: put it in quotes to have it as it is written\n\
         operator.yaml:4:20: warning: kubernetesVersion: 1.20 is read as \"1.2\"\n  \
         hint: put it in quotes to have it as it is written"
    );
    let params = "parameters:\n- {name: A, default: 0755}\n- {name: B, default: 5}\n- {name: C, default: False}\n- {name: D, type: boolean, default: no}\n";
    let package = load(OPERATOR, params).unwrap();
    assert_eq!(
        package.definition.parameters[0].default.as_deref(),
        Some("493")
    );
    assert_eq!(package.findings.len(), 1);
    assert!(
        package.findings[0]
            .message
            .contains("0755 is read as \"493\"")
    );
}

/// Packages of KUDO 0.19 have such mistakes, which changed nothing that ran.
#[test]
fn warns_about_texts_for_people_under_a_misspelled_name() {
    let params =
        "parameters:\n- name: A\n  desription: a port\n  displayname: Port\n  default: 5\n";
    assert_eq!(
        report(OPERATOR, params),
        "params.yaml:3:3: warning: parameters[0]: unknown field \"desription\"\n  \
         hint: did you mean \"description\"?\n\
         params.yaml:4:3: warning: parameters[0]: unknown field \"displayname\"\n  \
         hint: did you mean \"displayName\"?"
    );
    let package = load(OPERATOR, params).unwrap();
    let parameter = &package.definition.parameters[0];
    assert_eq!(parameter.description.as_deref(), Some("a port"));
    assert_eq!(parameter.display_name.as_deref(), Some("Port"));
    // What is no text cannot be one of them.
    assert!(load(OPERATOR, &params.replace("a port", "[a, port]")).is_err());
}

#[test]
fn warns_about_keys_given_twice() {
    let operator = format!("{OPERATOR}name: other\n");
    assert_eq!(
        report(&operator, PARAMS),
        "operator.yaml:20:1: warning: \"name\" is given twice; the first, in line 2, is ignored"
    );
}

#[test]
fn both_files_are_mandatory() {
    let none = Package::from_files(files(&[("README.md", "x")]))
        .unwrap_err()
        .to_string();
    assert!(
        none.starts_with("operator.yaml: error: the file is missing\n  hint: "),
        "{none}"
    );
    assert!(
        none.contains("params.yaml: error: the file is missing"),
        "{none}"
    );
    let one = Package::from_files(files(&[("operator.yaml", OPERATOR)])).unwrap_err();
    assert_eq!(one.diagnostics().len(), 1);
}

#[test]
fn templates_are_found_by_their_names() {
    let package = Package::from_files(files(&[
        ("operator.yaml", OPERATOR),
        ("params.yaml", PARAMS),
        ("templates/app.yaml", "a"),
        ("templates/deep/er/x.yaml", "b"),
        ("templates/y.yaml.hbs", "c"),
        ("templates/z.hbs", "d"),
        ("templates/script.sh", "e"),
        ("templates/old.yaml.bak", "f"),
        ("templates/wrong.yml", "g"),
        ("templates/.yaml", "h"),
        ("other/templates/n.yaml", "i"),
        ("templates-old/n.yaml", "j"),
        ("child/operator.yaml", "not: [looked at"),
    ]))
    .unwrap();
    let names: Vec<&str> = package
        .definition
        .templates
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        names,
        [".yaml", "app.yaml", "deep/er/x.yaml", "y.yaml.hbs", "z.hbs"]
    );
    assert_eq!(package.findings.len(), 1);
    assert_eq!(
        package.findings[0].to_string(),
        "templates/wrong.yml:1:1: warning: this file is ignored: templates end in .yaml or .hbs"
    );
}

#[test]
fn a_package_may_lie_in_an_operator_folder() {
    let package = Package::from_files(files(&[
        ("operator/operator.yaml", OPERATOR),
        ("operator/params.yaml", PARAMS),
        ("operator/templates/app.yaml", "a"),
        ("templates/other.yaml", "b"),
    ]))
    .unwrap();
    assert_eq!(
        package.definition.templates.keys().collect::<Vec<_>>(),
        ["app.yaml"]
    );
}

#[test]
fn files_that_are_not_text_are_refused() {
    let mut all = files(&[("operator.yaml", OPERATOR), ("params.yaml", PARAMS)]);
    all.insert("templates/a.yaml".to_owned(), vec![0xFF, 0xFE]);
    all.insert("templates/a.bin".to_owned(), vec![0xFF, 0xFE]);
    let errors = Package::from_files(all.clone()).unwrap_err().to_string();
    assert_eq!(
        errors,
        "templates/a.yaml:1:1: error: the file is not UTF-8 text"
    );
    all.insert("params.yaml".to_owned(), vec![0xC3, 0x28]);
    assert!(
        Package::from_files(all)
            .unwrap_err()
            .to_string()
            .contains("params.yaml:1:1: error: the file is not")
    );
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn nothing_at_the_path_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere");
    assert!(matches!(
        Package::load(&missing),
        Err(PackageErrors::NotFound { .. })
    ));
    assert!(matches!(
        Package::load(folder.path()),
        Err(PackageErrors::Invalid(_))
    ));
    write(folder.path(), "x.tgz", "not an archive");
    assert!(matches!(
        Package::load(&folder.path().join("x.tgz")),
        Err(PackageErrors::Archive(_))
    ));
}

#[test]
fn reads_only_what_belongs_to_the_package() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "operator.yaml", OPERATOR);
    write(folder.path(), "params.yaml", PARAMS);
    write(folder.path(), "templates/app.yaml", "kind: ConfigMap\n");
    write(folder.path(), "templates/sub/x.yaml", "kind: ConfigMap\n");
    write(folder.path(), "README.md", "x");
    let package = Package::load(folder.path()).unwrap();
    assert_eq!(package.definition.templates.len(), 2);

    let mut archive = Vec::new();
    Package::pack(folder.path(), &mut archive).unwrap();
    let files = kudo_package::archive::read(archive.as_slice(), &ArchiveLimits::default()).unwrap();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "README.md",
            "operator.yaml",
            "params.yaml",
            "templates/app.yaml",
            "templates/sub/x.yaml"
        ]
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_only_within_the_package() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside.yaml");
    fs::write(&outside, "secret: x\n").unwrap();
    let package = folder.path().join("package");
    write(&package, "operator.yaml", OPERATOR);
    write(&package, "params.yaml", PARAMS);
    write(&package, "shared/app.yaml", "kind: ConfigMap\n");
    fs::create_dir(package.join("templates")).unwrap();
    symlink("../shared/app.yaml", package.join("templates/app.yaml")).unwrap();
    assert_eq!(
        Package::load(&package).unwrap().definition.templates.len(),
        1
    );

    symlink(&outside, package.join("templates/out.yaml")).unwrap();
    assert_eq!(
        Package::load(&package).unwrap_err().to_string(),
        "templates/out.yaml: error: this link leads out of the package"
    );
    fs::remove_file(package.join("templates/out.yaml")).unwrap();
    symlink("/etc", package.join("templates/etc")).unwrap();
    assert!(matches!(
        Package::load(&package),
        Err(PackageErrors::Invalid(_))
    ));
    assert!(matches!(
        Package::pack(&package, &mut Vec::new()),
        Err(PackageErrors::Invalid(_))
    ));
}
