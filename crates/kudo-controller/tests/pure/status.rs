//! States to records and back.

use kudo_api::instance::InstanceStatus;
use kudo_controller::status::{
    from_recorded, list_plans, record_plan, running_plan, to_recorded, was_any_run,
};
use kudo_plan::{PhaseState, PlanState, Status, StepState};

use crate::fixture::{With, instance, operator, time};

fn state(name: &str, status: Status) -> PlanState {
    PlanState {
        name: name.to_owned(),
        status,
        message: None,
        uid: "uid".to_owned(),
        phases: vec![PhaseState {
            name: "phase".to_owned(),
            status,
            message: Some("said".to_owned()),
            steps: vec![StepState {
                name: "step".to_owned(),
                status,
                message: None,
            }],
        }],
    }
}

#[test]
fn every_state_survives_the_record() {
    for status in Status::ALL {
        let state = state("deploy", status);
        let recorded = to_recorded(&state, Some(time(5)));
        assert_eq!(recorded.status, status.as_str());
        assert_eq!(recorded.phases[0].message, "said");
        assert_eq!(from_recorded("deploy", &recorded), state);
    }
}

#[test]
fn unknown_words_read_as_never_run() {
    let mut recorded = to_recorded(&state("deploy", Status::Complete), None);
    recorded.status = "BROKEN".to_owned();
    recorded.phases[0].status = String::new();
    let state = from_recorded("deploy", &recorded);
    assert_eq!(state.status, Status::NeverRun);
    assert_eq!(state.phases[0].status, Status::NeverRun);
    assert_eq!(state.phases[0].steps[0].status, Status::Complete);
}

#[test]
fn long_messages_are_cut_at_a_character() {
    let mut long = state("deploy", Status::Error);
    long.message = Some("ä".repeat(5000));
    let recorded = to_recorded(&long, None);
    assert!(recorded.message.len() <= 4096, "{}", recorded.message.len());
    assert!(recorded.message.ends_with("ä…"));
}

#[test]
fn plans_are_listed_and_history_is_kept() {
    let mut status = InstanceStatus::default();
    record_plan(&mut status, &state("gone", Status::Complete), &time(1));
    record_plan(&mut status, &state("deploy", Status::Complete), &time(2));
    list_plans(&mut status, &operator("deploy update", ""));
    let shown: Vec<(&str, &str)> = status
        .plan_status
        .iter()
        .map(|(name, plan)| (name.as_str(), plan.status.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("deploy", "COMPLETE"),
            ("gone", "COMPLETE"),
            ("update", "NEVER_RUN")
        ]
    );
    let deploy = &status.plan_status["deploy"];
    assert_eq!(deploy.last_updated_timestamp, Some(time(2)));
    assert_eq!(deploy.uid, "uid");
    assert_eq!(status.plan_status["update"].phases[0].status, "NEVER_RUN");
    assert_eq!(status.plan_status["update"].last_updated_timestamp, None);
}

#[test]
fn a_plan_that_replaces_a_running_one_ends_its_record() {
    let mut status = InstanceStatus::default();
    record_plan(&mut status, &state("deploy", Status::InProgress), &time(1));
    assert_eq!(running_plan(&status).unwrap().0, "deploy");
    record_plan(&mut status, &state("cleanup", Status::InProgress), &time(2));
    assert_eq!(status.plan_status["deploy"].status, "FATAL_ERROR");
    assert_eq!(
        status.plan_status["deploy"].message,
        "interrupted by plan \"cleanup\""
    );
    assert_eq!(running_plan(&status).unwrap().0, "cleanup");
    let active = status.active_plan.unwrap();
    assert_eq!(
        (active.name.as_str(), active.status.as_str()),
        ("cleanup", "IN_PROGRESS")
    );
}

#[test]
fn what_ran_and_what_runs() {
    type Plans<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Plans<'_>, bool, Option<&str>); 5] = [
        (&[], false, None),
        (&[("deploy", "NEVER_RUN")], false, None),
        (
            &[("deploy", "COMPLETE"), ("update", "NEVER_RUN")],
            true,
            None,
        ),
        (
            &[("deploy", "COMPLETE"), ("update", "ERROR")],
            true,
            Some("update"),
        ),
        (&[("a", "PENDING"), ("b", "IN_PROGRESS")], true, Some("b")),
    ];
    for (plans, any, running) in cases {
        let mut instance = instance("");
        for (name, status) in plans {
            instance = instance.plan(name, status, "u");
        }
        let status = instance.status.unwrap_or_default();
        assert_eq!(was_any_run(&status), any, "{plans:?}");
        assert_eq!(
            running_plan(&status).map(|(name, _)| name),
            running,
            "{plans:?}"
        );
    }
}
