//! `diagnostics collect`: all that helps to find out what is wrong with an instance, as one bundle.

mod bundle;
mod collect;
mod redact;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use kudo_kube::error::message;
use serde_json::json;

use super::version::VERSION;
use crate::arguments::{Global, duration};
use crate::cluster::Session;
use crate::error::{Error, count};
use crate::output::Output;
use bundle::Bundle;
use collect::Collector;
use redact::Redactor;

/// Collect what helps to find out what is wrong
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  # Everything about an instance as one file that can be sent to somebody
  kubectl kudo diagnostics collect --instance galera-instance -O galera.tar.gz")]
pub(crate) enum DiagnosticsCommand {
    Collect(CollectArgs),
}

/// Collect an instance, its children, their pods and logs, events, and the manager
///
/// Values of Secrets are never part of it: they are taken out of every object and log, as are the
/// parameters that Secrets are made from. What cannot be read is noted in a file that ends in .err.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Into the folder diag
  kubectl kudo diagnostics collect --instance galera-instance

  # Into an archive, with the logs of the last hour
  kubectl kudo diagnostics collect --instance galera-instance -O galera.tar.gz --log-since 1h")]
pub(crate) struct CollectArgs {
    /// The instance
    #[arg(long, value_name = "NAME")]
    instance: String,

    /// Where it goes: a folder, or a file that ends in .tar.gz or .tgz
    #[arg(
        short = 'O',
        long = "output-directory",
        value_name = "PATH",
        default_value = "diag"
    )]
    target: PathBuf,

    /// Only logs newer than this, as in 5m; 0 means all
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, default_value = "0")]
    log_since: Duration,

    /// Replace what is there
    #[arg(long)]
    overwrite: bool,
}

pub(crate) async fn run(
    command: &DiagnosticsCommand,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    let DiagnosticsCommand::Collect(arguments) = command;
    output.format("diagnostics collect", &[])?;
    let target = &arguments.target;
    if target.symlink_metadata().is_ok() && !arguments.overwrite {
        return Err(Error::TargetExists {
            path: target.clone(),
            flag: "--overwrite",
        });
    }
    let session = Session::open(global).await?;
    let instance = session.instance(&arguments.instance).await?;
    let written = |source| Error::WriteFile {
        path: target.clone(),
        source,
    };
    let since = arguments.log_since.as_secs();
    let mut collector = Collector {
        client: &session.client,
        output,
        bundle: Bundle::create(target).map_err(written)?,
        redactor: Redactor::default(),
        log_since: i64::try_from(since).ok().filter(|seconds| *seconds > 0),
        missing: 0,
    };
    about_this(&mut collector, &session, global).await?;
    collector.instance(&session.namespace, instance).await?;
    collector.manager().await?;
    let missing = collector.missing;
    collector.bundle.finish().map_err(written)?;
    if missing > 0 {
        output.warn(&format!(
            "{} could not be collected; each is noted in a file that ends in .err",
            count(missing, "thing")
        ));
    }
    output.result(&format!("diagnostics written to {}", target.display()))
}

/// `version.yaml` and `settings.yaml`: what this program is and was told.
async fn about_this(
    collector: &mut Collector<'_>,
    session: &Session,
    global: &Global,
) -> Result<(), Error> {
    let server = session.client.apiserver_version().await;
    let server = match server {
        Ok(version) => version.git_version,
        Err(error) => message(&error),
    };
    let version = json!({
        "gitVersion": VERSION,
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        "kubernetes": server,
    });
    collector.add("version.yaml", &version)?;
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let settings = json!({
        "home": path(&global.home),
        "kubeconfig": path(&global.kubeconfig),
        "context": global.context,
        "namespace": session.namespace,
        "requestTimeout": global.request_timeout.as_secs(),
        "validate": global.validate_install,
    });
    collector.add("settings.yaml", &settings)
}
