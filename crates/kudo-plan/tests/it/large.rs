//! Large plans: what is asked of the ports grows with the plan and no faster.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures::{executor::block_on, future::ready};
use kudo_plan::{Observer, Options, PlanState, Status, StepRef, TaskFailure, TaskRunner, execute};

use crate::notation::{UID, graph};

const SIZE: usize = 2000;

#[derive(Default)]
struct Counts {
    prepared: AtomicUsize,
    run: AtomicUsize,
    recorded: AtomicUsize,
}

impl TaskRunner for Counts {
    fn prepare(&self, _step: &StepRef<'_>) -> Result<(), TaskFailure> {
        self.prepared.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn run(&self, _step: &StepRef<'_>, _task: &str) -> Result<(), TaskFailure> {
        self.run.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Observer for Counts {
    type Error = Infallible;

    async fn record(&self, _state: &PlanState) -> Result<(), Infallible> {
        self.recorded.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn repeated(text: &str) -> String {
    let parts = (0..SIZE).map(|n| text.replace('#', &n.to_string()));
    parts.collect::<Vec<_>>().join(" ")
}

#[test]
fn ports_are_asked_no_more_than_needed() {
    let steps = repeated("s#(x)");
    let tasks = repeated("t#").replace(' ', ",");
    let table = [
        // (plan, steps, tasks, records)
        (format!("serial m:serial[{steps}]"), SIZE, SIZE, SIZE + 1),
        (format!("serial m:parallel[{steps}]"), SIZE, SIZE, 2),
        (
            format!("serial m:-[{steps}] n:-[{steps}]"),
            2 * SIZE,
            2 * SIZE,
            3,
        ),
        (
            format!("parallel m:-[{steps}] n:-[{steps}]"),
            2 * SIZE,
            2 * SIZE,
            2,
        ),
        (
            format!("serial {}", repeated("p#:-[s(x)]")),
            SIZE,
            SIZE,
            SIZE + 1,
        ),
        (format!("serial {}", repeated("p#:serial[s()]")), SIZE, 0, 1),
        (format!("serial m:serial[s({tasks})]"), 1, SIZE, 2),
    ];
    for (plan, steps, tasks, records) in table {
        for max_concurrent_tasks in [64, 10_000] {
            let options = Options {
                max_concurrent_tasks,
                ..Options::default()
            };
            let graph = graph(&plan);
            let counts = Counts::default();
            let state = PlanState::new(&graph, UID);
            let clock = |_| ready(());
            let execution = execute(&graph, state, &counts, &clock, &counts, &options);
            let Ok(state) = block_on(execution);
            assert_eq!(state.status, Status::Complete);
            let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
            let shape = &plan[..20];
            assert_eq!(count(&counts.prepared), steps, "{shape}");
            assert_eq!(count(&counts.run), tasks, "{shape}");
            if max_concurrent_tasks > SIZE {
                assert_eq!(count(&counts.recorded), records, "{shape}");
            } else {
                assert!(count(&counts.recorded) <= steps + 1, "{shape}");
            }
        }
    }
}
