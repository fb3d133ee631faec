//! Rendered text that is no YAML: the line is shown, and the parameters that stand on it are named.

use std::collections::BTreeMap;

use kudo_package::Package;
use kudo_template::verify::verify_package;
use kudo_template::{
    InstanceIdentity, Limits, Renderer, StepAddress, Values, render_namespace, render_task,
};
use serde_json::{Value, json};

const OPERATOR: &str = "
apiVersion: kudo.dev/v1beta1
name: op
operatorVersion: 1.0.0
kubernetesVersion: 1.17.0
tasks:
  - {name: go, kind: Apply, spec: {resources: [t.yaml]}}
  - {name: hbs, kind: Apply, spec: {resources: [t.yaml.hbs]}}
  - {name: pod, kind: Pipe, spec: {pod: t.yaml, pipe: [{file: /tmp/x, kind: Secret, key: x}]}}
  - {name: child, kind: KudoOperator, spec: {package: child, parameterFile: t.yaml}}
plans:
  deploy:
    strategy: serial
    phases:
      - name: main
        strategy: serial
        steps:
          - {name: all, tasks: [go]}
";

fn package(template: &str, text: &str, params: &str) -> Package {
    let files = [
        ("operator.yaml".to_owned(), OPERATOR.into()),
        ("params.yaml".to_owned(), params.into()),
        (format!("templates/{template}"), text.into()),
    ];
    Package::from_files(files.into_iter().collect()).unwrap()
}

/// What a task that renders this template says.
fn failure(task: &str, text: &str, params: &Value) -> String {
    let template = if task == "hbs" {
        "t.yaml.hbs"
    } else {
        "t.yaml"
    };
    let package = package(
        template,
        text,
        "apiVersion: kudo.dev/v1beta1\nparameters: []\n",
    );
    let address = StepAddress {
        plan: "deploy".to_owned(),
        phase: "main".to_owned(),
        step: "all".to_owned(),
    };
    let instance = InstanceIdentity {
        name: "i",
        namespace: "ns",
    };
    let params: BTreeMap<String, Value> = serde_json::from_value(params.clone()).unwrap();
    let task = package.definition.task(task).unwrap();
    let renderer = Renderer::new(Limits::default());
    let result = render_task(
        &renderer,
        &package.definition,
        instance,
        &address,
        task,
        &params,
    );
    result.unwrap_err().to_string()
}

#[test]
fn the_line_is_shown_and_its_parameters_are_named() {
    let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n";
    let table = [
        (
            "  a: {{ .Params.A }}\n",
            json!({"A": "x: y", "B": "x: y"}),
            "line 5, column 7: a mapping can't start here; put the value in quotes if ':' is part \
             of it; line 5 is \"a: x: y\" (parameter A)",
        ),
        (
            "  a: {{ .Params.A }}\n  b: {{ .Params.B }}\n",
            json!({"A": "x", "B": "@y"}),
            "line 6, column 6: a value can't start with '@'; put it in quotes; line 6 is \"b: @y\" \
             (parameter B)",
        ),
        // The line is that of the bracket, not the one where it is missed.
        (
            "  a: {{ .Params.A }}\n  b: {{ .Params.B }}\n",
            json!({"A": "[1, 2", "B": "z"}),
            "line 6, column 4: expected ',' or ']' (the '[' in line 5, column 6 is still open); \
             line 5 is \"a: [1, 2\" (parameter A)",
        ),
        // Any line of a text with several.
        (
            "  a: {{ .Params.A }}\n  b: {{ .Params.B }}\n",
            json!({"A": "one\ntwo\nthree", "B": "z"}),
            "line 6, column 1: expected a key followed by ':' here; line 6 is \"two\" (parameter A)",
        ),
        (
            "  a: {{ .Params.A }}-{{ get .Params \"N\" }}: {{ .Params.C }}\n",
            json!({"A": "web", "N": 3, "C": true}),
            "line 5, column 11: a mapping can't start here; put the value in quotes if ':' is part \
             of it; line 5 is \"a: web-3: true\" (parameters A, C, N)",
        ),
        // Not what is a part of a word, nor what the function changes.
        (
            "  a: {{ .Params.A }}: {{ .Params.B | upper }}\n",
            json!({"A": "other", "B": "the"}),
            "line 5, column 11: a mapping can't start here; put the value in quotes if ':' is part \
             of it; line 5 is \"a: other: THE\" (parameter A)",
        ),
        (
            "  a: x: y\n",
            json!({}),
            "line 5, column 7: a mapping can't start here; put the value in quotes if ':' is part \
             of it; line 5 is \"a: x: y\"",
        ),
    ];
    for (text, params, expected) in table {
        let text = format!("{head}{text}");
        let expected = format!("t.yaml: rendered text is not valid YAML: {expected}");
        assert_eq!(failure("go", &text, &params), expected, "{text}");
    }
}

#[test]
fn in_every_kind_of_template() {
    let params = json!({"A": "x: y"});
    let problem = "line 1, column 5: a mapping can't start here; put the value in quotes if ':' is \
                   part of it; line 1 is \"a: x: y\" (parameter A)";
    let table = [
        (
            "hbs",
            "a: {{Params.A}}",
            "t.yaml.hbs: rendered text is not valid YAML: ",
        ),
        (
            "pod",
            "a: {{ .Params.A }}",
            "task \"pod\": template \"t.yaml\": t.yaml: rendered text is not valid YAML: ",
        ),
        (
            "child",
            "a: {{ .Params.A }}",
            "task \"child\": parameter file \"t.yaml\": ",
        ),
    ];
    for (task, text, start) in table {
        let found = failure(task, text, &params);
        let found = found.strip_prefix(start).unwrap_or(&found);
        assert_eq!(found, problem, "{task}");
    }
    let found = failure("go", "{{ .Params.A }}", &json!({"A": "nonsense"}));
    let expected = "t.yaml: line 1 of the rendered text: an object must be a map, found text; \
                    line 1 is \"nonsense\" (parameter A)";
    assert_eq!(found, expected);
}

#[test]
fn in_the_manifest_of_a_namespace() {
    let renderer = Renderer::new(Limits::default());
    let values = Values {
        params: BTreeMap::from([("A".to_owned(), json!("x: y"))]),
        ..Values::default()
    };
    let render = |text: &str| {
        let namespace = render_namespace(&renderer, "ns.yaml", text, &values, "apps");
        namespace.map_err(|error| error.to_string())
    };
    let head = "apiVersion: v1\nkind: Namespace\n";
    let broken = "ns.yaml: rendered text is not valid YAML: line 4, column 7: a mapping can't start \
                  here; put the value in quotes if ':' is part of it; line 4 is \"a: x: y\" \
                  (parameter A)";
    let table = [
        (
            head.to_owned(),
            Ok(Some(
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}),
            )),
        ),
        (format!("{head}---\n{head}"), Ok(None)),
        ("kind: Pod\n".to_owned(), Ok(None)),
        (
            format!("{head}metadata:\n  a: {{{{ .Params.A }}}}\n"),
            Err(broken.to_owned()),
        ),
    ];
    for (text, expected) in table {
        assert_eq!(render(&text), expected, "{text}");
    }
}

#[test]
fn the_line_is_bounded() {
    let around =
        |before: usize, after: usize| format!("a: {}: {}", "b".repeat(before), "c".repeat(after));
    let table = [
        (
            around(10, 300),
            format!("a: bbbbbbbbbb: {}…", &"c".repeat(85)),
        ),
        (
            around(300, 300),
            format!("…{}: {}…", "b".repeat(49), "c".repeat(49)),
        ),
        (around(300, 10), format!("…{}: cccccccccc", "b".repeat(88))),
        (
            format!("a: 'é\u{1}{}\n", "x".repeat(300)),
            format!("a: 'é\u{1}{}…", "x".repeat(94)),
        ),
    ];
    for (text, shown) in table {
        let found = failure("go", &text, &json!({}));
        assert_eq!(found.lines().count(), 1, "{found}");
        let (_, line) = found.split_once("; line 1 is ").unwrap_or_default();
        assert_eq!(line, format!("{shown:?}"), "{text}");
    }
}

#[test]
fn what_may_be_of_a_secret_is_not_shown() {
    let params = json!({
        "PASSWORD": "hun: ter2",
        "LINES": "hun\n---\nter2: [",
        "STAR": "*hunter2",
        "TAG": "!hun!ter2",
    });
    let templates = [
        "kind: Secret\nstringData:\n  a: {{ .Params.PASSWORD }}\n",
        "kind: \"Secret\"\nstringData:\n  a: {{ .Params.PASSWORD }}\n",
        "kind: !!str Secret\nstringData:\n  a: {{ .Params.PASSWORD }}\n",
        "{\"kind\":\n\"Secret\", \"stringData\": {\"a\": {{ .Params.PASSWORD }}: \n",
        "stringData:\n  a: {{ .Params.PASSWORD }}\nkind: Secret\n",
        // The value itself may begin a document that is no Secret any more.
        "kind: Secret\nstringData:\n  a: {{ .Params.LINES }}\n",
        // What the message itself would quote.
        "kind: Secret\nstringData:\n  a: {{ .Params.STAR }}\n",
        "kind: Secret\nstringData:\n  a: {{ .Params.TAG }}\n",
    ];
    for template in templates {
        let found = failure("go", template, &params);
        assert!(found.contains("not valid YAML: line "), "{found}");
        assert!(
            !found.contains("hun") && !found.contains("ter2") && !found.contains("PASSWORD"),
            "{template}: {found}"
        );
    }
}

#[test]
fn verification_shows_it_for_the_defaults() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {{ .Params.A }}\n";
    let params = "apiVersion: kudo.dev/v1beta1\nparameters:\n- name: A\n  default: 'x: y'\n  description: A\n";
    let found = verify_package(&package("t.yaml", text, params));
    let found: Vec<String> = found
        .iter()
        .filter(|found| found.rule == "template-renders")
        .map(ToString::to_string)
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    let end = "; line 4 is \"data: x: y\" (parameter A)";
    assert!(found[0].ends_with(end), "{found:?}");
}
