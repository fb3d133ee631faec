//! What the template of a Pipe task's pod may say, and what is added to it.

use kudo_package::{PipeFile, PipeKind, PipeSource};
use kudo_template::pipe_pod::{check, complete, is_key};
use serde_json::{Value, json};

fn file(path: &str) -> PipeFile {
    PipeFile {
        source: PipeSource::File(path.to_owned()),
        kind: PipeKind::ConfigMap,
        key: "key".to_owned(),
    }
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "p" },
        "spec": {
            "volumes": [
                { "name": "settings", "configMap": { "name": "x" } },
                { "name": "out", "emptyDir": {} },
            ],
            "initContainers": [{
                "name": "init",
                "image": "app",
                "volumeMounts": [
                    { "name": "settings", "mountPath": "/etc/app" },
                    { "name": "out", "mountPath": "/tmp/out/", "readOnly": false },
                ],
            }],
        },
    })
}

#[test]
fn pods_that_files_can_be_copied_out_of_and_others() {
    let edit = |pointer: &str, value: Value| {
        let mut pod = pod();
        *pod.pointer_mut(pointer).unwrap() = value;
        pod
    };
    let with = |key: &str, value: Value| {
        let mut pod = pod();
        pod["spec"][key] = value;
        pod
    };
    let container = json!([{ "name": "c", "image": "x" }]);
    let cases = [
        (pod(), ""),
        (with("containers", json!([])), ""),
        (with("containers", Value::Null), ""),
        (with("restartPolicy", json!("OnFailure")), ""),
        (with("restartPolicy", json!("")), ""),
        (
            with("restartPolicy", json!("Never")),
            "the pod's restartPolicy must be OnFailure, or left out, and is \"Never\"",
        ),
        (
            with("containers", container.clone()),
            "the pod must have no containers, only an init container that writes the files: KUDO adds \
             the container that keeps the pod until they are copied",
        ),
        (
            with("initContainers", json!([])),
            "the pod must have exactly one init container, which writes the files, and has 0",
        ),
        (
            with("initContainers", json!([{}, {}])),
            "the pod must have exactly one init container, which writes the files, and has 2",
        ),
        (
            with("volumes", Value::Null),
            "the pod must have exactly one emptyDir volume, for the files, and has 0",
        ),
        (
            with(
                "volumes",
                json!([{ "name": "a", "emptyDir": {} }, { "name": "b", "emptyDir": {} }]),
            ),
            "the pod must have exactly one emptyDir volume, for the files, and has 2",
        ),
        (
            edit("/spec/initContainers/0/volumeMounts/1/name", json!("other")),
            "the init container must mount the emptyDir volume \"out\", for the files",
        ),
        (
            edit(
                "/spec/initContainers/0/volumeMounts/1/mountPath",
                json!("/data"),
            ),
            "file \"/tmp/out/index.html\" must lie under \"/data\", where the emptyDir volume is mounted",
        ),
        (
            json!({ "spec": [] }),
            "the pod must have exactly one init container, which writes the files, and has 0",
        ),
    ];
    for (pod, expected) in cases {
        let found = check(&pod, &[file("/tmp/out/index.html")]).err();
        let found = found.map(|problem| problem.to_string()).unwrap_or_default();
        assert_eq!(found, expected, "{pod:#}");
    }
}

#[test]
fn files_lie_under_the_mount_path() {
    let cases = [
        ("/tmp/out/a", true),
        ("/tmp/out/deep/a.txt", true),
        ("/tmp/out/.env", true),
        ("/tmp/out//./a", true),
        ("/tmp/out/x/../a", true),
        ("/tmp/out", false),
        ("/tmp/out/", false),
        ("/tmp/outside", false),
        ("/tmp/out/../a", false),
        ("/tmp/out/../../etc/passwd", false),
        ("/../tmp/out/a", false),
        ("/etc/passwd", false),
        ("tmp/out/a", false),
        ("a", false),
        ("", false),
        ("/tmp/out/a b", false),
        ("/tmp/out/..a", false),
        ("/tmp/out/ä", false),
        ("/tmp/out/a/", false),
    ];
    for (path, expected) in cases {
        assert_eq!(check(&pod(), &[file(path)]).is_ok(), expected, "{path}");
    }
    let mut root = pod();
    root["spec"]["initContainers"][0]["volumeMounts"][1]["mountPath"] = json!("/");
    assert!(check(&root, &[file("/anything")]).is_ok());
    assert!(is_key(&"a".repeat(253)) && !is_key(&"a".repeat(254)));
}

#[test]
fn the_waiter_has_the_volume_where_the_writer_has_it() {
    let mut template = pod();
    template["metadata"]["annotations"] = json!({ "own": "1" });
    template["spec"]["initContainers"][0]["volumeMounts"][1]["subPath"] = json!("part");
    let complete_pod = complete(&template, "example.com/tools:1");
    let spec = &complete_pod["spec"];
    assert_eq!(spec["restartPolicy"], "OnFailure");
    assert_eq!(spec["containers"][0]["name"], "waiter");
    assert_eq!(spec["containers"][0]["image"], "example.com/tools:1");
    assert_eq!(
        spec["containers"][0]["volumeMounts"],
        json!([{ "name": "out", "mountPath": "/tmp/out/", "subPath": "part" }])
    );
    assert_eq!(
        complete_pod["metadata"]["annotations"],
        json!({ "own": "1", "kudo.dev/pipepod": "true" })
    );
    assert_eq!(
        complete_pod["spec"]["initContainers"],
        template["spec"]["initContainers"]
    );
    assert_eq!(
        complete(&json!({}), "x")["metadata"]["annotations"]["kudo.dev/pipepod"],
        "true"
    );
}
