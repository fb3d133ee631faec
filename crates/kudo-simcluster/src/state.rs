//! A cluster's objects in a file, so that it goes on where it ended.
//!
//! The file is a line about itself and a line for each object, all JSON. It is written beside its place
//! and moved there, so that a crash leaves either the old one or the new one. The first line says how many
//! objects follow, so that a part of a file is not taken for all of it. It holds secrets, and is its
//! owner's alone.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cluster::{Server, SimCluster, SimOptions};
use crate::depth;
use crate::store::Stored;

/// What the first line says the file is.
const FORMAT: &str = "kudo-simcluster-state/1";
/// What a line is made of, around a resource and an object.
const BEFORE_RESOURCE: &[u8] = b"{\"resource\":\"";
const BEFORE_OBJECT: &[u8] = b"\",\"object\":";
const AFTER_OBJECT: &[u8] = b"}";
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
    /// How many lines follow.
    objects: usize,
}

impl SimCluster {
    /// Starts a cluster with the objects of a file; one that is not there yet is an empty one. Resource
    /// versions go on growing from where they were.
    pub fn start_from(options: SimOptions, path: &Path) -> Result<Self, StateError> {
        match File::open(path) {
            Ok(file) => {
                // Its objects may be deep.
                depth::with_room(|| Ok(Self::with(options, Some(read(path, file)?))))
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
    /// is told, once until it works again, and tried again. Whoever ends the cluster saves it once more.
    pub async fn keep_saved(&self, path: PathBuf, told: impl Fn(StateError)) {
        let mut saved = None;
        let mut fails = false;
        loop {
            let version = self.resource_version();
            if saved != Some(version) {
                let (cluster, path) = (self.clone(), path.clone());
                let work = tokio::task::spawn_blocking(move || cluster.save(&path));
                match work.await {
                    Ok(Ok(())) => {
                        saved = Some(version);
                        fails = false;
                    }
                    Ok(Err(error)) => {
                        if !std::mem::replace(&mut fails, true) {
                            told(error);
                        }
                    }
                    // The runtime ends.
                    Err(_) => return,
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
    let unreadable = |source| StateError::Read {
        path: path.to_owned(),
        source,
    };
    let mut lines = BufReader::new(file).split(b'\n');
    let first = lines.next().transpose().map_err(unreadable)?;
    let first = first.unwrap_or_default();
    let header: Option<Header<'_>> = serde_json::from_slice(&first).ok();
    let Some(header) = header.filter(|header| header.format == FORMAT) else {
        let problem =
            format!("this is no state of a cluster: expected {{\"format\":\"{FORMAT}\",…}}");
        return Err(broken(1, problem));
    };
    let mut objects = Vec::new();
    for (index, line) in lines.enumerate() {
        let line = line.map_err(unreadable)?;
        let object = read_object(&line).map_err(|problem| broken(index + 2, problem))?;
        objects.push(object);
    }
    if objects.len() != header.objects {
        let (found, expected) = (objects.len(), header.objects);
        let problem = format!("the file ends here: expected {expected} objects, it has {found}");
        return Err(broken(found + 1, problem));
    }
    Ok(Saved {
        version: header.version.saturating_add(GAP),
        objects,
    })
}

/// Reads a line as [`write`] makes it. The object is read by itself, as it may be nested as deeply as
/// any that a server takes.
fn read_object(line: &[u8]) -> Result<(Arc<str>, Value), String> {
    let parts = line
        .strip_prefix(BEFORE_RESOURCE)
        .and_then(|rest| rest.strip_suffix(AFTER_OBJECT))
        .and_then(|rest| {
            let end = rest.iter().position(|byte| *byte == b'"')?;
            let (resource, rest) = rest.split_at(end);
            Some((
                str::from_utf8(resource).ok()?,
                rest.strip_prefix(BEFORE_OBJECT)?,
            ))
        });
    let Some((resource, text)) = parts else {
        return Err("expected {\"resource\":\"…\",\"object\":{…}}".to_owned());
    };
    let object =
        depth::read_own(text).map_err(|error| format!("the object cannot be read: {error}"))?;
    let name = object["metadata"]["name"].as_str();
    if name.is_none_or(str::is_empty) {
        return Err("the object has no metadata.name".to_owned());
    }
    Ok((resource.into(), object))
}

impl Server {
    fn save(&self, path: &Path) -> io::Result<()> {
        // One after the other, so that what is newer comes later.
        let _turn = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let (version, objects) = self.store.all();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // A crash leaves this one, which the next save removes.
        let unfinished = path.with_added_extension("new");
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Made for its owner alone.
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        write(&mut BufWriter::new(&mut file), version, &objects)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        // The new name is on the disk only when the folder is.
        File::open(folder)?.sync_all()
    }
}

fn write(to: &mut impl Write, version: u64, objects: &[Stored]) -> io::Result<()> {
    let header = Header {
        format: FORMAT,
        version,
        objects: objects.len(),
    };
    serde_json::to_writer(&mut *to, &header)?;
    to.write_all(b"\n")?;
    for (resource, entry) in objects {
        to.write_all(BEFORE_RESOURCE)?;
        to.write_all(resource.as_bytes())?;
        to.write_all(BEFORE_OBJECT)?;
        to.write_all(b"{\"apiVersion\":")?;
        serde_json::to_writer(&mut *to, entry.api_version())?;
        to.write_all(b",")?;
        to.write_all(entry.text().get(1..).unwrap_or_default())?;
        to.write_all(AFTER_OBJECT)?;
        to.write_all(b"\n")?;
    }
    to.flush()
}
