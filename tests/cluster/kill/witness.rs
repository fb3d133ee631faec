//! Who saw which objects come to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use kube::ResourceExt;
use kube::runtime::{WatchStreamExt, watcher};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use crate::harness::TestNamespace;

/// Sees every object that is ever made in a namespace.
pub(crate) struct Witness {
    seen: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
    tasks: JoinSet<()>,
}

impl Witness {
    pub(crate) fn of(namespace: &TestNamespace) -> Self {
        let mut witness = Self {
            seen: Arc::default(),
            tasks: JoinSet::new(),
        };
        witness.watch::<ConfigMap>(namespace);
        witness.watch::<Secret>(namespace);
        witness.watch::<Service>(namespace);
        witness.watch::<Deployment>(namespace);
        witness.watch::<StatefulSet>(namespace);
        witness.watch::<Job>(namespace);
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

    pub(crate) fn made_twice(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let twice = seen.iter().filter(|(_, uids)| uids.len() > 1);
        twice
            .map(|(name, uids)| format!("{name}: {uids:?}"))
            .collect()
    }
}
