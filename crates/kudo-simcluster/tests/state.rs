//! Clusters that go on where they ended, and lists of versions that are past.

#![cfg(test)]

use std::path::Path;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, PostParams,
    WatchEvent, WatchParams,
};
use kudo_simcluster::cluster::{SimCluster, SimOptions, StateError};
use serde_json::json;

fn config(name: &str) -> ConfigMap {
    serde_json::from_value(json!({ "metadata": { "name": name }, "data": { "k": name } })).unwrap()
}

fn configs(cluster: &SimCluster) -> Api<ConfigMap> {
    Api::default_namespaced(cluster.client())
}

fn version(object: &impl ResourceExt) -> u64 {
    object.resource_version().unwrap().parse().unwrap()
}

fn restarted(cluster: &SimCluster, path: &Path) -> SimCluster {
    cluster.save(path).unwrap();
    SimCluster::start_from(SimOptions::default(), path).unwrap()
}

#[tokio::test]
async fn objects_are_there_again_and_versions_grow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let params = PostParams::default();
    let first = SimCluster::start_from(SimOptions::default(), &path).unwrap();
    let before = configs(&first).create(&params, &config("a")).await.unwrap();
    let second = restarted(&first, &path);
    // Saved again, it holds the same.
    let third = restarted(&second, &path);
    let api = configs(&third);
    let after = api.get("a").await.unwrap();
    assert_eq!(after, before);
    let newer = api.create(&params, &config("b")).await.unwrap();
    assert!(version(&newer) > first.resource_version(), "versions grow");
    assert_ne!(newer.uid(), after.uid());
    // What happened before the restart is not known any more.
    let old = version(&before).to_string();
    let stream = api.watch(&WatchParams::default(), &old).await.unwrap();
    let told = stream.boxed().try_next().await.unwrap();
    assert!(
        matches!(told, Some(WatchEvent::Error(status)) if status.code == 410),
        "too old"
    );
}

#[tokio::test]
async fn definitions_and_their_objects_are_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let first = SimCluster::start(SimOptions::default());
    let definitions: Api<CustomResourceDefinition> = Api::all(first.client());
    let definition = json!({
        "metadata": { "name": "things.example.org" },
        "spec": {
            "group": "example.org", "scope": "Namespaced",
            "names": { "plural": "things", "kind": "Thing" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object" } },
            }],
        },
    });
    let definition = serde_json::from_value(definition).unwrap();
    definitions
        .create(&PostParams::default(), &definition)
        .await
        .unwrap();
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("example.org", "v1", "Thing"));
    let things = |cluster: &SimCluster| -> Api<DynamicObject> {
        Api::default_namespaced_with(cluster.client(), &kind)
    };
    let thing = DynamicObject::new("t", &kind);
    things(&first)
        .create(&PostParams::default(), &thing)
        .await
        .unwrap();
    let second = restarted(&first, &path);
    assert_eq!(things(&second).get("t").await.unwrap().name_any(), "t");
}

#[tokio::test]
async fn a_file_that_is_no_state_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let header = r#"{"format":"kudo-simcluster-state/1","resourceVersion":7,"objects":1}"#;
    for (text, line, expected) in [
        ("", 1, "this is no state of a cluster"),
        ("{}", 1, "this is no state of a cluster"),
        (
            r#"{"format":"kudo-simcluster-state/2","resourceVersion":7,"objects":0}"#,
            1,
            "this is no state",
        ),
        (
            &format!("{header}\n{{\"resource\":\"pods\",\"obj"),
            2,
            "expected {\"resource\":",
        ),
        (
            &format!("{header}\n{{\"resource\":\"pods\",\"object\":{{\"a\":}}}}"),
            2,
            "the object cannot be read: expected value",
        ),
        (
            header,
            1,
            "the file ends here: expected 1 objects, it has 0",
        ),
        (
            &format!("{header}\n{{\"resource\":\"pods\",\"object\":{{}}}}"),
            2,
            "the object has no",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        match SimCluster::start_from(SimOptions::default(), &path) {
            Err(StateError::Content {
                line: found,
                problem,
                ..
            }) => {
                assert_eq!(found, line, "{text}");
                assert!(problem.starts_with(expected), "{problem}");
            }
            other => panic!("{text}: {other:?}"),
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

/// The deepest object that is stored is read again.
#[tokio::test]
async fn deep_objects_are_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let first = SimCluster::start(SimOptions::default());
    let definitions: Api<CustomResourceDefinition> = Api::all(first.client());
    let definition = json!({
        "metadata": { "name": "deeps.example.org" },
        "spec": {
            "group": "example.org", "scope": "Namespaced",
            "names": { "plural": "deeps", "kind": "Deep" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                } },
            }],
        },
    });
    let definition = serde_json::from_value(definition).unwrap();
    let params = PostParams::default();
    definitions.create(&params, &definition).await.unwrap();
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("example.org", "v1", "Deep"));
    let deeps = |cluster: &SimCluster| -> Api<DynamicObject> {
        Api::default_namespaced_with(cluster.client(), &kind)
    };
    let mut taken = Vec::new();
    for depth in 120..132 {
        let deep = (0..depth).fold(json!(1), |inner, _| json!([inner]));
        let name = format!("d{depth}");
        let object = DynamicObject::new(&name, &kind).data(json!({ "deep": deep }));
        if deeps(&first).create(&params, &object).await.is_ok() {
            taken.push(name);
        }
    }
    let second = restarted(&first, &path);
    assert!(taken.len() > 2, "{taken:?}");
    for name in taken {
        let kept = deeps(&second).get(&name).await.unwrap();
        assert_eq!(kept, deeps(&first).get(&name).await.unwrap());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_written_when_something_changes_and_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let cluster = SimCluster::start(SimOptions::default());
    let keeper = cluster.clone();
    let kept = path.clone();
    let task =
        tokio::spawn(async move { keeper.keep_saved(kept, |error| panic!("{error}")).await });
    configs(&cluster)
        .create(&PostParams::default(), &config("a"))
        .await
        .unwrap();
    let has_it =
        || std::fs::read_to_string(&path).is_ok_and(|text| text.contains("\"name\":\"a\""));
    while !has_it() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    task.abort();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing else is left"
    );
}

#[tokio::test]
async fn pages_and_exact_lists_are_of_one_version() {
    let cluster = SimCluster::start(SimOptions {
        window: 8,
        ..SimOptions::default()
    });
    let api = configs(&cluster);
    let params = PostParams::default();
    for name in ["a", "b", "c"] {
        api.create(&params, &config(name)).await.unwrap();
    }
    let names = |list: kube::core::ObjectList<ConfigMap>| -> Vec<String> {
        list.items.iter().map(ResourceExt::name_any).collect()
    };
    let page = api.list(&ListParams::default().limit(1)).await.unwrap();
    let then = page.metadata.resource_version.clone().unwrap();
    let next = page.metadata.continue_.clone().unwrap();
    assert_eq!(names(page), ["a"]);
    api.delete("b", &DeleteParams::default()).await.unwrap();
    api.create(&params, &config("bb")).await.unwrap();
    let rest = ListParams::default().continue_token(&next);
    let listed = api.list(&rest).await.unwrap();
    assert_eq!(listed.metadata.resource_version.as_ref(), Some(&then));
    assert_eq!(names(listed), ["b", "c"]);
    let exact = ListParams::default()
        .at(&then)
        .matching(kube::api::VersionMatch::Exact);
    assert_eq!(names(api.list(&exact).await.unwrap()), ["a", "b", "c"]);
    for number in 0..9 {
        api.create(&params, &config(&format!("z{number}")))
            .await
            .unwrap();
    }
    for old in [rest, exact] {
        let refused = api.list(&old).await;
        assert!(matches!(refused, Err(kube::Error::Api(status)) if status.code == 410));
    }
}
