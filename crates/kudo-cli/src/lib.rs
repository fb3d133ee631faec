//! The KUDO command line: commands, output and progress.
//!
//! [`run`] is all there is for the binary. Arguments become a command (`arguments`), a command
//! works through the pure crates and a `cluster` session, what it has to say passes one gate
//! (`output`), and what goes wrong becomes a message, hints and an exit code in one place
//! (`report`). Nothing that is not needed is started: a command without a cluster has no client
//! and no runtime.

mod arguments;
mod cluster;
mod commands;
mod definitions;
mod dependencies;
mod error;
mod exit;
mod follow;
mod home;
mod instance_name;
mod kinds;
mod listing;
mod output;
mod parameters;
mod plan_tree;
mod prompt;
mod rbac;
mod refused;
mod report;
mod simulate;
mod source;
mod tree;
mod usage;
mod versions;

use std::ffi::OsString;
use std::process::ExitCode;

use futures::future::BoxFuture;
use kube::Client;
use kudo_api::Instance;
use kudo_package::OperatorDefinition;

pub use exit::ExitStatus;

/// Runs the plans of all instances of a cluster until the future is dropped. The binary gives one, so that
/// `--simulate` and `dev` can run a manager in this process without the command line knowing it.
pub type Manager = fn(Client) -> BoxFuture<'static, ()>;

/// Why a change of an instance is refused; nothing if it is not. Asked with the instance as it is, as it is to be,
/// what the operator version holds that it is to have, and what the one holds that it has, if that is known. The
/// binary gives one: the rules are the manager's.
pub type Rules =
    fn(&Instance, Instance, &OperatorDefinition, Option<&OperatorDefinition>) -> Option<String>;

/// What the binary gives the command line, which does not know the manager.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// A manager.
    pub manager: Manager,
    /// What it refuses.
    pub rules: Rules,
}

/// Runs the command line with the given arguments, the program's name first.
pub fn run<I>(arguments: I, engine: Engine) -> ExitCode
where
    I: IntoIterator<Item = OsString>,
{
    let mut cli = match arguments::parse(arguments.into_iter().collect()) {
        Ok(cli) => cli,
        Err(error) => return usage::end(&error).into(),
    };
    cli.global.rules = Some(engine.rules);
    usage::log(cli.global.verbosity);
    let output = output::Output::new(&cli.global);
    let ended = commands::run(cli, &output, engine.manager);
    let status = match ended.as_ref().map_err(report::report) {
        Ok(()) | Err(None) => ExitStatus::Done,
        Err(Some(report)) => {
            output.error(&report);
            report.exit
        }
    };
    status.into()
}
