//! What can be lost, and comes back.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::DeleteParams;

use crate::bed::{Bed, eventually};
use crate::galera::{FAST, NAME, backup_claim, next_version};
use crate::load::{Load, lost};

impl Bed {
    async fn remove_claim(&self, node: usize) {
        let claims = self.api::<PersistentVolumeClaim>();
        let name = format!("data-{NAME}-{node}");
        claims
            .delete(&name, &DeleteParams::background())
            .await
            .unwrap();
    }

    async fn all_pods_at_once(&self) {
        for node in 0..3 {
            self.kill_pod(&format!("{NAME}-{node}")).await;
        }
    }
}

/// Some rows whose writing was acknowledged.
async fn write_for_a_while(bed: &Bed) {
    let load = Load::start(bed).await;
    let told = load.end().await;
    assert!(told.acknowledged > 0);
    bed.kill_pod("load").await;
    eventually("the clients are gone", || async {
        !bed.names::<Pod>().await.contains(&"load".to_owned())
    })
    .await;
}

/// Scales, changes and upgrades the cluster, and kills the manager each time.
async fn changed_while_the_manager_dies(bed: &Bed) {
    let version = format!("VERSION={}", next_version());
    for (parameter, plan, nodes) in [
        ("NODE_COUNT=5", "node_update", 5),
        ("NODE_COUNT=3", "node_update", 3),
        (
            "CONFIG={innodb_buffer_pool_size: 64M, max_connections: 99}",
            "update",
            3,
        ),
        (&version, "upgrade", 3),
    ] {
        bed.patiently(&["update", "--instance", NAME, "-p", parameter])
            .await;
        bed.until_step(plan, "statefulset").await;
        bed.kill_manager().await;
        bed.until_complete(plan).await;
        bed.is_whole(nodes).await;
    }
}

/// With the manager killed in the middle of each plan.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_whole_again_after_any_loss() {
    let Some(bed) = Bed::new("losses").await else {
        return;
    };
    bed.apply::<PersistentVolumeClaim>(backup_claim()).await;
    bed.begin_galera(&FAST).expect(0);
    bed.until_step("deploy", "statefulset").await;
    bed.kill_manager().await;
    bed.until_complete("deploy").await;
    bed.is_whole(3).await;
    write_for_a_while(&bed).await;

    // A pod.
    bed.kill_pod("db-1").await;
    bed.is_whole(3).await;
    // A volume: the claim goes with its last pod.
    bed.remove_claim(2).await;
    bed.kill_pod("db-2").await;
    eventually("node 2 has another volume", || async {
        let claim = bed
            .api::<PersistentVolumeClaim>()
            .get_opt("data-db-2")
            .await
            .unwrap();
        claim.is_some_and(|claim| claim.metadata.deletion_timestamp.is_none())
    })
    .await;
    bed.kill_pod("db-2").await;
    bed.is_whole(3).await;
    assert_eq!(lost(&bed, 2).await, 0);

    bed.trigger_and_kill("backup", "backup").await;
    // All pods at once.
    write_for_a_while(&bed).await;
    bed.all_pods_at_once().await;
    bed.trigger_and_kill("recover", "gather").await;
    bed.is_whole(3).await;
    for node in 0..3 {
        assert_eq!(lost(&bed, node).await, 0, "node {node} after recover");
    }

    // Total loss: everything but the backups, of which one more is made first.
    bed.patiently(&[
        "plan",
        "trigger",
        "--instance",
        NAME,
        "--name",
        "backup",
        "--wait",
    ])
    .await;
    let rows = bed.sql(0, "SELECT COUNT(*) FROM load_test.written").await;
    bed.patiently(&[
        "update",
        "--instance",
        NAME,
        "-p",
        "REMOVE_VOLUMES=true",
        "--wait",
    ])
    .await;
    bed.patiently(&["uninstall", "--instance", NAME]).await;
    eventually("the cleanup has begun", || async {
        let found = bed.api::<kudo_api::Instance>().get_opt(NAME).await.unwrap();
        found.is_none_or(|found| found.metadata.deletion_timestamp.is_some())
    })
    .await;
    bed.kill_manager().await;
    eventually("only the backups are left", || async {
        bed.names::<PersistentVolumeClaim>().await == ["db-backup"]
            && bed.names::<Pod>().await.is_empty()
            && bed.names::<kudo_api::Instance>().await.is_empty()
    })
    .await;
    bed.until_manager().await;
    bed.install_galera(&FAST);
    bed.trigger_and_kill("restore", "restore").await;
    bed.is_whole(3).await;
    for node in 0..3 {
        assert_eq!(lost(&bed, node).await, 0, "node {node} after restore");
        assert_eq!(
            bed.sql(node, "SELECT COUNT(*) FROM load_test.written")
                .await,
            rows
        );
    }

    changed_while_the_manager_dies(&bed).await;
    bed.remove().await;
}

impl Bed {
    /// Runs a plan, and kills the manager when one of its steps has begun.
    async fn trigger_and_kill(&self, plan: &str, step: &str) {
        let trigger = ["plan", "trigger", "--instance", NAME, "--name", plan];
        self.patiently(&trigger).await;
        self.until_step(plan, step).await;
        self.kill_manager().await;
        self.until_complete(plan).await;
    }
}
