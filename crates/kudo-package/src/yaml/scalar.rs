//! Scanning of block, quoted and plain scalars.

use super::YamlError;
use super::reader::Position;
use super::scanner::{Scanner, TokenKind};

/// What becomes of the line breaks at the end of a block scalar.
#[derive(Clone, Copy, PartialEq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl Scanner<'_> {
    /// Scans `|` or `>` and the lines under it.
    pub(super) fn scan_block_scalar(&mut self) -> Result<(), YamlError> {
        let start = self.reader.at;
        let literal = self.reader.byte(0) == b'|';
        self.reader.skip();
        let (chomping, increment) = self.scan_block_header()?;

        let mut indent = match increment {
            0 => 0,
            _ if self.indent >= 0 => self.indent + increment,
            _ => increment,
        };
        let mut end = self.reader.at;
        let mut value = String::new();
        let mut leading_break = String::new();
        let mut trailing_breaks = String::new();
        self.scan_block_breaks(&mut indent, &mut trailing_breaks, &mut end)?;

        let mut leading_blank = false;
        while self.column() == indent && !self.reader.is_end() {
            let trailing_blank = self.reader.is_blank(0);
            let folds = !literal && !leading_blank && !trailing_blank;
            if folds && leading_break.starts_with('\n') {
                if trailing_breaks.is_empty() {
                    value.push(' ');
                }
            } else {
                value.push_str(&leading_break);
            }
            leading_break.clear();
            value.push_str(&trailing_breaks);
            trailing_breaks.clear();

            leading_blank = self.reader.is_blank(0);
            while !self.reader.is_breakz(0) {
                self.reader.read(&mut value);
            }
            self.reader.read_line(&mut leading_break);
            self.scan_block_breaks(&mut indent, &mut trailing_breaks, &mut end)?;
        }

        if chomping != Chomping::Strip {
            value.push_str(&leading_break);
        }
        if chomping == Chomping::Keep {
            value.push_str(&trailing_breaks);
        }
        self.push(
            TokenKind::Scalar {
                value,
                plain: false,
            },
            start,
            end,
        );
        Ok(())
    }

    /// Scans what follows `|` or `>` on its line: chomping and indentation, in either order.
    fn scan_block_header(&mut self) -> Result<(Chomping, isize), YamlError> {
        let mut chomping = Chomping::Clip;
        let mut increment = 0;
        let (mut chomping_seen, mut increment_seen) = (false, false);
        loop {
            match self.reader.byte(0) {
                sign @ (b'+' | b'-') if !chomping_seen => {
                    chomping = if sign == b'+' {
                        Chomping::Keep
                    } else {
                        Chomping::Strip
                    };
                    chomping_seen = true;
                }
                b'0' if !increment_seen => {
                    return Err(self.error_here("a block scalar can't be indented by 0"));
                }
                digit @ b'1'..=b'9' if !increment_seen => {
                    increment = isize::from(digit - b'0');
                    increment_seen = true;
                }
                _ => break,
            }
            self.reader.skip();
        }
        self.reader.skip_blanks();
        self.reader.skip_comment();
        if !self.reader.is_breakz(0) {
            return Err(self.error_here("expected a comment or the end of the line"));
        }
        self.reader.skip_line();
        Ok((chomping, increment))
    }

    /// Passes indentation and empty lines; finds the indentation if it is not known yet (0).
    fn scan_block_breaks(
        &mut self,
        indent: &mut isize,
        breaks: &mut String,
        end: &mut Position,
    ) -> Result<(), YamlError> {
        *end = self.reader.at;
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.column() < *indent) && self.reader.byte(0) == b' ' {
                self.reader.skip();
            }
            deepest = deepest.max(self.column());
            if (*indent == 0 || self.column() < *indent) && self.reader.byte(0) == b'\t' {
                return Err(self.error_here("a tab can't be used for indentation"));
            }
            if !self.reader.is_break(0) {
                break;
            }
            self.reader.read_line(breaks);
            *end = self.reader.at;
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }

    /// Scans a scalar in single or double quotes.
    pub(super) fn scan_quoted_scalar(&mut self) -> Result<(), YamlError> {
        let start = self.reader.at;
        let quote = self.reader.byte(0);
        self.reader.skip();

        let mut value = String::new();
        let mut blanks = String::new();
        let mut leading_break = String::new();
        let mut trailing_breaks = String::new();
        loop {
            if self.reader.is_document_indicator() {
                return Err(YamlError::new(
                    start.mark(),
                    "a document marker stands inside this quoted text",
                ));
            }
            if self.reader.is_end() {
                return Err(YamlError::new(start.mark(), "this quote is never closed"));
            }
            let mut line_folded = self.scan_quoted_run(quote, &mut value)?;
            if self.reader.byte(0) == quote {
                break;
            }
            while self.reader.is_blank(0) || self.reader.is_break(0) {
                if self.reader.is_blank(0) {
                    if line_folded {
                        self.reader.skip();
                    } else {
                        self.reader.read(&mut blanks);
                    }
                } else if line_folded {
                    self.reader.read_line(&mut trailing_breaks);
                } else {
                    blanks.clear();
                    self.reader.read_line(&mut leading_break);
                    line_folded = true;
                }
            }
            if line_folded {
                fold(&mut value, &mut leading_break, &mut trailing_breaks);
            } else {
                value.push_str(&blanks);
                blanks.clear();
            }
        }
        self.reader.skip();
        let end = self.reader.at;
        self.push(
            TokenKind::Scalar {
                value,
                plain: false,
            },
            start,
            end,
        );
        Ok(())
    }

    /// Scans quoted text up to the closing quote or white space. Tells whether it ended with an
    /// escaped line break.
    fn scan_quoted_run(&mut self, quote: u8, value: &mut String) -> Result<bool, YamlError> {
        while !self.reader.is_blankz(0) {
            match self.reader.byte(0) {
                b'\'' if quote == b'\'' && self.reader.byte(1) == b'\'' => {
                    value.push('\'');
                    self.reader.skip_many(2);
                }
                byte if byte == quote => return Ok(false),
                b'\\' if quote == b'"' && self.reader.is_break(1) => {
                    self.reader.skip();
                    self.reader.skip_line();
                    return Ok(true);
                }
                b'\\' if quote == b'"' => self.scan_escape(value)?,
                _ => self.reader.read(value),
            }
        }
        Ok(false)
    }

    fn scan_escape(&mut self, value: &mut String) -> Result<(), YamlError> {
        let plain = match self.reader.byte(1) {
            b'0' => '\0',
            b'a' => '\x07',
            b'b' => '\x08',
            b't' | b'\t' => '\t',
            b'n' => '\n',
            b'v' => '\x0b',
            b'f' => '\x0c',
            b'r' => '\r',
            b'e' => '\x1b',
            b' ' => ' ',
            b'"' => '"',
            b'\'' => '\'',
            b'\\' => '\\',
            b'N' => '\u{85}',
            b'_' => '\u{a0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            b'x' => return self.scan_hex_escape(2, value),
            b'u' => return self.scan_hex_escape(4, value),
            b'U' => return self.scan_hex_escape(8, value),
            _ => return Err(self.error_here("unknown escape sequence; write \\\\ for a backslash")),
        };
        value.push(plain);
        self.reader.skip_many(2);
        Ok(())
    }

    fn scan_hex_escape(&mut self, digits: usize, value: &mut String) -> Result<(), YamlError> {
        let mut code: u32 = 0;
        for ahead in 0..digits {
            let Some(digit) = char::from(self.reader.byte(2 + ahead)).to_digit(16) else {
                return Err(self.error_here(&format!("expected {digits} hexadecimal digits")));
            };
            code = (code << 4) | digit;
        }
        let Some(c) = char::from_u32(code) else {
            return Err(self.error_here(&format!("U+{code:04X} is not a character")));
        };
        value.push(c);
        self.reader.skip_many(2 + digits);
        Ok(())
    }

    /// Scans a scalar without quotes, over several lines if they are indented.
    pub(super) fn scan_plain_scalar(&mut self) -> Result<(), YamlError> {
        let start = self.reader.at;
        let indent = self.indent + 1;
        let mut end = start;
        let mut value = String::new();
        let mut blanks = String::new();
        let mut leading_break = String::new();
        let mut trailing_breaks = String::new();
        let mut line_folded = false;
        loop {
            if self.reader.is_document_indicator() || self.reader.byte(0) == b'#' {
                break;
            }
            let run = self.reader.offset();
            while !self.reader.is_blankz(0) && !self.ends_plain_scalar() {
                self.reader.skip();
            }
            let run = self.reader.since(run);
            if !run.is_empty() {
                if line_folded {
                    fold(&mut value, &mut leading_break, &mut trailing_breaks);
                    line_folded = false;
                } else {
                    value.push_str(&blanks);
                    blanks.clear();
                }
                value.push_str(run);
                end = self.reader.at;
            }
            if !(self.reader.is_blank(0) || self.reader.is_break(0)) {
                break;
            }
            while self.reader.is_blank(0) || self.reader.is_break(0) {
                if self.reader.is_blank(0) {
                    if line_folded && self.column() < indent && self.reader.byte(0) == b'\t' {
                        return Err(self.error_here("a tab can't be used for indentation"));
                    }
                    if line_folded {
                        self.reader.skip();
                    } else {
                        self.reader.read(&mut blanks);
                    }
                } else if line_folded {
                    self.reader.read_line(&mut trailing_breaks);
                } else {
                    blanks.clear();
                    self.reader.read_line(&mut leading_break);
                    line_folded = true;
                }
            }
            if !self.in_flow() && self.column() < indent {
                break;
            }
        }
        self.push(TokenKind::Scalar { value, plain: true }, start, end);
        if line_folded {
            self.simple_key_allowed = true;
        }
        Ok(())
    }

    fn ends_plain_scalar(&self) -> bool {
        match self.reader.byte(0) {
            b':' => self.reader.is_blankz(1),
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => self.in_flow(),
            _ => false,
        }
    }
}

/// Joins two lines: one break becomes a space, of several the first is dropped. LS and PS stay.
fn fold(value: &mut String, leading_break: &mut String, trailing_breaks: &mut String) {
    if leading_break.starts_with('\n') {
        if trailing_breaks.is_empty() {
            value.push(' ');
        }
    } else {
        value.push_str(leading_break);
    }
    value.push_str(trailing_breaks);
    leading_break.clear();
    trailing_breaks.clear();
}
