//! Measures how long the values of many parameters take to be validated.
//!
//! `cargo run --release -p kudo-package --example validation_time -- 10000` prints one JSON object: the
//! median time for that many parameters of all types with a good value each, and for as many values
//! that are all wrong.

#![expect(
    clippy::print_stdout,
    reason = "the figures are what the program is for"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kudo_package::parameter::{Parameter, ValueType, resolve};
use serde_json::json;

const ROUNDS: usize = 21;

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let count: usize = count.unwrap_or(10_000);
    let definitions: Vec<Parameter> = (0..count).map(definition).collect();
    let good = values(&definitions, |value_type| match value_type {
        ValueType::String => "large",
        ValueType::Integer => "8080",
        ValueType::Number => "0.5",
        ValueType::Boolean => "true",
        ValueType::Array => "- 80\n- 443\n",
        ValueType::Map => "cpu: 500m\nmemory: 1Gi\n",
    });
    let bad = values(&definitions, |value_type| match value_type {
        ValueType::String => "larg",
        _ => "nonsense: [",
    });
    let accepted = resolve(&definitions, &good).is_ok();
    let refused = resolve(&definitions, &bad).map_or_else(|errors| errors.len(), |_| 0);
    println!(
        "{}",
        json!({
            "values": count,
            "accepted": accepted,
            "refused": refused,
            "good_ms": median(&definitions, &good).as_secs_f64() * 1000.0,
            "bad_ms": median(&definitions, &bad).as_secs_f64() * 1000.0,
        })
    );
}

fn definition(index: usize) -> Parameter {
    let types = [
        ValueType::String,
        ValueType::Integer,
        ValueType::Number,
        ValueType::Boolean,
        ValueType::Array,
        ValueType::Map,
    ];
    let value_type = types[index % types.len()];
    let choices = ["small", "medium", "large"].map(str::to_owned).to_vec();
    Parameter {
        name: format!("PARAMETER_{index}"),
        required: true,
        value_type,
        enum_values: (value_type == ValueType::String).then_some(choices),
        ..Parameter::default()
    }
}

fn values(
    definitions: &[Parameter],
    value: impl Fn(ValueType) -> &'static str,
) -> BTreeMap<String, String> {
    definitions
        .iter()
        .map(|one| (one.name.clone(), value(one.value_type).to_owned()))
        .collect()
}

fn median(definitions: &[Parameter], given: &BTreeMap<String, String>) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            let resolved = std::hint::black_box(resolve(definitions, given));
            let took = begun.elapsed();
            drop(resolved);
            took
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}
