//! Rules about tasks.

use std::collections::HashSet;

use super::Rule;
use crate::diagnostic::Diagnostic;
use crate::operator::{Plan, TaskSpec};
use crate::package::{Package, operator_address, plan_address};
use crate::suggest::nearest;

pub(super) const DUPLICATE: Rule = Rule {
    name: "duplicate-task",
    summary: "No two tasks have the same name.",
    check: duplicates,
};

pub(super) const UNDEFINED: Rule = Rule {
    name: "undefined-task",
    summary: "The tasks of a step are defined.",
    check: undefined,
};

pub(super) const UNUSED: Rule = Rule {
    name: "unused-task",
    summary: "Every task is part of a step.",
    check: unused,
};

pub(super) const TOGGLE: Rule = Rule {
    name: "undefined-toggle-parameter",
    summary: "The parameter of a Toggle task is defined.",
    check: toggles,
};

fn duplicates(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen = HashSet::new();
    for (index, task) in package.definition.tasks.iter().enumerate() {
        let address = operator_address(&format!("tasks/{index}/name"));
        if package.is_read(&address) && !seen.insert(&task.name) {
            let message = format!("task {:?} is defined twice", task.name);
            let location = package.locations.find(&address);
            diagnostics.push(Diagnostic::error(DUPLICATE.name, message).at(location));
        }
    }
}

fn undefined(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    if !package.knows_tasks() {
        return;
    }
    let tasks = &package.definition.tasks;
    let known: HashSet<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
    for (plan_name, plan) in &package.definition.plans {
        for (phase_index, phase) in plan.phases.iter().enumerate() {
            for (step_index, step) in phase.steps.iter().enumerate() {
                for (task_index, task) in step.tasks.iter().enumerate() {
                    if known.contains(task.as_str()) {
                        continue;
                    }
                    let rest =
                        format!("phases/{phase_index}/steps/{step_index}/tasks/{task_index}");
                    let address = plan_address(plan_name, &rest);
                    if !package.is_read(&address) {
                        continue;
                    }
                    let message = format!("task {task:?} in plan {plan_name:?} is not defined");
                    diagnostics.push(
                        Diagnostic::error(UNDEFINED.name, message)
                            .at(package.locations.find(&address))
                            .did_you_mean(nearest(task, known.iter().copied())),
                    );
                }
            }
        }
    }
}

fn unused(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    if !package.knows_plans() {
        return;
    }
    let definition = &package.definition;
    let used: HashSet<&str> = definition
        .plans
        .values()
        .flat_map(Plan::task_names)
        .collect();
    for (index, task) in definition.tasks.iter().enumerate() {
        let address = operator_address(&format!("tasks/{index}/name"));
        if package.is_read(&address) && !used.contains(task.name.as_str()) {
            let message = format!("task {:?} is part of no step", task.name);
            let location = package.locations.find(&address);
            diagnostics.push(Diagnostic::warning(UNUSED.name, message).at(location));
        }
    }
}

fn toggles(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    if !package.knows_parameters() {
        return;
    }
    let definition = &package.definition;
    for (index, task) in definition.tasks.iter().enumerate() {
        let TaskSpec::Toggle { parameter, .. } = &task.spec else {
            continue;
        };
        let address = operator_address(&format!("tasks/{index}/spec/parameter"));
        if definition.parameter(parameter).is_some() || !package.is_read(&address) {
            continue;
        }
        let message = format!(
            "parameter {parameter:?} of task {:?} is not defined",
            task.name
        );
        let names = definition
            .parameters
            .iter()
            .map(|parameter| parameter.name.as_str());
        diagnostics.push(
            Diagnostic::error(TOGGLE.name, message)
                .at(package.locations.find(&address))
                .did_you_mean(nearest(parameter, names)),
        );
    }
}
