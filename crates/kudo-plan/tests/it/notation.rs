//! Short texts for plans and states, so that a table case is one line.
//!
//! A plan: `serial main:serial[a(x,y) b(z)] extra:-[c()]`: the plan's strategy, then phases with
//! strategy and steps with tasks; `-` is an absent strategy.
//! A state: `I main:I[a:C b:E"why"] extra:P[c:P]`: N(ever run) P(ending) I(n progress) C(omplete)
//! E(rror) F(atal error).

use std::collections::BTreeSet;

use kudo_package::{Phase, Plan, Step, Strategy};
use kudo_plan::{PhaseState, PlanGraph, PlanState, Status, StepState};

pub(crate) const PLAN: &str = "deploy";
pub(crate) const UID: &str = "uid-1";

pub(crate) fn plan(text: &str) -> Plan {
    let (strategy_text, rest) = text.split_once(' ').unwrap_or((text, ""));
    let phases = groups(rest)
        .into_iter()
        .map(|(head, steps)| {
            let (name, strategy_text) = head.split_once(':').expect("phase:strategy");
            Phase {
                name: name.to_owned(),
                strategy: strategy(strategy_text),
                steps: steps.split_whitespace().map(step).collect(),
            }
        })
        .collect();
    Plan {
        strategy: strategy(strategy_text),
        phases,
    }
}

pub(crate) fn graph(text: &str) -> PlanGraph {
    let plan = plan(text);
    let known: BTreeSet<&str> = plan.task_names().collect();
    PlanGraph::build(PLAN, &plan, &known).unwrap()
}

pub(crate) fn state(text: &str) -> PlanState {
    let (head, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (status, message) = shown(head);
    let phases = groups(rest)
        .into_iter()
        .map(|(head, steps)| {
            let (name, text) = head.split_once(':').expect("phase:status");
            let (status, message) = shown(text);
            let steps = steps
                .split_whitespace()
                .map(|step| {
                    let (name, text) = step.split_once(':').expect("step:status");
                    let (status, message) = shown(text);
                    StepState {
                        name: name.to_owned(),
                        status,
                        message,
                    }
                })
                .collect();
            PhaseState {
                name: name.to_owned(),
                status,
                message,
                steps,
            }
        })
        .collect();
    PlanState {
        name: PLAN.to_owned(),
        status,
        message,
        uid: UID.to_owned(),
        phases,
    }
}

pub(crate) fn show(state: &PlanState) -> String {
    let mut words = vec![word(state.status, state.message.as_deref())];
    for phase in &state.phases {
        let steps: Vec<String> = phase
            .steps
            .iter()
            .map(|step| {
                format!(
                    "{}:{}",
                    step.name,
                    word(step.status, step.message.as_deref())
                )
            })
            .collect();
        words.push(format!(
            "{}:{}[{}]",
            phase.name,
            word(phase.status, phase.message.as_deref()),
            steps.join(" ")
        ));
    }
    words.join(" ")
}

/// `main:serial[a b] extra:-[c]` as `("main:serial", "a b")`, `("extra:-", "c")`.
fn groups(text: &str) -> Vec<(&str, &str)> {
    text.split(']')
        .filter_map(|group| group.trim().split_once('['))
        .collect()
}

fn step(text: &str) -> Step {
    let (name, tasks) = text.split_once('(').expect("step(tasks)");
    let tasks = tasks.trim_end_matches(')').split(',');
    Step {
        name: name.to_owned(),
        tasks: tasks
            .filter(|task| !task.is_empty())
            .map(str::to_owned)
            .collect(),
    }
}

fn strategy(text: &str) -> Option<Strategy> {
    (text != "-").then(|| text.parse().unwrap())
}

fn shown(text: &str) -> (Status, Option<String>) {
    let letter = text.chars().next().expect("a letter");
    let status = Status::ALL
        .into_iter()
        .find(|status| status.as_str().starts_with(letter))
        .expect("a known letter");
    let message = text[1..].trim_matches('"');
    (
        status,
        (!message.is_empty()).then(|| message.replace('_', " ")),
    )
}

fn word(status: Status, message: Option<&str>) -> String {
    let letter = &status.as_str()[..1];
    message.map_or_else(
        || letter.to_owned(),
        |text| format!("{letter}{:?}", text.replace(' ', "_")),
    )
}
