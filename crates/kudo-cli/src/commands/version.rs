//! `version`: what this program is. Needs no cluster, as upstream's.

use clap::Args;
use serde_json::json;

use crate::arguments::Format;
use crate::error::Error;
use crate::output::{Output, Structured};

/// This program's version, as releases are tagged.
pub(crate) const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// Print the version of KUDO's command line
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Print the version
  kubectl kudo version

  # For scripts
  kubectl kudo version -o json")]
pub(crate) struct VersionArgs {}

pub(crate) fn run(_: &VersionArgs, output: &Output) -> Result<(), Error> {
    let format = output.format("version", &[Format::Yaml, Format::Json])?;
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    // Set by whoever builds a release; other builds do not claim to know.
    let commit = option_env!("KUDO_GIT_COMMIT").filter(|commit| !commit.is_empty());
    let Some(structured) = Structured::from_format(format) else {
        let commit = commit.map(|commit| format!(", commit {commit}"));
        let commit = commit.unwrap_or_default();
        return output.data(&format!("KUDO Version: {VERSION} ({platform}{commit})"));
    };
    let mut version = json!({ "gitVersion": VERSION, "platform": platform });
    if let Some(commit) = commit {
        version["gitCommit"] = commit.into();
    }
    output.value(structured, &json!({ "clientVersion": version }))
}
