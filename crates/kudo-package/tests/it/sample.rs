//! Packages for the tests: files as text, and a small one that breaks no rule.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kudo_package::{Package, PackageErrors};

pub(crate) const OPERATOR: &str = "\
apiVersion: kudo.dev/v1beta1
name: sample
operatorVersion: 0.1.0
kubernetesVersion: 1.15.0
tasks:
- name: app
  kind: Apply
  spec:
    resources:
    - app.yaml
plans:
  deploy:
    strategy: serial
    phases:
    - name: main
      strategy: serial
      steps:
      - name: all
        tasks: [app]
";
pub(crate) const PARAMS: &str = "apiVersion: kudo.dev/v1beta1\nparameters: []\n";

/// Files of a package by path.
pub(crate) fn files(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
        .collect()
}

/// Loads a package of these two files and one template.
pub(crate) fn load(operator: &str, params: &str) -> Result<Package, PackageErrors> {
    Package::from_files(files(&[
        ("operator.yaml", operator),
        ("params.yaml", params),
        ("templates/app.yaml", "kind: ConfigMap\n"),
    ]))
}

/// A folder beside the project's own, if this machine has it; says loudly if not.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}
