//! What a scalar means: the resolution rules of Kubernetes' reader (Go's `yaml.v2`).
//!
//! Nearly YAML 1.1, but with deviations of its own: `0o17` is octal and `0b1` binary as in Go,
//! `1:30` (base 60) is a string, a leading `0` makes a number octal only if its digits are
//! (`089` is 89), and what looks like a timestamp stays a string.

/// A scalar's meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// More than an `i64` holds.
    Uint(u64),
    Float(f64),
    /// Read as a string, but needs quotes to be one for other readers.
    Timestamp,
    Str,
}

/// Tags of YAML's own types begin with this.
pub(super) const TAG_PREFIX: &str = "tag:yaml.org,2002:";

/// Resolves a scalar that has no tag and no quotes.
pub(super) fn resolve(text: &str) -> Scalar {
    let Some(first) = text.bytes().next() else {
        return Scalar::Null;
    };
    match first {
        b'+' | b'-' | b'.' | b'0'..=b'9' => word(text).unwrap_or_else(|| number(text)),
        b'~' | b'a'..=b'z' | b'A'..=b'Z' => word(text).unwrap_or(Scalar::Str),
        _ => Scalar::Str,
    }
}

/// Resolves a scalar that has a tag. `None` if the text can't be of that type.
pub(super) fn resolve_tagged(tag: &str, text: &str) -> Option<Scalar> {
    let scalar = resolve(text);
    match (tag.strip_prefix(TAG_PREFIX).unwrap_or(""), scalar) {
        ("null", Scalar::Null)
        | ("bool", Scalar::Bool(_))
        | ("int", Scalar::Int(_) | Scalar::Uint(_))
        | ("float", Scalar::Float(_))
        | ("timestamp", Scalar::Timestamp) => Some(scalar),
        #[expect(clippy::cast_precision_loss, reason = "a float was asked for")]
        ("float", Scalar::Int(int)) => Some(Scalar::Float(int as f64)),
        ("null" | "bool" | "int" | "float" | "timestamp", _) => None,
        _ => Some(Scalar::Str),
    }
}

/// Whether a string written without quotes would be read as the same string.
pub(super) fn is_plain_string(text: &str) -> bool {
    matches!(resolve(text), Scalar::Str) && !is_base60(text)
}

fn word(text: &str) -> Option<Scalar> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn number(text: &str) -> Scalar {
    if text.starts_with('.') {
        return if underscores_separate_digits(text) {
            float(&text.replace('_', "")).unwrap_or(Scalar::Str)
        } else {
            Scalar::Str
        };
    }
    if is_timestamp(text) {
        return Scalar::Timestamp;
    }
    let plain = text.replace('_', "");
    integer(&plain)
        .or_else(|| float(&plain))
        .unwrap_or(Scalar::Str)
}

/// Reads an integer as Go reads its literals: `0x`, `0o`, `0b`, and octal after a leading `0`.
fn integer(text: &str) -> Option<Scalar> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let signed = digits.len() != text.len();
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return binary_with_inner_sign(text);
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(magnitude).map(Scalar::Int);
    }
    match i64::try_from(magnitude) {
        Ok(int) => Some(Scalar::Int(int)),
        Err(_) if signed => None,
        Err(_) => Some(Scalar::Uint(magnitude)),
    }
}

/// `0b-101` is -5, for no better reason than that Go's reader takes it so.
fn binary_with_inner_sign(text: &str) -> Option<Scalar> {
    let digits = text.strip_prefix("0b")?;
    i64::from_str_radix(digits, 2).ok().map(Scalar::Int)
}

/// Reads a decimal float; one too large to hold is not a float.
fn float(text: &str) -> Option<Scalar> {
    let decimal = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    if !decimal {
        return None;
    }
    text.parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
        .map(Scalar::Float)
}

fn underscores_separate_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    (0..bytes.len())
        .filter(|index| bytes[*index] == b'_')
        .all(|index| index > 0 && is_digit(index - 1) && is_digit(index + 1))
}

/// Base 60 as in `1:30`: a string here, but a number for other readers.
fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let Some(first) = parts.next() else {
        return false;
    };
    let first_fits = first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else {
        return false;
    };
    let last = match last.split_once('.') {
        Some((whole, fraction)) => {
            if !fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
                return false;
            }
            whole
        }
        None => last,
    };
    first_fits && middle.iter().copied().chain([last]).all(is_base60_digit)
}

fn is_base60_digit(part: &str) -> bool {
    matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
}

/// Whether the text is a timestamp: a date, or a date and a time, the time with a zone after `T`
/// and without one after a space.
fn is_timestamp(text: &str) -> bool {
    let mut rest = Digits(text.as_bytes());
    let (Some(year), true) = (rest.number(4, 4), rest.eat(b'-')) else {
        return false;
    };
    let (Some(month), true) = (rest.number(1, 2), rest.eat(b'-')) else {
        return false;
    };
    let Some(day) = rest.number(1, 2) else {
        return false;
    };
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return false;
    }
    if rest.0.is_empty() {
        return true;
    }
    let zoned = rest.eat(b'T') || rest.eat(b't');
    if !zoned && !rest.eat(b' ') {
        return false;
    }
    if !rest.time() {
        return false;
    }
    if zoned {
        rest.zone() && rest.0.is_empty()
    } else {
        rest.0.is_empty()
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self
            .0
            .iter()
            .take(most)
            .take_while(|b| b.is_ascii_digit())
            .count();
        let (digits, rest) = self.0.split_at(count);
        if count < least {
            return None;
        }
        self.0 = rest;
        Some(
            digits
                .iter()
                .fold(0, |number, digit| number * 10 + u32::from(digit - b'0')),
        )
    }

    fn time(&mut self) -> bool {
        let fits = self.number(1, 2).is_some_and(|hour| hour < 24)
            && self.eat(b':')
            && self.number(1, 2).is_some_and(|minute| minute < 60)
            && self.eat(b':')
            && self.number(1, 2).is_some_and(|second| second < 60);
        if fits && matches!(self.0, [b'.' | b',', b'0'..=b'9', ..]) {
            self.0 = &self.0[1..];
            self.number(1, 9);
        }
        fits
    }

    fn zone(&mut self) -> bool {
        self.eat(b'Z')
            || ((self.eat(b'+') || self.eat(b'-'))
                && self.number(2, 2).is_some()
                && self.eat(b':')
                && self.number(2, 2).is_some())
    }
}
