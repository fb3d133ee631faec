//! The commands. Each has its arguments and its `run`; those that need no cluster are not async.

pub(crate) mod children;
pub(crate) mod completion;
pub(crate) mod dev;
pub(crate) mod diagnostics;
pub(crate) mod get;
pub(crate) mod in_cluster;
pub(crate) mod init;
pub(crate) mod install;
pub(crate) mod operator_version;
pub(crate) mod package;
pub(crate) mod plan;
pub(crate) mod repo;
pub(crate) mod rules;
pub(crate) mod search;
pub(crate) mod test;
pub(crate) mod uninstall;
pub(crate) mod update;
pub(crate) mod upgrade;
pub(crate) mod version;

use std::future::Future;

use crate::arguments::{Cli, Command, Global};
use crate::error::Error;
use crate::output::Output;
use crate::{Manager, simulate};

/// Runs the command.
pub(crate) fn run(mut cli: Cli, output: &Output, manager: Manager) -> Result<(), Error> {
    if let Some((simulate, wait)) = cli.command.simulation() {
        return simulate::run((&simulate, wait), cli, output, manager);
    }
    let global = &cli.global;
    match &cli.command {
        Command::Init(arguments) => init::run(arguments, global, output),
        Command::Install(_)
        | Command::Update(_)
        | Command::Upgrade(_)
        | Command::Uninstall(_)
        | Command::Plan(_) => block_on(change(&cli.command, global, output)),
        Command::Get(arguments) => block_on(get::run(arguments, global, output)),
        Command::Package(command) => package::run(command, global, output),
        Command::Repo(command) => repo::run(command, global, output),
        Command::Search(arguments) => search::run(arguments, global, output),
        Command::Diagnostics(command) => block_on(diagnostics::run(command, global, output)),
        Command::Test(arguments) => block_on(test::run(arguments, global, output, manager)),
        Command::Dev(arguments) => dev::run(arguments, global, output, manager),
        Command::Version(arguments) => version::run(arguments, output),
        Command::Completion(arguments) => completion::run(arguments, output),
    }
}

/// Runs a command about an instance, within a runtime; does nothing for all others.
pub(crate) async fn change(
    command: &Command,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    match command {
        Command::Install(arguments) => install::run(arguments, global, output).await,
        Command::Update(arguments) => update::run(arguments, global, output).await,
        Command::Upgrade(arguments) => upgrade::run(arguments, global, output).await,
        Command::Uninstall(arguments) => uninstall::run(arguments, global, output).await,
        Command::Plan(command) => plan::run(command, global, output).await,
        _ => Ok(()),
    }
}

/// Runs what needs the network. Commands that do not, never start a runtime.
pub(crate) fn block_on<F>(future: F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?
        .block_on(future)
}
