//! Setting defaults.

use serde_json::{Map, Value};

pub(super) fn default(spec: &Value, value: &mut Value) {
    match value {
        Value::Array(list) => {
            for item in list {
                default(&spec["items"], item);
            }
        }
        Value::Object(map) => default_fields(spec, map),
        _ => {}
    }
}

fn default_fields(spec: &Value, map: &mut Map<String, Value>) {
    for (key, property) in spec["properties"].as_object().into_iter().flatten() {
        if map.get(key).is_some_and(Value::is_null) && property["nullable"] != true {
            map.remove(key);
        }
        if !map.contains_key(key)
            && let Some(set) = property.get("default")
        {
            map.insert(key.clone(), set.clone());
        }
        if let Some(value) = map.get_mut(key) {
            default(property, value);
        }
    }
    let additional = &spec["additionalProperties"];
    if additional.is_object() {
        if additional["nullable"] != true {
            let declared = |key: &String| spec["properties"].get(key).is_some();
            match additional.get("default") {
                Some(set) => {
                    let nulls = map
                        .iter_mut()
                        .filter(|(key, value)| value.is_null() && !declared(key));
                    nulls.for_each(|(_, value)| *value = set.clone());
                }
                None => map.retain(|key, value| !value.is_null() || declared(key)),
            }
        }
        for value in map.values_mut() {
            default(additional, value);
        }
    }
}
