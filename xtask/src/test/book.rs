//! The stage `book`: the users' documentation builds.

use std::path::PathBuf;
use std::process::Command;

use kudo_simcluster::control_plane::project_cache;

use crate::output;
use crate::process::{self, ProcessError};
use crate::workspace::{cargo, root, target_folder};

/// The mdBook that is installed where the machine has none.
const VERSION: &str = "0.5.4";

pub(super) fn build() -> Result<(), ProcessError> {
    let destination = target_folder()?.join("book");
    let mut command = Command::new(program()?);
    command
        .arg("build")
        .arg("--dest-dir")
        .arg(&destination)
        .arg(root().join("docs"));
    process::run(&mut command)?;
    output::line(&format!(
        "built {}",
        destination.join("index.html").display()
    ));
    Ok(())
}

/// mdBook on the path, or in the machine's cache, where it is built once.
fn program() -> Result<PathBuf, ProcessError> {
    if process::succeeds(Command::new("mdbook").arg("--version")) {
        return Ok("mdbook".into());
    }
    let folder = project_cache()
        .join("tools")
        .join(format!("mdbook-{VERSION}"));
    let program = folder.join("bin/mdbook");
    if !program.is_file() {
        output::progress("building mdbook, once on this machine");
        let version = [
            "install",
            "mdbook",
            "--version",
            VERSION,
            "--locked",
            "--quiet",
        ];
        let mut install = cargo(version);
        install
            .args(["--no-default-features", "--root"])
            .arg(&folder);
        // Its build results are of no use to this workspace's.
        install.env("CARGO_TARGET_DIR", folder.join("build"));
        // Quick to build counts for more than quick to run: the book is small.
        install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
        process::run(&mut install)?;
        let _ = std::fs::remove_dir_all(folder.join("build"));
    }
    Ok(program)
}
