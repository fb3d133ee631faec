//! The way of every write: from an object as a client sent it to one that is stored.

use std::sync::Arc;

use serde_json::Value;

use super::options::WriteOptions;
use super::{Target, body};
use crate::admission::{Asked, Operation, keep_up};
use crate::field_error::{FieldError, invalid_status};
use crate::http::Call;
use crate::http::status::Refusal;
use crate::kinds::{Shown, convert};
use crate::managed_fields::{self, Manager};
use crate::store::{Entry, Refused};
use crate::{builtin, crd, schema, store};

/// Metadata that a write of the status leaves alone, by kind.
const STATUS_KEEPS: &[(&str, &[&str])] = &[
    (
        "APIService",
        &["annotations", "finalizers", "labels", "ownerReferences"],
    ),
    (
        "CustomResourceDefinition",
        &["annotations", "labels", "ownerReferences"],
    ),
    ("Deployment", &["labels"]),
    ("Pod", &["ownerReferences"]),
];

/// Why a write of something that was read came to nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// Somebody else wrote in between: what was read is old.
    Stale,
    Refused(Refusal),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Call {
    /// Sets defaults, as often as something else has changed the object.
    pub(super) fn default(shown: &Shown, object: &mut Value) {
        match &shown.version().structural {
            Some(structural) => structural.default(object),
            None => builtin::default(shown.gvk(), object),
        }
    }

    /// Brings an object that a webhook has changed into form.
    pub(crate) fn bring_into_form(target: &Target, object: &mut Value) -> Result<(), String> {
        let shown = &target.shown;
        if shown.kind.is_custom() {
            let decoded = body::decode(shown, object);
            decoded.map_err(|refusal| {
                let message = refusal.to_value()["message"].take();
                message.as_str().unwrap_or_default().to_owned()
            })?;
        } else {
            schema::decode(&shown.version().ty, object).map_err(|error| error.to_string())?;
        }
        Self::default(&target.shown, object);
        Ok(())
    }

    pub(crate) fn refuse_invalid(
        shown: &Shown,
        name: &str,
        errors: &[FieldError],
    ) -> Result<(), Refusal> {
        if errors.is_empty() {
            return Ok(());
        }
        let group = &shown.version().group;
        let status = invalid_status(group, &shown.kind.kind, name, errors);
        Err(Refusal::whole(status))
    }

    /// Notes who wrote what.
    pub(super) fn record(
        &self,
        target: &Target,
        old: Option<&Value>,
        object: &mut Value,
        options: &WriteOptions,
    ) {
        let api_version = target.shown.api_version();
        let by = Manager {
            name: &options.manager,
            version: &api_version,
            subresource: &target.path.subresource,
            now: &self.server.clock.text(),
        };
        managed_fields::record_update(&type_of(&target.shown), old, object, by);
    }

    /// Stores an object that was read as `before`; the answer is the object as its version shows it.
    pub(super) async fn replace(
        &self,
        target: &Target,
        before: &Arc<Entry>,
        mut object: Value,
        options: &WriteOptions,
        applied: bool,
    ) -> Result<Value, Failed> {
        let shown = &target.shown;
        let old = before.object(shown);
        let whole = self.method == http::Method::PUT;
        Self::check_metadata(target, &old, &mut object, whole)?;
        Self::default(shown, &mut object);
        if shown.kind.is("Pod") && target.path.subresource.is_empty() {
            keep_up(&old, &mut object);
        }
        let asked = Asked {
            target,
            operation: Operation::Update,
            name: target.name(),
            old: Some(&old),
            options: &options.said,
        };
        let mut object = if options.reviewed {
            object
        } else {
            self.mutating(&asked, Some(object))
                .await?
                .unwrap_or_default()
        };
        Self::keep(target, &old, &mut object);
        self.authorize_grant(target, Some(&old), &object)?;
        Self::default(shown, &mut object);
        Self::count_generation(target, &old, &mut object);
        if shown.kind.is("CustomResourceDefinition") {
            if target.path.subresource == "status" {
                crd::prepare_status(&mut object);
            } else {
                crd::prepare(&mut object, false);
            }
        }
        Self::validate_update(target, &old, &object)?;
        self.assign(shown, &mut object)?;
        self.check_default_class(shown, &object)?;
        if !options.reviewed {
            self.validating(&asked, Some(&object)).await?;
        }
        if !applied {
            self.record(target, Some(&old), &mut object, options);
        }
        if Self::changes_nothing(shown, before, &old, &object) {
            return Ok(old);
        }
        if options.dry_run {
            return Ok(Self::as_if_written(shown, object));
        }
        let store = &self.server.store;
        let stale = |_: Refused| Failed::Stale;
        if is_released(&object) {
            // It goes as it was; who took the last finalizer off is told of that, with no new version.
            let last = store.remove(target.storage(), before, before.bare());
            let last = last.map_err(stale)?;
            self.server.settle(shown, &last, true);
            return Ok(object);
        }
        let stored = Self::to_stored(shown, object);
        let entry = store.replace(target.storage(), before, stored);
        let entry = entry.map_err(stale)?;
        self.server.settle(shown, &entry, false);
        Ok(entry.object(shown))
    }

    fn validate_update(target: &Target, old: &Value, object: &Value) -> Result<(), Refusal> {
        let shown = &target.shown;
        let of_status = target.path.subresource == "status";
        let mut errors = if of_status {
            builtin::validate_status_update(shown.gvk(), old, object)
        } else {
            builtin::validate_update(shown.gvk(), old, object)
        };
        if let Some(structural) = &shown.version().structural {
            errors.extend(structural.validate(object));
        }
        if let Some(scale) = &shown.version().scale
            && shown.kind.is_custom()
        {
            errors.extend(super::scale::check_values(scale, object, of_status));
        }
        if shown.kind.is("CustomResourceDefinition") && !of_status {
            errors.extend(crd::validate(object, Some(old)));
        }
        Self::refuse_invalid(shown, target.name(), &errors)
    }

    /// Whether what is stored would stay the same.
    fn changes_nothing(shown: &Shown, before: &Entry, old: &Value, object: &Value) -> bool {
        let Some(stored) = &shown.kind.stored else {
            return same(old, object);
        };
        if stored.api_version != before.api_version() {
            return false;
        }
        if before.is_as_shown(shown) {
            return same(old, object);
        }
        let mut object = Self::to_stored(shown, object.clone());
        store::strip(&mut object);
        same(&before.bare(), &object)
    }

    /// The answer to a write that is not to be kept.
    pub(super) fn as_if_written(shown: &Shown, object: Value) -> Value {
        match &shown.kind.stored {
            Some(stored) => stored.as_if_written(shown, object),
            None => object,
        }
    }

    pub(super) fn to_stored(shown: &Shown, mut object: Value) -> Value {
        if shown.converts() {
            let group = &shown.version().group;
            convert::to_stored(&shown.kind.storage, group, &mut object);
            builtin::default(shown.stored().gvk(), &mut object);
        }
        if let Some(stored) = &shown.kind.stored {
            stored.write(&mut object);
        }
        object
    }

    /// Whether name, namespace, uid and version of an object are those of the request. `whole`: the
    /// client sent all of it, and so its uid is a precondition.
    pub(super) fn check_metadata(
        target: &Target,
        old: &Value,
        object: &mut Value,
        whole: bool,
    ) -> Result<(), Refusal> {
        let metadata = &object["metadata"];
        let text = |field: &str| metadata[field].as_str().unwrap_or_default();
        let name = text("name");
        if name != target.name() {
            return Err(Refusal::other_name(name, target.name()));
        }
        let said = text("namespace");
        if !said.is_empty() && said != target.namespace() {
            let wanted = target.namespace();
            return Err(Refusal::bad_request(format!(
                "the namespace of the object ({said}) does not match the namespace on the request \
                 ({wanted})"
            )));
        }
        check_namespace(target, object)?;
        let metadata = &object["metadata"];
        let text = |field: &str| metadata[field].as_str().unwrap_or_default();
        let (uid, known) = (
            text("uid"),
            old["metadata"]["uid"].as_str().unwrap_or_default(),
        );
        if whole && !uid.is_empty() && uid != known {
            let problem = format!(
                "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, \
                 AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in \
                 object meta: {known}",
                target.storage_key()
            );
            return Err(Refusal::conflict(
                target.shown.named(),
                target.name(),
                &problem,
            ));
        }
        let version = text("resourceVersion");
        if version.is_empty() || version == "0" {
            return Ok(());
        }
        if version.parse::<u64>().is_err() {
            let message = format!("strconv.ParseUint: parsing {version:?}: invalid syntax");
            return Err(Refusal::new(500, "", message));
        }
        if old["metadata"]["resourceVersion"] != version {
            return Err(Refusal::stale(target.shown.named(), target.name()));
        }
        Ok(())
    }

    /// Takes over what a client cannot change from the object as it is.
    fn keep(target: &Target, old: &Value, object: &mut Value) {
        const OWN: [&str; 4] = ["generation", "namespace", "resourceVersion", "selfLink"];
        if !object["metadata"].is_object() {
            object["metadata"] = Value::Object(serde_json::Map::new());
        }
        carry(&old["metadata"], &mut object["metadata"], &OWN);
        let shown = &target.shown;
        builtin::keep_identity(old, object);
        match target.path.subresource.as_str() {
            "" if shown.kind.is_custom() && shown.version().status => {
                carry(old, object, &["status"]);
            }
            "" if shown.kind.is_custom() => {}
            "" => {
                builtin::prepare_update(shown.gvk(), old, object);
                if shown.version().status {
                    carry(old, object, &["status"]);
                }
                if shown.kind.is("Namespace") {
                    carry(&old["spec"], &mut object["spec"], &["finalizers"]);
                }
            }
            "status" | "approval" => {
                let mut kept = old.clone();
                carry(object, &mut kept, &["status"]);
                if shown.kind.is_custom() {
                    carry(
                        &object["metadata"],
                        &mut kept["metadata"],
                        &["managedFields"],
                    );
                } else {
                    kept["metadata"] = object["metadata"].take();
                    let own = STATUS_KEEPS.iter().find(|(kind, _)| shown.kind.is(kind));
                    let own = own.map_or(&[][..], |(_, fields)| fields);
                    carry(&old["metadata"], &mut kept["metadata"], own);
                }
                *object = kept;
            }
            "finalize" => {
                let mut kept = old.clone();
                carry(&object["spec"], &mut kept["spec"], &["finalizers"]);
                kept["metadata"] = object["metadata"].take();
                *object = kept;
            }
            _ => {}
        }
    }

    fn count_generation(target: &Target, old: &Value, object: &mut Value) {
        let strategy = &target.shown.kind.strategy;
        // Classes are born with a generation and stay in it.
        let stays = target.shown.kind.is("PriorityClass");
        if !strategy.generation || stays || target.path.subresource == "status" {
            return;
        }
        let status_apart = target.shown.version().status;
        let asked = |object: &Value| {
            let members = object.as_object().into_iter().flatten();
            let members = members
                .filter(|(name, _)| *name != "metadata" && !(*name == "status" && status_apart));
            members
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Vec<_>>()
        };
        // What is noted at a deployment counts as well.
        let notes = |object: &Value| {
            let metadata = &object["metadata"];
            let counts = target.shown.kind.is("Deployment");
            counts.then(|| metadata["annotations"].clone())
        };
        if asked(old) != asked(object) || notes(old) != notes(object) {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0);
            object["metadata"]["generation"] = (generation + 1).into();
        }
    }
}

/// The type that managed fields go by.
pub(super) fn type_of(shown: &Shown) -> crate::schema::TypeRef {
    match &shown.version().structural {
        Some(structural) => structural.type_ref().clone(),
        None => shown.version().ty.clone(),
    }
}

/// Whether the namespace in the object is that of the path.
pub(super) fn check_namespace(target: &Target, object: &mut Value) -> Result<(), Refusal> {
    let said = object["metadata"]["namespace"].as_str().unwrap_or_default();
    if !said.is_empty() && said != target.namespace() {
        return Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    if target.shown.kind.namespaced {
        object["metadata"]["namespace"] = target.namespace().into();
    }
    Ok(())
}

/// Sets members of `to` to those of `from`, or removes them.
fn carry(from: &Value, to: &mut Value, names: &[&str]) {
    let Some(to) = to.as_object_mut() else {
        return;
    };
    for name in names {
        match from.get(name) {
            Some(value) => {
                to.insert((*name).to_owned(), value.clone());
            }
            None => {
                to.remove(*name);
            }
        }
    }
}

/// Whether nothing keeps an object that is being deleted.
pub(super) fn is_released(object: &Value) -> bool {
    let metadata = &object["metadata"];
    let none = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
    let namespace = object["kind"] == "Namespace";
    metadata["deletionTimestamp"].is_string()
        && metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
        && none(&metadata["finalizers"])
        && (!namespace || none(&object["spec"]["finalizers"]))
}

/// Whether an object has not changed; the times of managed fields alone are no change.
fn same(old: &Value, new: &Value) -> bool {
    let timeless = |object: &Value| {
        let mut object = object.clone();
        let fields = object["metadata"]["managedFields"].as_array_mut();
        for entry in fields.into_iter().flatten() {
            if let Some(entry) = entry.as_object_mut() {
                entry.remove("time");
            }
        }
        object
    };
    timeless(old) == timeless(new)
}
