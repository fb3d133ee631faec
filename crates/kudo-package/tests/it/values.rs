//! Values files and schemas: what is written is read again as the same.

use std::collections::BTreeMap;

use kudo_package::parameter::{
    Parameter, ValueType, json_schema, stored_text, value_of_text, values_file,
};
use kudo_package::yaml;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sample::{OPERATOR, load};

#[test]
fn texts_as_values() {
    let cases = [
        (ValueType::Integer, "3", json!(3)),
        (ValueType::Integer, "007", json!("007")),
        (ValueType::Integer, "x", json!("x")),
        (ValueType::Number, "1.5", json!(1.5)),
        (ValueType::Number, "1.50", json!("1.50")),
        (ValueType::Boolean, "true", json!(true)),
        (ValueType::Boolean, "True", json!("True")),
        (ValueType::String, "3", json!("3")),
        (ValueType::Array, "- 80\n- 443\n", json!([80, 443])),
        (ValueType::Array, "[80, 443]", json!("[80, 443]")),
        (ValueType::Map, "a: 1\n", json!({ "a": 1 })),
    ];
    for (value_type, text, expected) in cases {
        let value = value_of_text(value_type, text);
        assert_eq!(value, expected, "{value_type} {text:?}");
        assert_eq!(stored_text(&value).as_deref(), Some(text));
    }
}

fn parameters() -> Vec<Parameter> {
    let parameter = |name: &str, value_type, default: Option<&str>| Parameter {
        name: name.to_owned(),
        value_type,
        default: default.map(str::to_owned),
        required: true,
        ..Parameter::default()
    };
    vec![
        Parameter {
            description: Some("How many.\n\nNot more than ten.".to_owned()),
            immutable: true,
            ..parameter("COUNT", ValueType::Integer, Some("3"))
        },
        parameter("SECRET", ValueType::String, None),
        parameter("PORTS", ValueType::Array, Some("- 80\n- 443\n")),
    ]
}

#[test]
fn a_values_file() {
    let given = BTreeMap::from([("COUNT".to_owned(), "5".to_owned())]);
    assert_eq!(
        values_file(&parameters(), &given, false),
        "\
# How many.
#
# Not more than ten.
# (integer; immutable)
COUNT: 5

# (string; required)
# SECRET:

# (array)
# PORTS:
# - 80
# - 443
"
    );
    let defaults = values_file(&parameters(), &BTreeMap::new(), true);
    assert_eq!(
        yaml::parse(&defaults).unwrap(),
        json!({ "COUNT": 3, "PORTS": [80, 443] })
    );
}

proptest! {
    /// An instance's values come back from its values file as they are.
    #[test]
    fn a_values_file_reproduces_an_instance(
        count in "[0-9]{1,3}|\\PC{0,8}",
        secret in "(?s).{0,24}",
        ports in "[-\\[\\]{},:# a1\n]{0,12}",
        description in "(?s).{0,60}",
    ) {
        let mut parameters = parameters();
        parameters[1].description = Some(description);
        let values = [("COUNT", count), ("SECRET", secret), ("PORTS", ports)];
        let given: BTreeMap<String, String> = values
            .into_iter()
            // YAML has no way to write these.
            .filter(|(_, text)| !text.contains(['\u{fffe}', '\u{ffff}']))
            .map(|(name, text)| (name.to_owned(), text))
            .collect();
        let file = values_file(&parameters, &given, false);
        let read = yaml::parse(&file).unwrap();
        let read: BTreeMap<String, String> = match read {
            Value::Object(map) => map
                .into_iter()
                .map(|(name, value)| (name, stored_text(&value).unwrap()))
                .collect(),
            _ => BTreeMap::new(),
        };
        prop_assert_eq!(read, given, "{}", file);
    }
}

#[test]
fn a_schema() {
    let params = "\
apiVersion: kudo.dev/v1beta1
groups:
- name: main
  displayName: Main
parameters:
- name: COUNT
  type: integer
  default: 3
  enum: [1, 3, 5]
  immutable: true
  displayName: Count
  description: How many.
  group: main
- name: SECRET
- name: OPTIONS
  type: map
  required: false
- name: FAST
  type: boolean
  default: 'yes'
  required: false
";
    let package = load(OPERATOR, &params.replace("'yes'", "yes")).unwrap();
    assert_eq!(
        json_schema(&package),
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Parameters of sample 0.1.0",
            "type": "object",
            "additionalProperties": false,
            "required": ["SECRET"],
            "properties": {
                "COUNT": {
                    "type": "integer",
                    "title": "Count",
                    "description": "How many.",
                    "default": 3,
                    "enum": [1, 3, 5],
                    "x-kudo-immutable": true,
                    "x-kudo-group": "main",
                },
                "SECRET": { "type": "string" },
                "OPTIONS": { "type": "object" },
                "FAST": { "type": "boolean", "default": true },
            },
            "x-kudo-groups": [
                { "name": "main", "displayName": "Main", "description": null, "prio": null },
            ],
        })
    );
}
