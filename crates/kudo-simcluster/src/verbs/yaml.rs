//! Bodies in YAML, read as a server reads them, with the words of its reader where they are not.

use serde_json::Value;
use serde_saphyr::DuplicateKeyPolicy;

use crate::depth;

/// How a fault tells its line.
#[derive(Clone, Copy)]
enum Line {
    /// The one it is on.
    Own,
    /// The one before.
    Before,
    /// The last of the text.
    Last,
}

/// Parts of this reader's messages, and what Go's says in their place.
const FAULTS: &[(&str, &str, Line)] = &[
    (
        "mapping values are not allowed",
        "mapping values are not allowed in this context",
        Line::Own,
    ),
    (
        "tabs disallowed",
        "found character that cannot start any token",
        Line::Own,
    ),
    (
        "unclosed bracket '['",
        "did not find expected ',' or ']'",
        Line::Last,
    ),
    (
        "unclosed bracket '{'",
        "did not find expected ',' or '}'",
        Line::Last,
    ),
    (
        "unclosed quote",
        "found unexpected end of stream",
        Line::Own,
    ),
    (
        "did not find expected key",
        "did not find expected key",
        Line::Before,
    ),
];

/// Reads the first document of a text, which may be JSON, too. The last of equal keys counts.
pub(super) fn read(text: &[u8]) -> Result<Value, String> {
    if let Ok(value) = depth::read(text) {
        return Ok(value);
    }
    let invalid = |_| "yaml: control characters are not allowed".to_owned();
    let text = first_document(std::str::from_utf8(text).map_err(invalid)?);
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| format!("yaml: {}", fault(text, &error)))
}

/// The keys that are there twice in the first document of a text.
pub(super) fn duplicates(text: &[u8]) -> Option<String> {
    if depth::read(text).is_ok() {
        return None;
    }
    let text = first_document(std::str::from_utf8(text).ok()?);
    let options = serde_saphyr::options! { with_snippet: false };
    let error = serde_saphyr::from_str_with_options::<Value>(text, options).err()?;
    let said = error.to_string();
    let (_, key) = said.split_once("duplicate mapping key: ")?;
    let key = key.split(", set").next().unwrap_or(key);
    let line = error.location().map_or(1, |location| location.line());
    Some(format!("yaml: line {line}: key {key:?} already set in map"))
}

/// A text up to the mark that begins a second document, or ends the first.
fn first_document(text: &str) -> &str {
    let mut begun = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        let marks = bare == "---" || bare.starts_with("--- ") || bare == "...";
        if begun && marks {
            return &text[..at];
        }
        let is_empty = bare.is_empty() || bare.starts_with('#') || bare.starts_with('%');
        begun |= !is_empty;
        at += line.len();
    }
    text
}

fn fault(text: &str, error: &serde_saphyr::Error) -> String {
    let said = error.to_string();
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    let (line, column) = error
        .location()
        .map_or((1, 1), |location| (location.line(), location.column()));
    if said.contains("unknown anchor") {
        let line = usize::try_from(line)
            .ok()
            .and_then(|line| line.checked_sub(1));
        let line = line
            .and_then(|line| text.lines().nth(line))
            .unwrap_or_default();
        let column = usize::try_from(column).unwrap_or(1);
        let name: String = line
            .chars()
            .skip(column)
            .take_while(|letter| letter.is_alphanumeric() || "-_".contains(*letter))
            .collect();
        return format!("unknown anchor '{name}' referenced");
    }
    let known = FAULTS.iter().find(|(part, ..)| said.contains(part));
    let without_place = || {
        let (place, words) = said.split_once(": ").unwrap_or(("", said));
        if place.starts_with("line ") {
            words
        } else {
            said
        }
    };
    let (words, shown) = known.map_or_else(
        || (without_place(), Line::Own),
        |(_, words, line)| (*words, *line),
    );
    let last = u64::try_from(text.lines().count()).unwrap_or(1).max(1);
    match shown {
        Line::Own if line > 1 => format!("line {line}: {words}"),
        Line::Before if line > 1 => format!("line {}: {words}", line - 1),
        Line::Last => format!("line {last}: {words}"),
        Line::Own | Line::Before => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{duplicates, read};

    #[test]
    fn faults_are_told_as_go_tells_them() {
        for (text, words) in [
            (
                "a: b: c",
                "yaml: mapping values are not allowed in this context",
            ),
            (
                "x: y\na: b: c",
                "yaml: line 2: mapping values are not allowed in this context",
            ),
            ("[1", "yaml: line 1: did not find expected ',' or ']'"),
            (
                "a:\n\tb: c\n",
                "yaml: line 2: found character that cannot start any token",
            ),
            ("a: b\nc: *none", "yaml: unknown anchor 'none' referenced"),
            ("'unclosed", "yaml: found unexpected end of stream"),
            (
                "m: 1\nd:\n  k: v\n bad: x\n",
                "yaml: line 3: did not find expected key",
            ),
        ] {
            assert_eq!(read(text.as_bytes()), Err(words.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_first_document_and_the_last_of_equal_keys_count() {
        assert_eq!(read(b"---\na: 1\n---\nb: ]"), Ok(json!({ "a": 1 })));
        assert_eq!(read(b"# x\n{a: 1, a: 2}\n...\n"), Ok(json!({ "a": 2 })));
        let told = "yaml: line 2: key \"a\" already set in map";
        assert_eq!(duplicates(b"a: 1\na: 2"), Some(told.to_owned()));
        assert_eq!(duplicates(b"{\"a\": 1, \"a\": 2}"), None);
    }
}
