//! A stream of documents, split at `---` lines before any of them is parsed, as Kubernetes does.

use super::{Document, Mark, Node, NodeKind, Open, YamlError, parse_node};

const SEPARATOR: &str = "---";

/// Splits a stream and reads each document; empty ones are dropped.
///
/// What stands on a separator's line belongs to the document that it begins.
pub(super) fn parse_documents(text: &str) -> Result<Vec<Document>, YamlError> {
    let nodes = parse_document_nodes(text)?.into_iter();
    Ok(nodes
        .map(|node| Document {
            mark: node.mark,
            value: node.into(),
        })
        .collect())
}

/// The same as trees, whose marks are places in the stream.
pub(super) fn parse_document_nodes(text: &str) -> Result<Vec<Node>, YamlError> {
    let mut nodes = Vec::new();
    for chunk in chunks(text) {
        let mut node = parse_node(chunk.text).map_err(|error| YamlError {
            mark: chunk.in_stream(error.mark),
            open: error.open.map(|open| Open {
                mark: chunk.in_stream(open.mark),
                ..open
            }),
            message: error.message,
        })?;
        if node.kind != NodeKind::Scalar(serde_json::Value::Null) {
            chunk.shift(&mut node);
            nodes.push(node);
        }
    }
    Ok(nodes)
}

/// One document's text.
struct Chunk<'a> {
    text: &'a str,
    /// Lines of the stream before the chunk's first line.
    lines: usize,
    /// Characters of that line before the chunk.
    columns: usize,
}

impl Chunk<'_> {
    fn shift(&self, node: &mut Node) {
        node.mark = self.in_stream(node.mark);
        match &mut node.kind {
            NodeKind::Scalar(_) => {}
            NodeKind::Sequence(items) => items.iter_mut().for_each(|item| self.shift(item)),
            NodeKind::Mapping(entries) => {
                for entry in entries {
                    entry.key_mark = self.in_stream(entry.key_mark);
                    entry.replaced = entry.replaced.map(|mark| self.in_stream(mark));
                    self.shift(&mut entry.value);
                }
            }
        }
    }

    fn in_stream(&self, mark: Mark) -> Mark {
        let columns = if mark.line == 1 { self.columns } else { 0 };
        Mark {
            line: mark.line + self.lines,
            column: mark.column + columns,
        }
    }
}

fn chunks(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut start, mut lines, mut columns) = (0, 0, 0);
    let (mut offset, mut line_number) = (0, 0);
    for line in text.split_inclusive('\n') {
        if let Some(rest) = separated(line) {
            chunks.push(Chunk {
                text: &text[start..offset],
                lines,
                columns,
            });
            if rest.trim().is_empty() {
                start = offset + line.len();
                (lines, columns) = (line_number + 1, 0);
            } else {
                start = offset + SEPARATOR.len();
                (lines, columns) = (line_number, SEPARATOR.len());
            }
        }
        offset += line.len();
        line_number += 1;
    }
    chunks.push(Chunk {
        text: &text[start..],
        lines,
        columns,
    });
    chunks
}

/// What stands behind the separator, if the line begins with one.
fn separated(line: &str) -> Option<&str> {
    line.strip_prefix(SEPARATOR)
        .filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}
