//! Each rule with packages that obey and packages that break it.

use std::collections::BTreeSet;

use kudo_package::Package;
use kudo_package::verify::{RULES, Rule, verify};

use crate::sample::{OPERATOR, PARAMS, files};

fn rule(name: &str) -> Rule {
    *RULES
        .iter()
        .find(|rule| rule.name == name)
        .unwrap_or_else(|| panic!("no rule {name}"))
}

/// What a rule says about a package of these files.
fn findings(name: &str, all: &[(&str, &str)]) -> Vec<String> {
    let package = Package::from_files(files(all)).unwrap_or_else(|errors| panic!("{errors}"));
    let findings = verify(&package, &[rule(name)]);
    assert!(
        findings.iter().all(|finding| finding.rule == name),
        "{findings:?}"
    );
    findings.iter().map(ToString::to_string).collect()
}

fn with_params(rule: &str, params: &str) -> Vec<String> {
    findings(
        rule,
        &[
            ("operator.yaml", OPERATOR),
            ("params.yaml", params),
            ("templates/app.yaml", ""),
        ],
    )
}

fn with_operator(rule: &str, operator: &str) -> Vec<String> {
    let head = "name: x\noperatorVersion: 1.0.0\nkubernetesVersion: 1.15.0\n";
    let operator = format!("{head}{operator}");
    findings(
        rule,
        &[
            ("operator.yaml", &operator),
            ("params.yaml", PARAMS),
            ("templates/app.yaml", ""),
        ],
    )
}

#[test]
fn rules_have_names_of_their_own() {
    let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), RULES.len());
    assert!(RULES.iter().all(|rule| rule.summary.ends_with('.')));
}

#[test]
fn names_are_those_of_resources() {
    let long = "a".repeat(64);
    let name = |name: &str| format!("name: {name:?}\noperatorVersion: 1.0.0\n");
    let cases = [
        (name("b;d"), "the name holds ';'"),
        (name("../../esc"), "the name holds '/'"),
        (name("B d"), "the name holds 'B'"),
        (name("-x"), "the name must begin and end"),
        (name("x."), "the name must begin and end"),
        (name(&long), "the name has 64 characters"),
        (name(&long[1..]), ""),
        (name("my.operator-2"), ""),
        (
            "name: x\noperatorVersion: 0.1.0+b1\n".to_owned(),
            "operatorVersion holds '+'",
        ),
        (
            "name: x\noperatorVersion: 0.1.0-RC1\n".to_owned(),
            "operatorVersion holds 'R'",
        ),
        (
            "name: x\noperatorVersion: 0.1.0\nappVersion: \"3.0_1\"\n".to_owned(),
            "appVersion holds '_'",
        ),
        ("name: x\noperatorVersion: 0.1.0-rc.1\n".to_owned(), ""),
    ];
    for (operator, expected) in cases {
        let found = findings(
            "resource-name",
            &[("operator.yaml", &operator), ("params.yaml", PARAMS)],
        );
        let found = found.join("\n");
        assert_eq!(found.is_empty(), expected.is_empty(), "{operator}{found}");
        assert!(found.contains(expected), "{operator}{found}");
    }
}

#[test]
fn every_kudo_there_was_is_old_enough() {
    let cases = [
        ("0.10.0", ""),
        ("0.11", ""),
        ("0.19.0", ""),
        ("0.20.1", ""),
        (
            "1.0.0-rc1",
            "operator.yaml:3:1: warning: kudoVersion is 1.0.0-rc1: packages run here as KUDO 0.19.0 runs them, and what is newer may not work",
        ),
        ("v2", "kudoVersion is v2"),
        ("newest", ""),
    ];
    for (version, expected) in cases {
        let operator = format!("name: x\noperatorVersion: 1.0.0\nkudoVersion: {version}\n");
        let found = findings(
            "kudo-version",
            &[("operator.yaml", &operator), ("params.yaml", PARAMS)],
        );
        let found = found.join("\n");
        assert_eq!(found.is_empty(), expected.is_empty(), "{version} {found}");
        assert!(found.contains(expected), "{version} {found}");
    }
}

#[test]
fn a_good_package_breaks_no_rule() {
    let package = Package::from_files(files(&[
        ("operator.yaml", OPERATOR),
        ("params.yaml", PARAMS),
        ("templates/app.yaml", "kind: ConfigMap\n"),
    ]))
    .unwrap();
    assert_eq!(verify(&package, RULES), []);
}

#[test]
fn findings_come_in_the_order_of_the_files() {
    let operator = OPERATOR.replace("kubernetesVersion: 1.15.0\n", "kubernetesVersion: x\n");
    let package = Package::from_files(files(&[
        ("operator.yaml", &operator.replace("[app]", "[app, ap]")),
        (
            "params.yaml",
            "parameters:\n- {name: \"a;\"}\n- {name: b, trigger: x}\n",
        ),
        ("templates/app.yaml", "kind: ConfigMap\n"),
        ("templates/b.yaml", "kind: ConfigMap\n"),
    ]))
    .unwrap();
    let rules: Vec<&str> = verify(&package, RULES)
        .iter()
        .map(|finding| finding.rule)
        .collect();
    assert_eq!(
        rules,
        [
            "version",
            "undefined-task",
            "parameter-name",
            "undefined-trigger",
            "unused-template"
        ]
    );
}

#[test]
fn decoding() {
    let package = Package::from_files(files(&[
        ("operator.yaml", &format!("{OPERATOR}url: a\nurl: b\n")),
        ("params.yaml", PARAMS),
        ("templates/app.yaml", ""),
    ]))
    .unwrap();
    let findings = verify(&package, &[rule("decoding")]);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].rule, "duplicate-key");
}

#[test]
fn version() {
    let check = |operator: &str| {
        findings(
            "version",
            &[
                ("operator.yaml", operator),
                ("params.yaml", PARAMS),
                ("templates/app.yaml", ""),
            ],
        )
    };
    for good in [
        "name: x\noperatorVersion: 0.1.0\nkubernetesVersion: \"1.15\"",
        "name: x\noperatorVersion: v1\nkubernetesVersion: 1.15.0\nappVersion: 3.11.6\nkudoVersion: 0.19.0",
        "name: x\noperatorVersion: 1.0.0-rc.1+b\nkubernetesVersion: 1.15.0\nappVersion: \"\"",
    ] {
        assert_eq!(check(good), [] as [String; 0], "{good}");
    }
    assert_eq!(
        check("name: x\noperatorVersion: 0.1.\nappVersion: latest\nkudoVersion: 1.2.3.4"),
        [
            "operator.yaml:1:1: error: \"kubernetesVersion\" is missing",
            "operator.yaml:2:1: error: operatorVersion: \"0.1.\" is not a semantic version such as 1.2.3",
            "operator.yaml:3:1: error: appVersion: \"latest\" is not a semantic version such as 1.2.3",
            "operator.yaml:4:1: error: kudoVersion: \"1.2.3.4\" is not a semantic version such as 1.2.3",
        ]
    );
}

#[test]
fn parameter_rules() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("duplicate-parameter", "- {name: A}\n- {name: B}", &[]),
        (
            "duplicate-parameter",
            "- {name: A}\n- {name: A}",
            &["params.yaml:3:4: error: parameter \"A\": is defined twice"],
        ),
        (
            "duplicate-parameter",
            "- {name: Foo}\n- {name: B}\n- {name: foo}",
            &[
                "params.yaml:4:4: error: parameter \"foo\": differs from \"Foo\" only in upper and lower case",
            ],
        ),
        ("parameter-name", "- {name: A-b_c.d/e:f}", &[]),
        (
            "parameter-name",
            "- {name: \"a;b\"}\n- {name: \"a,b\"}",
            &[
                "params.yaml:2:4: error: parameter \"a;b\": the name holds ';', which is not allowed",
                "params.yaml:3:4: error: parameter \"a,b\": the name holds ',', which is not allowed",
            ],
        ),
        (
            "immutable-parameter",
            "- {name: A, immutable: true}\n- {name: B, immutable: true, required: false, default: x}\n- {name: C, required: false}",
            &[],
        ),
        (
            "immutable-parameter",
            "- {name: A, immutable: true, required: false}",
            &[
                "params.yaml:2:13: error: parameter \"A\": is immutable, but neither required nor with a default: it could never get a value",
            ],
        ),
        (
            "parameter-default",
            "- {name: A, default: x}\n- {name: B, type: integer, default: 3}\n- {name: C, type: boolean, default: yes}\n- {name: D, type: map, default: {a: b}}\n- {name: E, type: array, default: []}\n- {name: F, type: integer}\n- {name: G, type: string, default: 3}\n- {name: H, type: array, default: \"[a]\"}",
            &[],
        ),
        (
            "parameter-default",
            "- {name: A, type: integer, default: x}",
            &[
                "params.yaml:2:28: error: default of parameter \"A\": \"x\" is not an integer: write digits, as in 3 or -3",
            ],
        ),
        (
            "parameter-default",
            "- {name: A, type: integer, default: 1.5}",
            &[
                "params.yaml:2:28: error: default of parameter \"A\": \"1.5\" is not an integer: write digits, as in 3 or -3",
            ],
        ),
        (
            "parameter-default",
            "- {name: A, type: boolean, default: \"yes\"}",
            &[
                "params.yaml:2:28: error: default of parameter \"A\": \"yes\" is not a boolean: write true or false",
            ],
        ),
        (
            "parameter-default",
            "- {name: A, type: map, default: [a]}",
            &[
                "params.yaml:2:24: error: default of parameter \"A\": \"- a\\n\" is not a map: it is a list",
            ],
        ),
        (
            "parameter-default",
            "- {name: A, enum: [x, y], default: x}\n- {name: B, type: integer, enum: [1, 2], default: 2}\n- {name: C, enum: [], default: x}",
            &[],
        ),
        (
            "parameter-default",
            "- {name: A, enum: [red, green], default: grene}",
            &[
                "params.yaml:2:33: error: default of parameter \"A\": \"grene\" is not allowed, must be one of \"red\", \"green\" (did you mean \"green\"?)",
            ],
        ),
        (
            "parameter-enum",
            "- {name: A, enum: [a]}\n- {name: B, type: integer, enum: [1, \"2\"]}\n- {name: C}",
            &[],
        ),
        (
            "parameter-enum",
            "- {name: A, enum: []}",
            &[
                "params.yaml:2:13: error: parameter \"A\": no value is allowed, because its enum is empty",
            ],
        ),
        (
            "parameter-enum",
            "- {name: A, type: integer, enum: [1, x, z]}",
            &[
                "params.yaml:2:38: error: enum of parameter \"A\": \"x\" is not an integer: write digits, as in 3 or -3",
                "params.yaml:2:41: error: enum of parameter \"A\": \"z\" is not an integer: write digits, as in 3 or -3",
            ],
        ),
        (
            "advanced-parameter",
            "- {name: A, advanced: true, default: x}\n- {name: B, advanced: true, required: false}\n- {name: C}",
            &[],
        ),
        (
            "advanced-parameter",
            "- {name: A, advanced: true}",
            &[
                "params.yaml:2:13: error: parameter \"A\": is advanced, but everyone has to set it: it is required and has no default",
            ],
        ),
        (
            "undefined-trigger",
            "- {name: A, trigger: deploy}\n- {name: B}",
            &[],
        ),
        (
            "undefined-trigger",
            "- {name: A, trigger: depoly}",
            &[
                "params.yaml:2:13: error: parameter \"A\": triggers plan \"depoly\", which is not defined\n  hint: did you mean \"deploy\"?",
            ],
        ),
        (
            "undefined-trigger",
            "- {name: A, trigger: backup}",
            &[
                "params.yaml:2:13: error: parameter \"A\": triggers plan \"backup\", which is not defined",
            ],
        ),
        ("group-name", "- {name: A, group: g}", &[]),
        (
            "group-name",
            "- {name: A, group: a/b}",
            &[
                "params.yaml:2:13: error: parameter \"A\": the group \"a/b\" holds '/', which is not allowed",
            ],
        ),
        ("undefined-group", "- {name: A}", &[]),
        (
            "undefined-group",
            "- {name: A, group: g}",
            &[
                "params.yaml:2:13: error: parameter \"A\": belongs to group \"g\", which is not defined",
            ],
        ),
    ];
    for (rule, params, expected) in cases {
        let actual = with_params(rule, &format!("parameters:\n{params}\n"));
        assert_eq!(actual, *expected, "{rule}: {params}");
    }
}

#[test]
fn group_rules() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "group-name",
            "groups:\n- {name: a/b}",
            &["params.yaml:2:4: error: group \"a/b\": the name holds '/', which is not allowed"],
        ),
        ("duplicate-group", "groups:\n- {name: a}\n- {name: A}", &[]),
        (
            "duplicate-group",
            "groups:\n- {name: a}\n- {name: a}",
            &["params.yaml:3:4: error: group \"a\" is defined twice"],
        ),
        (
            "undefined-group",
            "groups:\n- {name: storage}\nparameters:\n- {name: A, group: storage}",
            &[],
        ),
        (
            "undefined-group",
            "groups:\n- {name: storage}\nparameters:\n- {name: A, group: storgae}",
            &[
                "params.yaml:4:13: error: parameter \"A\": belongs to group \"storgae\", which is not defined\n  hint: did you mean \"storage\"?",
            ],
        ),
    ];
    for (rule, params, expected) in cases {
        assert_eq!(with_params(rule, params), *expected, "{rule}: {params}");
    }
}

#[test]
fn task_rules() {
    let deploy = |tasks: &str| {
        format!(
            "plans:\n  deploy:\n    phases:\n    - name: p\n      steps:\n      - {{name: s, tasks: [{tasks}]}}\n"
        )
    };
    let dummy = |names: &[&str]| {
        let tasks: Vec<String> = names
            .iter()
            .map(|name| format!("- {{name: {name}, kind: Dummy}}\n"))
            .collect();
        format!("tasks:\n{}", tasks.concat())
    };
    let cases: &[(&str, String, &[&str])] = &[
        ("duplicate-task", dummy(&["a", "b"]), &[]),
        (
            "duplicate-task",
            dummy(&["a", "b", "a"]),
            &["operator.yaml:7:4: error: task \"a\" is defined twice"],
        ),
        ("undefined-task", dummy(&["a"]) + &deploy("a"), &[]),
        (
            "undefined-task",
            dummy(&["backup"]) + &deploy("bakcup, zzzz"),
            &[
                "operator.yaml:11:27: error: task \"bakcup\" in plan \"deploy\" is not defined\n  hint: did you mean \"backup\"?",
                "operator.yaml:11:35: error: task \"zzzz\" in plan \"deploy\" is not defined",
            ],
        ),
        ("unused-task", dummy(&["a"]) + &deploy("a"), &[]),
        (
            "unused-task",
            dummy(&["a", "b"]) + &deploy("a"),
            &["operator.yaml:6:4: warning: task \"b\" is part of no step"],
        ),
    ];
    for (rule, operator, expected) in cases {
        assert_eq!(
            with_operator(rule, operator),
            *expected,
            "{rule}: {operator}"
        );
    }
}

#[test]
fn undefined_toggle_parameter() {
    let operator = OPERATOR.replace("kind: Apply", "kind: Toggle").replace(
        "    - app.yaml\n",
        "    - app.yaml\n    parameter: ENABLED\n",
    );
    let check = |params: &str| {
        findings(
            "undefined-toggle-parameter",
            &[
                ("operator.yaml", &operator),
                ("params.yaml", params),
                ("templates/app.yaml", ""),
            ],
        )
    };
    assert_eq!(check("parameters: [{name: ENABLED}]"), [] as [String; 0]);
    assert_eq!(
        check("parameters: [{name: ENABLE}]"),
        [
            "operator.yaml:11:5: error: parameter \"ENABLED\" of task \"app\" is not defined\n  \
          hint: did you mean \"ENABLE\"?"
        ]
    );
}

#[test]
fn plan_rules() {
    let pipe = "tasks:\n- name: a\n  kind: Pipe\n  spec:\n    pod: p.yaml\n    pipe: [{file: /f, kind: Secret, key: k}]\n- name: b\n  kind: Pipe\n  spec:\n    pod: p.yaml\n    pipe: [{envFile: /f, kind: Secret, key: k}]\n";
    let cases: &[(&str, String, &[&str])] = &[
        ("missing-deploy-plan", "plans: {deploy: {}}".to_owned(), &[]),
        ("missing-deploy-plan", "tasks: []".to_owned(), &["operator.yaml:1:1: error: there is no plan \"deploy\", which installs the operator"]),
        ("missing-deploy-plan", "plans: {Deploy: {}}".to_owned(), &["operator.yaml:4:1: error: there is no plan \"deploy\", which installs the operator\n  hint: did you mean \"Deploy\"?"]),
        ("duplicate-name", "plans: {deploy: {phases: [{name: a, steps: [{name: s}]}, {name: b, steps: [{name: s}]}]}, x: {phases: [{name: a}]}}".to_owned(), &[]),
        ("duplicate-name", "plans: {deploy: {phases: [{name: a}, {name: a}]}}".to_owned(), &["operator.yaml:4:39: error: plan \"deploy\" has two phases \"a\""]),
        ("duplicate-name", "plans: {a/b: {phases: [{name: p, steps: [{name: s}, {name: s}]}]}}".to_owned(), &["operator.yaml:4:54: error: phase \"p\" has two steps \"s\""]),
        ("absent-strategy", "plans: {deploy: {strategy: serial, phases: [{name: a, strategy: parallel, steps: [{name: s}, {name: t}]}, {name: b}]}}".to_owned(), &[]),
        ("absent-strategy", "plans: {deploy: {phases: [{name: a, steps: [{name: s}]}]}}".to_owned(), &[]),
        ("absent-strategy", "plans:\n  deploy:\n    phases:\n    - name: a\n      steps: [{name: s}, {name: t}]\n    - name: b".to_owned(), &[
            "operator.yaml:5:3: warning: plan \"deploy\" has no strategy, which acts as parallel\n  hint: write strategy: serial or strategy: parallel",
            "operator.yaml:7:7: warning: phase \"a\" of plan \"deploy\" has no strategy, which acts as parallel\n  hint: write strategy: serial or strategy: parallel",
        ]),
        ("duplicate-pipe-key", format!("{pipe}plans:\n  deploy: {{phases: [{{name: p, steps: [{{name: s, tasks: [a]}}]}}]}}\n  other: {{phases: [{{name: p, steps: [{{name: s, tasks: [b]}}]}}]}}"), &[]),
        ("duplicate-pipe-key", format!("{pipe}plans:\n  deploy: {{phases: [{{name: p, steps: [{{name: s, tasks: [a, b]}}]}}]}}"), &["operator.yaml:16:12: error: pipe key \"k\" is written twice in plan \"deploy\", by tasks \"a\" and \"b\""]),
        ("duplicate-pipe-key", format!("{pipe}plans:\n  deploy: {{phases: [{{name: p, steps: [{{name: s, tasks: [a]}}, {{name: t, tasks: [a]}}]}}]}}"), &["operator.yaml:16:12: error: pipe key \"k\" is written twice in plan \"deploy\" by task \"a\""]),
    ];
    for (rule, operator, expected) in cases {
        assert_eq!(
            with_operator(rule, operator),
            *expected,
            "{rule}: {operator}"
        );
    }
}

#[test]
fn template_references() {
    let tasks = "tasks:\n- {name: a, kind: Apply, spec: {resources: [app.yaml, ap.yaml, x.yml]}}\n- {name: p, kind: Pipe, spec: {pod: pod.yaml, pipe: [{file: /f, kind: Secret, key: k}]}}\n- {name: k, kind: KudoOperator, spec: {package: x, parameterFile: params.yaml}}\n";
    assert_eq!(
        with_operator("undefined-template", tasks),
        [
            "operator.yaml:5:55: error: template \"ap.yaml\" of task \"a\" is not there\n  hint: did you mean \"app.yaml\"?",
            "operator.yaml:5:64: error: template \"x.yml\" of task \"a\" is not there\n  hint: templates end in .yaml or .hbs",
            "operator.yaml:6:32: error: template \"pod.yaml\" of task \"p\" is not there",
            "operator.yaml:7:52: error: template \"params.yaml\" of task \"k\" is not there",
        ]
    );
    assert_eq!(
        with_operator(
            "undefined-template",
            "tasks:\n- {name: a, kind: Apply, spec: {resources: [app.yaml]}}"
        ),
        [] as [String; 0]
    );
    assert_eq!(
        with_operator("unused-template", "tasks: []"),
        ["templates/app.yaml:1:1: warning: template \"app.yaml\" is used by no task"]
    );
    assert_eq!(
        with_operator("unused-template", "namespaceManifest: app.yaml"),
        [] as [String; 0]
    );
    assert_eq!(
        with_operator(
            "unused-template",
            "tasks:\n- {name: k, kind: KudoOperator, spec: {package: x, parameterFile: app.yaml}}"
        ),
        [] as [String; 0]
    );
}

#[test]
fn namespace_rules() {
    let check = |rule: &str, manifest: &str, template: &str| {
        let operator = format!("{OPERATOR}{manifest}");
        findings(
            rule,
            &[
                ("operator.yaml", &operator),
                ("params.yaml", PARAMS),
                ("templates/app.yaml", template),
            ],
        )
    };
    for good in [
        "kind: NamespaceList\n",
        "# kind: Namespace\n",
        "kind: Secret\n",
        "x: Namespace\n",
    ] {
        assert_eq!(
            check("namespace-kind", "", good),
            [] as [String; 0],
            "{good}"
        );
    }
    let hint = "\n  hint: name the template as namespaceManifest in operator.yaml";
    for (column, bad) in [
        (1, "kind: Namespace"),
        (1, "kind:   \"Namespace\"\n"),
        (3, "- kind: Namespace # x"),
        (2, "{kind: Namespace}"),
        (1, "kind: Namespace\r\n"),
    ] {
        let expected = format!(
            "templates/app.yaml:1:{column}: error: a Namespace can't be part of an operator{hint}"
        );
        assert_eq!(check("namespace-kind", "", bad), [expected], "{bad}");
    }
    assert_eq!(
        check(
            "namespace-kind",
            "namespaceManifest: app.yaml",
            "kind: Namespace"
        ),
        [] as [String; 0]
    );

    let manifest = "namespaceManifest: app.yaml";
    for good in [
        "apiVersion: v1\nkind: Namespace\n",
        "---\nkind: Namespace\n---\n",
        "kind: {{ .Params.X }}\n",
    ] {
        assert_eq!(
            check("namespace-manifest", manifest, good),
            [] as [String; 0],
            "{good}"
        );
    }
    assert_eq!(
        check("namespace-manifest", "", "kind: Secret"),
        [] as [String; 0]
    );
    let cases = [
        ("", "template \"app.yaml\" holds no manifest"),
        ("# x\n", "template \"app.yaml\" holds no manifest"),
        (
            "kind: Secret\n",
            "template \"app.yaml\" is not of kind Namespace",
        ),
        ("- a\n", "template \"app.yaml\" is not of kind Namespace"),
        (
            "kind: Namespace\n---\nkind: Namespace\n",
            "template \"app.yaml\" holds 2 manifests, not one",
        ),
        (
            "a: @",
            "template \"app.yaml\" is not valid YAML: line 1, column 4: a value can't start with '@'; put it in quotes",
        ),
    ];
    for (template, message) in cases {
        let expected = format!("operator.yaml:20:1: error: {message}");
        assert_eq!(
            check("namespace-manifest", manifest, template),
            [expected],
            "{template:?}"
        );
    }
    assert_eq!(
        check("namespace-manifest", "namespaceManifest: ap.yaml", ""),
        [
            "operator.yaml:20:1: error: template \"ap.yaml\" is not there\n  hint: did you mean \"app.yaml\"?"
        ]
    );
}
