//! Refusals in the server's words: a code, a reason, a message and details.

use bytes::Bytes;
use serde_json::{Value, json};

/// An answer that tells what is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    reason: &'static str,
    message: String,
    details: Option<Value>,
    /// Where the list that was refused goes on.
    rest: Option<String>,
    /// A status made elsewhere, which is sent as it is.
    whole: Option<Box<Value>>,
    /// Whether the message is sent alone, as text.
    pub(crate) is_plain: bool,
}

/// The resource that messages name: `deployments.apps`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) group: &'a str,
    pub(crate) plural: &'a str,
}

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dot = if self.group.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{}", self.plural, self.group)
    }
}

impl Named<'_> {
    pub(crate) fn details(self, name: &str) -> Value {
        let mut details = json!({ "kind": self.plural });
        if !name.is_empty() {
            details["name"] = name.into();
        }
        if !self.group.is_empty() {
            details["group"] = self.group.into();
        }
        details
    }
}

impl Refusal {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            rest: None,
            whole: None,
            is_plain: false,
        }
    }

    pub(crate) fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Tells where a list that can't go on as it began goes on otherwise.
    pub(crate) fn with_rest(mut self, token: String) -> Self {
        self.rest = Some(token);
        self
    }

    /// A fault that is told as text, before anybody asks what a client accepts.
    pub(crate) fn plain(message: String) -> Self {
        Self {
            is_plain: true,
            ..Self::new(500, "", message)
        }
    }

    /// Sends a status that is already made.
    pub(crate) fn whole(status: Value) -> Self {
        let code = status["code"]
            .as_u64()
            .and_then(|code| u16::try_from(code).ok());
        Self {
            whole: Some(Box::new(status)),
            ..Self::new(code.unwrap_or(500), "", "")
        }
    }

    pub(crate) fn not_found(resource: Named<'_>, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{resource} {name:?} not found"))
            .with_details(resource.details(name))
    }

    pub(crate) fn already_exists(resource: Named<'_>, name: &str) -> Self {
        Self::new(
            409,
            "AlreadyExists",
            format!("{resource} {name:?} already exists"),
        )
        .with_details(resource.details(name))
    }

    /// What has the name is being deleted.
    pub(crate) fn still_exists(resource: Named<'_>, name: &str) -> Self {
        let message = format!("object is being deleted: {resource} {name:?} already exists");
        Self::new(409, "AlreadyExists", message).with_details(resource.details(name))
    }

    pub(crate) fn conflict(resource: Named<'_>, name: &str, problem: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {name:?}: {problem}");
        Self::new(409, "Conflict", message).with_details(resource.details(name))
    }

    /// Somebody else has changed the object.
    pub(crate) fn stale(resource: Named<'_>, name: &str) -> Self {
        let problem = "the object has been modified; please apply your changes to the latest \
                       version and try again";
        Self::conflict(resource, name, problem)
    }

    pub(crate) fn forbidden(resource: Named<'_>, name: &str, problem: &str) -> Self {
        let named = if name.is_empty() {
            String::new()
        } else {
            format!(" {name:?}")
        };
        let message = format!("{resource}{named} is forbidden: {problem}");
        Self::new(403, "Forbidden", message).with_details(resource.details(name))
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// A body is named otherwise than its path, or not at all.
    pub(crate) fn other_name(name: &str, wanted: &str) -> Self {
        Self::bad_request(if name.is_empty() {
            format!(
                "the name of the object ({wanted} based on URL) was undeterminable: name must be \
                 provided"
            )
        } else {
            format!("the name of the object ({name}) does not match the name on the URL ({wanted})")
        })
    }

    pub(crate) fn internal(message: &str) -> Self {
        let details = json!({ "causes": [{ "message": message }] });
        Self::new(
            500,
            "InternalError",
            format!("Internal error occurred: {message}"),
        )
        .with_details(details)
    }

    /// A kind has no such part.
    pub(crate) fn no_such_resource() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(404, "NotFound", message).with_details(json!({}))
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::not_allowed("the server does not allow this method on the requested resource")
    }

    pub(crate) fn not_allowed(message: &str) -> Self {
        Self::new(405, "MethodNotAllowed", message).with_details(json!({}))
    }

    pub(crate) fn unsupported_media(accepted: &[&str]) -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types \
                 include: {}",
                accepted.join(", ")
            ),
        )
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// The body.
    pub(crate) fn to_value(&self) -> Value {
        if let Some(whole) = &self.whole {
            return (**whole).clone();
        }
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(token) = &self.rest {
            status["metadata"]["continue"] = token.as_str().into();
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        Bytes::from(self.to_value().to_string())
    }
}
