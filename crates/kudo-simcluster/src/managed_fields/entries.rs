//! `metadata.managedFields`: read from an object, changed, and written back in the server's order.

use serde_json::{Value, json};

use super::Manager;
use super::set::FieldSet;

/// More managers than this that only update are thrown together, the oldest first.
const MOST_UPDATERS: usize = 10;
const ANCIENT: &str = "ancient-changes";

/// Who owns what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) manager: String,
    pub(super) applies: bool,
    pub(super) version: String,
    pub(super) subresource: String,
    pub(super) time: Option<String>,
    pub(super) set: FieldSet,
}

impl Entry {
    pub(super) fn new(by: Manager<'_>, applies: bool, set: FieldSet) -> Self {
        let name = if by.name.is_empty() {
            "unknown"
        } else {
            by.name
        };
        Self {
            manager: name.to_owned(),
            applies,
            version: by.version.to_owned(),
            subresource: by.subresource.to_owned(),
            time: Some(by.now.to_owned()),
            set,
        }
    }

    /// Whether both are the same manager: one that applies is the same in every version.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.manager == other.manager
            && self.applies == other.applies
            && self.subresource == other.subresource
            && (self.applies || self.version == other.version)
    }

    /// The manager as messages of conflicts show it.
    pub(super) fn shown(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text = format!("{text} with subresource {:?}", self.subresource);
        }
        if !self.applies {
            text = format!("{text} using {}", self.version);
        }
        text
    }
}

/// The entries of an object; `None` if one of them can't be read.
pub(super) fn read(object: &Value) -> Option<Vec<Entry>> {
    let list = match &object["metadata"]["managedFields"] {
        Value::Array(list) => list.as_slice(),
        _ => &[],
    };
    list.iter().map(read_one).collect()
}

fn read_one(entry: &Value) -> Option<Entry> {
    let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let applies = match entry["operation"].as_str() {
        Some("Apply") => true,
        Some("Update") => false,
        _ => return None,
    };
    if text("apiVersion").is_empty() || text("fieldsType") != "FieldsV1" {
        return None;
    }
    Some(Entry {
        manager: text("manager"),
        applies,
        version: text("apiVersion"),
        subresource: text("subresource"),
        time: entry["time"].as_str().map(ToOwned::to_owned),
        set: FieldSet::from_fields(&entry["fieldsV1"]),
    })
}

/// Whether a writer asks to forget every owner: an empty list, or one empty entry.
pub(super) fn is_reset(object: &Value) -> bool {
    match &object["metadata"]["managedFields"] {
        Value::Array(list) => match list.as_slice() {
            [] => true,
            [one] => one.as_object().is_some_and(serde_json::Map::is_empty),
            _ => false,
        },
        _ => false,
    }
}

/// Takes the entries out of an object.
pub(super) fn remove(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
}

/// Writes the entries, in the server's order.
pub(super) fn write(object: &mut Value, mut entries: Vec<Entry>) {
    remove(object);
    entries.retain(|entry| !entry.set.is_empty());
    if entries.is_empty() {
        return;
    }
    entries.sort_by(|left, right| {
        let key = |entry: &Entry| {
            (
                !entry.applies,
                entry.time.clone(),
                entry.manager.clone(),
                entry.version.clone(),
                entry.subresource.clone(),
            )
        };
        key(left).cmp(&key(right))
    });
    let list: Vec<Value> = entries.iter().map(write_one).collect();
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    object["metadata"]["managedFields"] = Value::Array(list);
}

fn write_one(entry: &Entry) -> Value {
    let mut written = json!({
        "manager": entry.manager,
        "operation": if entry.applies { "Apply" } else { "Update" },
        "apiVersion": entry.version,
        "fieldsType": "FieldsV1",
        "fieldsV1": entry.set.to_fields(),
    });
    if let Some(time) = &entry.time {
        written["time"] = Value::from(time.as_str());
    }
    if !entry.subresource.is_empty() {
        written["subresource"] = Value::from(entry.subresource.as_str());
    }
    written
}

/// Keeps the number of managers that only update in bounds.
pub(super) fn cap(entries: &mut Vec<Entry>) {
    let mut updaters: Vec<usize> = (0..entries.len())
        .filter(|index| !entries[*index].applies)
        .collect();
    if updaters.len() <= MOST_UPDATERS {
        return;
    }
    updaters.sort_by(|left, right| entries[*left].time.cmp(&entries[*right].time));
    let surplus = updaters.len() - MOST_UPDATERS;
    let old: Vec<usize> = updaters.into_iter().take(surplus + 1).collect();
    let mut kept = Vec::new();
    let mut ancient: Vec<Entry> = Vec::new();
    for (index, entry) in std::mem::take(entries).into_iter().enumerate() {
        if !old.contains(&index) {
            kept.push(entry);
            continue;
        }
        match ancient.iter_mut().find(|one| one.version == entry.version) {
            Some(one) => {
                one.set = one.set.union(&entry.set);
                one.time = one.time.clone().max(entry.time);
            }
            None => ancient.push(Entry {
                manager: ANCIENT.to_owned(),
                subresource: String::new(),
                ..entry
            }),
        }
    }
    kept.extend(ancient);
    *entries = kept;
}
