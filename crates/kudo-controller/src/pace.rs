//! Work that may take long, such as rendering a hostile template, without keeping others waiting.
//!
//! The runtime can start another thread for the time of such work, but threads cost memory, and almost all
//! templates are rendered in no time. So only what is not known to be quick is treated that way: the same
//! work, of the same operator version, with the same parameters.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kudo_package::OperatorDefinition;
use tokio::runtime::{Handle, RuntimeFlavor};

/// What takes less is no trouble to anybody.
const QUICK: Duration = Duration::from_millis(5);
/// Pieces of work that are remembered; beyond that all are forgotten.
const MEMORY: usize = 4096;

/// Remembers which work is quick.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Hashes of a definition's address and of what was done with it. Another definition may come to
    /// lie at an address; then its work is timed the first time and taken out if need be.
    quick: Mutex<HashSet<u64>>,
}

impl Pace {
    /// Does work on an operator version; `what` says which, and with which parameters.
    pub(crate) fn work<T>(
        &self,
        definition: &Arc<OperatorDefinition>,
        what: impl Hash,
        work: impl FnOnce() -> T,
    ) -> T {
        let mut hasher = DefaultHasher::new();
        (Arc::as_ptr(definition).addr(), what).hash(&mut hasher);
        let key = hasher.finish();
        let threads = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        let inline = !threads || self.quick().contains(&key);
        let began = Instant::now();
        let outcome = if inline {
            work()
        } else {
            tokio::task::block_in_place(work)
        };
        let mut quick = self.quick();
        if began.elapsed() < QUICK {
            if quick.len() >= MEMORY {
                quick.clear();
            }
            quick.insert(key);
        } else {
            quick.remove(&key);
        }
        outcome
    }

    fn quick(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.quick.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
