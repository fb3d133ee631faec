//! Server-side apply and the record of owners.

use kudo_simcluster::managed_fields::{ApplyError, Manager, apply, record_update};
use kudo_simcluster::schema;
use proptest::prelude::*;
use serde_json::{Value, json};

fn by<'a>(name: &'a str, now: &'a str) -> Manager<'a> {
    Manager {
        name,
        version: "v1",
        subresource: "",
        now,
    }
}

fn config_map() -> schema::TypeRef {
    schema::of("", "v1", "ConfigMap").unwrap()
}

fn config(data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "c", "namespace": "n" }, "data": data })
}

fn applied(
    live: Option<&Value>,
    data: &Value,
    who: &str,
    force: bool,
) -> Result<Value, ApplyError> {
    let by = by(who, "2026-01-01T00:00:00Z");
    let mut object = apply(&config_map(), live, &config(data), by, force)?;
    // As a server stores it: a map that became empty is gone.
    schema::decode(&config_map(), &mut object).unwrap();
    Ok(object)
}

fn owners(object: &Value) -> Vec<(&str, &str, Value)> {
    object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| {
            let text = |key: &str| entry[key].as_str().unwrap();
            (
                text("manager"),
                text("operation"),
                entry["fieldsV1"].clone(),
            )
        })
        .collect()
}

#[test]
fn an_applier_owns_what_it_says_and_removes_what_it_no_longer_says() {
    let first = applied(None, &json!({ "a": "1", "b": "2" }), "one", false).unwrap();
    let fields = json!({ "f:data": { "f:a": {}, "f:b": {} } });
    assert_eq!(owners(&first), [("one", "Apply", fields)]);
    let second = applied(Some(&first), &json!({ "a": "1" }), "one", false).unwrap();
    assert_eq!(second["data"], json!({ "a": "1" }));
    let shared = applied(Some(&first), &json!({ "b": "2" }), "two", false).unwrap();
    let left = applied(Some(&shared), &json!({ "a": "1" }), "one", false).unwrap();
    assert_eq!(
        left["data"],
        json!({ "a": "1", "b": "2" }),
        "the other still owns b"
    );
}

#[test]
fn conflicts_are_told_and_forced() {
    let first = applied(None, &json!({ "a": "1", "b": "2" }), "one", false).unwrap();
    let error = applied(Some(&first), &json!({ "a": "9" }), "two", false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"one\": .data.a"
    );
    let error = applied(Some(&first), &json!({ "a": "9", "b": "9" }), "two", false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 2 conflicts: conflicts with \"one\":\n- .data.a\n- .data.b"
    );
    let forced = applied(Some(&first), &json!({ "a": "9" }), "two", true).unwrap();
    assert_eq!(forced["data"], json!({ "a": "9", "b": "2" }));
    let one = owners(&forced)
        .into_iter()
        .find(|owner| owner.0 == "one")
        .unwrap();
    assert_eq!(one.2, json!({ "f:data": { "f:b": {} } }));
}

#[test]
fn other_writes_own_what_they_change() {
    let mut object = config(&json!({ "a": "1" }));
    record_update(
        &config_map(),
        None,
        &mut object,
        by("edit", "2026-01-01T00:00:00Z"),
    );
    let fields = json!({ "f:data": { ".": {}, "f:a": {} } });
    assert_eq!(owners(&object), [("edit", "Update", fields)]);
    let error = applied(Some(&object), &json!({ "a": "2" }), "one", false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"edit\" using v1: .data.a"
    );
    let mut changed = object.clone();
    changed["data"] = json!({ "a": "1", "b": "2" });
    record_update(
        &config_map(),
        Some(&object),
        &mut changed,
        by("other", "2026-01-02T00:00:00Z"),
    );
    let other = json!({ "f:data": { "f:b": {} } });
    assert_eq!(owners(&changed)[1], ("other", "Update", other));
    let mut reset = changed.clone();
    reset["metadata"]["managedFields"] = json!([]);
    record_update(
        &config_map(),
        Some(&changed),
        &mut reset,
        by("edit", "2026-01-03T00:00:00Z"),
    );
    assert!(owners(&reset).is_empty());
}

#[test]
fn items_of_lists_are_owned_by_their_keys() {
    let service = schema::of("", "v1", "Service").unwrap();
    let config = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" },
        "spec": { "ports": [{ "port": 80, "name": "web" }], "selector": { "a": "b" } } });
    let object = apply(
        &service,
        None,
        &config,
        by("one", "2026-01-01T00:00:00Z"),
        false,
    )
    .unwrap();
    assert_eq!(
        owners(&object)[0].2,
        json!({ "f:spec": {
            "f:ports": { "k:{\"port\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:name": {}, "f:port": {} } },
            "f:selector": {} } })
    );
}

#[test]
fn what_does_not_fit_the_type_is_refused() {
    let mut wrong = config(&json!({}));
    wrong["foo"] = json!(1);
    let error = apply(&config_map(), None, &wrong, by("one", ""), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to create typed patch object (n/c; /v1, Kind=ConfigMap): .foo: field not declared in schema"
    );
}

proptest! {
    /// Applying again changes nothing; what nobody says any more is gone, what someone says stays.
    #[test]
    fn applies_settle(steps in proptest::collection::vec(
        (0..3_usize, proptest::collection::btree_map("[a-d]", "[x-z]", 0..4)), 1..8,
    )) {
        let managers = ["one", "two", "three"];
        let mut live: Option<Value> = None;
        let mut said: Vec<Option<std::collections::BTreeMap<String, String>>> = vec![None; 3];
        for (who, data) in steps {
            let next = applied(live.as_ref(), &json!(data), managers[who], true).unwrap();
            let again = applied(Some(&next), &json!(data), managers[who], true).unwrap();
            prop_assert_eq!(&again, &next);
            said[who] = Some(data.clone());
            for (key, value) in &data {
                prop_assert_eq!(&next["data"][key.as_str()], value);
            }
            for key in next["data"].as_object().into_iter().flatten().map(|(key, _)| key) {
                prop_assert!(said.iter().flatten().any(|map| map.contains_key(key)), "{} is nobody's", key);
            }
            live = Some(next);
        }
    }
}
