//! The promise: installed, scaled, changed and upgraded with no interruption of the service.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt;
use kube::api::{ListParams, WatchEvent, WatchParams};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::bed::{Bed, WAIT, eventually, has, say};
use crate::galera::{CONFIG, NAME, next_version};
use crate::load::{Load, nothing_is_lost};

/// When what was first seen of the pods' makers.
struct Timeline {
    seen: Arc<Mutex<BTreeMap<&'static str, Instant>>>,
    watches: [JoinHandle<()>; 2],
}

impl Timeline {
    fn start(bed: &Bed) -> Self {
        let seen: Arc<Mutex<BTreeMap<&'static str, Instant>>> = Arc::default();
        let note = |seen: &Arc<Mutex<BTreeMap<_, _>>>, what| {
            seen.lock()
                .unwrap()
                .entry(what)
                .or_insert_with(Instant::now);
        };
        let (api, noted) = (bed.api::<Deployment>(), seen.clone());
        let deployments = tokio::spawn(async move {
            let watch = api.watch(&WatchParams::default(), "0").await.unwrap();
            let mut watch = std::pin::pin!(watch);
            while let Some(Ok(event)) = watch.next().await {
                match event {
                    WatchEvent::Added(d) | WatchEvent::Modified(d) => {
                        note(&noted, "bootstrap made");
                        let available = d.status.and_then(|status| status.available_replicas);
                        if available == Some(1) {
                            note(&noted, "bootstrap ready");
                        }
                        if d.metadata.deletion_timestamp.is_some() {
                            note(&noted, "bootstrap leaves");
                        }
                    }
                    WatchEvent::Deleted(_) => note(&noted, "bootstrap gone"),
                    _ => {}
                }
            }
        });
        let (api, noted) = (bed.api::<StatefulSet>(), seen.clone());
        let sets = tokio::spawn(async move {
            let watch = api.watch(&WatchParams::default(), "0").await.unwrap();
            let mut watch = std::pin::pin!(watch);
            while let Some(Ok(event)) = watch.next().await {
                if let WatchEvent::Added(set) | WatchEvent::Modified(set) = event {
                    note(&noted, "nodes made");
                    if set.status.and_then(|status| status.ready_replicas) == Some(3) {
                        note(&noted, "nodes ready");
                    }
                }
            }
        });
        Self {
            seen,
            watches: [deployments, sets],
        }
    }

    /// How long each part took; ours are those in which no pod is awaited.
    fn parts(self, begun: Instant, ended: Instant) -> Vec<(&'static str, bool, Duration)> {
        self.watches.iter().for_each(JoinHandle::abort);
        let seen = self.seen.lock().unwrap();
        let at = |what: &str| {
            *seen
                .get(what)
                .unwrap_or_else(|| panic!("never seen: {what}"))
        };
        vec![
            (
                "install to the bootstrap node's deployment",
                true,
                at("bootstrap made") - begun,
            ),
            (
                "the bootstrap node starts",
                false,
                at("bootstrap ready") - at("bootstrap made"),
            ),
            (
                "to the nodes' stateful set",
                true,
                at("nodes made") - at("bootstrap ready"),
            ),
            (
                "three nodes join",
                false,
                at("nodes ready") - at("nodes made"),
            ),
            (
                "to the bootstrap node's removal",
                true,
                at("bootstrap leaves") - at("nodes ready"),
            ),
            (
                "the bootstrap node ends",
                false,
                at("bootstrap gone") - at("bootstrap leaves"),
            ),
            (
                "to COMPLETE and the command's end",
                true,
                ended - at("bootstrap gone"),
            ),
        ]
    }
}

/// Root's password is changed while the service goes on; plans use the new one.
async fn another_password(bed: &Bed) {
    let nodes = ["db-0", "db-1", "db-2"];
    let mut former = Vec::new();
    for node in nodes {
        former.push(bed.uid_of(node).await);
    }
    let password = r#"an\other's "$1" # %n"#;
    let in_sql = password.replace('\\', r"\\").replace('\'', "''");
    let change = format!(
        "ALTER USER IF EXISTS root@localhost IDENTIFIED BY '{in_sql}', root@'%' IDENTIFIED BY '{in_sql}'"
    );
    bed.sql(0, &change).await;
    let unready = || async {
        let pods = bed.api::<Pod>().list(&ListParams::default()).await.unwrap();
        let pods = pods.items.iter();
        let mut nodes = pods.filter(|pod| nodes.contains(&&*pod.name_any()));
        nodes.any(|pod| !has(pod, "Ready"))
    };
    // Longer than readiness and liveness probes bear it.
    for _ in 0..70 {
        assert!(!unready().await, "a node cannot do without root's password");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for (node, former) in nodes.into_iter().zip(former) {
        assert_eq!(bed.uid_of(node).await, former, "{node} was left alone");
    }
    bed.apply::<Secret>(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db-credentials" },
        "stringData": { "root-password": password },
    }))
    .await;
    bed.set(CONFIG);
    bed.is_whole(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_never_interrupted() {
    let Some(bed) = Bed::alone("under-load").await else {
        return;
    };
    let timeline = Timeline::start(&bed);
    let begun = Instant::now();
    bed.install_galera(&WAIT).expect(0);
    let parts = timeline.parts(begun, Instant::now());
    let own: Duration = parts
        .iter()
        .filter(|(_, own, _)| *own)
        .map(|(_, _, took)| *took)
        .sum();
    for (what, own, took) in &parts {
        say(&format!(
            "{took:>8.2?} {} {what}",
            if *own { "ours" } else { "pods" }
        ));
    }
    say(&format!(
        "{own:.2?} of {:.2?} are the product's own",
        begun.elapsed()
    ));
    assert!(
        own < Duration::from_secs(2),
        "the product's own share: {own:?}"
    );

    bed.is_whole(3).await;
    assert!(bed.names::<Deployment>().await.is_empty());
    bed.sql(
        0,
        "CREATE DATABASE first; CREATE TABLE first.t (x INT PRIMARY KEY)",
    )
    .await;
    bed.sql(0, "INSERT INTO first.t VALUES (42)").await;
    for node in 1..3 {
        let read = "SET SESSION wsrep_sync_wait = 1; SELECT x FROM first.t";
        assert_eq!(bed.sql(node, read).await, "42");
    }

    let load = Load::start(&bed).await;
    bed.set("NODE_COUNT=5");
    bed.is_whole(5).await;
    bed.set("NODE_COUNT=3");
    bed.is_whole(3).await;
    let first = load.end().await;
    first.is_fine(&bed, "3, 5 and 3 nodes", 3).await;
    let nodes: Vec<&str> = first.nodes.iter().map(String::as_str).collect();
    assert_eq!(nodes, ["db-0", "db-1", "db-2", "db-3", "db-4"]);

    let load = Load::start(&bed).await;
    bed.set("CONFIG={innodb_buffer_pool_size: 64M, max_connections: 123}");
    for node in 0..3 {
        assert_eq!(bed.sql(node, "SELECT @@max_connections").await, "123");
    }
    bed.is_whole(3).await;
    let version = "SELECT VERSION()";
    let before = bed.sql(0, version).await;
    bed.set(&format!("VERSION={}", next_version()));
    bed.is_whole(3).await;
    let after = bed.sql(0, version).await;
    assert_ne!(before, after);
    say(&format!("upgraded from {before} to {after}"));
    for node in 1..3 {
        assert_eq!(bed.sql(node, version).await, after);
    }
    let second = load.end().await;
    second.is_fine(&bed, "changed and upgraded", 3).await;
    nothing_is_lost(&bed, [0], &first.acknowledged, "of the first load").await;

    another_password(&bed).await;

    // Nothing stays but the volumes, also those of nodes that are no more, and the operator itself.
    bed.kudo(&[&["uninstall", "--instance", NAME], &WAIT[..]].concat())
        .expect(0);
    let mut expected = vec!["ConfigMap/load".to_owned(), "Operator/galera".to_owned()];
    expected.push("OperatorVersion/galera-0.1.0".to_owned());
    expected.extend((0..5).map(|node| format!("PersistentVolumeClaim/data-{NAME}-{node}")));
    eventually("only what is to stay is left", || async {
        let left = bed.everything().await;
        say(&format!("left: {left:?}"));
        left == expected
    })
    .await;
    bed.remove().await;
}
