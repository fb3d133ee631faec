//! The delays between the attempts of a task that fails transiently.

use std::time::Duration;

/// Exponential backoff with jitter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The delay after the first failure.
    pub initial: Duration,
    /// The longest delay, before jitter.
    pub max: Duration,
    /// What each delay is multiplied by to give the next; less than 1 counts as 1.
    pub factor: f64,
    /// The share of a delay that chance adds or takes away, from 0 (none) to 1.
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(250),
            max: Duration::from_mins(1),
            factor: 2.0,
            jitter: 0.2,
        }
    }
}

impl Backoff {
    /// The delay after the failure number `failures` (the first is 1), with a chance drawn from `random`.
    ///
    /// The same input gives the same delay. It lies within `jitter` of the exponential value, which
    /// itself is at most `max`.
    pub fn delay(&self, failures: u32, random: u64) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.initial.as_secs_f64() * self.factor.max(1.0).powi(exponent);
        let base = grown.min(self.max.as_secs_f64());
        let chance = unit(random).mul_add(2.0, -1.0) * self.jitter.clamp(0.0, 1.0);
        Duration::try_from_secs_f64(base * (1.0 + chance)).unwrap_or(self.max)
    }
}

/// Mixes numbers into one that looks random (the finalizer of `SplitMix64`), the same for the same input.
pub(crate) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |hash, part| {
        let mut x = (hash ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    })
}

/// Maps a random number to the range from 0 (included) to 1 (excluded).
fn unit(random: u64) -> f64 {
    let top = u32::try_from(random >> 32).unwrap_or(u32::MAX);
    f64::from(top) / (f64::from(u32::MAX) + 1.0)
}
