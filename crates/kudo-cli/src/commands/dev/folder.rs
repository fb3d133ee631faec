//! `$KUDO_HOME/dev`: what whoever runs the cluster leaves for others to find it by.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn in_home(home: &Path) -> Self {
        // Absolute, as the path is told to people and programs who are elsewhere.
        let home = std::path::absolute(home).unwrap_or_else(|_| home.to_owned());
        Self {
            path: home.join("dev"),
        }
    }

    /// The kubeconfig; it exists while the cluster serves.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.path.join("kubeconfig")
    }

    /// What a detached cluster prints.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    fn pid_file(&self) -> PathBuf {
        self.path.join("pid")
    }

    fn state_file(&self) -> PathBuf {
        self.path.join("state")
    }

    /// Makes the folder, for its owner alone.
    pub(super) fn make(&self) -> Result<(), Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .map_err(|source| failed("create", &self.path, source))
    }

    /// Takes the lock and writes who has it. It is free again when the value is dropped or the process ends,
    /// in whatever way.
    pub(super) fn take(&self) -> Result<File, Error> {
        self.make()?;
        let path = self.lock_file();
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let lock = opened.map_err(|source| failed("open", &path, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::DevRuns {
                    kubeconfig: self.kubeconfig(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path, source)),
        }
        self.clear();
        write(&self.pid_file(), std::process::id().to_string().as_bytes())?;
        Ok(lock)
    }

    /// Whether a cluster runs.
    pub(super) fn is_taken(&self) -> bool {
        let lock = File::open(self.lock_file());
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The process that runs it.
    pub(super) fn pid(&self) -> Option<i32> {
        fs::read_to_string(self.pid_file())
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// The file that the cluster's objects are kept in, if they are.
    pub(super) fn state(&self) -> Option<PathBuf> {
        let path = fs::read(self.state_file()).ok()?;
        Some(OsString::from_vec(path).into())
    }

    /// Lets others find the cluster, and know where its objects are kept.
    pub(super) fn publish(&self, kubeconfig: &str, state: Option<&Path>) -> Result<(), Error> {
        if let Some(state) = state {
            write(&self.state_file(), state.as_os_str().as_bytes())?;
        }
        write(&self.kubeconfig(), kubeconfig.as_bytes())
    }

    /// Removes what says that a cluster serves.
    pub(super) fn clear(&self) {
        for path in [self.kubeconfig(), self.pid_file(), self.state_file()] {
            // What is not there need not go.
            let _ = fs::remove_file(path);
        }
    }
}

/// Writes a file for its owner alone; whoever reads it meanwhile sees all of it or nothing.
fn write(path: &Path, text: &[u8]) -> Result<(), Error> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(&new);
    opened
        .and_then(|mut file| file.write_all(text))
        .and_then(|()| fs::rename(&new, path))
        .map_err(|source| failed("write", path, source))
}

pub(super) fn failed(doing: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File {
        doing,
        path: path.to_owned(),
        source,
    }
}
