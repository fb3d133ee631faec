//! Conditions in a status, kept as Kubernetes keeps them.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::clock::spelled;

/// A condition as a controller wants it.
#[derive(Clone, Debug)]
pub(super) struct Condition<'a> {
    pub(super) kind: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: String,
}

/// The condition of a type.
pub(super) fn find<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = status.get("conditions")?.as_array()?;
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
}

/// Whether the condition of a type is true.
pub(super) fn holds(status: &Value, kind: &str) -> bool {
    find(status, kind).is_some_and(|condition| condition["status"] == "True")
}

/// The conditions of a status, to be changed.
pub(super) fn of(status: &Value) -> Vec<Value> {
    let conditions = status.get("conditions").and_then(Value::as_array);
    conditions.cloned().unwrap_or_default()
}

/// Sets a condition at the end of the list. One of the same status and reason stays as it is; one of the
/// same status keeps its transition time. `updated` names a further time that moves with every change.
pub(super) fn set(
    conditions: &mut Vec<Value>,
    wanted: &Condition<'_>,
    updated: Option<&str>,
    now: Timestamp,
) {
    let old = conditions.iter().position(|c| c["type"] == wanted.kind);
    if let Some(old) = old {
        let same = |field: &str, value: &str| {
            conditions[old]
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                == value
        };
        if same("status", wanted.status) && same("reason", wanted.reason) {
            return;
        }
    }
    let old = old.map(|index| conditions.remove(index));
    let since = old
        .filter(|old| old["status"] == wanted.status)
        .map_or_else(
            || json!(spelled(now)),
            |old| old["lastTransitionTime"].clone(),
        );
    let mut condition = Map::new();
    condition.insert("type".to_owned(), wanted.kind.into());
    condition.insert("status".to_owned(), wanted.status.into());
    for (field, value) in [("reason", wanted.reason), ("message", &wanted.message)] {
        if !value.is_empty() {
            condition.insert(field.to_owned(), value.into());
        }
    }
    condition.insert("lastTransitionTime".to_owned(), since);
    if let Some(field) = updated {
        condition.insert(field.to_owned(), spelled(now).into());
    }
    conditions.push(Value::Object(condition));
}

/// Removes the condition of a type.
pub(super) fn remove(conditions: &mut Vec<Value>, kind: &str) {
    conditions.retain(|condition| condition["type"] != kind);
}

/// A status under construction: counters that are nought are left out.
pub(super) struct Status(Map<String, Value>);

impl Status {
    /// Starts from the fields of an old status that nobody here recomputes.
    pub(super) fn keeping(old: &Value, fields: &[&str]) -> Self {
        let kept = fields.iter().filter_map(|field| {
            let value = old.get(*field)?;
            Some(((*field).to_owned(), value.clone()))
        });
        Self(kept.collect())
    }

    /// Sets a counter.
    pub(super) fn count(mut self, field: &str, value: i64) -> Self {
        if value != 0 {
            self.0.insert(field.to_owned(), value.into());
        }
        self
    }

    /// Sets a field even if it says nothing.
    pub(super) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    /// Sets a list unless it is empty.
    pub(super) fn list(mut self, field: &str, value: Vec<Value>) -> Self {
        if !value.is_empty() {
            self.0.insert(field.to_owned(), value.into());
        }
        self
    }

    pub(super) fn done(self) -> Value {
        Value::Object(self.0)
    }
}

/// A counter of a status: absent means nought.
pub(super) fn count(status: &Value, field: &str) -> i64 {
    status.get(field).and_then(Value::as_i64).unwrap_or(0)
}

/// A text of a status: absent means empty.
pub(super) fn text<'a>(status: &'a Value, field: &str) -> &'a str {
    status
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_move_as_kubernetes_moves_them() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let condition = |status, reason| Condition {
            kind: "Progressing",
            status,
            reason,
            message: String::new(),
        };
        let mut all = Vec::new();
        set(
            &mut all,
            &condition("True", "A"),
            Some("lastUpdateTime"),
            at(1),
        );
        set(
            &mut all,
            &condition("True", "A"),
            Some("lastUpdateTime"),
            at(2),
        );
        assert_eq!(all[0]["lastUpdateTime"], "1970-01-01T00:00:01Z");
        set(
            &mut all,
            &condition("True", "B"),
            Some("lastUpdateTime"),
            at(3),
        );
        assert_eq!(all[0]["lastUpdateTime"], "1970-01-01T00:00:03Z");
        assert_eq!(all[0]["lastTransitionTime"], "1970-01-01T00:00:01Z");
        set(
            &mut all,
            &condition("False", "C"),
            Some("lastUpdateTime"),
            at(4),
        );
        assert_eq!(all[0]["lastTransitionTime"], "1970-01-01T00:00:04Z");
        assert_eq!(all.len(), 1);
    }
}
