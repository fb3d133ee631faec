//! Between the plan engine's states and what an instance's status records.
//!
//! `kudo-api` knows no plan engine and `kudo-plan` no resources; both use upstream's words, which makes
//! this a change of containers. A word that neither knows reads as never run.

use kudo_api::Time;
use kudo_api::instance::{ActivePlan, InstanceStatus, PhaseStatus, PlanStatus, StepStatus};
use kudo_package::OperatorDefinition;
use kudo_plan::{PhaseState, PlanState, Status, StepState};

/// Bytes of a message that are kept; the rest of it is in the log.
const MAX_MESSAGE: usize = 4096;

/// The recorded form of a state.
pub fn to_recorded(state: &PlanState, updated: Option<Time>) -> PlanStatus {
    PlanStatus {
        name: state.name.clone(),
        status: state.status.as_str().to_owned(),
        message: message(state.message.as_deref()),
        last_updated_timestamp: updated,
        uid: state.uid.clone(),
        phases: state.phases.iter().map(phase_to_recorded).collect(),
    }
}

/// The state that a record tells of.
pub fn from_recorded(name: &str, recorded: &PlanStatus) -> PlanState {
    PlanState {
        name: name.to_owned(),
        status: status(&recorded.status),
        message: some_text(&recorded.message),
        uid: recorded.uid.clone(),
        phases: recorded.phases.iter().map(phase_from_recorded).collect(),
    }
}

/// The plan that is recorded as running, if one is. Of several (only upstream's resources can have
/// that) the one updated last.
pub fn running_plan(status: &InstanceStatus) -> Option<(&str, &PlanStatus)> {
    status
        .plan_status
        .iter()
        .filter(|(_, plan)| plan.is_running())
        .max_by_key(|(_, plan)| plan.last_updated_timestamp.as_ref())
        .map(|(name, plan)| (name.as_str(), plan))
}

/// Whether any plan was ever started.
pub fn was_any_run(status: &InstanceStatus) -> bool {
    status.plan_status.values().any(PlanStatus::was_run)
}

/// Brings the list of plans in line with what the operator version has: plans, phases and steps that
/// are new show as never run. Records of plans that are gone stay, as history.
pub fn list_plans(status: &mut InstanceStatus, definition: &OperatorDefinition) {
    for (name, plan) in &definition.plans {
        let recorded = status.plan_status.get(name);
        let known = recorded.map(|recorded| from_recorded(name, recorded));
        let updated = recorded.and_then(|recorded| recorded.last_updated_timestamp.clone());
        let listed = to_recorded(&PlanState::listed(name, plan, known.as_ref()), updated);
        status.plan_status.insert(name.clone(), listed);
    }
}

/// Records a state as that of the active plan.
///
/// Another plan that was running is not any more: its record ends where it was interrupted.
pub fn record_plan(status: &mut InstanceStatus, state: &PlanState, now: &Time) {
    for (name, plan) in &mut status.plan_status {
        if *name != state.name && plan.is_running() {
            interrupt(plan, &state.name, now);
        }
    }
    let recorded = to_recorded(state, Some(now.clone()));
    status.active_plan = Some(ActivePlan {
        name: state.name.clone(),
        status: recorded.status.clone(),
    });
    status.plan_status.insert(state.name.clone(), recorded);
}

/// Ends the record of a plan that another one (the cleanup of a deleted instance) has replaced.
fn interrupt(plan: &mut PlanStatus, by: &str, now: &Time) {
    Status::FatalError.as_str().clone_into(&mut plan.status);
    plan.message = format!("interrupted by plan {by:?}");
    plan.last_updated_timestamp = Some(now.clone());
}

fn phase_to_recorded(phase: &PhaseState) -> PhaseStatus {
    PhaseStatus {
        name: phase.name.clone(),
        status: phase.status.as_str().to_owned(),
        message: message(phase.message.as_deref()),
        steps: phase.steps.iter().map(step_to_recorded).collect(),
    }
}

fn step_to_recorded(step: &StepState) -> StepStatus {
    StepStatus {
        name: step.name.clone(),
        status: step.status.as_str().to_owned(),
        message: message(step.message.as_deref()),
    }
}

fn phase_from_recorded(phase: &PhaseStatus) -> PhaseState {
    PhaseState {
        name: phase.name.clone(),
        status: status(&phase.status),
        message: some_text(&phase.message),
        steps: phase
            .steps
            .iter()
            .map(|step| StepState {
                name: step.name.clone(),
                status: status(&step.status),
                message: some_text(&step.message),
            })
            .collect(),
    }
}

fn status(text: &str) -> Status {
    text.parse().unwrap_or(Status::NeverRun)
}

fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn message(text: Option<&str>) -> String {
    shorten(text.unwrap_or_default(), MAX_MESSAGE)
}

/// The text, cut at a character boundary so that it has at most `limit` bytes.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    const MARK: &str = "…";
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}
