//! The watches over instances and operator versions that fill the stores.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use kudo_api::{Instance, OperatorVersion};
use kudo_kube::InstanceKey;
use kudo_kube::error::{Cause, cause, message};
use kudo_plan::Backoff;

use crate::context::Context;
use crate::store::key_of;

/// Instances may be large and thousands; a page is what is in memory twice.
const PAGE: u32 = 100;

const RETRIES: Backoff = Backoff {
    initial: Duration::from_millis(200),
    max: Duration::from_secs(5),
    factor: 2.0,
    jitter: 0.2,
};

/// What a watch tells, once the kinds of news are told apart.
trait Sink {
    type Object;

    /// The objects' plural name, for people.
    const WHAT: &'static str;

    fn seen(&mut self, object: &Self::Object, listing: bool);
    fn gone(&mut self, object: &Self::Object);
    fn list_begins(&mut self);
    fn list_ends(&mut self);
}

/// Follows the instances of a namespace, `None` meaning all. Never ends by itself.
pub(crate) async fn follow_instances(context: Arc<Context>, namespace: Option<String>) {
    let api: Api<Instance> = api(&context.client, namespace.as_deref());
    let sink = Instances {
        context: Arc::clone(&context),
        namespace: namespace.clone(),
        listed: HashSet::new(),
    };
    follow(watcher(api, config()), sink, &context, namespace.as_deref()).await;
}

/// Follows the operator versions of a namespace, `None` meaning all. Never ends by itself.
pub(crate) async fn follow_operator_versions(context: Arc<Context>, namespace: Option<String>) {
    let api: Api<OperatorVersion> = api(&context.client, namespace.as_deref());
    let sink = OperatorVersions {
        context: Arc::clone(&context),
        namespace: namespace.clone(),
        listed: HashSet::new(),
    };
    follow(watcher(api, config()), sink, &context, namespace.as_deref()).await;
}

/// The name under which a watch's state is reported.
pub(crate) fn description(what: &str, namespace: Option<&str>) -> String {
    namespace.map_or_else(
        || what.to_owned(),
        |namespace| format!("{what} in namespace {namespace}"),
    )
}

/// Waits until all operator versions are known: before that, none can be said to be missing.
pub(crate) async fn operator_versions_listed(context: &Context) {
    let what = OperatorVersions::WHAT;
    if context.namespaces.is_empty() {
        context.health.until(&description(what, None)).await;
    }
    for namespace in &context.namespaces {
        let name = description(what, Some(namespace));
        context.health.until(&name).await;
    }
}

/// The names of both watches.
pub(crate) const WATCHED: [&str; 2] = [Instances::WHAT, OperatorVersions::WHAT];

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

fn config() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

async fn follow<S: Sink>(
    events: impl Stream<Item = watcher::Result<Event<S::Object>>>,
    mut sink: S,
    context: &Context,
    namespace: Option<&str>,
) {
    let name = description(S::WHAT, namespace);
    let mut events = std::pin::pin!(events);
    let mut failures = 0;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                // That a list begins says nothing of how it will end.
                if !matches!(event, Event::Init) {
                    failures = 0;
                }
                if matches!(event, Event::InitDone) {
                    context.health.reached(&name);
                }
                match event {
                    Event::Apply(object) => sink.seen(&object, false),
                    Event::InitApply(object) => sink.seen(&object, true),
                    Event::Delete(object) => sink.gone(&object),
                    Event::Init => sink.list_begins(),
                    Event::InitDone => sink.list_ends(),
                }
            }
            Err(error) => {
                failures += 1;
                let problem = explain(&error);
                // A watch that is closed by the server now and then is nothing to tell of.
                if failures > 1 || matches!(error, watcher::Error::InitialListFailed(_)) {
                    tracing::warn!(watch = name, problem, "cannot watch, trying again");
                    if matches!(error, watcher::Error::InitialListFailed(_)) {
                        context.health.hold_up(&name, &problem);
                    }
                }
                let chance = fastrand::u64(..);
                tokio::time::sleep(RETRIES.delay(failures, chance)).await;
            }
        }
    }
}

fn explain(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(inner) if cause(inner) == Cause::NotFound => {
            "the custom resource definitions of kudo.dev are not installed (hint: kubectl kudo init \
             installs them)"
                .to_owned()
        }
        watcher::Error::InitialListFailed(inner)
        | watcher::Error::WatchStartFailed(inner)
        | watcher::Error::WatchFailed(inner) => message(inner),
        watcher::Error::WatchError(status) => status.message.clone(),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

struct Instances {
    context: Arc<Context>,
    namespace: Option<String>,
    listed: HashSet<InstanceKey>,
}

impl Sink for Instances {
    type Object = Instance;
    const WHAT: &'static str = "instances";

    fn seen(&mut self, instance: &Instance, listing: bool) {
        let key = key(instance);
        if self.context.instances.observe(instance) {
            if listing {
                self.context.tell_of_recent_end(instance);
            } else {
                // The list may have been too old to know of it.
                self.context.tell_of_end_elsewhere(&key, instance);
            }
            self.context.wake(&key);
        }
        if listing {
            self.listed.insert(key);
        }
        self.count();
    }

    fn gone(&mut self, instance: &Instance) {
        let key = key(instance);
        if self.context.instances.remove(&key) {
            self.context.wake(&key);
        }
        self.context.forget(&key);
        self.count();
    }

    fn list_begins(&mut self) {
        self.listed.clear();
    }

    fn list_ends(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        let namespace = self.namespace.as_deref();
        for key in self.context.instances.retain_listed(namespace, &listed) {
            self.context.wake(&key);
            self.context.forget(&key);
        }
        self.count();
    }
}

impl Instances {
    fn count(&self) {
        let known = i64::try_from(self.context.instances.len()).unwrap_or(i64::MAX);
        self.context.metrics.instances.set(known);
    }
}

struct OperatorVersions {
    context: Arc<Context>,
    namespace: Option<String>,
    listed: HashSet<crate::versions::VersionKey>,
}

impl Sink for OperatorVersions {
    type Object = OperatorVersion;
    const WHAT: &'static str = "operator versions";

    fn seen(&mut self, version: &OperatorVersion, listing: bool) {
        if let Some(key) = self.context.definitions.observe(version) {
            self.context.wake_users_of(&key);
        }
        if listing {
            self.listed.insert(key_of(version));
        }
    }

    fn gone(&mut self, version: &OperatorVersion) {
        if let Some(key) = self.context.definitions.remove(version) {
            self.context.wake_users_of(&key);
        }
    }

    fn list_begins(&mut self) {
        self.listed.clear();
    }

    fn list_ends(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        let namespace = self.namespace.as_deref();
        for key in self.context.definitions.retain_listed(namespace, &listed) {
            self.context.wake_users_of(&key);
        }
    }
}

fn key(instance: &Instance) -> InstanceKey {
    InstanceKey::new(
        instance.namespace().unwrap_or_default(),
        instance.name_any(),
    )
}
