//! From the bytes of a request to an object of its kind.

use serde_json::Value;

use super::Target;
use super::options::FieldValidation;
use crate::http::Call;
use crate::http::status::Refusal;
use crate::kinds::Shown;
use crate::schema;

/// Bodies of objects may be of these types.
const ACCEPTED: &[&str] = &[
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];

/// Reads JSON, or YAML where the request says so.
pub(super) fn parse(call: &Call) -> Result<Value, Refusal> {
    match call.content_type() {
        "" | "application/json" => parse_json(&call.body),
        "application/yaml" => parse_yaml(&call.body),
        _ => Err(Refusal::unsupported_media(ACCEPTED)),
    }
}

pub(super) fn parse_json(text: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(text).map_err(|error| {
        Refusal::bad_request(format!(
            "couldn't get version/kind; json parse error: {error}"
        ))
    })
}

/// YAML as appliers send it; JSON is YAML, too.
pub(super) fn parse_yaml(text: &[u8]) -> Result<Value, Refusal> {
    if let Ok(value) = serde_json::from_slice(text) {
        return Ok(value);
    }
    let bad = |error: &dyn std::fmt::Display| {
        Refusal::bad_request(format!("error decoding YAML: {error}"))
    };
    let text = std::str::from_utf8(text).map_err(|error| bad(&error))?;
    serde_saphyr::from_str(text).map_err(|error| bad(&error))
}

/// Reads the object of a create or an update.
pub(super) fn object(
    call: &Call,
    target: &Target,
    validation: FieldValidation,
) -> Result<Value, Refusal> {
    if call.body.is_empty() {
        return Err(Refusal::bad_request("EOF"));
    }
    let mut value = parse(call)?;
    check_kind(&target.shown, &mut value)?;
    let mut problems: Vec<String> = Vec::new();
    if validation != FieldValidation::Ignore {
        let twice = schema::duplicate_fields(&call.body);
        problems.extend(
            twice
                .iter()
                .map(|field| format!("duplicate field {field:?}")),
        );
    }
    let unknown = decode(&target.shown, &mut value)?;
    problems.extend(
        unknown
            .iter()
            .map(|field| format!("unknown field {field:?}")),
    );
    if problems.is_empty() {
        return Ok(value);
    }
    match validation {
        FieldValidation::Ignore => {}
        FieldValidation::Warn => problems.into_iter().for_each(|problem| call.warn(problem)),
        FieldValidation::Strict => {
            let problem = format!("strict decoding error: {}", problems.join(", "));
            return Err(unfit(&target.shown, &problem));
        }
    }
    Ok(value)
}

fn unfit(shown: &Shown, problem: &str) -> Refusal {
    let (kind, version) = (&shown.kind.kind, &shown.version().version);
    if shown.kind.strategy.custom {
        return Refusal::bad_request(problem);
    }
    Refusal::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {kind}: {problem}"
    ))
}

/// Whether the body says that it is of the kind; what it does not say is set.
fn check_kind(shown: &Shown, value: &mut Value) -> Result<(), Refusal> {
    if !value.is_object() {
        return Err(Refusal::bad_request(
            "couldn't get version/kind; json parse error: json: cannot unmarshal into Go value of type \
             struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \
             \"json:\\\"kind,omitempty\\\"\" }",
        ));
    }
    let api_version = shown.api_version();
    let kind = shown.kind.kind.as_str();
    if shown.kind.strategy.custom && value["kind"].as_str().is_none_or(str::is_empty) {
        let text = value.to_string();
        return Err(Refusal::bad_request(format!(
            "Object 'Kind' is missing in '{text}'"
        )));
    }
    match value["apiVersion"].as_str() {
        None | Some("") => value["apiVersion"] = api_version.clone().into(),
        Some(said) if said == api_version => {}
        Some(said) => {
            return Err(Refusal::bad_request(format!(
                "the API version in the data ({said}) does not match the expected API version \
                 ({api_version})"
            )));
        }
    }
    match value["kind"].as_str() {
        None | Some("") => value["kind"] = kind.into(),
        Some(said) if said == kind => {}
        Some(said) => {
            let version = &shown.version().version;
            return Err(Refusal::bad_request(format!(
                "{said} in version {version:?} cannot be handled as a {kind}: converting \
                 ({said}) to ({kind}): unknown conversion"
            )));
        }
    }
    Ok(())
}

/// Brings a value into the form of its kind; the answer lists unknown fields, which are gone.
pub(super) fn decode(shown: &Shown, value: &mut Value) -> Result<Vec<String>, Refusal> {
    let version = shown.version();
    if !shown.kind.strategy.custom {
        return schema::decode(&version.ty, value)
            .map_err(|error| unfit(shown, &error.to_string()));
    }
    let mut unknown = Vec::new();
    if let Some(metadata) = value.get_mut("metadata") {
        let found = schema::decode(&schema::metadata(), metadata)
            .map_err(|error| unfit(shown, &error.to_string()))?;
        unknown.extend(found.iter().map(|field| format!("metadata.{field}")));
    }
    if let Some(structural) = &version.structural {
        unknown.extend(structural.prune(value));
    }
    Ok(unknown)
}
