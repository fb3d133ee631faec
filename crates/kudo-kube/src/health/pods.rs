//! Pods, and what they say of why they are not ready.

use serde_json::Value;

use super::{Condition, Health, Judged};
use crate::identity::text;

/// Words of a container that are told at most, in characters.
const LONGEST: usize = 300;

pub(super) fn pod(object: Judged<'_>) -> Health {
    match object.text("/status/phase") {
        "Succeeded" => Health::Healthy,
        "Failed" => object.failed(failure_of(object)),
        "Running" if is_ready(object) => Health::Healthy,
        "Running" => object.waiting(with_trouble("running, but not ready", object)),
        "" => object.waiting("not scheduled yet"),
        phase => match unscheduled(object) {
            Some(why) => object.waiting(why),
            None => object.waiting(with_trouble(&phase.to_lowercase(), object)),
        },
    }
}

/// Why a pod that is not ready will not be soon, if it says so: it finds no node, an image cannot be had, a
/// container ends again and again. A pod that is just starting says nothing.
///
/// The text stays the same while the kubelet tries again and again, so that nobody has to be told twice.
pub(super) fn trouble(pod: Judged<'_>) -> Option<String> {
    match pod.text("/status/phase") {
        "Succeeded" => None,
        "Running" if is_ready(pod) => None,
        "Failed" => Some(failure_of(pod)),
        _ => unscheduled(pod).or_else(|| containers(pod).find_map(trouble_of_container)),
    }
}

fn is_ready(pod: Judged<'_>) -> bool {
    pod.condition("Ready").is_some_and(Condition::is_true)
}

fn unscheduled(pod: Judged<'_>) -> Option<String> {
    let condition = pod.condition("PodScheduled")?;
    condition.is_false().then(|| condition.detail())
}

/// Why a pod failed: its own words, or those of its first container that did.
fn failure_of(pod: Judged<'_>) -> String {
    let said = [pod.text("/status/message"), pod.text("/status/reason")];
    if let Some(said) = said.into_iter().find(|said| !said.is_empty()) {
        return said.to_owned();
    }
    containers(pod)
        .find_map(|container| ended_badly(container, "/state/terminated"))
        .unwrap_or_else(|| "its phase is Failed".to_owned())
}

/// Adds the first reason a container gives for not running.
fn with_trouble(detail: &str, pod: Judged<'_>) -> String {
    match containers(pod).find_map(trouble_of_container) {
        Some(trouble) => format!("{detail} ({trouble})"),
        None => detail.to_owned(),
    }
}

fn trouble_of_container(container: &Value) -> Option<String> {
    let name = text(container, "/name");
    let reason = text(container, "/state/waiting/reason");
    let image = text(container, "/image");
    match reason {
        // Both in turn, as often as it is tried.
        "ErrImagePull" | "ImagePullBackOff" if image.is_empty() => {
            Some(format!("container {name:?}: ImagePullBackOff"))
        }
        "ErrImagePull" | "ImagePullBackOff" => Some(format!(
            "container {name:?}: ImagePullBackOff: image {image:?} cannot be pulled"
        )),
        "" | "CrashLoopBackOff" => {
            let ended = ["/state/terminated", "/lastState/terminated"];
            let ended = ended.iter().find_map(|state| ended_badly(container, state));
            ended.or_else(|| (!reason.is_empty()).then(|| format!("container {name:?}: {reason}")))
        }
        "ContainerCreating" | "PodInitializing" => None,
        reason => Some(match text(container, "/state/waiting/message") {
            "" => format!("container {name:?}: {reason}"),
            message => format!("container {name:?}: {reason}: {}", clipped(message)),
        }),
    }
}

/// How a container ended, if not well; its own words if it left any.
fn ended_badly(container: &Value, state: &str) -> Option<String> {
    let ended = container.pointer(state)?;
    let code = ended.get("exitCode")?.as_i64().filter(|code| *code != 0)?;
    let name = text(container, "/name");
    let reason = match text(ended, "/reason") {
        "" | "Error" => String::new(),
        reason => format!(" ({reason})"),
    };
    let said = match clipped(text(ended, "/message")) {
        said if said.is_empty() => said,
        said => format!(": {said}"),
    };
    Some(format!(
        "container {name:?} ended with exit code {code}{reason}{said}"
    ))
}

/// In one line, and not too long.
fn clipped(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST).collect()
}

fn containers(pod: Judged<'_>) -> impl Iterator<Item = &Value> {
    let init = pod.list("/status/initContainerStatuses");
    init.iter().chain(pod.list("/status/containerStatuses"))
}
