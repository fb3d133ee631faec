//! Tables of the smaller controllers.

#![expect(
    clippy::needless_pass_by_value,
    reason = "documents read best where they are passed"
)]

use serde_json::{Value, json};

use super::resources::Kind;
use super::testing::{Scene, created, deeds, events, owner, pod, status, told};
use super::world::Key;
use super::{Verdict, View, autoscaler, protection, replica_set};
use super::{daemon_set, disruption, endpoint_slices, endpoints, namespace, namespace_defaults};

fn template() -> Value {
    json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [] } })
}

fn labels() -> Value {
    json!({ "app": "web" })
}

fn replica_set(view: &View<'_>, key: &Key) -> Verdict {
    replica_set::observe(view, key, Kind::ReplicaSet)
}

fn set(replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": { "name": "web" },
        "spec": {
            "replicas": replicas, "selector": { "matchLabels": labels() }, "template": template(),
        },
    })
}

fn owned(name: &str, state: &str) -> Value {
    pod(&owner("ReplicaSet", "web"), name, &labels(), state)
}

#[test]
fn a_replica_set_keeps_its_number() {
    for (what, replicas, pods, expected) in [
        (
            "none",
            2,
            vec![],
            vec!["create Pod web-", "create Pod web-"],
        ),
        ("enough", 1, vec![("a", "ready")], vec![]),
        (
            "finished ones do not count",
            1,
            vec![("a", "succeeded"), ("b", "failed")],
            vec!["create Pod web-"],
        ),
        (
            "nor do those that go",
            1,
            vec![("a", "going")],
            vec!["create Pod web-"],
        ),
        (
            "the least ready goes",
            1,
            vec![("a", "ready"), ("b", "running")],
            vec!["delete b"],
        ),
        (
            "the least started goes",
            1,
            vec![("a", "new"), ("b", "running")],
            vec!["delete a"],
        ),
        (
            "the youngest goes",
            1,
            vec![("a", "ready"), ("b", "ready")],
            vec!["delete b"],
        ),
    ] {
        let pods = pods.into_iter().map(|(name, state)| owned(name, state));
        let scene = Scene::new().with(set(replicas)).with_all(pods);
        assert_eq!(
            deeds(&scene.observe(replica_set, "web")),
            expected,
            "{what}"
        );
    }
}

#[test]
fn pods_that_come_and_go_are_told_of() {
    let created = "Normal SuccessfulCreate: Created pod: {name} | \
                   Warning FailedCreate: Error creating: {error}";
    let deleted = "Normal SuccessfulDelete: Deleted pod: b | \
                   Warning FailedDelete: Error deleting: {error}";
    for (replicas, pods, expected) in [
        (3, vec!["a"], vec![created, created]),
        (1, vec!["a", "b"], vec![deleted]),
        (1, vec!["a"], vec![]),
    ] {
        let pods = pods.into_iter().map(|name| owned(name, "ready"));
        let scene = Scene::new().with(set(replicas)).with_all(pods);
        assert_eq!(events(&scene.observe(replica_set, "web")), expected);
    }
    let ended = |state: &str| {
        let scene = Scene::new()
            .with(daemon_set(json!({})))
            .with(revision())
            .with(node("a", json!({}), json!([])))
            .with(daemon("pod-a", "a", "r", state));
        events(&scene.observe(daemon_set::observe, "web")).remove(0)
    };
    for (state, expected) in [
        (
            "failed",
            "Warning FailedDaemonPod: Found failed daemon pod ns/pod-a on node a, \
             will try to kill it",
        ),
        (
            "succeeded",
            "Normal SucceededDaemonPod: Found succeeded daemon pod ns/pod-a on node a, \
             will try to delete it",
        ),
    ] {
        assert_eq!(ended(state), expected);
    }
}

#[test]
fn a_replica_set_adopts_and_releases() {
    let mut orphan = owned("orphan", "ready");
    orphan["metadata"]["ownerReferences"] = json!([]);
    let mut strayed = owned("strayed", "ready");
    strayed["metadata"]["labels"] = json!({ "app": "other" });
    let scene = Scene::new().with(set(1)).with_all([orphan, strayed]);
    assert_eq!(
        told(&scene.observe(replica_set, "web")),
        [
            r#"patch strayed {"metadata":{"ownerReferences":[]}}"#,
            r#"patch orphan {"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","blockOwnerDeletion":true,"controller":true,"kind":"ReplicaSet","name":"web","uid":"uid-web"}]}}"#,
        ]
    );
}

#[test]
fn a_replica_set_reports() {
    let scene = Scene::new()
        .with(set(2))
        .with_all([owned("a", "ready"), owned("b", "running")]);
    assert_eq!(
        status(&scene.observe(replica_set, "web")),
        json!({
            "replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 1, "availableReplicas": 1,
            "observedGeneration": 1,
        })
    );
    let failing = Scene::new().with(set(1)).failing("exceeded quota", false);
    let written = status(&failing.observe(replica_set, "web"));
    assert_eq!(written["conditions"][0]["reason"], "FailedCreate");
    assert_eq!(written["conditions"][0]["message"], "exceeded quota");
}

#[test]
fn a_pod_is_available_only_after_a_while() {
    let mut slow = set(1);
    slow["spec"]["minReadySeconds"] = 3600.into();
    let verdict = Scene::new()
        .with(slow)
        .with(owned("a", "ready"))
        .observe(replica_set, "web");
    assert_eq!(status(&verdict)["availableReplicas"], Value::Null);
    assert_eq!(verdict.again.unwrap().as_secs(), 1800);
}

fn daemon_set(more: Value) -> Value {
    let mut spec = json!({ "selector": { "matchLabels": labels() }, "template": template() });
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "web" }, "spec": spec,
    })
}

fn revision() -> Value {
    let mut template = template();
    template["$patch"] = "replace".into();
    json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {
            "name": "web-r", "labels": { "app": "web", "controller-revision-hash": "r" },
            "ownerReferences": [owner("DaemonSet", "web")],
        },
        "data": { "spec": { "template": template } },
        "revision": 1,
    })
}

fn node(name: &str, labels: Value, taints: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": name, "labels": labels }, "spec": { "taints": taints },
    })
}

fn daemon(name: &str, node: &str, hash: &str, state: &str) -> Value {
    let labels = json!({ "app": "web", "controller-revision-hash": hash });
    let mut pod = pod(&owner("DaemonSet", "web"), name, &labels, state);
    pod["spec"]["nodeName"] = node.into();
    pod
}

#[test]
fn a_daemon_for_each_node_that_fits() {
    let taint = json!([{ "key": "k", "value": "v", "effect": "NoSchedule" }]);
    let nodes = || {
        [
            node("a", json!({ "disk": "fast" }), json!([])),
            node("b", json!({}), taint.clone()),
            node(
                "c",
                json!({}),
                json!([{ "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule" }]),
            ),
        ]
    };
    let tolerant = json!({ "template": {
        "metadata": { "labels": labels() },
        "spec": { "tolerations": [{ "key": "k", "operator": "Exists" }] },
    } });
    let choosy = json!({ "template": {
        "metadata": { "labels": labels() }, "spec": { "nodeSelector": { "disk": "fast" } },
    } });
    for (what, spec, expected) in [
        ("all but the tainted", json!({}), vec!["a", "c"]),
        ("tolerant", tolerant, vec!["a", "b", "c"]),
        ("choosy", choosy, vec!["a"]),
    ] {
        let mut revision = revision();
        if let Some(template) = spec.get("template") {
            let mut template = template.clone();
            template["$patch"] = "replace".into();
            revision["data"]["spec"]["template"] = template;
        }
        let scene = Scene::new()
            .with(daemon_set(spec))
            .with(revision)
            .with_all(nodes());
        let verdict = scene.observe(daemon_set::observe, "web");
        let meant: Vec<&str> = created(&verdict)
            .iter()
            .map(|pod| {
                let path = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution\
                    /nodeSelectorTerms/0/matchFields/0/values/0";
                pod.pointer(path).unwrap().as_str().unwrap()
            })
            .collect();
        assert_eq!(meant, expected, "{what}");
    }
}

#[test]
fn daemons_are_replaced_a_few_at_a_time() {
    let nodes = || ["a", "b", "c"].map(|name| node(name, json!({}), json!([])));
    let strategy = |unavailable: i64| {
        json!({ "updateStrategy": {
        "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": unavailable },
    } })
    };
    let on_delete = json!({ "updateStrategy": { "type": "OnDelete" } });
    for (what, spec, states, expected) in [
        (
            "one",
            strategy(1),
            [("old", "ready"), ("old", "ready"), ("old", "ready")],
            vec!["delete pa"],
        ),
        (
            "two",
            strategy(2),
            [("old", "ready"), ("old", "ready"), ("old", "ready")],
            vec!["delete pa", "delete pb"],
        ),
        (
            "wait",
            strategy(1),
            [("r", "running"), ("old", "ready"), ("old", "ready")],
            vec![],
        ),
        (
            "broken ones",
            strategy(1),
            [("r", "running"), ("old", "running"), ("old", "ready")],
            vec!["delete pb"],
        ),
        (
            "failed ones",
            strategy(1),
            [("r", "failed"), ("r", "ready"), ("r", "ready")],
            vec!["delete pa"],
        ),
        (
            "by hand",
            on_delete,
            [("old", "ready"), ("old", "ready"), ("old", "ready")],
            vec![],
        ),
    ] {
        let pods = ["a", "b", "c"].into_iter().zip(states);
        let pods = pods.map(|(node, (hash, state))| daemon(&format!("p{node}"), node, hash, state));
        let scene = Scene::new()
            .with(daemon_set(spec))
            .with(revision())
            .with_all(nodes())
            .with_all(pods);
        assert_eq!(
            deeds(&scene.observe(daemon_set::observe, "web")),
            expected,
            "{what}"
        );
    }
}

fn service(more: Value) -> Value {
    let mut spec = json!({
        "clusterIP": "10.96.0.9", "selector": labels(),
        "ports": [{ "name": "http", "port": 80, "targetPort": "web", "protocol": "TCP" }],
    });
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "svc" }, "spec": spec })
}

fn serving(name: &str, ip: &str, state: &str) -> Value {
    let mut pod = owned(name, state);
    pod["status"]["podIP"] = ip.into();
    pod["spec"]["containers"] = json!([{ "ports": [{ "name": "web", "containerPort": 8080 }] }]);
    pod
}

#[test]
fn endpoints_are_the_pods_with_addresses() {
    let pods = || {
        [
            serving("a", "10.0.0.2", "ready"),
            serving("b", "10.0.0.1", "running"),
            serving("c", "", "new"),
            serving("d", "10.0.0.4", "going"),
            serving("e", "10.0.0.5", "failed"),
        ]
    };
    let summary = |more: Value| {
        let scene = Scene::new().with(service(more)).with_all(pods());
        let verdict = scene.observe(endpoints::observe, "svc");
        let object = created(&verdict)[0].clone();
        let ips = |field: &str| -> Vec<String> {
            let list = object["subsets"][0][field]
                .as_array()
                .cloned()
                .unwrap_or_default();
            list.iter()
                .map(|a| a["ip"].as_str().unwrap().to_owned())
                .collect()
        };
        (
            ips("addresses"),
            ips("notReadyAddresses"),
            object["subsets"][0]["ports"].clone(),
        )
    };
    let port = json!([{ "name": "http", "port": 8080, "protocol": "TCP" }]);
    assert_eq!(
        summary(json!({})),
        (
            vec!["10.0.0.2".to_owned()],
            vec!["10.0.0.1".to_owned()],
            port.clone()
        )
    );
    let all = ["10.0.0.1", "10.0.0.2", "10.0.0.4"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(
        summary(json!({ "publishNotReadyAddresses": true })),
        (all, vec![], port)
    );
}

#[test]
fn endpoints_without_a_selector_are_others_business() {
    let scene = Scene::new().with(service(json!({ "selector": {} })));
    assert!(told(&scene.observe(endpoints::observe, "svc")).is_empty());
    assert!(told(&scene.observe(endpoint_slices::observe, "svc")).is_empty());
}

#[test]
fn endpoints_of_a_service_that_is_gone_go() {
    let leftover =
        json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": "svc" } });
    let scene = Scene::new().with(leftover);
    assert_eq!(
        told(&scene.observe(endpoints::observe, "svc")),
        ["delete svc"]
    );
}

#[test]
fn slices_hold_a_hundred_and_keep_their_place() {
    let pods = (0..101).map(|i| serving(&format!("p{i}"), &format!("10.0.1.{i}"), "ready"));
    let scene = Scene::new().with(service(json!({}))).with_all(pods);
    let verdict = scene.observe(endpoint_slices::observe, "svc");
    let sizes: Vec<usize> = created(&verdict)
        .iter()
        .map(|slice| slice["endpoints"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [100, 1]);

    let mut known = created(&verdict)[1].clone();
    known["apiVersion"] = "discovery.k8s.io/v1".into();
    known["kind"] = "EndpointSlice".into();
    known["metadata"]["name"] = "svc-x".into();
    let scene = Scene::new().with(service(json!({}))).with(known);
    let verdict = scene.observe(endpoint_slices::observe, "svc");
    assert_eq!(
        told(&verdict),
        [r#"patch svc-x {"endpoints":null,"ports":null}"#]
    );
}

#[test]
fn a_budget_without_pods_tells_so() {
    let scene = Scene::new().with(json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": { "name": "budget" },
        "spec": { "minAvailable": 1, "selector": { "matchLabels": labels() } },
    }));
    let none = events(&scene.observe(disruption::observe, "budget"));
    assert_eq!(none, ["Normal NoPods: No matching pods found"]);
    let scene = scene.with(owned("a", "ready"));
    let one = events(&scene.observe(disruption::observe, "budget"));
    assert!(one.is_empty(), "{one:?}");
}

#[test]
fn an_autoscaler_without_a_target_tells_so() {
    let scene = Scene::new().with(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": { "name": "scaler" },
        "spec": { "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "no" } },
    }));
    assert_eq!(
        events(&scene.observe(autoscaler::observe, "scaler")),
        ["Warning FailedGetScale: deployments/scale.apps \"no\" not found"]
    );
}

#[test]
fn a_budget_counts() {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "top" },
        "spec": { "replicas": 4 },
    });
    let mut set = set(4);
    set["metadata"]["ownerReferences"] = json!([owner("Deployment", "top")]);
    for (what, budget, expected) in [
        ("a number", json!({ "minAvailable": 2 }), (2, 2, 3, 0)),
        ("a share", json!({ "minAvailable": "50%" }), (2, 2, 4, 0)),
        (
            "a share rounded up",
            json!({ "minAvailable": "30%" }),
            (2, 2, 4, 0),
        ),
        ("the missing", json!({ "maxUnavailable": 3 }), (2, 1, 4, 1)),
    ] {
        let mut spec = budget;
        spec["selector"] = json!({ "matchLabels": labels() });
        let scene = Scene::new()
            .with_all([deployment.clone(), set.clone()])
            .with_all([
                owned("a", "ready"),
                owned("b", "ready"),
                owned("c", "running"),
            ])
            .with(json!({
                "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
                "metadata": { "name": "budget" }, "spec": spec,
            }));
        let written = status(&scene.observe(disruption::observe, "budget"));
        let count = |field: &str| written[field].as_i64().unwrap();
        let counted = (
            count("currentHealthy"),
            count("desiredHealthy"),
            count("expectedPods"),
            count("disruptionsAllowed"),
        );
        assert_eq!(counted, expected, "{what}");
    }
}

fn space(more: Value) -> Value {
    let mut meta = json!({ "name": "ns" });
    meta.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": meta,
        "spec": { "finalizers": ["kubernetes"] },
    })
}

#[test]
fn a_namespace_empties_itself_and_goes() {
    let going = || space(json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" }));
    let config = |more: Value| {
        let mut meta = json!({ "name": "c" });
        meta.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": meta })
    };
    let key = Key::new("", "ns");
    let observe = |scene: &Scene| scene.observe_key(namespace::observe, &key);
    assert!(told(&observe(&Scene::new().with(space(json!({}))))).is_empty());
    assert_eq!(told(&observe(&Scene::new().with(going()))), ["finalize ns"]);
    let full = Scene::new().with(going()).with(config(json!({})));
    assert_eq!(told(&observe(&full)), ["delete all configmaps"]);
    let held = config(json!({
        "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/hold"],
    }));
    let verdict = observe(&Scene::new().with(going()).with(held));
    let messages: Vec<Value> = status(&verdict)["conditions"].as_array().unwrap()[3..]
        .iter()
        .map(|condition| condition["message"].clone())
        .collect();
    assert_eq!(
        messages,
        [
            "Some resources are remaining: configmaps. has 1 resource instances",
            "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource \
             instances",
        ]
    );
}

#[test]
fn a_namespace_gets_its_account() {
    let key = Key::new("", "ns");
    let scene = Scene::new().with(space(json!({})));
    let verdict = scene.observe_key(namespace_defaults::observe, &key);
    assert_eq!(told(&verdict), ["create ServiceAccount default"]);
}

#[test]
fn a_claim_goes_when_no_pod_uses_it() {
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "data", "namespace": "ns",
            "deletionTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": ["example.org/other", "kubernetes.io/pvc-protection"],
        },
    });
    let pod = |node: &str| {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "p", "namespace": "ns" },
            "spec": {
                "nodeName": node, "containers": [],
                "volumes": [{ "persistentVolumeClaim": { "claimName": "data" } }],
            },
        })
    };
    let key = Key::new("ns", "data");
    let observe = |node| {
        let scene = Scene::new().with(claim.clone()).with(pod(node));
        told(&scene.observe_key(protection::observe, &key))
    };
    assert!(observe("n").is_empty());
    assert_eq!(
        observe(""),
        [r#"patch data {"metadata":{"finalizers":["example.org/other"]}}"#]
    );
}
