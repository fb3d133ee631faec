//! Second stage of a reconcile: what to do about an instance, from what was observed of it.
//!
//! Pure. The whole state is in the [`Observation`]; asking again after a crash gives the same answer, and
//! asking again after the action was carried out gives the next one, until there is nothing to do.

mod deletion;
mod life;

use std::collections::BTreeMap;

use kudo_api::Instance;
use kudo_api::convert::DefinitionError;
use kudo_api::instance::{Accepted, InstanceStatus, PlanExecution, PlanStatus};
use kudo_api::names::{CLEANUP_FINALIZER, CLEANUP_PLAN};
use kudo_package::OperatorDefinition;

use crate::admission::{Cause, Refusal, Request, Side};
use crate::conditions;
use crate::versions::VersionKey;

/// What is known of an operator version.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'a> {
    /// It is there.
    Found(&'a OperatorDefinition),
    /// There is no such operator version.
    Missing,
    /// It would be in a namespace that this manager does not look after.
    NotWatched,
    /// It is there, but cannot be run.
    Invalid(&'a DefinitionError),
}

impl<'a> Lookup<'a> {
    /// The definition, if it is there.
    pub fn found(self) -> Option<&'a OperatorDefinition> {
        match self {
            Self::Found(definition) => Some(definition),
            Self::Missing | Self::NotWatched | Self::Invalid(_) => None,
        }
    }
}

/// What was observed of an instance.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The instance itself.
    pub instance: &'a Instance,
    /// The operator version that its spec names.
    pub wanted: Lookup<'a>,
    /// The operator version that was last accepted; irrelevant if none was.
    pub accepted: Lookup<'a>,
}

/// What to do, and what to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// What to tell about the spec.
    pub notice: Notice,
}

/// What to do about an instance.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Nothing but keeping `Ready` true to the resources.
    Idle,
    /// Bring the instance's metadata and spec in order before a plan starts.
    Prepare(Preparation),
    /// Write down the spec as accepted without running anything.
    Accept(Accepted),
    /// Start a plan.
    Start(Start),
    /// Go on with the plan that is recorded as running.
    Resume {
        /// The plan.
        plan: String,
        /// Its execution.
        uid: String,
    },
    /// Remove `spec.planExecution`, whose plan has ended.
    ClearRequest,
    /// Delete what the operator version before the accepted one left behind.
    Prune,
    /// Delete the pods that Pipe tasks of an ended plan have left behind.
    Sweep,
    /// Remove what only the inventory reaches, then let the instance go.
    FinishDeletion {
        /// Why the cleanup plan, which the instance was waiting for, does not run.
        skipped_cleanup: Option<String>,
    },
}

/// Changes of an instance's own metadata and spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preparation {
    /// The finalizers it should have, if they differ.
    pub finalizers: Option<Vec<String>>,
    /// Parameters to write into the spec: the values of immutable ones. `None` takes one away.
    pub parameters: BTreeMap<String, Option<String>>,
    /// Whether `spec.planExecution` lacks a uid.
    pub request_uid: bool,
}

impl Preparation {
    /// Whether everything is in order.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A plan to start.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// The plan.
    pub plan: String,
    /// The execution's identity, if the one who asked for it chose it.
    pub uid: Option<String>,
    /// Why it starts.
    pub cause: Cause,
    /// What is accepted with it.
    pub accepted: Accepted,
    /// The operator version that it replaces.
    pub upgraded_from: Option<String>,
}

/// What to tell about the spec, in the condition `Accepted` and by an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Nothing new.
    None,
    /// The spec, or a part of it, is not acted upon.
    Refused {
        /// The condition's reason.
        reason: String,
        /// The event's reason.
        event_reason: String,
        /// Why, for people.
        message: String,
    },
    /// What was refused before is accepted now, or was taken back.
    Accepted,
}

/// Decides.
pub fn decide(observation: &Observation<'_>) -> Decision {
    let instance = observation.instance;
    if instance.metadata.deletion_timestamp.is_some() {
        deletion::decide(observation)
    } else {
        life::decide(observation)
    }
}

/// An instance with the parts that decisions look at in reach.
pub(crate) struct Subject<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) status: &'a InstanceStatus,
    namespace: &'a str,
    pub(crate) wanted_version: String,
}

static NO_STATUS: std::sync::LazyLock<InstanceStatus> =
    std::sync::LazyLock::new(InstanceStatus::default);

impl<'a> Subject<'a> {
    pub(crate) fn new(instance: &'a Instance) -> Self {
        let namespace = instance.metadata.namespace.as_deref().unwrap_or_default();
        let key = VersionKey::referenced(&instance.spec.operator_version, namespace);
        Self {
            instance,
            status: instance.status.as_ref().unwrap_or(&NO_STATUS),
            namespace,
            wanted_version: key.to_recorded(namespace),
        }
    }

    pub(crate) fn wanted(&self, definition: Option<&'a OperatorDefinition>) -> Side<'_> {
        Side {
            operator_version: &self.wanted_version,
            parameters: &self.instance.spec.parameters,
            definition,
        }
    }

    /// What acceptance of the spec as it stands would record.
    pub(crate) fn to_accept(&self) -> Accepted {
        Accepted {
            operator_version: self.wanted_version.clone(),
            parameters: self.instance.spec.parameters.clone(),
        }
    }

    fn is_accepted(&self, accepted: &Accepted) -> bool {
        accepted.operator_version == self.wanted_version
            && accepted.parameters == self.instance.spec.parameters
    }

    /// What the spec asks for explicitly, leaving out what was already started.
    pub(crate) fn request(&self) -> Request<'a> {
        let execution = &self.instance.spec.plan_execution;
        if execution.is_empty() || self.is_request_started() {
            return Request::None;
        }
        let plan = execution.plan_name.as_str();
        if is_scheduled(execution) {
            Request::Scheduled { plan }
        } else if has_ended(execution) {
            Request::None
        } else {
            Request::Trigger { plan }
        }
    }

    /// Whether the execution that the spec asks for is the one recorded for its plan.
    pub(crate) fn is_request_started(&self) -> bool {
        let execution = &self.instance.spec.plan_execution;
        let recorded = self.status.plan_status.get(&execution.plan_name);
        !execution.uid.is_empty() && recorded.is_some_and(|plan| plan.uid == execution.uid)
    }

    /// Whether the execution that the spec asks for has ended, so that asking has, too.
    pub(crate) fn is_request_over(&self) -> bool {
        let execution = &self.instance.spec.plan_execution;
        let recorded = self.status.plan_status.get(&execution.plan_name);
        has_ended(execution)
            || self.is_request_started() && recorded.is_some_and(PlanStatus::is_terminal)
    }

    /// The uid that the spec chose for an execution of `plan` that is about to start.
    pub(crate) fn requested_uid(&self, plan: &str) -> Option<String> {
        let execution = &self.instance.spec.plan_execution;
        let chosen =
            execution.plan_name == plan && !execution.uid.is_empty() && !self.is_request_started();
        chosen.then(|| execution.uid.clone())
    }

    fn has_finalizer(&self, name: &str) -> bool {
        let finalizers = self.instance.metadata.finalizers.as_deref();
        finalizers.unwrap_or_default().iter().any(|f| f == name)
    }

    /// The finalizers it should have for an operator version, if they differ.
    pub(crate) fn finalizers_for(&self, definition: &OperatorDefinition) -> Option<Vec<String>> {
        let wanted = definition.plans.contains_key(CLEANUP_PLAN);
        if wanted == self.has_finalizer(CLEANUP_FINALIZER) {
            return None;
        }
        let mut finalizers = self
            .instance
            .metadata
            .finalizers
            .clone()
            .unwrap_or_default();
        if wanted {
            finalizers.push(CLEANUP_FINALIZER.to_owned());
        } else {
            finalizers.retain(|name| name != CLEANUP_FINALIZER);
        }
        Some(finalizers)
    }

    fn decision(&self, action: Action) -> Decision {
        let notice = if conditions::is_refused(self.status) {
            Notice::Accepted
        } else {
            Notice::None
        };
        Decision { action, notice }
    }

    fn refused(action: Action, refusal: &Refusal) -> Decision {
        let message = if refusal.rule.is_deferred() {
            format!("{refusal}; it is taken up when the plan has ended")
        } else {
            refusal.to_string()
        };
        Decision {
            action,
            notice: Notice::Refused {
                reason: refusal.rule.name().to_owned(),
                event_reason: refusal.rule.event_reason().to_owned(),
                message,
            },
        }
    }

    /// Tells that an operator version is not there or cannot be run.
    fn unusable(&self, action: Action, version: &str, lookup: Lookup<'_>) -> Decision {
        let key = VersionKey::recorded(version, self.namespace);
        let (reason, message) = why_unusable(&key, lookup);
        Decision {
            action,
            notice: Notice::Refused {
                reason: reason.to_owned(),
                event_reason: reason.to_owned(),
                message,
            },
        }
    }
}

/// Why an operator version cannot be used: the reason for a condition, and a sentence for people.
pub fn why_unusable(key: &VersionKey, lookup: Lookup<'_>) -> (&'static str, String) {
    let VersionKey { namespace, name } = key;
    match lookup {
        Lookup::Invalid(error) => (
            error.reason(),
            format!("operator version {name:?} cannot be run: {error}"),
        ),
        Lookup::NotWatched => (
            "InvalidOperatorVersion",
            format!(
                "operator version {name:?} is in namespace {namespace:?}, which this manager does not watch"
            ),
        ),
        Lookup::Missing | Lookup::Found(_) => (
            "InvalidOperatorVersion",
            format!("operator version {name:?} not found in namespace {namespace:?}"),
        ),
    }
}

/// Whether a webhook has scheduled the execution together with the change that needs it.
pub(crate) fn is_scheduled(execution: &PlanExecution) -> bool {
    matches!(execution.status.as_str(), "NEVER_RUN" | "PENDING")
}

/// Whether the spec itself says that the execution is over, as upstream's controller wrote it.
pub(crate) fn has_ended(execution: &PlanExecution) -> bool {
    matches!(execution.status.as_str(), "COMPLETE" | "FATAL_ERROR")
}
