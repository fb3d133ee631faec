//! `package`: making packages, and what can be said of them with no cluster.

mod add;
mod create;
mod export;
mod list;
mod new;
mod rbac;
mod render;
mod verify;

use clap::Subcommand;

use crate::arguments::Global;
use crate::error::Error;
use crate::output::Output;

/// Make, verify, render and inspect packages, with no cluster
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  # Make a package and its archive
  kubectl kudo package new foo
  kubectl kudo package create ./operator

  # What is wrong with a package
  kubectl kudo package verify ./operators/galera

  # What it would apply
  kubectl kudo package render ./operators/galera

  # What it can be told
  kubectl kudo package list parameters ./operators/galera")]
pub(crate) enum PackageCommand {
    New(new::NewArgs),
    #[command(subcommand)]
    Add(add::AddCommand),
    Verify(verify::VerifyArgs),
    Create(create::CreateArgs),
    Render(render::RenderArgs),
    Rbac(rbac::RbacArgs),
    #[command(subcommand)]
    List(list::ListCommand),
    ExportSchema(export::SchemaArgs),
    ExportValues(export::ValuesArgs),
}

pub(crate) fn run(command: &PackageCommand, global: &Global, output: &Output) -> Result<(), Error> {
    match command {
        PackageCommand::New(arguments) => new::run(arguments, output),
        PackageCommand::Add(command) => add::run(command, output),
        PackageCommand::Create(arguments) => create::run(arguments, output),
        PackageCommand::Verify(arguments) => verify::run(arguments, global, output),
        PackageCommand::Render(arguments) => render::run(arguments, global, output),
        PackageCommand::Rbac(arguments) => rbac::run(arguments, global, output),
        PackageCommand::ExportSchema(arguments) => export::schema(arguments, global, output),
        PackageCommand::ExportValues(arguments) => export::values(arguments, global, output),
        PackageCommand::List(command) => list::run(command, global, output),
    }
}
