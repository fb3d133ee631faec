//! Rules about templates that can be checked without rendering them.

use std::collections::HashSet;

use super::Rule;
use crate::diagnostic::{Diagnostic, Location};
use crate::operator::TaskSpec;
use crate::package::{Package, TEMPLATES_FOLDER, is_template, operator_address};
use crate::suggest::nearest;
use crate::yaml::{self, Mark};

pub(super) const UNDEFINED: Rule = Rule {
    name: "undefined-template",
    summary: "The templates of a task are there.",
    check: undefined,
};

pub(super) const UNUSED: Rule = Rule {
    name: "unused-template",
    summary: "Every template is used by a task or is the namespace manifest.",
    check: unused,
};

pub(super) const NAMESPACE_KIND: Rule = Rule {
    name: "namespace-kind",
    summary: "No template but the namespace manifest holds a Namespace.",
    check: namespace_kinds,
};

pub(super) const NAMESPACE_MANIFEST: Rule = Rule {
    name: "namespace-manifest",
    summary: "The namespace manifest is a template that holds one Namespace and nothing else.",
    check: namespace_manifest,
};

fn undefined(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let templates = &package.definition.templates;
    for (task_index, task) in package.definition.tasks.iter().enumerate() {
        for (index, template) in task.spec.templates().into_iter().enumerate() {
            if templates.contains_key(template) || !package.knows_template(template) {
                continue;
            }
            let field = match task.spec {
                TaskSpec::Pipe { .. } => "pod".to_owned(),
                TaskSpec::KudoOperator { .. } => "parameterFile".to_owned(),
                _ => format!("resources/{index}"),
            };
            let address = operator_address(&format!("tasks/{task_index}/spec/{field}"));
            if !package.is_read(&address) {
                continue;
            }
            let message = format!("template {template:?} of task {:?} is not there", task.name);
            let error =
                Diagnostic::error(UNDEFINED.name, message).at(package.locations.find(&address));
            diagnostics.push(
                match nearest(template, templates.keys().map(String::as_str)) {
                    None if !is_template(template) => error.hint("templates end in .yaml or .hbs"),
                    near => error.did_you_mean(near),
                },
            );
        }
    }
}

fn unused(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let definition = &package.definition;
    if !package.knows_task_specs() || !knows_namespace_manifest(package) {
        return;
    }
    let mut used: HashSet<&str> = definition
        .tasks
        .iter()
        .flat_map(|task| task.spec.templates())
        .collect();
    used.extend(package.manifest.namespace_manifest.as_deref());
    for template in definition.templates.keys() {
        if !used.contains(template.as_str()) {
            let message = format!("template {template:?} is used by no task");
            let warning = Diagnostic::warning(UNUSED.name, message);
            diagnostics.push(warning.at(location(template, 1, 1)));
        }
    }
}

fn knows_namespace_manifest(package: &Package) -> bool {
    package.is_read(&operator_address("namespaceManifest"))
}

fn namespace_kinds(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    if !knows_namespace_manifest(package) {
        return;
    }
    for (template, text) in &package.definition.templates {
        if package.manifest.namespace_manifest.as_ref() == Some(template) {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            if let Some(column) = namespace_kind(line) {
                let message = "a Namespace can't be part of an operator";
                diagnostics.push(
                    Diagnostic::error(NAMESPACE_KIND.name, message)
                        .at(location(template, index + 1, column))
                        .hint("name the template as namespaceManifest in operator.yaml"),
                );
            }
        }
    }
}

/// The column at which a line says `kind: Namespace`, templates within it not looked at.
fn namespace_kind(line: &str) -> Option<usize> {
    let found = line.trim_start_matches([' ', '\t', '-', '{']);
    let value = found.strip_prefix("kind:")?;
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    let rest = value.strip_prefix("Namespace")?;
    let is_longer = rest.starts_with(|c: char| c.is_alphanumeric());
    (!is_longer).then(|| line.len() - found.len() + 1)
}

/// Checks the manifest as it is written. One that holds template expressions is left to the rules
/// that render.
fn namespace_manifest(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let Some(template) = &package.manifest.namespace_manifest else {
        return;
    };
    let address = operator_address("namespaceManifest");
    let mut report = |message: String, near: Option<&str>| {
        diagnostics.push(
            Diagnostic::error(NAMESPACE_MANIFEST.name, message)
                .at(package.locations.find(&address))
                .did_you_mean(near),
        );
    };
    let templates = &package.definition.templates;
    if !package.knows_template(template) {
        return;
    }
    let Some(text) = templates.get(template) else {
        let near = nearest(template, templates.keys().map(String::as_str));
        return report(format!("template {template:?} is not there"), near);
    };
    if text.contains("{{") {
        return;
    }
    match yaml::parse_documents(text) {
        Err(error) => report(
            format!("template {template:?} is not valid YAML: {error}"),
            None,
        ),
        Ok(documents) => match documents.as_slice() {
            [] => report(format!("template {template:?} holds no manifest"), None),
            [document] if document.value["kind"] == "Namespace" => {}
            [_] => report(
                format!("template {template:?} is not of kind Namespace"),
                None,
            ),
            more => {
                let count = more.len();
                report(
                    format!("template {template:?} holds {count} manifests, not one"),
                    None,
                );
            }
        },
    }
}

fn location(template: &str, line: usize, column: usize) -> Location {
    Location::at(
        format!("{TEMPLATES_FOLDER}/{template}"),
        Mark { line, column },
    )
}
