//! A run: what the suite needs is set up, the tests run side by side, everything is cleaned up.

mod case;
mod setup;
mod step;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use futures::{StreamExt, stream};
use kube::Client;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::SuiteError;
use crate::load::Case;
use crate::objects::Cluster;
use crate::report::{Results, TestResult};
use crate::settings::Settings;
use crate::webhooks::Webhooks;

/// Who wants to know how a run goes on.
pub trait Observer: Send + Sync {
    /// Something has happened in a test, or in the suite where `scope` is empty.
    fn line(&self, scope: &str, text: &str);
    /// A test has ended.
    fn ended(&self, result: &TestResult);
}

/// What a run needs besides its tests.
pub struct RunOptions {
    /// The suite's settings.
    pub settings: Settings,
    /// The cluster.
    pub client: Client,
    /// The cluster's kubeconfig as other programs are given it.
    pub kubeconfig: Value,
    /// The program that `kubectl kudo` means in commands.
    pub program: PathBuf,
    /// Ends the run early; what the tests made is still cleaned up.
    pub cancel: CancellationToken,
}

/// Why no test could be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A manifest cannot be read.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// The runner's own folder cannot be made.
    #[error("cannot make a temporary folder: {0}")]
    Folder(std::io::Error),
    /// What the suite needs cannot be set up.
    #[error("setting up the suite failed: {0}")]
    Setup(String),
}

/// What all tests share.
pub(crate) struct Shared<'a> {
    settings: Settings,
    cluster: Cluster,
    kubeconfig: PathBuf,
    path: OsString,
    cancel: CancellationToken,
    observer: &'a dyn Observer,
    /// What the suite's manifests have installed.
    webhooks: Webhooks,
}

/// Sets the suite up and runs its tests, as many at once as it says.
///
/// Must be called within a tokio runtime with time and I/O.
pub async fn run(
    options: RunOptions,
    cases: Vec<Case>,
    observer: &dyn Observer,
) -> Result<Results, RunError> {
    let begun = Instant::now();
    let folder = tempfile::Builder::new().prefix("kudo-test-").tempdir();
    let folder = folder.map_err(RunError::Folder)?;
    let (kubeconfig, path) = setup::programs(folder.path(), &options).map_err(RunError::Folder)?;
    let mut shared = Shared {
        settings: options.settings,
        cluster: Cluster::new(options.client),
        kubeconfig,
        path,
        cancel: options.cancel,
        observer,
        webhooks: Webhooks::default(),
    };
    let name = shared.settings.name.clone();
    let prepared = shared
        .cancel
        .run_until_cancelled(setup::suite(&shared))
        .await;
    let _background = match prepared {
        None => Vec::new(),
        Some(prepared) => {
            let (background, webhooks) = prepared?;
            shared.webhooks = webhooks;
            background
        }
    };
    let mut tests: Vec<TestResult> = stream::iter(&cases)
        .take_while(|_| std::future::ready(!shared.cancel.is_cancelled()))
        .map(|case| async {
            let result = case::run(&shared, case).await;
            shared.observer.ended(&result);
            result
        })
        .buffer_unordered(shared.settings.parallel)
        .collect()
        .await;
    tests.sort_by(|a, b| (&a.suite, &a.name).cmp(&(&b.suite, &b.name)));
    Ok(Results {
        name,
        took: begun.elapsed(),
        tests,
        failure: None,
        interrupted: shared.cancel.is_cancelled(),
    })
}
