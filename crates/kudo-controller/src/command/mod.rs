//! The program `kudo-manager`: from its command line to its exit code.

mod arguments;
mod service;

use std::io::Write as _;
use std::num::NonZero;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use kube::Client;
use kudo_kube::{ConnectError, ConnectOptions, Connected, Meter, connect, error};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::election::TimingError;
use crate::logging::{self, LogLevelError};
use crate::server::ListenError;
use crate::webhook::server::WebhookError;
use arguments::Arguments;
use service::Service;

/// How long the API server may take to answer at the start.
const REACH: Duration = Duration::from_secs(15);
/// Pause between two attempts at that.
const REACH_PAUSE: Duration = Duration::from_secs(1);

/// Threads that tasks run on, at most.
const MAX_THREADS: usize = 4;

/// How the manager ended, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Asked to end.
    Done,
    /// An address could not be listened at, or the runtime not be started.
    Failed,
    /// The command line, or the kubeconfig it names, makes no sense.
    Usage,
    /// The cluster cannot be reached, or does not let the manager in.
    Cluster,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Cluster => 7,
        })
    }
}

/// Why the manager could not work.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("--log-level: {0}")]
    Log(#[from] LogLevelError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{0}")]
    Unreachable(String),
    #[error("--leader-elect: {0}")]
    Timing(#[from] TimingError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

impl StartError {
    const fn exit(&self) -> Exit {
        match self {
            Self::Log(_) | Self::Connect(_) | Self::Timing(_) => Exit::Usage,
            Self::Unreachable(_) => Exit::Cluster,
            Self::Listen(_) | Self::Webhook(_) | Self::Signals(_) => Exit::Failed,
        }
    }
}

/// The program: reads the command line, works until a signal, and says how it ended.
pub fn manager_main() -> ExitCode {
    let arguments = Arguments::parse();
    // The work is waiting; more threads than this only hold more memory.
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(MAX_THREADS))
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return report(&StartError::Signals(error)),
    };
    let outcome = runtime.block_on(run(arguments));
    // The manager has seen to an orderly end; what is left may break off.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => Exit::Done.into(),
        Err(error) => report(&error),
    }
}

/// Tells standard error, as the log may not be there yet.
fn report(error: &StartError) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {error}");
    error.exit().into()
}

async fn run(arguments: Arguments) -> Result<(), StartError> {
    logging::start(arguments.log_format, &arguments.log_level)?;
    arguments.election.timing()?;
    if arguments.sync_period.is_some() {
        tracing::info!(
            "KUDO_SYNCPERIOD has no effect: changes are followed by watches, without a period"
        );
    }
    let meter = Meter::new();
    let options = ConnectOptions {
        kubeconfig: arguments.kubeconfig.clone(),
        context: arguments.context.clone(),
        request_timeout: Some(Duration::from_mins(1)),
        user_agent: Some(format!("kudo-manager/{}", env!("CARGO_PKG_VERSION"))),
        ..ConnectOptions::default()
    };
    let Connected { client, .. } = connect(options, meter.clone()).await?;
    let shutdown = CancellationToken::new();
    end_on_signal(shutdown.clone())?;
    match shutdown.run_until_cancelled(reach(&client)).await {
        None => return Ok(()),
        Some(reached) => reached?,
    }
    let service = Service::new(arguments, client, meter)?;
    Box::pin(service.run(shutdown)).await
}

/// Makes sure that there is a server and that it knows us. Later it may come and go.
async fn reach(client: &Client) -> Result<(), StartError> {
    let attempts = async {
        let mut last = None;
        loop {
            match client.apiserver_version().await {
                Ok(version) => return Ok(version),
                Err(error) if error::cause(&error) == error::Cause::Unauthorized => {
                    return Err(error);
                }
                Err(error) => {
                    let text = error::message(&error);
                    if last.as_ref() != Some(&text) {
                        tracing::warn!(
                            error = text,
                            "the API server does not answer, trying again"
                        );
                    }
                    last = Some(text);
                }
            }
            tokio::time::sleep(REACH_PAUSE).await;
        }
    };
    match tokio::time::timeout(REACH, attempts).await {
        Ok(Ok(version)) => {
            tracing::info!(version = version.git_version, "connected to the API server");
            Ok(())
        }
        Ok(Err(error)) => Err(StartError::Unreachable(error::message(&error))),
        Err(_) => Err(StartError::Unreachable(format!(
            "the API server did not answer within {} s (hint: is the kubeconfig's server right?)",
            REACH.as_secs()
        ))),
    }
}

fn end_on_signal(shutdown: CancellationToken) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "asked to end");
        shutdown.cancel();
    });
    Ok(())
}
