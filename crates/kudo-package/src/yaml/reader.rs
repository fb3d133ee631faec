//! Characters of a text, with the position kept; the classes of characters of YAML 1.1.

use super::{Mark, YamlError};

/// Position in a text, all from 0. `column` and `index` count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    pub(super) index: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    pub(super) fn mark(self) -> Mark {
        Mark {
            line: self.line + 1,
            column: self.column + 1,
        }
    }
}

/// A cursor over a text. Past the end every character reads as NUL, which can't occur within.
pub(super) struct Reader<'a> {
    text: &'a str,
    offset: usize,
    pub(super) at: Position,
}

impl<'a> Reader<'a> {
    /// Starts behind a byte order mark; refuses characters that YAML does not allow anywhere.
    pub(super) fn new(text: &'a str) -> Result<Self, YamlError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Self {
            text,
            offset: 0,
            at: Position::default(),
        };
        if let Some(bad) = text.chars().find(|c| !is_allowed(*c)) {
            while !reader.text[reader.offset..].starts_with(bad) {
                if reader.is_break(0) {
                    reader.skip_line();
                } else {
                    reader.skip();
                }
            }
            return Err(YamlError::new(
                reader.at.mark(),
                format!("control character U+{:04X} is not allowed", u32::from(bad)),
            ));
        }
        Ok(reader)
    }

    /// The byte `ahead` bytes further on; NUL past the end.
    pub(super) fn byte(&self, ahead: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.offset + ahead)
            .copied()
            .unwrap_or(0)
    }

    /// Whether the text goes on with these bytes.
    pub(super) fn starts_with(&self, expected: &str) -> bool {
        self.text.as_bytes()[self.offset..].starts_with(expected.as_bytes())
    }

    pub(super) fn is_end(&self) -> bool {
        self.offset >= self.text.len()
    }

    pub(super) fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.byte(ahead), b' ' | b'\t')
    }

    /// A line break of YAML 1.1: CR, LF, NEL, LS or PS.
    pub(super) fn is_break(&self, ahead: usize) -> bool {
        match self.byte(ahead) {
            b'\r' | b'\n' => true,
            0xC2 => self.byte(ahead + 1) == 0x85,
            0xE2 => self.byte(ahead + 1) == 0x80 && matches!(self.byte(ahead + 2), 0xA8 | 0xA9),
            _ => false,
        }
    }

    /// A line break, or the end of the text.
    pub(super) fn is_breakz(&self, ahead: usize) -> bool {
        self.byte(ahead) == 0 || self.is_break(ahead)
    }

    /// White space, a line break, or the end of the text.
    pub(super) fn is_blankz(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_breakz(ahead)
    }

    /// A character of anchors, tag handles and directive names.
    pub(super) fn is_word(&self, ahead: usize) -> bool {
        let byte = self.byte(ahead);
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
    }

    /// Whether the line begins with `---` or `...` as a word of its own.
    pub(super) fn is_document_indicator(&self) -> bool {
        self.at.column == 0
            && (self.starts_with("---") || self.starts_with("..."))
            && self.is_blankz(3)
    }

    /// Passes one character.
    pub(super) fn skip(&mut self) {
        self.offset += self.width();
        self.at.index += 1;
        self.at.column += 1;
    }

    /// Passes `count` characters.
    pub(super) fn skip_many(&mut self, count: usize) {
        for _ in 0..count {
            self.skip();
        }
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.skip();
        }
    }

    /// Passes a comment, if one begins here, up to the end of the line.
    pub(super) fn skip_comment(&mut self) {
        if self.byte(0) == b'#' {
            while !self.is_breakz(0) {
                self.skip();
            }
        }
    }

    /// Passes one line break, if there is one.
    pub(super) fn skip_line(&mut self) {
        if self.starts_with("\r\n") {
            self.offset += 2;
            self.at.index += 2;
        } else if self.is_break(0) {
            self.offset += self.width();
            self.at.index += 1;
        } else {
            return;
        }
        self.at.line += 1;
        self.at.column = 0;
    }

    /// Passes one character and keeps it.
    pub(super) fn read(&mut self, out: &mut String) {
        let width = self.width();
        out.push_str(&self.text[self.offset..self.offset + width]);
        self.skip();
    }

    /// Passes one line break and keeps it: as LF, but LS and PS stay what they are.
    pub(super) fn read_line(&mut self, out: &mut String) {
        if !self.is_break(0) {
            return;
        }
        if self.byte(0) == 0xE2 {
            out.push_str(&self.text[self.offset..self.offset + 3]);
        } else {
            out.push('\n');
        }
        self.skip_line();
    }

    /// The text so far passed since `start`, a byte offset given by [`Reader::offset`].
    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.offset]
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    fn width(&self) -> usize {
        match self.byte(0) {
            _ if self.is_end() => 0,
            0x00..=0x7F => 1,
            0x80..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
        }
    }
}

fn is_allowed(c: char) -> bool {
    matches!(c,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}'
        | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}
