//! The harness itself: namespaces, CRDs, simulated pods and refused users.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Api;
use kube::api::ListParams;
use kudo_simcluster::control_plane::client_for;
use serde_json::json;

use crate::harness::{SOON, cluster, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_holds_objects_and_its_pods_become_ready() {
    let namespace = cluster().namespace().await;
    assert!(cluster().kubeconfig().exists());
    namespace
        .apply(&json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web" },
            "spec": { "containers": [{ "name": "web", "image": "nginx" }] },
        }))
        .await;
    let running = |pod: Option<&Pod>| {
        pod.and_then(|p| p.status.as_ref()?.phase.as_deref()) == Some("Running")
    };
    namespace
        .wait_for::<Pod>("web", "is running", SOON, running)
        .await;
    namespace
        .apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
        .await;
    let found = eventually("the ConfigMap is listed", SOON, || async {
        let list = namespace
            .api::<ConfigMap>()
            .list(&ListParams::default())
            .await;
        let items = list.map_err(|error| error.to_string())?.items;
        let named = items
            .into_iter()
            .find(|c| c.metadata.name.as_deref() == Some("a"));
        named.ok_or_else(|| "no such ConfigMap".to_owned())
    })
    .await;
    assert_eq!(found.metadata.namespace.as_deref(), Some(namespace.name()));
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_served() {
    let namespace = cluster().namespace().await;
    let instances: Api<kudo_api::Instance> = Api::namespaced(namespace.client(), namespace.name());
    assert_eq!(
        instances
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_restricted_user_is_refused() {
    let Some(kubeconfig) = cluster().restricted_kubeconfig() else {
        eprintln!("skipped: an existing cluster has no restricted user");
        return;
    };
    let pods: Api<Pod> = Api::all(client_for(kubeconfig).await.unwrap());
    match pods.list(&ListParams::default()).await {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, 403),
        other => panic!("unexpected: {other:?}"),
    }
}
