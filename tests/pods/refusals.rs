//! Bad input: refused, or explained by the plan's status, with the running cluster untouched.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod, Secret};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use kudo_api::Instance;
use serde_json::json;

use crate::bed::{Bed, WAIT, eventually, say};
use crate::galera::{CONFIG, FAST, NAME, backup_claim, next_version, version};

/// Uids of the nodes' pods, which change when one is replaced, and how often their servers were started again.
async fn nodes(bed: &Bed) -> BTreeMap<String, (String, i32)> {
    let pods = bed.api::<Pod>().list(&ListParams::default()).await.unwrap();
    let nodes = pods
        .items
        .iter()
        .filter(|pod| ["db-0", "db-1", "db-2"].contains(&&*pod.name_any()));
    nodes
        .map(|pod| {
            let status = pod.status.as_ref();
            let containers = status.and_then(|status| status.container_statuses.as_ref());
            let restarts = containers.into_iter().flatten().map(|c| c.restart_count);
            (pod.name_any(), (pod.uid().unwrap(), restarts.sum()))
        })
        .collect()
}

fn update(bed: &Bed, parameter: &str, more: &[&str]) -> crate::bed::Outcome {
    bed.kudo(&[&["update", "--instance", NAME, "-p", parameter], more].concat())
}

/// What is refused before there is anything, and what a plan that cannot go on says.
async fn installations(bed: &Bed) {
    for (parameter, said) in [
        ("NODE_COUNT=0", "NODE_COUNT"),
        ("NODE_COUNT=2", "NODE_COUNT"),
        ("NODE_COUNT=100", "NODE_COUNT"),
        ("STORAGE_SIZE=much", "STORAGE_SIZE"),
        ("STORAGE_SIZE=0Gi", "STORAGE_SIZE"),
        ("BACKUP_KEEP=0", "BACKUP_KEEP"),
        ("DRAIN_SECONDS=41", "DRAIN_SECONDS"),
        ("STARTUP_TIMEOUT=0", "STARTUP_TIMEOUT"),
    ] {
        let outcome = bed.install_galera(&["-p", parameter]);
        assert_ne!(outcome.code, Some(0), "{parameter}");
        assert!(outcome.err.contains(said), "{parameter}: {outcome:?}");
        assert!(bed.names::<Instance>().await.is_empty(), "{parameter}");
    }
    let hopeless = [
        (
            "keyless",
            "CREDENTIALS_SECRET=nowhere",
            "secret \"nowhere\" not found",
        ),
        ("imageless", "VERSION=none-such", "ImagePullBackOff"),
        (
            "roomless",
            "RESOURCES={requests: {memory: 1000Gi}}",
            "Insufficient memory",
        ),
        (
            "classless",
            "STORAGE_CLASS=none-such",
            "PersistentVolumeClaim",
        ),
    ];
    for (name, parameter, _) in hopeless {
        bed.deploying(name, &["-p", parameter]).await;
    }
    for (name, _, said) in hopeless {
        bed.until_said(name, "deploy", said).await;
    }
    for (name, _, _) in hopeless {
        bed.kudo(&["uninstall", "--instance", name]).expect(0);
    }
}

/// Makes a storage class like the default one, under another name; `None` where there is none, which is said
/// aloud.
async fn another_class(bed: &Bed) -> Option<String> {
    const OTHER: &str = "e2e-other";
    let classes = Api::<StorageClass>::all(bed.client.clone());
    let all = classes.list(&ListParams::default()).await.unwrap();
    let is_default = "storageclass.kubernetes.io/is-default-class";
    let mut all = all.items.into_iter();
    let default = all.find(|class| {
        class
            .annotations()
            .get(is_default)
            .is_some_and(|is| is == "true")
    });
    let Some(mut class) = default else {
        say("SKIPPED: STORAGE_CLASS: there is no default class to make another one of");
        return None;
    };
    class.metadata = ObjectMeta {
        name: Some(OTHER.to_owned()),
        ..ObjectMeta::default()
    };
    let params = PatchParams::apply("test").force();
    let made = classes.patch(OTHER, &params, &Patch::Apply(&class)).await;
    Some(made.unwrap().name_any())
}

/// Two clusters are made at the same time, and know nothing of each other. One has passwords of its own.
async fn side_by_side(bed: &Bed) {
    bed.apply::<Secret>(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "mine" },
        "stringData": { "root-password": r#"it's "my" \ $own; # %n"#, "sst-password": r"don't \ $; # %n" },
    }))
    .await;
    // Its transfers need the password, too.
    let mut own = vec!["-p", "CREDENTIALS_SECRET=mine"];
    let class = another_class(bed).await;
    let class_parameter = format!("STORAGE_CLASS={}", class.as_deref().unwrap_or_default());
    own.extend(["-p", &class_parameter]);
    let other = bed.deploying("other", &own).await;
    let version = format!("VERSION={}", next_version());
    let newer = [&FAST[..], &["-p", &version]].concat();
    let this = bed.deploying(NAME, &newer).await;
    this.until_complete().await;
    other.until_complete().await;
    bed.is_whole(3).await;
    bed.sql(0, "CREATE DATABASE mine").await;
    let question = r#". /opt/galera/common.sh; sql localhost "SHOW STATUS LIKE 'wsrep_cluster_size'; SHOW DATABASES""#;
    let seen = bed
        .exec("other-0", "mariadb", &["bash", "-c", question])
        .await;
    let seen = seen.unwrap();
    assert!(seen.contains("wsrep_cluster_size\t3"), "{seen}");
    assert!(!seen.contains("mine"), "{seen}");
    let claims = bed.api::<PersistentVolumeClaim>();
    let claim = claims.get("data-other-0").await.unwrap().spec.unwrap();
    assert!(class.is_none() || claim.storage_class_name == class);
    bed.kudo(&["uninstall", "--instance", "other"]).expect(0);
}

/// The logs of real nodes, with no password in them.
async fn diagnostics(bed: &Bed) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("diag");
    let to = to.to_str().unwrap();
    bed.kudo(&["diagnostics", "collect", "--instance", NAME, "-O", to])
        .expect(0);
    let mut folders = vec![PathBuf::from(to)];
    let (mut all, mut of_nodes) = (String::new(), 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let file = fs::File::open(&path).unwrap();
                let mut text = String::new();
                if path.extension().is_some_and(|extension| extension == "gz") {
                    GzDecoder::new(file).read_to_string(&mut text).unwrap();
                    of_nodes += text.matches("WSREP: ").count();
                } else {
                    BufReader::new(file).read_to_string(&mut text).unwrap();
                }
                all.push_str(&text);
            }
        }
    }
    assert!(of_nodes > 0, "the nodes' own logs are there");
    let secret = bed.api::<Secret>().get("db-credentials").await.unwrap();
    for (key, value) in secret.data.unwrap() {
        let encoded = serde_json::to_value(&value).unwrap();
        assert!(!all.contains(encoded.as_str().unwrap()), "{key}");
        let value = String::from_utf8(value.0).unwrap();
        assert!(!all.contains(&value), "{key}");
    }
}

/// Changes that a plan finds out about before it touches a node.
async fn changes(bed: &Bed) {
    for parameter in [
        "NODE_COUNT=0",
        "NODE_COUNT=4",
        "NODE_COUNT=100",
        "STORAGE_SIZE=2Gi",
        "CREDENTIALS_SECRET=nowhere",
    ] {
        update(bed, parameter, &[]).expect(2);
    }
    // Whoever writes past the command line meets the manager's webhook.
    let wrong = Patch::Merge(json!({ "spec": { "parameters": { "NODE_COUNT": "4" } } }));
    let instances = bed.api::<Instance>();
    eventually("a wrong write is refused by the manager", || async {
        let written = instances.patch(NAME, &PatchParams::default(), &wrong).await;
        written.unwrap_err().to_string().contains("NODE_COUNT")
    })
    .await;
    let before = nodes(bed).await;
    assert_eq!(before.len(), 3);
    let older = format!("VERSION={}", version());
    let same_version = format!("VERSION={}", next_version());
    let options = "PROVIDER_OPTIONS={gcache.size: 128M, evs.join_retrans_period: PT0.2S, evs.keepalive_period: PT0.5S}";
    for (bad, plan, said, right) in [
        (
            "CONFIG={innodb_no_such_option: 1}",
            "update",
            "innodb_no_such_option",
            CONFIG,
        ),
        (
            "CONFIG={binlog_format: STATEMENT}",
            "update",
            "binlog_format",
            CONFIG,
        ),
        (
            "PROVIDER_OPTIONS={evs.no_such_option: 1}",
            "update",
            "evs.no_such_option",
            options,
        ),
        (
            "GALERA_PROVIDER=/no/such.so",
            "update",
            "/no/such.so",
            "GALERA_PROVIDER=/usr/lib/galera/libgalera_smm.so",
        ),
        (&older, "upgrade", "older version", &same_version),
    ] {
        let outcome = update(bed, bad, &WAIT).expect(3);
        assert!(outcome.err.contains(said), "{outcome:?}");
        assert_eq!(bed.plan(plan).await.status, "FATAL_ERROR");
        // Nor do new nodes begin with it.
        let grown = if plan == "upgrade" {
            &["NODE_COUNT=5", "NODE_COUNT=3"][..]
        } else {
            &[]
        };
        for count in grown {
            let outcome = update(bed, count, &WAIT).expect(3);
            assert!(outcome.err.contains(said), "{outcome:?}");
        }
        bed.set(right);
        assert_eq!(nodes(bed).await, before);
    }
    let same_room = "RESOURCES={requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 1Gi}}";
    let kubernetes_nodes = Api::<Node>::all(bed.client.clone());
    let few = kubernetes_nodes.list(&ListParams::default()).await;
    let crowded = few.unwrap().items.len() < 3;
    if !crowded {
        say("SKIPPED: too few nodes for ANTI_AFFINITY: there are enough");
    }
    let together = (
        "ANTI_AFFINITY=true",
        "update",
        "anti-affinity",
        "ANTI_AFFINITY=false",
    );
    let waiting = [
        (
            "VERSION=none-such",
            "upgrade",
            "ImagePullBackOff",
            same_version.as_str(),
        ),
        (
            "RESOURCES={requests: {memory: 1000Gi}}",
            "update",
            "Insufficient memory",
            same_room,
        ),
    ];
    for (wrong, plan, said, right) in waiting.into_iter().chain(crowded.then_some(together)) {
        update(bed, wrong, &[]).expect(0);
        bed.until_said(NAME, plan, said).await;
        bed.set(right);
    }
    assert_eq!(nodes(bed).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_touches_nothing() {
    let Some(bed) = Bed::beside_others("refusals").await else {
        return;
    };
    installations(&bed).await;
    side_by_side(&bed).await;
    diagnostics(&bed).await;
    let before = nodes(&bed).await;
    changes(&bed).await;
    let outcome = bed.trigger("recover", "600").expect(3);
    assert!(outcome.err.contains("nothing to recover"), "{outcome:?}");
    let outcome = bed.trigger("restore", "60").expect(4);
    let missing = "persistentvolumeclaim \"db-backup\" not found";
    assert!(outcome.err.contains(missing), "{outcome:?}");
    bed.apply::<PersistentVolumeClaim>(backup_claim()).await;
    bed.until_said(NAME, "restore", "there is no backup latest")
        .await;
    // The pod says so a moment before its job has failed.
    eventually("the plan ends", || async {
        bed.plan("restore").await.status == "FATAL_ERROR"
    })
    .await;
    bed.is_whole(3).await;
    assert_eq!(nodes(&bed).await, before);

    // A node is joining when fewer are wanted.
    update(&bed, "NODE_COUNT=5", &[]).expect(0);
    eventually("a node is joining", || async {
        bed.names::<Pod>().await.contains(&"db-3".to_owned())
    })
    .await;
    bed.set("NODE_COUNT=3");
    bed.is_whole(3).await;
    assert_eq!(nodes(&bed).await, before);
    bed.remove().await;
}
