//! What a text's characters allow: quoting styles, escapes, and the order of keys.

use serde_json::{Map, Value};

use super::emit::is_break;

/// How a string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// What stands in the way of the simpler styles.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each style is allowed or not on its own"
)]
pub(super) struct TextTraits {
    pub(super) multiline: bool,
    plain_allowed: bool,
    single_quoted_allowed: bool,
    literal_allowed: bool,
}

impl TextTraits {
    pub(super) fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let multiline = chars.iter().copied().any(is_break);
        let special = chars.iter().any(|c| !is_printable(*c));
        let is_outer = |c: Option<&char>| c.is_some_and(|c| *c == ' ' || is_break(*c));
        let padded = is_outer(chars.first()) || is_outer(chars.last());
        let break_space = chars
            .windows(2)
            .any(|pair| is_break(pair[0]) && pair[1] == ' ');
        let space_break = chars
            .windows(2)
            .any(|pair| pair[0] == ' ' && is_break(pair[1]));
        let plain_text = !has_indicators(&chars) && !multiline && !padded;
        Self {
            multiline,
            plain_allowed: plain_text && !special,
            single_quoted_allowed: !break_space && !space_break && !special,
            literal_allowed: !text.is_empty() && !text.ends_with(' ') && !space_break && !special,
        }
    }

    /// The preferred style, or the next one that the text allows.
    pub(super) fn style(&self, preferred: Style, simple_key: bool) -> Style {
        let mut style = preferred;
        if simple_key && self.multiline {
            style = Style::DoubleQuoted;
        }
        if style == Style::Plain && !self.plain_allowed {
            style = Style::SingleQuoted;
        }
        if style == Style::SingleQuoted && !self.single_quoted_allowed {
            style = Style::DoubleQuoted;
        }
        if style == Style::Literal && (simple_key || !self.literal_allowed) {
            style = Style::DoubleQuoted;
        }
        style
    }
}

/// Whether a character at its place would be taken for syntax outside quotes.
fn has_indicators(chars: &[char]) -> bool {
    if chars.starts_with(&['-', '-', '-']) || chars.starts_with(&['.', '.', '.']) {
        return true;
    }
    chars.iter().enumerate().any(|(index, c)| {
        let before_blank = chars.get(index + 1).is_none_or(|c| matches!(c, ' ' | '\t'));
        let after_blank = index > 0
            && (matches!(chars[index - 1], ' ' | '\t' | '\0') || is_break(chars[index - 1]));
        match c {
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
            | '`' => index == 0,
            '#' => index == 0 || after_blank,
            '?' | '-' => index == 0 && before_blank,
            ':' => before_blank,
            _ => false,
        }
    })
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && c != '\u{feff}'
}

/// Escapes a text for double quotes.
///
/// Go looks for a byte order mark at the start of the text, whichever character it is at, and so
/// escapes every character of such a text.
pub(super) fn escape(text: &str) -> String {
    let escape_all = text.starts_with('\u{feff}');
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) && !is_break(c) && !matches!(c, '"' | '\\') && !escape_all {
            escaped.push(c);
            continue;
        }
        escaped.push('\\');
        match c {
            '\0' => escaped.push('0'),
            '\x07' => escaped.push('a'),
            '\x08' => escaped.push('b'),
            '\t' => escaped.push('t'),
            '\n' => escaped.push('n'),
            '\x0b' => escaped.push('v'),
            '\x0c' => escaped.push('f'),
            '\r' => escaped.push('r'),
            '\x1b' => escaped.push('e'),
            '"' | '\\' => escaped.push(c),
            '\u{85}' => escaped.push('N'),
            '\u{a0}' => escaped.push('_'),
            '\u{2028}' => escaped.push('L'),
            '\u{2029}' => escaped.push('P'),
            '\0'..='\u{ff}' => push_hex(&mut escaped, 'x', 2, c),
            '\u{100}'..='\u{ffff}' => push_hex(&mut escaped, 'u', 4, c),
            _ => push_hex(&mut escaped, 'U', 8, c),
        }
    }
    escaped
}

fn push_hex(escaped: &mut String, kind: char, digits: u32, c: char) {
    escaped.push(kind);
    let code = u32::from(c);
    escaped.extend(
        (0..digits)
            .rev()
            .filter_map(|digit| char::from_digit((code >> (4 * digit)) & 0xF, 16))
            .map(|digit| digit.to_ascii_uppercase()),
    );
}

/// The entries of a map in the order in which Go's `yaml.v2` writes them: numbers within keys by
/// their value, letters after everything else.
pub(super) fn natural_order(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut ordered: Vec<(Vec<char>, &String, &Value)> = Vec::with_capacity(map.len());
    for (key, value) in map {
        let chars: Vec<char> = key.chars().collect();
        // The order is not total for odd keys, which the sorting of the standard library may not
        // be given.
        let index = ordered.partition_point(|(other, ..)| is_before(other, &chars));
        ordered.insert(index, (chars, key, value));
    }
    ordered
        .into_iter()
        .map(|(_, key, value)| (key, value))
        .collect()
}

fn is_before(a: &[char], b: &[char]) -> bool {
    let Some(index) = a.iter().zip(b).position(|(a, b)| a != b) else {
        return a.len() < b.len();
    };
    let (first, second) = (a[index], b[index]);
    match (first.is_alphabetic(), second.is_alphabetic()) {
        (true, true) => return first < second,
        (false, true) => return true,
        (true, false) => return false,
        (false, false) => {}
    }
    // A zero within a number that has begun with another digit counts as a digit of it.
    let mut lead = 0;
    if first == '0' || second == '0' {
        let digits = a[..index].iter().rev().take_while(|c| c.is_ascii_digit());
        lead = i64::from(digits.into_iter().any(|c| *c != '0'));
    }
    let (first_number, first_length) = number_at(a, index, lead);
    let (second_number, second_length) = number_at(b, index, lead);
    if first_number != second_number {
        return first_number < second_number;
    }
    if first_length != second_length {
        return first_length < second_length;
    }
    first < second
}

fn number_at(chars: &[char], index: usize, lead: i64) -> (i64, usize) {
    let digits = chars[index..].iter().map_while(|c| c.to_digit(10));
    digits.fold((lead, 0), |(number, length), digit| {
        (
            number.wrapping_mul(10).wrapping_add(i64::from(digit)),
            length + 1,
        )
    })
}
