//! What a template refers to: parameters, other values of its root, keys of pipes.

use std::collections::BTreeSet;

use crate::cache::Parsed;
use crate::error::RenderError;
use crate::go::{self, Place};
use crate::handlebars;

mod go_walk;
mod handlebars_walk;

/// What a template refers to.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// Names in the root, `Params` and `Pipes` among them.
    pub(crate) values: Vec<Reference>,
    /// Parameters by name.
    pub(crate) params: Vec<Reference>,
    /// Keys of pipes.
    pub(crate) pipes: Vec<Reference>,
    /// Parameters that are asked for in a way that copes with their absence.
    pub(crate) optional_params: BTreeSet<String>,
    /// Whether all parameters are used as a whole, so that none can be said to be unused.
    pub(crate) all_params: bool,
    /// Functions, helpers, partials and templates that there are not, whether or not a render comes
    /// to them.
    pub(crate) undefined: Vec<RenderError>,
}

/// A name and where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) place: Place,
}

impl References {
    /// Collects the references of a parsed template.
    pub(crate) fn of(parsed: &Parsed) -> Self {
        match parsed {
            Parsed::Go(template) => go_walk::references(template),
            Parsed::Handlebars(template) => handlebars_walk::references(template),
        }
    }

    /// Whether the template may use a parameter.
    pub(crate) fn may_use(&self, parameter: &str) -> bool {
        self.all_params
            || self.params.iter().any(|used| used.name == parameter)
            || self.optional_params.contains(parameter)
    }

    /// Records a path from the root.
    fn add(&mut self, path: &[String], place: Place) {
        let reference = |name: &String| Reference {
            name: name.clone(),
            place,
        };
        let Some((first, rest)) = path.split_first() else {
            // The root itself: anything may be used of it.
            self.all_params = true;
            return;
        };
        self.values.push(reference(first));
        match (first.as_str(), rest.first()) {
            ("Params", Some(name)) => self.params.push(reference(name)),
            ("Params", None) => self.all_params = true,
            ("Pipes", Some(key)) => self.pipes.push(reference(key)),
            _ => {}
        }
    }
}

/// Functions that take a map and a key, and cope with the key's absence.
fn takes_map_and_key(function: &str) -> bool {
    matches!(function, "get" | "hasKey" | "index" | "lookup")
}

/// Keeps the modules' types close at hand.
type GoTemplate = go::Template;
type HandlebarsTemplate = handlebars::Template;
