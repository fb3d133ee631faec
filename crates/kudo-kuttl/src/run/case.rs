//! One test from its namespace to its cleaning up.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use kudo_kube::{ConnectOptions, Meter, connect};
use serde_json::json;

use super::Shared;
use super::step::{StepContext, run_step};
use crate::SuiteError;
use crate::command::{Background, Surroundings};
use crate::load::{Case, Step};
use crate::objects::{Cluster, Placed};
use crate::report::{Failure, StepResult, TestResult};

/// Time that a namespace has to go, however little time steps have.
const SHORTEST_CLEANUP: Duration = Duration::from_secs(30);

/// What a test has made so far and must clean up, in the order it was made.
#[derive(Default)]
pub(super) struct Made {
    objects: Mutex<Vec<(Cluster, Placed)>>,
    background: Mutex<Vec<Background>>,
}

impl Made {
    pub(super) fn add(&self, cluster: &Cluster, placed: Placed) {
        let objects = self.objects.lock();
        objects
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push((cluster.clone(), placed));
    }

    pub(super) fn keep(&self, background: Background) {
        let list = self.background.lock();
        list.unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(background);
    }

    fn take(&self) -> Vec<(Cluster, Placed)> {
        let objects = self.objects.lock();
        std::mem::take(&mut *objects.unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// A cluster of a test, with its kubeconfig.
#[derive(Clone)]
pub(super) struct Connected {
    pub(super) cluster: Cluster,
    kubeconfig: std::path::PathBuf,
}

/// Runs a test.
pub(super) async fn run(shared: &Shared<'_>, case: &Case) -> TestResult {
    let (started, begun) = (Timestamp::now(), Instant::now());
    if let Some(error) = &case.broken {
        return broken(case, started, error);
    }
    let made = Made::default();
    for name in &case.ignored {
        shared
            .observer
            .line(&case.name, &format!("{name} is no step"));
    }
    let work = steps(shared, case, &made);
    let mut steps = Vec::new();
    match shared.cancel.run_until_cancelled(work).await {
        Some(done) => steps = done,
        None => steps.push(StepResult {
            name: "interrupted".to_owned(),
            started: Timestamp::now(),
            took: begun.elapsed(),
            assertions: 0,
            failures: vec![Failure::new("the run was interrupted")],
        }),
    }
    if steps.iter().any(|step| !step.failures.is_empty()) && shared.settings.log_events {
        log_events(shared, case).await;
    }
    if !shared.settings.skip_delete {
        let (cleaning, begun) = (Timestamp::now(), Instant::now());
        let failures = clean_up(shared, &made).await;
        if !failures.is_empty() {
            steps.push(StepResult {
                name: "cleanup".to_owned(),
                started: cleaning,
                took: begun.elapsed(),
                assertions: 0,
                failures,
            });
        }
    }
    TestResult {
        suite: case.suite.clone(),
        name: case.name.clone(),
        started,
        took: begun.elapsed(),
        steps,
    }
}

/// The result of a test that cannot be read.
fn broken(case: &Case, started: Timestamp, error: &SuiteError) -> TestResult {
    let hint = error.hint().map(|hint| format!("Hint: {hint}"));
    let failure = Failure {
        message: error.to_string(),
        detail: hint.unwrap_or_default(),
    };
    TestResult {
        suite: case.suite.clone(),
        name: case.name.clone(),
        started,
        took: Duration::ZERO,
        steps: vec![StepResult {
            name: "load".to_owned(),
            started,
            took: Duration::ZERO,
            assertions: 0,
            failures: vec![failure],
        }],
    }
}

async fn steps(shared: &Shared<'_>, case: &Case, made: &Made) -> Vec<StepResult> {
    let mut results = Vec::new();
    let mut clusters = BTreeMap::new();
    let (started, begun) = (Timestamp::now(), Instant::now());
    let main = Connected {
        cluster: shared.cluster.clone(),
        kubeconfig: shared.kubeconfig.clone(),
    };
    let failures = match namespace(shared, case, &main.cluster, made).await {
        Ok(()) => Vec::new(),
        Err(failure) => vec![failure],
    };
    let failed = !failures.is_empty();
    results.push(StepResult {
        name: "setup".to_owned(),
        started,
        took: begun.elapsed(),
        assertions: 0,
        failures,
    });
    if failed {
        return results;
    }
    for step in &case.steps {
        let (started, begun) = (Timestamp::now(), Instant::now());
        let failures = match cluster_of(shared, case, step, &main, &mut clusters, made).await {
            Err(failure) => vec![failure],
            Ok(connected) => {
                let context = StepContext {
                    cluster: &connected.cluster,
                    surroundings: Surroundings {
                        dir: case.dir.clone(),
                        namespace: case.namespace.clone(),
                        kubeconfig: connected.kubeconfig.clone(),
                        path: shared.path.clone(),
                    },
                    scope: format!("{}/{}", case.name, step.title()),
                    timeout: shared.settings.timeout,
                    observer: shared.observer,
                    webhooks: &shared.webhooks,
                    made,
                };
                run_step(&context, step).await
            }
        };
        let failed = !failures.is_empty();
        results.push(StepResult {
            name: format!("step {}", step.title()),
            started,
            took: begun.elapsed(),
            assertions: step.asserts.len() + step.errors.len(),
            failures,
        });
        if failed {
            break;
        }
    }
    results
}

/// The cluster that a step asks for. One that is first met gets the test's namespace, too.
async fn cluster_of(
    shared: &Shared<'_>,
    case: &Case,
    step: &Step,
    main: &Connected,
    others: &mut BTreeMap<(String, String), Connected>,
    made: &Made,
) -> Result<Connected, Failure> {
    if step.step.kubeconfig.is_empty() {
        return Ok(main.clone());
    }
    let path = crate::expand::expand(&step.step.kubeconfig, |name| std::env::var(name).ok());
    let key = (path.clone(), step.step.context.clone());
    if let Some(connected) = others.get(&key) {
        return Ok(connected.clone());
    }
    let kubeconfig = case.dir.join(path);
    let options = ConnectOptions {
        kubeconfig: Some(kubeconfig.clone()),
        context: Some(step.step.context.clone()).filter(|context| !context.is_empty()),
        ..ConnectOptions::default()
    };
    let connected = connect(options, Meter::new()).await;
    let connected = connected.map_err(|error| Failure::new(error.to_string()))?;
    let connected = Connected {
        cluster: Cluster::new(connected.client),
        kubeconfig,
    };
    namespace(shared, case, &connected.cluster, made).await?;
    others.insert(key, connected.clone());
    Ok(connected)
}

/// Makes the test's namespace unless it is there.
async fn namespace(
    shared: &Shared<'_>,
    case: &Case,
    cluster: &Cluster,
    made: &Made,
) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!(
            "cannot create the namespace {}: {error}",
            case.namespace
        ))
    };
    let object = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": case.namespace },
    });
    let placed = cluster.place(&object, "").await;
    let mut placed = placed.map_err(|error| failed(&error))?;
    let created = cluster.create_or_update(&mut placed).await;
    if created.map_err(|error| failed(&error))? {
        shared
            .observer
            .line(&case.name, &format!("{} created", placed.id()));
        made.add(cluster, placed);
    }
    Ok(())
}

/// Deletes what the test made, the last first, and waits until its namespace is gone.
async fn clean_up(shared: &Shared<'_>, made: &Made) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (cluster, placed) in made.take().into_iter().rev() {
        if let Err(error) = cluster.delete(&placed).await {
            failures.push(Failure::new(error.to_string()));
            continue;
        }
        if placed.kind.gvk.kind == "Namespace" {
            let limit = shared.settings.timeout.max(SHORTEST_CLEANUP);
            let gone = cluster.wait_until_gone(&placed, limit).await;
            failures.extend(gone.err().map(|error| Failure::new(error.to_string())));
        }
    }
    failures
}

async fn log_events(shared: &Shared<'_>, case: &Case) {
    let api: Api<Event> = Api::namespaced(shared.cluster.client.clone(), &case.namespace);
    let Ok(mut events) = api.list(&ListParams::default()).await else {
        return;
    };
    events.items.sort_by_key(|event| {
        let created = event.metadata.creation_timestamp.as_ref();
        created.map(|time| time.0)
    });
    for event in events {
        let text = |text: Option<String>| text.unwrap_or_default();
        let about = &event.involved_object;
        let line = format!(
            "event {} {}/{}: {} {}",
            text(event.type_),
            text(about.kind.clone()),
            text(about.name.clone()),
            text(event.reason),
            text(event.message)
        );
        shared.observer.line(&case.name, &line);
    }
}
