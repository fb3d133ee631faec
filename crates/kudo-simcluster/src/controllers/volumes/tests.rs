//! Tables of claims and volumes.

use super::*;
use crate::controllers::testing::{Scene, events, told};

fn claim(more: &Value) -> Value {
    let mut claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": { "name": "data" },
        "spec": {
            "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
            "storageClassName": "fast", "resources": { "requests": { "storage": "1Gi" } },
        },
        "status": { "phase": "Pending" },
    });
    merge(&mut claim, more);
    claim
}

fn volume(more: &Value) -> Value {
    let mut volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": { "name": "disk" },
        "spec": {
            "capacity": { "storage": "2Gi" }, "accessModes": ["ReadWriteOnce"],
            "volumeMode": "Filesystem", "storageClassName": "fast",
            "persistentVolumeReclaimPolicy": "Retain",
        },
        "status": { "phase": "Available" },
    });
    merge(&mut volume, more);
    volume
}

fn class(provisioner: &str, mode: &str) -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": { "name": "fast" },
        "provisioner": provisioner, "volumeBindingMode": mode,
    })
}

fn merge(object: &mut Value, more: &Value) {
    match (object, more) {
        (Value::Object(object), Value::Object(more)) => {
            for (field, value) in more {
                merge(object.entry(field.clone()).or_insert(Value::Null), value);
            }
        }
        (object, more) => *object = more.clone(),
    }
}

fn reference() -> Value {
    json!({ "claimRef": { "namespace": "ns", "name": "data", "uid": "uid-data" } })
}

#[test]
fn a_binding_is_made_step_by_step() {
    let named = json!({
        "metadata": { "annotations": { BIND_COMPLETED: "yes" } }, "spec": { "volumeName": "disk" },
    });
    let status = json!({
        "phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": { "storage": "2Gi" },
    });
    let mut done = named.clone();
    done["status"] = status.clone();
    let bound = json!({ "spec": reference(), "status": { "phase": "Bound" } });
    for (what, of_claim, of_volume, expected) in [
        (
            "the volume names the claim",
            json!({}),
            json!({}),
            Some(
                r#"patch disk {"metadata":{"annotations":{"pv.kubernetes.io/bound-by-controller":"yes"}},"spec":{"claimRef":{"apiVersion":"v1","kind":"PersistentVolumeClaim","name":"data","namespace":"ns","resourceVersion":"2","uid":"uid-data"}}}"#
                    .to_owned(),
            ),
        ),
        (
            "and says so",
            json!({}),
            json!({ "spec": reference() }),
            Some(r#"status disk {"message":null,"phase":"Bound"}"#.to_owned()),
        ),
        (
            "the claim names the volume",
            json!({}),
            bound.clone(),
            Some(
                r#"patch data {"metadata":{"annotations":{"pv.kubernetes.io/bind-completed":"yes","pv.kubernetes.io/bound-by-controller":"yes"}},"spec":{"volumeName":"disk"}}"#
                    .to_owned(),
            ),
        ),
        (
            "and says so, too",
            named,
            bound.clone(),
            Some(format!(
                r#"status data {{"accessModes":["ReadWriteOnce"],"capacity":{},"phase":"Bound"}}"#,
                status["capacity"]
            )),
        ),
        ("all is done", done, bound, None),
    ] {
        let scene = Scene::new()
            .with(volume(&of_volume))
            .with(claim(&of_claim));
        let written = told(&scene.observe(observe, "data"));
        assert_eq!(written, expected.into_iter().collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn a_claim_without_a_volume_tells_why() {
    let open = json!({ "spec": { "storageClassName": null } });
    for (what, of_claim, present, expected) in [
        (
            "no class",
            open,
            vec![],
            "Normal FailedBinding: no persistent volumes available for this claim and no storage \
             class is set",
        ),
        (
            "no such class",
            json!({}),
            vec![],
            "Warning ProvisioningFailed: storageclass.storage.k8s.io \"fast\" not found",
        ),
        (
            "made by hand",
            json!({}),
            vec![class("kubernetes.io/no-provisioner", "Immediate")],
            "Warning ProvisioningFailed: no volume plugin matched name: \
             kubernetes.io/no-provisioner",
        ),
        (
            "no pod as yet",
            json!({}),
            vec![
                class("example.org", "WaitForFirstConsumer"),
                volume(&json!({})),
            ],
            "Normal WaitForFirstConsumer: waiting for first consumer to be created before binding",
        ),
        (
            "too small",
            json!({
                "spec": {
                    "volumeName": "disk", "resources": { "requests": { "storage": "3Gi" } },
                },
            }),
            vec![volume(&json!({}))],
            "Warning VolumeMismatch: Cannot bind to requested volume \"disk\": requested PV is too \
             small",
        ),
        (
            "another's",
            json!({ "spec": { "volumeName": "disk" } }),
            vec![volume(
                &json!({ "spec": { "claimRef": { "namespace": "ns", "name": "other" } } }),
            )],
            "Warning FailedBinding: volume \"disk\" already bound to a different claim.",
        ),
        (
            "lost",
            json!({
                "metadata": { "annotations": { BIND_COMPLETED: "yes" } },
                "spec": { "volumeName": "disk" },
            }),
            vec![],
            "Warning ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!",
        ),
    ] {
        let scene = Scene::new().with(claim(&of_claim)).with_all(present);
        assert_eq!(
            events(&scene.observe(observe, "data")),
            [expected],
            "{what}"
        );
    }
}

#[test]
fn a_driver_is_asked_once() {
    let driver = class("example.org", "Immediate");
    let scene = Scene::new().with(claim(&json!({}))).with(driver.clone());
    let asked = r#"patch data {"metadata":{"annotations":{"volume.beta.kubernetes.io/storage-provisioner":"example.org","volume.kubernetes.io/storage-provisioner":"example.org"}}}"#;
    assert_eq!(told(&scene.observe(observe, "data")), [asked]);
    let asked = json!({ "metadata": { "annotations": { PROVISIONER: "example.org" } } });
    let scene = Scene::new().with(claim(&asked)).with(driver);
    assert!(told(&scene.observe(observe, "data")).is_empty());
}

#[test]
fn a_claim_gets_a_default_class_that_came_late() {
    let mut default = class("example.org", "Immediate");
    let mark = json!({ "storageclass.kubernetes.io/is-default-class": "true" });
    default["metadata"]["annotations"] = mark;
    for (class, expected) in [
        (
            Value::Null,
            vec![r#"patch data {"spec":{"storageClassName":"fast"}}"#],
        ),
        (json!(""), vec![]),
    ] {
        let of_claim = claim(&json!({ "spec": { "storageClassName": class } }));
        let scene = Scene::new().with(of_claim).with(default.clone());
        assert_eq!(told(&scene.observe(observe, "data")), expected);
    }
}

#[test]
fn a_volume_follows_its_claim() {
    let made = json!({ "metadata": { "annotations": { PROVISIONED_BY: "example.org" } } });
    let policy = |policy: &str| json!({ "spec": { "persistentVolumeReclaimPolicy": policy } });
    let released = || json!({ "spec": reference(), "status": { "phase": "Released" } });
    let and = |mut one: Value, other: Value| {
        merge(&mut one, &other);
        one
    };
    let elsewhere = json!({ "spec": { "volumeName": "other" } });
    for (what, of_volume, of_claim, expected) in [
        (
            "new",
            json!({ "status": { "phase": "Pending" } }),
            None,
            vec![r#"status disk {"message":null,"phase":"Available"}"#],
        ),
        (
            "left",
            json!({ "spec": reference(), "status": { "phase": "Bound" } }),
            None,
            vec![r#"status disk {"message":null,"phase":"Released"}"#],
        ),
        ("kept", released(), None, vec![]),
        (
            "the driver takes it away",
            and(and(released(), policy("Delete")), made),
            None,
            vec![],
        ),
        (
            "a folder for the time being",
            and(
                and(released(), policy("Delete")),
                json!({ "spec": { "hostPath": { "path": "/tmp/x" } } }),
            ),
            None,
            vec!["delete disk"],
        ),
        (
            "nobody can take it away",
            and(released(), policy("Delete")),
            None,
            vec![
                r#"status disk {"message":"error getting deleter volume plugin for volume \"disk\": no deletable volume plugin matched","phase":"Failed"}"#,
            ],
        ),
        (
            "emptied",
            and(
                and(released(), policy("Recycle")),
                json!({ "spec": { "nfs": {} } }),
            ),
            None,
            vec![r#"patch disk {"spec":{"claimRef":{"uid":null}}}"#],
        ),
        (
            "its claim has another one",
            json!({
                "metadata": { "annotations": { BOUND_BY_CONTROLLER: "yes" } },
                "spec": reference(),
            }),
            Some(elsewhere),
            vec![
                r#"patch disk {"metadata":{"annotations":{"pv.kubernetes.io/bound-by-controller":null}},"spec":{"claimRef":null}}"#,
            ],
        ),
    ] {
        let scene = Scene::new()
            .with(volume(&of_volume))
            .with_all(of_claim.map(|more| claim(&more)));
        let verdict = scene.observe_key(observe, &Key::new("", "disk"));
        assert_eq!(told(&verdict), expected, "{what}");
    }
}
