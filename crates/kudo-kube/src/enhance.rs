//! What KUDO adds to every object before it is applied: labels, annotations, namespace and owner.
//!
//! Second stage after rendering. Pod templates get labels and the operator version only: what changes
//! with every execution (plan, phase, step, its uid) stands on the object itself, as on the template it
//! would restart pods.

mod fit;

use std::collections::BTreeMap;

use kudo_api::names::{
    DEPENDENCIES_HASH_ANNOTATION, HERITAGE, HERITAGE_LABEL, INSTANCE_LABEL,
    LAST_APPLIED_ANNOTATION, OPERATOR_LABEL, OPERATOR_VERSION_ANNOTATION, PHASE_ANNOTATION,
    PLAN_ANNOTATION, PLAN_UID_ANNOTATION, STEP_ANNOTATION,
};
use kudo_template::objects::what;
use serde_json::{Map, Value, json};

use crate::discovery::Scope;
use crate::identity::{gvk_of, kind_of, name_of, text};

/// Fields of `metadata` that only the server writes; an exported object that became a template has them.
const SERVER_FIELDS: [&str; 7] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
];

/// Who applies an object, and where in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enhancement<'a> {
    /// Name of the operator.
    pub operator_name: &'a str,
    /// Version of the operator.
    pub operator_version: &'a str,
    /// Name of the instance.
    pub instance: &'a str,
    /// Namespace of the instance.
    pub namespace: &'a str,
    /// Uid of the instance resource.
    pub instance_uid: &'a str,
    /// The plan that runs.
    pub plan: &'a str,
    /// Its phase.
    pub phase: &'a str,
    /// The phase's step.
    pub step: &'a str,
    /// Identity of the plan's execution.
    pub execution_uid: &'a str,
}

/// Why an object cannot be enhanced. All of these are faults of the template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnhanceError {
    /// A label or an annotation is not text.
    #[error("{object}: {field} must be text, but is {found}; put it in quotes")]
    NotText {
        /// Kind and name of the object.
        object: String,
        /// Path of the field.
        field: String,
        /// What it is.
        found: &'static str,
    },
    /// A field that must be a map is something else.
    #[error("{object}: {field} must be a map, but is {found}")]
    NotAMap {
        /// Kind and name of the object.
        object: String,
        /// Path of the field.
        field: String,
        /// What it is.
        found: &'static str,
    },
    /// The template names another controller as owner.
    #[error("{object}: the template makes {owner} its controller, so the instance cannot own it")]
    Owned {
        /// Kind and name of the object.
        object: String,
        /// Kind and name of the owner.
        owner: String,
    },
    /// The template is of the instance whose plan applies it: the plan would wait for its own end.
    #[error("{object}: a plan cannot apply the instance that runs it")]
    Itself {
        /// Kind and name of the object.
        object: String,
    },
}

/// Path of the pod template of a kind that has one.
pub fn pod_template(group: &str, kind: &str) -> Option<&'static str> {
    match (group, kind) {
        ("apps" | "extensions", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("", "ReplicationController")
        | ("batch", "Job") => Some("/spec/template"),
        ("batch", "CronJob") => Some("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

/// Adds everything to a rendered object that does not depend on other objects.
pub fn enhance(
    mut object: Value,
    scope: &Scope,
    enhancement: &Enhancement<'_>,
) -> Result<Value, EnhanceError> {
    let gvk = gvk_of(&object);
    let (group, kind) = gvk
        .as_ref()
        .map_or(("", ""), |gvk| (gvk.group.as_str(), gvk.kind.as_str()));
    let described = format!("{} {:?}", kind_of(&object), name_of(&object));
    let subject = Subject { described };
    if (group, kind) == (kudo_api::GROUP, "Instance") && name_of(&object) == enhancement.instance {
        return Err(EnhanceError::Itself {
            object: subject.described,
        });
    }
    let labels = [
        (HERITAGE_LABEL, HERITAGE),
        (OPERATOR_LABEL, enhancement.operator_name),
        (INSTANCE_LABEL, enhancement.instance),
    ];

    let metadata = subject.map_in(&mut object, "", "metadata")?;
    for field in SERVER_FIELDS {
        metadata.remove(field);
    }
    metadata.remove("uid");
    subject.merge(metadata, "metadata", "labels", &labels)?;
    let address = [
        (PLAN_ANNOTATION, enhancement.plan),
        (PHASE_ANNOTATION, enhancement.phase),
        (STEP_ANNOTATION, enhancement.step),
        (PLAN_UID_ANNOTATION, enhancement.execution_uid),
    ];
    let annotations = subject.merge(metadata, "metadata", "annotations", &address)?;
    annotations.remove(LAST_APPLIED_ANNOTATION);
    match scope {
        Scope::Namespaced => {
            metadata.insert("namespace".to_owned(), json!(enhancement.namespace));
            own(&subject, metadata, enhancement)?;
        }
        Scope::Cluster => {
            metadata.remove("namespace");
        }
    }

    if let Some(path) = pod_template(group, kind)
        && let Some(template) = object.pointer_mut(path).filter(|value| !value.is_null())
    {
        let field = dotted(path);
        let metadata = subject.map_in(template, &field, "metadata")?;
        metadata.remove("creationTimestamp");
        let within = format!("{field}.metadata");
        subject.merge(metadata, &within, "labels", &labels)?;
        let version = [(OPERATOR_VERSION_ANNOTATION, enhancement.operator_version)];
        subject.merge(metadata, &within, "annotations", &version)?;
    }
    if (group, kind) == ("apps", "StatefulSet")
        && let Some(Value::Array(claims)) = object.pointer_mut("/spec/volumeClaimTemplates")
    {
        for (index, claim) in claims.iter_mut().enumerate() {
            let field = format!("spec.volumeClaimTemplates[{index}]");
            let metadata = subject.map_in(claim, &field, "metadata")?;
            metadata.remove("creationTimestamp");
            subject.merge(metadata, &format!("{field}.metadata"), "labels", &labels)?;
        }
    }
    fit::fit_for_apply(&mut object, group, kind);
    Ok(object)
}

/// The child instance of a `KudoOperator` task: like one that a person installs, but for its owner, the
/// parent, which is not its controller.
pub fn child_instance(
    name: &str,
    operator: &str,
    operator_version: &str,
    parameters: &BTreeMap<String, String>,
    enhancement: &Enhancement<'_>,
) -> Value {
    json!({
        "apiVersion": kudo_api::API_VERSION,
        "kind": "Instance",
        "metadata": {
            "name": name,
            "namespace": enhancement.namespace,
            "labels": {
                HERITAGE_LABEL: HERITAGE,
                OPERATOR_LABEL: operator,
                INSTANCE_LABEL: enhancement.instance,
            },
            "annotations": {
                PLAN_ANNOTATION: enhancement.plan,
                PHASE_ANNOTATION: enhancement.phase,
                STEP_ANNOTATION: enhancement.step,
                PLAN_UID_ANNOTATION: enhancement.execution_uid,
            },
            "ownerReferences": [{
                "apiVersion": kudo_api::API_VERSION,
                "kind": "Instance",
                "name": enhancement.instance,
                "uid": enhancement.instance_uid,
            }],
        },
        "spec": {
            "operatorVersion": { "name": operator_version },
            "parameters": parameters,
        },
    })
}

/// Takes out of an enhanced object what only a cluster knows, for showing it without one: the uids of the
/// instance, which owns it, and of the plan's execution.
pub fn forget_uids(object: &mut Value, enhancement: &Enhancement<'_>) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        annotations.remove(PLAN_UID_ANNOTATION);
    }
    if let Some(Value::Array(owners)) = metadata.get_mut("ownerReferences") {
        owners.retain(|owner| text(owner, "/uid") != enhancement.instance_uid);
        if owners.is_empty() {
            metadata.remove("ownerReferences");
        }
    }
}

/// Writes the hash of what the pod template reads into it. Objects without a pod template stay as they are.
pub fn set_dependencies_hash(object: &mut Value, hash: &str) {
    let path = gvk_of(object).and_then(|gvk| pod_template(&gvk.group, &gvk.kind));
    let annotations = path
        .and_then(|path| object.pointer_mut(path))
        .and_then(|template| template.pointer_mut("/metadata/annotations"))
        .and_then(Value::as_object_mut);
    if let Some(annotations) = annotations {
        annotations.insert(DEPENDENCIES_HASH_ANNOTATION.to_owned(), json!(hash));
    }
}

/// The object as messages name it.
struct Subject {
    described: String,
}

impl Subject {
    /// The map under a key, made if absent or null.
    fn map_in<'v>(
        &self,
        value: &'v mut Value,
        within: &str,
        key: &str,
    ) -> Result<&'v mut Map<String, Value>, EnhanceError> {
        let found = what(value);
        let Value::Object(map) = value else {
            return Err(self.not_a_map(within, found));
        };
        self.entry(map, within, key)
    }

    fn entry<'v>(
        &self,
        map: &'v mut Map<String, Value>,
        within: &str,
        key: &str,
    ) -> Result<&'v mut Map<String, Value>, EnhanceError> {
        let value = map.entry(key).or_insert(Value::Null);
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        let found = what(value);
        match value {
            Value::Object(map) => Ok(map),
            _ => Err(self.not_a_map(&join(within, key), found)),
        }
    }

    /// Adds text entries to the map under a key, whose own entries must be text.
    fn merge<'v>(
        &self,
        metadata: &'v mut Map<String, Value>,
        within: &str,
        key: &str,
        entries: &[(&str, &str)],
    ) -> Result<&'v mut Map<String, Value>, EnhanceError> {
        let map = self.entry(metadata, within, key)?;
        map.retain(|_, value| !value.is_null());
        if let Some((name, value)) = map.iter().find(|(_, value)| !value.is_string()) {
            return Err(EnhanceError::NotText {
                object: self.described.clone(),
                field: format!("{}.{name}", join(within, key)),
                found: what(value),
            });
        }
        for (name, value) in entries {
            map.insert((*name).to_owned(), json!(value));
        }
        Ok(map)
    }

    fn not_a_map(&self, field: &str, found: &'static str) -> EnhanceError {
        EnhanceError::NotAMap {
            object: self.described.clone(),
            field: field.to_owned(),
            found,
        }
    }
}

/// Makes the instance the controller of the object. Owners that the template names stay, unless one
/// of them is a controller already.
fn own(
    subject: &Subject,
    metadata: &mut Map<String, Value>,
    enhancement: &Enhancement<'_>,
) -> Result<(), EnhanceError> {
    let mut owners = match metadata.remove("ownerReferences") {
        Some(Value::Array(owners)) => owners,
        _ => Vec::new(),
    };
    owners.retain(|owner| text(owner, "/uid") != enhancement.instance_uid);
    let other = owners
        .iter()
        .find(|owner| owner.get("controller") == Some(&Value::Bool(true)));
    if let Some(owner) = other {
        return Err(EnhanceError::Owned {
            object: subject.described.clone(),
            owner: format!("{} {:?}", text(owner, "/kind"), text(owner, "/name")),
        });
    }
    owners.push(json!({
        "apiVersion": kudo_api::API_VERSION,
        "kind": "Instance",
        "name": enhancement.instance,
        "uid": enhancement.instance_uid,
        "controller": true,
        "blockOwnerDeletion": true,
    }));
    metadata.insert("ownerReferences".to_owned(), Value::Array(owners));
    Ok(())
}

fn join(within: &str, key: &str) -> String {
    if within.is_empty() {
        key.to_owned()
    } else {
        format!("{within}.{key}")
    }
}

fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

#[cfg(test)]
mod tests;
