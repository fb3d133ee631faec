//! Tables of owners that go.

use serde_json::{Value, json};

use super::observe;
use crate::controllers::testing::{Scene, told};
use crate::controllers::world::Key;

fn config(name: &str, owners: &[(&str, bool)]) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|(owner, blocks)| {
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "name": owner,
                "uid": format!("uid-{owner}"), "blockOwnerDeletion": blocks,
            })
        })
        .collect();
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "ownerReferences": owners },
    })
}

fn going(name: &str, finalizer: &str) -> Value {
    let mut object = config(name, &[]);
    object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    object["metadata"]["finalizers"] = json!([finalizer, "example.com/other"]);
    object
}

fn collect(scene: &Scene, name: &str) -> Vec<String> {
    let verdict = scene.observe_key(observe, &Key::new("", &format!("uid-{name}")));
    told(&verdict)
}

#[test]
fn an_object_goes_with_its_last_owner() {
    let two = || config("child", &[("a", false), ("b", false)]);
    let child = || config("child", &[("a", false)]);
    for (what, scene, expected) in [
        (
            "owner is there",
            Scene::new().with(config("a", &[])).with(child()),
            vec![],
        ),
        ("not known", Scene::new().with(child()), vec!["verify a"]),
        (
            "known to be gone",
            Scene::new().with(child()).absent("uid-a"),
            vec!["delete child"],
        ),
        (
            "one of two is gone",
            Scene::new()
                .with(config("a", &[]))
                .with(two())
                .absent("uid-b"),
            vec![
                r#"patch child {"metadata":{"ownerReferences":[{"apiVersion":"v1","blockOwnerDeletion":false,"kind":"ConfigMap","name":"a","uid":"uid-a"}]}}"#,
            ],
        ),
        (
            "both are gone",
            Scene::new().with(two()).absent("uid-a").absent("uid-b"),
            vec!["delete child"],
        ),
        (
            "the owner waits for it",
            Scene::new()
                .with(going("a", "foregroundDeletion"))
                .with(child()),
            vec!["delete child"],
        ),
        (
            "and it has dependents",
            Scene::new()
                .with(going("a", "foregroundDeletion"))
                .with(child())
                .with(config("grandchild", &[("child", true)])),
            vec!["delete child foreground"],
        ),
        (
            "the owner goes by itself",
            Scene::new().with(going("a", "x")).with(child()),
            vec![],
        ),
    ] {
        assert_eq!(collect(&scene, "child"), expected, "{what}");
    }
}

#[test]
fn an_owner_of_another_name_or_kind() {
    let mut renamed = config("child", &[("a", false)]);
    renamed["metadata"]["ownerReferences"][0]["name"] = "other".into();
    let scene = Scene::new().with(config("a", &[])).with(renamed);
    assert_eq!(collect(&scene, "child"), ["delete child"]);

    let mut unheard = config("child", &[("a", false)]);
    unheard["metadata"]["ownerReferences"][0]["kind"] = "Unheard".into();
    assert!(collect(&Scene::new().with(unheard), "child").is_empty());
}

#[test]
fn a_foreground_deletion_waits_for_what_blocks_it() {
    let owner = || going("a", "foregroundDeletion");
    let gone = r#"patch a {"metadata":{"finalizers":["example.com/other"]}}"#;
    for (what, scene, expected) in [
        ("alone", Scene::new().with(owner()), vec![gone]),
        (
            "with one that blocks",
            Scene::new()
                .with(owner())
                .with(config("child", &[("a", true)])),
            vec!["delete child"],
        ),
        (
            "with one that does not",
            Scene::new()
                .with(owner())
                .with(config("child", &[("a", false)])),
            vec![gone],
        ),
    ] {
        assert_eq!(collect(&scene, "a"), expected, "{what}");
    }
}

#[test]
fn orphans_forget_their_owner_before_it_goes() {
    let scene = Scene::new()
        .with(going("a", "orphan"))
        .with(config("child", &[("a", true)]));
    assert_eq!(
        collect(&scene, "a"),
        [
            r#"patch child {"metadata":{"ownerReferences":[]}}"#,
            r#"patch a {"metadata":{"finalizers":["example.com/other"]}}"#,
        ]
    );
}
