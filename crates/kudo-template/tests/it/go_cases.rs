//! Tables of templates with what Go gives for them, a file for each family of functions.

use std::path::Path;

use kudo_template::{Limits, RenderErrorKind, Renderer};
use serde_json::Value;

/// Renders every case of a file and compares output, or the kind of error.
fn check(family: &str) {
    let path = format!("tests/cases/{family}.json");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let renderer = Renderer::new(Limits::default());
    let mut failures = Vec::new();
    for case in file["cases"].as_array().unwrap() {
        let template = case["template"].as_str().unwrap();
        let actual = renderer.render_data("case.yaml", template, &file["data"]);
        let same = match (&case["output"], &actual) {
            (Value::String(expected), Ok(actual)) => expected == actual,
            (Value::Null, Err(error)) => {
                let kind = match error.kind {
                    RenderErrorKind::Limit => RenderErrorKind::Exec,
                    kind => kind,
                };
                case["error"] == kind.as_str()
            }
            _ => false,
        };
        if !same {
            failures.push(format!("{case}\n  gave {actual:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

macro_rules! families {
    ($($family:ident)*) => {
        $(
            #[test]
            fn $family() {
                check(stringify!($family));
            }
        )*
    };
}

families! {
    compare crypto dates dicts json lists mixed numbers printf regex semver strings syntax
}
