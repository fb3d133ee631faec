//! A certificate in files that somebody else writes: cert-manager through a mounted Secret, say.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Identity, IdentityError};

/// Pause between two looks at the files. A mounted Secret takes a minute to change, anyway.
const PAUSE: Duration = Duration::from_secs(2);
/// File names as in a Secret of type `kubernetes.io/tls`.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The files are no certificate and key.
    #[error("{}: {source}", folder.display())]
    Unfit {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: IdentityError,
    },
}

/// Uses the files of a folder, now and whenever they change, until the shutdown.
///
/// Files that cannot be used leave the last good ones in use, and are told of once.
pub async fn follow(folder: PathBuf, identity: Identity, shutdown: CancellationToken) {
    let mut used = None;
    let mut told = None;
    loop {
        match read(&folder) {
            Ok(found) if used.as_ref() == Some(&found) => {}
            Ok((certificate, key)) => match identity.set(&certificate, &key) {
                Ok(()) => {
                    tracing::info!(folder = %folder.display(), "using the webhook's certificate");
                    used = Some((certificate, key));
                    told = None;
                }
                Err(source) => {
                    let folder = folder.clone();
                    tell(&mut told, &FilesError::Unfit { folder, source });
                }
            },
            Err(error) => tell(&mut told, &error),
        }
        let pause = tokio::time::sleep(PAUSE);
        if shutdown.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

fn tell(told: &mut Option<String>, error: &FilesError) {
    let text = error.to_string();
    if told.as_ref() != Some(&text) {
        tracing::warn!(
            error = text,
            "cannot use the webhook's certificate, trying again"
        );
        *told = Some(text);
    }
}

fn read(folder: &Path) -> Result<(Vec<u8>, Vec<u8>), FilesError> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|source| FilesError::Read { path, source })
    };
    Ok((read(CERTIFICATE)?, read(KEY)?))
}
