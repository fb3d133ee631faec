//! Tables of rollouts.

#![expect(
    clippy::needless_pass_by_value,
    reason = "documents read best where they are passed"
)]

use serde_json::{Value, json};

use super::observe;
use crate::controllers::Action;
use crate::controllers::testing::{Scene, created, deeds, events, owner, status, told, writes};

const LABELS: &str = "web";

fn template(image: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": LABELS } },
        "spec": { "containers": [{ "name": "main", "image": image }] },
    })
}

fn deployment(more: Value) -> Value {
    let mut spec = json!({
        "replicas": 4,
        "selector": { "matchLabels": { "app": LABELS } },
        "template": template("nginx:2"),
        "strategy": { "type": "RollingUpdate" },
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    });
    let fields = spec.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "annotations": { "deployment.kubernetes.io/revision": "2", "why": "so" },
        },
        "spec": spec,
    })
}

/// A set of a revision: told to have so many pods, so many of them available.
fn set(revision: i64, replicas: i64, available: i64) -> Value {
    sized(revision, replicas, available, 4, 5)
}

fn sized(revision: i64, replicas: i64, available: i64, desired: i64, max: i64) -> Value {
    let hash = format!("hash{revision}");
    let mut template = template(&format!("nginx:{revision}"));
    template["metadata"]["labels"]["pod-template-hash"] = hash.as_str().into();
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("web-{revision}"),
            "labels": { "app": LABELS, "pod-template-hash": hash },
            "annotations": {
                "deployment.kubernetes.io/revision": revision.to_string(),
                "deployment.kubernetes.io/desired-replicas": desired.to_string(),
                "deployment.kubernetes.io/max-replicas": max.to_string(),
                "why": "so",
            },
            "ownerReferences": [owner("Deployment", "web")],
        },
        "spec": { "replicas": replicas, "template": template },
        "status": {
            "replicas": replicas, "readyReplicas": available, "availableReplicas": available,
            "observedGeneration": 1,
        },
    })
}

/// The scaling of a scene: names and sizes.
fn scaling(deployment: Value, sets: Vec<Value>) -> Vec<(String, i64)> {
    let scene = Scene::new().with(deployment).with_all(sets);
    let verdict = scene.observe(observe, "web");
    let patches = writes(&verdict).filter_map(|action| match action {
        Action::Patch { target, patch } => {
            let size = patch.pointer("/spec/replicas")?.as_i64()?;
            Some((target.key.name.to_string(), size))
        }
        _ => None,
    });
    patches.collect()
}

#[test]
fn a_rollout_goes_as_far_as_surge_and_availability_allow() {
    let bounds = |surge: Value, unavailable: Value| {
        json!({ "strategy": { "type": "RollingUpdate", "rollingUpdate": {
            "maxSurge": surge, "maxUnavailable": unavailable,
        } } })
    };
    let quarter = || bounds(json!("25%"), json!("25%"));
    for (what, spec, old, new, expected) in [
        (
            "grows by the surge",
            quarter(),
            (4, 4),
            (0, 0),
            vec![("web-2", 1)],
        ),
        (
            "shrinks what may be missing",
            quarter(),
            (4, 4),
            (1, 0),
            vec![("web-1", 3)],
        ),
        (
            "grows into the room",
            quarter(),
            (3, 3),
            (1, 0),
            vec![("web-2", 2)],
        ),
        ("waits for availability", quarter(), (3, 3), (2, 0), vec![]),
        ("goes on", quarter(), (3, 3), (2, 1), vec![("web-1", 2)]),
        (
            "takes the broken first",
            quarter(),
            (4, 2),
            (1, 1),
            vec![("web-1", 2)],
        ),
        (
            "no surge",
            bounds(json!(0), json!(2)),
            (4, 4),
            (0, 0),
            vec![("web-1", 2)],
        ),
        (
            "no shortage",
            bounds(json!(1), json!(0)),
            (4, 4),
            (1, 0),
            vec![],
        ),
        (
            "neither means one missing",
            bounds(json!(0), json!(0)),
            (4, 4),
            (0, 0),
            vec![("web-1", 3)],
        ),
        (
            "all at once",
            bounds(json!("100%"), json!(0)),
            (4, 4),
            (0, 0),
            vec![("web-2", 4)],
        ),
        ("the rest", quarter(), (1, 1), (4, 4), vec![("web-1", 0)]),
        ("done", quarter(), (0, 0), (4, 4), vec![]),
        (
            "recreates",
            json!({ "strategy": { "type": "Recreate" } }),
            (4, 4),
            (0, 0),
            vec![("web-1", 0)],
        ),
        (
            "then starts",
            json!({ "strategy": { "type": "Recreate" } }),
            (0, 0),
            (0, 0),
            vec![("web-2", 4)],
        ),
    ] {
        let sets = vec![set(1, old.0, old.1), set(2, new.0, new.1)];
        let expected: Vec<(String, i64)> = expected
            .into_iter()
            .map(|(name, size): (&str, i64)| (name.to_owned(), size))
            .collect();
        assert_eq!(scaling(deployment(spec), sets), expected, "{what}");
    }
}

#[test]
fn a_new_size_is_spread_over_the_sets() {
    let scaled = |replicas: i64| json!({ "replicas": replicas });
    for (what, spec, sets, expected) in [
        ("one set", scaled(7), vec![set(2, 4, 4)], vec![("web-2", 7)]),
        ("to none", scaled(0), vec![set(2, 4, 4)], vec![("web-2", 0)]),
        (
            "in proportion",
            scaled(8),
            vec![set(1, 3, 3), set(2, 2, 1)],
            vec![("web-1", 6), ("web-2", 4)],
        ),
        (
            "down to none",
            scaled(0),
            vec![set(1, 3, 3), set(2, 2, 1)],
            vec![("web-1", 0), ("web-2", 0)],
        ),
        (
            "paused",
            json!({ "replicas": 6, "paused": true, "progressDeadlineSeconds": null }),
            vec![set(1, 4, 4)],
            vec![("web-1", 6)],
        ),
    ] {
        let mut scaled = scaling(deployment(spec), sets);
        scaled.sort();
        let expected: Vec<(String, i64)> = expected
            .into_iter()
            .map(|(name, size): (&str, i64)| (name.to_owned(), size))
            .collect();
        assert_eq!(scaled, expected, "{what}");
    }
}

#[test]
fn a_new_template_makes_a_set() {
    let scene = Scene::new().with(deployment(json!({}))).with(set(1, 4, 4));
    let verdict = scene.observe(observe, "web");
    let set = created(&verdict)[0];
    assert_eq!(set["spec"]["replicas"], 1);
    let hash = &set["metadata"]["labels"]["pod-template-hash"];
    assert_eq!(
        set["metadata"]["name"],
        format!("web-{}", hash.as_str().unwrap())
    );
    assert_eq!(
        set["spec"]["selector"]["matchLabels"]["pod-template-hash"],
        *hash
    );
    assert_eq!(
        set["spec"]["template"]["metadata"]["labels"]["pod-template-hash"],
        *hash
    );
    assert_eq!(
        set["metadata"]["annotations"],
        json!({
            "why": "so",
            "deployment.kubernetes.io/revision": "2",
            "deployment.kubernetes.io/desired-replicas": "4",
            "deployment.kubernetes.io/max-replicas": "5",
        })
    );
    assert_eq!(
        set["metadata"]["ownerReferences"],
        json!([owner("Deployment", "web")])
    );
    let condition = &status(&verdict)["conditions"][0];
    assert_eq!(condition["reason"], "NewReplicaSetCreated");
}

#[test]
fn a_taken_name_counts_as_a_collision() {
    let scene = Scene::new().with(deployment(json!({})));
    let verdict = scene.failing("", true).observe(observe, "web");
    assert_eq!(told(&verdict), [r#"status web {"collisionCount":1}"#]);
}

#[test]
fn a_refused_set_is_told_of() {
    let scene = Scene::new().with(deployment(json!({})));
    let verdict = scene
        .failing("quota is used up", false)
        .observe(observe, "web");
    let condition = &status(&verdict)["conditions"][0];
    assert_eq!(condition["reason"], "ReplicaSetCreateError");
    let message = condition["message"].as_str().unwrap();
    assert!(message.ends_with("\": quota is used up"), "{message}");
    assert_eq!(created(&verdict).len(), 1);
}

#[test]
fn an_old_template_takes_its_set_back_with_a_new_revision() {
    let mut back = deployment(json!({ "template": template("nginx:1") }));
    back["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2".into();
    let scene = Scene::new()
        .with(back)
        .with(set(1, 0, 0))
        .with(set(2, 4, 4));
    let verdict = scene.observe(observe, "web");
    assert_eq!(
        deeds(&verdict),
        [
            r#"patch web-1 {"metadata":{"annotations":{"deployment.kubernetes.io/revision":"3","deployment.kubernetes.io/revision-history":"1"}}}"#,
        ]
    );
    let own = writes(&verdict).find_map(|action| match action {
        Action::PatchStatus { annotations, .. } => Some(annotations.clone()),
        _ => None,
    });
    assert_eq!(
        own,
        Some(json!({ "deployment.kubernetes.io/revision": "3" }))
    );
}

#[test]
fn conditions_tell_of_progress_and_of_its_end() {
    let with_condition = |reason: &str, since: &str, mut counts: Value| {
        let mut deployment = deployment(json!({ "replicas": 4 }));
        counts["conditions"] = json!([{
            "type": "Progressing", "status": "True", "reason": reason,
            "lastUpdateTime": since, "lastTransitionTime": since,
        }]);
        counts["observedGeneration"] = 1.into();
        deployment["status"] = counts;
        deployment
    };
    let early = "2026-01-01T00:49:59Z";
    let late = "2026-01-01T00:55:00Z";
    let same =
        json!({ "replicas": 4, "updatedReplicas": 4, "readyReplicas": 2, "availableReplicas": 2 });
    for (what, deployment, available, reason, again) in [
        (
            "complete",
            with_condition("ReplicaSetUpdated", late, json!({})),
            4,
            "NewReplicaSetAvailable",
            None,
        ),
        (
            "progress",
            with_condition("NewReplicaSetCreated", late, json!({})),
            2,
            "ReplicaSetUpdated",
            Some(601),
        ),
        (
            "still",
            with_condition("ReplicaSetUpdated", late, same.clone()),
            2,
            "ReplicaSetUpdated",
            Some(301),
        ),
        (
            "stuck",
            with_condition("ReplicaSetUpdated", early, same.clone()),
            2,
            "ProgressDeadlineExceeded",
            None,
        ),
        (
            "stays stuck",
            with_condition("ProgressDeadlineExceeded", late, same.clone()),
            2,
            "ProgressDeadlineExceeded",
            None,
        ),
        (
            "done is done",
            with_condition("NewReplicaSetAvailable", early, same),
            2,
            "NewReplicaSetAvailable",
            None,
        ),
    ] {
        let scene = Scene::new()
            .with(deployment.clone())
            .with(set(2, 4, available));
        let verdict = scene.observe(observe, "web");
        let written = status(&verdict);
        let conditions = written["conditions"].as_array().cloned();
        let conditions =
            conditions.unwrap_or_else(|| vec![deployment["status"]["conditions"][0].clone()]);
        let progressing = conditions
            .iter()
            .find(|c| c["type"] == "Progressing")
            .unwrap();
        assert_eq!(progressing["reason"], reason, "{what}");
        assert_eq!(verdict.again.map(|again| again.as_secs()), again, "{what}");
    }
}

#[test]
fn old_sets_beyond_the_limit_go() {
    let mut complete =
        deployment(json!({ "revisionHistoryLimit": 1, "template": template("nginx:4") }));
    complete["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "4".into();
    complete["status"] = json!({
        "observedGeneration": 1, "replicas": 4, "updatedReplicas": 4, "availableReplicas": 4,
    });
    let scene = Scene::new().with(complete).with_all([
        set(2, 0, 0),
        set(3, 0, 0),
        set(1, 0, 0),
        set(4, 4, 4),
    ]);
    assert_eq!(
        deeds(&scene.observe(observe, "web")),
        ["delete web-1", "delete web-2"]
    );
}

#[test]
fn scaling_is_told() {
    let stopped = || json!({ "replicas": 0 });
    for (what, spec, sets, expected) in [
        (
            "a new set",
            json!({ "template": template("nginx:3") }),
            vec![set(2, 4, 4)],
            vec![
                "Normal ScalingReplicaSet: Scaled up replica set NEW from 0 to 1 | \
                 Warning ReplicaSetCreateError: Failed to create new replica set \"NEW\": {error}",
            ],
        ),
        (
            "a new set without pods",
            stopped(),
            vec![],
            vec![
                "| Warning ReplicaSetCreateError: Failed to create new replica set \"NEW\": {error}",
            ],
        ),
        (
            "up",
            json!({}),
            vec![set(1, 4, 4), set(2, 0, 0)],
            vec!["Normal ScalingReplicaSet: Scaled up replica set web-2 from 0 to 1"],
        ),
        (
            "down",
            json!({}),
            vec![set(1, 2, 2), set(2, 3, 3)],
            vec!["Normal ScalingReplicaSet: Scaled down replica set web-1 from 2 to 0"],
        ),
        (
            "only the annotations",
            json!({ "replicas": 4 }),
            vec![sized(1, 2, 2, 3, 4), sized(2, 3, 3, 3, 4)],
            vec![],
        ),
    ] {
        let scene = Scene::new().with(deployment(spec)).with_all(sets);
        let verdict = scene.observe(observe, "web");
        let name = created(&verdict)
            .first()
            .map(|set| set["metadata"]["name"].clone());
        let name = name.as_ref().and_then(Value::as_str).unwrap_or("none");
        let told: Vec<String> = events(&verdict)
            .iter()
            .map(|event| event.replace(name, "NEW"))
            .collect();
        assert_eq!(told, expected, "{what}");
    }
}
