//! `--state`: the file that a cluster's objects are kept in.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use kudo_simcluster::cluster::{SimCluster, SimOptions, StateError};

use crate::error::Error;

/// The file, and the lock that keeps other clusters from it.
///
/// The lock is a file beside it, as each save replaces the file itself. It is free again when the
/// process ends, in whatever way.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    _lock: File,
}

impl StateFile {
    /// Takes the file for this process; it need not exist yet.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        let path = real(path);
        // A pipe or a device has no end.
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            let source = io::Error::other("it is no regular file");
            return Err(Error::DevState(StateError::Read { path, source }));
        }
        let mut name = path.clone().into_os_string();
        name.push(".lock");
        let mut options = OpenOptions::new();
        let opened = options.create(true).append(true).mode(0o600).open(name);
        let lock = opened.map_err(|source| unwritable(&path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::DevStateTaken { path }),
            Err(TryLockError::Error(source)) => Err(unwritable(&path, source)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Starts a cluster with the objects of the file.
    pub(super) fn start(&self, options: SimOptions) -> Result<SimCluster, Error> {
        SimCluster::start_from(options, &self.path).map_err(Error::DevState)
    }

    /// Writes all objects of a cluster into the file.
    pub(super) fn save(&self, cluster: &SimCluster) -> Result<(), Error> {
        cluster.save(&self.path).map_err(Error::DevState)
    }
}

/// The path from the root on: of what a link leads to, as a save would replace the link.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path)
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_owned())
}

fn unwritable(path: &Path, source: io::Error) -> Error {
    Error::DevState(StateError::Write {
        path: path.to_owned(),
        source,
    })
}
