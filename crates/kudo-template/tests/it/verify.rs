//! The verification rules that need the template engine, each on a small package.

use std::collections::BTreeMap;

use kudo_package::{Package, Severity};
use kudo_template::verify::{RULES, verify_package};

const OPERATOR: &str = "
apiVersion: kudo.dev/v1beta1
name: op
operatorVersion: 1.0.0
kubernetesVersion: 1.17.0
tasks:
  - name: app
    kind: Apply
    spec:
      resources: [t.yaml]
  - name: files
    kind: Pipe
    spec:
      pod: pod.yaml
      pipe:
        - file: /tmp/x
          kind: Secret
          key: Tls
  - name: child
    kind: KudoOperator
    spec:
      package: child
      parameterFile: child.yaml
  - name: toggle
    kind: Toggle
    spec:
      resources: [t.yaml]
      parameter: TOGGLE
plans:
  deploy:
    strategy: serial
    phases:
      - name: main
        strategy: serial
        steps:
          - name: first
            tasks: [app, files, child, toggle]
";

const PARAMS: &str = "
apiVersion: kudo.dev/v1beta1
parameters:
  - name: COUNT
    default: 3
    type: integer
  - name: TOGGLE
    default: true
    type: boolean
  - name: PLAN
    default: x
    trigger: deploy
";

const POD: &str = "
kind: Pod
apiVersion: v1
spec:
  volumes: [{name: out, emptyDir: {}}]
  initContainers: [{name: a, volumeMounts: [{name: out, mountPath: /tmp}]}]
";

/// Findings of these rules in the package with this template, as they are shown.
fn findings(template: &str, more: &[(&str, &str)]) -> Vec<String> {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x{{ .Params.COUNT }}\n";
    let template = format!("{object}{template}");
    let mut files = BTreeMap::from([
        ("operator.yaml", OPERATOR),
        ("params.yaml", PARAMS),
        ("templates/t.yaml", template.as_str()),
        ("templates/pod.yaml", POD),
        ("templates/child.yaml", "A: {{ .Params.COUNT }}"),
    ]);
    files.extend(more.iter().copied());
    let files = files
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text.into()));
    let package = Package::from_files(files.collect()).unwrap();
    let names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    let all = verify_package(&package);
    let ours = all
        .iter()
        .filter(|diagnostic| names.contains(&diagnostic.rule));
    ours.map(|diagnostic| format!("{}: {diagnostic}", diagnostic.rule))
        .collect()
}

#[test]
fn nothing_to_say_about_a_good_package() {
    let good = [
        "",
        "data:\n  a: {{ .Name }}{{ .Namespace }}{{ .OperatorName }}{{ .AppVersion }}{{ .OperatorVersion }}",
        "data:\n  a: {{ .PlanName }}{{ .PhaseName }}{{ .StepName }}{{ .Pipes.Tls }}",
        "data:\n  a: {{ range until 2 }}{{ $.Params.COUNT }}{{ . }}{{ end }}",
        "data:\n  a: {{ with dict \"x\" 1 }}{{ .x }}{{ end }}",
        "data:\n  a: {{ define \"d\" }}{{ .anything }}{{ end }}{{ template \"d\" (dict \"anything\" 1) }}",
        "data:\n  a: {{ define \"d\" }}{{ .Name }}{{ end }}{{ template \"d\" . }}",
        "data:\n  a: {{ get .Params \"NOPE\" }}{{ hasKey .Params \"NOPE\" }}",
        "data:\n  a: {{ if eq .StepName \"first\" }}x{{ else }}{{ fail \"no such step\" }}{{ end }}",
    ];
    for template in good {
        assert_eq!(findings(template, &[]), Vec::<String>::new(), "{template}");
    }
}

#[test]
fn what_go_templates_do_wrong() {
    let cases = [
        (
            "a: {{ .Params.CUONT }}",
            "undefined-parameter: templates/t.yaml:5:14: error: parameter \"CUONT\" is not defined\n  hint: did you mean \"COUNT\"?",
        ),
        (
            "a: {{ $.Params.NOPE }}{{ .Params.NOPE }}",
            "undefined-parameter: templates/t.yaml:5:8: error: parameter \"NOPE\" is not defined",
        ),
        (
            "a: {{ range until 1 }}{{ $.Params.NOPE }}{{ end }}",
            "undefined-parameter: templates/t.yaml:5:27: error: parameter \"NOPE\" is not defined",
        ),
        (
            "a: {{ if (eq .Params.NOPE \"x\") }}{{ end }}",
            "undefined-parameter: templates/t.yaml:5:21: error: parameter \"NOPE\" is not defined",
        ),
        (
            "a: {{ .COUNT }}",
            "undefined-value: templates/t.yaml:5:7: error: there is no value \"COUNT\"; parameters are in Params",
        ),
        (
            "a: {{ .Nmae }}",
            "undefined-value: templates/t.yaml:5:7: error: there is no value \"Nmae\"; parameters are in Params\n  hint: did you mean \"Name\"?",
        ),
        (
            "a: {{ define \"d\" }}{{ .Nope }}{{ end }}{{ template \"d\" . }}",
            "undefined-value: templates/t.yaml:5:23: error: there is no value \"Nope\"; parameters are in Params",
        ),
        (
            "a: {{ .Pipes.tls }}",
            "undefined-pipe: templates/t.yaml:5:13: error: no Pipe task has the key \"tls\"\n  hint: did you mean \"Tls\"?",
        ),
        (
            "a: {{ .Name",
            "template-syntax: templates/t.yaml:5:12: error: unclosed action",
        ),
        (
            "a: {{ uper .Name }}",
            "undefined-function: templates/t.yaml:5:7: error: function \"uper\" not defined\n  hint: did you mean \"upper\"?",
        ),
        (
            "a: {{ fail \"boom\" }}",
            "template-renders: templates/t.yaml:5:7: error: at <fail \"boom\">: error calling fail: boom",
        ),
        (
            "a: {{ add1 .Params.COUNT | upper }}",
            "template-renders: templates/t.yaml:5:28: error: at <upper>: wrong type for value; expected string; got int64",
        ),
        (
            " b: - x\n\ty",
            "template-renders: templates/t.yaml: error: rendered text is not valid YAML: ",
        ),
        (
            "---\n- a\n",
            "template-renders: templates/t.yaml: error: line 6 of the rendered text: an object must be a map, found a list",
        ),
        (
            "---\nkind: Service\napiVersion: v1\n",
            "template-renders: templates/t.yaml: error: line 6 of the rendered text: object Service has no metadata.name",
        ),
    ];
    for (template, expected) in cases {
        let found = findings(template, &[]);
        let matches = found.iter().any(|found| found.starts_with(expected));
        let only = found
            .iter()
            .filter(|found| !found.contains("unused-parameter"))
            .count()
            == 1;
        assert!(
            matches && only,
            "{template}\n  expected {expected}\n  found {found:#?}"
        );
    }
}

/// Each finding as its place and its name are shown, without the rest.
fn undefined_functions(file: &str, text: &str) -> Vec<String> {
    let found = findings("", &[(file, text)]);
    let prefix = format!("undefined-function: {file}:");
    let ours = found.iter().filter_map(|found| found.strip_prefix(&prefix));
    ours.map(|found| found.replace(" error: ", " ").replace("\n  hint: ", "; "))
        .collect()
}

#[test]
fn all_that_go_templates_name_and_is_not_there_wherever_it_stands() {
    let table: [(&str, &[&str]); 9] = [
        (
            "a: {{ uper .Name }}\nb: {{ .Name | lowr | quot }}",
            &[
                "1:7: function \"uper\" not defined; did you mean \"upper\"?",
                "2:15: function \"lowr\" not defined; did you mean \"lower\"?",
                "2:22: function \"quot\" not defined; did you mean \"quote\"?",
            ],
        ),
        (
            "{{ if false }}{{ uper .Name }}{{ else if (lowr 1) }}{{ else }}{{ nopenope }}{{ end }}",
            &[
                "1:18: function \"uper\" not defined; did you mean \"upper\"?",
                "1:43: function \"lowr\" not defined; did you mean \"lower\"?",
                "1:66: function \"nopenope\" not defined",
            ],
        ),
        (
            "{{ if false }}{{ template \"nope\" }}{{ end }}",
            &["1:27: template \"nope\" not defined"],
        ),
        (
            "{{ define \"label\" }}{{ template \"inner\" . }}{{ end }}{{ range list }}{{ template \"lable\" . }}{{ end }}",
            &[
                "1:33: template \"inner\" not defined",
                "1:82: template \"lable\" not defined; did you mean \"label\"?",
            ],
        ),
        (
            "{{ template \"nope\" uper }}",
            &[
                "1:13: template \"nope\" not defined",
                "1:20: function \"uper\" not defined; did you mean \"upper\"?",
            ],
        ),
        (
            "{{ if false }}{{ $nmae }}{{ $naem := 1 }}{{ $name }}{{ end }}",
            &[
                "1:18: undefined variable \"$nmae\"",
                "1:45: undefined variable \"$name\"; did you mean \"$naem\"?",
            ],
        ),
        // What stands before a mistake in the syntax is told with it.
        (
            "{{ uper 1 }}{{ lowr 2 }}{{ end }}",
            &[
                "1:4: function \"uper\" not defined; did you mean \"upper\"?",
                "1:16: function \"lowr\" not defined; did you mean \"lower\"?",
            ],
        ),
        (
            "{{ block \"b\" . }}{{ end }}{{ template \"b\" . }}{{ template \"c\" . }}{{ define \"c\" }}{{ end }}",
            &[],
        ),
        (
            "{{ template \"templates.yaml\" }}{{/* nope */}}",
            &["1:13: template \"templates.yaml\" not defined"],
        ),
    ];
    for (text, expected) in table {
        let found = undefined_functions("templates/t.yaml", text);
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn all_that_handlebars_templates_name_and_is_not_there_wherever_it_stands() {
    let table: [(&str, &[&str]); 10] = [
        (
            "{{#if false}}{{uper Name}}{{else}}{{/if}}{{quot (lowr Name)}}",
            &[
                "1:16: helper \"uper\" not defined; did you mean \"upper\"?",
                "1:44: helper \"quot\" not defined; did you mean \"quote\"?",
                "1:49: helper \"lowr\" not defined; did you mean \"lower\"?",
            ],
        ),
        (
            "{{#each (list)}}\n{{#if (gtee this 1)}}{{/if}}\n{{/each}}",
            &["2:7: helper \"gtee\" not defined; did you mean \"gte\"?"],
        ),
        (
            "{{#unless true}}{{#foo Name}}{{/foo}}{{/unless}}",
            &["1:20: helper \"foo\" not defined"],
        ),
        (
            "{{#if false}}{{> nope}}{{> \"nope\"}}{{/if}}",
            &[
                "1:14: there is no partial \"nope\": a template can use only those that it defines",
                "1:24: there is no partial \"nope\": a template can use only those that it defines",
            ],
        ),
        (
            "{{#*inline \"label\"}}{{bar 1}}{{> inner}}{{/inline}}{{#if false}}{{> lable}}{{/if}}",
            &[
                "1:23: helper \"bar\" not defined",
                "1:30: there is no partial \"inner\": a template can use only those that it defines",
                "1:65: there is no partial \"lable\": a template can use only those that it defines; did you mean \"label\"?",
            ],
        ),
        (
            "{{#if false}}{{Params.COUNT 1}}{{upper Name x=1}}{{each Name}}{{/if}}",
            &[
                "1:16: Params.COUNT is not a helper and takes no arguments",
                "1:34: upper takes no argument \"x\"",
                "1:52: each is a block: {{#each …}}",
            ],
        ),
        (
            "{{> (uper Name)}}",
            &["1:5: helper \"uper\" not defined; did you mean \"upper\"?"],
        ),
        (
            "{{> p (foo 1) a=(bar 2)}}{{#*inline \"p\"}}{{/inline}}",
            &[
                "1:7: helper \"foo\" not defined",
                "1:17: helper \"bar\" not defined",
            ],
        ),
        (
            "{{lookup Params \"COUNT\"}}{{#if (lte 1 (add1 2))}}{{/if}}{{#if (eq 1 2)}}{{/if}}",
            &[],
        ),
        (
            "{{#*inline \"a\"}}{{/inline}}{{#if false}}{{> a}}{{> (lower \"A\")}}{{/if}}",
            &[],
        ),
    ];
    for (text, expected) in table {
        let found = undefined_functions("templates/t.yaml.hbs", text);
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn other_templates() {
    let cases: [(&str, &str, &str); 6] = [
        (
            "templates/child.yaml",
            "A: {{ .StepName }}",
            "undefined-value: templates/child.yaml:1:7: error: StepName is not there in a parameter file",
        ),
        (
            "templates/child.yaml",
            "A: {{ .Pipes.Tls }}",
            "undefined-value: templates/child.yaml:1:13: error: Pipes is not there",
        ),
        (
            "templates/child.yaml",
            "A: {{ .Params.NOPE }}",
            "undefined-parameter: templates/child.yaml:1:14: error: parameter \"NOPE\"",
        ),
        (
            "templates/pod.yaml",
            "kind: Service\napiVersion: v1\nmetadata: {name: x}",
            "template-renders: templates/pod.yaml: error: must render to exactly one Pod",
        ),
        (
            "templates/unused.yaml.hbs",
            "a: {{Params.CUONT}}",
            "undefined-parameter: templates/unused.yaml.hbs:1:6: error: parameter \"CUONT\" is not defined\n  hint: did you mean \"COUNT\"?",
        ),
        (
            "templates/unused.yaml.hbs",
            "{{#each Params.COUNT}}{{@root.Nope}}{{/each}}",
            "undefined-value: templates/unused.yaml.hbs:1:25: error: there is no value \"Nope\"",
        ),
    ];
    for (file, text, expected) in cases {
        let found = findings("", &[(file, text)]);
        let matches = found.iter().any(|found| found.starts_with(expected));
        assert!(
            matches,
            "{file}: {text}\n  expected {expected}\n  found {found:#?}"
        );
    }
}

#[test]
fn unused_parameters_are_warned_about() {
    let params = format!("{PARAMS}  - name: SPARE\n    default: x\n");
    let expected = "unused-parameter: params.yaml:13:5: warning: parameter \"SPARE\" is not used";
    assert_eq!(findings("", &[("params.yaml", &params)]), [expected]);
    let used = [
        "a: {{ .Params.SPARE }}",
        "a: {{ $.Params.SPARE | upper }}",
        "a: {{ if .Params.SPARE }}{{ end }}",
        "a: {{ get .Params \"SPARE\" }}",
        "a: {{ toYaml .Params | len }}",
        "a: {{ range $k, $v := .Params }}{{ end }}",
        "a: {{ with $ }}{{ .Params.SPARE }}{{ end }}",
    ];
    for template in used {
        let found = findings(template, &[("params.yaml", &params)]);
        assert_eq!(found, Vec::<String>::new(), "{template}");
    }
    let hbs = [
        "{{Params.SPARE}}",
        "{{#each (list 1)}}{{../Params.SPARE}}{{/each}}",
        "{{#with Params}}{{SPARE}}{{/with}}",
        "{{upper @root.Params.SPARE}}",
    ];
    for template in hbs {
        let text = format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\na: {template}");
        let more = [
            ("params.yaml", params.as_str()),
            ("templates/h.yaml.hbs", &text),
        ];
        assert_eq!(findings("", &more), Vec::<String>::new(), "{template}");
    }
}

#[test]
fn findings_of_both_lists_come_together() {
    let files = BTreeMap::from([
        ("operator.yaml".to_owned(), OPERATOR.into()),
        ("params.yaml".to_owned(), PARAMS.into()),
        (
            "templates/t.yaml".to_owned(),
            "kind: Namespace {{ .Nope }}".into(),
        ),
    ]);
    let package = Package::from_files(files).unwrap();
    let found = verify_package(&package);
    let errors = found
        .iter()
        .filter(|found| found.severity == Severity::Error);
    let rules: Vec<&str> = errors.map(|found| found.rule).collect();
    for rule in ["undefined-template", "namespace-kind", "undefined-value"] {
        assert!(rules.contains(&rule), "{rule} not in {rules:?}");
    }
}

#[test]
fn a_namespace_manifest_gets_its_name_where_it_is_used() {
    let operator = format!("{OPERATOR}namespaceManifest: ns.yaml\n");
    let found = |manifest: &str| {
        let files = [
            ("operator.yaml", operator.as_str()),
            ("templates/ns.yaml", manifest),
        ];
        findings("", &files)
    };
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  labels: {of: \"{{ .Name }}\"}\n";
    assert_eq!(found(namespace), [""; 0]);
    let two = format!("{namespace}---\n{namespace}");
    assert_eq!(
        found(&two),
        ["template-renders: templates/ns.yaml: error: must render to exactly one Namespace"]
    );
}
