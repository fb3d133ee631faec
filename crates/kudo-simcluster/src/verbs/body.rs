//! From the bytes of a request to an object of its kind.

use serde_json::Value;

use super::options::FieldValidation;
use super::{Target, yaml};
use crate::depth::DEEPEST_DEFINITION;
use crate::field_error::{FieldError, invalid_status};
use crate::go_json::{self, Token, Tokens};
use crate::http::Call;
use crate::http::status::Refusal;
use crate::kinds::Shown;
use crate::protobuf::{self, ProtobufError};
use crate::{depth, patch, schema};

/// Bodies of objects may be of these types.
const ACCEPTED: &[&str] = &[
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];

const NO_KIND: &str = "couldn't get version/kind; json parse error";
/// What a server says of a custom object that does not tell its version.
pub(super) const NO_VERSION: &str =
    "Object 'apiVersion' is missing in 'object has no apiVersion field'";
const SCHEME: &str = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30";

/// Reads JSON, or YAML where the request says so.
pub(super) fn parse(call: &Call) -> Result<Value, Refusal> {
    match call.content_type() {
        "" | "application/json" => parse_json(&call.body)
            .map_err(|fault| Refusal::bad_request(format!("{NO_KIND}: {fault}"))),
        "application/yaml" => yaml::read(&call.body).map_err(Refusal::bad_request),
        "application/vnd.kubernetes.protobuf" => {
            protobuf::decode(&call.body).map_err(|error| match error {
                ProtobufError::Form => Refusal::bad_request(error.to_string()),
                ProtobufError::Kind(_) => {
                    Refusal::new(415, "UnsupportedMediaType", error.to_string())
                }
            })
        }
        _ => Err(Refusal::unsupported_media(ACCEPTED)),
    }
}

/// Reads JSON; a fault is told as Go tells it.
pub(super) fn parse_json(text: &[u8]) -> Result<Value, String> {
    let parsed = depth::read(text);
    let parsed = parsed.or_else(|error| match go_json::mended(text) {
        Some(mended) => depth::read(&mended),
        None => Err(error),
    });
    parsed.map_err(|error| go_json::fault(text).unwrap_or_else(|| error.to_string()))
}

/// Reads the object of a create or an update.
pub(super) fn object(
    call: &Call,
    target: &Target,
    validation: FieldValidation,
) -> Result<Value, Refusal> {
    match call.content_type() {
        "" | "application/json" => check_text(&target.shown, &call.body)?,
        "application/yaml" => check_yaml(&target.shown, &call.body)?,
        _ => {}
    }
    if call.body.is_empty() {
        return Err(Refusal::bad_request("EOF"));
    }
    let mut value = parse(call)?;
    if let Some(fault) = unreadable_kind(&value) {
        return Err(unrecognized(&target.shown, &call.body, &fault));
    }
    check_kind(&target.shown, &mut value)?;
    let mut problems: Vec<String> = Vec::new();
    if validation != FieldValidation::Ignore {
        let twice = schema::duplicate_fields(&call.body);
        problems.extend(
            twice
                .iter()
                .map(|field| format!("duplicate field {field:?}")),
        );
        problems.extend(yaml::duplicates(&call.body));
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

/// Whether a body is JSON, and an object.
fn check_text(shown: &Shown, text: &[u8]) -> Result<(), Refusal> {
    let fault = match go_json::fault(text) {
        Some(fault) => fault,
        None if !matches!(Tokens::of(text).next(), Some(Token::Open(b'{'))) => {
            let value = depth::read(text).unwrap_or_default();
            if value.is_null() {
                return Ok(());
            }
            go_json::no_object(&value)
        }
        None => return Ok(()),
    };
    Err(unrecognized(shown, text, &format!("{NO_KIND}: {fault}")))
}

/// Whether a body is YAML, and an object.
fn check_yaml(shown: &Shown, text: &[u8]) -> Result<(), Refusal> {
    let value = yaml::read(text).map_err(|fault| unrecognized(shown, text, &fault))?;
    if value.is_object() || value.is_null() {
        return Ok(());
    }
    let fault = format!("{NO_KIND}: {}", go_json::no_object(&value));
    Err(unrecognized(shown, text, &fault))
}

/// Why the kind that an object tells of itself, or its version, is no text.
pub(super) fn mistyped_kind(value: &Value) -> Option<String> {
    let mistyped = |said: &Value| !said.is_null() && !said.is_string();
    let mut fields = ["apiVersion", "kind"].into_iter();
    let field = fields.find(|field| mistyped(&value[*field]))?;
    let found = patch::go_kind(&value[field]);
    Some(format!(
        "{NO_KIND}: json: cannot unmarshal {found} into Go struct field .{field} of type string"
    ))
}

/// Why the kind that a body tells of itself, or its version, cannot be read.
fn unreadable_kind(value: &Value) -> Option<String> {
    if let Some(fault) = mistyped_kind(value) {
        return Some(fault);
    }
    let version = value["apiVersion"].as_str()?;
    let parts = version.matches('/').count();
    (parts > 1).then(|| format!("unexpected GroupVersion string: {version}"))
}

fn unrecognized(shown: &Shown, text: &[u8], fault: &str) -> Refusal {
    let (kind, summary) = (&shown.kind.kind, summary(text));
    Refusal::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): {fault} ({summary})"
    ))
}

/// The beginning of a body, as text if it may be an object.
fn summary(text: &[u8]) -> String {
    const LIMIT: usize = 30;
    let cut = &text[..text.len().min(LIMIT)];
    let more = if text.len() > LIMIT { " ..." } else { "" };
    match cut.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(cut)),
        Some(_) => {
            let digits = cut.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let digits: String = digits
                .filter_map(|digit| char::from_digit(u32::from(digit), 16))
                .collect();
            format!("{digits}{more}")
        }
    }
}

fn unfit(shown: &Shown, problem: &str) -> Refusal {
    let (kind, version) = (&shown.kind.kind, &shown.version().version);
    Refusal::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {kind}: {problem}"
    ))
}

/// Whether the body says that it is of the kind; what it does not say is set.
fn check_kind(shown: &Shown, value: &mut Value) -> Result<(), Refusal> {
    if value.is_null() && !shown.kind.is_custom() {
        *value = Value::Object(serde_json::Map::new());
    }
    if !value.is_object() && !value.is_null() {
        let fault = go_json::no_object(value);
        return Err(Refusal::bad_request(format!("{NO_KIND}: {fault}")));
    }
    let api_version = shown.api_version();
    let kind = shown.kind.kind.as_str();
    if shown.kind.is_custom() && value["kind"].as_str().is_none_or(str::is_empty) {
        let problem = format!("Object 'Kind' is missing in '{value}'");
        return Err(Refusal::bad_request(format!(
            "{kind} in version {:?} cannot be handled as a {kind}: {problem}",
            shown.version().version
        )));
    }
    let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let (said, said_kind) = (text("apiVersion"), text("kind"));
    if !shown.kind.is_custom() && !said.is_empty() && !said_kind.is_empty() {
        check_conversion(shown, &said, &said_kind)?;
    }
    match value["apiVersion"].as_str() {
        None | Some("") if shown.kind.is_custom() => {
            return Err(Refusal::internal(NO_VERSION));
        }
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
        Some(said) if shown.kind.is_custom() => {
            let error = FieldError::invalid("kind", &value["kind"], format!("must be {kind}"));
            let name = value["metadata"]["name"].as_str().unwrap_or_default();
            let status = invalid_status(&shown.version().group, said, name, &[error]);
            return Err(Refusal::whole(status));
        }
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

/// Whether what a body says of itself can become the built-in kind.
fn check_conversion(shown: &Shown, api_version: &str, kind: &str) -> Result<(), Refusal> {
    let Some(problem) = conversion_problem(shown, api_version, kind) else {
        return Ok(());
    };
    let wanted = &shown.kind.kind;
    let version = api_version.rsplit('/').next().unwrap_or_default();
    Err(Refusal::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {wanted}: {problem}"
    )))
}

/// Why what an object says of itself cannot become the built-in kind.
pub(super) fn conversion_problem(shown: &Shown, api_version: &str, kind: &str) -> Option<String> {
    let (wanted, group) = (&shown.kind.kind, &shown.version().group);
    let (said_group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let known = schema::of(said_group, version, kind).is_some();
    if known && kind == wanted && said_group == group {
        return None;
    }
    Some(if known {
        let internal = match group.split('.').next() {
            None | Some("") => "core",
            Some(short) => short,
        };
        format!("converting ({version}.{kind}) to ({internal}.{wanted}): unknown conversion")
    } else {
        not_registered(kind, api_version)
    })
}

/// What is said of a kind that no version has, or not that one.
pub(super) fn not_registered(kind: &str, api_version: &str) -> String {
    format!("no kind {kind:?} is registered for version {api_version:?} in scheme {SCHEME:?}")
}

/// Refuses definitions that are nested too deeply.
pub(super) fn check_depth(shown: &Shown, value: &Value) -> Result<(), Refusal> {
    too_deep(shown, value).map_or(Ok(()), |problem| Err(unfit(shown, &problem)))
}

fn too_deep(shown: &Shown, value: &Value) -> Option<String> {
    let is_definition = shown.kind.is("CustomResourceDefinition");
    (is_definition && depth::of(value) > DEEPEST_DEFINITION)
        .then(|| format!("exceeded max depth of {DEEPEST_DEFINITION}"))
}

/// Brings a value into the form of its kind; the answer lists unknown fields, which are gone.
pub(super) fn decode(shown: &Shown, value: &mut Value) -> Result<Vec<String>, Refusal> {
    decoded(shown, value).map_err(|problem| unfit(shown, &problem))
}

/// The same, with the problem alone.
pub(super) fn decoded(shown: &Shown, value: &mut Value) -> Result<Vec<String>, String> {
    let version = shown.version();
    if let Some(problem) = too_deep(shown, value) {
        return Err(problem);
    }
    if !shown.kind.is_custom() {
        return schema::decode(&version.ty, value).map_err(|error| error.to_string());
    }
    let mut unknown = Vec::new();
    if let Some(metadata) = value.get_mut("metadata") {
        let found =
            schema::decode(&schema::metadata(), metadata).map_err(|error| error.to_string())?;
        unknown.extend(found.iter().map(|field| format!("metadata.{field}")));
    }
    if let Some(structural) = &version.structural {
        if let Some(misfit) = structural.misfit(value) {
            return Err(misfit.to_string());
        }
        unknown.extend(structural.prune(value));
    }
    go_json::whole_numbers(value);
    Ok(unknown)
}
