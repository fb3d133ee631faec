//! What server-side apply needs and a plain create or patch did not.
//!
//! - Ports are told apart by number *and* protocol; servers around 1.20 want the protocol written out even
//!   where it is the default.
//! - Quantities are text to servers around 1.20, however plain a number they are.
//! - A strategy other than `RollingUpdate` must not have settings for rolling updates, which an older
//!   version of the object got as defaults: nobody owns those, so no apply would remove them.

use serde_json::{Value, json};

use super::pod_template;

/// Fields of a limit range's items that are maps of quantities.
const LIMITS: [&str; 5] = [
    "max",
    "min",
    "default",
    "defaultRequest",
    "maxLimitRequestRatio",
];

/// Writes out what is otherwise implied.
pub(super) fn fit_for_apply(object: &mut Value, group: &str, kind: &str) {
    if (group, kind) == ("", "Service") {
        name_protocols(object.pointer_mut("/spec/ports"));
    }
    let pod = match (group, kind) {
        ("", "Pod") => Some("/spec".to_owned()),
        _ => pod_template(group, kind).map(|path| format!("{path}/spec")),
    };
    if let Some(pod) = pod.and_then(|path| object.pointer_mut(&path)) {
        for field in ["initContainers", "containers"] {
            for container in items(pod.get_mut(field)) {
                name_protocols(container.get_mut("ports"));
                write_requirements(container.get_mut("resources"));
            }
        }
        write_quantities(pod.get_mut("overhead"));
        for volume in items(pod.get_mut("volumes")) {
            write_quantity(volume.pointer_mut("/emptyDir/sizeLimit"));
        }
    }
    match (group, kind) {
        ("", "PersistentVolumeClaim") => write_requirements(object.pointer_mut("/spec/resources")),
        ("", "PersistentVolume") => write_quantities(object.pointer_mut("/spec/capacity")),
        ("", "ResourceQuota") => write_quantities(object.pointer_mut("/spec/hard")),
        ("", "LimitRange") => {
            for limit in items(object.pointer_mut("/spec/limits")) {
                for field in LIMITS {
                    write_quantities(limit.get_mut(field));
                }
            }
        }
        ("apps", "StatefulSet") => {
            for claim in items(object.pointer_mut("/spec/volumeClaimTemplates")) {
                write_requirements(claim.pointer_mut("/spec/resources"));
            }
        }
        _ => {}
    }
    let strategy = match (group, kind) {
        ("apps" | "extensions", "Deployment") => "/spec/strategy",
        ("apps" | "extensions", "StatefulSet" | "DaemonSet") => "/spec/updateStrategy",
        _ => return,
    };
    if let Some(Value::Object(strategy)) = object.pointer_mut(strategy)
        && strategy
            .get("type")
            .and_then(Value::as_str)
            .is_some_and(|kind| kind != "RollingUpdate")
    {
        strategy.entry("rollingUpdate").or_insert(Value::Null);
    }
}

fn items(list: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    let list = list.and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

fn write_requirements(resources: Option<&mut Value>) {
    if let Some(resources) = resources {
        for field in ["requests", "limits"] {
            write_quantities(resources.get_mut(field));
        }
    }
}

fn write_quantities(map: Option<&mut Value>) {
    let map = map.and_then(Value::as_object_mut);
    for (_, quantity) in map.into_iter().flatten() {
        write_quantity(Some(quantity));
    }
}

fn write_quantity(quantity: Option<&mut Value>) {
    if let Some(quantity) = quantity
        && let Value::Number(number) = quantity
    {
        *quantity = Value::String(number.to_string());
    }
}

fn name_protocols(ports: Option<&mut Value>) {
    for port in items(ports).filter_map(Value::as_object_mut) {
        let protocol = port.entry("protocol").or_insert(Value::Null);
        if protocol.is_null() {
            *protocol = json!("TCP");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_get_the_protocol_they_have() {
        let mut service = json!({"spec": {"ports": [
            {"port": 80}, {"port": 53, "protocol": "UDP"}, {"port": 81, "protocol": null}]}});
        fit_for_apply(&mut service, "", "Service");
        assert_eq!(
            service["spec"]["ports"],
            json!([{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"},
                {"port": 81, "protocol": "TCP"}])
        );
        let pod = json!({"containers": [{"ports": [{"containerPort": 80}]}, {"name": "x"}],
            "initContainers": [{"ports": [{"containerPort": 1, "protocol": "SCTP"}]}]});
        let expected = json!({"containers": [
                {"ports": [{"containerPort": 80, "protocol": "TCP"}]}, {"name": "x"}],
            "initContainers": [{"ports": [{"containerPort": 1, "protocol": "SCTP"}]}]});
        let mut object = json!({"spec": {"template": {"spec": pod}}});
        fit_for_apply(&mut object, "apps", "StatefulSet");
        assert_eq!(object["spec"]["template"]["spec"], expected);
        let mut object = json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}});
        fit_for_apply(&mut object, "batch", "CronJob");
        assert_eq!(
            object["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            expected
        );
        let mut object = json!({"spec": pod});
        fit_for_apply(&mut object, "", "Pod");
        assert_eq!(object["spec"], expected);
        let mut object = json!({"spec": {"ports": [{"port": 80}]}});
        fit_for_apply(&mut object, "example.com", "Service");
        assert_eq!(object, json!({"spec": {"ports": [{"port": 80}]}}));
    }

    #[test]
    fn quantities_are_text() {
        let resources = |cpu: Value| json!({"requests": {"cpu": cpu, "memory": "1Gi"}});
        let pod = |cpu: Value, size: Value| {
            json!({
                "containers": [{"name": "a", "resources": resources(cpu.clone())}, {"name": "b"}],
                "initContainers": [{"resources": {"limits": {"cpu": cpu}}}],
                "volumes": [{"name": "v", "emptyDir": {"sizeLimit": size}}, {"name": "w"}],
            })
        };
        let (number, text) = (json!(0.25), json!("0.25"));
        let set = |cpu: &Value, size: Value| {
            json!({"spec": {
                "replicas": 2,
                "template": {"spec": pod(cpu.clone(), size.clone())},
                "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": size}}}}],
            }})
        };
        let mut object = set(&number, json!(1024));
        fit_for_apply(&mut object, "apps", "StatefulSet");
        assert_eq!(object, set(&text, json!("1024")));
        let cases = [
            ("PersistentVolumeClaim", "resources"),
            ("PersistentVolume", "capacity"),
            ("ResourceQuota", "hard"),
            ("LimitRange", "limits"),
        ];
        for (kind, field) in cases {
            let content = |value: Value| match kind {
                "PersistentVolumeClaim" => json!({"requests": {"x": value}}),
                "LimitRange" => json!([{"type": "Pod", "max": {"x": value}}]),
                _ => json!({"x": value}),
            };
            let mut object = json!({"spec": {field: content(json!(7))}});
            fit_for_apply(&mut object, "", kind);
            assert_eq!(
                object,
                json!({"spec": {field: content(json!("7"))}}),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_strategy_that_does_not_roll_has_no_settings_for_it() {
        let cases = [
            ("Deployment", "strategy", json!({"type": "Recreate"}), true),
            (
                "Deployment",
                "strategy",
                json!({"type": "RollingUpdate"}),
                false,
            ),
            ("Deployment", "strategy", json!({}), false),
            (
                "StatefulSet",
                "updateStrategy",
                json!({"type": "OnDelete"}),
                true,
            ),
            (
                "DaemonSet",
                "updateStrategy",
                json!({"type": "OnDelete"}),
                true,
            ),
            (
                "StatefulSet",
                "updateStrategy",
                json!({"type": "RollingUpdate"}),
                false,
            ),
            ("ReplicaSet", "strategy", json!({"type": "Recreate"}), false),
        ];
        for (kind, field, strategy, nulled) in cases {
            let mut object = json!({"spec": {field: strategy}});
            fit_for_apply(&mut object, "apps", kind);
            let seen = object["spec"][field].get("rollingUpdate") == Some(&Value::Null);
            assert_eq!(seen, nulled, "{kind} {object}");
        }
    }
}
