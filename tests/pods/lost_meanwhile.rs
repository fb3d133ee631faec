//! A server, a pod or a volume that is lost in the middle of a plan, and the manager at the same time: the plan
//! goes on, and the cluster is whole again.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use kube::api::ListParams;

use crate::bed::{Bed, eventually, say};
use crate::galera::{Execution, FAST, NAME, backup_claim, next_version};
use crate::killer::Killer;
use crate::load::{Load, nothing_is_lost};

/// Name of the first pod of which this is the beginning, and that has not done its work.
async fn pod_named(bed: &Bed, prefix: &str) -> Option<String> {
    let at_work = ListParams::default().fields("status.phase!=Succeeded");
    let pods = bed.api::<Pod>().list(&at_work).await.unwrap();
    let mut names = pods.items.iter().map(ResourceExt::name_any);
    names.find(|name| name.starts_with(prefix))
}

async fn until_pod(bed: &Bed, prefix: &str) -> String {
    eventually(&format!("there is a pod {prefix}"), || async {
        pod_named(bed, prefix).await.is_some()
    })
    .await;
    pod_named(bed, prefix).await.unwrap()
}

/// Waits until a node can be asked something.
async fn until_answers(bed: &Bed, node: usize) {
    eventually(&format!("node {node} answers"), || async {
        bed.try_sql(node, "SELECT 1").await.is_ok()
    })
    .await;
}

/// The bootstrap node is lost when the first node has joined it, which waits for another pod with its volume.
async fn while_it_is_deployed(bed: &Bed, killer: &Killer<'_>) {
    let deploy = bed.deploying(NAME, &FAST).await;
    until_pod(bed, "db-0").await;
    until_answers(bed, 0).await;
    let bootstrap = until_pod(bed, "db-bootstrap").await;
    killer.crash_all(&[&bootstrap]).await;
    ends_whole(killer, deploy, 3, "the bootstrap node lost").await;
}

/// Ends the manager, too, and waits for the end of the plan.
async fn ends_whole(killer: &Killer<'_>, execution: Execution<'_>, nodes: usize, what: &str) {
    killer.kill_manager().await;
    execution.until_complete().await;
    execution.bed.is_whole(nodes).await;
    say(&format!("whole again: {what}"));
}

/// Waits until the rolling restart has come to a node: its pod is on its way out, or another one.
async fn until_restarted(bed: &Bed, node: &str, former: Option<&str>) {
    eventually(&format!("{node} restarts"), || async {
        let pods = bed.api::<Pod>();
        let pod = pods.get_opt(node).await.unwrap();
        pod.is_none_or(|pod| {
            pod.metadata.deletion_timestamp.is_some() || pod.uid().as_deref() != former
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_goes_on_when_a_node_and_the_manager_are_lost() {
    let Some(bed) = Bed::beside_others("lost-meanwhile").await else {
        return;
    };
    let bed = &bed;
    let killer = &Killer::start(bed).await;
    bed.apply::<PersistentVolumeClaim>(backup_claim()).await;
    while_it_is_deployed(bed, killer).await;
    let load = Load::start(bed).await;

    let grows = bed.changing("node_update", "NODE_COUNT=5").await;
    until_pod(bed, "db-3").await;
    bed.kill_pod("db-1").await;
    ends_whole(killer, grows, 5, "a pod killed while nodes joined").await;

    let shrinks = bed.changing("node_update", "NODE_COUNT=3").await;
    shrinks.until_step("statefulset").await;
    bed.lose_volume(0).await;
    ends_whole(killer, shrinks, 3, "a volume lost while nodes left").await;

    // Two of three are away then, one of them with no last word: the third waits for it.
    let former = bed.uid_of("db-2").await;
    let options = "CONFIG={innodb_buffer_pool_size: 64M, max_connections: 98}";
    let update = bed.changing("update", options).await;
    until_restarted(bed, "db-2", former.as_deref()).await;
    bed.until_replaced("db-2", former).await;
    killer.crash("db-0").await;
    ends_whole(killer, update, 3, "a node crashed while another restarted").await;

    let former = bed.uid_of("db-2").await;
    let version = format!("VERSION={}", next_version());
    let upgrade = bed.changing("upgrade", &version).await;
    until_restarted(bed, "db-2", former.as_deref()).await;
    bed.lose_volume(2).await;
    ends_whole(
        killer,
        upgrade,
        3,
        "a volume lost while its node was upgraded",
    )
    .await;

    let backup = bed.triggered("backup").await;
    until_pod(bed, "db-backup").await;
    bed.kill_pod("db-2").await;
    ends_whole(
        killer,
        backup,
        3,
        "the node killed that a backup was made of",
    )
    .await;
    let backup = bed.triggered("backup").await;
    let job = until_pod(bed, "db-backup").await;
    bed.kill_pod(&job).await;
    ends_whole(killer, backup, 3, "the backup's own pod killed").await;

    let told = load.end().await;
    nothing_is_lost(bed, 0..3, &told.acknowledged, "lost meanwhile").await;

    // All servers crash where they are, and find each other again by themselves.
    killer.crash_together(&["db-0", "db-1", "db-2"]).await;
    bed.is_whole(3).await;
    nothing_is_lost(bed, 0..3, &told.acknowledged, "all servers crashed").await;
    say("whole again: all servers crashed");

    killer.end().await;
    bed.remove().await;
}
