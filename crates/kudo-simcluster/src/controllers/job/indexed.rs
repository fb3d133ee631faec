//! Jobs whose pods have numbers, each of which must succeed once.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::policy::{self, Failure};
use super::{JobRef, pause};
use crate::controllers::action::Action;
use crate::controllers::clock::left;
use crate::controllers::conditions::text;
use crate::controllers::model::SuccessRule;
use crate::controllers::template::{create_pod, set_annotation, set_label};
use crate::controllers::world::PodRef;

const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How often the index of a pod failed before it, counted and not.
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
const IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
const VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// The indexes that have succeeded, out of so many.
pub(super) struct Indexes {
    completed: BTreeSet<i64>,
    failed: BTreeSet<i64>,
    wanted: i64,
}

impl Indexes {
    pub(super) fn of(job: &JobRef<'_>, pods: &[PodRef<'_>]) -> Self {
        let wanted = i64::from(job.body.spec.completions.unwrap_or(0));
        let mut completed = parse(text(&job.body.status, "completedIndexes"));
        let succeeded = pods.iter().filter(|pod| pod.phase() == "Succeeded");
        completed.extend(succeeded.filter_map(index_of));
        completed.retain(|index| (0..wanted).contains(index));
        let mut failed = parse(text(&job.body.status, "failedIndexes"));
        if let Some(limit) = job.body.spec.backoff_limit_per_index {
            let pods = pods.iter().filter(|pod| fails_index(job, pod, limit));
            failed.extend(pods.filter_map(index_of));
            failed.retain(|index| (0..wanted).contains(index) && !completed.contains(index));
        }
        Self {
            completed,
            failed,
            wanted,
        }
    }

    pub(super) fn completed_count(&self) -> i64 {
        i64::try_from(self.completed.len()).unwrap_or(i64::MAX)
    }

    /// The completed indexes as the status spells them: `0-2,5`.
    pub(super) fn completed(&self) -> String {
        spell(&self.completed)
    }

    pub(super) fn failed_count(&self) -> i64 {
        i64::try_from(self.failed.len()).unwrap_or(i64::MAX)
    }

    /// The indexes that have failed too often, as the status spells them.
    pub(super) fn failed(&self) -> String {
        spell(&self.failed)
    }

    /// Whether a rule is content with what has succeeded.
    pub(super) fn satisfies(&self, rule: &SuccessRule) -> bool {
        let enough = |succeeded: usize| {
            let wanted = rule.succeeded_count.map(usize::try_from);
            wanted.is_some_and(|wanted| wanted.is_ok_and(|wanted| succeeded >= wanted))
        };
        let Some(indexes) = &rule.succeeded_indexes else {
            return enough(self.completed.len());
        };
        let mut wanted = parse(indexes);
        wanted.retain(|index| (0..self.wanted).contains(index));
        let succeeded = wanted.intersection(&self.completed).count();
        !wanted.is_empty() && (succeeded == wanted.len() || enough(succeeded))
    }

    /// The indexes that have neither ended nor a pod at work.
    pub(super) fn free(&self, active: &[PodRef<'_>]) -> impl Iterator<Item = i64> {
        let taken: BTreeSet<i64> = active.iter().filter_map(index_of).collect();
        let ended = |index: &i64| self.completed.contains(index) || self.failed.contains(index);
        (0..self.wanted).filter(move |index| !ended(index) && !taken.contains(index))
    }
}

/// Whether the failure of a pod is the last that its index may have.
fn fails_index(job: &JobRef<'_>, pod: &PodRef<'_>, limit: i32) -> bool {
    pod.phase() == "Failed"
        && match policy::judge(job, pod) {
            Failure::FailsIndex => true,
            Failure::Ignored => false,
            Failure::Counts | Failure::FailsJob(_) => noted(pod, FAILURES) >= i64::from(limit),
        }
}

/// How often an index has failed, and when for the last time.
pub(super) struct Failures {
    counted: i64,
    ignored: i64,
    last: Option<Timestamp>,
}

impl Failures {
    /// What the last failed pod of an index says of it.
    pub(super) fn of(job: &JobRef<'_>, pods: &[PodRef<'_>], index: i64) -> Self {
        let failed = pods.iter().filter(|pod| pod.phase() == "Failed");
        let failed = failed.filter(|pod| index_of(pod) == Some(index));
        let ended = |pod: &PodRef<'_>| pod.finished_at().unwrap_or_else(|| pod.created());
        let Some(pod) = failed.max_by_key(|pod| (ended(pod), pod.created())) else {
            return Self {
                counted: 0,
                ignored: 0,
                last: None,
            };
        };
        let ignored = policy::judge(job, pod) == Failure::Ignored;
        Self {
            counted: noted(pod, FAILURES) + i64::from(!ignored),
            ignored: noted(pod, IGNORED) + i64::from(ignored),
            last: Some(ended(pod)),
        }
    }

    /// What is left of the pause that the next pod has to keep.
    pub(super) fn pause_left(&self, now: Timestamp) -> Option<Duration> {
        let before = u32::try_from(self.counted + self.ignored - 1).unwrap_or(0);
        left(self.last?, pause(before), now)
    }

    /// The next pod of the index, which says how many came before it.
    pub(super) fn noted_in(&self, mut pod: Value) -> Value {
        set_annotation(&mut pod, FAILURES, &self.counted.to_string());
        if self.ignored > 0 {
            set_annotation(&mut pod, IGNORED, &self.ignored.to_string());
        }
        pod
    }
}

fn noted(pod: &PodRef<'_>, annotation: &str) -> i64 {
    let count = pod.annotation(annotation);
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

fn index_of(pod: &PodRef<'_>) -> Option<i64> {
    pod.annotation(INDEX)?.parse().ok()
}

/// The creation of the pod of an index.
pub(super) fn create(job: &JobRef<'_>, mut pod: Value, index: i64) -> Action {
    let number = index.to_string();
    set_annotation(&mut pod, INDEX, &number);
    set_label(&mut pod, INDEX, &number);
    pod["spec"]["hostname"] = format!("{}-{index}", job.name()).into();
    let path = format!("metadata.annotations['{INDEX}']");
    let variable = json!({
        "name": VARIABLE, "valueFrom": { "fieldRef": { "fieldPath": path } },
    });
    for list in ["containers", "initContainers"] {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
            match container["env"].as_array_mut() {
                Some(env) if env.iter().any(|v| v["name"] == VARIABLE) => {}
                Some(env) => env.push(variable.clone()),
                None => container["env"] = json!([variable]),
            }
        }
    }
    if pod["spec"]["initContainers"].is_null()
        && let Value::Object(spec) = &mut pod["spec"]
    {
        spec.remove("initContainers");
    }
    create_pod(job.namespace(), &format!("{}-{index}", job.name()), pod)
}

fn spell(indexes: &BTreeSet<i64>) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for index in indexes {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == *index => *end = *index,
            _ => ranges.push((*index, *index)),
        }
    }
    let spelled = ranges.iter().map(|(start, end)| match end - start {
        0 => start.to_string(),
        1 => format!("{start},{end}"),
        _ => format!("{start}-{end}"),
    });
    spelled.collect::<Vec<_>>().join(",")
}

fn parse(text: &str) -> BTreeSet<i64> {
    let mut indexes = BTreeSet::new();
    for range in text.split(',') {
        let (start, end) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(start), Ok(end)) = (start.parse::<i64>(), end.parse::<i64>()) {
            indexes.extend(start..=end);
        }
    }
    indexes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_content_with_some_of_the_indexes() {
        let indexes = Indexes {
            completed: BTreeSet::from([0, 2, 3]),
            failed: BTreeSet::new(),
            wanted: 6,
        };
        for (indexes_wanted, count, content) in [
            (None, Some(3), true),
            (None, Some(4), false),
            (Some("0,2-3"), None, true),
            (Some("0-3"), None, false),
            (Some("0-3"), Some(3), true),
            (Some("1-5"), Some(3), false),
            (Some("9"), None, false),
            (Some(""), Some(1), false),
        ] {
            let rule = SuccessRule {
                succeeded_indexes: indexes_wanted.map(str::to_owned),
                succeeded_count: count,
            };
            assert_eq!(indexes.satisfies(&rule), content, "{rule:?}");
        }
    }

    #[test]
    fn indexes_are_spelled_as_kubernetes_does() {
        for (indexes, spelled) in [
            (vec![], ""),
            (vec![3], "3"),
            (vec![0, 1], "0,1"),
            (vec![0, 1, 2, 5, 7, 8, 9], "0-2,5,7-9"),
        ] {
            let set: BTreeSet<i64> = indexes.into_iter().collect();
            assert_eq!(spell(&set), spelled);
            assert_eq!(parse(spelled), set);
        }
    }
}
