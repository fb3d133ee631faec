//! The values that templates see.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::budget::{Budget, Failure};
use crate::value::{Map, MapType, Numbers, Text, Value as TemplateValue, from_json};

/// The values that a template sees, under the names of the template language: `.OperatorName`,
/// `.Name`, `.Params.X`, `.Pipes.key` and so on.
///
/// A plan, phase or step name that is absent is absent for the template too: using it is an error.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values {
    /// `OperatorName`: name of the operator.
    pub operator_name: String,
    /// `Name`: name of the instance.
    pub name: String,
    /// `Namespace`: namespace of the instance.
    pub namespace: String,
    /// `AppVersion`: version of the application; empty if the operator has none.
    pub app_version: String,
    /// `OperatorVersion`: version of the operator.
    pub operator_version: String,
    /// `PlanName`: name of the plan being run.
    pub plan_name: Option<String>,
    /// `PhaseName`: name of the phase being run.
    pub phase_name: Option<String>,
    /// `StepName`: name of the step being run.
    pub step_name: Option<String>,
    /// `Params`: parameters; scalars are strings, arrays and maps are structured.
    pub params: BTreeMap<String, Value>,
    /// `Pipes`: names of the objects that keep what Pipe tasks wrote, by key.
    pub pipes: BTreeMap<String, String>,
}

/// Names of the values that every template sees.
pub(crate) const INSTANCE_NAMES: [&str; 5] = [
    "OperatorName",
    "Name",
    "Namespace",
    "AppVersion",
    "OperatorVersion",
];
/// Names of the values that a template sees only within a step.
pub(crate) const STEP_NAMES: [&str; 3] = ["PlanName", "PhaseName", "StepName"];

impl Values {
    /// The root that templates see.
    pub(crate) fn to_value(&self, budget: &Budget) -> Result<TemplateValue, Failure> {
        let mut root = BTreeMap::new();
        let texts = [
            &self.operator_name,
            &self.name,
            &self.namespace,
            &self.app_version,
            &self.operator_version,
        ];
        for (name, text) in INSTANCE_NAMES.iter().zip(texts) {
            root.insert(Text::from(*name), text.as_str().into());
        }
        let steps = [&self.plan_name, &self.phase_name, &self.step_name];
        for (name, text) in STEP_NAMES.iter().zip(steps) {
            if let Some(text) = text {
                root.insert(Text::from(*name), text.as_str().into());
            }
        }
        let mut params = BTreeMap::new();
        for (name, value) in &self.params {
            let value = from_json(budget, value, Numbers::Typed)?;
            params.insert(Text::from(name.as_str()), value);
        }
        root.insert(Text::from("Params"), TemplateValue::Map(Map::any(params)));
        let pipes = self.pipes.iter();
        let pipes = pipes.map(|(key, name)| (Text::from(key.as_str()), name.as_str().into()));
        let pipes = Map::new(MapType::Text, pipes.collect());
        root.insert(Text::from("Pipes"), TemplateValue::Map(pipes));
        Ok(TemplateValue::Map(Map::any(root)))
    }
}
