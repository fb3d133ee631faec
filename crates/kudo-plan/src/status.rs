//! The states a plan, a phase and a step can be in, with the words upstream records them by.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The state of a plan, a phase or a step.
///
/// The words are those of `Instance.status.planStatus`, so recorded text of any KUDO version parses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// No execution has been asked for yet.
    NeverRun,
    /// An execution has been asked for; this part of it has not started.
    Pending,
    /// Started and not done.
    InProgress,
    /// Done and healthy. Terminal.
    Complete,
    /// A transient failure; it is being retried.
    Error,
    /// A failure that retrying cannot mend. Terminal.
    FatalError,
}

impl Status {
    /// All states, in the order of an ordinary life.
    pub const ALL: [Self; 6] = [
        Self::NeverRun,
        Self::Pending,
        Self::InProgress,
        Self::Complete,
        Self::Error,
        Self::FatalError,
    ];

    /// The recorded word, such as `IN_PROGRESS`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverRun => "NEVER_RUN",
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Complete => "COMPLETE",
            Self::Error => "ERROR",
            Self::FatalError => "FATAL_ERROR",
        }
    }

    /// Whether nothing will change any more: complete or fatally failed.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Complete | Self::FatalError)
    }

    /// Whether an execution is under way: pending, in progress, or failing and retried.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress | Self::Error)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A recorded word that is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown status {0:?}")]
pub struct UnknownStatus(pub String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}
