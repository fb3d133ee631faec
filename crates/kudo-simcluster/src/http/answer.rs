//! Answers as they go over the wire.

use std::collections::BTreeSet;
use std::convert::Infallible;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::Value;

use super::JSON;
use super::status::Refusal;

/// Body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

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

/// One header a warning.
pub(super) fn add_warnings(response: &mut Response<Body>, warnings: BTreeSet<String>) {
    for warning in warnings {
        let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
            response.headers_mut().append(WARNING, value);
        }
    }
}
