//! Checks of how well parameters are described, which authors ask for with `--param-checks`. All
//! of them warn; the words are upstream's.

use super::Rule;
use crate::diagnostic::Diagnostic;
use crate::package::{Package, group_address, parameter_address};
use crate::parameter::Parameter;

/// The checks by the words that ask for them.
pub const PARAMETER_CHECKS: &[(&str, Rule)] = &[
    ("display", DISPLAY),
    ("hint", HINT),
    ("desc", DESCRIPTION),
    ("type", TYPE),
    ("hasgroup", HAS_GROUP),
    ("groups", GROUPS),
];

const DISPLAY: Rule = Rule {
    name: "parameter-display-name",
    summary: "A parameter has a display name that begins with a capital letter and ends with no ':'.",
    check: |package, diagnostics| {
        each(package, diagnostics, DISPLAY.name, "displayName", |_, p| {
            bad_display_name(p.display_name.as_deref())
        });
    },
};

const HINT: Rule = Rule {
    name: "parameter-hint",
    summary: "A parameter has a hint that ends with a full stop.",
    check: |package, diagnostics| {
        each(package, diagnostics, HINT.name, "hint", |_, p| {
            match p.hint.as_deref().unwrap_or_default() {
                "" => Some("has no hint"),
                hint => (!hint.ends_with('.')).then_some("has a hint not ending with a '.'"),
            }
        });
    },
};

const DESCRIPTION: Rule = Rule {
    name: "parameter-description",
    summary: "A parameter has a description that begins with a capital letter and ends a sentence.",
    check: |package, diagnostics| {
        each(
            package,
            diagnostics,
            DESCRIPTION.name,
            "description",
            |_, p| bad_description(p.description.as_deref()),
        );
    },
};

const TYPE: Rule = Rule {
    name: "parameter-type",
    summary: "The type of a parameter is written.",
    check: |package, diagnostics| {
        each(package, diagnostics, TYPE.name, "type", |index, _| {
            let written = package
                .locations
                .contains(&parameter_address(index, "type"));
            (!written).then_some("has no explicit type assigned")
        });
    },
};

const HAS_GROUP: Rule = Rule {
    name: "parameter-group",
    summary: "A parameter belongs to a group.",
    check: |package, diagnostics| {
        each(package, diagnostics, HAS_GROUP.name, "group", |_, p| {
            p.group.is_none().then_some("has no group")
        });
    },
};

const GROUPS: Rule = Rule {
    name: "group-description",
    summary: "A group has a display name and a description as parameters have them.",
    check: |package, diagnostics| {
        for (index, group) in package.groups.iter().enumerate() {
            let found = [
                (
                    "displayName",
                    bad_display_name(group.display_name.as_deref()),
                ),
                ("description", bad_description(group.description.as_deref())),
            ];
            for (field, complaint) in found {
                if let Some(complaint) = complaint
                    && package.is_read(&group_address(index, field))
                {
                    let message = format!("parameter group {:?} {complaint}", group.name);
                    let place = package.locations.find(&group_address(index, field));
                    diagnostics.push(Diagnostic::warning(GROUPS.name, message).at(place));
                }
            }
        }
    },
};

fn each(
    package: &Package,
    diagnostics: &mut Vec<Diagnostic>,
    rule: &'static str,
    field: &str,
    complaint: impl Fn(usize, &Parameter) -> Option<&'static str>,
) {
    for (index, parameter) in package.definition.parameters.iter().enumerate() {
        if !package.knows_parameter(index, &["name", field]) {
            continue;
        }
        if let Some(complaint) = complaint(index, parameter) {
            let message = format!("parameter {:?} {complaint}", parameter.name);
            let place = package.locations.find(&parameter_address(index, field));
            diagnostics.push(Diagnostic::warning(rule, message).at(place));
        }
    }
}

fn bad_display_name(name: Option<&str>) -> Option<&'static str> {
    let name = name.unwrap_or_default();
    if name.is_empty() {
        Some("has no displayName")
    } else if name.ends_with(':') {
        Some("has a displayName ending with ':'")
    } else if begins_small(name) {
        Some("has a displayName that does not start with a capital letter")
    } else {
        None
    }
}

fn bad_description(description: Option<&str>) -> Option<&'static str> {
    let description = description.unwrap_or_default();
    if description.is_empty() {
        Some("has no description")
    } else if !description.ends_with(['.', '!', '?', ')']) {
        Some("has a description not ending with one of '.!?)'")
    } else if begins_small(description) {
        Some("has a description that does not start with a capital letter")
    } else {
        None
    }
}

/// Whether a text begins with a letter that is no capital one; other characters are fine.
fn begins_small(text: &str) -> bool {
    text.chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() && !c.is_uppercase())
}
