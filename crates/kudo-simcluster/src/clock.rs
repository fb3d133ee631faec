//! The embedded cluster's time: the wall clock at its start, and tokio's clock from there on, so that
//! paused time is the cluster's time, too.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Tells the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    base: Timestamp,
    start: Instant,
}

impl Clock {
    /// A clock that shows `base` now.
    pub(crate) fn new(base: Timestamp) -> Self {
        Self {
            base,
            start: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.start.elapsed()).unwrap_or_default();
        self.base.checked_add(elapsed).unwrap_or(self.base)
    }

    /// RFC 3339, in seconds.
    pub(crate) fn text(&self) -> String {
        seconds(self.now())
    }

    /// `text` of the time in so many seconds.
    pub(crate) fn text_in(&self, after: i64) -> String {
        seconds(self.time_in(after).unwrap_or(Timestamp::MAX))
    }

    /// The time in so many seconds, if there is one.
    pub(crate) fn time_in(&self, after: i64) -> Option<Timestamp> {
        self.now()
            .checked_add(SignedDuration::from_secs(after))
            .ok()
    }
}

/// RFC 3339, in seconds.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
