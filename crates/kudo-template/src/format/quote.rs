//! Quoted strings and characters as Go's `strconv` writes and reads them.

use std::fmt::Write as _;

/// Whether Go prints the character as it is in quoted text.
pub(crate) fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // Behind another character, so that combining marks count as printable, as in Go.
    let mut pair = String::from("a");
    pair.push(c);
    let escaped = pair.escape_debug();
    escaped.skip(1).eq(std::iter::once(c))
}

/// Writes a double-quoted string.
pub(crate) fn quote(bytes: &[u8], ascii: bool) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_escaped(&mut quoted, c, '"', ascii);
        }
        for byte in chunk.invalid() {
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

/// Writes a single-quoted character.
pub(crate) fn quote_char(c: char, ascii: bool) -> String {
    let mut quoted = String::from("'");
    push_escaped(&mut quoted, c, '\'', ascii);
    quoted.push('\'');
    quoted
}

fn push_escaped(out: &mut String, c: char, quote: char, ascii: bool) {
    if c == quote || c == '\\' {
        out.push('\\');
        out.push(c);
        return;
    }
    if (c.is_ascii() || !ascii) && is_print(c) {
        out.push(c);
        return;
    }
    match c {
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        _ => {
            let code = u32::from(c);
            let _ = match code {
                0..0x20 | 0x7f => write!(out, "\\x{code:02x}"),
                0..0x10000 => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
        }
    }
}

/// Reads a Go string literal with its quotes. None if it is not one.
pub(crate) fn unquote(literal: &str) -> Option<Vec<u8>> {
    let quote = literal.chars().next()?;
    let body = literal.get(1..literal.len().checked_sub(1)?)?;
    if literal.len() < 2 || !literal.ends_with(quote) {
        return None;
    }
    match quote {
        '`' => {
            let raw = !body.contains('`');
            raw.then(|| body.bytes().filter(|byte| *byte != b'\r').collect())
        }
        '"' => {
            let mut bytes = Vec::with_capacity(body.len());
            let mut rest = body;
            while !rest.is_empty() {
                if rest.starts_with('\n') {
                    return None;
                }
                let (unit, tail) = unquote_char(rest, '"')?;
                unit.push_to(&mut bytes);
                rest = tail;
            }
            Some(bytes)
        }
        _ => None,
    }
}

/// What one character of a literal stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A character.
    Char(char),
    /// A single byte, from `\x` or octal.
    Byte(u8),
}

impl Unit {
    /// The number that a character constant with it has.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Char(c) => u32::from(c),
            Self::Byte(byte) => u32::from(byte),
        }
    }

    fn push_to(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Self::Byte(byte) => bytes.push(byte),
        }
    }
}

/// Reads one character or escape of a literal quoted by `quote`, and gives what follows it.
pub(crate) fn unquote_char(text: &str, quote: char) -> Option<(Unit, &str)> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if first == quote {
        return None;
    }
    if first != '\\' {
        return Some((Unit::Char(first), chars.as_str()));
    }
    let escape = chars.next()?;
    let rest = chars.as_str();
    let simple = |c| Some((Unit::Char(c), rest));
    match escape {
        'a' => simple('\x07'),
        'b' => simple('\x08'),
        'f' => simple('\x0c'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\x0b'),
        '\\' => simple('\\'),
        '\'' | '"' if escape == quote => simple(escape),
        'x' => {
            let code = digits(rest, 2, 16)?;
            Some((Unit::Byte(u8::try_from(code).ok()?), &rest[2..]))
        }
        'u' => Some((
            Unit::Char(char::from_u32(digits(rest, 4, 16)?)?),
            &rest[4..],
        )),
        'U' => Some((
            Unit::Char(char::from_u32(digits(rest, 8, 16)?)?),
            &rest[8..],
        )),
        '0'..='7' => {
            let octal = &text[1..];
            let code = digits(octal, 3, 8)?;
            Some((Unit::Byte(u8::try_from(code).ok()?), &octal[3..]))
        }
        _ => None,
    }
}

fn digits(text: &str, count: usize, base: u32) -> Option<u32> {
    let digits = text.get(..count)?;
    let all = digits.chars().all(|c| c.is_digit(base));
    all.then(|| u32::from_str_radix(digits, base).ok())?
}
