//! DELETE of objects and collections.

use std::sync::Arc;

use http::Response;
use serde_json::{Value, json};

use super::Target;
use super::options::{DeleteOptions, Propagation, delete_options};
use super::update::ATTEMPTS;
use super::write::{Failed, is_released};
use crate::admission::{Asked, Operation};
use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::status::{Named, Refusal};
use crate::store::Entry;

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";
/// What a pod gets to end where it does not say.
const POD_GRACE: i64 = 30;

/// What a deletion came to.
pub(super) struct Deleted {
    pub(super) object: Value,
    pub(super) removed: bool,
}

impl Call {
    pub(super) async fn delete(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let options = delete_options(self)?;
        let deleted = self.delete_named(target, &options).await?;
        if deleted.removed && !target.shown.kind.strategy.returns_deleted {
            let named = target.shown.named();
            let mut details = json!({
                "name": target.name(), "kind": named.plural,
                "uid": deleted.object["metadata"]["uid"],
            });
            if !named.group.is_empty() {
                details["group"] = named.group.into();
            }
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                "details": details,
            });
            return Ok(answer::json(200, &status));
        }
        Ok(self.represent(target, 200, &deleted.object))
    }

    pub(super) async fn delete_named(
        &self,
        target: &Target,
        options: &DeleteOptions,
    ) -> Result<Deleted, Refusal> {
        for _ in 0..ATTEMPTS {
            let store = &self.server.store;
            let found = store.get(target.storage(), target.namespace(), target.name());
            let before = found.ok_or_else(|| target.not_found())?;
            match self.delete_entry(target, &before, options).await {
                Ok(deleted) => return Ok(deleted),
                Err(Failed::Refused(refusal)) => return Err(refusal),
                Err(Failed::Stale) => {}
            }
        }
        Err(Refusal::stale(target.shown.named(), target.name()))
    }

    pub(super) async fn delete_collection(
        &self,
        target: &Target,
    ) -> Result<Response<Body>, Refusal> {
        let options = DeleteOptions {
            collection: true,
            ..delete_options(self)?
        };
        let selection = self.selection(target)?;
        let (entries, metadata) = self.page(target, &selection)?;
        let mut gone = Vec::new();
        for entry in entries {
            let mut one = target.clone();
            one.path.name = entry.name.to_string();
            one.path.namespace = entry.namespace.to_string();
            match self.delete_named(&one, &options).await {
                Ok(_) => gone.push(entry),
                Err(refusal) if refusal.code == 404 => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(self.represent_list(target, &metadata, &gone))
    }

    async fn delete_entry(
        &self,
        target: &Target,
        before: &Arc<Entry>,
        options: &DeleteOptions,
    ) -> Result<Deleted, Failed> {
        let shown = &target.shown;
        let old = before.object(shown);
        Self::check_preconditions(target, &old, options)?;
        if !options.reviewed {
            let asked = Asked {
                target,
                operation: Operation::Delete,
                name: if options.collection {
                    ""
                } else {
                    target.name()
                },
                old: Some(&old),
                options: &options.said,
            };
            self.mutating(&asked, None).await?;
            self.validating(&asked, None).await?;
        }
        if shown.kind.is("Namespace")
            && ["default", "kube-system", "kube-public"].contains(&target.name())
        {
            let problem = "this namespace may not be deleted";
            return Err(Refusal::forbidden(shown.named(), target.name(), problem).into());
        }
        let mut object = old.clone();
        self.mark(target, &mut object, options);
        let removed = is_released(&object);
        if !removed && object == old {
            return Ok(Deleted { object, removed });
        }
        if options.dry_run {
            return Ok(Deleted { object, removed });
        }
        let store = &self.server.store;
        if removed {
            let last = store.remove(target.storage(), before, before.bare());
            let last = last.map_err(|_| Failed::Stale)?;
            self.server.settle(shown, &last, true);
            let mut object = last.object(shown);
            if shown.kind.is("Pod") {
                // It is shown with the grace that it had at last: none.
                let when = &mut object["metadata"]["deletionTimestamp"];
                if when.is_null() {
                    *when = self.server.clock.text().into();
                }
                object["metadata"]["deletionGracePeriodSeconds"] = 0.into();
            }
            return Ok(Deleted { object, removed });
        }
        let stored = Self::to_stored(shown, object);
        let entry = store.replace(target.storage(), before, stored);
        let entry = entry.map_err(|_| Failed::Stale)?;
        self.server.settle(shown, &entry, false);
        Ok(Deleted {
            object: entry.object(shown),
            removed,
        })
    }

    /// Notes in an object that it is being deleted: its finalizers, when, and how it may end.
    fn mark(&self, target: &Target, object: &mut Value, options: &DeleteOptions) {
        let grace = if target.shown.kind.is("Pod") {
            pod_grace(object, options.grace)
        } else {
            0
        };
        Self::set_propagation(target, object, options.propagation);
        let pending = object["metadata"]["deletionTimestamp"].is_string();
        if pending {
            let running = object["metadata"]["deletionGracePeriodSeconds"]
                .as_i64()
                .unwrap_or(0);
            if grace < running {
                object["metadata"]["deletionGracePeriodSeconds"] = grace.into();
                object["metadata"]["deletionTimestamp"] = self.server.clock.text_in(grace).into();
            }
            return;
        }
        object["metadata"]["deletionTimestamp"] = self.server.clock.text_in(grace).into();
        if target.shown.kind.is("CustomResourceDefinition") {
            // It has no grace period, and its deletion is no change of what it asks for.
            return crate::crd::terminate(&self.server, object);
        }
        object["metadata"]["deletionGracePeriodSeconds"] = grace.into();
        if let Some(generation) = object["metadata"]["generation"].as_i64().filter(|g| *g > 0) {
            object["metadata"]["generation"] = (generation + 1).into();
        }
        if target.shown.kind.is("Namespace") {
            object["status"]["phase"] = "Terminating".into();
            // A namespace has no grace period of its own.
            object["metadata"]
                .as_object_mut()
                .map(|m| m.remove("deletionGracePeriodSeconds"));
        }
    }

    fn set_propagation(target: &Target, object: &mut Value, asked: Option<Propagation>) {
        let default = target.shown.orphans();
        let finalizers: Vec<String> = object["metadata"]["finalizers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(ToOwned::to_owned))
            .collect();
        let has = |name: &str| finalizers.iter().any(|known| known == name);
        let propagation = asked.or_else(|| {
            if has(ORPHAN) {
                Some(Propagation::Orphan)
            } else if has(FOREGROUND) {
                Some(Propagation::Foreground)
            } else {
                default.then_some(Propagation::Orphan)
            }
        });
        let mut kept: Vec<String> = finalizers
            .into_iter()
            .filter(|name| name != ORPHAN && name != FOREGROUND)
            .collect();
        match propagation {
            Some(Propagation::Orphan) => kept.push(ORPHAN.to_owned()),
            Some(Propagation::Foreground) => kept.push(FOREGROUND.to_owned()),
            _ => {}
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            if kept.is_empty() {
                metadata.remove("finalizers");
            } else {
                metadata.insert("finalizers".to_owned(), kept.into());
            }
        }
    }

    fn check_preconditions(
        target: &Target,
        old: &Value,
        options: &DeleteOptions,
    ) -> Result<(), Refusal> {
        let known = |field: &str| old["metadata"][field].as_str().unwrap_or_default();
        // The server names the kind here, not the resource.
        let named = Named {
            group: &target.shown.version().group,
            plural: &target.shown.kind.kind,
        };
        let refuse = |problem: String| Err(Refusal::conflict(named, target.name(), &problem));
        if let Some(uid) = &options.uid
            && uid != known("uid")
        {
            return refuse(format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). The \
                 object might have been deleted and then recreated",
                known("uid")
            ));
        }
        if let Some(version) = &options.version
            && version != known("resourceVersion")
        {
            return refuse(format!(
                "the ResourceVersion in the precondition ({version}) does not match the \
                 ResourceVersion in record ({}). The object might have been modified",
                known("resourceVersion")
            ));
        }
        Ok(())
    }
}

/// How long a pod may take to end: nothing where no kubelet has it, or where it has ended.
fn pod_grace(pod: &Value, asked: Option<i64>) -> i64 {
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    let unbound = pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty);
    if unbound || phase == "Failed" || phase == "Succeeded" {
        return 0;
    }
    let own = pod["spec"]["terminationGracePeriodSeconds"].as_i64();
    asked.or(own).unwrap_or(POD_GRACE).max(0)
}
