//! The state machine of a plan execution: graph, recorded state and events give the new state.
//!
//! [`ready`] and [`apply`] are pure functions. [`Machine`] does the same in place: a whole execution
//! costs one walk of the graph, and it knows whether anything differs from the last record.

use std::collections::{BTreeSet, HashMap};

use crate::{
    frontier::{Frontier, Reached},
    graph::{PlanGraph, StepId},
    state::{PlanState, ResumeError},
    status::Status,
};

/// What happens in an execution.
///
/// Any event also begins an execution that has not begun. An event that does not fit the state, such
/// as one about a step whose turn has not come or one after the end, changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The execution has begun.
    Began,
    /// A step has started.
    StepStarted {
        /// The step.
        step: StepId,
    },
    /// A task of a step, or its preparation, failed transiently and will be retried.
    StepFailing {
        /// The step.
        step: StepId,
        /// What to show for it.
        message: String,
    },
    /// No task of a step that was failing fails any more.
    StepRecovered {
        /// The step.
        step: StepId,
    },
    /// What a step that runs waits for is another; a step that fails goes on showing the failure.
    StepWaiting {
        /// The step.
        step: StepId,
        /// What to show for it; empty for nothing.
        message: String,
    },
    /// All tasks of a step are done.
    StepCompleted {
        /// The step.
        step: StepId,
    },
    /// A task of a step, or its preparation, failed for good.
    StepFailed {
        /// The step.
        step: StepId,
        /// What to show for it.
        message: String,
    },
}

/// The steps whose turn has come and that are not complete, in the order of the plan.
///
/// This includes those recorded as started: an execution rebuilt from its record runs them again.
/// A plan that has ended, or a state of another plan, has none.
pub fn ready(graph: &PlanGraph, state: &PlanState) -> Vec<StepId> {
    Machine::new(graph, state.clone()).map_or_else(
        |_| Vec::new(),
        |mut machine| machine.take_ready().into_iter().collect(),
    )
}

/// The state after an event.
pub fn apply(graph: &PlanGraph, state: &PlanState, event: &Event) -> PlanState {
    Machine::new(graph, state.clone()).map_or_else(
        |_| state.clone(),
        |mut machine| {
            machine.apply(event);
            machine.into_state()
        },
    )
}

/// Brings phases and steps of a recorded state that fits the graph into agreement.
pub(crate) fn settle(graph: &PlanGraph, state: &mut PlanState) {
    let (_, reached) = Frontier::new(graph, |id| is_complete(graph, state, id));
    let turn: BTreeSet<StepId> = reached.steps.into_iter().collect();
    for id in graph.nodes() {
        let (phase, step) = graph.position(id);
        let step = &mut state.phases[phase].steps[step];
        let keeps = match step.status {
            Status::Complete => true,
            Status::InProgress | Status::Error => turn.contains(&id),
            Status::Pending | Status::NeverRun | Status::FatalError => false,
        };
        if !keeps {
            step.status = Status::Pending;
            step.message = None;
        }
    }
    for phase in &mut state.phases {
        let is = |status| move |step: &crate::state::StepState| step.status == status;
        phase.message = None;
        phase.status = if phase.steps.is_empty() && phase.status != Status::Complete {
            Status::Pending
        } else if phase.steps.iter().all(is(Status::Complete)) {
            Status::Complete
        } else if phase.steps.iter().all(is(Status::Pending)) {
            Status::Pending
        } else {
            Status::InProgress
        };
    }
}

/// One execution, moved on in place by events.
#[derive(Debug)]
pub struct Machine<'g> {
    graph: &'g PlanGraph,
    state: PlanState,
    frontier: Frontier,
    turn: Vec<bool>,
    fresh: BTreeSet<StepId>,
    phases_left: usize,
    before: HashMap<Slot, Shown>,
}

/// The place of one status in a plan's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Slot {
    Plan,
    Phase(usize),
    Step(usize, usize),
}

type Shown = (Status, Option<String>);

impl<'g> Machine<'g> {
    /// Takes up a recorded state and begins, or goes on with, its execution.
    pub fn new(graph: &'g PlanGraph, recorded: PlanState) -> Result<Self, ResumeError> {
        let state = PlanState::resume(graph, recorded)?;
        if state.status.is_terminal() {
            return Ok(Self::ended(graph, state));
        }
        let (frontier, reached) = Frontier::new(graph, |id| is_complete(graph, &state, id));
        let mut machine = Self {
            turn: vec![false; graph.len()],
            phases_left: state.phases.len(),
            frontier,
            ..Self::ended(graph, state)
        };
        machine.set(Slot::Plan, Status::InProgress, None);
        machine.reach(reached);
        Ok(machine)
    }

    /// The state after the events so far.
    pub const fn state(&self) -> &PlanState {
        &self.state
    }

    /// The state after the events so far.
    pub fn into_state(self) -> PlanState {
        self.state
    }

    /// The steps whose turn has come since the last call, in the order of the plan.
    pub fn take_ready(&mut self) -> BTreeSet<StepId> {
        std::mem::take(&mut self.fresh)
    }

    /// Whether the state differs from what it was at the last call of [`Self::mark_recorded`].
    pub fn is_dirty(&mut self) -> bool {
        let before = std::mem::take(&mut self.before);
        let dirty = before.iter().any(|(&slot, (status, message))| {
            let (now, text) = self.shown(slot);
            *now != *status || *text != *message
        });
        self.before = before;
        dirty
    }

    /// Says that the state is recorded as it is now.
    pub fn mark_recorded(&mut self) {
        self.before.clear();
    }

    /// Moves on by an event.
    pub fn apply(&mut self, event: &Event) {
        let Some(step) = event.step() else {
            return;
        };
        if !self.is_open(step) {
            return;
        }
        let (phase, index) = self.graph.position(step);
        let slot = Slot::Step(phase, index);
        match event {
            Event::Began => {}
            Event::StepStarted { .. } => {
                self.set(Slot::Phase(phase), Status::InProgress, None);
                // A step taken up again still waits for what it waited for.
                if *self.shown(slot).0 != Status::InProgress {
                    self.set(slot, Status::InProgress, None);
                }
            }
            Event::StepFailing { message, .. } => {
                self.set(Slot::Phase(phase), Status::InProgress, None);
                self.set(slot, Status::Error, Some(message.clone()));
            }
            Event::StepRecovered { .. } => {
                if *self.shown(slot).0 == Status::Error {
                    self.set(slot, Status::InProgress, None);
                }
            }
            Event::StepWaiting { message, .. } => {
                if *self.shown(slot).0 == Status::InProgress {
                    let message = (!message.is_empty()).then(|| message.clone());
                    self.set(slot, Status::InProgress, message);
                }
            }
            Event::StepCompleted { .. } => self.complete(step, phase, slot),
            Event::StepFailed { message, .. } => {
                self.set(slot, Status::FatalError, Some(message.clone()));
                self.set(Slot::Phase(phase), Status::FatalError, None);
                self.set(Slot::Plan, Status::FatalError, None);
                self.fresh.clear();
            }
        }
    }

    fn ended(graph: &'g PlanGraph, state: PlanState) -> Self {
        Self {
            graph,
            state,
            frontier: Frontier::default(),
            turn: Vec::new(),
            fresh: BTreeSet::new(),
            phases_left: 0,
            before: HashMap::new(),
        }
    }

    /// Whether the step may change: the plan runs, its turn has come and it is not complete.
    fn is_open(&self, step: StepId) -> bool {
        !self.state.status.is_terminal()
            && self.turn.get(step.index()) == Some(&true)
            && !is_complete(self.graph, &self.state, step)
    }

    fn complete(&mut self, step: StepId, phase: usize, slot: Slot) {
        self.set(Slot::Phase(phase), Status::InProgress, None);
        self.set(slot, Status::Complete, None);
        let state = &self.state;
        let reached = self
            .frontier
            .advance(self.graph, step, |id| is_complete(self.graph, state, id));
        self.reach(reached);
    }

    fn reach(&mut self, reached: Reached) {
        for step in reached.steps {
            self.turn[step.index()] = true;
            self.fresh.insert(step);
        }
        self.phases_left -= reached.exits.len();
        for phase in reached.exits {
            self.set(Slot::Phase(phase), Status::Complete, None);
        }
        if self.phases_left == 0 {
            self.set(Slot::Plan, Status::Complete, None);
        }
    }

    fn set(&mut self, slot: Slot, status: Status, message: Option<String>) {
        let (now, text) = self.shown(slot);
        if *now != status || *text != message {
            let old = (
                std::mem::replace(now, status),
                std::mem::replace(text, message),
            );
            self.before.entry(slot).or_insert(old);
        }
    }

    fn shown(&mut self, slot: Slot) -> (&mut Status, &mut Option<String>) {
        let state = &mut self.state;
        match slot {
            Slot::Plan => (&mut state.status, &mut state.message),
            Slot::Phase(phase) => {
                let phase = &mut state.phases[phase];
                (&mut phase.status, &mut phase.message)
            }
            Slot::Step(phase, step) => {
                let step = &mut state.phases[phase].steps[step];
                (&mut step.status, &mut step.message)
            }
        }
    }
}

impl Event {
    const fn step(&self) -> Option<StepId> {
        match self {
            Self::Began => None,
            Self::StepStarted { step }
            | Self::StepFailing { step, .. }
            | Self::StepRecovered { step }
            | Self::StepWaiting { step, .. }
            | Self::StepCompleted { step }
            | Self::StepFailed { step, .. } => Some(*step),
        }
    }
}

fn is_complete(graph: &PlanGraph, state: &PlanState, id: StepId) -> bool {
    let (phase, step) = graph.position(id);
    state.phases[phase].steps[step].status == Status::Complete
}
