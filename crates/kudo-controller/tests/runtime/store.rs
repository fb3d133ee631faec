//! What the stores know, and when.

use std::collections::HashSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kudo_api::instance::Accepted;
use kudo_api::{Instance, InstanceSpec, ObjectReference, OperatorVersion, OperatorVersionSpec};
use kudo_controller::store::{DefinitionStore, Found, InstanceStore};
use kudo_controller::versions::VersionKey;
use kudo_kube::InstanceKey;

fn instance(name: &str, uid: &str, resource_version: &str) -> Instance {
    let mut instance = Instance::new(name, InstanceSpec::default());
    instance.spec.operator_version = ObjectReference {
        name: Some("v1".to_owned()),
        ..ObjectReference::default()
    };
    instance.metadata.namespace = Some("ns".to_owned());
    instance.metadata.uid = Some(uid.to_owned());
    instance.metadata.resource_version = Some(resource_version.to_owned());
    instance
}

fn key(name: &str) -> InstanceKey {
    InstanceKey::new("ns", name)
}

fn version_of(store: &InstanceStore) -> Option<String> {
    store.get(&key("i"))?.metadata.resource_version
}

#[test]
fn old_news_is_no_news() {
    let store = InstanceStore::default();
    assert!(store.observe(&instance("i", "u", "5")));
    assert!(
        !store.observe(&instance("i", "u", "5")),
        "our own write comes back"
    );
    assert!(!store.observe(&instance("i", "u", "4")), "late");
    assert!(
        store.observe(&instance("i", "u", "10")),
        "numbers, not texts"
    );
    assert_eq!(version_of(&store).as_deref(), Some("10"));
    assert!(
        store.observe(&instance("i", "other", "7")),
        "another of the same name"
    );
    assert_eq!(version_of(&store).as_deref(), Some("7"));
}

#[test]
fn answers_to_own_writes_never_raise_the_dead() {
    let store = InstanceStore::default();
    store.refresh(&instance("i", "u", "5"));
    assert!(store.is_empty());
    store.observe(&instance("i", "u", "5"));
    store.refresh(&instance("i", "u", "6"));
    assert_eq!(version_of(&store).as_deref(), Some("6"));
    store.refresh(&instance("i", "u", "5"));
    assert_eq!(version_of(&store).as_deref(), Some("6"));
    store.refresh(&instance("i", "other", "9"));
    assert_eq!(version_of(&store).as_deref(), Some("6"));
    assert!(store.remove(&key("i")));
    assert!(!store.remove(&key("i")));
    store.refresh(&instance("i", "u", "7"));
    assert_eq!(version_of(&store), None);
}

#[test]
fn a_new_list_tells_what_is_gone() {
    let store = InstanceStore::default();
    for name in ["a", "b", "c"] {
        store.observe(&instance(name, name, "1"));
    }
    let mut elsewhere = instance("a", "x", "1");
    elsewhere.metadata.namespace = Some("other".to_owned());
    store.observe(&elsewhere);
    let listed = HashSet::from([key("b")]);
    let mut gone = store.retain_listed(Some("ns"), &listed);
    gone.sort();
    assert_eq!(gone, [key("a"), key("c")]);
    assert_eq!(store.len(), 2);
    assert_eq!(
        store.retain_listed(None, &listed),
        [InstanceKey::new("other", "a")]
    );
}

#[test]
fn instances_are_found_by_the_versions_they_need() {
    let store = InstanceStore::default();
    let version = |name: &str| VersionKey {
        namespace: "ns".to_owned(),
        name: name.to_owned(),
    };
    store.observe(&instance("a", "a", "1"));
    let mut upgrading = instance("b", "b", "1");
    upgrading.status.get_or_insert_default().accepted = Some(Accepted {
        operator_version: "v0".to_owned(),
        ..Accepted::default()
    });
    store.observe(&upgrading);
    assert_eq!(store.users_of(&version("v1")), [key("a"), key("b")]);
    assert_eq!(store.users_of(&version("v0")), [key("b")]);
    upgrading.metadata.resource_version = Some("2".to_owned());
    "v1".clone_into(
        &mut upgrading
            .status
            .as_mut()
            .unwrap()
            .accepted
            .as_mut()
            .unwrap()
            .operator_version,
    );
    store.observe(&upgrading);
    assert_eq!(store.users_of(&version("v0")), []);
    store.remove(&key("a"));
    assert_eq!(store.users_of(&version("v1")), [key("b")]);
}

#[test]
fn managed_fields_are_not_kept() {
    let store = InstanceStore::default();
    let mut fat = instance("i", "u", "1");
    fat.metadata.managed_fields = Some(vec![ManagedFieldsEntry::default()]);
    store.observe(&fat);
    assert_eq!(store.get(&key("i")).unwrap().metadata.managed_fields, None);
}

fn operator_version(strategy: &str) -> OperatorVersion {
    let plan = serde_json::json!({ "strategy": strategy, "phases": [] });
    let spec = OperatorVersionSpec {
        version: "1.0.0".to_owned(),
        plans: [("deploy".to_owned(), serde_json::from_value(plan).unwrap())].into(),
        ..OperatorVersionSpec::default()
    };
    let mut version = OperatorVersion::new("v1", spec);
    version.metadata.namespace = Some("ns".to_owned());
    version
}

#[test]
fn operator_versions_are_parsed_once_and_shared() {
    let store = DefinitionStore::default();
    let key = VersionKey {
        namespace: "ns".to_owned(),
        name: "v1".to_owned(),
    };
    assert!(matches!(store.get(&key), Found::Missing));
    assert_eq!(
        store.observe(&operator_version("serial")),
        Some(key.clone())
    );
    let first = store.get(&key).definition().cloned().unwrap();
    assert_eq!(
        store.observe(&operator_version("serial")),
        None,
        "nothing that it defines changed"
    );
    assert!(std::sync::Arc::ptr_eq(
        &first,
        store.get(&key).definition().unwrap()
    ));
    assert!(store.observe(&operator_version("parallel")).is_some());
    assert!(store.observe(&operator_version("sideways")).is_some());
    assert!(matches!(store.get(&key), Found::Invalid(_)));
    assert_eq!(store.observe(&operator_version("sideways")), None);
    assert_eq!(store.remove(&operator_version("")), Some(key.clone()));
    assert_eq!(store.remove(&operator_version("")), None);
    store.observe(&operator_version("serial"));
    assert_eq!(store.retain_listed(Some("other"), &HashSet::new()), []);
    assert_eq!(store.retain_listed(None, &HashSet::new()), [key]);
}
