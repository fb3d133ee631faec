//! Tables: what pod templates read, and what changes the hash.

use serde_json::{Value, json};

use super::*;

fn deployment(spec: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"},
        "spec": {"template": {"spec": spec}}})
}

fn named(object: &Value) -> Vec<String> {
    references(object)
        .iter()
        .map(|reference| format!("{}/{}", reference.source.kind(), reference.name))
        .collect()
}

#[test]
fn everything_a_pod_reads_is_found() {
    let container = |fields: Value| json!({"containers": [fields]});
    let cases: Vec<(&str, Value, Vec<&str>)> = vec![
        ("nothing", json!({}), vec![]),
        (
            "a config map as volume",
            json!({"volumes": [{"name": "v", "configMap": {"name": "a"}}]}),
            vec!["ConfigMap/a"],
        ),
        (
            "a secret as volume",
            json!({"volumes": [{"name": "v", "secret": {"secretName": "a"}}]}),
            vec!["Secret/a"],
        ),
        (
            "a projected volume",
            json!({"volumes": [{"projected": {"sources": [
                {"configMap": {"name": "a"}}, {"secret": {"name": "b"}}, {"downwardAPI": {}},
                {"serviceAccountToken": {"path": "t"}}]}}]}),
            vec!["ConfigMap/a", "Secret/b"],
        ),
        (
            "volumes of other kinds",
            json!({"volumes": [{"emptyDir": {}}, {"persistentVolumeClaim": {"claimName": "a"}},
                {"csi": {"nodePublishSecretRef": {"name": "s"}}}]}),
            vec![],
        ),
        (
            "env from keys",
            container(json!({"env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "k"}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}},
                {"name": "C", "value": "c"},
                {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]})),
            vec!["ConfigMap/a", "Secret/b"],
        ),
        (
            "env from all keys",
            container(
                json!({"envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}, "prefix": "P"}]}),
            ),
            vec!["ConfigMap/a", "Secret/b"],
        ),
        (
            "init containers",
            json!({"initContainers": [{"envFrom": [{"configMapRef": {"name": "a"}}]}]}),
            vec!["ConfigMap/a"],
        ),
        (
            "pull secrets do not reach the pod",
            json!({"imagePullSecrets": [{"name": "pull"}]}),
            vec![],
        ),
        (
            "each once, in order",
            json!({"volumes": [{"secret": {"secretName": "z"}}, {"configMap": {"name": "b"}}],
                "containers": [{"envFrom": [{"configMapRef": {"name": "a"}}, {"configMapRef": {"name": "b"}}]}]}),
            vec!["ConfigMap/a", "ConfigMap/b", "Secret/z"],
        ),
        (
            "a secret and a config map of one name",
            json!({"volumes": [{"secret": {"secretName": "a"}}, {"configMap": {"name": "a"}}]}),
            vec!["ConfigMap/a", "Secret/a"],
        ),
        (
            "names that are empty",
            json!({"volumes": [{"configMap": {"name": ""}}]}),
            vec![],
        ),
        (
            "things of the wrong shape",
            json!({"volumes": {"configMap": {"name": "a"}}, "containers": "x"}),
            vec![],
        ),
    ];
    for (name, spec, expected) in cases {
        assert_eq!(named(&deployment(&spec)), expected, "{name}");
    }
}

#[test]
fn only_pod_templates_read() {
    let spec = json!({"volumes": [{"configMap": {"name": "a"}}]});
    let template = json!({"spec": spec});
    for (api_version, kind, body, found) in [
        (
            "apps/v1",
            "StatefulSet",
            json!({"template": template}),
            true,
        ),
        ("apps/v1", "DaemonSet", json!({"template": template}), true),
        ("batch/v1", "Job", json!({"template": template}), true),
        (
            "v1",
            "ReplicationController",
            json!({"template": template}),
            true,
        ),
        (
            "batch/v1beta1",
            "CronJob",
            json!({"jobTemplate": {"spec": {"template": template}}}),
            true,
        ),
        ("batch/v1", "CronJob", json!({"template": template}), false),
        ("v1", "Pod", spec.clone(), false),
        (
            "example.com/v1",
            "Widget",
            json!({"template": template}),
            false,
        ),
    ] {
        let object = json!({"apiVersion": api_version, "kind": kind, "spec": body});
        assert_eq!(!named(&object).is_empty(), found, "{api_version} {kind}");
    }
}

#[test]
fn only_contents_change_the_digest() {
    let config = |fields: Value| {
        let mut object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}});
        object
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        digest(&object)
    };
    let base = config(json!({"data": {"a": "1", "b": "2"}}));
    assert!(base.is_some());
    for (name, same) in [
        ("order", json!({"data": {"b": "2", "a": "1"}})),
        (
            "labels",
            json!({"data": {"a": "1", "b": "2"}, "metadata": {"name": "x", "labels": {"l": "m"}}}),
        ),
        (
            "annotations",
            json!({"data": {"a": "1", "b": "2"}, "metadata": {"annotations": {"l": "m"}}}),
        ),
        (
            "the server's marks",
            json!({"data": {"a": "1", "b": "2"}, "metadata": {"uid": "u", "resourceVersion": "7"}}),
        ),
        (
            "immutable",
            json!({"data": {"a": "1", "b": "2"}, "immutable": true}),
        ),
        (
            "empty binary data",
            json!({"data": {"a": "1", "b": "2"}, "binaryData": {}}),
        ),
    ] {
        assert_eq!(config(same), base, "{name}");
    }
    for (name, other) in [
        ("a value", json!({"data": {"a": "1", "b": "3"}})),
        ("a key", json!({"data": {"a": "1", "c": "2"}})),
        ("one less", json!({"data": {"a": "1"}})),
        ("nothing", json!({})),
        ("moved between keys", json!({"data": {"a": "12", "b": ""}})),
        (
            "binary instead",
            json!({"binaryData": {"a": "1", "b": "2"}}),
        ),
    ] {
        assert_ne!(config(other), base, "{name}");
    }
    assert_eq!(config(json!({})), config(json!({"data": null})));
    let skipped = json!({"data": {"a": "1"}, "metadata": {"annotations": {"kudo.dev/skip-hash-calculation": ""}}});
    assert_eq!(config(skipped), None);
}

#[test]
fn a_secret_counts_the_same_however_it_is_written() {
    let secret = |fields: Value| {
        let mut object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}});
        object
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        digest(&object)
    };
    let stored =
        secret(json!({"data": {"password": "c2VjcmV0", "user": "cm9vdA=="}, "type": "Opaque"}));
    for same in [
        json!({"stringData": {"password": "secret", "user": "root"}}),
        json!({"data": {"password": "c2VjcmV0"}, "stringData": {"user": "root"}}),
        json!({"data": {"password": "b2xk", "user": "cm9vdA=="}, "stringData": {"password": "secret"}}),
        json!({"data": {"password": "c2Vj\ncmV0\n", "user": "cm9vdA=="}}),
    ] {
        assert_eq!(secret(same.clone()), stored, "{same}");
    }
    assert_ne!(
        secret(json!({"stringData": {"password": "other", "user": "root"}})),
        stored
    );
}

#[test]
fn the_hash_tells_absent_and_present_apart() {
    let one = digest(&json!({"kind": "ConfigMap", "data": {"a": "1"}}));
    let two = digest(&json!({"kind": "ConfigMap", "data": {"a": "2"}}));
    let hashes = [
        hash([one]),
        hash([two]),
        hash([None]),
        hash([one, two]),
        hash([two, one]),
        hash([one, None]),
        hash([None, one]),
        hash([]),
    ];
    for (index, hash) in hashes.iter().enumerate() {
        assert_eq!(hash.len(), 64);
        assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(!hashes[index + 1..].contains(hash), "{index}");
    }
}

#[test]
fn references_are_to_core_kinds_only() {
    let object = |api_version: &str, kind: &str| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}});
    assert_eq!(
        Reference::to(&object("v1", "Secret")),
        Some(Reference::new(Source::Secret, "x"))
    );
    assert_eq!(
        Reference::to(&object("v1", "ConfigMap")),
        Some(Reference::new(Source::ConfigMap, "x"))
    );
    assert_eq!(Reference::to(&object("v1", "Service")), None);
    assert_eq!(Reference::to(&object("example.com/v1", "Secret")), None);
}
