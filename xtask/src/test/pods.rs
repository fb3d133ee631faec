//! The stage `pods`: end-to-end tests on real pods.
//!
//! They run on the cluster that `KUDO_E2E_KUBECONFIG` names. Without it, the test bed beside the workspace is
//! brought up with the release build of the manager and taken down again; where there is none, or it cannot
//! be brought up on this machine, that is said aloud.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use kudo_simcluster::control_plane::{cache_folder, project_cache};

use crate::control_plane::{self, BuildError};
use crate::output;
use crate::process::{self, ProcessError};
use crate::workspace::{build_for_tests, cargo, release_binaries, root, target_folder};

/// The cluster to test on.
const KUBECONFIG: &str = "KUDO_E2E_KUBECONFIG";
/// Image of the manager there.
const IMAGE_VARIABLE: &str = "KUDO_E2E_MANAGER_IMAGE";
/// The test bed's image of the manager.
const IMAGE: &str = "kudo-manager:test";
/// Tag of an image of `MariaDB` that is older than the others.
const OLDER_VARIABLE: &str = "KUDO_E2E_MARIADB_OLDER_VERSION";
/// The test bed's: the same program, which tells another version.
const OLDER: &str = "older";
const OLDER_PROGRAM: &str = "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'mariadbd  Ver 10.5.1-MariaDB'; exit; }\nexec /usr/sbin/mariadbd \"$@\"\n";
/// The command line, as for the other tests.
const PROGRAM: &str = "KUDO_TEST_PROGRAM";

/// Why the tests failed, or could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PodsError {
    /// There are no programs of Kubernetes.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file could not be written.
    #[error("cannot write an image's program")]
    File(#[from] io::Error),
}

/// Runs the tests where there are real pods.
pub(super) fn run() -> Result<(), PodsError> {
    if env::var_os(KUBECONFIG).is_some() {
        return tests(&[]);
    }
    let scripts = root().join("../shared/real-pods");
    if !scripts.join("up.sh").exists() {
        output::line(&format!(
            "SKIPPED: no cluster with real pods: {KUBECONFIG} is not set, and there is no test bed at {}",
            scripts.display()
        ));
        return Ok(());
    }
    control_plane::ensure_built()?;
    let bed = match Bed::up(scripts) {
        Ok(bed) => bed,
        Err(error) => {
            // A machine may lack what containers need: root, control groups, namespaces.
            output::error(&error);
            output::line(
                "SKIPPED: no cluster with real pods: the test bed cannot be brought up here",
            );
            return Ok(());
        }
    };
    bed.load_manager(&release_binaries()?.kudo_manager)?;
    bed.load_older_mariadb()?;
    tests(&[
        (KUBECONFIG, &bed.kubeconfig),
        (IMAGE_VARIABLE, IMAGE),
        (OLDER_VARIABLE, OLDER),
    ])
}

fn tests(environment: &[(&str, &str)]) -> Result<(), PodsError> {
    let program = build_for_tests()?.join("kubectl-kudo");
    let arguments = ["test", "--package", "kudo-tests", "--test", "pods", "--"];
    // One after the other, with what they measure shown.
    let mut command = cargo(arguments.into_iter().chain(["--test-threads=1"]));
    command
        .env(PROGRAM, program)
        .envs(environment.iter().copied());
    Ok(process::run(&mut command)?)
}

/// The test bed; it is taken down at the end, unless it was up before.
struct Bed {
    scripts: PathBuf,
    kubeconfig: String,
    was_up: bool,
}

impl Bed {
    fn up(scripts: PathBuf) -> Result<Self, ProcessError> {
        let state = env::var_os("KUDO_REAL_PODS").map(PathBuf::from);
        let state = state.unwrap_or_else(|| project_cache().join("real-pods"));
        let was_up = state.join("kubeconfig").exists();
        let mut up = script(&scripts, "up.sh");
        // The bed builds only what is not there.
        up.env("KUBE_BIN", cache_folder());
        let kubeconfig = process::output(&mut up)?.trim().to_owned();
        Ok(Self {
            scripts,
            kubeconfig,
            was_up,
        })
    }

    fn load_manager(&self, manager: &Path) -> Result<(), ProcessError> {
        let inside = "/usr/local/bin/kudo-manager";
        let mut load = script(&self.scripts, "load-image.sh");
        load.args([IMAGE, "--base", "debian", "--entrypoint", inside])
            .args(["--user", "65532", "--add"])
            .arg(format!("{}:{inside}", manager.display()));
        process::run(&mut load)
    }

    fn load_older_mariadb(&self) -> Result<(), PodsError> {
        let program = target_folder()?.join("older-mariadbd");
        fs::write(&program, OLDER_PROGRAM)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        let mut load = script(&self.scripts, "load-image.sh");
        load.arg(format!("mariadb:{OLDER}"))
            .args(["--base", "mariadb", "--add"])
            .arg(format!("{}:/usr/local/bin/mariadbd", program.display()));
        Ok(process::run(&mut load)?)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if self.was_up {
            return;
        }
        if let Err(error) = process::run(&mut script(&self.scripts, "down.sh")) {
            output::error(&error);
        }
    }
}

fn script(folder: &Path, name: &str) -> Command {
    Command::new(folder.join(name))
}
