//! First stage: what is known of the instance, from the stores alone.

use std::sync::Arc;
use std::time::Duration;

use kudo_api::Instance;
use kudo_api::instance::InstanceStatus;
use kudo_package::OperatorDefinition;
use tokio::time::Instant;

use super::Actor;
use crate::conditions::Wanted;
use crate::context::PATIENCE;
use crate::decide::{Lookup, Notice, Observation};
use crate::store::Found;
use crate::versions::VersionKey;
use crate::writer::Writer;

/// What is known of an instance and the operator versions that it needs.
pub(super) struct Observed {
    pub(super) instance: Instance,
    pub(super) writer: Arc<Writer>,
    wanted: Known,
    accepted: Known,
}

/// An operator version, or why it is not known.
enum Known {
    Found(Found),
    NotWatched,
}

impl Known {
    fn lookup(&self) -> Lookup<'_> {
        match self {
            Self::Found(found) => found.lookup(),
            Self::NotWatched => Lookup::NotWatched,
        }
    }

    fn definition(&self) -> Option<&Arc<OperatorDefinition>> {
        match self {
            Self::Found(found) => found.definition(),
            Self::NotWatched => None,
        }
    }
}

impl Observed {
    pub(super) fn observation(&self) -> Observation<'_> {
        Observation {
            instance: &self.instance,
            wanted: self.wanted.lookup(),
            accepted: self.accepted.lookup(),
        }
    }

    /// The operator version that the spec names.
    pub(super) fn wanted(&self) -> Option<&Arc<OperatorDefinition>> {
        self.wanted.definition()
    }

    /// The operator version that was last accepted, or that the spec names if none was.
    pub(super) fn accepted(&self) -> Option<&Arc<OperatorDefinition>> {
        match self.status().accepted {
            Some(_) => self.accepted.definition(),
            None => self.wanted.definition(),
        }
    }

    pub(super) fn status(&self) -> InstanceStatus {
        self.instance.status.clone().unwrap_or_default()
    }

    pub(super) fn resource_version(&self) -> &str {
        let version = self.instance.metadata.resource_version.as_deref();
        version.unwrap_or_default()
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.instance.metadata.deletion_timestamp.is_some()
    }
}

impl Actor {
    /// Looks; `None` if there is no such instance.
    pub(super) fn observe(&mut self) -> Option<Observed> {
        let instance = self.context.instances.get(&self.key)?;
        let writer = match &self.writer {
            Some(writer) if writer.is_for(&instance) => Arc::clone(writer),
            _ => {
                let client = self.context.client.clone();
                let store = Arc::clone(&self.context.instances);
                Arc::new(Writer::new(client, store, instance.clone()))
            }
        };
        self.writer = Some(Arc::clone(&writer));
        let namespace = &self.key.namespace;
        let wanted_key = VersionKey::referenced(&instance.spec.operator_version, namespace);
        let wanted = self.known(&wanted_key);
        let recorded = instance.status.as_ref().and_then(|s| s.accepted.as_ref());
        let accepted = match recorded {
            Some(recorded) => {
                self.known(&VersionKey::recorded(&recorded.operator_version, namespace))
            }
            None => self.known(&wanted_key),
        };
        let accepted = self.or_pinned(&instance, accepted);
        Some(Observed {
            instance,
            writer,
            wanted,
            accepted,
        })
    }

    fn known(&self, key: &VersionKey) -> Known {
        match self.context.definitions.get(key) {
            Found::Missing if !self.context.watches(&key.namespace) => Known::NotWatched,
            found => Known::Found(found),
        }
    }

    /// A plan that runs goes on although its operator version was deleted; but a deletion of the
    /// instance does not wait for that.
    fn or_pinned(&self, instance: &Instance, accepted: Known) -> Known {
        let missing = matches!(accepted, Known::Found(Found::Missing));
        match &self.running {
            Some(running) if missing && instance.metadata.deletion_timestamp.is_none() => {
                Known::Found(Found::Valid(Arc::clone(running.definition())))
            }
            _ => accepted,
        }
    }

    /// An operator version that is created together with its instance may be seen a moment later: gives
    /// the time to wait before anybody is told that it is missing.
    pub(super) fn await_version(
        &mut self,
        observed: &Observed,
        notice: &Notice,
    ) -> Option<Duration> {
        let missing = matches!(observed.observation().wanted, Lookup::Missing);
        let Notice::Refused {
            reason, message, ..
        } = notice
        else {
            self.missing_since = None;
            return None;
        };
        let known = Wanted::refused(reason, message).differs_from(&observed.status());
        if !missing || !known || observed.is_deleting() {
            self.missing_since = None;
            return None;
        }
        let since = *self.missing_since.get_or_insert_with(Instant::now);
        let left = PATIENCE.saturating_sub(since.elapsed());
        (!left.is_zero()).then_some(left)
    }
}
