//! What can be lost, and comes back.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuota};
use kube::api::DeleteParams;
use serde_json::json;

use crate::bed::{Bed, eventually, say};
use crate::galera::{FAST, NAME, backup_claim, next_version};
use crate::killer::Killer;
use crate::load::{Load, Rows, nothing_is_lost, rows_of, written};

const QUOTA: &str = "no-more-pods";

/// Runs a plan to its end, with the manager killed when one of its steps has begun.
async fn trigger_and_kill(bed: &Bed, killer: &Killer<'_>, plan: &str, step: &str) {
    let begun = Instant::now();
    let execution = bed.next(plan).await;
    let trigger = ["plan", "trigger", "--instance", NAME, "--name", plan];
    bed.patiently(&trigger).await;
    killer.strikes(execution, step).await;
    say(&format!(
        "{plan}, with the manager killed: {:.0?}",
        begun.elapsed()
    ));
}

/// Some rows whose writing was acknowledged.
async fn write_for_a_while(bed: &Bed) -> Rows {
    let told = Load::start(bed).await.end().await;
    assert!(!told.acknowledged.is_empty());
    told.acknowledged
}

/// A node is evicted, as before its machine is maintained; no second one can be while it is away.
async fn evicted(bed: &Bed, acknowledged: &Rows) {
    let former = bed.uid_of("db-1").await;
    bed.evict("db-1").await.unwrap();
    let refused = bed.evict("db-2").await.unwrap_err();
    assert!(
        matches!(&refused, kube::Error::Api(status) if status.code == 429),
        "{refused:?}"
    );
    bed.until_replaced("db-1", former).await;
    bed.is_whole(3).await;
    nothing_is_lost(bed, [1], acknowledged, "a node evicted").await;
}

/// A pod, then a node's volume.
async fn one_node(bed: &Bed, acknowledged: &Rows) {
    bed.kill_pod("db-1").await;
    bed.is_whole(3).await;
    nothing_is_lost(bed, [1], acknowledged, "a pod killed").await;

    bed.lose_volume(2).await;
    bed.is_whole(3).await;
    nothing_is_lost(bed, [2], acknowledged, "a volume lost").await;
}

/// A node whose data differs from that of the others, which it finds out when it cannot do as they do.
async fn a_node_that_differs(bed: &Bed, acknowledged: &Rows) {
    bed.sql(
        0,
        "CREATE TABLE load_test.other (id INT PRIMARY KEY, value INT);
         INSERT INTO load_test.other VALUES (1, 1)",
    )
    .await;
    bed.sql(
        1,
        "SET SESSION wsrep_sync_wait = 1; SELECT * FROM load_test.other; SET SESSION wsrep_on = OFF;
         DELETE FROM load_test.other; DELETE FROM load_test.written",
    )
    .await;
    bed.sql(0, "UPDATE load_test.other SET value = 2").await;
    eventually("the node starts anew with the others' data", || async {
        bed.try_sql(1, "SELECT COUNT(*) > 0 FROM load_test.written")
            .await
            .is_ok_and(|told| told == "1")
    })
    .await;
    bed.is_whole(3).await;
    nothing_is_lost(bed, [1], acknowledged, "a node that differed").await;
}

/// Nodes stop one after the other while clients write, until the last one crashes: it alone has everything, and
/// it is not the first.
async fn one_after_the_other(bed: &Bed, killer: &Killer<'_>) -> Rows {
    let load = Load::start(bed).await;
    // No pod is made again meanwhile.
    bed.apply::<ResourceQuota>(json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": QUOTA },
        "spec": { "hard": { "pods": "0" } },
    }))
    .await;
    for node in ["db-1", "db-0"] {
        let gently = DeleteParams::default();
        bed.api::<Pod>().delete(node, &gently).await.unwrap();
        bed.until_pod_is_gone(node).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    killer.crash("db-2").await;
    bed.kill_pod("db-2").await;
    let told = load.end().await;
    let quotas = bed.api::<ResourceQuota>();
    quotas
        .delete(QUOTA, &DeleteParams::default())
        .await
        .unwrap();
    told.acknowledged
}

/// Everything goes but the backup, which is to bring every acknowledged row back.
async fn total_loss(bed: &Bed, killer: &Killer<'_>) {
    let mut acknowledged = write_for_a_while(bed).await;
    trigger_and_kill(bed, killer, "backup", "backup").await;
    acknowledged.append(&mut write_for_a_while(bed).await);
    let wait = ["--wait", "--wait-time", "360"];
    let update = ["update", "--instance", NAME];
    bed.patiently(&[&update[..], &["-p", "REMOVE_VOLUMES=true"], &wait].concat())
        .await;
    // Of several backups the last one is kept.
    bed.patiently(&[&update[..], &["-p", "BACKUP_KEEP=1"], &wait].concat())
        .await;
    let rows = written(bed, 0).await;

    let cleanup = bed.next("cleanup").await;
    bed.patiently(&["uninstall", "--instance", NAME]).await;
    cleanup.until_step("nodes").await;
    killer.kill_manager().await;
    eventually("only the backups are left", || async {
        bed.names::<PersistentVolumeClaim>().await == ["db-backup"]
            && bed.names::<Pod>().await.is_empty()
            && bed.names::<kudo_api::Instance>().await.is_empty()
    })
    .await;
    killer.until_manager().await;

    bed.install_galera(&FAST);
    trigger_and_kill(bed, killer, "restore", "restore").await;
    bed.is_whole(3).await;
    nothing_is_lost(bed, 0..3, &acknowledged, "restored").await;
    for node in 0..3 {
        assert!(written(bed, node).await == rows, "the very rows of before");
    }
    restored_elsewhere(bed, &rows).await;
}

/// An instance of another name gets the data by the backup's own name.
async fn restored_elsewhere(bed: &Bed, rows: &Rows) {
    const OTHER: &str = "other";
    let claim = ["-p", "BACKUP_CLAIM=db-backup"];
    bed.begin_galera_as(OTHER, &[&FAST[..], &claim].concat())
        .expect(0);
    bed.until_complete_as(OTHER, "deploy").await;
    let update = |backup: &str| {
        let backup = format!("RESTORE_BACKUP={backup}");
        let wait = ["--wait", "--wait-time", "360"];
        bed.kudo(&[&["update", "--instance", OTHER, "-p", &backup][..], &wait].concat())
    };
    let refused = update("db/none").expect(3).err;
    let error = refused.lines().find(|line| line.starts_with("Error: "));
    let there = error.and_then(|error| error.split_once("there are: "));
    let there: Vec<&str> =
        there.map_or_else(Vec::new, |(_, there)| there.split_whitespace().collect());
    let [name] = there[..] else {
        panic!("one backup was to be kept: {refused}");
    };
    update(name).expect(0);
    assert!(rows_of(bed, OTHER, 2).await == *rows, "the very rows");
    bed.kudo(&["uninstall", "--instance", OTHER, "--wait"])
        .expect(0);
}

/// Scales, changes and upgrades the cluster, and kills the manager each time.
async fn changed_while_the_manager_dies(bed: &Bed, killer: &Killer<'_>) {
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
        let execution = bed.next(plan).await;
        bed.patiently(&["update", "--instance", NAME, "-p", parameter])
            .await;
        killer.strikes(execution, "statefulset").await;
        bed.is_whole(nodes).await;
    }
}

/// With the manager killed in the middle of each plan.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_whole_again_after_any_loss() {
    let Some(bed) = Bed::new("losses").await else {
        return;
    };
    let killer = Killer::start(&bed).await;
    bed.apply::<PersistentVolumeClaim>(backup_claim()).await;
    let deploy = bed.next("deploy").await;
    bed.begin_galera(&FAST).expect(0);
    killer.strikes(deploy, "statefulset").await;
    bed.is_whole(3).await;
    let mut acknowledged = write_for_a_while(&bed).await;

    evicted(&bed, &acknowledged).await;
    one_node(&bed, &acknowledged).await;
    a_node_that_differs(&bed, &acknowledged).await;

    acknowledged.append(&mut write_for_a_while(&bed).await);
    killer.crash_all(&["db-0", "db-1", "db-2"]).await;
    trigger_and_kill(&bed, &killer, "recover", "gather").await;
    bed.is_whole(3).await;
    nothing_is_lost(&bed, 0..3, &acknowledged, "all pods at once").await;

    acknowledged.append(&mut one_after_the_other(&bed, &killer).await);
    trigger_and_kill(&bed, &killer, "recover", "formed").await;
    bed.is_whole(3).await;
    nothing_is_lost(&bed, 0..3, &acknowledged, "one after the other").await;

    total_loss(&bed, &killer).await;
    changed_while_the_manager_dies(&bed, &killer).await;
    killer.end().await;
    bed.remove().await;
}
