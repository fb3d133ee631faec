//! The state machine: events and what they make of a state.

use kudo_plan::{Event, Machine, PlanGraph, PlanState, Status, StepId, machine};
use proptest::prelude::*;

use crate::notation::{UID, graph, show, state};

/// `m.a+` started, `m.a*` complete, `m.a~why` failing, `m.a=` recovered, `m.a!why` failed for good,
/// `m.a?why` waiting, `.` began.
fn event(graph: &PlanGraph, text: &str) -> Event {
    if text == "." {
        return Event::Began;
    }
    let end = text.find(['+', '*', '~', '=', '!', '?']).unwrap();
    let (phase, name) = text[..end].split_once('.').unwrap();
    let step = graph.find(phase, name).unwrap();
    let message = text[end + 1..].to_owned();
    match &text[end..=end] {
        "+" => Event::StepStarted { step },
        "*" => Event::StepCompleted { step },
        "~" => Event::StepFailing { step, message },
        "=" => Event::StepRecovered { step },
        "?" => Event::StepWaiting { step, message },
        _ => Event::StepFailed { step, message },
    }
}

fn names(graph: &PlanGraph, steps: &[StepId]) -> String {
    let names: Vec<String> = steps
        .iter()
        .map(|id| format!("{}.{}", graph.step(*id).phase, graph.step(*id).step))
        .collect();
    names.join(" ")
}

const SERIAL: &str = "serial m:serial[a(x) b(x)] n:serial[c(x)]";
const PARALLEL: &str = "parallel m:parallel[a(x) b(x)] n:parallel[c(x)]";
const MIXED: &str = "serial m:parallel[a(x) b(x)] e:-[] n:parallel[c(x) d(x)]";

/// Plan, state, events, new state.
const TRANSITIONS: &[[&str; 4]] = &[
    [
        SERIAL,
        "P m:P[a:P b:P] n:P[c:P]",
        ".",
        "I m:P[a:P b:P] n:P[c:P]",
    ],
    [
        SERIAL,
        "P m:P[a:P b:P] n:P[c:P]",
        "m.a+",
        "I m:I[a:I b:P] n:P[c:P]",
    ],
    [
        SERIAL,
        "I m:I[a:I b:P] n:P[c:P]",
        "m.a*",
        "I m:I[a:C b:P] n:P[c:P]",
    ],
    [
        SERIAL,
        "I m:I[a:C b:P] n:P[c:P]",
        "m.b+",
        "I m:I[a:C b:I] n:P[c:P]",
    ],
    [
        SERIAL,
        "I m:I[a:C b:I] n:P[c:P]",
        "m.b*",
        "I m:C[a:C b:C] n:P[c:P]",
    ],
    [
        SERIAL,
        "I m:C[a:C b:C] n:I[c:I]",
        "n.c*",
        "C m:C[a:C b:C] n:C[c:C]",
    ],
    [
        SERIAL,
        "P m:P[a:P b:P] n:P[c:P]",
        "m.a+ m.a* m.b+ m.b* n.c+",
        "I m:C[a:C b:C] n:I[c:I]",
    ],
    [
        SERIAL,
        "P m:P[a:P b:P] n:P[c:P]",
        "m.a+ m.a* m.b+ m.b* n.c+ n.c*",
        "C m:C[a:C b:C] n:C[c:C]",
    ],
    // What is waited for is shown while nothing fails.
    [
        SERIAL,
        "I m:I[a:I b:P] n:P[c:P]",
        "m.a?why",
        r#"I m:I[a:I"why" b:P] n:P[c:P]"#,
    ],
    [
        SERIAL,
        r#"I m:I[a:I"why" b:P] n:P[c:P]"#,
        "m.a?",
        "I m:I[a:I b:P] n:P[c:P]",
    ],
    [
        SERIAL,
        r#"I m:I[a:I"why" b:P] n:P[c:P]"#,
        "m.a+",
        r#"I m:I[a:I"why" b:P] n:P[c:P]"#,
    ],
    [
        SERIAL,
        r#"I m:I[a:I"why" b:P] n:P[c:P]"#,
        "m.a*",
        "I m:I[a:C b:P] n:P[c:P]",
    ],
    [
        SERIAL,
        r#"I m:I[a:E"busy" b:P] n:P[c:P]"#,
        "m.a?why",
        r#"I m:I[a:E"busy" b:P] n:P[c:P]"#,
    ],
    [
        SERIAL,
        "I m:I[a:I b:P] n:P[c:P]",
        "m.b?why",
        "I m:I[a:I b:P] n:P[c:P]",
    ],
    // Transient failures stay at the step.
    [
        SERIAL,
        "I m:I[a:I b:P] n:P[c:P]",
        "m.a~why",
        r#"I m:I[a:E"why" b:P] n:P[c:P]"#,
    ],
    [
        SERIAL,
        r#"I m:I[a:E"why" b:P] n:P[c:P]"#,
        "m.a~other",
        r#"I m:I[a:E"other" b:P] n:P[c:P]"#,
    ],
    [
        SERIAL,
        r#"I m:I[a:E"why" b:P] n:P[c:P]"#,
        "m.a=",
        "I m:I[a:I b:P] n:P[c:P]",
    ],
    [
        SERIAL,
        r#"I m:I[a:E"why" b:P] n:P[c:P]"#,
        "m.a+",
        "I m:I[a:I b:P] n:P[c:P]",
    ],
    [
        SERIAL,
        r#"I m:I[a:E"why" b:P] n:P[c:P]"#,
        "m.a*",
        "I m:I[a:C b:P] n:P[c:P]",
    ],
    [
        SERIAL,
        "I m:I[a:I b:P] n:P[c:P]",
        "m.a=",
        "I m:I[a:I b:P] n:P[c:P]",
    ],
    // A preparation fails before the step starts.
    [
        SERIAL,
        "P m:P[a:P b:P] n:P[c:P]",
        "m.a~why",
        r#"I m:I[a:E"why" b:P] n:P[c:P]"#,
    ],
    [
        SERIAL,
        "P m:P[a:P b:P] n:P[c:P]",
        "m.a!why",
        r#"F m:F[a:F"why" b:P] n:P[c:P]"#,
    ],
    [
        SERIAL,
        "P m:P[a:P b:P] n:P[c:P]",
        "m.a=",
        "I m:P[a:P b:P] n:P[c:P]",
    ],
    // Fatal failures go up, their message does not.
    [
        SERIAL,
        "I m:I[a:I b:P] n:P[c:P]",
        "m.a!why",
        r#"F m:F[a:F"why" b:P] n:P[c:P]"#,
    ],
    [
        SERIAL,
        r#"I m:I[a:E"old" b:P] n:P[c:P]"#,
        "m.a!why",
        r#"F m:F[a:F"why" b:P] n:P[c:P]"#,
    ],
    [
        PARALLEL,
        "I m:I[a:I b:I] n:I[c:I]",
        "m.a!why",
        r#"F m:F[a:F"why" b:I] n:I[c:I]"#,
    ],
    [
        PARALLEL,
        r#"I m:I[a:I b:E"x"] n:I[c:I]"#,
        "n.c!why",
        r#"F m:I[a:I b:E"x"] n:F[c:F"why"]"#,
    ],
    [
        PARALLEL,
        "I m:I[a:C b:I] n:C[c:C]",
        "m.b!why",
        r#"F m:F[a:C b:F"why"] n:C[c:C]"#,
    ],
    // Nothing happens after the end.
    [
        SERIAL,
        "F m:F[a:F b:P] n:P[c:P]",
        ". m.a+ m.a* m.a~x m.a= m.b+",
        "F m:F[a:F b:P] n:P[c:P]",
    ],
    [
        SERIAL,
        "C m:C[a:C b:C] n:C[c:C]",
        ". m.a+ m.a~x n.c!x",
        "C m:C[a:C b:C] n:C[c:C]",
    ],
    [
        PARALLEL,
        "I m:I[a:I b:I] n:I[c:I]",
        "m.a!why m.b* n.c!x",
        r#"F m:F[a:F"why" b:I] n:I[c:I]"#,
    ],
    // Nor before a step's turn, nor after it.
    [
        SERIAL,
        "I m:I[a:I b:P] n:P[c:P]",
        "m.b+ m.b* n.c+ n.c!x",
        "I m:I[a:I b:P] n:P[c:P]",
    ],
    [
        SERIAL,
        "I m:I[a:C b:P] n:P[c:P]",
        "m.a+ m.a~x m.a!x m.a=",
        "I m:I[a:C b:P] n:P[c:P]",
    ],
    // Parallel steps in any order.
    [
        PARALLEL,
        "P m:P[a:P b:P] n:P[c:P]",
        "n.c+ n.c*",
        "I m:P[a:P b:P] n:C[c:C]",
    ],
    [
        PARALLEL,
        "P m:P[a:P b:P] n:P[c:P]",
        "m.b+ m.b*",
        "I m:I[a:P b:C] n:P[c:P]",
    ],
    [
        PARALLEL,
        "P m:P[a:P b:P] n:P[c:P]",
        "m.b* n.c* m.a*",
        "C m:C[a:C b:C] n:C[c:C]",
    ],
    [
        PARALLEL,
        "I m:I[a:I b:I] n:I[c:I]",
        "m.a~x m.b*",
        r#"I m:I[a:E"x" b:C] n:I[c:I]"#,
    ],
    // Phases without steps are complete when they are reached.
    [
        MIXED,
        "P m:P[a:P b:P] e:P[] n:P[c:P d:P]",
        "m.a*",
        "I m:I[a:C b:P] e:P[] n:P[c:P d:P]",
    ],
    [
        MIXED,
        "P m:P[a:P b:P] e:P[] n:P[c:P d:P]",
        "m.a* m.b*",
        "I m:C[a:C b:C] e:C[] n:P[c:P d:P]",
    ],
    [
        "serial e:-[] m:-[a()]",
        "P e:P[] m:P[a:P]",
        ".",
        "I e:C[] m:P[a:P]",
    ],
    [
        "parallel m:-[a()] e:-[]",
        "P m:P[a:P] e:P[]",
        ".",
        "I m:P[a:P] e:C[]",
    ],
    [
        "serial m:-[a()] e:-[]",
        "P m:P[a:P] e:P[]",
        "m.a*",
        "C m:C[a:C] e:C[]",
    ],
    ["serial e:-[]", "P e:P[]", ".", "C e:C[]"],
    ["serial e:-[] f:-[]", "N e:N[] f:N[]", ".", "C e:C[] f:C[]"],
    ["serial", "P", ".", "C"],
    ["-", "N", ".", "C"],
    // What is recorded is taken up.
    [
        SERIAL,
        "I m:I[a:C b:C] n:I[c:C]",
        ".",
        "C m:C[a:C b:C] n:C[c:C]",
    ],
    [
        SERIAL,
        "I m:I[a:E b:I] n:I[c:I]",
        "m.a*",
        "I m:I[a:C b:P] n:P[c:P]",
    ],
    [
        SERIAL,
        "I m:I[a:I b:C] n:P[c:P]",
        "m.a*",
        "I m:C[a:C b:C] n:P[c:P]",
    ],
    [
        SERIAL,
        r#"E"old" m:I[a:I b:P] n:P[c:P]"#,
        ".",
        "I m:I[a:I b:P] n:P[c:P]",
    ],
    // A state of another plan is left alone.
    [SERIAL, "I m:I[a:I b:P]", "m.a*", "I m:I[a:I b:P]"],
    [SERIAL, "I", ". m.a+", "I"],
];

#[test]
fn events_lead_from_state_to_state() {
    for [text, before, events, after] in TRANSITIONS.iter().copied() {
        let graph = graph(text);
        let mut pure = state(before);
        for text in events.split(' ') {
            pure = machine::apply(&graph, &pure, &event(&graph, text));
        }
        assert_eq!(show(&pure), after, "{text}: {before} {events}");
        if let Ok(mut machine) = Machine::new(&graph, state(before)) {
            for text in events.split(' ') {
                machine.apply(&event(&graph, text));
            }
            assert_eq!(show(machine.state()), after, "{text}: {before} {events}");
        }
    }
}

#[test]
fn steps_whose_turn_has_come_are_ready() {
    let table = [
        (SERIAL, "P m:P[a:P b:P] n:P[c:P]", "m.a"),
        (SERIAL, "I m:I[a:I b:P] n:P[c:P]", "m.a"),
        (SERIAL, "I m:I[a:E b:P] n:P[c:P]", "m.a"),
        (SERIAL, "I m:I[a:C b:P] n:P[c:P]", "m.b"),
        (SERIAL, "I m:I[a:C b:C] n:P[c:P]", "n.c"),
        (SERIAL, "I m:C[a:C b:E] n:P[c:P]", "n.c"),
        (SERIAL, "I m:I[a:P b:C] n:P[c:P]", "m.a"),
        (SERIAL, "I m:I[a:E b:I] n:I[c:I]", "m.a"),
        (SERIAL, "N m:N[a:N b:N] n:N[c:N]", "m.a"),
        (SERIAL, "P m:F[a:F b:P] n:P[c:P]", "m.a"),
        (SERIAL, "F m:F[a:F b:P] n:P[c:P]", ""),
        (SERIAL, "C m:C[a:C b:C] n:C[c:C]", ""),
        (SERIAL, "I m:C[a:C b:C] n:C[c:C]", ""),
        (SERIAL, "I m:I[a:I b:P]", ""),
        (SERIAL, "I", ""),
        (PARALLEL, "P m:P[a:P b:P] n:P[c:P]", "m.a m.b n.c"),
        (PARALLEL, "I m:I[a:I b:C] n:P[c:E]", "m.a n.c"),
        (MIXED, "P m:P[a:P b:P] e:P[] n:P[c:P d:P]", "m.a m.b"),
        (MIXED, "P m:I[a:I b:C] e:P[] n:P[c:P d:P]", "m.a"),
        (MIXED, "P m:I[a:C b:C] e:P[] n:P[c:P d:P]", "n.c n.d"),
        ("serial e:-[] m:-[a()]", "P e:P[] m:P[a:P]", "m.a"),
        ("serial", "P", ""),
        ("serial e:-[]", "P e:P[]", ""),
    ];
    for (text, recorded, expected) in table {
        let graph = graph(text);
        let ready = machine::ready(&graph, &state(recorded));
        assert_eq!(names(&graph, &ready), expected, "{text}: {recorded}");
    }
}

#[test]
fn a_machine_gives_each_step_once_and_knows_what_is_unrecorded() {
    let graph = graph(SERIAL);
    let mut machine = Machine::new(&graph, PlanState::new(&graph, UID)).unwrap();
    let ready = |machine: &mut Machine<'_>| {
        let ready: Vec<StepId> = machine.take_ready().into_iter().collect();
        names(&graph, &ready)
    };
    assert!(machine.is_dirty(), "the plan has begun");
    assert_eq!(ready(&mut machine), "m.a");
    assert_eq!(ready(&mut machine), "");
    machine.mark_recorded();
    assert!(!machine.is_dirty());
    machine.apply(&event(&graph, "m.a~why"));
    assert!(machine.is_dirty());
    machine.mark_recorded();
    machine.apply(&event(&graph, "m.a~why"));
    assert!(!machine.is_dirty(), "the same once more");
    machine.apply(&event(&graph, "m.a="));
    assert!(machine.is_dirty());
    machine.apply(&event(&graph, "m.a~why"));
    assert!(!machine.is_dirty(), "there and back");
    machine.apply(&event(&graph, "m.a*"));
    assert_eq!(ready(&mut machine), "m.b");
    assert!(machine.is_dirty());
}

#[test]
fn a_resumed_machine_is_not_dirty_until_something_changes() {
    let table = [
        ("I m:I[a:I b:P] n:P[c:P]", false),
        ("I m:I[a:C b:P] n:P[c:P]", false),
        ("C m:C[a:C b:C] n:C[c:C]", false),
        ("F m:F[a:F b:P] n:P[c:P]", false),
        ("P m:P[a:P b:P] n:P[c:P]", true),
        ("N m:P[a:P b:P] n:P[c:P]", true),
        ("I m:C[a:C b:C] n:C[c:C]", true),
    ];
    for (recorded, dirty) in table {
        let graph = graph(SERIAL);
        let mut machine = Machine::new(&graph, state(recorded)).unwrap();
        assert_eq!(machine.is_dirty(), dirty, "{recorded}");
    }
}

/// What follows from the statuses of the steps, told the slow way.
fn check_aggregation(graph: &PlanGraph, state: &PlanState) -> Result<(), TestCaseError> {
    let fatal = state
        .phases
        .iter()
        .flat_map(|phase| &phase.steps)
        .filter(|step| step.status == Status::FatalError)
        .count();
    prop_assert_eq!(fatal, usize::from(state.status == Status::FatalError));
    for (phase, shape) in state.phases.iter().zip(graph.phases()) {
        let all = |status| phase.steps.iter().all(|step| step.status == status);
        let any = |status| phase.steps.iter().any(|step| step.status == status);
        let expected = if any(Status::FatalError) {
            Status::FatalError
        } else if phase.steps.is_empty() {
            phase.status
        } else if all(Status::Complete) {
            Status::Complete
        } else if all(Status::Pending) {
            Status::Pending
        } else {
            Status::InProgress
        };
        prop_assert_eq!(phase.status, expected, "{} {}", shape.name, show(state));
    }
    let complete = state.phases.iter().all(|p| p.status == Status::Complete);
    prop_assert_eq!(
        state.status == Status::Complete,
        complete,
        "{}",
        show(state)
    );
    Ok(())
}

proptest! {
    /// The machine in place, the pure functions and a slow look at the graph agree, whatever happens.
    #[test]
    fn all_ways_to_the_new_state_agree(
        plan in crate::properties::plans(),
        events in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 0..60),
    ) {
        let graph = graph(&plan);
        let mut pure = PlanState::new(&graph, UID);
        let mut machine = Machine::new(&graph, pure.clone()).unwrap();
        pure = machine::apply(&graph, &pure, &Event::Began);
        let mut seen: Vec<StepId> = machine.take_ready().into_iter().collect();
        for (index, kind) in events {
            if graph.is_empty() {
                break;
            }
            let step = graph.nodes().nth(index.index(graph.len())).unwrap();
            let message = format!("message {kind}");
            let event = match kind {
                0..=1 => Event::StepStarted { step },
                2..=4 => Event::StepCompleted { step },
                5 => Event::StepFailing { step, message },
                6 => Event::StepRecovered { step },
                _ if index.index(5) == 0 => Event::StepFailed { step, message },
                _ => Event::Began,
            };
            machine.apply(&event);
            pure = machine::apply(&graph, &pure, &event);
            prop_assert_eq!(machine.state(), &pure);
            check_aggregation(&graph, &pure)?;
            seen.extend(machine.take_ready());
            let status = |id: StepId| {
                let step = graph.step(id);
                let phase = pure.phases.iter().find(|p| p.name == step.phase).unwrap();
                phase.steps.iter().find(|s| s.name == step.step).unwrap().status
            };
            let slow: Vec<StepId> = graph
                .nodes()
                .filter(|_| !pure.status.is_terminal())
                .filter(|id| status(*id) != Status::Complete)
                .filter(|id| graph.waits_for(*id).iter().all(|b| status(*b) == Status::Complete))
                .collect();
            prop_assert_eq!(machine::ready(&graph, &pure), slow);
        }
        let given = seen.len();
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(given, seen.len(), "a step was given twice");
    }
}
