//! The stage `reference`: what Go and Kubernetes themselves gave for thousands of inputs, where the
//! files with it lie beside the workspace.

use crate::output;
use crate::process::{self, ProcessError};
use crate::workspace::{cargo, root};

const CHECKS: [(&str, &str, &str); 2] = [
    ("kudo-template", "check_vectors", "go-template.json"),
    ("kudo-package", "check_yaml", "kubernetes-yaml.json"),
];

pub(super) fn run() -> Result<(), ProcessError> {
    for (package, example, file) in CHECKS {
        let path = root().join("../shared/vectors").join(file);
        if !path.is_file() {
            output::skipped(example, &format!("{} is not there", path.display()));
            continue;
        }
        let mut command = cargo(["run", "--quiet", "--package", package, "--example", example]);
        process::run(command.arg("--").arg(path))?;
    }
    Ok(())
}
