//! Verification: a list of named rules over a decoded package.
//!
//! The rules here need no template engine; those that do live in `kudo_template::verify` and have
//! the same type.

mod checks;
mod manifest;
mod parameters;
mod plans;
mod tasks;
mod templates;

pub use self::checks::PARAMETER_CHECKS;

use crate::diagnostic::Diagnostic;
use crate::package::Package;

/// One named rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Name of the rule, as diagnostics carry it.
    pub name: &'static str,
    /// What the rule demands, in one sentence.
    pub summary: &'static str,
    /// Adds a diagnostic for every place where the package breaks the rule.
    pub check: fn(&Package, &mut Vec<Diagnostic>),
}

/// The rules that need no template engine.
///
/// Tasks whose fields do not fit their kind, wrong types and unknown fields are no rules: such a
/// package does not load. The rules are for what could be read of it too, its
/// [`Draft`](crate::package::Draft), and say nothing there that may only come from what could not be
/// read.
pub const RULES: &[Rule] = &[
    DECODING,
    manifest::NAMES,
    manifest::VERSIONS,
    manifest::KUDO_VERSION,
    parameters::DUPLICATE,
    parameters::NAME,
    parameters::IMMUTABLE,
    parameters::DEFAULT,
    parameters::ENUM,
    parameters::ADVANCED,
    parameters::TRIGGER,
    parameters::GROUP_NAME,
    parameters::DUPLICATE_GROUP,
    parameters::UNDEFINED_GROUP,
    tasks::DUPLICATE,
    tasks::UNDEFINED,
    tasks::UNUSED,
    tasks::TOGGLE,
    plans::DEPLOY,
    plans::DUPLICATE_NAME,
    plans::STRATEGY,
    plans::PIPE_KEY,
    templates::UNDEFINED,
    templates::UNUSED,
    templates::NAMESPACE_KIND,
    templates::NAMESPACE_MANIFEST,
];

/// Repeats what reading the files found.
const DECODING: Rule = Rule {
    name: "decoding",
    summary: "Keys are given once, texts that look like something else are in quotes, and \
              templates end in .yaml or .hbs.",
    check: |package, diagnostics| diagnostics.extend(package.findings.iter().cloned()),
};

/// Runs the rules; diagnostics come sorted by place.
pub fn verify(package: &Package, rules: &[Rule]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for rule in rules {
        (rule.check)(package, &mut diagnostics);
    }
    diagnostics.sort_by(|a, b| a.location.cmp(&b.location));
    diagnostics
}
