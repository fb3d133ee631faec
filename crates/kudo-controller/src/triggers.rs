//! Which plan a change of an instance runs (spec §5).
//!
//! First half of "decide": pure functions over an operator's definition. Whether a change is allowed
//! at all is for [`crate::admission`] to say.

use std::collections::BTreeSet;

use kudo_api::names::{CLEANUP_PLAN, DEPLOY_PLAN, UPDATE_PLAN, UPGRADE_PLAN};
use kudo_package::{OperatorDefinition, Parameter, suggest};

/// Why a change cannot run a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// None of the plans that such a change runs is defined.
    #[error("the operator version has none of the plans {}", .wanted.join(", "))]
    NoPlan {
        /// The plans looked for, the preferred one first.
        wanted: Vec<&'static str>,
    },
    /// A parameter names a plan that is not defined.
    #[error("parameter {parameter:?} triggers plan {plan:?}, which the operator version does not define{}", hint(.nearest.as_deref()))]
    UnknownTrigger {
        /// The parameter.
        parameter: String,
        /// The plan it names.
        plan: String,
        /// The defined plan nearest to it.
        nearest: Option<String>,
    },
    /// The parameters name different plans, and only one can run.
    #[error("the change triggers several plans at once: {}", .plans.join(", "))]
    SeveralPlans {
        /// The plans in order of name.
        plans: Vec<String>,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!(" (did you mean {name:?}?)"))
        .unwrap_or_default()
}

/// The plan that the creation of an instance runs: `deploy`.
pub fn on_create(definition: &OperatorDefinition) -> Result<&'static str, TriggerError> {
    first_defined(definition, &[DEPLOY_PLAN])
}

/// The plan that a new operator version runs: its `upgrade`, else `update`, else `deploy`.
pub fn on_upgrade(definition: &OperatorDefinition) -> Result<&'static str, TriggerError> {
    first_defined(definition, &[UPGRADE_PLAN, UPDATE_PLAN, DEPLOY_PLAN])
}

/// The plan that the deletion of an instance runs: `cleanup`, if there is one.
pub fn on_delete(definition: &OperatorDefinition) -> Option<&'static str> {
    first_defined(definition, &[CLEANUP_PLAN]).ok()
}

/// The plan that a change of parameters runs: the one they name, else `update`, else `deploy`.
///
/// Parameters without a trigger go along with the plan that others name. `None` if nothing changed.
pub fn on_parameters<'a>(
    changed: &[&'a Parameter],
    definition: &OperatorDefinition,
) -> Result<Option<&'a str>, TriggerError> {
    if changed.is_empty() {
        return Ok(None);
    }
    let mut plans = BTreeSet::new();
    for parameter in changed {
        if let Some(plan) = explicit_trigger(parameter) {
            if !definition.plans.contains_key(plan) {
                return Err(unknown_trigger(parameter, plan, definition));
            }
            plans.insert(plan);
        }
    }
    let mut named = plans.iter();
    match (named.next(), named.next()) {
        (None, _) => first_defined(definition, &[UPDATE_PLAN, DEPLOY_PLAN]).map(Some),
        (Some(plan), None) => Ok(Some(plan)),
        (Some(_), Some(_)) => Err(TriggerError::SeveralPlans {
            plans: plans.into_iter().map(str::to_owned).collect(),
        }),
    }
}

/// The plans that run without a person asking for them: on creation, on a new version, or as some
/// parameter's trigger.
///
/// Objects of other plans (a backup's volume, say) are never pruned.
pub fn automatic_plans(definition: &OperatorDefinition) -> BTreeSet<&str> {
    [DEPLOY_PLAN, UPDATE_PLAN, UPGRADE_PLAN]
        .into_iter()
        .chain(definition.parameters.iter().filter_map(explicit_trigger))
        .collect()
}

fn explicit_trigger(parameter: &Parameter) -> Option<&str> {
    parameter.trigger.as_deref().filter(|plan| !plan.is_empty())
}

fn first_defined(
    definition: &OperatorDefinition,
    wanted: &[&'static str],
) -> Result<&'static str, TriggerError> {
    wanted
        .iter()
        .find(|plan| definition.plans.contains_key(**plan))
        .copied()
        .ok_or_else(|| TriggerError::NoPlan {
            wanted: wanted.to_vec(),
        })
}

fn unknown_trigger(
    parameter: &Parameter,
    plan: &str,
    definition: &OperatorDefinition,
) -> TriggerError {
    let known = definition.plans.keys().map(String::as_str);
    TriggerError::UnknownTrigger {
        parameter: parameter.name.clone(),
        plan: plan.to_owned(),
        nearest: suggest::nearest(plan, known).map(str::to_owned),
    }
}
