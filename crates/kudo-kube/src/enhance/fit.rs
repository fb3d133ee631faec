//! What server-side apply needs and a plain create or patch did not.
//!
//! - Ports are told apart by number *and* protocol; servers around 1.20 want the protocol written out even
//!   where it is the default.
//! - A strategy other than `RollingUpdate` must not have settings for rolling updates, which an older
//!   version of the object got as defaults: nobody owns those, so no apply would remove them.

use serde_json::{Value, json};

use super::pod_template;

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
            let containers = pod.get_mut(field).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                name_protocols(container.get_mut("ports"));
            }
        }
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

fn name_protocols(ports: Option<&mut Value>) {
    let ports = ports.and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
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
