//! What a task waits for, in words: the message of a step that takes a while.
//!
//! What is done soon is never told of, and what changes often is told the less often the longer it goes
//! on, as each telling is a write.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kudo_plan::Backoff;
use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::identity::{Gvk, InstanceKey, ObjectKey};

/// The pauses before the first telling and between later ones.
const PAUSES: Backoff = Backoff {
    initial: Duration::from_secs(2),
    max: Duration::from_secs(30),
    factor: 2.0,
    jitter: 0.0,
};
/// Objects that are named at most.
const NAMED: usize = 3;
/// How long the watch of pods may take to begin before a step tells without it.
const WATCH_PATIENCE: Duration = Duration::from_secs(5);

/// What one task waits for, by object; shared by those who wait and those who tell.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    objects: watch::Sender<Objects>,
    told: Mutex<Told>,
}

/// Objects with what is missing of them, by what people call them.
type Objects = BTreeMap<String, Missing>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Missing {
    key: ObjectKey,
    message: String,
}

#[derive(Debug, Default)]
struct Told {
    times: u32,
    asked_for_pods: bool,
    /// What pods said last, by object; it outlives them.
    troubles: BTreeMap<String, String>,
}

/// Somebody who waits for an object; dropping it ends that.
pub(super) struct Wait<'a> {
    waiting: &'a Waiting,
    key: &'a ObjectKey,
}

impl Waiting {
    /// Begins to wait for an object.
    pub(super) const fn on<'a>(&'a self, key: &'a ObjectKey) -> Wait<'a> {
        Wait { waiting: self, key }
    }

    /// What the pods of an object said last, as far as it was told.
    pub(super) fn last_trouble(&self, key: &ObjectKey) -> Option<String> {
        self.told().troubles.get(&key.to_string()).cloned()
    }

    /// Resolves when it is time to tell something other than `told`.
    pub(super) async fn next(
        &self,
        cluster: &Cluster,
        instance: &InstanceKey,
        told: &str,
    ) -> String {
        let times = self.told().times + 1;
        tokio::time::sleep(PAUSES.delay(times, 0)).await;
        let news = cluster.observed.follow(instance);
        let mut changes = self.objects.subscribe();
        loop {
            let objects = changes.borrow_and_update().clone();
            self.watch_pods(cluster, &objects).await;
            let message = words(&objects, |key| self.trouble(cluster, instance, key));
            if !message.is_empty() && message != told {
                self.told().times = times;
                return message;
            }
            tokio::select! {
                biased;
                _ = changes.changed() => {}
                () = news.next() => {}
            }
        }
    }

    fn trouble(
        &self,
        cluster: &Cluster,
        instance: &InstanceKey,
        key: &ObjectKey,
    ) -> Option<String> {
        let trouble = cluster.observed.trouble_of(instance, key)?;
        let mut told = self.told();
        told.troubles.insert(key.to_string(), trouble.clone());
        Some(trouble)
    }

    /// Pods are of interest only where something that makes them is not there at once.
    async fn watch_pods(&self, cluster: &Cluster, objects: &Objects) {
        let mut keys = objects.values().map(|missing| &missing.key.kind);
        let of_interest = keys.any(|kind| matches!(kind.group.as_str(), "apps" | "batch"));
        if !of_interest || std::mem::replace(&mut self.told().asked_for_pods, true) {
            return;
        }
        let pods = Gvk::gvk("", "v1", "Pod");
        let watched = tokio::time::timeout(WATCH_PATIENCE, cluster.kind(&pods)).await;
        if let Ok(Err(error)) = watched {
            tracing::debug!(%error, "steps wait without a look at pods");
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wait<'_> {
    /// Says what is missing, in a whole sentence.
    pub(super) fn say(&self, message: &str) {
        let name = self.key.to_string();
        self.waiting.objects.send_if_modified(|objects| {
            if objects.get(&name).is_some_and(|old| old.message == message) {
                return false;
            }
            let missing = Missing {
                key: self.key.clone(),
                message: message.to_owned(),
            };
            objects.insert(name, missing);
            true
        });
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let name = self.key.to_string();
        self.waiting
            .objects
            .send_if_modified(|objects| objects.remove(&name).is_some());
    }
}

/// All that is missing in one line, with what pods say of it.
fn words(objects: &Objects, trouble: impl Fn(&ObjectKey) -> Option<String>) -> String {
    let mut told: Vec<String> = objects
        .values()
        .take(NAMED)
        .map(|missing| match trouble(&missing.key) {
            Some(trouble) => format!("{}; {trouble}", missing.message),
            None => missing.message.clone(),
        })
        .collect();
    if let Some(more) = objects.len().checked_sub(NAMED).filter(|more| *more > 0) {
        told.push(format!("and {more} more"));
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: &str, name: &str) -> ObjectKey {
        ObjectKey {
            kind: Gvk::gvk("apps", "v1", kind),
            namespace: Some("ns".to_owned()),
            name: name.to_owned(),
        }
    }

    #[test]
    fn what_is_missing_is_told_in_order_with_the_words_of_pods() {
        let waiting = Waiting::default();
        let told = || {
            words(&waiting.objects.borrow(), |key| {
                (key.name == "db").then(|| r#"Pod "db-1": no room"#.to_owned())
            })
        };
        assert_eq!(told(), "");
        let keys = ["db", "c", "b", "a"].map(|name| key("StatefulSet", name));
        let waits: Vec<Wait<'_>> = keys.iter().map(|key| waiting.on(key)).collect();
        waits[0].say("waiting for db");
        assert_eq!(told(), r#"waiting for db; Pod "db-1": no room"#);
        waits[1].say("waiting for c");
        assert_eq!(
            told(),
            r#"waiting for c, waiting for db; Pod "db-1": no room"#
        );
        waits[2].say("waiting for b");
        waits[3].say("waiting for a");
        let all = "waiting for a, waiting for b, waiting for c, and 1 more";
        assert_eq!(told(), all);
        drop(waits);
        assert_eq!(told(), "");
    }

    #[test]
    fn only_changes_are_told_of() {
        let waiting = Waiting::default();
        let mut changes = waiting.objects.subscribe();
        changes.mark_unchanged();
        let db = key("StatefulSet", "db");
        let wait = waiting.on(&db);
        let mut is_news = || {
            let news = changes.has_changed().unwrap();
            changes.mark_unchanged();
            news
        };
        wait.say("1 of 3");
        assert!(is_news());
        wait.say("1 of 3");
        assert!(!is_news());
        wait.say("2 of 3");
        assert!(is_news());
        drop(wait);
        assert!(is_news());
    }
}
