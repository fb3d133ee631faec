//! Go's `Sprint`, `Sprintln` and `Sprintf`.
//!
//! Everything written is measured against the render's budget before it is written, so a width of
//! a million or a map that contains itself ends in an error.

use super::number::integer;
use super::{complex, float, is_print, quote, quote_char};
use crate::budget::{Budget, Failure};
use crate::value::{IntType, List, Map, MapType, Object, Value, lossy};

/// Joins values: a space between two values neither of which is a string.
pub(crate) fn print(budget: &Budget, values: &[Value]) -> Result<Vec<u8>, Failure> {
    let mut printer = Printer::new(budget);
    let mut after_text = false;
    for (index, value) in values.iter().enumerate() {
        let is_text = matches!(value, Value::Text(_));
        if index > 0 && !is_text && !after_text {
            printer.write(b" ")?;
        }
        printer.argument(value, 'v')?;
        after_text = is_text;
    }
    printer.finish()
}

/// One value as `%v` prints it.
pub(crate) fn sprint(budget: &Budget, value: &Value) -> Result<Vec<u8>, Failure> {
    if let Value::Text(text) = value {
        return Ok(text.as_bytes().to_vec());
    }
    print(budget, std::slice::from_ref(value))
}

/// Joins values with spaces and ends with a newline.
pub(crate) fn println(budget: &Budget, values: &[Value]) -> Result<Vec<u8>, Failure> {
    let mut printer = Printer::new(budget);
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            printer.write(b" ")?;
        }
        printer.argument(value, 'v')?;
    }
    printer.write(b"\n")?;
    printer.finish()
}

/// What stands between `%` and the verb.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own in a directive"
)]
pub(super) struct Flags {
    pub(super) plus: bool,
    pub(super) minus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%+v`
    pub(super) plus_v: bool,
    /// `%#v`
    pub(super) sharp_v: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

/// Writes values into a bounded buffer.
pub(super) struct Printer<'a> {
    budget: &'a Budget,
    out: Vec<u8>,
    pub(super) flags: Flags,
    /// Within the report of a wrong verb: methods are not asked again.
    reporting: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn new(budget: &'a Budget) -> Self {
        Self {
            budget,
            out: Vec::new(),
            flags: Flags::default(),
            reporting: false,
        }
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, Failure> {
        self.budget.text(self.out.len())?;
        Ok(self.out)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.out.len() + bytes.len() > self.budget.max_bytes() {
            return Err(self.budget.too_long());
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn padding(&mut self, count: usize) -> Result<(), Failure> {
        if self.out.len().saturating_add(count) > self.budget.max_bytes() {
            return Err(self.budget.too_long());
        }
        let byte = if self.flags.zero { b'0' } else { b' ' };
        self.out.resize(self.out.len() + count, byte);
        Ok(())
    }

    /// Writes text padded to the width.
    fn pad(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(width) = self.flags.width.filter(|width| *width > 0) else {
            return self.write(bytes);
        };
        let padding = width.saturating_sub(lossy(bytes).chars().count());
        if self.flags.minus {
            self.write(bytes)?;
            self.padding(padding)
        } else {
            self.padding(padding)?;
            self.write(bytes)
        }
    }

    /// Pads with spaces only: zeros were already put where they belong.
    fn pad_number(&mut self, text: &str) -> Result<(), Failure> {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        let padded = self.pad(text.as_bytes());
        self.flags.zero = zero;
        padded
    }

    pub(super) fn argument(&mut self, value: &Value, verb: char) -> Result<(), Failure> {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.wrong_verb(value, verb),
            (_, 'T') => self.text(value.type_name().as_bytes(), 's', value),
            (Value::Map(_) | Value::List(_), 'p') => self.write(b"0xc000000000"),
            (_, 'p') => self.wrong_verb(value, verb),
            _ => self.value(value, verb, 0),
        }
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) -> Result<(), Failure> {
        self.budget.depth(depth)?;
        self.budget.steps(1)?;
        match value {
            Value::Nil if self.flags.sharp_v => self.write(b"interface {}(nil)"),
            Value::Nil => self.write(b"<nil>"),
            Value::Bool(flag) => match verb {
                't' | 'v' => self.pad(if *flag { b"true" } else { b"false" }),
                _ => self.wrong_verb(value, verb),
            },
            Value::Int(number, int_type) => {
                if let Some(name) = named(*number, *int_type).filter(|_| self.stringable(verb)) {
                    return self.text(name.as_bytes(), verb, value);
                }
                self.integer(number.unsigned_abs(), Some(*number < 0), verb, value)
            }
            Value::Uint(number, _) => self.integer(*number, None, verb, value),
            Value::Float(number) => self.float(*number, verb, value),
            Value::Complex(re, im) => self.complex(*re, *im, verb, value),
            Value::Text(text) => self.text(text.as_bytes(), verb, value),
            Value::List(list) => self.list(list, verb, depth),
            Value::Map(map) => self.map(map, verb, depth),
            Value::Object(object) => self.object(object.as_ref(), verb, value),
        }
    }

    /// Whether the value's `String` method is asked for this verb.
    fn stringable(&self, verb: char) -> bool {
        !self.reporting && !self.flags.sharp_v && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q')
    }

    fn wrong_verb(&mut self, value: &Value, verb: char) -> Result<(), Failure> {
        self.write(format!("%!{verb}({}", value.type_name()).as_bytes())?;
        if !value.is_nil() {
            self.write(b"=")?;
            let reporting = std::mem::replace(&mut self.reporting, true);
            self.value(value, 'v', 0)?;
            self.reporting = reporting;
        }
        self.write(b")")
    }

    fn object(&mut self, object: &dyn Object, verb: char, value: &Value) -> Result<(), Failure> {
        let text = object.display();
        if self.stringable(verb) || !object.has_string_method() || self.reporting {
            return self.text(text.as_bytes(), verb, value);
        }
        if self.flags.sharp_v {
            return self.write(text.as_bytes());
        }
        self.wrong_verb(value, verb)
    }

    fn list(&mut self, list: &List, verb: char, depth: usize) -> Result<(), Failure> {
        let (open, between, close): (&[u8], &[u8], &[u8]) = if self.flags.sharp_v {
            self.write(list.list_type().name().as_bytes())?;
            if list.is_nil() {
                return self.write(b"(nil)");
            }
            (b"{", b", ", b"}")
        } else {
            (b"[", b" ", b"]")
        };
        self.write(open)?;
        for (index, item) in list.items().iter().enumerate() {
            if index > 0 {
                self.write(between)?;
            }
            self.value(item, verb, depth + 1)?;
        }
        self.write(close)
    }

    fn map(&mut self, map: &Map, verb: char, depth: usize) -> Result<(), Failure> {
        let (open, between, close): (&[u8], &[u8], &[u8]) = if self.flags.sharp_v {
            self.write(map.map_type().name().as_bytes())?;
            (b"{", b", ", b"}")
        } else {
            (b"map[", b" ", b"]")
        };
        self.write(open)?;
        for (index, (key, item)) in map.entries().into_iter().enumerate() {
            if index > 0 {
                self.write(between)?;
            }
            self.value(&Value::Text(key), verb, depth + 1)?;
            self.write(b":")?;
            if map.map_type() == MapType::Text && item.is_nil() {
                continue;
            }
            self.value(&item, verb, depth + 1)?;
        }
        self.write(close)
    }

    fn text(&mut self, bytes: &[u8], verb: char, value: &Value) -> Result<(), Failure> {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(bytes),
            'v' | 's' => self.pad(self.truncate(bytes)),
            'x' => self.hex(bytes, false),
            'X' => self.hex(bytes, true),
            'q' => self.quoted(bytes),
            _ => self.wrong_verb(value, verb),
        }
    }

    fn truncate<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(count) = self.flags.precision else {
            return bytes;
        };
        let mut left = count;
        let mut length = 0;
        for chunk in bytes.utf8_chunks() {
            let units = chunk.valid().chars().map(char::len_utf8);
            for unit in units.chain(chunk.invalid().iter().map(|_| 1)) {
                if left == 0 {
                    return &bytes[..length];
                }
                left -= 1;
                length += unit;
            }
        }
        bytes
    }

    fn quoted(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let bytes = self.truncate(bytes);
        if bytes.len() > self.budget.max_bytes() / 2 {
            return Err(self.budget.too_long());
        }
        if self.flags.sharp && can_backquote(bytes) {
            return self.pad(&[b"`", bytes, b"`"].concat());
        }
        self.pad(quote(bytes, self.flags.plus).as_bytes())
    }

    fn hex(&mut self, bytes: &[u8], upper: bool) -> Result<(), Failure> {
        let count = self.flags.precision.unwrap_or(bytes.len()).min(bytes.len());
        let prefix: &str = match (self.flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let mut text = String::new();
        for (index, byte) in bytes[..count].iter().enumerate() {
            if index > 0 && self.flags.space {
                text.push(' ');
            }
            if index == 0 || self.flags.space {
                text.push_str(prefix);
            }
            let digits = if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            };
            text.push_str(&digits);
        }
        self.pad(text.as_bytes())
    }

    /// `negative` is none for unsigned types.
    fn integer(
        &mut self,
        number: u64,
        negative: Option<bool>,
        verb: char,
        value: &Value,
    ) -> Result<(), Failure> {
        let signed = negative.is_some();
        let negative = negative == Some(true);
        let base = match verb {
            'v' if self.flags.sharp_v && !signed => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                let done = self.digits(number, negative, 16, 'v');
                self.flags.sharp = sharp;
                return done;
            }
            'v' | 'd' => 10,
            'b' => 2,
            'o' | 'O' => 8,
            'x' | 'X' => 16,
            'c' | 'q' | 'U' => {
                let code = if negative {
                    number.wrapping_neg()
                } else {
                    number
                };
                return self.character(code, verb);
            }
            _ => return self.wrong_verb(value, verb),
        };
        self.digits(number, negative, base, verb)
    }

    fn digits(
        &mut self,
        number: u64,
        negative: bool,
        base: u32,
        verb: char,
    ) -> Result<(), Failure> {
        let flags = self.flags;
        let signed = negative || flags.plus || flags.space;
        let least = match (flags.precision, flags.width) {
            (Some(0), _) if number == 0 => {
                let zero = std::mem::replace(&mut self.flags.zero, false);
                let padded = self.padding(flags.width.unwrap_or(0));
                self.flags.zero = zero;
                return padded;
            }
            (Some(precision), _) => precision,
            (None, Some(width)) if flags.zero => width.saturating_sub(usize::from(signed)),
            _ => 0,
        };
        let mut digits = integer(number, base);
        if digits.len() < least {
            digits = "0".repeat(least - digits.len()) + &digits;
        }
        let prefix = match (flags.sharp, base) {
            (true, 2) => "0b",
            (true, 8) if !digits.starts_with('0') => "0",
            (true, 16) => "0x",
            _ => "",
        };
        let octal = if verb == 'O' { "0o" } else { "" };
        let sign = match (negative, flags.plus, flags.space) {
            (true, _, _) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        let mut text = format!("{octal}{prefix}{digits}");
        if verb == 'X' {
            text.make_ascii_uppercase();
        }
        self.pad_number(&format!("{sign}{text}"))
    }

    fn character(&mut self, code: u64, verb: char) -> Result<(), Failure> {
        let known = u32::try_from(code).ok().and_then(char::from_u32);
        let c = known.unwrap_or(char::REPLACEMENT_CHARACTER);
        match verb {
            'c' => self.pad(c.encode_utf8(&mut [0; 4]).as_bytes()),
            'q' => self.pad(quote_char(c, self.flags.plus).as_bytes()),
            _ => {
                let least = self.flags.precision.unwrap_or(4).max(4);
                let digits = format!("{code:X}");
                let zeros = "0".repeat(least.saturating_sub(digits.len()));
                let shown = known
                    .filter(|c| self.flags.sharp && is_print(*c))
                    .map(|c| format!(" '{c}'"))
                    .unwrap_or_default();
                self.pad_number(&format!("U+{zeros}{digits}{shown}"))
            }
        }
    }

    fn float(&mut self, number: f64, verb: char, value: &Value) -> Result<(), Failure> {
        let (format, default) = match verb {
            'v' | 'g' => (b'g', None),
            'G' => (b'G', None),
            'b' => (b'b', None),
            'x' => (b'x', None),
            'X' => (b'X', None),
            'e' => (b'e', Some(6)),
            'E' => (b'E', Some(6)),
            'f' | 'F' => (b'f', Some(6)),
            _ => return self.wrong_verb(value, verb),
        };
        let precision = self.flags.precision.or(default);
        let mut text = float(number, format, precision);
        if !text.starts_with(['+', '-']) {
            text.insert(0, '+');
        }
        if self.flags.space && !self.flags.plus && text.starts_with('+') {
            text.replace_range(..1, " ");
        }
        if !number.is_finite() {
            if number.is_nan() && !self.flags.space && !self.flags.plus {
                text.remove(0);
            }
            return self.pad_number(&text);
        }
        if self.flags.sharp && format != b'b' {
            text = with_point(&text, format, precision);
        }
        self.signed(&text)
    }

    /// Writes a number that begins with its sign; `+` only if asked for.
    fn signed(&mut self, text: &str) -> Result<(), Failure> {
        if !self.flags.plus && text.starts_with('+') {
            return self.pad(&text.as_bytes()[1..]);
        }
        match self.flags.width {
            Some(width) if self.flags.zero && width > text.len() => {
                self.write(&text.as_bytes()[..1])?;
                self.padding(width - text.len())?;
                self.write(&text.as_bytes()[1..])
            }
            _ => self.pad(text.as_bytes()),
        }
    }

    fn complex(&mut self, re: f64, im: f64, verb: char, value: &Value) -> Result<(), Failure> {
        let (format, default) = match verb {
            'v' | 'g' => (b'g', None),
            'G' => (b'G', None),
            'e' => (b'e', Some(6)),
            'E' => (b'E', Some(6)),
            'f' | 'F' => (b'f', Some(6)),
            _ => return self.wrong_verb(value, verb),
        };
        let precision = self.flags.precision.or(default);
        self.write(complex(re, im, format, precision).as_bytes())
    }
}

/// What the `String` method of a named integer gives.
fn named(number: i64, int_type: IntType) -> Option<String> {
    match int_type {
        IntType::Int | IntType::Int64 => None,
        IntType::Month => Some(crate::functions::month_name(number)),
        IntType::Weekday => Some(crate::functions::weekday_name(number)),
        IntType::Duration => Some(crate::functions::duration_text(number)),
    }
}

fn can_backquote(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars()
            .all(|c| c == '\t' || (c >= ' ' && c != '`' && c != '\x7f' && c != '\u{feff}'))
    })
}

/// The number with a decimal point and, for the general format, all its digits (`%#g`).
fn with_point(text: &str, format: u8, precision: Option<usize>) -> String {
    let hex = matches!(format, b'x' | b'X');
    let tail_at = text.find(if hex { ['p', 'P'] } else { ['e', 'E'] });
    let (number, tail) = text.split_at(tail_at.unwrap_or(text.len()));
    let mut digits = match format {
        b'g' | b'G' | b'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let mut number = number.to_owned();
    let mut nonzero = false;
    for c in number[1..].chars().filter(|c| *c != '.') {
        nonzero |= c != '0';
        if nonzero {
            digits = digits.saturating_sub(1);
        }
    }
    if !number.contains('.') {
        if number.len() == 2 && number.ends_with('0') {
            digits = digits.saturating_sub(1);
        }
        number.push('.');
    }
    number.push_str(&"0".repeat(digits));
    number + tail
}
