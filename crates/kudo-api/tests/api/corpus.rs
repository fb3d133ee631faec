//! Resources that others wrote for upstream KUDO decode and convert.

use std::path::{Path, PathBuf};

use kudo_api::{Instance, Operator, OperatorVersion};
use kudo_package::OperatorDefinition;
use serde_json::Value;

/// The corpus beside the project, where there is one.
fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no corpus at {}", folder.display());
    None
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            found.push(path);
        }
    }
}

#[test]
fn every_resource_decodes_and_every_operator_version_converts() {
    let Some(corpus) = corpus() else { return };
    let mut files = Vec::new();
    for folder in ["kuttl", "kuttl-manifests"] {
        yaml_files(&corpus.join(folder), &mut files);
    }
    let (mut operators, mut versions, mut instances) = (0, 0, 0);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let Ok(documents) = kudo_package::yaml::parse_documents(&text) else {
            // A template, not a document.
            continue;
        };
        for value in documents.into_iter().map(|document| document.value) {
            if value["apiVersion"] != kudo_api::API_VERSION {
                continue;
            }
            let at = file.display();
            let decoded = match value["kind"].as_str() {
                Some("Operator") => {
                    operators += 1;
                    serde_json::from_value::<Operator>(value).map(|_| ())
                }
                Some("OperatorVersion") => {
                    versions += 1;
                    convert(&value, &at.to_string());
                    serde_json::from_value::<OperatorVersion>(value).map(|_| ())
                }
                Some("Instance") => {
                    instances += 1;
                    serde_json::from_value::<Instance>(value).map(|_| ())
                }
                _ => Ok(()),
            };
            assert!(decoded.is_ok(), "{at}: {decoded:?}");
        }
    }
    assert!(
        operators > 5 && versions > 5 && instances > 10,
        "{operators} {versions} {instances}"
    );
}

fn convert(value: &Value, file: &str) {
    // What a test asserts is a part of a resource only.
    if file.contains("assert") || file.contains("errors") {
        return;
    }
    let version: OperatorVersion = serde_json::from_value(value.clone()).unwrap();
    let definition =
        OperatorDefinition::try_from(&version).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(definition.plans.len(), version.spec.plans.len());
    assert_eq!(definition.tasks.len(), version.spec.tasks.len());
}
