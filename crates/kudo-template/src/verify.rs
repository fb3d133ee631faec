//! Verification rules that need the template engine.

use kudo_package::verify::{self, Rule};
use kudo_package::{Diagnostic, Package};

/// The rules that need the template engine.
pub const RULES: &[Rule] = &[];

/// Runs all rules, those of `kudo_package` and these; diagnostics come sorted by place.
pub fn verify_package(package: &Package) -> Vec<Diagnostic> {
    let rules: Vec<Rule> = verify::RULES.iter().chain(RULES).copied().collect();
    verify::verify(package, &rules)
}
