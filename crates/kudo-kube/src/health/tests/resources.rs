//! Services, ingresses, claims, definitions, budgets and autoscalers.

use serde_json::{Value, json};

use super::{UNSEEN, check};

#[test]
fn services() {
    let spec = |spec: Value| json!({"spec": spec});
    check(
        "v1",
        "Service",
        &[
            (
                "no address",
                spec(json!({"type": "ClusterIP"})),
                "… it has no cluster IP",
            ),
            (
                "empty address",
                spec(json!({"clusterIP": ""})),
                "… it has no cluster IP",
            ),
            (
                "an address",
                spec(json!({"type": "ClusterIP", "clusterIP": "10.0.0.1"})),
                "-",
            ),
            ("headless", spec(json!({"clusterIP": "None"})), "-"),
            (
                "a name elsewhere",
                spec(json!({"type": "ExternalName", "externalName": "a.b"})),
                "-",
            ),
            (
                "a node port",
                spec(json!({"type": "NodePort", "clusterIP": "10.0.0.1"})),
                "-",
            ),
            (
                "a load balancer to come",
                spec(json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"})),
                "… its load balancer has no address",
            ),
            (
                "a load balancer with no cluster IP",
                spec(json!({"type": "LoadBalancer"})),
                "… it has no cluster IP",
            ),
            (
                "a load balancer by hand",
                spec(
                    json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1", "externalIPs": ["1.2.3.4"]}),
                ),
                "-",
            ),
            (
                "a load balancer",
                json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"},
                    "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}),
                "-",
            ),
            (
                "a load balancer by name",
                json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"},
                    "status": {"loadBalancer": {"ingress": [{"hostname": "a.b"}]}}}),
                "-",
            ),
            (
                "a load balancer with empty entries",
                json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"},
                    "status": {"loadBalancer": {"ingress": [{}]}}}),
                "… its load balancer has no address",
            ),
        ],
    );
}

#[test]
fn ingresses() {
    for api_version in [
        "networking.k8s.io/v1",
        "networking.k8s.io/v1beta1",
        "extensions/v1beta1",
    ] {
        check(
            api_version,
            "Ingress",
            &[
                ("just created", json!({}), "… it has no address"),
                (
                    "nothing in it",
                    json!({"status": {"loadBalancer": {"ingress": []}}}),
                    "… it has no address",
                ),
                (
                    "an address",
                    json!({"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}),
                    "-",
                ),
                (
                    "a name",
                    json!({"status": {"loadBalancer": {"ingress": [{"hostname": "a"}]}}}),
                    "-",
                ),
            ],
        );
    }
}

#[test]
fn namespaces_and_claims() {
    check(
        "v1",
        "Namespace",
        &[
            ("just created", json!({}), "… not active yet"),
            ("active", json!({"status": {"phase": "Active"}}), "-"),
            (
                "on its way out",
                json!({"status": {"phase": "Terminating"}}),
                "… terminating",
            ),
        ],
    );
    check(
        "v1",
        "PersistentVolumeClaim",
        &[
            ("just created", json!({}), "… not bound to a volume yet"),
            (
                "pending",
                json!({"status": {"phase": "Pending"}}),
                "… not bound to a volume yet",
            ),
            ("bound", json!({"status": {"phase": "Bound"}}), "-"),
            (
                "lost",
                json!({"status": {"phase": "Lost"}}),
                "… the volume it was bound to is lost",
            ),
        ],
    );
}

#[test]
fn definitions() {
    let condition = |kind: &str, status: &str, message: &str| json!({"type": kind, "status": status, "reason": "R", "message": message});
    let with = |conditions: Vec<Value>| json!({"status": {"conditions": conditions}});
    for api_version in ["apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1"] {
        check(
            api_version,
            "CustomResourceDefinition",
            &[
                ("just created", json!({}), "… not established yet"),
                (
                    "established",
                    with(vec![condition("Established", "True", "")]),
                    "-",
                ),
                (
                    "not yet",
                    with(vec![condition("Established", "False", "installing")]),
                    "… not established yet",
                ),
                (
                    "names accepted",
                    with(vec![condition("NamesAccepted", "True", "")]),
                    "… not established yet",
                ),
                (
                    "names taken",
                    with(vec![condition(
                        "NamesAccepted",
                        "False",
                        "\"widgets\" is already in use",
                    )]),
                    "… \"widgets\" is already in use (R)",
                ),
                (
                    "established before its names were taken",
                    with(vec![
                        condition("NamesAccepted", "False", "taken"),
                        condition("Established", "True", ""),
                    ]),
                    "-",
                ),
            ],
        );
    }
}

#[test]
fn disruption_budgets() {
    let state = |observed: i64, counts: [i64; 3]| {
        let [expected, wanted, healthy] = counts;
        json!({"metadata": {"generation": 1}, "status": {"observedGeneration": observed,
            "expectedPods": expected, "desiredHealthy": wanted, "currentHealthy": healthy}})
    };
    for api_version in ["policy/v1", "policy/v1beta1"] {
        check(
            api_version,
            "PodDisruptionBudget",
            &[
                (
                    "just created",
                    json!({"metadata": {"generation": 1}}),
                    UNSEEN,
                ),
                ("before its pods", state(1, [0, 2, 0]), "-"),
                ("none healthy", state(1, [3, 2, 0]), "… 0 of 2 pods healthy"),
                (
                    "too few healthy",
                    state(1, [3, 2, 1]),
                    "… 1 of 2 pods healthy",
                ),
                ("enough healthy", state(1, [3, 2, 2]), "-"),
                ("more than enough", state(1, [3, 2, 3]), "-"),
            ],
        );
    }
}

#[test]
fn autoscalers() {
    let with = |kind: &str, status: &str| {
        json!({"status": {"conditions": [{"type": kind, "status": status, "reason": "FailedGetScale",
            "message": "no such target"}]}})
    };
    let annotated = |text: &str| json!({"metadata": {"annotations": {"autoscaling.alpha.kubernetes.io/conditions": text}}});
    check(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        &[
            ("just created", json!({}), "-"),
            ("able", with("AbleToScale", "True"), "-"),
            (
                "unable",
                with("AbleToScale", "False"),
                "… no such target (FailedGetScale)",
            ),
            ("no metrics", with("ScalingActive", "False"), "-"),
        ],
    );
    check(
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
        &[
            (
                "unable, in the annotation",
                annotated(
                    r#"[{"type":"AbleToScale","status":"False","reason":"R","message":"m"}]"#,
                ),
                "… m (R)",
            ),
            (
                "able, in the annotation",
                annotated(r#"[{"type":"AbleToScale","status":"True"}]"#),
                "-",
            ),
            ("nonsense in the annotation", annotated("nonsense"), "-"),
        ],
    );
}
