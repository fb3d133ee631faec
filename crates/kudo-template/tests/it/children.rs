//! What `KudoOperator` tasks give their children, checked against what those take.

use std::collections::BTreeMap;

use kudo_package::{Diagnostic, Package};
use kudo_template::verify::{verify_child, verify_package};

fn package(name: &str, spec: &str, params: &str, templates: &[(&str, &str)]) -> Package {
    let operator = format!(
        "apiVersion: kudo.dev/v1beta1
name: {name}
operatorVersion: 1.0.0
kubernetesVersion: 1.17.0
tasks:
  - {{name: first, kind: Dummy, spec: {{done: true}}}}
  - name: kid
    kind: KudoOperator
    spec: {spec}
plans:
  deploy:
    strategy: serial
    phases:
      - name: main
        strategy: serial
        steps:
          - {{name: all, tasks: [first, kid]}}
"
    );
    let params = format!("apiVersion: kudo.dev/v1beta1\nparameters:\n{params}");
    let mut files = BTreeMap::from([
        ("operator.yaml".to_owned(), operator.into_bytes()),
        ("params.yaml".to_owned(), params.into_bytes()),
    ]);
    for (name, text) in templates {
        files.insert(format!("templates/{name}"), text.as_bytes().to_vec());
    }
    Package::from_files(files).unwrap()
}

const PARENT: &str = "
- {name: NODES, type: integer, default: 3, description: Nodes}
- {name: WORDS, default: many words, description: Words}
- {name: OPTIONAL, required: false, description: Anything}
- {name: REQUIRED, description: Something}
- {name: DETAILS, type: map, default: {a: b}, description: Details}
";

/// What is said of a child with these parameters that is given what this file renders to.
fn said(file: Option<&str>, child: &str) -> Vec<String> {
    let child = package("zookeeper", "{package: x}", child, &[]);
    let (spec, templates) = match file {
        Some(text) => (
            "{package: ../zookeeper, parameterFile: kid.yaml}",
            vec![("kid.yaml", text)],
        ),
        None => ("{package: ../zookeeper}", vec![]),
    };
    let parent = package("kafka", spec, PARENT, &templates);
    let found = verify_child(&parent, 1, &child.definition);
    assert!(
        found
            .iter()
            .all(|found| found.rule == "child-parameters" && found.is_error())
    );
    assert!(verify_child(&parent, 0, &child.definition).is_empty());
    let start = "task \"kid\" installs \"zookeeper\": ";
    let lines = found.iter().map(ToString::to_string);
    lines.map(|line| line.replace(start, "")).collect()
}

#[test]
fn what_a_child_does_not_take_is_told() {
    let count = "- {name: COUNT, type: integer, default: 1}";
    let table: [(Option<&str>, &str, &[&str]); 14] = [
        (None, count, &[]),
        (Some(""), count, &[]),
        (Some("# nothing\n"), count, &[]),
        (Some("COUNT: {{ .Params.NODES }}\n"), count, &[]),
        (
            Some("a: 1\nCUONT: {{ .Params.NODES }}\nOTHERWISE: 1\n"),
            count,
            &[
                "templates/kid.yaml:1:1: error: unknown parameter \"a\"",
                "templates/kid.yaml:2:1: error: unknown parameter \"CUONT\"\n  hint: did you mean \"COUNT\"?",
                "templates/kid.yaml:3:1: error: unknown parameter \"OTHERWISE\"",
            ],
        ),
        (
            Some("{{ range tuple \"A\" }}KEY_{{ . }}: 1{{ end }}\n"),
            count,
            &["templates/kid.yaml: error: unknown parameter \"KEY_A\""],
        ),
        (
            Some("# The count\n\"COUNT\" : {{ .Params.WORDS }}\n"),
            count,
            &[
                "templates/kid.yaml:2:2: error: parameter \"COUNT\": \"many words\" is not an integer: write digits, as in 3 or -3",
            ],
        ),
        (
            Some("COUNT: [{{ .Params.NODES }}]\n"),
            count,
            &[
                "templates/kid.yaml:1:1: error: parameter \"COUNT\": \"- 3\\n\" is not an integer: write digits, as in 3 or -3",
            ],
        ),
        (
            Some("COUNT: {{ .Params.NODES }}\n"),
            "- {name: COUNT, enum: ['1', '2'], default: '1'}",
            &[
                "templates/kid.yaml:1:1: error: parameter \"COUNT\": \"3\" is not allowed, must be one of \"1\", \"2\"\n  hint: did you mean \"1\"?",
            ],
        ),
        // Nothing is given that the child needs.
        (
            None,
            "- name: SECRET",
            &["operator.yaml:9:12: error: parameter \"SECRET\" is required but has no value"],
        ),
        (
            Some("SECRET: '{{ .Params.OPTIONAL }}'\n"),
            "- name: SECRET",
            &["templates/kid.yaml:1:1: error: parameter \"SECRET\" is required but has no value"],
        ),
        (
            Some("{{ toYaml .Params.DETAILS }}\n"),
            count,
            &["templates/kid.yaml: error: unknown parameter \"a\""],
        ),
        // What the parent has no value of may be anything, but not a name.
        (
            Some("COUNT: '{{ .Params.REQUIRED }}'\nCUONT: 1\nTEXT: {{ .Params.WORDS }}\n"),
            "- {name: COUNT, type: integer}\n- {name: TEXT, type: integer, default: 1}",
            &[
                "templates/kid.yaml:2:1: error: unknown parameter \"CUONT\"\n  hint: did you mean \"COUNT\"?",
            ],
        ),
        // Rules of their own.
        (Some("- {{ .Params.NODES }}\n{{ nope }}"), count, &[]),
    ];
    for (file, child, expected) in table {
        assert_eq!(said(file, child), expected, "{file:?} {child}");
    }
}

#[test]
fn a_package_alone_says_nothing_of_its_children() {
    let parent = package(
        "kafka",
        "{package: ../zookeeper, parameterFile: kid.yaml}",
        PARENT,
        &[("kid.yaml", "NOPE: 1\n")],
    );
    let rules: Vec<_> = verify_package(&parent)
        .into_iter()
        .filter(Diagnostic::is_error)
        .collect();
    assert_eq!(rules, []);
}
