//! Several replicas of the real program: one acts, and another goes on when it ends, however it ends.

use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kudo_simcluster::supervised::Supervised;
use tempfile::TempDir;

use crate::cli::environment::manager_program;
use crate::harness::{SOON, TestNamespace, cluster, eventually};
use crate::instances::{Operator, package, plan_status};
use crate::kill::witness::Witness;

/// Within this time another replica acts when one is killed.
const TAKEOVER: Duration = Duration::from_secs(15);
/// Less than a Lease lasts: it was not waited for.
const AT_ONCE: Duration = Duration::from_secs(5);
/// Times of a shorter Lease, for a test that waits for the end of two.
const SHORTER: [&str; 3] = [
    "--leader-elect-lease-duration=5s",
    "--leader-elect-renew-deadline=3s",
    "--leader-elect-retry-period=1s",
];

struct Replica {
    process: Supervised,
    _folder: TempDir,
}

impl Replica {
    fn start(namespace: &TestNamespace, name: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments = vec![
            format!("--kubeconfig={}", cluster().kubeconfig().display()),
            format!("--namespaces={}", namespace.name()),
            format!("--system-namespace={}", namespace.name()),
            "--leader-elect".to_owned(),
            "--metrics-address=0".to_owned(),
            "--probe-address=0".to_owned(),
        ];
        let flags = flags.iter().map(|flag| (*flag).to_owned());
        let arguments: Vec<String> = arguments.into_iter().chain(flags).collect();
        let program = tokio::task::block_in_place(manager_program);
        let process = Supervised::start(name, &program, arguments, folder.path()).unwrap();
        Self {
            process,
            _folder: folder,
        }
    }

    async fn until_told(&self, text: &str, within: Duration) {
        eventually(text, within, || async {
            let log = self.process.log_tail();
            if log.contains(text) { Ok(()) } else { Err(log) }
        })
        .await;
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.pid().unwrap().to_string();
        let status = Command::new("kill").args([signal, &pid]).status();
        assert!(status.unwrap().success());
    }

    async fn until_ended(&mut self) {
        let process = std::sync::Mutex::new(&mut self.process);
        eventually("it ends", SOON, || async {
            let mut process = process.lock().unwrap();
            match process.ended() {
                Some(_) => Ok(()),
                None => Err(process.log_tail()),
            }
        })
        .await;
    }
}

fn holder(lease: Option<&Lease>) -> Option<String> {
    let holder = lease?.spec.as_ref()?.holder_identity.clone()?;
    (!holder.is_empty()).then_some(holder)
}

/// Waits until somebody else than `before` holds the Lease.
async fn successor(namespace: &TestNamespace, before: Option<&str>, within: Duration) -> String {
    let found = namespace
        .wait_for::<Lease>("kudo-manager", "another holds it", within, |lease| {
            holder(lease).is_some_and(|now| Some(now.as_str()) != before)
        })
        .await;
    holder(found.as_ref()).unwrap()
}

/// Two replicas, the first of which leads; who leads.
async fn two(namespace: &TestNamespace, flags: &[&str]) -> (Replica, Replica, String) {
    let first = Replica::start(namespace, "first", flags);
    let leader = successor(namespace, None, SOON).await;
    let second = Replica::start(namespace, "second", flags);
    second.until_told("standing by", SOON).await;
    (first, second, leader)
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_is_killed_another_goes_on_with_its_plan() {
    let namespace = cluster().namespace().await;
    let (first, _second, leader) = two(&namespace, &[]).await;
    let witness = Witness::of(&namespace);
    let galera = package("galera");
    let version = namespace.install(&galera).await;
    namespace.instance("db", &version, &[]).await;
    namespace
        .until("db", "a step is complete", |instance| {
            let steps = plan_status(instance, "deploy")
                .into_iter()
                .flat_map(|plan| &plan.phases);
            steps
                .flat_map(|phase| &phase.steps)
                .any(|step| step.status == "COMPLETE")
        })
        .await;
    first.signal("-KILL");
    successor(&namespace, Some(&leader), TAKEOVER).await;
    namespace.until_done("db", "deploy").await;
    assert_eq!(witness.made_twice(), [""; 0], "no step is repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_ends_in_order_gives_its_lease_up() {
    let namespace = cluster().namespace().await;
    let (mut first, second, leader) = two(&namespace, &[]).await;
    first.signal("-TERM");
    first.until_ended().await;
    successor(&namespace, Some(&leader), AT_ONCE).await;
    second.until_told("working", SOON).await;
    let operator = Operator::new("small")
        .config_map("a", &[("a", "1")])
        .plan("deploy", &["only: a"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("i", "small-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_stopped_for_long_does_not_act_when_it_wakes() {
    let namespace = cluster().namespace().await;
    let (first, second, leader) = two(&namespace, &SHORTER).await;
    first.signal("-STOP");
    let next = successor(&namespace, Some(&leader), TAKEOVER).await;
    second.until_told("working", SOON).await;
    first.signal("-CONT");
    first.until_told("stopping all work", SOON).await;
    first.until_told("standing by", SOON).await;
    let lease = namespace.api::<Lease>().get("kudo-manager").await.unwrap();
    assert_eq!(
        holder(Some(&lease)),
        Some(next.clone()),
        "the second went on leading"
    );
    // And it is good for another term.
    second.signal("-KILL");
    let last = successor(&namespace, Some(&next), TAKEOVER).await;
    assert_ne!(last, next);
    first.until_told("working", SOON).await;
}
