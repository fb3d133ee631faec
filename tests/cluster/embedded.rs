//! KUDO on a cluster within the test: what only simulated pods can do, whatever cluster the other tests
//! are run on.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Client;
use kube::api::{Api, PostParams};
use kube::runtime::wait::await_condition;
use kudo_api::{Instance, OperatorVersion};
use kudo_controller::{Manager, ManagerOptions};
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use kudo_simcluster::controllers::{self, ControllerOptions};
use kudo_simcluster::kubelet::{PodOptions, simulate_pods};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::harness::{SOON, install_crds, object};
use crate::instances::Operator;

/// The pod of the operator `cowsay`; the volume is where the files are that nobody wrote.
const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  annotations:
    simulate.kudo.dev/files: '{/tmp/index.html: "<p>Moo"}'
spec:
  volumes:
  - name: shared-data
    emptyDir: {}
  initContainers:
    - name: init
      image: busybox
      command: [ "/bin/sh", "-c" ]
      args: [ "wget -O /tmp/index.html http://cowsay.example.com/" ]
      volumeMounts:
        - name: shared-data
          mountPath: /tmp
"#;

/// A cluster of one's own, with a manager.
async fn start() -> Client {
    let client = SimCluster::start(SimOptions::default()).client();
    tokio::spawn(simulate_pods(client.clone(), PodOptions::default()));
    let options = ControllerOptions::default();
    tokio::spawn(controllers::run(client.clone(), options));
    install_crds(&client).await;
    let manager = Manager::new(client.clone(), ManagerOptions::default());
    tokio::spawn(async move { manager.run(CancellationToken::new()).await });
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_task_copies_files_out_of_a_simulated_pod() {
    let client = start().await;
    let plan = json!({
        "strategy": "serial",
        "phases": [{ "name": "main", "strategy": "serial", "steps": [
            { "name": "genfiles", "tasks": ["genwww"] },
            { "name": "app", "tasks": ["app"] },
        ] }],
    });
    let operator = Operator::new("cowsay")
        .template("pipe-pod.yaml", POD)
        .config_map("page", &[("name", "{{ .Pipes.indexHtml }}")])
        .task(
            json!({ "name": "genwww", "kind": "Pipe", "spec": { "pod": "pipe-pod.yaml", "pipe": [
                { "file": "/tmp/index.html", "kind": "ConfigMap", "key": "indexHtml" },
                { "envFile": "/tmp/settings.env", "kind": "Secret", "key": "settings" },
            ] } }),
        )
        .task(json!({ "name": "app", "kind": "Apply", "spec": { "resources": ["page"] } }))
        .raw_plan("deploy", plan)
        .version("0.2.0");
    let versions: Api<OperatorVersion> = Api::default_namespaced(client.clone());
    let params = PostParams::default();
    versions.create(&params, &object(operator)).await.unwrap();
    let instances: Api<Instance> = Api::default_namespaced(client.clone());
    let instance = object(json!({
        "apiVersion": "kudo.dev/v1beta1", "kind": "Instance", "metadata": { "name": "i" },
        "spec": { "operatorVersion": { "name": "cowsay-0.2.0" } },
    }));
    instances.create(&params, &instance).await.unwrap();

    let configs: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let is_there = |config: Option<&ConfigMap>| config.is_some();
    let applied = await_condition(configs.clone(), "i-page", is_there);
    tokio::time::timeout(SOON, applied).await.unwrap().unwrap();
    let page = configs.get("i.deploy.main.genfiles.genwww.indexhtml").await;
    let page = page.unwrap().binary_data.unwrap();
    assert_eq!(page["index.html"].0, b"<p>Moo");
    // Of a file that nothing tells of, all is a comment.
    let secrets: Api<Secret> = Api::default_namespaced(client);
    let settings = secrets.get("i.deploy.main.genfiles.genwww.settings").await;
    assert_eq!(settings.unwrap().data.unwrap_or_default().len(), 0);
}
