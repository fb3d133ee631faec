//! What stands within actions: pipelines, commands and operands.

use super::{Parsed, Parser, error_at, unquoted};
use crate::format::quote;
use crate::functions::{self, Function};
use crate::go::lexer::{Kind, Token};
use crate::go::literal::Number;
use crate::go::node::{Command, Operand, OperandKind, Pipeline};
use crate::value::Text;

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipeline> {
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
            Kind::Identifier => OperandKind::Function(self.function(&token)),
            Kind::Dot => OperandKind::Dot,
            Kind::Nil => OperandKind::Nil,
            Kind::Variable => {
                if !self.variables.contains(&token.text) {
                    let mut error = error_at(
                        token.position,
                        format!("undefined variable {:?}", token.text),
                    );
                    error.nearest = nearest(&token.text, self.variables.iter().map(String::as_str));
                    self.undefined.push(error);
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

    fn function(&mut self, token: &Token) -> &'static Function {
        functions::find(&token.text).unwrap_or_else(|| {
            let name = quote(token.text.as_bytes(), false);
            let mut error = error_at(token.position, format!("function {name} not defined"));
            error.nearest = nearest(&token.text, functions::names());
            self.undefined.push(error);
            &functions::UNDEFINED
        })
    }
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    kudo_package::suggest::nearest(name, known).map(str::to_owned)
}
