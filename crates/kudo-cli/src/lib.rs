//! The KUDO command line: commands, output and progress.

mod exit;
mod tree;

use std::ffi::OsString;
use std::process::ExitCode;

pub use exit::ExitStatus;

/// Runs the command line with the given arguments, the program's name first.
pub fn run<I>(arguments: I) -> ExitCode
where
    I: IntoIterator<Item = OsString>,
{
    let _ = arguments;
    ExitStatus::Failed.into()
}
