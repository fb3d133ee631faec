//! Who sees every object that is ever made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use kube::api::{Api, DynamicObject};
use kube::core::ApiResource;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use tokio::task::JoinSet;

use crate::outcome::kinds;
use crate::world::{NAMESPACE, World};

/// Sees every object of an instance.
pub(crate) struct Witness {
    seen: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
    _tasks: JoinSet<()>,
}

impl Witness {
    pub(crate) fn of(world: &World) -> Self {
        let seen = Arc::default();
        let mut tasks = JoinSet::new();
        for kind in kinds() {
            let resource = ApiResource::from_gvk(&kind);
            tasks.spawn(watch(world.client(), resource, Arc::clone(&seen)));
        }
        Self {
            seen,
            _tasks: tasks,
        }
    }

    /// The objects that there were two of, one after the other.
    pub(crate) fn made_twice(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let twice = seen.iter().filter(|(_, uids)| uids.len() > 1);
        twice.map(|(name, _)| name.clone()).collect()
    }
}

async fn watch(
    client: Client,
    resource: ApiResource,
    seen: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
) {
    let api: Api<DynamicObject> = Api::namespaced_with(client, NAMESPACE, &resource);
    let config = watcher::Config::default().labels("kudo.dev/instance");
    let events = watcher(api, config).default_backoff();
    let mut objects = std::pin::pin!(events.touched_objects());
    while let Some(event) = objects.next().await {
        let Ok(object) = event else { continue };
        let name = format!("{} {}", resource.kind, object.name_any());
        let uid = object.uid().unwrap();
        seen.lock().unwrap().entry(name).or_default().insert(uid);
    }
}
