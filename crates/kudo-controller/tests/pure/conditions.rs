//! The conditions `Ready` and `Accepted`.

use kudo_api::instance::InstanceStatus;
use kudo_controller::conditions::{Wanted, is_refused, ready_at_start};

use crate::fixture::time;

#[test]
fn written_only_when_something_changed() {
    let mut status = InstanceStatus::default();
    let steps = [
        (
            Wanted::plan_in_progress(),
            true,
            "Unknown",
            "PlanInProgress",
            1,
        ),
        (
            Wanted::plan_in_progress(),
            false,
            "Unknown",
            "PlanInProgress",
            1,
        ),
        (
            Wanted::plan_in_fatal_error(),
            true,
            "Unknown",
            "PlanInFatalError",
            1,
        ),
        (Wanted::not_ready("a"), true, "False", "ResourceNotReady", 4),
        (
            Wanted::not_ready("a, b"),
            true,
            "False",
            "ResourceNotReady",
            4,
        ),
        (
            Wanted::not_ready("a, b"),
            false,
            "False",
            "ResourceNotReady",
            4,
        ),
        (Wanted::ready(), true, "True", "ResourcesReady", 7),
        (Wanted::ready(), false, "True", "ResourcesReady", 7),
    ];
    for (second, (wanted, differs, state, reason, since)) in (1..).zip(steps) {
        assert_eq!(wanted.differs_from(&status), differs, "step {second}");
        wanted.apply(&mut status, &time(second));
        let ready = status.condition("Ready").unwrap();
        assert_eq!(
            (ready.status.as_str(), ready.reason.as_str()),
            (state, reason)
        );
        assert_eq!(ready.last_transition_time, time(since), "step {second}");
    }
    assert_eq!(status.conditions.len(), 1);
}

#[test]
fn refusals_are_turned_back() {
    let mut status = InstanceStatus::default();
    assert!(!is_refused(&status));
    Wanted::refused("UnknownPlan", "why").apply(&mut status, &time(1));
    assert!(is_refused(&status));
    assert_eq!(status.condition("Accepted").unwrap().message, "why");
    Wanted::accepted().apply(&mut status, &time(2));
    assert!(!is_refused(&status));
    assert_eq!(
        status.condition("Accepted").unwrap().last_transition_time,
        time(2)
    );
}

#[test]
fn only_plans_of_the_life_cycle_leave_readiness_open() {
    for (plan, open) in [
        ("deploy", true),
        ("update", true),
        ("upgrade", true),
        ("backup", false),
        ("cleanup", false),
        ("node_update", false),
    ] {
        assert_eq!(ready_at_start(plan).is_some(), open, "{plan}");
    }
}
