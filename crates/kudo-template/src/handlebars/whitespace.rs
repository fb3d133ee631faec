//! Space around tags: `~`, and tags that stand alone on their line.

use super::tags::{Kind, Piece, Tag};

/// A piece with the space taken away that is no part of the output.
#[derive(Debug)]
pub(super) enum Trimmed<'a> {
    Text(&'a str),
    Tag {
        tag: Tag<'a>,
        /// The space before a tag that stands alone on its line.
        indent: &'a str,
    },
}

/// Takes away space next to `~`, and the rest of the line around a tag that is alone on it.
pub(super) fn trim<'a>(pieces: &[Piece<'a>]) -> Vec<Trimmed<'a>> {
    let alone: Vec<bool> = (0..pieces.len())
        .map(|index| stands_alone(pieces, index))
        .collect();
    let tag_at = |index: Option<usize>| match pieces.get(index?) {
        Some(Piece::Tag(tag)) => Some((tag, alone[index?])),
        _ => None,
    };
    let mut trimmed = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Text(text) => {
                let mut kept = *text;
                if let Some((tag, alone)) = tag_at(index.checked_sub(1)) {
                    if tag.trims.1 {
                        kept = kept.trim_start();
                    } else if alone {
                        kept = after_line(kept);
                    }
                }
                if let Some((tag, alone)) = tag_at(Some(index + 1)) {
                    if tag.trims.0 {
                        kept = kept.trim_end();
                    } else if alone {
                        kept = kept.trim_end_matches([' ', '\t']);
                    }
                }
                trimmed.push(Trimmed::Text(kept));
            }
            Piece::Tag(tag) => {
                let before = index.checked_sub(1).and_then(|index| pieces.get(index));
                let indent = match before {
                    Some(Piece::Text(text)) if alone[index] && !tag.trims.0 => {
                        &text[text.trim_end_matches([' ', '\t']).len()..]
                    }
                    _ => "",
                };
                trimmed.push(Trimmed::Tag { tag: *tag, indent });
            }
        }
    }
    trimmed
}

/// Whether the piece is a tag, of a kind that makes no output of its own, with nothing but space
/// on its line.
fn stands_alone(pieces: &[Piece<'_>], index: usize) -> bool {
    match &pieces[index] {
        Piece::Tag(tag) if tag.kind != Kind::Output && tag.kind != Kind::Decorator => {}
        _ => return false,
    }
    let text = |index: usize| match pieces.get(index) {
        Some(Piece::Text(text)) => Some(*text),
        _ => None,
    };
    let before = index.checked_sub(1).and_then(text).unwrap_or("");
    let line = before.trim_end_matches([' ', '\t']);
    let begins = line.ends_with('\n') || line.is_empty() && is_first(pieces, index);
    let after = text(index + 1).unwrap_or("");
    let rest = after.trim_start_matches([' ', '\t']);
    let is_last = index + 2 >= pieces.len();
    let ends = rest.starts_with('\n') || rest.starts_with("\r\n") || rest.is_empty() && is_last;
    begins && ends
}

/// Whether no tag stands before the piece.
fn is_first(pieces: &[Piece<'_>], index: usize) -> bool {
    index <= 1 && !matches!(pieces.first(), Some(Piece::Tag(_)) if index == 1)
}

/// What follows the first line.
fn after_line(text: &str) -> &str {
    let rest = text.trim_start_matches([' ', '\t']);
    let rest = rest
        .strip_prefix('\r')
        .filter(|rest| rest.starts_with('\n'))
        .unwrap_or(rest);
    rest.strip_prefix('\n').unwrap_or(rest)
}
