//! What can be lost, and comes back.

use std::cell::Cell;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuota};
use kube::api::DeleteParams;
use serde_json::json;

use crate::bed::{Bed, eventually, say};
use crate::galera::{Execution, FAST, NAME, backup_claim};
use crate::killer::Killer;
use crate::load::{Load, Rows, nothing_is_lost, rows_of, written};

const QUOTA: &str = "no-more-pods";

/// Runs a plan to its end, with the manager killed when one of its steps has begun.
async fn trigger_and_kill(bed: &Bed, killer: &Killer<'_>, plan: &str, step: &str) {
    let begun = Instant::now();
    let execution = bed.triggered(plan).await;
    execution.until_step(step).await;
    killer.kill_manager().await;
    execution.until_complete().await;
    say(&format!(
        "{plan}, with the manager killed: {:.0?}",
        begun.elapsed()
    ));
}

/// Kills the manager when a step of a plan has begun, and a pod when the nodes are to find each other.
async fn kill_both(killer: &Killer<'_>, execution: Execution<'_>, step: &str, pod: &str) {
    execution.until_step(step).await;
    killer.kill_manager().await;
    execution.until_step("formed").await;
    execution.bed.kill_pod(pod).await;
    execution.until_complete().await;
}

/// Kills the manager when a step of a recovery has begun, and the node that starts the cluster as soon as another
/// one has joined it: neither of the two can go on without the other.
async fn lose_the_first(killer: &Killer<'_>, recover: Execution<'_>) {
    let bed = recover.bed;
    recover.until_step("gather").await;
    killer.kill_manager().await;
    let first = Cell::new(None);
    eventually("a second node has joined", || async {
        let sizes = [bed.size(0).await, bed.size(1).await, bed.size(2).await];
        let begun = || sizes.iter().position(|size| *size > 0);
        first.set(first.get().or_else(begun));
        sizes.iter().any(|size| *size > 1)
    })
    .await;
    let first = first.get().unwrap();
    say(&format!("node {first} is lost, which started the cluster"));
    bed.kill_pod(&format!("db-{first}")).await;
    recover.until_complete().await;
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
    eventually("a node may go", || async {
        bed.evict("db-1").await.is_ok()
    })
    .await;
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
    bed.set("REMOVE_VOLUMES=true");
    // Of several backups the last one is kept.
    bed.set("BACKUP_KEEP=1");
    bed.trigger("backup", "600").expect(0);
    let rows = written(bed, 0).await;

    let cleanup = bed.uninstalling().await;
    cleanup.until_step("nodes").await;
    killer.kill_manager().await;
    eventually("only the backups are left", || async {
        bed.names::<PersistentVolumeClaim>().await == ["db-backup"]
            && bed.names::<Pod>().await.is_empty()
            && bed.names::<kudo_api::Instance>().await.is_empty()
    })
    .await;
    killer.until_manager().await;

    restored(bed, killer, &rows).await;
    nothing_is_lost(bed, 0..3, &acknowledged, "restored").await;
}

/// The instance gets its data back, and at the same time one of another name gets it by the backup's own name.
async fn restored(bed: &Bed, killer: &Killer<'_>, rows: &Rows) {
    const OTHER: &str = "other";
    let deploy = bed.deploying(NAME, &FAST).await;
    let claim = ["-p", "BACKUP_CLAIM=db-backup"];
    let other = [&FAST[..], &claim].concat();
    let other_deploy = bed.deploying(OTHER, &other).await;
    other_deploy.until_complete().await;
    deploy.until_complete().await;

    bed.changing_as(OTHER, "restore", "RESTORE_BACKUP=db/none")
        .await;
    bed.until_said(OTHER, "restore", "there is no backup db/none")
        .await;
    let refused = bed.said(OTHER, "restore").await;
    let (_, there) = refused.split_once("there are: ").unwrap_or_default();
    let there = there.lines().next().unwrap_or_default();
    let there: Vec<&str> = there.split_whitespace().collect();
    let [name] = there[..] else {
        panic!("one backup was to be kept: {refused}");
    };
    let begun = Instant::now();
    let restore = bed.triggered("restore").await;
    let parameter = format!("RESTORE_BACKUP={name}");
    let other_restore = bed.changing_as(OTHER, "restore", &parameter).await;
    kill_both(killer, restore, "restore", "db-2").await;
    say(&format!("restored after {:.0?}", begun.elapsed()));
    bed.is_whole(3).await;
    for node in 0..3 {
        assert!(written(bed, node).await == *rows, "the very rows of before");
    }
    other_restore.until_complete().await;
    assert!(rows_of(bed, OTHER, 2).await == *rows, "the very rows");
    bed.kudo(&["uninstall", "--instance", OTHER, "--wait"])
        .expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_whole_again_after_any_loss() {
    let Some(bed) = Bed::beside_others("losses").await else {
        return;
    };
    let killer = Killer::start(&bed).await;
    bed.apply::<PersistentVolumeClaim>(backup_claim()).await;
    let deploy = bed.deploying(NAME, &FAST).await;
    eventually("the first node has joined", || async {
        bed.try_sql(0, "SELECT 1").await.is_ok()
    })
    .await;
    bed.lose_volume(0).await;
    deploy.until_complete().await;
    bed.is_whole(3).await;
    let mut acknowledged = write_for_a_while(&bed).await;

    evicted(&bed, &acknowledged).await;
    one_node(&bed, &acknowledged).await;
    a_node_that_differs(&bed, &acknowledged).await;

    acknowledged.append(&mut write_for_a_while(&bed).await);
    killer.crash_all(&["db-0", "db-1", "db-2"]).await;
    let recover = bed.triggered("recover").await;
    lose_the_first(&killer, recover).await;
    bed.is_whole(3).await;
    nothing_is_lost(&bed, 0..3, &acknowledged, "all pods at once").await;

    acknowledged.append(&mut one_after_the_other(&bed, &killer).await);
    trigger_and_kill(&bed, &killer, "recover", "formed").await;
    bed.is_whole(3).await;
    nothing_is_lost(&bed, 0..3, &acknowledged, "one after the other").await;

    total_loss(&bed, &killer).await;
    killer.end().await;
    bed.remove().await;
}
