//! What an autoscaler goes by that says nothing of it, and how fast it is.

use serde_json::{Map, Value, json};

use super::{is_nothing, put};

/// An autoscaler without metrics goes by the processor; rules of one direction bring those of both.
pub(super) fn set(spec: &mut Map<String, Value>) {
    if spec.get("metrics").is_none_or(is_nothing) {
        let target = json!({ "type": "Utilization", "averageUtilization": 80 });
        let metric = json!({ "type": "Resource", "resource": { "name": "cpu", "target": target } });
        spec.insert("metrics".to_owned(), json!([metric]));
    }
    let behavior = spec.get_mut("behavior").and_then(Value::as_object_mut);
    let Some(behavior) = behavior else { return };
    let double = json!({ "type": "Percent", "value": 100, "periodSeconds": 15 });
    let four = json!({ "type": "Pods", "value": 4, "periodSeconds": 15 });
    let up = json!({
        "stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [four, double],
    });
    let down = json!({ "selectPolicy": "Max", "policies": [double] });
    for (direction, defaults) in [("scaleUp", up), ("scaleDown", down)] {
        put(behavior, direction, json!({}));
        let rules = behavior.get_mut(direction).and_then(Value::as_object_mut);
        if let (Some(rules), Value::Object(defaults)) = (rules, defaults) {
            for (field, value) in defaults {
                put(rules, &field, value);
            }
        }
    }
}
