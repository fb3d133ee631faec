//! A Galera cluster as its users and its keepers see it.

use std::env;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use kube::api::DeleteParams;
use kudo_api::Instance;
use kudo_api::instance::PlanStatus;
use serde_json::{Value, json};

use crate::bed::{Bed, Outcome, WAIT, eventually};

/// Name of the instance in all tests.
pub(crate) const NAME: &str = "db";
const PACKAGE: &str = "operators/galera";
/// The options of the server in all tests: the bed has little memory.
pub(crate) const CONFIG: &str = "CONFIG={innodb_buffer_pool_size: 64M, max_connections: 100}";
/// Data is copied without the ten seconds that `mariabackup` waits on each join.
pub(crate) const FAST: [&str; 2] = ["-p", "SST_METHOD=rsync"];
/// Image and versions of `MariaDB`, for clusters that have other ones; the next version is newer.
const IMAGE: &str = "KUDO_E2E_MARIADB_IMAGE";
const VERSION: &str = "KUDO_E2E_MARIADB_VERSION";
const NEXT_VERSION: &str = "KUDO_E2E_MARIADB_NEXT_VERSION";

fn setting(variable: &str, default: &str) -> String {
    env::var(variable).unwrap_or_else(|_| default.to_owned())
}

/// Name and tag of the image to begin with.
pub(crate) fn image() -> String {
    format!("{}:{}", setting(IMAGE, "mariadb"), version())
}

pub(crate) fn version() -> String {
    setting(VERSION, "10.11")
}

pub(crate) fn next_version() -> String {
    setting(NEXT_VERSION, "latest")
}

/// The volume for backups.
pub(crate) fn backup_claim() -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "db-backup" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    })
}

/// The command that installs a cluster under a name.
fn installation(name: &str, more: &[&str]) -> Vec<String> {
    let image = format!("IMAGE={}", setting(IMAGE, "mariadb"));
    let version = format!("VERSION={}", version());
    let install = ["install", PACKAGE, "--instance", name];
    let parameters = ["-p", &image, "-p", &version, "-p", CONFIG];
    let all = install.iter().chain(&parameters).chain(more);
    all.map(ToString::to_string).collect()
}

impl Bed {
    /// Installs the cluster.
    pub(crate) fn install_galera(&self, more: &[&str]) -> Outcome {
        let install = installation(NAME, more);
        let install: Vec<&str> = install.iter().map(String::as_str).collect();
        self.kudo(&install)
    }

    /// Changes a parameter and waits until that is done.
    pub(crate) fn set(&self, parameter: &str) -> Outcome {
        let update = ["update", "--instance", NAME, "-p", parameter];
        self.kudo(&[&update[..], &WAIT].concat()).expect(0)
    }

    /// Runs a plan and waits for its end, so many seconds at most.
    pub(crate) fn trigger(&self, plan: &str, seconds: &str) -> Outcome {
        let wait = ["--wait", "--wait-time", seconds];
        self.kudo(&[&trigger_of(plan)[..], &wait].concat())
    }

    /// What one node answers to a query.
    pub(crate) async fn try_sql(&self, node: usize, query: &str) -> Result<String, String> {
        self.try_sql_of(NAME, node, query).await
    }

    /// What one node of some instance answers to a query.
    pub(crate) async fn try_sql_of(
        &self,
        instance: &str,
        node: usize,
        query: &str,
    ) -> Result<String, String> {
        let script = r#". /opt/galera/common.sh; sql localhost "$0""#;
        let command = ["bash", "-c", script, query];
        let pod = format!("{instance}-{node}");
        let answer = self.exec(&pod, "mariadb", &command).await?;
        Ok(answer.trim().to_owned())
    }

    /// How many nodes the cluster has to which a node belongs; none if it says nothing.
    pub(crate) async fn size(&self, node: usize) -> usize {
        let told = self
            .try_sql(node, "SHOW STATUS LIKE 'wsrep_cluster_size'")
            .await;
        let told = told.unwrap_or_default();
        let size = told.split_whitespace().last().unwrap_or_default();
        size.parse().unwrap_or_default()
    }

    pub(crate) async fn sql(&self, node: usize, query: &str) -> String {
        let answer = self.try_sql(node, query).await;
        answer.unwrap_or_else(|error| panic!("node {node}, {query}: {error}"))
    }

    /// Takes a node's volume away, and waits until it has another one.
    pub(crate) async fn lose_volume(&self, node: usize) {
        let claims = self.api::<PersistentVolumeClaim>();
        let name = format!("data-{NAME}-{node}");
        let pod = format!("{NAME}-{node}");
        let gone = claims.get(&name).await.unwrap().uid();
        let background = DeleteParams::background();
        claims.delete(&name, &background).await.unwrap();
        // The claim goes with its last pod.
        self.kill_pod(&pod).await;
        eventually(&format!("node {node} has another volume"), || async {
            let claim = claims.get_opt(&name).await.unwrap();
            claim.is_some_and(|claim| claim.uid() != gone)
        })
        .await;
        // Another pod may have come before the other claim.
        self.kill_pod(&pod).await;
    }

    /// Demands that all nodes are in one cluster of that size, and that there is no other node.
    pub(crate) async fn is_whole(&self, size: usize) {
        for node in 0..size {
            let query = "SELECT GROUP_CONCAT(variable_value ORDER BY variable_name)
                FROM information_schema.global_status WHERE variable_name IN
                ('wsrep_cluster_size', 'wsrep_cluster_status', 'wsrep_local_state_comment')";
            let expected = format!("{size},Primary,Synced");
            eventually(
                &format!("node {node} is in a cluster of {size}"),
                || async {
                    self.try_sql(node, query)
                        .await
                        .is_ok_and(|told| told == expected)
                },
            )
            .await;
        }
        let pods = self.names::<Pod>().await;
        let member = |name: &String| {
            let rest = name.strip_prefix("db-").unwrap_or_default();
            rest.parse::<usize>().is_ok() || rest.starts_with("bootstrap")
        };
        let nodes: Vec<String> = pods.into_iter().filter(member).collect();
        let expected: Vec<String> = (0..size).map(|node| format!("{NAME}-{node}")).collect();
        assert_eq!(nodes, expected);
    }

    pub(crate) async fn plan(&self, plan: &str) -> PlanStatus {
        self.plan_of(NAME, plan).await
    }

    async fn plan_of(&self, name: &str, plan: &str) -> PlanStatus {
        let instance = self.api::<Instance>().get_opt(name).await.unwrap();
        let status = instance.and_then(|instance| instance.status);
        let mut plans = status.unwrap_or_default().plan_status;
        plans.remove(plan).unwrap_or_default()
    }

    /// Waits until a step of a plan says something.
    pub(crate) async fn until_said(&self, name: &str, plan: &str, words: &str) {
        eventually(&format!("{plan} of {name} says {words:?}"), || async {
            self.said(name, plan).await.contains(words)
        })
        .await;
    }

    /// What the steps of a plan say.
    pub(crate) async fn said(&self, name: &str, plan: &str) -> String {
        let phases = self.plan_of(name, plan).await.phases;
        let steps = phases.iter().flat_map(|phase| &phase.steps);
        let messages: Vec<&str> = steps.map(|step| step.message.as_str()).collect();
        messages.join("\n")
    }
}

/// An execution of a plan that was asked for.
pub(crate) struct Execution<'a> {
    pub(crate) bed: &'a Bed,
    instance: String,
    plan: String,
    /// Uid of the execution before it.
    former: String,
}

impl Bed {
    /// Runs a command that begins an execution of a plan, and gives that execution.
    async fn execution(&self, instance: &str, plan: &str, command: &[&str]) -> Execution<'_> {
        let former = self.plan_of(instance, plan).await.uid;
        self.kudo(command).expect(0);
        Execution {
            bed: self,
            instance: instance.to_owned(),
            plan: plan.to_owned(),
            former,
        }
    }

    /// Changes a parameter.
    pub(crate) async fn changing(&self, plan: &str, parameter: &str) -> Execution<'_> {
        self.changing_as(NAME, plan, parameter).await
    }

    /// Changes a parameter of some instance.
    pub(crate) async fn changing_as(
        &self,
        instance: &str,
        plan: &str,
        parameter: &str,
    ) -> Execution<'_> {
        let update = ["update", "--instance", instance, "-p", parameter];
        self.execution(instance, plan, &update).await
    }

    /// Triggers a plan.
    pub(crate) async fn triggered(&self, plan: &str) -> Execution<'_> {
        self.execution(NAME, plan, &trigger_of(plan)).await
    }

    /// Uninstalls the cluster.
    pub(crate) async fn uninstalling(&self) -> Execution<'_> {
        let uninstall = ["uninstall", "--instance", NAME];
        self.execution(NAME, "cleanup", &uninstall).await
    }

    /// Installs a cluster under a name.
    pub(crate) async fn deploying(&self, instance: &str, more: &[&str]) -> Execution<'_> {
        let install = installation(instance, more);
        let install: Vec<&str> = install.iter().map(String::as_str).collect();
        self.execution(instance, "deploy", &install).await
    }
}

fn trigger_of(plan: &str) -> [&str; 6] {
    ["plan", "trigger", "--instance", NAME, "--name", plan]
}

impl Execution<'_> {
    async fn status(&self) -> PlanStatus {
        let status = self.bed.plan_of(&self.instance, &self.plan).await;
        assert_ne!(status.status, "FATAL_ERROR", "{status:?}");
        if status.uid == self.former {
            PlanStatus::default()
        } else {
            status
        }
    }

    /// Waits until it has begun a step; the plan must not be over then.
    pub(crate) async fn until_step(&self, step: &str) {
        eventually(&format!("{} is at {step}", self.plan), || async {
            let status = self.status().await;
            assert_ne!(status.status, "COMPLETE", "over before {step} was seen");
            let steps = status.phases.iter().flat_map(|phase| &phase.steps);
            let mut begun = steps.filter(|found| found.name == step);
            begun.any(|step| step.status != "PENDING" && step.status != "NEVER_RUN")
        })
        .await;
    }

    /// Waits until it is complete.
    pub(crate) async fn until_complete(&self) {
        eventually(&format!("{} is complete", self.plan), || async {
            self.status().await.status == "COMPLETE"
        })
        .await;
    }
}
