//! Patches.

use kudo_simcluster::patch::{json_patch, merge_patch, strategic_merge};
use kudo_simcluster::schema;
use proptest::prelude::*;
use serde_json::{Value, json};

fn pod() -> schema::TypeRef {
    schema::of("", "v1", "Pod").unwrap()
}

fn containers(names: &[&str]) -> Value {
    let list: Vec<Value> = names
        .iter()
        .map(|name| json!({ "name": name, "image": "i", "command": ["x"] }))
        .collect();
    json!({ "spec": { "containers": list } })
}

fn merged(object: &Value, patch: &Value) -> Value {
    strategic_merge(&pod(), object, patch).unwrap()
}

fn names(pod: &Value) -> Vec<&str> {
    let list = pod["spec"]["containers"].as_array().unwrap();
    list.iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

#[test]
fn items_are_merged_by_key_deleted_and_replaced() {
    let object = containers(&["a", "b"]);
    let patch = |items: Value| json!({ "spec": { "containers": items } });
    let changed = merged(&object, &patch(json!([{ "name": "b", "image": "j" }])));
    assert_eq!(
        changed["spec"]["containers"][1],
        json!({ "name": "b", "image": "j", "command": ["x"] })
    );
    let fewer = merged(
        &object,
        &patch(json!([{ "name": "a", "$patch": "delete" }])),
    );
    assert_eq!(names(&fewer), ["b"]);
    let one = merged(
        &object,
        &patch(json!([{ "$patch": "replace" }, { "name": "z" }])),
    );
    assert_eq!(one["spec"]["containers"], json!([{ "name": "z" }]));
    let none = merged(&object, &json!({ "spec": { "$patch": "delete" } }));
    assert_eq!(none["spec"], json!({}));
}

#[test]
fn order_and_kept_keys_are_as_the_patch_says() {
    let object = containers(&["a", "b"]);
    let patch = json!({ "spec": { "$setElementOrder/containers": [{ "name": "b" }, { "name": "a" }],
        "containers": [{ "name": "b", "image": "j" }] } });
    assert_eq!(names(&merged(&object, &patch)), ["b", "a"]);
    let deployment = schema::of("apps", "v1", "Deployment").unwrap();
    let object =
        json!({ "spec": { "strategy": { "type": "RollingUpdate", "rollingUpdate": {} } } });
    let patch = json!({ "spec": { "strategy": { "$retainKeys": ["type"], "type": "Recreate" } } });
    let changed = strategic_merge(&deployment, &object, &patch).unwrap();
    assert_eq!(changed["spec"]["strategy"], json!({ "type": "Recreate" }));
}

#[test]
fn items_of_lists_of_texts_are_added_and_deleted() {
    let object = json!({ "metadata": { "finalizers": ["a", "b"] } });
    let more = merged(
        &object,
        &json!({ "metadata": { "finalizers": ["b", "c"] } }),
    );
    assert_eq!(more["metadata"]["finalizers"], json!(["a", "b", "c"]));
    let patch = json!({ "metadata": { "$deleteFromPrimitiveList/finalizers": ["a"] } });
    assert_eq!(
        merged(&object, &patch)["metadata"]["finalizers"],
        json!(["b"])
    );
}

#[test]
fn what_does_not_fit_is_told_as_the_server_does() {
    let object = json!({ "spec": { "containers": [{ "name": "c", "image": "i" }] } });
    let check = |patch: Value, code: u16, words: &str| {
        let error = strategic_merge(&pod(), &object, &patch).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (code, words));
    };
    check(
        json!([1]),
        400,
        "json: cannot unmarshal array into Go value of type map[string]interface {}",
    );
    check(
        json!({ "$patch": "frob" }),
        500,
        "unknown patch type: frob in map: map[$patch:frob]",
    );
    check(
        json!({ "$patch": 1 }),
        500,
        "unknown patch type: %!s(int64=1) in map: map[$patch:1]",
    );
    let items = |items: Value| json!({ "spec": { "containers": items } });
    check(
        items(json!([{ "image": "z" }])),
        500,
        "map: map[image:z] does not contain declared merge key: name",
    );
    check(
        items(json!([{ "$patch": "delete" }])),
        500,
        "map: map[$patch:delete] does not contain declared merge key: name",
    );
    check(
        items(json!(["z"])),
        500,
        "list element types are not identical: [[map[image:i name:c]] [z]]",
    );
    check(
        json!({ "spec": { "$setElementOrder/containers": [{ "name": "c" }],
            "containers": [{ "name": "e", "image": "q" }] } }),
        500,
        "The order in patch list:\n[map[image:q name:e]]\n doesn't match $setElementOrder list:\n[map[name:c]]\n",
    );
    check(
        json!({ "spec": { "$retainKeys": "type" } }),
        400,
        "invalid patch format of retainKeys",
    );
}

#[test]
fn json_patches_that_do_not_fit_are_refused() {
    let object = json!({ "data": { "x": "1" } });
    let patch = |operation: Value| json_patch(&object, &json!([operation]));
    for wrong in [
        json!({ "op": "test", "path": "/data/x", "value": "2" }),
        json!({ "op": "remove", "path": "/data/q" }),
        json!({ "op": "replace", "path": "/data/q", "value": "1" }),
        json!({ "op": "add", "path": "/q/r/s", "value": "1" }),
        json!({ "op": "move", "from": "/data/nn", "path": "/data/q" }),
        json!({ "op": "frob", "path": "/data/q" }),
        json!({ "path": "/data/q" }),
    ] {
        assert_eq!(patch(wrong.clone()).unwrap_err().code(), 422, "{wrong}");
    }
    let error = json_patch(&object, &json!({})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "json: cannot unmarshal object into Go value of type jsonpatch.Patch"
    );
}

#[test]
fn json_patches_count_from_the_end_and_take_null_for_nothing() {
    let object = json!({ "l": [1, 2, 3], "m": { "k": "v" } });
    for (operation, expected) in [
        (
            json!({ "op": "add", "path": "/l/-1", "value": 4 }),
            Some(json!([1, 2, 3, 4])),
        ),
        (
            json!({ "op": "add", "path": "/l/-2", "value": 4 }),
            Some(json!([1, 2, 4, 3])),
        ),
        (
            json!({ "op": "replace", "path": "/l/-1", "value": 4 }),
            Some(json!([1, 2, 4])),
        ),
        (
            json!({ "op": "remove", "path": "/l/-3" }),
            Some(json!([2, 3])),
        ),
        (json!({ "op": "remove", "path": "/l/-4" }), None),
        (
            json!({ "op": "copy", "from": "/l/-1", "path": "/l/-" }),
            Some(json!([1, 2, 3, 3])),
        ),
        (
            json!({ "op": "test", "path": "/m/none", "value": null }),
            Some(json!([1, 2, 3])),
        ),
        (json!({ "op": "test", "path": "/m/k", "value": null }), None),
        (
            json!({ "op": "test", "path": "/none/k", "value": null }),
            None,
        ),
        (json!({ "op": "replace", "path": "/l" }), Some(json!(null))),
    ] {
        let patched = json_patch(&object, &json!([operation]));
        let list = patched.map(|patched| patched["l"].clone()).ok();
        assert_eq!(list, expected, "{operation}");
    }
}

#[test]
fn merge_patches_remove_with_null() {
    let changed = merge_patch(
        &json!({ "a": { "b": 1, "c": 2 } }),
        &json!({ "a": { "b": null } }),
    );
    assert_eq!(changed.unwrap(), json!({ "a": { "c": 2 } }));
}

proptest! {
    /// Merging a patch again changes nothing more, and every item that it names is there.
    #[test]
    fn strategic_merges_settle(
        before in proptest::collection::btree_map("[a-e]", "[x-z]", 0..5),
        patch in proptest::collection::btree_map("[a-e]", "[x-z]", 0..5),
    ) {
        let list = |map: &std::collections::BTreeMap<String, String>| -> Vec<Value> {
            map.iter().map(|(name, image)| json!({ "name": name, "image": image })).collect()
        };
        let object = json!({ "spec": { "containers": list(&before) } });
        let said = json!({ "spec": { "containers": list(&patch) } });
        let once = merged(&object, &said);
        prop_assert_eq!(&merged(&once, &said), &once);
        let items = once["spec"]["containers"].as_array().unwrap();
        for item in list(&patch) {
            prop_assert!(items.contains(&item));
        }
        for (name, _) in before.iter().filter(|(name, _)| !patch.contains_key(*name)) {
            prop_assert!(items.iter().any(|item| item["name"] == name.as_str()));
        }
    }
}
