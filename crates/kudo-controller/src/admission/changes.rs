//! What differs between the accepted and the wanted spec, and the rules for immutable parameters.

use std::collections::BTreeMap;

use kudo_package::{OperatorDefinition, Parameter};

use super::{Question, Refusal, Rule, Side};

/// The differences.
pub(super) struct Changes<'a> {
    /// The operator version differs.
    pub(super) upgrade: bool,
    /// Parameters whose value was added, changed or taken away, and that count as a change.
    pub(super) effective: Vec<&'a Parameter>,
    /// Any difference at all, also in values that no parameter is defined for any more.
    parameters_differ: bool,
}

impl<'a> Changes<'a> {
    /// Compares the two sides. A value for a parameter that the wanted version does not define is
    /// refused if it is new or changed; one that was there before is left alone.
    pub(super) fn between(accepted: &Side<'_>, question: &Question<'a>) -> Result<Self, Refusal> {
        let upgrade = accepted.operator_version != question.wanted.operator_version;
        let before = Known::of(accepted, upgrade);
        let mut effective = Vec::new();
        for (name, value) in question.wanted.parameters {
            if accepted.parameters.get(name) == Some(value) {
                continue;
            }
            let parameter = question
                .definition
                .parameter(name)
                .ok_or_else(|| Refusal::unknown_parameter(name, question.definition))?;
            if before.knew(name) {
                effective.push(parameter);
            }
        }
        for name in accepted.parameters.keys() {
            if !question.wanted.parameters.contains_key(name) {
                effective.extend(question.definition.parameter(name));
            }
        }
        Ok(Self {
            upgrade,
            effective,
            parameters_differ: accepted.parameters != question.wanted.parameters,
        })
    }

    /// Whether anything differs.
    pub(super) fn any(&self) -> bool {
        self.upgrade || self.parameters_differ
    }

    /// The names of the changed parameters.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.effective.iter().map(|p| p.name.as_str()).collect();
        names.join(", ")
    }

    /// An immutable parameter keeps its value, and an upgrade that brings one needs a value for it.
    pub(super) fn check_immutable(
        &self,
        accepted: &Side<'_>,
        question: &Question<'_>,
    ) -> Result<(), Refusal> {
        for parameter in self.effective.iter().filter(|p| p.immutable) {
            let was_immutable = accepted
                .definition
                .and_then(|old| old.parameter(&parameter.name))
                .is_none_or(|old| old.immutable);
            if !self.upgrade || was_immutable {
                check_unchanged(parameter, accepted, question)?;
            }
        }
        match accepted.definition {
            Some(old) if self.upgrade => check_upgrade(old, question),
            _ => Ok(()),
        }
    }
}

/// Whether a parameter existed before, so that a value for it is a change and not news.
enum Known<'a> {
    Defined(&'a OperatorDefinition),
    /// The former version is gone: only what had a value is known to have existed.
    Given(&'a BTreeMap<String, String>),
    All,
}

impl<'a> Known<'a> {
    fn of(accepted: &Side<'a>, upgrade: bool) -> Self {
        match accepted.definition {
            _ if !upgrade => Self::All,
            Some(definition) => Self::Defined(definition),
            None => Self::Given(accepted.parameters),
        }
    }

    fn knew(&self, name: &str) -> bool {
        match self {
            Self::Defined(definition) => definition.parameter(name).is_some(),
            Self::Given(parameters) => parameters.contains_key(name),
            Self::All => true,
        }
    }
}

fn check_unchanged(
    parameter: &Parameter,
    accepted: &Side<'_>,
    question: &Question<'_>,
) -> Result<(), Refusal> {
    let name = &parameter.name;
    let old = accepted.parameters.get(name).or(parameter.default.as_ref());
    let new = question.wanted.parameters.get(name);
    let new = new.or(parameter.default.as_ref());
    if old == new {
        return Ok(());
    }
    let shown = |value: Option<&String>| {
        value.map_or_else(|| "no value".to_owned(), |text| format!("{text:?}"))
    };
    Err(Refusal::new(
        Rule::ImmutableParameter,
        format!(
            "parameter {name:?} is immutable and can't change from {} to {}",
            shown(old),
            shown(new)
        ),
    ))
}

fn check_upgrade(old: &OperatorDefinition, question: &Question<'_>) -> Result<(), Refusal> {
    let version = question.wanted.operator_version;
    let immutable = question
        .definition
        .parameters
        .iter()
        .filter(|parameter| parameter.immutable)
        .filter(|parameter| !question.wanted.parameters.contains_key(&parameter.name));
    for parameter in immutable {
        let name = &parameter.name;
        match old.parameter(name) {
            None => {
                let default = parameter
                    .default
                    .as_ref()
                    .map(|text| format!(" (its default would be {text:?})"))
                    .unwrap_or_default();
                let problem = format!(
                    "operator version {version:?} adds the immutable parameter {name:?}: give it a \
                     value{default}"
                );
                return Err(Refusal::new(Rule::ImmutableParameterAdded, problem));
            }
            Some(before) if !before.immutable => {
                let problem = format!(
                    "operator version {version:?} makes parameter {name:?} immutable: give it a value"
                );
                return Err(Refusal::new(Rule::ParameterMadeImmutable, problem));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The defaults of immutable parameters that a new instance gives no value for.
///
/// They are copied into the instance, so that a later version with another default changes nothing.
pub fn immutable_defaults(
    given: &BTreeMap<String, String>,
    definition: &OperatorDefinition,
) -> BTreeMap<String, String> {
    definition
        .parameters
        .iter()
        .filter(|parameter| parameter.immutable && !given.contains_key(&parameter.name))
        .filter_map(|parameter| Some((parameter.name.clone(), parameter.default.clone()?)))
        .collect()
}

/// The accepted values of immutable parameters that the wanted spec no longer gives.
///
/// They are put back into the instance: leaving a value out is not a wish to change it.
pub fn pinned_parameters(
    accepted: &BTreeMap<String, String>,
    given: &BTreeMap<String, String>,
    definition: &OperatorDefinition,
) -> BTreeMap<String, String> {
    accepted
        .iter()
        .filter(|(name, _)| !given.contains_key(*name))
        .filter(|(name, _)| definition.parameter(name).is_some_and(|p| p.immutable))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The parameters that a spec still gives and the operator version it is upgraded to no longer has.
///
/// They are taken out of the instance, as upstream's webhook does: they would be refused the next
/// time, or mean something else in a later version.
pub fn forgotten_parameters<'a>(
    given: &'a BTreeMap<String, String>,
    definition: &OperatorDefinition,
) -> impl Iterator<Item = &'a String> {
    given
        .keys()
        .filter(|name| definition.parameter(name).is_none())
}

/// The parameters of a spec once those that are put into it are there.
pub fn with_added(
    given: &BTreeMap<String, String>,
    added: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut all = added.clone();
    all.extend(given.clone());
    all
}
