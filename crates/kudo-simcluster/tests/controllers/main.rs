//! The controllers of this crate beside the real controller manager: one script on two API servers,
//! compared at rest.

#![cfg(test)]

mod cases;
mod compare;
mod normal;

use kube::Client;
use kudo_simcluster::control_plane::{ControlPlane, ControlPlaneOptions};
use kudo_simcluster::controllers::{ControllerOptions, run};
use kudo_simcluster::kubelet::{PodOptions, simulate_pods};

/// A server with one or the other controllers and simulated pods.
struct Server {
    client: Client,
    _control_plane: ControlPlane,
}

async fn server(controller_manager: bool) -> Server {
    let control_plane = ControlPlane::start(ControlPlaneOptions {
        controller_manager,
        ..ControlPlaneOptions::default()
    });
    let control_plane = control_plane.await.unwrap();
    let client = control_plane.client().await.unwrap();
    tokio::spawn(simulate_pods(client.clone(), PodOptions::default()));
    if !controller_manager {
        let options = ControllerOptions {
            // The real one is started without a certificate and says so.
            root_certificate: Some(String::new()),
            ..ControllerOptions::default()
        };
        tokio::spawn(run(client.clone(), options));
    }
    Server {
        client,
        _control_plane: control_plane,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_objects_are_those_of_the_real_controllers() {
    tracing_subscriber::fmt()
        .with_env_filter("kudo_simcluster=warn")
        .with_writer(std::io::stderr)
        .init();
    let (real, ours) = tokio::join!(server(true), server(false));
    let only = std::env::var("KUDO_TEST_CASE").ok();
    let cases = cases::all();
    let cases = cases
        .iter()
        .filter(|case| only.as_deref().is_none_or(|only| only == case.name));
    let played = cases.map(|case| compare::play(case, &real.client, &ours.client));
    let played = futures::future::join_all(played).await;
    let failures: Vec<String> = played.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
