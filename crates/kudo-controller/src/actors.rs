//! Who works on which instance: one actor per instance that something is to be done about.
//!
//! An actor is a task. It is started by the first news of its instance, told of further news, and gone when
//! there is nothing left to do; idle instances cost no task.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kudo_kube::InstanceKey;
use tokio::sync::Notify;

/// Tells an actor of news.
#[derive(Debug, Default)]
pub struct Signal {
    news: AtomicBool,
    arrived: Notify,
}

impl Signal {
    /// Takes note of all news up to now; whether there was any.
    pub fn take(&self) -> bool {
        self.news.swap(false, Ordering::AcqRel)
    }

    /// Waits until there is news. Does not take it.
    pub async fn wait(&self) {
        while !self.news.load(Ordering::Acquire) {
            self.arrived.notified().await;
        }
    }

    fn give(&self) {
        self.news.store(true, Ordering::Release);
        self.arrived.notify_one();
    }
}

/// The actors there are.
#[derive(Debug, Default)]
pub struct Actors {
    signals: Mutex<HashMap<InstanceKey, Arc<Signal>>>,
}

impl Actors {
    /// Tells the actor of an instance of news. If there is none, gives the signal of the one to start.
    pub fn tell(&self, key: &InstanceKey) -> Option<Arc<Signal>> {
        let mut signals = self.signals();
        if let Some(signal) = signals.get(key) {
            signal.give();
            return None;
        }
        let signal = Arc::new(Signal::default());
        signals.insert(key.clone(), Arc::clone(&signal));
        Some(signal)
    }

    /// Lets an actor go if there is no news for it; otherwise it has to go on.
    pub fn retire(&self, key: &InstanceKey, signal: &Signal) -> bool {
        let mut signals = self.signals();
        if signal.news.load(Ordering::Acquire) {
            return false;
        }
        signals.remove(key);
        true
    }

    /// Forgets an actor that ended without being let go. Does nothing to one that came after it.
    pub fn forget(&self, key: &InstanceKey, signal: &Arc<Signal>) {
        let mut signals = self.signals();
        if signals
            .get(key)
            .is_some_and(|known| Arc::ptr_eq(known, signal))
        {
            signals.remove(key);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.signals().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn signals(&self) -> MutexGuard<'_, HashMap<InstanceKey, Arc<Signal>>> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
