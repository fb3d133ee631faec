//! The recorded state of a plan execution: the only memory it has.
//!
//! The shape and the words are those of upstream's `Instance.status.planStatus`. A phase is COMPLETE
//! when its steps are, `IN_PROGRESS` from the start of its first step, `PENDING` before; the plan is
//! likewise over its phases. A step that fails transiently is ERROR with a message while phase and
//! plan stay `IN_PROGRESS`; a fatal failure makes all three `FATAL_ERROR`, with the message at the step.

use std::collections::HashMap;

use kudo_package::Plan;
use serde::{Deserialize, Serialize};

use crate::{
    graph::{PhaseRef, PlanGraph},
    machine,
    status::Status,
};

/// The state of one plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanState {
    /// The plan's name.
    pub name: String,
    /// The state of the whole plan.
    pub status: Status,
    /// An explanation of the status, if it needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What tells this execution from others of the same plan; empty if the plan never ran.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The phases in the plan's order.
    #[serde(default)]
    pub phases: Vec<PhaseState>,
}

/// The state of one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseState {
    /// The phase's name.
    pub name: String,
    /// The state of the whole phase.
    pub status: Status,
    /// An explanation of the status, if it needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The steps in the phase's order.
    #[serde(default)]
    pub steps: Vec<StepState>,
}

/// The state of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// The step's name.
    pub name: String,
    /// The state of the step.
    pub status: Status,
    /// An explanation of the status, if it needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Why an execution cannot go on from a recorded state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// The record is of another plan.
    #[error("the recorded state is of plan {recorded:?}, not of plan {plan:?}")]
    OtherPlan {
        /// The plan of the graph.
        plan: String,
        /// The plan of the record.
        recorded: String,
    },
    /// The record lacks a phase of the plan.
    #[error("missing phase status: {plan}.{phase}")]
    MissingPhase {
        /// The plan.
        plan: String,
        /// The phase that the record lacks.
        phase: String,
    },
    /// The record lacks a step of the plan.
    #[error("missing step status: {plan}.{phase}.{step}")]
    MissingStep {
        /// The plan.
        plan: String,
        /// The step's phase.
        phase: String,
        /// The step that the record lacks.
        step: String,
    },
}

impl ResumeError {
    /// The event reason.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::OtherPlan { .. } => "InvalidPlan",
            Self::MissingPhase { .. } => "MissingPhaseStatus",
            Self::MissingStep { .. } => "MissingStepStatus",
        }
    }
}

impl PlanState {
    /// The state of an execution that is about to start: all `PENDING`.
    pub fn new(graph: &PlanGraph, uid: impl Into<String>) -> Self {
        let phases = graph
            .phases()
            .map(|phase| PhaseState {
                name: phase.name.to_owned(),
                status: Status::Pending,
                message: None,
                steps: phase
                    .steps()
                    .map(|id| StepState::new(graph.step(id).step, Status::Pending))
                    .collect(),
            })
            .collect();
        Self {
            name: graph.name().to_owned(),
            status: Status::Pending,
            message: None,
            uid: uid.into(),
            phases,
        }
    }

    /// The state of a plan as an instance shows it when it does not run: what is recorded of the
    /// phases and steps that the plan has now, `NEVER_RUN` for the others.
    pub fn listed(name: &str, plan: &Plan, recorded: Option<&Self>) -> Self {
        let recorded_phases = recorded.map_or(&[][..], |state| &state.phases);
        let phases = plan.phases.iter().map(|phase| {
            let known = recorded_phases.iter().find(|p| p.name == phase.name);
            let known_steps = known.map_or(&[][..], |p| &p.steps);
            PhaseState {
                name: phase.name.clone(),
                status: known.map_or(Status::NeverRun, |p| p.status),
                message: known.and_then(|p| p.message.clone()),
                steps: phase
                    .steps
                    .iter()
                    .map(|step| {
                        let known = known_steps.iter().find(|s| s.name == step.name);
                        known
                            .cloned()
                            .unwrap_or_else(|| StepState::new(&step.name, Status::NeverRun))
                    })
                    .collect(),
            }
        });
        Self {
            name: name.to_owned(),
            status: recorded.map_or(Status::NeverRun, |state| state.status),
            message: recorded.and_then(|state| state.message.clone()),
            uid: recorded.map_or_else(String::new, |state| state.uid.clone()),
            phases: phases.collect(),
        }
    }

    /// Takes up a recorded execution.
    ///
    /// Tolerates what upstream and people record: a terminal plan is returned as it is; phases and
    /// steps are brought into the plan's order, unknown ones dropped; a phase recorded as COMPLETE has
    /// all its steps complete; a step recorded as started whose turn has not come, or as failed for
    /// good while the plan runs, is `PENDING` again. Phases take the status that follows from their steps.
    pub fn resume(graph: &PlanGraph, recorded: Self) -> Result<Self, ResumeError> {
        if recorded.name != graph.name() {
            return Err(ResumeError::OtherPlan {
                plan: graph.name().to_owned(),
                recorded: recorded.name,
            });
        }
        if recorded.status.is_terminal() {
            return Ok(recorded);
        }
        let mut found = by_name(recorded.phases, |phase| &phase.name);
        let phases = graph
            .phases()
            .map(|phase| match found.remove(phase.name) {
                Some(state) => phase_in_order(graph, &phase, state),
                None => Err(ResumeError::MissingPhase {
                    plan: graph.name().to_owned(),
                    phase: phase.name.to_owned(),
                }),
            })
            .collect::<Result<_, _>>()?;
        let mut state = Self { phases, ..recorded };
        machine::settle(graph, &mut state);
        Ok(state)
    }

    /// Marks the plan as failed for good before any step could run, with the reason as its message.
    pub fn refuse(&mut self, message: impl Into<String>) {
        self.status = Status::FatalError;
        self.message = Some(message.into());
    }

    /// The first step in the plan's order that has failed: for good, or else for now.
    pub fn failure(&self) -> Option<(&PhaseState, &StepState)> {
        let find = |status| {
            self.phases.iter().find_map(|phase| {
                let step = phase.steps.iter().find(|step| step.status == status)?;
                Some((phase, step))
            })
        };
        find(Status::FatalError).or_else(|| find(Status::Error))
    }
}

impl StepState {
    fn new(name: &str, status: Status) -> Self {
        Self {
            name: name.to_owned(),
            status,
            message: None,
        }
    }
}

fn phase_in_order(
    graph: &PlanGraph,
    phase: &PhaseRef<'_>,
    recorded: PhaseState,
) -> Result<PhaseState, ResumeError> {
    let complete = recorded.status == Status::Complete;
    let mut found = by_name(recorded.steps, |step| &step.name);
    let steps = phase.steps().map(|id| {
        let name = graph.step(id).step;
        match found.remove(name) {
            _ if complete => Ok(StepState::new(name, Status::Complete)),
            Some(step) => Ok(step),
            None => Err(ResumeError::MissingStep {
                plan: graph.name().to_owned(),
                phase: phase.name.to_owned(),
                step: name.to_owned(),
            }),
        }
    });
    Ok(PhaseState {
        steps: steps.collect::<Result<_, _>>()?,
        name: recorded.name,
        status: recorded.status,
        message: recorded.message,
    })
}

/// The entries by name; of several with one name the first.
fn by_name<T>(entries: Vec<T>, name: impl Fn(&T) -> &String) -> HashMap<String, T> {
    let mut found = HashMap::with_capacity(entries.len());
    for entry in entries {
        found.entry(name(&entry).clone()).or_insert(entry);
    }
    found
}
