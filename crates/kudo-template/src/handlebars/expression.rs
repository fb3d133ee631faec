//! The content of tags to expressions.

use super::node::{Expression, ExpressionKind, Literal, Path, Root};
use super::parser::ParseError;
use crate::value::Text;

/// Everything that a tag can hold.
#[derive(Debug)]
pub(super) struct Content {
    /// The words, the first of which may be a helper.
    pub(super) words: Vec<Expression>,
    pub(super) named: Vec<(String, Expression)>,
    /// Names in `as |a b|`.
    pub(super) params: Vec<String>,
}

/// Reads the content of a tag, which begins at `position` of the template.
pub(super) fn content(
    text: &str,
    position: usize,
    max_depth: usize,
) -> Result<Content, ParseError> {
    let mut reader = Reader {
        text,
        at: 0,
        position,
        depth: 0,
        max_depth,
    };
    let (words, named) = reader.words()?;
    let params = reader.block_params()?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.error(format!("unexpected {:?}", reader.rest())));
    }
    Ok(Content {
        words,
        named,
        params,
    })
}

impl Content {
    /// The words as one expression: a value, or a helper with its arguments.
    pub(super) fn expression(self, position: usize) -> Result<Expression, ParseError> {
        call(self.words, self.named, position)
    }
}

type Named = Vec<(String, Expression)>;

fn call(
    mut words: Vec<Expression>,
    named: Named,
    position: usize,
) -> Result<Expression, ParseError> {
    if words.is_empty() {
        return Err(ParseError::new(position, "expected an expression"));
    }
    let first = words.remove(0);
    if words.is_empty() && named.is_empty() {
        return Ok(first);
    }
    match first.kind {
        ExpressionKind::Path(name) => Ok(Expression {
            position: first.position,
            kind: ExpressionKind::Call {
                name,
                arguments: words,
                named,
            },
        }),
        _ => Err(ParseError::new(
            first.position,
            format!("{first} is not a helper and takes no arguments"),
        )),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    position: usize,
    depth: usize,
    max_depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(self.position + self.at, message)
    }

    /// Reads words and named arguments up to `)`, `as |` or the end.
    fn words(&mut self) -> Result<(Vec<Expression>, Named), ParseError> {
        let mut words = Vec::new();
        let mut named = Vec::new();
        loop {
            self.skip_space();
            if matches!(self.peek(), None | Some(')')) || self.at_block_params() {
                return Ok((words, named));
            }
            if let Some(key) = self.key() {
                named.push((key, self.word()?));
            } else if named.is_empty() {
                words.push(self.word()?);
            } else {
                return Err(self.error("named arguments must come last"));
            }
        }
    }

    fn at_block_params(&self) -> bool {
        let rest = self.rest().strip_prefix("as");
        rest.is_some_and(|rest| {
            rest.starts_with(char::is_whitespace) && rest.trim_start().starts_with('|')
        })
    }

    fn block_params(&mut self) -> Result<Vec<String>, ParseError> {
        if !self.at_block_params() {
            return Ok(Vec::new());
        }
        let start = self.at + self.rest().find('|').unwrap_or(0) + 1;
        let Some(length) = self.text[start..].find('|') else {
            return Err(self.error("block parameters are not closed"));
        };
        let names = self.text[start..start + length].split_whitespace();
        let names = names.map(str::to_owned).collect();
        self.at = start + length + 1;
        Ok(names)
    }

    /// Reads `key=` if it stands here.
    fn key(&mut self) -> Option<String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !is_name(c))?;
        let after = rest[end..].trim_start();
        if end == 0 || !after.starts_with('=') {
            return None;
        }
        let key = rest[..end].to_owned();
        self.at = self.text.len() - after.len() + 1;
        self.skip_space();
        Some(key)
    }

    fn word(&mut self) -> Result<Expression, ParseError> {
        let position = self.position + self.at;
        let kind = match self.peek() {
            Some('(') => return self.parenthesized(),
            Some(quote @ ('"' | '\'')) => ExpressionKind::Literal(self.string(quote)?),
            _ => {
                let start = self.at;
                let path = self.path()?;
                let written = &self.text[start..self.at];
                match literal(written) {
                    Some(literal) => ExpressionKind::Literal(literal),
                    None => ExpressionKind::Path(path.ok_or_else(|| {
                        ParseError::new(position, format!("unexpected {:?}", self.rest()))
                    })?),
                }
            }
        };
        Ok(Expression { position, kind })
    }

    fn parenthesized(&mut self) -> Result<Expression, ParseError> {
        let position = self.position + self.at;
        self.depth += 1;
        if self.depth > self.max_depth {
            return Err(ParseError::limit(
                position,
                format!("nested more than {} levels deep", self.max_depth),
            ));
        }
        self.at += 1;
        let (words, named) = self.words()?;
        if self.peek() != Some(')') {
            return Err(ParseError::new(position, "unclosed parenthesis"));
        }
        self.at += 1;
        self.depth -= 1;
        let inner = call(words, named, position)?;
        // A name alone in parentheses is a helper without arguments.
        let kind = match inner.kind {
            ExpressionKind::Path(name) if name.simple_name().is_some() => ExpressionKind::Call {
                name,
                arguments: Vec::new(),
                named: Vec::new(),
            },
            other => other,
        };
        Ok(Expression { position, kind })
    }

    fn string(&mut self, quote: char) -> Result<Literal, ParseError> {
        let mut text = String::new();
        let mut chars = self.rest()[1..].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at += offset + 2;
                    return Ok(Literal::Text(Text::from(text)));
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some(c @ ('\\' | '"' | '\'' | '/')) => text.push(c),
                    Some(c) => {
                        text.push('\\');
                        text.push(c);
                    }
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(self.error("string is not closed"))
    }

    /// Reads a path; none if nothing that could be one stands here.
    fn path(&mut self) -> Result<Option<Path>, ParseError> {
        let start = self.at;
        let mut path = Path {
            root: Root::Context,
            up: 0,
            segments: Vec::new(),
            source: String::new(),
        };
        if self.peek() == Some('@') {
            path.root = Root::Data;
            self.at += 1;
        }
        loop {
            let rest = self.rest();
            if let Some(after) = rest.strip_prefix("..") {
                if !path.segments.is_empty() {
                    return Err(self.error("../ must come first in a path"));
                }
                path.up += 1;
                self.at += 2;
                if !after.starts_with('/') {
                    break;
                }
            } else if rest.starts_with('.') && path.segments.is_empty() {
                path.root = Root::This;
                self.at += 1;
                if !self.rest().starts_with('/') {
                    break;
                }
            } else if let Some(literal) = rest.strip_prefix('[') {
                let Some(end) = literal.find(']') else {
                    return Err(self.error("segment is not closed"));
                };
                path.segments.push(literal[..end].to_owned());
                self.at += end + 2;
            } else {
                let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
                if end == 0 {
                    break;
                }
                let name = &rest[..end];
                if name == "this" && path.segments.is_empty() && path.root != Root::Data {
                    path.root = Root::This;
                } else {
                    path.segments.push(name.to_owned());
                }
                self.at += end;
            }
            if !matches!(self.peek(), Some('.' | '/')) {
                break;
            }
            self.at += 1;
        }
        self.text[start..self.at].clone_into(&mut path.source);
        Ok((self.at > start).then_some(path))
    }
}

/// Characters of names in paths.
fn is_name(c: char) -> bool {
    !c.is_whitespace() && !r##"!"#%&'()*+,./;<=>@[\]^`{|}~"##.contains(c)
}

fn literal(written: &str) -> Option<Literal> {
    match written {
        "true" => return Some(Literal::Bool(true)),
        "false" => return Some(Literal::Bool(false)),
        "null" | "undefined" => return Some(Literal::Nil),
        _ => {}
    }
    let digits = written.strip_prefix('-').unwrap_or(written);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Ok(int) = written.parse() {
        return Some(Literal::Int(int));
    }
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    written.parse().ok().filter(|_| plain).map(Literal::Float)
}
