//! `cargo xtask codegen`: files that are made from the code, committed, and checked.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Why a file could not be made or is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodegenError {
    /// The definitions could not be turned into text.
    #[error("cannot write the custom resource definitions as YAML")]
    Crds(#[from] serde_json::Error),
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Committed files that are not what the code makes.
    #[error("{}", .0.join("\n"))]
    Stale(Vec<String>),
}

/// A file made from the code.
struct Generated {
    /// Path from the workspace's root.
    path: &'static str,
    text: String,
}

/// Writes the files below `root`, or with `check` compares them; the answer is a line to print.
pub(crate) fn run(root: &Path, check: bool) -> Result<String, CodegenError> {
    let files = [Generated {
        path: "crates/kudo-api/crds/kudo.dev.yaml",
        text: kudo_api::crds_yaml()?,
    }];
    let mut stale = Vec::new();
    let mut written = 0;
    for file in &files {
        let path = root.join(file.path);
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        if committed == file.text {
            continue;
        }
        if check {
            stale.push(report(file.path, &committed, &file.text));
        } else {
            std::fs::write(&path, &file.text)
                .map_err(|source| CodegenError::Write { path, source })?;
            written += 1;
        }
    }
    if stale.is_empty() {
        Ok(format!(
            "codegen: {} files up to date, {written} written",
            files.len()
        ))
    } else {
        Err(CodegenError::Stale(stale))
    }
}

/// Says where a committed file and the made one first part.
fn report(path: &str, committed: &str, made: &str) -> String {
    let mut message = format!("{path} is stale");
    let (old, new): (Vec<_>, Vec<_>) = (committed.lines().collect(), made.lines().collect());
    let same = old
        .iter()
        .zip(&new)
        .take_while(|(old, new)| old == new)
        .count();
    let _ = write!(message, ", from line {}:", same + 1);
    for (sign, line) in [("-", old.get(same)), ("+", new.get(same))] {
        if let Some(line) = line {
            let _ = write!(message, "\n  {sign}{line}");
        }
    }
    message.push_str("\n  hint: run `cargo xtask codegen` and commit the result");
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_shows_the_first_difference() {
        let cases = [
            ("a\nb\n", "a\nc\n", "from line 2:\n  -b\n  +c\n"),
            ("a\n", "a\nb\n", "from line 2:\n  +b\n"),
            ("a\nb\n", "a\n", "from line 2:\n  -b\n"),
            ("", "a\n", "from line 1:\n  +a\n"),
        ];
        for (old, new, expected) in cases {
            let message = report("x.yaml", old, new);
            assert!(message.contains(expected), "{message}");
            assert!(message.starts_with("x.yaml is stale"), "{message}");
            assert!(message.ends_with("hint: run `cargo xtask codegen` and commit the result"));
        }
    }

    #[test]
    fn check_changes_nothing_and_writing_settles_it() {
        let root = std::env::temp_dir().join(format!("kudo-codegen-{}", std::process::id()));
        let folder = root.join("crates/kudo-api/crds");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("kudo.dev.yaml");
        std::fs::write(&file, "old\n").unwrap();

        let stale = run(&root, true).unwrap_err().to_string();
        assert!(stale.contains("-old"), "{stale}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old\n");

        run(&root, false).unwrap();
        run(&root, true).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
    }
}
