//! Leader election by a Lease: of several managers one acts, and never do two.
//!
//! The leader renews its Lease every [`Timing::retry`]. It may act until its [`Fence`] falls, which is
//! [`Timing::deadline`] after the *beginning* of the last renewal that succeeded; others may take the
//! Lease only when they have not seen it change for [`Timing::lease`], which is longer. Both are
//! measured by each process' own steady clock, so that clocks need not agree. When the fence falls, no request is
//! begun any more and those under way break off, also in a process that was stopped and goes on later.
//!
//! [`view`] decides, without any clock or cluster of its own; [`candidate`] reads and writes the Lease;
//! [`fence`] is what the leader's requests pass.

pub mod candidate;
pub mod fence;
pub mod view;

use std::time::Duration;

pub use candidate::{Candidate, Term};
pub use fence::Fence;

/// How long everything takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a Lease that is not renewed holds.
    pub lease: Duration,
    /// How long the leader acts after its last renewal.
    pub deadline: Duration,
    /// Pause between renewals.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(10),
            deadline: Duration::from_secs(7),
            retry: Duration::from_secs(2),
        }
    }
}

/// Why times do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimingError {
    /// Kubernetes counts a Lease's duration in whole seconds.
    #[error("the lease must last at least one second, and whole seconds")]
    Lease,
    /// The leader must stop before others take over.
    #[error("the renew deadline must be at least a second less than the duration of the lease")]
    Deadline,
    /// The leader must have a chance to renew.
    #[error("the retry period must be more than nothing, and at most half of the renew deadline")]
    Retry,
}

impl Timing {
    /// Whether the times go together.
    pub fn check(self) -> Result<Self, TimingError> {
        if self.lease.as_secs() == 0 || self.lease.subsec_nanos() != 0 {
            return Err(TimingError::Lease);
        }
        if self.deadline + Duration::from_secs(1) > self.lease {
            return Err(TimingError::Deadline);
        }
        if self.retry.is_zero() || self.retry * 2 > self.deadline {
            return Err(TimingError::Retry);
        }
        Ok(self)
    }
}
