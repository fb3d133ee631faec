//! Field ownership as the server records it (`fieldsV1`), walked alongside the objects it speaks of.
//!
//! A set of fields is a tree of maps. Its keys say what they name: `f:x` a field, `k:{…}` the list item with
//! those key fields, `v:…` the list item equal to that value, `i:n` the item at a place, and `.` the node
//! itself.

use serde_json::{Map, Value};

/// A tree of fields.
pub(super) type Fields = Map<String, Value>;

/// Whether the set names a path of plain fields.
pub(super) fn names(fields: &Fields, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    fields
        .get(&format!("f:{first}"))
        .and_then(Value::as_object)
        .is_some_and(|child| names(child, rest))
}

/// Adds all of one set to another.
pub(super) fn unite(into: &mut Fields, other: Fields) {
    for (key, value) in other {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(more)) => unite(known, more),
            (None, value) => {
                into.insert(key, value);
            }
            _ => {}
        }
    }
}

/// Whether every field of the set is in the object.
pub(super) fn within(fields: &Fields, object: &Value) -> bool {
    fields.iter().all(|(key, child)| {
        if key == "." {
            return true;
        }
        let Some(part) = part(object, key) else {
            return false;
        };
        child.as_object().is_none_or(|child| within(child, part))
    })
}

/// Splits a set into what of it `previous` had (first) and the rest. Where `desired` lacks a field or item
/// that `previous` had, all below it goes along, defaults included: half an item is not valid.
pub(super) fn split(fields: &Fields, previous: &Value, desired: &Value) -> (Fields, Fields) {
    let mut moved = Fields::new();
    let mut rest = Fields::new();
    for (key, child) in fields {
        if key == "." {
            moved.insert(key.clone(), child.clone());
            continue;
        }
        let Some(before) = part(previous, key) else {
            rest.insert(key.clone(), child.clone());
            continue;
        };
        let (Some(after), Some(inner)) = (part(desired, key), child.as_object()) else {
            moved.insert(key.clone(), child.clone());
            continue;
        };
        let (inner_moved, inner_rest) = split(inner, before, after);
        moved.insert(key.clone(), Value::Object(inner_moved));
        if !inner_rest.is_empty() {
            rest.insert(key.clone(), Value::Object(inner_rest));
        }
    }
    (moved, rest)
}

/// Whether a list item is the one that these key fields name. A key field that an object leaves to its
/// default (a port's protocol) counts as equal.
fn has_keys(item: &Value, keys: &Map<String, Value>) -> bool {
    item.is_object()
        && keys.keys().any(|field| item.get(field).is_some())
        && keys
            .iter()
            .all(|(field, wanted)| item.get(field).is_none_or(|known| known == wanted))
}

/// How a patch says that the item of a list is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    /// Items are merged by their keys, and a directive deletes one (strategic merge patch).
    Merged,
    /// A list in the patch replaces the whole list (merge patch).
    Replaced,
}

/// Adds to a patch, which begins as the desired object, that what we own beyond it is to go. Whether a
/// structure is among it, or something that is there and desired to be `null`: what some servers cannot
/// drop by server-side apply.
pub(super) fn remove_surplus(
    fields: &Fields,
    live: &Value,
    patch: &mut Value,
    lists: Lists,
) -> bool {
    let mut structures = false;
    for (key, child) in fields {
        let Some(child) = child.as_object() else {
            continue;
        };
        let here = part(live, key).unwrap_or(&Value::Null);
        match key.split_once(':') {
            Some(("f", name)) => {
                let Some(object) = patch.as_object_mut() else {
                    continue;
                };
                let wanted = object.entry(name).or_insert(Value::Null);
                if wanted.is_null() {
                    structures |= here.is_object() || is_structure(child);
                } else if lists == Lists::Merged || !wanted.is_array() {
                    structures |= remove_surplus(child, here, wanted, lists);
                }
            }
            Some(("k", keys)) => {
                let Ok(keys) = serde_json::from_str::<Map<String, Value>>(keys) else {
                    continue;
                };
                let Some(items) = patch.as_array_mut() else {
                    continue;
                };
                if let Some(wanted) = items.iter_mut().find(|item| has_keys(item, &keys)) {
                    structures |= remove_surplus(child, here, wanted, lists);
                } else {
                    let mut gone = keys;
                    gone.insert("$patch".to_owned(), "delete".into());
                    items.push(Value::Object(gone));
                }
            }
            _ => {}
        }
    }
    structures
}

/// Whether something that is desired to be `null` is there.
pub(super) fn has_unwanted(desired: &Value, live: &Value) -> bool {
    let (Value::Object(desired), Value::Object(live)) = (desired, live) else {
        return false;
    };
    desired.iter().any(|(name, wanted)| {
        live.get(name).is_some_and(|here| {
            if wanted.is_null() {
                !here.is_null()
            } else {
                has_unwanted(wanted, here)
            }
        })
    })
}

fn is_structure(fields: &Fields) -> bool {
    fields.keys().any(|key| key.starts_with("f:"))
}

/// The part of a value that a key of the set names.
fn part<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    let (sort, name) = key.split_once(':')?;
    match sort {
        "f" => value.get(name).filter(|part| !part.is_null()),
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(name).ok()?;
            value.as_array()?.iter().find(|item| has_keys(item, &keys))
        }
        "v" => {
            let wanted: Value = serde_json::from_str(name).ok()?;
            value.as_array()?.iter().find(|item| **item == wanted)
        }
        "i" => value.as_array()?.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        match value {
            Value::Object(fields) => fields,
            other => panic!("not a map: {other}"),
        }
    }

    #[test]
    fn a_set_lies_within_an_object_that_has_all_its_fields() {
        let object = json!({
            "metadata": {"labels": {"a": "1"}, "finalizers": ["x", "y"]},
            "spec": {"ports": [{"containerPort": 80, "name": "web"}], "empty": null, "list": [1, 2]},
        });
        let cases = [
            (json!({}), true),
            (
                json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}}}),
                true,
            ),
            (json!({"f:metadata": {"f:labels": {"f:b": {}}}}), false),
            (
                json!({"f:metadata": {"f:finalizers": {"v:\"x\"": {}}}}),
                true,
            ),
            (
                json!({"f:metadata": {"f:finalizers": {"v:\"z\"": {}}}}),
                false,
            ),
            (
                json!({"f:spec": {"f:ports": {"k:{\"containerPort\":80}": {"f:name": {}}}}}),
                true,
            ),
            (
                json!({"f:spec": {"f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {}}}}),
                true,
            ),
            (
                json!({"f:spec": {"f:ports": {"k:{\"containerPort\":81}": {}}}}),
                false,
            ),
            (
                json!({"f:spec": {"f:ports": {"k:{\"containerPort\":80}": {"f:hostPort": {}}}}}),
                false,
            ),
            (json!({"f:spec": {"f:empty": {}}}), false),
            (json!({"f:spec": {"f:list": {"i:1": {}}}}), true),
            (json!({"f:spec": {"f:list": {"i:2": {}}}}), false),
        ];
        for (set, expected) in cases {
            assert_eq!(within(&fields(set.clone()), &object), expected, "{set}");
        }
    }

    #[test]
    fn what_was_applied_before_is_split_from_what_others_added() {
        let owned = json!({"f:metadata": {"f:labels": {".": {}, "f:old": {}, "f:theirs": {}}},
            "f:spec": {"f:clusterIP": {}, "f:ports": {
                "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}},
                "k:{\"port\":81,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}}}}});
        let previous = json!({"metadata": {"labels": {"old": "1"}},
            "spec": {"ports": [{"port": 80}, {"port": 81}]}});
        let desired = json!({"metadata": {"labels": {}}, "spec": {"ports": [{"port": 80}]}});
        let (moved, rest) = split(&fields(owned), &previous, &desired);
        assert_eq!(
            Value::Object(moved),
            json!({"f:metadata": {"f:labels": {".": {}, "f:old": {}}}, "f:spec": {"f:ports": {
                "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}},
                "k:{\"port\":81,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}}}}})
        );
        assert_eq!(
            Value::Object(rest),
            json!({"f:metadata": {"f:labels": {"f:theirs": {}}}, "f:spec": {"f:clusterIP": {}, "f:ports": {
                "k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:targetPort": {}}}}})
        );
    }

    #[test]
    fn a_patch_takes_away_what_is_ours_and_no_longer_desired() {
        let owned = json!({
            "f:metadata": {"f:labels": {"f:gone": {}}},
            "f:spec": {
                "f:affinity": {".": {}, "f:nodeAffinity": {"f:x": {}}},
                "f:replicas": {},
                "f:volumes": {"k:{\"name\":\"old\"}": {".": {}, "f:name": {}}},
                "f:containers": {
                    "k:{\"name\":\"main\"}": {".": {}, "f:name": {},
                        "f:readinessProbe": {"f:tcpSocket": {"f:port": {}}, "f:periodSeconds": {}},
                        "f:env": {".": {}, "k:{\"name\":\"A\"}": {".": {}, "f:name": {}}}},
                    "k:{\"name\":\"old\"}": {".": {}, "f:name": {}}},
            },
        });
        let desired = json!({"metadata": {"labels": {}}, "spec": {"containers": [
            {"name": "main", "readinessProbe": {"httpGet": {"port": 80}}}]}});
        let mut patch = desired.clone();
        assert!(remove_surplus(
            &fields(owned.clone()),
            &Value::Null,
            &mut patch,
            Lists::Merged
        ));
        assert_eq!(
            patch,
            json!({"metadata": {"labels": {"gone": null}}, "spec": {
                "affinity": null, "replicas": null, "volumes": null,
                "containers": [
                    {"name": "main", "env": null, "readinessProbe":
                        {"httpGet": {"port": 80}, "tcpSocket": null, "periodSeconds": null}},
                    {"name": "old", "$patch": "delete"}]}})
        );
        let mut patch = desired;
        assert!(remove_surplus(
            &fields(owned),
            &Value::Null,
            &mut patch,
            Lists::Replaced
        ));
        assert_eq!(
            patch["spec"]["containers"],
            json!([{"name": "main", "readinessProbe": {"httpGet": {"port": 80}}}])
        );
    }

    #[test]
    fn single_fields_and_items_are_no_structures() {
        let owned = json!({"f:data": {"f:a": {}, "f:b": {}},
            "f:list": {"k:{\"name\":\"x\"}": {".": {}, "f:deep": {"f:er": {}}}}});
        let live = json!({"data": {"a": "1", "b": "2"}, "list": [{"name": "x"}]});
        let mut patch = json!({"data": {"a": "1"}, "list": []});
        assert!(!remove_surplus(
            &fields(owned),
            &live,
            &mut patch,
            Lists::Merged
        ));
        assert_eq!(patch["data"], json!({"a": "1", "b": null}));
    }

    #[test]
    fn what_is_desired_to_be_nothing_may_be_there() {
        let desired = json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}});
        for (live, expected) in [
            (
                json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": 1}}}}),
                true,
            ),
            (
                json!({"spec": {"strategy": {"rollingUpdate": null}}}),
                false,
            ),
            (json!({"spec": {"strategy": {}}}), false),
            (json!({}), false),
        ] {
            assert_eq!(has_unwanted(&desired, &live), expected, "{live}");
        }
    }

    #[test]
    fn sets_unite() {
        let mut one = fields(json!({"f:a": {"f:b": {}}, "f:c": {}}));
        unite(
            &mut one,
            fields(json!({"f:a": {"f:d": {}}, "f:e": {".": {}}})),
        );
        assert_eq!(
            Value::Object(one),
            json!({"f:a": {"f:b": {}, "f:d": {}}, "f:c": {}, "f:e": {".": {}}})
        );
    }

    #[test]
    fn a_path_is_found_by_its_names() {
        let set = fields(json!({"f:metadata": {"f:annotations": {".": {}, "f:a.b/c-d": {}}}}));
        assert!(names(&set, &["metadata", "annotations", "a.b/c-d"]));
        assert!(!names(&set, &["metadata", "annotations", "other"]));
        assert!(!names(&set, &["spec"]));
    }
}
