//! The time of day, and the executor's clock. Both go with tokio's clock: where that one is paused and
//! skips from timer to timer, as in a simulation, the time of day does so, too.

use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kudo_api::Time;
use kudo_plan::Clock;

/// The time of day.
pub(crate) fn time() -> Timestamp {
    let (machine, runtime) = (Instant::now(), tokio::time::Instant::now().into_std());
    let ahead = runtime.saturating_duration_since(machine);
    let behind = machine.saturating_duration_since(runtime);
    let now = Timestamp::now();
    let shifted = now
        .checked_add(ahead)
        .and_then(|now| now.checked_sub(behind));
    shifted.unwrap_or(now)
}

/// The time of day to the second, as Kubernetes records it.
pub(crate) fn now() -> Time {
    let now = time();
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// The clock of the runtime.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RuntimeClock;

impl Clock for RuntimeClock {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
