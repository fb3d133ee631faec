//! Schemas of custom resources.

use kudo_simcluster::structural::Structural;
use proptest::prelude::*;
use serde_json::{Value, json};

const PATH: &str = "spec.validation.openAPIV3Schema";

fn spec(properties: &Value) -> Value {
    json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": properties } } })
}

#[test]
fn schemas_that_are_not_structural_are_refused() {
    let check = |property: Value, expected: &str| {
        let schema = json!({ "type": "object", "properties": { "spec": property } });
        let errors = Structural::compile(&schema, PATH).unwrap_err();
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(told, [format!("{PATH}.properties[spec]{expected}")]);
    };
    check(
        json!({}),
        ".type: Required value: must not be empty for specified object fields",
    );
    check(
        json!({ "type": "array" }),
        ".items: Required value: must be specified",
    );
    check(
        json!({ "type": "array", "items": {} }),
        ".items.type: Required value: must not be empty for specified array items",
    );
    check(
        json!({ "type": "frob" }),
        ".type: Unsupported value: \"frob\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"",
    );
    check(
        json!({ "type": "object", "$ref": "#/x" }),
        ".$ref: Forbidden: $ref is not supported",
    );
    check(
        json!({ "type": "object", "anyOf": [{ "type": "object" }] }),
        ".anyOf[0].type: Forbidden: must be empty to be structural",
    );
    check(
        json!({ "type": "object", "not": { "default": 1 } }),
        ".not.default: Forbidden: must be undefined to be structural",
    );
    check(
        json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": false }),
        ".x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined",
    );
    check(
        json!({ "type": "string", "pattern": "(" }),
        ".pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): `(`",
    );
    check(
        json!({ "type": "string", "default": 1 }),
        ".default: Invalid value: \"integer\":  in body must be of type string: \"integer\"",
    );
    check(
        json!({ "type": "object", "default": { "q": 1 }, "properties": { "a": { "type": "string" } } }),
        ".default: Invalid value: map[string]interface {}{\"q\":1}: must not have unknown fields",
    );
    check(
        json!({ "type": "array", "items": { "type": "object" }, "x-kubernetes-list-type": "set" }),
        ".items.x-kubernetes-map-type: Invalid value: \"null\": must be atomic as item of a list with x-kubernetes-list-type=set",
    );
}

fn validated() -> Structural {
    let schema = spec(&json!({
        "i": { "type": "integer", "minimum": 0, "maximum": 10 },
        "ex": { "type": "integer", "minimum": 0, "exclusiveMinimum": true },
        "n": { "type": "number", "multipleOf": 0.5 },
        "s": { "type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$" },
        "e": { "type": "string", "enum": ["a", "b"] },
        "l": { "type": "array", "minItems": 1, "maxItems": 2, "items": { "type": "string" } },
        "set": { "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "string" } },
        "m": { "type": "object", "additionalProperties": { "type": "integer" }, "maxProperties": 2 },
        "dt": { "type": "string", "format": "date-time" },
        "ios": { "x-kubernetes-int-or-string": true },
        "one": { "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } },
            "oneOf": [{ "required": ["a"] }, { "required": ["b"] }] },
        "emb": { "type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true },
    }));
    Structural::compile(&schema, PATH).unwrap()
}

#[test]
fn values_are_validated_in_the_servers_words() {
    let schema = validated();
    let check = |value: Value, expected: &[&str]| {
        let errors = schema.validate(&json!({ "spec": value }));
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected);
    };
    check(
        json!({ "i": 3, "ios": "5%", "s": "ab", "dt": "2026-01-01T00:00:00Z" }),
        &[],
    );
    check(
        json!({ "i": "x" }),
        &["spec.i: Invalid value: \"string\": spec.i in body must be of type integer: \"string\""],
    );
    check(
        json!({ "i": 1.5 }),
        &["spec.i: Invalid value: \"number\": spec.i in body must be of type integer: \"number\""],
    );
    check(
        json!({ "i": -1 }),
        &["spec.i: Invalid value: -1: spec.i in body should be greater than or equal to 0"],
    );
    check(
        json!({ "i": 11 }),
        &["spec.i: Invalid value: 11: spec.i in body should be less than or equal to 10"],
    );
    check(
        json!({ "ex": 0 }),
        &["spec.ex: Invalid value: 0: spec.ex in body should be greater than 0"],
    );
    check(
        json!({ "n": 0.3 }),
        &["spec.n: Invalid value: 0.3: spec.n in body should be a multiple of 0.5"],
    );
    check(
        json!({ "s": "a" }),
        &["spec.s: Invalid value: \"a\": spec.s in body should be at least 2 chars long"],
    );
    check(
        json!({ "s": "abcde" }),
        &["spec.s: Invalid value: \"abcde\": spec.s in body should be at most 4 chars long"],
    );
    check(
        json!({ "s": "AB" }),
        &["spec.s: Invalid value: \"AB\": spec.s in body should match '^[a-z]+$'"],
    );
    check(
        json!({ "e": "c" }),
        &["spec.e: Unsupported value: \"c\": supported values: \"a\", \"b\""],
    );
    check(
        json!({ "l": [] }),
        &["spec.l: Invalid value: 0: spec.l in body should have at least 1 items"],
    );
    check(
        json!({ "l": [1] }),
        &["spec.l: Invalid value: \"integer\": spec.l in body must be of type string: \"integer\""],
    );
    check(
        json!({ "set": ["a", "a"] }),
        &["spec.set[1]: Duplicate value: \"a\""],
    );
    check(
        json!({ "m": { "a": "x" } }),
        &[
            "spec.m.a: Invalid value: \"string\": spec.m.a in body must be of type integer: \"string\"",
        ],
    );
    check(
        json!({ "m": { "a": 1, "b": 2, "c": 3 } }),
        &["spec.m: Invalid value: 2: spec.m in body should have at most 2 properties"],
    );
    check(
        json!({ "dt": "x" }),
        &["spec.dt: Invalid value: \"x\": spec.dt in body must be of type date-time: \"x\""],
    );
    check(
        json!({ "ios": true }),
        &[
            "spec.ios: Invalid value: \"boolean\": spec.ios in body must be of type integer,string: \"boolean\"",
        ],
    );
    check(
        json!({ "one": {} }),
        &[
            "<nil>: Invalid value: \"\": \"spec.one\" must validate one and only one schema (oneOf). Found none valid",
            "spec.one.a: Required value",
        ],
    );
    check(
        json!({ "emb": {} }),
        &[
            "spec.emb.apiVersion: Required value: must not be empty",
            "spec.emb.kind: Required value: must not be empty",
        ],
    );
}

fn sample() -> Structural {
    let schema = spec(&json!({
        "d": { "type": "object", "default": {}, "properties": {
            "x": { "type": "integer", "default": 5 }, "z": { "type": "string", "default": "q" } } },
        "nul": { "type": "string", "nullable": true },
        "pu": { "type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
            "x": { "type": "object", "properties": { "y": { "type": "string" } } } } },
    }));
    Structural::compile(&schema, PATH).unwrap()
}

#[test]
fn objects_are_pruned_and_defaulted() {
    let mut object = json!({ "apiVersion": "ex.io/v1", "kind": "Foo", "metadata": { "name": "f" }, "top": 1,
        "spec": { "zzz": 1, "nul": null, "d": null, "pu": { "q": 1, "x": { "y": "a", "z": 1 } } } });
    let removed = sample().prune(&mut object);
    assert_eq!(removed, ["spec.pu.x.z", "spec.zzz", "top"]);
    sample().default(&mut object);
    assert_eq!(
        object,
        json!({ "apiVersion": "ex.io/v1", "kind": "Foo", "metadata": { "name": "f" },
            "spec": { "d": { "x": 5, "z": "q" }, "nul": null, "pu": { "q": 1, "x": { "y": "a" } } } })
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("spec|d|x|z|pu|nul|[a-c]", inner, 0..4)
                .prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    /// Pruning and defaulting, done again, change nothing more.
    #[test]
    fn pruning_and_defaulting_settle(object in any_json()) {
        let schema = sample();
        let mut once = json!({ "spec": object });
        schema.prune(&mut once);
        schema.default(&mut once);
        let mut twice = once.clone();
        prop_assert!(schema.prune(&mut twice).is_empty());
        schema.default(&mut twice);
        prop_assert_eq!(twice, once);
    }
}
