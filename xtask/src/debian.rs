//! Packages of Debian: the one way this project installs programs.

use std::path::Path;
use std::process::Command;

use crate::output;
use crate::process::{self, ProcessError};

/// Why a package could not be installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DebianError {
    /// The machine has no apt.
    #[error("this machine is not a Debian: {} cannot be installed", packages.join(", "))]
    NotDebian { packages: Vec<String> },
    /// Installing needs root.
    #[error("run as root: apt-get install {}", packages.join(" "))]
    NotRoot { packages: Vec<String> },
    /// apt did not do its work.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Whether apt rules this machine.
pub(crate) fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists()
}

/// Installs those packages that are missing; asks for root only then.
pub(crate) fn ensure_packages(packages: &[&str]) -> Result<(), DebianError> {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|name| !is_installed(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = || missing.iter().map(|&name| name.to_owned()).collect();
    if !is_debian() {
        return Err(DebianError::NotDebian { packages: names() });
    }
    let apt_get =
        || privileged("apt-get").ok_or_else(|| DebianError::NotRoot { packages: names() });
    output::progress(&format!("installing {}", missing.join(" ")));
    process::run(apt_get()?.args(["update", "-qq"]))?;
    let install = ["install", "-qq", "--yes", "--no-install-recommends"];
    process::run(apt_get()?.args(install).args(&missing))?;
    Ok(())
}

fn is_installed(package: &str) -> bool {
    let format = ["--show", "--showformat=${db:Status-Status}", package];
    let answer = Command::new("dpkg-query").args(format).output();
    answer.is_ok_and(|answer| answer.stdout == b"installed")
}

/// The command as root: as it is, or through sudo where that asks for no password.
fn privileged(program: &str) -> Option<Command> {
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new(program)
    } else if process::succeeds(Command::new("sudo").args(["-n", "true"])) {
        let mut command = Command::new("sudo");
        command.args(["-n", "--preserve-env=DEBIAN_FRONTEND", program]);
        command
    } else {
        return None;
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Some(command)
}
