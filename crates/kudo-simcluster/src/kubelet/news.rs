//! What the scheduler and a kubelet tell of a pod; pure.

use k8s_openapi::api::core::v1::{Container, ObjectReference, Pod};
use kube::ResourceExt;

use super::behaviour::Outcome;
use super::stage::{Stage, stage};
use crate::events::{Source, Told};

/// What the scheduler tells of a pod that it has bound.
pub(super) fn bound(pod: &Pod, node: &str) -> Told {
    let (name, namespace) = (pod.name_any(), pod.namespace().unwrap_or_default());
    let message = format!("Successfully assigned {namespace}/{name} to {node}");
    scheduled(pod, "Binding", false, "Scheduled", message)
}

/// What the scheduler tells of a pod that it cannot bind.
pub(super) fn refused(pod: &Pod, why: &str) -> Told {
    scheduled(pod, "Scheduling", true, "FailedScheduling", why.to_owned())
}

fn scheduled(
    pod: &Pod,
    action: &'static str,
    warning: bool,
    reason: &'static str,
    message: String,
) -> Told {
    Told {
        source: Source {
            program: "kube-scheduler",
            component: "default-scheduler",
            host: super::NODE.to_owned(),
            action: Some(action),
        },
        about: reference(pod, None),
        warning,
        reason,
        message,
    }
}

/// What a kubelet tells of a pod that it has brought from where it was to a stage.
pub(super) fn reached(pod: &Pod, to: Stage, outcome: Outcome, node: &str) -> Vec<Told> {
    let mut news = News {
        pod,
        node,
        told: Vec::new(),
    };
    if to == Stage::ImagePullError {
        news.pull_fails();
        return news.told;
    }
    if matches!(stage(pod), Stage::Waiting | Stage::ImagePullError) {
        news.starts();
    }
    if to == Stage::CrashLoop {
        news.crashes();
    }
    if to == Stage::Running && outcome == Outcome::NeverReady {
        news.is_unready();
    }
    news.told
}

/// What a kubelet tells of a pod that is to end.
pub(super) fn ending(pod: &Pod, node: &str) -> Vec<Told> {
    let mut news = News {
        pod,
        node,
        told: Vec::new(),
    };
    if matches!(stage(pod), Stage::Running | Stage::Ready) {
        for container in containers(pod) {
            let message = format!("Stopping container {}", container.name);
            news.tell(Place::Container(container), false, "Killing", message);
        }
    }
    news.told
}

/// Which container an event is about.
#[derive(Clone, Copy)]
enum Place<'a> {
    Container(&'a Container),
    InitContainer(&'a Container),
}

/// Events about the containers of one pod.
struct News<'a> {
    pod: &'a Pod,
    node: &'a str,
    told: Vec<Told>,
}

impl<'a> News<'a> {
    fn tell(&mut self, place: Place<'_>, warning: bool, reason: &'static str, message: String) {
        self.told.push(Told {
            source: Source {
                program: super::MANAGER,
                component: "kubelet",
                host: self.node.to_owned(),
                action: None,
            },
            about: reference(self.pod, Some(place)),
            warning,
            reason,
            message,
        });
    }

    /// All containers in the order in which they start.
    fn places(&self) -> impl Iterator<Item = Place<'a>> + use<'a> {
        let first = init_containers(self.pod).iter().map(Place::InitContainer);
        first.chain(containers(self.pod).iter().map(Place::Container))
    }

    fn starts(&mut self) {
        for place in self.places() {
            let (Place::Container(container) | Place::InitContainer(container)) = place;
            let (name, image) = (&container.name, image(container));
            let pulled = format!("Container image {image:?} already present on machine");
            self.tell(place, false, "Pulled", pulled);
            let created = format!("Created container: {name}");
            self.tell(place, false, "Created", created);
            let started = format!("Started container {name}");
            self.tell(place, false, "Started", started);
        }
    }

    fn pull_fails(&mut self) {
        let init = !init_containers(self.pod).is_empty();
        // The containers wait for the first init container, which waits for its image.
        for place in self.places().take(if init { 1 } else { usize::MAX }) {
            let (Place::Container(container) | Place::InitContainer(container)) = place;
            let image = image(container);
            let pulling = format!("Pulling image {image:?}");
            self.tell(place, false, "Pulling", pulling);
            let failed = format!("Failed to pull image {image:?}: no image can be pulled here");
            self.tell(place, true, "Failed", failed);
            self.tell(place, true, "Failed", "Error: ErrImagePull".to_owned());
            let back_off = format!("Back-off pulling image {image:?}");
            self.tell(place, false, "BackOff", back_off);
            self.tell(place, true, "Failed", "Error: ImagePullBackOff".to_owned());
        }
    }

    fn crashes(&mut self) {
        let pod = self.pod;
        let uid = pod.uid().unwrap_or_default();
        let namespace = pod.namespace().unwrap_or_default();
        for container in containers(pod) {
            let message = format!(
                "Back-off restarting failed container {} in pod {}_{namespace}({uid})",
                container.name,
                pod.name_any(),
            );
            self.tell(Place::Container(container), true, "BackOff", message);
        }
    }

    fn is_unready(&mut self) {
        for container in containers(self.pod) {
            let message = "Readiness probe failed: the pod is simulated never to become ready";
            let place = Place::Container(container);
            self.tell(place, true, "Unhealthy", message.to_owned());
        }
    }
}

fn reference(pod: &Pod, place: Option<Place<'_>>) -> ObjectReference {
    let field_path = place.map(|place| match place {
        Place::Container(container) => format!("spec.containers{{{}}}", container.name),
        Place::InitContainer(container) => format!("spec.initContainers{{{}}}", container.name),
    });
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: pod.namespace(),
        name: Some(pod.name_any()),
        uid: pod.uid(),
        resource_version: pod.resource_version(),
        field_path,
    }
}

fn containers(pod: &Pod) -> &[Container] {
    pod.spec.as_ref().map_or(&[], |spec| &spec.containers)
}

fn init_containers(pod: &Pod) -> &[Container] {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.init_containers.as_deref())
        .unwrap_or_default()
}

fn image(container: &Container) -> &str {
    container.image.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(status: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": "web", "namespace": "ns", "uid": "u" },
            "spec": {
                "containers": [{ "name": "main", "image": "nginx:1" }],
                "initContainers": [{ "name": "prepare", "image": "busybox" }],
            },
            "status": status,
        }))
        .unwrap()
    }

    /// Events in one line each, such as `main Started container main`.
    fn shown(told: Vec<Told>) -> Vec<String> {
        let lines = told.into_iter().map(|told| {
            let place = told.about.field_path.unwrap_or_default();
            let kind = if told.warning { "Warning" } else { "Normal" };
            format!("{place} {kind} {}: {}", told.reason, told.message)
        });
        lines.collect()
    }

    #[test]
    fn a_pod_that_is_bound() {
        let told = bound(&pod(&json!({})), "simulated");
        assert_eq!(told.message, "Successfully assigned ns/web to simulated");
        assert_eq!(told.about.field_path, None);
    }

    #[test]
    fn what_happens_to_containers() {
        let started = || {
            let lines = [
                ("initContainers", "prepare", "busybox"),
                ("containers", "main", "nginx:1"),
            ];
            let lines = lines.iter().flat_map(|(list, name, image)| {
                let place = format!("spec.{list}{{{name}}}");
                [
                    format!(
                        "{place} Normal Pulled: Container image {image:?} already present on machine"
                    ),
                    format!("{place} Normal Created: Created container: {name}"),
                    format!("{place} Normal Started: Started container {name}"),
                ]
            });
            lines.collect::<Vec<_>>()
        };
        let and = |mut lines: Vec<String>, more: &str| {
            lines.push(format!("spec.containers{{main}} {more}"));
            lines
        };
        let crashes = "Warning BackOff: Back-off restarting failed container main in pod web_ns(u)";
        let unready =
            "Warning Unhealthy: Readiness probe failed: the pod is simulated never to become ready";
        let pulled = |what: &str| format!("spec.initContainers{{prepare}} {what}");
        let pull = [
            "Normal Pulling: Pulling image \"busybox\"",
            "Warning Failed: Failed to pull image \"busybox\": no image can be pulled here",
            "Warning Failed: Error: ErrImagePull",
            "Normal BackOff: Back-off pulling image \"busybox\"",
            "Warning Failed: Error: ImagePullBackOff",
        ];
        let pull: Vec<String> = pull.into_iter().map(pulled).collect();
        let running = || json!({ "phase": "Running" });
        for (status, to, outcome, expected) in [
            (json!({}), Stage::Ready, Outcome::Ready, started()),
            (json!({}), Stage::Running, Outcome::Ready, started()),
            (running(), Stage::Ready, Outcome::Ready, vec![]),
            (json!({}), Stage::Succeeded, Outcome::Succeed, started()),
            (running(), Stage::Failed, Outcome::Fail, vec![]),
            (
                json!({}),
                Stage::CrashLoop,
                Outcome::Fail,
                and(started(), crashes),
            ),
            (
                running(),
                Stage::CrashLoop,
                Outcome::CrashLoop,
                and(vec![], crashes),
            ),
            (
                json!({}),
                Stage::Running,
                Outcome::NeverReady,
                and(started(), unready),
            ),
            (
                json!({}),
                Stage::ImagePullError,
                Outcome::ImagePullError,
                pull,
            ),
        ] {
            let told = shown(reached(&pod(&status), to, outcome, "simulated"));
            assert_eq!(told, expected, "{status} {to:?} {outcome:?}");
        }
    }

    #[test]
    fn only_what_runs_is_stopped() {
        for (phase, expected) in [
            (
                "Running",
                vec!["spec.containers{main} Normal Killing: Stopping container main"],
            ),
            ("Pending", vec![]),
            ("Succeeded", vec![]),
        ] {
            let told = shown(ending(&pod(&json!({ "phase": phase })), "simulated"));
            assert_eq!(told, expected, "{phase}");
        }
    }
}
