//! Trees of text, drawn with the same characters as upstream's command line draws them.

use std::fmt::Write as _;

use crate::output::Paint;

/// One line of a tree and the lines below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The text of the line. May hold several lines; the later ones are indented.
    pub(crate) text: String,
    /// The branches, drawn in this order.
    pub(crate) branches: Vec<Tree>,
}

impl Tree {
    /// A line with nothing below it.
    pub(crate) fn leaf(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            branches: Vec::new(),
        }
    }

    /// A line with branches below it.
    pub(crate) fn new(text: impl Into<String>, branches: impl IntoIterator<Item = Tree>) -> Self {
        Self {
            text: text.into(),
            branches: branches.into_iter().collect(),
        }
    }

    /// The unnamed root, drawn as a dot.
    pub(crate) fn root(branches: impl IntoIterator<Item = Tree>) -> Self {
        Self::new(".", branches)
    }

    /// Draws the tree. Every line ends in a newline.
    pub(crate) fn draw(&self) -> String {
        coloured(&self.lines(), Paint::OFF)
    }

    /// The lines of the drawing, each with its prefix of branches apart, so that the text can be
    /// coloured and the branches not.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut lines = vec![];
        push_text(&mut lines, "", "", &self.text);
        push_branches(&mut lines, "", &self.branches);
        lines
    }
}

/// One drawn line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The branches left of the text.
    pub(crate) prefix: String,
    /// The text.
    pub(crate) text: String,
}

/// The lines as text, every `[STATUS]` in its colour.
pub(crate) fn coloured(lines: &[Line], paint: Paint) -> String {
    let mut out = String::new();
    for line in lines {
        out.push_str(&line.prefix);
        out.push_str(&paint.statuses(&line.text));
        out.push('\n');
    }
    out
}

fn push_branches(lines: &mut Vec<Line>, indent: &str, branches: &[Tree]) {
    for (index, branch) in branches.iter().enumerate() {
        let last = index + 1 == branches.len();
        let (corner, below) = if last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        let mut first = indent.to_owned();
        first.push_str(corner);
        let mut rest = indent.to_owned();
        rest.push_str(below);
        push_text(lines, &first, &rest, &branch.text);
        push_branches(lines, &rest, &branch.branches);
    }
}

fn push_text(lines: &mut Vec<Line>, first: &str, rest: &str, text: &str) {
    let mut prefix = first;
    for part in text.trim_end().split('\n') {
        let mut clean = String::with_capacity(part.len());
        for character in part.chars() {
            // Messages come from the cluster; they must not steer the terminal.
            if character.is_control() && character != '\t' {
                let _ = write!(clean, "\\u{{{:x}}}", u32::from(character));
            } else {
                clean.push(character);
            }
        }
        lines.push(Line {
            prefix: prefix.to_owned(),
            text: clean,
        });
        prefix = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_branches_as_upstream_does() {
        let tree = Tree::root([Tree::new(
            "galera-instance",
            [
                Tree::new(
                    "Plan deploy",
                    [Tree::new("Phase a", [Tree::leaf("Step x")])],
                ),
                Tree::new("Plan other", [Tree::leaf("Phase b")]),
            ],
        )]);
        let expected = "\
.
└── galera-instance
    ├── Plan deploy
    │   └── Phase a
    │       └── Step x
    └── Plan other
        └── Phase b
";
        assert_eq!(tree.draw(), expected);
    }

    #[test]
    fn later_lines_of_a_text_are_indented() {
        let tree = Tree::root([Tree::leaf("Step a (one\ntwo)"), Tree::leaf("Step b\n")]);
        let expected = ".\n├── Step a (one\n│   two)\n└── Step b\n";
        assert_eq!(tree.draw(), expected);
    }

    #[test]
    fn control_characters_are_shown_and_not_sent() {
        let tree = Tree::root([Tree::leaf("Step \u{1b}[31mred")]);
        assert_eq!(tree.draw(), ".\n└── Step \\u{1b}[31mred\n");
    }
}
