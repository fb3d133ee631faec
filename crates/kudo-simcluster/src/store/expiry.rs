//! Events do not stay: one goes an hour after it was last written, and before that if too many came after
//! it. No timer runs: whoever next looks at events sees them gone.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Key;

/// The kind that does not stay.
pub(super) const EVENTS: &str = "events";
/// How long an event stays, as a real server's `--event-ttl` has it.
const LIFE: SignedDuration = SignedDuration::from_hours(1);
/// Writes of events that are remembered; what was last written before them goes.
const MOST: usize = 32_768;

/// Writes of events, in their order.
#[derive(Debug, Default)]
pub(super) struct Expiry(VecDeque<Written>);

/// An event as it was written.
#[derive(Debug)]
struct Written {
    at: Timestamp,
    key: Key,
    version: u64,
}

impl Expiry {
    pub(super) fn add(&mut self, at: Timestamp, key: Key, version: u64) {
        self.0.push_back(Written { at, key, version });
    }

    /// The next that goes if it is still as it was written then.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<(Key, u64)> {
        let first = self.0.front()?;
        let is_over = self.0.len() > MOST || now.duration_since(first.at) >= LIFE;
        is_over
            .then(|| self.0.pop_front())?
            .map(|w| (w.key, w.version))
    }

    /// Puts those that were added out of order in their order.
    pub(super) fn sort(&mut self) {
        self.0.make_contiguous().sort_by_key(|written| written.at);
    }
}

/// When an event was last written, as it tells itself.
pub(super) fn last_written(event: &Value) -> Option<Timestamp> {
    let times = [
        &event["lastTimestamp"],
        &event["series"]["lastObservedTime"],
        &event["eventTime"],
        &event["metadata"]["creationTimestamp"],
    ];
    let times = times
        .into_iter()
        .filter_map(|time| time.as_str()?.parse().ok());
    times.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_goes_after_an_hour_or_if_too_many_follow() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let key = |name: &str| -> Key { ("ns".into(), name.into()) };
        let mut expiry = Expiry::default();
        expiry.add(start, key("a"), 1);
        let minute = SignedDuration::from_mins(1);
        expiry.add(start + minute, key("b"), 2);
        assert_eq!(expiry.next(start + minute * 59), None);
        assert_eq!(expiry.next(start + minute * 60), Some((key("a"), 1)));
        assert_eq!(expiry.next(start + minute * 60), None);
        for version in 3..=MOST as u64 + 2 {
            expiry.add(start + minute, key("c"), version);
        }
        assert_eq!(expiry.next(start + minute), Some((key("b"), 2)));
        assert_eq!(expiry.next(start + minute), None);
    }

    #[test]
    fn an_event_tells_when_it_was_written() {
        for (event, expected) in [
            (serde_json::json!({}), None),
            (
                serde_json::json!({
                    "metadata": { "creationTimestamp": "2026-01-01T00:00:00Z" },
                    "eventTime": null, "lastTimestamp": "2026-01-01T00:00:05Z",
                }),
                Some("2026-01-01T00:00:05Z"),
            ),
            (
                serde_json::json!({
                    "eventTime": "2026-01-01T00:00:00.250000Z",
                    "series": { "lastObservedTime": "2026-01-01T00:00:09.000000Z" },
                }),
                Some("2026-01-01T00:00:09Z"),
            ),
        ] {
            let expected = expected.map(|time| time.parse().unwrap());
            assert_eq!(last_written(&event), expected, "{event}");
        }
    }
}
