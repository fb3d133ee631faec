//! The catalogue, decoding and amounts.

use kudo_simcluster::schema::{self, Quantity, TypeRef, decode, duplicate_fields};
use serde_json::{Value, json};

fn deployment() -> TypeRef {
    schema::of("apps", "v1", "Deployment").unwrap()
}

#[test]
fn the_catalogue_has_the_kinds_that_operators_meet() {
    for (group, version, kind) in [
        ("", "v1", "Pod"),
        ("apps", "v1", "StatefulSet"),
        ("batch", "v1beta1", "CronJob"),
        ("policy", "v1beta1", "PodDisruptionBudget"),
        ("policy", "v1", "PodDisruptionBudget"),
        ("networking.k8s.io", "v1", "Ingress"),
        ("extensions", "v1beta1", "Ingress"),
        ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
    ] {
        assert!(
            schema::of(group, version, kind).is_some(),
            "{group}/{version} {kind}"
        );
    }
    assert!(schema::of("apps", "v1", "Pod").is_none());
}

#[test]
fn unknown_fields_are_told_and_dropped() {
    let mut object = json!({ "spec": { "foo": 1, "template": { "spec": { "containers": [
        { "name": "c", "imagee": "x" } ] } } } });
    let unknown = decode(&deployment(), &mut object).unwrap();
    assert_eq!(
        unknown,
        ["spec.foo", "spec.template.spec.containers[0].imagee"]
    );
    assert_eq!(object["spec"]["foo"], Value::Null);
}

#[test]
fn wrong_types_are_told_as_go_does() {
    let check = |mut object: Value, words: &str| {
        let error = decode(&deployment(), &mut object).unwrap_err();
        assert_eq!(error.to_string(), words);
    };
    check(
        json!({ "spec": { "replicas": "x" } }),
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    check(
        json!({ "metadata": { "labels": { "a": 1 } } }),
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
    );
    check(
        json!([]),
        "json: cannot unmarshal array into Go value of type v1.Deployment",
    );
}

#[test]
fn what_holds_nothing_is_left_out() {
    let mut pod = json!({ "metadata": { "labels": {} }, "spec": { "hostNetwork": false,
        "terminationGracePeriodSeconds": 0, "volumes": [], "containers": [ { "name": "c",
        "env": [ { "name": "A", "value": "" } ], "securityContext": { "privileged": false } } ] } });
    decode(&schema::of("", "v1", "Pod").unwrap(), &mut pod).unwrap();
    assert_eq!(
        pod,
        json!({ "metadata": {}, "spec": { "terminationGracePeriodSeconds": 0, "containers": [ {
            "name": "c", "env": [ { "name": "A" } ],
            "securityContext": { "privileged": false } } ] } })
    );
}

#[test]
fn amounts_have_one_form() {
    for (written, kept) in [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1500m", "1500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1000", "1k"),
        ("1e3", "1e3"),
        ("100000000n", "100m"),
        ("0", "0"),
        ("-1", "-1"),
        ("512", "512"),
        ("1025", "1025"),
        ("0.5Ki", "512"),
    ] {
        let kept_twice = Quantity::parse(kept).unwrap().to_string();
        assert_eq!(
            Quantity::parse(written).unwrap().to_string(),
            kept,
            "{written}"
        );
        assert_eq!(kept_twice, kept);
    }
    for wrong in ["", "x", "1Q", "1.2.3", "1 Gi", "1m2", "--1"] {
        assert!(Quantity::parse(wrong).is_err(), "{wrong}");
    }
    assert!(Quantity::parse("999m").unwrap() < Quantity::parse("1").unwrap());
}

#[test]
fn fields_that_are_there_twice_are_found() {
    let text = br#"{"a":1,"b":{"c":1,"c":2},"l":[{"x":1},{"x":1,"x":2}],"a":2}"#;
    assert_eq!(duplicate_fields(text), ["b.c", "l[1].x", "a"]);
    assert!(duplicate_fields(b"{").is_empty());
}
