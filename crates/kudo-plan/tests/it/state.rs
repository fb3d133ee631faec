//! Recorded states: new, listed, resumed.

use kudo_plan::{PlanState, ResumeError, Status};

use crate::notation::{UID, graph, plan, show, state};

#[test]
fn a_new_state_is_pending_all_over() {
    let table = [
        ("serial", "P"),
        ("serial m:serial[]", "P m:P[]"),
        ("serial m:serial[a(x) b()]", "P m:P[a:P b:P]"),
        ("- m:-[a(x)] n:-[a(x)]", "P m:P[a:P] n:P[a:P]"),
    ];
    for (text, expected) in table {
        let state = PlanState::new(&graph(text), UID);
        assert_eq!(show(&state), expected, "{text}");
        assert_eq!((state.name.as_str(), state.uid.as_str()), ("deploy", UID));
    }
}

#[test]
fn listing_keeps_what_is_recorded_of_the_plan_as_it_is_now() {
    let table = [
        ("serial m:serial[a(x) b()]", None, "N m:N[a:N b:N]"),
        ("serial", None, "N"),
        ("serial m:-[a()]", Some("C m:C[a:C]"), "C m:C[a:C]"),
        ("serial m:-[a() b()]", Some("C m:C[a:C]"), "C m:C[a:C b:N]"),
        (
            "serial m:-[a()] n:-[b()]",
            Some("C m:C[a:C]"),
            "C m:C[a:C] n:N[b:N]",
        ),
        (
            "serial n:-[b()] m:-[a()]",
            Some("C m:C[a:C]"),
            "C n:N[b:N] m:C[a:C]",
        ),
        (
            "serial m:-[b() a()]",
            Some("I m:I[a:C b:I]"),
            "I m:I[b:I a:C]",
        ),
        (
            "serial m:-[a()]",
            Some("C m:C[a:C gone:C] old:C[x:C]"),
            "C m:C[a:C]",
        ),
        (
            "serial m:-[a()]",
            Some(r#"F"bad" m:F[a:F"why"]"#),
            r#"F"bad" m:F[a:F"why"]"#,
        ),
    ];
    for (text, recorded, expected) in table {
        let recorded = recorded.map(state);
        let listed = PlanState::listed("deploy", &plan(text), recorded.as_ref());
        assert_eq!(show(&listed), expected, "{text}");
        let uid = if recorded.is_some() { UID } else { "" };
        assert_eq!(listed.uid, uid);
    }
}

const SERIAL: &str = "serial m:serial[a(x) b(x)] n:serial[c(x)]";
const PARALLEL: &str = "parallel m:parallel[a(x) b(x)] n:-[c(x)]";

#[test]
fn resume_tolerates_what_is_recorded() {
    let table = [
        // As recorded.
        (SERIAL, "P m:P[a:P b:P] n:P[c:P]", "P m:P[a:P b:P] n:P[c:P]"),
        (SERIAL, "I m:I[a:I b:P] n:P[c:P]", "I m:I[a:I b:P] n:P[c:P]"),
        (SERIAL, "I m:I[a:C b:I] n:P[c:P]", "I m:I[a:C b:I] n:P[c:P]"),
        (SERIAL, "I m:C[a:C b:C] n:I[c:I]", "I m:C[a:C b:C] n:I[c:I]"),
        (
            PARALLEL,
            "I m:I[a:I b:C] n:I[c:I]",
            "I m:I[a:I b:C] n:I[c:I]",
        ),
        // Transient errors with their messages.
        (
            SERIAL,
            r#"I m:I[a:E"why" b:P] n:P[c:P]"#,
            r#"I m:I[a:E"why" b:P] n:P[c:P]"#,
        ),
        (
            PARALLEL,
            r#"I m:I[a:E"why" b:C] n:I[c:E]"#,
            r#"I m:I[a:E"why" b:C] n:I[c:E]"#,
        ),
        (SERIAL, "E m:E[a:E b:P] n:P[c:P]", "E m:I[a:E b:P] n:P[c:P]"),
        // Upstream starts a phase before its steps.
        (SERIAL, "I m:I[a:P b:P] n:P[c:P]", "I m:P[a:P b:P] n:P[c:P]"),
        // Upstream marks steps of a serial phase as started when it restarts.
        (SERIAL, "I m:I[a:E b:I] n:I[c:I]", "I m:I[a:E b:P] n:P[c:P]"),
        (
            SERIAL,
            r#"I m:I[a:I b:E"why"] n:P[c:P]"#,
            "I m:I[a:I b:P] n:P[c:P]",
        ),
        // Phases and steps that the operator version got meanwhile.
        (SERIAL, "I m:I[a:C b:N] n:N[c:N]", "I m:I[a:C b:P] n:P[c:P]"),
        (SERIAL, "N m:N[a:N b:N] n:N[c:N]", "N m:P[a:P b:P] n:P[c:P]"),
        // Failed for good, and set back by hand.
        (
            SERIAL,
            r#"P m:F[a:C b:F"why"] n:P[c:P]"#,
            "P m:I[a:C b:P] n:P[c:P]",
        ),
        (
            SERIAL,
            r#"I"x" m:F"y"[a:F"why" b:P] n:P[c:P]"#,
            r#"I"x" m:P[a:P b:P] n:P[c:P]"#,
        ),
        // A complete phase is complete.
        (SERIAL, "I m:C[a:C b:E] n:I[c:I]", "I m:C[a:C b:C] n:I[c:I]"),
        (SERIAL, "I m:C[] n:I[c:I]", "I m:C[a:C b:C] n:I[c:I]"),
        // Complete steps make a complete phase.
        (SERIAL, "I m:I[a:C b:C] n:P[c:P]", "I m:C[a:C b:C] n:P[c:P]"),
        (SERIAL, "I m:I[a:C b:C] n:I[c:C]", "I m:C[a:C b:C] n:C[c:C]"),
        // A complete step after one that is not stays complete.
        (SERIAL, "I m:I[a:I b:C] n:P[c:C]", "I m:I[a:I b:C] n:C[c:C]"),
        // Order and surplus.
        (SERIAL, "I n:P[c:P] m:I[b:P a:C]", "I m:I[a:C b:P] n:P[c:P]"),
        (
            SERIAL,
            "I old:C[z:C] m:I[z:F a:C b:I] n:P[c:P]",
            "I m:I[a:C b:I] n:P[c:P]",
        ),
        (
            SERIAL,
            "I m:I[a:C a:I b:I] m:P[] n:P[c:P]",
            "I m:I[a:C b:I] n:P[c:P]",
        ),
        // Terminal plans are not touched, whatever they hold.
        (SERIAL, "C m:C[a:C b:C] n:C[c:C]", "C m:C[a:C b:C] n:C[c:C]"),
        (SERIAL, "F m:F[a:F b:I] n:P[c:P]", "F m:F[a:F b:I] n:P[c:P]"),
        (SERIAL, "C", "C"),
        (SERIAL, r#"F"bad_plan" z:P[]"#, r#"F"bad_plan" z:P[]"#),
        // Phases without steps.
        (
            "serial e:-[] m:-[a()]",
            "I e:P[] m:P[a:P]",
            "I e:P[] m:P[a:P]",
        ),
        (
            "serial e:-[] m:-[a()]",
            "I e:C[] m:I[a:I]",
            "I e:C[] m:I[a:I]",
        ),
        (
            "serial e:-[] m:-[a()]",
            "I e:N[] m:N[a:N]",
            "I e:P[] m:P[a:P]",
        ),
        ("serial", "P", "P"),
    ];
    for (text, recorded, expected) in table {
        let resumed = PlanState::resume(&graph(text), state(recorded)).unwrap();
        assert_eq!(show(&resumed), expected, "{text}: {recorded}");
        let again = PlanState::resume(&graph(text), resumed.clone()).unwrap();
        assert_eq!(again, resumed, "{text}: {recorded}");
    }
}

#[test]
fn a_new_state_resumes_to_itself() {
    for text in [
        SERIAL,
        PARALLEL,
        "-",
        "serial e:-[]",
        "- m:serial[a() b() c()] e:-[]",
    ] {
        let graph = graph(text);
        let state = PlanState::new(&graph, UID);
        assert_eq!(PlanState::resume(&graph, state.clone()), Ok(state));
    }
}

#[test]
fn what_the_record_lacks_is_named() {
    let table = [
        ("I", "MissingPhaseStatus", "missing phase status: deploy.m"),
        (
            "I m:P[a:P b:P]",
            "MissingPhaseStatus",
            "missing phase status: deploy.n",
        ),
        (
            "P M:P[a:P b:P] n:P[c:P]",
            "MissingPhaseStatus",
            "missing phase status: deploy.m",
        ),
        (
            "I m:P[a:P] n:P[c:P]",
            "MissingStepStatus",
            "missing step status: deploy.m.b",
        ),
        (
            "I m:P[] n:P[c:P]",
            "MissingStepStatus",
            "missing step status: deploy.m.a",
        ),
        (
            "I m:C[] n:P[]",
            "MissingStepStatus",
            "missing step status: deploy.n.c",
        ),
    ];
    for (recorded, reason, message) in table {
        let error = PlanState::resume(&graph(SERIAL), state(recorded)).unwrap_err();
        assert_eq!(error.reason(), reason, "{recorded}");
        assert_eq!(error.to_string(), message, "{recorded}");
    }
}

#[test]
fn a_record_of_another_plan_is_refused() {
    let recorded = PlanState {
        name: "backup".into(),
        ..state("P")
    };
    let error = PlanState::resume(&graph("serial"), recorded).unwrap_err();
    assert_eq!(error.reason(), "InvalidPlan");
    assert_eq!(
        error,
        ResumeError::OtherPlan {
            plan: "deploy".into(),
            recorded: "backup".into()
        }
    );
    assert_eq!(
        error.to_string(),
        r#"the recorded state is of plan "backup", not of plan "deploy""#
    );
}

#[test]
fn refusing_says_why_at_the_plan() {
    let mut refused = state("P m:P[a:P]");
    refused.refuse("no such task");
    assert_eq!(show(&refused), r#"F"no_such_task" m:P[a:P]"#);
}

#[test]
fn the_failure_to_show_is_the_first_fatal_one_or_else_the_first() {
    let table = [
        ("C m:C[a:C]", None),
        ("I m:I[a:I b:P]", None),
        ("I m:I[a:I b:E]", Some(("m", "b"))),
        ("I m:I[a:E b:E]", Some(("m", "a"))),
        ("F m:I[a:E] n:F[a:I b:F]", Some(("n", "b"))),
    ];
    for (text, expected) in table {
        let state = state(text);
        let found = state.failure();
        let found = found.map(|(phase, step)| (phase.name.as_str(), step.name.as_str()));
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn states_are_stored_in_upstreams_shape() {
    let state = state(r#"I m:I[a:E"why" b:P]"#);
    let json = serde_json::to_value(&state).unwrap();
    let expected = serde_json::json!({
        "name": "deploy", "status": "IN_PROGRESS", "uid": "uid-1",
        "phases": [{"name": "m", "status": "IN_PROGRESS", "steps": [
            {"name": "a", "status": "ERROR", "message": "why"},
            {"name": "b", "status": "PENDING"},
        ]}],
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<PlanState>(json).unwrap(), state);
    let sparse = r#"{"name": "deploy", "status": "NEVER_RUN"}"#;
    let sparse: PlanState = serde_json::from_str(sparse).unwrap();
    assert_eq!((sparse.status, sparse.phases.len()), (Status::NeverRun, 0));
}
