//! Whether what was asked for is done: a pure judgement over one sight of an instance.

#[cfg(test)]
mod tests;

use kudo_api::instance::{Accepted, PlanStatus, StepStatus};
use kudo_api::names::ACCEPTED_CONDITION;
use kudo_api::{Instance, InstanceSpec, InstanceStatus};

use crate::refused::{place, waits};

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Awaited {
    /// The instance itself; another of the same name is not it.
    pub(crate) uid: String,
    /// The instance's generation after the change was written.
    pub(crate) generation: i64,
    /// The change.
    pub(crate) change: Change,
    /// What the manager had refused before, by reason and message: said again, it may be about the
    /// earlier change.
    pub(crate) old_refusal: Option<(String, String)>,
    /// The last plan, by name and uid, if it had ended before: it has nothing to do with the change.
    pub(crate) old_plan: Option<(String, String)>,
}

impl Awaited {
    /// Awaits a change of an instance as the server returned it.
    pub(crate) fn of(instance: &Instance, change: Change) -> Self {
        let status = instance.status.as_ref();
        let condition = status.and_then(|status| status.condition(ACCEPTED_CONDITION));
        let last = status.and_then(InstanceStatus::last_executed_plan);
        Self {
            uid: instance.metadata.uid.clone().unwrap_or_default(),
            generation: instance.metadata.generation.unwrap_or_default(),
            change,
            old_refusal: condition
                .filter(|condition| condition.status == "False")
                .map(|condition| (condition.reason.clone(), condition.message.clone())),
            old_plan: last
                .filter(|(_, plan)| plan.is_terminal())
                .map(|(name, plan)| (name.to_owned(), plan.uid.clone())),
        }
    }

    /// Whether an execution of a plan had ended before the change.
    pub(crate) fn is_old(&self, name: &str, plan: &PlanStatus) -> bool {
        let old = self.old_plan.as_ref();
        plan.is_terminal() && old.is_some_and(|(known, uid)| known == name && *uid == plan.uid)
    }
}

/// What was asked of the manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The spec as it is now: accepted, and the plan that it started finished.
    Spec,
    /// One execution of a plan.
    Execution {
        /// Name of the plan.
        plan: String,
        /// Identity of the execution.
        uid: String,
    },
    /// Whatever plan is active.
    Active,
    /// The instance gone.
    Deletion,
}

/// What one sight of the instance says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not yet.
    Pending,
    /// Done; the plan that ran, if one did.
    Done {
        /// Name of the plan.
        plan: Option<String>,
    },
    /// The plan ended in `FATAL_ERROR`.
    Failed(PlanFailure),
    /// The manager refused the change.
    Refused {
        /// Why.
        message: String,
    },
    /// The manager takes the change up when the plan that runs now has ended.
    Deferred {
        /// Why not now.
        message: String,
    },
    /// The instance was deleted while its plan was waited for, or replaced by another.
    Vanished,
}

/// How a plan failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanFailure {
    /// Name of the plan.
    pub(crate) plan: String,
    /// The phase and step that failed, if it was one.
    pub(crate) step: Option<(String, String)>,
    /// The message recorded, the most exact one there is.
    pub(crate) message: String,
}

/// Judges one sight; `None` is an instance that does not exist.
pub(crate) fn judge(instance: Option<&Instance>, awaited: &Awaited) -> Verdict {
    let same = |instance: &&Instance| instance.metadata.uid.as_deref() == Some(&awaited.uid);
    let Some(instance) = instance.filter(same) else {
        return match awaited.change {
            Change::Deletion => Verdict::Done { plan: None },
            Change::Spec | Change::Execution { .. } | Change::Active => Verdict::Vanished,
        };
    };
    let empty = InstanceStatus::default();
    let status = instance.status.as_ref().unwrap_or(&empty);
    let answers = matches!(awaited.change, Change::Spec | Change::Execution { .. });
    if answers && let Some(refusal) = refusal(status, awaited) {
        return refusal;
    }
    match &awaited.change {
        Change::Active => judge_active(status),
        Change::Spec if is_accepted(&instance.spec, status) => judge_active(status),
        Change::Spec => Verdict::Pending,
        Change::Execution { plan, uid } => match status.plan_status.get(plan) {
            Some(state) if state.uid == *uid => judge_plan(plan, state),
            _ => Verdict::Pending,
        },
        Change::Deletion => match judge_active(status) {
            // Deletion is done when the instance is gone, not when its cleanup plan is.
            Verdict::Failed(failure) if failure.plan == kudo_api::names::CLEANUP_PLAN => {
                Verdict::Failed(failure)
            }
            _ => Verdict::Pending,
        },
    }
}

/// Judges whether the manager has taken the change up, whatever comes of it.
pub(crate) fn judge_answer(instance: Option<&Instance>, awaited: &Awaited) -> Verdict {
    let taken_up = instance.and_then(|instance| {
        let status = instance.status.as_ref()?;
        Some(match &awaited.change {
            Change::Spec => is_accepted(&instance.spec, status),
            Change::Execution { plan, uid } => status
                .plan_status
                .get(plan)
                .is_some_and(|state| state.uid == *uid),
            Change::Active | Change::Deletion => true,
        })
    });
    match judge(instance, awaited) {
        Verdict::Pending | Verdict::Failed(_) if taken_up == Some(true) => {
            Verdict::Done { plan: None }
        }
        verdict => verdict,
    }
}

/// How the manager refused the change, if it did.
fn refusal(status: &InstanceStatus, awaited: &Awaited) -> Option<Verdict> {
    let condition = status.condition(ACCEPTED_CONDITION)?;
    let about_this = match condition.observed_generation {
        Some(seen) => seen >= awaited.generation,
        None => awaited
            .old_refusal
            .as_ref()
            .is_none_or(|old| *old != (condition.reason.clone(), condition.message.clone())),
    };
    if condition.status != "False" || !about_this {
        return None;
    }
    let message = condition.message.clone();
    Some(if waits(condition) {
        Verdict::Deferred { message }
    } else {
        Verdict::Refused { message }
    })
}

/// Whether the manager has taken up the spec. It may have added parameters of its own accord, such
/// as the defaults of immutable ones.
fn is_accepted(spec: &InstanceSpec, status: &InstanceStatus) -> bool {
    let matches = |accepted: &Accepted| {
        let (_, name) = place(&accepted.operator_version);
        spec.operator_version.name.as_deref() == Some(name)
            && spec
                .parameters
                .iter()
                .all(|(name, value)| accepted.parameters.get(name) == Some(value))
    };
    let asked = &spec.plan_execution;
    // The webhook schedules the plan together with the change.
    let begun = asked.is_empty()
        || status
            .plan_status
            .get(&asked.plan_name)
            .is_some_and(|plan| plan.uid == asked.uid);
    status.accepted.as_ref().is_some_and(matches) && begun
}

fn judge_active(status: &InstanceStatus) -> Verdict {
    match status.last_executed_plan() {
        Some((name, plan)) => judge_plan(name, plan),
        None if status.accepted.is_some() => Verdict::Done { plan: None },
        None => Verdict::Pending,
    }
}

fn judge_plan(name: &str, plan: &PlanStatus) -> Verdict {
    match plan.status.as_str() {
        "COMPLETE" => Verdict::Done {
            plan: Some(name.to_owned()),
        },
        "FATAL_ERROR" => Verdict::Failed(failure(name, plan)),
        _ => Verdict::Pending,
    }
}

/// How a plan failed, told by the first step that failed for good.
pub(crate) fn failure(name: &str, plan: &PlanStatus) -> PlanFailure {
    let step = plan.phases.iter().find_map(|phase| {
        let step = phase
            .steps
            .iter()
            .find(|step| step.status == "FATAL_ERROR")?;
        Some((phase, step))
    });
    let messages = [
        step.map(|(_, step)| step.message.as_str()),
        step.map(|(phase, _)| phase.message.as_str()),
        Some(plan.message.as_str()),
    ];
    PlanFailure {
        plan: name.to_owned(),
        step: step.map(|(phase, step)| (phase.name.clone(), step.name.clone())),
        message: messages
            .into_iter()
            .flatten()
            .find(|message| !message.is_empty())
            .unwrap_or("no message was recorded")
            .to_owned(),
    }
}

/// What keeps the active plan: a step that is tried again, else one that waits.
pub(crate) fn trouble(instance: &Instance) -> Option<String> {
    let (_, plan) = instance.status.as_ref()?.last_executed_plan()?;
    let first = |status: &str, says: &str| {
        plan.phases.iter().find_map(|phase| {
            let found = |step: &&StepStatus| step.status == status && !step.message.is_empty();
            let step = phase.steps.iter().find(found)?;
            let place = format!("{}/{}", phase.name, step.name);
            Some(format!("step {place}{says}: {}", step.message))
        })
    };
    first("ERROR", " is tried again").or_else(|| first("IN_PROGRESS", ""))
}
