//! The tokens of single characters, and what each does to indentation and keys.

use super::scanner::{Scanner, SimpleKey, Token, TokenKind};
use super::{MAX_DEPTH, YamlError};

impl Scanner<'_> {
    pub(super) fn fetch_stream_end(&mut self) -> Result<(), YamlError> {
        if self.reader.at.column != 0 {
            self.reader.at.column = 0;
            self.reader.at.line += 1;
        }
        self.reset_block()?;
        self.push_indicator(TokenKind::StreamEnd, 0);
        Ok(())
    }

    pub(super) fn fetch_flow_start(&mut self, kind: TokenKind) -> Result<(), YamlError> {
        self.save_simple_key()?;
        self.simple_keys.push(SimpleKey {
            token_number: self.next_token_number(),
            at: self.reader.at,
            ..SimpleKey::default()
        });
        if self.simple_keys.len() > MAX_DEPTH {
            return Err(YamlError::too_deep(self.reader.at.mark()));
        }
        self.simple_key_allowed = true;
        self.push_indicator(kind, 1);
        Ok(())
    }

    pub(super) fn fetch_flow_end(&mut self, kind: TokenKind) -> Result<(), YamlError> {
        self.remove_simple_key()?;
        if self.in_flow()
            && let Some(key) = self.simple_keys.pop()
        {
            self.simple_keys_by_token.remove(&key.token_number);
        }
        self.simple_key_allowed = false;
        self.push_indicator(kind, 1);
        Ok(())
    }

    pub(super) fn fetch_flow_entry(&mut self) -> Result<(), YamlError> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(TokenKind::FlowEntry, 1);
        Ok(())
    }

    pub(super) fn fetch_block_entry(&mut self) -> Result<(), YamlError> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.error_here("a list can't start here"));
            }
            let kind = TokenKind::BlockSequenceStart;
            self.roll_indent(self.column(), None, kind, self.reader.at)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(TokenKind::BlockEntry, 1);
        Ok(())
    }

    pub(super) fn fetch_key(&mut self) -> Result<(), YamlError> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.error_here("a key can't start here"));
            }
            let kind = TokenKind::BlockMappingStart;
            self.roll_indent(self.column(), None, kind, self.reader.at)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = !self.in_flow();
        self.push_indicator(TokenKind::Key, 1);
        Ok(())
    }

    pub(super) fn fetch_value(&mut self) -> Result<(), YamlError> {
        let level = self.simple_keys.len() - 1;
        if self.check_simple_key(level)? {
            let key = self.simple_keys[level];
            let token = Token {
                kind: TokenKind::Key,
                start: key.at,
                end: key.at,
            };
            self.insert(key.token_number, token);
            let column = isize::try_from(key.at.column).unwrap_or(isize::MAX);
            let kind = TokenKind::BlockMappingStart;
            self.roll_indent(column, Some(key.token_number), kind, key.at)?;
            self.simple_keys[level].possible = false;
            self.simple_keys_by_token.remove(&key.token_number);
            self.simple_key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.simple_key_allowed {
                    return Err(self.error_here(
                        "a mapping can't start here; put the value in quotes if ':' is part of it",
                    ));
                }
                let kind = TokenKind::BlockMappingStart;
                self.roll_indent(self.column(), None, kind, self.reader.at)?;
            }
            self.simple_key_allowed = !self.in_flow();
        }
        self.push_indicator(TokenKind::Value, 1);
        Ok(())
    }
}
