//! Managers within the test process, each in a runtime of its own, so that one can be killed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use kudo_controller::logging::{self, LogFormat};
use kudo_controller::{Manager, ManagerOptions};
use kudo_kube::client::{Admission, Gate, RequestInfo};
use kudo_kube::{ConnectOptions, CopyFiles, Meter, connect};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::{TestNamespace, cluster};

/// Level of the managers' log, such as `kudo_controller=debug`; they are silent without it.
const LOG_VARIABLE: &str = "KUDO_TEST_LOG";

/// A manager that looks after the namespaces of a test.
pub(crate) struct TestManager {
    meter: Meter,
    shutdown: CancellationToken,
    runtime: Option<Runtime>,
    task: Option<JoinHandle<()>>,
}

impl TestManager {
    /// Starts one for these namespaces.
    pub(crate) fn start(namespaces: &[&TestNamespace]) -> Self {
        Self::start_with(namespaces, None)
    }

    /// Starts one whose writes pass a gate.
    pub(crate) fn start_with(namespaces: &[&TestNamespace], gate: Option<Arc<dyn Gate>>) -> Self {
        Self::begin(namespaces, gate, None)
    }

    /// Starts one that copies files out of pods in this way.
    pub(crate) fn start_copying(namespaces: &[&TestNamespace], files: Arc<dyn CopyFiles>) -> Self {
        Self::begin(namespaces, None, Some(files))
    }

    fn begin(
        namespaces: &[&TestNamespace],
        gate: Option<Arc<dyn Gate>>,
        files: Option<Arc<dyn CopyFiles>>,
    ) -> Self {
        if let Ok(level) = std::env::var(LOG_VARIABLE) {
            logging::start(LogFormat::Text, &level).unwrap();
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let meter = Meter::new();
        meter.set_gate(gate);
        let shutdown = CancellationToken::new();
        let options = ManagerOptions {
            namespaces: namespaces.iter().map(|n| n.name().to_owned()).collect(),
            files,
            ..ManagerOptions::default()
        };
        let task = runtime.spawn(run(meter.clone(), options, shutdown.clone()));
        Self {
            meter,
            shutdown,
            runtime: Some(runtime),
            task: Some(task),
        }
    }

    /// Its requests.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Asks it to end, as SIGTERM does, and waits.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        if let Some(task) = self.task.take() {
            task.await.unwrap();
        }
    }

    /// Ends it on the spot: whatever it was at breaks off.
    pub(crate) async fn kill(mut self) {
        let runtime = self.runtime.take().unwrap();
        let stop = move || runtime.shutdown_timeout(Duration::from_secs(5));
        tokio::task::spawn_blocking(stop).await.unwrap();
    }
}

impl Drop for TestManager {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn run(meter: Meter, options: ManagerOptions, shutdown: CancellationToken) {
    let connection = ConnectOptions {
        kubeconfig: Some(cluster().kubeconfig().to_owned()),
        ..ConnectOptions::default()
    };
    let connected = connect(connection, meter).await.unwrap();
    let manager = Manager::new(connected.client, options);
    manager.run(shutdown).await;
}

/// A gate that only writes down what passes.
#[derive(Default)]
pub(crate) struct Log {
    writes: Mutex<Vec<String>>,
}

impl Log {
    /// All writes in order, as `verb resource/name`.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.writes.lock().unwrap().clone()
    }

    pub(crate) fn note(&self, request: &RequestInfo) {
        self.writes.lock().unwrap().push(describe(request));
    }
}

impl Gate for Log {
    fn before<'a>(&'a self, request: &'a RequestInfo) -> BoxFuture<'a, Admission> {
        self.note(request);
        Box::pin(async { Admission::Proceed })
    }

    fn after<'a>(&'a self, _: &'a RequestInfo, _: u16) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

/// A write in a few words, such as `apply configmaps/a` or `patch instances.status/b`.
fn describe(request: &RequestInfo) -> String {
    let subresource = request.subresource.as_deref();
    let subresource = subresource.map(|s| format!(".{s}")).unwrap_or_default();
    format!(
        "{} {}{subresource}/{}",
        request.verb,
        request.resource,
        request.name.as_deref().unwrap_or_default()
    )
}
