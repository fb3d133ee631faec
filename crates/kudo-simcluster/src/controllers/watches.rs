//! One watch for each kind, however many controllers read it.

use std::collections::HashMap;

use futures::stream::{BoxStream, SelectAll};
use futures::{Stream, StreamExt};
use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::resources::Resource;
use super::world::ResourceId;

/// What a watch tells.
pub(super) enum Told {
    ListBegins,
    ListEnds,
    Seen(Box<DynamicObject>),
    Gone(String),
}

/// The watches under way.
pub(super) struct Watches {
    client: Client,
    streams: SelectAll<BoxStream<'static, (ResourceId, Told)>>,
    /// Whether the kind's first list is complete, and what ends its watch.
    running: HashMap<ResourceId, (bool, CancellationToken)>,
}

impl Watches {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            streams: SelectAll::new(),
            running: HashMap::new(),
        }
    }

    /// Watches a kind, unless it is watched already.
    pub(super) fn add(&mut self, id: ResourceId, resource: &Resource) {
        if self.running.contains_key(&id) {
            return;
        }
        let plural = resource.api.plural.clone();
        let stream = if resource.kind.has_content() {
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource.api);
            told(
                id,
                plural,
                watcher(api, Config::default()).default_backoff(),
            )
        } else {
            let api: Api<PartialObjectMeta<DynamicObject>> =
                Api::all_with(self.client.clone(), &resource.api);
            let objects = watcher(api, Config::default()).default_backoff();
            let objects = objects.map(|event| event.map(without_content));
            told(id, plural, objects)
        };
        let ended = CancellationToken::new();
        let stream = stream.take_until(ended.clone().cancelled_owned());
        self.streams.push(stream.boxed());
        self.running.insert(id, (false, ended));
    }

    /// Watches a kind no longer.
    pub(super) fn remove(&mut self, id: ResourceId) {
        if let Some((_, ended)) = self.running.remove(&id) {
            ended.cancel();
        }
    }

    /// Whether every kind has been listed.
    pub(super) fn are_synced(&self) -> bool {
        self.running.values().all(|(synced, _)| *synced)
    }

    /// The next piece of news.
    pub(super) async fn next(&mut self) -> Option<(ResourceId, Told)> {
        let (id, told) = self.streams.next().await?;
        if let (Told::ListEnds, Some((synced, _))) = (&told, self.running.get_mut(&id)) {
            *synced = true;
        }
        Some((id, told))
    }
}

fn told(
    id: ResourceId,
    plural: String,
    events: impl Stream<Item = Result<Event<DynamicObject>, watcher::Error>> + Send + 'static,
) -> BoxStream<'static, (ResourceId, Told)> {
    let told = events.filter_map(move |event| {
        let told = match event {
            Ok(Event::Init) => Some(Told::ListBegins),
            Ok(Event::InitDone) => Some(Told::ListEnds),
            Ok(Event::InitApply(object) | Event::Apply(object)) => {
                Some(Told::Seen(Box::new(object)))
            }
            Ok(Event::Delete(object)) => object.metadata.uid.map(Told::Gone),
            Err(error) => {
                tracing::warn!(kind = plural, %error, "a watch broke and is started again");
                None
            }
        };
        std::future::ready(told.map(|told| (id, told)))
    });
    told.boxed()
}

fn without_content(event: Event<PartialObjectMeta<DynamicObject>>) -> Event<DynamicObject> {
    let bare = |object: PartialObjectMeta<DynamicObject>| DynamicObject {
        types: None,
        metadata: object.metadata,
        data: Value::Null,
    };
    match event {
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
        Event::InitApply(object) => Event::InitApply(bare(object)),
        Event::Apply(object) => Event::Apply(bare(object)),
        Event::Delete(object) => Event::Delete(bare(object)),
    }
}
