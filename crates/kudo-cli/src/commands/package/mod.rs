//! `package verify|render|list`: what can be said of a package with no cluster.

mod list;
mod rbac;
mod render;
mod verify;

use clap::Subcommand;

use crate::arguments::Global;
use crate::error::Error;
use crate::output::Output;

/// Verify, render and inspect packages, with no cluster
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  # What is wrong with a package
  kubectl kudo package verify ./operators/galera

  # What it would apply
  kubectl kudo package render ./operators/galera

  # What it can be told
  kubectl kudo package list parameters ./operators/galera")]
pub(crate) enum PackageCommand {
    Verify(verify::VerifyArgs),
    Render(render::RenderArgs),
    Rbac(rbac::RbacArgs),
    #[command(subcommand)]
    List(list::ListCommand),
}

pub(crate) fn run(command: &PackageCommand, global: &Global, output: &Output) -> Result<(), Error> {
    match command {
        PackageCommand::Verify(arguments) => verify::run(arguments, global, output),
        PackageCommand::Render(arguments) => render::run(arguments, global, output),
        PackageCommand::Rbac(arguments) => rbac::run(arguments, global, output),
        PackageCommand::List(command) => list::run(command, global, output),
    }
}
