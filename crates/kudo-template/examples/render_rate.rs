//! Measures how many templates a second the renderer gives, on the packages in the folders named.
//!
//! `cargo run --release -p kudo-template --example render_rate -- operators` prints one JSON object.
//! Every template of every package is rendered with its parameters' defaults, in turn and again,
//! once with the parsed templates kept and once with each parsed anew. Templates that do not render
//! with defaults alone are left out and counted.

#![expect(
    clippy::print_stdout,
    reason = "the figures are what the program is for"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kudo_package::{Package, parameter};
use kudo_template::{Limits, Renderer, Values};
use serde_json::json;

const MEASURED: Duration = Duration::from_secs(3);

/// One template with the values it is rendered with.
struct Case {
    name: String,
    text: String,
    values: Values,
}

fn main() -> ExitCode {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    let (mut packages, mut left_out, mut cases) = (0_u64, 0_u64, Vec::new());
    let renderer = Renderer::new(Limits::default());
    for package in folders
        .iter()
        .flat_map(|folder| packages_below(Path::new(folder)))
    {
        packages += 1;
        for case in cases_of(&package) {
            if renderer
                .render(&case.name, &case.text, &case.values)
                .is_ok()
            {
                cases.push(case);
            } else {
                left_out += 1;
            }
        }
    }
    if cases.is_empty() {
        return ExitCode::FAILURE;
    }
    let cached = rate(&cases, |case| {
        renderer
            .render(&case.name, &case.text, &case.values)
            .is_ok()
    });
    let uncached = rate(&cases, |case| {
        let fresh = Renderer::new(Limits::default());
        fresh.render(&case.name, &case.text, &case.values).is_ok()
    });
    let figures = json!({
        "packages": packages,
        "templates": cases.len(),
        "left_out": left_out,
        "renders_per_second": cached,
        "uncached_renders_per_second": uncached,
    });
    println!("{figures}");
    ExitCode::SUCCESS
}

/// Packages of a folder, each in a folder of its own; what is no package is passed over.
fn packages_below(folder: &Path) -> Vec<Package> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| Package::load(path).ok())
        .collect()
}

fn cases_of(package: &Package) -> Vec<Case> {
    let definition = &package.definition;
    let given = BTreeMap::new();
    let params = parameter::resolve(&definition.parameters, &given).unwrap_or_default();
    let values = Values {
        operator_name: definition.operator_name.clone(),
        name: "instance".to_owned(),
        namespace: "default".to_owned(),
        app_version: definition.app_version.clone().unwrap_or_default(),
        operator_version: definition.operator_version.clone(),
        plan_name: Some("deploy".to_owned()),
        phase_name: Some("phase".to_owned()),
        step_name: Some("step".to_owned()),
        params,
        pipes: BTreeMap::new(),
    };
    let case = |(name, text): (&String, &String)| Case {
        name: name.clone(),
        text: text.clone(),
        values: values.clone(),
    };
    definition.templates.iter().map(case).collect()
}

/// Renders a second, rounds over all cases until the time is over.
fn rate(cases: &[Case], render: impl Fn(&Case) -> bool) -> f64 {
    let begun = Instant::now();
    let mut renders = 0_u32;
    while begun.elapsed() < MEASURED {
        renders += cases
            .iter()
            .map(|case| u32::from(render(case)))
            .sum::<u32>();
    }
    f64::from(renders) / begun.elapsed().as_secs_f64()
}
