//! What the failure of a pod means for its job: the policy for failures, rule by rule.

use crate::controllers::model::{Condition, ContainerStatus, ExitCodes, FailureRule};
use crate::controllers::world::PodRef;

use super::JobRef;

/// What the failure of a pod means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is one more.
    Counts,
    /// As if it had not been.
    Ignored,
    /// Its index has failed for good.
    FailsIndex,
    /// The job has failed, for that reason.
    FailsJob(String),
}

/// What a failed pod means for its job: the first rule that fits says so.
pub(super) fn judge(job: &JobRef<'_>, pod: &PodRef<'_>) -> Failure {
    let mut rules = job.body.spec.pod_failure_policy.rules.iter().enumerate();
    let judged = rules.find_map(|(index, rule)| {
        let why = match &rule.on_exit_codes {
            Some(codes) => by_exit_code(pod, codes),
            None => by_condition(pod, &rule.on_pod_conditions),
        };
        why.and_then(|why| judged(rule, index, &why))
    });
    judged.unwrap_or(Failure::Counts)
}

fn judged(rule: &FailureRule, index: usize, why: &str) -> Option<Failure> {
    Some(match rule.action.as_str() {
        "Ignore" => Failure::Ignored,
        "Count" => Failure::Counts,
        "FailIndex" => Failure::FailsIndex,
        "FailJob" => Failure::FailsJob(format!("{why} matching FailJob rule at index {index}")),
        _ => return None,
    })
}

fn by_exit_code(pod: &PodRef<'_>, codes: &ExitCodes) -> Option<String> {
    let status = &pod.body.status;
    let containers = status.container_statuses.iter();
    let mut containers = containers.chain(&status.init_container_statuses);
    containers.find_map(|container| {
        let code = exit_code(container).filter(|code| *code != 0)?;
        let named = codes.container_name.as_ref();
        let fits = match codes.operator.as_str() {
            "In" => codes.values.contains(&code),
            "NotIn" => !codes.values.contains(&code),
            _ => false,
        };
        (fits && named.is_none_or(|name| *name == container.name)).then(|| {
            format!(
                "Container {} for pod {}/{} failed with exit code {code}",
                container.name,
                pod.namespace(),
                pod.name()
            )
        })
    })
}

fn exit_code(container: &ContainerStatus) -> Option<i32> {
    let ended = container.state.terminated.as_ref();
    ended.map(|ended| ended.exit_code)
}

fn by_condition(pod: &PodRef<'_>, wanted: &[Condition]) -> Option<String> {
    let mut conditions = pod.body.status.conditions.iter();
    let found = conditions.find(|condition| {
        let mut wanted = wanted.iter();
        wanted.any(|wanted| wanted.kind == condition.kind && wanted.status == condition.status)
    })?;
    Some(format!(
        "Pod {}/{} has condition {}",
        pod.namespace(),
        pod.name(),
        found.kind
    ))
}
