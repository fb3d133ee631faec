//! Events about instances.

use kudo_api::{Instance, InstanceSpec};
use kudo_controller::events::{Notification, event};

fn instance(name: &str, uid: &str) -> Instance {
    let mut instance = Instance::new(name, InstanceSpec::default());
    instance.metadata.namespace = Some("ns".to_owned());
    instance.metadata.uid = Some(uid.to_owned());
    instance
}

fn time() -> kudo_api::Time {
    kudo_api::Time(k8s_openapi::jiff::Timestamp::from_second(1).unwrap())
}

fn name(instance: &Instance, notification: &Notification) -> String {
    event(instance, notification, &time())
        .metadata
        .name
        .unwrap()
}

#[test]
fn the_same_event_has_the_same_name_and_no_other_has_it() {
    let about = instance("i", "u");
    let told = [
        Notification::plan_started("deploy", "1"),
        Notification::plan_started("deploy", "2"),
        Notification::plan_started("update", "1"),
        Notification::plan_finished("deploy", "1", "COMPLETE"),
        Notification::warning("InvalidPlan", "text", "1"),
        Notification::warning("InvalidPlan", "text", "2"),
        Notification::warning("InvalidPlan", "other text", "1"),
    ];
    let names: std::collections::BTreeSet<String> = told.iter().map(|n| name(&about, n)).collect();
    assert_eq!(names.len(), told.len());
    let again: std::collections::BTreeSet<String> = told.iter().map(|n| name(&about, n)).collect();
    assert_eq!(names, again);
    assert_ne!(
        name(&about, &told[0]),
        name(&instance("i", "other"), &told[0])
    );
}

#[test]
fn events_read_as_upstreams_do() {
    let event = event(
        &instance("i", "u"),
        &Notification::plan_finished("deploy", "1", "COMPLETE"),
        &time(),
    );
    assert_eq!(event.type_.as_deref(), Some("Normal"));
    assert_eq!(event.reason.as_deref(), Some("PlanFinished"));
    assert_eq!(
        event.message.as_deref(),
        Some("Execution of plan deploy finished with status COMPLETE")
    );
    assert_eq!(event.involved_object.kind.as_deref(), Some("Instance"));
    assert_eq!(event.involved_object.uid.as_deref(), Some("u"));
    assert_eq!(event.metadata.namespace.as_deref(), Some("ns"));
}

#[test]
fn long_names_and_messages_fit() {
    let about = instance(&"n".repeat(250), "u");
    let event = event(
        &about,
        &Notification::warning("InvalidPlan", &"m".repeat(5000), "1"),
        &time(),
    );
    assert!(event.metadata.name.unwrap().len() <= 253);
    assert!(event.message.unwrap().len() <= 1024);
}
