//! Verification: a list of named rules over a decoded package.
//!
//! The rules here need no template engine; those that do live in `kudo_template::verify` and have
//! the same type.

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
pub const RULES: &[Rule] = &[];

/// Runs the rules; diagnostics come sorted by place.
pub fn verify(package: &Package, rules: &[Rule]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for rule in rules {
        (rule.check)(package, &mut diagnostics);
    }
    diagnostics.sort_by(|a, b| a.location.cmp(&b.location));
    diagnostics
}
