//! Scanning of directives, anchors, aliases and tags.

use super::YamlError;
use super::reader::Position;
use super::scanner::{Scanner, TokenKind};

impl Scanner<'_> {
    /// Scans `%YAML 1.1` or `%TAG handle prefix`, to the end of the line.
    pub(super) fn scan_directive(&mut self) -> Result<(), YamlError> {
        let start = self.reader.at;
        self.reader.skip();
        let name = self.scan_word();
        if name.is_empty() || !self.reader.is_blankz(0) {
            return Err(YamlError::new(
                start.mark(),
                "expected a directive name after '%'",
            ));
        }
        self.reader.skip_blanks();
        let kind = match name.as_str() {
            "YAML" => self.scan_version()?,
            "TAG" => self.scan_tag_directive(start)?,
            _ => {
                return Err(YamlError::new(
                    start.mark(),
                    format!("unknown directive %{name}"),
                ));
            }
        };
        let end = self.reader.at;
        self.reader.skip_blanks();
        self.reader.skip_comment();
        if !self.reader.is_breakz(0) {
            return Err(self.error_here("expected a comment or the end of the line"));
        }
        self.reader.skip_line();
        self.push(kind, start, end);
        Ok(())
    }

    fn scan_version(&mut self) -> Result<TokenKind, YamlError> {
        let major = self.scan_version_number()?;
        if self.reader.byte(0) != b'.' {
            return Err(self.error_here("expected '.' in the version number"));
        }
        self.reader.skip();
        let minor = self.scan_version_number()?;
        Ok(TokenKind::VersionDirective { major, minor })
    }

    fn scan_version_number(&mut self) -> Result<u8, YamlError> {
        let mut digits = String::new();
        while self.reader.byte(0).is_ascii_digit() && digits.len() < 3 {
            self.reader.read(&mut digits);
        }
        match digits.parse() {
            Ok(number) if digits.len() <= 2 => Ok(number),
            _ => Err(self.error_here("expected a version number of one or two digits")),
        }
    }

    fn scan_tag_directive(&mut self, start: Position) -> Result<TokenKind, YamlError> {
        let handle = self.scan_tag_handle(start)?;
        if handle != "!" && !(handle.len() > 1 && handle.ends_with('!')) {
            return Err(YamlError::new(
                start.mark(),
                "expected '!' at the end of the tag handle",
            ));
        }
        if !self.reader.is_blank(0) {
            return Err(self.error_here("expected white space after the tag handle"));
        }
        self.reader.skip_blanks();
        let prefix = self.scan_tag_uri("", start)?;
        if !self.reader.is_blankz(0) {
            return Err(self.error_here("expected white space after the tag prefix"));
        }
        Ok(TokenKind::TagDirective { handle, prefix })
    }

    /// Scans `&anchor` or `*alias`.
    pub(super) fn scan_anchor(&mut self) -> Result<(), YamlError> {
        let start = self.reader.at;
        let alias = self.reader.byte(0) == b'*';
        self.reader.skip();
        let name = self.scan_word();
        let end = self.reader.at;
        let delimited = self.reader.is_blankz(0)
            || matches!(
                self.reader.byte(0),
                b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'
            );
        if name.is_empty() || !delimited {
            let what = if alias {
                "'*' starts an alias"
            } else {
                "'&' starts an anchor"
            };
            return Err(YamlError::new(
                start.mark(),
                format!("{what}, whose name is letters, digits, '-' and '_'; put text in quotes"),
            ));
        }
        let kind = if alias {
            TokenKind::Alias(name)
        } else {
            TokenKind::Anchor(name)
        };
        self.push(kind, start, end);
        Ok(())
    }

    /// Scans `!<uri>`, `!suffix` or `!handle!suffix`.
    pub(super) fn scan_tag(&mut self) -> Result<(), YamlError> {
        let start = self.reader.at;
        let (handle, suffix) = if self.reader.byte(1) == b'<' {
            self.reader.skip_many(2);
            let uri = self.scan_tag_uri("", start)?;
            if self.reader.byte(0) != b'>' {
                return Err(self.error_here("expected '>' at the end of the tag"));
            }
            self.reader.skip();
            (String::new(), uri)
        } else {
            let handle = self.scan_tag_handle(start)?;
            if handle.len() > 1 && handle.ends_with('!') {
                let suffix = self.scan_tag_uri("", start)?;
                (handle, suffix)
            } else {
                let suffix = self.scan_tag_uri(&handle, start)?;
                if suffix.is_empty() {
                    (String::new(), "!".to_owned())
                } else {
                    ("!".to_owned(), suffix)
                }
            }
        };
        if !self.reader.is_blankz(0) {
            return Err(self.error_here("expected white space after the tag"));
        }
        let end = self.reader.at;
        self.push(TokenKind::Tag { handle, suffix }, start, end);
        Ok(())
    }

    /// Scans `!`, `!word` or `!word!`.
    fn scan_tag_handle(&mut self, start: Position) -> Result<String, YamlError> {
        if self.reader.byte(0) != b'!' {
            return Err(YamlError::new(
                start.mark(),
                "expected a tag handle that starts with '!'",
            ));
        }
        let mut handle = String::new();
        self.reader.read(&mut handle);
        while self.reader.is_word(0) {
            self.reader.read(&mut handle);
        }
        if self.reader.byte(0) == b'!' {
            self.reader.read(&mut handle);
        }
        Ok(handle)
    }

    /// Scans a URI; `head` is a part of it that was taken for a handle, its `!` not counted.
    fn scan_tag_uri(&mut self, head: &str, start: Position) -> Result<String, YamlError> {
        let mut uri: Vec<u8> = head.bytes().skip(1).collect();
        let mut found = !head.is_empty();
        loop {
            match self.reader.byte(0) {
                b'%' => uri.push(self.scan_uri_escape(start)?),
                byte if self.reader.is_word(0) || b";/?:@&=+$,.!~*'()[]".contains(&byte) => {
                    uri.push(byte);
                    self.reader.skip();
                }
                _ => break,
            }
            found = true;
        }
        if !found {
            return Err(YamlError::new(start.mark(), "expected a tag after '!'"));
        }
        Ok(String::from_utf8_lossy(&uri).into_owned())
    }

    fn scan_uri_escape(&mut self, start: Position) -> Result<u8, YamlError> {
        let digit = |ahead| char::from(self.reader.byte(ahead)).to_digit(16);
        let (Some(high), Some(low)) = (digit(1), digit(2)) else {
            return Err(YamlError::new(
                start.mark(),
                "expected two hexadecimal digits after '%'",
            ));
        };
        self.reader.skip_many(3);
        Ok(u8::try_from(high * 16 + low).unwrap_or_default())
    }

    fn scan_word(&mut self) -> String {
        let mut word = String::new();
        while self.reader.is_word(0) {
            self.reader.read(&mut word);
        }
        word
    }
}
