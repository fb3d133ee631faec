//! PATCH of an object or of one of its parts.

use http::Response;
use serde_json::{Value, json};

use super::options::{self, FieldValidation, WriteOptions};
use super::update::ATTEMPTS;
use super::write::{Failed, type_of};
use super::{Target, body};
use crate::depth;
use crate::field_error::{FieldError, invalid_status};
use crate::http::answer::Body;
use crate::http::status::Refusal;
use crate::http::{Call, JSON_PATCH};
use crate::managed_fields::{self, ApplyError, Manager};
use crate::patch::{self, PatchError};

const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
/// No JSON patch may have more operations.
const OPERATIONS: usize = 10_000;

/// A patch that has been read.
#[derive(Clone, Debug)]
pub(super) enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
    Apply(Value),
}

impl From<PatchError> for Refusal {
    fn from(error: PatchError) -> Self {
        let refusal = Self::new(error.code(), error.reason(), error.to_string());
        match error {
            PatchError::Unprocessable { .. } => refusal.with_details(json!({})),
            _ => refusal,
        }
    }
}

impl Call {
    /// Reads the patch of a request.
    pub(super) fn read_patch(&self, custom: bool) -> Result<Patch, Refusal> {
        let media = self.content_type();
        let accepted: &[&str] = if custom {
            &[JSON_PATCH, MERGE, APPLY]
        } else {
            &[JSON_PATCH, MERGE, STRATEGIC, APPLY]
        };
        if !accepted.contains(&media) && !custom {
            let refusal = Refusal::new(415, "UnsupportedMediaType", "415: Unsupported Media Type");
            return Err(refusal.with_details(json!({})));
        }
        if !accepted.contains(&media) {
            return Err(Refusal::unsupported_media(accepted));
        }
        if media == APPLY {
            return Ok(Patch::Apply(body::parse_yaml(&self.body)?));
        }
        let value = depth::read(&self.body)
            .map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}")))?;
        if media != JSON_PATCH && !value.is_object() {
            return Err(Refusal::bad_request(
                "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}",
            ));
        }
        if media == JSON_PATCH && value.as_array().is_some_and(|list| list.len() > OPERATIONS) {
            let count = value.as_array().map_or(0, Vec::len);
            let message = format!(
                "Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS}, got {count}"
            );
            return Err(Refusal::new(413, "RequestEntityTooLarge", message));
        }
        Ok(match media {
            JSON_PATCH => Patch::Json(value),
            MERGE => Patch::Merge(value),
            _ => Patch::Strategic(value),
        })
    }

    pub(super) async fn patch(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let custom = target.shown.kind.strategy.custom;
        let patch = self.read_patch(custom)?;
        let apply = matches!(patch, Patch::Apply(_));
        let options = options::write_options(self, "PatchOptions", apply)?;
        let (created, object) = self.patched(target, &patch, &options).await?;
        Ok(self.represent(target, if created { 201 } else { 200 }, &object))
    }

    async fn patched(
        &self,
        target: &Target,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<(bool, Value), Refusal> {
        let applied = matches!(patch, Patch::Apply(_));
        for _ in 0..ATTEMPTS {
            let store = &self.server.store;
            let found = store.get(target.storage(), target.namespace(), target.name());
            let Some(before) = found else {
                let Patch::Apply(config) = patch else {
                    return Err(target.not_found());
                };
                if !target.path.subresource.is_empty() {
                    return Err(target.not_found());
                }
                let object = self.apply(target, None, config, options)?;
                let created = self.insert(target, object, options, true).await;
                match created {
                    Ok(object) => return Ok((true, object)),
                    Err(refusal) if refusal.code == 409 => continue,
                    Err(refusal) => return Err(refusal),
                }
            };
            let old = before.object(&target.shown);
            let object = match patch {
                Patch::Apply(config) => self.apply(target, Some(&old), config, options)?,
                other => self.transformed(target, &old, other, options)?,
            };
            // A version that the patch itself names must be the current one.
            let conditional =
                object["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"];
            match self
                .replace(target, &before, object, options, applied)
                .await
            {
                Ok(written) => return Ok((false, written)),
                Err(Failed::Refused(refusal)) => return Err(refusal),
                Err(Failed::Stale) if conditional => break,
                Err(Failed::Stale) => {}
            }
        }
        Err(Refusal::stale(target.shown.named(), target.name()))
    }

    /// Does what a patch other than an apply says, and brings the result into form.
    fn transformed(
        &self,
        target: &Target,
        old: &Value,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Value, Refusal> {
        let mut object = match patch {
            Patch::Json(patch) => {
                let object = patch::json_patch(old, patch)?;
                self.server.may_be_deep.note(depth::of(&object));
                object
            }
            Patch::Merge(patch) | Patch::Apply(patch) => patch::merge_patch(old, patch)?,
            Patch::Strategic(patch) => {
                patch::strategic_merge(&target.shown.version().ty, old, patch)?
            }
        };
        let said = (object["apiVersion"].clone(), object["kind"].clone());
        let known = (old["apiVersion"].clone(), old["kind"].clone());
        if !object.is_object()
            || (said != known
                && said.0 != Value::Null
                && said.1 != Value::Null
                && said.1 != known.1)
        {
            return Err(Refusal::bad_request(format!(
                "the kind of the patched object ({}) does not match the kind of the object ({})",
                said.1, known.1
            )));
        }
        let decoded = body::decode(&target.shown, &mut object);
        let unknown = match patch {
            Patch::Strategic(change) => decoded.map_err(|refusal| {
                let shown = patch::go_print(change);
                let error = FieldError::invalid_shown("patch", shown, refusal.message());
                Refusal::whole(invalid_status("", "", "", &[error]))
            })?,
            _ => decoded?,
        };
        let problems: Vec<String> = unknown
            .iter()
            .map(|field| format!("unknown field {field:?}"))
            .collect();
        match options.fields {
            _ if problems.is_empty() => {}
            FieldValidation::Ignore => {}
            FieldValidation::Warn => problems.into_iter().for_each(|problem| self.warn(problem)),
            FieldValidation::Strict => {
                let problem = format!("strict decoding error: {}", problems.join(", "));
                let shown = String::from_utf8_lossy(&self.body).into_owned();
                let error = FieldError::invalid("patch", &Value::from(shown), problem);
                let status = invalid_status("", "", "", &[error]);
                return Err(Refusal::whole(status));
            }
        }
        Ok(object)
    }

    /// Server-side apply.
    fn apply(
        &self,
        target: &Target,
        live: Option<&Value>,
        config: &Value,
        options: &WriteOptions,
    ) -> Result<Value, Refusal> {
        let shown = &target.shown;
        if !config.is_object() {
            return Err(Refusal::bad_request(
                "error decoding YAML: an object is expected",
            ));
        }
        body::check_depth(shown, config)?;
        let mut config = config.clone();
        let api_version = shown.api_version();
        let text =
            |config: &Value, field: &str| config[field].as_str().unwrap_or_default().to_owned();
        let (said, kind) = (text(&config, "apiVersion"), text(&config, "kind"));
        if said == api_version && kind.is_empty() {
            return Err(Refusal::bad_request(format!(
                "Object 'Kind' is missing in '{config}'"
            )));
        }
        if said != api_version || kind != shown.kind.kind {
            return Err(Refusal::bad_request(format!(
                "Incorrect version specified in apply patch. Specified patch version: {said}, \
                 expected: {api_version}"
            )));
        }
        let name = config["metadata"]["name"].as_str().unwrap_or_default();
        if !name.is_empty() && name != target.name() {
            let wanted = target.name();
            return Err(Refusal::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({wanted})"
            )));
        }
        if !config["metadata"].is_object() {
            config["metadata"] = json!({});
        }
        config["metadata"]["name"] = target.name().into();
        super::write::check_namespace(target, &mut config)?;
        let unknown = if shown.kind.strategy.custom {
            body::decode(shown, &mut config)?
        } else {
            crate::schema::drop_unknown(&type_of(shown), &mut config)
        };
        if options.fields == FieldValidation::Warn {
            for field in &unknown {
                self.warn(format!("unknown field {field:?}"));
            }
        } else if options.fields == FieldValidation::Strict && !unknown.is_empty() {
            let unknown: Vec<_> = unknown
                .iter()
                .map(|field| format!("unknown field {field:?}"))
                .collect();
            let problem = format!("strict decoding error: {}", unknown.join(", "));
            return Err(Refusal::bad_request(problem));
        }
        let by = Manager {
            name: &options.manager,
            version: &api_version,
            subresource: &target.path.subresource,
            now: &self.server.clock.text(),
        };
        let merged = managed_fields::apply(&type_of(shown), live, &config, by, options.force);
        let mut object = merged.map_err(|error| apply_refusal(&error))?;
        body::decode(shown, &mut object)?;
        if live.is_none()
            && let Some(metadata) = object["metadata"].as_object_mut()
        {
            metadata.remove("resourceVersion");
        }
        Ok(object)
    }
}

fn apply_refusal(error: &ApplyError) -> Refusal {
    let message = error.to_string();
    match error {
        ApplyError::Conflict(conflicts) => {
            let causes: Vec<Value> = conflicts
                .iter()
                .map(|conflict| {
                    json!({
                        "reason": "FieldManagerConflict",
                        "message": format!("conflict with {}", conflict.manager),
                        "field": conflict.field,
                    })
                })
                .collect();
            Refusal::new(409, "Conflict", message).with_details(json!({ "causes": causes }))
        }
        ApplyError::ManagedFields | ApplyError::Type { .. } => Refusal::bad_request(message),
    }
}
