//! The conditions of an instance, `Ready` (spec §8) and `Accepted`, as pure functions.

use kudo_api::instance::InstanceStatus;
use kudo_api::names::{
    ACCEPTED_CONDITION, DEPLOY_PLAN, READY_CONDITION, UPDATE_PLAN, UPGRADE_PLAN,
};
use kudo_api::{Condition, Time};

use crate::status::shorten;

/// Kubernetes allows 32 KiB; nobody reads that much.
const MAX_MESSAGE: usize = 4096;

/// What a condition should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    type_: &'static str,
    status: &'static str,
    reason: String,
    message: String,
}

impl Wanted {
    /// All resources of the instance are ready.
    pub fn ready() -> Self {
        Self::new(READY_CONDITION, "True", "ResourcesReady", "")
    }

    /// Some resources are not ready; the message lists them.
    pub fn not_ready(message: &str) -> Self {
        Self::new(READY_CONDITION, "False", "ResourceNotReady", message)
    }

    /// A plan that changes resources is running.
    pub fn plan_in_progress() -> Self {
        Self::new(READY_CONDITION, "Unknown", "PlanInProgress", "")
    }

    /// The last plan failed for good.
    pub fn plan_in_fatal_error() -> Self {
        Self::new(READY_CONDITION, "Unknown", "PlanInFatalError", "")
    }

    /// The spec, or a part of it, was refused.
    pub fn refused(reason: &str, message: &str) -> Self {
        Self::new(ACCEPTED_CONDITION, "False", reason, message)
    }

    /// The spec is accepted (again).
    pub fn accepted() -> Self {
        Self::new(ACCEPTED_CONDITION, "True", "Accepted", "")
    }

    fn new(type_: &'static str, status: &'static str, reason: &str, message: &str) -> Self {
        Self {
            type_,
            status,
            reason: reason.to_owned(),
            message: shorten(message, MAX_MESSAGE),
        }
    }

    /// Whether the status says something else.
    pub fn differs_from(&self, status: &InstanceStatus) -> bool {
        status.condition(self.type_).is_none_or(|present| {
            present.status != self.status
                || present.reason != self.reason
                || present.message != self.message
        })
    }

    /// Writes the condition. Its time is that of the last change of its status, not of its message.
    pub fn apply(&self, status: &mut InstanceStatus, now: &Time) {
        let kept = status
            .condition(self.type_)
            .filter(|present| present.status == self.status)
            .map(|present| present.last_transition_time.clone());
        let condition = Condition {
            type_: self.type_.to_owned(),
            status: self.status.to_owned(),
            reason: self.reason.clone(),
            message: self.message.clone(),
            last_transition_time: kept.unwrap_or_else(|| now.clone()),
            observed_generation: None,
        };
        match status.conditions.iter_mut().find(|c| c.type_ == self.type_) {
            Some(present) => *present = condition,
            None => status.conditions.push(condition),
        }
    }
}

/// What `Ready` says when `plan` starts: the plans that make an instance what it should be leave it
/// open; others (a backup, say) leave it as it is.
pub fn ready_at_start(plan: &str) -> Option<Wanted> {
    [DEPLOY_PLAN, UPDATE_PLAN, UPGRADE_PLAN]
        .contains(&plan)
        .then(Wanted::plan_in_progress)
}

/// Whether the instance was told, and not yet otherwise, that a part of its spec is refused.
pub fn is_refused(status: &InstanceStatus) -> bool {
    status
        .condition(ACCEPTED_CONDITION)
        .is_some_and(|condition| condition.status == "False")
}
