//! Comparing what two runs came to.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Takes away what differs from run to run.
pub(crate) fn normal(value: &mut Value, namespace: &str) {
    match value {
        Value::Object(map) => {
            for volatile in [
                "uid",
                "controller-uid",
                "batch.kubernetes.io/controller-uid",
                "lastUpdatedTimestamp",
                "lastTransitionTime",
                "clusterIP",
                "clusterIPs",
                "nodePort",
                // A driver names what it makes after the claim's uid.
                "volumeName",
                "kudo.dev/last-plan-execution-uid",
                "deployment.kubernetes.io/revision",
            ] {
                map.remove(volatile);
            }
            map.values_mut().for_each(|inner| normal(inner, namespace));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| normal(inner, namespace)),
        Value::String(text) => *text = text.replace(namespace, "NAMESPACE"),
        _ => {}
    }
}

/// Where two values differ, for whoever reads the failure.
pub(crate) fn difference(expected: &Value, found: &Value, at: &str) -> String {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let null = Value::Null;
            let of =
                |map: &'_ Map<String, Value>, key| map.get(key).cloned().unwrap_or(null.clone());
            let parts = keys
                .into_iter()
                .map(|key| difference(&of(a, key), &of(b, key), &format!("{at}/{key}")));
            parts
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let parts = a.iter().zip(b).enumerate();
            let parts = parts.map(|(i, (a, b))| difference(a, b, &format!("{at}/{i}")));
            parts
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        }
        (a, b) if a == b => String::new(),
        (a, b) => format!("{at}: expected {a}, found {b}"),
    }
}
