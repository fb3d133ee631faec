//! Decisions about instances that are being deleted.

use kudo_api::Instance;
use kudo_api::names::{CLEANUP_ANNOTATION, CLEANUP_FINALIZER, INVENTORY_FINALIZER};
use kudo_controller::decide::{Lookup, Observation, decide};

use crate::decide::words;
use crate::fixture::{With, instance, operator};

const BOTH: [&str; 2] = [CLEANUP_FINALIZER, INVENTORY_FINALIZER];

fn ask(instance: &Instance, plans: Option<&str>) -> String {
    let definition = plans.map(|plans| operator(plans, "foo:deploy"));
    let lookup = definition.as_ref().map_or(Lookup::Missing, Lookup::Found);
    words(&decide(&Observation {
        instance,
        wanted: lookup,
        accepted: lookup,
    }))
}

fn deleted() -> Instance {
    instance("foo=1")
        .accepted("v1", "foo=1")
        .plan("deploy", "COMPLETE", "u")
        .deleting()
}

#[test]
fn without_a_cleanup_plan() {
    let with = Some("deploy");
    assert_eq!(ask(&deleted(), with), "idle");
    assert_eq!(ask(&deleted(), None), "idle");
    assert_eq!(ask(&deleted().finalizers(&["foreground"]), with), "idle");
    assert_eq!(
        ask(&deleted().finalizers(&[INVENTORY_FINALIZER]), with),
        "finish"
    );
    assert_eq!(
        ask(&deleted().finalizers(&[INVENTORY_FINALIZER]), None),
        "finish"
    );
    // the version lost its cleanup plan after the finalizer was set
    assert_eq!(ask(&deleted().finalizers(&BOTH), with), "finish");
}

#[test]
fn with_a_cleanup_plan() {
    let held = || deleted().finalizers(&BOTH);
    let cleanup = |state: &str| held().plan("cleanup", state, "c");
    let cases = [
        (held(), "start cleanup new"),
        (
            held().plan("update", "IN_PROGRESS", "x"),
            "start cleanup new",
        ),
        (cleanup("NEVER_RUN"), "start cleanup new"),
        (cleanup("PENDING"), "resume cleanup c"),
        (cleanup("IN_PROGRESS"), "resume cleanup c"),
        (cleanup("ERROR"), "resume cleanup c"),
        (cleanup("COMPLETE"), "finish"),
        // a failed cleanup stays until it is asked for again or given up
        (cleanup("FATAL_ERROR"), "idle"),
        (
            cleanup("FATAL_ERROR").request("cleanup", "d"),
            "start cleanup d",
        ),
        (cleanup("FATAL_ERROR").request("cleanup", "c"), "clear"),
        (cleanup("FATAL_ERROR").request("cleanup", ""), "prepare uid"),
        (
            cleanup("FATAL_ERROR").annotation(CLEANUP_ANNOTATION, "abandon"),
            "finish (given up by annotation kudo.dev/cleanup: abandon)",
        ),
        (
            cleanup("IN_PROGRESS").annotation(CLEANUP_ANNOTATION, "abandon"),
            "finish (given up by annotation kudo.dev/cleanup: abandon)",
        ),
        (
            cleanup("FATAL_ERROR").annotation(CLEANUP_ANNOTATION, "x"),
            "idle",
        ),
        (
            cleanup("IN_PROGRESS").request("cleanup", "d"),
            "start cleanup d",
        ),
        // what else was asked for is void
        (
            cleanup("IN_PROGRESS").request("deploy", "d"),
            "resume cleanup c",
        ),
        (held().request("deploy", "d"), "start cleanup new"),
    ];
    for (number, (instance, expected)) in cases.iter().enumerate() {
        assert_eq!(
            ask(instance, Some("deploy cleanup")),
            *expected,
            "case {number}"
        );
    }
}

#[test]
fn changes_while_deleting_are_refused_and_the_cleanup_goes_on() {
    let mut changed = deleted()
        .finalizers(&BOTH)
        .plan("cleanup", "IN_PROGRESS", "c");
    changed
        .spec
        .parameters
        .insert("foo".to_owned(), "2".to_owned());
    assert_eq!(
        ask(&changed, Some("deploy cleanup")),
        "resume cleanup c !ChangeWhileDeleting"
    );
    changed
        .status
        .as_mut()
        .unwrap()
        .plan_status
        .remove("cleanup");
    assert_eq!(
        ask(&changed, Some("deploy cleanup")),
        "start cleanup new !ChangeWhileDeleting"
    );
}

#[test]
fn deletion_does_not_need_the_operator_version() {
    assert_eq!(
        ask(&deleted().finalizers(&BOTH), None),
        "finish (operator version \"v1\" is gone)"
    );
}

#[test]
fn an_instance_that_never_ran_has_nothing_to_clean_up() {
    let fresh = instance("").finalizers(&BOTH).deleting();
    assert_eq!(ask(&fresh, Some("deploy cleanup")), "finish");
    assert_eq!(ask(&fresh, None), "finish");
}

#[test]
fn an_instance_of_upstreams_is_cleaned_up() {
    let upstream = instance("")
        .plan("deploy", "COMPLETE", "u")
        .finalizers(&BOTH)
        .deleting();
    assert_eq!(ask(&upstream, Some("deploy cleanup")), "start cleanup new");
    let scheduled = upstream.clone().request("cleanup", "x");
    assert_eq!(ask(&scheduled, Some("deploy cleanup")), "start cleanup x");
}
