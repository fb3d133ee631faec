//! Checks of jobs, and of what a cron job makes them of.

use serde_json::Value;

use super::check::{join, list, one_of};
use super::{names, selectors};
use crate::field_error::{Fault, FieldError};

/// Labels of a job's pods: its uid, by which it selects them, and its name.
pub(super) const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
pub(super) const JOB_NAME: &str = "batch.kubernetes.io/job-name";

const MODES: &[&str] = &["NonIndexed", "Indexed"];
const MOST_AT_ONCE: i64 = 100_000;
/// From more completions than this on, jobs that count failures by index are kept smaller.
const MANY_COMPLETIONS: i64 = 100_000;
const MOST_AT_ONCE_OF_MANY: i64 = 10_000;

/// A job selects its pods itself, or by hand with a selector that fits.
pub(super) fn job(object: &Value, errors: &mut Vec<FieldError>) {
    let spec = &object["spec"];
    let by_hand = spec["manualSelector"] == true;
    let selector = &spec["selector"];
    if selector.is_null() {
        errors.push(FieldError::required("spec.selector", ""));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    if !by_hand && !selector.is_null() {
        generated(object, selector, labels, errors);
    }
    if selector.is_null() || !selectors::matches(selector, labels) {
        errors.push(FieldError {
            fault: Fault::Invalid,
            field: "spec.template.metadata.labels".to_owned(),
            value: Some(selectors::go_labels(labels)),
            detail: "`selector` does not match template `labels`".to_owned(),
        });
    }
}

/// The labels and the selector that a server makes up must not have been given otherwise.
fn generated(object: &Value, selector: &Value, labels: &Value, errors: &mut Vec<FieldError>) {
    let (uid, name) = (&object["metadata"]["uid"], &object["metadata"]["name"]);
    let own = [
        ("controller-uid", uid),
        ("job-name", name),
        (CONTROLLER_UID, uid),
        (JOB_NAME, name),
    ];
    for (key, value) in own {
        let field = format!("spec.template.metadata.labels[{key}]");
        let words = format!("must be '{}'", value.as_str().unwrap_or_default());
        match &labels[key] {
            Value::Null => errors.push(FieldError::required(field, words)),
            given if given == value => {}
            _ => errors.push(FieldError::invalid_shown(
                field,
                selectors::go_labels(labels),
                words,
            )),
        }
    }
    let own = own.map(|(key, value)| (key.to_owned(), value.clone()));
    if !selectors::matches(selector, &Value::Object(own.into_iter().collect())) {
        let words = "`selector` not auto-generated";
        let shown = selectors::go(selector);
        errors.push(FieldError::invalid_shown("spec.selector", shown, words));
    }
}

/// A cron job's jobs select their pods themselves.
pub(super) fn template(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let job = &spec["jobTemplate"]["spec"];
    let path = join(path, "jobTemplate.spec");
    if job["manualSelector"] == true {
        let field = join(&path, "manualSelector");
        let supported = ["nil", "false"];
        errors.push(FieldError::not_supported(field, &true.into(), &supported));
    }
    if !job["selector"].is_null() {
        let words = "`selector` will be auto-generated";
        let shown = selectors::go(&job["selector"]);
        errors.push(FieldError::invalid_shown(
            join(&path, "selector"),
            shown,
            words,
        ));
    }
}

/// Pods of jobs are not.
pub(super) fn restarts(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &spec["template"]["spec"]["restartPolicy"];
    let field = join(path, "template.spec.restartPolicy");
    match policy.as_str() {
        Some("OnFailure") if !spec["podFailurePolicy"].is_null() => {
            let words = "only \"Never\" is supported when podFailurePolicy is specified";
            errors.push(FieldError::invalid(field, policy, words));
        }
        Some("OnFailure" | "Never") => {}
        // What is no policy at all has been told already.
        Some(other) if other != "Always" => {}
        _ => {
            let words = "valid values: \"OnFailure\", \"Never\"";
            errors.push(FieldError::required(field, words));
        }
    }
}

/// How the pods of a job are told apart, and what only jobs with numbered ones may say.
pub(super) fn completion_mode(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let number = |field: &str| spec[field].as_i64();
    let per_index = number("backoffLimitPerIndex");
    if number("maxFailedIndexes").is_some() && per_index.is_none() {
        let field = join(path, "backoffLimitPerIndex");
        errors.push(FieldError::required(
            field,
            "when maxFailedIndexes is specified",
        ));
    }
    let mode = &spec["completionMode"];
    one_of(mode, &join(path, "completionMode"), MODES, errors);
    if mode == "Indexed" {
        indexed(spec, path, errors);
    } else if mode.is_null() || mode == "NonIndexed" {
        for key in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if number(key).is_some() {
                let words = "requires indexed completion mode";
                errors.push(FieldError::invalid(join(path, key), &spec[key], words));
            }
        }
    }
}

fn indexed(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let number = |field: &str| spec[field].as_i64();
    let mut at_most = |key: &str, most: Option<i64>, words: &str| {
        if most.is_some_and(|most| number(key) > Some(most)) {
            errors.push(FieldError::invalid(join(path, key), &spec[key], words));
        }
    };
    at_most(
        "parallelism",
        Some(MOST_AT_ONCE),
        "must be less than or equal to 100000 when completion mode is Indexed",
    );
    at_most(
        "maxFailedIndexes",
        number("completions"),
        "must be less than or equal to completions",
    );
    at_most(
        "maxFailedIndexes",
        Some(MOST_AT_ONCE),
        "must be less than or equal to 100000",
    );
    let is_large = number("completions") > Some(MANY_COMPLETIONS);
    if is_large && number("backoffLimitPerIndex").is_some() {
        let words = "must be less than or equal to 10000 when completions are above 100000 and used \
                     with backoff limit per index";
        at_most("parallelism", Some(MOST_AT_ONCE_OF_MANY), words);
        at_most("maxFailedIndexes", Some(MOST_AT_ONCE_OF_MANY), words);
        if number("maxFailedIndexes").is_none() {
            let words = "must be specified when completions is above 100000";
            errors.push(FieldError::required(join(path, "maxFailedIndexes"), words));
        }
    }
    if number("completions").is_none() {
        let words = "when completion mode is Indexed";
        errors.push(FieldError::required(join(path, "completions"), words));
    }
}

/// When a job has succeeded although not all of its pods have.
pub(super) fn success_policy(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &spec["successPolicy"];
    let path = join(path, "successPolicy");
    if policy.is_null() {
        return;
    }
    if spec["completionMode"] != "Indexed" {
        let words = "requires indexed completion mode";
        errors.push(FieldError::invalid_shown(path, policy.to_string(), words));
        return;
    }
    let path = join(&path, "rules");
    if list(&policy["rules"]).next().is_none() {
        let words = "at least one rules must be specified when the successPolicy is specified";
        errors.push(FieldError::required(&*path, words));
    }
    at_most_items(&policy["rules"], MOST_RULES, &path, errors);
    for (index, rule) in list(&policy["rules"]).enumerate() {
        success_rule(spec, rule, &format!("{path}[{index}]"), errors);
    }
}

fn success_rule(spec: &Value, rule: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let (indexes, count) = (&rule["succeededIndexes"], &rule["succeededCount"]);
    if count.is_null() && indexes.is_null() {
        let words = "at least one of succeededCount or succeededIndexes must be specified";
        errors.push(FieldError::required(path, words));
    }
    let completions = spec["completions"].as_i64().unwrap_or(0);
    let mut numbered = 0;
    if let Some(text) = indexes.as_str() {
        let field = join(path, "succeededIndexes");
        if text.len() > LONGEST_INDEXES {
            errors.push(FieldError::too_long(&*field, LONGEST_INDEXES));
        }
        match how_many(text, completions) {
            Ok(number) => numbered = number,
            Err(why) => {
                let words = format!("error parsing succeededIndexes: {why}");
                errors.push(FieldError::invalid(field, indexes, words));
            }
        }
    }
    let Some(number) = count.as_i64() else { return };
    let field = join(path, "succeededCount");
    if number < 0 {
        let words = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(&*field, count, words));
    }
    if number > completions {
        let words = format!(
            "must be less than or equal to {completions} (the number of specified completions)"
        );
        errors.push(FieldError::invalid(&*field, count, words));
    }
    if !indexes.is_null() && number > numbered {
        let words = format!(
            "must be less than or equal to {numbered} (the number of indexes in the specified \
             succeededIndexes field)"
        );
        errors.push(FieldError::invalid(field, count, words));
    }
}

/// How many indexes a text like `0,2-4` names, which must grow and be below `completions`.
fn how_many(text: &str, completions: i64) -> Result<i64, String> {
    let (mut total, mut last) = (0, None);
    for interval in text.split(',').filter(|_| !text.is_empty()) {
        let bounds: Vec<&str> = interval.split('-').collect();
        if bounds.len() > 2 {
            return Err(format!(
                "the fragment {interval:?} violates the requirement that an index interval can have \
                 at most two parts separated by '-'"
            ));
        }
        let bound = |text: &str| match text.parse::<i64>() {
            Err(_) => Err(format!(
                "cannot convert string to integer for index: {text:?}"
            )),
            Ok(index) if index >= completions => Err(format!("too large index: {text:?}")),
            Ok(index) => Ok(index),
        };
        let grows = |before: i64, after: i64| {
            (before < after).then_some(()).ok_or_else(|| {
                format!("non-increasing order, previous: {before}, current: {after}")
            })
        };
        let first = bound(bounds[0])?;
        let end = bounds.get(1).map_or(Ok(first), |text| bound(text))?;
        if bounds.len() == 2 {
            grows(first, end)?;
        }
        if let Some(last) = last {
            grows(last, first)?;
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

/// When failed pods are replaced; with a policy about failures they must have failed.
pub(super) fn replacement(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &spec["podReplacementPolicy"];
    let known: &[&str] = if spec["podFailurePolicy"].is_null() {
        &["Failed", "TerminatingOrFailed"]
    } else {
        &["Failed"]
    };
    one_of(policy, &join(path, "podReplacementPolicy"), known, errors);
}

const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS: &[&str] = &["In", "NotIn"];
const STATUSES: &[&str] = &["False", "True", "Unknown"];
const MOST_RULES: usize = 20;
/// In bytes.
const LONGEST_INDEXES: usize = 64 * 1024;
const MOST_CODES: usize = 255;

/// What is done about pods that fail.
pub(super) fn failure_policy(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let rules = &spec["podFailurePolicy"]["rules"];
    let path = join(path, "podFailurePolicy.rules");
    at_most_items(rules, MOST_RULES, &path, errors);
    for (index, rule) in list(rules).enumerate() {
        failure_rule(spec, rule, &format!("{path}[{index}]"), errors);
    }
}

fn failure_rule(spec: &Value, rule: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let action = join(path, "action");
    if rule["action"] == "FailIndex" {
        if spec["backoffLimitPerIndex"].is_null() {
            let words = "requires the backoffLimitPerIndex to be set";
            errors.push(FieldError::invalid(action, &rule["action"], words));
        }
    } else {
        required_one_of(&rule["action"], &action, ACTIONS, errors);
    }
    let (codes, conditions) = (&rule["onExitCodes"], &rule["onPodConditions"]);
    if !codes.is_null() {
        exit_codes(spec, codes, &join(path, "onExitCodes"), errors);
    }
    pod_conditions(conditions, &join(path, "onPodConditions"), errors);
    let words = match (codes.is_null(), list(conditions).next().is_none()) {
        (false, false) => "specifying both OnExitCodes and OnPodConditions is not supported",
        (true, true) => "specifying one of OnExitCodes and OnPodConditions is required",
        _ => return,
    };
    errors.push(FieldError::invalid_unshown(path, words));
}

fn exit_codes(spec: &Value, codes: &Value, path: &str, errors: &mut Vec<FieldError>) {
    required_one_of(
        &codes["operator"],
        &join(path, "operator"),
        OPERATORS,
        errors,
    );
    let pod = &spec["template"]["spec"];
    let mut containers = list(&pod["containers"]).chain(list(&pod["initContainers"]));
    let name = &codes["containerName"];
    if !name.is_null() && !containers.any(|container| container["name"] == *name) {
        let words = "must be one of the container or initContainer names in the pod template";
        let field = join(path, "containerName");
        errors.push(FieldError::invalid(field, name, words));
    }
    let path = join(path, "values");
    let values: Vec<i64> = list(&codes["values"]).filter_map(Value::as_i64).collect();
    let shown = codes["values"].to_string();
    if values.is_empty() {
        let words = "at least one value is required";
        errors.push(FieldError::invalid_shown(path.as_str(), &*shown, words));
    }
    at_most_items(&codes["values"], MOST_CODES, &path, errors);
    for (index, value) in values.iter().enumerate() {
        let field = format!("{path}[{index}]");
        if *value == 0 && codes["operator"] == "In" {
            let words = "must not be 0 for the In operator";
            errors.push(FieldError::invalid(field.as_str(), &0.into(), words));
        }
        if values[..index].contains(value) {
            errors.push(FieldError::duplicate(field, &(*value).into()));
        }
    }
    if !values.is_sorted() {
        errors.push(FieldError::invalid_shown(path, shown, "must be ordered"));
    }
}

fn pod_conditions(conditions: &Value, path: &str, errors: &mut Vec<FieldError>) {
    at_most_items(conditions, MOST_RULES, path, errors);
    for (index, condition) in list(conditions).enumerate() {
        let name = &condition["type"];
        for fault in names::qualified(name.as_str().unwrap_or_default()) {
            let field = format!("{path}[{index}].type");
            let shown = name.as_str().unwrap_or_default().into();
            errors.push(FieldError::invalid(field, &shown, fault));
        }
        let field = format!("{path}[{index}].status");
        required_one_of(&condition["status"], &field, STATUSES, errors);
    }
}

/// A text that must be there and be one of those.
fn required_one_of(value: &Value, field: &str, known: &[&str], errors: &mut Vec<FieldError>) {
    match value.as_str().unwrap_or_default() {
        "" => {
            let quoted: Vec<String> = known.iter().map(|word| format!("{word:?}")).collect();
            let words = format!("valid values: [{}]", quoted.join(" "));
            errors.push(FieldError::required(field, words));
        }
        _ => one_of(value, field, known, errors),
    }
}

fn at_most_items(items: &Value, most: usize, field: &str, errors: &mut Vec<FieldError>) {
    let count = list(items).count();
    if count > most {
        errors.push(FieldError::too_many(field, count, most));
    }
}
