//! The stage `pods`: end-to-end tests on real pods.
//!
//! They run on the cluster that `KUDO_E2E_KUBECONFIG` names. Without it, the test bed beside the workspace is
//! brought up with the manager that the other tests use and taken down again; where there is none, or the machine
//! lacks what containers need, that is said aloud.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kudo_simcluster::control_plane::{cache_folder, project_cache};

use crate::control_plane::{self, BuildError};
use crate::output;
use crate::process::{self, ProcessError};
use crate::workspace::{build_for_tests, cargo, root};

/// The cluster to test on.
const KUBECONFIG: &str = "KUDO_E2E_KUBECONFIG";
/// Image of the manager there.
const IMAGE_VARIABLE: &str = "KUDO_E2E_MANAGER_IMAGE";
/// The test bed's image of the manager.
const IMAGE: &str = "kudo-manager:test";
/// Tag of an image of `MariaDB` that is newer than the test bed's own.
const NEXT_VARIABLE: &str = "KUDO_E2E_MARIADB_NEXT_VERSION";
/// Where an image's programs are.
const IMAGE_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The module of the test that measures.
const MEASURED: &str = "under_load::";
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
}

/// Runs the tests where there are real pods.
pub(super) fn run() -> Result<(), PodsError> {
    if env::var_os(KUBECONFIG).is_some() {
        return tests(&build_for_tests()?, &[]);
    }
    let scripts = root().join("../shared/real-pods");
    if !scripts.join("up.sh").exists() {
        output::line(&format!(
            "SKIPPED: no cluster with real pods: {KUBECONFIG} is not set, and there is no test bed at {}",
            scripts.display()
        ));
        return Ok(());
    }
    if let Some(lacking) = lacking() {
        output::line(&format!(
            "SKIPPED: no cluster with real pods: this machine lacks {lacking}"
        ));
        return Ok(());
    }
    control_plane::ensure_built()?;
    let programs = build_for_tests()?;
    let bed = Bed::up(scripts)?;
    bed.load_manager(&programs.join("kudo-manager"))?;
    let next = bed.load_next_mariadb()?;
    let environment = [
        (KUBECONFIG, bed.kubeconfig.as_str()),
        (IMAGE_VARIABLE, IMAGE),
        (NEXT_VARIABLE, &next),
    ];
    tests(&programs, &environment)
}

/// What a machine must have for the test bed, and this one has not.
fn lacking() -> Option<&'static str> {
    let namespaces = ["--mount", "--pid", "--net", "--fork", "true"];
    let sandbox = Command::new("unshare").args(namespaces).output();
    if !sandbox.is_ok_and(|ended| ended.status.success()) {
        return Some("the right to make namespaces, which root has");
    }
    let probe = Path::new("/sys/fs/cgroup/memory/kudo-pods-probe");
    if fs::create_dir(probe)
        .and_then(|()| fs::remove_dir(probe))
        .is_err()
    {
        return Some("the control groups (version 1) that containers are put into");
    }
    None
}

fn tests(programs: &Path, environment: &[(&str, &str)]) -> Result<(), PodsError> {
    let program = programs.join("kubectl-kudo");
    let run = |arguments: &[&'static str]| {
        let test = ["test", "--package", "kudo-tests", "--test", "pods", "--"];
        let mut command = cargo(test.iter().chain(arguments).copied());
        command
            .env(PROGRAM, &program)
            .envs(environment.iter().copied());
        process::run(&mut command)
    };
    // What is measured is measured alone; the others wait most of the time.
    let measured = run(&[MEASURED]);
    let others = run(&["--skip", MEASURED, "--test-threads=4"]);
    Ok(measured.and(others)?)
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

    /// Makes an image of a newer `MariaDB`, and gives its version.
    fn load_next_mariadb(&self) -> Result<String, ProcessError> {
        let folder = project_cache().join("newer-mariadb");
        let mut make = Command::new(root().join("tests/pods/newer-mariadb.sh"));
        make.arg(&folder)
            .arg(self.scripts.join("src/mariadb-entrypoint.sh"));
        let version = process::output(&mut make)?.trim().to_owned();
        let mut load = script(&self.scripts, "load-image.sh");
        load.arg(format!("mariadb:{version}"))
            .arg("--rootfs")
            .arg(folder)
            .args(["--entrypoint", "docker-entrypoint.sh", "--cmd", "mariadbd"])
            .args(["--env", IMAGE_PATH, "--env", "LANG=C.UTF-8"]);
        process::run(&mut load)?;
        Ok(version)
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
