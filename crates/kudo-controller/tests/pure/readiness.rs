//! Which kinds count for readiness, and what the condition says.

use kudo_api::instance::InventoryEntry;
use kudo_controller::conditions::Wanted;
use kudo_controller::readiness::{kinds, wanted};
use kudo_kube::readiness::Readiness;

use crate::fixture::{With, instance};

fn entry(text: &str) -> InventoryEntry {
    let (group_version, kind) = text.rsplit_once('/').unwrap_or(("v1", text));
    let (group, version) = group_version.split_once('/').unwrap_or(("", group_version));
    InventoryEntry {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        name: "name".to_owned(),
        ..InventoryEntry::default()
    }
}

#[test]
fn kinds_that_count() {
    let cases: [(&[&str], &str); 9] = [
        (&[], "Pod DaemonSet Deployment ReplicaSet StatefulSet"),
        (&["ConfigMap", "Service", "Secret"], ""),
        (&["apps/v1/Deployment"], "Pod Deployment ReplicaSet"),
        (
            &["extensions/v1beta1/Deployment"],
            "Pod Deployment ReplicaSet",
        ),
        (&["apps/v1/StatefulSet", "Service"], "Pod StatefulSet"),
        (&["apps/v1/DaemonSet"], "Pod DaemonSet"),
        (&["Pod"], "Pod"),
        (&["batch/v1/Job", "batch/v1/CronJob"], ""),
        (
            &["example.com/v1/Widget", "kudo.dev/v1beta1/Instance"],
            "Widget",
        ),
    ];
    for (inventory, expected) in cases {
        let inventory: Vec<InventoryEntry> = inventory.iter().map(|text| entry(text)).collect();
        let kinds: Vec<String> = kinds(&inventory).into_iter().map(|gvk| gvk.kind).collect();
        assert_eq!(kinds.join(" "), expected, "{inventory:?}");
    }
}

type Plans<'a> = &'a [(&'a str, &'a str)];

#[test]
fn what_ready_says() {
    let missing = Readiness::NotReady("a".to_owned());
    let cases: [(Plans<'_>, &Readiness, Option<Wanted>); 9] = [
        (&[], &Readiness::Ready, None),
        (&[("deploy", "NEVER_RUN")], &Readiness::Ready, None),
        (&[("deploy", "IN_PROGRESS")], &Readiness::Ready, None),
        (
            &[("deploy", "COMPLETE")],
            &Readiness::Ready,
            Some(Wanted::ready()),
        ),
        (
            &[("deploy", "COMPLETE")],
            &missing,
            Some(Wanted::not_ready("a")),
        ),
        (
            &[("deploy", "FATAL_ERROR")],
            &Readiness::Ready,
            Some(Wanted::plan_in_fatal_error()),
        ),
        (
            &[("deploy", "FATAL_ERROR"), ("update", "COMPLETE")],
            &Readiness::Ready,
            Some(Wanted::ready()),
        ),
        (
            &[("deploy", "COMPLETE"), ("update", "FATAL_ERROR")],
            &missing,
            Some(Wanted::plan_in_fatal_error()),
        ),
        (
            &[("deploy", "COMPLETE"), ("backup", "ERROR")],
            &missing,
            None,
        ),
    ];
    for (plans, observed, expected) in cases {
        let mut instance = instance("");
        for (name, status) in plans {
            instance = instance.plan(name, status, "u");
        }
        let status = instance.status.unwrap_or_default();
        assert_eq!(
            wanted(&status, observed),
            expected,
            "{plans:?} {observed:?}"
        );
    }
}
