//! Names of what Pipe tasks make.

use std::collections::BTreeMap;

use kudo_package::{OperatorDefinition, TaskSpec};

use crate::task::StepAddress;

/// Suffix of the pod's name.
const POD: &str = "pipepod";

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
pub fn pipe_names(
    definition: &OperatorDefinition,
    instance: &str,
    plan: &str,
) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
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
                let Some(TaskSpec::Pipe { pipe, .. }) =
                    definition.task(task).map(|task| &task.spec)
                else {
                    continue;
                };
                for file in pipe {
                    let name = pipe_artifact_name(instance, &address, task, &file.key);
                    names.insert(file.key.clone(), name);
                }
            }
        }
    }
    names
}

fn sanitized(part: &str) -> String {
    let lower = part.chars().flat_map(char::to_lowercase);
    lower.filter(char::is_ascii_alphanumeric).collect()
}
