//! Annotations that are YAML, and the commands that one of them answers.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{EXEC_ANNOTATION, Output};
use crate::kubelet::fits;

/// One command, and what it answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    command: String,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
    #[serde(default)]
    exit: u8,
}

/// Reads an annotation; an empty one is the type's empty value.
pub(super) fn read<T: DeserializeOwned + Default>(name: &str, text: &str) -> Result<T, String> {
    if text.trim().is_empty() {
        return Ok(T::default());
    }
    serde_saphyr::from_str(text).map_err(|error| format!("annotation {name}: {error}"))
}

/// What the first line that fits says.
pub(super) fn answer(script: &str, command: &[String]) -> Result<Option<Output>, String> {
    let lines: Vec<Line> = read(EXEC_ANNOTATION, script)?;
    let command = command.join(" ");
    let found = lines.into_iter().find(|line| fits(&line.command, &command));
    Ok(found.map(|line| Output {
        stdout: line.stdout.into_bytes(),
        stderr: line.stderr.into_bytes(),
        exit: line.exit,
    }))
}
