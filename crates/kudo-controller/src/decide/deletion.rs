//! Decisions about an instance that is being deleted.
//!
//! Deletion never needs the operator version, but for running its cleanup plan. A cleanup plan that
//! failed holds the instance, visibly, until it is asked for again (`spec.planExecution`), or given up
//! (annotation [`CLEANUP_ANNOTATION`], or removal of the finalizer).

use kudo_api::instance::PlanStatus;
use kudo_api::names::{CLEANUP_ANNOTATION, CLEANUP_FINALIZER, CLEANUP_PLAN, INVENTORY_FINALIZER};
use kudo_package::OperatorDefinition;

use super::{Action, Decision, Lookup, Observation, Preparation, Start, Subject};
use crate::admission::{self, Cause, Question, Request, Side, Verdict};
use crate::conditions::is_refused;
use crate::status::was_any_run;
use crate::triggers;

/// Value of the annotation that gives up the cleanup plan.
const ABANDON: &str = "abandon";

pub(super) fn decide(observation: &Observation<'_>) -> Decision {
    let subject = Subject::new(observation.instance);
    if !subject.has_finalizer(CLEANUP_FINALIZER) {
        return finish(&subject, None);
    }
    if is_abandoned(&subject) {
        let reason = format!("given up by annotation {CLEANUP_ANNOTATION}: {ABANDON}");
        return finish(&subject, Some(reason));
    }
    if subject.status.accepted.is_none() && !was_any_run(subject.status) {
        return finish(&subject, None);
    }
    let version = subject
        .status
        .accepted
        .as_ref()
        .map_or(&subject.wanted_version, |accepted| {
            &accepted.operator_version
        });
    let lookup = match &subject.status.accepted {
        Some(_) => observation.accepted,
        None => observation.wanted,
    };
    match lookup {
        Lookup::Found(definition) if triggers::on_delete(definition).is_some() => {
            decide_cleanup(&subject, definition)
        }
        Lookup::Found(_) => finish(&subject, None),
        Lookup::Missing => finish(
            &subject,
            Some(format!("operator version {version:?} is gone")),
        ),
        Lookup::Invalid(_) | Lookup::NotWatched => subject.unusable(Action::Idle, version, lookup),
    }
}

fn is_abandoned(subject: &Subject<'_>) -> bool {
    let annotations = subject.instance.metadata.annotations.as_ref();
    annotations
        .and_then(|map| map.get(CLEANUP_ANNOTATION))
        .is_some_and(|value| value == ABANDON)
}

fn decide_cleanup(subject: &Subject<'_>, definition: &OperatorDefinition) -> Decision {
    let recorded = subject.status.plan_status.get(CLEANUP_PLAN);
    let otherwise = match recorded {
        Some(plan) if plan.is_running() => Action::Resume {
            plan: CLEANUP_PLAN.to_owned(),
            uid: plan.uid.clone(),
        },
        Some(plan) if plan.status == "COMPLETE" => return finish(subject, None),
        Some(plan) if plan.was_run() && subject.is_request_over() => Action::ClearRequest,
        Some(plan) if plan.was_run() => Action::Idle,
        _ => start(subject),
    };
    with_requests(subject, definition, recorded, otherwise)
}

/// Looks at what the spec asks for: another attempt of the cleanup is granted, all else refused.
fn with_requests(
    subject: &Subject<'_>,
    definition: &OperatorDefinition,
    recorded: Option<&PlanStatus>,
    otherwise: Action,
) -> Decision {
    let accepted = subject.status.accepted.as_ref().map(|accepted| Side {
        operator_version: &accepted.operator_version,
        parameters: &accepted.parameters,
        definition: Some(definition),
    });
    let request = match subject.request() {
        // What was still waiting when the deletion came is void.
        Request::Trigger { plan } | Request::Scheduled { plan } if plan != CLEANUP_PLAN => {
            Request::None
        }
        request => request,
    };
    let wanted = subject.wanted(Some(definition));
    let verdict = admission::admit(&Question {
        accepted: accepted.or(Some(wanted)),
        wanted,
        definition,
        request,
        running: recorded
            .filter(|plan| plan.is_running())
            .map(|_| CLEANUP_PLAN),
        deleting: true,
    });
    match verdict {
        Verdict::Accept { plan: Some(_), .. } => subject.decision(start(subject)),
        Verdict::Refuse(refusal) => Subject::refused(otherwise, &refusal),
        Verdict::Accept { plan: None, .. } | Verdict::Unchanged => subject.decision(otherwise),
    }
}

fn start(subject: &Subject<'_>) -> Action {
    let execution = &subject.instance.spec.plan_execution;
    if execution.plan_name == CLEANUP_PLAN && execution.uid.is_empty() {
        return Action::Prepare(Preparation {
            request_uid: true,
            ..Preparation::default()
        });
    }
    let accepted = subject.status.accepted.clone();
    Action::Start(Start {
        plan: CLEANUP_PLAN.to_owned(),
        uid: subject.requested_uid(CLEANUP_PLAN),
        cause: Cause::Deleted,
        accepted: accepted.unwrap_or_else(|| subject.to_accept()),
        upgraded_from: subject.status.upgraded_from.clone(),
    })
}

/// The end: what only the inventory reaches goes, then the finalizers.
fn finish(subject: &Subject<'_>, skipped_cleanup: Option<String>) -> Decision {
    let ours = [CLEANUP_FINALIZER, INVENTORY_FINALIZER];
    let action = if ours.iter().any(|name| subject.has_finalizer(name)) {
        Action::FinishDeletion { skipped_cleanup }
    } else {
        Action::Idle
    };
    let mut decision = subject.decision(action);
    if is_refused(subject.status) {
        decision.notice = super::Notice::None;
    }
    decision
}
