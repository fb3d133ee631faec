//! Patches: JSON patch (RFC 6902), merge patch (RFC 7386) and strategic merge patch.
//!
//! Each takes the object as it is and answers with what it becomes; nothing is checked against the
//! object's kind here. What goes wrong is told with the status and the words of an API server.

mod go;
mod strategic;

use json_patch::PatchOperation;
use serde_json::{Map, Value};

use crate::depth::{self, DEEPEST};
pub(crate) use go::{kind as go_kind, print as go_print, ty as go_type};
pub use strategic::strategic_merge;

/// A list of operations copies no more bytes of JSON, as servers have it.
const MOST_COPIED: usize = 3 << 20;

/// Why a patch can't be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch is not well formed: 400, reason `BadRequest`.
    #[error("{0}")]
    BadRequest(String),
    /// A JSON patch does not fit the object: 422, reason `Invalid`. The details are not part of the
    /// server's message.
    #[error("the server rejected our request due to an error in our request")]
    Unprocessable {
        /// What did not fit.
        detail: String,
    },
    /// A strategic merge patch does not fit its kind: 500, no reason, as servers answer.
    #[error("{0}")]
    Internal(String),
}

impl PatchError {
    /// The HTTP status.
    pub fn code(&self) -> u16 {
        match self {
            Self::BadRequest(_) => 400,
            Self::Unprocessable { .. } => 422,
            Self::Internal(_) => 500,
        }
    }

    /// The reason in the status; empty where servers give none.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "BadRequest",
            Self::Unprocessable { .. } => "Invalid",
            Self::Internal(_) => "",
        }
    }
}

/// Applies a list of operations; all of them or none. Nothing, as `null`, changes nothing.
pub fn json_patch(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    if patch.is_null() {
        return Ok(object.clone());
    }
    let operations = patch.as_array().ok_or_else(|| {
        let found = go::kind(patch);
        PatchError::BadRequest(format!(
            "json: cannot unmarshal {found} into Go value of type jsonpatch.Patch"
        ))
    })?;
    let unfit = |error: &dyn std::fmt::Display| PatchError::Unprocessable {
        detail: error.to_string(),
    };
    let mut patched = object.clone();
    let mut bounds = Bounds {
        depth: depth::of(object),
        copied: 0,
    };
    // One that is null is read as one without a field, and fits nothing.
    let is_none = |operation: &&Value| !operation.is_object() && !operation.is_null();
    if let Some(other) = operations.iter().find(is_none) {
        let found = go::kind(other);
        return Err(PatchError::BadRequest(format!(
            "json: cannot unmarshal {found} into Go value of type jsonpatch.Operation"
        )));
    }
    for operation in operations {
        let Some(operation) = plain(&patched, operation) else {
            continue;
        };
        let operation: PatchOperation =
            serde_json::from_value(operation).map_err(|error| unfit(&error))?;
        bounds
            .take(&patched, &operation)
            .map_err(|error| unfit(&error))?;
        json_patch::patch(&mut patched, std::slice::from_ref(&operation))
            .map_err(|_| unfit(&unfit_words(&patched, &operation)))?;
    }
    Ok(patched)
}

/// An operation in the words of the standard, where servers take more: places counted from the end of
/// a list, tildes that escape nothing, no value for null. None is left of a test that nothing is where nothing is.
fn plain(object: &Value, operation: &Value) -> Option<Value> {
    let mut operation = operation.clone();
    for field in ["path", "from"] {
        if let Some(pointer) = operation[field].as_str().filter(|path| path.contains('~')) {
            operation[field] = escaped(pointer).into();
        }
        if let Some(pointer) = operation[field].as_str().filter(|path| path.contains("/-")) {
            let adds = field == "path" && operation["op"] != "replace";
            let counted = counted_from_start(object, pointer, adds && operation["op"] != "remove");
            operation[field] = counted.into();
        }
    }
    let op = operation["op"].as_str().unwrap_or_default();
    if ["add", "replace", "test"].contains(&op) && operation.get("value").is_none() {
        operation["value"] = Value::Null;
    }
    if operation["op"] == "test" && operation["value"].is_null() {
        let path = operation["path"].as_str().unwrap_or_default();
        let (above, key) = path.rsplit_once('/')?;
        let key = key.replace("~1", "/").replace("~0", "~");
        let absent =
            matches!(object.pointer(above), Some(Value::Object(map)) if !map.contains_key(&key));
        if absent {
            return None;
        }
    }
    Some(operation)
}

/// A pointer whose tildes all escape something.
fn escaped(pointer: &str) -> String {
    let mut parts = pointer.split('~');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push('~');
        if !part.starts_with(['0', '1']) {
            whole.push('0');
        }
        whole.push_str(part);
    }
    whole
}

/// A pointer whose negative places in lists are counted from the start. The last of one that adds is
/// counted from behind the end.
fn counted_from_start(object: &Value, pointer: &str, adds: bool) -> String {
    let mut place = Some(object);
    let mut counted = String::new();
    let count = pointer.split('/').count();
    for (index, token) in pointer.split('/').enumerate().skip(1) {
        let mut token = token.to_owned();
        if let (Some(Value::Array(list)), Ok(negative @ ..0)) = (place, token.parse::<i64>()) {
            let behind = usize::from(adds && index + 1 == count && token != "-0");
            let back = usize::try_from(negative.unsigned_abs()).unwrap_or(usize::MAX);
            if let Some(position) = (list.len() + behind).checked_sub(back) {
                token = position.to_string();
            }
        }
        counted.push('/');
        counted.push_str(&token);
        place = object.pointer(&counted);
    }
    counted
}

/// Why an operation does not fit, as Go's library says it.
fn unfit_words(object: &Value, operation: &PatchOperation) -> String {
    let path = operation.path().as_str();
    let (parent, key) = path.rsplit_once('/').unwrap_or_default();
    let parent = object.pointer(parent);
    let has_parts = parent.is_some_and(|parent| parent.is_object() || parent.is_array());
    let is_list = parent.is_some_and(Value::is_array);
    let name = match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => return format!("testing value {path} failed: test failed"),
    };
    match (operation, is_list) {
        (PatchOperation::Replace(_), _) if !has_parts => {
            format!("replace operation does not apply: doc is missing path: {path}: missing value")
        }
        _ if !has_parts => {
            format!("{name} operation does not apply: doc is missing path: {path:?}: missing value")
        }
        (PatchOperation::Replace(_), _) => {
            format!("replace operation does not apply: doc is missing key: {path}: missing value")
        }
        (_, true) => format!(
            "error in {name} for path: '{path}': Unable to access invalid index: {key}: invalid \
             index referenced"
        ),
        _ => format!(
            "error in {name} for path: '{path}': Unable to remove nonexistent key: {key}: missing \
             value"
        ),
    }
}

/// What keeps a few operations from making much of little.
struct Bounds {
    /// The object is nested no deeper.
    depth: usize,
    /// Length of what was copied.
    copied: usize,
}

impl Bounds {
    fn take(&mut self, object: &Value, operation: &PatchOperation) -> Result<(), &'static str> {
        let below = match operation {
            PatchOperation::Add(add) => depth::of(&add.value),
            PatchOperation::Replace(replace) => depth::of(&replace.value),
            PatchOperation::Move(from) => self.depth.saturating_sub(from.from.tokens().count()),
            PatchOperation::Copy(copy) => {
                let value = object.pointer(copy.from.as_str()).unwrap_or(&Value::Null);
                self.copied += value.to_string().len();
                depth::of(value)
            }
            PatchOperation::Remove(_) | PatchOperation::Test(_) => 0,
        };
        if self.copied > MOST_COPIED {
            return Err("too much is copied");
        }
        let depth = operation.path().tokens().count() + below;
        self.depth = self.depth.max(depth);
        if self.depth > DEEPEST {
            return Err("exceeded max depth");
        }
        Ok(())
    }
}

/// Merges objects key by key; null removes, anything else replaces.
pub fn merge_patch(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    let mut patched = object.clone();
    merge(&mut patched, patch);
    Ok(patched)
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
