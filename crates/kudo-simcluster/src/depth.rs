//! Values that are nested deeply: how deep they may be, how they are read, and who walks them.
//!
//! What walks a value calls itself once a level, as do its `Clone` and its `Drop`, and threads of a
//! runtime have stacks for some hundred levels. So where an object may be deep, requests and watches
//! are worked on on a larger stack ([`Roomy`]); the system gives it as much memory as is touched.

use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use futures::Stream;
use serde_json::Value;

use crate::go_json::{self, Token, Tokens};

/// What is nested deeper is not read, as Go's reader has it.
pub(crate) const DEEPEST: usize = 10_000;
/// Definitions are nested no deeper: their schemas are walked with the path of every place at hand.
pub(crate) const DEEPEST_DEFINITION: usize = 256;
/// Every thread has room for this, and `serde_json` reads it.
pub(crate) const SHALLOW: usize = 100;

/// Room for what is twice as deep as [`DEEPEST`]: `clone`, the greediest of all in a build without
/// optimization, takes less than 4 KiB for a level.
const ROOM: usize = 256 << 20;

/// How deep a text is nested if it is JSON; of one that is not, how deep a reader might get.
pub(crate) fn of_text(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for token in Tokens::of(text) {
        match token {
            Token::Open(_) => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            Token::Close => depth = depth.saturating_sub(1),
            Token::Scalar(_) => {}
        }
    }
    deepest
}

/// How deep a value is nested.
pub(crate) fn of(value: &Value) -> usize {
    let mut deepest = 0;
    let mut left = vec![(value, 0)];
    while let Some((value, above)) = left.pop() {
        let depth = above + 1;
        match value {
            Value::Array(list) => left.extend(list.iter().map(|item| (item, depth))),
            Value::Object(map) => left.extend(map.values().map(|item| (item, depth))),
            _ => continue,
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Reads JSON that may be deep. Whoever gets the value must have room for it.
pub(crate) fn read(text: &[u8]) -> serde_json::Result<Value> {
    let depth = of_text(text);
    if depth > DEEPEST {
        return Err(serde::de::Error::custom("exceeded max depth"));
    }
    read_as(text, depth)
}

/// Reads what was written from a value that was taken.
pub(crate) fn read_own(text: &[u8]) -> serde_json::Result<Value> {
    read_as(text, of_text(text))
}

fn read_as(text: &[u8], depth: usize) -> serde_json::Result<Value> {
    if depth > SHALLOW {
        go_json::read(text)
    } else {
        serde_json::from_slice(text)
    }
}

/// Does something where values may be deep.
pub(crate) fn with_room<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(ROOM / 2, ROOM, work)
}

/// Whether anything that a server has to do with may be deep. Once it is so, it stays so.
#[derive(Clone, Debug, Default)]
pub(crate) struct MayBeDeep(Arc<RwLock<bool>>);

impl MayBeDeep {
    /// It is so.
    pub(crate) fn yes() -> Self {
        Self(Arc::new(RwLock::new(true)))
    }

    /// Notes that there may be something deep from now on. It waits until nobody works without room,
    /// and so must not be called by who does.
    pub(crate) fn set(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Notes that something of this depth is to come.
    pub(crate) fn note(&self, depth: usize) {
        if depth > SHALLOW {
            self.set();
        }
    }

    fn with_room<T>(&self, work: impl FnOnce() -> T) -> T {
        match self.0.try_read() {
            Ok(deep) if !*deep => {
                let done = work();
                drop(deep);
                done
            }
            // It is so, or is about to be.
            _ => with_room(work),
        }
    }
}

/// A future or a stream that is polled and dropped where there is room, if there may be need.
pub(crate) struct Roomy<T> {
    inner: Option<Pin<Box<T>>>,
    may_be_deep: MayBeDeep,
}

impl<T> Roomy<T> {
    pub(crate) fn new(inner: T, may_be_deep: &MayBeDeep) -> Self {
        Self {
            inner: Some(Box::pin(inner)),
            may_be_deep: may_be_deep.clone(),
        }
    }
}

impl<T: Future> Future for Roomy<T> {
    type Output = T::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T::Output> {
        let Self { inner, may_be_deep } = &mut *self;
        let Some(inner) = inner else {
            return Poll::Pending;
        };
        may_be_deep.with_room(|| inner.as_mut().poll(context))
    }
}

impl<T: Stream> Stream for Roomy<T> {
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T::Item>> {
        let Self { inner, may_be_deep } = &mut *self;
        let Some(inner) = inner else {
            return Poll::Ready(None);
        };
        may_be_deep.with_room(|| inner.as_mut().poll_next(context))
    }
}

impl<T> Drop for Roomy<T> {
    fn drop(&mut self) {
        let inner = self.inner.take();
        self.may_be_deep.with_room(|| drop(inner));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(open: &str, close: &str, times: usize) -> String {
        format!("{}1{}", open.repeat(times), close.repeat(times))
    }

    #[test]
    fn texts_and_values_have_the_same_depth() {
        for (text, expected) in [
            ("1", 0),
            ("[]", 1),
            (r#"{"a":[{"b":"[[[["}],"c":{}}"#, 3),
            (r#"["\"[", [["\\"]]]"#, 3),
        ] {
            assert_eq!(of_text(text.as_bytes()), expected, "{text}");
            assert_eq!(of(&serde_json::from_str(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn deep_texts_are_read_as_others_are() {
        let inner = json!({ "a": ["x\n\"é", -1.5e3, true, null, {}, []], "b": { "c": 18_446_744_073_709_551_615_u64 } });
        let text = inner.to_string();
        assert_eq!(go_json::read(text.as_bytes()).unwrap(), inner);
        with_room(|| {
            for text in [
                nested("[", "]", DEEPEST),
                nested("{ \"a\" : ", "}\n", DEEPEST),
            ] {
                let value = read(text.as_bytes()).unwrap();
                assert_eq!(of(&value), DEEPEST);
                let again = read(value.to_string().as_bytes()).unwrap();
                assert_eq!(again, value.clone());
            }
        });
        assert!(read(nested("[", "]", DEEPEST + 1).as_bytes()).is_err());
    }

    #[test]
    fn deep_texts_that_are_no_json_are_told() {
        for wrong in ["", "[", "1 2", "{\"a\"}", "nul", "1e999", "\"\\ud800\""] {
            let text = format!("{}{wrong}{}", "[".repeat(200), "]".repeat(200));
            let is_json = wrong.is_empty();
            assert_eq!(read(text.as_bytes()).is_ok(), is_json, "{wrong}");
        }
    }
}
