//! Values files and schemas: what is written is read again as the same.

use std::collections::BTreeMap;

use kudo_package::Package;
use kudo_package::parameter::{
    Parameter, ValueType, json_schema, resolve, stored_text, value_of_text, values_file,
    values_from_yaml,
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
                "SECRET": { "type": "string", "minLength": 1 },
                "OPTIONS": { "type": "object" },
                "FAST": { "type": "boolean", "default": true },
            },
            "x-kudo-groups": [
                { "name": "main", "displayName": "Main", "description": null, "prio": null },
            ],
        })
    );
}

const TYPED: &str = "\
apiVersion: kudo.dev/v1beta1
parameters:
- {name: TEXT}
- {name: WHOLE, type: integer, default: 3}
- {name: NUMBER, type: number, default: 0.5}
- {name: FLAG, type: boolean, default: true}
- {name: LIST, type: array, default: [80, 443]}
- {name: MAP, type: map, required: false}
- {name: CHOICE, default: small, enum: [small, large]}
- {name: COUNT, type: integer, required: false, enum: [1, 3]}
";

/// Whether a values file is right, by the schema and by the rules.
fn verdicts(values: &Value) -> (bool, bool) {
    let package = load(OPERATOR, TYPED).unwrap();
    let by_schema = jsonschema::draft202012::is_valid(&json_schema(&package), values);
    let given = values_from_yaml(&values.to_string());
    let by_rules = given.is_ok_and(|given| resolve(&package.definition.parameters, &given).is_ok());
    (by_schema, by_rules)
}

#[test]
fn a_schema_and_the_rules_agree_on_values_as_they_are_written() {
    let with = |name: &str, value: Value| {
        let mut values = json!({ "TEXT": "x" });
        values[name] = value;
        values
    };
    let cases = [
        (json!({ "TEXT": "x" }), true),
        (json!({}), false),
        (with("TEXT", json!("")), false),
        (with("TEXT", json!(null)), false),
        (with("WHOLE", json!(-7)), true),
        (with("WHOLE", json!(1.5)), false),
        (with("WHOLE", json!("many")), false),
        (with("NUMBER", json!(7)), true),
        (with("NUMBER", json!("half")), false),
        (with("FLAG", json!(false)), true),
        (with("FLAG", json!("maybe")), false),
        (with("LIST", json!([])), true),
        (with("LIST", json!({ "a": 1 })), false),
        (with("MAP", json!({ "a": { "b": [1] } })), true),
        (with("MAP", json!([1])), false),
        (with("CHOICE", json!("large")), true),
        (with("CHOICE", json!("larg")), false),
        (with("COUNT", json!(3)), true),
        (with("COUNT", json!(2)), false),
        (with("TXET", json!("x")), false),
    ];
    for (values, expected) in cases {
        assert_eq!(verdicts(&values), (expected, expected), "{values}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        (-9..9_i32).prop_map(|value| json!(value)),
        (-9..9_i32).prop_map(|value| json!(f64::from(value) / 4.0)),
        "|small|large|true|3|[a-z0-9:\\[\\{ -]{1,6}".prop_map(|value| json!(value)),
    ];
    scalar.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(|list| json!(list)),
            proptest::collection::btree_map("[a-c]", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    /// What an editor finds right with the schema is not refused afterwards.
    #[test]
    fn what_a_schema_takes_is_taken(
        values in proptest::collection::btree_map(
            proptest::sample::select(vec!["TEXT", "WHOLE", "NUMBER", "FLAG", "LIST", "MAP", "CHOICE", "COUNT"]),
            any_value(),
            1..5,
        ),
    ) {
        let (by_schema, by_rules) = verdicts(&json!(values));
        prop_assert!(!by_schema || by_rules, "{:?}", values);
    }
}

#[test]
fn schemas_of_real_packages_are_schemas_and_take_the_defaults() {
    let mut folders =
        vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../operators")];
    folders.extend(crate::sample::shared("corpus/operators"));
    let packages = folders.iter().flat_map(|folder| {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.filter_map(|entry| Package::load(&entry.unwrap().path()).ok())
    });
    let mut seen = 0;
    for package in packages {
        seen += 1;
        let name = &package.definition.operator_name;
        let mut schema = json_schema(&package);
        assert!(
            jsonschema::draft202012::meta::is_valid(&schema),
            "{name}: {schema:#}"
        );
        // The defaults alone lack what everybody has to give himself.
        schema.as_object_mut().unwrap().remove("required");
        let file = values_file(&package.definition.parameters, &BTreeMap::new(), true);
        let values = match yaml::parse(&file).unwrap() {
            Value::Null => json!({}),
            values => values,
        };
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&values)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(wrong, [""; 0], "{name}");
    }
    assert!(seen >= 3, "{seen}");
}
