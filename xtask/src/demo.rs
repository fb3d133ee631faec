//! `cargo xtask demo`: the Galera operator's life before a newcomer's eyes, on a real API server.
//!
//! Everything runs in a temporary folder, on loopback, and is gone at the end.

use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use kudo_simcluster::control_plane::{ControlPlane, ControlPlaneError, ControlPlaneOptions};
use kudo_simcluster::kubelet::{KubeletError, PodOptions, simulate_pods};
use kudo_simcluster::supervised::Supervised;

use crate::process::{self, ProcessError};
use crate::workspace::{Binaries, release_binaries, root};
use crate::{control_plane, output};

/// How the demonstration runs.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Time until a simulated pod is ready
    #[arg(long, default_value = "700ms", value_parser = crate::duration)]
    delay: Duration,
}

/// Why the demonstration ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error(transparent)]
    Build(#[from] control_plane::BuildError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    #[error(transparent)]
    Kubelet(#[from] KubeletError),
    #[error("cannot start kudo-manager: {0}")]
    Manager(std::io::Error),
    #[error("kudo-manager ended with {status}:\n{log_tail}")]
    ManagerEnded {
        status: ExitStatus,
        log_tail: String,
    },
    #[error("`{command}` ended with {status}; the manager's last lines:\n{manager_log}")]
    Step {
        command: String,
        status: ExitStatus,
        manager_log: String,
    },
    #[error("interrupted")]
    Interrupted,
}

/// The operator's life, a command each.
const LIFE: &[&[&str]] = &[
    &["init", "--crd-only"],
    &[
        "install",
        "operators/galera",
        "--instance",
        "galera-instance",
        "--wait",
    ],
    &["plan", "status", "--instance", "galera-instance"],
    &[
        "update",
        "--instance",
        "galera-instance",
        "-p",
        "NODE_COUNT=5",
        "--wait",
    ],
    &["get", "instances"],
    &["uninstall", "--instance", "galera-instance", "--wait"],
];

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, DemoError> {
    control_plane::ensure_built()?;
    output::progress("building kubectl-kudo and kudo-manager");
    let binaries = release_binaries()?;
    let start = Instant::now();
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let version = kudo_simcluster::control_plane::VERSION;
    let seconds = start.elapsed().as_secs_f64();
    output::progress(&format!(
        "a Kubernetes {version} control plane is up after {seconds:.1} s; its pods are simulated"
    ));
    let client = control_plane.client().await?;
    let pods = PodOptions {
        delay: arguments.delay,
        ..Default::default()
    };
    tokio::select! {
        ended = simulate_pods(client, pods) => { ended?; }
        shown = show(&binaries, &control_plane) => shown?,
        _ = tokio::signal::ctrl_c() => return Err(DemoError::Interrupted),
    }
    drop(control_plane);
    let seconds = start.elapsed().as_secs_f64();
    output::progress(&format!(
        "\ndone in {seconds:.0} s; nothing is left running"
    ));
    Ok(ExitCode::SUCCESS)
}

async fn show(binaries: &Binaries, control_plane: &ControlPlane) -> Result<(), DemoError> {
    let kubeconfig = control_plane.kubeconfig();
    let mut manager = start_manager(&binaries.kudo_manager, kubeconfig, control_plane.folder())?;
    for (index, arguments) in LIFE.iter().enumerate() {
        output::command(&format!("kubectl-kudo {}", arguments.join(" ")));
        let mut command = Command::new(&binaries.kubectl_kudo);
        command
            .args(*arguments)
            .current_dir(root())
            .stdin(Stdio::null());
        command
            .env("KUBECONFIG", kubeconfig)
            .env("KUDO_HOME", control_plane.folder().join("home"));
        let step = move || run_step(&mut command);
        // The simulated kubelet goes on in this task meanwhile.
        let status = tokio::task::spawn_blocking(step)
            .await
            .map_err(|_| DemoError::Interrupted)??;
        if let Some(ended) = manager.ended() {
            let (status, log_tail) = (ended.status, ended.log_tail);
            return Err(DemoError::ManagerEnded { status, log_tail });
        }
        if !status.success() {
            let command = LIFE[index].join(" ");
            let manager_log = manager.log_tail();
            return Err(DemoError::Step {
                command,
                status,
                manager_log,
            });
        }
    }
    Ok(())
}

fn start_manager(
    program: &Path,
    kubeconfig: &Path,
    folder: &Path,
) -> Result<Supervised, DemoError> {
    let arguments = [
        format!("--kubeconfig={}", kubeconfig.display()),
        // Nobody asks, and the ports may be taken.
        "--metrics-address=0".to_owned(),
        "--probe-address=0".to_owned(),
    ];
    Supervised::start("kudo-manager", program, arguments, folder).map_err(DemoError::Manager)
}

fn run_step(command: &mut Command) -> Result<ExitStatus, ProcessError> {
    let status = command.status();
    status.map_err(|source| ProcessError::Start {
        program: process::shown(command),
        source,
    })
}
