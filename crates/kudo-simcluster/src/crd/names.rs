//! Which names a definition has: those that no other of its group had before.

use serde_json::{Value, json};

use super::{beta, text, texts};

const NON_STRUCTURAL: &str = "NonStructuralSchema";

/// Whether the kind of a definition is served.
pub(super) fn is_established(definition: &Value) -> bool {
    let conditions = definition["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
}

/// The status of a definition beside others.
pub(super) fn status(definition: &Value, others: &[&Value], now: &str) -> Value {
    let spec = &definition["spec"];
    let asked = &spec["names"];
    let mut status = definition["status"].clone();
    let others: Vec<&Value> = others
        .iter()
        .filter(|other| other["spec"]["group"] == spec["group"])
        .map(|other| &other["status"]["acceptedNames"])
        .collect();
    let is_resource = |name: &str| {
        let mut taken = others.iter().flat_map(|names| {
            let mut words = texts(&names["shortNames"]);
            words.extend([text(&names["plural"]), text(&names["singular"])]);
            words
        });
        taken.any(|taken| taken == name)
    };
    let is_kind = |name: &str| {
        let mut taken = others
            .iter()
            .flat_map(|names| [text(&names["kind"]), text(&names["listKind"])]);
        taken.any(|taken| taken == name)
    };
    let mut accepted = status["acceptedNames"].clone();
    let mut conflict: Option<(&str, String)> = None;
    let mut note = |reason: &'static str, name: &str| {
        conflict = Some((reason, format!("{name:?} is already in use")));
    };
    for (field, reason) in [
        ("plural", "PluralConflict"),
        ("singular", "SingularConflict"),
    ] {
        let name = text(&asked[field]);
        if is_resource(&name) {
            note(reason, &name);
        } else {
            accepted[field] = name.into();
        }
    }
    let short = texts(&asked["shortNames"]);
    match short.iter().find(|name| is_resource(name)) {
        Some(name) => note("ShortNamesConflict", name),
        None => set_list(&mut accepted, "shortNames", &short),
    }
    for (field, reason) in [("kind", "KindConflict"), ("listKind", "ListKindConflict")] {
        let name = text(&asked[field]);
        if is_kind(&name) {
            note(reason, &name);
        } else {
            accepted[field] = name.into();
        }
    }
    set_list(&mut accepted, "categories", &texts(&asked["categories"]));
    status["acceptedNames"] = accepted;
    let is_free = conflict.is_none();
    let (reason, message) = conflict.unwrap_or(("NoConflicts", "no conflicts found".to_owned()));
    set_condition(
        &mut status,
        "NamesAccepted",
        is_free,
        (reason, &message),
        now,
    );
    if is_free {
        let words = "the initial names have been accepted";
        set_condition(
            &mut status,
            "Established",
            true,
            ("InitialNamesAccepted", words),
            now,
        );
    } else if !is_established(definition) {
        let words = "not all names are accepted";
        set_condition(
            &mut status,
            "Established",
            false,
            ("NotAccepted", words),
            now,
        );
    }
    match beta::violations(spec) {
        Some(words) => {
            let reason = ("Violations", words.as_str());
            set_condition(&mut status, NON_STRUCTURAL, true, reason, now);
        }
        None => {
            if let Some(conditions) = status["conditions"].as_array_mut() {
                conditions.retain(|condition| condition["type"] != NON_STRUCTURAL);
            }
        }
    }
    status
}

fn set_list(names: &mut Value, field: &str, list: &[String]) {
    if !list.is_empty() {
        names[field] = list.into();
    } else if let Some(names) = names.as_object_mut() {
        names.remove(field);
    }
}

/// Sets a condition; its time tells when its status last changed.
fn set_condition(
    status: &mut Value,
    kind: &str,
    holds: bool,
    (reason, message): (&str, &str),
    now: &str,
) {
    let holds = if holds { "True" } else { "False" };
    let mut condition = json!({
        "type": kind, "status": holds, "lastTransitionTime": now, "reason": reason,
        "message": message,
    });
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(conditions) = status["conditions"].as_array_mut() else {
        return;
    };
    match conditions.iter_mut().find(|known| known["type"] == kind) {
        Some(known) => {
            if known["status"] == holds {
                condition["lastTransitionTime"] = known["lastTransitionTime"].clone();
            }
            *known = condition;
        }
        None => conditions.push(condition),
    }
}
