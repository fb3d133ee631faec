//! The ports of the executor: what runs tasks, what remembers progress, and what time is.
//!
//! Each is a small trait that an adapter implements (`kudo-kube`, `kudo-controller`) or a test drives.

use std::{future::Future, time::Duration};

use crate::{graph::StepRef, state::PlanState};

/// Why a task, or the preparation of its step, did not succeed.
///
/// The executor adds to the message where in the plan it happened, unless the message itself begins
/// with `failed in plan.phase.step.task: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskFailure {
    /// May pass by itself: the step shows ERROR and the task is retried with backoff.
    #[error("{message}")]
    Transient {
        /// The event reason, one `CamelCase` word.
        reason: String,
        /// What went wrong, for people.
        message: String,
    },
    /// Retrying cannot mend it: step, phase and plan become `FATAL_ERROR` and the execution stops.
    #[error("{message}")]
    Fatal {
        /// The event reason, one `CamelCase` word.
        reason: String,
        /// What went wrong, for people.
        message: String,
    },
}

impl TaskFailure {
    /// A failure that is retried.
    pub fn transient(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Transient {
            reason: reason.into(),
            message: message.into(),
        }
    }

    /// A failure that ends the execution.
    pub fn fatal(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Fatal {
            reason: reason.into(),
            message: message.into(),
        }
    }

    /// Whether it ends the execution.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal { .. })
    }

    /// The event reason.
    pub fn reason(&self) -> &str {
        match self {
            Self::Transient { reason, .. } | Self::Fatal { reason, .. } => reason,
        }
    }

    /// What went wrong, for people.
    pub fn message(&self) -> &str {
        match self {
            Self::Transient { message, .. } | Self::Fatal { message, .. } => message,
        }
    }
}

/// Runs the tasks of a plan.
pub trait TaskRunner: Send + Sync {
    /// Does the pure preparation (rendering) of a step before its start is recorded, so that the
    /// recorder can write ahead what the step will touch.
    ///
    /// It is called once per step and execution, again after a transient failure, and again for a
    /// started step when an execution is rebuilt from its record.
    fn prepare(&self, _step: &StepRef<'_>) -> Result<(), TaskFailure> {
        Ok(())
    }

    /// Resolves when the task is done (applied and healthy).
    ///
    /// Must be idempotent and safe to drop at any await: a task whose step was not recorded as
    /// complete runs again when the execution is rebuilt.
    fn run(
        &self,
        step: &StepRef<'_>,
        task: &str,
    ) -> impl Future<Output = Result<(), TaskFailure>> + Send;

    /// Resolves when a task that runs has something to say of what it waits for, other than `told`, which
    /// is what it said last; empty at first.
    ///
    /// The step shows it as its message, and each makes a record, so that the runner should be in no hurry
    /// to tell and say nothing of a task that is done soon. May be dropped at any time.
    fn waits_for(
        &self,
        _step: &StepRef<'_>,
        _task: &str,
        _told: &str,
    ) -> impl Future<Output = String> + Send {
        std::future::pending()
    }
}

/// Remembers the progress of an execution.
pub trait Observer: Send + Sync {
    /// Why a record could not be made; it ends the execution.
    type Error: Send;

    /// Persists the state. Called at every transition worth it; transitions that happen together are
    /// one record, and a record that would equal the last one is not made.
    ///
    /// Tasks that already run go on while the record is made; no step starts before it is.
    fn record(&self, state: &PlanState) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Tells of each failure as it happens, before it is recorded: for events, logs and metrics.
    /// `task` is `None` when the preparation of the step failed.
    fn failed(&self, _step: &StepRef<'_>, _task: Option<&str>, _failure: &TaskFailure) {}

    /// Whether the observer holds something of its own (such as what a step will touch) that must be
    /// recorded before tasks start even if the state itself has not changed.
    fn has_unrecorded(&self) -> bool {
        false
    }
}

/// Time, as far as the executor needs it.
///
/// A function from a duration to a future is a clock: `tokio::time::sleep`, for instance.
pub trait Clock: Send + Sync {
    /// Resolves after `duration`.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

impl<F, S> Clock for F
where
    F: Fn(Duration) -> S + Send + Sync,
    S: Future<Output = ()> + Send,
{
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        self(duration)
    }
}
