//! Number literals: under which Go types their values can be read.

use crate::format::{parse_float, parse_int, parse_uint, quote, unquote_char};

/// A number literal. Go decides by the place where it stands which of the types it takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    /// As it is written.
    pub(crate) text: String,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
}

impl Number {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            int: None,
            uint: None,
            float: None,
            complex: None,
        }
    }

    /// Reads a character constant with its quotes.
    pub(super) fn from_char(text: &str) -> Result<Self, String> {
        let body = text.get(1..).unwrap_or("");
        let Some((unit, tail)) = unquote_char(body, '\'') else {
            return Err("invalid syntax".to_owned());
        };
        if tail != "'" {
            return Err(format!("malformed character constant: {text}"));
        }
        Ok(Self {
            int: Some(i64::from(unit.code())),
            uint: Some(u64::from(unit.code())),
            float: Some(f64::from(unit.code())),
            ..Self::new(text)
        })
    }

    /// Reads a sum such as `1+2i`.
    pub(super) fn from_complex(text: &str) -> Result<Self, String> {
        let illegal = || format!("illegal number syntax: {}", quoted(text));
        let body = text.strip_suffix('i').ok_or_else(illegal)?;
        // The last sign that does not belong to an exponent parts the two.
        let split = body.char_indices().rfind(|(at, c)| {
            *at > 0 && matches!(c, '+' | '-') && !body[..*at].ends_with(['e', 'E', 'p', 'P'])
        });
        let (at, _) = split.ok_or_else(illegal)?;
        let re = parse_float(&body[..at]).ok_or_else(illegal)?;
        let im = parse_float(&body[at..]).ok_or_else(illegal)?;
        Ok(Self::from_parts(text, re, im))
    }

    fn from_parts(text: &str, re: f64, im: f64) -> Self {
        let mut number = Self::new(text);
        number.complex = Some((re, im));
        if im == 0.0 {
            number.float = Some(re);
            number.int = whole(re);
            number.uint = whole_unsigned(re);
        }
        number
    }

    /// Reads an integer, float or imaginary number.
    pub(super) fn from_text(text: &str) -> Result<Self, String> {
        if let Some(im) = text.strip_suffix('i').and_then(parse_float) {
            return Ok(Self::from_parts(text, 0.0, im));
        }
        let mut number = Self::new(text);
        number.uint = parse_uint(text, 0);
        number.int = parse_int(text, 0);
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        if let Some(int) = number.int {
            number.float = Some(to_float(int));
        } else if let Some(uint) = number.uint {
            number.float = Some(to_float_unsigned(uint));
        } else if let Some(float) = parse_float(text) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quoted(text)));
            }
            number.float = Some(float);
            number.int = whole(float);
            number.uint = whole_unsigned(float);
        }
        if number.int.is_none() && number.uint.is_none() && number.float.is_none() {
            return Err(format!("illegal number syntax: {}", quoted(text)));
        }
        Ok(number)
    }

    /// Whether the literal's form makes it a float where any type would do.
    pub(super) fn looks_like_float(&self) -> bool {
        let text = self.text.as_str();
        let hex = text.len() > 2
            && (text.starts_with("0x") || text.starts_with("0X"))
            && !text.contains(['p', 'P']);
        !hex && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P'])
    }
}

fn quoted(text: &str) -> String {
    quote(text.as_bytes(), false)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a literal used as a float is rounded, as in Go"
)]
fn to_float(int: i64) -> f64 {
    int as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a literal used as a float is rounded, as in Go"
)]
fn to_float_unsigned(uint: u64) -> f64 {
    uint as f64
}

/// The integer that a float is, if it is one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "the comparison finds out whether anything was cut off"
)]
fn whole(float: f64) -> Option<i64> {
    let int = float as i64;
    (to_float(int) == float && float < 9_223_372_036_854_775_808.0).then_some(int)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "the comparison finds out whether anything was cut off"
)]
fn whole_unsigned(float: f64) -> Option<u64> {
    let uint = float as u64;
    (to_float_unsigned(uint) == float && float < 18_446_744_073_709_551_616.0).then_some(uint)
}
