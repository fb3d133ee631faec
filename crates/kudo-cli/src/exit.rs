//! The exit codes of the command line: an interface scripts rely on, kept in one place.

use std::process::ExitCode;

/// What the process tells its caller when it ends.
///
/// The numbers are a promise (see `docs/cli.md`); new ones may be added, none is ever reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done; with `--wait`, the plan is `COMPLETE`.
    Done,
    /// Failed for a reason that has no code of its own, such as an invalid package.
    Failed,
    /// The command line is wrong: an unknown flag, a missing argument, an unknown parameter or a
    /// parameter value that the operator does not take.
    Usage,
    /// A plan ended in `FATAL_ERROR`, or the change that should start it was refused.
    PlanFailed,
    /// The plan, or whatever else was waited for, was not finished in time; it goes on.
    TimedOut,
    /// A file, package, instance, operator version or plan does not exist.
    NotFound,
    /// The thing exists already, or somebody else changed it meanwhile.
    Conflict,
    /// The cluster or a repository cannot be reached, or does not accept the credentials.
    Unreachable,
    /// Ended by Ctrl-C; what runs in the cluster goes on.
    Interrupted,
}

impl ExitStatus {
    /// Every status, in the order of its code.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::PlanFailed,
        Self::TimedOut,
        Self::NotFound,
        Self::Conflict,
        Self::Unreachable,
        Self::Interrupted,
    ];

    /// The number handed to the operating system.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::PlanFailed => 3,
            Self::TimedOut => 4,
            Self::NotFound => 5,
            Self::Conflict => 6,
            Self::Unreachable => 7,
            Self::Interrupted => 130,
        }
    }

    /// A few words for `--help` and the documentation.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "wrong usage, or parameters the operator does not take",
            Self::PlanFailed => "the plan failed, or the change was refused",
            Self::TimedOut => "timed out; the plan goes on",
            Self::NotFound => "not found",
            Self::Conflict => "exists already, or was changed by somebody else",
            Self::Unreachable => "cluster or repository unreachable, or access denied",
            Self::Interrupted => "interrupted; the plan goes on",
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_ordered() {
        let codes: Vec<u8> = ExitStatus::ALL.iter().map(|s| s.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 130]);
    }
}
