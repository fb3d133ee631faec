//! PATCH of an object or of one of its parts.

use http::Response;
use serde_json::{Value, json};

use super::options::{self, FieldValidation, WriteOptions};
use super::update::ATTEMPTS;
use super::write::{Failed, type_of};
use super::{Target, body, yaml};
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
            let read = yaml::read(&self.body).map_err(|fault| {
                let words = "error decoding YAML: error converting YAML to JSON";
                Refusal::bad_request(format!("{words}: {fault}"))
            });
            return Ok(Patch::Apply(read?));
        }
        let undecodable = |fault: String| {
            let words = if media == STRATEGIC {
                ""
            } else {
                "error decoding patch: "
            };
            Refusal::bad_request(format!("{words}{fault}"))
        };
        let value = body::parse_json(&self.body).map_err(undecodable)?;
        let may_be_null = media == JSON_PATCH || media == STRATEGIC;
        if media != JSON_PATCH && !value.is_object() && !(may_be_null && value.is_null()) {
            let found = patch::go_kind(&value);
            let ty = "map[string]interface {}";
            let fault = format!("json: cannot unmarshal {found} into Go value of type {ty}");
            return Err(undecodable(fault));
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
        let custom = target.shown.kind.is_custom();
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
    pub(super) fn transformed(
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
        if !object.is_object() {
            let detail = "the patched object is none".to_owned();
            return Err(PatchError::Unprocessable { detail }.into());
        }
        let shown = &target.shown;
        body::check_depth(shown, &object)?;
        let text = match patch {
            Patch::Strategic(change) => Value::from(patch::go_print(change)),
            _ => Value::from(object.to_string()),
        };
        let unfit = |problem: String| {
            let error = FieldError::invalid("patch", &text, problem);
            Refusal::whole(invalid_status("", "", "", &[error]))
        };
        match patch {
            // A strategic patch is about fields alone.
            Patch::Strategic(_) => {}
            _ => Self::check_identity(target, &object, &unfit)?,
        }
        let identity = [
            ("apiVersion", shown.api_version()),
            ("kind", shown.kind.kind.clone()),
        ];
        for (field, known) in identity {
            if object[field].is_null() || object[field].is_string() {
                object[field] = known.into();
            }
        }
        let unknown = body::decoded(shown, &mut object).map_err(unfit)?;
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

    /// Whether a patched object says that it is of its kind.
    fn check_identity(
        target: &Target,
        object: &Value,
        unfit: &dyn Fn(String) -> Refusal,
    ) -> Result<(), Refusal> {
        let shown = &target.shown;
        if let Some(fault) = body::mistyped_kind(object) {
            return Err(unfit(fault));
        }
        let said = |field: &str| object[field].as_str().unwrap_or_default();
        let (version, kind) = (said("apiVersion"), said("kind"));
        if !shown.kind.is_custom() {
            if version.is_empty() {
                return Err(Refusal::other_name("", target.name()));
            }
            let kind = if kind.is_empty() {
                shown.kind.kind.as_str()
            } else {
                kind
            };
            return match body::conversion_problem(shown, version, kind) {
                Some(problem) => Err(unfit(problem)),
                None => Ok(()),
            };
        }
        if kind.is_empty() {
            return Err(unfit(format!("Object 'Kind' is missing in '{object}'")));
        }
        if version.is_empty() {
            return Err(Refusal::internal(body::NO_VERSION));
        }
        let mut errors = Vec::new();
        for (field, said, known) in [
            ("kind", kind, shown.kind.kind.clone()),
            ("apiVersion", version, shown.api_version()),
        ] {
            if said != known {
                let detail = format!("must be {known}");
                errors.push(FieldError::invalid(field, &Value::from(said), detail));
            }
        }
        if errors.is_empty() {
            return Ok(());
        }
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let status = invalid_status(group, kind, target.name(), &errors);
        Err(Refusal::whole(status))
    }

    /// Server-side apply.
    pub(super) fn apply(
        &self,
        target: &Target,
        live: Option<&Value>,
        config: &Value,
        options: &WriteOptions,
    ) -> Result<Value, Refusal> {
        let shown = &target.shown;
        let mut config = match config {
            Value::Null => json!({}),
            Value::Object(_) => config.clone(),
            other => {
                let found = patch::go_kind(other);
                return Err(Refusal::bad_request(format!(
                    "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: \
                     cannot unmarshal {found} into Go value of type map[string]interface {{}}"
                )));
            }
        };
        body::check_depth(shown, &config)?;
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
        if live.is_none() {
            if name.is_empty() {
                return Err(Refusal::other_name("", target.name()));
            }
            let uid = config["metadata"]["uid"].as_str().unwrap_or_default();
            if !uid.is_empty() {
                let problem = format!(
                    "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                );
                return Err(Refusal::conflict(shown.named(), target.name(), &problem));
            }
        }
        if !config["metadata"].is_object() {
            config["metadata"] = json!({});
        }
        config["metadata"]["name"] = target.name().into();
        super::write::check_namespace(target, &mut config)?;
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
        ApplyError::ManagedFields => Refusal::bad_request(message),
        ApplyError::Type { .. } => Refusal::new(500, "", message),
    }
}
