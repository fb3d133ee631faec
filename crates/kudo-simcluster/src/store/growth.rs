//! Who waits for a kind's log to grow. Unlike the receivers of a channel they are woken in the order in which
//! they wait, so that a run in virtual time is the same each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// The version up to which a log has grown.
#[derive(Debug, Default)]
pub(super) struct Growth(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    version: AtomicU64,
    grown: Notify,
}

impl Growth {
    pub(super) fn reach(&self, version: u64) {
        self.0.version.store(version, Ordering::Release);
        self.0.grown.notify_waiters();
    }

    /// Sees the growth from now on.
    pub(super) fn subscribe(&self) -> Growing {
        let mut growing = Growing {
            shared: Arc::clone(&self.0),
            seen: 0,
        };
        growing.catch_up();
        growing
    }
}

/// One who waits.
#[derive(Debug)]
pub(crate) struct Growing {
    shared: Arc<Shared>,
    seen: u64,
}

impl Growing {
    /// Takes all so far as seen.
    pub(crate) fn catch_up(&mut self) {
        self.seen = self.shared.version.load(Ordering::Acquire);
    }

    /// Waits for something that is not yet seen, and takes it as seen.
    pub(crate) async fn more(&mut self) {
        loop {
            let mut grown = std::pin::pin!(self.shared.grown.notified());
            // What comes between the look and the wait is not missed.
            grown.as_mut().enable();
            let version = self.shared.version.load(Ordering::Acquire);
            if version != self.seen {
                self.seen = version;
                return;
            }
            grown.await;
        }
    }
}
