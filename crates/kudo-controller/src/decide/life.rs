//! Decisions about an instance that is not being deleted.

use std::collections::BTreeMap;

use kudo_api::instance::Accepted;
use kudo_kube::inventory::is_pipe_pod;
use kudo_package::OperatorDefinition;

use super::{Action, Decision, Lookup, Observation, Preparation, Start, Subject};
use crate::admission::{
    self, Cause, Question, Request, Side, Verdict, forgotten_parameters, immutable_defaults,
    pinned_parameters, with_added,
};
use crate::status::{running_plan, was_any_run};

pub(super) fn decide(observation: &Observation<'_>) -> Decision {
    let subject = Subject::new(observation.instance);
    match &subject.status.accepted {
        Some(accepted) => decide_change(&subject, accepted, observation),
        // The original's webhook had accepted what stands in the spec.
        None if was_any_run(subject.status) => {
            subject.decision(Action::Accept(subject.to_accept()))
        }
        None => decide_new(&subject, observation.wanted),
    }
}

fn decide_new(subject: &Subject<'_>, wanted: Lookup<'_>) -> Decision {
    let Lookup::Found(definition) = wanted else {
        return subject.unusable(Action::Idle, &subject.wanted_version, wanted);
    };
    let question = Question {
        accepted: None,
        wanted: subject.wanted(Some(definition)),
        definition,
        request: subject.request(),
        running: None,
        deleting: false,
    };
    match admission::admit(&question) {
        Verdict::Refuse(refusal) => Subject::refused(Action::Idle, &refusal),
        Verdict::Accept {
            plan: Some(plan),
            cause,
        } => {
            let missing = immutable_defaults(&subject.instance.spec.parameters, definition);
            let preparation = preparation(subject, definition, &plan, put(missing));
            start_or_prepare(subject, preparation, plan, cause, None)
        }
        Verdict::Accept { plan: None, .. } | Verdict::Unchanged => {
            subject.decision(Action::Accept(subject.to_accept()))
        }
    }
}

fn decide_change(
    subject: &Subject<'_>,
    accepted: &Accepted,
    observation: &Observation<'_>,
) -> Decision {
    let running = running_plan(subject.status);
    if running.is_some() && observation.accepted.found().is_none() {
        let version = &accepted.operator_version;
        return subject.unusable(Action::Idle, version, observation.accepted);
    }
    let otherwise = match running {
        Some((plan, recorded)) => Action::Resume {
            plan: plan.to_owned(),
            uid: recorded.uid.clone(),
        },
        None => when_settled(subject, observation.accepted.found()),
    };
    let request = subject.request();
    if subject.is_accepted(accepted) && request == Request::None {
        return subject.decision(otherwise);
    }
    let Lookup::Found(definition) = observation.wanted else {
        return subject.unusable(otherwise, &subject.wanted_version, observation.wanted);
    };
    let given = &subject.instance.spec.parameters;
    let pinned = pinned_parameters(&accepted.parameters, given, definition);
    let parameters = with_added(given, &pinned);
    let question = Question {
        accepted: Some(Side {
            operator_version: &accepted.operator_version,
            parameters: &accepted.parameters,
            definition: observation.accepted.found(),
        }),
        wanted: Side {
            parameters: &parameters,
            ..subject.wanted(Some(definition))
        },
        definition,
        request,
        running: running.map(|(plan, _)| plan),
        deleting: false,
    };
    match admission::admit(&question) {
        Verdict::Refuse(refusal) => Subject::refused(otherwise, &refusal),
        Verdict::Unchanged | Verdict::Accept { plan: None, .. } if !pinned.is_empty() => subject
            .decision(Action::Prepare(Preparation {
                parameters: put(pinned),
                ..Preparation::default()
            })),
        Verdict::Unchanged => subject.decision(otherwise),
        Verdict::Accept { plan: None, .. } => subject.decision(Action::Accept(subject.to_accept())),
        Verdict::Accept {
            plan: Some(plan),
            cause,
        } => {
            let upgraded_from = match cause {
                Cause::Upgraded => Some(accepted.operator_version.clone()),
                _ => subject.status.upgraded_from.clone(),
            };
            let mut parameters = put(pinned);
            if cause == Cause::Upgraded {
                let forgotten = forgotten_parameters(given, definition);
                parameters.extend(forgotten.map(|name| (name.clone(), None)));
            }
            let preparation = preparation(subject, definition, &plan, parameters);
            start_or_prepare(subject, preparation, plan, cause, upgraded_from)
        }
    }
}

/// What there is to do when nothing runs and nothing changed.
fn when_settled(subject: &Subject<'_>, definition: Option<&OperatorDefinition>) -> Action {
    if subject.is_request_over() {
        return Action::ClearRequest;
    }
    if subject.status.inventory.iter().any(is_pipe_pod) {
        return Action::Sweep;
    }
    let Some(definition) = definition else {
        return Action::Idle;
    };
    if let Some(finalizers) = subject.finalizers_for(definition) {
        return Action::Prepare(Preparation {
            finalizers: Some(finalizers),
            ..Preparation::default()
        });
    }
    let last = subject.status.last_executed_plan();
    let complete = last.is_some_and(|(_, plan)| plan.status == "COMPLETE");
    if subject.status.upgraded_from.is_some() && complete {
        return Action::Prune;
    }
    Action::Idle
}

fn preparation(
    subject: &Subject<'_>,
    definition: &OperatorDefinition,
    plan: &str,
    parameters: BTreeMap<String, Option<String>>,
) -> Preparation {
    let execution = &subject.instance.spec.plan_execution;
    Preparation {
        finalizers: subject.finalizers_for(definition),
        parameters,
        request_uid: execution.plan_name == plan && execution.uid.is_empty(),
    }
}

/// Parameters that are written into the spec.
fn put(parameters: BTreeMap<String, String>) -> BTreeMap<String, Option<String>> {
    let some = |(name, value)| (name, Some(value));
    parameters.into_iter().map(some).collect()
}

fn start_or_prepare(
    subject: &Subject<'_>,
    preparation: Preparation,
    plan: String,
    cause: Cause,
    upgraded_from: Option<String>,
) -> Decision {
    if !preparation.is_empty() {
        return subject.decision(Action::Prepare(preparation));
    }
    subject.decision(Action::Start(Start {
        uid: subject.requested_uid(&plan),
        accepted: subject.to_accept(),
        plan,
        cause,
        upgraded_from,
    }))
}
