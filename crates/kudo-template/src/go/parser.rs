//! Tokens to the tree.

mod pipelines;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::lexer::{Kind, Token, tokens};
use super::node::{Arm, Branch, Choice, Node, Template, undefined_template};
use super::place::Place;
use crate::error::{RenderError, RenderErrorKind, Unparsed};
use crate::format::{quote, unquote};
use crate::value::Text;

/// Parses a template. `max_depth` bounds the nesting of actions and parentheses.
///
/// Functions and variables that there are not do not stop the reading: all of them are told.
pub(crate) fn parse(name: &str, text: &str, max_depth: usize) -> Result<Template, Box<Unparsed>> {
    let mut parser = Parser {
        text,
        tokens: tokens(text),
        next: 0,
        max_depth,
        depth: 0,
        variables: vec!["$".to_owned()],
        ranges: 0,
        action: None,
        defined: HashMap::new(),
        undefined: Vec::new(),
        calls: Vec::new(),
    };
    let root = parser.file(name);
    let mut undefined = parser.undefined;
    if root.is_ok() {
        undefined.extend(undefined_calls(&parser.calls, &parser.defined));
        undefined.sort_by_key(|error| error.position);
    }
    let told = undefined.into_iter().map(|error| error.told(name, text));
    let undefined = told.collect();
    match root {
        Ok(root) => Ok(Template {
            name: name.to_owned(),
            text: text.to_owned(),
            root,
            defined: parser.defined,
            undefined,
        }),
        Err(error) => Err(Box::new(Unparsed {
            undefined,
            syntax: error.told(name, text),
        })),
    }
}

/// The calls of templates that are defined nowhere.
fn undefined_calls(
    calls: &[(usize, String)],
    defined: &HashMap<String, Arc<[Node]>>,
) -> impl Iterator<Item = ParseError> {
    let undefined = calls.iter().filter(|(_, name)| !defined.contains_key(name));
    undefined.map(|(position, name)| {
        let (message, nearest) = undefined_template(name, defined);
        ParseError {
            kind: RenderErrorKind::Exec,
            position: *position,
            message,
            nearest,
        }
    })
}

/// What is wrong with the text, and where.
struct ParseError {
    kind: RenderErrorKind,
    position: usize,
    message: String,
    nearest: Option<String>,
}

impl ParseError {
    /// The error of the template with this name and text.
    fn told(self, name: &str, text: &str) -> RenderError {
        let place = Place::of(text, self.position);
        RenderError {
            kind: self.kind,
            template: name.to_owned(),
            line: place.line,
            column: place.column,
            expression: None,
            message: self.message,
            nearest: self.nearest,
        }
    }
}

/// How a list of nodes ended.
enum Ending {
    End,
    Else,
    /// `else if`: the `if` is still to be read.
    ElseIf,
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    max_depth: usize,
    depth: usize,
    /// Variables that are known at this point.
    variables: Vec<String>,
    /// How many `range` there are around this point.
    ranges: usize,
    /// Where the action being read began.
    action: Option<usize>,
    defined: HashMap<String, Arc<[Node]>>,
    /// Functions and variables that there are not.
    undefined: Vec<ParseError>,
    /// Where templates are called, and their names.
    calls: Vec<(usize, String)>,
}

type Parsed<T> = Result<T, ParseError>;

impl Parser<'_> {
    // Tokens.

    fn peek(&self) -> &Token {
        // The list ends with Eof or Error, and neither is ever passed.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        if !matches!(token.kind, Kind::Eof | Kind::Error) {
            self.next += 1;
        }
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
    }

    fn take_word(&mut self) -> Token {
        self.skip_space();
        self.take()
    }

    fn peek_word(&mut self) -> Kind {
        self.skip_space();
        self.peek().kind
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token> {
        let token = self.take_word();
        if token.kind == kind {
            Ok(token)
        } else {
            Err(self.unexpected(&token, context))
        }
    }

    // Errors.

    fn error(&self, message: impl Into<String>) -> ParseError {
        let last = self.next.saturating_sub(1).min(self.tokens.len() - 1);
        error_at(self.tokens[last].position, message)
    }

    fn unexpected(&self, token: &Token, context: &str) -> ParseError {
        if token.kind == Kind::Error {
            let mut message = token.text.clone();
            let line = |position| Place::of(self.text, position).line;
            if let Some(action) = self.action.filter(|at| line(*at) != line(token.position)) {
                let started = format!(" in action started at line {}", line(action));
                let skip = if message.ends_with(" action") {
                    " in action".len()
                } else {
                    0
                };
                message.push_str(&started[skip..]);
            }
            return error_at(token.position, message);
        }
        error_at(
            token.position,
            format!("unexpected {} in {context}", describe(token)),
        )
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > self.max_depth {
            let mut error = self.error(format!("nested more than {} levels deep", self.max_depth));
            error.kind = RenderErrorKind::Limit;
            return Err(error);
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    // Lists of nodes.

    fn file(&mut self, name: &str) -> Parsed<Arc<[Node]>> {
        let mut nodes = Vec::new();
        loop {
            let start = self.next;
            match self.peek().kind {
                Kind::Eof => break,
                Kind::LeftDelim => {
                    self.action = Some(self.peek().position);
                    self.next += 1;
                    if self.peek_word() == Kind::Define {
                        self.next += 1;
                        self.definition()?;
                        continue;
                    }
                    self.next = start;
                }
                _ => {}
            }
            match self.text_or_action()? {
                Ok(node) => nodes.extend(node),
                Err(Ending::End) => return Err(self.error("unexpected {{end}}")),
                Err(Ending::Else | Ending::ElseIf) => {
                    return Err(self.error("unexpected {{else}}"));
                }
            }
        }
        let root: Arc<[Node]> = nodes.into();
        self.add(name.to_owned(), Arc::clone(&root))?;
        Ok(root)
    }

    /// Adds a defined template; one that is empty does not replace another.
    fn add(&mut self, name: String, nodes: Arc<[Node]>) -> Parsed<()> {
        match self.defined.get(&name) {
            Some(existing) if !is_blank(existing) => {
                if !is_blank(&nodes) {
                    return Err(self.error(format!(
                        "multiple definition of template {}",
                        quote(name.as_bytes(), false)
                    )));
                }
            }
            _ => {
                self.defined.insert(name, nodes);
            }
        }
        Ok(())
    }

    fn definition(&mut self) -> Parsed<()> {
        let context = "define clause";
        let token = self.take_word();
        let name = self.template_name(&token, context)?;
        self.expect(Kind::RightDelim, context)?;
        self.named_list(name, context)
    }

    /// Parses a template's own list, which sees no variables and no loop of its surroundings.
    fn named_list(&mut self, name: String, context: &str) -> Parsed<()> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (nodes, ending) = self.list()?;
        self.variables = variables;
        self.ranges = ranges;
        if !matches!(ending, Ending::End) {
            return Err(self.error(format!("unexpected {{{{else}}}} in {context}")));
        }
        self.add(name, nodes.into())
    }

    /// Parses nodes up to `end` or `else`.
    fn list(&mut self) -> Parsed<(Vec<Node>, Ending)> {
        let opened = self.action;
        let mut nodes = Vec::new();
        while self.peek_word() != Kind::Eof {
            match self.text_or_action()? {
                Ok(node) => nodes.extend(node),
                Err(ending) => return Ok((nodes, ending)),
            }
        }
        let mut message = "unexpected EOF".to_owned();
        if let Some(opened) = opened {
            let line = Place::of(self.text, opened).line;
            let _ = write!(message, ": the action at line {line} has no {{{{end}}}}");
        }
        Err(error_at(self.peek().position, message))
    }

    fn text_or_action(&mut self) -> Parsed<Result<Option<Node>, Ending>> {
        let token = self.take_word();
        match token.kind {
            Kind::Text => Ok(Ok(Some(Node::Text(Text::from(token.text))))),
            Kind::LeftDelim => {
                self.action = Some(token.position);
                let node = self.action();
                if matches!(node, Ok(Ok(_) | Err(Ending::End))) {
                    self.action = None;
                }
                node
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    // Actions.

    fn action(&mut self) -> Parsed<Result<Option<Node>, Ending>> {
        let kind = self.peek_word();
        let start = self.next;
        self.next += 1;
        let node = match kind {
            Kind::Block => self.deeper(Self::block)?,
            Kind::Break => self.jump(Node::Break, "{{break}}")?,
            Kind::Continue => self.jump(Node::Continue, "{{continue}}")?,
            Kind::Else => {
                if self.peek_word() == Kind::If {
                    return Ok(Err(Ending::ElseIf));
                }
                self.expect(Kind::RightDelim, "else")?;
                return Ok(Err(Ending::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Err(Ending::End));
            }
            Kind::If => Node::If(self.control(Self::choice)?),
            Kind::Range => Node::Range(self.control(|parser| parser.branch("range"))?),
            Kind::Template => self.template()?,
            Kind::With => Node::With(self.control(|parser| parser.branch("with"))?),
            _ => {
                self.next = start;
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        };
        Ok(Ok(Some(node)))
    }

    fn jump(&mut self, node: Node, context: &str) -> Parsed<Node> {
        self.expect(Kind::RightDelim, context)?;
        if self.ranges == 0 {
            return Err(self.error(format!("{context} outside {{{{range}}}}")));
        }
        Ok(node)
    }

    /// Parses a control structure, whose variables end with it.
    fn control<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<Box<T>> {
        self.deeper(|parser| {
            let variables = parser.variables.len();
            let parsed = parse(parser)?;
            parser.variables.truncate(variables);
            Ok(Box::new(parsed))
        })
    }

    /// Parses `if` with all its `else if` and the `else`.
    fn choice(&mut self) -> Parsed<Choice> {
        let mut arms = Vec::new();
        loop {
            let condition = self.pipeline("if", Kind::RightDelim)?;
            let (body, ending) = self.list()?;
            arms.push(Arm { condition, body });
            let otherwise = match ending {
                Ending::ElseIf => {
                    self.next += 1;
                    continue;
                }
                Ending::End => Vec::new(),
                Ending::Else => self.last_list()?,
            };
            return Ok(Choice { arms, otherwise });
        }
    }

    /// Parses `with` or `range`, which have no `else if`.
    fn branch(&mut self, context: &str) -> Parsed<Branch> {
        let pipeline = self.pipeline(context, Kind::RightDelim)?;
        let in_range = usize::from(context == "range");
        self.ranges += in_range;
        let (body, ending) = self.list()?;
        self.ranges -= in_range;
        let otherwise = match ending {
            Ending::End => Vec::new(),
            Ending::Else => self.last_list()?,
            Ending::ElseIf => {
                let token = self.peek().clone();
                return Err(self.unexpected(&token, "input"));
            }
        };
        Ok(Branch {
            pipeline,
            body,
            otherwise,
        })
    }

    /// Parses what follows `else`, which only `end` may end.
    fn last_list(&mut self) -> Parsed<Vec<Node>> {
        match self.list()? {
            (nodes, Ending::End) => Ok(nodes),
            _ => Err(self.error("expected end; found {{else}}")),
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        let context = "block clause";
        let token = self.take_word();
        let name = self.template_name(&token, context)?;
        let pipeline = self.pipeline(context, Kind::RightDelim)?;
        self.named_list(name.clone(), context)?;
        Ok(Node::Call {
            position: token.position,
            name,
            argument: Some(pipeline),
        })
    }

    fn template(&mut self) -> Parsed<Node> {
        let context = "template clause";
        let token = self.take_word();
        let name = self.template_name(&token, context)?;
        self.calls.push((token.position, name.clone()));
        let argument = if self.peek_word() == Kind::RightDelim {
            self.next += 1;
            None
        } else {
            Some(self.pipeline(context, Kind::RightDelim)?)
        };
        Ok(Node::Call {
            position: token.position,
            name,
            argument,
        })
    }

    fn template_name(&mut self, token: &Token, context: &str) -> Parsed<String> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(token, context));
        }
        let name = unquoted(token)?;
        Ok(Text::from(name).to_str().into_owned())
    }
}

fn unquoted(token: &Token) -> Parsed<Vec<u8>> {
    unquote(&token.text).ok_or_else(|| error_at(token.position, "invalid syntax"))
}

fn error_at(position: usize, message: impl Into<String>) -> ParseError {
    ParseError {
        kind: RenderErrorKind::Parse,
        position,
        message: message.into(),
        nearest: None,
    }
}

/// Whether nodes are nothing but space.
fn is_blank(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| match node {
        Node::Text(text) => text.to_str().trim().is_empty(),
        _ => false,
    })
}

/// A token as errors name it.
fn describe(token: &Token) -> String {
    match token.kind {
        Kind::Eof => "EOF".to_owned(),
        Kind::Block
        | Kind::Break
        | Kind::Continue
        | Kind::Dot
        | Kind::Define
        | Kind::Else
        | Kind::End
        | Kind::If
        | Kind::Nil
        | Kind::Range
        | Kind::Template
        | Kind::With => format!("<{}>", token.text),
        _ => {
            let short: String = token.text.chars().take(10).collect();
            let dots = if short.len() < token.text.len() {
                "..."
            } else {
                ""
            };
            format!("{}{dots}", quote(short.as_bytes(), false))
        }
    }
}
