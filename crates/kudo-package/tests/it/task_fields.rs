//! From the fields of a task to the task of its kind.

use kudo_package::{PipeFields, PipeKind, PipeSource, TaskFields, TaskSpec};

fn resources(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn complaints(fields: TaskFields, kind: &str, strict: bool) -> Vec<String> {
    match fields.build(kind, strict) {
        Ok(spec) => panic!("built {spec:?}"),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn builds_each_kind() {
    let all = TaskFields {
        resources: resources(&["a.yaml"]),
        parameter: some("P"),
        pod: some("pod.yaml"),
        pipe: Some(vec![PipeFields {
            file: some("/tmp/f"),
            kind: some("Secret"),
            key: some("k_1-A"),
            ..PipeFields::default()
        }]),
        package: some("zookeeper"),
        operator_version: some(""),
        parameter_file: some("p.yaml"),
        want_err: Some(true),
        ..TaskFields::default()
    };
    for kind in kudo_package::TASK_KINDS {
        assert_eq!(all.clone().build(kind, false).unwrap().kind(), *kind);
    }
    let TaskSpec::Pipe { pod, pipe } = all.clone().build("Pipe", false).unwrap() else {
        panic!("not a Pipe")
    };
    assert_eq!(pod, "pod.yaml");
    assert_eq!(pipe[0].source, PipeSource::File("/tmp/f".to_owned()));
    assert_eq!(pipe[0].kind, PipeKind::Secret);
    let TaskSpec::KudoOperator {
        operator_version,
        parameter_file,
        instance_name,
        ..
    } = all.build("KudoOperator", false).unwrap()
    else {
        panic!("not a KudoOperator")
    };
    assert_eq!((operator_version, instance_name), (None, None));
    assert_eq!(parameter_file, some("p.yaml"));
}

#[test]
fn templates_of_each_kind() {
    let pipe = TaskSpec::Pipe {
        pod: "pod.yaml".to_owned(),
        pipe: Vec::new(),
    };
    assert_eq!(pipe.templates(), ["pod.yaml"]);
    let dummy = TaskSpec::Dummy {
        want_err: false,
        fatal: false,
        done: true,
    };
    assert!(dummy.templates().is_empty());
    let toggle = TaskSpec::Toggle {
        resources: vec!["a.yaml".to_owned(), "b.yaml".to_owned()],
        parameter: "P".to_owned(),
    };
    assert_eq!(toggle.templates(), ["a.yaml", "b.yaml"]);
}

#[test]
fn tells_what_is_missing() {
    let cases: &[(&str, &[&str])] = &[
        ("Apply", &["a task of kind Apply needs \"resources\""]),
        ("Delete", &["a task of kind Delete needs \"resources\""]),
        (
            "Toggle",
            &[
                "a task of kind Toggle needs \"resources\"",
                "a task of kind Toggle needs \"parameter\"",
            ],
        ),
        (
            "Pipe",
            &[
                "a task of kind Pipe needs \"pod\"",
                "a task of kind Pipe needs \"pipe\"",
            ],
        ),
        (
            "KudoOperator",
            &["a task of kind KudoOperator needs \"package\""],
        ),
        (
            "apply",
            &[
                "unknown task kind \"apply\", must be one of Apply, Delete, Toggle, Pipe, \
               KudoOperator, Dummy",
            ],
        ),
    ];
    for (kind, expected) in cases {
        assert_eq!(
            complaints(TaskFields::default(), kind, true),
            *expected,
            "{kind}"
        );
    }
    let empty = TaskFields {
        resources: resources(&[]),
        ..TaskFields::default()
    };
    assert_eq!(
        complaints(empty, "Apply", true),
        ["a task of kind Apply needs \"resources\""]
    );
}

#[test]
fn tells_what_is_superfluous_only_if_strict() {
    let fields = TaskFields {
        resources: resources(&["a.yaml"]),
        parameter: some("P"),
        done: Some(false),
        ..TaskFields::default()
    };
    assert!(fields.clone().build("Apply", false).is_ok());
    assert_eq!(
        complaints(fields, "Apply", true),
        [
            "a task of kind Apply has no field \"parameter\"",
            "a task of kind Apply has no field \"done\"",
        ]
    );
}

#[test]
fn checks_pipes() {
    let pipe = |file: &str, env_file: &str, kind: &str, key: &str| {
        let fields = TaskFields {
            pod: some("pod.yaml"),
            pipe: Some(vec![PipeFields {
                file: some(file),
                env_file: some(env_file),
                kind: some(kind),
                key: some(key),
            }]),
            ..TaskFields::default()
        };
        fields.build("Pipe", true).map_err(|errors| {
            errors
                .iter()
                .map(|error| format!("{} {error}", error.field().unwrap_or_default()))
                .collect::<Vec<_>>()
                .join("; ")
        })
    };
    assert!(pipe("/f", "", "ConfigMap", "k").is_ok());
    assert!(pipe("", "/f", "Secret", "A-b_9").is_ok());
    let cases = [
        (
            pipe("/f", "/g", "Secret", "k"),
            "pipe[0] a pipe needs either",
        ),
        (pipe("", "", "Secret", "k"), "pipe[0] a pipe needs either"),
        (
            pipe("/f", "", "secret", "k"),
            "pipe[0].kind a pipe's kind is Secret or ConfigMap",
        ),
        (
            pipe("/f", "", "", "k"),
            "pipe[0].kind a task of kind Pipe needs",
        ),
        (
            pipe("/f", "", "Secret", "a.b"),
            "pipe[0].key a pipe's key consists of",
        ),
        (
            pipe("/f", "", "Secret", "a b"),
            "pipe[0].key a pipe's key consists of",
        ),
        (
            pipe("/f", "", "Secret", "é"),
            "pipe[0].key a pipe's key consists of",
        ),
        (
            pipe("/f", "", "Secret", ""),
            "pipe[0].key a task of kind Pipe needs",
        ),
    ];
    for (actual, expected) in cases {
        let actual = actual.unwrap_err();
        assert!(actual.starts_with(expected), "{actual} / {expected}");
    }
}
