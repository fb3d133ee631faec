//! What upstream wrote decodes; what Go takes for absent is absent here too.

use kudo_api::{Instance, Operator, OperatorVersion};
use serde_json::{Value, json};

/// Decodes a resource and encodes it again.
fn round<T>(value: &Value) -> Value
where
    T: serde::de::DeserializeOwned + serde::Serialize,
{
    let decoded: T = serde_json::from_value(value.clone()).unwrap();
    serde_json::to_value(decoded).unwrap()
}

#[test]
fn an_operator_version_as_upstream_wrote_it_comes_back_the_same() {
    let spec = json!({
        "operator": { "kind": "Operator", "name": "first" },
        "version": "0.2.0",
        "appVersion": "1.7.9",
        "templates": { "deployment.yaml": "kind: Deployment\n", "pod.yaml": "kind: Pod\n" },
        "tasks": [
            { "name": "app", "kind": "Apply", "spec": { "resources": ["deployment.yaml"] } },
            { "name": "gone", "kind": "Delete", "spec": { "resources": ["deployment.yaml"] } },
            {
                "name": "maybe",
                "kind": "Toggle",
                "spec": { "resources": ["deployment.yaml"], "parameter": "enabled" }
            },
            {
                "name": "files",
                "kind": "Pipe",
                "spec": {
                    "pod": "pod.yaml",
                    "pipe": [
                        { "file": "/tmp/a", "kind": "Secret", "key": "A" },
                        { "envFile": "/tmp/b", "kind": "ConfigMap", "key": "B" }
                    ]
                }
            },
            {
                "name": "child",
                "kind": "KudoOperator",
                "spec": {
                    "package": "zookeeper",
                    "instanceName": "zk",
                    "appVersion": "3.4.14",
                    "operatorVersion": "0.3.1",
                    "parameterFile": "zk.yaml"
                }
            },
            { "name": "fail", "kind": "Dummy", "spec": { "wantErr": true, "fatal": true } },
            { "name": "done", "kind": "Dummy", "spec": { "done": true } }
        ],
        "parameters": [{
            "displayName": "Replicas",
            "name": "REPLICAS",
            "description": "How many.",
            "required": true,
            "default": "3",
            "trigger": "scale",
            "value-type": "integer",
            "immutable": false,
            "enum": ["3", "5"]
        }],
        "plans": {
            "deploy": {
                "strategy": "serial",
                "phases": [{
                    "name": "main",
                    "strategy": "parallel",
                    "steps": [{ "name": "everything", "tasks": ["app"] }]
                }]
            }
        },
        "connectionString": "{{ .Name }}",
        "upgradableFrom": [{ "kind": "OperatorVersion", "name": "first-0.1.0" }]
    });
    let resource = json!({
        "apiVersion": "kudo.dev/v1beta1",
        "kind": "OperatorVersion",
        "metadata": { "name": "first-1.7.9-0.2.0", "namespace": "default" },
        "spec": spec
    });
    assert_eq!(round::<OperatorVersion>(&resource), resource);
}

#[test]
fn an_instance_as_upstream_wrote_it_comes_back_the_same() {
    let resource = json!({
        "apiVersion": "kudo.dev/v1beta1",
        "kind": "Instance",
        "metadata": {
            "name": "inst",
            "namespace": "default",
            "labels": { "kudo.dev/operator": "first" },
            "finalizers": ["kudo.dev.instance.cleanup"]
        },
        "spec": {
            "operatorVersion": { "name": "first-0.2.0" },
            "parameters": { "REPLICAS": "5", "NOTHING": "" },
            "planExecution": { "planName": "deploy", "uid": "7f3c", "status": "IN_PROGRESS" }
        },
        "status": {
            "planStatus": {
                "deploy": {
                    "name": "deploy",
                    "status": "IN_PROGRESS",
                    "message": "waiting",
                    "lastUpdatedTimestamp": "2020-06-23T14:10:39Z",
                    "uid": "7f3c",
                    "phases": [{
                        "name": "main",
                        "status": "IN_PROGRESS",
                        "steps": [
                            { "name": "one", "status": "COMPLETE" },
                            { "name": "two", "status": "ERROR", "message": "not yet" }
                        ]
                    }]
                },
                "backup": { "name": "backup", "status": "NEVER_RUN" }
            },
            "conditions": [{
                "type": "Ready",
                "status": "Unknown",
                "reason": "PlanInProgress",
                "message": "",
                "lastTransitionTime": "2020-06-23T14:10:39Z"
            }]
        }
    });
    assert_eq!(round::<Instance>(&resource), resource);
}

#[test]
fn an_operator_as_upstream_wrote_it_comes_back_without_its_empty_status() {
    let mut resource = json!({
        "apiVersion": "kudo.dev/v1beta1",
        "kind": "Operator",
        "metadata": { "name": "first" },
        "spec": {
            "description": "The first.",
            "kudoVersion": "0.19.0",
            "kubernetesVersion": "1.16.0",
            "maintainers": [{ "name": "Somebody", "email": "some@example.org" }],
            "url": "https://example.org",
            "namespaceManifest": "namespace.yaml"
        },
        "status": {}
    });
    let back = round::<Operator>(&resource);
    resource.as_object_mut().unwrap().remove("status");
    assert_eq!(back, resource);
}

#[test]
fn empty_and_null_are_absent() {
    let metadata = json!({ "name": "x", "creationTimestamp": null });
    let specs = [
        Value::Null,
        json!({}),
        json!({ "operatorVersion": {}, "planExecution": {} }),
        json!({ "operatorVersion": null, "parameters": null, "planExecution": null }),
        json!({ "planExecution": { "planName": "", "uid": null, "status": "" } }),
        json!({ "unknown": [1, 2], "planExecution": { "unknown": true } }),
    ];
    for spec in specs {
        let instance: Instance =
            serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap();
        assert_eq!(instance.spec, kudo_api::InstanceSpec::default(), "{spec}");
        assert!(instance.spec.plan_execution.is_empty());
    }
    let instance: Instance = serde_json::from_value(json!({ "metadata": metadata })).unwrap();
    assert_eq!(instance.spec, kudo_api::InstanceSpec::default());
    assert_eq!(instance.status, None);
    let text = serde_json::to_value(&instance).unwrap();
    assert_eq!(text["spec"], json!({}));
}

#[test]
fn lists_and_maps_that_go_left_nil_are_empty() {
    let version: OperatorVersion = serde_json::from_value(json!({
        "metadata": { "name": "x" },
        "spec": {
            "operator": { "name": "x" },
            "templates": null,
            "connectionString": "",
            "upgradableFrom": null,
            "parameters": [{ "name": "P", "required": null, "default": null, "enum": null }],
            "tasks": [{
                "name": "t",
                "kind": "Apply",
                "spec": { "resources": null, "pipe": null, "wantErr": false, "pod": null }
            }],
            "plans": { "deploy": { "strategy": "", "phases": null } }
        }
    }))
    .unwrap();
    assert_eq!(
        version.spec.tasks[0].spec,
        kudo_api::operator_version::TaskSpec::default()
    );
    assert_eq!(
        version.spec.plans["deploy"],
        kudo_api::operator_version::Plan::default()
    );
    assert_eq!(version.spec.parameters[0].default, None);
}

#[test]
fn a_plan_that_never_ran_has_no_time() {
    let instance: Instance = serde_json::from_value(json!({
        "metadata": { "name": "x" },
        "spec": {},
        "status": { "planStatus": { "deploy": {
            "name": "deploy", "status": "NEVER_RUN", "lastUpdatedTimestamp": null, "phases": null
        } }, "conditions": null, "inventory": null }
    }))
    .unwrap();
    let status = instance.status.unwrap();
    assert_eq!(status.plan_status["deploy"].last_updated_timestamp, None);
    assert_eq!(status.last_executed_plan(), None);
}

#[test]
fn the_last_executed_plan_runs_or_ran_last() {
    let plan = |status: &str, time: &str| json!({ "status": status, "lastUpdatedTimestamp": time });
    let early = "2020-01-01T00:00:00Z";
    let late = "2020-01-02T00:00:00Z";
    let cases = [
        (json!({}), None),
        (json!({ "deploy": plan("NEVER_RUN", late) }), None),
        (json!({ "deploy": plan("COMPLETE", early) }), Some("deploy")),
        (
            json!({ "deploy": plan("COMPLETE", early), "update": plan("FATAL_ERROR", late) }),
            Some("update"),
        ),
        (
            json!({ "deploy": plan("COMPLETE", late), "update": plan("COMPLETE", early) }),
            Some("deploy"),
        ),
        (
            json!({ "deploy": plan("COMPLETE", late), "update": plan("PENDING", early) }),
            Some("update"),
        ),
        (
            json!({ "deploy": plan("ERROR", early), "update": plan("NEVER_RUN", late) }),
            Some("deploy"),
        ),
    ];
    let in_one_second =
        json!({ "deploy": plan("COMPLETE", late), "zz": plan("FATAL_ERROR", late) });
    for (active, expected) in [("deploy", "deploy"), ("zz", "zz"), ("gone", "zz")] {
        let status: kudo_api::InstanceStatus = serde_json::from_value(json!({
            "planStatus": in_one_second,
            "activePlan": { "name": active, "status": "COMPLETE" },
        }))
        .unwrap();
        let found = status.last_executed_plan().map(|(name, _)| name);
        assert_eq!(found, Some(expected), "{active}");
    }
    for (plans, expected) in cases {
        let status: kudo_api::InstanceStatus =
            serde_json::from_value(json!({ "planStatus": plans })).unwrap();
        assert_eq!(
            status.last_executed_plan().map(|(name, _)| name),
            expected,
            "{plans}"
        );
    }
}
