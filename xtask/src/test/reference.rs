//! The stage `reference`: what Go and Kubernetes themselves gave for thousands of inputs, where the
//! files with it lie beside the workspace.

use std::process::Command;

use crate::output;
use crate::process::{self, ProcessError};
use crate::workspace::{build_for_tests, root};

/// Examples with the files that they read.
const CHECKS: [(&str, &str); 2] = [
    ("check_vectors", "go-template.json"),
    ("check_yaml", "kubernetes-yaml.json"),
];

pub(super) fn run() -> Result<(), ProcessError> {
    for (example, file) in CHECKS {
        let path = root().join("../shared/vectors").join(file);
        if path.is_file() {
            let program = build_for_tests()?.join("examples").join(example);
            process::run(Command::new(program).arg(path))?;
        } else {
            output::skipped(example, &format!("{} is not there", path.display()));
        }
    }
    Ok(())
}
