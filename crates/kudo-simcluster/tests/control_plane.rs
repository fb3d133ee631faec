//! The control plane starts, serves, and ends with its owner.

#![cfg(test)]

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::ListParams;
use kudo_simcluster::control_plane::{ControlPlane, ControlPlaneOptions, client_for};

#[tokio::test]
async fn two_side_by_side_serve_and_end_with_their_owner() {
    let start = Instant::now();
    let (one, two) = tokio::join!(
        ControlPlane::start(ControlPlaneOptions::default()),
        ControlPlane::start(ControlPlaneOptions::default()),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    eprintln!("two control planes ready after {:?}", start.elapsed());
    assert_ne!(one.url(), two.url());

    let client = one.client().await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(client, "default");
    let deadline = Instant::now() + Duration::from_secs(30);
    while accounts.get_opt("default").await.unwrap().is_none() {
        assert!(
            Instant::now() < deadline,
            "the controller manager made no service account"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eprintln!("the controller manager works after {:?}", start.elapsed());

    let restricted = client_for(one.restricted_kubeconfig()).await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(restricted, "default");
    match accounts.list(&ListParams::default()).await {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, 403),
        other => panic!("unexpected: {other:?}"),
    }

    let folder = two.folder().to_owned();
    assert!(folder.join("kubeconfig").exists());
    let end = Instant::now();
    drop(two);
    assert!(!folder.exists());
    eprintln!("ended after {:?}", end.elapsed());
}
