//! Values to text, byte for byte as Go's `yaml.v2` (2.3) writes them: block style, keys in natural
//! order, lists at the column of their key, long lines left alone.
//!
//! With one exception: a key `<<` gets quotes, without which it would be read as a merge.

use serde_json::{Map, Number, Value};

use super::float::shortest;
use super::resolve::is_plain_string;
use super::text::{Style, TextTraits, escape, natural_order};

const INDENT: isize = 2;
/// Bytes up to which a key stands on the line of its value.
const MAX_SIMPLE_KEY: usize = 128;

pub(super) fn to_string(value: &Value) -> String {
    let mut emitter = Emitter {
        out: String::new(),
        column: 0,
        indent: -1,
        after_whitespace: true,
        in_indentation: true,
    };
    emitter.node(value, Place::Root);
    emitter.write_indent();
    emitter.out
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    SequenceItem,
    /// A key that stands on the line of its value.
    SimpleKey,
    /// A key after `?`, or a value.
    MappingPart,
}

struct Emitter {
    out: String,
    column: isize,
    indent: isize,
    /// Whether the last character was white space.
    after_whitespace: bool,
    /// Whether nothing but indentation and `-`, `?`, `:` stand on this line.
    in_indentation: bool,
}

impl Emitter {
    fn node(&mut self, value: &Value, place: Place) {
        match value {
            Value::Null => self.plain("null"),
            Value::Bool(bool) => self.plain(if *bool { "true" } else { "false" }),
            Value::Number(number) => self.plain(&number_text(number)),
            Value::String(text) => self.string(text, place),
            Value::Array(items) => self.sequence(items, place),
            Value::Object(map) => self.mapping(map),
        }
    }

    fn sequence(&mut self, items: &[Value], place: Place) {
        if items.is_empty() {
            return self.empty_collection("[", "]");
        }
        let outer = self.indent;
        self.increase_indent(0, place == Place::MappingPart && !self.in_indentation);
        for item in items {
            self.write_indent();
            self.indicator("-", true, true);
            self.node(item, Place::SequenceItem);
        }
        self.indent = outer;
    }

    fn mapping(&mut self, map: &Map<String, Value>) {
        if map.is_empty() {
            return self.empty_collection("{", "}");
        }
        let outer = self.indent;
        self.increase_indent(0, false);
        for (key, value) in natural_order(map) {
            self.write_indent();
            if key.len() <= MAX_SIMPLE_KEY && !TextTraits::of(key).multiline {
                self.string(key, Place::SimpleKey);
                self.indicator(":", false, false);
            } else {
                self.indicator("?", true, true);
                self.string(key, Place::MappingPart);
                self.write_indent();
                self.indicator(":", true, true);
            }
            self.node(value, Place::MappingPart);
        }
        self.indent = outer;
    }

    fn empty_collection(&mut self, open: &str, close: &str) {
        self.indicator(open, true, false);
        self.indicator(close, false, false);
    }

    fn string(&mut self, text: &str, place: Place) {
        let preferred = if text.contains('\n') {
            Style::Literal
        } else if is_plain_string(text) && !(text == "<<" && place == Place::SimpleKey) {
            Style::Plain
        } else {
            Style::DoubleQuoted
        };
        let outer = self.indent;
        self.increase_indent(INDENT, false);
        match TextTraits::of(text).style(preferred, place == Place::SimpleKey) {
            Style::Plain => self.plain(text),
            Style::SingleQuoted => self.single_quoted(text),
            Style::DoubleQuoted => self.double_quoted(text),
            Style::Literal => self.literal(text),
        }
        self.indent = outer;
    }

    fn plain(&mut self, text: &str) {
        if !self.after_whitespace {
            self.put(' ');
        }
        text.chars().for_each(|c| self.put(c));
        self.after_whitespace = false;
        self.in_indentation = false;
    }

    /// Only line breaks of which YAML is not sure (LS, PS) can occur here, never LF.
    fn single_quoted(&mut self, text: &str) {
        self.indicator("'", true, false);
        let mut after_break = false;
        for c in text.chars() {
            if is_break(c) {
                self.put_break(c);
                self.in_indentation = true;
                after_break = true;
                continue;
            }
            if after_break && c != ' ' {
                self.write_indent();
            }
            if c == '\'' {
                self.put('\'');
            }
            self.put(c);
            self.in_indentation = false;
            after_break = false;
        }
        self.indicator("'", false, false);
    }

    fn double_quoted(&mut self, text: &str) {
        self.indicator("\"", true, false);
        escape(text).chars().for_each(|c| self.put(c));
        self.indicator("\"", false, false);
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.indicator("2", false, false);
        }
        let mut from_end = text.chars().rev();
        match (from_end.next().map(is_break), from_end.next().map(is_break)) {
            (Some(true), None | Some(true)) => self.indicator("+", false, false),
            (Some(true), _) => {}
            _ => self.indicator("-", false, false),
        }
        self.put_break('\n');
        self.in_indentation = true;
        self.after_whitespace = true;
        let mut after_break = true;
        for c in text.chars() {
            if is_break(c) {
                self.put_break(c);
                self.in_indentation = true;
                after_break = true;
                continue;
            }
            if after_break {
                self.write_indent();
            }
            self.put(c);
            self.in_indentation = false;
            after_break = false;
        }
    }

    fn increase_indent(&mut self, first: isize, indentless: bool) {
        if self.indent < 0 {
            self.indent = first;
        } else if !indentless {
            self.indent += INDENT;
        }
    }

    /// Goes to the current indentation, on a new line unless this one is still empty enough.
    fn write_indent(&mut self) {
        let indent = self.indent.max(0);
        let behind = self.column > indent || (self.column == indent && !self.after_whitespace);
        if !self.in_indentation || behind {
            self.put_break('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.after_whitespace = true;
        self.in_indentation = true;
    }

    fn indicator(&mut self, text: &str, needs_whitespace: bool, is_indentation: bool) {
        if needs_whitespace && !self.after_whitespace {
            self.put(' ');
        }
        text.chars().for_each(|c| self.put(c));
        self.after_whitespace = false;
        self.in_indentation &= is_indentation;
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }
}

pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

pub(super) fn number_text(number: &Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    match number.as_f64() {
        Some(float) => shortest(&format!("{float:e}")),
        None => number.to_string(),
    }
}
