//! References of Handlebars templates.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{HandlebarsTemplate, References, takes_map_and_key};
use crate::functions;
use crate::go::Place;
use crate::handlebars::{
    Block, Expression, ExpressionKind, Helper, Literal, Node, Partial, Path, Root,
    undefined_partial,
};

/// Collects the references of a Handlebars template.
///
/// Within `each` and `with` names mean something else, and only `@root` and `../` lead to the
/// root. Partials are walked only where they are defined, as if their context were not the root.
pub(super) fn references(template: &HandlebarsTemplate) -> References {
    let mut walk = Walk {
        template,
        references: References::default(),
        contexts: 0,
        params: Vec::new(),
        partials: Vec::new(),
        inlines: BTreeSet::new(),
    };
    walk.nodes(&template.nodes);
    walk.undefined_partials();
    walk.references
}

struct Walk<'a> {
    template: &'a HandlebarsTemplate,
    references: References,
    /// How many contexts there are between this place and the root.
    contexts: usize,
    /// Block parameters known at this place.
    params: Vec<&'a str>,
    /// Where partials are used that have a fixed name.
    partials: Vec<(usize, Cow<'a, str>)>,
    /// Partials that are defined somewhere.
    inlines: BTreeSet<&'a str>,
}

impl<'a> Walk<'a> {
    fn nodes(&mut self, nodes: &'a [Node]) {
        for node in nodes {
            match node {
                Node::Text(_) => {}
                Node::Output(expression) => self.expression(expression),
                Node::Block(block) => self.block(block),
                Node::Inline { name, nodes } => {
                    self.inlines.insert(name);
                    // The context is whatever the partial is used with.
                    self.contexts += 1000;
                    self.nodes(nodes);
                    self.contexts -= 1000;
                }
                Node::Partial(partial) => self.partial(partial),
            }
        }
    }

    fn partial(&mut self, partial: &'a Partial) {
        let mut use_of = |name| self.partials.push((partial.position, name));
        match &partial.name.kind {
            ExpressionKind::Path(path) => use_of(Cow::Borrowed(&path.source)),
            ExpressionKind::Literal(Literal::Text(name)) => use_of(name.to_str()),
            _ => self.expression(&partial.name),
        }
        match &partial.context {
            Some(context) => self.expression(context),
            // The partial may use any parameter.
            None => self.references.all_params = true,
        }
        for (_, expression) in &partial.named {
            self.expression(expression);
        }
    }

    fn undefined_partials(&mut self) {
        for (position, name) in &self.partials {
            if !self.inlines.contains(name.as_ref()) {
                let fault = undefined_partial(name, self.inlines.iter().copied());
                let error = self.template.error(*position, None, fault);
                self.references.undefined.push(error);
            }
        }
    }

    fn block(&mut self, block: &'a Block) {
        let mut opens = true;
        match &block.call.kind {
            ExpressionKind::Call {
                name, arguments, ..
            } => {
                let helper = name.simple_name().unwrap_or("");
                opens = !matches!(helper, "if" | "unless");
                if matches!(helper, "if" | "unless" | "each" | "with") {
                    for argument in arguments {
                        self.expression(argument);
                    }
                } else {
                    self.expression(&block.call);
                }
            }
            _ => self.expression(&block.call),
        }
        let known = self.params.len();
        self.params.extend(block.params.iter().map(String::as_str));
        self.contexts += usize::from(opens);
        self.nodes(&block.body);
        self.contexts -= usize::from(opens);
        self.params.truncate(known);
        self.nodes(&block.otherwise);
    }

    fn expression(&mut self, expression: &'a Expression) {
        match &expression.kind {
            ExpressionKind::Literal(_) => {}
            ExpressionKind::Path(path) => {
                let is_function = path.simple_name().is_some_and(|name| {
                    functions::find(name).is_some_and(|function| function.params.is_empty())
                });
                if !is_function {
                    self.path(path, expression.position);
                }
            }
            ExpressionKind::Call {
                name,
                arguments,
                named,
            } => {
                if let Err(fault) = Helper::find(name, named) {
                    let error = self.template.error(expression.position, None, fault);
                    self.references.undefined.push(error);
                }
                let rest = if self.asks_for_key(name, arguments) {
                    arguments.get(2..).unwrap_or_default()
                } else {
                    arguments
                };
                for argument in rest
                    .iter()
                    .chain(named.iter().map(|(_, argument)| argument))
                {
                    self.expression(argument);
                }
            }
        }
    }

    /// Whether this is `(get Params "X")` or the like, which is recorded.
    fn asks_for_key(&mut self, helper: &Path, arguments: &[Expression]) -> bool {
        let [map, key, ..] = arguments else {
            return false;
        };
        let (ExpressionKind::Path(path), ExpressionKind::Literal(Literal::Text(key))) =
            (&map.kind, &key.kind)
        else {
            return false;
        };
        let is_params = self.root_path(path).is_some_and(|path| path == ["Params"]);
        if is_params && helper.simple_name().is_some_and(takes_map_and_key) {
            self.references
                .optional_params
                .insert(key.to_str().into_owned());
            return true;
        }
        false
    }

    fn path(&mut self, path: &'a Path, position: usize) {
        if let Some(segments) = self.root_path(path) {
            let place = Place::of(&self.template.text, position);
            self.references.add(segments, place);
        }
    }

    /// The path from the root, if that is where the path begins.
    fn root_path<'p>(&self, path: &'p Path) -> Option<&'p [String]> {
        match path.root {
            Root::Data => match path.segments.split_first() {
                Some((first, rest)) if first == "root" => Some(rest),
                _ => None,
            },
            Root::Context | Root::This => {
                let first = path.segments.first().map(String::as_str);
                let is_param = path.root == Root::Context
                    && first.is_some_and(|first| self.params.contains(&first));
                (path.up == self.contexts && !is_param).then_some(&path.segments)
            }
        }
    }
}
