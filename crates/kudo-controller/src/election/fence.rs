//! What stands between the leader and a time at which another may lead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Tells whether this process may act. Clones are the same fence; one that has fallen stays down.
#[derive(Clone, Debug)]
pub struct Fence {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    base: Instant,
    /// Milliseconds after the base.
    until: AtomicU64,
    fallen: CancellationToken,
}

impl Fence {
    /// A fence that falls at a time, unless that is put off.
    pub fn until(time: Instant) -> Self {
        let base = Instant::now();
        let fence = Self {
            shared: Arc::new(Shared {
                base,
                until: AtomicU64::new(0),
                fallen: CancellationToken::new(),
            }),
        };
        fence.put_off(time);
        fence
    }

    /// Puts the fall off to a later time.
    pub fn put_off(&self, time: Instant) {
        let after = time.saturating_duration_since(self.shared.base);
        let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.shared.until.fetch_max(after, Ordering::AcqRel);
    }

    /// When it falls, as things are.
    pub fn falls_at(&self) -> Instant {
        self.shared.base + Duration::from_millis(self.shared.until.load(Ordering::Acquire))
    }

    /// Lets it fall.
    pub fn fall(&self) {
        self.shared.fallen.cancel();
    }

    /// Whether it has fallen. The clock counts, even if nobody had the time yet to let it fall.
    pub fn is_down(&self) -> bool {
        if Instant::now() >= self.falls_at() {
            self.fall();
        }
        self.shared.fallen.is_cancelled()
    }

    /// Waits until it has fallen.
    pub async fn fallen(&self) {
        while !self.is_down() {
            tokio::select! {
                biased;
                () = self.shared.fallen.cancelled() => {}
                () = tokio::time::sleep_until(self.falls_at()) => {}
            }
        }
    }
}
