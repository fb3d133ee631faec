//! Verification rules that need the template engine.

mod children;

pub use self::children::verify_child;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use kudo_package::package::parameter_address;
use kudo_package::parameter::values_from_yaml;
use kudo_package::verify::{self, Rule};
use kudo_package::yaml::Mark;
use kudo_package::{Diagnostic, Location, Package, Plan, TaskSpec, ValueType, parameter, suggest};

use crate::error::{RenderError, RenderErrorKind};
use crate::excerpt::ending;
use crate::go::Place;
use crate::limits::Limits;
use crate::objects::{ObjectError, objects};
use crate::pipe_pod::{self, PipePodProblem};
use crate::pipes::pipe_names;
use crate::references::{Reference, References};
use crate::renderer::Renderer;
use crate::task::{StepAddress, single_object, values_excerpt};
use crate::values::{INSTANCE_NAMES, STEP_NAMES, Values};

/// The rules that need the template engine.
pub const RULES: &[Rule] = &[
    SYNTAX,
    UNDEFINED_FUNCTION,
    UNDEFINED_PARAMETER,
    UNDEFINED_VALUE,
    UNDEFINED_PIPE,
    RENDERS,
    UNUSED_PARAMETER,
];

const SYNTAX: Rule = Rule {
    name: "template-syntax",
    summary: "Every template can be parsed.",
    check: syntax,
};

const UNDEFINED_FUNCTION: Rule = Rule {
    name: "undefined-function",
    summary: "The functions, helpers, variables, partials and templates that a template names are \
              there, whether or not the defaults lead to them.",
    check: undefined_functions,
};

const UNDEFINED_PARAMETER: Rule = Rule {
    name: "undefined-parameter",
    summary: "The parameters that templates use are defined.",
    check: undefined_parameters,
};

const UNDEFINED_VALUE: Rule = Rule {
    name: "undefined-value",
    summary: "Templates use only the values that there are: Name, Namespace, Params and so on.",
    check: undefined_values,
};

const UNDEFINED_PIPE: Rule = Rule {
    name: "undefined-pipe",
    summary: "The pipes that templates use are keys of Pipe tasks.",
    check: undefined_pipes,
};

const RENDERS: Rule = Rule {
    name: "template-renders",
    summary: "Every template renders with the default parameters, to objects that Kubernetes reads.",
    check: renders,
};

const UNUSED_PARAMETER: Rule = Rule {
    name: "unused-parameter",
    summary: "Every parameter is used by a template or a Toggle task, or triggers a plan.",
    check: unused_parameters,
};

/// Runs all rules, those of `kudo_package` and these; diagnostics come sorted by place.
pub fn verify_package(package: &Package) -> Vec<Diagnostic> {
    let rules: Vec<Rule> = verify::RULES.iter().chain(RULES).copied().collect();
    verify::verify(package, &rules)
}

fn renderer() -> Renderer {
    Renderer::new(Limits::default())
}

fn location(template: &str, place: Place) -> Location {
    let mark = Mark {
        line: place.line,
        column: place.column,
    };
    Location::at(format!("templates/{template}"), mark)
}

/// The diagnostic of a template that can't be parsed or rendered.
fn render_failure(rule: &'static str, error: &RenderError) -> Diagnostic {
    let message = match &error.expression {
        Some(expression) => format!("at <{expression}>: {}", error.message),
        None => error.message.clone(),
    };
    let place = Place {
        line: error.line,
        column: error.column,
    };
    Diagnostic::error(rule, message)
        .at(location(&error.template, place))
        .did_you_mean(error.nearest.as_deref())
}

fn syntax(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let renderer = renderer();
    for (name, text) in &package.definition.templates {
        if let Err(unparsed) = renderer.parsed(name, text) {
            diagnostics.push(render_failure(SYNTAX.name, &unparsed.syntax));
        }
    }
}

fn undefined_functions(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let renderer = renderer();
    for (name, text) in &package.definition.templates {
        let undefined = match renderer.parsed(name, text) {
            Ok(parsed) => References::of(&parsed).undefined,
            Err(unparsed) => unparsed.undefined,
        };
        let failures = undefined.iter();
        diagnostics.extend(failures.map(|error| render_failure(UNDEFINED_FUNCTION.name, error)));
    }
}

/// What each template refers to; those that can't be parsed are left out.
fn references(package: &Package) -> Vec<(&str, References)> {
    let renderer = renderer();
    let templates = package.definition.templates.iter();
    let parsed = templates.filter_map(|(name, text)| {
        let parsed = renderer.parsed(name, text).ok()?;
        Some((name.as_str(), References::of(&parsed)))
    });
    parsed.collect()
}

/// Reports each name once per template, at its first use.
fn report_unknown(
    rule: &'static str,
    template: &str,
    used: &[Reference],
    known: &BTreeSet<&str>,
    message: impl Fn(&str) -> String,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut reported = BTreeSet::new();
    for reference in used {
        let name = reference.name.as_str();
        if known.contains(name) || !reported.insert(name) {
            continue;
        }
        let nearest = suggest::nearest(name, known.iter().copied());
        diagnostics.push(
            Diagnostic::error(rule, message(name))
                .at(location(template, reference.place))
                .did_you_mean(nearest),
        );
    }
}

fn undefined_parameters(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    if !package.knows_parameters() {
        return;
    }
    let defined = package.definition.parameters.iter();
    let known: BTreeSet<&str> = defined.map(|parameter| parameter.name.as_str()).collect();
    for (template, references) in references(package) {
        report_unknown(
            UNDEFINED_PARAMETER.name,
            template,
            &references.params,
            &known,
            |name| format!("parameter {name:?} is not defined"),
            diagnostics,
        );
    }
}

fn undefined_values(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    for (template, references) in references(package) {
        let mut known = BTreeSet::from(INSTANCE_NAMES);
        known.insert("Params");
        if !is_parameter_file(package, template) {
            known.extend(STEP_NAMES);
            known.insert("Pipes");
        }
        let message = |name: &str| {
            if STEP_NAMES.contains(&name) || name == "Pipes" {
                return format!(
                    "{name} is not there in a parameter file, which belongs to no step"
                );
            }
            format!("there is no value {name:?}; parameters are in Params")
        };
        let used = &references.values;
        report_unknown(
            UNDEFINED_VALUE.name,
            template,
            used,
            &known,
            message,
            diagnostics,
        );
    }
}

fn undefined_pipes(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    if !package.knows_task_specs() {
        return;
    }
    let tasks = package.definition.tasks.iter();
    let files = tasks.filter_map(|task| match &task.spec {
        TaskSpec::Pipe { pipe, .. } => Some(pipe),
        _ => None,
    });
    let known: BTreeSet<&str> = files.flatten().map(|file| file.key.as_str()).collect();
    for (template, references) in references(package) {
        report_unknown(
            UNDEFINED_PIPE.name,
            template,
            &references.pipes,
            &known,
            |name| format!("no Pipe task has the key {name:?}"),
            diagnostics,
        );
    }
}

fn unused_parameters(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let references = references(package);
    let all_used = references
        .iter()
        .any(|(_, references)| references.all_params);
    // What can't be read may use any of them.
    let all_read = package.knows_task_specs()
        && package.knows_templates()
        && references.len() == package.definition.templates.len();
    if all_used || !all_read {
        return;
    }
    let mut used = BTreeSet::new();
    for (_, references) in &references {
        used.extend(
            references
                .params
                .iter()
                .map(|reference| reference.name.as_str()),
        );
        used.extend(references.optional_params.iter().map(String::as_str));
    }
    for task in &package.definition.tasks {
        if let TaskSpec::Toggle { parameter, .. } = &task.spec {
            used.insert(parameter);
        }
    }
    for (index, parameter) in package.definition.parameters.iter().enumerate() {
        let known = package.knows_parameter(index, &["name", "trigger"]);
        if parameter.trigger.is_some() || used.contains(parameter.name.as_str()) || !known {
            continue;
        }
        let address = parameter_address(index, "name");
        let message = format!("parameter {:?} is not used", parameter.name);
        diagnostics.push(
            Diagnostic::warning(UNUSED_PARAMETER.name, message)
                .at(package.locations.find(&address)),
        );
    }
}

fn is_parameter_file(package: &Package, template: &str) -> bool {
    package.definition.tasks.iter().any(|task| {
        matches!(&task.spec, TaskSpec::KudoOperator { parameter_file: Some(file), .. } if file == template)
    })
}

fn is_pipe_pod(package: &Package, template: &str) -> bool {
    package
        .definition
        .tasks
        .iter()
        .any(|task| matches!(&task.spec, TaskSpec::Pipe { pod, .. } if pod == template))
}

/// Renders every template for every step that uses it, and reads the objects.
fn renders(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let renderer = renderer();
    let params = default_params(package);
    let mut found = Vec::new();
    let undefined = [
        UNDEFINED_FUNCTION,
        UNDEFINED_PARAMETER,
        UNDEFINED_VALUE,
        UNDEFINED_PIPE,
    ];
    for rule in undefined {
        (rule.check)(package, &mut found);
    }
    for (template, text) in &package.definition.templates {
        // What is not defined fails to render as well; once is enough.
        let file = format!("templates/{template}");
        let at_fault = |found: &Diagnostic| found.location.as_ref().is_some_and(|l| l.file == file);
        if found.iter().any(at_fault) || !is_fit_to_render(package, template, text, &renderer) {
            continue;
        }
        let mut reported = BTreeSet::new();
        for address in addresses(package, template) {
            let values = values(package, template, &address, &params);
            let diagnostic = match renderer.render(template, text, &values) {
                Ok(output) => {
                    let used = renderer.used(template, text, &params);
                    check_objects(package, template, &output, &used)
                }
                // These have rules of their own.
                Err(error) if error.kind == RenderErrorKind::Parse => None,
                Err(error) => Some(render_failure(RENDERS.name, &error)),
            };
            if let Some(diagnostic) = diagnostic
                && reported.insert(diagnostic.message.clone())
            {
                diagnostics.push(diagnostic);
            }
        }
    }
}

/// Whether all that a template renders with could be read: what it is for, and the values it uses.
fn is_fit_to_render(package: &Package, template: &str, text: &str, renderer: &Renderer) -> bool {
    let complete = package.knows_task_specs() && package.knows_plans();
    if !complete && !is_used(package, template) {
        return false;
    }
    let Ok(parsed) = renderer.parsed(template, text) else {
        return false;
    };
    let references = References::of(&parsed);
    if !references.pipes.is_empty() && !package.knows_task_specs() {
        return false;
    }
    let parameters = package.definition.parameters.iter().enumerate();
    package.knows_parameters()
        && parameters
            .filter(|(_, one)| references.may_use(&one.name))
            .all(|(index, _)| package.knows_parameter(index, &["type", "default", "enum"]))
}

/// Whether a step is known to use a template.
fn is_used(package: &Package, template: &str) -> bool {
    let definition = &package.definition;
    let mut tasks = definition.plans.values().flat_map(Plan::task_names);
    tasks.any(|name| {
        let task = definition.task(name);
        task.is_some_and(|task| task.spec.templates().contains(&template))
    })
}

/// The steps that use a template; some step if none does.
fn addresses(package: &Package, template: &str) -> Vec<StepAddress> {
    let definition = &package.definition;
    let uses = |task: &String| {
        let task = definition.task(task);
        task.is_some_and(|task| task.spec.templates().contains(&template))
    };
    let mut addresses = Vec::new();
    for (name, plan) in &definition.plans {
        for phase in &plan.phases {
            for step in phase
                .steps
                .iter()
                .filter(|step| step.tasks.iter().any(uses))
            {
                addresses.push(StepAddress {
                    plan: name.clone(),
                    phase: phase.name.clone(),
                    step: step.name.clone(),
                });
            }
        }
    }
    if addresses.is_empty() {
        addresses.push(StepAddress {
            plan: "deploy".to_owned(),
            phase: "phase".to_owned(),
            step: "step".to_owned(),
        });
    }
    addresses
}

/// Defaults; for parameters without one what comes nearest to nothing.
fn default_params(package: &Package) -> BTreeMap<String, Value> {
    let parameters = package.definition.parameters.iter();
    let values = parameters.map(|definition| {
        let one = std::slice::from_ref(definition);
        let resolved = parameter::resolve(one, &BTreeMap::new()).ok();
        let value = resolved.and_then(|mut values| values.remove(&definition.name));
        let value = value.unwrap_or_else(|| match definition.value_type {
            ValueType::Array => Value::Array(Vec::new()),
            ValueType::Map => Value::Object(Map::new()),
            _ => Value::String(String::new()),
        });
        (definition.name.clone(), value)
    });
    values.collect()
}

fn values(
    package: &Package,
    template: &str,
    address: &StepAddress,
    params: &BTreeMap<String, Value>,
) -> Values {
    let definition = &package.definition;
    // A name or version that could not be read is some other one.
    let or = |text: &str, other: &str| match text {
        "" => other.to_owned(),
        text => text.to_owned(),
    };
    let operator_name = or(&definition.operator_name, "operator");
    let name = format!("{operator_name}-instance");
    let mut values = Values {
        operator_name,
        namespace: "default".to_owned(),
        app_version: definition.app_version.clone().unwrap_or_default(),
        operator_version: or(&definition.operator_version, "0.1.0"),
        params: params.clone(),
        name,
        ..Values::default()
    };
    if !is_parameter_file(package, template) {
        values.plan_name = Some(address.plan.clone());
        values.phase_name = Some(address.phase.clone());
        values.step_name = Some(address.step.clone());
        // A template may be for another plan than the one that is known to use it.
        for plan in definition.plans.keys() {
            values
                .pipes
                .extend(pipe_names(definition, &values.name, plan));
        }
        let own = pipe_names(definition, &values.name, &address.plan);
        values.pipes.extend(own);
    }
    values
}

/// What is wrong with a rendered text, which may hold the values of these parameters.
fn check_objects(
    package: &Package,
    template: &str,
    text: &str,
    used: &[(&str, &Value)],
) -> Option<Diagnostic> {
    let object_failure = |error: ObjectError| object_failure(&error.naming(used));
    let failure = if is_parameter_file(package, template) {
        let problem = values_from_yaml(text).err()?;
        let excerpt = values_excerpt(text, &problem).map(|excerpt| excerpt.naming(used));
        format!("{problem}{}", ending(excerpt.as_ref()))
    } else if is_pipe_pod(package, template) {
        match single_object(template, text, "Pod", "name") {
            Ok(Some(pod)) => pipe_pod_failure(package, template, &pod)?,
            Ok(None) => PipePodProblem::NotOnePod.to_string(),
            Err(error) => object_failure(error),
        }
    } else if package.manifest.namespace_manifest.as_deref() == Some(template) {
        match single_object(template, text, "Namespace", "name") {
            Ok(Some(_)) => return None,
            Ok(None) => "must render to exactly one Namespace".to_owned(),
            Err(error) => object_failure(error),
        }
    } else {
        object_failure(objects(template, text).err()?)
    };
    let location = Location::file(format!("templates/{template}"));
    Some(Diagnostic::error(RENDERS.name, failure).at(location))
}

/// What is wrong with a pod, for the first task that runs it and finds something wrong.
fn pipe_pod_failure(package: &Package, template: &str, pod: &Value) -> Option<String> {
    let mut tasks = package.definition.tasks.iter().enumerate();
    tasks.find_map(|(index, task)| {
        let TaskSpec::Pipe { pod: name, pipe } = &task.spec else {
            return None;
        };
        if !package.knows_task_spec(index) {
            return None;
        }
        let problem = (name == template).then(|| pipe_pod::check(pod, pipe).err())??;
        Some(format!("task {:?}: {problem}", task.name))
    })
}

/// The message without the template's name, which the location tells.
fn object_failure(error: &ObjectError) -> String {
    let text = error.to_string();
    match text.split_once(": ") {
        Some((_, message)) => message.to_owned(),
        None => text,
    }
}
