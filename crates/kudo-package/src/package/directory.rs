//! Reads the files of a package directory, never any outside of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{OPERATOR_FILE, PARAMS_FILE, PackageErrors, TEMPLATES_FOLDER};
use crate::archive::ArchiveLimits;
use crate::diagnostic::{Diagnostic, Location};

/// Rule name of files that can't be part of a package.
const FILE: &str = "file";

/// The files of a directory: what each holds, and those that are refused, with the reason.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) refused: Vec<(String, Diagnostic)>,
}

/// Reads what makes up the package: the two files and everything under `templates/`.
pub(super) fn read_package(path: &Path, limits: &ArchiveLimits) -> Result<Files, PackageErrors> {
    let mut reading = Reading::start(path, limits)?;
    let root = reading.root.clone();
    for name in [OPERATOR_FILE, PARAMS_FILE] {
        let file = root.join(name);
        if fs::symlink_metadata(&file).is_ok() {
            reading.file(&file, name)?;
        }
    }
    let templates = root.join(TEMPLATES_FOLDER);
    if fs::symlink_metadata(&templates).is_ok() {
        reading.folder(&templates, TEMPLATES_FOLDER)?;
    }
    Ok(reading.read)
}

/// Reads every file of the directory, as an archive of it holds them.
pub(super) fn read_all(path: &Path, limits: &ArchiveLimits) -> Result<Files, PackageErrors> {
    let mut reading = Reading::start(path, limits)?;
    let root = reading.root.clone();
    reading.folder(&root, "")?;
    Ok(reading.read)
}

struct Reading<'a> {
    /// The directory with all links resolved.
    root: PathBuf,
    limits: &'a ArchiveLimits,
    read: Files,
    total: u64,
}

impl<'a> Reading<'a> {
    fn start(path: &Path, limits: &'a ArchiveLimits) -> Result<Self, PackageErrors> {
        let root = fs::canonicalize(path).map_err(|source| unreadable(path, source))?;
        Ok(Self {
            root,
            limits,
            read: Files {
                files: BTreeMap::new(),
                refused: Vec::new(),
            },
            total: 0,
        })
    }

    fn refuse(&mut self, name: &str, message: impl Into<String>) {
        let refusal = Diagnostic::error(FILE, message).at(Location::file(name));
        self.read.refused.push((name.to_owned(), refusal));
    }

    fn folder(&mut self, folder: &Path, name: &str) -> Result<(), PackageErrors> {
        if !self.is_inside(folder, name)? {
            return Ok(());
        }
        let entries = fs::read_dir(folder).map_err(|source| unreadable(folder, source))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(|source| unreadable(folder, source))?.path());
        }
        paths.sort();
        for path in paths {
            let Some(file_name) = path.file_name().and_then(|name| name.to_str()) else {
                self.refuse(
                    name,
                    format!("the name of {} is not UTF-8 text", path.display()),
                );
                continue;
            };
            let child = if name.is_empty() {
                file_name.to_owned()
            } else {
                format!("{name}/{file_name}")
            };
            let kind = fs::symlink_metadata(&path).map_err(|source| unreadable(&path, source))?;
            if kind.is_dir() {
                self.folder(&path, &child)?;
            } else {
                self.file(&path, &child)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &str) -> Result<(), PackageErrors> {
        if !self.is_inside(path, name)? {
            return Ok(());
        }
        let kind = fs::metadata(path).map_err(|source| unreadable(path, source))?;
        if !kind.is_file() {
            self.refuse(name, "expected a file");
            return Ok(());
        }
        if self.read.files.len() == self.limits.max_files {
            self.refuse(
                name,
                format!(
                    "the package holds more than {} files",
                    self.limits.max_files
                ),
            );
            return Ok(());
        }
        let limit = self.limits.max_file_bytes;
        let file = fs::File::open(path).map_err(|source| unreadable(path, source))?;
        let mut content = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut content)
            .map_err(|source| unreadable(path, source))?;
        self.total += content.len() as u64;
        if content.len() as u64 > limit {
            self.refuse(name, format!("the file is larger than {limit} bytes"));
        } else if self.total > self.limits.max_total_bytes {
            let limit = self.limits.max_total_bytes;
            self.refuse(name, format!("the package is larger than {limit} bytes"));
        } else {
            self.read.files.insert(name.to_owned(), content);
        }
        Ok(())
    }

    /// Whether a path, its links resolved, is still part of the package.
    fn is_inside(&mut self, path: &Path, name: &str) -> Result<bool, PackageErrors> {
        let target = fs::canonicalize(path).map_err(|source| unreadable(path, source))?;
        let inside = target.starts_with(&self.root);
        if !inside {
            self.refuse(name, "this link leads out of the package");
        }
        Ok(inside)
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> PackageErrors {
    PackageErrors::Unreadable {
        path: path.to_owned(),
        source,
    }
}
