//! When an object is as asserted, and what is said when it is not.

use kudo_kuttl::diff::diff;
use kudo_kuttl::matching::subset;
use serde_json::{Value, json};

#[test]
fn subsets() {
    let cases: Vec<(&str, Value, Value, Option<&str>)> = vec![
        ("equal", json!({"a": 1}), json!({"a": 1}), None),
        ("more keys", json!({"a": 1}), json!({"a": 1, "b": 2}), None),
        ("nothing asserted", json!({}), json!({"a": 1}), None),
        (
            "missing key",
            json!({"a": {"b": 1}}),
            json!({"a": {}}),
            Some(".a.b: expected 1, found nothing"),
        ),
        (
            "other value",
            json!({"a": "x"}),
            json!({"a": "y"}),
            Some(".a: expected \"x\", found \"y\""),
        ),
        (
            "other type",
            json!({"a": 1}),
            json!({"a": "1"}),
            Some(".a: expected 1, found \"1\""),
        ),
        (
            "map and list",
            json!({"a": {}}),
            json!({"a": []}),
            Some(".a: expected a map, found a list"),
        ),
        (
            "float and integer",
            json!({"a": 1.0}),
            json!({"a": 1}),
            Some(".a: expected 1.0, found 1"),
        ),
        ("null", json!({"a": null}), json!({"a": null}), None),
        (
            "null and absent",
            json!({"a": null}),
            json!({}),
            Some(".a: expected null, found nothing"),
        ),
        (
            "lists of maps",
            json!([{"a": 1}, {}]),
            json!([{"a": 1, "b": 2}, {"c": 3}]),
            None,
        ),
        (
            "longer list",
            json!({"a": [1]}),
            json!({"a": [1, 2]}),
            Some(".a: expected a list of 1, found one of 2"),
        ),
        (
            "empty list",
            json!({"a": []}),
            json!({"a": [1]}),
            Some(".a: expected a list of 0, found one of 1"),
        ),
        (
            "order counts",
            json!([1, 2]),
            json!([2, 1]),
            Some("[0]: expected 1, found 2"),
        ),
        (
            "deep",
            json!({"spec": {"containers": [{"image": "a"}]}}),
            json!({"spec": {"containers": [{"image": "b", "name": "c"}]}}),
            Some(".spec.containers[0].image: expected \"a\", found \"b\""),
        ),
    ];
    for (what, expected, actual, message) in cases {
        let found = subset(&expected, &actual)
            .err()
            .map(|mismatch| mismatch.to_string());
        assert_eq!(found.as_deref(), message, "{what}");
    }
}

#[test]
fn a_diff_shows_only_what_is_asserted() {
    let expected = json!({"kind": "A", "spec": {"replicas": 4, "items": [{"x": 1}]}});
    let actual = json!({
        "kind": "A", "metadata": {"uid": "u"},
        "spec": {"replicas": 2, "items": [{"x": 1, "y": 2}, {"z": 3}], "other": true},
    });
    insta::assert_snapshot!(diff(&expected, &actual, "asserted", "found A:ns/a").unwrap(), @r"
    --- asserted
    +++ found A:ns/a
    @@ -1,5 +1,6 @@
     kind: A
     spec:
       items:
       - x: 1
    -  replicas: 4
    +  - z: 3
    +  replicas: 2
    ");
    assert_eq!(diff(&json!({}), &actual, "", ""), None);
}
