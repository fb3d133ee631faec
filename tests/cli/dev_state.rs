//! `dev --state`: the objects of the embedded cluster outlive its process.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::wait::await_condition;
use kube::runtime::wait::conditions::is_pod_running;
use kube::{Client, Config, ResourceExt};
use serde_json::json;

use crate::environment::{TestEnvironment, repository};

/// How long a cluster may take for anything.
const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster in the foreground, with a file that it is kept in; ended with the test.
struct Cluster {
    process: Child,
    kubeconfig: PathBuf,
    /// Kept open, so that it can write.
    _out: Lines<BufReader<ChildStdout>>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Cluster {
    /// Starts it, and waits until it serves.
    fn start(environment: &TestEnvironment, state: &str) -> Self {
        let mut command = environment.command(&["dev", "--state", state]);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap()).lines();
        let last = out
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.starts_with("Ctrl-C"));
        let last = last.expect("the cluster starts");
        assert!(last.contains("its objects are kept in "), "{last}");
        Self {
            process,
            kubeconfig: environment.home().join(".kudo/dev/kubeconfig"),
            _out: out,
        }
    }

    async fn client(&self) -> Client {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        Client::try_from(config.unwrap()).unwrap()
    }

    async fn configs(&self) -> Api<ConfigMap> {
        Api::default_namespaced(self.client().await)
    }

    /// Asks it to end, and waits until it has.
    fn terminate(mut self) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }

    /// Ends it at once.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn config(name: &str) -> ConfigMap {
    serde_json::from_value(json!({ "metadata": { "name": name }, "data": { "k": name } })).unwrap()
}

fn version(object: &impl ResourceExt) -> u64 {
    object.resource_version().unwrap().parse().unwrap()
}

/// Waits until a file holds a text.
fn wait_for(path: &Path, text: &str) {
    let until = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(path).is_ok_and(|held| held.contains(text)) {
        assert!(Instant::now() < until, "{} has no {text}", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn pods_go_on_where_they_were() {
    let environment = TestEnvironment::new();
    let cluster = Cluster::start(&environment, "state");
    let pods: Api<Pod> = Api::default_namespaced(cluster.client().await);
    let pod = json!({
        "metadata": { "name": "slow", "annotations": { "simulate.kudo.dev/ready-after": "3s" } },
        "spec": { "containers": [{ "name": "c", "image": "i" }] },
    });
    let pod: Pod = serde_json::from_value(pod).unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let running = await_condition(pods.clone(), "slow", is_pod_running());
    running.await.unwrap();
    let before = pods.get("slow").await.unwrap().status.unwrap();
    let ready = |pod: Option<&Pod>| {
        let status = pod.and_then(|pod| pod.status.as_ref());
        let conditions = status.and_then(|status| status.conditions.as_ref());
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    assert!(!ready(pods.get("slow").await.ok().as_ref()));
    cluster.terminate();

    let cluster = Cluster::start(&environment, "state");
    let pods: Api<Pod> = Api::default_namespaced(cluster.client().await);
    let goes_on = await_condition(pods.clone(), "slow", ready);
    let goes_on = tokio::time::timeout(PATIENCE, goes_on).await;
    goes_on.expect("the pod becomes ready").unwrap();
    let after = pods.get("slow").await.unwrap().status.unwrap();
    assert_eq!(after.pod_ip, before.pod_ip);
    cluster.terminate();
}

#[tokio::test]
async fn objects_outlive_an_end_and_a_crash() {
    let environment = TestEnvironment::new();
    let path = environment.work().join("state");
    let create = PostParams::default();

    let cluster = Cluster::start(&environment, "state");
    let api = cluster.configs().await;
    let a = api.create(&create, &config("a")).await.unwrap();
    let gone = api.create(&create, &config("gone")).await.unwrap();
    wait_for(&path, "\"name\":\"gone\"");
    api.delete("gone", &DeleteParams::default()).await.unwrap();
    // Not a moment later: what was answered is kept.
    let b = api.create(&create, &config("b")).await.unwrap();
    cluster.terminate();

    let cluster = Cluster::start(&environment, "state");
    let api = cluster.configs().await;
    assert_eq!(api.get("a").await.unwrap(), a);
    assert_eq!(api.get("b").await.unwrap(), b);
    assert!(api.get_opt("gone").await.unwrap().is_none());
    let again = api.create(&create, &config("gone")).await.unwrap();
    assert_ne!(again.uid(), gone.uid());
    assert!(version(&again) > version(&b));
    wait_for(&path, &again.uid().unwrap());
    let lost = api.create(&create, &config("late")).await.unwrap();
    cluster.kill();

    let cluster = Cluster::start(&environment, "state");
    let api = cluster.configs().await;
    assert_eq!(api.get("a").await.unwrap(), a);
    assert_eq!(api.get("gone").await.unwrap(), again);
    // Whether or not the last moment was saved, its versions are not given again.
    let newest = api.create(&create, &config("newest")).await.unwrap();
    assert!(version(&newest) > version(&lost));
    // A crash right after the start.
    cluster.kill();
    let cluster = Cluster::start(&environment, "state");
    let api = cluster.configs().await;
    let after = api.create(&create, &config("after")).await.unwrap();
    assert!(version(&after) > version(&newest));
    cluster.terminate();
    let left: Vec<_> = std::fs::read_dir(environment.work()).unwrap().collect();
    assert_eq!(left.len(), 2, "the state and its lock: {left:?}");
}

/// What a crash in the middle of a burst of writes leaves is a moment of it: no object without those
/// that were made before it.
#[tokio::test]
async fn a_crash_leaves_a_moment_as_it_was() {
    let environment = TestEnvironment::new();
    for round in 0..3_u64 {
        let cluster = Cluster::start(&environment, "state");
        let api = cluster.configs().await;
        let burst = async {
            let mut number = 0;
            loop {
                let name = format!("r{round}-{number:05}");
                let made = api.create(&PostParams::default(), &config(&name)).await;
                made.unwrap();
                number += 1;
            }
        };
        let time = Duration::from_millis(450 + 170 * round);
        assert!(tokio::time::timeout(time, burst).await.is_err());
        cluster.kill();
    }
    let cluster = Cluster::start(&environment, "state");
    let listed = cluster.configs().await.list(&ListParams::default()).await;
    let names: Vec<String> = listed.unwrap().iter().map(ResourceExt::name_any).collect();
    for round in 0..3 {
        let prefix = format!("r{round}-");
        let own: Vec<&String> = names.iter().filter(|n| n.starts_with(&prefix)).collect();
        for (number, name) in own.into_iter().enumerate() {
            assert_eq!(*name, format!("r{round}-{number:05}"));
        }
    }
    cluster.terminate();
}

#[tokio::test]
async fn an_instance_goes_on_after_a_restart() {
    let environment = TestEnvironment::new();
    let state = environment.work().join("cluster.state");
    let shown = "Its objects are kept in $ROOT/here/cluster.state";
    let start = ["dev", "--detach", "--state", "cluster.state"];
    let started = environment.run(&start).expect_code(0);
    assert!(
        started
            .stdout
            .contains("its objects are kept in $ROOT/here/cluster.state"),
        "{started}"
    );
    let status = environment.run(&["dev", "status"]).expect_code(0);
    assert!(status.stdout.contains(shown), "{status}");
    let kubeconfig = environment.home().join(".kudo/dev/kubeconfig");
    let kubeconfig = kubeconfig.to_str().unwrap();
    let package = repository().join("operators/first-operator");
    let package = package.to_str().unwrap();
    let install = ["install", package, "--wait", "--kubeconfig", kubeconfig];
    environment.run(&install).expect_code(0);
    environment.run(&["dev", "stop"]).expect_code(0);
    assert!(state.exists());
    environment.run(&["dev", "status"]).expect_code(5);

    environment.run(&start).expect_code(0);
    let history = ["plan", "status", "--instance", "first-operator-instance"];
    let history = [&history[..], &["--kubeconfig", kubeconfig]].concat();
    let told = environment.run(&history).expect_code(0);
    assert!(told.stdout.contains("COMPLETE"), "{told}");
    let update = ["update", "--instance", "first-operator-instance", "--wait"];
    let update = [&update[..], &["-p", "replicas=3"]].concat();
    let update = [&update[..], &["--kubeconfig", kubeconfig]].concat();
    environment.run(&update).expect_code(0);

    // The server's certificate is another one, and every namespace is told.
    let config: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(kubeconfig).unwrap()).unwrap();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let client = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let client = Client::try_from(client.unwrap()).unwrap();
    let server = config["clusters"][0]["cluster"]["certificate-authority-data"].clone();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for namespace in namespaces.list(&ListParams::default()).await.unwrap() {
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace.name_any());
        let until = Instant::now() + PATIENCE;
        let map = loop {
            match api.get_opt("kube-root-ca.crt").await.unwrap() {
                Some(map) => break map,
                None => assert!(Instant::now() < until),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let certificate = &map.data.unwrap()["ca.crt"];
        let data: k8s_openapi::ByteString = serde_json::from_value(server.clone()).unwrap();
        assert_eq!(certificate.as_bytes(), data.0);
    }
    environment.run(&["dev", "stop"]).expect_code(0);
}

#[test]
fn a_file_that_is_no_state_is_refused_with_advice_and_left_alone() {
    let environment = TestEnvironment::new();
    let good = r#"{"format":"kudo-simcluster-state/1","resourceVersion":7,"objects":2}"#;
    for (bytes, expected) in [
        (
            b"replicas: 3\n".to_vec(),
            "line 1: this is no state of a cluster",
        ),
        (
            b"\xff\xfe\x00".to_vec(),
            "line 1: this is no state of a cluster",
        ),
        (b"".to_vec(), "line 1: this is no state of a cluster"),
        (
            format!("{good}\n").into_bytes(),
            "line 1: the file ends here: expected 2 objects, it has 0",
        ),
        (
            format!("{good}\n{{\"resource\":\"pods\",\"object\":{{\"me").into_bytes(),
            "line 2: expected {\"resource\":",
        ),
        (
            [
                good.as_bytes(),
                b"\n{\"resource\":\"pods\",\"object\":{\"a\":\"\xff\"}}\n",
            ]
            .concat(),
            "line 2: the object cannot be read: ",
        ),
    ] {
        let path = environment.work().join("state");
        std::fs::write(&path, &bytes).unwrap();
        for arguments in [
            &["dev", "--state", "state"][..],
            &["dev", "--detach", "--state", "state"],
        ] {
            let told = environment.run(arguments).expect_code(1);
            let wanted = format!("Error: $ROOT/here/state, {expected}");
            assert!(told.stderr.starts_with(&wanted), "{told}");
            let advice =
                "Hint: begin with an empty cluster: mv $ROOT/here/state $ROOT/here/state.spoilt";
            assert!(told.stderr.contains(advice), "{told}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{expected}");
        }
    }
    environment.run(&["dev", "status"]).expect_code(5);
}

#[test]
fn files_that_cannot_be_read_or_written_are_told_of_at_the_start() {
    let environment = TestEnvironment::new();
    std::fs::create_dir(environment.work().join("folder")).unwrap();
    for (path, expected, advice) in [
        (
            "folder",
            "Error: cannot read $ROOT/here/folder: it is no regular file",
            "one that is not there yet is made",
        ),
        (
            "none/state",
            "Error: cannot write $ROOT/here/none/state: No such file",
            "--state names a file in a folder that exists",
        ),
        (
            "/dev/null",
            "Error: cannot read /dev/null: it is no regular file",
            "name another one with --state",
        ),
    ] {
        let told = environment.run(&["dev", "--state", path]).expect_code(1);
        assert!(told.stderr.starts_with(expected), "{told}");
        assert!(told.stderr.contains(advice), "{told}");
    }
}

#[test]
fn two_clusters_cannot_be_kept_in_one_file() {
    let environment = TestEnvironment::new();
    let cluster = Cluster::start(&environment, "state");
    std::os::unix::fs::symlink("state", environment.work().join("link")).unwrap();
    for path in ["state", "link"] {
        let other = ["dev", "--home", "other", "--state", path];
        let told = environment.run(&other).expect_code(6);
        let expected = "Error: $ROOT/here/state is the state of an embedded cluster that runs\n\
                        Hint: end that one, or name another file with --state\n";
        assert_eq!(told.stderr, expected);
    }
    cluster.terminate();
}
