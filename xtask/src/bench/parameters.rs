//! How long the values of many parameters take to be validated.

use std::time::Duration;

use serde_json::Value;

use super::BenchError;
use crate::process;
use crate::workspace::cargo;

/// Values that are validated at once.
pub(super) const VALUES: u64 = 10_000;

/// What was measured.
#[derive(Debug)]
pub(super) struct Parameters {
    /// Time for values that are right.
    pub(super) good: Duration,
    /// Time for values that are all wrong.
    pub(super) bad: Duration,
}

/// Runs kudo-package's own measurement as a process, as this program does not know packages.
pub(super) fn measure() -> Result<Parameters, BenchError> {
    let mut command = cargo(["run", "--release", "--quiet", "--package", "kudo-package"]);
    command.args(["--example", "validation_time", "--", &VALUES.to_string()]);
    let text = process::output(&mut command)?;
    let figures: Value = serde_json::from_str(&text).unwrap_or_default();
    let unreadable = || BenchError::Unreadable("the figures of kudo-package's validation_time");
    let honest = figures["accepted"] == true && figures["refused"] == VALUES;
    let time = |name: &str| {
        let milliseconds = figures[name].as_f64().filter(|_| honest)?;
        Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
    };
    Ok(Parameters {
        good: time("good_ms").ok_or_else(unreadable)?,
        bad: time("bad_ms").ok_or_else(unreadable)?,
    })
}
