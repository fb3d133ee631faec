//! One whole execution under faults: what happens next is drawn from given chances, and everything
//! the executor does is checked against the rules at the moment it does it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use kudo_plan::{Backoff, Options, PlanGraph, PlanState, Status, StepId, StepRef, TaskFailure};

use crate::{
    notation::{UID, graph, show},
    world::{Life, Op, RecordLost, Seen, World},
};

/// What may go wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// How often the execution is dropped.
    pub(crate) drops: usize,
    /// How many attempts of tasks fail for now.
    pub(crate) transient: usize,
    /// How many preparations fail for now.
    pub(crate) unprepared: usize,
    /// How many records fail.
    pub(crate) lost: usize,
    /// The number of a task, counted over the plan, that always fails for good.
    pub(crate) fatal: Option<usize>,
}

/// Numbers that decide what happens; zeros when they are used up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chances {
    values: Vec<u16>,
    next: usize,
}

impl Chances {
    pub(crate) fn new(values: Vec<u16>) -> Self {
        Self { values, next: 0 }
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        let value = self.values.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::from(value) % bound.max(1)
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == bound - 1
    }
}

/// How a trial went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) end: PlanState,
    pub(crate) records: usize,
    pub(crate) failures: usize,
    pub(crate) lives: usize,
    /// How many times the world was asked what happens next.
    pub(crate) events: usize,
    /// Tasks in the order in which they ended well, repeated if they ran again.
    pub(crate) done: Vec<String>,
}

/// A plan, what may go wrong, and what happens.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) plan: String,
    pub(crate) faults: Faults,
    pub(crate) chances: Chances,
    pub(crate) max_concurrent_tasks: usize,
    /// Drop the execution before this event, with the record under way made (or not).
    pub(crate) drop_at: Option<(usize, bool)>,
}

struct Monitor {
    graph: PlanGraph,
    recorded: PlanState,
    records: usize,
    max_concurrent_tasks: usize,
    done: Vec<String>,
    prepared: BTreeSet<StepId>,
    running: BTreeSet<String>,
    done_in_life: BTreeSet<String>,
    violations: Vec<String>,
}

impl Trial {
    pub(crate) fn new(plan: &str) -> Self {
        Self {
            plan: plan.to_owned(),
            faults: Faults::default(),
            chances: Chances::default(),
            max_concurrent_tasks: 1000,
            drop_at: None,
        }
    }

    /// Runs to the end; the error is a broken rule.
    pub(crate) fn run(mut self) -> Result<Outcome, String> {
        let graph = graph(&self.plan);
        let options = Options {
            max_concurrent_tasks: self.max_concurrent_tasks,
            backoff: Backoff {
                jitter: 0.3,
                ..Backoff::default()
            },
            recovery: Duration::from_secs(3),
            seed: 42,
        };
        let world = World::default();
        let monitor = Arc::new(Mutex::new(Monitor::new(&graph, self.max_concurrent_tasks)));
        let watching = Arc::clone(&monitor);
        world.on_seen(move |seen| lock(&watching).check(seen));
        let unprepared = Arc::new(Mutex::new(self.faults.unprepared));
        let counted = Arc::clone(&unprepared);
        world.on_prepare(move |_| prepared(&counted));
        let (mut lives, mut events, mut failures) = (0, 0, 0);
        let end = 'lives: loop {
            lives += 1;
            lock(&monitor).start_life();
            let recorded = lock(&monitor).recorded.clone();
            let mut life = Life::new(&graph, recorded, &world, &options);
            loop {
                match life.end.take() {
                    Some(Ok(end)) => break 'lives end,
                    Some(Err(RecordLost)) => continue 'lives,
                    None => {}
                }
                if let Some(violation) = lock(&monitor).violations.pop() {
                    return Err(violation);
                }
                for _ in 0..=self.chances.below(3) {
                    let open = world.open().len();
                    if open == 0 {
                        break;
                    }
                    if self.drops(events) {
                        self.maybe_make_record(&world, &monitor);
                        continue 'lives;
                    }
                    events += 1;
                    let op = world.take_nth(self.chances.below(open));
                    failures += usize::from(self.end(op, &graph, &monitor));
                }
                life.go();
                if life.end.is_none() && world.open().is_empty() {
                    return Err("it waits for nothing".into());
                }
            }
        };
        let monitor = lock(&monitor);
        if let Some(violation) = monitor.violations.first() {
            return Err(violation.clone());
        }
        if end != monitor.recorded {
            return Err(format!("{} is not recorded", show(&end)));
        }
        failures += self.faults.unprepared - *unprepared.lock().unwrap();
        Ok(Outcome {
            end,
            records: monitor.records,
            failures,
            lives,
            events,
            done: monitor.done.clone(),
        })
    }

    fn drops(&mut self, events: usize) -> bool {
        if let Some((at, _)) = self.drop_at {
            return at == events && self.faults.drops > 0 && {
                self.faults.drops -= 1;
                true
            };
        }
        let drops = self.faults.drops > 0 && self.chances.one_in(10);
        self.faults.drops -= usize::from(drops);
        drops
    }

    /// A record under way when the execution is dropped is made or not.
    fn maybe_make_record(&mut self, world: &World, monitor: &Mutex<Monitor>) {
        let open = world.open();
        let record = open.iter().position(|op| op.starts_with("record"));
        let made = self
            .drop_at
            .map_or_else(|| self.chances.one_in(2), |(_, made)| made);
        if let (Some(n), true) = (record, made)
            && let Op::Record { state, .. } = world.take_nth(n)
        {
            lock(monitor).make_record(state);
        }
    }

    /// Ends something the executor waits for; tells whether a task failed.
    fn end(&mut self, op: Op, graph: &PlanGraph, monitor: &Mutex<Monitor>) -> bool {
        match op {
            Op::Word { .. } => false,
            Op::Sleep { end, .. } => {
                end.send(()).expect("it waits");
                false
            }
            Op::Record { state, end } => {
                let lost = self.faults.lost > 0 && self.chances.one_in(6);
                self.faults.lost -= usize::from(lost);
                if !lost || self.chances.one_in(2) {
                    lock(monitor).make_record(state);
                }
                let result = if lost { Err(RecordLost) } else { Ok(()) };
                end.send(result).expect("it waits");
                false
            }
            Op::Run { place, end } => {
                let result = self.attempt(&place, graph);
                let failed = result.is_err();
                lock(monitor).attempt_ended(&place, failed);
                end.send(result).expect("it waits");
                failed
            }
        }
    }

    fn attempt(&mut self, place: &str, graph: &PlanGraph) -> Result<(), TaskFailure> {
        let fatal = self.faults.fatal.and_then(|n| places(graph).nth(n));
        if fatal.as_deref() == Some(place) {
            return Err(TaskFailure::fatal("Bad", "bad"));
        }
        if self.faults.transient > 0 && self.chances.one_in(4) {
            self.faults.transient -= 1;
            let message = format!("busy {}", self.chances.below(2));
            return Err(TaskFailure::transient("Busy", message));
        }
        Ok(())
    }
}

impl Monitor {
    fn new(graph: &PlanGraph, max_concurrent_tasks: usize) -> Self {
        Self {
            graph: graph.clone(),
            recorded: PlanState::new(graph, UID),
            records: 0,
            max_concurrent_tasks,
            done: Vec::new(),
            prepared: BTreeSet::new(),
            running: BTreeSet::new(),
            done_in_life: BTreeSet::new(),
            violations: Vec::new(),
        }
    }

    fn start_life(&mut self) {
        self.prepared.clear();
        self.running.clear();
        self.done_in_life.clear();
    }

    fn make_record(&mut self, state: PlanState) {
        self.recorded = state;
        self.records += 1;
    }

    fn attempt_ended(&mut self, place: &str, failed: bool) {
        self.running.remove(place);
        if !failed {
            self.done.push(place.to_owned());
            self.done_in_life.insert(place.to_owned());
        }
    }

    fn rule(&mut self, kept: bool, rule: &str, what: &str) {
        if !kept {
            self.violations
                .push(format!("{rule}: {what} at {}", show(&self.recorded)));
        }
    }

    fn check(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::Prepare(step) => self.check_prepare(step),
            Seen::Run(step, task) => self.check_run(step, task),
            Seen::Record(state) => self.check_record(state),
        }
    }

    fn check_prepare(&mut self, step: &StepRef<'_>) {
        let what = format!("prepare {step}");
        let open = status(&self.graph, &self.recorded, step.id) != Status::Complete;
        self.rule(open, "a complete step is not prepared", &what);
        let turn = self.graph.waits_for(step.id);
        let turn = turn.into_iter().all(|before| self.all_done(before));
        self.rule(turn, "steps are prepared when their turn has come", &what);
        self.prepared.insert(step.id);
    }

    fn check_run(&mut self, step: &StepRef<'_>, task: &str) {
        let place = format!("{}.{}.{task}", step.phase, step.step);
        let what = format!("run {place}");
        let before = self.graph.waits_for(step.id);
        let order = before
            .into_iter()
            .all(|id| status(&self.graph, &self.recorded, id) == Status::Complete);
        self.rule(order, "what comes before is recorded as complete", &what);
        let now = status(&self.graph, &self.recorded, step.id);
        let started = matches!(now, Status::InProgress | Status::Error);
        self.rule(started, "the step is recorded as started", &what);
        let running = self.recorded.status == Status::InProgress;
        self.rule(running, "the plan is recorded as started", &what);
        let prepared = self.prepared.contains(&step.id);
        self.rule(prepared, "the step is prepared", &what);
        let afresh = !self.done_in_life.contains(&place);
        self.rule(afresh, "a done task does not run again", &what);
        let alone = self.running.insert(place);
        self.rule(alone, "a task runs once at a time", &what);
        let bounded = self.running.len() <= self.max_concurrent_tasks.max(1);
        self.rule(bounded, "not too many tasks run", &what);
    }

    fn check_record(&mut self, state: &PlanState) {
        let what = format!("record {}", show(state));
        self.rule(*state != self.recorded, "a record brings news", &what);
        let open = !self.recorded.status.is_terminal();
        self.rule(open, "an ended plan does not change", &what);
        let graph = self.graph.clone();
        for id in graph.nodes() {
            let was = status(&graph, &self.recorded, id);
            let is = status(&graph, state, id);
            let kept = was != Status::Complete || is == Status::Complete;
            self.rule(kept, "a complete step stays complete", &what);
            let done = is != Status::Complete || self.all_done(id);
            self.rule(done, "a complete step has run all its tasks", &what);
        }
    }

    fn all_done(&self, id: StepId) -> bool {
        let step = self.graph.step(id);
        step.tasks.iter().all(|task| {
            let place = format!("{}.{}.{task}", step.phase, step.step);
            self.done.contains(&place)
        })
    }
}

/// All tasks of a plan, as `phase.step.task`.
pub(crate) fn places(graph: &PlanGraph) -> impl Iterator<Item = String> {
    graph.nodes().flat_map(|id| {
        let step = graph.step(id);
        step.tasks
            .iter()
            .map(move |task| format!("{}.{}.{task}", step.phase, step.step))
    })
}

pub(crate) fn status(graph: &PlanGraph, state: &PlanState, id: StepId) -> Status {
    let step = graph.step(id);
    let phase = state.phases.iter().find(|phase| phase.name == step.phase);
    let steps = phase.map_or(&[][..], |phase| &phase.steps);
    let found = steps.iter().find(|known| known.name == step.step);
    found.map_or(Status::NeverRun, |known| known.status)
}

fn prepared(unprepared: &Mutex<usize>) -> Result<(), TaskFailure> {
    let mut left = unprepared.lock().unwrap();
    if *left == 0 {
        return Ok(());
    }
    *left -= 1;
    Err(TaskFailure::transient("Busy", "not yet"))
}

fn lock(monitor: &Mutex<Monitor>) -> MutexGuard<'_, Monitor> {
    monitor.lock().unwrap()
}
