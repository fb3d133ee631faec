//! Fields that a JSON text says twice. A parsed value no longer knows of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::go_json::{self, Token, Tokens};

/// More are not told, as servers have it.
const MOST: usize = 100;

/// What has been opened and not closed.
enum Open {
    /// The keys so far, and whether a key is awaited.
    Object(BTreeSet<Vec<u8>>, bool),
    /// How many items there were.
    List(usize),
}

/// Paths of the fields that `text` has more than once, each once, in the order of the text. A text
/// that is not JSON has none: whoever parses it says so.
pub fn duplicate_fields(text: &[u8]) -> Vec<String> {
    if go_json::fault(text).is_some() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut path = String::new();
    // With each, how long the path was above it.
    let mut open: Vec<(Open, usize)> = Vec::new();
    for token in Tokens::of(text) {
        if token == Token::Close {
            open.pop();
            leave(&mut open, &mut path);
            continue;
        }
        match (open.last_mut(), token) {
            (Some((Open::Object(seen, awaited @ true), _)), Token::Scalar(text)) => {
                *awaited = false;
                let key = key(text);
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&key);
                if !seen.insert(key.into_bytes()) && found.len() < MOST && !found.contains(&path) {
                    found.push(path.clone());
                }
                continue;
            }
            (Some((Open::List(count), _)), _) => {
                let _ = write!(path, "[{count}]");
                *count += 1;
            }
            _ => {}
        }
        match token {
            Token::Open(b'{') => open.push((Open::Object(BTreeSet::new(), true), path.len())),
            Token::Open(_) => open.push((Open::List(0), path.len())),
            _ => leave(&mut open, &mut path),
        }
    }
    found
}

/// Goes from a value back to what it is in.
fn leave(open: &mut [(Open, usize)], path: &mut String) {
    if let Some((within, above)) = open.last_mut() {
        path.truncate(*above);
        if let Open::Object(_, awaited) = within {
            *awaited = true;
        }
    }
}

/// A key without its quotes and escapes.
fn key(text: &[u8]) -> String {
    let read = serde_json::from_slice(text);
    read.unwrap_or_else(|_| String::from_utf8_lossy(text).into_owned())
}
