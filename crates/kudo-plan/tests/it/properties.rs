//! Random plans.

use proptest::prelude::*;

/// Plans in the notation of the tests, with up to five phases of up to four steps of up to three tasks.
pub(crate) fn plans() -> impl Strategy<Value = String> {
    let strategy = || prop::sample::select(vec!["serial", "parallel", "-"]);
    let tasks = prop::sample::subsequence(vec!["x", "y", "z"], 0..=3);
    let steps = prop::collection::vec(tasks, 0..5);
    let phases = prop::collection::vec((strategy(), steps), 0..6);
    (strategy(), phases).prop_map(|(plan, phases)| {
        let phases = phases
            .into_iter()
            .enumerate()
            .map(|(p, (strategy, steps))| {
                let steps: Vec<String> = steps
                    .into_iter()
                    .enumerate()
                    .map(|(s, tasks)| format!("s{s}({})", tasks.join(",")))
                    .collect();
                format!(" p{p}:{strategy}[{}]", steps.join(" "))
            });
        phases.fold(plan.to_owned(), |text, phase| text + &phase)
    })
}
