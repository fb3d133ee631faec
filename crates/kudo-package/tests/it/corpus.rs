//! Packages that others wrote for upstream load unchanged.

use std::path::{Path, PathBuf};

use kudo_package::verify::{RULES, verify};
use kudo_package::{ArchiveLimits, Diagnostic, Package};

use crate::sample::shared;

fn packages(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            packages(&path, found);
        } else if path.ends_with("operator.yaml") {
            found.push(folder.to_owned());
        }
    }
}

#[test]
fn every_package_loads_and_is_verified_without_an_error() {
    let Some(corpus) = shared("corpus") else {
        return;
    };
    let mut paths = Vec::new();
    packages(&corpus.join("operators"), &mut paths);
    packages(&corpus.join("kuttl"), &mut paths);
    assert!(paths.len() > 10, "only {} packages", paths.len());
    for path in paths {
        let package = Package::load(&path).unwrap_or_else(|errors| panic!("{path:?}:\n{errors}"));
        assert!(package.definition.plans.contains_key("deploy"), "{path:?}");
        let findings = verify(&package, RULES);
        assert!(
            !findings.iter().any(Diagnostic::is_error),
            "{path:?}: {findings:?}"
        );
    }
}

#[test]
fn a_package_may_lie_in_an_operator_folder() {
    let Some(corpus) = shared("corpus/operators/zookeeper") else {
        return;
    };
    let outer = Package::load(&corpus).unwrap();
    assert_eq!(outer, Package::load(&corpus.join("operator")).unwrap());
    assert_eq!(outer.definition.operator_name, "zookeeper");
    assert!(
        outer
            .definition
            .templates
            .contains_key("healthcheck.sh.yaml")
    );
}

#[test]
fn packing_and_reading_gives_the_same_package() {
    let Some(corpus) = shared("corpus/operators") else {
        return;
    };
    let mut paths = Vec::new();
    packages(&corpus, &mut paths);
    for path in paths {
        let mut archive = Vec::new();
        let packed = Package::pack(&path, &mut archive).unwrap();
        let read = Package::from_tgz(archive.as_slice(), &ArchiveLimits::default()).unwrap();
        assert_eq!(packed, read, "{path:?}");
        assert_eq!(packed, Package::load(&path).unwrap(), "{path:?}");
        let mut again = Vec::new();
        Package::pack(&path, &mut again).unwrap();
        assert_eq!(archive, again, "{path:?}");
    }
}
