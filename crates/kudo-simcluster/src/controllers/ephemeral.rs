//! Volumes that a pod wants by a template: a claim for each, which goes with the pod.

use serde_json::json;

use super::action::Action;
use super::model::{Claim, Pod};
use super::note::Note;
use super::resources::Kind;
use super::world::{Key, PodRef};
use super::{Verdict, View};
use crate::storage::not_the_pods;

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let pod = view.world.get::<Pod>(key).filter(|pod| !pod.is_deleting());
    let Some(pod) = pod else {
        return Verdict::nothing();
    };
    let mut actions = Vec::new();
    for volume in &pod.body.spec.volumes {
        let Some(source) = &volume.ephemeral else {
            continue;
        };
        let name = volume.claim(pod.name()).unwrap_or_default();
        match view.world.get::<Claim>(&Key::new(&key.namespace, &name)) {
            Some(claim)
                if claim
                    .controller()
                    .is_some_and(|owner| owner.uid == pod.uid()) => {}
            // The rest has to wait for that.
            Some(_) => {
                let whose = |name: &str| format!("{}/{name}", key.namespace);
                let why = not_the_pods(&whose(&name), &whose(&key.name));
                let message = format!("ephemeral volume {}: {why}", volume.name);
                let note = Note::about(&pod).warning("FailedBinding", message);
                actions.push(Action::Tell(note));
                break;
            }
            None => {
                let refused = format!(
                    "ephemeral volume {}: create PVC {name}: {{error}}",
                    volume.name
                );
                let note = Note::about(&pod).on_refusal("FailedBinding", refused);
                actions.push(create(view, &pod, &name, &source.volume_claim_template).noted(note));
            }
        }
    }
    Verdict::write(actions)
}

fn create(view: &View<'_>, pod: &PodRef<'_>, name: &str, template: &serde_json::Value) -> Action {
    let owner = view.world.resources()[pod.resource].controller_reference(pod.name(), pod.uid());
    let mut object = json!({
        "metadata": { "name": name, "ownerReferences": [owner] },
        "spec": template["spec"],
    });
    for field in ["labels", "annotations"] {
        let said = &template["metadata"][field];
        if !said.is_null() {
            object["metadata"][field] = said.clone();
        }
    }
    Action::Create {
        kind: Kind::Claim,
        namespace: pod.namespace().to_owned(),
        object,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::observe;
    use crate::controllers::testing::{Scene, created, events, owner};

    fn pod() -> Value {
        let template = json!({
            "metadata": { "labels": { "app": "web" } },
            "spec": { "accessModes": ["ReadWriteOnce"] },
        });
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web" },
            "spec": { "volumes": [
                { "name": "scratch", "ephemeral": { "volumeClaimTemplate": template } },
                { "name": "data", "persistentVolumeClaim": { "claimName": "data" } },
            ]},
        })
    }

    fn claim(owners: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": { "name": "web-scratch", "ownerReferences": owners },
        })
    }

    #[test]
    fn a_claim_is_made_that_the_pod_owns() {
        let verdict = Scene::new().with(pod()).observe(observe, "web");
        let expected = json!({
            "metadata": {
                "name": "web-scratch", "labels": { "app": "web" },
                "ownerReferences": [owner("Pod", "web")],
            },
            "spec": { "accessModes": ["ReadWriteOnce"] },
        });
        assert_eq!(created(&verdict), [&expected]);
        let scene = Scene::new()
            .with(pod())
            .with(claim(&json!([owner("Pod", "web")])));
        assert!(scene.observe(observe, "web").actions.is_empty());
    }

    #[test]
    fn a_claim_of_somebody_else_is_left_alone() {
        let scene = Scene::new().with(pod()).with(claim(&json!([])));
        let verdict = scene.observe(observe, "web");
        assert!(created(&verdict).is_empty());
        assert_eq!(
            events(&verdict),
            [
                "Warning FailedBinding: ephemeral volume scratch: PVC \"ns/web-scratch\" was not created \
                 for pod \"ns/web\" (pod is not owner)"
            ]
        );
    }
}
