//! What controllers ask of a pod.

use std::cmp::Reverse;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::clock::left;
use super::model::Condition;
use super::world::PodRef;

impl PodRef<'_> {
    pub(super) fn phase(&self) -> &str {
        &self.body.status.phase
    }

    pub(super) fn is_finished(&self) -> bool {
        matches!(self.phase(), "Succeeded" | "Failed")
    }

    /// Neither finished nor going.
    pub(super) fn is_active(&self) -> bool {
        !self.is_finished() && !self.is_deleting()
    }

    pub(super) fn ready_condition(&self) -> Option<&Condition> {
        let mut conditions = self.body.status.conditions.iter();
        conditions.find(|c| c.kind == "Ready" && c.status == "True")
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready_condition().is_some()
    }

    pub(super) fn is_running_and_ready(&self) -> bool {
        self.phase() == "Running" && self.is_ready()
    }

    /// How long until the ready pod counts as available; nothing if it is not ready.
    pub(super) fn available_in(&self, min_ready_seconds: i32, now: Timestamp) -> Option<Duration> {
        let ready = self.ready_condition()?;
        let needed = Duration::from_secs(u64::try_from(min_ready_seconds).unwrap_or(0));
        if needed.is_zero() {
            return Some(Duration::ZERO);
        }
        let since = ready.last_transition_time.as_ref()?;
        Some(left(since.0, needed, now).unwrap_or_default())
    }

    pub(super) fn is_available(&self, min_ready_seconds: i32, now: Timestamp) -> bool {
        self.available_in(min_ready_seconds, now) == Some(Duration::ZERO)
    }

    /// When the last container ended.
    pub(super) fn finished_at(&self) -> Option<Timestamp> {
        let containers = self.body.status.container_statuses.iter();
        let ended = containers.filter_map(|c| c.state.terminated.as_ref()?.finished_at.as_ref());
        ended.map(|time| time.0).max()
    }

    pub(super) fn restarts(&self) -> i32 {
        let status = &self.body.status;
        let containers = status
            .container_statuses
            .iter()
            .chain(&status.init_container_statuses);
        containers.map(|container| container.restart_count).sum()
    }

    fn deletion_cost(&self) -> i32 {
        self.annotation("controller.kubernetes.io/pod-deletion-cost")
            .and_then(|cost| cost.parse().ok())
            .unwrap_or(0)
    }
}

/// Until the first of the ready pods becomes available.
pub(super) fn next_available(
    pods: &[PodRef<'_>],
    min_ready_seconds: i32,
    now: Timestamp,
) -> Option<Duration> {
    let waits = pods
        .iter()
        .filter_map(|pod| pod.available_in(min_ready_seconds, now));
    waits.filter(|wait| !wait.is_zero()).min()
}

/// Sorts pods so that those whose end costs least come first, as Kubernetes ranks them.
pub(super) fn sort_for_deletion(pods: &mut [PodRef<'_>]) {
    pods.sort_by_cached_key(|pod| {
        let phase = match pod.phase() {
            "Running" => 2,
            "Unknown" => 1,
            _ => 0,
        };
        let ready_since = pod.ready_condition().and_then(|ready| {
            let since = ready.last_transition_time.as_ref();
            since.map(|time| time.0)
        });
        (
            (!pod.body.spec.node_name.is_empty(), phase, pod.is_ready()),
            pod.deletion_cost(),
            Reverse(ready_since),
            Reverse(pod.restarts()),
            Reverse(pod.created()),
            pod.name().to_owned(),
        )
    });
}
