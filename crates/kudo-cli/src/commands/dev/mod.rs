//! `dev`: an embedded cluster with the manager in this process, for kubectl and any other client.
//!
//! All of it lies in `$KUDO_HOME/dev` ([`folder`]): the kubeconfig, the lock that whoever runs the
//! cluster holds, its process id, and the log of one that was detached. The objects are kept only
//! if they shall be ([`state`]).

mod detached;
mod folder;
mod state;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use kudo_simcluster::kubelet::PodPattern;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::arguments::{Global, duration};
use crate::error::Error;
use crate::output::Output;
use crate::simulate::{Credentials, Embedded, Pods};
use crate::{Manager, home};
use folder::Folder;
use state::StateFile;

/// Run a cluster in this process, with the manager in it: nothing else is needed to try KUDO
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
The cluster is a Kubernetes API server in memory, with workload controllers and simulated pods. It
listens on loopback only; its kubeconfig, with a certificate and a token of its own, is
`dev/kubeconfig` in KUDO's directory. It runs until Ctrl-C; what it holds is kept only with --state.

Examples:
  # Run a cluster until Ctrl-C
  kubectl kudo dev

  # Run it in the background, use it, and end it
  kubectl kudo dev --detach
  export KUBECONFIG=~/.kudo/dev/kubeconfig
  kubectl kudo install ./operators/galera --wait
  kubectl get pods
  kubectl kudo dev stop

  # Go on another day with all that was made
  kubectl kudo dev --detach --state ~/cluster.state

  # May a service account do what its pods need?
  kubectl kudo dev --detach --rbac
  kubectl auth can-i create jobs --as system:serviceaccount:default:app

  # Pods that take their time, and one that fails
  kubectl kudo dev --pod-delay 2s --fail-pod galera-instance-1"
)]
pub(crate) struct DevArgs {
    #[command(subcommand)]
    command: Option<DevCommand>,

    /// Run it in the background
    #[arg(long)]
    detach: bool,

    /// Port on loopback; without it, any that is free
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true
    )]
    port: u16,

    /// Keep the objects in this file, and begin with those it holds; it is made if it is not there.
    /// All secrets are in it, readable by its owner alone
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    /// Allow service accounts only what roles and bindings give them; without it, everybody may do everything
    #[arg(long)]
    rbac: bool,

    /// How long a pod takes to become ready, or to end if it is a Job's
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, default_value = "0")]
    pod_delay: Duration,

    /// Pods that fail: a name or `namespace/name`, with `*` and `?`; may be given several times
    #[arg(long, value_name = "PATTERN")]
    fail_pod: Vec<PodPattern>,

    /// Pods that never become ready; may be given several times
    #[arg(long, value_name = "PATTERN")]
    never_ready: Vec<PodPattern>,
}

#[derive(Debug, Subcommand)]
enum DevCommand {
    /// End the cluster that runs in the background, or in another terminal
    #[command(after_help = "Examples:\n  # End it\n  kubectl kudo dev stop")]
    Stop,
    /// Tell whether a cluster runs, and where
    #[command(
        after_help = "Examples:\n  # Is there one?\n  kubectl kudo dev status\n\n  # For scripts\n  kubectl kudo dev status -o json"
    )]
    Status,
}

pub(crate) fn run(
    arguments: &DevArgs,
    global: &Global,
    output: &Output,
    manager: Manager,
) -> Result<(), Error> {
    let folder = Folder::in_home(home::find(global)?.path());
    if let Some(DevCommand::Status) = arguments.command {
        return detached::status(&folder, output);
    }
    output.format("dev", &[])?;
    match arguments.command {
        Some(_) => detached::stop(&folder, output),
        None if arguments.detach => detached::start(&folder, output),
        None => foreground(arguments, &folder, output, manager),
    }
}

fn foreground(
    arguments: &DevArgs,
    folder: &Folder,
    output: &Output,
    manager: Manager,
) -> Result<(), Error> {
    // Held until the end; whoever asks whether a cluster runs tries to take it.
    let _lock = folder.take()?;
    let state = arguments.state.as_deref().map(StateFile::take).transpose();
    let outcome = state.and_then(|state| {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?
            .block_on(serve(arguments, folder, state.as_ref(), output, manager))
    });
    folder.clear();
    outcome
}

async fn serve(
    arguments: &DevArgs,
    folder: &Folder,
    state: Option<&StateFile>,
    output: &Output,
    manager: Manager,
) -> Result<(), Error> {
    let mut asked = AskedToEnd::new().map_err(Error::Runtime)?;
    let credentials = Credentials::new()?;
    let options = SimOptions {
        rbac: arguments.rbac,
        ..SimOptions::default()
    };
    let cluster = match state {
        Some(state) => state.start(options)?,
        None => SimCluster::start(options),
    };
    let embedded = Embedded::with(cluster, "default", true).await?;
    if let Some(state) = state {
        embedded.forget_root_certificate().await?;
        // Before anybody is told of a version: after a crash, versions go on from what the file says.
        state.save(&embedded.cluster)?;
    }
    embedded.cluster.add_admin_token(&credentials.token);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let serving = embedded
        .cluster
        .serve(address, &credentials.certificate, &credentials.key)
        .await
        .map_err(|error| Error::Dev(error.to_string()))?;
    let pods = Pods {
        delay: arguments.pod_delay,
        fail: arguments.fail_pod.clone(),
        never_ready: arguments.never_ready.clone(),
    };
    let certificate = Some(credentials.certificate.clone());
    embedded.work(pods, certificate, manager(embedded.client()));
    // JSON is YAML, so every client reads it.
    let kubeconfig = format!("{:#}\n", credentials.kubeconfig(serving.address));
    let kept = state.map(StateFile::path);
    folder.publish(&kubeconfig, kept)?;
    output.result(&welcome(folder, kept))?;
    let Some(state) = state else {
        asked.wait().await;
        return Ok(());
    };
    let path = state.path().to_owned();
    let told = |error| output.warn(&format!("{error}; it is tried again until it works"));
    tokio::select! {
        () = asked.wait() => {}
        () = embedded.cluster.keep_saved(path, told) => {}
    }
    // Nobody is told of a write any more that the file would not have.
    drop(serving);
    state.save(&embedded.cluster)
}

fn welcome(folder: &Folder, state: Option<&Path>) -> String {
    format!(
        "The embedded cluster runs, with the manager in it. Type next, in another terminal:\n\n  \
         export KUBECONFIG={}\n  \
         kubectl kudo install ./operators/galera --wait\n  \
         kubectl get pods\n\n\
         Ctrl-C ends it{}",
        folder.kubeconfig().display(),
        what_is_left(state)
    )
}

/// The end of a sentence about the end of the cluster.
fn what_is_left(state: Option<&Path>) -> String {
    match state {
        Some(path) => format!("; its objects are kept in {}.", path.display()),
        None => ", and all that it holds.".to_owned(),
    }
}

/// Ctrl-C, SIGTERM and the end of the terminal, from when this is made.
struct AskedToEnd {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl AskedToEnd {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
