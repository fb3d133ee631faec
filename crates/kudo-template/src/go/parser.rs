//! Tokens to the tree.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::lexer::{Kind, Token, tokens};
use super::literal::Number;
use super::node::{Arm, Branch, Choice, Command, Node, Operand, OperandKind, Pipeline, Template};
use super::place::Place;
use crate::error::{RenderError, RenderErrorKind};
use crate::format::{quote, unquote};
use crate::functions;
use crate::value::Text;

/// Parses a template. `max_depth` bounds the nesting of actions and parentheses.
pub(crate) fn parse(name: &str, text: &str, max_depth: usize) -> Result<Template, RenderError> {
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
    };
    match parser.file(name) {
        Ok(root) => Ok(Template {
            name: name.to_owned(),
            text: text.to_owned(),
            root,
            defined: parser.defined,
        }),
        Err(error) => {
            let place = Place::of(text, error.position);
            Err(RenderError {
                kind: error.kind,
                template: name.to_owned(),
                line: place.line,
                column: place.column,
                expression: None,
                message: error.message,
                nearest: error.nearest,
            })
        }
    }
}

/// What is wrong with the text, and where.
struct ParseError {
    kind: RenderErrorKind,
    position: usize,
    message: String,
    nearest: Option<String>,
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

    // Pipelines.

    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipeline> {
        self.skip_space();
        let mut pipeline = Pipeline {
            position: self.peek().position,
            assigns: false,
            variables: Vec::new(),
            commands: Vec::new(),
        };
        self.declarations(context, &mut pipeline)?;
        loop {
            self.skip_space();
            match self.peek().kind {
                kind if kind == end => {
                    self.next += 1;
                    self.check(&pipeline, context)?;
                    return Ok(pipeline);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => pipeline.commands.push(self.command()?),
                _ => {
                    let token = self.take();
                    return Err(self.unexpected(&token, context));
                }
            }
        }
    }

    /// Reads `$x :=`, `$x =` and, in a range, `$i, $x :=`.
    fn declarations(&mut self, context: &str, pipeline: &mut Pipeline) -> Parsed<()> {
        while self.peek_word() == Kind::Variable {
            let start = self.next;
            let variable = self.take();
            self.skip_space();
            match (self.peek().kind, self.peek().text.as_str()) {
                (kind @ (Kind::Assign | Kind::Declare), _) => {
                    self.next += 1;
                    pipeline.assigns = kind == Kind::Assign;
                    self.declare(variable.text, pipeline);
                    return Ok(());
                }
                (Kind::Char, ",") => {
                    self.next += 1;
                    self.declare(variable.text, pipeline);
                    if context != "range" || pipeline.variables.len() >= 2 {
                        return Err(self.error(format!("too many declarations in {context}")));
                    }
                    let next = self.peek_word();
                    if !matches!(next, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                        return Err(self.error("range can only initialize variables"));
                    }
                }
                _ => {
                    self.next = start;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn declare(&mut self, name: String, pipeline: &mut Pipeline) {
        pipeline.variables.push(name.clone());
        self.variables.push(name);
    }

    fn check(&self, pipeline: &Pipeline, context: &str) -> Parsed<()> {
        if pipeline.commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        for (index, command) in pipeline.commands.iter().enumerate().skip(1) {
            let first = command.operands.first().map(|operand| &operand.kind);
            if matches!(
                first,
                Some(
                    OperandKind::Bool(_)
                        | OperandKind::Dot
                        | OperandKind::Nil
                        | OperandKind::Number(_)
                        | OperandKind::Text { .. }
                )
            ) {
                return Err(self.error(format!(
                    "non executable command in pipeline stage {}",
                    index + 1
                )));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut operands = Vec::new();
        loop {
            self.skip_space();
            operands.extend(self.operand()?);
            let token = self.take();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelim | Kind::RightParen => {
                    self.next -= 1;
                    break;
                }
                Kind::Pipe => break,
                _ => return Err(self.unexpected(&token, "operand")),
            }
        }
        if operands.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(Command { operands })
    }

    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(mut operand) = self.term()? else {
            return Ok(None);
        };
        if self.peek().kind != Kind::Field {
            return Ok(Some(operand));
        }
        let position = self.peek().position;
        let mut chain = Vec::new();
        while self.peek().kind == Kind::Field {
            chain.push(self.take().text[1..].to_owned());
        }
        match &mut operand.kind {
            OperandKind::Field(fields) | OperandKind::Variable { fields, .. } => {
                fields.append(&mut chain);
                operand.position = position;
            }
            OperandKind::Bool(_)
            | OperandKind::Text { .. }
            | OperandKind::Number(_)
            | OperandKind::Nil
            | OperandKind::Dot => {
                let term = quote(operand.to_string().as_bytes(), false);
                return Err(self.error(format!("unexpected . after term {term}")));
            }
            OperandKind::Function(_) | OperandKind::Pipeline(_) | OperandKind::Chain { .. } => {
                operand = Operand {
                    position,
                    kind: OperandKind::Chain {
                        base: Box::new(operand),
                        fields: chain,
                    },
                };
            }
        }
        Ok(Some(operand))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        self.skip_space();
        let start = self.next;
        let token = self.take();
        let number = |number: Result<Number, String>| match number {
            Ok(number) => Ok(OperandKind::Number(number)),
            Err(message) => Err(error_at(token.position, message)),
        };
        let kind = match token.kind {
            Kind::Identifier => OperandKind::Function(function(&token)?),
            Kind::Dot => OperandKind::Dot,
            Kind::Nil => OperandKind::Nil,
            Kind::Variable => {
                if !self.variables.contains(&token.text) {
                    let mut error = error_at(
                        token.position,
                        format!("undefined variable {:?}", token.text),
                    );
                    error.nearest = nearest(&token.text, self.variables.iter().map(String::as_str));
                    return Err(error);
                }
                OperandKind::Variable {
                    name: token.text.clone(),
                    fields: Vec::new(),
                }
            }
            Kind::Field => OperandKind::Field(vec![token.text[1..].to_owned()]),
            Kind::Bool => OperandKind::Bool(token.text == "true"),
            Kind::CharConstant => number(Number::from_char(&token.text))?,
            Kind::Complex => number(Number::from_complex(&token.text))?,
            Kind::Number => number(Number::from_text(&token.text))?,
            Kind::LeftParen => OperandKind::Pipeline(
                self.deeper(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?,
            ),
            Kind::String | Kind::RawString => OperandKind::Text {
                value: Text::from(unquoted(&token)?),
                source: token.text.clone(),
            },
            _ => {
                self.next = start;
                return Ok(None);
            }
        };
        Ok(Some(Operand {
            position: token.position,
            kind,
        }))
    }
}

fn unquoted(token: &Token) -> Parsed<Vec<u8>> {
    unquote(&token.text).ok_or_else(|| error_at(token.position, "invalid syntax"))
}

fn function(token: &Token) -> Parsed<&'static functions::Function> {
    functions::find(&token.text).ok_or_else(|| {
        let name = quote(token.text.as_bytes(), false);
        let mut error = error_at(token.position, format!("function {name} not defined"));
        error.nearest = nearest(&token.text, functions::names());
        error
    })
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    kudo_package::suggest::nearest(name, known).map(str::to_owned)
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
