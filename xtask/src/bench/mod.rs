//! `cargo xtask bench`: how fast and how lean the release binaries are.
//!
//! The binaries run as processes against a real control plane on this machine. What they are
//! compared with, a bare client that makes the same requests, runs on the same server just before.
//! Requests are counted by the manager itself and read from its `/metrics`.

mod bare;
mod children;
mod cluster;
mod document;
mod embedded;
mod idle;
mod install;
mod latency;
mod manager;
mod packages;
mod parameters;
mod programs;
mod render;
mod report;

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use kudo_simcluster::control_plane::ControlPlaneError;

use crate::process::ProcessError;
use crate::workspace::{cargo, release_binaries, target_folder};
use crate::{control_plane, output};
use cluster::Cluster;
use report::{Measured, Report};

/// What to measure, and how much of it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
    /// Write the table into docs/benchmarks.md
    #[arg(long)]
    write: bool,
    /// Number of instances to install
    #[arg(long, default_value_t = 1000)]
    instances: usize,
    /// How long to watch the idle manager
    #[arg(long, default_value = "30s", value_parser = crate::duration)]
    idle: Duration,
    /// How often to run the plan of 20 steps
    #[arg(long, default_value_t = 10)]
    rounds: usize,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error(transparent)]
    Build(#[from] control_plane::BuildError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    #[error("{what}: {source}")]
    Api {
        what: &'static str,
        source: Box<kube::Error>,
    },
    #[error("{what}: {source}")]
    Io {
        what: &'static str,
        source: std::io::Error,
    },
    #[error("kudo-manager ended with {status}:\n{log_tail}")]
    ManagerEnded {
        status: std::process::ExitStatus,
        log_tail: String,
    },
    #[error("not within {} s: {what}; the manager's last lines:\n{log_tail}", within.as_secs())]
    TimedOut {
        what: String,
        within: Duration,
        log_tail: String,
    },
    #[error("cannot read {0}")]
    Unreadable(&'static str),
}

impl BenchError {
    fn api(what: &'static str) -> impl Fn(kube::Error) -> Self {
        move |source| Self::Api {
            what,
            source: Box::new(source),
        }
    }

    fn io(what: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), BenchError> {
    if cfg!(debug_assertions) {
        return run_optimized();
    }
    control_plane::ensure_built()?;
    let binaries = release_binaries()?;
    output::progress("packages: rendering");
    let render = render::measure()?;
    output::progress("parameters: validating");
    let parameters = parameters::measure()?;
    output::progress("binaries: starting");
    let programs = programs::measure(&binaries)?;

    output::progress("embedded cluster: creating");
    let embedded = embedded::measure().await?;

    output::progress("cluster: starting");
    let cluster = Cluster::start(&binaries.kudo_manager).await?;
    output::progress(&format!("install: {} instances", arguments.instances));
    let install = install::measure(&cluster, arguments.instances).await?;
    output::progress(&format!("idle: {} s", arguments.idle.as_secs()));
    let (cluster, idle) = idle::measure(cluster, arguments.instances, arguments.idle).await?;
    output::progress(&format!("latency: {} rounds", arguments.rounds));
    let latency = latency::measure(&cluster, arguments.rounds).await?;
    output::progress("children: a parent of many");
    let children = children::measure(&cluster).await?;
    drop(cluster);

    let measured = Measured {
        install,
        idle,
        latency,
        children,
        embedded,
        render,
        parameters,
        programs,
    };
    let report = Report::new(measured)?;
    if arguments.write {
        document::write(&report)?;
    }
    output::line(&if arguments.json {
        report.json()
    } else {
        report.table()
    });
    Ok(())
}

/// Runs this command again as a release build: a bare client that is not optimized would make the
/// manager look good.
fn run_optimized() -> Result<(), BenchError> {
    let packages = [
        "build",
        "--release",
        "--package",
        "xtask",
        "--package",
        "kudo",
    ];
    crate::process::run(&mut cargo(packages))?;
    let program = target_folder()?.join("release/xtask");
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(BenchError::Io {
        what: "cannot run the release build of xtask",
        source: error,
    })
}
