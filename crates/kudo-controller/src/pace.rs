//! Work that may take long, such as rendering a hostile template, without keeping others waiting.
//!
//! The runtime can start another thread for the time of such work, but threads cost memory, and almost all
//! templates are rendered in no time. So only what is not known to be quick is treated that way.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kudo_package::OperatorDefinition;
use tokio::runtime::{Handle, RuntimeFlavor};

/// What takes less is no trouble to anybody.
const QUICK: Duration = Duration::from_millis(5);
/// Definitions that are remembered; beyond that all are forgotten.
const MEMORY: usize = 4096;

/// Remembers which operator versions are quick to render.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Addresses of definitions. Another one may come to lie at an address; then it is timed at its
    /// first rendering and taken out if need be.
    quick: Mutex<HashSet<usize>>,
}

impl Pace {
    /// Does work on an operator version.
    pub(crate) fn work<T>(
        &self,
        definition: &Arc<OperatorDefinition>,
        work: impl FnOnce() -> T,
    ) -> T {
        let address = Arc::as_ptr(definition).addr();
        let threads = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        let inline = !threads || self.quick().contains(&address);
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
            quick.insert(address);
        } else {
            quick.remove(&address);
        }
        outcome
    }

    fn quick(&self) -> MutexGuard<'_, HashSet<usize>> {
        self.quick.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
