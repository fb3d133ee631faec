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
