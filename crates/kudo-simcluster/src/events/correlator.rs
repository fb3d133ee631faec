//! Brings together events that repeat, so that nothing floods the cluster; as client-go does. Pure.
//!
//! - The same event again raises the count of the first.
//! - Of many that differ by their message alone, the tenth and all later ones are one event.
//! - A source may tell 25 things of an object at once, and after that one in five minutes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

/// Different messages of one reason that are too many.
const SIMILAR: usize = 10;
/// How long similar events are remembered after the last of them.
const MEMORY: SignedDuration = SignedDuration::from_mins(10);
/// Events of one source about one object that may come at once.
const BURST: f64 = 25.0;
/// Seconds until one more may come.
const REFILL: f64 = 300.0;
/// Keys of each sort that are remembered.
const REMEMBERED: usize = 4096;

/// What has been told so far.
#[derive(Default)]
pub(super) struct Correlator {
    similar: Recent<Similar>,
    seen: Recent<Seen>,
    allowances: Recent<Allowance>,
}

/// Events that differ by their message alone.
#[derive(Default)]
struct Similar {
    messages: BTreeSet<String>,
    last: Timestamp,
}

/// An event that was told, as it was the first time.
#[derive(Default)]
struct Seen {
    name: Option<String>,
    first: Option<Time>,
    count: i32,
}

/// How much a source may still tell of an object.
struct Allowance {
    left: f64,
    at: Timestamp,
}

impl Correlator {
    /// The event to be written, which one with a count above one is already; nothing if there are too many.
    pub(super) fn correlate(&mut self, mut event: Event, now: Timestamp) -> Option<Event> {
        let key = self.aggregate(&mut event, now);
        let seen = self.seen.entry(&key, Seen::default);
        if seen.count > 0 {
            event.metadata.name.clone_from(&seen.name);
            event.first_timestamp.clone_from(&seen.first);
        }
        event.count = Some(seen.count + 1);
        *seen = Seen {
            name: event.metadata.name.clone(),
            first: event.first_timestamp.clone(),
            count: seen.count + 1,
        };
        self.may_pass(&event, now).then_some(event)
    }

    /// Gives one of too many similar events the words that stand for all of them. Returns the key by
    /// which the event is known again.
    fn aggregate(&mut self, event: &mut Event, now: Timestamp) -> String {
        let message = event.message.clone().unwrap_or_default();
        let about = about(event);
        let kind = [&event.type_, &event.reason].map(|text| text.as_deref().unwrap_or_default());
        let similar_key = key(&[&about, kind[0], kind[1]]);
        let similar = self.similar.entry(&similar_key, Similar::default);
        if now.duration_since(similar.last) > MEMORY {
            similar.messages.clear();
        }
        similar.last = now;
        similar.messages.insert(message.clone());
        if similar.messages.len() < SIMILAR {
            let field = event.involved_object.field_path.as_deref();
            return key(&[&similar_key, field.unwrap_or_default(), &message]);
        }
        similar.messages.pop_first();
        event.message = Some(format!("(combined from similar events): {message}"));
        similar_key
    }

    fn may_pass(&mut self, event: &Event, now: Timestamp) -> bool {
        let full = || Allowance {
            left: BURST,
            at: now,
        };
        let allowance = self.allowances.entry(&about(event), full);
        let since = now.duration_since(allowance.at).as_secs_f64();
        allowance.left = (allowance.left + since / REFILL).min(BURST);
        allowance.at = now;
        let passes = allowance.left >= 1.0;
        if passes {
            allowance.left -= 1.0;
        }
        passes
    }
}

/// Who tells something, and of what.
fn about(event: &Event) -> String {
    let source = event.source.as_ref();
    let object = &event.involved_object;
    let parts = [
        source.and_then(|source| source.component.as_ref()),
        source.and_then(|source| source.host.as_ref()),
        object.kind.as_ref(),
        object.namespace.as_ref(),
        object.name.as_ref(),
        object.uid.as_ref(),
        object.api_version.as_ref(),
    ];
    key(&parts.map(|part| part.map_or("", String::as_str)))
}

fn key(parts: &[&str]) -> String {
    parts.join("\0")
}

/// Values by key: of too many, those that were not asked for longest are forgotten.
struct Recent<V> {
    values: HashMap<Arc<str>, (u64, V)>,
    uses: BTreeMap<u64, Arc<str>>,
    last_use: u64,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
            uses: BTreeMap::new(),
            last_use: 0,
        }
    }
}

impl<V> Recent<V> {
    fn entry(&mut self, key: &str, new: impl FnOnce() -> V) -> &mut V {
        self.last_use += 1;
        let key: Arc<str> = match self.values.get(key) {
            Some((former, _)) => self.uses.remove(former).unwrap_or_else(|| key.into()),
            None => key.into(),
        };
        self.uses.insert(self.last_use, Arc::clone(&key));
        if self.uses.len() > REMEMBERED
            && let Some((_, oldest)) = self.uses.pop_first()
        {
            self.values.remove(&oldest);
        }
        let entry = self.values.entry(key).or_insert_with(|| (0, new()));
        entry.0 = self.last_use;
        &mut entry.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::constant(1_767_225_600, 0);

    /// Events of one reason about a pod: what is written, as `count message`.
    struct Teller {
        correlator: Correlator,
        told: usize,
    }

    impl Teller {
        fn new() -> Self {
            Self {
                correlator: Correlator::default(),
                told: 0,
            }
        }

        fn tell(&mut self, of: &str, message: &str, after: i64) -> Option<(String, String)> {
            self.told += 1;
            let event: Event = serde_json::from_value(serde_json::json!({
                "metadata": { "name": format!("{of}.{}", self.told) },
                "involvedObject": { "kind": "Pod", "name": of },
                "source": { "component": "kubelet" },
                "type": "Normal", "reason": "Created", "message": message,
            }))
            .unwrap();
            let now = START + SignedDuration::from_secs(after);
            let event = self.correlator.correlate(event, now)?;
            let said = format!("{} {}", event.count.unwrap(), event.message.unwrap());
            Some((event.metadata.name.unwrap(), said))
        }
    }

    fn written(name: &str, said: &str) -> (String, String) {
        (name.to_owned(), said.to_owned())
    }

    #[test]
    fn the_same_again_is_counted_at_the_first() {
        let mut teller = Teller::new();
        assert_eq!(teller.tell("a", "x", 0).unwrap(), written("a.1", "1 x"));
        assert_eq!(teller.tell("b", "x", 0).unwrap(), written("b.2", "1 x"));
        assert_eq!(teller.tell("a", "y", 0).unwrap(), written("a.3", "1 y"));
        assert_eq!(teller.tell("a", "x", 5000).unwrap(), written("a.1", "2 x"));
    }

    #[test]
    fn too_many_similar_ones_are_one() {
        let mut teller = Teller::new();
        for number in 1..10 {
            let expected = written(&format!("a.{number}"), &format!("1 m{number}"));
            let told = teller.tell("a", &format!("m{number}"), 0).unwrap();
            assert_eq!(told, expected);
        }
        let combined = |text: &str| format!("{text} (combined from similar events): m");
        assert_eq!(
            teller.tell("a", "m", 0).unwrap(),
            written("a.10", &combined("1")),
            "the tenth"
        );
        let again = format!("{}x", combined("2"));
        assert_eq!(
            teller.tell("a", "mx", 600).unwrap(),
            written("a.10", &again)
        );
        assert_eq!(
            teller.tell("a", "my", 1201).unwrap(),
            written("a.12", "1 my")
        );
    }

    #[test]
    fn a_source_tells_so_much_of_an_object_and_then_little() {
        let mut teller = Teller::new();
        for number in 1..=25 {
            assert!(teller.tell("a", "x", 0).is_some(), "{number}");
        }
        assert_eq!(teller.tell("a", "x", 1), None);
        assert!(teller.tell("b", "x", 1).is_some(), "another object");
        assert_eq!(teller.tell("a", "x", 299), None);
        assert_eq!(teller.tell("a", "x", 301).unwrap(), written("a.1", "28 x"));
        assert_eq!(teller.tell("a", "x", 302), None);
    }

    #[test]
    fn little_is_remembered() {
        let mut recent: Recent<usize> = Recent::default();
        for number in 0..REMEMBERED {
            recent.entry(&number.to_string(), || number);
        }
        recent.entry("0", || 1);
        recent.entry("new", || 2);
        assert_eq!(recent.values.len(), REMEMBERED);
        assert_eq!(*recent.entry("0", || 3), 0);
        assert_eq!(*recent.entry("1", || 3), 3, "the one that went");
    }
}
