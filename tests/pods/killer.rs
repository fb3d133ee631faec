//! Ends processes within pods, at any moment and with no last word, as the kernel does.

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::bed::{Bed, SYSTEM, eventually, has};
use crate::galera::image;

/// The manager's pod.
const MANAGER: &str = "kudo-controller-manager-0";
/// Ends all processes of a program with any of these arguments, all at once, and says how many there were.
const KILL: &str = r#"
    program=$0 found=
    for process in /proc/[0-9]*; do
      [ "$(cat "$process/comm" 2>/dev/null)" = "$program" ] || continue
      for argument; do
        tr '\0' '\n' < "$process/cmdline" 2>/dev/null | grep -qFx -- "$argument" || continue
        found="$found ${process#/proc/}"
      done
    done
    [ -z "$found" ] || kill -KILL $found
    echo $found | wc -w"#;

/// Pods that see the processes of the Kubernetes nodes; one on each.
pub(crate) struct Killer<'a> {
    bed: &'a Bed,
    /// Of the pods; each test has its own.
    name: String,
}

impl<'a> Killer<'a> {
    pub(crate) async fn start(bed: &'a Bed) -> Killer<'a> {
        let name = format!("{}-killer", bed.namespace);
        let labels = json!({ "app": name });
        let set = json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": name },
            "spec": {
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": {
                        "hostPID": true,
                        "terminationGracePeriodSeconds": 0,
                        "containers": [{
                            "name": "killer", "image": image(), "command": ["sleep", "infinity"],
                            "securityContext": { "runAsUser": 0 },
                        }],
                    },
                },
            },
        });
        let killer = Self { bed, name };
        let params = PatchParams::apply("test").force();
        let (sets, set) = (killer.sets(), Patch::Apply(set));
        sets.patch(&killer.name, &params, &set).await.unwrap();
        eventually("the killer is ready", || async {
            let set = sets.get(&killer.name).await.unwrap();
            let status = set.status.unwrap_or_default();
            status.desired_number_scheduled > 0
                && status.number_ready == status.desired_number_scheduled
        })
        .await;
        killer
    }

    fn sets(&self) -> Api<DaemonSet> {
        Api::namespaced(self.bed.client.clone(), SYSTEM)
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.bed.client.clone(), SYSTEM)
    }

    /// Ends the processes of a program that have one of some arguments, and says how many there were.
    async fn kill(&self, program: &str, arguments: &[&str]) -> usize {
        let labelled = ListParams::default().labels(&format!("app={}", self.name));
        let mut killed = 0;
        for pod in self.pods().list(&labelled).await.unwrap() {
            let name = pod.name_any();
            let kill = [&["bash", "-c", KILL, program], arguments].concat();
            let told = self.bed.exec_in(SYSTEM, &name, "killer", &kill).await;
            killed += told.unwrap().trim().parse::<usize>().unwrap();
        }
        killed
    }

    /// Ends the database server of a pod; Kubernetes starts it again where it was. Of a pod that a Deployment
    /// names, the beginning of the name is enough.
    pub(crate) async fn crash(&self, server: &str) {
        self.crash_together(&[server]).await;
    }

    /// Ends several servers at the same moment, so that none of them sees another one go.
    pub(crate) async fn crash_together(&self, servers: &[&str]) {
        let pods = self.bed.api::<Pod>().list(&ListParams::default()).await;
        let pods = pods.unwrap().items;
        let address = |server: &&str| {
            let mut pods = pods.iter();
            let pod = pods.find(|pod| pod.name_any().starts_with(server));
            let address = pod.and_then(|pod| pod.status.as_ref()?.pod_ip.clone());
            // Another test's servers have the same names.
            format!("--wsrep-node-address={}:4567", address.unwrap())
        };
        let addresses: Vec<String> = servers.iter().map(address).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let killed = self.kill("mariadbd", &addresses).await;
        assert!(
            killed >= servers.len(),
            "{killed} of {servers:?} were there"
        );
    }

    /// Ends all servers, and then their pods.
    pub(crate) async fn crash_all(&self, servers: &[&str]) {
        self.crash_together(servers).await;
        for server in servers {
            self.bed.kill_pod(server).await;
        }
    }

    /// Ends the manager, and deletes its pod: Kubernetes would wait longer each time before it starts the
    /// container again. Where another test has just ended it, waits for the next one.
    pub(crate) async fn kill_manager(&self) {
        eventually("there is a manager to kill", || async {
            self.kill("kudo-manager", &["--leader-elect"]).await > 0
        })
        .await;
        let now = DeleteParams::default().grace_period(0);
        match self.pods().delete(MANAGER, &now).await {
            Err(kube::Error::Api(refused)) if refused.code == 404 => {}
            deleted => drop(deleted.unwrap()),
        }
    }

    /// Waits until the manager is ready.
    pub(crate) async fn until_manager(&self) {
        eventually("the manager is ready", || async {
            let pod = self.pods().get_opt(MANAGER).await.unwrap();
            pod.is_some_and(|pod| has(&pod, "Ready"))
        })
        .await;
    }

    pub(crate) async fn end(&self) {
        let sets = self.sets();
        sets.delete(&self.name, &DeleteParams::background())
            .await
            .unwrap();
    }
}
