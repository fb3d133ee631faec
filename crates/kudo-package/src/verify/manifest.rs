//! Rules about the operator itself.

use super::Rule;
use crate::diagnostic::Diagnostic;
use crate::package::{Package, operator_address};
use crate::version;

pub(super) const VERSIONS: Rule = Rule {
    name: "version",
    summary: "operatorVersion and kubernetesVersion are semantic versions, and so are appVersion \
              and kudoVersion if they are given.",
    check: versions,
};

pub(super) const KUDO_VERSION: Rule = Rule {
    name: "kudo-version",
    summary: "kudoVersion, the oldest KUDO that runs the package, is not newer than what this one does.",
    check: kudo_version,
};

fn kudo_version(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let needed = package.manifest.kudo_version.as_deref();
    if let Some(message) = needed.and_then(version::newer_kudo) {
        let location = package.locations.find(&operator_address("kudoVersion"));
        diagnostics.push(Diagnostic::warning(KUDO_VERSION.name, message).at(location));
    }
}

/// Longest name of an operator: it is the value of a label on all that it makes.
const LONGEST_NAME: usize = 63;

pub(super) const NAMES: Rule = Rule {
    name: "resource-name",
    summary: "The operator's name and versions make names that Kubernetes takes.",
    check: names,
};

fn names(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let definition = &package.definition;
    let mut report = |field: &str, message: String| {
        let location = package.locations.find(&operator_address(field));
        diagnostics.push(Diagnostic::error(NAMES.name, message).at(location));
    };
    let name = &definition.operator_name;
    if package.is_read(&operator_address("name")) {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if let Some(bad) = name.chars().find(|&c| !may_be_in_a_name(c)) {
            let message = format!(
                "the name holds {bad:?}: resources are named after the operator, and may hold lower-case \
                 letters, digits, '-' and '.'"
            );
            report("name", message);
        } else if !edge(name.chars().next()) || !edge(name.chars().next_back()) {
            let message = "the name must begin and end with a lower-case letter or a digit";
            report("name", message.to_owned());
        } else if name.len() > LONGEST_NAME {
            let message = format!(
                "the name has {} characters: as a label it may have {LONGEST_NAME} at most",
                name.len()
            );
            report("name", message);
        }
    }
    let versions = [
        ("operatorVersion", Some(&definition.operator_version)),
        ("appVersion", definition.app_version.as_ref()),
    ];
    for (field, version) in versions {
        let bad = version.and_then(|text| text.chars().find(|&c| !may_be_in_a_name(c)));
        if let Some(bad) = bad.filter(|_| package.is_read(&operator_address(field))) {
            let message = format!(
                "{field} holds {bad:?}: it becomes part of the name of a resource, which may hold lower-case \
                 letters, digits, '-' and '.'"
            );
            report(field, message);
        }
    }
}

fn may_be_in_a_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.'
}

fn versions(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let Package {
        definition,
        manifest,
        ..
    } = package;
    let fields = [
        (
            "operatorVersion",
            Some(definition.operator_version.as_str()),
            true,
        ),
        (
            "kubernetesVersion",
            manifest.kubernetes_version.as_deref(),
            true,
        ),
        ("appVersion", definition.app_version.as_deref(), false),
        ("kudoVersion", manifest.kudo_version.as_deref(), false),
    ];
    for (field, text, required) in fields {
        if !package.is_read(&operator_address(field)) {
            continue;
        }
        let message = match text.map(version::parse) {
            Some(Ok(_)) => continue,
            None if !required => continue,
            None => format!("{field:?} is missing"),
            Some(Err(error)) => format!("{field}: {error}"),
        };
        let location = package.locations.find(&operator_address(field));
        diagnostics.push(Diagnostic::error(VERSIONS.name, message).at(location));
    }
}
