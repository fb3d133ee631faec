//! `cargo xtask test`: every check there is, each as a timed stage.
//!
//! A stage that fails does not stop the ones after it, so that one run tells everything. What the
//! stages need is installed or built first; nothing is skipped but the reference files and the test bed
//! beside the workspace, and that is said aloud.

mod book;
mod clients;
mod pods;
mod reference;
mod suite;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::process::{self, ProcessError};
use crate::workspace::{cargo, root};
use crate::{codegen, control_plane, layers, output};

/// What to check.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Kill the manager at each of its writes, not at a sample of them
    #[arg(long)]
    all_kill_points: bool,
    /// Run only the stages named, such as `fmt,clippy`
    #[arg(long, value_delimiter = ',', value_name = "STAGES", value_parser = known_stage)]
    only: Vec<&'static str>,
}

/// Why the checks could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TestError {
    /// A component of the toolchain is missing and cannot be installed.
    #[error("cargo {0} is missing and rustup cannot add it")]
    Component(&'static str),
    /// There are no programs to test against.
    #[error(transparent)]
    Build(#[from] control_plane::BuildError),
    /// A client to test with cannot be had.
    #[error(transparent)]
    Clients(#[from] clients::ClientsError),
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

type StageResult = Result<(), Box<dyn Error>>;

struct Stage {
    name: &'static str,
    run: fn(&Arguments) -> StageResult,
}

/// In an order that tells of small mistakes early.
const STAGES: &[Stage] = &[
    Stage {
        name: "fmt",
        run: |_| plain(&["fmt", "--all", "--check", "--", "--files-with-diff"]),
    },
    Stage {
        name: "layers",
        run: |_| check_layers(),
    },
    Stage {
        name: "codegen",
        run: |_| check_codegen(),
    },
    Stage {
        name: "clippy",
        run: |_| clippy(),
    },
    Stage {
        name: "tests",
        run: |arguments| Ok(suite::run(arguments.all_kill_points)?),
    },
    Stage {
        name: "simulated",
        run: |arguments| Ok(suite::simulated(arguments.all_kill_points)?),
    },
    Stage {
        name: "pods",
        run: |_| Ok(pods::run()?),
    },
    Stage {
        name: "reference",
        run: |_| Ok(reference::run()?),
    },
    Stage {
        name: "rustdoc",
        run: |_| rustdoc(),
    },
    Stage {
        name: "book",
        run: |_| Ok(book::build()?),
    },
];

fn known_stage(name: &str) -> Result<&'static str, String> {
    let names = || STAGES.iter().map(|stage| stage.name);
    names()
        .find(|known| *known == name)
        .ok_or_else(|| format!("the stages are {}", names().collect::<Vec<_>>().join(", ")))
}

/// Runs the stages; the code is a failure if any stage failed.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, TestError> {
    let begun = Instant::now();
    let wanted = |stage: &&Stage| arguments.only.is_empty() || arguments.only.contains(&stage.name);
    let stages: Vec<&Stage> = STAGES.iter().filter(wanted).collect();
    ensure_component("fmt", "rustfmt")?;
    ensure_component("clippy", "clippy")?;
    if stages.iter().any(|stage| stage.name == "tests") {
        control_plane::ensure_built()?;
        clients::prepare()?;
    }
    let prepared = begun.elapsed();
    let mut verdicts = Vec::new();
    for stage in stages {
        output::title(stage.name);
        let start = Instant::now();
        let result = (stage.run)(arguments);
        if let Err(error) = &result {
            output::error(error.as_ref());
        }
        verdicts.push((stage.name, result.is_ok(), start.elapsed()));
    }
    Ok(summary(prepared, &verdicts, begun.elapsed()))
}

fn summary(prepared: Duration, verdicts: &[(&str, bool, Duration)], all: Duration) -> ExitCode {
    output::title("summary");
    output::verdict(true, "preparation", prepared);
    for (name, good, took) in verdicts {
        output::verdict(*good, name, *took);
    }
    let failed = verdicts.iter().filter(|(_, good, _)| !good).count();
    output::verdict(failed == 0, "all", all);
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn check_layers() -> StageResult {
    output::line(&layers::run(&root())?);
    Ok(())
}

fn check_codegen() -> StageResult {
    output::line(&codegen::run(&root(), true)?);
    Ok(())
}

fn plain(arguments: &[&'static str]) -> StageResult {
    Ok(process::run(&mut cargo(arguments.iter().copied()))?)
}

fn clippy() -> StageResult {
    plain(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ])
}

fn rustdoc() -> StageResult {
    let mut command = cargo(["doc", "--workspace", "--no-deps", "--quiet"]);
    Ok(process::run(
        command.env("RUSTDOCFLAGS", "--deny warnings"),
    )?)
}

fn ensure_component(subcommand: &'static str, component: &str) -> Result<(), TestError> {
    if process::succeeds(&mut cargo([subcommand, "--version"])) {
        return Ok(());
    }
    let mut rustup = std::process::Command::new("rustup");
    process::run(
        rustup
            .args(["component", "add", component])
            .current_dir(root()),
    )
    .map_err(|_| TestError::Component(subcommand))
}
