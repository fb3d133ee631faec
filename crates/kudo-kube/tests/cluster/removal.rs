//! What leaves the template leaves the object, and pods are replaced once for it.

use serde_json::{Value, json};

use crate::harness::{World, config_map, deployment, manager_of};

#[tokio::test]
async fn a_field_that_left_the_template_leaves_the_object() {
    let Some(world) = World::new().await else {
        return;
    };
    world
        .apply(&config_map("cm", json!({"a": "1", "b": "2"})), "u1")
        .await
        .unwrap();
    world
        .merge_as(
            "somebody",
            &config_map("cm", json!({})),
            json!({"data": {"theirs": "3"}}),
        )
        .await;
    world
        .apply(&config_map("cm", json!({"a": "1"})), "u2")
        .await
        .unwrap();
    let data = &world.get("v1", "ConfigMap", "cm").await.unwrap()["data"];
    assert_eq!(*data, json!({"a": "1", "theirs": "3"}));
}

#[tokio::test]
async fn nested_structures_that_left_the_template_leave_the_object() {
    let Some(world) = World::new().await else {
        return;
    };
    let full = |name: &str| {
        let mut full = deployment(name, 1);
        let container = &mut full["spec"]["template"]["spec"]["containers"][0];
        container["readinessProbe"] = json!({"tcpSocket": {"port": 80}, "periodSeconds": 5});
        container["resources"] = json!({"limits": {"cpu": "1"}});
        container["lifecycle"] = json!({"preStop": {"exec": {"command": ["true"]}}});
        container["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
        container["env"] = json!([{"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]);
        container["securityContext"] = json!({"runAsUser": 1});
        full["spec"]["template"]["spec"]["volumes"] =
            json!([{"name": "v", "emptyDir": {"medium": "Memory"}}]);
        full["spec"]["template"]["spec"]["securityContext"] = json!({"fsGroup": 1});
        full["spec"]["template"]["spec"]["affinity"] = json!({"podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "a", "labelSelector": {"matchLabels": {"a": "b"}}}]}});
        full["spec"]["strategy"] =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}});
        full
    };
    for (number, (path, left)) in [
        (
            "/spec/template/spec/containers/0/readinessProbe",
            Value::Null,
        ),
        (
            "/spec/template/spec/containers/0/readinessProbe/periodSeconds",
            json!(10),
        ),
        ("/spec/template/spec/containers/0/resources", json!({})),
        ("/spec/template/spec/containers/0/lifecycle", Value::Null),
        (
            "/spec/template/spec/containers/0/lifecycle/preStop",
            Value::Null,
        ),
        ("/spec/template/spec/containers/0/env", Value::Null),
        ("/spec/template/spec/containers/0/env/1", Value::Null),
        (
            "/spec/template/spec/containers/0/securityContext",
            Value::Null,
        ),
        ("/spec/template/spec/securityContext", json!({})),
        ("/spec/template/spec/affinity", Value::Null),
        ("/spec/template/spec/affinity/podAntiAffinity", Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let name = &format!("web-{number}");
        let before = full(name);
        world.apply(&before, "u1").await.unwrap();
        let mut after = before.clone();
        let (parent, field) = path.rsplit_once('/').unwrap();
        match after.pointer_mut(parent).unwrap() {
            Value::Object(map) => {
                map.remove(field);
            }
            Value::Array(list) => {
                list.remove(field.parse().unwrap());
            }
            _ => panic!("{path}"),
        }
        world.apply(&after, "u2").await.unwrap();
        let live = world.get("apps/v1", "Deployment", name).await.unwrap();
        assert_eq!(
            live.pointer(path).cloned().unwrap_or_default(),
            left,
            "{path}"
        );
        // Whatever it took, all is ours by apply alone, and what comes back and goes again does so.
        assert!(
            manager_of(&live, "kudo-manager", "Update").is_none(),
            "{path}"
        );
        world.apply(&before, "u3").await.unwrap();
        world.apply(&after, "u4").await.unwrap();
        let live = world.get("apps/v1", "Deployment", name).await.unwrap();
        assert_eq!(
            live.pointer(path).cloned().unwrap_or_default(),
            left,
            "{path} again"
        );
    }
}

#[tokio::test]
async fn one_of_a_kind_can_be_changed_for_another() {
    let Some(world) = World::new().await else {
        return;
    };
    let object = |strategy: Value, probe: Value, volume: Value, variable: Value| {
        let mut object = deployment("web", 1);
        let pod = &mut object["spec"]["template"]["spec"];
        pod["volumes"] = json!([volume]);
        pod["containers"][0]["livenessProbe"] = probe;
        pod["containers"][0]["env"] = json!([variable]);
        object["spec"]["strategy"] = strategy;
        object
    };
    let one = object(
        json!({"type": "RollingUpdate"}),
        json!({"httpGet": {"port": 80, "path": "/"}, "periodSeconds": 3}),
        json!({"name": "v", "emptyDir": {"medium": "Memory"}}),
        json!({"name": "A", "value": "1"}),
    );
    let other = object(
        json!({"type": "Recreate"}),
        json!({"exec": {"command": ["true"]}}),
        json!({"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}}),
        json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
    );
    for (number, wanted) in [&one, &other, &one, &other].into_iter().enumerate() {
        world.apply(wanted, &format!("u{number}")).await.unwrap();
        let live = world.get("apps/v1", "Deployment", "web").await.unwrap();
        let spec = &live["spec"]["template"]["spec"];
        assert_eq!(
            live["spec"]["strategy"]["type"],
            wanted["spec"]["strategy"]["type"]
        );
        let is_one = number % 2 == 0;
        assert_eq!(
            spec["volumes"][0].get("emptyDir").is_some(),
            is_one,
            "{number}"
        );
        assert_eq!(
            spec["volumes"][0].get("configMap").is_some(),
            !is_one,
            "{number}"
        );
        let probe = &spec["containers"][0]["livenessProbe"];
        assert_eq!(probe.get("httpGet").is_some(), is_one, "{number}");
        assert_eq!(probe.get("exec").is_some(), !is_one, "{number}");
    }
}

#[tokio::test]
async fn a_change_replaces_pods_once() {
    let Some(world) = World::new().await else {
        return;
    };
    let mut object = deployment("web", 1);
    object["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] =
        json!({"tcpSocket": {"port": 80}});
    world.apply(&object, "u1").await.unwrap();
    world.healthy("apps/v1", "Deployment", "web").await;
    let mut object = deployment("web", 1);
    object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("nginx:2");
    world.apply(&object, "u2").await.unwrap();
    world.healthy("apps/v1", "Deployment", "web").await;
    let sets = world.api("apps/v1", "ReplicaSet").await;
    let sets = sets.list(&kube::api::ListParams::default()).await.unwrap();
    assert_eq!(sets.items.len(), 2, "one before, one after");
}

#[tokio::test]
async fn structures_leave_custom_resources_and_definitions_too() {
    let Some(world) = World::new().await else {
        return;
    };
    let group = format!("{}.example.com", world.namespace);
    let definition = |properties: Value| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("things.{group}")},
            "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}}}]}})
    };
    let number = json!({"type": "integer"});
    let deep = json!({"type": "object", "properties": {"er": {"type": "object", "properties": {"n": number}}}});
    let full = definition(json!({"size": number, "deep": deep, "gone": deep}));
    world.apply(&full, "u1").await.unwrap();
    world
        .healthy_cluster(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            &format!("things.{group}"),
        )
        .await;
    world.cluster.discovery.refresh(&group);
    let less = definition(json!({"size": number, "deep": deep}));
    world.apply(&less, "u2").await.unwrap();
    let name = format!("things.{group}");
    let live = world
        .get("apiextensions.k8s.io/v1", "CustomResourceDefinition", &name)
        .await
        .unwrap();
    let schema = &live["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    assert_eq!(schema["properties"].as_object().unwrap().len(), 2);

    let thing = |spec: Value| json!({"apiVersion": format!("{group}/v1"), "kind": "Thing", "metadata": {"name": "t"}, "spec": spec});
    world
        .apply(&thing(json!({"size": 1, "deep": {"er": {"n": 1}}})), "u1")
        .await
        .unwrap();
    world.apply(&thing(json!({"size": 2})), "u2").await.unwrap();
    let live = world
        .get(&format!("{group}/v1"), "Thing", "t")
        .await
        .unwrap();
    assert_eq!(live["spec"], json!({"size": 2}));
    assert!(manager_of(&live, "kudo-manager", "Update").is_none());
}
