//! Names of what Pipe tasks make.

use std::collections::{BTreeMap, BTreeSet};

use kudo_package::{OperatorDefinition, TaskSpec};

use crate::task::StepAddress;

/// The last part of the pod's name.
pub const POD: &str = "pipepod";

/// Name of the object that keeps a pipe's content: `instance.plan.phase.step.task.key`, each part
/// in lower case without anything but letters and digits.
pub fn pipe_artifact_name(instance: &str, address: &StepAddress, task: &str, key: &str) -> String {
    let parts = [
        instance,
        &address.plan,
        &address.phase,
        &address.step,
        task,
        key,
    ];
    parts.map(sanitized).join(".")
}

/// Name of the pod that a Pipe task runs.
pub fn pipe_pod_name(instance: &str, address: &StepAddress, task: &str) -> String {
    pipe_artifact_name(instance, address, task, POD)
}

/// What `.Pipes` holds in every template of a plan: the names of all artifacts of the plan by key.
/// Of two pipes with one key, which no valid plan has, the last counts.
pub fn pipe_names(
    definition: &OperatorDefinition,
    instance: &str,
    plan: &str,
) -> BTreeMap<String, String> {
    let pipes = pipes(definition, plan).into_iter();
    pipes
        .map(|(address, task, key)| {
            let name = pipe_artifact_name(instance, &address, task, key);
            (key.to_owned(), name)
        })
        .collect()
}

/// A key that two pipes of a plan have, if there is one: `.Pipes` could name only one of them.
pub fn duplicate_pipe_key<'a>(definition: &'a OperatorDefinition, plan: &str) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    let mut keys = pipes(definition, plan).into_iter().map(|(_, _, key)| key);
    keys.find(|key| !seen.insert(*key))
}

/// All pipes of a plan: where they run, by which task, and their key.
fn pipes<'a>(
    definition: &'a OperatorDefinition,
    plan: &str,
) -> Vec<(StepAddress, &'a str, &'a str)> {
    let mut found = Vec::new();
    let phases = definition
        .plans
        .get(plan)
        .map(|plan| plan.phases.as_slice());
    for phase in phases.unwrap_or_default() {
        for step in &phase.steps {
            let address = StepAddress {
                plan: plan.to_owned(),
                phase: phase.name.clone(),
                step: step.name.clone(),
            };
            for task in &step.tasks {
                let spec = definition.task(task).map(|task| &task.spec);
                if let Some(TaskSpec::Pipe { pipe, .. }) = spec {
                    let keys = pipe.iter().map(|file| file.key.as_str());
                    found.extend(keys.map(|key| (address.clone(), task.as_str(), key)));
                }
            }
        }
    }
    found
}

fn sanitized(part: &str) -> String {
    let lower = part.chars().flat_map(char::to_lowercase);
    lower.filter(char::is_ascii_alphanumeric).collect()
}
