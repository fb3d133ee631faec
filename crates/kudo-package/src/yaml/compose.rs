//! Tokens to a tree of one document, scalars not yet resolved, aliases not yet followed.

use std::collections::HashMap;

use super::reader::Position;
use super::scanner::{Scanner, Token, TokenKind};
use super::{MAX_DEPTH, Mark, Open, YamlError};

/// Index of a node in its [`Tree`].
pub(super) type NodeId = usize;

/// One document.
pub(super) struct Tree {
    pub(super) nodes: Vec<RawNode>,
    /// Absent if the text holds no document at all.
    pub(super) root: Option<NodeId>,
}

/// A node as written.
pub(super) struct RawNode {
    pub(super) kind: RawKind,
    pub(super) mark: Mark,
}

pub(super) enum RawKind {
    Scalar {
        value: String,
        /// Empty if there is none.
        tag: String,
        /// Whether the value may resolve to something else than a string.
        plain: bool,
    },
    Sequence(Vec<NodeId>),
    Mapping(Vec<(NodeId, NodeId)>),
    Alias {
        name: String,
        target: NodeId,
    },
}

/// Reads the first document of a text; what follows it is not looked at.
pub(super) fn compose(text: &str) -> Result<Tree, YamlError> {
    let mut composer = Composer::new(text)?;
    let root = composer.document()?;
    Ok(Tree {
        nodes: composer.nodes,
        root,
    })
}

/// Reads past the first document of a text; anything but empty documents is the error.
pub(super) fn refuse_more(text: &str) -> Result<(), YamlError> {
    let mut composer = Composer::new(text)?;
    composer.document()?;
    composer.nothing_more()
}

pub(super) struct Composer<'a> {
    scanner: Scanner<'a>,
    pub(super) nodes: Vec<RawNode>,
    anchors: HashMap<String, NodeId>,
    tag_prefixes: Vec<(String, String)>,
    depth: usize,
    /// Where the last token ended.
    last_end: Position,
    /// The lists and mappings in brackets that are not closed yet.
    pub(super) open: Vec<Open>,
}

/// The anchor and tag before a node.
#[derive(Default)]
struct Properties {
    anchor: Option<String>,
    tag: String,
}

/// Where a node stands, which decides what it may be.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Context {
    Block,
    /// A key or value of a block mapping, whose list may stand at the mapping's own column.
    BlockOrIndentless,
    Flow,
}

/// How a collection is written.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Block,
    Indentless,
    Flow,
}

/// What is known of a node before its children are read.
enum Head {
    Whole(NodeId),
    Sequence(NodeId, Style),
    Mapping(NodeId, Style),
}

/// Coarse kind of the next token.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Next {
    StreamEnd,
    Directive,
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
    Alias,
    Anchor,
    Tag,
    Scalar,
}

impl<'a> Composer<'a> {
    fn new(text: &'a str) -> Result<Self, YamlError> {
        Ok(Self {
            scanner: Scanner::new(text)?,
            nodes: Vec::new(),
            anchors: HashMap::new(),
            tag_prefixes: Vec::new(),
            depth: 0,
            last_end: Position::default(),
            open: Vec::new(),
        })
    }

    fn document(&mut self) -> Result<Option<NodeId>, YamlError> {
        let root = match self.next()? {
            Next::StreamEnd => return Ok(None),
            Next::Directive | Next::DocumentStart => {
                self.directives()?;
                if self.next()? != Next::DocumentStart {
                    return Err(self.unexpected("expected '---' after the directives"));
                }
                self.take()?;
                match self.peek()? {
                    (
                        Next::Directive | Next::DocumentStart | Next::DocumentEnd | Next::StreamEnd,
                        start,
                    ) => self.empty(start),
                    _ => self.node(Context::Block)?,
                }
            }
            _ => {
                self.directives()?;
                self.node(Context::Block)?
            }
        };
        // What ends the document must itself be scanned without an error.
        self.next()?;
        Ok(Some(root))
    }

    fn nothing_more(&mut self) -> Result<(), YamlError> {
        let mut begins = None;
        loop {
            let (next, at) = self.peek()?;
            match next {
                Next::StreamEnd => return Ok(()),
                Next::DocumentStart => begins = Some(at),
                Next::DocumentEnd | Next::Directive => {}
                _ => {
                    let mark = begins.unwrap_or(at).mark();
                    let message = "a second document begins here; only one is read";
                    return Err(YamlError::new(mark, message));
                }
            }
            self.take()?;
        }
    }

    fn directives(&mut self) -> Result<(), YamlError> {
        let mut version_seen = false;
        while self.next()? == Next::Directive {
            let token = self.take()?;
            let mark = token.start.mark();
            match token.kind {
                TokenKind::TagDirective { handle, prefix } => {
                    if self.tag_prefixes.iter().any(|(known, _)| *known == handle) {
                        return Err(YamlError::new(mark, "duplicate %TAG directive"));
                    }
                    self.tag_prefixes.push((handle, prefix));
                }
                TokenKind::VersionDirective { major: 1, minor: 1 } if !version_seen => {
                    version_seen = true;
                }
                _ if version_seen => return Err(YamlError::new(mark, "duplicate %YAML directive")),
                _ => return Err(YamlError::new(mark, "only YAML 1.1 can be read")),
            }
        }
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if !self.tag_prefixes.iter().any(|(known, _)| known == handle) {
                self.tag_prefixes
                    .push((handle.to_owned(), prefix.to_owned()));
            }
        }
        Ok(())
    }

    /// Reads a node with all that is in it. Whatever needs space on the stack is left to
    /// [`Composer::head`], which is not there any more when the children are read.
    pub(super) fn node(&mut self, context: Context) -> Result<NodeId, YamlError> {
        self.depth += 1;
        let head = self.head(context)?;
        let id = match head {
            Head::Whole(id) => id,
            Head::Sequence(id, style) => {
                let items = self.sequence(style)?;
                self.nodes[id].kind = RawKind::Sequence(items);
                id
            }
            Head::Mapping(id, style) => {
                let pairs = self.mapping(style)?;
                self.nodes[id].kind = RawKind::Mapping(pairs);
                id
            }
        };
        self.depth -= 1;
        Ok(id)
    }

    /// Reads a scalar or an alias, or what stands before the children of a collection.
    fn head(&mut self, context: Context) -> Result<Head, YamlError> {
        let (next, start) = self.peek()?;
        if self.depth > MAX_DEPTH {
            return Err(YamlError::too_deep(start.mark()));
        }
        if next == Next::Alias {
            return self.alias().map(Head::Whole);
        }
        let properties = self.properties(start)?;
        let next = self.next()?;
        let block = context != Context::Flow;
        let style = match next {
            Next::Scalar => return self.scalar(start, &properties).map(Head::Whole),
            Next::BlockEntry if context == Context::BlockOrIndentless => Style::Indentless,
            Next::FlowSequenceStart | Next::FlowMappingStart => Style::Flow,
            Next::BlockSequenceStart | Next::BlockMappingStart if block => Style::Block,
            _ if properties.anchor.is_some() || !properties.tag.is_empty() => {
                let plain = properties.tag.is_empty();
                let tag = properties.tag.clone();
                let kind = RawKind::Scalar {
                    value: String::new(),
                    tag,
                    plain,
                };
                return Ok(Head::Whole(self.begin(start, &properties, kind)));
            }
            _ => return Err(self.unexpected("expected a value")),
        };
        if matches!(next, Next::FlowMappingStart | Next::BlockMappingStart) {
            let id = self.begin(start, &properties, RawKind::Mapping(Vec::new()));
            return Ok(Head::Mapping(id, style));
        }
        let id = self.begin(start, &properties, RawKind::Sequence(Vec::new()));
        Ok(Head::Sequence(id, style))
    }

    fn alias(&mut self) -> Result<NodeId, YamlError> {
        let token = self.take()?;
        let mark = token.start.mark();
        let TokenKind::Alias(name) = token.kind else {
            return Err(YamlError::new(mark, "expected an alias"));
        };
        match self.anchors.get(&name) {
            Some(&target) => Ok(self.add(token.start, RawKind::Alias { name, target })),
            None => Err(YamlError::new(mark, format!("unknown anchor {name:?}"))),
        }
    }

    /// Takes an anchor and a tag, in either order.
    fn properties(&mut self, start: Position) -> Result<Properties, YamlError> {
        let mut properties = Properties::default();
        let mut tag_seen = false;
        loop {
            let next = self.next()?;
            let wanted = (next == Next::Anchor && properties.anchor.is_none())
                || (next == Next::Tag && !tag_seen);
            if !wanted {
                return Ok(properties);
            }
            match self.take()?.kind {
                TokenKind::Anchor(name) => properties.anchor = Some(name),
                TokenKind::Tag { handle, suffix } => {
                    tag_seen = true;
                    properties.tag = self.resolve_tag(&handle, suffix, start)?;
                }
                _ => return Ok(properties),
            }
        }
    }

    fn resolve_tag(
        &self,
        handle: &str,
        suffix: String,
        start: Position,
    ) -> Result<String, YamlError> {
        if handle.is_empty() {
            return Ok(suffix);
        }
        self.tag_prefixes
            .iter()
            .find(|(known, _)| known == handle)
            .map(|(_, prefix)| format!("{prefix}{suffix}"))
            .ok_or_else(|| YamlError::new(start.mark(), format!("unknown tag handle {handle:?}")))
    }

    fn scalar(&mut self, start: Position, properties: &Properties) -> Result<NodeId, YamlError> {
        let token = self.take()?;
        let TokenKind::Scalar { value, plain } = token.kind else {
            return Err(YamlError::new(token.start.mark(), "expected a scalar"));
        };
        let plain = (plain && properties.tag.is_empty()) || properties.tag == "!";
        let tag = properties.tag.clone();
        Ok(self.begin(start, properties, RawKind::Scalar { value, tag, plain }))
    }

    pub(super) fn empty(&mut self, at: Position) -> NodeId {
        let kind = RawKind::Scalar {
            value: String::new(),
            tag: String::new(),
            plain: true,
        };
        self.add(at, kind)
    }

    /// Adds a node and makes its anchor known, before the node's children are read.
    fn begin(&mut self, start: Position, properties: &Properties, kind: RawKind) -> NodeId {
        let id = self.add(start, kind);
        if let Some(anchor) = &properties.anchor {
            self.anchors.insert(anchor.clone(), id);
        }
        id
    }

    pub(super) fn add(&mut self, start: Position, kind: RawKind) -> NodeId {
        self.nodes.push(RawNode {
            kind,
            mark: start.mark(),
        });
        self.nodes.len() - 1
    }

    /// Passes a token; tells where it ended.
    pub(super) fn skip(&mut self) -> Result<Position, YamlError> {
        self.take().map(|token| token.end)
    }

    fn take(&mut self) -> Result<Token, YamlError> {
        let token = self.scanner.take()?;
        self.last_end = token.end;
        Ok(token)
    }

    /// The error that something else follows than can: at the end of the text right behind what was
    /// read last, and with the bracket that is still open.
    pub(super) fn unexpected(&mut self, message: &str) -> YamlError {
        let (next, at) = match self.peek() {
            Ok(found) => found,
            Err(error) => return error,
        };
        let at = match next {
            Next::StreamEnd => self.last_end,
            _ => at,
        };
        YamlError {
            open: self.open.last().copied(),
            ..YamlError::new(at.mark(), message)
        }
    }

    pub(super) fn next(&mut self) -> Result<Next, YamlError> {
        self.peek().map(|(next, _)| next)
    }

    pub(super) fn peek(&mut self) -> Result<(Next, Position), YamlError> {
        let token = self.scanner.peek()?;
        let next = match token.kind {
            TokenKind::StreamEnd => Next::StreamEnd,
            TokenKind::VersionDirective { .. } | TokenKind::TagDirective { .. } => Next::Directive,
            TokenKind::DocumentStart => Next::DocumentStart,
            TokenKind::DocumentEnd => Next::DocumentEnd,
            TokenKind::BlockSequenceStart => Next::BlockSequenceStart,
            TokenKind::BlockMappingStart => Next::BlockMappingStart,
            TokenKind::BlockEnd => Next::BlockEnd,
            TokenKind::FlowSequenceStart => Next::FlowSequenceStart,
            TokenKind::FlowSequenceEnd => Next::FlowSequenceEnd,
            TokenKind::FlowMappingStart => Next::FlowMappingStart,
            TokenKind::FlowMappingEnd => Next::FlowMappingEnd,
            TokenKind::BlockEntry => Next::BlockEntry,
            TokenKind::FlowEntry => Next::FlowEntry,
            TokenKind::Key => Next::Key,
            TokenKind::Value => Next::Value,
            TokenKind::Alias(_) => Next::Alias,
            TokenKind::Anchor(_) => Next::Anchor,
            TokenKind::Tag { .. } => Next::Tag,
            TokenKind::Scalar { .. } => Next::Scalar,
        };
        Ok((next, token.start))
    }
}
