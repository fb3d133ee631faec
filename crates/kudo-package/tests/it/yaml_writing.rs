//! The YAML writer against what Go's `yaml.v2` wrote for the same values.

use kudo_package::yaml;
use serde_json::{Number, Value, json};

#[test]
fn writes_as_go_does() {
    let file: Value = serde_json::from_str(include_str!("../data/yaml-write.json")).unwrap();
    for case in file["cases"].as_array().unwrap() {
        // A key `<<` is the one thing written otherwise, and is no case.
        assert_eq!(
            yaml::to_string(&case["value"]),
            case["text"],
            "{}",
            case["value"]
        );
    }
}

#[test]
fn what_is_written_is_read_again() {
    let file: Value = serde_json::from_str(include_str!("../data/yaml-write.json")).unwrap();
    for case in file["cases"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        // Text behind line breaks that YAML 1.1 alone knows is not written safely by Go.
        if !text.contains(['\u{2028}', '\u{2029}']) {
            assert_eq!(yaml::parse(text).unwrap(), case["value"], "{text:?}");
        }
    }
}

#[test]
fn a_merge_key_gets_quotes() {
    let value = json!({"<<": "<<"});
    assert_eq!(yaml::to_string(&value), "\"<<\": <<\n");
    assert_eq!(yaml::parse("\"<<\": <<\n").unwrap(), value);
}

#[test]
fn numbers_print_as_in_go() {
    let cases = [
        (1.0, "1"),
        (100_000.0, "100000"),
        (1e6, "1e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1.5e-7, "1.5e-07"),
        (-2.5, "-2.5"),
        (1e21, "1e+21"),
        (123_456_789.5, "1.234567895e+08"),
        (5e-324, "5e-324"),
        (-0.0, "-0"),
    ];
    for (float, text) in cases {
        assert_eq!(yaml::number_text(&Number::from_f64(float).unwrap()), text);
    }
    assert_eq!(
        yaml::number_text(&Number::from(u64::MAX)),
        "18446744073709551615"
    );
    assert_eq!(yaml::number_text(&Number::from(1_000_000)), "1000000");
}
