//! What happens around a command: help, wrong usage, and the log.

use std::io::{self, IsTerminal, Write};

use clap::error::ErrorKind;
use tracing_subscriber::EnvFilter;

use crate::exit::ExitStatus;

/// Prints the help that was asked for, or what is wrong with the arguments.
///
/// The parser's words for errors and tips become those of all other errors.
pub(crate) fn end(error: &clap::Error) -> ExitStatus {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if asked {
        // Whoever closes the pipe has read enough.
        let _ = error.print();
        return ExitStatus::Done;
    }
    let terminal = io::stderr().is_terminal();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let rendered = error.render();
    let text = if terminal && !plain {
        rendered.ansi().to_string()
    } else {
        rendered.to_string()
    };
    let text = text
        .replacen("error:", "Error:", 1)
        .replace("  tip:", "Hint:");
    let _ = io::stderr().write_all(text.as_bytes());
    ExitStatus::Usage
}

/// Starts the log on standard error, if one is asked for with `-v`.
pub(crate) fn log(verbosity: u8) {
    let filter = match verbosity {
        0 => return,
        1..=3 => "kudo=info,kudo_cli=info,kudo_kube=info",
        4..=6 => "kudo=debug,kudo_cli=debug,kudo_kube=debug,kube=info",
        _ => "debug",
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        // It would tell standard error that standard error cannot be written to, and panic there.
        .log_internal_errors(false)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    // Only a program that embeds this one could have set a log already; then that one stays.
    let _ = subscriber.try_init();
}
