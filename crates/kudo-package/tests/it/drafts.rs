//! Packages that hold errors: what else is wrong with them is told in the same run, and each mistake
//! only once.

use kudo_package::verify::{RULES, verify};
use kudo_package::{Package, PackageErrors};

use crate::sample::{OPERATOR, PARAMS, files};

/// All errors of a package with these files: from reading it, and from the rules over what was read.
fn errors(operator: &str, params: &str) -> Vec<String> {
    errors_of(&[
        ("operator.yaml", operator),
        ("params.yaml", params),
        ("templates/app.yaml", "kind: ConfigMap\n"),
    ])
}

fn errors_of(all: &[(&str, &str)]) -> Vec<String> {
    report(all, true)
}

fn report(all: &[(&str, &str)], only_errors: bool) -> Vec<String> {
    let findings = match Package::from_files(files(all)) {
        Ok(package) => verify(&package, RULES),
        Err(PackageErrors::Invalid(draft)) => verify(draft.package(), RULES),
        Err(other) => panic!("{other}"),
    };
    findings
        .iter()
        .filter(|found| found.is_error() || !only_errors)
        .map(ToString::to_string)
        .collect()
}

/// The sample operator with changes.
fn operator(changes: &[(&str, &str)]) -> String {
    let mut text = OPERATOR.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    text
}

fn assert_errors(actual: &[String], expected: &[&str], of: &str) {
    let fits = actual.len() == expected.len()
        && actual
            .iter()
            .zip(expected)
            .all(|(actual, expected)| actual.starts_with(expected));
    assert!(
        fits,
        "{of}\n--- got {actual:#?}\n--- expected {expected:#?}"
    );
}

/// One mistake in `operator.yaml` is one error, whatever else depends on the part.
#[test]
fn one_mistake_is_one_error() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("name: sample", "nmae: sample")],
            "operator.yaml:2:1: error: unknown field \"nmae\"\n  hint: did you mean \"name\"?",
        ),
        (
            &[("name: sample", "title: sample")],
            "operator.yaml:2:1: error: unknown field \"title\"\n  hint: \"name\" is missing; the fields here are ",
        ),
        (
            &[("name: sample", "name: [sample]")],
            "operator.yaml:2:7: error: name: expected a string, found a list",
        ),
        (
            &[("operatorVersion:", "operatorVersoin:")],
            "operator.yaml:3:1: error: unknown field",
        ),
        (
            &[("operatorVersion: 0.1.0\n", "")],
            "operator.yaml:1:1: error: \"operatorVersion\" is missing",
        ),
        (
            &[("kubernetesVersion:", "k8sVersion:")],
            "operator.yaml:4:1: error: unknown field \"k8sVersion\"\n  hint: \"kubernetesVersion\" is missing; did you mean \"appVersion\"?",
        ),
        (
            &[("tasks:\n- name", "task:\n- name")],
            "operator.yaml:5:1: error: unknown field \"task\"\n  hint: did you mean \"tasks\"?",
        ),
        (
            &[("tasks:\n- name", "jobs:\n- name")],
            "operator.yaml:5:1: error: unknown field \"jobs\"",
        ),
        (
            &[("- name: app\n", "- nme: app\n")],
            "operator.yaml:6:3: error: tasks[0]: unknown field \"nme\"",
        ),
        (
            &[("- name: app\n  kind", "- kind")],
            "operator.yaml:6:3: error: tasks[0]: \"name\" is missing",
        ),
        (
            &[("- name: app\n", "- name: {a: b}\n")],
            "operator.yaml:6:9: error: tasks[0].name: expected a string, found a mapping",
        ),
        (
            &[("kind: Apply", "kind: Aply")],
            "operator.yaml:7:9: error: tasks[0].kind: unknown task kind \"Aply\"",
        ),
        (
            &[("kind: Apply", "kind: Create")],
            "operator.yaml:7:9: error: tasks[0].kind: unknown task kind \"Create\"",
        ),
        (
            &[("  kind: Apply\n", "")],
            "operator.yaml:6:3: error: tasks[0]: \"kind\" is missing",
        ),
        (
            &[("kind: Apply", "type: Apply")],
            "operator.yaml:7:3: error: tasks[0]: unknown field \"type\"\n  hint: \"kind\" is missing; ",
        ),
        (
            &[("  spec:", "  sepc:")],
            "operator.yaml:8:3: error: tasks[0]: unknown field \"sepc\"\n  hint: did you mean \"spec\"?",
        ),
        (
            &[("  spec:", "  with:")],
            "operator.yaml:8:3: error: tasks[0]: unknown field \"with\"",
        ),
        (
            &[(
                "  spec:\n    resources:\n    - app.yaml\n",
                "  spec: app.yaml\n",
            )],
            "operator.yaml:8:9: error: tasks[0].spec: expected a mapping, found the string",
        ),
        (
            &[("    resources:", "    resource:")],
            "operator.yaml:9:5: error: tasks[0].spec: unknown field \"resource\"\n  hint: did you mean \"resources\"?",
        ),
        (
            &[("    resources:", "    templates:")],
            "operator.yaml:9:5: error: tasks[0].spec: unknown field \"templates\"",
        ),
        (
            &[("    resources:\n    - app.yaml", "    resources: app.yaml")],
            "operator.yaml:9:16: error: tasks[0].spec.resources: expected a list",
        ),
        (
            &[("    - app.yaml", "    - {a: b}")],
            "operator.yaml:10:7: error: tasks[0].spec.resources[0]: expected a string, found a mapping",
        ),
        (
            &[("    - app.yaml", "    -")],
            "operator.yaml:10:6: error: tasks[0].spec.resources[0]: expected a string, found nothing",
        ),
        (
            &[("    - app.yaml", "    - ap.yaml")],
            "operator.yaml:10:7: error: template \"ap.yaml\" of task \"app\" is not there",
        ),
        (
            &[("plans:", "plan:")],
            "operator.yaml:11:1: error: unknown field \"plan\"\n  hint: did you mean \"plans\"?",
        ),
        (
            &[("plans:", "workflows:")],
            "operator.yaml:11:1: error: unknown field \"workflows\"",
        ),
        (
            &[("plans:\n  deploy:", "plans:\n- deploy:")],
            "operator.yaml:12:1: error: plans: expected a mapping, found a list",
        ),
        (
            &[("  deploy:", "  deplyo:")],
            "operator.yaml:11:1: error: there is no plan \"deploy\"",
        ),
        (
            &[("    strategy: serial", "    strategy: seriell")],
            "operator.yaml:13:15: error: plans.deploy.strategy: \"seriell\" is not one of",
        ),
        (
            &[("    strategy: serial", "    strategy: any")],
            "operator.yaml:13:15: error: plans.deploy.strategy: \"any\" is not one of",
        ),
        (
            &[("    phases:", "    phase:")],
            "operator.yaml:14:5: error: plans.deploy: unknown field \"phase\"",
        ),
        (
            &[("    - name: main\n      strategy", "    - strategy")],
            "operator.yaml:15:7: error: plans.deploy.phases[0]: \"name\" is missing",
        ),
        (
            &[("      steps:", "      stages:")],
            "operator.yaml:17:7: error: plans.deploy.phases[0]: unknown field \"stages\"",
        ),
        (
            &[(
                "      - name: all\n        tasks",
                "      - all\n      - tasks",
            )],
            "operator.yaml:18:9: error: plans.deploy.phases[0].steps[0]: expected a mapping",
        ),
        (
            &[("tasks: [app]", "task: [app]")],
            "operator.yaml:19:9: error: plans.deploy.phases[0].steps[0]: unknown field \"task\"",
        ),
        (
            &[("tasks: [app]", "task: app")],
            "operator.yaml:19:9: error: plans.deploy.phases[0].steps[0]: unknown field \"task\"",
        ),
        (
            &[("tasks: [app]", "tasks: app")],
            "operator.yaml:19:16: error: plans.deploy.phases[0].steps[0].tasks: expected a list",
        ),
        (
            &[("tasks: [app]", "tasks: [ap]")],
            "operator.yaml:19:17: error: task \"ap\" in plan \"deploy\" is not defined\n  hint: did you mean \"app\"?",
        ),
        (
            &[("tasks: [app]", "tasks: [app")],
            "operator.yaml:19:20: error: expected ',' or ']'\n  hint: the '[' in line 19, column 16 is still open",
        ),
        (
            &[("tasks:\n- name", "tasks:\n- @name")],
            "operator.yaml:6:3: error: a value can't start with '@'",
        ),
    ];
    for (changes, expected) in cases {
        let text = operator(changes);
        let mut actual = errors(&text, PARAMS);
        // `- all` and what follows it are two mistakes.
        actual.retain(|error| !error.contains("steps[1]"));
        assert_errors(&actual, &[expected], &text);
    }
}

#[test]
fn one_mistake_in_parameters_is_one_error() {
    let good = "\
parameters:
- name: COUNT
  type: integer
  default: 3
  trigger: deploy
- name: COLOUR
  enum: [red, green]
  default: red
  immutable: true
  required: false
  group: g
groups:
- name: g
";
    assert_eq!(errors(OPERATOR, good), [] as [String; 0]);
    let cases = [
        (
            "parameters:",
            "params:",
            "params.yaml:1:1: error: unknown field \"params\"",
        ),
        (
            "parameters:",
            "parameter:",
            "params.yaml:1:1: error: unknown field \"parameter\"",
        ),
        (
            "name: COUNT",
            "nam: COUNT",
            "params.yaml:2:3: error: parameters[0]: unknown field",
        ),
        (
            "name: COUNT",
            "name: COLOUR",
            "params.yaml:6:3: error: parameter \"COLOUR\": is defined twice",
        ),
        (
            "type: integer",
            "type: integr",
            "params.yaml:3:9: error: parameters[0].type: \"integr\"",
        ),
        (
            "type: integer",
            "type: whole",
            "params.yaml:3:9: error: parameters[0].type: \"whole\"",
        ),
        (
            "type: integer",
            "kind: integer",
            "params.yaml:3:3: error: parameters[0]: unknown field \"kind\"",
        ),
        (
            "default: 3",
            "default: three",
            "params.yaml:4:3: error: default of parameter \"COUNT\"",
        ),
        (
            "default: 3",
            "dfault: three",
            "params.yaml:4:3: error: parameters[0]: unknown field \"dfault\"",
        ),
        (
            "trigger: deploy",
            "trigger: [deploy]",
            "params.yaml:5:12: error: parameters[0].trigger: expected a string",
        ),
        (
            "enum: [red, green]",
            "enum: [~, green]",
            "params.yaml:7:10: error: parameters[1].enum[0]: expected a value",
        ),
        (
            "enum: [red, green]",
            "enum: red",
            "params.yaml:7:9: error: parameters[1].enum: expected a list",
        ),
        (
            "enum: [red, green]",
            "choices: [red, green]",
            "params.yaml:7:3: error: parameters[1]: unknown field",
        ),
        (
            "default: red",
            "defaults: red",
            "params.yaml:8:3: error: parameters[1]: unknown field \"defaults\"",
        ),
        (
            "default: red",
            "value: red",
            "params.yaml:8:3: error: parameters[1]: unknown field \"value\"",
        ),
        (
            "immutable: true",
            "immutable: \"true\"",
            "params.yaml:9:14: error: parameters[1].immutable: expected true or false",
        ),
        (
            "required: false",
            "required: perhaps",
            "params.yaml:10:13: error: parameters[1].required: expected true or false",
        ),
        (
            "group: g",
            "group: {g: g}",
            "params.yaml:11:10: error: parameters[1].group: expected a string",
        ),
        (
            "groups:",
            "grups:",
            "params.yaml:12:1: error: unknown field \"grups\"",
        ),
        (
            "- name: g\n",
            "- nme: g\n",
            "params.yaml:13:3: error: groups[0]: unknown field \"nme\"",
        ),
        (
            "- name: g\n",
            "- g\n",
            "params.yaml:13:3: error: groups[0]: expected a mapping",
        ),
        (
            "- name: g\n",
            "- {name: g\n",
            "params.yaml:13:11: error: expected ',' or '}'",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(good.contains(from), "{from}");
        let text = good.replacen(from, to, 1);
        // `defaults: three` is two mistakes: the field, and what it holds.
        let mut actual = errors(OPERATOR, &text);
        if to == "dfault: three" {
            assert_eq!(actual.len(), 2, "{actual:#?}");
            actual.pop();
        }
        assert_errors(&actual, &[expected], &text);
    }
}

/// Mistakes that have nothing to do with each other are told together, whatever part they are in.
#[test]
fn everything_is_told_at_once() {
    let text = operator(&[
        ("operatorVersion: 0.1.0", "operatorVersion: latest\nurll: x"),
        ("    - app.yaml", "    - app.yaml\n    - gone.yaml"),
        (
            "plans:",
            "- name: other\n  kind: Aply\n  spec: {resources: [lost.yaml]}\n- name: app\n  kind: Dummy\nplans:",
        ),
        ("    strategy: serial", "    strategy: seriell"),
        (
            "tasks: [app]",
            "tasks: [app, aap]\n      - {name: all, tasks: [zzz]}",
        ),
    ]);
    let params = "\
parameters:
- {name: A, type: integer, default: x}
- {name: B, typ: string, trigger: nowhere}
- {name: a}
- C
";
    let expected = [
        "operator.yaml:3:1: error: operatorVersion: \"latest\" is not a semantic version",
        "operator.yaml:4:1: error: unknown field \"urll\"",
        "operator.yaml:12:7: error: template \"gone.yaml\" of task \"app\" is not there",
        "operator.yaml:14:9: error: tasks[1].kind: unknown task kind \"Aply\"",
        "operator.yaml:15:22: error: template \"lost.yaml\" of task \"other\" is not there",
        "operator.yaml:16:3: error: task \"app\" is defined twice",
        "operator.yaml:20:15: error: plans.deploy.strategy: \"seriell\"",
        "operator.yaml:26:22: error: task \"aap\" in plan \"deploy\" is not defined",
        "operator.yaml:27:10: error: phase \"main\" has two steps \"all\"",
        "operator.yaml:27:29: error: task \"zzz\" in plan \"deploy\" is not defined",
        "params.yaml:2:28: error: default of parameter \"A\"",
        "params.yaml:3:13: error: parameters[1]: unknown field \"typ\"",
        "params.yaml:3:26: error: parameter \"B\": triggers plan \"nowhere\"",
        "params.yaml:4:4: error: parameter \"a\": differs from \"A\"",
        "params.yaml:5:3: error: parameters[3]: expected a mapping",
    ];
    assert_errors(&errors(&text, params), &expected, &text);
}

#[test]
fn a_file_that_is_no_yaml_hides_nothing_in_the_others() {
    let broken = "name: x\ntasks: [a\nplans: {}\n";
    let params = "parameters:\n- {name: A, type: integer, default: x, trigger: backup, group: g}\n";
    let expected = [
        "operator.yaml:3:6: error: expected ',' or ']'",
        "params.yaml:2:28: error: default of parameter \"A\"",
        "params.yaml:2:57: error: parameter \"A\": belongs to group \"g\"",
    ];
    assert_errors(&errors(broken, params), &expected, broken);

    let text = operator(&[("app.yaml", "gone.yaml"), ("kind: Apply", "kind: Toggle")]);
    let expected = [
        "operator.yaml:9:5: error: tasks[0].spec.parameter: a task of kind Toggle needs \"parameter\"",
        "operator.yaml:10:7: error: template \"gone.yaml\"",
        "params.yaml:1:4: error: a value can't start with '@'",
    ];
    assert_errors(&errors(&text, "a: @b"), &expected, &text);

    let missing = errors_of(&[("operator.yaml", &operator(&[("app.yaml", "gone.yaml")]))]);
    let expected = [
        "operator.yaml:10:7: error: template \"gone.yaml\"",
        "params.yaml: error: the file is missing",
    ];
    assert_errors(&missing, &expected, "no params.yaml");
    let missing = errors_of(&[("params.yaml", "parameters:\n- {name: \"a;\"}")]);
    let expected = [
        "operator.yaml: error: the file is missing",
        "params.yaml:2:4: error: parameter \"a;\"",
    ];
    assert_errors(&missing, &expected, "no operator.yaml");
}

#[test]
fn templates_that_cannot_be_read_are_not_missing() {
    let mut all = files(&[("operator.yaml", OPERATOR), ("params.yaml", PARAMS)]);
    all.insert("templates/app.yaml".to_owned(), b"a: b\nc: \xFF".to_vec());
    let Err(PackageErrors::Invalid(draft)) = Package::from_files(all) else {
        panic!("not refused")
    };
    let found = verify(draft.package(), RULES);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        ["templates/app.yaml:2:4: error: the file is not UTF-8 text"]
    );
}

/// What could not be read may be what uses a part, so nothing is called unused.
#[test]
fn nothing_is_called_unused_that_may_be_used() {
    let used = |found: &[String]| !found.iter().any(|line| line.contains("warning"));
    for (from, to) in [
        ("    resources:", "    templates:"),
        ("tasks: [app]", "task: app"),
        ("      steps:", "      stages:"),
        ("plans:", "workflows:"),
        ("- name: app\n", "- app\n- name: app\n"),
    ] {
        let text = operator(&[(from, to)]);
        let all = [
            ("operator.yaml", text.as_str()),
            ("params.yaml", PARAMS),
            ("templates/app.yaml", "kind: ConfigMap\n"),
        ];
        let found = report(&all, false);
        assert!(used(&found), "{text}\n{found:#?}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_out_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("package");
    std::fs::create_dir_all(package.join("templates")).unwrap();
    std::fs::write(folder.path().join("outside.yaml"), "a: b\n").unwrap();
    let text = operator(&[("- app.yaml", "- app.yaml\n    - gone.yaml")]);
    std::fs::write(package.join("operator.yaml"), text).unwrap();
    std::fs::write(package.join("params.yaml"), PARAMS).unwrap();
    std::os::unix::fs::symlink("../../outside.yaml", package.join("templates/app.yaml")).unwrap();
    let Err(PackageErrors::Invalid(draft)) = Package::load(&package) else {
        panic!("not refused")
    };
    let found = verify(draft.package(), RULES);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expected = [
        "operator.yaml:11:7: error: template \"gone.yaml\"",
        "templates/app.yaml: error: this link leads out of the package",
    ];
    assert_errors(&found, &expected, "a link");
}
