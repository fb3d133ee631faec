//! Clients within the cluster that write through the client service, and know what was acknowledged.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use serde_json::json;

use crate::bed::{Bed, eventually, say};
use crate::galera::{NAME, image};

const WORKERS: usize = 4;
const POD: &str = "load";

/// A load that goes on until it is ended.
pub(crate) struct Load<'a> {
    bed: &'a Bed,
    begun: Instant,
}

/// What the clients saw.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) acknowledged: u64,
    pub(crate) retried: u64,
    pub(crate) failed: u64,
    pub(crate) slowest: Duration,
    pub(crate) took: Duration,
    /// The transactions that took more than half a second, and those that were tried again.
    pub(crate) remarks: String,
}

impl<'a> Load<'a> {
    /// Starts the clients, and waits until each has written something.
    pub(crate) async fn start(bed: &'a Bed) -> Load<'a> {
        let tables = "CREATE DATABASE IF NOT EXISTS load_test;
            CREATE TABLE IF NOT EXISTS load_test.written
                (worker INT, number INT, PRIMARY KEY (worker, number));
            CREATE TABLE IF NOT EXISTS load_test.acknowledged LIKE load_test.written";
        bed.sql(0, tables).await;
        bed.apply::<ConfigMap>(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": POD },
            "data": { "load.sh": include_str!("load.sh") },
        }))
        .await;
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
                        { "name": "SERVICE", "value": format!("{NAME}-cs") },
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
        for line in self.shell("cat /tmp/result.*").await.unwrap().lines() {
            let numbers: Vec<u64> = line.split(' ').map(|n| n.parse().unwrap()).collect();
            told.acknowledged += numbers[1];
            told.retried += numbers[2];
            told.failed += numbers[3];
            told.slowest = told.slowest.max(Duration::from_millis(numbers[4]));
        }
        let remarks = "sort /tmp/slow /tmp/retries /tmp/errors 2>/dev/null | tail -n 60";
        told.remarks = self.shell(remarks).await.unwrap_or_default();
        self.upload().await;
        told
    }

    /// Puts what was acknowledged beside what was written.
    async fn upload(&self) {
        let script = r#"export MYSQL_PWD="$MARIADB_ROOT_PASSWORD"
            cat /tmp/acknowledged.* > /tmp/all
            mariadb --host="$SERVICE" --user=root --local-infile=1 -e "
                LOAD DATA LOCAL INFILE '/tmp/all' REPLACE INTO TABLE load_test.acknowledged
                FIELDS TERMINATED BY ' '""#;
        self.shell(script).await.unwrap();
    }
}

/// How many acknowledged writes a node does not have.
pub(crate) async fn lost(bed: &Bed, node: usize) -> u64 {
    let query = "SET SESSION wsrep_sync_wait = 1;
        SELECT COUNT(*) FROM load_test.acknowledged a
        LEFT JOIN load_test.written w USING (worker, number) WHERE w.number IS NULL";
    bed.sql(node, query).await.parse().unwrap()
}

impl Told {
    /// Demands what is promised: nothing lost, nothing slow, no error that a retry does not mend.
    pub(crate) async fn is_fine(&self, bed: &Bed, what: &str, nodes: usize) {
        let rate = self.acknowledged / self.took.as_secs().max(1);
        say(&format!(
            "{what}: {} writes in {:.0?} ({rate}/s), {} tried again, {} failed, slowest {:?}",
            self.acknowledged, self.took, self.retried, self.failed, self.slowest
        ));
        say(&self.remarks);
        for node in 0..nodes {
            assert_eq!(
                lost(bed, node).await,
                0,
                "{what}: writes that node {node} lost"
            );
        }
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
