//! Logs of simulated pods and commands in them, through a client in this process and a socket.

#![cfg(test)]

use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, AttachParams, AttachedProcess, LogParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::runtime::wait::conditions::is_pod_running;
use kube::{Client, Config};
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use kudo_simcluster::kubelet::{PodOptions, simulate_pods};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::AbortHandle;

const TOKEN: &str = "secret";

/// A cluster whose pods are simulated while it lives.
struct Cluster {
    cluster: SimCluster,
    kubelet: AbortHandle,
}

impl Cluster {
    fn start() -> Self {
        let cluster = SimCluster::start(SimOptions::default());
        cluster.add_admin_token(TOKEN);
        let kubelet = tokio::spawn(simulate_pods(cluster.client(), PodOptions::default()));
        let kubelet = kubelet.abort_handle();
        Self { cluster, kubelet }
    }

    fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.cluster.client())
    }

    /// Makes a pod and waits until it runs.
    async fn pod(&self, name: &str, annotations: Value) {
        let pod = json!({
            "metadata": { "name": name, "annotations": annotations },
            "spec": { "containers": [{ "name": "c", "image": "i" }] },
        });
        let pod = serde_json::from_value(pod).unwrap();
        self.pods()
            .create(&PostParams::default(), &pod)
            .await
            .unwrap();
        let running = await_condition(self.pods(), name, is_pod_running());
        running.await.unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kubelet.abort();
    }
}

fn refusal<T>(answer: kube::Result<T>) -> String {
    match answer {
        Err(kube::Error::Api(status)) => format!("{} {}", status.code, status.message),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("no refusal"),
    }
}

async fn ended(mut process: AttachedProcess) -> (String, String, Value) {
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let status = process.take_status().unwrap();
    let (mut out, mut err) = (process.stdout().unwrap(), process.stderr().unwrap());
    out.read_to_string(&mut stdout).await.unwrap();
    err.read_to_string(&mut stderr).await.unwrap();
    let status = serde_json::to_value(status.await.unwrap()).unwrap();
    process.join().await.unwrap();
    (stdout, stderr, status)
}

#[tokio::test]
async fn a_command_answers_on_its_channels() {
    let cluster = Cluster::start();
    let script = "[{command: fail, stdout: out, stderr: err, exit: 3}]";
    cluster
        .pod("p", json!({ "simulate.kudo.dev/exec": script }))
        .await;
    let serving = cluster.cluster.serve_plain("127.0.0.1:0".parse().unwrap());
    let serving = serving.await.unwrap();
    let mut config = Config::new(format!("http://{}", serving.address).parse().unwrap());
    config.auth_info.token = Some(TOKEN.to_owned().into());
    let by_socket = Client::try_from(config).unwrap();
    for client in [cluster.cluster.client(), by_socket] {
        let pods: Api<Pod> = Api::namespaced(client, "default");
        let params = AttachParams::default();
        let (stdout, stderr, status) =
            ended(pods.exec("p", ["fail"], &params).await.unwrap()).await;
        assert_eq!((stdout.as_str(), stderr.as_str()), ("out", "err"));
        assert_eq!(status["reason"], "NonZeroExitCode");
        assert_eq!(
            status["message"],
            "command terminated with non-zero exit code: error executing command [fail], exit code 3"
        );
        assert_eq!(status["details"]["causes"][0]["message"], "3");
        let (stdout, _, status) = ended(pods.exec("p", ["hostname"], &params).await.unwrap()).await;
        assert_eq!(
            (stdout.as_str(), &status["status"]),
            ("p\n", &json!("Success"))
        );
        let (_, _, status) = ended(pods.exec("p", ["mysql"], &params).await.unwrap()).await;
        assert_eq!(status["reason"], "InternalError");
    }
}

#[tokio::test]
async fn what_is_typed_comes_back_until_it_ends() {
    let cluster = Cluster::start();
    cluster.pod("p", json!({})).await;
    let params = AttachParams::default().stdin(true);
    let mut process = cluster.pods().exec("p", ["cat"], &params).await.unwrap();
    let mut stdin = process.stdin().unwrap();
    stdin.write_all(b"hello").await.unwrap();
    stdin.shutdown().await.unwrap();
    drop(stdin);
    let (stdout, _, status) = ended(process).await;
    assert_eq!(
        (stdout.as_str(), &status["status"]),
        ("hello", &json!("Success"))
    );
}

#[tokio::test]
async fn logs_are_cut_as_asked() {
    let cluster = Cluster::start();
    cluster
        .pod("p", json!({ "simulate.kudo.dev/log": "one\ntwo\nthree" }))
        .await;
    let pods = cluster.pods();
    let log = async |params: LogParams| pods.logs("p", &params).await;
    let whole = LogParams::default();
    assert_eq!(log(whole.clone()).await.unwrap(), "one\ntwo\nthree\n");
    let tail = LogParams {
        tail_lines: Some(2),
        ..whole.clone()
    };
    assert_eq!(log(tail).await.unwrap(), "two\nthree\n");
    let limited = LogParams {
        limit_bytes: Some(5),
        ..whole.clone()
    };
    assert_eq!(log(limited).await.unwrap(), "one\nt");
    let stamped = LogParams {
        timestamps: true,
        tail_lines: Some(1),
        ..whole.clone()
    };
    let stamped = log(stamped).await.unwrap();
    assert!(stamped.ends_with("Z three\n"), "{stamped}");
    let named = LogParams {
        container: Some("c".to_owned()),
        ..whole.clone()
    };
    assert_eq!(log(named).await.unwrap(), "one\ntwo\nthree\n");
    let refused = async |params: LogParams| refusal(log(params).await);
    let wrong = LogParams {
        container: Some("x".to_owned()),
        ..whole.clone()
    };
    assert_eq!(
        refused(wrong).await,
        "400 container x is not valid for pod p"
    );
    let previous = LogParams {
        previous: true,
        ..whole.clone()
    };
    assert_eq!(
        refused(previous).await,
        "400 previous terminated container \"c\" in pod \"p\" not found"
    );
    let negative = LogParams {
        tail_lines: Some(-1),
        ..whole
    };
    assert_eq!(
        refused(negative).await,
        "422 PodLogOptions \"p\" is invalid: tailLines: Invalid value: -1: must be greater than or \
         equal to 0"
    );
}

#[tokio::test]
async fn a_pod_that_does_not_run_has_no_log_and_takes_no_commands() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    let pod = |name: &str, outcome: &str| {
        let pod = json!({
            "metadata": { "name": name, "annotations": { "simulate.kudo.dev/outcome": outcome } },
            "spec": { "containers": [{ "name": "c", "image": "i" }], "restartPolicy": "Never" },
        });
        serde_json::from_value::<Pod>(pod).unwrap()
    };
    let outcomes = [("pull", "image-pull-error"), ("done", "succeed")];
    for (name, outcome) in outcomes {
        pods.create(&PostParams::default(), &pod(name, outcome))
            .await
            .unwrap();
        let is_there = |pod: Option<&Pod>| {
            let status = pod.and_then(|pod| pod.status.as_ref());
            status.is_some_and(|status| {
                let statuses = status.container_statuses.as_deref().unwrap_or_default();
                statuses
                    .iter()
                    .any(|one| one.state.as_ref().is_some_and(|s| s.running.is_none()))
            })
        };
        await_condition(pods.clone(), name, is_there).await.unwrap();
    }
    let log = pods.logs("pull", &LogParams::default()).await;
    assert_eq!(
        refusal(log),
        "400 container \"c\" in pod \"pull\" is waiting to start: trying and failing to pull image"
    );
    assert_eq!(pods.logs("done", &LogParams::default()).await.unwrap(), "");
    let refused = pods.exec("done", ["true"], &AttachParams::default()).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_log_is_followed_until_its_container_ends() {
    let cluster = Cluster::start();
    cluster
        .pod("p", json!({ "simulate.kudo.dev/log": "one\n" }))
        .await;
    let pods = cluster.pods();
    let params = LogParams {
        follow: true,
        ..LogParams::default()
    };
    let mut lines = pods.log_stream("p", &params).await.unwrap().lines();
    assert_eq!(lines.try_next().await.unwrap().as_deref(), Some("one"));
    let patch = json!({ "metadata": { "annotations": { "simulate.kudo.dev/log": "one\ntwo\n" } } });
    let patch = Patch::Merge(patch);
    pods.patch("p", &PatchParams::default(), &patch)
        .await
        .unwrap();
    assert_eq!(lines.try_next().await.unwrap().as_deref(), Some("two"));
    pods.delete("p", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(lines.try_next().await.unwrap(), None);
}
