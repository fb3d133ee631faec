//! Why a Job failed, in the words of its pods.
//!
//! A Job tells no more than that its pods failed too often, or took too long. A container may say why it ended
//! by writing to `/dev/termination-log`; one that did not start has a reason in its status.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::Api;
use kube::api::ListParams;

use crate::cluster::Cluster;
use crate::identity::ObjectKey;

/// Words of a container that are told at most, in characters.
const LONGEST: usize = 500;

/// What the pods of a failed Job said last; nothing for other kinds, nor where pods cannot be listed.
pub(super) async fn last_words(cluster: &Cluster, key: &ObjectKey) -> Option<String> {
    if (key.kind.group.as_str(), key.kind.kind.as_str()) != ("batch", "Job") {
        return None;
    }
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), key.namespace.as_deref()?);
    let of_the_job = ListParams::default().labels(&format!("job-name={}", key.name));
    let mut pods = pods.list(&of_the_job).await.ok()?.items;
    pods.sort_by(|a, b| {
        b.metadata
            .creation_timestamp
            .cmp(&a.metadata.creation_timestamp)
    });
    pods.iter().find_map(words_of)
}

fn words_of(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = status.init_container_statuses.iter().flatten();
    let mut containers = containers.chain(status.container_statuses.iter().flatten());
    containers.find_map(words_of_container)
}

fn words_of_container(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    let ended = state.terminated.as_ref().or_else(|| {
        let last = container.last_state.as_ref()?;
        last.terminated.as_ref()
    });
    let said = ended
        .filter(|ended| ended.exit_code != 0)
        .and_then(|ended| ended.message.as_deref())
        .map(str::trim)
        .filter(|said| !said.is_empty());
    if let Some(said) = said {
        return Some(said.chars().take(LONGEST).collect());
    }
    let reason = state.waiting.as_ref()?.reason.as_deref()?;
    let started = matches!(reason, "ContainerCreating" | "PodInitializing");
    (!started).then(|| format!("container {:?} did not start ({reason})", container.name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn words(status: &Value) -> Option<String> {
        let pod = json!({ "status": { "containerStatuses": [status] } });
        words_of(&serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn a_container_tells_why_it_ended_or_did_not_start() {
        let container = |state: Value| {
            json!({
                "name": "it", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state,
            })
        };
        let ended = |code: i32, message: &str| {
            container(json!({ "terminated": { "exitCode": code, "message": message } }))
        };
        let waiting = |reason: &str| container(json!({ "waiting": { "reason": reason } }));
        let cases = [
            (ended(1, "the disk is full\n"), Some("the disk is full")),
            (ended(1, ""), None),
            (ended(0, "fine"), None),
            (
                waiting("ImagePullBackOff"),
                Some("container \"it\" did not start (ImagePullBackOff)"),
            ),
            (waiting("ContainerCreating"), None),
        ];
        for (status, expected) in cases {
            assert_eq!(words(&status).as_deref(), expected, "{status}");
        }
        assert_eq!(words(&ended(1, &"x".repeat(2000))).unwrap().len(), LONGEST);
    }
}
