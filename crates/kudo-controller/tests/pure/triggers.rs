//! Which plan a change runs.

use kudo_controller::triggers::{
    TriggerError, automatic_plans, on_create, on_delete, on_parameters, on_upgrade,
};
use kudo_package::Parameter;

use crate::fixture::{operator, parameter};

#[test]
fn a_new_version_runs_upgrade_else_update_else_deploy() {
    let cases = [
        ("deploy update upgrade cleanup", Some("upgrade")),
        ("deploy update", Some("update")),
        ("deploy upgrade", Some("upgrade")),
        ("deploy", Some("deploy")),
        ("update", Some("update")),
        ("upgrade", Some("upgrade")),
        ("cleanup backup", None),
        ("", None),
    ];
    for (plans, expected) in cases {
        assert_eq!(on_upgrade(&operator(plans, "")).ok(), expected, "{plans}");
    }
}

#[test]
fn creation_runs_deploy_and_nothing_else() {
    let cases = [
        ("deploy", Some("deploy")),
        ("deploy update upgrade", Some("deploy")),
        ("update upgrade", None),
        ("", None),
    ];
    for (plans, expected) in cases {
        assert_eq!(on_create(&operator(plans, "")).ok(), expected, "{plans}");
    }
    let error = on_create(&operator("update", "")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the operator version has none of the plans deploy"
    );
}

#[test]
fn deletion_runs_cleanup_if_there_is_one() {
    assert_eq!(on_delete(&operator("deploy", "")), None);
    assert_eq!(on_delete(&operator("deploy cleanup", "")), Some("cleanup"));
}

#[test]
fn parameters_run_what_they_name() {
    let all = "deploy update upgrade backup restore";
    // plans, changed parameters, expected plan or kind of error
    let cases = [
        (all, "", "none"),
        (all, "A", "update"),
        (all, "A:backup", "backup"),
        (all, "A:deploy", "deploy"),
        (all, "A:backup B:backup", "backup"),
        (all, "A:backup B", "backup"),
        (all, "A B", "update"),
        (all, "A:backup B:restore", "several backup,restore"),
        (
            all,
            "A:restore B:backup C:restore",
            "several backup,restore",
        ),
        (all, "A:deploy B:update", "several deploy,update"),
        (all, "A:missing", "unknown missing"),
        (all, "A:backup B:missing", "unknown missing"),
        ("deploy", "A", "deploy"),
        ("deploy upgrade", "A", "deploy"),
        ("update", "A", "update"),
        ("backup", "A", "no plan"),
        ("backup", "A:backup", "backup"),
        ("", "A", "no plan"),
        ("", "", "none"),
    ];
    for (plans, changed, expected) in cases {
        let definition = operator(plans, changed);
        let changed: Vec<&Parameter> = definition.parameters.iter().collect();
        let answer = match on_parameters(&changed, &definition) {
            Ok(None) => "none".to_owned(),
            Ok(Some(plan)) => plan.to_owned(),
            Err(TriggerError::NoPlan { .. }) => "no plan".to_owned(),
            Err(TriggerError::UnknownTrigger { plan, .. }) => format!("unknown {plan}"),
            Err(TriggerError::SeveralPlans { plans }) => format!("several {}", plans.join(",")),
        };
        assert_eq!(answer, expected, "plans {plans:?}, changed {changed:?}");
    }
}

#[test]
fn an_empty_trigger_is_no_trigger() {
    let definition = operator("deploy update", "");
    let mut changed = parameter("A");
    changed.trigger = Some(String::new());
    assert_eq!(on_parameters(&[&changed], &definition), Ok(Some("update")));
}

#[test]
fn an_unknown_trigger_comes_with_a_hint() {
    let definition = operator("deploy backup", "A:bakcup");
    let error = on_parameters(&[&definition.parameters[0]], &definition).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter \"A\" triggers plan \"bakcup\", which the operator version does not define (did \
         you mean \"backup\"?)"
    );
}

#[test]
fn plans_that_run_by_themselves() {
    let definition = operator("deploy backup node_update", "A:node_update B C:deploy");
    let plans: Vec<&str> = automatic_plans(&definition).into_iter().collect();
    assert_eq!(plans, ["deploy", "node_update", "update", "upgrade"]);
}
