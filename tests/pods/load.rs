//! Clients within the cluster that write through the client service, and know what was acknowledged.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use serde_json::json;

use crate::bed::{Bed, eventually, say};
use crate::galera::{NAME, image};

/// Rows by worker and number.
pub(crate) type Rows = BTreeSet<(u32, u32)>;

const WORKERS: usize = 6;
const POD: &str = "load";

/// A load that goes on until it is ended.
pub(crate) struct Load<'a> {
    bed: &'a Bed,
    begun: Instant,
}

/// What the clients saw.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The rows whose writing was acknowledged.
    pub(crate) acknowledged: Rows,
    /// The nodes that acknowledged any.
    pub(crate) nodes: BTreeSet<String>,
    /// How often a connection was refused or closed, and the row written on another one.
    pub(crate) reconnected: u64,
    /// Writes that failed in another way, or once more.
    pub(crate) failed: u64,
    pub(crate) slowest: Duration,
    pub(crate) took: Duration,
    /// What was slow, and what was not acknowledged at once.
    pub(crate) remarks: String,
}

impl<'a> Load<'a> {
    /// Starts the clients, and waits until each has written something.
    pub(crate) async fn start(bed: &'a Bed) -> Load<'a> {
        let tables = "CREATE DATABASE IF NOT EXISTS load_test;
            CREATE TABLE IF NOT EXISTS load_test.written
                (worker INT, number INT, PRIMARY KEY (worker, number))";
        bed.sql(0, tables).await;
        bed.apply::<ConfigMap>(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": POD },
            "data": { "load.sh": include_str!("load.sh") },
        }))
        .await;
        let service = bed.api::<Service>().get(&format!("{NAME}-cs")).await;
        let address = service.unwrap().spec.and_then(|spec| spec.cluster_ip);
        let password =
            json!({ "secretKeyRef": { "name": "db-credentials", "key": "root-password" } });
        bed.apply::<Pod>(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": POD },
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "load",
                    "image": image(),
                    "command": ["bash", "/load/load.sh"],
                    "env": [
                        // Its address: how fast names are found is not asked here.
                        { "name": "SERVICE", "value": address },
                        { "name": "WORKERS", "value": WORKERS.to_string() },
                        { "name": "MARIADB_ROOT_PASSWORD", "valueFrom": password },
                    ],
                    "volumeMounts": [{ "name": "load", "mountPath": "/load" }],
                }],
                "volumes": [{ "name": "load", "configMap": { "name": POD } }],
            },
        }))
        .await;
        let load = Self {
            bed,
            begun: Instant::now(),
        };
        let ready =
            format!("for w in $(seq {WORKERS}); do [ -s /tmp/acknowledged.$w ] || exit 1; done");
        eventually("the clients write", || async {
            load.shell(&ready).await.is_ok()
        })
        .await;
        load
    }

    async fn shell(&self, script: &str) -> Result<String, String> {
        self.bed.exec(POD, "load", &["bash", "-c", script]).await
    }

    /// Ends the clients and takes their account.
    pub(crate) async fn end(self) -> Told {
        self.shell("touch /tmp/stop").await.unwrap();
        let took = self.begun.elapsed();
        eventually("the clients end", || async {
            self.shell("[ -e /tmp/done ]").await.is_ok()
        })
        .await;
        let mut told = Told {
            took,
            ..Told::default()
        };
        let results = self.shell("cat /tmp/result.*").await.unwrap();
        assert_eq!(results.lines().count(), WORKERS);
        for line in results.lines() {
            let numbers: Vec<u64> = line.split(' ').map(|n| n.parse().unwrap()).collect();
            told.reconnected += numbers[0];
            told.failed += numbers[1];
            told.slowest = told.slowest.max(Duration::from_millis(numbers[2]));
        }
        told.acknowledged = rows(&self.shell("cat /tmp/acknowledged.*").await.unwrap());
        let nodes = self.shell("cat /tmp/nodes.*").await.unwrap();
        told.nodes = nodes.lines().map(ToOwned::to_owned).collect();
        let remarks = self.shell("tail -n 60 /tmp/remarks").await;
        told.remarks = remarks.unwrap_or_default();
        self.bed.kill_pod(POD).await;
        self.bed.until_pod_is_gone(POD).await;
        told
    }
}

fn rows(text: &str) -> Rows {
    let row = |line: &str| {
        let (worker, number) = line.split_once(char::is_whitespace)?;
        Some((worker.parse().ok()?, number.parse().ok()?))
    };
    text.lines()
        .map(|line| row(line).unwrap_or_else(|| panic!("not a row: {line:?}")))
        .collect()
}

/// All rows that a node has.
pub(crate) async fn written(bed: &Bed, node: usize) -> Rows {
    rows_of(bed, NAME, node).await
}

/// All rows that a node of some instance has.
pub(crate) async fn rows_of(bed: &Bed, instance: &str, node: usize) -> Rows {
    let query = "SET SESSION wsrep_sync_wait = 1; SELECT worker, number FROM load_test.written";
    rows(&bed.try_sql_of(instance, node, query).await.unwrap())
}

/// Demands that nodes have all rows whose writing was acknowledged.
pub(crate) async fn nothing_is_lost(
    bed: &Bed,
    nodes: impl IntoIterator<Item = usize>,
    acknowledged: &Rows,
    when: &str,
) {
    for node in nodes {
        let written = written(bed, node).await;
        let lost: Vec<_> = acknowledged.difference(&written).collect();
        assert!(lost.is_empty(), "{when}: node {node} lost {lost:?}");
    }
}

impl Told {
    /// Demands what is promised: nothing lost, nothing slow, no error that a retry does not mend.
    pub(crate) async fn is_fine(&self, bed: &Bed, what: &str, nodes: usize) {
        let writes = self.acknowledged.len();
        let rate = writes as u64 / self.took.as_secs().max(1);
        say(&format!(
            "{what}: {writes} writes in {:.0?} ({rate}/s), {} on another connection, {} failed, slowest {:?}",
            self.took, self.reconnected, self.failed, self.slowest
        ));
        say(&self.remarks);
        nothing_is_lost(bed, 0..nodes, &self.acknowledged, what).await;
        assert_eq!(
            self.failed, 0,
            "{what}: errors after one retry\n{}",
            self.remarks
        );
        assert!(
            self.slowest <= Duration::from_secs(2),
            "{what}: a transaction took {:?}\n{}",
            self.slowest,
            self.remarks
        );
    }
}
