//! `cargo xtask control-plane`: a real control plane on this machine, built once and started often.

mod build;
mod running;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use kudo_simcluster::control_plane::{ControlPlaneError, client_for};
use kudo_simcluster::kubelet::{KubeletError, PodOptions, PodPattern, simulate_pods};

use crate::output;
pub(crate) use build::{BuildError, ensure_built};
pub(crate) use running::RunningError;

/// What to do with the control plane.
#[derive(Subcommand)]
pub(crate) enum ControlPlaneCommand {
    /// Build the programs into this machine's cache, unless they are there
    Build {
        /// Build even where the programs are found
        #[arg(long)]
        force: bool,
    },
    /// Start a control plane and leave it running; prints its kubeconfig
    Up(Start),
    /// End a control plane and remove all it wrote
    Down(Name),
    /// Print the shell commands that point kubectl at a running control plane
    Env(Name),
    /// List the control planes that run
    List,
    /// Be the running control plane
    #[command(hide = true)]
    Serve(Start),
}

/// Which of several control planes side by side.
#[derive(Args)]
pub(crate) struct Name {
    /// Name of the control plane; several run side by side
    #[arg(long, default_value = "default", value_parser = running::parse_name)]
    name: String,
}

/// How to start one.
#[derive(Args)]
pub(crate) struct Start {
    #[command(flatten)]
    name: Name,
    /// Let a simulated kubelet make pods ready
    #[arg(long)]
    simulate_pods: bool,
    #[command(flatten)]
    pods: PodArguments,
}

/// `cargo xtask simulate-pods`.
#[derive(Args)]
pub(crate) struct SimulateArguments {
    /// Kubeconfig of the cluster
    #[arg(long, value_parser = crate::absolute)]
    kubeconfig: PathBuf,
    #[command(flatten)]
    pods: PodArguments,
}

#[derive(Args)]
struct PodArguments {
    /// Time from a pod's start until it is ready, or until a Job's pod has succeeded
    #[arg(long, default_value = "0s", value_parser = crate::duration)]
    delay: Duration,
    /// Time from a pod's deletion until it is gone
    #[arg(long, default_value = "0s", value_parser = crate::duration)]
    termination_delay: Duration,
    /// Pods that fail: a name, or namespace/name, with * and ?
    #[arg(long = "fail-pod", value_name = "PATTERN")]
    fail: Vec<PodPattern>,
    /// Pods that never become ready: a name, or namespace/name, with * and ?
    #[arg(long, value_name = "PATTERN")]
    never_ready: Vec<PodPattern>,
    /// The number of simulated nodes
    #[arg(long, default_value_t = 1)]
    nodes: usize,
}

impl From<&PodArguments> for PodOptions {
    fn from(arguments: &PodArguments) -> Self {
        Self {
            delay: arguments.delay,
            termination_delay: arguments.termination_delay,
            fail: arguments.fail.clone(),
            never_ready: arguments.never_ready.clone(),
            nodes: arguments.nodes,
            ..Self::default()
        }
    }
}

/// Why pods are not simulated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimulateError {
    #[error(transparent)]
    Client(#[from] ControlPlaneError),
    #[error(transparent)]
    Kubelet(#[from] KubeletError),
    #[error("cannot wait for an interrupt: {0}")]
    Signal(std::io::Error),
}

/// Why a control-plane command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlPlaneCommandError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Running(#[from] RunningError),
}

pub(crate) async fn run(command: ControlPlaneCommand) -> Result<(), ControlPlaneCommandError> {
    match command {
        ControlPlaneCommand::Build { force } => build::build(force)?,
        ControlPlaneCommand::Up(start) => running::up(&start)?,
        ControlPlaneCommand::Down(name) => running::down(&name.name)?,
        ControlPlaneCommand::Env(name) => running::print_environment(&name.name)?,
        ControlPlaneCommand::List => running::list()?,
        ControlPlaneCommand::Serve(start) => running::serve(&start).await?,
    }
    Ok(())
}

/// Simulates pods of any cluster until interrupted.
pub(crate) async fn simulate(arguments: &SimulateArguments) -> Result<(), SimulateError> {
    let client = client_for(&arguments.kubeconfig).await?;
    output::progress("pods are simulated until you press Ctrl-C");
    tokio::select! {
        ended = simulate_pods(client, PodOptions::from(&arguments.pods)) => Ok(ended?),
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(SimulateError::Signal),
    }
}
