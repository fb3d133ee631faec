//! Between packages, resources and definitions.

use std::collections::BTreeMap;

use kudo_api::{DefinitionError, OperatorVersion, convert};
use kudo_package::{
    Manifest, OperatorDefinition, Package, Parameter, Phase, PipeFile, PipeKind, PipeSource, Plan,
    Step, Strategy, Task, TaskSpec, ValueType,
};
use serde_json::{Value, json};

fn task(name: &str, spec: TaskSpec) -> Task {
    Task {
        name: name.to_owned(),
        spec,
    }
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// A definition with every kind of everything in it.
fn definition() -> OperatorDefinition {
    OperatorDefinition {
        operator_name: "first".to_owned(),
        operator_version: "0.2.0".to_owned(),
        app_version: Some("1.7.9".into()),
        templates: BTreeMap::from([("a.yaml".to_owned(), "kind: Pod\n".to_owned())]),
        tasks: tasks(),
        parameters: parameters(),
        plans: BTreeMap::from([
            ("deploy".to_owned(), plan(Some(Strategy::Serial))),
            ("scale".to_owned(), plan(Some(Strategy::Parallel))),
            ("loose".to_owned(), plan(None)),
            ("empty".to_owned(), Plan::default()),
        ]),
    }
}

fn tasks() -> Vec<Task> {
    vec![
        task(
            "apply",
            TaskSpec::Apply {
                resources: strings(&["a.yaml"]),
            },
        ),
        task(
            "delete",
            TaskSpec::Delete {
                resources: strings(&["a.yaml"]),
            },
        ),
        task(
            "toggle",
            TaskSpec::Toggle {
                resources: strings(&["a.yaml"]),
                parameter: "P".to_owned(),
            },
        ),
        task(
            "pipe",
            TaskSpec::Pipe {
                pod: "a.yaml".to_owned(),
                pipe: vec![
                    PipeFile {
                        source: PipeSource::File("/t/a".to_owned()),
                        kind: PipeKind::Secret,
                        key: "A".to_owned(),
                    },
                    PipeFile {
                        source: PipeSource::EnvFile("/t/b".to_owned()),
                        kind: PipeKind::ConfigMap,
                        key: "B".to_owned(),
                    },
                ],
            },
        ),
        task(
            "child",
            TaskSpec::KudoOperator {
                package: "zookeeper".to_owned(),
                instance_name: Some("zk".into()),
                app_version: Some("3.4".into()),
                operator_version: Some("0.3.1".into()),
                parameter_file: Some("a.yaml".into()),
            },
        ),
        task(
            "least",
            TaskSpec::KudoOperator {
                package: "zookeeper".to_owned(),
                instance_name: None,
                app_version: None,
                operator_version: None,
                parameter_file: None,
            },
        ),
        task(
            "fail",
            TaskSpec::Dummy {
                want_err: true,
                fatal: true,
                done: false,
            },
        ),
        task(
            "done",
            TaskSpec::Dummy {
                want_err: false,
                fatal: false,
                done: true,
            },
        ),
    ]
}

fn parameters() -> Vec<Parameter> {
    vec![
        Parameter {
            name: "P".to_owned(),
            required: true,
            ..Parameter::default()
        },
        Parameter {
            name: "REPLICAS".to_owned(),
            display_name: Some("Replicas".into()),
            description: Some("How many.".into()),
            required: false,
            default: Some(String::new()),
            trigger: Some("scale".into()),
            value_type: ValueType::Integer,
            immutable: true,
            enum_values: Some(strings(&["1", "3"])),
            ..Parameter::default()
        },
    ]
}

fn plan(strategy: Option<Strategy>) -> Plan {
    let step = |name: &str| Step {
        name: name.to_owned(),
        tasks: strings(&["apply", "done"]),
    };
    let phase = Phase {
        name: "main".to_owned(),
        strategy,
        steps: vec![step("one"), step("two")],
    };
    Plan {
        strategy,
        phases: vec![phase],
    }
}

fn package() -> Package {
    let maintainer = kudo_package::Maintainer {
        name: Some("Somebody".to_owned()),
        email: Some("some@example.org".to_owned()),
    };
    Package {
        definition: definition(),
        manifest: Manifest {
            api_version: "kudo.dev/v1beta1".to_owned(),
            description: Some("The first.".to_owned()),
            kudo_version: Some("0.19.0".to_owned()),
            kubernetes_version: Some("1.16.0".to_owned()),
            maintainers: vec![maintainer],
            url: Some("https://example.org".to_owned()),
            namespace_manifest: Some("a.yaml".to_owned()),
        },
        ..Package::default()
    }
}

#[test]
fn a_definition_survives_the_cluster() {
    let resource = convert::operator_version(&package(), "ns");
    let stored = serde_json::to_string(&resource).unwrap();
    let read: OperatorVersion = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, resource);
    assert_eq!(OperatorDefinition::try_from(&read).unwrap(), definition());
}

#[test]
fn an_operator_says_what_the_manifest_says() {
    let operator = convert::operator(&package(), "ns");
    assert_eq!(
        serde_json::to_value(operator).unwrap(),
        json!({
            "apiVersion": "kudo.dev/v1beta1",
            "kind": "Operator",
            "metadata": { "name": "first", "namespace": "ns" },
            "spec": {
                "description": "The first.",
                "kudoVersion": "0.19.0",
                "kubernetesVersion": "1.16.0",
                "maintainers": [{ "name": "Somebody", "email": "some@example.org" }],
                "url": "https://example.org",
                "namespaceManifest": "a.yaml"
            }
        })
    );
}

#[test]
fn resources_are_named_and_linked_as_upstream_did() {
    let version = convert::operator_version(&package(), "ns");
    assert_eq!(version.metadata.name.as_deref(), Some("first-1.7.9-0.2.0"));
    assert_eq!(version.metadata.namespace.as_deref(), Some("ns"));
    assert_eq!(version.spec.operator.name.as_deref(), Some("first"));
    assert_eq!(version.spec.operator.kind.as_deref(), Some("Operator"));

    let parameters = BTreeMap::from([("P".to_owned(), "1".to_owned())]);
    let instance = convert::instance(&package(), "mine", "ns", parameters.clone());
    assert_eq!(
        instance.spec.operator_version.name.as_deref(),
        Some("first-1.7.9-0.2.0")
    );
    assert_eq!(instance.spec.parameters, parameters);
    let labels = instance.metadata.labels.unwrap();
    assert_eq!(labels["kudo.dev/operator"], "first");
}

#[test]
fn parameters_are_written_with_their_defaults_as_text() {
    let version = convert::operator_version(&package(), "ns");
    assert_eq!(
        serde_json::to_value(version.spec.parameters).unwrap(),
        json!([
            { "name": "P", "required": true, "value-type": "string", "immutable": false },
            {
                "displayName": "Replicas",
                "name": "REPLICAS",
                "description": "How many.",
                "required": false,
                "default": "",
                "trigger": "scale",
                "value-type": "integer",
                "immutable": true,
                "enum": ["1", "3"]
            }
        ])
    );
}

fn converted(spec: &Value) -> Result<OperatorDefinition, DefinitionError> {
    let version: OperatorVersion =
        serde_json::from_value(json!({ "metadata": { "name": "x" }, "spec": spec })).unwrap();
    OperatorDefinition::try_from(&version)
}

#[test]
fn a_bad_operator_version_is_told_with_the_reason_of_its_event() {
    let task =
        |kind: &str, spec: Value| json!({ "tasks": [{ "name": "t", "kind": kind, "spec": spec }] });
    let plan = |plan: Value| json!({ "plans": { "deploy": plan } });
    let cases = [
        (
            task("Aply", json!({})),
            "TaskBuildError",
            r#"task "t": unknown task kind "Aply", did you mean "Apply"?"#,
        ),
        (
            task("", json!({})),
            "TaskBuildError",
            r#"task "t": unknown task kind """#,
        ),
        (task("Apply", json!({})), "TaskBuildError", r#"task "t": "#),
        (
            task("Toggle", json!({ "resources": ["a"] })),
            "TaskBuildError",
            "parameter",
        ),
        (
            task("Pipe", json!({ "pod": "a" })),
            "TaskBuildError",
            "pipe",
        ),
        (
            task(
                "Pipe",
                json!({ "pod": "a", "pipe": [{ "file": "/a", "kind": "Pod", "key": "k" }] }),
            ),
            "TaskBuildError",
            "kind",
        ),
        (task("KudoOperator", json!({})), "TaskBuildError", "package"),
        (
            plan(json!({ "strategy": "seriel" })),
            "InvalidPlan",
            r#"plan "deploy": unknown strategy "seriel""#,
        ),
        (
            plan(json!({ "phases": [{ "name": "p", "strategy": "paralell" }] })),
            "InvalidPlan",
            r#"plan "deploy", phase "p": unknown strategy "paralell""#,
        ),
        (
            json!({ "parameters": [{ "name": "P", "value-type": "int" }] }),
            "InvalidOperatorVersion",
            r#"parameter "P": unknown parameter type "int""#,
        ),
    ];
    for (spec, reason, message) in cases {
        let error = converted(&spec).expect_err(&spec.to_string());
        assert_eq!(error.reason(), reason, "{spec}");
        assert!(error.to_string().contains(message), "{spec}: {error}");
    }
}

#[test]
fn what_upstream_left_out_has_upstreams_meaning() {
    let definition = converted(&json!({
        "operator": { "name": "first" },
        "parameters": [{ "name": "P" }],
        // Fields of other kinds were stored and never read.
        "tasks": [{
            "name": "t",
            "kind": "Apply",
            "spec": { "resources": ["a"], "parameter": "P", "done": true }
        }],
        "plans": { "deploy": { "strategy": "", "phases": null } }
    }))
    .unwrap();
    assert!(!definition.parameters[0].required);
    assert!(!definition.parameters[0].immutable);
    assert_eq!(definition.parameters[0].value_type, ValueType::String);
    assert_eq!(definition.parameters[0].default, None);
    assert_eq!(definition.plans["deploy"].strategy, None);
    assert_eq!(definition.app_version, None);
    assert_eq!(
        definition.tasks[0].spec,
        TaskSpec::Apply {
            resources: vec!["a".to_owned()]
        }
    );
}
