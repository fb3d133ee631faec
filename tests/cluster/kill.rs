//! The manager is killed right before and right after each of its writes; the next one goes on.
//!
//! By default a sample of the kill points is tried; `KUDO_ALL_KILL_POINTS=1` tries all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use kube::ResourceExt;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt, watcher};
use kudo_api::Instance;
use kudo_controller::admission;
use kudo_kube::client::{Admission, Gate, RequestInfo};
use kudo_package::Package;
use kudo_template::{Action, InstanceIdentity, Limits, Renderer, render_plan};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::harness::{SOON, TestNamespace, cluster};
use crate::instances::{condition, package, plan_status, status_of};
use crate::managers::{Log, TestManager};

/// Runs all kill points instead of a sample.
const ALL_VARIABLE: &str = "KUDO_ALL_KILL_POINTS";
/// Kill points of a sample.
const SAMPLE: usize = 10;
/// Kill points that are tried at the same time.
const AT_ONCE: usize = 5;

const NAME: &str = "db";

/// Where the manager dies.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The write is not sent.
    Before,
    /// The write has its effect, but its answer is never seen.
    After,
}

/// Stops time at a write: from then on nothing is sent, and no answer comes.
struct Trap {
    point: usize,
    moment: Moment,
    begun: AtomicUsize,
    answered: AtomicUsize,
    sprung: AtomicBool,
    at: Notify,
    log: Log,
}

impl Trap {
    fn new(point: usize, moment: Moment) -> Self {
        Self {
            point,
            moment,
            begun: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            sprung: AtomicBool::new(false),
            at: Notify::new(),
            log: Log::default(),
        }
    }

    async fn spring(&self) {
        self.sprung.store(true, Ordering::SeqCst);
        self.at.notify_one();
        std::future::pending::<()>().await;
    }
}

impl Gate for Trap {
    fn before<'a>(&'a self, request: &'a RequestInfo) -> BoxFuture<'a, Admission> {
        Box::pin(async move {
            if self.sprung.load(Ordering::SeqCst) {
                return std::future::pending().await;
            }
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            if number == self.point && matches!(self.moment, Moment::Before) {
                self.spring().await;
            }
            self.log.note(request);
            Admission::Proceed
        })
    }

    fn after<'a>(&'a self, _: &'a RequestInfo, _: u16) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let number = self.answered.fetch_add(1, Ordering::SeqCst) + 1;
            let here = number == self.point && matches!(self.moment, Moment::After);
            if here || self.sprung.load(Ordering::SeqCst) {
                self.spring().await;
            }
        })
    }
}

/// Sees every object that is ever made in a namespace.
struct Witness {
    seen: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
    tasks: JoinSet<()>,
}

impl Witness {
    fn of(namespace: &TestNamespace) -> Self {
        let mut witness = Self {
            seen: Arc::default(),
            tasks: JoinSet::new(),
        };
        witness.watch::<ConfigMap>(namespace);
        witness.watch::<Secret>(namespace);
        witness.watch::<Service>(namespace);
        witness.watch::<Deployment>(namespace);
        witness.watch::<StatefulSet>(namespace);
        witness
    }

    fn watch<K>(&mut self, namespace: &TestNamespace)
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K: Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
        K::DynamicType: Default,
    {
        let config = watcher::Config::default().labels("kudo.dev/instance");
        let events = watcher(namespace.api::<K>(), config).default_backoff();
        let seen = Arc::clone(&self.seen);
        self.tasks.spawn(async move {
            let mut events = std::pin::pin!(events.touched_objects());
            while let Some(event) = events.next().await {
                let Ok(object) = event else { continue };
                let kind = K::kind(&K::DynamicType::default()).into_owned();
                let name = format!("{kind} {}", object.name_any());
                let mut seen = seen.lock().unwrap();
                seen.entry(name).or_default().insert(object.uid().unwrap());
            }
        });
    }

    fn made_twice(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let twice = seen.iter().filter(|(_, uids)| uids.len() > 1);
        twice
            .map(|(name, uids)| format!("{name}: {uids:?}"))
            .collect()
    }
}

/// Takes away what differs from run to run.
fn normal(value: &mut Value, namespace: &str) {
    match value {
        Value::Object(map) => {
            for volatile in [
                "uid",
                "lastUpdatedTimestamp",
                "lastTransitionTime",
                "clusterIP",
                "clusterIPs",
                "nodePort",
                "kudo.dev/last-plan-execution-uid",
                "deployment.kubernetes.io/revision",
            ] {
                map.remove(volatile);
            }
            map.values_mut().for_each(|inner| normal(inner, namespace));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| normal(inner, namespace)),
        Value::String(text) => *text = text.replace(namespace, "NAMESPACE"),
        _ => {}
    }
}

async fn objects<K>(namespace: &TestNamespace, execution: &str, all: &mut Vec<Value>)
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K: Clone + std::fmt::Debug + DeserializeOwned + Serialize,
    K::DynamicType: Default,
{
    let labelled = ListParams::default().labels("kudo.dev/instance");
    for object in namespace.api::<K>().list(&labelled).await.unwrap() {
        let name = object.name_any();
        let by = object.annotations().get("kudo.dev/last-plan-execution-uid");
        assert_eq!(
            by.map(String::as_str),
            Some(execution),
            "{name} is of another execution"
        );
        let content = serde_json::to_value(&object).unwrap();
        all.push(json!({
            "kind": K::kind(&K::DynamicType::default()),
            "name": name,
            "labels": object.labels(),
            "annotations": object.annotations(),
            "owners": object.owner_references(),
            "data": content.get("data"),
            "spec": content.get("spec"),
        }));
    }
}

/// All that the operator and its instance are, in a form that is the same for all runs.
async fn state(namespace: &TestNamespace, instance: &Instance) -> Value {
    let execution = plan_status(instance, "deploy").unwrap().uid.clone();
    let mut all = Vec::new();
    objects::<ConfigMap>(namespace, &execution, &mut all).await;
    objects::<Secret>(namespace, &execution, &mut all).await;
    objects::<Service>(namespace, &execution, &mut all).await;
    objects::<Deployment>(namespace, &execution, &mut all).await;
    objects::<StatefulSet>(namespace, &execution, &mut all).await;
    let mut state = json!({
        "objects": all,
        "spec": instance.spec,
        "status": status_of(instance),
        "finalizers": instance.finalizers(),
        "events": namespace.events(NAME).await,
    });
    normal(&mut state, namespace.name());
    state
}

async fn until_settled(namespace: &TestNamespace) -> Instance {
    let uid = |instance: &Instance| plan_status(instance, "deploy").map(|plan| plan.uid.clone());
    let done = namespace.until_done(NAME, "deploy").await;
    let settled = namespace
        .until(NAME, "is ready", |i| {
            condition(i, "Ready") == "True ResourcesReady"
        })
        .await;
    assert_eq!(uid(&done), uid(&settled));
    let finished = "PlanFinished: Execution of plan deploy finished with status COMPLETE";
    crate::harness::eventually("the last event is there", SOON, || async {
        let events = namespace.events(NAME).await;
        if events.iter().any(|event| event == finished) {
            Ok(())
        } else {
            Err(format!("{events:?}"))
        }
    })
    .await;
    settled
}

/// The writes that each step of the deployment makes, in the words of [`Log`].
fn writes_of_steps(package: &Package, namespace: &str) -> Vec<(String, BTreeSet<String>)> {
    let definition = &package.definition;
    let renderer = Renderer::new(Limits::default());
    let identity = InstanceIdentity {
        name: NAME,
        namespace,
    };
    let parameters = admission::resolve(&BTreeMap::new(), definition).unwrap();
    let steps = render_plan(&renderer, definition, identity, "deploy", &parameters).unwrap();
    let steps = steps.into_iter().map(|step| {
        let writes = step.tasks.iter().flat_map(|task| {
            let verb = if task.action == Action::Delete {
                "delete"
            } else {
                "apply"
            };
            let objects = task.documents.iter().flat_map(|document| &document.objects);
            objects.map(move |object| {
                let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap();
                let plural = format!("{}s", text("/kind").to_lowercase());
                format!("{verb} {plural}/{}", text("/metadata/name"))
            })
        });
        let writes = writes.collect();
        (step.step, writes)
    });
    steps.collect()
}

fn completed(instance: &Instance) -> BTreeSet<String> {
    let plan = plan_status(instance, "deploy");
    let steps = plan
        .into_iter()
        .flat_map(|plan| &plan.phases)
        .flat_map(|phase| &phase.steps);
    let complete = steps.filter(|step| step.status == "COMPLETE");
    complete.map(|step| step.name.clone()).collect()
}

/// Kills the manager at a point, lets the next one finish, and compares with the undisturbed run.
async fn try_point(point: usize, moment: Moment, expected: &Value) {
    let namespace = cluster().namespace().await;
    let operator = package("galera");
    let witness = Witness::of(&namespace);
    let version = namespace.install(&operator).await;
    let trap = Arc::new(Trap::new(point, moment));
    let manager = TestManager::start_with(&[&namespace], Some(trap.clone()));
    namespace.instance(NAME, &version, &[]).await;
    // Timing may make a run a write or two shorter than the first.
    let sprung = tokio::time::timeout(SOON * 2, trap.at.notified())
        .await
        .is_ok();
    manager.kill().await;
    let place = format!("{moment:?} write {point} (sprung: {sprung})");

    let found = namespace.api::<Instance>().get(NAME).await.unwrap();
    let complete = completed(&found);
    let log = Arc::new(Log::default());
    let _manager = TestManager::start_with(&[&namespace], Some(log.clone()));
    let settled = until_settled(&namespace).await;

    let steps = writes_of_steps(&operator, namespace.name());
    let open = steps.iter().filter(|(step, _)| !complete.contains(step));
    let allowed: BTreeSet<&String> = open.flat_map(|(_, writes)| writes).collect();
    for write in log.writes() {
        let own = write.contains(" instances") || write.starts_with("create events");
        assert!(
            own || allowed.contains(&write),
            "{place}: {write} belongs to a completed step ({complete:?})"
        );
    }
    assert_eq!(witness.made_twice(), [""; 0], "{place}");
    let state = state(&namespace, &settled).await;
    assert!(
        state == *expected,
        "{place}: {}",
        difference(expected, &state, "")
    );
}

/// Where two values differ, for whoever reads the failure.
fn difference(expected: &Value, found: &Value, at: &str) -> String {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let null = Value::Null;
            let of = |map: &'_ serde_json::Map<String, Value>, key| {
                map.get(key).cloned().unwrap_or(null.clone())
            };
            let parts = keys
                .into_iter()
                .map(|key| difference(&of(a, key), &of(b, key), &format!("{at}/{key}")));
            parts
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let parts = a.iter().zip(b).enumerate();
            let parts = parts.map(|(i, (a, b))| difference(a, b, &format!("{at}/{i}")));
            parts
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        }
        (a, b) if a == b => String::new(),
        (a, b) => format!("{at}: expected {a}, found {b}"),
    }
}

/// The undisturbed run: how many writes it takes, and what it comes to.
async fn undisturbed() -> (Vec<String>, Value) {
    let namespace = cluster().namespace().await;
    let witness = Witness::of(&namespace);
    let version = namespace.install(&package("galera")).await;
    let log = Arc::new(Log::default());
    let _manager = TestManager::start_with(&[&namespace], Some(log.clone()));
    namespace.instance(NAME, &version, &[]).await;
    let settled = until_settled(&namespace).await;
    assert_eq!(witness.made_twice(), [""; 0]);
    let writes = log.writes();
    (writes, state(&namespace, &settled).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_manager_leaves_nothing_undone_and_nothing_done_twice() {
    let (writes, expected) = undisturbed().await;
    let all: Vec<(usize, Moment)> = (1..=writes.len())
        .flat_map(|point| [(point, Moment::Before), (point, Moment::After)])
        .collect();
    let points: Vec<(usize, Moment)> = if env::var_os(ALL_VARIABLE).is_some() {
        all
    } else {
        let step = all.len().div_ceil(SAMPLE) | 1;
        all.into_iter().step_by(step).collect()
    };
    eprintln!(
        "{} writes undisturbed, {} kill points tried: {writes:#?}",
        writes.len(),
        points.len()
    );
    let expected = &expected;
    stream::iter(points)
        .map(|(point, moment)| try_point(point, moment, expected))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}
