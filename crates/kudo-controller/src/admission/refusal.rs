//! What is refused, and why: one rule and one sentence.

use std::fmt;

use kudo_package::{OperatorDefinition, suggest};

use crate::triggers::TriggerError;

/// The rules, by the names under which conditions and events report them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A new instance needs a `deploy` plan.
    NoDeployPlan,
    /// Values must be present where required, of their type, and among those allowed.
    InvalidParameters,
    /// Only defined parameters can be set.
    UnknownParameter,
    /// Only defined plans can be triggered.
    UnknownPlan,
    /// A parameter's trigger must be a defined plan.
    UnknownTrigger,
    /// A change runs one plan.
    SeveralPlans,
    /// A change needs a plan that acts upon it.
    NoPlan,
    /// An immutable parameter keeps its value.
    ImmutableParameter,
    /// An upgrade that adds an immutable parameter needs a value for it.
    ImmutableParameterAdded,
    /// An upgrade that makes a parameter immutable needs a value for it.
    ParameterMadeImmutable,
    /// While a plan runs, only changes that restart it are accepted.
    ParameterChangeWhileRunning,
    /// While a plan runs, the operator version stays.
    UpgradeWhileRunning,
    /// While a plan runs, no other is triggered.
    OverrideWhileRunning,
    /// A running plan can't be cancelled.
    CancelWhileRunning,
    /// Either a plan is triggered or parameters change.
    TriggerWithParameterChange,
    /// Either a plan is triggered or the operator version changes.
    TriggerWithUpgrade,
    /// Either the operator version changes or parameters that trigger another plan than `deploy`.
    UpgradeWithParameterChange,
    /// Only deletion runs `cleanup`.
    UserCleanup,
    /// Nothing changes while the instance is being deleted.
    ChangeWhileDeleting,
    /// Only `cleanup` runs while the instance is being deleted.
    OnlyCleanupWhileDeleting,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 20] = [
        Self::NoDeployPlan,
        Self::InvalidParameters,
        Self::UnknownParameter,
        Self::UnknownPlan,
        Self::UnknownTrigger,
        Self::SeveralPlans,
        Self::NoPlan,
        Self::ImmutableParameter,
        Self::ImmutableParameterAdded,
        Self::ParameterMadeImmutable,
        Self::ParameterChangeWhileRunning,
        Self::UpgradeWhileRunning,
        Self::OverrideWhileRunning,
        Self::CancelWhileRunning,
        Self::TriggerWithParameterChange,
        Self::TriggerWithUpgrade,
        Self::UpgradeWithParameterChange,
        Self::UserCleanup,
        Self::ChangeWhileDeleting,
        Self::OnlyCleanupWhileDeleting,
    ];

    /// The rule's name, one `CamelCase` word: the reason of the `Accepted` condition.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoDeployPlan => "NoDeployPlan",
            Self::InvalidParameters => "InvalidParameters",
            Self::UnknownParameter => "UnknownParameter",
            Self::UnknownPlan => "UnknownPlan",
            Self::UnknownTrigger => "UnknownTrigger",
            Self::SeveralPlans => "SeveralPlans",
            Self::NoPlan => "NoPlan",
            Self::ImmutableParameter => "ImmutableParameter",
            Self::ImmutableParameterAdded => "ImmutableParameterAdded",
            Self::ParameterMadeImmutable => "ParameterMadeImmutable",
            Self::ParameterChangeWhileRunning => "ParameterChangeWhileRunning",
            Self::UpgradeWhileRunning => "UpgradeWhileRunning",
            Self::OverrideWhileRunning => "OverrideWhileRunning",
            Self::CancelWhileRunning => "CancelWhileRunning",
            Self::TriggerWithParameterChange => "TriggerWithParameterChange",
            Self::TriggerWithUpgrade => "TriggerWithUpgrade",
            Self::UpgradeWithParameterChange => "UpgradeWithParameterChange",
            Self::UserCleanup => "UserCleanup",
            Self::ChangeWhileDeleting => "ChangeWhileDeleting",
            Self::OnlyCleanupWhileDeleting => "OnlyCleanupWhileDeleting",
        }
    }

    /// The reason of the warning event (spec §10) that goes with a refusal.
    pub const fn event_reason(self) -> &'static str {
        match self {
            Self::InvalidParameters
            | Self::UnknownParameter
            | Self::ImmutableParameter
            | Self::ImmutableParameterAdded
            | Self::ParameterMadeImmutable => "InvalidParams",
            _ => "InvalidPlan",
        }
    }

    /// Whether the refused change is taken up by itself once the running plan has ended.
    pub const fn is_deferred(self) -> bool {
        matches!(
            self,
            Self::ParameterChangeWhileRunning
                | Self::UpgradeWhileRunning
                | Self::OverrideWhileRunning
        )
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A change that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The rule that refuses it.
    pub rule: Rule,
    /// What is refused and why, for people.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self {
            rule,
            message: message.into(),
        }
    }

    pub(super) fn unknown_parameter(name: &str, definition: &OperatorDefinition) -> Self {
        let known = definition.parameters.iter().map(|p| p.name.as_str());
        let nearest = suggest::nearest(name, known)
            .map(|name| format!(" (did you mean {name:?}?)"))
            .unwrap_or_default();
        Self::new(
            Rule::UnknownParameter,
            format!("unknown parameter {name:?}{nearest}"),
        )
    }

    pub(super) fn trigger(error: &TriggerError) -> Self {
        let rule = match error {
            TriggerError::NoPlan { .. } => Rule::NoPlan,
            TriggerError::UnknownTrigger { .. } => Rule::UnknownTrigger,
            TriggerError::SeveralPlans { .. } => Rule::SeveralPlans,
        };
        Self::new(rule, error.to_string())
    }
}
