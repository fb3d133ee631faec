//! The pod of a Pipe task: what its template may say, and what KUDO adds to it.
//!
//! The one init container writes files into the one `emptyDir` volume. When it is done, the waiter that
//! KUDO adds keeps the pod, and with it the volume, until the files are copied out.

use kudo_package::{PipeFile, PipeSource};
use serde_json::{Map, Value, json};

use crate::objects::ObjectError;

/// Name of the container that KUDO adds.
pub const WAITER: &str = "waiter";
/// Image of that container, unless the manager is told another. It needs `sh`, `sleep` and `tar`.
pub const WAITER_IMAGE: &str = "busybox";
/// Annotation on the pod of a Pipe task.
const POD_ANNOTATION: &str = "kudo.dev/pipepod";
/// A key of a `ConfigMap` or `Secret` is at most this long.
const MAX_KEY: usize = 253;

/// What is wrong with the pod of a Pipe task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PipePodProblem {
    /// The text is not YAML.
    #[error("{0}")]
    Unreadable(ObjectError),
    /// There is something else than one pod in it.
    #[error("must render to exactly one Pod")]
    NotOnePod,
    /// It has containers of its own.
    #[error(
        "the pod must have no containers, only an init container that writes the files: KUDO adds the \
         container that keeps the pod until they are copied"
    )]
    Containers,
    /// It has no init container, or several.
    #[error("the pod must have exactly one init container, which writes the files, and has {0}")]
    InitContainers(usize),
    /// It would not be started again after a failure, or for ever.
    #[error("the pod's restartPolicy must be OnFailure, or left out, and is {0:?}")]
    RestartPolicy(String),
    /// It has no volume to write to, or several.
    #[error("the pod must have exactly one emptyDir volume, for the files, and has {0}")]
    Volumes(usize),
    /// The init container cannot write to the volume.
    #[error("the init container must mount the emptyDir volume {volume:?}, for the files")]
    NotMounted {
        /// Name of the volume.
        volume: String,
    },
    /// A file lies somewhere else.
    #[error("file {file:?} must lie under {mount:?}, where the emptyDir volume is mounted")]
    Outside {
        /// Path of the file.
        file: String,
        /// Where the volume is mounted.
        mount: String,
    },
    /// A file's name cannot be a key of a `ConfigMap` or `Secret`.
    #[error(
        "the name of file {file:?} becomes a key of an object: it must consist of letters, digits, '-', \
         '_' and '.', and not begin with two dots"
    )]
    FileName {
        /// Path of the file.
        file: String,
    },
}

/// Checks a pod against what a Pipe task needs to copy these files out of it.
pub fn check(pod: &Value, files: &[PipeFile]) -> Result<(), PipePodProblem> {
    if !list(pod, "/spec/containers").is_empty() {
        return Err(PipePodProblem::Containers);
    }
    let writers = list(pod, "/spec/initContainers");
    if writers.len() != 1 {
        return Err(PipePodProblem::InitContainers(writers.len()));
    }
    let policy = text(pod, "/spec/restartPolicy");
    if !matches!(policy, "" | "OnFailure") {
        return Err(PipePodProblem::RestartPolicy(policy.to_owned()));
    }
    let volume = volume_of(pod)?;
    let Some(mount) = mount_of(pod, volume) else {
        let volume = volume.to_owned();
        return Err(PipePodProblem::NotMounted { volume });
    };
    let mount = text(mount, "/mountPath");
    for file in files.iter().map(|file| path_of(&file.source)) {
        if !lies_under(file, mount) {
            return Err(PipePodProblem::Outside {
                file: file.to_owned(),
                mount: mount.to_owned(),
            });
        }
        if !is_key(base_name(file)) {
            let file = file.to_owned();
            return Err(PipePodProblem::FileName { file });
        }
    }
    Ok(())
}

/// The pod as it runs: with the waiter, which has the volume at the same place, and KUDO's annotation.
///
/// A pod that does not pass [`check`] comes back without a waiter's volume; the server will refuse it.
pub fn complete(pod: &Value, waiter_image: &str) -> Value {
    let mut pod = pod.clone();
    let mounts: Vec<Value> = volume_of(&pod)
        .ok()
        .and_then(|volume| mount_of(&pod, volume))
        .map(|mount| {
            let kept = ["name", "mountPath", "subPath"];
            let kept = kept.into_iter().filter_map(|field| {
                let value = mount.get(field)?;
                Some((field.to_owned(), value.clone()))
            });
            Value::Object(kept.collect())
        })
        .into_iter()
        .collect();
    let waiter = json!({
        "name": WAITER,
        "image": waiter_image,
        "command": ["/bin/sh", "-c"],
        // The first process of a container ends at a signal only if it says so.
        "args": ["trap 'exit 0' TERM; sleep infinity & wait"],
        "volumeMounts": mounts,
    });
    let spec = [
        ("restartPolicy", json!("OnFailure")),
        ("containers", json!([waiter])),
    ];
    set(&mut pod, "spec", spec);
    set(&mut pod, "metadata", []);
    let marked = [(POD_ANNOTATION, json!("true"))];
    set(&mut pod["metadata"], "annotations", marked);
    pod
}

/// Path of the file in the pod.
pub fn path_of(source: &PipeSource) -> &str {
    match source {
        PipeSource::File(path) | PipeSource::EnvFile(path) => path,
    }
}

/// The last part of a path: the key under which a file is kept.
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a text can be a key of a `ConfigMap` or `Secret`.
pub fn is_key(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty()
        && name.len() <= MAX_KEY
        && name != "."
        && !name.starts_with("..")
        && name.bytes().all(allowed)
}

/// Whether an absolute path lies under another, whatever `.` and `..` are in it.
fn lies_under(file: &str, mount: &str) -> bool {
    let (Some(file), Some(mount)) = (parts(file), parts(mount)) else {
        return false;
    };
    file.len() > mount.len() && file.starts_with(&mount)
}

/// The parts of an absolute path without `.` and `..`; `None` if it is relative or leads out of the root.
fn parts(path: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    for part in path.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts)
}

fn volume_of(pod: &Value) -> Result<&str, PipePodProblem> {
    let volumes: Vec<&Value> = list(pod, "/spec/volumes")
        .iter()
        .filter(|volume| volume.get("emptyDir").is_some_and(|value| !value.is_null()))
        .collect();
    match volumes.as_slice() {
        [volume] => Ok(text(volume, "/name")),
        others => Err(PipePodProblem::Volumes(others.len())),
    }
}

fn mount_of<'a>(pod: &'a Value, volume: &str) -> Option<&'a Value> {
    let mounts = list(pod, "/spec/initContainers/0/volumeMounts");
    mounts.iter().find(|mount| text(mount, "/name") == volume)
}

/// Sets entries of the map under a key, which is made if there is none.
fn set(object: &mut Value, key: &str, entries: impl IntoIterator<Item = (&'static str, Value)>) {
    let Value::Object(object) = object else {
        return;
    };
    let map = object.entry(key).or_insert(Value::Null);
    if !map.is_object() {
        *map = Value::Object(Map::new());
    }
    if let Value::Object(map) = map {
        map.extend(
            entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value)),
        );
    }
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
