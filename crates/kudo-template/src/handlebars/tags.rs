//! Template text to text and tags.

use super::parser::ParseError;

/// What a tag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Comment,
    /// `{{x}}`, `{{{x}}}` and `{{&x}}` are the same: nothing is escaped.
    Output,
    /// `{{#x}}`
    Open,
    /// `{{^x}}`
    OpenInverse,
    /// `{{#*x}}`
    OpenDecorator,
    /// `{{#>x}}`
    OpenPartial,
    /// `{{else}}` or `{{^}}`; the content is what follows `else`.
    Else,
    /// `{{/x}}`
    Close,
    /// `{{>x}}`
    Partial,
    /// `{{*x}}`
    Decorator,
}

/// A piece of a template.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Tag(Tag<'a>),
}

/// A tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag<'a> {
    pub(super) kind: Kind,
    /// Where the tag begins.
    pub(super) position: usize,
    /// What stands between the delimiters, without the sign of its kind.
    pub(super) content: &'a str,
    /// Where the content begins.
    pub(super) content_position: usize,
    /// `~` on the left and right.
    pub(super) trims: (bool, bool),
}

/// Splits a template into text and tags.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, ParseError> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut from = 0;
    while let Some(offset) = text[from..].find("{{") {
        let at = from + offset;
        let before = &text[start..at];
        let slashes = before
            .bytes()
            .rev()
            .take_while(|byte| *byte == b'\\')
            .count();
        if slashes == 1 {
            // \{{ is text: the braces and all up to the next tag.
            pieces.push(Piece::Text(&text[start..at - 1]));
            start = at;
            from = at + 2;
            continue;
        }
        // \\{{ is a backslash and a tag.
        let kept = if slashes > 1 { at - 1 } else { at };
        pieces.push(Piece::Text(&text[start..kept]));
        let end = if text[at..].starts_with("{{{{") {
            raw_block(text, at, &mut pieces)?
        } else {
            let (tag, end) = tag(text, at)?;
            pieces.push(Piece::Tag(tag));
            end
        };
        start = end;
        from = end;
    }
    pieces.push(Piece::Text(&text[start..]));
    Ok(pieces)
}

/// Reads `{{{{name}}}} … {{{{/name}}}}`: what is between is text.
fn raw_block<'a>(
    text: &'a str,
    at: usize,
    pieces: &mut Vec<Piece<'a>>,
) -> Result<usize, ParseError> {
    let unclosed = || ParseError::new(at, "raw block is not closed");
    let open_end = text[at..].find("}}}}").ok_or_else(unclosed)? + at;
    let name = text[at + 4..open_end]
        .split_whitespace()
        .next()
        .unwrap_or("");
    let close = format!("{{{{{{{{/{name}}}}}}}}}");
    let body = open_end + 4;
    let body_end = text[body..].find(&close).ok_or_else(unclosed)? + body;
    pieces.push(Piece::Text(&text[body..body_end]));
    Ok(body_end + close.len())
}

/// Reads the tag at a place, and gives where it ends.
fn tag(text: &str, at: usize) -> Result<(Tag<'_>, usize), ParseError> {
    let mut position = at + 2;
    let triple = text[position..].starts_with('{');
    position += usize::from(triple);
    let left = text[position..].starts_with('~');
    position += usize::from(left);
    if !triple && text[position..].starts_with('!') {
        return comment(text, at, position + 1, left);
    }
    let close = if triple { "}}}" } else { "}}" };
    let end =
        closing(text, position, close).ok_or_else(|| ParseError::new(at, "tag is not closed"))?;
    let mut content = &text[position..end];
    let right = content.ends_with('~');
    content = content.strip_suffix('~').unwrap_or(content);
    let kind = if triple {
        Kind::Output
    } else {
        let (kind, sign) = kind(content);
        content = &content[sign..];
        position += sign;
        kind
    };
    let tag = Tag {
        kind,
        position: at,
        content,
        content_position: position,
        trims: (left, right),
    };
    Ok((tag, end + close.len()))
}

fn comment(
    text: &str,
    at: usize,
    position: usize,
    left: bool,
) -> Result<(Tag<'_>, usize), ParseError> {
    let rest = &text[position..];
    let ends: &[&str] = if rest.starts_with("--") {
        &["--}}", "--~}}"]
    } else {
        &["}}"]
    };
    let found = ends
        .iter()
        .filter_map(|end| Some((rest.find(end)?, end.len())));
    let Some((length, end_length)) = found.min() else {
        return Err(ParseError::new(at, "comment is not closed"));
    };
    let content = &rest[..length];
    let right = rest[..length + end_length].ends_with("~}}");
    let tag = Tag {
        kind: Kind::Comment,
        position: at,
        content,
        content_position: position,
        trims: (left, right),
    };
    Ok((tag, position + length + end_length))
}

/// Where the closing delimiter stands, past strings and segments in brackets.
fn closing(text: &str, from: usize, close: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (offset, c) in text[from..].char_indices() {
        if let Some(end) = quote {
            if escaped {
                escaped = false;
            } else if c == '\\' && end != ']' {
                escaped = true;
            } else if c == end {
                quote = None;
            }
            continue;
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '[' => quote = Some(']'),
            '}' if text[from + offset..].starts_with(close) => return Some(from + offset),
            _ => {}
        }
    }
    None
}

/// The kind of a tag by its first sign, and the length of the sign.
fn kind(content: &str) -> (Kind, usize) {
    let blanks = content.len() - content.trim_start().len();
    let body = &content[blanks..];
    let signs = [
        ("#*", Kind::OpenDecorator),
        ("#>", Kind::OpenPartial),
        ("#", Kind::Open),
        ("/", Kind::Close),
        (">", Kind::Partial),
        ("*", Kind::Decorator),
        ("&", Kind::Output),
    ];
    for (sign, kind) in signs {
        if body.starts_with(sign) {
            return (kind, blanks + sign.len());
        }
    }
    if let Some(rest) = body.strip_prefix('^') {
        let kind = if rest.trim().is_empty() {
            Kind::Else
        } else {
            Kind::OpenInverse
        };
        return (kind, blanks + 1);
    }
    match body.strip_prefix("else") {
        Some(rest) if rest.is_empty() || rest.starts_with(char::is_whitespace) => {
            (Kind::Else, blanks + 4)
        }
        _ => (Kind::Output, 0),
    }
}
