//! What a failed task is called: event reasons, and whether the plan may go on trying.

use kudo_plan::{StepRef, TaskFailure};
use kudo_template::RenderTaskError;
use kudo_template::pipe_pod::PipePodProblem;

use crate::apply::ApplyError;

/// Event reasons (upstream's words).
pub(super) mod reasons {
    /// A step names a task that does not exist.
    pub(crate) const UNKNOWN_TASK: &str = "UnknownTaskName";
    /// A task's definition is not valid.
    pub(crate) const BUILD: &str = "TaskBuildError";
    /// A template cannot be rendered, or does not render to objects.
    pub(crate) const RENDERING: &str = "TaskRenderingError";
    /// A rendered object cannot be prepared for the cluster.
    pub(crate) const ENHANCEMENT: &str = "TaskEnhancementError";
    /// A Dummy task failed as asked.
    pub(crate) const DUMMY: &str = "DummyTaskError";
    /// A Toggle task's parameter has no boolean value.
    pub(crate) const TOGGLE: &str = "ToggleTaskError";
    /// A Pipe task failed.
    pub(crate) const PIPE: &str = "PipeTaskError";
    /// The template of a Pipe task's pod does not render to YAML.
    pub(crate) const UNMARSHAL: &str = "ResourceUnmarshalError";
    /// The cluster finds an object invalid, or could not be asked.
    pub(crate) const VALIDATION: &str = "ResourceValidationError";
    /// An object has failed for good.
    pub(crate) const TERMINAL: &str = "FailedTerminalStateError";
}

/// Where in a plan something failed.
#[derive(Clone, Debug)]
pub(super) struct Site {
    path: String,
}

impl Site {
    pub(super) fn new(step: &StepRef<'_>, task: &str) -> Self {
        Self {
            path: format!("{}.{}.{}.{task}", step.plan, step.phase, step.step),
        }
    }

    pub(super) fn fatal(&self, reason: &str, text: impl AsRef<str>) -> TaskFailure {
        TaskFailure::fatal(reason, self.message(text.as_ref()))
    }

    pub(super) fn transient(&self, reason: &str, text: impl AsRef<str>) -> TaskFailure {
        TaskFailure::transient(reason, self.message(text.as_ref()))
    }

    pub(super) fn rendering(&self, error: &RenderTaskError) -> TaskFailure {
        let reason = match error {
            RenderTaskError::Render(_)
            | RenderTaskError::Objects(_)
            | RenderTaskError::UnknownTemplate { .. }
            | RenderTaskError::UnknownPlan { .. }
            | RenderTaskError::ParameterFile { .. } => reasons::RENDERING,
            RenderTaskError::UnknownTask { .. } => reasons::UNKNOWN_TASK,
            RenderTaskError::ToggleMissing { .. } | RenderTaskError::ToggleValue { .. } => {
                reasons::TOGGLE
            }
            RenderTaskError::PipePod { problem, .. } => match **problem {
                PipePodProblem::Unreadable(_) => reasons::UNMARSHAL,
                _ => reasons::VALIDATION,
            },
        };
        self.fatal(reason, error.to_string())
    }

    pub(super) fn applying(&self, error: &ApplyError) -> TaskFailure {
        if error.is_fatal() {
            self.fatal(reasons::VALIDATION, error.to_string())
        } else {
            self.transient(reasons::VALIDATION, error.to_string())
        }
    }

    fn message(&self, text: &str) -> String {
        format!("failed in {}: {text}", self.path)
    }
}

/// Of several failures the one to report: a fatal one if there is one.
pub(super) fn worst(failures: Vec<TaskFailure>) -> Result<(), TaskFailure> {
    let fatal = failures.iter().position(TaskFailure::is_fatal);
    match failures.into_iter().nth(fatal.unwrap_or(0)) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}
