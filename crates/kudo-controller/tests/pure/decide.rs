//! Decisions about instances that live.

use kudo_api::Instance;
use kudo_api::instance::InventoryEntry;
use kudo_api::names::CLEANUP_FINALIZER;
use kudo_controller::conditions::Wanted;
use kudo_controller::decide::{Action, Decision, Lookup, Notice, Observation, decide};
use kudo_package::OperatorDefinition;

use crate::fixture::{With, instance, operator, status, time};

/// What a decision comes to, in a few words.
pub(crate) fn words(decision: &Decision) -> String {
    let action = match &decision.action {
        Action::Idle => "idle".to_owned(),
        Action::Prepare(preparation) => {
            let mut parts = vec!["prepare".to_owned()];
            if let Some(finalizers) = &preparation.finalizers {
                parts.push(format!("finalizers=[{}]", finalizers.join(",")));
            }
            for (name, value) in &preparation.parameters {
                parts.push(match value {
                    Some(value) => format!("{name}={value}"),
                    None => format!("-{name}"),
                });
            }
            if preparation.request_uid {
                parts.push("uid".to_owned());
            }
            parts.join(" ")
        }
        Action::Accept(accepted) => format!("accept {}", accepted.operator_version),
        Action::Start(start) => {
            let uid = start.uid.as_deref().unwrap_or("new");
            let from = start.upgraded_from.as_deref();
            let from = from.map(|v| format!(" from {v}")).unwrap_or_default();
            format!("start {} {uid}{from}", start.plan)
        }
        Action::Resume { plan, uid } => format!("resume {plan} {uid}"),
        Action::ClearRequest => "clear".to_owned(),
        Action::Prune => "prune".to_owned(),
        Action::Sweep => "sweep".to_owned(),
        Action::FinishDeletion { skipped_cleanup } => {
            let reason = skipped_cleanup.as_deref();
            let reason = reason.map(|r| format!(" ({r})")).unwrap_or_default();
            format!("finish{reason}")
        }
    };
    match &decision.notice {
        Notice::None => action,
        Notice::Refused { reason, .. } => format!("{action} !{reason}"),
        Notice::Accepted => format!("{action} !ok"),
    }
}

const V1: (&str, &str) = (
    "deploy update cleanup backup",
    "foo:deploy bar:update fixed:deploy:!:=f back:backup",
);
const PLAIN: (&str, &str) = ("deploy update backup", "foo:deploy bar:update back:backup");

fn ask(
    instance: &Instance,
    wanted: Option<&OperatorDefinition>,
    accepted: Option<&OperatorDefinition>,
) -> String {
    let lookup = |definition: Option<_>| definition.map_or(Lookup::Missing, Lookup::Found);
    words(&decide(&Observation {
        instance,
        wanted: lookup(wanted),
        accepted: lookup(accepted),
    }))
}

fn ask_same(instance: &Instance, (plans, parameters): (&str, &str)) -> String {
    let definition = operator(plans, parameters);
    ask(instance, Some(&definition), Some(&definition))
}

#[test]
fn a_new_instance() {
    let cleanup = [CLEANUP_FINALIZER];
    let cases = [
        (instance(""), PLAIN, "start deploy new"),
        (instance("foo=1"), PLAIN, "start deploy new"),
        (instance("nonsense=1"), PLAIN, "idle !UnknownParameter"),
        (instance(""), ("update", ""), "idle !NoDeployPlan"),
        (
            instance(""),
            V1,
            "prepare finalizers=[kudo.dev.instance.cleanup] fixed=f",
        ),
        (instance("").finalizers(&cleanup), V1, "prepare fixed=f"),
        (
            instance("fixed=x").finalizers(&cleanup),
            V1,
            "start deploy new",
        ),
        // upstream's webhook, or a person, may have scheduled deploy already
        (
            instance("").request("deploy", "u1"),
            PLAIN,
            "start deploy u1",
        ),
        (instance("").request("deploy", ""), PLAIN, "prepare uid"),
        (
            instance("").request("backup", "u1"),
            PLAIN,
            "start deploy new",
        ),
        // upstream lists plans before it runs one
        (
            instance("").plan("deploy", "NEVER_RUN", ""),
            PLAIN,
            "start deploy new",
        ),
    ];
    for (number, (instance, definition, expected)) in cases.iter().enumerate() {
        assert_eq!(ask_same(instance, *definition), *expected, "case {number}");
    }
    assert_eq!(
        ask(&instance(""), None, None),
        "idle !InvalidOperatorVersion"
    );
}

#[test]
fn an_instance_of_upstreams() {
    let cases = [
        instance("").plan("deploy", "COMPLETE", "u"),
        instance("").plan("deploy", "IN_PROGRESS", "u"),
        instance("")
            .plan("deploy", "COMPLETE", "u")
            .request("backup", "v"),
    ];
    for (number, instance) in cases.iter().enumerate() {
        assert_eq!(ask_same(instance, PLAIN), "accept v1", "case {number}");
        assert_eq!(ask(instance, None, None), "accept v1", "case {number}");
    }
}

fn settled(parameters: &str) -> Instance {
    instance(parameters)
        .accepted("v1", "foo=1")
        .plan("deploy", "COMPLETE", "u")
}

fn running(parameters: &str) -> Instance {
    instance(parameters)
        .accepted("v1", "foo=1")
        .plan("deploy", "IN_PROGRESS", "u")
}

#[test]
fn a_settled_instance() {
    let cases = vec![
        (settled("foo=1"), PLAIN, "idle"),
        (settled("foo=2"), PLAIN, "start deploy new"),
        (settled("foo=1 bar=2"), PLAIN, "start update new"),
        (settled("foo=2 bar=2"), PLAIN, "idle !SeveralPlans"),
        (settled("foo=1 x=2"), PLAIN, "idle !UnknownParameter"),
        (
            settled("foo=1").request("backup", "v"),
            PLAIN,
            "start backup v",
        ),
        (settled("foo=1").request("backup", ""), PLAIN, "prepare uid"),
        (
            settled("foo=1").request("deploy", "v"),
            PLAIN,
            "start deploy v",
        ),
        (settled("foo=1").request("deploy", "u"), PLAIN, "clear"),
        (
            settled("foo=2").request("deploy", "u"),
            PLAIN,
            "start deploy new",
        ),
        (
            settled("foo=2").request("backup", "v"),
            PLAIN,
            "idle !TriggerWithParameterChange",
        ),
        (
            settled("foo=2").scheduled("deploy", "v"),
            PLAIN,
            "start deploy v",
        ),
        (
            settled("foo=1").request("cleanup", "v"),
            V1,
            "prepare finalizers=[kudo.dev.instance.cleanup] !UserCleanup",
        ),
        (
            settled("foo=1").request("nonsense", "v"),
            PLAIN,
            "idle !UnknownPlan",
        ),
        // the finalizer follows the operator version
        (
            settled("foo=1"),
            V1,
            "prepare finalizers=[kudo.dev.instance.cleanup]",
        ),
        (
            settled("foo=1").finalizers(&[CLEANUP_FINALIZER, "other"]),
            PLAIN,
            "prepare finalizers=[other]",
        ),
        (
            settled("foo=2"),
            V1,
            "prepare finalizers=[kudo.dev.instance.cleanup]",
        ),
        // a failed plan stays failed until something changes
        (
            instance("foo=1")
                .accepted("v1", "foo=1")
                .plan("deploy", "FATAL_ERROR", "u"),
            PLAIN,
            "idle",
        ),
        (
            instance("foo=2")
                .accepted("v1", "foo=1")
                .plan("deploy", "FATAL_ERROR", "u"),
            PLAIN,
            "start deploy new",
        ),
    ];
    for (number, (instance, definition, expected)) in cases.iter().enumerate() {
        assert_eq!(ask_same(instance, *definition), *expected, "case {number}");
    }
}

#[test]
fn an_immutable_parameter_that_was_left_out_is_put_back() {
    let definition = ("deploy", "foo:deploy fixed:deploy:!:=f");
    let left_out = instance("foo=1")
        .accepted("v1", "foo=1 fixed=x")
        .plan("deploy", "COMPLETE", "u");
    assert_eq!(ask_same(&left_out, definition), "prepare fixed=x");
    let changed = instance("foo=1 fixed=y")
        .accepted("v1", "foo=1 fixed=x")
        .plan("deploy", "COMPLETE", "u");
    assert_eq!(ask_same(&changed, definition), "idle !ImmutableParameter");
}

#[test]
fn a_running_plan() {
    let cases = [
        (running("foo=1"), "resume deploy u"),
        (running("foo=2"), "start deploy new"),
        (
            running("foo=1 bar=2"),
            "resume deploy u !ParameterChangeWhileRunning",
        ),
        (running("foo=1").request("deploy", "v"), "start deploy v"),
        (running("foo=1").request("deploy", "u"), "resume deploy u"),
        (
            running("foo=1").request("backup", "v"),
            "resume deploy u !OverrideWhileRunning",
        ),
        (running("foo=1 x=1"), "resume deploy u !UnknownParameter"),
        (
            instance("foo=1")
                .accepted("v1", "foo=1")
                .plan("deploy", "ERROR", "u"),
            "resume deploy u",
        ),
        (
            instance("foo=1")
                .accepted("v1", "foo=1")
                .plan("deploy", "PENDING", "u"),
            "resume deploy u",
        ),
        // what was asked for before and has ended is cleared only when nothing runs
        (
            running("foo=1")
                .plan("backup", "COMPLETE", "v")
                .request("backup", "v"),
            "resume deploy u",
        ),
    ];
    for (number, (instance, expected)) in cases.iter().enumerate() {
        assert_eq!(ask_same(instance, PLAIN), *expected, "case {number}");
    }
}

#[test]
fn upgrades() {
    let v1 = operator(PLAIN.0, PLAIN.1);
    let v2 = operator("deploy upgrade", "foo:deploy");
    let with_cleanup = operator("deploy upgrade cleanup", "foo:deploy");
    let upgraded = || settled("foo=1").version("v2");
    assert_eq!(
        ask(&upgraded(), Some(&v2), Some(&v1)),
        "start upgrade new from v1"
    );
    assert_eq!(
        ask(&upgraded(), Some(&v2), None),
        "start upgrade new from v1"
    );
    assert_eq!(
        ask(&upgraded(), None, Some(&v1)),
        "idle !InvalidOperatorVersion"
    );
    assert_eq!(
        ask(&upgraded(), Some(&with_cleanup), Some(&v1)),
        "prepare finalizers=[kudo.dev.instance.cleanup]"
    );
    let forgetful = instance("foo=1 bar=2")
        .accepted("v1", "foo=1 bar=2")
        .plan("deploy", "COMPLETE", "u")
        .version("v2");
    assert_eq!(
        ask(&forgetful, Some(&v2), Some(&v1)),
        "prepare -bar",
        "the new version has no such parameter"
    );
    let running = running("foo=1").version("v2");
    assert_eq!(
        ask(&running, Some(&v2), Some(&v1)),
        "resume deploy u !UpgradeWhileRunning"
    );
    assert_eq!(
        ask(&running, None, Some(&v1)),
        "resume deploy u !InvalidOperatorVersion"
    );
}

#[test]
fn what_an_upgrade_left_behind_is_pruned_in_the_end() {
    let after = |state: &str| {
        let mut instance = instance("").accepted("v1", "").plan("upgrade", state, "u");
        status(&mut instance).upgraded_from = Some("v0".to_owned());
        instance
    };
    let definition = ("deploy upgrade", "");
    assert_eq!(ask_same(&after("COMPLETE"), definition), "prune");
    assert_eq!(ask_same(&after("FATAL_ERROR"), definition), "idle");
    assert_eq!(
        ask_same(&after("IN_PROGRESS"), definition),
        "resume upgrade u"
    );
    let mut changed = after("COMPLETE");
    changed.spec.plan_execution.plan_name = "deploy".to_owned();
    changed.spec.plan_execution.uid = "v".to_owned();
    assert_eq!(ask_same(&changed, definition), "start deploy v from v0");
}

#[test]
fn pods_that_pipe_tasks_left_behind_go_once_nothing_runs() {
    let after = |state: &str, pod: &str| {
        let mut instance = instance("").accepted("v1", "").plan("deploy", state, "u");
        status(&mut instance).inventory = vec![InventoryEntry {
            version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: Some("ns".to_owned()),
            name: pod.to_owned(),
            plan: "deploy".to_owned(),
            ..InventoryEntry::default()
        }];
        instance
    };
    let definition = ("deploy", "");
    let pod = "inst.deploy.phase.step.task.pipepod";
    assert_eq!(ask_same(&after("FATAL_ERROR", pod), definition), "sweep");
    assert_eq!(ask_same(&after("COMPLETE", pod), definition), "sweep");
    assert_eq!(
        ask_same(&after("IN_PROGRESS", pod), definition),
        "resume deploy u"
    );
    assert_eq!(ask_same(&after("FATAL_ERROR", "pod"), definition), "idle");
}

#[test]
fn missing_operator_versions() {
    assert_eq!(ask(&settled("foo=1"), None, None), "idle");
    assert_eq!(
        ask(&settled("foo=2"), None, None),
        "idle !InvalidOperatorVersion"
    );
    assert_eq!(
        ask(&running("foo=1"), None, None),
        "idle !InvalidOperatorVersion"
    );
    let over = settled("foo=1").request("deploy", "u");
    assert_eq!(ask(&over, None, None), "clear");
    let elsewhere = {
        let mut instance = instance("");
        instance.spec.operator_version.namespace = Some("other".to_owned());
        instance
    };
    let decision = decide(&Observation {
        instance: &elsewhere,
        wanted: Lookup::Missing,
        accepted: Lookup::Missing,
    });
    let Notice::Refused {
        message,
        event_reason,
        ..
    } = decision.notice
    else {
        panic!("{decision:?}")
    };
    assert_eq!(event_reason, "InvalidOperatorVersion");
    assert_eq!(
        message,
        "operator version \"v1\" not found in namespace \"other\""
    );
}

#[test]
fn a_version_of_another_namespace_is_recorded_with_it() {
    let mut subject = settled("foo=1");
    subject.spec.operator_version.namespace = Some("ns".to_owned());
    assert_eq!(ask_same(&subject, PLAIN), "idle");
    subject.spec.operator_version.namespace = Some("other".to_owned());
    assert_eq!(ask_same(&subject, PLAIN), "start update new from v1");
    let Action::Start(start) = decide(&Observation {
        instance: &subject,
        wanted: Lookup::Found(&operator(PLAIN.0, PLAIN.1)),
        accepted: Lookup::Missing,
    })
    .action
    else {
        panic!()
    };
    assert_eq!(start.accepted.operator_version, "other/v1");
}

#[test]
fn refusals_are_taken_back() {
    let mut was_refused = settled("foo=1");
    Wanted::refused("UnknownPlan", "x").apply(status(&mut was_refused), &time(1));
    assert_eq!(ask_same(&was_refused, PLAIN), "idle !ok");
    let mut still = settled("foo=1").request("nonsense", "v");
    Wanted::refused("UnknownPlan", "x").apply(status(&mut still), &time(1));
    assert_eq!(ask_same(&still, PLAIN), "idle !UnknownPlan");
}

#[test]
fn what_has_to_wait_says_so() {
    let definition = operator(PLAIN.0, PLAIN.1);
    let decision = decide(&Observation {
        instance: &running("foo=1 bar=2"),
        wanted: Lookup::Found(&definition),
        accepted: Lookup::Found(&definition),
    });
    let Notice::Refused { message, .. } = decision.notice else {
        panic!("{decision:?}")
    };
    assert_eq!(
        message,
        "plan \"deploy\" is running: a change of parameters (bar) that triggers plan \"update\" has \
         to wait; it is taken up when the plan has ended"
    );
}
