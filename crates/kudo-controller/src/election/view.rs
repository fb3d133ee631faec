//! What a candidate knows of the Lease, and what it may do about it. Pure: time is told.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

/// The least time after which a Lease counts as given up, whatever it says of itself.
const LEAST: Duration = Duration::from_secs(1);

/// What a candidate has seen.
#[derive(Debug, Default)]
pub struct View {
    /// The last state that was seen, and when it was seen first.
    seen: Option<(Lease, Instant)>,
}

/// What a candidate may do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make the Lease.
    Create,
    /// Take it, in the state in which it was seen.
    Take(Box<Lease>),
    /// Nothing before this time, unless there is news.
    Wait(Instant),
}

impl View {
    /// Takes note of the state of the Lease; `None` if there is none.
    pub fn see(&mut self, lease: Option<Lease>, now: Instant) {
        let Some(lease) = lease else {
            self.seen = None;
            return;
        };
        let known = self.seen.as_ref();
        if !known.is_some_and(|(known, _)| is_same(known, &lease)) {
            self.seen = Some((lease, now));
        }
    }

    /// Who holds the Lease, as far as is known.
    pub fn holder(&self) -> Option<&str> {
        let (lease, _) = self.seen.as_ref()?;
        holder(lease)
    }

    /// What may be done.
    pub fn step(&self, now: Instant) -> Step {
        let Some((lease, since)) = &self.seen else {
            return Step::Create;
        };
        let expiry = *since + duration(lease);
        if holder(lease).is_none() || now >= expiry {
            Step::Take(Box::new(lease.clone()))
        } else {
            Step::Wait(expiry)
        }
    }
}

fn is_same(known: &Lease, other: &Lease) -> bool {
    known.metadata.uid == other.metadata.uid
        && known.metadata.resource_version == other.metadata.resource_version
}

/// The holder of a Lease.
pub fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    (!holder.is_empty()).then_some(holder)
}

fn duration(lease: &Lease) -> Duration {
    let seconds = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.lease_duration_seconds);
    let seconds = u64::try_from(seconds.unwrap_or_default()).unwrap_or_default();
    Duration::from_secs(seconds).max(LEAST)
}

/// The Lease as it is once `identity` has taken it.
pub fn taken(mut lease: Lease, identity: &str, lasts: Duration, now: Timestamp) -> Lease {
    let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        lease_duration_seconds: i32::try_from(lasts.as_secs()).ok(),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(transitions.map_or(0, |count| count.saturating_add(1))),
        ..lease.spec.unwrap_or_default()
    });
    lease
}

/// The Lease as it is once its holder has renewed it.
pub fn renewed(mut lease: Lease, now: Timestamp) -> Lease {
    let spec = lease.spec.get_or_insert_default();
    spec.renew_time = Some(MicroTime(now));
    lease
}

/// The Lease as it is once its holder has given it up: others need not wait.
pub fn released(mut lease: Lease, now: Timestamp) -> Lease {
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.lease_duration_seconds = Some(1);
    spec.renew_time = Some(MicroTime(now));
    lease
}
