//! What a `KudoOperator` task gives to the operator that it installs, where that is at hand.

use std::collections::BTreeMap;

use serde_json::Value;

use kudo_package::package::operator_address;
use kudo_package::parameter::{ParameterError, values_from_yaml};
use kudo_package::{
    Diagnostic, Location, OperatorDefinition, Package, TaskSpec, parameter, yaml::Mark,
};

use super::{addresses, default_params, renderer, values};

/// Name of the rule.
const CHILD_PARAMETERS: &str = "child-parameters";

/// Checks the parameters that a task, which is known by its place in the list, gives its child as
/// installing checks them: a child takes them, none that it needs is missing, and values fit.
///
/// The parameter file is rendered with the defaults. Where it uses a parameter without a value only the
/// names can be told; a file that can't be rendered is left to the other rules.
pub fn verify_child(parent: &Package, task: usize, child: &OperatorDefinition) -> Vec<Diagnostic> {
    let definition = &parent.definition;
    let Some(task_definition) = definition.tasks.get(task) else {
        return Vec::new();
    };
    let TaskSpec::KudoOperator { parameter_file, .. } = &task_definition.spec else {
        return Vec::new();
    };
    let given = match parameter_file {
        None => Some(Given::default()),
        Some(template) => Given::render(parent, template),
    };
    let Some(given) = given else {
        return Vec::new();
    };
    let errors = parameter::resolve(&child.parameters, &given.values)
        .err()
        .unwrap_or_default();
    let told = errors
        .into_iter()
        .filter(|error| given.complete || matches!(error, ParameterError::Unknown { .. }));
    let diagnostics = told.map(|mut error| {
        let nearest = match &mut error {
            ParameterError::Unknown { nearest, .. } | ParameterError::Enum { nearest, .. } => {
                nearest.take()
            }
            ParameterError::Missing { .. } | ParameterError::Type { .. } => None,
        };
        let place = parameter_file.as_ref().map_or_else(
            || {
                let address = operator_address(&format!("tasks/{task}/spec/package"));
                parent.locations.find(&address)
            },
            |template| Some(place(parent, template, error.parameter())),
        );
        let message = format!(
            "task {:?} installs {:?}: {error}",
            task_definition.name, child.operator_name
        );
        Diagnostic::error(CHILD_PARAMETERS, message)
            .at(place)
            .did_you_mean(nearest.as_deref())
    });
    let mut diagnostics: Vec<Diagnostic> = diagnostics.collect();
    diagnostics.sort_by(|a, b| a.location.cmp(&b.location));
    diagnostics
}

/// What a child is given.
struct Given {
    values: BTreeMap<String, String>,
    /// Whether these are the values that the defaults give.
    complete: bool,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            values: BTreeMap::new(),
            complete: true,
        }
    }
}

impl Given {
    fn render(parent: &Package, template: &str) -> Option<Self> {
        let text = parent.definition.templates.get(template)?;
        let renderer = renderer();
        let params = default_params(parent);
        let address = addresses(parent, template).into_iter().next()?;
        let values = values(parent, template, &address, &params);
        let output = renderer.render(template, text, &values).ok()?;
        let used = renderer.used(template, text, &params);
        Some(Self {
            values: values_from_yaml(&output).ok()?,
            complete: used.iter().all(|used| has_value(parent, *used)),
        })
    }
}

/// Whether an instance that is given nothing has a value of the parameter.
fn has_value(parent: &Package, (name, _): (&str, &Value)) -> bool {
    let definition = parent.definition.parameter(name);
    definition.is_none_or(|definition| {
        parameter::resolve(std::slice::from_ref(definition), &BTreeMap::new()).is_ok()
    })
}

/// Where a parameter file gives a parameter: the line, if it is written as it is.
fn place(parent: &Package, template: &str, name: &str) -> Location {
    let file = format!("templates/{template}");
    let text = parent.definition.templates.get(template);
    let lines = text.into_iter().flat_map(|text| text.lines()).enumerate();
    let mut given = lines.filter_map(|(index, line)| {
        let start = line.trim_start_matches([' ', '"', '\'', '{']);
        let rest = start.strip_prefix(name)?.trim_start_matches(['"', '\'']);
        let mark = Mark {
            line: index + 1,
            column: line.chars().count() - start.chars().count() + 1,
        };
        rest.trim_start().starts_with(':').then_some(mark)
    });
    match given.next() {
        Some(mark) => Location::at(file, mark),
        None => Location::file(file),
    }
}
