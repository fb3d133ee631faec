//! What Go's JSON reader says of a text that is no JSON, and how a text is read that is nested deeply.

use serde::de::Error as _;
use serde_json::{Map, Value};

use crate::depth::DEEPEST;

/// What the reader expects next.
#[derive(Clone, Copy)]
enum Next {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    AfterKey,
    AfterValue,
    AfterElement,
    End,
}

/// What servers read first of every body.
const KIND_AND_VERSION: &str = "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; \
                                Kind string \"json:\\\"kind,omitempty\\\"\" }";

/// What is wrong with a body that is no object.
pub(crate) fn no_object(value: &serde_json::Value) -> String {
    let kind = crate::patch::go_kind(value);
    format!("json: cannot unmarshal {kind} into Go value of type {KIND_AND_VERSION}")
}

/// The fault of a text, in the words of `encoding/json`; none where it is JSON.
pub(crate) fn fault(text: &[u8]) -> Option<String> {
    Reader { text, place: 0 }.read(DEEPEST).err()
}

/// A part of a text that is JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// The bracket that opens an object or a list.
    Open(u8),
    Close,
    /// A key or a value without parts, as it is written.
    Scalar(&'a [u8]),
}

/// The parts of a text in their order. Of a text that is no JSON they make no sense.
pub(crate) struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    pub(crate) fn of(text: &'a [u8]) -> Self {
        Self { rest: text }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let is_between = |byte: &u8| b" \t\r\n,:".contains(byte);
        let start = self.rest.iter().position(|byte| !is_between(byte))?;
        let rest = &self.rest[start..];
        let length = match rest[0] {
            b'"' => quoted(rest),
            b'{' | b'[' | b'}' | b']' => 1,
            _ => {
                let ends = |byte: &u8| b" \t\r\n,:{}[]\"".contains(byte);
                rest.iter().position(ends).unwrap_or(rest.len())
            }
        };
        let (part, rest) = rest.split_at(length);
        self.rest = rest;
        Some(match part[0] {
            bracket @ (b'{' | b'[') => Token::Open(bracket),
            b'}' | b']' => Token::Close,
            _ => Token::Scalar(part),
        })
    }
}

/// The length of the string that a text begins with.
fn quoted(text: &[u8]) -> usize {
    let mut place = 1;
    while let Some(byte) = text.get(place) {
        place += 1;
        match byte {
            b'"' => break,
            b'\\' => place += 1,
            _ => {}
        }
    }
    place.min(text.len())
}

/// Reads a text of any depth that Go reads, too, with no need of stack.
pub(crate) fn read(text: &[u8]) -> serde_json::Result<Value> {
    // What is stored may be a little deeper than what is taken.
    if let Some(fault) = (Reader { text, place: 0 }).read(usize::MAX).err() {
        return Err(serde_json::Error::custom(fault));
    }
    let mut open: Vec<(Value, Option<String>)> = Vec::new();
    for token in Tokens::of(text) {
        let value = match token {
            Token::Open(bracket) => {
                let empty = match bracket {
                    b'{' => Value::Object(Map::new()),
                    _ => Value::Array(Vec::new()),
                };
                open.push((empty, None));
                continue;
            }
            Token::Scalar(text) => match open.last_mut() {
                Some((Value::Object(_), key @ None)) => {
                    *key = Some(serde_json::from_slice(text)?);
                    continue;
                }
                _ => serde_json::from_slice(text)?,
            },
            Token::Close => match open.pop() {
                Some((value, _)) => value,
                None => break,
            },
        };
        match open.last_mut() {
            None => return Ok(value),
            Some((Value::Object(map), key)) => {
                map.insert(key.take().unwrap_or_default(), value);
            }
            Some((Value::Array(list), _)) => list.push(value),
            Some(_) => break,
        }
    }
    Err(serde_json::Error::custom("unexpected end of JSON input"))
}

/// A text that Go reads and Rust does not: halves of surrogate pairs and bytes that are no UTF-8
/// become U+FFFD, as Go takes them. None where there is nothing to mend.
pub(crate) fn mended(text: &[u8]) -> Option<Vec<u8>> {
    let lossy = String::from_utf8_lossy(text);
    let mut mended = String::with_capacity(lossy.len());
    let mut rest = &*lossy;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let length = match (surrogate(escape), escape.get(6..).and_then(surrogate)) {
            (None, _) => {
                let letter = escape.chars().nth(1).map_or(0, char::len_utf8);
                mended.push_str(&escape[..=letter]);
                1 + letter
            }
            (Some(false), Some(true)) => {
                mended.push_str(&escape[..12]);
                12
            }
            (Some(_), _) => {
                mended.push_str("\\ufffd");
                6
            }
        };
        rest = &escape[length..];
    }
    mended.push_str(rest);
    (mended.as_bytes() != text).then(|| mended.into_bytes())
}

/// Whether an escape is half of a pair, and if so whether the second.
fn surrogate(escape: &str) -> Option<bool> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..=0xdbff => Some(false),
        0xdc00..=0xdfff => Some(true),
        _ => None,
    }
}

struct Reader<'a> {
    text: &'a [u8],
    place: usize,
}

impl Reader<'_> {
    fn read(&mut self, deepest: usize) -> Result<(), String> {
        let mut open: Vec<u8> = Vec::new();
        let mut next = Next::Value;
        loop {
            let Some(byte) = self.skip_space() else {
                return match next {
                    Next::End => Ok(()),
                    _ => Err("unexpected end of JSON input".to_owned()),
                };
            };
            next = match (next, byte) {
                (Next::ValueOrEnd | Next::AfterElement, b']')
                | (Next::KeyOrEnd | Next::AfterValue, b'}') => self.close(&mut open),
                (Next::Value | Next::ValueOrEnd, b'{') => self.open(&mut open, b'{', deepest)?,
                (Next::Value | Next::ValueOrEnd, b'[') => self.open(&mut open, b'[', deepest)?,
                (Next::Value | Next::ValueOrEnd, byte) => {
                    self.scalar(byte)?;
                    after(&open)
                }
                (Next::Key | Next::KeyOrEnd, b'"') => {
                    self.string()?;
                    Next::AfterKey
                }
                (Next::Key | Next::KeyOrEnd, byte) => {
                    return Err(wrong(byte, "looking for beginning of object key string"));
                }
                (Next::AfterKey, b':') | (Next::AfterElement, b',') => self.take(Next::Value),
                (Next::AfterKey, byte) => return Err(wrong(byte, "after object key")),
                (Next::AfterValue, b',') => self.take(Next::Key),
                (Next::AfterValue, byte) => {
                    return Err(wrong(byte, "after object key:value pair"));
                }
                (Next::AfterElement, byte) => return Err(wrong(byte, "after array element")),
                (Next::End, byte) => return Err(wrong(byte, "after top-level value")),
            };
        }
    }

    fn skip_space(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.place) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(*byte);
            }
            self.place += 1;
        }
        None
    }

    fn take(&mut self, next: Next) -> Next {
        self.place += 1;
        next
    }

    fn open(&mut self, open: &mut Vec<u8>, bracket: u8, deepest: usize) -> Result<Next, String> {
        open.push(bracket);
        if open.len() > deepest {
            return Err(wrong(bracket, "exceeded max depth"));
        }
        Ok(self.take(if bracket == b'{' {
            Next::KeyOrEnd
        } else {
            Next::ValueOrEnd
        }))
    }

    fn close(&mut self, open: &mut Vec<u8>) -> Next {
        open.pop();
        self.place += 1;
        after(open)
    }

    /// The byte at the place, which is passed.
    fn byte(&mut self) -> Result<u8, String> {
        let byte = self.text.get(self.place).copied();
        self.place += 1;
        byte.ok_or_else(|| "unexpected end of JSON input".to_owned())
    }

    fn scalar(&mut self, first: u8) -> Result<(), String> {
        match first {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            byte => Err(wrong(byte, "looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), String> {
        for (index, expected) in word.bytes().enumerate() {
            let byte = self.byte()?;
            if byte != expected {
                debug_assert!(index > 0, "the first letter chose the word");
                let expected = char::from(expected);
                return Err(wrong(
                    byte,
                    &format!("in literal {word} (expecting '{expected}')"),
                ));
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), String> {
        self.place += 1;
        loop {
            match self.byte()? {
                b'"' => return Ok(()),
                b'\\' => match self.byte()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let byte = self.byte()?;
                            if !byte.is_ascii_hexdigit() {
                                return Err(wrong(byte, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    byte => return Err(wrong(byte, "in string escape code")),
                },
                byte if byte < 0x20 => return Err(wrong(byte, "in string literal")),
                _ => {}
            }
        }
    }

    fn number(&mut self) -> Result<(), String> {
        if self.text.get(self.place) == Some(&b'-') {
            self.place += 1;
        }
        match self.byte()? {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            byte => return Err(wrong(byte, "in numeric literal")),
        }
        if self.text.get(self.place) == Some(&b'.') {
            self.place += 1;
            self.digit("after decimal point in numeric literal")?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.place) {
            self.place += 1;
            if let Some(b'+' | b'-') = self.text.get(self.place) {
                self.place += 1;
            }
            self.digit("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn digit(&mut self, context: &str) -> Result<(), String> {
        match self.byte()? {
            b'0'..=b'9' => {
                self.digits();
                Ok(())
            }
            byte => Err(wrong(byte, context)),
        }
    }

    fn digits(&mut self) {
        while self.text.get(self.place).is_some_and(u8::is_ascii_digit) {
            self.place += 1;
        }
    }
}

fn after(open: &[u8]) -> Next {
    match open.last() {
        Some(b'{') => Next::AfterValue,
        Some(_) => Next::AfterElement,
        None => Next::End,
    }
}

fn wrong(byte: u8, context: &str) -> String {
    let shown = match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\n' => "'\\n'".to_owned(),
        b'\t' => "'\\t'".to_owned(),
        b'\r' => "'\\r'".to_owned(),
        b'\\' => "'\\\\'".to_owned(),
        byte if byte < 0x20 || byte == 0x7f => format!("'\\x{byte:02x}'"),
        byte if (0x80..0xa0).contains(&byte) || byte == 0xad => format!("'\\u00{byte:02x}'"),
        byte => format!("'{}'", char::from(byte)),
    };
    format!("invalid character {shown} {context}")
}

/// The largest whole number that is exact in floating point.
pub(crate) const LARGEST_WHOLE: f64 = 9_007_199_254_740_991.0;

/// A number in floating point as a whole one, if it is and says so exactly.
pub(crate) fn whole(number: f64) -> Option<i64> {
    let is_whole = number.fract() == 0.0 && number.abs() <= LARGEST_WHOLE;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole and not too large"
    )]
    is_whole.then_some(number as i64)
}

/// Writes whole numbers as such, as Go does: `1000.0` and `1e3` are kept as `1000`.
pub(crate) fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = number.as_f64().and_then(whole) {
                *value = whole.into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn faults_are_told_as_go_does() {
        for (text, expected) in [
            ("{}", None),
            (" [1, -2.5e+3, \"\\u00e9\", true, null, {\"a\": []}] ", None),
            ("", Some("unexpected end of JSON input")),
            ("{\"a\":", Some("unexpected end of JSON input")),
            (
                "nonsense",
                Some("invalid character 'o' in literal null (expecting 'u')"),
            ),
            (
                "no",
                Some("invalid character 'o' in literal null (expecting 'u')"),
            ),
            (
                "{a: 1}",
                Some("invalid character 'a' looking for beginning of object key string"),
            ),
            ("{\"a\" 1}", Some("invalid character '1' after object key")),
            (
                "{\"a\": 1 \"b\"}",
                Some("invalid character '\"' after object key:value pair"),
            ),
            ("[1 2]", Some("invalid character '2' after array element")),
            ("{} x", Some("invalid character 'x' after top-level value")),
            (
                "<a>",
                Some("invalid character '<' looking for beginning of value"),
            ),
            (
                "\"\\x\"",
                Some("invalid character 'x' in string escape code"),
            ),
            ("-x", Some("invalid character 'x' in numeric literal")),
            (
                "\u{9}\u{1}",
                Some("invalid character '\\x01' looking for beginning of value"),
            ),
        ] {
            assert_eq!(fault(text.as_bytes()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_only_go_reads_is_mended() {
        for (text, expected) in [
            (r#"{"a":"\u00e9\\"}"#, None),
            (r#""\ud83d\ude00""#, None),
            (r#""\ud800""#, Some(r#""\ufffd""#)),
            (r#""\ude00\ud83d x""#, Some(r#""\ufffd\ufffd x""#)),
            (r#""\\ud800""#, None),
        ] {
            let mended = super::mended(text.as_bytes());
            assert_eq!(mended.as_deref(), expected.map(str::as_bytes), "{text}");
        }
        assert_eq!(super::mended(b"\"\xff\""), Some("\"\u{fffd}\"".into()));
        assert_eq!(super::mended(b"\\"), None);
    }

    /// Whatever the JSON reader refuses for its form has a fault here.
    #[test]
    fn the_two_readers_agree() {
        let letters = b"{}[]:,\"\\ux1-.e tn\n";
        let mut number: u32 = 1;
        for _ in 0..20_000 {
            let mut text = Vec::new();
            for _ in 0..7 {
                number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push(letters[number as usize / 65_536 % letters.len()]);
            }
            let reads = serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok();
            let shown = String::from_utf8_lossy(&text);
            assert_eq!(fault(&text).is_none(), reads, "{shown}");
        }
    }
}
