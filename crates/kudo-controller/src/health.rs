//! Whether the manager is ready: whether it sees what it has to look after.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What the manager waits for before it is ready, and what holds it up.
#[derive(Debug, Default)]
pub struct Health {
    /// What is awaited, with what is known of the hold-up.
    awaited: Mutex<BTreeMap<String, String>>,
    reached: Notify,
}

impl Health {
    /// Ready only when `what` is.
    pub fn wait_for(&self, what: &str) {
        self.awaited()
            .insert(what.to_owned(), "not yet seen".to_owned());
    }

    /// `what` is held up.
    pub fn hold_up(&self, what: &str, reason: &str) {
        self.awaited().insert(what.to_owned(), reason.to_owned());
    }

    /// `what` is there.
    pub fn reached(&self, what: &str) {
        self.awaited().remove(what);
        self.reached.notify_waiters();
    }

    /// Waits until `what` is there.
    pub async fn until(&self, what: &str) {
        loop {
            let reached = self.reached.notified();
            if !self.awaited().contains_key(what) {
                return;
            }
            reached.await;
        }
    }

    /// Why the manager is not ready; `None` if it is.
    pub fn not_ready(&self) -> Option<String> {
        let awaited = self.awaited();
        let reasons: Vec<String> = awaited
            .iter()
            .map(|(what, reason)| format!("{what}: {reason}"))
            .collect();
        (!reasons.is_empty()).then(|| reasons.join("\n"))
    }

    fn awaited(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
