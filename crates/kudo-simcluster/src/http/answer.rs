//! Answers as they go over the wire.

use std::collections::BTreeSet;
use std::convert::Infallible;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::Value;

use super::JSON;
use super::status::Refusal;
use crate::depth;

/// Body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

const YAML: &str = "application/yaml";
/// What is deeper is answered as JSON.
const DEEPEST_YAML: usize = 1_000;
const WARNING: HeaderName = HeaderName::from_static("warning");

/// An answer with a body of some type.
pub(crate) fn bytes(code: u16, media: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    let private = HeaderValue::from_static("no-cache, private");
    headers.insert(CACHE_CONTROL, private);
    response
}

/// An answer without a body.
pub(crate) fn no_content() -> Response<Body> {
    let mut response = bytes(204, "", Bytes::new());
    response.headers_mut().remove(CONTENT_TYPE);
    response
}

pub(crate) fn json(code: u16, value: &Value) -> Response<Body> {
    bytes(code, JSON, value.to_string())
}

pub(crate) fn text(code: u16, text: impl Into<String>) -> Response<Body> {
    bytes(code, "text/plain; charset=utf-8", text.into())
}

/// What an unknown path is answered with.
pub(crate) fn no_such_path() -> Response<Body> {
    text(404, "404 page not found\n")
}

pub(crate) fn refusal(refusal: &Refusal) -> Response<Body> {
    if refusal.is_plain {
        return text(refusal.code, refusal.message());
    }
    let mut response = bytes(refusal.code, JSON, refusal.to_bytes());
    if refusal.code == 429 {
        let seconds = HeaderValue::from_static("1");
        response
            .headers_mut()
            .insert(http::header::RETRY_AFTER, seconds);
    }
    response
}

/// An answer whose body comes bit by bit.
pub(crate) fn stream(
    media: &'static str,
    chunks: impl Stream<Item = Bytes> + Send + 'static,
) -> Response<Body> {
    let frames = chunks.map(|chunk| Ok(Frame::data(chunk)));
    let mut response = bytes(200, media, Bytes::new());
    *response.body_mut() = StreamBody::new(frames).boxed_unsync();
    response
}

/// Whether the first type that a client accepts is YAML.
pub(super) fn is_yaml_wanted(headers: &http::HeaderMap) -> bool {
    let accept = headers.get(http::header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok());
    let first = accept.unwrap_or_default().split([',', ';']).next();
    first.is_some_and(|media| media.trim() == YAML)
}

/// The same answer as YAML; what goes on without end stays as it is.
pub(super) async fn to_yaml(response: Response<Body>) -> Response<Body> {
    let media = response.headers().get(CONTENT_TYPE);
    let is_whole = response.body().size_hint().exact().is_some();
    if !is_whole || media.is_none_or(|media| media != JSON) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await;
    let bytes = body.to_bytes();
    // Lines of YAML are indented, so that what is deep is long.
    let value = Some(&bytes).filter(|bytes| depth::of_text(bytes) <= DEEPEST_YAML);
    let value = value.and_then(|bytes| depth::read_own(bytes).ok());
    let text = value.and_then(|value| serde_saphyr::to_string(&value).ok());
    let body = match text {
        Some(text) => {
            parts
                .headers
                .insert(CONTENT_TYPE, HeaderValue::from_static(YAML));
            Bytes::from(text)
        }
        None => bytes,
    };
    Response::from_parts(parts, Full::new(body).boxed_unsync())
}

/// One header a warning.
pub(super) fn add_warnings(response: &mut Response<Body>, warnings: BTreeSet<String>) {
    for warning in warnings {
        let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
            response.headers_mut().append(WARNING, value);
        }
    }
}
