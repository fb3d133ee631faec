//! `uninstall`: an instance away, and with it all that it owns.

use std::collections::BTreeMap;

use clap::Args;

use crate::arguments::{Format, Global, WaitArgs};
use crate::cluster::Session;
use crate::error::Error;
use crate::follow::{Awaited, Change, Follow, follow};
use crate::output::Output;
use crate::simulate::SimulateArgs;

/// Remove an instance and everything that belongs to it, after its plan `cleanup` if it has one
#[derive(Debug, Args)]
#[command(after_help = "\
The operator and its versions stay, for other instances.

Examples:
  # Remove an instance
  kubectl kudo uninstall --instance galera-instance

  # Wait until its cleanup plan is complete and it is gone
  kubectl kudo uninstall --instance galera-instance --wait --wait-time 10m")]
pub(crate) struct UninstallArgs {
    /// Name of the instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: String,

    #[command(flatten)]
    pub(crate) wait: WaitArgs,

    #[command(flatten)]
    pub(crate) simulate: SimulateArgs,
}

pub(crate) async fn run(
    arguments: &UninstallArgs,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    let format = output.format("uninstall", &[Format::Name])?;
    let name = &arguments.instance;
    let session = Session::open(global).await?;
    let instance = session.instance(name).await?;
    let awaited = Awaited::of(&instance, Change::Deletion);
    session.delete_instance(name, &awaited.uid).await?;
    if arguments.wait.wait {
        // Without its operator version an instance can be removed all the same.
        let plans = match session.operator_version_of(&instance).await {
            Ok(version) => version.spec.plans,
            Err(_) => BTreeMap::new(),
        };
        let what = Follow {
            name,
            awaited,
            plans: &plans,
            limit: arguments.wait.limit(),
            keep_tree: true,
        };
        follow(&session, output, what).await?;
    }
    match format {
        Some(_) => output.data(&format!("instance.kudo.dev/{name}")),
        None => output.result(&format!(
            "instance.{}/{name} deleted",
            kudo_api::API_VERSION
        )),
    }
}
