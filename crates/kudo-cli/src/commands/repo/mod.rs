//! `repo add|list|remove|context|index`: the repositories that a user knows, and making one.

mod index;

use clap::{Args, Subcommand};
use kudo_package::repository::{Repositories, Repository};
use kudo_repository::Remote;
use serde_json::{Value, json};

use crate::arguments::{Format, Global};
use crate::error::Error;
use crate::listing::table;
use crate::output::{Output, Structured};
use crate::{home, source};

/// Add, list, remove and index repositories of packages
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A repository is a folder on any web server, or on this machine, that holds packages and an
index.yaml of them. The list of repositories is kept in $KUDO_HOME/repository/repositories.yaml.

Examples:
  # Add a repository, and use it where no other is named
  kubectl kudo repo add local http://localhost:8000
  kubectl kudo repo context local

  # Make one
  mkdir packages
  kubectl kudo package create ./operators/galera -d packages
  kubectl kudo repo index packages --url https://example.org/packages")]
pub(crate) enum RepoCommand {
    Add(AddArgs),
    List(ListArgs),
    #[command(alias = "rm")]
    Remove(RemoveArgs),
    Context(ContextArgs),
    Index(index::IndexArgs),
}

/// Add a repository
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Add a repository that a server on this machine serves
  kubectl kudo repo add local http://localhost:8000

  # Add a folder of this machine
  kubectl kudo repo add files file:///srv/packages

  # Add one that is not there yet
  kubectl kudo repo add later https://example.org/packages --skip-check")]
pub(crate) struct AddArgs {
    /// Name of the repository
    #[arg(value_name = "NAME")]
    name: String,

    /// Where it is: an https:, http: or file: URL
    #[arg(value_name = "URL")]
    url: String,

    /// Skip the check that the URL leads to an index
    #[arg(short = 'f', long)]
    skip_check: bool,
}

/// List the repositories; the current one is marked with a star
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # The names and URLs
  kubectl kudo repo list")]
pub(crate) struct ListArgs {}

/// Remove repositories from the list
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Forget a repository
  kubectl kudo repo remove local")]
pub(crate) struct RemoveArgs {
    /// Names of the repositories
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

/// Choose the repository that is used where none is named
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Use the repository `local`
  kubectl kudo repo context local")]
pub(crate) struct ContextArgs {
    /// Name of the repository
    #[arg(value_name = "NAME")]
    name: String,
}

pub(crate) fn run(command: &RepoCommand, global: &Global, output: &Output) -> Result<(), Error> {
    match command {
        RepoCommand::Add(arguments) => add(arguments, global, output),
        RepoCommand::List(ListArgs {}) => list(global, output),
        RepoCommand::Remove(arguments) => remove(arguments, global, output),
        RepoCommand::Context(arguments) => context(arguments, global, output),
        RepoCommand::Index(arguments) => index::run(arguments, global, output),
    }
}

fn add(arguments: &AddArgs, global: &Global, output: &Output) -> Result<(), Error> {
    output.format("repo add", &[])?;
    let home = home::find(global)?;
    let mut repositories = home.load()?;
    let repository = Repository {
        name: arguments.name.clone(),
        url: arguments.url.clone(),
    };
    repositories.add(repository.clone())?;
    let fetcher = source::fetcher(global.request_timeout);
    let remote = Remote::new(&repository, &fetcher)?;
    if !arguments.skip_check {
        remote.index().map_err(|error| Error::NotARepository {
            url: repository.url.clone(),
            source: Box::new(error),
        })?;
    }
    home.save(&repositories)?;
    let name = &arguments.name;
    output.result(&format!("{name:?} has been added to your repositories"))
}

fn list(global: &Global, output: &Output) -> Result<(), Error> {
    let format = output.format("repo list", &[Format::Yaml, Format::Json, Format::Name])?;
    let Repositories {
        context,
        repositories,
    } = home::find(global)?.load()?;
    if format == Some(Format::Name) {
        let names: Vec<&str> = repositories.iter().map(|one| one.name.as_str()).collect();
        return output.data(&names.join("\n"));
    }
    if let Some(structured) = Structured::from_format(format) {
        let all = repositories
            .iter()
            .map(|one| json!({ "name": one.name, "url": one.url, "current": one.name == context }));
        return output.value(structured, &all.collect::<Value>());
    }
    let rows = repositories.iter().map(|one| {
        let star = if one.name == context { "*" } else { "" };
        vec![format!("{star}{}", one.name), one.url.clone()]
    });
    let listed = table(&["NAME", "URL"], rows);
    output.data(listed.as_deref().unwrap_or("no repositories to show"))
}

fn remove(arguments: &RemoveArgs, global: &Global, output: &Output) -> Result<(), Error> {
    output.format("repo remove", &[])?;
    let home = home::find(global)?;
    let mut repositories = home.load()?;
    let current = repositories.context.clone();
    for name in &arguments.names {
        repositories.remove(name)?;
    }
    home.save(&repositories)?;
    for name in &arguments.names {
        output.result(&format!("{name:?} has been removed from your repositories"))?;
    }
    if arguments.names.contains(&current) {
        output.note("It was the current one; choose another with: kubectl kudo repo context NAME");
    }
    Ok(())
}

fn context(arguments: &ContextArgs, global: &Global, output: &Output) -> Result<(), Error> {
    output.format("repo context", &[])?;
    let home = home::find(global)?;
    let mut repositories = home.load()?;
    repositories.set_context(&arguments.name)?;
    home.save(&repositories)?;
    output.result(&format!("{:?} is the current repository", arguments.name))
}
