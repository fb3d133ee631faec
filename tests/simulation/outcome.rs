//! What a run comes to.

use k8s_openapi::api::core::v1::Event;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use kube::core::GroupVersionKind;
use kudo_api::Instance;
use kudo_api::instance::{Accepted, PlanStatus};
use serde_json::{Value, json};

use crate::comparison::normal;
use crate::world::{NAMESPACE, World, owned};

/// Group, version and kind of what operators of these tests make.
pub(crate) const KINDS: [(&str, &str, &str); 9] = [
    ("", "v1", "ConfigMap"),
    ("", "v1", "Secret"),
    ("", "v1", "Service"),
    ("", "v1", "ServiceAccount"),
    ("", "v1", "PersistentVolumeClaim"),
    ("apps", "v1", "Deployment"),
    ("apps", "v1", "StatefulSet"),
    ("batch", "v1", "Job"),
    ("policy", "v1", "PodDisruptionBudget"),
];

/// The kinds as the client wants them.
pub(crate) fn kinds() -> impl Iterator<Item = GroupVersionKind> {
    let kinds = KINDS.iter();
    kinds.map(|(group, version, kind)| GroupVersionKind::gvk(group, version, kind))
}

/// Whether what the spec says was accepted; its plan may still run.
pub(crate) fn accepted(instance: &Instance) -> bool {
    let version = instance.spec.operator_version.name.clone();
    let wanted = Accepted {
        operator_version: version.unwrap_or_default(),
        parameters: instance.spec.parameters.clone(),
    };
    let status = instance.status.as_ref();
    status.and_then(|status| status.accepted.as_ref()) == Some(&wanted)
}

/// Whether what the spec says was accepted, and nothing is left to do.
pub(crate) fn settled(instance: &Instance) -> bool {
    let status = instance.status.clone().unwrap_or_default();
    let ready = status.condition("Ready");
    accepted(instance)
        && !status.plan_status.values().any(PlanStatus::is_running)
        && instance.spec.plan_execution.is_empty()
        && status.upgraded_from.is_none()
        && ready.is_some_and(|ready| ready.status == "True")
}

/// What an object holds; of a Secret, which may be made up at random, only the keys.
fn content(kind: &str, data: Option<&Value>) -> Value {
    match data {
        Some(Value::Object(map)) if kind == "Secret" => json!(map.keys().collect::<Vec<_>>()),
        Some(data) => data.clone(),
        None => Value::Null,
    }
}

/// Objects of the instance, the instance itself and what was told about it, in a form that is the
/// same for all runs.
pub(crate) async fn state(world: &World) -> Value {
    let mut objects = Vec::new();
    for kind in kinds() {
        for object in owned(&world.client(), &kind).await {
            objects.push(json!({
                "kind": kind.kind,
                "name": object.name_any(),
                "labels": object.labels(),
                "annotations": object.annotations(),
                "owners": object.owner_references(),
                "data": content(&kind.kind, object.data.get("data")),
                "spec": object.data.get("spec"),
            }));
        }
    }
    let events: Api<Event> = Api::namespaced(world.client(), NAMESPACE);
    let events = events.list(&ListParams::default()).await.unwrap();
    let about = |event: &Event| event.involved_object.kind.as_deref() == Some("Instance");
    let events = events.items.into_iter().filter(about);
    let mut events: Vec<_> = events
        .map(|event| {
            (
                event.reason.unwrap_or_default(),
                event.message.unwrap_or_default(),
            )
        })
        .collect();
    events.sort();
    let instance = world.instance().await;
    let mut state = json!({
        "objects": objects,
        "spec": instance.as_ref().map(|instance| &instance.spec),
        "status": instance.as_ref().map(|instance| &instance.status),
        "finalizers": instance.as_ref().map(ResourceExt::finalizers),
        "events": events,
    });
    normal(&mut state, NAMESPACE);
    state
}
