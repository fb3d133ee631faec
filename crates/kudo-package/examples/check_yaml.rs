//! Checks the YAML reader against a file of cases: `{"cases": [{"name", "yaml", "json" | "error"}]}`.
//!
//! Prints every failure, ends with `N passed, N failed`, and exits non-zero when any failed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program"
)]

use std::process::ExitCode;

use kudo_package::yaml;
use serde_json::Value;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: check_yaml FILE.json");
        return ExitCode::from(2);
    };
    let cases = match read_cases(&path) {
        Ok(cases) => cases,
        Err(message) => {
            eprintln!("{path}: {message}");
            return ExitCode::from(2);
        }
    };
    let mut failed = 0;
    for case in &cases {
        if let Err(message) = check(case) {
            failed += 1;
            println!(
                "{}: {message}",
                case["name"].as_str().unwrap_or("(no name)")
            );
        }
    }
    println!("{} passed, {failed} failed", cases.len() - failed);
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn read_cases(path: &str) -> Result<Vec<Value>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut file: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match file["cases"].take() {
        Value::Array(cases) => Ok(cases),
        _ => Err("expected a list \"cases\"".to_owned()),
    }
}

fn check(case: &Value) -> Result<(), String> {
    let text = case["yaml"].as_str().ok_or("the case has no \"yaml\"")?;
    let expects_error = case
        .get("error")
        .is_some_and(|error| *error != Value::Bool(false));
    match (yaml::parse(text), expects_error) {
        (Err(_), true) => Ok(()),
        (Err(error), false) => Err(format!("refused: {error}")),
        (Ok(actual), true) => Err(format!("should be refused, but gave {actual}")),
        (Ok(actual), false) if same(&actual, &case["json"]) => Ok(()),
        (Ok(actual), false) => Err(format!("expected {}, got {actual}", case["json"])),
    }
}

/// Equality in which numbers count by their value: `100` is `100.0`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || a.as_f64() == b.as_f64() && either_float(a, b)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn either_float(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    a.is_f64() || b.is_f64()
}
