//! The YAML reader against what Kubernetes' own reader gave for the same texts.

use kudo_package::yaml;
use serde_json::Value;

use crate::sample::shared;

fn check(case: &Value) -> Result<(), String> {
    let text = case["yaml"].as_str().ok_or("no yaml")?;
    match (yaml::parse(text), case.get("error").is_some()) {
        (Err(_), true) => Ok(()),
        (Ok(actual), false) if same(&actual, &case["json"]) => Ok(()),
        (actual, _) => Err(format!("{text:?}: got {actual:?}, expected {case}")),
    }
}

/// Numbers count by their value: `100` is `100.0`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            a.as_f64() == b.as_f64()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn check_all(file: &str) {
    let file: Value = serde_json::from_str(file).unwrap();
    let failures: Vec<String> = file["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|case| check(case).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn reads_as_kubernetes_does() {
    check_all(include_str!("../data/yaml-read.json"));
}

#[test]
fn reads_the_shared_vectors() {
    if let Some(path) = shared("vectors/kubernetes-yaml.json") {
        check_all(&std::fs::read_to_string(path).unwrap());
    }
}

/// Ways to nest, and what closes them.
const NESTINGS: [(&str, &str); 4] = [("- ", ""), ("[", "]"), ("{a: ", "}"), ("? ", "")];

fn nested(depth: usize, (open, close): (&str, &str)) -> String {
    open.repeat(depth) + "x" + &close.repeat(depth)
}

#[test]
fn refuses_what_is_nested_too_deep() {
    for nesting in &NESTINGS {
        let error = yaml::parse(&nested(yaml::MAX_DEPTH + 2, *nesting)).unwrap_err();
        assert!(
            error.message.contains("levels deep"),
            "{nesting:?}: {error}"
        );
        let error = yaml::parse(&nested(100_000, *nesting)).unwrap_err();
        assert!(
            error.message.contains("levels deep"),
            "{nesting:?}: {error}"
        );
    }
}

#[test]
fn reads_what_is_nested_nearly_too_deep() {
    for nesting in [("- ", ""), ("[", "]"), ("{a: ", "}")] {
        assert!(
            yaml::parse(&nested(yaml::MAX_DEPTH - 1, nesting)).is_ok(),
            "{nesting:?}"
        );
    }
}

#[test]
fn aliases_blow_up_only_so_far() {
    let mut lines = vec!["a0: &a0 [x, x, x, x, x, x, x, x, x, x]".to_owned()];
    for level in 1..10 {
        let before = format!("*a{}", level - 1);
        let items = vec![before; 10].join(", ");
        lines.push(format!("a{level}: &a{level} [{items}]"));
    }
    let error = yaml::parse(&lines.join("\n")).unwrap_err();
    assert!(error.message.contains("too large"), "{error}");
}

#[test]
fn splits_streams_at_separator_lines() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("---\n---\n", &[]),
        ("# nothing\n---\n# nothing\n", &[]),
        ("a: 1", &["{\"a\":1}"]),
        ("---\na: 1\n---\nb: 2\n", &["{\"a\":1}", "{\"b\":2}"]),
        ("a: 1\n---   \nb: 2", &["{\"a\":1}", "{\"b\":2}"]),
        ("a: 1\n--- # second\nb: 2", &["{\"a\":1}", "{\"b\":2}"]),
        ("a: 1\n--- {b: 2}\n", &["{\"a\":1}", "{\"b\":2}"]),
        ("a: 1\r\n---\r\nb: 2\r\n", &["{\"a\":1}", "{\"b\":2}"]),
        ("a: |\n  ---\n  x\n", &["{\"a\":\"---\\nx\\n\"}"]),
        (
            "a: 1\n---\n\n---\nnull\n---\nb: 2",
            &["{\"a\":1}", "{\"b\":2}"],
        ),
        ("a: 1\n...\n", &["{\"a\":1}"]),
        (
            "\u{feff}a: 1\n---\n\u{feff}b: 2",
            &["{\"a\":1}", "{\"b\":2}"],
        ),
    ];
    for (text, expected) in cases {
        let documents = yaml::parse_documents(text).unwrap();
        let actual: Vec<String> = documents.iter().map(|d| d.value.to_string()).collect();
        assert_eq!(actual, *expected, "{text:?}");
    }
}
