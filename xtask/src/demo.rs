//! `cargo xtask demo`: the Galera operator's life before a newcomer's eyes, on the embedded cluster or on a
//! real API server.
//!
//! Everything runs in a temporary folder, on loopback, and is gone at the end.

use std::path::{Path, PathBuf};
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

    /// Use a real API server, which is built first if need be
    #[arg(long)]
    real: bool,
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
    #[error("cannot start {program}: {source}")]
    Start {
        program: &'static str,
        source: std::io::Error,
    },
    #[error("{program} ended with {status}:\n{log_tail}")]
    Ended {
        program: &'static str,
        status: ExitStatus,
        log_tail: String,
    },
    #[error("`{command}` ended with {status}; the last lines of {program}:\n{log_tail}")]
    Step {
        command: String,
        status: ExitStatus,
        program: &'static str,
        log_tail: String,
    },
    #[error("interrupted")]
    Interrupted,
}

/// The operator's life, a command each.
const LIFE: &[&[&str]] = &[
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

/// How often it is looked whether the embedded cluster serves.
const GLANCE: Duration = Duration::from_millis(20);

/// A cluster, and the program that runs plans in it.
struct Stage<'a> {
    binaries: &'a Binaries,
    folder: &'a Path,
    kubeconfig: PathBuf,
    program: &'static str,
    running: Supervised,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, DemoError> {
    if arguments.real {
        control_plane::ensure_built()?;
    }
    output::progress("building kubectl-kudo and kudo-manager");
    let binaries = release_binaries()?;
    let start = Instant::now();
    tokio::select! {
        shown = async {
            if arguments.real {
                on_real(&binaries, arguments.delay, start).await
            } else {
                on_embedded(&binaries, arguments.delay, start).await
            }
        } => shown?,
        _ = tokio::signal::ctrl_c() => return Err(DemoError::Interrupted),
    }
    let seconds = start.elapsed().as_secs_f64();
    output::progress(&format!(
        "\ndone in {seconds:.0} s; nothing is left running"
    ));
    Ok(ExitCode::SUCCESS)
}

async fn on_embedded(
    binaries: &Binaries,
    delay: Duration,
    start: Instant,
) -> Result<(), DemoError> {
    let program = "kubectl-kudo dev";
    let failed = |source| DemoError::Start { program, source };
    let folder = tempfile::tempdir().map_err(failed)?;
    let home = folder.path().join("home");
    let arguments = [
        "dev".to_owned(),
        format!("--home={}", home.display()),
        format!("--pod-delay={}ms", delay.as_millis()),
    ];
    let kudo = &binaries.kubectl_kudo;
    let running = Supervised::start("dev", kudo, arguments, folder.path()).map_err(failed)?;
    let mut stage = Stage {
        binaries,
        folder: folder.path(),
        kubeconfig: home.join("dev/kubeconfig"),
        program,
        running,
    };
    while !stage.kubeconfig.exists() {
        stage.check()?;
        tokio::time::sleep(GLANCE).await;
    }
    let seconds = start.elapsed().as_secs_f64();
    output::progress(&format!(
        "the embedded cluster is up after {seconds:.1} s, with the manager in it; its pods are simulated"
    ));
    stage.show(LIFE).await
}

async fn on_real(binaries: &Binaries, delay: Duration, start: Instant) -> Result<(), DemoError> {
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let version = kudo_simcluster::control_plane::VERSION;
    let seconds = start.elapsed().as_secs_f64();
    output::progress(&format!(
        "a Kubernetes {version} control plane is up after {seconds:.1} s; its pods are simulated"
    ));
    let client = control_plane.client().await?;
    let pods = PodOptions {
        delay,
        ..Default::default()
    };
    let kubeconfig = control_plane.kubeconfig();
    let mut stage = Stage {
        binaries,
        folder: control_plane.folder(),
        kubeconfig: kubeconfig.to_owned(),
        program: "kudo-manager",
        running: start_manager(&binaries.kudo_manager, kubeconfig, control_plane.folder())?,
    };
    let shown = async {
        stage.show(&[&["init", "--crd-only"]]).await?;
        stage.show(LIFE).await
    };
    tokio::select! {
        ended = simulate_pods(client, pods) => Ok(ended?),
        shown = shown => shown,
    }
}

impl Stage<'_> {
    /// Runs commands, one after the other.
    async fn show(&mut self, life: &[&[&str]]) -> Result<(), DemoError> {
        for arguments in life {
            let shown = arguments.join(" ");
            output::command(&format!("kubectl-kudo {shown}"));
            let mut command = Command::new(&self.binaries.kubectl_kudo);
            command
                .args(*arguments)
                .current_dir(root())
                .stdin(Stdio::null())
                .env("KUBECONFIG", &self.kubeconfig)
                .env("KUDO_HOME", self.folder.join("home"));
            let step = move || run_step(&mut command);
            // A simulated kubelet goes on in this task meanwhile.
            let status = tokio::task::spawn_blocking(step)
                .await
                .map_err(|_| DemoError::Interrupted)??;
            self.check()?;
            if !status.success() {
                return Err(DemoError::Step {
                    command: shown,
                    status,
                    program: self.program,
                    log_tail: self.running.log_tail(),
                });
            }
        }
        Ok(())
    }

    /// Fails if the program that runs plans has ended.
    fn check(&mut self) -> Result<(), DemoError> {
        match self.running.ended() {
            None => Ok(()),
            Some(ended) => Err(DemoError::Ended {
                program: self.program,
                status: ended.status,
                log_tail: ended.log_tail,
            }),
        }
    }
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
    Supervised::start("kudo-manager", program, arguments, folder).map_err(|source| {
        DemoError::Start {
            program: "kudo-manager",
            source,
        }
    })
}

fn run_step(command: &mut Command) -> Result<ExitStatus, ProcessError> {
    let status = command.status();
    status.map_err(|source| ProcessError::Start {
        program: process::shown(command),
        source,
    })
}
