//! Suites: those of upstream's integration tests, unmodified, and those of the packages in `operators/`.
//!
//! They run on a cluster of their own, as a manager for all namespaces looks after it. Its pods take a
//! moment to become ready, as everywhere: one of the suites asserts a plan that is under way.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use kube::Client;
use kudo_controller::{Manager, ManagerOptions};
use kudo_kube::copy::{CopyError, PodFile};
use kudo_kube::{ConnectOptions, CopyFiles, Meter, connect};
use kudo_simcluster::control_plane::client_for;
use kudo_simcluster::kubelet::PodOptions;
use tokio_util::sync::CancellationToken;

use crate::cli::environment::{TestEnvironment, repository};
use crate::harness::install_crds;
use crate::server::{TestServer, is_simulated};

/// A cluster with a manager at work in all namespaces.
struct Installation {
    server: TestServer,
    shutdown: CancellationToken,
}

impl Installation {
    async fn start() -> Self {
        let pods = PodOptions {
            delay: Duration::from_secs(1),
            ..PodOptions::default()
        };
        let server = TestServer::start_another(is_simulated(false), pods).await;
        install_crds(&client_for(server.kubeconfig()).await.unwrap()).await;
        let connection = ConnectOptions {
            kubeconfig: Some(server.kubeconfig().to_owned()),
            ..ConnectOptions::default()
        };
        let connected = connect(connection, Meter::new()).await.unwrap();
        let shutdown = CancellationToken::new();
        let options = ManagerOptions {
            files: Some(Arc::new(Page)),
            ..ManagerOptions::default()
        };
        let manager = Manager::new(connected.client, options);
        tokio::spawn(manager.run(shutdown.clone()));
        Self { server, shutdown }
    }

    /// Runs `kubectl kudo test` to its end.
    async fn test(&self, arguments: &[&str]) -> (Option<i32>, String) {
        self.run(&[&["test"], arguments].concat()).await
    }

    /// Runs a command to its end.
    async fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let environment = TestEnvironment::new().with_kubeconfig(self.server.kubeconfig());
        let mut command: Command = environment.command(arguments);
        let run = move || command.output().unwrap();
        let output: Output = tokio::task::spawn_blocking(run).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let all = format!("{}{}", text(&output.stderr), text(&output.stdout));
        (output.status.code(), all)
    }
}

/// What pods of Pipe tasks have written: simulated ones write nothing.
struct Page;

impl CopyFiles for Page {
    fn copy<'a>(
        &'a self,
        _: &'a Client,
        _: &'a PodFile,
    ) -> BoxFuture<'a, Result<Vec<u8>, CopyError>> {
        std::future::ready(Ok(b"<p>Moo".to_vec())).boxed()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Upstream's suites, where they are: flags for all of them, and how many there are.
fn upstreams_suites(manifests: &Path) -> Option<(Vec<String>, usize)> {
    let corpus = repository().join("../shared/corpus");
    if !corpus.join("kuttl").is_dir() {
        eprintln!("SKIPPED: {} is not there", corpus.display());
        return None;
    }
    // The webhook configuration there points at upstream's own address.
    for name in ["configmap-operator", "test-operator", "toy-operator"] {
        let file = format!("{name}.yaml");
        let from = corpus.join("kuttl-manifests").join(&file);
        std::fs::copy(from, manifests.join(file)).unwrap();
    }
    let suites = corpus.join("kuttl");
    let number = std::fs::read_dir(&suites).unwrap().count();
    let flags = [
        suites.display().to_string(),
        "--manifest-dir".to_owned(),
        manifests.display().to_string(),
    ];
    Some((flags.into(), number))
}

#[tokio::test(flavor = "multi_thread")]
async fn upstreams_suites_pass_unmodified() {
    let manifests = tempfile::tempdir().unwrap();
    let Some((flags, number)) = upstreams_suites(manifests.path()) else {
        return;
    };
    let installation = Installation::start().await;
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let (code, said) = installation.test(&flags).await;
    assert_eq!(code, Some(0), "{said}");
    let all = format!("{number} passed, 0 failed");
    assert!(said.contains(&all), "{said}");
}

#[test]
fn upstreams_suites_pass_on_an_embedded_cluster() {
    let manifests = tempfile::tempdir().unwrap();
    let Some((mut flags, number)) = upstreams_suites(manifests.path()) else {
        return;
    };
    flags.insert(0, "test".to_owned());
    flags.push("--simulate".to_owned());
    let outcome = TestEnvironment::new().run(&flags).expect_code(0);
    let all = format!("{number} passed, 0 failed");
    assert!(outcome.stdout.contains(&all), "{outcome}");
}

#[test]
fn suites_of_the_packages_pass_on_an_embedded_cluster() {
    let mut arguments = packages();
    arguments.insert(0, "test".to_owned());
    arguments.push("--simulate".to_owned());
    TestEnvironment::new().run(&arguments).expect_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn community_packages_are_verified_and_installed() {
    let packages = repository().join("../shared/corpus/operators");
    if !packages.is_dir() {
        eprintln!("SKIPPED: {} is not there", packages.display());
        return;
    }
    let installation = Installation::start().await;
    let packages: Vec<(String, String)> = std::fs::read_dir(&packages)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let package = entry.path().join("operator").display().to_string();
            (entry.file_name().into_string().unwrap(), package)
        })
        .collect();
    let installed = packages.iter().map(async |(name, package)| {
        let (code, said) = installation.run(&["package", "verify", package]).await;
        if code != Some(0) {
            return Some(format!("{name} is not verified:\n{said}"));
        }
        let install = [
            "install",
            package,
            "--namespace",
            name,
            "--create-namespace",
            "--instance",
            "inst",
            "--wait",
            "--wait-time",
            "100",
        ];
        let (code, said) = installation.run(&install).await;
        if code != Some(0) {
            return Some(format!("{name} is not installed:\n{said}"));
        }
        let plans = ["plan", "status", "--instance", "inst", "--namespace", name];
        let (_, said) = installation.run(&plans).await;
        let complete = said.contains("[COMPLETE]") && !said.contains("ERROR");
        (!complete).then(|| format!("{name} is not complete:\n{said}"))
    });
    let failures: Vec<String> = futures::stream::iter(installed)
        .buffer_unordered(4)
        .filter_map(async |failure| failure)
        .collect()
        .await;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(!packages.is_empty());
}

/// The packages of the project. Each ships a suite.
fn packages() -> Vec<String> {
    let mut packages: Vec<String> = std::fs::read_dir(repository().join("operators"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("operator.yaml").is_file())
        .map(|path| path.display().to_string())
        .collect();
    packages.sort();
    for package in &packages {
        let tests = Path::new(package).join("tests");
        assert!(tests.is_dir(), "{package} ships no suite");
    }
    packages
}

#[tokio::test(flavor = "multi_thread")]
async fn suites_of_the_packages_pass() {
    let installation = Installation::start().await;
    let packages = packages();
    let mut arguments: Vec<&str> = packages.iter().map(String::as_str).collect();
    arguments.extend(["--timeout", "120"]);
    let (code, said) = installation.test(&arguments).await;
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_assert_is_shown_as_a_diff() {
    let installation = Installation::start().await;
    let environment = TestEnvironment::new();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: VALUE}\n";
    environment.write("suite/one/00-map.yaml", &map.replace("VALUE", "found"));
    environment.write("suite/one/00-assert.yaml", &map.replace("VALUE", "wanted"));
    environment.write("suite/two/00-map.yaml", &map.replace("VALUE", "fine"));
    environment.write("suite/two/00-assert.yaml", &map.replace("VALUE", "fine"));
    let suite = environment.work().join("suite").display().to_string();
    let reports = environment.work().join("reports").display().to_string();
    let arguments = [
        suite.as_str(),
        "--timeout",
        "1",
        "--report",
        "json",
        "--artifacts-dir",
        &reports,
    ];
    let (code, said) = installation.test(&arguments).await;
    assert_eq!(code, Some(1), "{said}");
    for line in [
        "-  x: wanted",
        "+  x: found",
        "PASS two",
        "FAIL one",
        "1 passed, 1 failed",
    ] {
        assert!(said.contains(line), "{line:?} is missing:\n{said}");
    }
    let report = std::fs::read(environment.work().join("reports/kuttl-report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["failures"], 1);
    let namespaces: kube::Api<k8s_openapi::api::core::v1::Namespace> =
        kube::Api::all(client_for(installation.server.kubeconfig()).await.unwrap());
    let left = namespaces
        .list(&kube::api::ListParams::default())
        .await
        .unwrap();
    let left = left
        .items
        .into_iter()
        .filter_map(|namespace| namespace.metadata.name);
    let left: Vec<String> = left.filter(|name| name.starts_with("kudo-test-")).collect();
    assert_eq!(left, Vec::<String>::new(), "namespaces are left behind");
}
