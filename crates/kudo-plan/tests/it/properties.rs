//! Random plans under random faults.

use kudo_plan::Status;
use proptest::prelude::*;

use crate::{
    notation::{graph, show},
    trial::{Chances, Faults, Outcome, Trial, places, status},
};

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

fn faults() -> impl Strategy<Value = Faults> {
    let fatal = prop::option::weighted(0.3, 0..12_usize);
    (0..6_usize, 0..6_usize, 0..3_usize, 0..4_usize, fatal).prop_map(
        |(drops, transient, unprepared, lost, fatal)| Faults {
            drops,
            transient,
            unprepared,
            lost,
            fatal,
        },
    )
}

fn trials() -> impl Strategy<Value = Trial> {
    let chances = prop::collection::vec(any::<u16>(), 0..400);
    (
        plans(),
        faults(),
        chances,
        prop_oneof![1..4_usize, Just(1000)],
    )
        .prop_map(|(plan, faults, chances, max_concurrent_tasks)| Trial {
            faults,
            chances: Chances::new(chances),
            max_concurrent_tasks,
            ..Trial::new(&plan)
        })
}

/// What must hold at the end of any trial.
fn check_end(plan: &str, fatal: Option<usize>, outcome: &Outcome) -> Result<(), TestCaseError> {
    let graph = graph(plan);
    let fatal = fatal.and_then(|n| places(&graph).nth(n));
    let end = &outcome.end;
    let bound = 1 + 2 * graph.len() + 2 * outcome.failures + outcome.lives;
    prop_assert!(outcome.records <= bound, "{} records", outcome.records);
    let Some(fatal) = fatal else {
        prop_assert_eq!(end.status, Status::Complete);
        for id in graph.nodes() {
            prop_assert_eq!(status(&graph, end, id), Status::Complete);
        }
        for place in places(&graph) {
            prop_assert!(outcome.done.contains(&place), "{} did not run", place);
        }
        return Ok(());
    };
    prop_assert_eq!(end.status, Status::FatalError);
    let (phase, step) = end.failure().expect("a step has failed");
    let place = format!("{}.{}.", phase.name, step.name);
    prop_assert!(fatal.starts_with(&place), "{} but {}", fatal, place);
    prop_assert_eq!(phase.status, Status::FatalError);
    for id in graph.nodes() {
        let at = graph.step(id);
        let here = (at.phase, at.step) == (phase.name.as_str(), step.name.as_str());
        prop_assert_eq!(status(&graph, end, id) == Status::FatalError, here);
        let before = graph.waits_for(id);
        let turn = before
            .iter()
            .all(|id| status(&graph, end, *id) == Status::Complete);
        let pending = status(&graph, end, id) == Status::Pending;
        prop_assert!(turn || pending, "{} has started before its turn", at);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Serial order holds, all tasks of a completed plan ran, a completed step never runs again, and the
    /// records are bounded, whatever fails and wherever the execution is dropped.
    #[test]
    fn the_rules_hold_under_any_faults(trial in trials()) {
        let (plan, fatal) = (trial.plan.clone(), trial.faults.fatal);
        match trial.run() {
            Ok(outcome) => check_end(&plan, fatal, &outcome)?,
            Err(violation) => prop_assert!(false, "{}", violation),
        }
    }

    /// A plan whose steps all follow each other ends the same as undisturbed, even if it fails.
    #[test]
    fn faults_do_not_change_the_end(trial in trials()) {
        let plan = trial.plan.replace("parallel", "serial").replace('-', "serial");
        let undisturbed = Trial {
            faults: Faults { fatal: trial.faults.fatal, ..Faults::default() },
            ..Trial::new(&plan)
        };
        let undisturbed = undisturbed.run().map_err(TestCaseError::fail)?;
        let disturbed = Trial { plan, ..trial }.run().map_err(TestCaseError::fail)?;
        prop_assert_eq!(disturbed.end, undisturbed.end);
    }
}

const PLANS: [&str; 7] = [
    "serial m:serial[a(x)]",
    "serial m:serial[a(x,y) b(x) c()] n:serial[d(x)]",
    "serial m:parallel[a(x) b(x)] e:-[] n:parallel[c(x) d(y)]",
    "parallel m:serial[a(x) b(x)] n:serial[c(x) d(y)]",
    "- m:-[a(x,y,z) b() c(x)]",
    "serial m:serial[a() b()] n:serial[c() d(x)] o:serial[f()]",
    "serial e:-[]",
];

/// Each plan is dropped before each event, with the record under way made or not, and goes on.
#[test]
fn drop_and_resume_at_any_event_gives_the_same_end() {
    for plan in PLANS {
        let undisturbed = Trial::new(plan).run().unwrap();
        assert!(undisturbed.events > 0, "{plan}");
        for at in 0..undisturbed.events {
            for made in [false, true] {
                let mut trial = Trial::new(plan);
                trial.faults.drops = 1;
                trial.drop_at = Some((at, made));
                let case = format!("{plan} dropped before event {at}, record made: {made}");
                let outcome = trial.run().unwrap_or_else(|rule| panic!("{case}: {rule}"));
                assert_eq!(outcome.lives, 2, "{case}");
                assert_eq!(show(&outcome.end), show(&undisturbed.end), "{case}");
                for place in &outcome.done {
                    let times = outcome.done.iter().filter(|done| *done == place).count();
                    assert!(times <= 2, "{case}: {place} ran {times} times");
                }
                assert!(outcome.records <= undisturbed.records + 1, "{case}");
            }
        }
    }
}

/// Undisturbed, a record is made at the start and whenever a step with tasks ends.
#[test]
fn an_undisturbed_execution_makes_no_more_records_than_steps_end() {
    let table = [
        ("serial", 1),
        ("serial e:-[]", 1),
        ("serial m:serial[a() b() c()]", 1),
        ("serial m:serial[a(x)]", 2),
        ("serial m:serial[a(x,y,z)]", 2),
        ("serial m:serial[a(x) b(x) c(x)]", 4),
        ("serial m:serial[a(x) b() c(x)] e:-[]", 3),
        ("serial m:serial[a(x)] n:serial[a(x)] o:serial[a(x)]", 4),
    ];
    for (plan, records) in table {
        assert_eq!(Trial::new(plan).run().unwrap().records, records, "{plan}");
    }
}
