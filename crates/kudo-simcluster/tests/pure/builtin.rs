//! Defaults and validation of built-in kinds.

use kudo_simcluster::builtin::{
    Gvk, default, prepare_create, prepare_update, validate_create, validate_update,
};
use serde_json::{Value, json};

const POD: Gvk<'_> = Gvk {
    group: "",
    version: "v1",
    kind: "Pod",
};
const SERVICE: Gvk<'_> = Gvk {
    group: "",
    version: "v1",
    kind: "Service",
};
const DEPLOYMENT: Gvk<'_> = Gvk {
    group: "apps",
    version: "v1",
    kind: "Deployment",
};
const STATEFUL_SET: Gvk<'_> = Gvk {
    group: "apps",
    version: "v1",
    kind: "StatefulSet",
};
const JOB: Gvk<'_> = Gvk {
    group: "batch",
    version: "v1",
    kind: "Job",
};

fn core(kind: &str) -> Gvk<'_> {
    Gvk {
        group: "",
        version: "v1",
        kind,
    }
}

/// An object as a server has it when it validates it.
fn settled(gvk: Gvk<'_>, mut object: Value) -> Value {
    object["metadata"]["uid"] = json!("u");
    default(gvk, &mut object);
    let mut again = object.clone();
    default(gvk, &mut again);
    assert_eq!(again, object, "defaults settle");
    prepare_create(gvk, &mut object);
    object
}

fn created(gvk: Gvk<'_>, object: Value) -> Vec<String> {
    let object = settled(gvk, object);
    validate_create(gvk, &object)
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// What a change by a merge patch is told.
fn changed(gvk: Gvk<'_>, object: &Value, patch: &Value) -> Vec<String> {
    let old = settled(gvk, object.clone());
    let mut new = kudo_simcluster::patch::merge_patch(&old, patch).unwrap();
    default(gvk, &mut new);
    prepare_update(gvk, &old, &mut new);
    validate_update(gvk, &old, &new)
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn template() -> Value {
    json!({ "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "c", "image": "i" }] } })
}

fn workload() -> Value {
    json!({ "metadata": { "name": "w" },
        "spec": { "selector": { "matchLabels": { "a": "b" } }, "template": template() } })
}

fn with(mut object: Value, path: &str, value: Value) -> Value {
    let (parent, key) = path.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[key] = value;
    object
}

#[test]
fn a_pod_gets_its_defaults() {
    let pod = settled(
        POD,
        json!({ "metadata": { "name": "p" },
        "spec": { "containers": [{ "name": "c", "image": "r:5000/i:1", "ports": [{ "containerPort": 1 }] }] } }),
    );
    assert_eq!(
        pod["spec"]["containers"][0],
        json!({ "name": "c", "image": "r:5000/i:1", "imagePullPolicy": "IfNotPresent", "resources": {},
            "ports": [{ "containerPort": 1, "protocol": "TCP" }],
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File" })
    );
    assert_eq!(pod["spec"]["restartPolicy"], "Always");
    assert_eq!(
        pod["status"],
        json!({ "phase": "Pending", "qosClass": "BestEffort" })
    );
}

#[test]
fn workloads_get_their_defaults() {
    let deployment = settled(DEPLOYMENT, workload());
    let spec = &deployment["spec"];
    assert_eq!(
        spec["strategy"],
        json!({ "type": "RollingUpdate",
        "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" } })
    );
    assert_eq!(
        (&spec["replicas"], &spec["progressDeadlineSeconds"]),
        (&json!(1), &json!(600))
    );
    let set = settled(STATEFUL_SET, workload());
    assert_eq!(
        set["spec"]["updateStrategy"],
        json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } })
    );
    let job = settled(
        JOB,
        json!({ "metadata": { "name": "j" },
        "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "c", "image": "i" }] } } } }),
    );
    assert_eq!(
        job["spec"]["selector"],
        json!({ "matchLabels": { "batch.kubernetes.io/controller-uid": "u" } })
    );
    assert_eq!(
        job["spec"]["template"]["metadata"]["labels"],
        json!({
            "controller-uid": "u", "job-name": "j",
            "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "j",
        })
    );
}

#[test]
fn secrets_take_up_plain_text() {
    let secret = settled(
        core("Secret"),
        json!({ "metadata": { "name": "c" },
        "stringData": { "a": "b" }, "data": { "c": "YQ==" } }),
    );
    assert_eq!(secret["data"], json!({ "a": "Yg==", "c": "YQ==" }));
    assert_eq!(
        (&secret["type"], &secret["stringData"]),
        (&json!("Opaque"), &Value::Null)
    );
}

#[test]
fn new_objects_are_checked_in_the_servers_words() {
    let check = |gvk: Gvk<'_>, object: Value, expected: &[&str]| {
        assert_eq!(created(gvk, object), expected);
    };
    let name = |spec: Value| json!({ "metadata": { "name": "w" }, "spec": spec });
    check(POD, name(json!({})), &["spec.containers: Required value"]);
    check(DEPLOYMENT, workload(), &[]);
    check(STATEFUL_SET, workload(), &[]);
    check(
        DEPLOYMENT,
        name(json!({})),
        &[
            "spec.selector: Required value",
            "spec.template.metadata.labels: Invalid value: map[string]string(nil): `selector` does not match template `labels`",
            "spec.template.spec.containers: Required value",
        ],
    );
    check(
        DEPLOYMENT,
        with(
            workload(),
            "/spec/selector/matchLabels",
            json!({ "a": "c" }),
        ),
        &[
            "spec.template.metadata.labels: Invalid value: map[string]string{\"a\":\"b\"}: `selector` does not match template `labels`",
        ],
    );
    check(
        DEPLOYMENT,
        with(
            workload(),
            "/spec/template/spec/restartPolicy",
            json!("Never"),
        ),
        &[
            "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
        ],
    );
    check(
        DEPLOYMENT,
        with(
            workload(),
            "/spec/strategy",
            json!({ "type": "Recreate", "rollingUpdate": { "maxSurge": 1 } }),
        ),
        &[
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ],
    );
    check(
        DEPLOYMENT,
        with(workload(), "/spec/replicas", json!(-1)),
        &["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    );
    check(
        JOB,
        name(json!({})),
        &[
            "spec.template.spec.containers: Required value",
            "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"",
        ],
    );
    check(
        SERVICE,
        name(json!({ "selector": { "a": "b" } })),
        &["spec.ports: Required value"],
    );
    check(SERVICE, name(json!({ "clusterIP": "None" })), &[]);
    check(
        SERVICE,
        name(json!({ "ports": [{ "port": 80, "nodePort": 30080 }] })),
        &["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    );
    check(
        core("ConfigMap"),
        json!({ "metadata": { "name": "c" }, "data": { "a b": "b" } }),
        &[
            "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        ],
    );
    check(
        core("Namespace"),
        json!({ "metadata": { "name": "a.b" } }),
        &[
            "metadata.name: Invalid value: \"a.b\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ],
    );
    check(
        core("PersistentVolumeClaim"),
        name(json!({})),
        &[
            "spec.accessModes: Required value: at least 1 access mode is required",
            "spec.resources[storage]: Required value",
        ],
    );
    check(
        core("ConfigMap"),
        json!({ "metadata": {} }),
        &["metadata.name: Required value: name or generateName is required"],
    );
}

#[test]
fn what_may_not_change_is_refused() {
    let check = |gvk: Gvk<'_>, object: &Value, patch: Value, expected: &[&str]| {
        assert_eq!(changed(gvk, object, &patch), expected);
    };
    let words = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    check(
        STATEFUL_SET,
        &workload(),
        json!({ "spec": { "serviceName": "y" } }),
        &[words],
    );
    check(
        STATEFUL_SET,
        &workload(),
        json!({ "spec": { "replicas": 2 } }),
        &[],
    );
    check(
        DEPLOYMENT,
        &workload(),
        json!({ "spec": { "selector": { "matchLabels": { "c": "d" } },
            "template": { "metadata": { "labels": { "c": "d" } } } } }),
        &[
            "spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{\"a\":\"b\", \"c\":\"d\"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable",
        ],
    );
    let map = json!({ "metadata": { "name": "c" }, "data": { "a": "b" }, "immutable": true });
    check(
        core("ConfigMap"),
        &map,
        json!({ "data": { "a": "c" } }),
        &["data: Forbidden: field is immutable when `immutable` is set"],
    );
    check(
        core("ConfigMap"),
        &map,
        json!({ "metadata": { "labels": { "x": "y" } } }),
        &[],
    );
    let service = json!({ "metadata": { "name": "s" }, "spec": { "clusterIP": "10.0.0.1", "ports": [{ "port": 80 }] } });
    check(
        SERVICE,
        &service,
        json!({ "spec": { "clusterIP": "10.0.0.9" } }),
        &["spec.clusterIPs[0]: Invalid value: []string{\"10.0.0.9\"}: may not change once set"],
    );
    check(
        core("Secret"),
        &json!({ "metadata": { "name": "s" } }),
        json!({ "type": "x/y" }),
        &["type: Invalid value: \"x/y\": field is immutable"],
    );
}
