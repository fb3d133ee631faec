//! `search`: the operators of a repository by a part of their name.

use clap::Args;
use serde_json::{Value, json};

use crate::arguments::{Format, Global};
use crate::error::Error;
use crate::listing::table;
use crate::output::{Output, Structured};
use crate::source;

/// Search a repository for operators
#[derive(Debug, Args)]
#[command(after_help = "\
Given an operator named foo-demo, a search for `foo` or `demo` finds it.

Examples:
  # The newest version of every operator with `kafka` in its name
  kubectl kudo search kafka

  # All versions, in another repository
  kubectl kudo search kafka --all-versions --repo local

  # Everything
  kubectl kudo search \"\"")]
pub(crate) struct SearchArgs {
    /// Part of the name
    #[arg(value_name = "TEXT")]
    text: String,

    /// Repository to search; without it, that of the context
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,

    /// Show all versions, not only the newest
    #[arg(short, long)]
    all_versions: bool,
}

pub(crate) fn run(arguments: &SearchArgs, global: &Global, output: &Output) -> Result<(), Error> {
    let format = output.format("search", &[Format::Yaml, Format::Json, Format::Name])?;
    let resolver = source::resolver(arguments.repo.as_deref(), global)?;
    let (_, index) = resolver.index()?;
    let mut found = index.search(&arguments.text);
    if !arguments.all_versions {
        for (_, versions) in &mut found {
            versions.truncate(1);
        }
    }
    if format == Some(Format::Name) {
        let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
        return output.data(&names.join("\n"));
    }
    let entries = found
        .iter()
        .flat_map(|(name, versions)| versions.iter().enumerate().map(move |each| (name, each)));
    if let Some(structured) = Structured::from_format(format) {
        let all = entries.map(|(name, (_, entry))| {
            json!({
                "name": name,
                "operatorVersion": entry.operator_version,
                "appVersion": entry.app_version,
                "description": entry.description,
            })
        });
        return output.value(structured, &all.collect::<Value>());
    }
    // A name stands before the first of its versions only.
    let rows = entries.map(|(name, (index, entry))| {
        vec![
            if index == 0 {
                (*name).to_owned()
            } else {
                String::new()
            },
            entry.operator_version.clone(),
            entry.app_version.clone().unwrap_or_default(),
        ]
    });
    match table(&["Name", "Operator Version", "App Version"], rows) {
        Some(table) => output.data(&table),
        None => output.data("no operators found"),
    }
}
