//! The envelope: what the API server asks and how it is answered, in `admission.k8s.io/v1` and `v1beta1`.
//!
//! Both versions have the same fields as far as they are looked at; the answer has the version of the
//! question.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const VERSIONS: [&str; 2] = ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"];

/// Why a body is no question.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// It is no JSON, or lacks what every question has.
    #[error("the body is no AdmissionReview: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is of another kind or version.
    #[error(
        "expected an AdmissionReview of {}, found {kind:?} of {api_version:?}",
        VERSIONS.join(" or ")
    )]
    Unsupported {
        /// The kind it names.
        kind: String,
        /// The version it names.
        api_version: String,
    },
}

/// A question of the API server.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    api_version: String,
    kind: String,
    /// What is asked.
    pub request: AdmissionRequest,
}

/// What is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdmissionRequest {
    /// Tells questions apart; the answer repeats it.
    pub uid: String,
    /// Kind of the objects.
    pub kind: Kind,
    /// The subresource that is written, such as `status`; empty for the resource itself.
    #[serde(default)]
    pub sub_resource: Option<String>,
    /// Namespace of the objects; what the objects say of it may be missing.
    #[serde(default)]
    pub namespace: Option<String>,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub operation: String,
    /// The object as it would be stored.
    #[serde(default)]
    pub object: Value,
    /// The object as it is stored.
    #[serde(default)]
    pub old_object: Value,
}

/// A group, version and kind.
#[derive(Clone, Debug, Deserialize)]
pub struct Kind {
    /// The API group.
    #[serde(default)]
    pub group: String,
    /// The kind.
    pub kind: String,
}

/// A change of the object, as of RFC 6902: every one of ours adds or replaces a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operation {
    op: &'static str,
    /// Where.
    pub path: &'static str,
    /// What is there afterwards.
    pub value: Value,
}

impl Operation {
    /// Puts a value in place of the one that is there, if there is any.
    pub fn put(path: &'static str, value: Value) -> Self {
        let op = "add";
        Self { op, path, value }
    }
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is stored, after these changes.
    Allow(Vec<Operation>),
    /// It is not stored.
    Deny {
        /// The HTTP status that the API server's client gets.
        code: u16,
        /// Why, for people.
        message: String,
    },
}

impl Envelope {
    /// Reads a body.
    pub fn read(body: &[u8]) -> Result<Self, EnvelopeError> {
        let envelope: Self = serde_json::from_slice(body)?;
        if envelope.kind != "AdmissionReview" || !VERSIONS.contains(&envelope.api_version.as_str())
        {
            return Err(EnvelopeError::Unsupported {
                kind: envelope.kind,
                api_version: envelope.api_version,
            });
        }
        Ok(envelope)
    }

    /// The body of an answer.
    pub fn answer(&self, answer: &Answer) -> Value {
        json!({
            "apiVersion": self.api_version,
            "kind": self.kind,
            "response": response(&self.request.uid, answer),
        })
    }
}

fn response(uid: &str, answer: &Answer) -> Value {
    match answer {
        Answer::Allow(operations) if operations.is_empty() => {
            json!({ "uid": uid, "allowed": true })
        }
        Answer::Allow(operations) => json!({
            "uid": uid,
            "allowed": true,
            "patchType": "JSONPatch",
            "patch": in_base64(&json!(operations)),
        }),
        Answer::Deny { code, message } => json!({
            "uid": uid,
            "allowed": false,
            "status": {
                "status": "Failure",
                "reason": reason(*code),
                "code": code,
                "message": message,
            },
        }),
    }
}

/// Kubernetes' word for a status code.
const fn reason(code: u16) -> &'static str {
    match code {
        403 => "Forbidden",
        400 => "BadRequest",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    }
}

fn in_base64(value: &Value) -> Value {
    let bytes = k8s_openapi::ByteString(value.to_string().into_bytes());
    json!(bytes)
}
