//! What a pod asks for through its annotations, its images and its command.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::{PodOptions, PodPattern};

/// The pod annotation that names an [`Outcome`].
pub const OUTCOME_ANNOTATION: &str = "simulate.kudo.dev/outcome";
/// The pod annotation with the time from Running to the outcome, such as `500ms`, `2s` or `1m`.
pub const DELAY_ANNOTATION: &str = "simulate.kudo.dev/ready-after";
/// The pod annotation with the time from the deletion to the pod's end.
pub const TERMINATION_ANNOTATION: &str = "simulate.kudo.dev/terminates-after";
/// The registry whose images name an [`Outcome`]: `simulate.kudo.dev/fail:1.0`.
pub const IMAGE_REGISTRY: &str = "simulate.kudo.dev";

/// What becomes of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `ready`: Running and Ready; what a pod does that asks for nothing and no Job owns.
    Ready,
    /// `succeed`: Succeeded; what a Job's pod does that asks for nothing and whose command is not one
    /// that fails (`false`, `exit 1`).
    Succeed,
    /// `fail`: Failed with exit code 1, or that of `exit CODE`; as a real kubelet would restart the containers unless the
    /// restart policy is `Never`, any other policy makes it a crash loop.
    Fail,
    /// `never-ready`: Running, but never Ready.
    NeverReady,
    /// `crash-loop`: Running, with containers waiting in `CrashLoopBackOff`.
    CrashLoop,
    /// `image-pull-error`: Pending, with containers waiting in `ImagePullBackOff`.
    ImagePullError,
    /// `pending`: bound to the node and never heard of again.
    Pending,
}

impl Outcome {
    const ALL: [(&'static str, Self); 7] = [
        ("ready", Self::Ready),
        ("succeed", Self::Succeed),
        ("fail", Self::Fail),
        ("never-ready", Self::NeverReady),
        ("crash-loop", Self::CrashLoop),
        ("image-pull-error", Self::ImagePullError),
        ("pending", Self::Pending),
    ];

    /// The outcome of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, outcome)| *outcome)
    }

    /// The name, as annotations and images spell it.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, outcome)| *outcome == self)
            .map_or("", |(name, _)| name)
    }
}

/// The resolved wishes of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Behaviour {
    pub(super) outcome: Outcome,
    pub(super) delay: Duration,
    pub(super) termination_delay: Duration,
}

impl Behaviour {
    pub(super) fn of(pod: &Pod, options: &PodOptions) -> Self {
        let duration = |annotation: &str, default: Duration| {
            annotated(pod, annotation, parse_duration).unwrap_or(default)
        };
        let meant = |patterns: &[PodPattern]| patterns.iter().any(|p| p.matches(pod));
        let asked_from_outside = if meant(&options.fail) {
            Some(Outcome::Fail)
        } else {
            meant(&options.never_ready).then_some(Outcome::NeverReady)
        };
        let (outcome, delay) = if is_job_pod(pod) {
            match program_of(pod) {
                Some((0, after)) => (Outcome::Succeed, after),
                Some((_, after)) => (Outcome::Fail, after),
                None => (Outcome::Succeed, options.delay),
            }
        } else {
            (Outcome::Ready, options.delay)
        };
        Self {
            outcome: asked_from_outside
                .or_else(|| annotated(pod, OUTCOME_ANNOTATION, Outcome::from_name))
                .or_else(|| images(pod).find_map(image_outcome))
                .unwrap_or(outcome),
            delay: duration(DELAY_ANNOTATION, delay),
            termination_delay: duration(TERMINATION_ANNOTATION, options.termination_delay),
        }
    }
}

fn annotated<T>(pod: &Pod, annotation: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    let value = pod.annotations().get(annotation)?;
    let parsed = parse(value);
    if parsed.is_none() {
        tracing::warn!(pod = %pod.name_any(), annotation, value, "the annotation makes no sense");
    }
    parsed
}

fn images(pod: &Pod) -> impl Iterator<Item = &str> {
    let spec = pod.spec.iter();
    spec.flat_map(|s| {
        s.containers
            .iter()
            .chain(s.init_containers.iter().flatten())
    })
    .filter_map(|container| container.image.as_deref())
}

fn image_outcome(image: &str) -> Option<Outcome> {
    let name = image.strip_prefix(IMAGE_REGISTRY)?.strip_prefix('/')?;
    Outcome::from_name(name.split([':', '@']).next().unwrap_or(name))
}

fn is_job_pod(pod: &Pod) -> bool {
    let policy = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.restart_policy.as_deref());
    let owned = pod
        .owner_references()
        .iter()
        .any(|o| o.kind == "Job" && o.controller == Some(true));
    owned && matches!(policy, Some("Never" | "OnFailure"))
}

/// What the pod runs, if it is one container that says so and not its image.
fn only_command(pod: &Pod) -> Option<Vec<&str>> {
    let spec = pod.spec.as_ref()?;
    let ([container], None | Some([])) =
        (spec.containers.as_slice(), spec.init_containers.as_deref())
    else {
        return None;
    };
    let words = container.command.iter().chain(&container.args).flatten();
    let words: Vec<&str> = words.map(String::as_str).collect();
    let is_named = container.command.iter().any(|command| !command.is_empty());
    is_named.then_some(words)
}

/// What the containers of a pod that fails end with: what its command says, or 1.
pub(super) fn exit_code(pod: &Pod) -> u8 {
    let said = program_of(pod).map(|(code, _)| code);
    said.filter(|code| *code != 0).unwrap_or(1)
}

fn program_of(pod: &Pod) -> Option<(u8, Duration)> {
    program(&only_command(pod)?)
}

/// What a Job's pod ends with that runs nothing but `true`, `false`, `exit CODE` or `sleep SECONDS`,
/// and when: whoever writes that wants to see how such a Job ends.
fn program(command: &[&str]) -> Option<(u8, Duration)> {
    let (name, arguments) = command.split_first()?;
    let name = name.rsplit('/').next().unwrap_or(name);
    let after = |seconds: &str| seconds.parse().ok().map(Duration::from_secs);
    match (name, arguments) {
        ("true" | "exit", []) => Some((0, Duration::ZERO)),
        ("false", []) => Some((1, Duration::ZERO)),
        ("exit", [code]) => Some((code.parse().ok()?, Duration::ZERO)),
        ("sleep", [seconds]) => Some((0, after(seconds)?)),
        ("sh" | "bash", ["-c", script]) => {
            let words: Vec<&str> = script.split_whitespace().collect();
            let is_shell = matches!(words.first(), Some(&("sh" | "bash")));
            (!is_shell).then(|| program(&words))?
        }
        _ => None,
    }
}

/// Reads a duration as annotations spell it: a whole number with the unit `ms`, `s` or `m`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn outcome(mut pod: Value) -> &'static str {
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        let pod: Pod = serde_json::from_value(pod).unwrap();
        Behaviour::of(&pod, &PodOptions::default()).outcome.name()
    }

    #[test]
    fn outcomes() {
        let image =
            |image: &str| json!({ "spec": { "containers": [{ "name": "a", "image": image }] } });
        let owned = |policy: &str, kind: &str| {
            json!({
                "metadata": { "ownerReferences": [{
                    "apiVersion": "batch/v1", "kind": kind, "name": "o", "uid": "u", "controller": true,
                }]},
                "spec": { "containers": [], "restartPolicy": policy },
            })
        };
        let annotated = |value: &str| {
            let mut pod = image("simulate.kudo.dev/never-ready");
            pod["metadata"] = json!({ "annotations": { OUTCOME_ANNOTATION: value } });
            pod
        };
        let init = json!({ "spec": {
            "containers": [{ "name": "a", "image": "nginx" }],
            "initContainers": [{ "name": "b", "image": "simulate.kudo.dev/crash-loop:9" }],
        }});
        for (pod, expected) in [
            (json!({}), "ready"),
            (image("nginx:1"), "ready"),
            (image("simulate.kudo.dev/fail"), "fail"),
            (image("simulate.kudo.dev/fail:1.2"), "fail"),
            (image("simulate.kudo.dev/pending@sha256:00"), "pending"),
            (image("simulate.kudo.dev/unheard-of"), "ready"),
            (image("simulate.kudo.devious/fail"), "ready"),
            (init, "crash-loop"),
            (owned("Never", "Job"), "succeed"),
            (owned("OnFailure", "Job"), "succeed"),
            (owned("Always", "ReplicaSet"), "ready"),
            (owned("Never", "Instance"), "ready"),
            (annotated("succeed"), "succeed"),
            (annotated("image-pull-error"), "image-pull-error"),
            (annotated("nonsense"), "never-ready"),
        ] {
            assert_eq!(outcome(pod.clone()), expected, "{pod}");
        }
    }

    #[test]
    fn jobs_that_only_end() {
        let seconds = Duration::from_secs;
        for (command, args, expected) in [
            (json!(["false"]), json!(null), Some(("fail", seconds(0)))),
            (
                json!(["/bin/true"]),
                json!(null),
                Some(("succeed", seconds(0))),
            ),
            (
                json!(["sleep"]),
                json!(["1000"]),
                Some(("succeed", seconds(1000))),
            ),
            (
                json!(["sh", "-c", "exit 3"]),
                json!(null),
                Some(("fail", seconds(0))),
            ),
            (
                json!(["/bin/bash", "-c"]),
                json!([" exit 0\n"]),
                Some(("succeed", seconds(0))),
            ),
            (
                json!(["sh", "-c", "sleep 2"]),
                json!(null),
                Some(("succeed", seconds(2))),
            ),
            (json!(["sh", "-c", "sleep 2; exit 1"]), json!(null), None),
            (json!(["sh", "-c", "exit $CODE"]), json!(null), None),
            (json!(["sh", "-c", "sh -c false"]), json!(null), None),
            (json!(["sleep", "a while"]), json!(null), None),
            (json!(null), json!(["false"]), None),
            (json!([]), json!(["false"]), None),
            (json!(["false", "--help"]), json!(null), None),
        ] {
            let pod: Pod = serde_json::from_value(json!({
                "metadata": { "name": "a", "ownerReferences": [{
                    "apiVersion": "batch/v1", "kind": "Job", "name": "o", "uid": "u", "controller": true,
                }]},
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{ "name": "a", "command": command, "args": args }],
                },
            }))
            .unwrap();
            let options = PodOptions {
                delay: Duration::from_millis(7),
                ..PodOptions::default()
            };
            let behaviour = Behaviour::of(&pod, &options);
            let expected = expected.unwrap_or(("succeed", options.delay));
            let found = (behaviour.outcome.name(), behaviour.delay);
            assert_eq!(found, expected, "{command} {args}");
        }
    }

    #[test]
    fn patterns_win_over_what_a_pod_asks_for() {
        let options = PodOptions {
            fail: vec!["web-0".parse().unwrap()],
            never_ready: vec!["web-*".parse().unwrap()],
            ..PodOptions::default()
        };
        for (name, expected) in [
            ("web-0", "fail"),
            ("web-1", "never-ready"),
            ("db-0", "succeed"),
        ] {
            let pod: Pod = serde_json::from_value(json!({
                "metadata": { "name": name, "annotations": { OUTCOME_ANNOTATION: "succeed" } },
            }))
            .unwrap();
            let behaviour = Behaviour::of(&pod, &options);
            assert_eq!(behaviour.outcome.name(), expected, "{name}");
        }
    }

    #[test]
    fn durations() {
        for (text, expected) in [
            ("0s", Some(0)),
            ("500ms", Some(500)),
            ("2s", Some(2000)),
            ("1m", Some(60_000)),
            ("2", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("1h", None),
            ("99999999999999999999s", None),
            ("9999999999999999999m", None),
        ] {
            assert_eq!(
                parse_duration(text),
                expected.map(Duration::from_millis),
                "{text}"
            );
        }
    }
}
