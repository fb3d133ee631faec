//! `$KUDO_HOME`: the list of repositories on disk.

use std::io;
use std::path::{Path, PathBuf};

use kudo_package::repository::{Repositories, RepositoryFileError};

use crate::replace::replace_file;

/// Folder of all about repositories.
const FOLDER: &str = "repository";
/// The list of repositories in it.
const FILE: &str = "repositories.yaml";

/// KUDO's own directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    path: PathBuf,
}

/// Why the list of repositories could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a list of repositories.
    #[error("{} is not a list of repositories: {source}", path.display())]
    Invalid {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: RepositoryFileError,
    },
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Home {
    /// The directory at a path; it need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of the list of repositories.
    pub fn repositories_file(&self) -> PathBuf {
        self.path.join(FOLDER).join(FILE)
    }

    /// Reads the list. Where there is none yet, it is the one that [`Self::set_up`] would write.
    pub fn load(&self) -> Result<Repositories, HomeError> {
        let path = self.repositories_file();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Repositories::default());
            }
            Err(source) => return Err(HomeError::Unreadable { path, source }),
        };
        Repositories::parse(&text).map_err(|source| HomeError::Invalid { path, source })
    }

    /// Writes the list, whole or not at all, and makes the folders it is in.
    pub fn save(&self, repositories: &Repositories) -> Result<(), HomeError> {
        let path = self.repositories_file();
        let written = replace_file(&path, repositories.to_yaml().as_bytes());
        written.map_err(|source| HomeError::Unwritable { path, source })
    }

    /// Makes the directory with a list of the community's repository, if there is no list yet.
    pub fn set_up(&self) -> Result<(), HomeError> {
        if self.repositories_file().exists() {
            return Ok(());
        }
        self.save(&Repositories::default())
    }
}
