//! Taking over objects that the original applied.
//!
//! It created and patched objects as a plain client and kept what it had applied in the annotation
//! `kudo.dev/last-applied-configuration`. Its fields are recorded as those of an `Update` manager, so a
//! server-side apply of ours would never remove one that has left the template. The remedy is the one
//! kubectl uses on its own objects: the ownership of whoever owns that annotation is handed to our field
//! manager, and the next apply drops what is no longer wanted, the annotation included.
//!
//! Two requests, in this order; a crash in between leaves an object that is ours with the annotation still
//! on it, and the next apply goes on from there. Fields that somebody else set last stay theirs.
//!
//! The same handover serves what we patched ourselves where an apply alone cannot (see [`super::work`]): a
//! patch of ours makes us an `Update` manager.

use kudo_api::names::{FIELD_MANAGER, LAST_APPLIED_ANNOTATION};
use serde_json::{Map, Value, json};

use super::fields::{Fields, names, split, unite};
use crate::identity::{annotation, gvk_of, text};

/// The manager to whom servers attribute fields that were set before they kept track.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Who owns what after a handover.
struct Handover<'v> {
    /// All that is ours then.
    ours: Fields,
    /// An entry to make ours from.
    template: Option<&'v Value>,
    /// The entries of others.
    others: Vec<Value>,
    /// Whether anything changes hands.
    changed: bool,
}

impl<'v> Handover<'v> {
    fn of(live: &'v Value, desired: &Value) -> Self {
        let entries = live
            .pointer("/metadata/managedFields")
            .and_then(Value::as_array);
        let previous = previous(live);
        let mut handover = Self {
            ours: Fields::new(),
            template: None,
            others: Vec::new(),
            changed: false,
        };
        for entry in entries.into_iter().flatten() {
            let fields = fields_of(entry);
            if is_ours(entry) {
                unite(&mut handover.ours, fields.cloned().unwrap_or_default());
                handover.template = Some(entry);
            } else if let Some(fields) = fields.filter(|fields| changes_hands(entry, fields)) {
                let (moved, rest) = if takes_all(entry, live) {
                    (fields.clone(), Fields::new())
                } else {
                    split(fields, &previous, desired)
                };
                handover.changed |= rest != *fields;
                unite(&mut handover.ours, moved);
                handover.template = handover.template.or(Some(entry));
                if !rest.is_empty() {
                    let mut entry = entry.clone();
                    entry["fieldsV1"] = Value::Object(rest);
                    handover.others.push(entry);
                }
            } else {
                handover.others.push(entry.clone());
            }
        }
        handover
    }
}

/// A JSON patch that hands the original's fields of a live object to us; `None` if there is nothing to
/// hand over. The patch fails if the object has changed meanwhile.
pub(super) fn handover(live: &Value, desired: &Value) -> Option<Value> {
    let handover = Handover::of(live, desired);
    let template = handover.template.filter(|_| handover.changed)?;
    let mut entry: Map<String, Value> = template.as_object()?.clone();
    entry.insert("manager".to_owned(), json!(FIELD_MANAGER));
    entry.insert("operation".to_owned(), json!("Apply"));
    entry.insert("apiVersion".to_owned(), json!(text(desired, "/apiVersion")));
    entry.insert("fieldsV1".to_owned(), Value::Object(handover.ours));
    let mut entries = handover.others;
    entries.push(Value::Object(entry));
    Some(json!([
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
        {"op": "replace", "path": "/metadata/resourceVersion",
            "value": text(live, "/metadata/resourceVersion")},
    ]))
}

/// All fields of a live object that are ours, or would be after a handover.
pub(super) fn ours(live: &Value, desired: &Value) -> Fields {
    Handover::of(live, desired).ours
}

/// What the original had applied last; its annotation goes with it, though it did not contain itself.
fn previous(live: &Value) -> Value {
    let Some(text) = annotation(live, LAST_APPLIED_ANNOTATION) else {
        return Value::Null;
    };
    let mut previous: Value = serde_json::from_str(text).unwrap_or_default();
    if !previous.is_object() {
        previous = json!({});
    }
    for parent in ["/metadata", "/metadata/annotations"] {
        let (above, name) = parent.rsplit_once('/').unwrap_or(("", parent));
        if let Some(Value::Object(above)) = previous.pointer_mut(above)
            && !above.get(name).is_some_and(Value::is_object)
        {
            above.insert(name.to_owned(), json!({}));
        }
    }
    if let Some(Value::Object(annotations)) = previous.pointer_mut("/metadata/annotations") {
        annotations.insert(LAST_APPLIED_ANNOTATION.to_owned(), json!(text));
    }
    previous
}

/// Whether an object still has to be taken over.
pub(super) fn is_due(live: &Value) -> bool {
    annotation(live, LAST_APPLIED_ANNOTATION).is_some()
}

fn is_ours(entry: &Value) -> bool {
    text(entry, "/manager") == FIELD_MANAGER
        && text(entry, "/operation") == "Apply"
        && text(entry, "/subresource").is_empty()
}

/// Whether an entry is that of the client that wrote the annotation, whatever it called itself, or of a
/// patch of ours.
fn changes_hands(entry: &Value, fields: &Fields) -> bool {
    let annotation = ["metadata", "annotations", LAST_APPLIED_ANNOTATION];
    text(entry, "/operation") == "Update"
        && text(entry, "/subresource").is_empty()
        && (text(entry, "/manager") == FIELD_MANAGER || names(fields, &annotation))
}

/// Whether everything of an entry may be handed over: a client that sends whole objects owns the defaults
/// it was given as well, and they must go with what they belong to. Not so where the entry covers what
/// others set, nor for instances, which the original's controller wrote to under the same name.
fn takes_all(entry: &Value, live: &Value) -> bool {
    text(entry, "/manager") != BEFORE_FIRST_APPLY
        && gvk_of(live).is_none_or(|gvk| gvk.group != kudo_api::GROUP)
}

fn fields_of(entry: &Value) -> Option<&Fields> {
    entry.get("fieldsV1")?.as_object()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "cases read better")]
    fn live(managed: Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "x", "resourceVersion": "7", "managedFields": managed,
                "annotations": {LAST_APPLIED_ANNOTATION:
                    json!({"data": {"old": "1"}, "metadata": {"name": "x"}}).to_string()},
            },
            "data": {"old": "1", "theirs": "2"},
        })
    }

    #[expect(clippy::needless_pass_by_value, reason = "cases read better")]
    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "v1",
            "fieldsType": "FieldsV1", "time": "2021-01-01T00:00:00Z", "fieldsV1": fields})
    }

    fn annotated(more: Value) -> Value {
        let mut fields = json!({"f:metadata": {"f:annotations":
            {".": {}, format!("f:{LAST_APPLIED_ANNOTATION}"): {}}}});
        if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
            fields.extend(more);
        }
        fields
    }

    fn desired() -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {}})
    }

    #[test]
    fn whoever_owns_the_annotation_hands_over_everything() {
        let fields = annotated(json!({"f:data": {".": {}, "f:old": {}}}));
        let live = live(json!([
            entry("manager", "Update", fields.clone()),
            entry("kubectl", "Update", json!({"f:data": {"f:theirs": {}}})),
        ]));
        assert!(is_due(&live));
        let patch = handover(&live, &desired()).unwrap();
        assert_eq!(
            patch[0]["value"],
            json!([
                entry("kubectl", "Update", json!({"f:data": {"f:theirs": {}}})),
                entry(FIELD_MANAGER, "Apply", fields),
            ])
        );
        assert_eq!(patch[1]["value"], json!("7"));
    }

    #[test]
    fn a_handover_that_was_done_is_not_done_again() {
        let fields = annotated(json!({"f:data": {"f:old": {}}}));
        let live = live(json!([
            entry("kubectl", "Update", json!({"f:data": {"f:theirs": {}}})),
            entry(FIELD_MANAGER, "Apply", fields),
        ]));
        assert_eq!(handover(&live, &desired()), None);
    }

    #[test]
    fn fields_are_added_to_those_we_have() {
        let live = live(json!([
            entry(FIELD_MANAGER, "Apply", json!({"f:data": {"f:mine": {}}})),
            entry(
                "manager",
                "Update",
                annotated(json!({"f:data": {"f:old": {}}}))
            ),
        ]));
        let patch = handover(&live, &desired()).unwrap();
        let ours = &patch[0]["value"][0]["fieldsV1"]["f:data"];
        assert_eq!(*ours, json!({"f:mine": {}, "f:old": {}}));
        assert_eq!(patch[0]["value"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn of_fields_older_than_the_record_only_those_of_the_annotation_are_taken() {
        let fields = annotated(json!({"f:data": {".": {}, "f:old": {}, "f:theirs": {}}}));
        let live = live(json!([entry(BEFORE_FIRST_APPLY, "Update", fields)]));
        let patch = handover(&live, &desired()).unwrap();
        let left = &patch[0]["value"][0];
        assert_eq!(left["manager"], json!(BEFORE_FIRST_APPLY));
        assert_eq!(left["fieldsV1"]["f:data"], json!({"f:theirs": {}}));
        let ours = &patch[0]["value"][1];
        assert_eq!(ours["fieldsV1"]["f:data"], json!({".": {}, "f:old": {}}));
        let annotation = format!("f:{LAST_APPLIED_ANNOTATION}");
        assert!(
            ours["fieldsV1"]["f:metadata"]["f:annotations"]
                .get(&annotation)
                .is_some()
        );
    }

    #[test]
    fn status_and_strangers_keep_what_is_theirs() {
        let mut status = entry("manager", "Update", annotated(json!({"f:status": {}})));
        status["subresource"] = json!("status");
        let stranger = entry("kubectl", "Update", json!({"f:data": {"f:theirs": {}}}));
        let live = live(json!([status, stranger]));
        assert_eq!(handover(&live, &desired()), None);
    }
}
