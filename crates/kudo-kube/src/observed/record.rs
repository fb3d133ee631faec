//! The little that is remembered of an object.

use kudo_api::names::{
    INSTANCE_LABEL, LAST_APPLIED_ANNOTATION, PHASE_ANNOTATION, PLAN_ANNOTATION,
    PLAN_UID_ANNOTATION, PRUNE_ANNOTATION, STEP_ANNOTATION,
};
use serde_json::Value;

use crate::health::{Health, health_of, refusal_of, trouble_of};
use crate::identity::{Gvk, ObjectKey, annotation, label, name_of, text};

/// What is remembered of an object; its content is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Uid of the object: tells it from one of the same name before or after it.
    pub uid: Box<str>,
    /// Resource version as a number; 0 if the server's are no numbers.
    pub version: u64,
    /// Generation: counts changes of the spec.
    pub generation: i64,
    /// Name of the instance that its labels tell; of a cluster-scoped object they do not tell the
    /// instance's namespace.
    pub instance: Option<Box<str>>,
    /// The controller that owns it; of a child instance its parent, which is no controller.
    pub controller: Option<Box<Controller>>,
    /// Which step of which execution applied it last.
    pub applied_by: Option<Box<AppliedBy>>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it still carries the original's annotation with its last applied content.
    pub legacy: bool,
    /// Whether it asks to be kept when no template renders it any longer.
    pub kept: bool,
    /// Its health.
    pub health: Health,
    /// Of a pod: why it is not ready and will not be soon.
    pub trouble: Option<Box<str>>,
    /// Of an instance: why the manager does not act upon its spec.
    pub refused: Option<Box<str>>,
}

/// The controller among an object's owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// Kind.
    pub kind: Box<str>,
    /// Name.
    pub name: Box<str>,
    /// Uid.
    pub uid: Box<str>,
}

/// A step of an execution, as an object's annotations name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedBy {
    /// The plan.
    pub plan: Box<str>,
    /// The phase.
    pub phase: Box<str>,
    /// The step.
    pub step: Box<str>,
    /// Identity of the execution.
    pub execution: Box<str>,
}

impl Record {
    /// Reduces an object. Its health is judged as that of `kind`, whatever it says of itself: items of
    /// lists and metadata alone say nothing.
    pub fn of(kind: &Gvk, object: &Value) -> Self {
        Self {
            uid: text(object, "/metadata/uid").into(),
            version: version_of(object),
            generation: number(object, "/metadata/generation"),
            instance: label(object, INSTANCE_LABEL).map(Into::into),
            controller: controller_of(object),
            applied_by: applied_by(object),
            deleting: object.pointer("/metadata/deletionTimestamp").is_some(),
            legacy: annotation(object, LAST_APPLIED_ANNOTATION).is_some(),
            kept: annotation(object, PRUNE_ANNOTATION) == Some("false"),
            health: health_of(&kind.group, &kind.kind, object),
            trouble: trouble_of(&kind.group, &kind.kind, object).map(Into::into),
            refused: refusal_of(&kind.group, &kind.kind, object).map(Into::into),
        }
    }

    /// Whether a workload made it: by itself or, as a Deployment does its pods, by a replica set.
    pub(super) fn is_made_by(&self, workload: &ObjectKey) -> bool {
        let Some(controller) = &self.controller else {
            return false;
        };
        match (workload.kind.kind.as_str(), &*controller.kind) {
            ("Deployment", "ReplicaSet") => {
                let hash = controller.name.strip_prefix(workload.name.as_str());
                let hash = hash.and_then(|rest| rest.strip_prefix('-'));
                hash.is_some_and(|hash| !hash.contains('-'))
            }
            (kind, of) => kind == of && *controller.name == *workload.name,
        }
    }

    /// Whether the controller is this instance resource.
    pub fn is_owned_by(&self, instance_uid: &str) -> bool {
        self.controller
            .as_ref()
            .is_some_and(|controller| &*controller.uid == instance_uid)
    }
}

/// The object's resource version as a number; 0 if it is none.
pub(crate) fn version_of(object: &Value) -> u64 {
    text(object, "/metadata/resourceVersion")
        .parse()
        .unwrap_or(0)
}

/// Name and namespace of an object, as a store keeps them.
pub(super) fn place_of(object: &Value) -> (Option<Box<str>>, Box<str>) {
    let namespace = text(object, "/metadata/namespace");
    let namespace = (!namespace.is_empty()).then(|| namespace.into());
    (namespace, name_of(object).into())
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn controller_of(object: &Value) -> Option<Box<Controller>> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let controller = owners
        .iter()
        .find(|owner| owner.get("controller") == Some(&Value::Bool(true)))
        .or_else(|| owners.iter().find(|owner| is_instance(owner)))?;
    Some(Box::new(Controller {
        kind: text(controller, "/kind").into(),
        name: text(controller, "/name").into(),
        uid: text(controller, "/uid").into(),
    }))
}

fn is_instance(owner: &Value) -> bool {
    let group = text(owner, "/apiVersion")
        .split_once('/')
        .map(|(group, _)| group);
    group == Some(kudo_api::GROUP) && text(owner, "/kind") == "Instance"
}

fn applied_by(object: &Value) -> Option<Box<AppliedBy>> {
    let of = |name| annotation(object, name).unwrap_or_default().into();
    let execution = annotation(object, PLAN_UID_ANNOTATION)?;
    Some(Box::new(AppliedBy {
        plan: of(PLAN_ANNOTATION),
        phase: of(PHASE_ANNOTATION),
        step: of(STEP_ANNOTATION),
        execution: execution.into(),
    }))
}
