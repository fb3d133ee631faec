//! Jobs whose pods have numbers, each of which must succeed once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::JobRef;
use crate::controllers::action::Action;
use crate::controllers::conditions::text;
use crate::controllers::template::{create_pod, set_annotation, set_label};
use crate::controllers::world::PodRef;

const INDEX: &str = "batch.kubernetes.io/job-completion-index";
const VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// The indexes that have succeeded, out of so many.
pub(super) struct Indexes {
    completed: BTreeSet<i64>,
    wanted: i64,
}

impl Indexes {
    pub(super) fn of(job: &JobRef<'_>, pods: &[PodRef<'_>]) -> Self {
        let wanted = i64::from(job.body.spec.completions.unwrap_or(0));
        let mut completed = parse(text(&job.body.status, "completedIndexes"));
        let succeeded = pods.iter().filter(|pod| pod.phase() == "Succeeded");
        completed.extend(succeeded.filter_map(index_of));
        completed.retain(|index| (0..wanted).contains(index));
        Self { completed, wanted }
    }

    pub(super) fn completed_count(&self) -> i64 {
        i64::try_from(self.completed.len()).unwrap_or(i64::MAX)
    }

    /// The completed indexes as the status spells them: `0-2,5`.
    pub(super) fn completed(&self) -> String {
        spell(&self.completed)
    }

    /// The indexes that have neither succeeded nor a pod at work.
    pub(super) fn free(&self, active: &[PodRef<'_>]) -> impl Iterator<Item = i64> {
        let taken: BTreeSet<i64> = active.iter().filter_map(index_of).collect();
        (0..self.wanted).filter(move |i| !self.completed.contains(i) && !taken.contains(i))
    }
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
