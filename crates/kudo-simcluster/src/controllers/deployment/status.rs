//! What a deployment reports of itself.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::rollout::available;
use super::{Action, Rollout, SetRef, Verdict, replicas};
use crate::controllers::action::merge_patch;
use crate::controllers::clock::left;
use crate::controllers::conditions::{self, Condition, Status, count, text};

const PROGRESSING: &str = "Progressing";
const UPDATED: Option<&str> = Some("lastUpdateTime");

/// The counters of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    replicas: i64,
    updated: i64,
    ready: i64,
    available: i64,
}

impl Counts {
    fn of(status: &Value) -> Self {
        Self {
            replicas: count(status, "replicas"),
            updated: count(status, "updatedReplicas"),
            ready: count(status, "readyReplicas"),
            available: count(status, "availableReplicas"),
        }
    }

    fn is_progress(self, before: Self) -> bool {
        self.updated > before.updated
            || self.replicas - self.updated < before.replicas - before.updated
            || self.ready > before.ready
            || self.available > before.available
    }
}

impl Rollout<'_> {
    /// The status for a deployment that is going or standing still.
    pub(super) fn status_only(&self) -> Verdict {
        self.with_status(Vec::new(), false)
    }

    /// Adds the status to the writes; `rolling` says whether progress is to be judged.
    pub(super) fn with_status(&self, mut actions: Vec<Action>, rolling: bool) -> Verdict {
        let old = &self.deployment.body.status;
        let counts = self.counts();
        let mut conditions = conditions::of(old);
        self.judge_availability(&mut conditions, counts);
        let again = rolling.then(|| self.judge_progress(&mut conditions, counts));
        if rolling {
            self.judge_failures(&mut conditions);
        }
        let missing = self.sets().map(replicas).sum::<i64>() - counts.available;
        let new = Status::keeping(old, &["collisionCount", "terminatingReplicas"])
            .count("observedGeneration", self.deployment.generation())
            .count("replicas", counts.replicas)
            .count("updatedReplicas", counts.updated)
            .count("readyReplicas", counts.ready)
            .count("availableReplicas", counts.available)
            .count("unavailableReplicas", missing.max(0))
            .list("conditions", conditions)
            .done();
        let status = merge_patch(old, &new);
        let annotations = self.own_annotation();
        if status.is_some() || annotations.is_some() {
            let write = Action::PatchStatus {
                target: (&self.deployment).into(),
                status: status.unwrap_or_else(|| json!({})),
                annotations: annotations.unwrap_or_default(),
            };
            actions.insert(0, write);
        }
        Verdict::write(actions).again_after(again.flatten())
    }

    /// Whether the wanted pods are there, of today's template and available, and no others.
    pub(super) fn is_complete(&self) -> bool {
        let wanted = self.replicas();
        let counts = Counts::of(&self.deployment.body.status);
        counts.replicas == wanted
            && counts.updated == wanted
            && counts.available == wanted
            && count(&self.deployment.body.status, "observedGeneration")
                >= self.deployment.generation()
    }

    /// The condition that a rollout was paused or goes on, where it has changed.
    pub(super) fn pause_condition(&self) -> Option<Action> {
        self.deadline()?;
        let old = &self.deployment.body.status;
        let reason = conditions::find(old, PROGRESSING).map_or("", |c| text(c, "reason"));
        let is_paused = reason == "DeploymentPaused";
        let (reason, message) = match (self.deployment.body.spec.paused, is_paused) {
            _ if reason == "ProgressDeadlineExceeded" => return None,
            (true, false) => ("DeploymentPaused", "Deployment is paused"),
            (false, true) => ("DeploymentResumed", "Deployment is resumed"),
            _ => return None,
        };
        let condition = Condition {
            kind: PROGRESSING,
            status: "Unknown",
            reason,
            message: message.to_owned(),
        };
        self.condition_action(&condition)
    }

    /// The condition that the new set could not be created, if so.
    pub(super) fn failure_to_create(&self, name: &str) -> Option<Action> {
        self.deadline()?;
        let failure = self.view.failure.filter(|f| !f.message.is_empty())?;
        self.condition_action(&Condition {
            kind: PROGRESSING,
            status: "False",
            reason: "ReplicaSetCreateError",
            message: format!(
                "Failed to create new replica set {name:?}: {}",
                failure.message
            ),
        })
    }

    /// The condition that the new set was created.
    pub(super) fn created(&self, name: &str) -> Option<Action> {
        self.deadline()?;
        self.condition_action(&Condition {
            kind: PROGRESSING,
            status: "True",
            reason: "NewReplicaSetCreated",
            message: format!("Created new replica set {name:?}"),
        })
    }

    /// Counts a name that was another's.
    pub(super) fn count_collision(&self, collisions: i64) -> Verdict {
        let old = &self.deployment.body.status;
        let mut new = old.clone();
        new["collisionCount"] = (collisions + 1).into();
        Verdict::write(Action::status(&self.deployment, old, &new))
    }

    fn condition_action(&self, condition: &Condition<'_>) -> Option<Action> {
        let old = &self.deployment.body.status;
        let mut conditions = conditions::of(old);
        conditions::set(&mut conditions, condition, UPDATED, self.view.now);
        let mut new = old.clone();
        new["conditions"] = conditions.into();
        Action::status(&self.deployment, old, &new)
    }

    fn counts(&self) -> Counts {
        let sum = |field: &str| {
            self.sets()
                .map(|set| count(&set.body.status, field))
                .sum::<i64>()
        };
        let updated = self.new.as_ref();
        Counts {
            replicas: sum("replicas"),
            updated: updated.map_or(0, |new| count(&new.body.status, "replicas")),
            ready: sum("readyReplicas"),
            available: self.sets().map(available).sum(),
        }
    }

    fn judge_availability(&self, conditions: &mut Vec<Value>, counts: Counts) {
        let enough = counts.available >= self.replicas() - self.max_unavailable();
        let (status, reason, message) = if enough {
            (
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
            )
        } else {
            (
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            )
        };
        let condition = Condition {
            kind: "Available",
            status,
            reason,
            message: message.to_owned(),
        };
        conditions::set(conditions, &condition, UPDATED, self.view.now);
    }

    /// Sets the condition of progress; returns when the deadline is to be looked at.
    fn judge_progress(&self, conditions: &mut Vec<Value>, counts: Counts) -> Option<Duration> {
        let Some(deadline) = self.deadline() else {
            conditions::remove(conditions, PROGRESSING);
            return None;
        };
        let now = self.view.now;
        let old = &self.deployment.body.status;
        let current = conditions::find(old, PROGRESSING);
        let reason = current.map_or("", |condition| text(condition, "reason"));
        let wanted = self.replicas();
        let done = counts.replicas == counts.updated && reason == "NewReplicaSetAvailable";
        let complete =
            counts.replicas == wanted && counts.updated == wanted && counts.available == wanted;
        let progress = |status, reason, what: &str| Condition {
            kind: PROGRESSING,
            status,
            reason,
            message: format!("{} {what}", self.subject()),
        };
        if done {
            return None;
        }
        if complete {
            let condition = progress(
                "True",
                "NewReplicaSetAvailable",
                "has successfully progressed.",
            );
            conditions::set(conditions, &condition, UPDATED, now);
            return None;
        }
        if let (None, Some(new)) = (current, &self.new) {
            let condition = Condition {
                kind: PROGRESSING,
                status: "True",
                reason: "FoundNewReplicaSet",
                message: format!("Found new replica set {:?}", new.name()),
            };
            conditions::set(conditions, &condition, UPDATED, now);
            return Some(deadline + Duration::from_secs(1));
        }
        if counts.is_progress(Counts::of(old)) {
            // Every progress sets the deadline anew, so the condition is renewed even if it says the same.
            let condition = progress("True", "ReplicaSetUpdated", "is progressing.");
            let since = current
                .filter(|condition| condition["status"] == "True")
                .map(|condition| condition["lastTransitionTime"].clone());
            conditions::remove(conditions, PROGRESSING);
            conditions::set(conditions, &condition, UPDATED, now);
            if let (Some(since), Some(condition)) = (since, conditions.last_mut()) {
                condition["lastTransitionTime"] = since;
            }
            return Some(deadline + Duration::from_secs(1));
        }
        if matches!(
            reason,
            "NewReplicaSetAvailable" | "ProgressDeadlineExceeded"
        ) {
            return None;
        }
        let since = current
            .and_then(|condition| text(condition, "lastUpdateTime").parse::<Timestamp>().ok())?;
        let Some(left) = left(since, deadline, now) else {
            let condition = progress(
                "False",
                "ProgressDeadlineExceeded",
                "has timed out progressing.",
            );
            conditions::set(conditions, &condition, UPDATED, now);
            return None;
        };
        Some(left + Duration::from_secs(1))
    }

    fn subject(&self) -> String {
        match &self.new {
            Some(new) => format!("ReplicaSet {:?}", new.name()),
            None => format!("Deployment {:?}", self.deployment.name()),
        }
    }

    /// Passes on what keeps a set from creating or deleting pods.
    fn judge_failures(&self, conditions: &mut Vec<Value>) {
        let failing =
            |set: &SetRef<'_>| conditions::find(&set.body.status, "ReplicaFailure").cloned();
        let failure = self.new.as_ref().and_then(failing);
        let Some(failure) = failure.or_else(|| self.old.iter().find_map(failing)) else {
            conditions::remove(conditions, "ReplicaFailure");
            return;
        };
        let condition = Condition {
            kind: "ReplicaFailure",
            status: text(&failure, "status"),
            reason: text(&failure, "reason"),
            message: text(&failure, "message").to_owned(),
        };
        conditions::set(conditions, &condition, UPDATED, self.view.now);
    }

    /// The time a rollout may stand still; absent or the largest number means for ever.
    fn deadline(&self) -> Option<Duration> {
        let seconds = self.deployment.body.spec.progress_deadline_seconds?;
        let seconds = Some(seconds).filter(|seconds| *seconds != i32::MAX)?;
        u64::try_from(seconds).ok().map(Duration::from_secs)
    }
}
