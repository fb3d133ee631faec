//! Tables: what is added to objects of each kind, and what is refused.

use serde_json::{Value, json};

use super::*;

const ENHANCEMENT: Enhancement<'static> = Enhancement {
    operator_name: "op",
    operator_version: "1.2.3",
    instance: "inst",
    namespace: "ns",
    instance_uid: "uid-1",
    plan: "deploy",
    phase: "main",
    step: "first",
    execution_uid: "uid-2",
};

fn namespaced(object: Value) -> Value {
    enhance(object, &Scope::Namespaced, &ENHANCEMENT).unwrap()
}

fn labels() -> Value {
    json!({"heritage": "kudo", "kudo.dev/operator": "op", "kudo.dev/instance": "inst"})
}

fn annotations() -> Value {
    json!({"kudo.dev/plan": "deploy", "kudo.dev/phase": "main", "kudo.dev/step": "first",
        "kudo.dev/last-plan-execution-uid": "uid-2"})
}

fn owner() -> Value {
    json!({"apiVersion": "kudo.dev/v1beta1", "kind": "Instance", "name": "inst", "uid": "uid-1",
        "controller": true, "blockOwnerDeletion": true})
}

#[test]
fn a_namespaced_object_gets_labels_annotations_namespace_and_owner() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"}});
    assert_eq!(
        namespaced(object),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}, "metadata": {
            "name": "x", "namespace": "ns", "labels": labels(), "annotations": annotations(),
            "ownerReferences": [owner()]}})
    );
}

#[test]
fn a_cluster_scoped_object_gets_neither_namespace_nor_owner() {
    let object = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "x", "namespace": "wrong"}});
    let enhanced = enhance(object, &Scope::Cluster, &ENHANCEMENT).unwrap();
    assert_eq!(
        enhanced["metadata"],
        json!({"name": "x", "labels": labels(), "annotations": annotations()})
    );
}

#[test]
fn the_namespace_of_the_instance_is_forced() {
    for given in [json!("elsewhere"), json!(null), json!("ns")] {
        let object = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "x", "namespace": given}});
        assert_eq!(namespaced(object)["metadata"]["namespace"], "ns");
    }
}

#[test]
fn what_the_template_says_stays_unless_it_is_ours() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x",
        "labels": {"app": "a", "heritage": "helm"},
        "annotations": {"note": "n", "kudo.dev/plan": "other"}}});
    let metadata = &namespaced(object)["metadata"];
    assert_eq!(metadata["labels"]["app"], "a");
    assert_eq!(metadata["labels"]["heritage"], "kudo");
    assert_eq!(metadata["annotations"]["note"], "n");
    assert_eq!(metadata["annotations"]["kudo.dev/plan"], "deploy");
}

#[test]
fn pod_templates_get_labels_and_the_operator_version_only() {
    let cases = [
        ("apps/v1", "Deployment", "/spec/template"),
        ("apps/v1", "StatefulSet", "/spec/template"),
        ("apps/v1", "DaemonSet", "/spec/template"),
        ("apps/v1", "ReplicaSet", "/spec/template"),
        ("extensions/v1beta1", "Deployment", "/spec/template"),
        ("extensions/v1beta1", "DaemonSet", "/spec/template"),
        ("v1", "ReplicationController", "/spec/template"),
        ("batch/v1", "Job", "/spec/template"),
        ("batch/v1", "CronJob", "/spec/jobTemplate/spec/template"),
        (
            "batch/v1beta1",
            "CronJob",
            "/spec/jobTemplate/spec/template",
        ),
    ];
    for (api_version, kind, path) in cases {
        let template = json!({"metadata": {"labels": {"app": "a"}, "creationTimestamp": null},
            "spec": {"containers": []}});
        let spec = match path {
            "/spec/template" => json!({"template": template}),
            _ => json!({"jobTemplate": {"spec": {"template": template}}}),
        };
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec});
        let enhanced = namespaced(object);
        let mut expected = labels();
        expected["app"] = json!("a");
        assert_eq!(
            *enhanced.pointer(path).unwrap(),
            json!({"metadata": {"labels": expected, "annotations": {"kudo.dev/operator-version": "1.2.3"}},
                "spec": {"containers": []}}),
            "{api_version} {kind}"
        );
        assert_eq!(enhanced["metadata"]["annotations"], annotations(), "{kind}");
    }
}

#[test]
fn a_template_without_metadata_gets_some() {
    let object = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"},
        "spec": {"template": {"spec": {}}}});
    let enhanced = namespaced(object);
    assert_eq!(enhanced["spec"]["template"]["metadata"]["labels"], labels());
}

#[test]
fn what_has_no_pod_template_gets_none() {
    for object in [
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}}),
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "x"}, "spec": {"schedule": "@daily"}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": []}}),
        json!({"apiVersion": "example.com/v1", "kind": "Deployment", "metadata": {"name": "x"},
            "spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}),
    ] {
        let before = object.get("spec").cloned();
        assert_eq!(namespaced(object).get("spec").cloned(), before);
    }
}

#[test]
fn claims_of_a_stateful_set_get_labels() {
    let object = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x"}, "spec": {
        "template": {"spec": {}},
        "volumeClaimTemplates": [
            {"metadata": {"name": "data", "labels": {"a": "b"}, "creationTimestamp": null}},
            {"metadata": {"name": "log"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]}});
    let enhanced = namespaced(object);
    let claims = &enhanced["spec"]["volumeClaimTemplates"];
    let mut first = labels();
    first["a"] = json!("b");
    assert_eq!(
        claims[0],
        json!({"metadata": {"name": "data", "labels": first}})
    );
    assert_eq!(claims[1]["metadata"]["labels"], labels());
    assert_eq!(claims[1]["metadata"].get("annotations"), None);
    assert_eq!(claims[1]["spec"], json!({"accessModes": ["ReadWriteOnce"]}));
}

#[test]
fn fields_that_only_the_server_writes_are_dropped() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "x", "uid": "u", "resourceVersion": "7", "generation": 2, "selfLink": "/x",
        "creationTimestamp": null, "managedFields": [{}], "finalizers": ["a.b/c"],
        "annotations": {"kudo.dev/last-applied-configuration": "{}"}}});
    let metadata = namespaced(object)["metadata"].clone();
    let mut names: Vec<&String> = metadata.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(
        names,
        [
            "annotations",
            "finalizers",
            "labels",
            "name",
            "namespace",
            "ownerReferences"
        ]
    );
    assert_eq!(metadata["annotations"], annotations());
}

#[test]
fn other_owners_stay_beside_the_instance() {
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "uid-9"});
    let again = owner();
    for (given, expected) in [
        (json!([other]), json!([other, owner()])),
        (json!([again]), json!([owner()])),
        (json!([]), json!([owner()])),
        (json!(null), json!([owner()])),
    ] {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "x", "ownerReferences": given}});
        assert_eq!(namespaced(object)["metadata"]["ownerReferences"], expected);
    }
}

#[test]
fn faults_of_the_template_are_named() {
    let object =
        |metadata: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    let deployment = |template: Value| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"},
            "spec": {"template": template}})
    };
    let cases = [
        (
            object(json!({"name": "x", "labels": {"version": 1}})),
            "ConfigMap \"x\": metadata.labels.version must be text, but is a number; put it in quotes",
        ),
        (
            object(json!({"name": "x", "annotations": {"on": true}})),
            "ConfigMap \"x\": metadata.annotations.on must be text, but is a boolean; put it in quotes",
        ),
        (
            object(json!({"name": "x", "labels": ["a"]})),
            "ConfigMap \"x\": metadata.labels must be a map, but is a list",
        ),
        (
            object(json!("x")),
            "ConfigMap \"\": metadata must be a map, but is text",
        ),
        (
            deployment(json!({"metadata": {"labels": {"n": 1}}})),
            "Deployment \"x\": spec.template.metadata.labels.n must be text, but is a number; put it in quotes",
        ),
        (
            deployment(json!({"metadata": {"annotations": "a"}})),
            "Deployment \"x\": spec.template.metadata.annotations must be a map, but is text",
        ),
        (
            deployment(json!([1])),
            "Deployment \"x\": spec.template must be a map, but is a list",
        ),
        (
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x"},
                "spec": {"volumeClaimTemplates": [{"metadata": {"labels": {"a": true}}}]}}),
            "StatefulSet \"x\": spec.volumeClaimTemplates[0].metadata.labels.a must be text, but is a boolean; put it in quotes",
        ),
        (
            object(json!({"name": "x", "ownerReferences": [
                {"kind": "Deployment", "name": "d", "uid": "u", "controller": true}]})),
            "ConfigMap \"x\": the template makes Deployment \"d\" its controller, so the instance cannot own it",
        ),
        (
            json!({"apiVersion": "kudo.dev/v1beta1", "kind": "Instance",
                "metadata": {"name": "inst", "namespace": "other"}}),
            "Instance \"inst\": a plan cannot apply the instance that runs it",
        ),
    ];
    for (object, expected) in cases {
        let error = enhance(object, &Scope::Namespaced, &ENHANCEMENT).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn nothing_in_place_of_a_map_counts_as_absent() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "x", "labels": null, "annotations": {"a": null}}});
    let metadata = namespaced(object)["metadata"].clone();
    assert_eq!(metadata["labels"], labels());
    assert_eq!(metadata["annotations"], annotations());
}

#[test]
fn enhancing_twice_changes_nothing() {
    let object = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x"},
        "spec": {"template": {"spec": {}}, "volumeClaimTemplates": [{"metadata": {"name": "d"}}]}});
    let once = namespaced(object);
    assert_eq!(namespaced(once.clone()), once);
}

#[test]
fn the_hash_goes_into_the_pod_template() {
    let cases = [
        (
            "apps/v1",
            "Deployment",
            "/spec/template/metadata/annotations",
        ),
        (
            "batch/v1",
            "CronJob",
            "/spec/jobTemplate/spec/template/metadata/annotations",
        ),
    ];
    for (api_version, kind, path) in cases {
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": {
            "template": {"spec": {}}, "jobTemplate": {"spec": {"template": {"spec": {}}}}}});
        let mut enhanced = namespaced(object);
        set_dependencies_hash(&mut enhanced, "abc");
        let annotations = enhanced.pointer(path).unwrap();
        assert_eq!(annotations["kudo.dev/dependencies-hash"], "abc", "{kind}");
    }
    let mut other =
        namespaced(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}));
    let before = other.clone();
    set_dependencies_hash(&mut other, "abc");
    assert_eq!(other, before);
}
