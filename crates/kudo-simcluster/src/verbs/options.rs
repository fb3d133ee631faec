//! The options of writes, read from a query.

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::field_error::{FieldError, invalid_status};
use crate::http::Call;
use crate::http::path::Query;
use crate::http::status::Refusal;

/// How a server names what it knows options from.
const SCHEME: &str = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27";

/// How strictly fields are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FieldValidation {
    Strict,
    #[default]
    Warn,
    Ignore,
}

/// Options of a write.
#[derive(Clone, Debug)]
pub(super) struct WriteOptions {
    pub(super) dry_run: bool,
    pub(super) manager: String,
    pub(super) fields: FieldValidation,
    pub(super) force: bool,
    /// What of them the request said, as webhooks are told.
    pub(super) said: Value,
    /// Webhooks have been asked already.
    pub(super) reviewed: bool,
}

/// Reads the options of a create, update or patch; `kind` is what messages call them.
pub(super) fn write_options(call: &Call, kind: &str, apply: bool) -> Result<WriteOptions, Refusal> {
    let query = &call.query;
    let mut errors = Vec::new();
    let force = query.is("force");
    if kind == "PatchOptions" {
        if apply && query.get("fieldManager").is_none() {
            errors.push(FieldError::required(
                "fieldManager",
                "is required for apply patch",
            ));
        }
        if !apply && query.contains("force") {
            let detail = "may not be specified for non-apply patch";
            errors.push(FieldError::forbidden("force", detail));
        }
    }
    let manager = call.manager();
    check_manager(query.get("fieldManager").unwrap_or_default(), &mut errors);
    let dry_run = dry_run(query, &mut errors);
    let fields = match query.get("fieldValidation") {
        None | Some("Warn") => FieldValidation::Warn,
        Some("Strict") => FieldValidation::Strict,
        Some("Ignore") => FieldValidation::Ignore,
        Some(other) => {
            let known = ["Ignore", "Strict", "Warn"];
            let value = Value::from(other);
            errors.push(FieldError::not_supported("fieldValidation", &value, &known));
            FieldValidation::Warn
        }
    };
    refuse(kind, &errors)?;
    let manager = manager.chars().take(128).collect();
    let mut said = json!({});
    if dry_run {
        said["dryRun"] = json!(["All"]);
    }
    for name in ["fieldManager", "fieldValidation"] {
        if let Some(value) = query.get(name).filter(|value| !value.is_empty()) {
            said[name] = value.into();
        }
    }
    Ok(WriteOptions {
        dry_run,
        manager,
        fields,
        force,
        said,
        reviewed: false,
    })
}

/// The name that a request gives to who writes.
fn check_manager(name: &str, errors: &mut Vec<FieldError>) {
    if name.len() > 128 {
        errors.push(FieldError::too_long("fieldManager", 128));
    }
    let unprintable = name.chars().enumerate().filter(|(_, c)| c.is_control());
    for (place, letter) in unprintable {
        let code = u32::from(letter);
        let words = format!("invalid character U+{code:04X} (at position {place})");
        errors.push(FieldError::invalid("fieldManager", &name.into(), words));
    }
}

fn dry_run(query: &Query, errors: &mut Vec<FieldError>) -> bool {
    let values: Vec<&str> = query.all("dryRun").collect();
    check_dry_run(&values, errors)
}

/// Whether nothing shall be stored; what is said must be `All`, and an empty text is not.
fn check_dry_run(values: &[&str], errors: &mut Vec<FieldError>) -> bool {
    if values.iter().any(|value| *value != "All") {
        let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
        let shown = format!("[]string{{{}}}", quoted.join(", "));
        errors.push(FieldError::not_supported_shown("dryRun", shown, &["All"]));
    }
    !values.is_empty()
}

fn refuse(kind: &str, errors: &[FieldError]) -> Result<(), Refusal> {
    if errors.is_empty() {
        return Ok(());
    }
    let status = invalid_status("meta.k8s.io", kind, "", errors);
    Err(Refusal::whole(status))
}

/// What becomes of dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// Options of a deletion.
#[derive(Clone, Debug, Default)]
pub(super) struct DeleteOptions {
    pub(super) dry_run: bool,
    pub(super) grace: Option<i64>,
    pub(super) propagation: Option<Propagation>,
    pub(super) uid: Option<String>,
    pub(super) version: Option<String>,
    /// What of them the request said, as webhooks are told.
    pub(super) said: Value,
    /// The request names no object, but a collection.
    pub(super) collection: bool,
    /// Webhooks have been asked already.
    pub(super) reviewed: bool,
}

/// Reads the options of a deletion from its body, or from the query if there is none.
pub(super) fn delete_options(call: &Call) -> Result<DeleteOptions, Refusal> {
    let mut errors = Vec::new();
    let body: Value = if call.body.is_empty() {
        let mut body = serde_json::json!({});
        let grace = call.query.whole("gracePeriodSeconds");
        if let Some(grace) = grace.map_err(Refusal::bad_request)? {
            body["gracePeriodSeconds"] = grace.into();
        }
        if let Some(policy) = call.query.first("propagationPolicy") {
            body["propagationPolicy"] = policy.into();
        }
        if call.query.contains("orphanDependents") {
            body["orphanDependents"] = call.query.is("orphanDependents").into();
        }
        body
    } else {
        // Servers take the fault of a client for their own here.
        let read = match call.content_type() {
            "application/yaml" => super::yaml::read(&call.body),
            "" | "application/json" => super::body::parse_json(&call.body)
                .map_err(|fault| format!("couldn't get version/kind; json parse error: {fault}")),
            _ => Ok(super::body::parse(call)?),
        };
        read.map_err(|fault| Refusal::new(500, "", fault))?
    };
    if !body.is_null() {
        meta::DeleteOptions::deserialize(&body)
            .map_err(|fault| Refusal::new(500, "", fault.to_string()))?;
    }
    if let Some(kind) = body["kind"].as_str()
        && !kind.is_empty()
        && kind != "DeleteOptions"
    {
        let version = body["apiVersion"].as_str().filter(|said| !said.is_empty());
        let version = version.unwrap_or("meta.k8s.io/v1");
        let message =
            format!("no kind {kind:?} is registered for version {version:?} in scheme {SCHEME:?}");
        return Err(Refusal::new(500, "", message));
    }
    let in_query = call.body.is_empty() && dry_run(&call.query, &mut errors);
    read_delete_options(&body, in_query, errors)
}

/// Reads the options of a deletion that have the right types; `dry_run`: it is to be tried out in any case.
pub(super) fn read_delete_options(
    body: &Value,
    dry_run: bool,
    mut errors: Vec<FieldError>,
) -> Result<DeleteOptions, Refusal> {
    let mut options = DeleteOptions::default();
    let in_body = body["dryRun"].as_array().into_iter().flatten();
    let in_body: Vec<&str> = in_body.filter_map(Value::as_str).collect();
    options.dry_run = check_dry_run(&in_body, &mut errors) || dry_run;
    options.said = body.clone();
    if options.dry_run {
        options.said["dryRun"] = json!(["All"]);
    }
    options.grace = body["gracePeriodSeconds"].as_i64();
    let orphan = body["orphanDependents"].as_bool();
    let policy = body["propagationPolicy"].as_str();
    if orphan.is_some() && policy.is_some() {
        let detail = "orphanDependents and deletionPropagation cannot be both set";
        let value = Value::from(policy);
        errors.push(FieldError::invalid("propagationPolicy", &value, detail));
    }
    options.propagation = match policy {
        Some("Background") => Some(Propagation::Background),
        Some("Foreground") => Some(Propagation::Foreground),
        Some("Orphan") => Some(Propagation::Orphan),
        None => orphan.map(|orphan| {
            if orphan {
                Propagation::Orphan
            } else {
                Propagation::Background
            }
        }),
        Some(other) => {
            let known = ["Foreground", "Background", "Orphan", "nil"];
            let value = Value::from(other);
            errors.push(FieldError::not_supported(
                "propagationPolicy",
                &value,
                &known,
            ));
            None
        }
    };
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    options.uid = text(&body["preconditions"]["uid"]);
    options.version = text(&body["preconditions"]["resourceVersion"]);
    refuse("DeleteOptions", &errors)?;
    Ok(options)
}
