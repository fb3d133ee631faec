//! The parts of lists and mappings, in block and in flow style.

use super::compose::{Composer, Context, Next, NodeId, RawKind, Style};
use super::reader::Position;
use super::{Collection, Open, YamlError};

impl Composer<'_> {
    pub(super) fn sequence(&mut self, style: Style) -> Result<Vec<NodeId>, YamlError> {
        match style {
            Style::Block => self.block_sequence(),
            Style::Indentless => self.indentless_sequence(),
            Style::Flow => self.flow_sequence(),
        }
    }

    pub(super) fn mapping(&mut self, style: Style) -> Result<Vec<(NodeId, NodeId)>, YamlError> {
        match style {
            Style::Flow => self.flow_mapping(),
            Style::Block | Style::Indentless => self.block_mapping(),
        }
    }

    fn block_sequence(&mut self) -> Result<Vec<NodeId>, YamlError> {
        let (_, start) = self.peek()?;
        self.skip()?;
        let mut items = Vec::new();
        loop {
            match self.peek()? {
                (Next::BlockEntry, _) => {
                    let mark = self.skip()?;
                    items.push(match self.next()? {
                        Next::BlockEntry | Next::BlockEnd => self.empty(mark),
                        _ => self.node(Context::Block)?,
                    });
                }
                (Next::BlockEnd, _) => {
                    self.skip()?;
                    return Ok(items);
                }
                _ => {
                    let message = "expected '-' as for the other items of this list";
                    return Err(self.misplaced(message, Collection::Items, start));
                }
            }
        }
    }

    fn indentless_sequence(&mut self) -> Result<Vec<NodeId>, YamlError> {
        let mut items = Vec::new();
        while self.next()? == Next::BlockEntry {
            let mark = self.skip()?;
            items.push(match self.next()? {
                Next::BlockEntry | Next::Key | Next::Value | Next::BlockEnd => self.empty(mark),
                _ => self.node(Context::Block)?,
            });
        }
        Ok(items)
    }

    fn block_mapping(&mut self) -> Result<Vec<(NodeId, NodeId)>, YamlError> {
        let (_, start) = self.peek()?;
        self.skip()?;
        let mut pairs = Vec::new();
        loop {
            match self.peek()? {
                (Next::Key, _) => {
                    let mark = self.skip()?;
                    let key = self.block_mapping_part(mark)?;
                    let (next, at) = self.peek()?;
                    let value = if next == Next::Value {
                        let mark = self.skip()?;
                        self.block_mapping_part(mark)?
                    } else {
                        self.empty(at)
                    };
                    pairs.push((key, value));
                }
                (Next::BlockEnd, _) => {
                    self.skip()?;
                    return Ok(pairs);
                }
                _ => {
                    let message = "expected a key of this mapping";
                    return Err(self.misplaced(message, Collection::Keys, start));
                }
            }
        }
    }

    fn block_mapping_part(&mut self, mark: Position) -> Result<NodeId, YamlError> {
        match self.next()? {
            Next::Key | Next::Value | Next::BlockEnd => Ok(self.empty(mark)),
            _ => self.node(Context::BlockOrIndentless),
        }
    }

    fn flow_sequence(&mut self) -> Result<Vec<NodeId>, YamlError> {
        self.begin_flow(Collection::Brackets)?;
        let mut items = Vec::new();
        while self.next()? != Next::FlowSequenceEnd {
            if !items.is_empty() {
                self.flow_entry("expected ',' or ']'")?;
            }
            match self.next()? {
                Next::FlowSequenceEnd => break,
                Next::StreamEnd => return Err(self.unexpected("expected a value or ']'")),
                Next::Key => items.push(self.flow_pair()?),
                _ => items.push(self.node(Context::Flow)?),
            }
        }
        self.end_flow()?;
        Ok(items)
    }

    /// A mapping of one pair without braces, as in `[a: b]`.
    fn flow_pair(&mut self) -> Result<NodeId, YamlError> {
        let (_, start) = self.peek()?;
        self.skip()?;
        let pair = self.add(start, RawKind::Mapping(Vec::new()));
        let key = match self.next()? {
            Next::Value | Next::FlowEntry | Next::FlowSequenceEnd => {
                // libyaml passes the token here, and so refuses what YAML 1.1 would accept.
                let mark = self.skip()?;
                self.empty(mark)
            }
            _ => self.node(Context::Flow)?,
        };
        let value = self.flow_value(Next::FlowSequenceEnd)?;
        self.nodes[pair].kind = RawKind::Mapping(vec![(key, value)]);
        Ok(pair)
    }

    fn flow_mapping(&mut self) -> Result<Vec<(NodeId, NodeId)>, YamlError> {
        self.begin_flow(Collection::Braces)?;
        let mut pairs = Vec::new();
        while self.next()? != Next::FlowMappingEnd {
            if !pairs.is_empty() {
                self.flow_entry("expected ',' or '}'")?;
            }
            match self.next()? {
                Next::FlowMappingEnd => break,
                Next::StreamEnd => return Err(self.unexpected("expected a key or '}'")),
                Next::Key => {
                    self.skip()?;
                    let key = match self.peek()? {
                        (Next::Value | Next::FlowEntry | Next::FlowMappingEnd, at) => {
                            self.empty(at)
                        }
                        _ => self.node(Context::Flow)?,
                    };
                    let value = self.flow_value(Next::FlowMappingEnd)?;
                    pairs.push((key, value));
                }
                _ => {
                    let key = self.node(Context::Flow)?;
                    let (_, at) = self.peek()?;
                    let value = self.empty(at);
                    pairs.push((key, value));
                }
            }
        }
        self.end_flow()?;
        Ok(pairs)
    }

    /// The error that something stands in another column than the items or keys before it.
    fn misplaced(&mut self, message: &str, collection: Collection, start: Position) -> YamlError {
        let mark = start.mark();
        YamlError {
            open: Some(Open { collection, mark }),
            ..self.unexpected(message)
        }
    }

    fn begin_flow(&mut self, collection: Collection) -> Result<(), YamlError> {
        let (_, at) = self.peek()?;
        self.open.push(Open {
            collection,
            mark: at.mark(),
        });
        self.skip()?;
        Ok(())
    }

    fn end_flow(&mut self) -> Result<(), YamlError> {
        self.open.pop();
        self.skip()?;
        Ok(())
    }

    fn flow_entry(&mut self, message: &str) -> Result<(), YamlError> {
        if self.next()? != Next::FlowEntry {
            return Err(self.unexpected(message));
        }
        self.skip()?;
        Ok(())
    }

    fn flow_value(&mut self, end: Next) -> Result<NodeId, YamlError> {
        if self.next()? == Next::Value {
            self.skip()?;
            let next = self.next()?;
            if next != Next::FlowEntry && next != end {
                return self.node(Context::Flow);
            }
        }
        let (_, at) = self.peek()?;
        Ok(self.empty(at))
    }
}
