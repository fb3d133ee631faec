//! Developer commands, run as `cargo xtask <command>`.
//!
//! This file is the command line alone; each command is a module that returns an error of its own.

mod bench;
mod codegen;
mod control_plane;
mod debian;
mod demo;
mod kinds;
mod layers;
mod messages;
mod output;
mod process;
mod simulate;
mod test;
mod workspace;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use control_plane::{ControlPlaneCommand, SimulateArguments};

/// Developer commands of KUDO.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the Galera operator's life on the embedded cluster, or on a real API server with simulated pods
    Demo(demo::Arguments),
    /// Run every check there is: formatting, lints, layers, generated files, tests, docs
    Test(test::Arguments),
    /// Measure how fast and how lean the release binaries are
    Bench(bench::Arguments),
    /// Build, start and end a real Kubernetes control plane on this machine
    ControlPlane {
        #[command(subcommand)]
        command: ControlPlaneCommand,
    },
    /// Make the pods of a cluster without nodes ready, until interrupted
    SimulatePods(SimulateArguments),
    /// Run random operators through whole lives in virtual time, with faults and kills, by seeds
    Simulate(simulate::Arguments),
    /// Check that the crates depend on one another in the allowed directions only
    Layers,
    /// Write the embedded cluster's catalogue of built-in kinds from `OpenAPI` documents
    Kinds(kinds::Arguments),
    /// Write the embedded cluster's table of protocol buffers from `generated.proto` files
    Messages(messages::Arguments),
    /// Write the files that are made from the code
    Codegen {
        /// Write nothing; fail where a committed file is stale
        #[arg(long)]
        check: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_warnings();
    match Box::pin(run(arguments.command)).await {
        Ok(code) => code,
        Err(error) => {
            output::error(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// Shows what the simulated kubelet warns of. The client is silent: a server that is starting
/// answers with errors, and those that matter are told by whoever asked.
fn log_warnings() {
    let filter = tracing_subscriber::EnvFilter::new("warn,kube_client=off");
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    log.with_target(false).init();
}

async fn run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Demo(arguments) => return Ok(demo::run(&arguments).await?),
        Command::Test(arguments) => return Ok(test::run(&arguments)?),
        Command::Bench(arguments) => bench::run(&arguments).await?,
        Command::ControlPlane { command } => Box::pin(control_plane::run(command)).await?,
        Command::SimulatePods(arguments) => control_plane::simulate(&arguments).await?,
        Command::Simulate(arguments) => simulate::run(&arguments)?,
        Command::Layers => output::line(&layers::run(&workspace::root())?),
        Command::Kinds(arguments) => output::line(&kinds::run(&workspace::root(), &arguments)?),
        Command::Messages(arguments) => {
            output::line(&messages::run(&workspace::root(), &arguments)?);
        }
        Command::Codegen { check } => output::line(&codegen::run(&workspace::root(), check)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a duration such as `500ms`, `2s` or `1m` from the command line.
fn duration(text: &str) -> Result<Duration, String> {
    kudo_simcluster::kubelet::parse_duration(text)
        .ok_or_else(|| "expected a whole number with the unit ms, s or m".to_owned())
}

/// A path made absolute, as commands change their working folder.
fn absolute(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|error| error.to_string())
}
