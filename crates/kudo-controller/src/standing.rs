//! How a process stands: whether it acts as the manager, or stands by until it may.
//!
//! The servers of a process live as long as it does; a [`Manager`] lives as long as its term.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::health::Health;
use crate::manager::Manager;
use crate::metrics::Metrics;
use crate::store::DefinitionStore;
use crate::webhook::certificate::Identity;

const STANDING_BY: &str = "\
# HELP kudo_leading Whether this process acts as the manager.
# TYPE kudo_leading gauge
kudo_leading 0
# EOF
";

/// How a process stands. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    acting: Arc<Mutex<Option<Acting>>>,
    webhook: Option<Identity>,
}

#[derive(Clone, Debug)]
struct Acting {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    definitions: Arc<DefinitionStore>,
}

impl Standing {
    /// One that stands by. With a webhook, it is ready only when that has a certificate.
    pub fn new(webhook: Option<Identity>) -> Self {
        Self {
            acting: Arc::default(),
            webhook,
        }
    }

    /// From now on it acts.
    pub fn act(&self, manager: &Manager) {
        *self.acting() = Some(Acting {
            metrics: manager.metrics(),
            health: manager.health(),
            definitions: manager.definitions(),
        });
    }

    /// From now on it stands by.
    pub fn stand_by(&self) {
        *self.acting() = None;
    }

    /// What is counted, as text.
    pub fn metrics(&self) -> String {
        let acting = self.acting().clone();
        acting.map_or_else(|| STANDING_BY.to_owned(), |acting| acting.metrics.encode())
    }

    /// Why the process is not ready; `None` if it is. Standing by is all that it can be ready for then.
    pub fn not_ready(&self) -> Option<String> {
        let lacks_certificate = self
            .webhook
            .as_ref()
            .is_some_and(|webhook| !webhook.is_set());
        let webhook = lacks_certificate.then(|| "webhook: no certificate yet".to_owned());
        let acting = self.acting().clone();
        let manager = acting.and_then(|acting| acting.health.not_ready());
        match (webhook, manager) {
            (Some(webhook), Some(manager)) => Some(format!("{webhook}\n{manager}")),
            (webhook, manager) => webhook.or(manager),
        }
    }

    /// The operator versions that the manager knows, if it acts.
    pub fn definitions(&self) -> Option<Arc<DefinitionStore>> {
        let acting = self.acting();
        acting
            .as_ref()
            .map(|acting| Arc::clone(&acting.definitions))
    }

    fn acting(&self) -> MutexGuard<'_, Option<Acting>> {
        self.acting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
