//! One classification of everything a request can end with: what it means, what to say, and whether a
//! plan should try again.
//!
//! `kube`'s errors print their source within their own text, so a chain of them prints twice; all code
//! of this project prints [`message`] instead and never the error itself.

use kube::Error;
use kube::client::AuthError;
use kube::core::Status;

/// What a failed request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No answer: the server is down, the address is wrong, TLS failed, or it took too long.
    Unreachable,
    /// The server does not know who asks (401), or no credential could be had.
    Unauthorized,
    /// Who asks may not do this (403).
    Forbidden,
    /// The namespace is being deleted and takes nothing new (403).
    NamespaceTerminating,
    /// A quota is used up (403).
    QuotaExceeded,
    /// An admission webhook or policy refused.
    Denied,
    /// There is no such object, resource or namespace (404).
    NotFound,
    /// It exists already (409).
    AlreadyExists,
    /// Someone else changed or replaced it at the same time (409).
    Conflict,
    /// A watch or a list was interrupted for too long (410).
    Gone,
    /// The object is not valid, or a field that cannot change would change (422, 400).
    Invalid,
    /// The request body is too large (413).
    TooLarge,
    /// The server has too much to do (429).
    Busy,
    /// The server failed (5xx).
    Server,
    /// The answer could not be understood.
    Garbled,
}

/// What a plan does about a failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass by itself: try again later.
    Retry {
        /// What went wrong, for people.
        message: String,
    },
    /// The same request can never succeed.
    Stop {
        /// What went wrong, for people.
        message: String,
    },
}

impl Verdict {
    /// What went wrong, for people.
    pub fn message(&self) -> &str {
        match self {
            Self::Retry { message } | Self::Stop { message } => message,
        }
    }
}

/// Whether to try again, and what to say.
pub fn classify(error: &Error) -> Verdict {
    let message = message(error);
    match cause(error) {
        Cause::Invalid | Cause::TooLarge => Verdict::Stop { message },
        _ => Verdict::Retry { message },
    }
}

/// What a failed request means.
pub fn cause(error: &Error) -> Cause {
    match error {
        Error::Api(status) => cause_of_status(status),
        Error::Auth(_) => Cause::Unauthorized,
        Error::SerdeError(_)
        | Error::FromUtf8(_)
        | Error::LinesCodecMaxLineLengthExceeded
        | Error::Discovery(_) => Cause::Garbled,
        Error::BuildRequest(_) | Error::HttpError(_) => Cause::Invalid,
        _ => Cause::Unreachable,
    }
}

fn cause_of_status(status: &Status) -> Cause {
    let text = status.message.as_str();
    if text.contains("admission webhook") && text.contains("denied the request") {
        return Cause::Denied;
    }
    // Ownership is computed before validation; some servers report a body that no retry can mend
    // (a list with the same key twice, say) as their own failure.
    if status.code >= 400
        && [
            "failed to create typed patch object",
            "failed to create manager for existing fields",
        ]
        .iter()
        .any(|known| text.contains(known))
    {
        return Cause::Invalid;
    }
    match (status.code, status.reason.as_str()) {
        (401, _) => Cause::Unauthorized,
        (403, _) if text.contains("because it is being terminated") => Cause::NamespaceTerminating,
        (403, _) if text.contains("exceeded quota") => Cause::QuotaExceeded,
        (403, _) if text.contains("ValidatingAdmissionPolicy") => Cause::Denied,
        (403, _) => Cause::Forbidden,
        (404, _) => Cause::NotFound,
        (409, "AlreadyExists") => Cause::AlreadyExists,
        (409, _) => Cause::Conflict,
        (410, _) => Cause::Gone,
        (413, _) => Cause::TooLarge,
        (429, _) => Cause::Busy,
        (400 | 405 | 406 | 415 | 422, _) => Cause::Invalid,
        (code, _) if code >= 500 => Cause::Server,
        (_, "Expired" | "Gone") => Cause::Gone,
        _ => Cause::Garbled,
    }
}

/// What went wrong, said once: the server's own words, or the innermost cause of a failed connection.
pub fn message(error: &Error) -> String {
    match error {
        Error::Api(status) if !status.message.is_empty() => match cause_of_status(status) {
            Cause::Unauthorized => {
                format!(
                    "the cluster does not accept the credential: {}",
                    status.message
                )
            }
            _ => status.message.clone(),
        },
        Error::Api(status) => format!("the server answered {} {}", status.code, status.reason),
        Error::Service(source) => {
            format!("the cluster is unreachable: {}", innermost(source.as_ref()))
        }
        Error::HyperError(source) => {
            format!("the cluster is unreachable: {}", innermost(source))
        }
        Error::ReadEvents(source) => {
            format!("the connection to the cluster broke: {}", innermost(source))
        }
        Error::Auth(source) => format!("no credential for the cluster: {}", no_credential(source)),
        Error::SerdeError(source) => format!("the server's answer is not understood: {source}"),
        other => innermost(other),
    }
}

/// Why there is no credential. What a plugin printed on standard output may be one, and is not shown.
fn no_credential(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecStart(source) => format!("the plugin cannot be run: {source}"),
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let ended = format!("the plugin ended with {}", out.status);
            match said.trim() {
                "" => ended,
                said => format!("{ended}: {said}"),
            }
        }
        AuthError::AuthExecParse(_) => "what the plugin printed is no ExecCredential".to_owned(),
        AuthError::ExecPluginFailed => {
            "the plugin printed an ExecCredential without a status".to_owned()
        }
        other => innermost(other),
    }
}

/// The texts of a chain of errors, outermost first, leaving out what a text already repeats.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(code: u16, reason: &str, message: &str) -> Error {
        let status = Status {
            code,
            ..Status::failure(message, reason)
        };
        Error::Api(Box::new(status))
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn answers_are_told_apart() {
        let cases = [
            (
                401,
                "Unauthorized",
                "Unauthorized",
                Cause::Unauthorized,
                true,
            ),
            (
                403,
                "Forbidden",
                "pods is forbidden: User \"x\" cannot list",
                Cause::Forbidden,
                true,
            ),
            (
                403,
                "Forbidden",
                "configmaps \"a\" is forbidden: unable to create new content in namespace b because it is being terminated",
                Cause::NamespaceTerminating,
                true,
            ),
            (
                403,
                "Forbidden",
                "pods \"a\" is forbidden: exceeded quota: q",
                Cause::QuotaExceeded,
                true,
            ),
            (
                403,
                "Forbidden",
                "admission webhook \"a.b.c\" denied the request: no",
                Cause::Denied,
                true,
            ),
            (
                400,
                "BadRequest",
                "admission webhook \"a\" denied the request without explanation",
                Cause::Denied,
                true,
            ),
            (
                404,
                "NotFound",
                "namespaces \"a\" not found",
                Cause::NotFound,
                true,
            ),
            (
                409,
                "AlreadyExists",
                "configmaps \"a\" already exists",
                Cause::AlreadyExists,
                true,
            ),
            (
                409,
                "Conflict",
                "the object has been modified",
                Cause::Conflict,
                true,
            ),
            (
                410,
                "Expired",
                "too old resource version",
                Cause::Gone,
                true,
            ),
            (0, "Expired", "too old resource version", Cause::Gone, true),
            (
                422,
                "Invalid",
                "Job.batch \"a\" is invalid: field is immutable",
                Cause::Invalid,
                false,
            ),
            (
                400,
                "BadRequest",
                "cannot unmarshal number into Go struct field",
                Cause::Invalid,
                false,
            ),
            (
                405,
                "MethodNotAllowed",
                "not allowed",
                Cause::Invalid,
                false,
            ),
            (
                413,
                "RequestEntityTooLarge",
                "limit is 3145728",
                Cause::TooLarge,
                false,
            ),
            (
                415,
                "UnsupportedMediaType",
                "apply is not enabled",
                Cause::Invalid,
                false,
            ),
            (
                429,
                "TooManyRequests",
                "too many requests",
                Cause::Busy,
                true,
            ),
            (
                500,
                "InternalError",
                "failed calling webhook \"a\": connection refused",
                Cause::Server,
                true,
            ),
            (
                500,
                "",
                "failed to create typed patch object: .spec: duplicate entries for key [name=\"A\"]",
                Cause::Invalid,
                false,
            ),
            (
                503,
                "ServiceUnavailable",
                "the server is shutting down",
                Cause::Server,
                true,
            ),
            (
                504,
                "Timeout",
                "request did not complete",
                Cause::Server,
                true,
            ),
            (200, "", "?", Cause::Garbled, true),
        ];
        for (code, reason, text, expected, retried) in cases {
            let error = api(code, reason, text);
            assert_eq!(cause(&error), expected, "{code} {text}");
            let verdict = classify(&error);
            assert_eq!(
                matches!(verdict, Verdict::Retry { .. }),
                retried,
                "{code} {text}"
            );
            assert_eq!(
                verdict.message().matches(text).count(),
                1,
                "said once: {verdict:?}"
            );
        }
    }

    #[test]
    fn an_answer_without_words_still_says_something() {
        assert_eq!(
            message(&api(502, "BadGateway", "")),
            "the server answered 502 BadGateway"
        );
    }

    #[test]
    fn no_answer_is_a_cause_of_its_own() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused");
        let error = Error::Service(Box::new(refused));
        assert_eq!(cause(&error), Cause::Unreachable);
        assert_eq!(message(&error), "the cluster is unreachable: refused");
    }

    #[test]
    fn a_chain_of_errors_is_told_without_repeating() {
        #[derive(Debug, thiserror::Error)]
        #[error("{text}")]
        struct Link {
            text: &'static str,
            source: Option<Box<Link>>,
        }
        let link = |text, source| Link {
            text,
            source: Option::<Link>::map(source, Box::new),
        };
        let chain = link(
            "outer: middle",
            Some(link("middle", Some(link("inner", None)))),
        );
        assert_eq!(innermost(&chain), "outer: middle: inner");
    }
}
