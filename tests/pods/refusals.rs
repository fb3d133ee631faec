//! Bad input: refused, or explained by the plan's status, with the running cluster untouched.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;

use crate::bed::{Bed, eventually};
use crate::galera::NAME;

/// Uids of the nodes' pods: they change when one is replaced.
async fn nodes(bed: &Bed) -> BTreeMap<String, String> {
    let pods = bed.api::<Pod>().list(&ListParams::default()).await.unwrap();
    let nodes = pods
        .items
        .iter()
        .filter(|pod| ["db-0", "db-1", "db-2"].contains(&&*pod.name_any()));
    nodes
        .map(|pod| (pod.name_any(), pod.uid().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "not seen to pass yet: run it with --ignored"]
async fn what_cannot_be_touches_nothing() {
    let Some(bed) = Bed::new("refusals").await else {
        return;
    };
    // Before there is anything.
    for (parameter, said) in [
        ("NODE_COUNT=0", "NODE_COUNT"),
        ("NODE_COUNT=2", "NODE_COUNT"),
        ("NODE_COUNT=100", "NODE_COUNT"),
        ("STORAGE_SIZE=much", "STORAGE_SIZE"),
    ] {
        let outcome = bed.begin_galera(&["-p", parameter]);
        assert_ne!(outcome.code, Some(0), "{parameter}");
        assert!(outcome.err.contains(said), "{parameter}: {outcome:?}");
        assert!(
            bed.names::<kudo_api::Instance>().await.is_empty(),
            "{parameter}"
        );
    }

    bed.install_galera(&[]);
    let before = nodes(&bed).await;
    assert_eq!(before.len(), 3);
    for (parameter, code) in [
        ("NODE_COUNT=0", 2),
        ("NODE_COUNT=4", 2),
        ("NODE_COUNT=100", 2),
    ] {
        let update = ["update", "--instance", NAME, "-p", parameter];
        let outcome = bed.kudo(&update);
        assert_eq!(outcome.code, Some(code), "{parameter}: {outcome:?}");
    }
    // The check finds these out before a node is touched.
    for (parameter, plan, said) in [
        (
            "CONFIG={innodb_no_such_option: 1}",
            "update",
            "innodb_no_such_option",
        ),
        ("CONFIG={innodb_buffer_pool_size: 64M}", "update", ""),
    ] {
        let update = [
            "update",
            "--instance",
            NAME,
            "-p",
            parameter,
            "--wait",
            "--wait-time",
            "300",
        ];
        let outcome = bed.kudo(&update);
        let status = bed.plan(plan).await;
        if said.is_empty() {
            outcome.expect(0);
        } else {
            assert_eq!(outcome.code, Some(3), "{outcome:?}");
            assert!(outcome.err.contains(said), "{outcome:?}");
            assert_eq!(status.status, "FATAL_ERROR");
            assert_eq!(nodes(&bed).await, before, "{parameter}");
        }
    }
    let outcome = bed.trigger("restore").expect(3);
    assert!(outcome.err.contains("backup"), "{outcome:?}");
    let outcome = bed.trigger("recover").expect(3);
    assert!(outcome.err.contains("nothing to recover"), "{outcome:?}");
    bed.is_whole(3).await;

    // A node is joining when fewer are wanted.
    bed.kudo(&["update", "--instance", NAME, "-p", "NODE_COUNT=5"])
        .expect(0);
    eventually("a node is joining", || async {
        bed.names::<Pod>().await.contains(&"db-3".to_owned())
    })
    .await;
    bed.set("NODE_COUNT=3");
    bed.is_whole(3).await;
    bed.remove().await;
}
