//! Regular expressions of Go to those of the `regex` crate.
//!
//! Both descend from RE2 and agree on most things. They differ in what `\d`, `\s`, `\w` and `\b`
//! mean (ASCII in Go), in the syntax of character classes, and in what is an error: everything of
//! that kind is written out here, so that the crate sees only what both understand alike.

use std::fmt::Write as _;

/// Greatest repeat count, also of nested repeats together.
const MAX_REPEAT: u32 = 1000;
/// Greatest nesting of groups.
const MAX_NESTING: usize = 100;

/// Translates an expression, or tells what Go would find wrong with it.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut translator = Translator {
        pattern,
        rest: pattern,
        out: String::with_capacity(pattern.len() + 16),
        groups: Vec::new(),
        last: Last::Nothing,
    };
    translator
        .run()
        .map_err(|error| format!("error parsing regexp: {}: `{}`", error.0, error.1))?;
    Ok(translator.out)
}

/// What is wrong, and the part of the expression that is.
struct SyntaxError(&'static str, String);

/// What stands before a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    /// Something that may be repeated; it holds repeats that together come to this count.
    Item(u32),
    /// A repetition.
    Repeat(u32),
}

struct Translator<'a> {
    pattern: &'a str,
    rest: &'a str,
    out: String,
    /// For each open group: the greatest repeat count in it so far.
    groups: Vec<u32>,
    last: Last,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), SyntaxError> {
        let mut most = 1;
        while let Some(c) = self.rest.chars().next() {
            self.step(c)?;
            if let (Last::Item(count) | Last::Repeat(count), Some(group)) =
                (self.last, self.groups.last_mut())
            {
                *group = (*group).max(count);
            }
            if let Last::Item(count) | Last::Repeat(count) = self.last {
                most = most.max(count);
            }
        }
        if self.groups.is_empty() {
            Ok(())
        } else {
            Err(SyntaxError("missing closing )", self.pattern.to_owned()))
        }
    }

    fn skip(&mut self, length: usize) {
        self.rest = &self.rest[length..];
    }

    fn item(&mut self, text: &str) {
        self.out.push_str(text);
        self.last = Last::Item(1);
    }

    fn literal(&mut self, c: char) {
        self.out
            .push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        self.last = Last::Item(1);
    }

    fn step(&mut self, c: char) -> Result<(), SyntaxError> {
        match c {
            '(' => self.open(),
            ')' => self.close(),
            '|' => {
                self.skip(1);
                self.out.push('|');
                self.last = Last::Nothing;
                Ok(())
            }
            '[' => {
                let class = self.class()?;
                self.item(&class);
                Ok(())
            }
            '.' | '^' | '$' => {
                self.skip(1);
                self.item(c.encode_utf8(&mut [0; 4]));
                Ok(())
            }
            '*' | '+' | '?' => {
                let operator = &self.rest[..1];
                self.skip(1);
                self.repeat(operator, operator, 1)
            }
            '{' => {
                if let Some((length, counts)) = counts(self.rest) {
                    self.counted(length, counts)
                } else {
                    self.skip(1);
                    self.literal('{');
                    Ok(())
                }
            }
            '\\' => self.escape(),
            _ => {
                self.skip(c.len_utf8());
                self.literal(c);
                Ok(())
            }
        }
    }

    fn open(&mut self) -> Result<(), SyntaxError> {
        if self.groups.len() >= MAX_NESTING {
            return Err(SyntaxError(
                "expression nests too deeply",
                self.pattern.to_owned(),
            ));
        }
        let Some(flags) = self.rest.strip_prefix("(?") else {
            self.skip(1);
            self.out.push('(');
            self.groups.push(1);
            self.last = Last::Nothing;
            return Ok(());
        };
        if flags.starts_with("P<") {
            let Some(end) = flags.find('>') else {
                return Err(SyntaxError("invalid named capture", self.rest.to_owned()));
            };
            let name = &flags[2..end];
            let group = &self.rest[..end + 3];
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(word) {
                return Err(SyntaxError("invalid named capture", group.to_owned()));
            }
            if name.starts_with(|c: char| c.is_ascii_digit()) {
                // The crate does not allow such a name; groups have numbers as well.
                self.out.push('(');
            } else {
                self.out.push_str(group);
            }
            self.skip(end + 3);
            self.groups.push(1);
            self.last = Last::Nothing;
            return Ok(());
        }
        self.flags(flags)
    }

    /// Translates `(?flags)` and `(?flags:`.
    fn flags(&mut self, flags: &str) -> Result<(), SyntaxError> {
        let end = flags.find([')', ':']);
        let Some(end) = end else {
            return Err(SyntaxError(
                "missing argument to repetition operator",
                "?".to_owned(),
            ));
        };
        let names = &flags[..end];
        let (on, off) = names.split_once('-').unwrap_or((names, ""));
        let known = |flags: &str| flags.chars().all(|c| matches!(c, 'i' | 'm' | 's' | 'U'));
        let empty_off = names.contains('-') && off.is_empty();
        let bare = names.is_empty() && flags.as_bytes().get(end) == Some(&b')');
        let whole = &self.rest[..end + 3];
        if !known(on) || !known(off) || empty_off || bare {
            return Err(SyntaxError(
                "invalid or unsupported Perl syntax",
                whole.to_owned(),
            ));
        }
        self.out.push_str(whole);
        if whole.ends_with(':') {
            self.groups.push(1);
        }
        self.last = Last::Nothing;
        self.skip(whole.len());
        Ok(())
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        let Some(count) = self.groups.pop() else {
            return Err(SyntaxError("unexpected )", self.pattern.to_owned()));
        };
        self.skip(1);
        self.out.push(')');
        self.last = Last::Item(count);
        Ok(())
    }

    fn counted(
        &mut self,
        length: usize,
        (least, most): (u32, Option<u32>),
    ) -> Result<(), SyntaxError> {
        let operator = &self.rest[..length];
        if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
            return Err(SyntaxError("invalid repeat count", operator.to_owned()));
        }
        self.skip(length);
        self.repeat(operator, operator, most.unwrap_or(least).max(1))
    }

    fn repeat(&mut self, operator: &str, shown: &str, count: u32) -> Result<(), SyntaxError> {
        let inner = match self.last {
            Last::Nothing => {
                return Err(SyntaxError(
                    "missing argument to repetition operator",
                    shown.to_owned(),
                ));
            }
            Last::Repeat(_) => {
                return Err(SyntaxError(
                    "invalid nested repetition operator",
                    shown.to_owned(),
                ));
            }
            Last::Item(inner) => inner,
        };
        let total = inner.saturating_mul(count);
        if total > MAX_REPEAT {
            return Err(SyntaxError("invalid repeat count", shown.to_owned()));
        }
        self.out.push_str(operator);
        if self.rest.starts_with('?') {
            self.skip(1);
            self.out.push('?');
        }
        self.last = Last::Repeat(total);
        Ok(())
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        let Some(c) = self.rest[1..].chars().next() else {
            return Err(SyntaxError(
                "trailing backslash at end of expression",
                String::new(),
            ));
        };
        let plain = match c {
            'A' => r"\A",
            'z' => r"\z",
            'b' => r"(?-u:\b)",
            'B' => r"(?-u:\B)",
            'Q' => {
                let quoted = &self.rest[2..];
                let end = quoted.find(r"\E").unwrap_or(quoted.len());
                for c in quoted[..end].chars() {
                    self.literal(c);
                }
                self.rest = quoted[end..].strip_prefix(r"\E").unwrap_or("");
                return Ok(());
            }
            'E' => {
                // An end without a beginning is passed over.
                self.skip(2);
                return Ok(());
            }
            _ => {
                let mut class = Class::default();
                if self.class_escape(&mut class)? {
                    self.item(&class.finish(false));
                } else {
                    let (c, length) = single_escape(self.rest)?;
                    self.skip(length);
                    self.literal(c);
                }
                return Ok(());
            }
        };
        self.skip(2);
        self.item(plain);
        Ok(())
    }

    /// Reads `\d`, `\pL` and the like into a class; false if none stands here.
    fn class_escape(&mut self, class: &mut Class) -> Result<bool, SyntaxError> {
        let mut chars = self.rest.chars();
        let (Some('\\'), Some(c)) = (chars.next(), chars.next()) else {
            return Ok(false);
        };
        if let Some((ranges, negated)) = perl_class(c) {
            class.add(ranges, negated);
            self.skip(2);
            return Ok(true);
        }
        if !matches!(c, 'p' | 'P') {
            return Ok(false);
        }
        let after = &self.rest[2..];
        let invalid = |shown: &str| SyntaxError("invalid character class range", shown.to_owned());
        let (name, length) = if let Some(braced) = after.strip_prefix('{') {
            let end = braced.find('}').ok_or_else(|| invalid(self.rest))?;
            (&braced[..end], end + 2)
        } else {
            let first = after.chars().next().ok_or_else(|| invalid(self.rest))?;
            (&after[..first.len_utf8()], first.len_utf8())
        };
        let (name, inverted) = match name.strip_prefix('^') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let known = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
        if !known {
            return Err(invalid(&self.rest[..2 + length]));
        }
        let letter = if (c == 'P') == inverted { 'p' } else { 'P' };
        let _ = write!(class.items, "\\{letter}{{{name}}}");
        self.skip(2 + length);
        Ok(true)
    }

    fn class(&mut self) -> Result<String, SyntaxError> {
        let whole = self.rest;
        let missing = || SyntaxError("missing closing ]", whole.to_owned());
        self.skip(1);
        let negated = self.rest.starts_with('^');
        if negated {
            self.skip(1);
        }
        let mut class = Class::default();
        let mut first = true;
        loop {
            let c = self.rest.chars().next().ok_or_else(missing)?;
            if c == ']' && !first {
                self.skip(1);
                return Ok(class.finish(negated));
            }
            first = false;
            if self.rest.starts_with("[:")
                && let Some(end) = self.rest.find(":]")
            {
                let name = &self.rest[2..end];
                let (name, inverted) = match name.strip_prefix('^') {
                    Some(name) => (name, true),
                    None => (name, false),
                };
                let Some(ranges) = posix_class(name) else {
                    let shown = self.rest[..end + 2].to_owned();
                    return Err(SyntaxError("invalid character class range", shown));
                };
                class.add(ranges, inverted);
                self.skip(end + 2);
                continue;
            }
            if self.class_escape(&mut class)? {
                continue;
            }
            self.class_range(&mut class, whole)?;
        }
    }

    fn class_range(&mut self, class: &mut Class, whole: &str) -> Result<(), SyntaxError> {
        let before = self.rest;
        let low = self.class_char(whole)?;
        let mut high = low;
        let mut after = self.rest.chars();
        if after.next() == Some('-') && !matches!(after.next(), None | Some(']')) {
            self.skip(1);
            high = self.class_char(whole)?;
            if high < low {
                let shown = &before[..before.len() - self.rest.len()];
                return Err(SyntaxError(
                    "invalid character class range",
                    shown.to_owned(),
                ));
            }
        }
        class.add(&[(low, high)], false);
        Ok(())
    }

    fn class_char(&mut self, whole: &str) -> Result<char, SyntaxError> {
        let Some(c) = self.rest.chars().next() else {
            return Err(SyntaxError("missing closing ]", whole.to_owned()));
        };
        let (c, length) = if c == '\\' {
            single_escape(self.rest)?
        } else {
            (c, c.len_utf8())
        };
        self.skip(length);
        Ok(c)
    }
}

/// A character class in the crate's syntax.
#[derive(Default)]
struct Class {
    items: String,
}

impl Class {
    fn add(&mut self, ranges: &[(char, char)], negated: bool) {
        if negated {
            self.items.push_str("[^");
        }
        for (low, high) in ranges {
            let _ = write!(
                self.items,
                "\\x{{{:x}}}-\\x{{{:x}}}",
                u32::from(*low),
                u32::from(*high)
            );
        }
        if negated {
            self.items.push(']');
        }
    }

    fn finish(&self, negated: bool) -> String {
        format!("[{}{}]", if negated { "^" } else { "" }, self.items)
    }
}

const DIGIT: &[(char, char)] = &[('0', '9')];
const SPACE: &[(char, char)] = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

fn perl_class(c: char) -> Option<(&'static [(char, char)], bool)> {
    Some(match c {
        'd' => (DIGIT, false),
        'D' => (DIGIT, true),
        's' => (SPACE, false),
        'S' => (SPACE, true),
        'w' => (WORD, false),
        'W' => (WORD, true),
        _ => return None,
    })
}

fn posix_class(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => DIGIT,
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => WORD,
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}

/// Reads an escape that stands for one character, and gives its length.
fn single_escape(text: &str) -> Result<(char, usize), SyntaxError> {
    let invalid = |length: usize| {
        let shown = text.get(..length).unwrap_or(text);
        SyntaxError("invalid escape sequence", shown.to_owned())
    };
    let Some(c) = text[1..].chars().next() else {
        return Err(SyntaxError(
            "trailing backslash at end of expression",
            String::new(),
        ));
    };
    let rest = &text[1 + c.len_utf8()..];
    let octal = |digits: &str| {
        let length = digits
            .bytes()
            .take(3)
            .take_while(|b| (b'0'..=b'7').contains(b))
            .count();
        let code = u32::from_str_radix(&digits[..length], 8).unwrap_or(0);
        (char::from_u32(code).unwrap_or('\0'), 1 + length)
    };
    match c {
        '1'..='7' if !rest.starts_with(|c: char| ('0'..='7').contains(&c)) => Err(invalid(2)),
        '0'..='7' => Ok(octal(&text[1..])),
        'a' => Ok(('\x07', 2)),
        'f' => Ok(('\x0c', 2)),
        'n' => Ok(('\n', 2)),
        'r' => Ok(('\r', 2)),
        't' => Ok(('\t', 2)),
        'v' => Ok(('\x0b', 2)),
        'x' => {
            let (digits, length) = match rest.strip_prefix('{') {
                Some(braced) => {
                    let end = braced.find('}').ok_or_else(|| invalid(text.len()))?;
                    (&braced[..end], end + 4)
                }
                None => (rest.get(..2).ok_or_else(|| invalid(text.len()))?, 4),
            };
            let code = u32::from_str_radix(digits, 16).map_err(|_| invalid(length))?;
            Ok((char::from_u32(code).ok_or_else(|| invalid(length))?, length))
        }
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok((c, 2)),
        c => Err(invalid(1 + c.len_utf8())),
    }
}

/// Reads `{n}`, `{n,}` or `{n,m}`; none if it is not one and the brace stands for itself.
fn counts(text: &str) -> Option<(usize, (u32, Option<u32>))> {
    let end = text.find('}')?;
    let body = &text[1..end];
    let number = |digits: &str| -> Option<u32> {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        (plain && !leading_zero).then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let range = match body.split_once(',') {
        None => {
            let count = number(body)?;
            (count, Some(count))
        }
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    Some((end + 1, range))
}
