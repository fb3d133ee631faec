//! The command line against a real API server: what it writes, what it refuses to write, and how
//! it follows a plan. Where the manager's part matters only by what it records, the test records it.

#[path = "../cli/environment.rs"]
pub(crate) mod environment;
#[path = "../cli/fake_server.rs"]
#[expect(dead_code, reason = "shared with the tests that need no cluster")]
mod fake_server;
#[path = "../cli/packages.rs"]
pub(crate) mod packages;

mod access;
mod children;
mod following;
mod init;
mod repositories;
mod whole_life;
mod writing;

use std::path::Path;
use std::process::Child;

use kube::api::{Patch, PatchParams};
use kudo_api::Instance;
use serde_json::{Value, json};

use crate::harness::{TestNamespace, cluster};
use environment::{Outcome, TestEnvironment};
use packages::{OPERATOR, SMALL};

/// A namespace of its own, and the command line that works in it.
pub(crate) struct Setting {
    pub(crate) namespace: TestNamespace,
    pub(crate) environment: TestEnvironment,
}

impl Setting {
    /// With the small package in the working directory.
    pub(crate) async fn new() -> Self {
        Self::with_kubeconfig(cluster().kubeconfig()).await
    }

    pub(crate) async fn with_kubeconfig(kubeconfig: &Path) -> Self {
        let namespace = cluster().namespace().await;
        let environment = TestEnvironment::new()
            .with_kubeconfig(kubeconfig)
            .in_namespace(namespace.name());
        environment.package("small", SMALL);
        Self {
            namespace,
            environment,
        }
    }

    /// Writes a version of the small package to a folder.
    pub(crate) fn version(&self, folder: &str, version: &str) {
        self.environment.package(folder, SMALL);
        let text = OPERATOR.replace(
            "operatorVersion: 0.1.0",
            &format!("operatorVersion: {version}"),
        );
        self.environment
            .write(&format!("{folder}/operator.yaml"), &text);
    }

    pub(crate) fn run(&self, arguments: &str) -> Outcome {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        tokio::task::block_in_place(|| self.environment.run(&arguments))
    }

    pub(crate) fn start(&self, arguments: &str) -> Child {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        self.environment.start(&arguments)
    }

    pub(crate) fn end(&self, child: Child) -> Outcome {
        tokio::task::block_in_place(|| self.environment.end(child))
    }

    /// An instance of the small package, with no manager to look after it.
    pub(crate) fn install(&self) {
        self.run("install ./small -p SECRET=x").expect_code(0);
    }

    pub(crate) async fn instance(&self) -> Instance {
        self.namespace.api().get("small-instance").await.unwrap()
    }

    /// Records a status as the manager would, the accepted spec included.
    pub(crate) async fn record(&self, mut status: Value) {
        let instance = self.instance().await;
        status["accepted"] = json!({
            "operatorVersion": instance.spec.operator_version.name,
            "parameters": instance.spec.parameters,
        });
        self.record_only(&status).await;
    }

    /// Records a status, and nothing else.
    pub(crate) async fn record_only(&self, status: &Value) {
        let patch = Patch::Merge(json!({ "status": status }));
        self.namespace
            .api::<Instance>()
            .patch_status("small-instance", &PatchParams::default(), &patch)
            .await
            .unwrap();
    }
}

/// The status of the plan `deploy` of the small package.
pub(crate) fn deploy(status: &str, uid: &str, message: &str) -> Value {
    json!({ "planStatus": { "deploy": {
        "name": "deploy", "status": status, "uid": uid,
        "lastUpdatedTimestamp": "2020-06-23T14:10:39Z",
        "phases": [{ "name": "main", "status": status, "steps": [
            { "name": "config", "status": status, "message": message } ] }],
    } } })
}
