//! From where the relative paths of a package argument resolve.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// From where relative paths resolve: a directory, or a folder within an archive.
///
/// What lies in an archive never reaches the files of this machine: all its paths, absolute ones
/// too, mean files of the archive, as with upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(pub(crate) Inner);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inner {
    Directory(PathBuf),
    Archive {
        /// The archive's files, by path from its root.
        files: Arc<BTreeMap<String, Vec<u8>>>,
        /// The folder in it, without slashes at its ends; empty for the root.
        folder: String,
    },
}

impl Base {
    /// The working directory: what users mean on the command line.
    pub fn here() -> Self {
        Self::directory("")
    }

    /// A directory.
    pub fn directory(path: impl AsRef<Path>) -> Self {
        Self(Inner::Directory(path.as_ref().to_owned()))
    }

    pub(crate) fn archive(files: Arc<BTreeMap<String, Vec<u8>>>, folder: String) -> Self {
        Self(Inner::Archive { files, folder })
    }
}

/// A path from a folder of an archive on, without `.` and `..`; what leads out of the archive stops
/// at its root.
pub(crate) fn path_in_archive(folder: &str, path: &str) -> String {
    let start = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The files of an archive that lie under a folder, by path from the folder on.
pub(crate) fn files_under(
    files: &BTreeMap<String, Vec<u8>>,
    folder: &str,
) -> BTreeMap<String, Vec<u8>> {
    if folder.is_empty() {
        return files.clone();
    }
    let prefix = format!("{folder}/");
    files
        .iter()
        .filter_map(|(path, content)| {
            let path = path.strip_prefix(&prefix)?;
            Some((path.to_owned(), content.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_archive() {
        let cases = [
            ("", "./child", "child"),
            ("parent", "../child", "child"),
            ("parent", "child/", "parent/child"),
            ("parent", "/child", "child"),
            ("", "../../etc", "etc"),
            ("a/b", ".", "a/b"),
        ];
        for (folder, path, expected) in cases {
            assert_eq!(path_in_archive(folder, path), expected, "{folder} {path}");
        }
    }
}
