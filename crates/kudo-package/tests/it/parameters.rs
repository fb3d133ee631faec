//! Resolving and checking what instances give.

use std::collections::BTreeMap;
use std::time::Instant;

use kudo_package::parameter::{check_value, nearest, resolve};
use kudo_package::{Parameter, ValueType};
use serde_json::{Value, json};

fn parameter(name: &str, value_type: ValueType) -> Parameter {
    Parameter {
        name: name.to_owned(),
        required: true,
        value_type,
        ..Parameter::default()
    }
}

fn given(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn complaints(definitions: &[Parameter], values: &[(&str, &str)]) -> Vec<String> {
    match resolve(definitions, &given(values)) {
        Ok(values) => panic!("resolved to {values:?}"),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn accepts_what_is_of_the_type() {
    let cases: &[(ValueType, &str, Value)] = &[
        (ValueType::String, "x", json!("x")),
        (ValueType::String, "3", json!("3")),
        (ValueType::Integer, "3", json!("3")),
        (ValueType::Integer, "-3", json!("-3")),
        (ValueType::Integer, "+3", json!("+3")),
        (ValueType::Integer, "007", json!("007")),
        (
            ValueType::Integer,
            "9223372036854775807",
            json!("9223372036854775807"),
        ),
        (ValueType::Number, "3", json!("3")),
        (ValueType::Number, "0.5", json!("0.5")),
        (ValueType::Number, "-1e3", json!("-1e3")),
        (ValueType::Number, ".5", json!(".5")),
        (ValueType::Boolean, "true", json!("true")),
        (ValueType::Boolean, "False", json!("False")),
        (ValueType::Boolean, "1", json!("1")),
        (ValueType::Boolean, "T", json!("T")),
        (ValueType::Array, "[1, a]", json!([1, "a"])),
        (ValueType::Array, "- a\n- b\n", json!(["a", "b"])),
        (ValueType::Array, "[]", json!([])),
        (ValueType::Array, "null", json!([])),
        (ValueType::Map, "{a: 1}", json!({"a": 1})),
        (ValueType::Map, "a: {b: [c]}\n", json!({"a": {"b": ["c"]}})),
        (ValueType::Map, "~", json!(null)),
        (ValueType::Map, "{\"mode\": 0755}", json!({"mode": 493})),
    ];
    for (value_type, text, value) in cases {
        let actual = check_value(&parameter("P", *value_type), text);
        assert_eq!(actual.as_ref(), Ok(value), "{value_type} {text:?}");
    }
}

#[test]
fn refuses_what_is_not_of_the_type() {
    let cases = [
        (
            ValueType::Integer,
            "x",
            "parameter \"P\": \"x\" is not an integer: write digits, as in 3 or -3",
        ),
        (
            ValueType::Integer,
            "3.5",
            "parameter \"P\": \"3.5\" is not an integer: write digits, as in 3 or -3",
        ),
        (
            ValueType::Integer,
            " 3",
            "parameter \"P\": \" 3\" is not an integer: write digits, as in 3 or -3",
        ),
        (
            ValueType::Integer,
            "0x10",
            "parameter \"P\": \"0x10\" is not an integer: write digits, as in 3 or -3",
        ),
        (
            ValueType::Integer,
            "9223372036854775808",
            "parameter \"P\": \"9223372036854775808\" is not an integer: the largest is 9223372036854775807",
        ),
        (
            ValueType::Number,
            "1,5",
            "parameter \"P\": \"1,5\" is not a number: write digits, as in 3 or 0.5",
        ),
        (
            ValueType::Number,
            "NaN",
            "parameter \"P\": \"NaN\" is not a number: it is not finite",
        ),
        (
            ValueType::Number,
            "1e400",
            "parameter \"P\": \"1e400\" is not a number: it is not finite",
        ),
        (
            ValueType::Boolean,
            "yes",
            "parameter \"P\": \"yes\" is not a boolean: write true or false",
        ),
        (
            ValueType::Boolean,
            "tRUE",
            "parameter \"P\": \"tRUE\" is not a boolean: write true or false",
        ),
        (
            ValueType::Array,
            "a",
            "parameter \"P\": \"a\" is not an array: it is a string",
        ),
        (
            ValueType::Array,
            "{a: 1}",
            "parameter \"P\": \"{a: 1}\" is not an array: it is a map",
        ),
        (
            ValueType::Array,
            "[a",
            "parameter \"P\": \"[a\" is not an array: its YAML is wrong in line 1, column 3: expected ',' or ']' (the '[' in line 1, column 1 is still open)",
        ),
        (
            ValueType::Map,
            "[a]",
            "parameter \"P\": \"[a]\" is not a map: it is a list",
        ),
        (
            ValueType::Map,
            "5",
            "parameter \"P\": \"5\" is not a map: it is a number",
        ),
        (
            ValueType::Map,
            "true",
            "parameter \"P\": \"true\" is not a map: it is a boolean",
        ),
    ];
    for (value_type, text, message) in cases {
        let error = check_value(&parameter("P", value_type), text).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.parameter(), "P");
    }
}

#[test]
fn long_values_are_cut_in_messages() {
    let error = check_value(&parameter("P", ValueType::Integer), &"x".repeat(1000)).unwrap_err();
    assert!(error.to_string().len() < 150, "{error}");
}

#[test]
fn only_allowed_values_are_accepted() {
    let colour = Parameter {
        enum_values: Some(vec!["red".to_owned(), "green".to_owned()]),
        ..parameter("COLOUR", ValueType::String)
    };
    assert!(resolve(std::slice::from_ref(&colour), &given(&[("COLOUR", "red")])).is_ok());
    assert_eq!(
        complaints(std::slice::from_ref(&colour), &[("COLOUR", "gren")]),
        [
            "parameter \"COLOUR\": \"gren\" is not allowed, must be one of \"red\", \"green\" \
          (did you mean \"green\"?)"
        ]
    );
    assert_eq!(
        complaints(&[colour], &[("COLOUR", "blue")]),
        ["parameter \"COLOUR\": \"blue\" is not allowed, must be one of \"red\", \"green\""]
    );
}

#[test]
fn defaults_fill_in_what_is_not_given() {
    let with_default = Parameter {
        default: Some("[80]".to_owned()),
        ..parameter("PORTS", ValueType::Array)
    };
    let empty_default = Parameter {
        default: Some(String::new()),
        ..parameter("EMPTY", ValueType::Integer)
    };
    let definitions = [with_default, empty_default];
    let values = resolve(&definitions, &BTreeMap::new()).unwrap();
    assert_eq!(values["PORTS"], json!([80]));
    assert_eq!(values["EMPTY"], json!(""));
    let values = resolve(&definitions, &given(&[("PORTS", "[1, 2]")])).unwrap();
    assert_eq!(values["PORTS"], json!([1, 2]));
}

#[test]
fn optional_parameters_may_stay_without_a_value() {
    let definitions: Vec<Parameter> = ValueType::ALL
        .into_iter()
        .map(|value_type| Parameter {
            required: false,
            ..parameter(value_type.as_str(), value_type)
        })
        .collect();
    let values = resolve(&definitions, &BTreeMap::new()).unwrap();
    let expected = json!({
        "string": "", "integer": "", "number": "", "boolean": "", "array": [], "map": null,
    });
    assert_eq!(json!(values), expected);
    let given = given(&[("integer", ""), ("map", "")]);
    assert_eq!(json!(resolve(&definitions, &given).unwrap()), expected);
}

#[test]
fn required_lists_and_maps_without_a_value_are_empty() {
    let definitions = ValueType::ALL.map(|value_type| parameter(value_type.as_str(), value_type));
    let needed = definitions
        .iter()
        .filter(|definition| definition.needs_value());
    let needed: Vec<_> = needed.map(|definition| definition.name.as_str()).collect();
    assert_eq!(needed, ["string", "integer", "number", "boolean"]);
    let values = resolve(&definitions[4..], &BTreeMap::new()).unwrap();
    assert_eq!(json!(values), json!({ "array": [], "map": null }));
}

#[test]
fn tells_all_that_is_wrong() {
    let definitions = [
        parameter("NODE_COUNT", ValueType::Integer),
        parameter("PASSWORD", ValueType::String),
        parameter("ON", ValueType::Boolean),
    ];
    assert_eq!(
        complaints(
            &definitions,
            &[
                ("NODE_COUNT", "three"),
                ("ON", "on"),
                ("NODE_CUONT", "3"),
                ("zzz", "1")
            ]
        ),
        [
            "unknown parameter \"NODE_CUONT\" (did you mean \"NODE_COUNT\"?)",
            "unknown parameter \"zzz\"",
            "parameter \"NODE_COUNT\": \"three\" is not an integer: write digits, as in 3 or -3",
            "parameter \"PASSWORD\" is required but has no value",
            "parameter \"ON\": \"on\" is not a boolean: write true or false",
        ]
    );
    assert_eq!(
        complaints(&definitions[1..2], &[("PASSWORD", "")]),
        ["parameter \"PASSWORD\" is required but has no value"]
    );
}

#[test]
fn finds_the_nearest_name() {
    let names = ["NODE_COUNT", "NODE_MEMORY", "storageClass", "port"];
    let cases = [
        ("node_count", Some("NODE_COUNT")),
        ("NODECOUNT", Some("NODE_COUNT")),
        ("NODE_COUTN", Some("NODE_COUNT")),
        ("NODE_MEM", Some("NODE_MEMORY")),
        ("storage-class", Some("storageClass")),
        ("prot", Some("port")),
        ("ports", Some("port")),
        ("nothing_like_it", None),
        ("x", None),
        ("", None),
    ];
    for (name, expected) in cases {
        assert_eq!(nearest(name, names), expected, "{name}");
    }
    assert_eq!(
        nearest("port", names),
        None,
        "what is known is no suggestion"
    );
}

#[test]
fn ten_thousand_parameters_take_no_time() {
    let definitions: Vec<Parameter> = (0..10_000)
        .map(|index| Parameter {
            enum_values: (index % 7 == 0).then(|| vec!["a".to_owned(), index.to_string()]),
            ..parameter(&format!("PARAMETER_{index}"), ValueType::ALL[index % 4])
        })
        .collect();
    let value = |index: usize| match index % 4 {
        3 if !index.is_multiple_of(7) => "true".to_owned(),
        _ => index.to_string(),
    };
    let values: BTreeMap<String, String> = (0..10_000)
        .map(|index| (format!("PARAMETER_{index}"), value(index)))
        .collect();
    let unknown: BTreeMap<String, String> = (0..10_000)
        .map(|index| (format!("OTHER_{index}"), String::new()))
        .collect();
    let start = Instant::now();
    let resolved = resolve(&definitions, &values);
    let good = start.elapsed();
    let start = Instant::now();
    let refused = resolve(&definitions, &unknown).unwrap_err();
    let bad = start.elapsed();
    eprintln!("10,000 parameters: {good:?}; all unknown: {bad:?}");
    // 3 % 7 of the booleans are digits other than 0 and 1, on purpose.
    assert!(resolved.is_err_and(|errors| errors.len() < 400));
    assert_eq!(refused.len(), 20_000);
    // Far more than it takes, for slow machines and unoptimized builds.
    assert!(
        good.as_millis() < 1000 && bad.as_millis() < 5000,
        "{good:?} {bad:?}"
    );
}
