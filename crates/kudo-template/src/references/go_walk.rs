//! References of Go templates.

use std::collections::HashSet;

use super::{GoTemplate, References, takes_map_and_key};
use crate::go::{Node, Operand, OperandKind, Pipeline, Place};

/// Collects the references of a Go template.
///
/// Within `range` and `with` the dot is something else, and only `$` leads to the root; a template
/// that is called with anything but the root sees no root at all.
pub(super) fn references(template: &GoTemplate) -> References {
    let mut walk = Walk {
        template,
        references: References {
            undefined: template.undefined.clone(),
            ..References::default()
        },
        called: HashSet::new(),
    };
    let root = Roots {
        dot: true,
        dollar: true,
    };
    walk.nodes(&template.root, root);
    walk.references
}

/// Which of `.` and `$` are the root at a place.
#[derive(Debug, Clone, Copy)]
struct Roots {
    dot: bool,
    dollar: bool,
}

struct Walk<'a> {
    template: &'a GoTemplate,
    references: References,
    /// Templates that were walked with the root as their dot.
    called: HashSet<&'a str>,
}

impl<'a> Walk<'a> {
    fn nodes(&mut self, nodes: &'a [Node], roots: Roots) {
        for node in nodes {
            match node {
                Node::Text(_) | Node::Break | Node::Continue => {}
                Node::Action(pipeline) => self.pipeline(pipeline, roots),
                Node::If(choice) => {
                    for arm in &choice.arms {
                        self.pipeline(&arm.condition, roots);
                        self.nodes(&arm.body, roots);
                    }
                    self.nodes(&choice.otherwise, roots);
                }
                Node::With(branch) | Node::Range(branch) => {
                    let is_with = matches!(node, Node::With(_));
                    let dot = is_with && is_root(&branch.pipeline, roots);
                    if !dot {
                        self.pipeline(&branch.pipeline, roots);
                    }
                    self.nodes(&branch.body, Roots { dot, ..roots });
                    self.nodes(&branch.otherwise, roots);
                }
                Node::Call { name, argument, .. } => self.call(name, argument.as_ref(), roots),
            }
        }
    }

    fn call(&mut self, name: &'a str, argument: Option<&'a Pipeline>, roots: Roots) {
        let Some(argument) = argument else {
            return;
        };
        if !is_root(argument, roots) {
            self.pipeline(argument, roots);
            return;
        }
        if !self.called.insert(name) {
            return;
        }
        if let Some(nodes) = self.template.defined.get(name) {
            let root = Roots {
                dot: true,
                dollar: true,
            };
            self.nodes(nodes, root);
        }
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline, roots: Roots) {
        for command in &pipeline.commands {
            let operands = command.operands.as_slice();
            if let [first, map, key, ..] = operands
                && self.asks_for_key(first, map, key, roots)
            {
                for operand in &operands[2..] {
                    self.operand(operand, roots);
                }
                continue;
            }
            for operand in operands {
                self.operand(operand, roots);
            }
        }
    }

    /// Whether this is `get .Params "X"` or the like, which is recorded.
    fn asks_for_key(
        &mut self,
        function: &Operand,
        map: &Operand,
        key: &Operand,
        roots: Roots,
    ) -> bool {
        let OperandKind::Function(function) = &function.kind else {
            return false;
        };
        let OperandKind::Text { value, .. } = &key.kind else {
            return false;
        };
        let is_params = root_path(map, roots).is_some_and(|path| path == ["Params"]);
        if takes_map_and_key(function.name) && is_params {
            let name = value.to_str().into_owned();
            return self.references.optional_params.insert(name) || is_params;
        }
        false
    }

    fn operand(&mut self, operand: &'a Operand, roots: Roots) {
        match &operand.kind {
            OperandKind::Pipeline(pipeline) => self.pipeline(pipeline, roots),
            OperandKind::Chain { base, .. } => self.operand(base, roots),
            _ => {
                if let Some(path) = root_path(operand, roots) {
                    let place = Place::of(&self.template.text, operand.position);
                    self.references.add(path, place);
                }
            }
        }
    }
}

/// The path from the root that an operand is, if it is one.
fn root_path(operand: &Operand, roots: Roots) -> Option<&[String]> {
    match &operand.kind {
        OperandKind::Dot if roots.dot => Some(&[]),
        OperandKind::Field(path) if roots.dot => Some(path),
        OperandKind::Variable { name, fields } if name == "$" && roots.dollar => Some(fields),
        _ => None,
    }
}

/// Whether a pipeline is nothing but the root.
fn is_root(pipeline: &Pipeline, roots: Roots) -> bool {
    match pipeline.commands.as_slice() {
        [command] => match command.operands.as_slice() {
            [operand] => root_path(operand, roots).is_some_and(<[String]>::is_empty),
            _ => false,
        },
        _ => false,
    }
}
