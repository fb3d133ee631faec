//! Where the manager's log goes and what it looks like.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// A line of words, for people.
    Text,
}

/// What to log cannot be told from a text.
#[derive(Debug, thiserror::Error)]
pub enum LogLevelError {
    /// A directive is a bare word that is no level. (It would be taken for the name of a module, and all
    /// others would be silent.)
    #[error(
        "{word:?} is not a level; expected error, warn, info, debug, trace, off, or MODULE=LEVEL"
    )]
    NoLevel {
        /// The word.
        word: String,
    },
    /// A directive has another form than it should.
    #[error(transparent)]
    Directive(#[from] ParseError),
}

/// Writes the log to standard error from now on. `level` is a level, or directives as `RUST_LOG` has them.
/// What cannot be written is lost: a log that nobody reads is no reason to stop.
pub fn start(format: LogFormat, level: &str) -> Result<(), LogLevelError> {
    let filter = filter(level)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // It would tell standard error that standard error cannot be written to, and panic there.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    // A second subscriber in a process (in tests) is no reason to fail.
    let _ = match format {
        LogFormat::Json => log.json().flatten_event(true).try_init(),
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, LogLevelError> {
    let mut directives = level.split(',').map(str::trim);
    let bare = |directive: &str| !directive.contains(['=', '[', ']', '{', '}', ':']);
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    match directives.find(|word| bare(word) && !is_level(word)) {
        Some(word) => Err(LogLevelError::NoLevel {
            word: word.to_owned(),
        }),
        None => Ok(EnvFilter::builder().parse(level)?),
    }
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn levels_and_directives() {
        for (level, expected) in [
            ("info", "info"),
            ("WARN", "warn"),
            ("off", "off"),
            ("info,kube=debug", "kube=debug,info"),
            ("kudo_kube::apply=trace", "kudo_kube::apply=trace"),
        ] {
            assert_eq!(filter(level).unwrap().to_string(), expected, "{level}");
        }
        for level in ["bogus", "", "info,", "info,loud", "kube=loud", "=,="] {
            assert!(filter(level).is_err(), "{level}");
        }
    }
}
