//! A manager with narrow rights: what `init --namespaces` and `package rbac` print is enough, and no more.

use std::collections::BTreeSet;
use std::path::PathBuf;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::Api;
use kube::api::PostParams;
use kudo_controller::{Manager, ManagerOptions};
use kudo_kube::{ConnectOptions, Meter, connect};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::cli::environment::TestEnvironment;
use crate::cli::packages::BINDINGS;
use crate::harness::{TestNamespace, cluster, object};
use crate::instances::{Operator, condition_message, package, plan_status};

/// A service account of its own, and a kubeconfig with a token for it.
pub(crate) struct Account {
    pub(crate) name: &'static str,
    pub(crate) kubeconfig: PathBuf,
    _folder: TempDir,
}

impl Account {
    pub(crate) async fn create(namespace: &TestNamespace) -> Self {
        let name = "narrow";
        let account: ServiceAccount = object(json!({ "metadata": { "name": name } }));
        let accounts: Api<ServiceAccount> = namespace.api();
        accounts
            .create(&PostParams::default(), &account)
            .await
            .unwrap();
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec!["https://kubernetes.default.svc".to_owned()],
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await;
        let token = answer.unwrap().status.unwrap().token;
        let text = std::fs::read_to_string(cluster().kubeconfig()).unwrap();
        let mut kubeconfig: Value = serde_json::from_str(&text).unwrap();
        kubeconfig["users"][0]["user"] = json!({ "token": token });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        std::fs::write(&path, kubeconfig.to_string()).unwrap();
        Self {
            name,
            kubeconfig: path,
            _folder: folder,
        }
    }
}

/// A manager that acts as the account, in one namespace.
struct NarrowManager {
    meter: Meter,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl NarrowManager {
    async fn start(namespace: &TestNamespace, account: &Account) -> Self {
        let meter = Meter::new();
        let options = ConnectOptions {
            kubeconfig: Some(account.kubeconfig.clone()),
            ..ConnectOptions::default()
        };
        let connected = connect(options, meter.clone()).await.unwrap();
        let options = ManagerOptions {
            namespaces: vec![namespace.name().to_owned()],
            ..ManagerOptions::default()
        };
        let shutdown = CancellationToken::new();
        let manager = Manager::new(connected.client, options);
        let task = tokio::spawn(manager.run(shutdown.clone()));
        Self {
            meter,
            shutdown,
            task,
        }
    }

    /// Requests that were refused for want of a right.
    fn forbidden(&self) -> Vec<String> {
        let counts = self.meter.counts();
        let refused = counts.iter().filter(|count| count.code == 403);
        refused
            .map(|count| format!("{} {}", count.verb.as_str(), count.count))
            .collect()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

async fn apply_all(namespace: &TestNamespace, objects: &Value) {
    for object in objects.as_array().unwrap() {
        namespace.apply(object).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_package_rbac_prints_is_enough() {
    let namespace = cluster().namespace().await;
    let account = Account::create(&namespace).await;
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../operators");
    let galera = root.join("galera");
    let arguments = [
        "package",
        "rbac",
        galera.to_str().unwrap(),
        "-n",
        namespace.name(),
        "--manager-namespace",
        namespace.name(),
        "--service-account",
        account.name,
        "-o",
        "json",
    ];
    let environment = TestEnvironment::new();
    let printed = tokio::task::block_in_place(|| environment.run(&arguments));
    apply_all(&namespace, &printed.expect_code(0).json()).await;

    let manager = NarrowManager::start(&namespace, &account).await;
    let version = namespace.install(&package("galera")).await;
    namespace.instance("db", &version, &[]).await;
    namespace.until_done("db", "deploy").await;
    namespace.set("db", json!({ "NODE_COUNT": "5" })).await;
    namespace.until_done("db", "node_update").await;
    namespace
        .until("db", "is ready", |i| {
            crate::instances::condition(i, "Ready") == "True ResourcesReady"
        })
        .await;
    namespace.delete_instance("db").await;
    namespace.until_gone("db").await;
    // It may not see the cluster's storage classes, and does not wait for the bootstrap node's claim then.
    let forbidden = manager.forbidden();
    assert!(
        matches!(forbidden.as_slice(), [lists] if lists.starts_with("list ")),
        "{forbidden:?}"
    );
    manager.stop().await;
}

/// A package of one phase with a step for each task.
fn one_step_a_task(name: &str, tasks: &Value) -> String {
    let steps: Vec<Value> = tasks
        .as_array()
        .unwrap()
        .iter()
        .map(|task| json!({ "name": task["name"], "tasks": [task["name"]] }))
        .collect();
    json!({
        "apiVersion": "kudo.dev/v1beta1",
        "name": name,
        "operatorVersion": "0.1.0",
        "kubernetesVersion": "1.16.0",
        "tasks": tasks,
        "plans": { "deploy": { "strategy": "serial", "phases": [
            { "name": "main", "strategy": "serial", "steps": steps },
        ] } },
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_package_rbac_prints_is_enough_for_children_and_pipes() {
    const PARAMS: &str = "apiVersion: kudo.dev/v1beta1\nparameters: []\n";
    const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Name }}'}\n";
    const POD: &str = "apiVersion: v1\nkind: Pod\nspec:\n  volumes: [{name: out, emptyDir: {}}]\n  \
                       initContainers: [{name: make, image: maker, volumeMounts: [{name: out, mountPath: /out}]}]\n";
    let namespace = cluster().namespace().await;
    let account = Account::create(&namespace).await;
    let environment = TestEnvironment::new()
        .with_kubeconfig(cluster().kubeconfig())
        .in_namespace(namespace.name());
    let child =
        json!([{ "name": "config", "kind": "Apply", "spec": { "resources": ["config.yaml"] } }]);
    environment.package(
        "child",
        &[
            ("operator.yaml", &one_step_a_task("child", &child)),
            ("params.yaml", PARAMS),
            ("templates/config.yaml", CONFIG),
        ],
    );
    let parent = json!([
        { "name": "child", "kind": "KudoOperator", "spec": { "package": "../child" } },
        { "name": "make", "kind": "Pipe", "spec": { "pod": "pod.yaml", "pipe": [
            { "file": "/out/page", "kind": "Secret", "key": "page" },
        ] } },
    ]);
    environment.package(
        "parent",
        &[
            ("operator.yaml", &one_step_a_task("parent", &parent)),
            ("params.yaml", PARAMS),
            ("templates/pod.yaml", POD),
        ],
    );
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        tokio::task::block_in_place(|| environment.run(&arguments)).expect_code(0)
    };
    let (name, here) = (account.name, namespace.name());
    let rbac = format!(
        "package rbac ./parent -n {here} --manager-namespace {here} --service-account {name} -o json"
    );
    let printed = run(&rbac).stdout.replace("$NAMESPACE", here);
    let objects: Value = serde_json::from_str(&printed).unwrap();
    apply_all(&namespace, &objects).await;
    let manager = NarrowManager::start(&namespace, &account).await;
    run("install ./parent --instance p");
    namespace.until_done("p-child", "deploy").await;
    // Beside a real server simulated pods run nothing: it gets as far as asking for the file, and is not refused
    // that. The embedded one has the file.
    namespace
        .until("p", "a file was asked for", |instance| {
            let phases = plan_status(instance, "deploy").map(|plan| &plan.phases);
            let steps = phases.into_iter().flatten().flat_map(|phase| &phase.steps);
            steps.into_iter().any(|step| {
                let asked = step.message.contains("cannot copy file \"/out/page\"")
                    && !step.message.contains("forbidden");
                step.name == "make" && (asked || step.status == "COMPLETE")
            })
        })
        .await;
    namespace.delete_instance("p").await;
    namespace.until_gone("p").await;
    assert_eq!(manager.forbidden(), [""; 0]);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_package_rbac_prints_is_enough_to_bind_the_package_s_roles() {
    let namespace = cluster().namespace().await;
    let account = Account::create(&namespace).await;
    let environment = TestEnvironment::new()
        .with_kubeconfig(cluster().kubeconfig())
        .in_namespace(namespace.name());
    let bind =
        json!([{ "name": "bind", "kind": "Apply", "spec": { "resources": ["bindings.yaml"] } }]);
    environment.package(
        "binder",
        &[
            ("operator.yaml", &one_step_a_task("binder", &bind)),
            (
                "params.yaml",
                "apiVersion: kudo.dev/v1beta1\nparameters: []\n",
            ),
            ("templates/bindings.yaml", BINDINGS),
        ],
    );
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        tokio::task::block_in_place(|| environment.run(&arguments)).expect_code(0)
    };
    let (name, here) = (account.name, namespace.name());
    let printed = run(&format!(
        "package rbac ./binder --instance b --manager-namespace {here} --service-account {name} -o json"
    ));
    let objects = printed.stdout.replace("$NAMESPACE", here);
    apply_all(&namespace, &serde_json::from_str(&objects).unwrap()).await;
    let manager = NarrowManager::start(&namespace, &account).await;
    run("install ./binder --instance b");
    namespace.until_done("b", "deploy").await;
    namespace.delete_instance("b").await;
    namespace.until_gone("b").await;
    assert_eq!(manager.forbidden(), [""; 0]);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_of_a_namespace_may_do_everything_there_and_nothing_elsewhere() {
    let namespace = cluster().namespace().await;
    let account = Account::create(&namespace).await;
    let environment = TestEnvironment::new();
    let arguments = [
        "init",
        "--namespaces",
        namespace.name(),
        "--dry-run",
        "-o",
        "json",
    ];
    let printed = tokio::task::block_in_place(|| environment.run(&arguments))
        .expect_code(0)
        .json();
    let kinds: BTreeSet<&str> = printed
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["kind"].as_str().unwrap())
        .collect();
    assert!(
        !kinds.contains("ClusterRole") && !kinds.contains("ClusterRoleBinding"),
        "{kinds:?}"
    );
    for object in printed.as_array().unwrap() {
        let mut object = object.clone();
        let here = object["metadata"]["namespace"] == namespace.name();
        if here && ["Role", "RoleBinding"].contains(&object["kind"].as_str().unwrap()) {
            if object["kind"] == "RoleBinding" {
                object["subjects"][0]["name"] = json!(account.name);
                object["subjects"][0]["namespace"] = json!(namespace.name());
            }
            namespace.apply(&object).await;
        }
    }
    let manager = NarrowManager::start(&namespace, &account).await;
    let class = format!(
        "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata:\n  name: {}\nvalue: 1\n",
        namespace.name()
    );
    let operator = Operator::new("both")
        .config_map("a", &[("a", "1")])
        .template("class", &class)
        .plan("deploy", &["only: a"])
        .plan("outside", &["only: class"]);
    namespace.apply(&operator.version("1.0.0")).await;
    namespace.instance("i", "both-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;
    assert!(
        namespace
            .api::<ConfigMap>()
            .get_opt("i-a")
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(manager.forbidden(), [""; 0]);

    namespace
        .change(
            "i",
            json!({ "spec": { "planExecution": { "planName": "outside", "uid": "o" } } }),
        )
        .await;
    let stuck = namespace
        .until("i", "is told that it may not", |i| {
            let steps = plan_status(i, "outside")
                .into_iter()
                .flat_map(|plan| &plan.phases)
                .flat_map(|phase| &phase.steps);
            steps
                .into_iter()
                .any(|step| step.message.contains("forbidden"))
        })
        .await;
    assert_eq!(condition_message(&stuck, "Accepted"), "");
    manager.stop().await;
}
