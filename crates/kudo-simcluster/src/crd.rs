//! Custom resource definitions: kinds that come and go while the server runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::Server;
use crate::field_error::FieldError;
use crate::kinds::{Kind, Registry, Scale, Shown, Strategy, Version, builtin};
use crate::schema::TypeRef;
use crate::store::Entry;
use crate::structural::Structural;

pub(crate) const STORAGE: &str = "customresourcedefinitions.apiextensions.k8s.io";
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// Sets what the server itself says of a definition: names accepted, established at once.
pub(crate) fn prepare(server: &Server, old: Option<&Value>, object: &mut Value) {
    let now = server.clock.text();
    let spec = object["spec"].clone();
    let names = &spec["names"];
    let mut accepted = names.clone();
    if accepted["singular"].as_str().is_none_or(str::is_empty) {
        accepted["singular"] = text(&names["kind"]).to_lowercase().into();
    }
    if accepted["listKind"].as_str().is_none_or(str::is_empty) {
        accepted["listKind"] = format!("{}List", text(&names["kind"])).into();
    }
    object["spec"]["names"] = accepted.clone();
    if object["spec"]["conversion"].is_null() {
        object["spec"]["conversion"] = json!({ "strategy": "None" });
    }
    let stored = spec["versions"].as_array().into_iter().flatten();
    let stored: Vec<String> = stored
        .filter(|version| version["storage"] == true)
        .map(|v| text(&v["name"]))
        .collect();
    let mut versions = old.map_or_else(Vec::new, |old| texts(&old["status"]["storedVersions"]));
    for version in stored {
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    if object["status"]["conditions"]
        .as_array()
        .is_none_or(Vec::is_empty)
    {
        let condition = |kind: &str, reason: &str, message: &str| {
            json!({
                "type": kind, "status": "True", "lastTransitionTime": now, "reason": reason,
                "message": message,
            })
        };
        object["status"]["conditions"] = json!([
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition(
                "Established",
                "InitialNamesAccepted",
                "the initial names have been accepted"
            ),
        ]);
    }
    object["status"]["acceptedNames"] = accepted;
    object["status"]["storedVersions"] = versions.into();
}

/// What is wrong with a definition, as far as the schema's own check does not say.
pub(crate) fn validate(object: &Value, _old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let spec = &object["spec"];
    let wanted = format!(
        "{}.{}",
        text(&spec["names"]["plural"]),
        text(&spec["group"])
    );
    if object["metadata"]["name"] != *wanted && !text(&spec["group"]).is_empty() {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid(
            "metadata.name",
            &object["metadata"]["name"],
            detail,
        ));
    }
    for (index, version) in spec["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let field = format!("spec.versions[{index}].schema.openAPIV3Schema");
        let schema = &version["schema"]["openAPIV3Schema"];
        if schema.is_null() {
            errors.push(FieldError::required(field, "schemas are required"));
        } else if let Err(found) = Structural::compile(schema, &field) {
            errors.extend(found);
        }
    }
    errors
}

/// Notes in a definition that it is being deleted.
pub(crate) fn terminate(server: &Server, object: &mut Value) {
    let mut finalizers = texts(&object["metadata"]["finalizers"]);
    if !finalizers.iter().any(|name| name == CLEANUP) {
        finalizers.push(CLEANUP.to_owned());
    }
    object["metadata"]["finalizers"] = finalizers.into();
    let condition = json!({
        "type": "Terminating", "status": "True", "lastTransitionTime": server.clock.text(),
        "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    });
    let mut conditions = object["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    conditions.retain(|condition| condition["type"] != "Terminating");
    conditions.push(condition);
    object["status"]["conditions"] = conditions.into();
}

impl Server {
    /// Does what follows from a write at once: kinds appear and vanish.
    pub(crate) fn settle(&self, shown: &Shown, entry: &Arc<Entry>, removed: bool) {
        if &*shown.kind.storage == STORAGE {
            self.refresh_kinds();
            if !removed {
                self.finish_definition(&entry.name);
            }
        } else if shown.kind.strategy.custom && removed {
            self.finish_definition(&shown.kind.storage);
        }
    }

    pub(crate) fn refresh_kinds(&self) {
        let mut kinds = builtin();
        for entry in self.store.list(STORAGE, "", None).objects {
            kinds.extend(custom_kind(&entry.bare()).map(Arc::new));
        }
        let serial = self.registry().serial + 1;
        self.set_registry(Registry::new(kinds, serial));
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
                    let _ = self.store.replace(&storage, &object, bare);
                }
            } else {
                let _ = self.store.remove(&storage, &object, bare);
            }
        }
        if !self.store.list(name, "", None).objects.is_empty() {
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
    let spec = &definition["spec"];
    let names = &definition["status"]["acceptedNames"];
    let group = text(&spec["group"]);
    let mut versions: Vec<Version> = spec["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|version| version["served"] == true)
        .map(|version| custom_version(&group, version))
        .collect();
    if versions.is_empty() {
        return None;
    }
    versions.sort_by_key(|version| std::cmp::Reverse(crate::kinds::priority(&version.version)));
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
            custom: true,
            ..Strategy::default()
        },
    })
}

fn custom_version(group: &str, version: &Value) -> Version {
    let schema = &version["schema"]["openAPIV3Schema"];
    let structural = Structural::compile(schema, "").ok();
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
    let name = text(&version["name"]);
    let deprecated = (version["deprecated"] == true).then(|| {
        let own = version["deprecationWarning"]
            .as_str()
            .map(ToOwned::to_owned);
        own.unwrap_or_else(|| format!("{group}/{name} is deprecated"))
    });
    Version {
        group: group.to_owned(),
        version: name,
        ty: TypeRef::any(),
        structural: structural.map(Arc::new),
        status: version["subresources"]["status"].is_object(),
        scale,
        others: &[],
        columns: version.get("additionalPrinterColumns").cloned(),
        deprecated,
    }
}
