//! The stage `book`: the users' documentation builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kudo_simcluster::control_plane::project_cache;

use crate::output;
use crate::process::{self, ProcessError};
use crate::workspace::{cargo, root, target_folder};

/// The mdBook that is installed where the machine has none.
const VERSION: &str = "0.5.4";

/// Why the book is not in order.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookError {
    /// Pages that no reader finds.
    #[error("not in docs/SUMMARY.md: {}", .0.join(", "))]
    Unlisted(Vec<String>),
    /// mdBook found a fault, or cannot be had.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

pub(super) fn build() -> Result<(), BookError> {
    let docs = root().join("docs");
    let unlisted = unlisted(&docs);
    if !unlisted.is_empty() {
        return Err(BookError::Unlisted(unlisted));
    }
    let destination = target_folder()?.join("book");
    let mut command = Command::new(program()?);
    command
        .arg("build")
        .arg("--dest-dir")
        .arg(&destination)
        .arg(&docs);
    process::run(&mut command)?;
    output::line(&format!(
        "built {}",
        destination.join("index.html").display()
    ));
    Ok(())
}

/// Pages in the folder and one level below that the summary does not name.
fn unlisted(docs: &Path) -> Vec<String> {
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap_or_default();
    let below = names(docs)
        .into_iter()
        .filter(|name| docs.join(name).is_dir());
    let nested = below.flat_map(|folder| {
        let pages = names(&docs.join(&folder)).into_iter();
        pages.map(move |page| format!("{folder}/{page}"))
    });
    let pages = names(docs).into_iter().chain(nested);
    let is_page = |name: &str| {
        Path::new(name)
            .extension()
            .is_some_and(|ending| ending == "md")
    };
    let pages = pages.filter(|page| is_page(page) && page != "SUMMARY.md");
    pages
        .filter(|page| !summary.contains(&format!("({page})")))
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_no_reader_finds_are_named() {
        let docs = tempfile::tempdir().unwrap();
        fs::create_dir(docs.path().join("decisions")).unwrap();
        for page in [
            "a.md",
            "b.md",
            "decisions/c.md",
            "decisions/d.md",
            "book.toml",
        ] {
            fs::write(docs.path().join(page), "").unwrap();
        }
        fs::write(
            docs.path().join("SUMMARY.md"),
            "- [A](a.md)\n- [D](decisions/d.md)\n",
        )
        .unwrap();
        assert_eq!(unlisted(docs.path()), ["b.md", "decisions/c.md"]);
    }
}
