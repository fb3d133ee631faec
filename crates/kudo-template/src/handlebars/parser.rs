//! Tags to the tree.

use super::expression::{Content, content};
use super::node::{Block, Expression, ExpressionKind, Literal, Node, Partial, Template};
use super::tags::{Kind, Tag, pieces};
use super::whitespace::{Trimmed, trim};
use crate::error::{RenderError, RenderErrorKind};
use crate::go::Place;
use crate::value::Text;

/// Parses a template. `max_depth` bounds the nesting of blocks and parentheses.
pub(crate) fn parse(name: &str, text: &str, max_depth: usize) -> Result<Template, RenderError> {
    parse_nodes(text, max_depth)
        .map(|nodes| Template {
            name: name.to_owned(),
            text: text.to_owned(),
            nodes,
        })
        .map_err(|error| {
            let place = Place::of(text, error.position);
            RenderError {
                kind: error.kind,
                template: name.to_owned(),
                line: place.line,
                column: place.column,
                expression: None,
                message: error.message,
                nearest: None,
            }
        })
}

/// What is wrong with the text, and where.
#[derive(Debug)]
pub(super) struct ParseError {
    kind: RenderErrorKind,
    position: usize,
    message: String,
}

impl ParseError {
    pub(super) fn new(position: usize, message: impl Into<String>) -> Self {
        Self {
            kind: RenderErrorKind::Parse,
            position,
            message: message.into(),
        }
    }

    pub(super) fn limit(position: usize, message: impl Into<String>) -> Self {
        Self {
            kind: RenderErrorKind::Limit,
            ..Self::new(position, message)
        }
    }
}

type Parsed<T> = Result<T, ParseError>;

fn parse_nodes(text: &str, max_depth: usize) -> Parsed<Vec<Node>> {
    let pieces = pieces(text)?;
    let mut parser = Parser {
        pieces: trim(&pieces),
        next: 0,
        depth: 0,
        max_depth,
    };
    let (nodes, end) = parser.list()?;
    match end {
        None => Ok(nodes),
        Some(tag) => Err(ParseError::new(
            tag.position,
            match tag.kind {
                Kind::Close => format!("{{{{/{}}}}} closes nothing", tag.content.trim()),
                _ => "{{else}} outside a block".to_owned(),
            },
        )),
    }
}

struct Parser<'a> {
    pieces: Vec<Trimmed<'a>>,
    next: usize,
    depth: usize,
    max_depth: usize,
}

impl<'a> Parser<'a> {
    /// Parses up to a tag that ends a list of nodes, which is given as well.
    fn list(&mut self) -> Parsed<(Vec<Node>, Option<Tag<'a>>)> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.get(self.next) {
            self.next += 1;
            let (tag, indent) = match piece {
                Trimmed::Text(text) => {
                    if !text.is_empty() {
                        nodes.push(Node::Text(Text::from(*text)));
                    }
                    continue;
                }
                Trimmed::Tag { tag, indent } => (*tag, *indent),
            };
            match tag.kind {
                Kind::Comment => {}
                Kind::Output => nodes.push(Node::Output(self.expression(tag)?)),
                Kind::Open => nodes.push(Node::Block(self.block(tag, false)?)),
                Kind::OpenInverse => nodes.push(Node::Block(self.block(tag, true)?)),
                Kind::OpenDecorator => nodes.push(self.inline(tag)?),
                Kind::Partial => nodes.push(Node::Partial(self.partial(tag, indent)?)),
                Kind::Else | Kind::Close => return Ok((nodes, Some(tag))),
                Kind::OpenPartial => {
                    return Err(ParseError::new(
                        tag.position,
                        "partial blocks are not supported",
                    ));
                }
                Kind::Decorator => {
                    return Err(ParseError::new(
                        tag.position,
                        "decorators are not supported",
                    ));
                }
            }
        }
        Ok((nodes, None))
    }

    fn content(&self, tag: Tag<'_>) -> Parsed<Content> {
        content(tag.content, tag.content_position, self.max_depth)
    }

    fn expression(&self, tag: Tag<'_>) -> Parsed<Expression> {
        let content = self.content(tag)?;
        if !content.params.is_empty() {
            return Err(ParseError::new(
                tag.position,
                "only blocks have block parameters",
            ));
        }
        content.expression(tag.position)
    }

    fn deeper(&mut self, tag: Tag<'_>) -> Parsed<()> {
        self.depth += 1;
        if self.depth > self.max_depth {
            let message = format!("nested more than {} levels deep", self.max_depth);
            return Err(ParseError::limit(tag.position, message));
        }
        Ok(())
    }

    /// Parses `{{#helper}}`, or `{{^value}}` with the parts of its body exchanged.
    fn block(&mut self, tag: Tag<'a>, inverse: bool) -> Parsed<Block> {
        self.deeper(tag)?;
        let mut content = self.content(tag)?;
        let params = std::mem::take(&mut content.params);
        let call = content.expression(tag.position)?;
        let name = block_name(&call).to_owned();
        let (body, end) = self.list()?;
        let (otherwise, end) = match end {
            Some(end) if end.kind == Kind::Else => self.otherwise(end)?,
            end => (Vec::new(), end),
        };
        let Some(end) = end else {
            let message = format!("{{{{#{name}}}}} is not closed");
            return Err(ParseError::new(tag.position, message));
        };
        let closed = end.content.trim();
        if end.kind != Kind::Close || closed != name {
            let message = match end.kind {
                Kind::Close => format!("{{{{/{closed}}}}} closes {{{{#{name}}}}}"),
                _ => "a second {{else}} in a block".to_owned(),
            };
            return Err(ParseError::new(end.position, message));
        }
        self.depth -= 1;
        let (body, otherwise) = if inverse {
            (otherwise, body)
        } else {
            (body, otherwise)
        };
        Ok(Block {
            position: tag.position,
            call,
            params,
            body,
            otherwise,
        })
    }

    /// Parses what follows `{{else}}`; for `{{else if …}}` a block that the same tag closes.
    fn otherwise(&mut self, tag: Tag<'a>) -> Parsed<(Vec<Node>, Option<Tag<'a>>)> {
        if tag.content.trim().is_empty() {
            return self.list();
        }
        self.deeper(tag)?;
        let mut content = self.content(tag)?;
        let params = std::mem::take(&mut content.params);
        let call = content.expression(tag.position)?;
        let (body, end) = self.list()?;
        let (otherwise, end) = match end {
            Some(end) if end.kind == Kind::Else => self.otherwise(end)?,
            end => (Vec::new(), end),
        };
        self.depth -= 1;
        let block = Block {
            position: tag.position,
            call,
            params,
            body,
            otherwise,
        };
        Ok((vec![Node::Block(block)], end))
    }

    /// Parses `{{#*inline "name"}}`.
    fn inline(&mut self, tag: Tag<'a>) -> Parsed<Node> {
        self.deeper(tag)?;
        let call = self.expression(tag)?;
        let name = match &call.kind {
            ExpressionKind::Call {
                name, arguments, ..
            } if name.simple_name() == Some("inline") => inline_name(arguments),
            _ => None,
        };
        let Some(name) = name else {
            let message = "only {{#*inline \"name\"}} can be used of decorators";
            return Err(ParseError::new(tag.position, message));
        };
        let (nodes, end) = self.list()?;
        if !end.is_some_and(|end| end.kind == Kind::Close && end.content.trim() == "inline") {
            return Err(ParseError::new(tag.position, "{{#*inline}} is not closed"));
        }
        self.depth -= 1;
        Ok(Node::Inline { name, nodes })
    }

    fn partial(&mut self, tag: Tag<'a>, indent: &str) -> Parsed<Partial> {
        let Content { words, named, .. } = self.content(tag)?;
        let mut words = words.into_iter();
        let Some(name) = words.next() else {
            return Err(ParseError::new(
                tag.position,
                "expected the name of a partial",
            ));
        };
        let context = words.next();
        if let Some(extra) = words.next() {
            return Err(ParseError::new(
                extra.position,
                "a partial takes one context",
            ));
        }
        Ok(Partial {
            position: tag.position,
            name,
            context,
            named,
            indent: indent.to_owned(),
        })
    }
}

fn inline_name(arguments: &[Expression]) -> Option<String> {
    match arguments {
        [
            Expression {
                kind: ExpressionKind::Literal(Literal::Text(name)),
                ..
            },
        ] => Some(name.to_str().into_owned()),
        _ => None,
    }
}

/// What the closing tag of a block must repeat.
fn block_name(call: &Expression) -> &str {
    match &call.kind {
        ExpressionKind::Path(path) | ExpressionKind::Call { name: path, .. } => &path.source,
        ExpressionKind::Literal(_) => "",
    }
}
