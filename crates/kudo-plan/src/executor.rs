//! The executor: drives a plan through its graph with the ports.
//!
//! It owns no thread and spawns nothing: it is one future. Dropping it drops the tasks that run;
//! calling [`execute`] again with the last recorded state goes on from there.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::pin,
    task::Poll,
    time::Duration,
};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Either, select},
    poll,
    stream::FuturesUnordered,
};

use crate::{
    backoff::{Backoff, mix},
    graph::{PlanGraph, StepId, StepRef},
    machine::{Event, Machine},
    ports::{Clock, Observer, TaskFailure, TaskRunner},
    state::PlanState,
};

/// How to execute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How many tasks run at once, waiting for health included; at least 1.
    ///
    /// A step whose turn has come counts as started even while its tasks wait for a place. Where
    /// parallel steps wait for each other's objects, a bound below their number of tasks may stall the
    /// plan, so the default is high; bound the rate of requests elsewhere.
    pub max_concurrent_tasks: usize,
    /// The delays between the attempts of a task that fails transiently.
    pub backoff: Backoff,
    /// An attempt that runs this long after a failure counts as recovered: its step no longer shows the
    /// error, and its next failure is delayed like a first one.
    pub recovery: Duration,
    /// What chance in the delays is drawn from: the same seed gives the same delays.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_concurrent_tasks: 1000,
            backoff: Backoff::default(),
            recovery: Duration::from_secs(10),
            seed: 0,
        }
    }
}

/// Executes a plan from a new or recorded state to its end: the returned state is terminal.
///
/// For each step: prepare → record (with all that changed at the same time) → run its tasks → record.
/// A transient failure shows at the step and only the failed task is retried. A fatal one drops all
/// running tasks and ends the plan. A record that cannot be made ends the execution with its error.
/// A state that does not fit the graph ends as `FATAL_ERROR` with the reason as the plan's message;
/// use [`PlanState::resume`] first to tell it apart.
pub async fn execute<R: TaskRunner, C: Clock, O: Observer>(
    graph: &PlanGraph,
    state: PlanState,
    runner: &R,
    clock: &C,
    observer: &O,
    options: &Options,
) -> Result<PlanState, O::Error> {
    if state.status.is_terminal() {
        return Ok(state);
    }
    let mut refused = state.clone();
    match Machine::new(graph, state) {
        Ok(machine) => {
            let execution = Execution {
                graph,
                machine,
                runner,
                clock,
                observer,
                options,
                steps: graph.nodes().map(|_| StepRun::default()).collect(),
                starting: Vec::new(),
                queue: VecDeque::new(),
                running: 0,
                work: FuturesUnordered::new(),
                outcomes: VecDeque::new(),
            };
            execution.run().await
        }
        Err(error) => {
            refused.refuse(error.to_string());
            observer.record(&refused).await?;
            Ok(refused)
        }
    }
}

/// One execution under way.
struct Execution<'a, R, C, O> {
    graph: &'a PlanGraph,
    machine: Machine<'a>,
    runner: &'a R,
    clock: &'a C,
    observer: &'a O,
    options: &'a Options,
    steps: Vec<StepRun>,
    /// Prepared steps whose start is not recorded yet.
    starting: Vec<StepId>,
    /// Tasks that may run and wait for a place.
    queue: VecDeque<TaskKey>,
    running: usize,
    work: FuturesUnordered<BoxFuture<'a, Outcome<'a>>>,
    /// What has happened and is not yet applied.
    outcomes: VecDeque<Outcome<'a>>,
}

/// What the executor remembers of a step while it runs.
#[derive(Default)]
struct StepRun {
    /// How many tasks are not done.
    left: usize,
    /// What fails at the moment: tasks by their index, `None` for the preparation.
    trouble: BTreeMap<Option<usize>, Trouble>,
    /// What its tasks wait for, by their index, as far as they said.
    waiting: BTreeMap<usize, String>,
}

#[derive(Default)]
struct Trouble {
    failures: u32,
    message: String,
}

#[derive(Clone, Copy)]
struct TaskKey {
    step: StepId,
    index: usize,
}

/// An attempt at a task, under way.
type Attempt<'a> = BoxFuture<'a, Result<(), TaskFailure>>;

enum Outcome<'a> {
    /// An attempt ended.
    Ended(TaskKey, Result<(), TaskFailure>),
    /// A retried attempt has run long enough to count as recovered; the rest of it goes on.
    Recovered(TaskKey, Attempt<'a>),
    /// A task says what it waits for; the rest of the attempt goes on.
    Waits(TaskKey, String, Attempt<'a>),
    /// A task has waited out its backoff.
    TaskDue(TaskKey),
    /// A step whose preparation failed has waited out its backoff.
    StepDue(StepId),
}

impl<'a, R: TaskRunner, C: Clock, O: Observer> Execution<'a, R, C, O> {
    async fn run(mut self) -> Result<PlanState, O::Error> {
        loop {
            self.absorb();
            self.start_ready();
            let ended = self.has_ended();
            if ended {
                self.work.clear();
            }
            if self.machine.is_dirty() || self.must_write_ahead() {
                self.record().await?;
            }
            if ended {
                return Ok(self.machine.into_state());
            }
            self.launch();
            self.wait().await;
        }
    }

    fn has_ended(&self) -> bool {
        self.machine.state().status.is_terminal()
    }

    /// Whether a step is about to start of which the observer knows more than the state shows.
    fn must_write_ahead(&self) -> bool {
        !self.starting.is_empty() && self.observer.has_unrecorded()
    }

    /// Applies what has happened.
    fn absorb(&mut self) {
        while !self.has_ended()
            && let Some(outcome) = self.outcomes.pop_front()
        {
            match outcome {
                Outcome::Ended(key, result) => {
                    self.running -= 1;
                    match result {
                        Ok(()) => self.done(key),
                        Err(failure) => self.failed(key.step, Some(key.index), &failure),
                    }
                }
                Outcome::Recovered(key, rest) => {
                    self.recovered(key);
                    self.go_on(key, rest, String::new());
                }
                Outcome::Waits(key, message, rest) => {
                    self.steps[key.step.index()]
                        .waiting
                        .insert(key.index, message.clone());
                    self.show_waiting(key.step);
                    self.go_on(key, rest, message);
                }
                Outcome::TaskDue(key) => self.queue.push_back(key),
                Outcome::StepDue(step) => self.start(step),
            }
        }
    }

    fn done(&mut self, key: TaskKey) {
        self.recovered(key);
        let step = &mut self.steps[key.step.index()];
        let waited = step.waiting.remove(&key.index).is_some();
        step.left -= 1;
        if step.left == 0 {
            self.machine.apply(&Event::StepCompleted { step: key.step });
        } else if waited {
            self.show_waiting(key.step);
        }
    }

    /// Shows what the tasks of a step wait for.
    fn show_waiting(&mut self, step: StepId) {
        let waiting = self.steps[step.index()].waiting.values();
        let message = waiting.map(String::as_str).collect::<Vec<_>>().join(", ");
        self.machine.apply(&Event::StepWaiting { step, message });
    }

    fn recovered(&mut self, key: TaskKey) {
        let step = key.step;
        let trouble = &mut self.steps[step.index()].trouble;
        if trouble.remove(&Some(key.index)).is_none() {
            return;
        }
        let Some(other) = trouble.values().next() else {
            self.machine.apply(&Event::StepRecovered { step });
            return self.show_waiting(step);
        };
        let message = other.message.clone();
        self.machine.apply(&Event::StepFailing { step, message });
    }

    fn failed(&mut self, step: StepId, index: Option<usize>, failure: &TaskFailure) {
        let at = self.graph.step(step);
        let task = index.map(|index| at.tasks[index].as_str());
        self.observer.failed(&at, task, failure);
        let message = shown(&at, task, failure);
        if failure.is_fatal() {
            self.machine.apply(&Event::StepFailed { step, message });
        } else {
            self.fail_for_now(step, index, message);
        }
    }

    fn fail_for_now(&mut self, step: StepId, index: Option<usize>, message: String) {
        let run = &mut self.steps[step.index()];
        if let Some(index) = index {
            run.waiting.remove(&index);
        }
        let trouble = run.trouble.entry(index).or_default();
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.message = message;
        let delay = self.delay(step, index);
        let sleep = self.clock.sleep(delay);
        let due = move || match index {
            Some(index) => Outcome::TaskDue(TaskKey { step, index }),
            None => Outcome::StepDue(step),
        };
        self.work.push(sleep.map(move |()| due()).boxed());
        if let Some(first) = self.steps[step.index()].trouble.values().next() {
            let message = first.message.clone();
            self.machine.apply(&Event::StepFailing { step, message });
        }
    }

    fn delay(&self, step: StepId, index: Option<usize>) -> Duration {
        let failures = self.steps[step.index()]
            .trouble
            .get(&index)
            .map_or(1, |trouble| trouble.failures);
        let number = |index: usize| u64::try_from(index).unwrap_or(u64::MAX);
        let random = mix(&[
            self.options.seed,
            number(step.index()),
            index.map_or(u64::MAX, number),
            u64::from(failures),
        ]);
        self.options.backoff.delay(failures, random)
    }

    /// Prepares the steps whose turn has come; those without tasks are complete at once.
    fn start_ready(&mut self) {
        loop {
            let ready = self.machine.take_ready();
            if ready.is_empty() {
                return;
            }
            for step in ready {
                if self.has_ended() {
                    return;
                }
                self.start(step);
            }
        }
    }

    fn start(&mut self, step: StepId) {
        let at = self.graph.step(step);
        if let Err(failure) = self.runner.prepare(&at) {
            return self.failed(step, None, &failure);
        }
        self.steps[step.index()].trouble.clear();
        self.machine.apply(&Event::StepStarted { step });
        if at.tasks.is_empty() {
            self.machine.apply(&Event::StepCompleted { step });
        } else {
            self.steps[step.index()].left = at.tasks.len();
            self.starting.push(step);
        }
    }

    /// Records the state; what runs goes on meanwhile.
    async fn record(&mut self) -> Result<(), O::Error> {
        record_while(
            self.observer.record(self.machine.state()),
            &mut self.work,
            &mut self.outcomes,
        )
        .await?;
        self.machine.mark_recorded();
        Ok(())
    }

    /// Runs the tasks of recorded steps, as many as there are places.
    fn launch(&mut self) {
        for step in self.starting.drain(..) {
            let tasks = self.graph.step(step).tasks.len();
            self.queue
                .extend((0..tasks).map(|index| TaskKey { step, index }));
        }
        while self.running < self.options.max_concurrent_tasks.max(1)
            && let Some(key) = self.queue.pop_front()
        {
            self.running += 1;
            self.begin(key);
        }
    }

    /// Begins an attempt at a task.
    fn begin(&mut self, key: TaskKey) {
        let (runner, clock, recovery) = (self.runner, self.clock, self.options.recovery);
        let step = self.graph.step(key.step);
        let run = async move { runner.run(&step, &step.tasks[key.index]).await }.boxed();
        let trouble = &self.steps[key.step.index()].trouble;
        if !trouble.contains_key(&Some(key.index)) {
            return self.go_on(key, run, String::new());
        }
        let attempt = async move {
            match select(run, pin!(clock.sleep(recovery))).await {
                Either::Left((result, _)) => Outcome::Ended(key, result),
                Either::Right(((), rest)) => Outcome::Recovered(key, rest),
            }
        };
        self.work.push(attempt.boxed());
    }

    /// Goes on with an attempt until it ends or says what it waits for; `told` is what it said last.
    fn go_on(&mut self, key: TaskKey, run: Attempt<'a>, told: String) {
        let runner = self.runner;
        let step = self.graph.step(key.step);
        let going = async move {
            let word = runner.waits_for(&step, &step.tasks[key.index], &told);
            match select(run, pin!(word)).await {
                Either::Left((result, _)) => Outcome::Ended(key, result),
                Either::Right((message, rest)) => Outcome::Waits(key, message, rest),
            }
        };
        self.work.push(going.boxed());
    }

    /// Waits until something has happened, and takes all that has.
    async fn wait(&mut self) {
        if self.outcomes.is_empty() {
            self.outcomes.extend(self.work.next().await);
        }
        while let Poll::Ready(Some(outcome)) = poll!(self.work.next()) {
            self.outcomes.push_back(outcome);
        }
    }
}

/// What a step shows of a failure, in upstream's words. The place is told once, even if the runner's
/// message begins with it.
fn shown(at: &StepRef<'_>, task: Option<&str>, failure: &TaskFailure) -> String {
    let message = failure.message();
    let place = task.map_or_else(|| at.to_string(), |task| format!("{at}.{task}"));
    let rest = message.strip_prefix(&format!("failed in {place}: "));
    if failure.is_fatal() {
        return if rest.is_some() || message.starts_with(&format!("failed in {at}.")) {
            format!("fatal error: {message}")
        } else {
            format!("fatal error: failed in {place}: {message}")
        };
    }
    let doing = task.map_or("preparing step", |_| "executing task");
    let rest = rest.unwrap_or(message);
    format!("A transient error when {doing} {place}. Will retry. {rest}")
}

/// Awaits the record, and keeps the work going and what comes of it.
async fn record_while<'a, E>(
    record: impl Future<Output = Result<(), E>>,
    work: &mut FuturesUnordered<BoxFuture<'a, Outcome<'a>>>,
    outcomes: &mut VecDeque<Outcome<'a>>,
) -> Result<(), E> {
    let mut record = pin!(record);
    loop {
        match select(record, work.next()).await {
            Either::Left((result, _)) => return result,
            Either::Right((Some(outcome), unfinished)) => {
                outcomes.push_back(outcome);
                record = unfinished;
            }
            Either::Right((None, unfinished)) => return unfinished.await,
        }
    }
}
