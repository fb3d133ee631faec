//! Patterns of pods that a command was given, and which of them fitted no pod.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use kudo_simcluster::kubelet::PodPattern;

use super::SimulateArgs;
use crate::output::Output;

/// Options and their patterns that have fitted no pod as yet.
#[derive(Clone)]
pub(crate) struct Unmatched(Arc<Mutex<Vec<(&'static str, PodPattern)>>>);

impl Unmatched {
    /// Looks at every pod of a cluster from now on.
    pub(crate) fn watch(arguments: &SimulateArgs, client: Client) -> Self {
        let with = |option, patterns: &[PodPattern]| {
            let patterns = patterns.iter().cloned();
            patterns.map(move |pattern| (option, pattern)).collect()
        };
        let mut patterns: Vec<_> = with("--fail-pod", &arguments.fail_pod);
        patterns.extend(with("--never-ready", &arguments.never_ready));
        let unmatched = Self(Arc::new(Mutex::new(patterns)));
        if !unmatched.patterns().is_empty() {
            tokio::spawn(unmatched.clone().look(client));
        }
        unmatched
    }

    async fn look(self, client: Client) {
        let pods = watcher(Api::<Pod>::all(client), watcher::Config::default());
        let mut pods = std::pin::pin!(pods.default_backoff().applied_objects());
        while let Some(pod) = pods.next().await {
            // A watch that broke begins again.
            let Ok(pod) = pod else { continue };
            let mut patterns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            patterns.retain(|(_, pattern)| !pattern.matches(&pod));
        }
    }

    fn patterns(&self) -> Vec<(&'static str, PodPattern)> {
        let patterns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        patterns.clone()
    }

    /// Warns of those that have fitted none.
    pub(crate) async fn tell(&self, output: &Output) {
        // What was made just now is seen once all others have nothing to do.
        tokio::time::sleep(Duration::from_millis(1)).await;
        for (option, pattern) in self.patterns() {
            output.warn(&format!("no pod fits {option} {pattern}"));
        }
    }
}
