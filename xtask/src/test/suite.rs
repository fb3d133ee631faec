//! The stages `tests` and `simulated`: unit, documentation, command-line and cluster tests through
//! `cargo test`, and the cluster tests once more on the embedded cluster.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::output;
use crate::process::ProcessError;
use crate::workspace::{build_for_tests, cargo};

/// Asks the kill tests for every kill point instead of a sample.
const ALL_KILL_POINTS: &str = "KUDO_ALL_KILL_POINTS";

/// Tells the command line's tests where the program is, so that they do not build it once more.
const PROGRAM: &str = "KUDO_TEST_PROGRAM";

/// Asks the cluster tests for the embedded cluster.
const CLUSTER: (&str, &str) = ("KUDO_TEST_CLUSTER", "simulated");

/// How many seconds each kind of senseless request is sent to the embedded cluster: a minute for all
/// of them on two cores.
const FUZZ_SECONDS: (&str, &str) = ("KUDO_FUZZ_SECONDS", "20");

/// Why the tests failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TestsError {
    /// Some did not pass, or did not compile.
    #[error("cargo test ended with {status}")]
    Failed { status: std::process::ExitStatus },
    /// cargo could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Runs all tests and ends with their number.
pub(super) fn run(all_kill_points: bool) -> Result<(), TestsError> {
    let mut command = command(&["--workspace", "--no-fail-fast"])?;
    if std::env::var_os(FUZZ_SECONDS.0).is_none() {
        command.env(FUZZ_SECONDS.0, FUZZ_SECONDS.1);
    }
    if all_kill_points {
        command.env(ALL_KILL_POINTS, "1");
    }
    count(command)
}

/// Runs the cluster tests on the embedded cluster. Most of them wait most of the time, so many run at once.
pub(super) fn simulated(all_kill_points: bool) -> Result<(), TestsError> {
    let mut command = command(&[
        "--package=kudo-tests",
        "--test=cluster",
        "--",
        "--test-threads=16",
    ])?;
    command.env(CLUSTER.0, CLUSTER.1);
    if all_kill_points {
        command.env(ALL_KILL_POINTS, "1");
    }
    count(command)
}

fn command(arguments: &[&str]) -> Result<Command, TestsError> {
    let programs = build_for_tests()?;
    let mut command = cargo(["test"].iter().chain(arguments).copied());
    command.env(PROGRAM, programs.join("kubectl-kudo"));
    if output::is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    Ok(command)
}

/// Shows what the tests say, and ends with their number.
fn count(mut command: Command) -> Result<(), TestsError> {
    let not_run = |source| ProcessError::Start {
        program: "cargo test".to_owned(),
        source,
    };
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(not_run)?;
    let mut count = Count::default();
    for line in child
        .stdout
        .take()
        .into_iter()
        .flat_map(|out| BufReader::new(out).lines())
    {
        let line = line.map_err(not_run)?;
        count.add(&line);
        output::line(&line);
    }
    let status = child.wait().map_err(not_run)?;
    output::line(&format!("{} passed, {} failed", count.passed, count.failed));
    if status.success() {
        Ok(())
    } else {
        Err(TestsError::Failed { status })
    }
}

/// The sum over all test binaries.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Count {
    /// Reads `test result: ok. 3 passed; 1 failed; …`; other lines count nothing.
    fn add(&mut self, line: &str) {
        if !line.starts_with("test result: ") {
            return;
        }
        let words: Vec<&str> = line.split([' ', ';']).collect();
        for pair in words.windows(2) {
            let number = pair[0].parse().unwrap_or(0);
            match pair[1] {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed() {
        let mut count = Count::default();
        for line in [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
            "7 passed; 7 failed",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            "test result: \u{1b}[32mok\u{1b}[m. 1 passed; 0 failed; 0 ignored",
        ] {
            count.add(line);
        }
        assert_eq!(
            count,
            Count {
                passed: 16,
                failed: 2
            }
        );
    }
}
