//! Template text to tokens.

/// Kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text can't be tokenized from here; the token's text is the message.
    Error,
    Bool,
    /// A printable ASCII character that is none of the others: grab bag for comma and so on.
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    /// An alphanumeric identifier starting with `.`.
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    /// A run of spaces separating arguments.
    Space,
    String,
    /// Plain text outside actions.
    Text,
    /// `$` or `$name`.
    Variable,
    Block,
    Break,
    Continue,
    /// The cursor, spelled `.`.
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// First byte in the text.
    pub(super) position: usize,
    pub(super) text: String,
}

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const LEFT_COMMENT: &str = "/*";
const RIGHT_COMMENT: &str = "*/";
/// `-` and the space before or after it.
const TRIM_LENGTH: usize = 2;

/// Splits a template into tokens. The last one is [`Kind::Eof`] or [`Kind::Error`].
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        input: text,
        start: 0,
        position: 0,
        parens: 0,
        tokens: Vec::new(),
    };
    if let Err(message) = lexer.run() {
        lexer.tokens.push(Token {
            kind: Kind::Error,
            position: lexer.start,
            text: message,
        });
    }
    lexer.tokens
}

struct Lexer<'a> {
    input: &'a str,
    /// Where the token being read begins.
    start: usize,
    /// What is read next.
    position: usize,
    parens: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), String> {
        while self.text() {
            if self.left_delim()? {
                while self.inside_action()? {}
            }
        }
        Ok(())
    }

    fn rest(&self) -> &str {
        &self.input[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.position += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let found = self.peek().is_some_and(wanted);
        if found {
            self.next();
        }
        found
    }

    fn accept_run(&mut self, wanted: impl Fn(char) -> bool) {
        while self.accept(&wanted) {}
    }

    fn emit(&mut self, kind: Kind) {
        self.tokens.push(Token {
            kind,
            position: self.start,
            text: self.input[self.start..self.position].to_owned(),
        });
        self.start = self.position;
    }

    fn ignore(&mut self) {
        self.start = self.position;
    }

    /// Reads text up to an action; false at the end of the input.
    fn text(&mut self) -> bool {
        let Some(offset) = self.rest().find(LEFT) else {
            self.position = self.input.len();
            if self.position > self.start {
                self.emit(Kind::Text);
            }
            self.emit(Kind::Eof);
            return false;
        };
        let delim = self.position + offset;
        let mut end = delim;
        if has_left_trim(&self.input[delim + LEFT.len()..]) {
            end = self.start
                + self.input[self.start..delim]
                    .trim_end_matches(is_space)
                    .len();
        }
        self.position = end;
        if self.position > self.start {
            self.emit(Kind::Text);
        }
        self.position = delim;
        self.ignore();
        true
    }

    /// Reads the left delimiter; false if it begins a comment, which is skipped.
    fn left_delim(&mut self) -> Result<bool, String> {
        self.position += LEFT.len();
        let after = if has_left_trim(self.rest()) {
            TRIM_LENGTH
        } else {
            0
        };
        if self.rest()[after..].starts_with(LEFT_COMMENT) {
            self.position += after;
            self.ignore();
            self.comment()?;
            return Ok(false);
        }
        self.emit(Kind::LeftDelim);
        self.position += after;
        self.ignore();
        self.parens = 0;
        Ok(true)
    }

    fn comment(&mut self) -> Result<(), String> {
        self.position += LEFT_COMMENT.len();
        let Some(offset) = self.rest().find(RIGHT_COMMENT) else {
            return Err("unclosed comment".to_owned());
        };
        self.position += offset + RIGHT_COMMENT.len();
        let Some(trim) = self.at_right_delim() else {
            return Err("comment ends before closing delimiter".to_owned());
        };
        self.skip_right_delim(trim);
        self.ignore();
        Ok(())
    }

    /// Whether a right delimiter stands here, and if so whether it trims.
    fn at_right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_trim(rest) && rest[TRIM_LENGTH..].starts_with(RIGHT) {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn skip_right_delim(&mut self, trim: bool) {
        if trim {
            self.position += TRIM_LENGTH;
        }
        self.position += RIGHT.len();
        if trim {
            self.accept_run(is_space);
        }
    }

    fn right_delim(&mut self, trim: bool) {
        if trim {
            self.position += TRIM_LENGTH;
            self.ignore();
        }
        self.position += RIGHT.len();
        self.emit(Kind::RightDelim);
        if trim {
            self.accept_run(is_space);
            self.ignore();
        }
    }

    /// Reads one token of an action; false when the action is over.
    fn inside_action(&mut self) -> Result<bool, String> {
        if let Some(trim) = self.at_right_delim() {
            if self.parens > 0 {
                return Err("unclosed left paren".to_owned());
            }
            self.right_delim(trim);
            return Ok(false);
        }
        let Some(c) = self.next() else {
            return Err("unclosed action".to_owned());
        };
        match c {
            c if is_space(c) => self.space(),
            '=' => self.emit(Kind::Assign),
            ':' => {
                if self.next() != Some('=') {
                    return Err("expected :=".to_owned());
                }
                self.emit(Kind::Declare);
            }
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string")?,
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant")?,
            '`' => {
                self.accept_run(|c| c != '`');
                if self.next().is_none() {
                    return Err("unterminated raw quoted string".to_owned());
                }
                self.emit(Kind::RawString);
            }
            '$' => self.field_or_variable(Kind::Variable)?,
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                self.field_or_variable(Kind::Field)?;
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.position = self.start;
                self.number()?;
            }
            c if is_alphanumeric(c) => self.identifier()?,
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen);
            }
            ')' => {
                if self.parens == 0 {
                    return Err(format!("unexpected right paren {}", code_point(c)));
                }
                self.parens -= 1;
                self.emit(Kind::RightParen);
            }
            ' '..='~' => self.emit(Kind::Char),
            c => {
                return Err(format!(
                    "unrecognized character in action: {}",
                    code_point(c)
                ));
            }
        }
        Ok(true)
    }

    /// Reads a run of spaces, the first of which is read; leaves the one that begins ` -}}`.
    fn space(&mut self) {
        self.accept_run(is_space);
        let before = &self.input[self.position - 1..];
        if has_right_trim(before) && before[TRIM_LENGTH..].starts_with(RIGHT) {
            self.position -= 1;
            if self.position == self.start {
                return;
            }
        }
        self.emit(Kind::Space);
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Result<(), String> {
        loop {
            let escaped = match self.next() {
                Some('\\') => true,
                Some(c) if c == quote => break,
                Some('\n') | None => return Err(unterminated.to_owned()),
                Some(_) => false,
            };
            if escaped && matches!(self.next(), Some('\n') | None) {
                return Err(unterminated.to_owned());
            }
        }
        self.emit(kind);
        Ok(())
    }

    fn identifier(&mut self) -> Result<(), String> {
        self.accept_run(is_alphanumeric);
        self.check_terminator()?;
        let kind = match &self.input[self.start..self.position] {
            "block" => Kind::Block,
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "define" => Kind::Define,
            "else" => Kind::Else,
            "end" => Kind::End,
            "if" => Kind::If,
            "range" => Kind::Range,
            "nil" => Kind::Nil,
            "template" => Kind::Template,
            "with" => Kind::With,
            "true" | "false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        self.emit(kind);
        Ok(())
    }

    fn field_or_variable(&mut self, kind: Kind) -> Result<(), String> {
        if self.at_terminator() {
            self.emit(if kind == Kind::Variable {
                kind
            } else {
                Kind::Dot
            });
            return Ok(());
        }
        self.accept_run(is_alphanumeric);
        self.check_terminator()?;
        self.emit(kind);
        Ok(())
    }

    /// Whether what follows may follow an identifier.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            Some(c) if is_space(c) => true,
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with(RIGHT),
        }
    }

    fn check_terminator(&self) -> Result<(), String> {
        match self.peek() {
            Some(c) if !self.at_terminator() => Err(format!("bad character {}", code_point(c))),
            _ => Ok(()),
        }
    }

    fn number(&mut self) -> Result<(), String> {
        let mut kind = Kind::Number;
        let mut ok = self.scan_number();
        if ok && matches!(self.peek(), Some('+' | '-')) {
            kind = Kind::Complex;
            ok = self.scan_number() && self.input[..self.position].ends_with('i');
        }
        if !ok {
            let text = &self.input[self.start..self.position];
            return Err(format!("bad number syntax: {text:?}"));
        }
        self.emit(kind);
        Ok(())
    }

    fn scan_number(&mut self) -> bool {
        self.accept(|c| matches!(c, '+' | '-'));
        let mut base = 10;
        if self.accept(|c| c == '0') {
            if self.accept(|c| matches!(c, 'x' | 'X')) {
                base = 16;
            } else if self.accept(|c| matches!(c, 'o' | 'O')) {
                base = 8;
            } else if self.accept(|c| matches!(c, 'b' | 'B')) {
                base = 2;
            }
        }
        let digit = |c: char| c == '_' || c.is_digit(base);
        self.accept_run(digit);
        if self.accept(|c| c == '.') {
            self.accept_run(digit);
        }
        let exponent = match base {
            10 => self.accept(|c| matches!(c, 'e' | 'E')),
            16 => self.accept(|c| matches!(c, 'p' | 'P')),
            _ => false,
        };
        if exponent {
            self.accept(|c| matches!(c, '+' | '-'));
            self.accept_run(|c| c == '_' || c.is_ascii_digit());
        }
        self.accept(|c| c == 'i');
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn has_left_trim(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('-') && chars.next().is_some_and(is_space)
}

fn has_right_trim(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_space) && chars.next() == Some('-')
}

/// A character as Go's `%#U` prints it.
fn code_point(c: char) -> String {
    if crate::format::is_print(c) {
        format!("U+{:04X} '{c}'", u32::from(c))
    } else {
        format!("U+{:04X}", u32::from(c))
    }
}
