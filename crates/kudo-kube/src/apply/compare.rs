//! Whether an apply would change anything.

use kudo_api::names::FIELD_MANAGER;
use serde_json::Value;

use super::fields::{Fields, within};
use crate::identity::text;

/// Whether a live object is already all that is desired, and we own nothing of it beyond that. In doubt
/// `false`: an apply that changes nothing does no harm.
pub(super) fn is_unchanged(desired: &Value, live: &Value) -> bool {
    our_fields(live).is_some_and(|fields| within(fields, desired)) && is_part(desired, live)
}

fn our_fields(live: &Value) -> Option<&Fields> {
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    let ours = entries.iter().find(|entry| {
        text(entry, "/manager") == FIELD_MANAGER
            && text(entry, "/operation") == "Apply"
            && text(entry, "/subresource").is_empty()
    });
    ours?.get("fieldsV1")?.as_object()
}

/// Whether everything in `part` is in `whole`, too; lists must have the same length.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part.iter().all(|(name, value)| {
            value.is_null() || whole.get(name).is_some_and(|known| is_part(value, known))
        }),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len()
                && part
                    .iter()
                    .zip(whole)
                    .all(|(part, whole)| is_part(part, whole))
        }
        (part, whole) => part == whole,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_there_and_ours_alone_is_unchanged() {
        let desired = json!({"metadata": {"labels": {"a": "1"}},
            "spec": {"list": [{"name": "x"}], "nothing": null}});
        let live = |spec: Value, fields: Value| {
            json!({"metadata": {"labels": {"a": "1", "b": "2"}, "managedFields": [
                {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields},
                {"manager": "other", "operation": "Update", "fieldsV1": {"f:spec": {"f:more": {}}}},
            ]}, "spec": spec})
        };
        let ours = json!({"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:list": {}}});
        let more = json!({"f:metadata": {"f:labels": {"f:a": {}, "f:b": {}}}});
        let with_defaults = json!({"list": [{"name": "x", "default": 1}], "more": true});
        let cases = [
            (
                "equal but for defaults",
                with_defaults.clone(),
                ours.clone(),
                true,
            ),
            (
                "we own a label that is no longer wanted",
                with_defaults,
                more,
                false,
            ),
            (
                "a value differs",
                json!({"list": [{"name": "y"}]}),
                ours.clone(),
                false,
            ),
            (
                "an item more",
                json!({"list": [{"name": "x"}, {"name": "y"}]}),
                ours.clone(),
                false,
            ),
            ("a field is missing", json!({}), ours, false),
        ];
        for (name, spec, fields, expected) in cases {
            assert_eq!(
                is_unchanged(&desired, &live(spec, fields)),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn what_we_never_applied_is_changed() {
        let desired = json!({"data": {"a": "1"}});
        assert!(!is_unchanged(&desired, &json!({"data": {"a": "1"}})));
    }
}
