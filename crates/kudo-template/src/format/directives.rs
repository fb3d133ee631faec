//! Format strings of Go's `Sprintf`: what stands between the texts, read one by one and handed to a printer.

use super::printer::{Flags, Printer};
use crate::budget::{Budget, Failure};
use crate::value::Value;

/// Widths and precisions beyond this are not read as such.
const MAX_WIDTH: usize = 1_000_000;

/// Formats values as `format` tells.
pub(crate) fn printf(budget: &Budget, format: &[u8], values: &[Value]) -> Result<Vec<u8>, Failure> {
    let mut printer = Printer::new(budget);
    Directives {
        format,
        position: 0,
        values,
        next: 0,
        reordered: false,
        index_ok: true,
    }
    .run(&mut printer)?;
    printer.finish()
}

/// Reads a format string and hands each directive to a printer.
struct Directives<'a> {
    format: &'a [u8],
    position: usize,
    values: &'a [Value],
    next: usize,
    reordered: bool,
    index_ok: bool,
}

impl Directives<'_> {
    fn run(mut self, printer: &mut Printer<'_>) -> Result<(), Failure> {
        while self.position < self.format.len() {
            let rest = &self.format[self.position..];
            let length = rest.iter().position(|b| *b == b'%').unwrap_or(rest.len());
            printer.write(&rest[..length])?;
            self.position += length + 1;
            if length == rest.len() {
                break;
            }
            self.index_ok = true;
            if !self.directive(printer)? {
                break;
            }
        }
        if !self.reordered && self.next < self.values.len() {
            self.extra(printer)?;
        }
        Ok(())
    }

    /// Prints one directive; false if the format ended within it.
    fn directive(&mut self, printer: &mut Printer<'_>) -> Result<bool, Failure> {
        printer.flags = self.flags();
        let mut after_index = self.index();
        if self.peek() == Some(b'*') {
            self.position += 1;
            self.star_width(printer)?;
            after_index = false;
        } else {
            printer.flags.width = self.number();
            if after_index && printer.flags.width.is_some() {
                self.index_ok = false;
            }
        }
        if self.peek() == Some(b'.') && self.position + 1 < self.format.len() {
            self.position += 1;
            if after_index {
                self.index_ok = false;
            }
            after_index = self.index();
            if self.peek() == Some(b'*') {
                self.position += 1;
                self.star_precision(printer)?;
                after_index = false;
            } else {
                printer.flags.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !after_index {
            self.index();
        }
        if self.position >= self.format.len() {
            printer.write(b"%!(NOVERB)")?;
            return Ok(false);
        }
        let verb = self.verb();
        self.print_verb(printer, verb)?;
        Ok(true)
    }

    fn print_verb(&mut self, printer: &mut Printer<'_>, verb: char) -> Result<(), Failure> {
        if verb == '%' {
            return printer.write(b"%");
        }
        if !self.index_ok {
            return printer.write(format!("%!{verb}(BADINDEX)").as_bytes());
        }
        let Some(value) = self.values.get(self.next) else {
            return printer.write(format!("%!{verb}(MISSING)").as_bytes());
        };
        if verb == 'v' {
            let flags = &mut printer.flags;
            flags.sharp_v = std::mem::take(&mut flags.sharp);
            flags.plus_v = std::mem::take(&mut flags.plus);
        }
        self.next += 1;
        printer.argument(value, verb)
    }

    fn extra(&self, printer: &mut Printer<'_>) -> Result<(), Failure> {
        printer.flags = Flags::default();
        printer.write(b"%!(EXTRA ")?;
        for (index, value) in self.values[self.next..].iter().enumerate() {
            if index > 0 {
                printer.write(b", ")?;
            }
            printer.write(value.type_name().as_bytes())?;
            if !value.is_nil() {
                printer.write(b"=")?;
                printer.argument(value, 'v')?;
            }
        }
        printer.write(b")")
    }

    fn peek(&self) -> Option<u8> {
        self.format.get(self.position).copied()
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = !flags.minus,
                b'+' => flags.plus = true,
                b'-' => {
                    flags.minus = true;
                    flags.zero = false;
                }
                b' ' => flags.space = true,
                _ => break,
            }
            self.position += 1;
        }
        flags
    }

    /// Reads a number; none if there is none. One that is too large eats the rest of the format.
    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            if number.is_some_and(|number| number > MAX_WIDTH) {
                self.position = self.format.len();
                return None;
            }
            number = Some(number.unwrap_or(0) * 10 + usize::from(digit - b'0'));
            self.position += 1;
        }
        number
    }

    /// Reads an argument index such as `[2]`; true if there is one that can be read.
    fn index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.position..];
        let close = (rest.len() >= 3)
            .then(|| rest.iter().position(|b| *b == b']'))
            .flatten();
        let Some(close) = close else {
            self.index_ok = false;
            self.position += 1;
            return false;
        };
        let text = std::str::from_utf8(&rest[1..close]).unwrap_or("");
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let index = text
            .parse::<usize>()
            .ok()
            .filter(|index| digits && *index <= MAX_WIDTH);
        self.position += close + 1;
        match index {
            Some(index) if (1..=self.values.len()).contains(&index) => {
                self.next = index - 1;
                true
            }
            other => {
                self.index_ok = false;
                other.is_some()
            }
        }
    }

    /// Takes the next argument as a width or precision.
    fn star(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let number = match value {
            Value::Int(number, _) => *number,
            Value::Uint(number, _) => i64::try_from(*number).ok()?,
            _ => return None,
        };
        (number.unsigned_abs() <= MAX_WIDTH as u64).then_some(number)
    }

    fn star_width(&mut self, printer: &mut Printer<'_>) -> Result<(), Failure> {
        let Some(width) = self.star() else {
            return printer.write(b"%!(BADWIDTH)");
        };
        if width < 0 {
            printer.flags.minus = true;
            printer.flags.zero = false;
        }
        printer.flags.width = usize::try_from(width.unsigned_abs()).ok();
        Ok(())
    }

    fn star_precision(&mut self, printer: &mut Printer<'_>) -> Result<(), Failure> {
        printer.flags.precision = self.star().and_then(|number| usize::try_from(number).ok());
        if printer.flags.precision.is_none() {
            return printer.write(b"%!(BADPREC)");
        }
        Ok(())
    }

    fn verb(&mut self) -> char {
        let rest = &self.format[self.position..];
        let chunk = rest.utf8_chunks().next();
        let valid = chunk.map_or("", |chunk| chunk.valid());
        if let Some(verb) = valid.chars().next() {
            self.position += verb.len_utf8();
            verb
        } else {
            self.position += 1;
            char::REPLACEMENT_CHARACTER
        }
    }
}
