//! The time of day, and the executor's clock.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kudo_api::Time;
use kudo_plan::Clock;

/// The time of day to the second, as Kubernetes records it.
pub(crate) fn now() -> Time {
    let now = Timestamp::now();
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// The time of day to the microsecond, for what must be put in order.
pub(crate) fn precisely_now() -> Time {
    let now = Timestamp::now();
    Time(Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now))
}

/// The clock of the runtime.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RuntimeClock;

impl Clock for RuntimeClock {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
