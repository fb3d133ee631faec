//! What a controller wants written, and the one place where it is.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Event;
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions,
    PropagationPolicy, Request,
};
use kube::{Client, Error};
use serde_json::{Value, json};

use super::note::Note;
use super::resources::{Kind, Resource};
use super::world::{Entry, Key, Object, ResourceId};

/// An existing object that is to be changed: this very one, and unless `version` is absent as it was
/// seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) resource: ResourceId,
    pub(super) key: Key,
    pub(super) uid: String,
    pub(super) version: Option<String>,
}

impl Target {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            resource: entry.resource,
            key: entry.key(),
            uid: entry.meta.uid.clone().unwrap_or_default(),
            version: entry.meta.resource_version.clone(),
        }
    }

    /// Whatever has become of the object since it was seen.
    pub(super) fn of_any_version(entry: &Entry) -> Self {
        Self {
            version: None,
            ..Self::of(entry)
        }
    }
}

impl<T> From<&Object<'_, T>> for Target {
    fn from(object: &Object<'_, T>) -> Self {
        Self {
            resource: object.resource,
            key: Key::new(object.namespace(), object.name()),
            uid: object.uid().to_owned(),
            version: object.meta.resource_version.clone(),
        }
    }
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Creates an object; its type and namespace are filled in.
    Create {
        kind: Kind,
        namespace: String,
        object: Value,
    },
    /// Changes an object by a merge patch.
    Patch { target: Target, patch: Value },
    /// Changes an object's status, and by the way its annotations, by a merge patch. Written this way
    /// annotations do not count as a change of what is wanted.
    PatchStatus {
        target: Target,
        status: Value,
        annotations: Value,
    },
    /// Deletes an object.
    Delete {
        target: Target,
        propagation: Option<PropagationPolicy>,
    },
    /// Deletes every object of a kind in a namespace.
    DeleteAll {
        resource: ResourceId,
        namespace: String,
    },
    /// Takes the finalizer `kubernetes` off a namespace, if the server agrees that it is empty.
    FinalizeNamespace { target: Target },
    /// Asks whether an owner exists.
    Verify {
        resource: ResourceId,
        key: Key,
        uid: String,
    },
    /// Tells something beside a write: how that ends says what.
    Noted { write: Box<Self>, note: Note },
    /// Tells something, and writes nothing else.
    Tell(Note),
}

impl Action {
    /// The same write, and something to tell of it.
    pub(super) fn noted(self, note: Note) -> Self {
        Self::Noted {
            write: Box::new(self),
            note,
        }
    }

    /// The write itself, if there is any, and what is to be told.
    pub(super) fn parted(self) -> (Option<Self>, Vec<Note>) {
        match self {
            Self::Tell(note) => (None, vec![note]),
            Self::Noted { write, note } => {
                let (write, mut notes) = write.parted();
                notes.push(note);
                (write, notes)
            }
            write => (Some(write), Vec::new()),
        }
    }

    /// Deletes an object and leaves what it owns to the garbage collector.
    pub(super) fn delete(target: impl Into<Target>) -> Self {
        let mut target = target.into();
        // The identity is what must hold; a change of status meanwhile is no reason to spare it.
        target.version = None;
        Self::Delete {
            target,
            propagation: Some(PropagationPolicy::Background),
        }
    }

    /// Changes an object as it was seen.
    pub(super) fn patch(target: impl Into<Target>, patch: Value) -> Self {
        Self::Patch {
            target: target.into(),
            patch,
        }
    }

    /// Brings the status from what it is to what it should be; nothing if nothing is to change.
    pub(super) fn status(target: impl Into<Target>, old: &Value, new: &Value) -> Option<Self> {
        merge_patch(old, new).map(|status| Self::PatchStatus {
            target: target.into(),
            status,
            annotations: Value::Null,
        })
    }
}

/// What a write has told of the cluster.
#[derive(Debug)]
pub(super) enum Effect {
    Seen(ResourceId, Box<DynamicObject>),
    Removed(String),
    Absent(String),
    None,
}

/// A write that did not come about.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: Error,
}

impl Refusal {
    /// What the server said, without the wrapping.
    pub(super) fn message(&self) -> String {
        match &self.error {
            Error::Api(status) => status.message.clone(),
            error => error.to_string(),
        }
    }

    /// Whether the server's objects were other than the cache said: news, not a failure.
    pub(super) fn is_stale(&self) -> bool {
        matches!(&self.error, Error::Api(status) if matches!(status.code, 404 | 409))
    }

    /// Whether a namespace takes nothing more, as it is going.
    pub(super) fn is_of_the_end(&self) -> bool {
        let Error::Api(status) = &self.error else {
            return false;
        };
        let details = status.details.iter();
        let mut causes = details.flat_map(|details| &details.causes);
        causes.any(|cause| cause.reason == "NamespaceTerminating")
    }

    /// Whether an object of that name exists.
    pub(super) fn is_already_there(&self) -> bool {
        matches!(&self.error, Error::Api(status) if status.is_already_exists())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error }
    }
}

/// Carries out one write. What is to be told of it is the caller's to tell.
pub(super) async fn perform(
    client: &Client,
    resources: &[Resource],
    action: Action,
) -> Result<Effect, Refusal> {
    match action {
        Action::Noted { write, .. } => Box::pin(perform(client, resources, *write)).await,
        Action::Tell(_) => Ok(Effect::None),
        Action::Create {
            kind,
            namespace,
            object,
        } => create(client, resources, kind, &namespace, object).await,
        Action::Patch { target, mut patch } => {
            bind(&mut patch, &target);
            let api = api(client, &resources[target.resource], &target.key.namespace);
            let params = PatchParams::default();
            let patch = Patch::Merge(&patch);
            let object = api.patch(&target.key.name, &params, &patch).await?;
            Ok(Effect::Seen(target.resource, Box::new(object)))
        }
        Action::PatchStatus {
            target,
            status,
            annotations,
        } => {
            let mut patch = json!({ "status": status });
            if annotations.is_object() {
                patch["metadata"]["annotations"] = annotations;
            }
            bind(&mut patch, &target);
            let api = api(client, &resources[target.resource], &target.key.namespace);
            let params = PatchParams::default();
            let patch = Patch::Merge(&patch);
            let object = api.patch_status(&target.key.name, &params, &patch).await?;
            Ok(Effect::Seen(target.resource, Box::new(object)))
        }
        Action::Delete {
            target,
            propagation,
        } => delete(client, resources, target, propagation).await,
        Action::DeleteAll {
            resource,
            namespace,
        } => {
            let api = api(client, &resources[resource], &namespace);
            let params = DeleteParams::background();
            match api.delete_collection(&params, &ListParams::default()).await {
                // A kind that cannot be deleted wholesale is none of a namespace's content.
                Err(Error::Api(status)) if status.code == 405 => Ok(Effect::None),
                result => result.map(|_| Effect::None).map_err(Refusal::from),
            }
        }
        Action::FinalizeNamespace { target } => finalize(client, resources, &target).await,
        Action::Verify { resource, key, uid } => {
            let api = api(client, &resources[resource], &key.namespace);
            let found = api.get_metadata_opt(&key.name).await?;
            let exists = found.is_some_and(|owner| owner.metadata.uid.as_deref() == Some(&uid));
            Ok(if exists {
                Effect::None
            } else {
                Effect::Absent(uid)
            })
        }
    }
}

async fn create(
    client: &Client,
    resources: &[Resource],
    kind: Kind,
    namespace: &str,
    mut object: Value,
) -> Result<Effect, Refusal> {
    let Some(resource) = resources.iter().position(|known| known.kind == kind) else {
        return Ok(Effect::None);
    };
    let api_resource = &resources[resource].api;
    object["apiVersion"] = api_resource.api_version.as_str().into();
    object["kind"] = api_resource.kind.as_str().into();
    let object: DynamicObject = serde_json::from_value(object).map_err(Error::SerdeError)?;
    let api = api(client, &resources[resource], namespace);
    let created = api.create(&PostParams::default(), &object).await?;
    Ok(Effect::Seen(resource, Box::new(created)))
}

async fn delete(
    client: &Client,
    resources: &[Resource],
    target: Target,
    propagation: Option<PropagationPolicy>,
) -> Result<Effect, Refusal> {
    let api = api(client, &resources[target.resource], &target.key.namespace);
    let params = DeleteParams {
        propagation_policy: propagation,
        preconditions: Some(Preconditions {
            uid: Some(target.uid.clone()),
            resource_version: target.version,
        }),
        ..DeleteParams::default()
    };
    match api.delete(&target.key.name, &params).await {
        Ok(either) => Ok(match either.left() {
            Some(object) if object.metadata.deletion_timestamp.is_some() => {
                Effect::Seen(target.resource, Box::new(object))
            }
            _ => Effect::Removed(target.uid),
        }),
        Err(Error::Api(status)) if status.is_not_found() => Ok(Effect::Removed(target.uid)),
        Err(error) => Err(error.into()),
    }
}

async fn finalize(
    client: &Client,
    resources: &[Resource],
    target: &Target,
) -> Result<Effect, Refusal> {
    let one = ListParams::default().limit(1);
    for resource in resources.iter().filter(|resource| resource.namespaced) {
        let api = api(client, resource, &target.key.name);
        match api.list_metadata(&one).await {
            Ok(list) if list.items.is_empty() => {}
            // What is left comes by the watch.
            Ok(_) => return Ok(Effect::None),
            // A definition that has just been deleted took its objects along.
            Err(Error::Api(status)) if matches!(status.code, 404 | 405) => {}
            Err(error) => return Err(error.into()),
        }
    }
    delete_events(client, &target.key.name).await?;
    let namespaces = api(client, &resources[target.resource], "");
    let Some(mut namespace) = namespaces.get_opt(&target.key.name).await? else {
        return Ok(Effect::Removed(target.uid.clone()));
    };
    if namespace.metadata.uid.as_deref() != Some(&target.uid) {
        return Ok(Effect::Removed(target.uid.clone()));
    }
    if let Some(Value::Array(finalizers)) = namespace.data.pointer_mut("/spec/finalizers") {
        finalizers.retain(|finalizer| finalizer != "kubernetes");
    }
    let body = serde_json::to_vec(&namespace).map_err(Error::SerdeError)?;
    let name = &target.key.name;
    let request = Request::new("/api/v1/namespaces")
        .replace_subresource("finalize", name, &PostParams::default(), body)
        .map_err(Error::BuildRequest)?;
    let _: DynamicObject = client.request(request).await?;
    Ok(Effect::None)
}

/// Events are watched by nobody here, so they are deleted unseen.
async fn delete_events(client: &Client, namespace: &str) -> Result<(), Refusal> {
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let params = DeleteParams::background();
    match events
        .delete_collection(&params, &ListParams::default())
        .await
    {
        Err(Error::Api(status)) if matches!(status.code, 404 | 405) => Ok(()),
        result => result.map(drop).map_err(Refusal::from),
    }
}

/// Ties a patch to the object it was made for.
fn bind(patch: &mut Value, target: &Target) {
    patch["metadata"]["uid"] = target.uid.as_str().into();
    if let Some(version) = &target.version {
        patch["metadata"]["resourceVersion"] = version.as_str().into();
    }
}

fn api(client: &Client, resource: &Resource, namespace: &str) -> Api<DynamicObject> {
    if resource.namespaced {
        Api::namespaced_with(client.clone(), namespace, &resource.api)
    } else {
        Api::all_with(client.clone(), &resource.api)
    }
}

/// The kinds, as a task that writes holds them while more come.
pub(super) type Resources = Arc<[Resource]>;

/// The merge patch from one document to another; nothing if they say the same.
///
/// Nought, `false` and nothing are what an absent field means: Kubernetes leaves most of them out and
/// some versions spell some of them out, so a removal of one is no change.
pub(super) fn merge_patch(old: &Value, new: &Value) -> Option<Value> {
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        return (old != new).then(|| new.clone());
    };
    let mut patch = serde_json::Map::new();
    for (name, value) in after {
        let change = match before.get(name) {
            Some(old) => merge_patch(old, value),
            None => Some(value.clone()),
        };
        patch.extend(change.map(|change| (name.clone(), change)));
    }
    for (name, value) in before {
        if !after.contains_key(name) && !is_empty(value) {
            patch.insert(name.clone(), Value::Null);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_holds_what_changes_and_no_more() {
        for (old, new, expected) in [
            (json!({}), json!({}), None),
            (json!(null), json!({ "a": 1 }), Some(json!({ "a": 1 }))),
            (json!({ "a": 1 }), json!({ "a": 1 }), None),
            (
                json!({ "a": 1 }),
                json!({ "a": 2 }),
                Some(json!({ "a": 2 })),
            ),
            (json!({ "a": 1 }), json!({}), Some(json!({ "a": null }))),
            (json!({ "a": 0, "b": [], "c": {} }), json!({}), None),
            (
                json!({ "a": { "b": 1, "c": 2 } }),
                json!({ "a": { "b": 1, "c": 3 } }),
                Some(json!({ "a": { "c": 3 } })),
            ),
            (
                json!({ "list": [1, 2] }),
                json!({ "list": [2] }),
                Some(json!({ "list": [2] })),
            ),
        ] {
            assert_eq!(merge_patch(&old, &new), expected, "{old} -> {new}");
        }
    }
}
