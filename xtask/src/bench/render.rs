//! The template engines alone, on the packages of this workspace and those beside it.

use serde_json::Value;

use super::BenchError;
use crate::process;
use crate::workspace::{cargo, root};

/// What was measured.
#[derive(Debug)]
pub(super) struct Render {
    pub(super) packages: u64,
    pub(super) templates: u64,
    pub(super) per_second: f64,
    pub(super) uncached_per_second: f64,
}

/// Runs kudo-template's own measurement as a process, as this program does not know the engines.
pub(super) fn measure() -> Result<Render, BenchError> {
    let mut command = cargo(["run", "--release", "--quiet", "--package", "kudo-template"]);
    command.args(["--example", "render_rate", "--"]);
    let folders = ["operators", "../shared/corpus/operators"].map(|folder| root().join(folder));
    command.args(folders.iter().filter(|folder| folder.is_dir()));
    let text = process::output(&mut command)?;
    let figures: Value = serde_json::from_str(&text).unwrap_or_default();
    let unreadable = || BenchError::Unreadable("the figures of kudo-template's render_rate");
    let whole = |name: &str| figures[name].as_u64().ok_or_else(unreadable);
    let rate = |name: &str| figures[name].as_f64().ok_or_else(unreadable);
    Ok(Render {
        packages: whole("packages")?,
        templates: whole("templates")?,
        per_second: rate("renders_per_second")?,
        uncached_per_second: rate("uncached_renders_per_second")?,
    })
}
