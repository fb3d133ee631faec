//! Copying files out of pods: a small port, so that a test need not run a container, and the adapter
//! that asks the API server to run `tar` in one.

mod archive;
mod exec;

use futures::future::BoxFuture;
use kube::Client;

pub use exec::ExecCopy;

/// The largest file that is copied, in bytes: no `ConfigMap` or `Secret` holds more.
pub const MAX_FILE: usize = 1024 * 1024;

/// A file in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFile {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// Absolute path of the file.
    pub path: String,
}

/// Why a file was not copied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The command that reads the file failed, for example because there is none.
    #[error("cannot read file {path:?} in the pod: {message}")]
    Command {
        /// Path of the file.
        path: String,
        /// What the command said.
        message: String,
    },
    /// The file is larger than [`MAX_FILE`].
    #[error(
        "file {path:?} has {size} bytes, more than the {MAX_FILE} that a ConfigMap or Secret can hold"
    )]
    TooLarge {
        /// Path of the file.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// It is a directory, a link or the like.
    #[error("{path:?} is {found}, and must be a regular file")]
    NotAFile {
        /// Path of the file.
        path: String,
        /// What it is.
        found: &'static str,
    },
    /// The cluster did not run the command, or the connection broke before the end of the file.
    #[error("cannot copy file {path:?} out of the pod: {message}")]
    Interrupted {
        /// Path of the file.
        path: String,
        /// What happened.
        message: String,
    },
}

impl CopyError {
    /// Whether trying again cannot help.
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::Interrupted { .. })
    }
}

/// Copies files out of pods.
pub trait CopyFiles: Send + Sync {
    /// Gives the content of a regular file of at most [`MAX_FILE`] bytes. May be dropped at any time.
    fn copy<'a>(
        &'a self,
        client: &'a Client,
        file: &'a PodFile,
    ) -> BoxFuture<'a, Result<Vec<u8>, CopyError>>;
}
