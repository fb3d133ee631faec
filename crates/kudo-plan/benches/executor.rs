//! What the engine itself costs: a runner that does nothing and an observer that forgets at once.

use std::{collections::BTreeSet, convert::Infallible, hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::executor::block_on;
use kudo_package::{Phase, Plan, Step, Strategy};
use kudo_plan::{
    Clock, Observer, Options, PlanGraph, PlanState, StepRef, TaskFailure, TaskRunner, execute,
};

struct Nothing;

impl TaskRunner for Nothing {
    fn prepare(&self, _step: &StepRef<'_>) -> Result<(), TaskFailure> {
        Ok(())
    }

    async fn run(&self, _step: &StepRef<'_>, _task: &str) -> Result<(), TaskFailure> {
        Ok(())
    }
}

impl Clock for Nothing {
    async fn sleep(&self, _duration: Duration) {}
}

impl Observer for Nothing {
    type Error = Infallible;

    async fn record(&self, state: &PlanState) -> Result<(), Infallible> {
        black_box(state);
        Ok(())
    }
}

/// A plan of `phases` phases, each with `steps` steps of `tasks` tasks.
fn plan(strategy: Strategy, phases: usize, steps: usize, tasks: usize) -> Plan {
    let step = |name: usize| Step {
        name: format!("step-{name}"),
        tasks: (0..tasks).map(|task| format!("task-{task}")).collect(),
    };
    let phase = |name: usize| Phase {
        name: format!("phase-{name}"),
        strategy: Some(strategy),
        steps: (0..steps).map(step).collect(),
    };
    Plan {
        strategy: Some(Strategy::Serial),
        phases: (0..phases).map(phase).collect(),
    }
}

fn bench(criterion: &mut Criterion) {
    let shapes = [
        ("serial steps", Strategy::Serial, [1, 0, 1]),
        ("parallel steps", Strategy::Parallel, [1, 0, 1]),
        (
            "two phases of parallel steps",
            Strategy::Parallel,
            [2, 0, 1],
        ),
        ("serial phases", Strategy::Serial, [0, 1, 1]),
        ("tasks of one step", Strategy::Serial, [1, 1, 0]),
    ];
    let names: Vec<String> = (0..10_000).map(|task| format!("task-{task}")).collect();
    let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    for (name, strategy, shape) in shapes {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        for size in [100, 1_000, 10_000] {
            let [phases, steps, tasks] = shape.map(|count| if count == 0 { size } else { count });
            let plan = plan(strategy, phases, steps, tasks);
            group.throughput(Throughput::Elements(
                u64::try_from(size).unwrap_or(u64::MAX),
            ));
            group.bench_function(BenchmarkId::new("build", size), |bencher| {
                bencher.iter(|| PlanGraph::build("deploy", black_box(&plan), &known));
            });
            let Ok(graph) = PlanGraph::build("deploy", &plan, &known) else {
                continue;
            };
            group.bench_function(BenchmarkId::new("execute", size), |bencher| {
                bencher.iter(|| {
                    let state = PlanState::new(&graph, "uid");
                    let options = Options::default();
                    block_on(execute(
                        &graph, state, &Nothing, &Nothing, &Nothing, &options,
                    ))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
