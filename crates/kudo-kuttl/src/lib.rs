//! A runner for [kuttl](https://kuttl.dev) test suites.
//!
//! A suite is a folder of tests, a test a folder of numbered steps. The way of a test: its files'
//! `names` are read, their documents `load`ed into [`Case`]s (pure but for reading files), its steps
//! run one after another by `run`: delete, commands, apply, then wait until the asserts hold. What
//! is awaited is watched, so a step ends when the cluster is as asserted and not at the next look.
//! Results become a [`report`].
//!
//! What decides is pure: [`matching`], [`names`], [`expand`], [`words`], [`diff`], [`report`].

mod command;
mod decode;
pub mod definitions;
pub mod diff;
pub mod expand;
mod load;
pub mod matching;
pub mod names;
mod objects;
pub mod report;
mod run;
mod settings;
mod watched;
mod webhooks;
pub mod words;

pub use load::{Case, Document, LoadOptions, Step, load_cases, load_suite};
pub use run::{Observer, RunError, RunOptions, run};
pub use settings::Settings;

use std::path::PathBuf;

use kudo_package::yaml::Mark;

/// What a file is that a step lists.
const NAMED_BY_STEP: &str = "what the step names";

/// A suite that cannot be read. Nothing has been run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// A file says something that makes no sense.
    #[error("{}{}: {message}", file.display(), place(*mark))]
    Invalid {
        /// The file.
        file: PathBuf,
        /// Where in it; `None` means the whole file.
        mark: Option<Mark>,
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {what} {}: {message}", path.display())]
    Read {
        /// What it is, such as `the test folder`.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        message: String,
        /// Whether it is not there at all.
        missing: bool,
    },
    /// No test has the name that was asked for.
    #[error("no test matches {filter:?}")]
    NoMatch {
        /// What was asked for.
        filter: String,
        /// The tests there are.
        tests: Vec<String>,
    },
    /// The folders hold no test.
    #[error("there is no test in {}", dirs.join(", "))]
    NoTests {
        /// The folders.
        dirs: Vec<String>,
    },
}

impl SuiteError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Invalid { hint, .. } => hint.as_deref(),
            Self::Read {
                what: NAMED_BY_STEP,
                missing: true,
                ..
            } => Some("paths of a step count from its test's folder on"),
            Self::Read { missing: true, .. } => {
                Some("paths of a suite's configuration count from the working directory on")
            }
            _ => None,
        }
    }

    pub(crate) fn invalid(
        file: impl Into<PathBuf>,
        mark: impl Into<Option<Mark>>,
        message: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            file: file.into(),
            mark: mark.into(),
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn with_hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Invalid { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    pub(crate) fn read(
        what: &'static str,
        path: impl Into<PathBuf>,
        error: &std::io::Error,
    ) -> Self {
        Self::Read {
            what,
            path: path.into(),
            message: match error.kind() {
                std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
                std::io::ErrorKind::NotADirectory => "it is not a folder".to_owned(),
                _ => error.to_string(),
            },
            missing: error.kind() == std::io::ErrorKind::NotFound,
        }
    }
}

fn place(mark: Option<Mark>) -> String {
    mark.map(|mark| format!(":{}:{}", mark.line, mark.column))
        .unwrap_or_default()
}
