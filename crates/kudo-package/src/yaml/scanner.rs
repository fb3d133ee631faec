//! Text to tokens: indentation, simple keys and flow nesting.
//!
//! The algorithm is libyaml's, whose Go port Kubernetes reads with, because what YAML 1.1 accepts
//! and refuses in practice is what this algorithm accepts and refuses. Two things make it special:
//! `BlockMappingStart` and `Key` tokens are inserted *before* tokens already scanned, once a `:`
//! tells that those were a key ("simple key": one line, at most 1024 characters); and leaving an
//! indentation level produces `BlockEnd`.

use std::collections::{HashMap, VecDeque};

use super::reader::{Position, Reader};
use super::{MAX_DEPTH, YamlError};

/// Characters that a simple key may span.
const MAX_SIMPLE_KEY: usize = 1024;

/// One token with the positions where it begins and ends.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: Position,
    pub(super) end: Position,
}

#[derive(Debug, PartialEq)]
pub(super) enum TokenKind {
    StreamEnd,
    VersionDirective { major: u8, minor: u8 },
    TagDirective { handle: String, prefix: String },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(String),
    Anchor(String),
    Tag { handle: String, suffix: String },
    Scalar { value: String, plain: bool },
}

/// A place where a key may have begun that only a later `:` can confirm.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SimpleKey {
    pub(super) possible: bool,
    /// At the column of its block, where nothing but a key can stand.
    pub(super) required: bool,
    pub(super) token_number: usize,
    pub(super) at: Position,
}

impl SimpleKey {
    fn refuse_if_required(self) -> Result<(), YamlError> {
        if self.required {
            let message = "expected a key followed by ':' here";
            return Err(YamlError::new(self.at.mark(), message));
        }
        Ok(())
    }
}

/// Produces tokens on demand.
pub(super) struct Scanner<'a> {
    pub(super) reader: Reader<'a>,
    tokens: VecDeque<Token>,
    tokens_taken: usize,
    /// Column of the current block, -1 outside all.
    pub(super) indent: isize,
    indents: Vec<isize>,
    pub(super) simple_key_allowed: bool,
    /// One for each flow level, the block context first.
    pub(super) simple_keys: Vec<SimpleKey>,
    /// Index into `simple_keys` by the number of the token that the key would stand before.
    pub(super) simple_keys_by_token: HashMap<usize, usize>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, YamlError> {
        Ok(Self {
            reader: Reader::new(text)?,
            tokens: VecDeque::new(),
            tokens_taken: 0,
            indent: -1,
            indents: Vec::new(),
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            simple_keys_by_token: HashMap::new(),
        })
    }

    /// The next token, left in place. After the end it is `StreamEnd` for ever.
    pub(super) fn peek(&mut self) -> Result<&Token, YamlError> {
        self.fill()?;
        Ok(&self.tokens[0])
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Result<Token, YamlError> {
        self.fill()?;
        if self.tokens[0].kind == TokenKind::StreamEnd {
            let Token { start, end, .. } = self.tokens[0];
            return Ok(Token {
                kind: TokenKind::StreamEnd,
                start,
                end,
            });
        }
        self.tokens_taken += 1;
        self.tokens
            .pop_front()
            .ok_or_else(|| self.error_here("the scanner produced no token"))
    }

    /// Whether the scanner is inside `[]` or `{}`.
    pub(super) fn in_flow(&self) -> bool {
        self.simple_keys.len() > 1
    }

    pub(super) fn column(&self) -> isize {
        isize::try_from(self.reader.at.column).unwrap_or(isize::MAX)
    }

    pub(super) fn error_here(&self, message: &str) -> YamlError {
        YamlError::new(self.reader.at.mark(), message)
    }

    /// Scans until the first token can no longer turn out to be a key.
    fn fill(&mut self) -> Result<(), YamlError> {
        loop {
            if !self.tokens.is_empty() {
                let Some(&index) = self.simple_keys_by_token.get(&self.tokens_taken) else {
                    return Ok(());
                };
                if !self.check_simple_key(index)? {
                    return Ok(());
                }
            }
            self.fetch_next()?;
        }
    }

    fn fetch_next(&mut self) -> Result<(), YamlError> {
        self.skip_to_next_token();
        self.unroll_indent(self.column());

        let reader = &self.reader;
        if reader.is_end() {
            return self.fetch_stream_end();
        }
        if reader.at.column == 0 && reader.byte(0) == b'%' {
            self.reset_block()?;
            return self.scan_directive();
        }
        if reader.is_document_indicator() {
            let kind = if reader.byte(0) == b'-' {
                TokenKind::DocumentStart
            } else {
                TokenKind::DocumentEnd
            };
            self.reset_block()?;
            self.push_indicator(kind, 3);
            return Ok(());
        }
        let flow = self.in_flow();
        match reader.byte(0) {
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if reader.is_blankz(1) => self.fetch_block_entry(),
            b'?' if flow || reader.is_blankz(1) => self.fetch_key(),
            b':' if flow || reader.is_blankz(1) => self.fetch_value(),
            b'*' | b'&' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                self.scan_anchor()
            }
            b'!' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                self.scan_tag()
            }
            b'|' | b'>' if !flow => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                self.scan_block_scalar()
            }
            b'\'' | b'"' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                self.scan_quoted_scalar()
            }
            byte if self.may_start_plain_scalar(byte) => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                self.scan_plain_scalar()
            }
            b'\t' => Err(self.error_here("a tab can't be used for indentation")),
            byte => Err(self.error_here(&format!(
                "a value can't start with {:?}; put it in quotes",
                char::from(byte)
            ))),
        }
    }

    fn may_start_plain_scalar(&self, byte: u8) -> bool {
        match byte {
            b'-' => !self.reader.is_blank(1),
            b'?' | b':' => !self.in_flow() && !self.reader.is_blankz(1),
            b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\''
            | b'"' | b'%' | b'@' | b'`' => false,
            _ => !self.reader.is_blankz(0),
        }
    }

    /// Passes white space, comments and line breaks. A tab counts as white space only where it
    /// can't be mistaken for indentation.
    fn skip_to_next_token(&mut self) {
        loop {
            while self.reader.byte(0) == b' '
                || (self.reader.byte(0) == b'\t' && (self.in_flow() || !self.simple_key_allowed))
            {
                self.reader.skip();
            }
            self.reader.skip_comment();
            if !self.reader.is_break(0) {
                return;
            }
            self.reader.skip_line();
            if !self.in_flow() {
                self.simple_key_allowed = true;
            }
        }
    }

    /// Whether the key is still possible; an error if it had to be one and no longer can.
    pub(super) fn check_simple_key(&mut self, index: usize) -> Result<bool, YamlError> {
        let here = self.reader.at;
        let key = self.simple_keys[index];
        if !key.possible {
            return Ok(false);
        }
        if key.at.line < here.line || key.at.index + MAX_SIMPLE_KEY < here.index {
            key.refuse_if_required()?;
            self.simple_keys[index].possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    pub(super) fn save_simple_key(&mut self) -> Result<(), YamlError> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let key = SimpleKey {
            possible: true,
            required: !self.in_flow() && self.indent == self.column(),
            token_number: self.next_token_number(),
            at: self.reader.at,
        };
        self.remove_simple_key()?;
        let level = self.simple_keys.len() - 1;
        self.simple_keys[level] = key;
        self.simple_keys_by_token.insert(key.token_number, level);
        Ok(())
    }

    /// Gives up the possible key of the current flow level.
    pub(super) fn remove_simple_key(&mut self) -> Result<(), YamlError> {
        let level = self.simple_keys.len() - 1;
        let key = self.simple_keys[level];
        if key.possible {
            key.refuse_if_required()?;
            self.simple_keys[level].possible = false;
            self.simple_keys_by_token.remove(&key.token_number);
        }
        Ok(())
    }

    pub(super) fn next_token_number(&self) -> usize {
        self.tokens_taken + self.tokens.len()
    }

    /// Enters a block at `column` if it is deeper than the current one; its start token goes
    /// before token `number`, or to the end.
    pub(super) fn roll_indent(
        &mut self,
        column: isize,
        number: Option<usize>,
        kind: TokenKind,
        at: Position,
    ) -> Result<(), YamlError> {
        if self.in_flow() || self.indent >= column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column;
        if self.indents.len() > MAX_DEPTH {
            return Err(YamlError::too_deep(at.mark()));
        }
        let token = Token {
            kind,
            start: at,
            end: at,
        };
        match number {
            Some(number) => self.insert(number, token),
            None => self.tokens.push_back(token),
        }
        Ok(())
    }

    /// Inserts a token before the token with this number; one that was taken already can't be
    /// preceded any more, and what libyaml does then is to append.
    pub(super) fn insert(&mut self, number: usize, token: Token) {
        match number.checked_sub(self.tokens_taken) {
            Some(index) if index <= self.tokens.len() => self.tokens.insert(index, token),
            _ => self.tokens.push_back(token),
        }
    }

    /// Leaves all blocks deeper than `column`.
    fn unroll_indent(&mut self, column: isize) {
        if self.in_flow() {
            return;
        }
        while self.indent > column {
            let at = self.reader.at;
            self.tokens.push_back(Token {
                kind: TokenKind::BlockEnd,
                start: at,
                end: at,
            });
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    /// Leaves all blocks: a document marker or directive follows.
    pub(super) fn reset_block(&mut self) -> Result<(), YamlError> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        Ok(())
    }

    pub(super) fn push(&mut self, kind: TokenKind, start: Position, end: Position) {
        self.tokens.push_back(Token { kind, start, end });
    }

    pub(super) fn push_indicator(&mut self, kind: TokenKind, characters: usize) {
        let start = self.reader.at;
        self.reader.skip_many(characters);
        self.push(kind, start, self.reader.at);
    }
}
