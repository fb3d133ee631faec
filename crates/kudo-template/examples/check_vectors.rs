//! Renders the cases of a vector file and compares: `check_vectors FILE.json`.
//!
//! The file holds `data`, the root that templates see, and `cases`, each a `template` with either
//! its exact `output` or the kind of `error` that it must give, `parse` or `exec`. Each failure is
//! printed; the last line is `N passed, N failed`, and the exit code is 1 if any failed.

#![expect(
    clippy::print_stdout,
    reason = "the report is what this program is for"
)]

use std::error::Error;
use std::process::ExitCode;

use kudo_template::{Limits, RenderErrorKind, Renderer};
use serde_json::Value;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: check_vectors FILE.json")?;
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let data = file.get("data").cloned().unwrap_or(Value::Null);
    let cases = file
        .get("cases")
        .and_then(Value::as_array)
        .ok_or("the file has no cases")?;
    let renderer = Renderer::new(Limits::default());
    let mut failed = 0;
    for case in cases {
        let template = case
            .get("template")
            .and_then(Value::as_str)
            .ok_or("a case has no template")?;
        let name = case
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or("vector.yaml");
        let data = case.get("data").unwrap_or(&data);
        let expected = match (case.get("output"), case.get("error")) {
            (Some(Value::String(output)), None) => Ok(output.as_str()),
            (None, Some(Value::String(kind))) => Err(kind.as_str()),
            _ => return Err("a case needs either output or error".into()),
        };
        let actual = renderer.render_data(name, template, data);
        let same = match (&expected, &actual) {
            (Ok(expected), Ok(actual)) => expected == actual,
            (Err(kind), Err(error)) => {
                // Limits are ours: Go would fail, or never end, in execution.
                *kind == error.kind.as_str()
                    || *kind == "exec" && error.kind == RenderErrorKind::Limit
            }
            _ => false,
        };
        if !same {
            failed += 1;
            println!(
                "{template:?}\n  expected {expected:?}\n  actual   {}",
                shown(&actual)
            );
        }
    }
    println!("{} passed, {failed} failed", cases.len() - failed);
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn shown<E: std::fmt::Display>(result: &Result<String, E>) -> String {
    match result {
        Ok(text) => format!("Ok({text:?})"),
        Err(error) => format!("Err({error})"),
    }
}
