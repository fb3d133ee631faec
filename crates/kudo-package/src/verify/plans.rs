//! Rules about plans, phases and steps.

use std::collections::{HashMap, HashSet};

use super::Rule;
use crate::diagnostic::{Diagnostic, Location};
use crate::operator::{OperatorDefinition, TaskSpec};
use crate::package::{OPERATOR_FILE, Package, operator_address, plan_address};
use crate::suggest::nearest;

/// The plan that installs; every operator has it.
const DEPLOY_PLAN: &str = "deploy";

pub(super) const DEPLOY: Rule = Rule {
    name: "missing-deploy-plan",
    summary: "There is a plan \"deploy\".",
    check: deploy,
};

pub(super) const DUPLICATE_NAME: Rule = Rule {
    name: "duplicate-name",
    summary: "No two phases of a plan and no two steps of a phase have the same name.",
    check: duplicates,
};

pub(super) const STRATEGY: Rule = Rule {
    name: "absent-strategy",
    summary: "Every plan and phase has a strategy.",
    check: strategies,
};

pub(super) const PIPE_KEY: Rule = Rule {
    name: "duplicate-pipe-key",
    summary: "No two pipes of a plan have the same key.",
    check: pipe_keys,
};

fn deploy(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let plans = &package.definition.plans;
    if plans.contains_key(DEPLOY_PLAN) || !package.is_read(&operator_address("plans")) {
        return;
    }
    let location = package.locations.find(&operator_address("plans"));
    diagnostics.push(
        Diagnostic::error(
            DEPLOY.name,
            "there is no plan \"deploy\", which installs the operator",
        )
        .at(location.unwrap_or_else(|| Location::file(OPERATOR_FILE)))
        .did_you_mean(nearest(DEPLOY_PLAN, plans.keys().map(String::as_str))),
    );
}

fn duplicates(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let is_read = |plan: &str, rest: &str| package.is_read(&plan_address(plan, rest));
    let mut report = |plan: &str, rest: &str, message: String| {
        let location = package.locations.find(&plan_address(plan, rest));
        diagnostics.push(Diagnostic::error(DUPLICATE_NAME.name, message).at(location));
    };
    for (plan_name, plan) in &package.definition.plans {
        let mut phases = HashSet::new();
        for (phase_index, phase) in plan.phases.iter().enumerate() {
            let address = format!("phases/{phase_index}");
            let name = format!("{address}/name");
            if is_read(plan_name, &name) && !phases.insert(&phase.name) {
                let message = format!("plan {plan_name:?} has two phases {:?}", phase.name);
                report(plan_name, &name, message);
            }
            let mut steps = HashSet::new();
            for (step_index, step) in phase.steps.iter().enumerate() {
                let name = format!("{address}/steps/{step_index}/name");
                if is_read(plan_name, &name) && !steps.insert(&step.name) {
                    let message = format!("phase {:?} has two steps {:?}", phase.name, step.name);
                    report(plan_name, &name, message);
                }
            }
        }
    }
}

fn strategies(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let mut report = |plan: &str, rest: &str, what: String| {
        let address = plan_address(plan, rest);
        if !package.is_read(&address) {
            return;
        }
        diagnostics.push(
            Diagnostic::warning(
                STRATEGY.name,
                format!("{what} has no strategy, which acts as parallel"),
            )
            .at(package.locations.find(&address))
            .hint("write strategy: serial or strategy: parallel"),
        );
    };
    for (plan_name, plan) in &package.definition.plans {
        if plan.strategy.is_none() && plan.phases.len() > 1 {
            report(plan_name, "strategy", format!("plan {plan_name:?}"));
        }
        for (index, phase) in plan.phases.iter().enumerate() {
            if phase.strategy.is_none() && phase.steps.len() > 1 {
                let what = format!("phase {:?} of plan {plan_name:?}", phase.name);
                report(plan_name, &format!("phases/{index}/strategy"), what);
            }
        }
    }
}

fn pipe_keys(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let definition = &package.definition;
    for (plan_name, plan) in &definition.plans {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for task in plan.task_names() {
            for key in pipe_keys_of(definition, task) {
                let Some(first) = seen.insert(key, task) else {
                    continue;
                };
                let message = if first == task {
                    format!(
                        "pipe key {key:?} is written twice in plan {plan_name:?} by task {task:?}"
                    )
                } else {
                    format!(
                        "pipe key {key:?} is written twice in plan {plan_name:?}, by tasks {first:?} \
                         and {task:?}"
                    )
                };
                let location = package.locations.find(&plan_address(plan_name, "phases"));
                diagnostics.push(Diagnostic::error(PIPE_KEY.name, message).at(location));
            }
        }
    }
}

fn pipe_keys_of<'a>(definition: &'a OperatorDefinition, task: &str) -> Vec<&'a str> {
    match definition.task(task).map(|task| &task.spec) {
        Some(TaskSpec::Pipe { pipe, .. }) => pipe.iter().map(|file| file.key.as_str()).collect(),
        _ => Vec::new(),
    }
}
