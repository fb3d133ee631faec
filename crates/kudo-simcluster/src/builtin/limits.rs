//! Ranges of limits: what they may say.

use serde_json::{Map, Value};

use super::check::{join, list};
use super::{containers, names, quotas};
use crate::field_error::FieldError;
use crate::schema::Quantity;

/// What Kubernetes' own limits are for.
const TYPES: &[&str] = &["Container", "PersistentVolumeClaim", "Pod"];

/// An amount, and its name in a message.
type Side = (&'static str, &'static str);

const MIN: Side = ("min", "min value");
const MAX: Side = ("max", "max value");
const REQUEST: Side = ("defaultRequest", "default request value");
const DEFAULT: Side = ("default", "default value");
const LIMIT: Side = ("default", "default limit value");

/// Two amounts that must be in order, the lesser and the greater, where that is told if they are not, and which
/// amount is told as the value; in the order in which a server compares them.
const ORDERS: &[(Side, Side, &str, &str)] = &[
    (MIN, MAX, "min", "min"),
    (MIN, REQUEST, "defaultRequest", "defaultRequest"),
    (REQUEST, MAX, "defaultRequest", "defaultRequest"),
    (REQUEST, LIMIT, "defaultRequest", "defaultRequest"),
    (MIN, DEFAULT, "default", "min"),
    (DEFAULT, MAX, "default", "max"),
];

/// Limits are of different types.
pub(super) fn spec(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut known = Vec::new();
    for (index, item) in list(&spec["limits"]).enumerate() {
        let path = join(path, &format!("limits[{index}]"));
        let (field, ty) = (join(&path, "type"), &item["type"]);
        let text = ty.as_str().unwrap_or_default();
        for fault in names::qualified(text) {
            errors.push(FieldError::invalid(&*field, ty, fault));
        }
        if !text.contains('/') && !TYPES.contains(&text) {
            let words = "must be a standard limit type or fully qualified";
            errors.push(FieldError::invalid(&*field, ty, words));
        }
        if known.contains(&ty) {
            errors.push(FieldError::duplicate(field, ty));
        }
        known.push(ty);
        amounts(item, text, &path, errors);
    }
}

fn amounts(item: &Value, ty: &str, path: &str, errors: &mut Vec<FieldError>) {
    let mut resources: Vec<&String> = Vec::new();
    for side in [
        "max",
        "min",
        "default",
        "defaultRequest",
        "maxLimitRequestRatio",
    ] {
        let amounts = item[side].as_object().into_iter().flatten();
        if ty == "Pod" && side.starts_with("default") {
            if amounts.count() > 0 {
                let words = "may not be specified when `type` is 'Pod'";
                errors.push(FieldError::forbidden(join(path, side), words));
            }
            continue;
        }
        for (name, _) in amounts {
            let field = join(path, &format!("{side}[{name}]"));
            if ["Container", "Pod"].contains(&ty) {
                containers::unknown_resource(name, &field, errors);
            } else {
                quotas::unknown_resource(name, &field, errors);
            }
            if !resources.contains(&name) {
                resources.push(name);
            }
        }
    }
    let has_storage = ["min", "max"]
        .iter()
        .any(|side| !item[side]["storage"].is_null());
    if ty == "PersistentVolumeClaim" && !has_storage {
        let words = "either minimum or maximum storage value is required, but neither was provided";
        errors.push(FieldError::required(join(path, "limits"), words));
    }
    for name in resources {
        compare(item, name, path, errors);
    }
}

/// How the amounts of one resource are to each other.
fn compare(item: &Value, name: &str, path: &str, errors: &mut Vec<FieldError>) {
    let amount = |side: &str| containers::quantity(&item[side][name]);
    let shown = |side: &str| item[side][name].as_str().unwrap_or_default();
    let field = |side: &str| join(path, &format!("{side}[{name}]"));
    for (less, more, place, told) in ORDERS {
        let (Some(least), Some(most)) = (amount(less.0), amount(more.0)) else {
            continue;
        };
        if least > most {
            let (least, most) = (shown(less.0), shown(more.0));
            let words = format!("{} {least} is greater than {} {most}", less.1, more.1);
            errors.push(FieldError::invalid(field(place), &item[*told][name], words));
        }
    }
    let Some(ratio) = amount("maxLimitRequestRatio") else {
        return;
    };
    let (place, value) = (
        field("maxLimitRequestRatio"),
        &item["maxLimitRequestRatio"][name],
    );
    let told = shown("maxLimitRequestRatio");
    if Quantity::parse("1").is_ok_and(|one| ratio < one) {
        errors.push(FieldError::invalid(
            &*place,
            value,
            format!("ratio {told} is less than 1"),
        ));
    }
    if let (Some(least), Some(most)) = (amount("min"), amount("max")) {
        let most = most.approximately() / least.approximately();
        if ratio.approximately() > most {
            let words = format!("ratio {told} is greater than max/min = {most:.6}");
            errors.push(FieldError::invalid(place, value, words));
        }
    }
}

/// What a limit of containers says at least: the most is what they have if they say nothing, and that is
/// what they ask for, or else the least.
pub(super) fn default(item: &mut Map<String, Value>) {
    if item.get("type").is_none_or(|ty| ty != "Container") {
        return;
    }
    for (from, to) in [
        ("max", "default"),
        ("default", "defaultRequest"),
        ("min", "defaultRequest"),
    ] {
        let Some(Value::Object(from)) = item.get(from).cloned() else {
            continue;
        };
        let to = item.entry(to).or_insert_with(|| Value::Object(Map::new()));
        for (name, amount) in from {
            if to[&name].is_null() {
                to[name] = amount;
            }
        }
    }
}
