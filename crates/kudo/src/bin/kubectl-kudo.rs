//! `kubectl-kudo`: the command line, found by kubectl as the plugin `kubectl kudo`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kudo_cli::run(std::env::args_os())
}
