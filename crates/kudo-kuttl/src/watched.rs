//! What a step asserts, and whether the cluster is so: every state that a watch shows is judged, none
//! is asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll, select_all};
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Error as WatchError, Event, watcher};
use serde_json::Value;

use crate::diff::diff;
use crate::load::Document;
use crate::matching::subset;
use crate::objects::{Cluster, Placed};
use crate::report::Failure;

type Update = (usize, Result<Event<DynamicObject>, WatchError>);

/// One document, and the objects it may speak of.
struct Awaited {
    file: PathBuf,
    placed: Placed,
    /// Whether it must hold, or must not.
    wanted: bool,
    objects: BTreeMap<(String, String), Value>,
    /// Objects of a list that is still being read.
    listing: BTreeMap<(String, String), Value>,
    /// Whether all objects are known.
    complete: bool,
    /// Why the server does not tell.
    trouble: Option<String>,
}

/// All documents that a step asserts.
pub(crate) struct Watched {
    awaited: Vec<Awaited>,
    updates: SelectAll<BoxStream<'static, Update>>,
    /// Documents whose kind the cluster does not serve yet.
    unknown: Vec<(Document, bool, String)>,
}

impl Watched {
    /// Begins to watch what the documents speak of.
    pub(crate) async fn new(
        cluster: &Cluster,
        namespace: &str,
        asserts: &[Document],
        errors: &[Document],
    ) -> Self {
        let asserts = asserts.iter().map(|document| (document, true));
        let errors = errors.iter().map(|document| (document, false));
        let mut watched = Self {
            awaited: Vec::new(),
            updates: select_all(Vec::new()),
            unknown: asserts
                .chain(errors)
                .map(|(document, wanted)| (document.clone(), wanted, String::new()))
                .collect(),
        };
        watched.resolve(cluster, namespace).await;
        watched
    }

    /// Whether kinds are missing that may still appear.
    pub(crate) fn is_partial(&self) -> bool {
        !self.unknown.is_empty()
    }

    /// Looks for the kinds that were not served before.
    pub(crate) async fn resolve(&mut self, cluster: &Cluster, namespace: &str) {
        for (document, wanted, _) in std::mem::take(&mut self.unknown) {
            match cluster.place(&document.value, namespace).await {
                Ok(placed) => self.watch(cluster, document.file, placed, wanted),
                Err(error) => self.unknown.push((document, wanted, error.to_string())),
            }
        }
    }

    fn watch(&mut self, cluster: &Cluster, file: PathBuf, placed: Placed, wanted: bool) {
        let index = self.awaited.len();
        let mut config = Config::default();
        if let Some(name) = &placed.name {
            config = config.fields(&format!("metadata.name={name}"));
        } else if let Some(labels) = placed.value.pointer("/metadata/labels") {
            config = config.labels(&selector(labels));
        }
        let api = placed
            .kind
            .api(&cluster.client, placed.namespace.as_deref());
        let events = watcher(api, config).default_backoff();
        self.updates
            .push(events.map(move |event| (index, event)).boxed());
        self.awaited.push(Awaited {
            file,
            placed,
            wanted,
            objects: BTreeMap::new(),
            listing: BTreeMap::new(),
            complete: false,
            trouble: None,
        });
    }

    /// Waits until something has changed that matters. For ever, if nothing is watched.
    pub(crate) async fn changed(&mut self) {
        loop {
            let Some((index, event)) = self.updates.next().await else {
                return std::future::pending().await;
            };
            if self.awaited[index].take(event) {
                return;
            }
        }
    }

    /// Why the asserts do not hold; empty if they do. `None` while not everything has been seen.
    pub(crate) fn failures(&self) -> Option<Vec<Failure>> {
        if !self.awaited.iter().all(|awaited| awaited.complete) {
            return None;
        }
        Some(self.all_failures())
    }

    /// The same with what is known.
    pub(crate) fn all_failures(&self) -> Vec<Failure> {
        let unknown = self.unknown.iter().map(|(document, _, error)| {
            Failure::new(format!("{}: {error}", file_name(&document.file)))
        });
        unknown
            .chain(self.awaited.iter().filter_map(Awaited::failure))
            .collect()
    }
}

impl Awaited {
    /// Takes an update in; tells whether it may change the judgement.
    fn take(&mut self, event: Result<Event<DynamicObject>, WatchError>) -> bool {
        let keyed = |object| keyed(object, &self.placed.kind.resource);
        match event {
            Ok(Event::Init) => {
                self.listing.clear();
                false
            }
            Ok(Event::InitApply(object)) => {
                self.listing.extend(keyed(object));
                false
            }
            Ok(Event::InitDone) => {
                self.objects = std::mem::take(&mut self.listing);
                (self.complete, self.trouble) = (true, None);
                true
            }
            Ok(Event::Apply(object)) => {
                self.objects.extend(keyed(object));
                true
            }
            Ok(Event::Delete(object)) => {
                if let Some((key, _)) = keyed(object) {
                    self.objects.remove(&key);
                }
                true
            }
            Err(error) => {
                self.trouble = Some(error.to_string());
                false
            }
        }
    }

    fn failure(&self) -> Option<Failure> {
        let id = self.placed.id();
        let file = file_name(&self.file);
        if !self.complete {
            let trouble = self
                .trouble
                .as_deref()
                .unwrap_or("the server has not answered");
            return Some(Failure::new(format!(
                "{file}: {id} cannot be watched: {trouble}"
            )));
        }
        let expected = &self.placed.value;
        if !self.wanted {
            let (key, _) = self
                .objects
                .iter()
                .find(|(_, object)| subset(expected, object).is_ok())?;
            let kind = &self.placed.kind.gvk.kind;
            let message = format!("{file}: {kind}:{}/{} is as it must not be", key.0, key.1);
            return Some(Failure::new(message));
        }
        let mut nearest: Option<Failure> = None;
        for ((namespace, name), object) in &self.objects {
            let Err(mismatch) = subset(expected, object) else {
                return None;
            };
            let found = format!("{}:{namespace}/{name}", self.placed.kind.gvk.kind);
            let diff = diff(expected, object, "asserted", &format!("found {found}"));
            nearest.get_or_insert(Failure {
                message: format!("{file}: {found}: {mismatch}"),
                detail: diff.unwrap_or_default(),
            });
        }
        Some(nearest.unwrap_or_else(|| match self.placed.name {
            Some(_) => Failure::new(format!("{file}: {id} does not exist")),
            None => Failure::new(format!(
                "{file}: there is no {} that fits",
                self.placed.kind.gvk.kind
            )),
        }))
    }
}

/// An object with its namespace and name. Items of a list say nothing of their kind.
fn keyed(object: DynamicObject, resource: &ApiResource) -> Option<((String, String), Value)> {
    let key = (
        object.metadata.namespace.clone().unwrap_or_default(),
        object.metadata.name.clone().unwrap_or_default(),
    );
    let mut value = serde_json::to_value(object).ok()?;
    value["apiVersion"] = resource.api_version.clone().into();
    value["kind"] = resource.kind.clone().into();
    Some((key, value))
}

fn selector(labels: &Value) -> String {
    let labels = labels.as_object().into_iter().flatten();
    let terms = labels.filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    terms.collect::<Vec<_>>().join(",")
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
