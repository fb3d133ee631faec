//! Where the workspace and its build results are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::{self, ProcessError};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .parent()
        .map_or_else(|| package.clone(), Path::to_path_buf)
}

/// A cargo command at the root.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root());
    command
}

/// The folder that cargo builds into.
pub(crate) fn target_folder() -> Result<PathBuf, ProcessError> {
    let text = process::output(&mut cargo(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&text).unwrap_or_default();
    let folder = metadata["target_directory"].as_str().map(PathBuf::from);
    Ok(folder.unwrap_or_else(|| root().join("target")))
}

/// Builds all that tests run, and gives the folder of it.
///
/// Programs and examples are built in the same breath as the tests: asked for alone, cargo would
/// choose other features of what they depend on, and compile all of it again.
pub(crate) fn build_for_tests() -> Result<PathBuf, ProcessError> {
    process::run(&mut cargo([
        "build",
        "--workspace",
        "--bins",
        "--tests",
        "--examples",
    ]))?;
    Ok(target_folder()?.join("debug"))
}

/// The release binaries, built if need be: `kubectl-kudo` and `kudo-manager`.
pub(crate) fn release_binaries() -> Result<Binaries, ProcessError> {
    process::run(&mut cargo(["build", "--release", "--package", "kudo"]))?;
    let folder = target_folder()?.join("release");
    Ok(Binaries {
        kubectl_kudo: folder.join("kubectl-kudo"),
        kudo_manager: folder.join("kudo-manager"),
    })
}

/// Paths of the product's programs.
#[derive(Debug)]
pub(crate) struct Binaries {
    pub(crate) kubectl_kudo: PathBuf,
    pub(crate) kudo_manager: PathBuf,
}
