//! Who owns which field: server-side apply and the record of every other write.
//!
//! [`apply`] merges what an applier says into the live object, as structured-merge-diff does, and
//! [`record_update`] notes what any other write changed. Both keep `metadata.managedFields` of the
//! object that they answer with; the caller stores it as it is.

mod blank;
mod entries;
mod scale;
mod set;
mod typed;

use serde_json::{Value, json};

use crate::schema::TypeRef;
use entries::Entry;
pub(crate) use scale::{of_scale, to_parent};
use set::FieldSet;

const BEFORE_FIRST_APPLY: &str = "before-first-apply";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Who writes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Manager<'a> {
    /// The field manager's name.
    pub name: &'a str,
    /// `apiVersion` in which the object is written.
    pub version: &'a str,
    /// Subresource that is written, such as `status`; empty for the object itself.
    pub subresource: &'a str,
    /// Time of the write, RFC 3339 in seconds.
    pub now: &'a str,
}

/// A field that another manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The other manager as messages show it: `"kubectl-edit" using apps/v1`.
    pub manager: String,
    /// Path of the field, such as `.spec.replicas`.
    pub field: String,
}

/// Why a configuration can't be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Others own what would change: 409, reason `Conflict`, one cause per field.
    #[error("{}", conflict_message(.0))]
    Conflict(Vec<Conflict>),
    /// The configuration says who owns what: 400.
    #[error("metadata.managedFields must be nil")]
    ManagedFields,
    /// The configuration does not fit the type: 500, no reason, as servers answer.
    #[error("failed to create typed patch object ({kind}): {problem}")]
    Type {
        /// Name and kind of the object: `default/web; apps/v1, Kind=Deployment`.
        kind: String,
        /// Path and problem.
        problem: String,
    },
}

fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [one] = conflicts {
        return format!(
            "Apply failed with 1 conflict: conflict with {}: {}",
            one.manager, one.field
        );
    }
    let mut managers: Vec<&str> = conflicts.iter().map(|one| one.manager.as_str()).collect();
    managers.sort_unstable();
    managers.dedup();
    let mut lines = Vec::new();
    for manager in managers {
        lines.push(format!("conflicts with {manager}:"));
        let own = conflicts.iter().filter(|one| one.manager == manager);
        lines.extend(own.map(|one| format!("- {}", one.field)));
    }
    format!(
        "Apply failed with {} conflicts: {}",
        conflicts.len(),
        lines.join("\n")
    )
}

/// Applies `config` to `live` (`None` creates); the answer is the object with its managed fields.
///
/// `config` is what the client sent, not yet decoded: a field that is said is owned, whatever it
/// holds. Fields that this write can't change (`status`, where it is a subresource) must have been
/// taken out. The answer is not yet decoded, defaulted or validated either. Where nothing changes,
/// it equals `live`, times included.
pub fn apply(
    ty: &TypeRef,
    live: Option<&Value>,
    config: &Value,
    by: Manager<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    if !config["metadata"]["managedFields"].is_null() {
        return Err(ApplyError::ManagedFields);
    }
    let problems = typed::problems(ty, config);
    if !problems.is_empty() {
        return Err(ApplyError::Type {
            kind: shown_object(config),
            problem: several(&problems),
        });
    }
    let mut before = live.cloned().unwrap_or_else(|| identity(config));
    let mut entries = entries::read(&before).unwrap_or_default();
    entries::remove(&mut before);
    if entries.is_empty() && live.is_some() {
        let first = Manager {
            name: BEFORE_FIRST_APPLY,
            subresource: "",
            ..by
        };
        let set = stripped(&typed::field_set(ty, &before));
        entries.push(Entry::new(first, false, set));
    }
    let outcome = match merged(ty, &before, config, &entries, by, force) {
        Err(ApplyError::Conflict(conflicts))
            if by.name == "kubectl" && said_before(ty, &before, &conflicts) =>
        {
            merged(ty, &before, config, &entries, by, true)
        }
        other => other,
    };
    let (mut object, mut entries) = outcome?;
    if object == before && live.is_some() {
        // Nothing moved: an entry that says what it said keeps its time.
        restore_time(&mut entries, live.and_then(entries::read), by);
    }
    if by.name == "kubectl" && !object["metadata"]["annotations"][LAST_APPLIED].is_null() {
        object["metadata"]["annotations"][LAST_APPLIED] = Value::from(last_applied(config));
    }
    entries::write(&mut object, entries);
    Ok(object)
}

/// Notes in `new` what a write that is no apply changed; `old` is `None` for a creation. Managed
/// fields that the writer sent are respected, and an empty list resets them; both objects are
/// decoded and defaulted.
pub fn record_update(ty: &TypeRef, old: Option<&Value>, new: &mut Value, by: Manager<'_>) {
    let is_reset = entries::is_reset(new) && by.subresource.is_empty();
    let sent = entries::read(new).filter(|list| !list.is_empty() && by.subresource.is_empty());
    let known = || old.and_then(entries::read).unwrap_or_default();
    let mut entries = if is_reset {
        Vec::new()
    } else {
        sent.unwrap_or_else(known)
    };
    let mut before = old.cloned().unwrap_or_else(|| blank::object(new));
    entries::remove(&mut before);
    entries::remove(new);
    if entries.is_empty() && old.is_some() {
        return;
    }
    let comparison = typed::compare(ty, &before, new);
    let touched = comparison.modified.union(&comparison.added);
    for entry in &mut entries {
        entry.set = entry
            .set
            .difference(&touched)
            .difference(&comparison.removed);
    }
    let mine = Entry::new(by, false, stripped(&touched));
    if !mine.set.is_empty() {
        match entries.iter_mut().find(|entry| entry.is(&mine)) {
            Some(entry) => {
                entry.set = entry.set.union(&mine.set);
                entry.time = mine.time;
            }
            None => entries.push(mine),
        }
    }
    entries.retain(|entry| !entry.set.is_empty());
    entries::cap(&mut entries);
    entries::write(new, entries);
}

/// The merged object and its owners, or the conflicts.
fn merged(
    ty: &TypeRef,
    before: &Value,
    config: &Value,
    entries: &[Entry],
    by: Manager<'_>,
    force: bool,
) -> Result<(Value, Vec<Entry>), ApplyError> {
    let mut entries = entries.to_vec();
    let mine = Entry::new(by, true, typed::field_set(ty, config));
    let last = entries.iter().position(|entry| entry.is(&mine));
    let last = last.map(|index| entries.remove(index));
    let object = typed::merge(ty, Some(before), Some(config)).unwrap_or_default();
    let object = match &last {
        Some(last) => prune(ty, &object, &last.set, &entries, &mine.set),
        None => object,
    };
    let comparison = typed::compare(ty, before, &object);
    let touched = comparison.modified.union(&comparison.added);
    let mut conflicts = Vec::new();
    for entry in &mut entries {
        let taken = entry.set.intersection(&touched);
        let manager = entry.shown();
        conflicts.extend(taken.paths().into_iter().map(|field| Conflict {
            manager: manager.clone(),
            field,
        }));
        entry.set = entry.set.difference(&taken).difference(&comparison.removed);
    }
    if !force && !conflicts.is_empty() {
        conflicts.sort_by(|left, right| left.manager.cmp(&right.manager));
        return Err(ApplyError::Conflict(conflicts));
    }
    entries.push(Entry {
        set: stripped(&mine.set),
        ..mine
    });
    entries.retain(|entry| !entry.set.is_empty());
    Ok((object, entries))
}

/// Removes what the applier said last time and no longer says, unless someone else owns it.
fn prune(
    ty: &TypeRef,
    merged: &Value,
    last: &FieldSet,
    others: &[Entry],
    mine: &FieldSet,
) -> Value {
    let removed = |set: &FieldSet| typed::remove(ty, merged, set).unwrap_or_default();
    let declared = |value: &Value| typed::field_set(ty, value).with_declared(ty);
    let last = last.with_declared(ty);
    let pruned = removed(&last);
    let owned = others
        .iter()
        .fold(mine.clone(), |owned, entry| owned.union(&entry.set))
        .with_declared(ty);
    let all = declared(merged);
    let pruned = removed(&all.difference(&declared(&pruned).union(&owned)));
    removed(&all.difference(&declared(&pruned)).intersection(&last))
}

/// A new object before anything was said about it.
fn identity(object: &Value) -> Value {
    json!({ "apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": {} })
}

/// The set without what belongs to nobody: the object's identity and what the server sets.
fn stripped(set: &FieldSet) -> FieldSet {
    const NOBODYS: &[&[&str]] = &[
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "clusterName"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ];
    let mut nobodys = FieldSet::default();
    for path in NOBODYS {
        let path: Vec<String> = path.iter().map(|name| format!("f:{name}")).collect();
        nobodys.insert(&path);
    }
    set.difference(&nobodys)
}

fn restore_time(entries: &mut [Entry], known: Option<Vec<Entry>>, by: Manager<'_>) {
    let known = known.unwrap_or_default();
    for entry in entries {
        if entry.applies && entry.manager == by.name && entry.subresource == by.subresource {
            let before = known.iter().find(|other| other.is(entry));
            if let Some(before) = before.filter(|before| before.set == entry.set) {
                entry.time.clone_from(&before.time);
            }
        }
    }
}

/// Whether everything in conflict was said by a client-side apply and is still as it said: then
/// kubectl may take it over.
fn said_before(ty: &TypeRef, live: &Value, conflicts: &[Conflict]) -> bool {
    let annotation = live["metadata"]["annotations"][LAST_APPLIED].as_str();
    let Some(said) = annotation.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return false;
    };
    if said["apiVersion"] != live["apiVersion"] {
        return false;
    }
    let comparison = typed::compare(ty, &said, live);
    let still = typed::field_set(ty, &said)
        .difference(&comparison.modified)
        .difference(&comparison.added)
        .difference(&comparison.removed)
        .paths();
    conflicts.iter().all(|one| still.contains(&one.field))
}

/// What a client-side apply would note about this configuration.
fn last_applied(config: &Value) -> String {
    let mut config = config.clone();
    if let Some(annotations) = config["metadata"]["annotations"].as_object_mut() {
        annotations.remove(LAST_APPLIED);
    }
    format!("{config}\n")
}

fn shown_object(object: &Value) -> String {
    let metadata = &object["metadata"];
    let version = object["apiVersion"].as_str().unwrap_or_default();
    // The core group has no name, and its slash is printed all the same.
    let slash = if version.contains('/') { "" } else { "/" };
    format!(
        "{}/{}; {slash}{version}, Kind={}",
        metadata["namespace"].as_str().unwrap_or_default(),
        metadata["name"].as_str().unwrap_or_default(),
        object["kind"].as_str().unwrap_or_default()
    )
}

fn several(problems: &[String]) -> String {
    match problems {
        [one] => one.clone(),
        many => format!("errors:\n  {}", many.join("\n  ")),
    }
}
