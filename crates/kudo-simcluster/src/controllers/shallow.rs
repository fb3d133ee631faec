//! A client that sees no more of objects than a controller needs.
//!
//! Objects may be nested far deeper than a client can read them, their managed fields too. One such object
//! must not keep the controllers from all others of its kind, so what is too deep is taken out of answers.

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Request};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;

/// What is deeper is null.
const DEEPEST: usize = 100;

/// Who writes, as managed fields have it.
const NAME: HeaderValue = HeaderValue::from_static("kube-controller-manager");

/// The same client, to which every object is shallow, and which says whose it is.
pub(super) fn shallow(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        let client = client.clone();
        request.headers_mut().insert(USER_AGENT, NAME);
        async move {
            let answer = client.send(request).await?;
            Ok::<_, kube::Error>(answer.map(|body| {
                let mut filter = Filter::default();
                body.map_frame(move |frame| frame.map_data(|part| filter.pass(part)))
            }))
        }
    });
    Client::new(service, namespace)
}

/// Where in a text of JSON one is.
#[derive(Default)]
struct Filter {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Filter {
    /// The next part of the text without what is too deep.
    fn pass(&mut self, part: Bytes) -> Bytes {
        let mut kept = (self.depth > DEEPEST).then(Vec::new);
        for (place, byte) in part.iter().enumerate() {
            let before = self.depth;
            self.step(*byte);
            if before == DEEPEST && self.depth > DEEPEST {
                kept.get_or_insert_with(|| part[..place].to_vec())
                    .extend(b"null");
            } else if before <= DEEPEST
                && let Some(kept) = &mut kept
            {
                kept.push(*byte);
            }
        }
        kept.map_or(part, Bytes::from)
    }

    fn step(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.in_string => self.is_escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(text: &str, length: usize) -> String {
        let mut filter = Filter::default();
        let parts = text.as_bytes().chunks(length);
        let passed = parts.flat_map(|part| filter.pass(Bytes::copy_from_slice(part)));
        String::from_utf8(passed.collect()).unwrap()
    }

    fn nested(times: usize, inner: &str) -> String {
        format!(
            "{}{inner}{}",
            "{\"[\\\"\":".repeat(times),
            "}".repeat(times)
        )
    }

    #[test]
    fn what_is_too_deep_is_null_and_all_else_stays() {
        let shallow = nested(DEEPEST, "1");
        let text = format!(
            "{}\n{}\n{shallow}",
            nested(DEEPEST, "[[],{}]"),
            nested(5000, "1")
        );
        let expected = nested(DEEPEST, "null");
        for length in [1, 7, 1 << 20] {
            let lines = format!("{expected}\n{expected}\n{shallow}");
            assert_eq!(passed(&text, length), lines, "{length}");
        }
    }
}
