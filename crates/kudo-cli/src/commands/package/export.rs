//! `package export-schema|export-values`: what a package's parameters may be, for editors and
//! validators, and a values file to begin with.

use std::collections::BTreeMap;

use clap::Args;
use kudo_package::parameter::{json_schema, values_file};

use crate::arguments::{Format, Global, VersionChoice};
use crate::error::Error;
use crate::output::{Output, Structured};
use crate::source;

/// Print the JSON Schema (draft 2020-12) of a package's parameters
#[derive(Debug, Args)]
#[command(after_help = "\
The schema describes values files with values of their types; -P also takes a text that reads as
the type. Keywords that begin with x-kudo- tell what JSON Schema has no word for.

Examples:
  # For an editor that checks values files
  kubectl kudo package export-schema ./operators/galera > galera.schema.json

  # As YAML
  kubectl kudo package export-schema ./operators/galera -o yaml")]
pub(crate) struct SchemaArgs {
    /// The package: a directory, a .tgz file, the URL of one, or a name in a repository
    #[arg(value_name = "PACKAGE")]
    package: String,

    #[command(flatten)]
    choice: VersionChoice,
}

/// Print a values file with the defaults of a package's parameters
#[derive(Debug, Args)]
#[command(after_help = "\
Comments tell what each parameter is for. Those that have no default stand there as comments.

Examples:
  # Begin a values file, and install with it
  kubectl kudo package export-values ./operators/galera > values.yaml
  kubectl kudo install ./operators/galera -P values.yaml")]
pub(crate) struct ValuesArgs {
    /// The package: a directory, a .tgz file, the URL of one, or a name in a repository
    #[arg(value_name = "PACKAGE")]
    package: String,

    #[command(flatten)]
    choice: VersionChoice,
}

pub(super) fn schema(
    arguments: &SchemaArgs,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    let format = output.format("package export-schema", &[Format::Yaml, Format::Json])?;
    let package = source::load_local(&arguments.package, &arguments.choice, global)?.package;
    let structured = Structured::from_format(format).unwrap_or(Structured::Json);
    output.value(structured, &json_schema(&package))
}

pub(super) fn values(
    arguments: &ValuesArgs,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    output.format("package export-values", &[Format::Yaml])?;
    let package = source::load_local(&arguments.package, &arguments.choice, global)?.package;
    let none = BTreeMap::new();
    let file = values_file(&package.definition.parameters, &none, true);
    output.data(&file)
}
