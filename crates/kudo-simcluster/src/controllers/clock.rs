//! The time of day, as fast as tokio's clock goes.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that goes on with tokio's: where that one is paused or skips, so does this one.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that shows `base` now.
    pub fn starting_at(base: Timestamp) -> Self {
        Self {
            base,
            started: Instant::now(),
        }
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.started.elapsed());
        let elapsed = elapsed.unwrap_or(SignedDuration::MAX);
        self.base.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

impl Default for Clock {
    /// A clock that shows the machine's time now.
    fn default() -> Self {
        Self::starting_at(Timestamp::now())
    }
}

/// A time as Kubernetes writes it: whole seconds.
pub(crate) fn spelled(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How long it is from `now` to a moment that lies so long after another; nothing once it has come.
pub(crate) fn left(from: Timestamp, after: Duration, now: Timestamp) -> Option<Duration> {
    let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
    let due = from.saturating_add(after).unwrap_or(Timestamp::MAX);
    let left = Duration::try_from(due.duration_since(now)).ok()?;
    (!left.is_zero()).then_some(left)
}
