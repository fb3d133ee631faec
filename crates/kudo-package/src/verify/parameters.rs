//! Rules about parameters and their groups.

use std::collections::{HashMap, HashSet};

use super::Rule;
use crate::diagnostic::Diagnostic;
use crate::package::{Package, group_address, operator_address, parameter_address};
use crate::parameter::{Parameter, check_value};
use crate::suggest::nearest;

pub(super) const DUPLICATE: Rule = Rule {
    name: "duplicate-parameter",
    summary: "No two parameters have the same name, upper and lower case not told apart.",
    check: duplicates,
};

pub(super) const NAME: Rule = Rule {
    name: "parameter-name",
    summary: "The name of a parameter holds neither ';' nor ','.",
    check: |package, diagnostics| {
        each(package, diagnostics, NAME.name, &["name"], |parameter| {
            let bad = parameter.name.chars().find(|c| matches!(c, ';' | ','))?;
            Some(format!("the name holds {bad:?}, which is not allowed"))
        });
    },
};

pub(super) const IMMUTABLE: Rule = Rule {
    name: "immutable-parameter",
    summary: "An immutable parameter is required or has a default.",
    check: |package, diagnostics| {
        each(
            package,
            diagnostics,
            IMMUTABLE.name,
            &["immutable", "required", "default"],
            |parameter| {
                let empty =
                    parameter.immutable && !parameter.required && parameter.default.is_none();
                empty.then(|| {
                "is immutable, but neither required nor with a default: it could never get a value"
                    .to_owned()
            })
            },
        );
    },
};

pub(super) const DEFAULT: Rule = Rule {
    name: "parameter-default",
    summary: "A default is of the parameter's type and one of its allowed values.",
    check: defaults,
};

pub(super) const ENUM: Rule = Rule {
    name: "parameter-enum",
    summary: "A list of allowed values is not empty, and its values are of the parameter's type.",
    check: enums,
};

pub(super) const ADVANCED: Rule = Rule {
    name: "advanced-parameter",
    summary: "An advanced parameter is optional or has a default.",
    check: |package, diagnostics| {
        each(
            package,
            diagnostics,
            ADVANCED.name,
            &["advanced", "required", "default", "type"],
            |parameter| {
                let forced = parameter.advanced && parameter.needs_value();
                forced.then(|| {
                    "is advanced, but everyone has to set it: it is required and has no default"
                        .to_owned()
                })
            },
        );
    },
};

pub(super) const TRIGGER: Rule = Rule {
    name: "undefined-trigger",
    summary: "The plan that a parameter triggers is defined.",
    check: triggers,
};

pub(super) const GROUP_NAME: Rule = Rule {
    name: "group-name",
    summary: "The name of a group holds no '/'.",
    check: group_names,
};

pub(super) const DUPLICATE_GROUP: Rule = Rule {
    name: "duplicate-group",
    summary: "No two groups have the same name.",
    check: duplicate_groups,
};

pub(super) const UNDEFINED_GROUP: Rule = Rule {
    name: "undefined-group",
    summary: "The group of a parameter is defined.",
    check: undefined_groups,
};

/// Reports at the first of these fields of every parameter about which `complaint` has something to
/// say, if all of them could be read.
fn each(
    package: &Package,
    diagnostics: &mut Vec<Diagnostic>,
    rule: &'static str,
    fields: &[&str],
    complaint: impl Fn(&Parameter) -> Option<String>,
) {
    for (index, parameter) in readable(package, fields) {
        if let Some(complaint) = complaint(parameter) {
            diagnostics.push(error(package, rule, index, fields[0], &complaint));
        }
    }
}

/// The parameters of which these fields could be read.
fn readable<'p>(
    package: &'p Package,
    fields: &'p [&str],
) -> impl Iterator<Item = (usize, &'p Parameter)> {
    let all = package.definition.parameters.iter().enumerate();
    all.filter(move |(index, _)| package.knows_parameter(*index, fields))
}

fn error(
    package: &Package,
    rule: &'static str,
    index: usize,
    field: &str,
    complaint: &str,
) -> Diagnostic {
    let parameter = match package.definition.parameters[index].name.as_str() {
        "" => format!("parameters[{index}]"),
        name => format!("parameter {name:?}"),
    };
    Diagnostic::error(rule, format!("{parameter}: {complaint}"))
        .at(package.locations.find(&parameter_address(index, field)))
}

fn duplicates(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (index, parameter) in readable(package, &["name"]) {
        let Some(first) = seen.insert(parameter.name.to_lowercase(), &parameter.name) else {
            continue;
        };
        let complaint = if first == parameter.name {
            "is defined twice".to_owned()
        } else {
            format!("differs from {first:?} only in upper and lower case")
        };
        diagnostics.push(error(package, DUPLICATE.name, index, "name", &complaint));
    }
}

fn defaults(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    for (index, parameter) in readable(package, &["name", "default", "type", "enum"]) {
        let empty_enum = parameter.enum_values.as_ref().is_some_and(Vec::is_empty);
        let Some(default) = parameter.default.as_ref().filter(|_| !empty_enum) else {
            continue;
        };
        if let Err(wrong) = check_value(parameter, default) {
            diagnostics.push(
                Diagnostic::error(DEFAULT.name, format!("default of {wrong}"))
                    .at(package.locations.find(&parameter_address(index, "default"))),
            );
        }
    }
}

fn enums(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    for (index, parameter) in readable(package, &["name", "type"]) {
        let Some(choices) = &parameter.enum_values else {
            continue;
        };
        if !package.knows_parameter(index, &["enum"]) && choices.is_empty() {
            continue;
        }
        if choices.is_empty() {
            let complaint = "no value is allowed, because its enum is empty";
            diagnostics.push(error(package, ENUM.name, index, "enum", complaint));
        }
        let unbounded = Parameter {
            enum_values: None,
            ..parameter.clone()
        };
        for (choice_index, choice) in choices.iter().enumerate() {
            let address = parameter_address(index, &format!("enum/{choice_index}"));
            if !package.is_read(&address) {
                continue;
            }
            if let Err(wrong) = check_value(&unbounded, choice) {
                diagnostics.push(
                    Diagnostic::error(ENUM.name, format!("enum of {wrong}"))
                        .at(package.locations.find(&address)),
                );
            }
        }
    }
}

fn triggers(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let plans = &package.definition.plans;
    if !package.is_read(&operator_address("plans")) {
        return;
    }
    for (index, parameter) in readable(package, &["trigger"]) {
        let Some(plan) = parameter
            .trigger
            .as_ref()
            .filter(|plan| !plans.contains_key(*plan))
        else {
            continue;
        };
        let complaint = format!("triggers plan {plan:?}, which is not defined");
        diagnostics.push(
            error(package, TRIGGER.name, index, "trigger", &complaint)
                .did_you_mean(nearest(plan, plans.keys().map(String::as_str))),
        );
    }
}

fn group_names(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    for (index, group) in package.groups.iter().enumerate() {
        if group.name.contains('/') {
            let message = format!(
                "group {:?}: the name holds '/', which is not allowed",
                group.name
            );
            diagnostics.push(
                Diagnostic::error(GROUP_NAME.name, message)
                    .at(package.locations.find(&group_address(index, "name"))),
            );
        }
    }
    each(
        package,
        diagnostics,
        GROUP_NAME.name,
        &["group"],
        |parameter| {
            let group = parameter
                .group
                .as_ref()
                .filter(|group| group.contains('/'))?;
            Some(format!(
                "the group {group:?} holds '/', which is not allowed"
            ))
        },
    );
}

fn duplicate_groups(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen = HashSet::new();
    for (index, group) in package.groups.iter().enumerate() {
        if package.is_read(&group_address(index, "name")) && !seen.insert(&group.name) {
            let message = format!("group {:?} is defined twice", group.name);
            diagnostics.push(
                Diagnostic::error(DUPLICATE_GROUP.name, message)
                    .at(package.locations.find(&group_address(index, "name"))),
            );
        }
    }
}

fn undefined_groups(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    if !package.knows_groups() {
        return;
    }
    let known: HashSet<&str> = package
        .groups
        .iter()
        .map(|group| group.name.as_str())
        .collect();
    for (index, parameter) in readable(package, &["group"]) {
        let Some(group) = parameter
            .group
            .as_deref()
            .filter(|group| !known.contains(group))
        else {
            continue;
        };
        let complaint = format!("belongs to group {group:?}, which is not defined");
        let groups = package.groups.iter().map(|group| group.name.as_str());
        diagnostics.push(
            error(package, UNDEFINED_GROUP.name, index, "group", &complaint)
                .did_you_mean(nearest(group, groups)),
        );
    }
}
