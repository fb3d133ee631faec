//! Whose turn it is: when much is to be done at once, it is not all begun at once.
//!
//! Each plan that begins holds in memory what it has rendered. So only so many instances are looked at
//! and begin their plans at a time, and no more while requests pile up. Who takes long (because objects
//! are waited for, or the server does not answer) gives way after a while: nobody waits for a bad
//! instance.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::gate::RequestGate;

/// How many have their turn at the same time.
const PLACES: usize = 16;
/// How long a turn lasts at most.
const LIMIT: Duration = Duration::from_secs(1);

/// Gives turns.
#[derive(Debug)]
pub struct Turns {
    places: Arc<Semaphore>,
    gate: RequestGate,
}

impl Turns {
    /// Gives turns with an eye on the requests that pass the gate.
    pub fn new(gate: RequestGate) -> Self {
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            gate,
        }
    }

    /// Waits for a turn.
    pub async fn take(&self) -> Turn {
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        self.turn(place)
    }

    /// Goes without a turn.
    pub fn skip(&self) -> Turn {
        self.turn(None)
    }

    fn turn(&self, place: Option<OwnedSemaphorePermit>) -> Turn {
        Turn {
            place: Arc::new(Mutex::new(place)),
            gate: self.gate.clone(),
        }
    }
}

/// A turn, or the right to go without. Clones are the same turn; it ends with the last, or when it is given away.
#[derive(Clone, Debug)]
pub struct Turn {
    place: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
    gate: RequestGate,
}

impl Turn {
    /// Waits until requests no longer pile up.
    pub async fn calm(&self) {
        self.gate.calm().await;
    }

    /// Lets another have its turn.
    pub fn give_way(&self) {
        let place = self
            .place
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(place);
    }

    /// Does work, and gives way if it takes long.
    pub async fn giving_way<T>(&self, mut work: impl Future<Output = T> + Unpin) -> T {
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            () = tokio::time::sleep(LIMIT) => self.give_way(),
        }
        work.await
    }
}
