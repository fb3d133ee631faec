//! Community packages render byte for byte as Go renders them.
//!
//! The corpus is not part of the project; without it beside the project the test says so and does
//! nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kudo_package::{Package, TaskSpec, parameter};
use kudo_template::{InstanceIdentity, Limits, Renderer, render_plan_with_pipes};

/// The folder of shared data beside the project, or one further up as in a fresh clone.
fn corpus() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let corpus = root.join("shared/corpus");
    if corpus.is_dir() {
        return Some(corpus);
    }
    eprintln!("SKIPPED: there is no {}", corpus.display());
    None
}

fn golden(corpus: &Path, operator: &str) -> BTreeMap<String, String> {
    let path = corpus.join("renders").join(format!("{operator}.json"));
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Renders every plan of a package, by `plan/phase/step/task/template`.
fn rendered(package: &Package) -> BTreeMap<String, String> {
    let definition = &package.definition;
    let params = parameter::resolve(&definition.parameters, &BTreeMap::new());
    // Required parameters without a default are empty in the corpus.
    let params = params.unwrap_or_else(|_| {
        let given = definition
            .parameters
            .iter()
            .filter(|p| p.required && p.default.is_none());
        let given = given.map(|p| (p.name.clone(), String::new())).collect();
        parameter::resolve(&definition.parameters, &given).unwrap()
    });
    let mut pipes = BTreeMap::new();
    for task in &definition.tasks {
        if let TaskSpec::Pipe { pipe, .. } = &task.spec {
            for file in pipe {
                pipes.insert(file.key.clone(), format!("inst.pipe.{}", file.key));
            }
        }
    }
    let instance = InstanceIdentity {
        name: "inst",
        namespace: "ns",
    };
    let renderer = Renderer::new(Limits::default());
    let mut texts = BTreeMap::new();
    for plan in definition.plans.keys() {
        let steps =
            render_plan_with_pipes(&renderer, definition, instance, plan, &params, &pipes).unwrap();
        for step in steps {
            for task in step.tasks {
                for document in task.documents {
                    let key = [
                        plan,
                        &step.phase,
                        &step.step,
                        &task.task,
                        &document.template,
                    ]
                    .map(String::as_str)
                    .join("/");
                    texts.insert(key, document.text);
                }
            }
        }
    }
    texts
}

#[test]
fn community_packages_render_as_go_does() {
    let Some(corpus) = corpus() else {
        return;
    };
    let mut compared = 0;
    for entry in std::fs::read_dir(corpus.join("operators")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let package = Package::load(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let actual = rendered(&package);
        for (key, expected) in golden(&corpus, &name) {
            assert_eq!(actual.get(&key), Some(&expected), "{name}: {key}");
            compared += 1;
        }
    }
    assert!(compared > 40, "only {compared} renders were compared");
}
