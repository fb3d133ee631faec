//! `package create`: the archive of a package directory.

use std::path::{Path, PathBuf};

use clap::Args;
use kudo_package::Package;
use kudo_repository::replace_file;
use serde_json::json;

use crate::arguments::Format;
use crate::error::Error;
use crate::output::{Output, Structured};

/// Make the archive of a package
#[derive(Debug, Args)]
#[command(after_help = "\
The archive is NAME-[APP_VERSION_]OPERATOR_VERSION.tgz. It holds every file of the directory, so
also packages that the package depends on. The same files give the same archive, byte for byte.

Examples:
  # Make galera-0.1.0.tgz in the current directory
  kubectl kudo package create ./operators/galera

  # Make it elsewhere, and replace one that is there
  kubectl kudo package create ./operators/galera --destination packages --overwrite")]
pub(crate) struct CreateArgs {
    /// Directory of the package
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Directory to write the archive to
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    destination: PathBuf,

    /// Replace an archive that is there already
    #[arg(short = 'w', long)]
    overwrite: bool,
}

pub(super) fn run(arguments: &CreateArgs, output: &Output) -> Result<(), Error> {
    let format = output.format("package create", &[Format::Yaml, Format::Json])?;
    let path = &arguments.directory;
    if path.is_file() {
        return Err(Error::NotADirectory { path: path.clone() });
    }
    let mut archive = Vec::new();
    let package = Package::pack(path, &mut archive).map_err(|source| Error::Package {
        path: path.clone(),
        source,
    })?;
    refuse_errors(path, &package)?;
    let folder = match std::fs::canonicalize(&arguments.destination) {
        Ok(folder) if folder.is_dir() => folder,
        _ => {
            return Err(Error::NotADirectory {
                path: arguments.destination.clone(),
            });
        }
    };
    let target = folder.join(package.archive_name());
    if target.exists() && !arguments.overwrite {
        return Err(Error::TargetExists {
            path: target,
            flag: "--overwrite",
        });
    }
    replace_file(&target, &archive).map_err(|source| Error::File {
        doing: "write",
        path: target.clone(),
        source,
    })?;
    match Structured::from_format(format) {
        Some(structured) => output.value(structured, &json!({ "package": target })),
        None => output.result(&format!("Package created: {}", target.display())),
    }
}

/// Refuses a package that breaks rules, as upstream does.
fn refuse_errors(path: &Path, package: &Package) -> Result<(), Error> {
    let mut errors = kudo_template::verify::verify_package(package);
    errors.retain(kudo_package::Diagnostic::is_error);
    if errors.is_empty() {
        return Ok(());
    }
    Err(Error::PackageInvalid {
        path: path.to_owned(),
        errors: errors.len(),
        diagnostics: errors,
    })
}
