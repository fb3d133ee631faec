//! The rules by which older news is told from newer.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::record::{Record, place_of};
use super::store::{Dirty, Place, Store};
use crate::health::Health;
use crate::identity::{Gvk, InstanceKey, ObjectKey};

fn pods() -> Gvk {
    Gvk::gvk("", "v1", "Pod")
}

fn pod(uid: &str, version: u64, phase: &str) -> (Place, Record) {
    let object = json!({
        "metadata": {"name": "p", "namespace": "ns", "uid": uid, "resourceVersion": version.to_string(),
            "labels": {"heritage": "kudo", "kudo.dev/instance": "inst"}},
        "status": {"phase": phase},
    });
    let record = Record::of(&pods(), &object);
    (place_of(&object), record)
}

fn key() -> ObjectKey {
    ObjectKey {
        kind: pods(),
        namespace: Some("ns".to_owned()),
        name: "p".to_owned(),
    }
}

/// What happens to a store, in order.
enum News {
    Seen(&'static str, u64),
    Gone(&'static str, u64),
    Written(&'static str, u64),
    Listing(&'static str, u64),
    /// The list is complete at a version, and named the pod or not.
    Listed(u64, bool),
    Bookmark(u64),
}

/// Uid and version that are known after all news, for a watch of all namespaces or of one.
fn after(namespace: Option<&str>, news: &[News]) -> Option<(String, u64)> {
    let mut store = Store::default();
    store.start(&pods(), namespace);
    for news in news {
        match *news {
            News::Seen(uid, version) => {
                let (place, record) = pod(uid, version, "Pending");
                store.seen(&pods(), namespace, place, record);
            }
            News::Gone(uid, version) => {
                let (place, record) = pod(uid, version, "Pending");
                store.gone(&pods(), namespace, &place, &record);
            }
            News::Written(uid, version) => {
                let (place, record) = pod(uid, version, "Pending");
                store.written(&pods(), place, record);
            }
            News::Listing(uid, version) => {
                let (place, record) = pod(uid, version, "Pending");
                store.listing(&pods(), place, record);
            }
            News::Listed(version, named) => {
                let place = pod("", 0, "").0;
                let named = HashSet::from_iter(named.then_some(place));
                store.listed(&pods(), namespace, &named, version);
            }
            News::Bookmark(version) => store.advance(&pods(), namespace, version),
        }
    }
    let record = store.get(&key())?;
    Some((record.uid.to_string(), record.version))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn newer_news_wins_from_whichever_side_it_comes() {
    use News::{Bookmark, Gone, Listed, Listing, Seen, Written};
    type Known = Option<(&'static str, u64)>;
    let cases: Vec<(&str, Vec<News>, Known)> = vec![
        ("nothing", vec![], None),
        ("seen", vec![Seen("a", 5)], Some(("a", 5))),
        (
            "seen again",
            vec![Seen("a", 5), Seen("a", 7)],
            Some(("a", 7)),
        ),
        (
            "an old event",
            vec![Seen("a", 7), Seen("a", 5)],
            Some(("a", 7)),
        ),
        ("gone", vec![Seen("a", 5), Gone("a", 9)], None),
        (
            "gone, told with the last version",
            vec![Seen("a", 5), Gone("a", 5)],
            None,
        ),
        (
            "gone, another is there",
            vec![Seen("a", 5), Written("b", 9), Gone("a", 7)],
            Some(("b", 9)),
        ),
        (
            "an older one is gone late",
            vec![Seen("b", 9), Gone("a", 7)],
            Some(("b", 9)),
        ),
        (
            "gone and made anew",
            vec![Seen("a", 5), Gone("a", 7), Seen("b", 8)],
            Some(("b", 8)),
        ),
        (
            "written before the watch tells",
            vec![Written("a", 5)],
            Some(("a", 5)),
        ),
        (
            "then the watch tells",
            vec![Written("a", 5), Seen("a", 5)],
            Some(("a", 5)),
        ),
        (
            "the watch tells of older states",
            vec![Written("a", 9), Seen("a", 5)],
            Some(("a", 9)),
        ),
        (
            "the watch told first",
            vec![Seen("a", 5), Written("a", 5)],
            Some(("a", 5)),
        ),
        (
            "an answer that is late",
            vec![Seen("a", 7), Written("a", 5)],
            Some(("a", 7)),
        ),
        (
            "an answer after the end",
            vec![Seen("a", 5), Gone("a", 7), Written("a", 5)],
            None,
        ),
        (
            "an answer older than a bookmark",
            vec![Bookmark(9), Written("a", 5)],
            None,
        ),
        (
            "an answer newer than a bookmark",
            vec![Bookmark(4), Written("a", 5)],
            Some(("a", 5)),
        ),
        (
            "listed",
            vec![Listing("a", 5), Listed(8, true)],
            Some(("a", 5)),
        ),
        (
            "no longer listed",
            vec![Seen("a", 5), Listed(8, false)],
            None,
        ),
        (
            "written while the list was read",
            vec![Written("a", 9), Listed(8, false)],
            Some(("a", 9)),
        ),
        (
            "written before the list",
            vec![Written("a", 5), Listed(8, false)],
            None,
        ),
        (
            "an answer older than the list",
            vec![Listed(8, false), Written("a", 5)],
            None,
        ),
        (
            "a list older than the record",
            vec![Seen("a", 9), Listing("a", 5), Listed(8, true)],
            Some(("a", 9)),
        ),
        (
            "an old one listed, a new one written",
            vec![Written("b", 9), Listing("a", 5), Listed(8, true)],
            Some(("b", 9)),
        ),
    ];
    for (name, news, expected) in cases {
        for namespace in [None, Some("ns")] {
            let seen = after(namespace, &news);
            let seen = seen.as_ref().map(|(uid, version)| (uid.as_str(), *version));
            assert_eq!(seen, expected, "{name}, watching {namespace:?}");
        }
    }
}

#[test]
fn servers_whose_versions_are_no_numbers_are_believed_in_the_order_they_speak() {
    let mut store = Store::default();
    store.start(&pods(), None);
    for phase in ["Pending", "Running", "Succeeded"] {
        let (place, record) = pod("a", 0, phase);
        store.seen(&pods(), None, place, record);
    }
    assert_eq!(store.get(&key()).unwrap().health, Health::Healthy);
}

#[test]
fn what_is_not_watched_is_not_remembered() {
    let mut store = Store::default();
    let (place, record) = pod("a", 5, "Pending");
    store.written(&pods(), place.clone(), record.clone());
    assert!(store.get(&key()).is_none());
    store.start(&pods(), Some("elsewhere"));
    store.written(&pods(), place.clone(), record.clone());
    assert!(store.get(&key()).is_none());
    store.start(&pods(), Some("ns"));
    store.written(&pods(), place, record);
    assert!(store.get(&key()).is_some());
    store.stop(&pods(), Some("ns"));
    assert!(store.get(&key()).is_none());
    assert_eq!(store.len(), 0);
}

fn taken(dirty: &Dirty) -> Vec<InstanceKey> {
    let mut taken = Vec::new();
    while let Some(instance) = futures::FutureExt::now_or_never(dirty.take()) {
        taken.push(instance);
    }
    taken
}

#[test]
fn only_changes_that_bear_on_readiness_are_told_and_each_instance_once() {
    let mut store = Store::default();
    let dirty = Arc::new(Dirty::default());
    store.subscribe(&dirty);
    store.start(&pods(), None);
    let instance = vec![InstanceKey::new("ns", "inst")];
    let (place, record) = pod("a", 5, "Pending");
    store.seen(&pods(), None, place.clone(), record);
    let (_, record) = pod("a", 6, "Running");
    store.seen(&pods(), None, place.clone(), record);
    assert_eq!(taken(&dirty), instance, "told once");
    assert_eq!(taken(&dirty), vec![]);
    let (_, same) = pod("a", 7, "Running");
    store.seen(&pods(), None, place.clone(), same.clone());
    assert_eq!(taken(&dirty), vec![], "nothing that matters changed");
    assert_eq!(store.components(&instance[0]).count(), 1);
    store.gone(&pods(), None, &place, &same);
    assert_eq!(taken(&dirty), instance);
    assert_eq!(store.components(&instance[0]).count(), 0);
}

#[test]
fn a_pod_says_why_the_workload_that_made_it_is_not_ready() {
    let instance = InstanceKey::new("ns", "inst");
    let mut store = Store::default();
    let news = Arc::new(Notify::new());
    store.follow(&instance, &news);
    store.start(&pods(), None);
    let cases = [
        ("b-0", "StatefulSet", "b", "Pending", "Bad"),
        ("b-1", "StatefulSet", "b", "Pending", "Worse"),
        ("fine-0", "StatefulSet", "fine", "Pending", ""),
        ("d-5f-x", "ReplicaSet", "d-5f", "Pending", "Bad"),
        ("d-e-5f-x", "ReplicaSet", "d-e-5f", "Pending", "Worse"),
        ("j-x", "Job", "j", "Pending", "Bad"),
        ("over-0", "StatefulSet", "over", "Succeeded", "Bad"),
    ];
    for (version, (name, kind, controller, phase, reason)) in (1..).zip(cases) {
        let object = json!({
            "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": version.to_string(),
                "labels": {"heritage": "kudo", "kudo.dev/instance": "inst"},
                "ownerReferences": [{"kind": kind, "name": controller, "uid": "u", "controller": true}]},
            "status": {"phase": phase, "containerStatuses": [
                {"name": "c", "state": {"waiting": {"reason": reason}}}]},
        });
        let record = Record::of(&pods(), &object);
        store.seen(&pods(), None, place_of(&object), record);
        let told = futures::FutureExt::now_or_never(news.notified()).is_some();
        assert!(told, "{name}");
    }
    let trouble = |group: &str, kind: &str, name: &str| {
        let workload = ObjectKey {
            kind: Gvk::gvk(group, "v1", kind),
            namespace: Some("ns".to_owned()),
            name: name.to_owned(),
        };
        store.trouble_of(&instance, &workload)
    };
    let said = |text: &str| Some(text.to_owned());
    let first = said(r#"Pod "b-0": container "c": Bad"#);
    assert_eq!(trouble("apps", "StatefulSet", "b"), first);
    assert_eq!(trouble("apps", "StatefulSet", "fine"), None);
    assert_eq!(trouble("apps", "StatefulSet", "over"), None);
    assert_eq!(trouble("apps", "DaemonSet", "b"), None);
    let of_the_deployment = said(r#"Pod "d-5f-x": container "c": Bad"#);
    assert_eq!(trouble("apps", "Deployment", "d"), of_the_deployment);
    let job = said(r#"Pod "j-x": container "c": Bad"#);
    assert_eq!(trouble("batch", "Job", "j"), job);
    drop(news);
    store.forget_followers(&instance);
}

#[test]
fn an_object_that_changes_hands_is_told_to_both() {
    let mut store = Store::default();
    let dirty = Arc::new(Dirty::default());
    store.start(&pods(), None);
    let (place, record) = pod("a", 5, "Pending");
    store.seen(&pods(), None, place.clone(), record);
    store.subscribe(&dirty);
    let (_, mut record) = pod("a", 6, "Pending");
    record.instance = Some("other".into());
    store.seen(&pods(), None, place, record);
    let both = vec![
        InstanceKey::new("ns", "inst"),
        InstanceKey::new("ns", "other"),
    ];
    assert_eq!(taken(&dirty), both);
    assert_eq!(store.components(&both[0]).count(), 0);
    assert_eq!(store.components(&both[1]).count(), 1);
}

#[test]
fn waiters_are_woken_by_their_object_only_and_forgotten_when_they_go() {
    let mut store = Store::default();
    store.start(&pods(), None);
    let notify = Arc::new(Notify::new());
    store.await_change(&key(), &notify);
    let other = json!({"metadata": {"name": "q", "namespace": "ns", "resourceVersion": "3"}});
    let record = Record::of(&pods(), &other);
    store.seen(&pods(), None, place_of(&other), record);
    let woken = || futures::FutureExt::now_or_never(notify.notified()).is_some();
    assert!(!woken());
    let (place, record) = pod("a", 5, "Pending");
    store.seen(&pods(), None, place.clone(), record.clone());
    assert!(woken());
    store.gone(&pods(), None, &place, &record);
    assert!(woken());
    drop(notify);
    store.forget_waiters(&key());
    store.seen(&pods(), None, place, record);
}

#[test]
fn a_record_holds_what_decisions_need() {
    let object: Value = json!({
        "metadata": {
            "name": "x", "namespace": "ns", "uid": "u", "resourceVersion": "12", "generation": 3,
            "deletionTimestamp": "2024-01-01T00:00:00Z",
            "labels": {"kudo.dev/instance": "inst"},
            "annotations": {
                "kudo.dev/plan": "deploy", "kudo.dev/phase": "ph", "kudo.dev/step": "st",
                "kudo.dev/last-plan-execution-uid": "e",
                "kudo.dev/last-applied-configuration": "{}", "kudo.dev/prune": "false"},
            "ownerReferences": [{"kind": "Other", "name": "o", "uid": "1"},
                {"kind": "Instance", "name": "inst", "uid": "2", "controller": true}],
        },
    });
    let record = Record::of(&Gvk::gvk("apps", "v1", "Deployment"), &object);
    assert_eq!(&*record.uid, "u");
    assert_eq!((record.version, record.generation), (12, 3));
    assert_eq!(record.instance.as_deref(), Some("inst"));
    assert!(record.is_owned_by("2") && !record.is_owned_by("1"));
    assert!(record.deleting && record.legacy && record.kept);
    assert_eq!(&*record.applied_by.unwrap().execution, "e");
    assert_eq!(
        record.health.message(),
        "waiting for Deployment \"x\": it is being deleted"
    );

    let bare = json!({"metadata": {"name": "x"}});
    let record = Record::of(&Gvk::gvk("", "v1", "ConfigMap"), &bare);
    assert_eq!(record.instance, None);
    assert_eq!((record.applied_by, record.controller), (None, None));
    assert!(!record.deleting && !record.legacy && !record.kept);
    assert_eq!(record.health, Health::Healthy);
}
