//! A cluster's objects in a file, so that it goes on where it ended.
//!
//! The file is a line about itself and a line for each object, all JSON. It is written beside its place
//! and moved there, so that a crash leaves either the old one or the new one. It holds secrets, and is
//! its owner's alone.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cluster::{Server, SimCluster, SimOptions};
use crate::store::Stored;

/// What the first line says the file is.
const FORMAT: &str = "kudo-simcluster-state/1";
/// Versions that a cluster leaves out when it goes on: more than it may have given between the last
/// time it was saved and a crash.
const GAP: u64 = 1_000_000;
/// How often a cluster that is kept looks whether it has changed.
const PERIOD: Duration = Duration::from_millis(500);

/// Why a cluster's objects cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not one of ours, or of another version.
    #[error("{}, line {line}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Deserialize, Serialize)]
struct Header<'a> {
    format: &'a str,
    #[serde(rename = "resourceVersion")]
    version: u64,
}

#[derive(Deserialize)]
struct Line<'a> {
    resource: &'a str,
    object: Value,
}

impl SimCluster {
    /// Starts a cluster with the objects of a file; one that is not there yet is an empty one. Resource
    /// versions go on growing from where they were.
    pub fn start_from(options: SimOptions, path: &Path) -> Result<Self, StateError> {
        match File::open(path) {
            Ok(file) => {
                let objects = read(path, file)?;
                Ok(Self::with(options, Some(objects)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::start(options)),
            Err(source) => Err(StateError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Writes all objects into a file. It blocks.
    pub fn save(&self, path: &Path) -> Result<(), StateError> {
        self.server()
            .save(path)
            .map_err(|source| StateError::Write {
                path: path.to_owned(),
                source,
            })
    }

    /// Saves the cluster into a file whenever it has changed, until the future is dropped. What goes wrong
    /// is told through `tracing` and tried again. Whoever ends the cluster saves it once more.
    pub async fn keep_saved(&self, path: PathBuf) {
        let mut saved = 0;
        loop {
            let version = self.resource_version();
            if version != saved {
                let (server, path) = (Arc::clone(self.server()), path.clone());
                let work = tokio::task::spawn_blocking(move || {
                    let outcome = server.save(&path);
                    if let Err(error) = &outcome {
                        let path = path.display();
                        tracing::warn!(%error, %path, "the cluster's state could not be saved");
                    }
                    outcome.is_ok()
                });
                if work.await.unwrap_or(false) {
                    saved = version;
                }
            }
            tokio::time::sleep(PERIOD).await;
        }
    }
}

/// A version, and all objects with where they are stored.
pub(crate) struct Saved {
    pub(crate) version: u64,
    pub(crate) objects: Vec<(Arc<str>, Value)>,
}

fn read(path: &Path, file: File) -> Result<Saved, StateError> {
    let broken = |line: usize, problem: String| StateError::Content {
        path: path.to_owned(),
        line,
        problem,
    };
    let mut lines = BufReader::new(file).lines().enumerate();
    let unreadable = |source| StateError::Read {
        path: path.to_owned(),
        source,
    };
    let first = match lines.next() {
        Some((_, line)) => line.map_err(unreadable)?,
        None => String::new(),
    };
    let header: Option<Header<'_>> = serde_json::from_str(&first).ok();
    let Some(header) = header.filter(|header| header.format == FORMAT) else {
        let problem =
            format!("this is no state of a cluster: expected {{\"format\":\"{FORMAT}\",…}}");
        return Err(broken(1, problem));
    };
    let mut objects = Vec::new();
    for (index, line) in lines {
        let line = line.map_err(unreadable)?;
        let read: Line<'_> =
            serde_json::from_str(&line).map_err(|error| broken(index + 1, error.to_string()))?;
        if read.object["metadata"]["name"]
            .as_str()
            .is_none_or(str::is_empty)
        {
            return Err(broken(
                index + 1,
                "the object has no metadata.name".to_owned(),
            ));
        }
        objects.push((read.resource.into(), read.object));
    }
    Ok(Saved {
        version: header.version.saturating_add(GAP),
        objects,
    })
}

impl Server {
    fn save(&self, path: &Path) -> io::Result<()> {
        let (version, objects) = self.store.all();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // Made for its owner alone.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        write(&mut BufWriter::new(&mut file), version, &objects)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

fn write(to: &mut impl Write, version: u64, objects: &[Stored]) -> io::Result<()> {
    let format = FORMAT;
    serde_json::to_writer(&mut *to, &Header { format, version })?;
    to.write_all(b"\n")?;
    for (resource, entry) in objects {
        write!(to, "{{\"resource\":\"{resource}\",\"object\":")?;
        to.write_all(entry.text())?;
        to.write_all(b"}\n")?;
    }
    to.flush()
}
