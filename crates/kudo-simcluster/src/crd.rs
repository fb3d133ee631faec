//! Custom resource definitions: kinds that come and go while the server runs.

pub(crate) mod beta;
mod names;
mod parts;
mod stored;
mod validate;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::Server;
use crate::kinds::{
    Kind, Registry, Scale, Shown, Strategy, Version, api_version, builtin, priority,
};
use crate::schema::TypeRef;
use crate::store::Entry;

pub(crate) use stored::Stored;
pub(crate) use validate::validate;

pub(crate) const STORAGE: &str = "customresourcedefinitions.apiextensions.k8s.io";
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// Whether a definition is in the older shape.
fn is_beta(object: &Value) -> bool {
    object["apiVersion"] == "apiextensions.k8s.io/v1beta1"
}

/// Sets what the server itself says of a definition before it is stored; one that is not new has its status.
pub(crate) fn prepare(object: &mut Value, is_new: bool) {
    if is_beta(object) {
        beta::default_versions(object);
    }
    let shared = object.pointer_mut("/spec/validation/openAPIV3Schema");
    shared.into_iter().for_each(parts::drop_nulls);
    let versions = object
        .pointer_mut("/spec/versions")
        .and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten() {
        let own = version.pointer_mut("/schema/openAPIV3Schema");
        own.into_iter().for_each(parts::drop_nulls);
    }
    let spec = object["spec"].clone();
    let kind = text(&spec["names"]["kind"]);
    let names = &mut object["spec"]["names"];
    if names["singular"].as_str().is_none_or(str::is_empty) {
        names["singular"] = kind.to_lowercase().into();
    }
    if names["listKind"].as_str().is_none_or(str::is_empty) && !kind.is_empty() {
        names["listKind"] = format!("{kind}List").into();
    }
    if object["spec"]["conversion"].is_null() {
        object["spec"]["conversion"] = json!({ "strategy": "None" });
    }
    if is_new {
        object["status"] = json!({
            "conditions": null, "acceptedNames": { "plural": "", "kind": "" },
        });
    }
    let mut versions = texts(&object["status"]["storedVersions"]);
    let unknown = storage_version(&spec).filter(|version| !versions.contains(version));
    versions.extend(unknown);
    object["status"]["storedVersions"] = versions.into();
}

/// The same for a status that a client has written: what it says counts, unless it is nothing.
pub(crate) fn prepare_status(object: &mut Value) {
    if texts(&object["status"]["storedVersions"]).is_empty() {
        let versions: Vec<String> = storage_version(&object["spec"]).into_iter().collect();
        object["status"]["storedVersions"] = versions.into();
    }
}

fn storage_version(spec: &Value) -> Option<String> {
    let mut versions = spec["versions"].as_array().into_iter().flatten();
    let stored = versions.find(|version| version["storage"] == true)?;
    Some(text(&stored["name"]))
}

/// Notes in a definition that it is being deleted.
pub(crate) fn terminate(server: &Server, object: &mut Value) {
    let mut finalizers = texts(&object["metadata"]["finalizers"]);
    if !finalizers.iter().any(|name| name == CLEANUP) {
        finalizers.push(CLEANUP.to_owned());
    }
    object["metadata"]["finalizers"] = finalizers.into();
    note_termination(
        server,
        object,
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    );
}

/// Says how far the end of a definition is, if that is not what it says already.
fn note_termination(server: &Server, object: &mut Value, reason: &str, message: &str) {
    const TERMINATING: &str = "Terminating";
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.cloned().unwrap_or_default();
    let said = conditions
        .iter()
        .find(|condition| condition["type"] == TERMINATING);
    if said.is_some_and(|condition| condition["reason"] == reason) {
        return;
    }
    let since = said.map_or(Value::Null, |condition| {
        condition["lastTransitionTime"].clone()
    });
    let since = if since.is_null() {
        server.clock.text().into()
    } else {
        since
    };
    conditions.retain(|condition| condition["type"] != TERMINATING);
    conditions.push(json!({
        "type": TERMINATING, "status": "True", "lastTransitionTime": since,
        "reason": reason, "message": message,
    }));
    object["status"]["conditions"] = conditions.into();
}

impl Server {
    /// Does what follows from a write at once: kinds appear and vanish.
    pub(crate) fn settle(&self, shown: &Shown, entry: &Arc<Entry>, removed: bool) {
        if &*shown.kind.storage == STORAGE {
            if !removed {
                self.store.open(&entry.name);
            }
            self.refresh_kinds();
            if !removed {
                self.finish_definition(&entry.name);
            }
        } else if shown.kind.is_custom() && removed {
            self.finish_definition(&shown.kind.storage);
        }
    }

    pub(crate) fn refresh_kinds(&self) {
        self.accept_names();
        let mut kinds = builtin();
        for entry in self.store.list(STORAGE, "", None).objects {
            kinds.extend(custom_kind(&entry.bare()).map(Arc::new));
        }
        let serial = self.registry().serial + 1;
        self.set_registry(Registry::new(kinds, serial));
    }

    /// Notes in every definition which of its names it has, and whether it is served.
    fn accept_names(&self) {
        let storage: Arc<str> = STORAGE.into();
        let entries = self.store.list(STORAGE, "", None).objects;
        let mut definitions: Vec<Value> = entries.iter().map(|entry| entry.bare()).collect();
        for (index, entry) in entries.iter().enumerate() {
            let others = definitions.iter().enumerate();
            let others: Vec<&Value> = others
                .filter(|(other, _)| *other != index)
                .map(|(_, definition)| definition)
                .collect();
            let status = names::status(&definitions[index], &others, &self.clock.text());
            if status != definitions[index]["status"] {
                definitions[index]["status"] = status;
                // Who changed it meanwhile settles it again.
                let _ = self
                    .store
                    .replace(&storage, entry, definitions[index].clone());
            }
        }
    }

    /// Whether a definition is on its way out.
    pub(crate) fn is_terminating(&self, name: &str) -> bool {
        let found = self.store.get(STORAGE, "", name);
        found.is_some_and(|entry| entry.is_deleting)
    }

    /// Removes the objects of a definition that is being deleted, and it when none is left.
    fn finish_definition(&self, name: &str) {
        let Some(entry) = self.store.get(STORAGE, "", name) else {
            return;
        };
        let definition = entry.bare();
        if !definition["metadata"]["deletionTimestamp"].is_string() {
            return;
        }
        let storage: Arc<str> = name.into();
        for object in self.store.list(name, "", None).objects {
            let mut bare = object.bare();
            let held = bare["metadata"]["finalizers"]
                .as_array()
                .is_some_and(|list| !list.is_empty());
            // Who changed it meanwhile settles it again.
            if held {
                if bare["metadata"]["deletionTimestamp"].is_null() {
                    bare["metadata"]["deletionTimestamp"] = self.clock.text().into();
                    bare["metadata"]["deletionGracePeriodSeconds"] = 0.into();
                    if let Some(generation) = bare["metadata"]["generation"].as_i64() {
                        bare["metadata"]["generation"] = (generation + 1).into();
                    }
                    let _ = self.store.replace(&storage, &object, bare);
                }
            } else {
                let _ = self.store.remove(&storage, &object, bare);
            }
        }
        if !self.store.list(name, "", None).objects.is_empty() {
            let mut waiting = definition.clone();
            note_termination(
                self,
                &mut waiting,
                "InstanceDeletionInProgress",
                "CustomResource deletion is in progress",
            );
            if waiting != definition {
                let _ = self.store.replace(&STORAGE.into(), &entry, waiting);
            }
            return;
        }
        let mut last = definition;
        let mut finalizers = texts(&last["metadata"]["finalizers"]);
        finalizers.retain(|name| name != CLEANUP);
        let free = finalizers.is_empty();
        last["metadata"]["finalizers"] = finalizers.into();
        let crds: Arc<str> = STORAGE.into();
        if free {
            let _ = self.store.remove(&crds, &entry, last);
        } else {
            let _ = self.store.replace(&crds, &entry, last);
        }
        self.refresh_kinds();
    }
}

/// The kind that a definition defines.
fn custom_kind(definition: &Value) -> Option<Kind> {
    if !names::is_established(definition) {
        return None;
    }
    let spec = &definition["spec"];
    let names = &definition["status"]["acceptedNames"];
    let stored = Stored::new(definition);
    let versions = spec["versions"].as_array().into_iter().flatten();
    let served = versions.filter(|version| version["served"] == true);
    let mut versions: Vec<Version> = served
        .map(|version| custom_version(spec, version, &stored))
        .collect();
    if versions.is_empty() {
        return None;
    }
    versions.sort_by_key(|version| version.api_version() != stored.api_version);
    let unique: BTreeSet<String> = texts(&names["categories"]).into_iter().collect();
    Some(Kind {
        storage: text(&definition["metadata"]["name"]).into(),
        kind: text(&names["kind"]),
        list_kind: text(&names["listKind"]),
        plural: text(&names["plural"]),
        singular: text(&names["singular"]),
        short_names: texts(&names["shortNames"]),
        categories: unique.into_iter().collect(),
        namespaced: spec["scope"] == "Namespaced",
        versions,
        strategy: Strategy {
            generation: true,
            ..Strategy::default()
        },
        stored: Some(stored),
    })
}

fn custom_version(spec: &Value, version: &Value, stored: &Stored) -> Version {
    let pointer = |path: &Value| {
        let path = path.as_str()?;
        Some(path.replace('.', "/"))
    };
    let scale = &version["subresources"]["scale"];
    let scale = pointer(&scale["specReplicasPath"]).map(|spec| Scale {
        spec,
        status: pointer(&scale["statusReplicasPath"]).unwrap_or_default(),
        selector: pointer(&scale["labelSelectorPath"]),
    });
    let (group, name) = (text(&spec["group"]), text(&version["name"]));
    let deprecated = (version["deprecated"] == true).then(|| {
        let own = version["deprecationWarning"].as_str();
        own.map_or_else(|| deprecation(spec, &name), ToOwned::to_owned)
    });
    Version {
        structural: stored.schema(&api_version(&group, &name)).cloned(),
        group,
        version: name,
        ty: TypeRef::any(),
        status: version["subresources"]["status"].is_object(),
        scale,
        others: &[],
        columns: version.get("additionalPrinterColumns").cloned(),
        selectable: parts::selectable(version).collect(),
        deprecated,
    }
}

/// What is said of a deprecated version that has nothing to say itself: which one to use, if there is a higher one.
fn deprecation(spec: &Value, deprecated: &str) -> String {
    let (group, kind) = (text(&spec["group"]), text(&spec["names"]["kind"]));
    let versions = spec["versions"].as_array().into_iter().flatten();
    let usable =
        versions.filter(|version| version["served"] == true && version["deprecated"] != true);
    let names = usable.map(|version| text(&version["name"]));
    let higher = names.filter(|name| priority(name) > priority(deprecated));
    let newest = higher.max_by_key(|name| priority(name));
    let instead = newest.map_or_else(String::new, |name| format!("; use {group}/{name} {kind}"));
    format!("{group}/{deprecated} {kind} is deprecated{instead}")
}
