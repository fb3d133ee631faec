//! `--simulate`: a command on an embedded cluster that lives as long as the command.
//!
//! The pipeline: an `embedded` cluster starts → `manifests` are read (pure) and put into it → the
//! manager works until nothing moves → the command itself runs, as on any cluster, but always waits →
//! `summary` tells how things are, and the `journal` of the manager's writes what each step changed.
//! Time is virtual unless asked otherwise: tokio's clock skips to the next timer whenever all wait.

mod credentials;
mod embedded;
mod journal;
mod manifests;
mod patterns;
mod summary;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kudo_simcluster::kubelet::PodPattern;

use crate::Manager;
use crate::arguments::{Cli, WaitArgs, duration};
use crate::commands;
use crate::error::Error;
use crate::output::Output;
pub(crate) use credentials::Credentials;
pub(crate) use embedded::{Embedded, Pods};
use patterns::Unmatched;

/// Whether to simulate, and how the simulated cluster is.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Simulation")]
pub(crate) struct SimulateArgs {
    /// Use no cluster but an embedded one that lives as long as the command; wait for the plan, and
    /// show what exists then
    #[arg(long)]
    pub(crate) simulate: bool,

    /// What the embedded cluster holds before: a file of manifests, such as the output of
    /// `kubectl get -o yaml`, or `-` for standard input, or a package, which is installed first; may
    /// be given several times
    #[arg(long, value_name = "FILE", requires = "simulate")]
    pub(crate) simulate_from: Vec<PathBuf>,

    /// Show what each step changed
    #[arg(long, requires = "simulate")]
    pub(crate) diff: bool,

    /// How long a pod takes to become ready, or to end if it is a Job's
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, requires = "simulate", default_value = "0")]
    pub(crate) pod_delay: Duration,

    /// Pods that fail: a name or `namespace/name`, with `*` and `?`; may be given several times
    #[arg(long, value_name = "PATTERN", requires = "simulate")]
    pub(crate) fail_pod: Vec<PodPattern>,

    /// Pods that never become ready; may be given several times
    #[arg(long, value_name = "PATTERN", requires = "simulate")]
    pub(crate) never_ready: Vec<PodPattern>,

    /// Let time pass as it does, instead of skipping what nobody needs to wait for
    #[arg(long, requires = "simulate")]
    pub(crate) real_time: bool,
}

impl SimulateArgs {
    fn pods(&self) -> Pods {
        Pods {
            delay: self.pod_delay,
            fail: self.fail_pod.clone(),
            never_ready: self.never_ready.clone(),
        }
    }
}

/// Runs a command that changes an instance on an embedded cluster.
pub(crate) fn run(
    (simulate, wait): (&SimulateArgs, WaitArgs),
    mut cli: Cli,
    output: &Output,
    manager: Manager,
) -> Result<(), Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(!simulate.real_time)
        .build()
        .map_err(Error::Runtime)?
        .block_on(simulated((simulate, wait), &mut cli, output, manager))
        .map_err(|error| match error {
            Error::Interrupted { follow, .. } => Error::Interrupted {
                going_on: "nothing is left of the simulation".to_owned(),
                follow,
            },
            error => error,
        })
        .map_err(|error| Error::Simulated(Box::new(error)))
}

async fn simulated(
    (simulate, wait): (&SimulateArgs, WaitArgs),
    cli: &mut Cli,
    output: &Output,
    manager: Manager,
) -> Result<(), Error> {
    let loads = manifests::read(&simulate.simulate_from)?;
    let namespace = cli.global.namespace.clone();
    let namespace = namespace.unwrap_or_else(|| "default".to_owned());
    let embedded = Embedded::start(&namespace, simulate.real_time).await?;
    if !cli.command.creates_namespace() {
        embedded.make_namespace(&namespace).await?;
    }
    embedded.load(&loads.objects).await?;
    let works = manager(embedded.journal.keep(embedded.client()));
    let unmatched = Unmatched::watch(simulate, embedded.client());
    embedded.work(simulate.pods(), None, works);
    cli.global.simulated = Some(embedded.session.clone());
    for package in &loads.packages {
        let instance = cli.command.changed_instance();
        let quiet = Output::silent();
        commands::install::run_package(package, instance, wait, &cli.global, &quiet).await?;
    }
    if !simulate.simulate_from.is_empty() {
        embedded.settle().await?;
    }
    let before = if simulate.diff {
        Some(summary::objects(&embedded).await?)
    } else {
        None
    };
    embedded.journal.begin();

    let outcome = commands::change(&cli.command, &cli.global, output).await;
    match &outcome {
        Ok(()) => embedded.settle().await?,
        Err(Error::PlanFailed { .. } | Error::TimedOut { .. }) => {}
        Err(_) => return outcome,
    }
    unmatched.tell(output).await;
    summary::print(&embedded, before, output).await?;
    outcome
}
