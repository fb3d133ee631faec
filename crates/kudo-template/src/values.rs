//! The values that templates see.

use std::collections::BTreeMap;

use serde_json::Value;

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
