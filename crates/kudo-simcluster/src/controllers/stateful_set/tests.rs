//! Tables of ordered pods.

#![expect(
    clippy::needless_pass_by_value,
    reason = "documents read best where they are passed"
)]

use serde_json::{Value, json};

use super::observe;
use crate::controllers::testing::{Scene, created, deeds, events, owner, pod, status};

fn template(image: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "main", "image": image }] },
    })
}

fn set(more: Value) -> Value {
    let mut spec = json!({
        "replicas": 3,
        "serviceName": "svc",
        "selector": { "matchLabels": { "app": "web" } },
        "template": template("nginx:2"),
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } },
    });
    let fields = spec.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "web" }, "spec": spec,
        "status": { "currentRevision": "web-r1" },
    })
}

/// A revision; `web-r2` is of today's template.
fn revision(number: i64) -> Value {
    let mut template = template(&format!("nginx:{number}"));
    template["$patch"] = "replace".into();
    json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {
            "name": format!("web-r{number}"), "labels": { "app": "web" },
            "ownerReferences": [owner("StatefulSet", "web")],
        },
        "data": { "spec": { "template": template } },
        "revision": number,
    })
}

fn numbered(ordinal: i64, revision: i64, state: &str) -> Value {
    let labels = json!({ "app": "web", "controller-revision-hash": format!("web-r{revision}") });
    pod(
        &owner("StatefulSet", "web"),
        &format!("web-{ordinal}"),
        &labels,
        state,
    )
}

fn scene(spec: Value, pods: &[(i64, i64, &str)]) -> Scene {
    let pods = pods
        .iter()
        .map(|(ordinal, revision, state)| numbered(*ordinal, *revision, state));
    Scene::new()
        .with(set(spec))
        .with_all([revision(1), revision(2)])
        .with_all(pods)
}

#[test]
fn pods_come_and_go_in_order() {
    let parallel = || json!({ "podManagementPolicy": "Parallel" });
    let one = || json!({ "replicas": 1 });
    for (what, spec, pods, expected) in [
        ("the first", json!({}), vec![], vec!["create Pod web-0"]),
        ("wait for it", json!({}), vec![(0, 2, "running")], vec![]),
        (
            "the next",
            json!({}),
            vec![(0, 2, "ready")],
            vec!["create Pod web-1"],
        ),
        (
            "a gap is filled first",
            json!({}),
            vec![(0, 2, "ready"), (2, 2, "ready")],
            vec!["create Pod web-1"],
        ),
        (
            "all at once",
            parallel(),
            vec![(1, 2, "running")],
            vec!["create Pod web-0", "create Pod web-2"],
        ),
        (
            "a failed one again",
            json!({}),
            vec![(0, 2, "failed")],
            vec!["delete web-0"],
        ),
        (
            "wait for one that goes",
            json!({}),
            vec![(0, 2, "going")],
            vec![],
        ),
        (
            "the highest goes first",
            one(),
            vec![(0, 2, "ready"), (1, 2, "ready"), (2, 2, "ready")],
            vec!["delete web-2"],
        ),
        (
            "one goes at a time",
            one(),
            vec![(0, 2, "ready"), (1, 2, "ready"), (2, 2, "going")],
            vec![],
        ),
        (
            "broken ones below hold it",
            one(),
            vec![(0, 2, "ready"), (1, 2, "running"), (2, 2, "running")],
            vec![],
        ),
        (
            "all go at once",
            json!({ "replicas": 1, "podManagementPolicy": "Parallel" }),
            vec![(0, 2, "ready"), (1, 2, "ready"), (2, 2, "ready")],
            vec!["delete web-2", "delete web-1"],
        ),
        (
            "numbers from five on",
            json!({ "replicas": 1, "ordinals": { "start": 5 } }),
            vec![],
            vec!["create Pod web-5"],
        ),
    ] {
        let verdict = scene(spec, &pods).observe(observe, "web");
        assert_eq!(deeds(&verdict), expected, "{what}");
    }
}

#[test]
fn an_update_goes_from_the_highest_down() {
    let strategy = |kind: &str, partition: i64| json!({ "updateStrategy": { "type": kind, "rollingUpdate": { "partition": partition } } });
    let old = [(0, 1, "ready"), (1, 1, "ready"), (2, 1, "ready")];
    for (what, spec, pods, expected) in [
        (
            "the highest first",
            strategy("RollingUpdate", 0),
            old.to_vec(),
            vec!["delete web-2"],
        ),
        (
            "wait for it",
            strategy("RollingUpdate", 0),
            vec![(0, 1, "ready"), (1, 1, "ready"), (2, 2, "running")],
            vec![],
        ),
        (
            "the next",
            strategy("RollingUpdate", 0),
            vec![(0, 1, "ready"), (1, 1, "ready"), (2, 2, "ready")],
            vec!["delete web-1"],
        ),
        (
            "not below the partition",
            strategy("RollingUpdate", 2),
            vec![(0, 1, "ready"), (1, 1, "ready"), (2, 2, "ready")],
            vec![],
        ),
        (
            "beyond the last",
            strategy("RollingUpdate", 9),
            old.to_vec(),
            vec![],
        ),
        (
            "on deletion only",
            strategy("OnDelete", 0),
            old.to_vec(),
            vec![],
        ),
    ] {
        let verdict = scene(spec, &pods).observe(observe, "web");
        assert_eq!(deeds(&verdict), expected, "{what}");
    }
}

#[test]
fn below_the_partition_a_pod_comes_back_as_it_was() {
    let partition = json!({ "updateStrategy": {
        "type": "RollingUpdate", "rollingUpdate": { "partition": 1 },
    } });
    for (present, expected) in [(1, "nginx:1"), (0, "nginx:2")] {
        let verdict = scene(partition.clone(), &[(present, 1, "ready")]).observe(observe, "web");
        let pod = created(&verdict)[0];
        assert_eq!(pod["spec"]["containers"][0]["image"], expected);
    }
}

#[test]
fn a_pod_has_an_identity_and_claims() {
    let claims = json!({ "volumeClaimTemplates": [{
        "metadata": { "name": "data" }, "spec": { "accessModes": ["ReadWriteOnce"] },
    }] });
    let verdict = scene(claims, &[]).observe(observe, "web");
    let objects = created(&verdict);
    assert_eq!(objects[0]["metadata"]["name"], "data-web-0");
    assert_eq!(objects[0]["metadata"]["labels"], json!({ "app": "web" }));
    let pod = objects[1];
    assert_eq!(pod["metadata"]["name"], "web-0");
    assert_eq!(pod["spec"]["hostname"], "web-0");
    assert_eq!(pod["spec"]["subdomain"], "svc");
    assert_eq!(
        pod["spec"]["volumes"],
        json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data-web-0" } }])
    );
    assert_eq!(
        pod["metadata"]["labels"],
        json!({
            "app": "web",
            "apps.kubernetes.io/pod-index": "0",
            "controller-revision-hash": "web-r2",
            "statefulset.kubernetes.io/pod-name": "web-0",
        })
    );
}

#[test]
fn claims_belong_to_what_they_go_with() {
    let policy =
        |deleted: &str, scaled: &str| json!({ "whenDeleted": deleted, "whenScaled": scaled });
    let other = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "uid-x" });
    let stranger = owner("ReplicaSet", "x");
    let former = {
        let mut former = owner("StatefulSet", "web");
        former["uid"] = "uid-of-before".into();
        former
    };
    let (set_owns, pod_owns) = (owner("StatefulSet", "web"), owner("Pod", "web-1"));
    // Of two pods one is wanted; who owns the claims of both, before and after.
    for (what, policy, before, after) in [
        ("kept", policy("Retain", "Retain"), vec![], [None, None]),
        (
            "with the set",
            policy("Delete", "Retain"),
            vec![],
            [Some(vec![&set_owns]), Some(vec![&set_owns])],
        ),
        (
            "with the pod that goes",
            policy("Retain", "Delete"),
            vec![],
            [None, Some(vec![&pod_owns])],
        ),
        (
            "with either",
            policy("Delete", "Delete"),
            vec![],
            [Some(vec![&set_owns]), Some(vec![&pod_owns])],
        ),
        (
            "no longer",
            policy("Retain", "Retain"),
            vec![&other, &set_owns],
            [Some(vec![&other]), Some(vec![&other])],
        ),
        (
            "as it is",
            policy("Delete", "Retain"),
            vec![&set_owns],
            [None, None],
        ),
        (
            "beside another owner",
            policy("Delete", "Retain"),
            vec![&other],
            [Some(vec![&other, &set_owns]), Some(vec![&other, &set_owns])],
        ),
        (
            "of another controller",
            policy("Delete", "Delete"),
            vec![&stranger],
            [None, None],
        ),
        (
            "of a set before",
            policy("Delete", "Delete"),
            vec![&former],
            [None, None],
        ),
    ] {
        let spec = json!({
            "replicas": 1,
            "persistentVolumeClaimRetentionPolicy": policy,
            "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }],
        });
        let claim = |ordinal: i64| {
            json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": { "name": format!("data-web-{ordinal}"), "ownerReferences": before },
            })
        };
        let scene = scene(spec, &[(0, 2, "ready"), (1, 2, "ready")]).with_all([claim(0), claim(1)]);
        let patch = |ordinal: usize, owners: Vec<&Value>| {
            let patch = json!({ "metadata": { "ownerReferences": owners } });
            format!("patch data-web-{ordinal} {patch}")
        };
        let patches = after.into_iter().enumerate();
        let patches = patches.filter_map(|(ordinal, owners)| Some(patch(ordinal, owners?)));
        let expected: Vec<String> = patches.chain(["delete web-1".to_owned()]).collect();
        assert_eq!(deeds(&scene.observe(observe, "web")), expected, "{what}");
    }
}

#[test]
fn statuses_count_by_revision() {
    for (what, pods, expected) in [
        (
            "half way",
            vec![(0, 1, "ready"), (1, 1, "ready"), (2, 2, "running")],
            json!({
                "collisionCount": 0, "replicas": 3, "availableReplicas": 2, "readyReplicas": 2, "currentReplicas": 2,
                "updatedReplicas": 1, "observedGeneration": 1, "updateRevision": "web-r2",
            }),
        ),
        (
            "done",
            vec![(0, 2, "ready"), (1, 2, "ready"), (2, 2, "ready")],
            json!({
                "collisionCount": 0, "replicas": 3, "availableReplicas": 3, "readyReplicas": 3, "currentReplicas": 3,
                "updatedReplicas": 3, "observedGeneration": 1,
                "currentRevision": "web-r2", "updateRevision": "web-r2",
            }),
        ),
    ] {
        let verdict = scene(json!({}), &pods).observe(observe, "web");
        assert_eq!(status(&verdict), expected, "{what}");
    }
}

#[test]
fn a_new_template_makes_a_revision_and_an_old_one_becomes_the_latest() {
    let scene = Scene::new().with(set(json!({}))).with(revision(1));
    let verdict = scene.observe(observe, "web");
    let made = created(&verdict)[0];
    assert_eq!(made["revision"], 2);
    assert_eq!(made["data"]["spec"]["template"]["$patch"], "replace");

    let scene = Scene::new()
        .with(set(json!({ "template": template("nginx:1") })))
        .with_all([revision(1), revision(2)]);
    assert_eq!(
        deeds(&scene.observe(observe, "web")),
        [r#"patch web-r1 {"revision":3}"#]
    );
}

#[test]
fn what_is_done_to_pods_and_claims_is_told() {
    let claims =
        || json!({ "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": {} }] });
    let deleted = |pod: &str| {
        format!(
            "Normal SuccessfulDelete: delete Pod {pod} in StatefulSet web successful | \
             Warning FailedDelete: delete Pod {pod} in StatefulSet web failed error: {{error}}"
        )
    };
    for (what, spec, pods, expected) in [
        (
            "created",
            claims(),
            vec![],
            vec![
                "Normal SuccessfulCreate: create Claim data-web-0 Pod web-0 in StatefulSet web \
                 success | Warning FailedCreate: create Claim data-web-0 for Pod web-0 in \
                 StatefulSet web failed error: {error}"
                    .to_owned(),
                "| Warning FailedCreate: create Pod web-0 in StatefulSet web failed error: failed \
                 to create PVC data-web-0: {error}"
                    .to_owned(),
                "Normal SuccessfulCreate: create Pod web-0 in StatefulSet web successful | \
                 Warning FailedCreate: create Pod web-0 in StatefulSet web failed error: {error}"
                    .to_owned(),
            ],
        ),
        (
            "deleted",
            json!({ "replicas": 0 }),
            vec![(0, 2, "ready")],
            vec![deleted("web-0")],
        ),
        (
            "failed",
            json!({}),
            vec![(0, 2, "failed")],
            vec![
                "Warning RecreatingFailedPod: StatefulSet ns/web is recreating failed Pod web-0"
                    .to_owned(),
                deleted("web-0"),
            ],
        ),
    ] {
        let verdict = scene(spec, &pods).observe(observe, "web");
        assert_eq!(events(&verdict), expected, "{what}");
    }
}
