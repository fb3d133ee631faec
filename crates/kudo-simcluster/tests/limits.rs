//! Clients that open too much, that hang and that vanish cost neither the cluster nor other clients much.

#![cfg(test)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, PostParams, WatchParams};
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Time enough for anything that happens at once, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);
const TOKEN: &str = "limits";

fn config(name: &str, text: &str) -> ConfigMap {
    let config = json!({ "metadata": { "name": name }, "data": { "text": text } });
    serde_json::from_value(config).unwrap()
}

fn configs(cluster: &SimCluster) -> Api<ConfigMap> {
    Api::default_namespaced(cluster.client())
}

/// Opens a watch on a socket and reads the beginning of its answer, not more.
async fn watch(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /api/v1/namespaces/default/configmaps?watch=1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         authorization: Bearer {TOKEN}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    stream
}

/// What this process has in memory, in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    words[1].parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn too_many_watches_are_refused_until_one_ends() {
    let cluster = SimCluster::start(SimOptions {
        watches: 2,
        ..SimOptions::default()
    });
    let (api, params) = (configs(&cluster), WatchParams::default());
    let first = api.watch(&params, "0").await.unwrap();
    let _second = api.watch(&params, "0").await.unwrap();
    match api.watch(&params, "0").await.map(drop) {
        Err(kube::Error::Api(status)) => {
            assert_eq!((status.code, &*status.reason), (429, "TooManyRequests"));
        }
        other => panic!("{other:?}"),
    }
    // What is no watch is answered as ever.
    api.create(&PostParams::default(), &config("a", ""))
        .await
        .unwrap();
    drop(first);
    api.watch(&params, "0").await.map(drop).unwrap();
}

#[tokio::test]
async fn watches_of_clients_that_vanish_end() {
    let cluster = SimCluster::start(SimOptions {
        watches: 8,
        ..SimOptions::default()
    });
    cluster.add_admin_token(TOKEN);
    let serving = cluster
        .serve_plain("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let mut watches = Vec::new();
    for _ in 0..8 {
        watches.push(watch(serving.address).await);
    }
    let (api, params) = (configs(&cluster), WatchParams::default());
    assert!(
        api.watch(&params, "0").await.is_err(),
        "all places are taken"
    );
    drop(watches);
    let begun = Instant::now();
    while let Err(error) = api.watch(&params, "0").await.map(drop) {
        assert!(begun.elapsed() < PATIENCE, "still taken: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_client_that_hangs_is_not_waited_for_and_nothing_is_kept_for_it() {
    const CHANGES: usize = 600;
    let cluster = SimCluster::start(SimOptions {
        window: 16,
        ..SimOptions::default()
    });
    cluster.add_admin_token(TOKEN);
    let serving = cluster
        .serve_plain("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    // One does not read its watch, one never ends its request.
    let mut hanging = watch(serving.address).await;
    let mut unfinished = TcpStream::connect(serving.address).await.unwrap();
    let half = "POST /api/v1/namespaces HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
    unfinished.write_all(half.as_bytes()).await.unwrap();
    let (api, params) = (configs(&cluster), PostParams::default());
    let mut object = api.create(&params, &config("a", "")).await.unwrap();
    let before = memory();
    for number in 0..CHANGES {
        // 120 MB in all.
        object.data = config("a", &format!("{number} {}", "x".repeat(200_000))).data;
        object = api.replace("a", &params, &object).await.unwrap();
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < 60, "{grown} MiB for a client that hangs");
    // Reading on, it is told that it has missed something.
    let mut rest = Vec::new();
    let read = tokio::time::timeout(PATIENCE, hanging.read_to_end(&mut rest)).await;
    // The connection itself may stay open.
    drop(read);
    let rest = String::from_utf8_lossy(&rest);
    let end = &rest[rest.len().saturating_sub(400)..];
    assert!(rest.contains("\"code\":410"), "{end}");
    drop(unfinished);
}

/// The head of an answer to a request that shows no credential.
async fn status_without_credential(address: SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn who_shows_no_credential_sees_health_and_version_alone() {
    let cluster = SimCluster::start(SimOptions::default());
    let serving = cluster
        .serve_plain("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    for path in ["/healthz", "/livez", "/readyz", "/version", "/version/"] {
        let answer = status_without_credential(serving.address, &format!("GET {path}")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    for (line, words) in [
        (
            "GET /api",
            r#"User \"system:anonymous\" cannot get path \"/api\""#,
        ),
        ("POST /version", r#"cannot post path \"/version\""#),
        (
            "GET /api/v1/namespaces",
            r#"User \"system:anonymous\" cannot list resource \"namespaces\" in API group \"\" at the cluster scope"#,
        ),
    ] {
        let answer = status_without_credential(serving.address, line).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{line}: {answer}");
        assert!(answer.contains(words), "{line}: {answer}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    const SIZE: usize = 900_000;
    let cluster = SimCluster::start(SimOptions::default());
    cluster.add_admin_token(TOKEN);
    let address = "127.0.0.1:0".parse().unwrap();
    let serving = cluster.serve_plain(address).await.unwrap();
    let (api, params) = (configs(&cluster), PostParams::default());
    for number in 0..20 {
        let object = config(&format!("c{number}"), &"x".repeat(SIZE));
        api.create(&params, &object).await.unwrap();
    }
    let mut hanging = TcpStream::connect(serving.address).await.unwrap();
    let request = format!(
        "GET /api/v1/configmaps HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
    );
    hanging.write_all(request.as_bytes()).await.unwrap();
    // As much of the answer as there is room for is on its way.
    tokio::time::sleep(Duration::from_millis(500)).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(PATIENCE, hanging.read_to_end(&mut rest)).await;
    read.expect("the connection has ended").ok();
    assert!(rest.len() < 20 * SIZE, "{} bytes", rest.len());
}
