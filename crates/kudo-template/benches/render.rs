//! Renders per second: templates kept from the render before, and parsed each time.
//!
//! Measured on the packages in `operators/` and, where it is there, the community corpus beside
//! the project; one iteration renders every plan of every package once.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kudo_package::{Package, parameter};
use kudo_template::{InstanceIdentity, Limits, Renderer, Values};

/// A template with the values it is rendered with.
struct Case {
    name: String,
    text: String,
    values: Values,
}

fn packages() -> Vec<Package> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = [
        root.join("operators"),
        root.join("../shared/corpus/operators"),
    ];
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| Package::load(path).ok())
        .collect()
}

/// Every template of every package that renders with the defaults.
fn cases() -> Vec<Case> {
    let renderer = Renderer::new(Limits::default());
    let instance = InstanceIdentity {
        name: "inst",
        namespace: "ns",
    };
    let mut cases = Vec::new();
    for package in packages() {
        let definition = package.definition;
        let params = parameter::resolve(&definition.parameters, &BTreeMap::new());
        for (name, text) in &definition.templates {
            let values = Values {
                operator_name: definition.operator_name.clone(),
                name: instance.name.to_owned(),
                namespace: instance.namespace.to_owned(),
                operator_version: definition.operator_version.clone(),
                plan_name: Some("deploy".to_owned()),
                phase_name: Some("deploy".to_owned()),
                step_name: Some("deploy".to_owned()),
                params: params.clone().unwrap_or_default(),
                ..Values::default()
            };
            if renderer.render(name, text, &values).is_ok() {
                cases.push(Case {
                    name: name.clone(),
                    text: text.clone(),
                    values,
                });
            }
        }
    }
    cases
}

fn render(criterion: &mut Criterion) {
    let cases = cases();
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Elements(cases.len() as u64));
    let kept = Renderer::new(Limits::default());
    group.bench_function("cached", |bencher| {
        bencher.iter(|| {
            for case in &cases {
                black_box(kept.render(&case.name, &case.text, &case.values).ok());
            }
        });
    });
    group.bench_function("parsed each time", |bencher| {
        bencher.iter(|| {
            for case in &cases {
                let renderer = Renderer::new(Limits::default());
                black_box(renderer.render(&case.name, &case.text, &case.values).ok());
            }
        });
    });
    group.finish();
}

criterion_group!(benches, render);
criterion_main!(benches);
