//! The rules of spec §9: which changes of an instance are accepted, and which plan they run.
//!
//! Pure: [`admit`] takes what was last accepted, what is wanted now, the operator definitions of both
//! and what runs, and gives a [`Verdict`]. The controller asks it on every change; a webhook may ask
//! it before a change is stored. A refusal changes nothing: what was accepted goes on.

mod changes;
mod refusal;

use std::collections::BTreeMap;

use kudo_api::names::{CLEANUP_PLAN, DEPLOY_PLAN};
use kudo_package::{OperatorDefinition, parameter, suggest};

pub use changes::{forgotten_parameters, immutable_defaults, pinned_parameters, with_added};
pub use refusal::{Refusal, Rule};

use crate::triggers;
use changes::Changes;

/// A spec as far as the rules look at it.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The operator version's key; two sides that differ in it mean an upgrade.
    pub operator_version: &'a str,
    /// The parameters given.
    pub parameters: &'a BTreeMap<String, String>,
    /// What the operator version holds, if it is known.
    pub definition: Option<&'a OperatorDefinition>,
}

/// What the wanted spec says about plans, compared with the executions recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Request<'a> {
    /// Nothing, or an execution that was already started.
    #[default]
    None,
    /// A person asks for an execution.
    Trigger {
        /// The plan asked for.
        plan: &'a str,
    },
    /// Upstream's webhook scheduled the plan that goes with the change.
    Scheduled {
        /// The plan it scheduled.
        plan: &'a str,
    },
    /// A person takes back the execution that runs. Only a webhook sees this.
    Cancel,
}

/// A change of an instance, and what it meets.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What was last accepted; `None` for a new instance.
    pub accepted: Option<Side<'a>>,
    /// What is wanted now.
    pub wanted: Side<'a>,
    /// What the wanted operator version holds.
    pub definition: &'a OperatorDefinition,
    /// What the wanted spec asks for explicitly.
    pub request: Request<'a>,
    /// The plan that runs.
    pub running: Option<&'a str>,
    /// Whether the instance is being deleted.
    pub deleting: bool,
}

/// Why a plan runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The instance is new.
    Created,
    /// The operator version changed.
    Upgraded,
    /// Parameters changed.
    ParametersChanged,
    /// Somebody asked for the plan.
    Requested,
    /// The instance is being deleted.
    Deleted,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do: what is wanted is what was accepted.
    Unchanged,
    /// The change is accepted.
    Accept {
        /// The plan it runs; `None` when the change concerns nothing that a plan could act upon.
        plan: Option<String>,
        /// Why the plan runs.
        cause: Cause,
    },
    /// The change is refused.
    Refuse(Refusal),
}

/// Applies the rules.
pub fn admit(question: &Question<'_>) -> Verdict {
    let verdict = match &question.accepted {
        None => admit_new(question),
        Some(accepted) => admit_change(question, accepted),
    };
    verdict.unwrap_or_else(Verdict::Refuse)
}

fn admit_new(question: &Question<'_>) -> Result<Verdict, Refusal> {
    let definition = question.definition;
    if !definition.plans.contains_key(DEPLOY_PLAN) {
        return Err(Refusal::new(
            Rule::NoDeployPlan,
            format!(
                "operator version {:?} has no plan {DEPLOY_PLAN:?}",
                question.wanted.operator_version
            ),
        ));
    }
    let given = question.wanted.parameters;
    if let Some(unknown) = given.keys().find(|n| definition.parameter(n).is_none()) {
        return Err(Refusal::unknown_parameter(unknown, definition));
    }
    check_values(given, definition)?;
    let plan = triggers::on_create(definition).map_err(|error| Refusal::trigger(&error))?;
    Ok(accept(plan, Cause::Created))
}

fn admit_change(question: &Question<'_>, accepted: &Side<'_>) -> Result<Verdict, Refusal> {
    check_requested_plan(question)?;
    let changes = Changes::between(accepted, question)?;
    changes.check_immutable(accepted, question)?;
    if changes.any() {
        check_values(question.wanted.parameters, question.definition)?;
    }
    let triggered = triggers::on_parameters(&changes.effective, question.definition)
        .map_err(|error| Refusal::trigger(&error))?;
    if question.deleting {
        return admit_while_deleting(question, &changes);
    }
    check_combination(question, &changes, triggered)?;
    decide_plan(question, &changes, triggered)
}

/// Only `cleanup` runs while an instance is being deleted, and nothing else changes.
fn admit_while_deleting(
    question: &Question<'_>,
    changes: &Changes<'_>,
) -> Result<Verdict, Refusal> {
    if changes.any() {
        return Err(Refusal::new(
            Rule::ChangeWhileDeleting,
            "the instance is being deleted: its parameters and operator version can no longer change",
        ));
    }
    match question.request {
        Request::None => Ok(Verdict::Unchanged),
        Request::Trigger { plan } | Request::Scheduled { plan } if plan == CLEANUP_PLAN => {
            Ok(accept(plan, Cause::Deleted))
        }
        Request::Cancel if question.running != Some(CLEANUP_PLAN) => Ok(Verdict::Unchanged),
        Request::Trigger { .. } | Request::Scheduled { .. } | Request::Cancel => Err(Refusal::new(
            Rule::OnlyCleanupWhileDeleting,
            "the instance is being deleted: only its cleanup plan can run, and can't be cancelled or \
             overridden",
        )),
    }
}

/// What may not come together, with a running plan or with one another.
fn check_combination(
    question: &Question<'_>,
    changes: &Changes<'_>,
    triggered: Option<&str>,
) -> Result<(), Refusal> {
    check_against_running(question, changes, triggered)?;
    let wanted = question.wanted.operator_version;
    if let Request::Trigger { plan } = question.request {
        if changes.upgrade {
            return Err(Refusal::new(
                Rule::TriggerWithUpgrade,
                format!("plan {plan:?} can't be triggered together with the upgrade to {wanted:?}"),
            ));
        }
        if triggered.is_some() {
            return Err(Refusal::new(
                Rule::TriggerWithParameterChange,
                format!(
                    "plan {plan:?} can't be triggered together with a change of parameters ({})",
                    changes.names()
                ),
            ));
        }
        if plan == CLEANUP_PLAN {
            return Err(Refusal::new(
                Rule::UserCleanup,
                "the cleanup plan runs when the instance is deleted and can't be triggered otherwise",
            ));
        }
    }
    match triggered {
        Some(plan) if changes.upgrade && plan != DEPLOY_PLAN => Err(Refusal::new(
            Rule::UpgradeWithParameterChange,
            format!(
                "the upgrade to {wanted:?} can't come together with a change of parameters ({}) that \
                 triggers plan {plan:?}",
                changes.names()
            ),
        )),
        _ => Ok(()),
    }
}

fn check_against_running(
    question: &Question<'_>,
    changes: &Changes<'_>,
    triggered: Option<&str>,
) -> Result<(), Refusal> {
    let Some(running) = question.running else {
        return Ok(());
    };
    if changes.upgrade {
        let wanted = question.wanted.operator_version;
        let problem = format!("plan {running:?} is running: the upgrade to {wanted:?} has to wait");
        return Err(Refusal::new(Rule::UpgradeWhileRunning, problem));
    }
    if let Some(plan) = triggered.filter(|plan| *plan != running) {
        let problem = format!(
            "plan {running:?} is running: a change of parameters ({}) that triggers plan {plan:?} has \
             to wait",
            changes.names()
        );
        return Err(Refusal::new(Rule::ParameterChangeWhileRunning, problem));
    }
    match question.request {
        Request::Trigger { plan } | Request::Scheduled { plan } if plan != running => {
            let problem = format!("plan {running:?} is running: plan {plan:?} has to wait");
            Err(Refusal::new(Rule::OverrideWhileRunning, problem))
        }
        // Taken back together with a change that restarts the plan, nothing is cancelled.
        Request::Cancel if triggered.is_none() => Err(Refusal::new(
            Rule::CancelWhileRunning,
            format!("plan {running:?} is running and can't be cancelled"),
        )),
        _ => Ok(()),
    }
}

fn decide_plan(
    question: &Question<'_>,
    changes: &Changes<'_>,
    triggered: Option<&str>,
) -> Result<Verdict, Refusal> {
    if changes.upgrade {
        let plan =
            triggers::on_upgrade(question.definition).map_err(|error| Refusal::trigger(&error))?;
        return Ok(accept(plan, Cause::Upgraded));
    }
    if let Some(plan) = triggered {
        return Ok(accept(plan, Cause::ParametersChanged));
    }
    match question.request {
        Request::Trigger { plan } | Request::Scheduled { plan } => {
            Ok(accept(plan, Cause::Requested))
        }
        Request::None | Request::Cancel if changes.any() => Ok(Verdict::Accept {
            plan: None,
            cause: Cause::ParametersChanged,
        }),
        Request::None | Request::Cancel => Ok(Verdict::Unchanged),
    }
}

fn check_requested_plan(question: &Question<'_>) -> Result<(), Refusal> {
    let (Request::Trigger { plan } | Request::Scheduled { plan }) = question.request else {
        return Ok(());
    };
    let plans = &question.definition.plans;
    if plans.contains_key(plan) {
        return Ok(());
    }
    let nearest = suggest::nearest(plan, plans.keys().map(String::as_str))
        .map(|name| format!(" (did you mean {name:?}?)"))
        .unwrap_or_default();
    Err(Refusal::new(
        Rule::UnknownPlan,
        format!("unknown plan {plan:?}{nearest}"),
    ))
}

/// Required, type and enum. Values of parameters that the operator version does not know are left
/// out: they are either refused as a change, or remains of an older version that harm nobody.
fn check_values(
    given: &BTreeMap<String, String>,
    definition: &OperatorDefinition,
) -> Result<(), Refusal> {
    resolve(given, definition)
        .map(drop)
        .map_err(|problems| Refusal::new(Rule::InvalidParameters, join(&problems)))
}

/// The values that templates see: those given, and defaults for the rest.
pub fn resolve(
    given: &BTreeMap<String, String>,
    definition: &OperatorDefinition,
) -> Result<BTreeMap<String, serde_json::Value>, Vec<parameter::ParameterError>> {
    let known = given
        .iter()
        .filter(|(name, _)| definition.parameter(name).is_some())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    parameter::resolve(&definition.parameters, &known)
}

/// All problems in one sentence.
pub fn join(problems: &[parameter::ParameterError]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

fn accept(plan: &str, cause: Cause) -> Verdict {
    Verdict::Accept {
        plan: Some(plan.to_owned()),
        cause,
    }
}
