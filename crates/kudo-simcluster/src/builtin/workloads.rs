//! Checks of what runs pods for ever: templates, strategies and budgets.

use serde_json::Value;

use super::check::{join, not_negative, one_of};
use super::{metadata, selectors};
use crate::field_error::FieldError;

pub(super) fn template_metadata(template: &Value, path: &str, errors: &mut Vec<FieldError>) {
    metadata::validate_parts(&template["metadata"], &join(path, "metadata"), errors);
}

pub(super) fn progress_deadline(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let deadline = &spec["progressDeadlineSeconds"];
    let least = spec["minReadySeconds"].as_i64().unwrap_or_default();
    let Some(seconds) = deadline.as_i64() else {
        return;
    };
    let field = join(path, "progressDeadlineSeconds");
    if seconds < 0 {
        errors.push(not_negative(&field, deadline));
    }
    if seconds <= least {
        let words = "must be greater than minReadySeconds";
        errors.push(FieldError::invalid(field, deadline, words));
    }
}

pub(super) fn deployment_strategy(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let strategy = &spec["strategy"];
    let path = join(path, "strategy");
    let rolling = &strategy["rollingUpdate"];
    match strategy["type"].as_str().unwrap_or_default() {
        "Recreate" if !rolling.is_null() => {
            let words = "may not be specified when strategy `type` is 'Recreate'";
            let field = join(&path, "rollingUpdate");
            errors.push(FieldError::forbidden(field, words));
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let path = join(&path, "rollingUpdate");
            for key in ["maxUnavailable", "maxSurge"] {
                let field = join(&path, key);
                let before = errors.len();
                amount(&rolling[key], &field, errors);
                if key == "maxUnavailable" && errors.len() == before {
                    at_most_all(&rolling[key], &field, errors);
                }
            }
            let none = |key: &str| rolling[key] == 0 || rolling[key] == "0%";
            if none("maxUnavailable") && none("maxSurge") {
                let words = "may not be 0 when `maxSurge` is 0";
                let field = join(&path, "maxUnavailable");
                let shown = go_int_or_string(&rolling["maxUnavailable"]);
                errors.push(FieldError::invalid_shown(field, shown, words));
            }
        }
        other => {
            let shown = format!(
                "apps.DeploymentStrategy{{Type:{other:?}, \
                 RollingUpdate:(*apps.RollingUpdateDeployment)(nil)}}"
            );
            let supported = ["Recreate", "RollingUpdate"];
            errors.push(FieldError::not_supported_shown(&path, shown, &supported));
        }
    }
}

pub(super) fn daemon_set_strategy(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let path = join(path, "updateStrategy");
    let strategy = &spec["updateStrategy"];
    match strategy["type"].as_str().unwrap_or_default() {
        "OnDelete" => {}
        "RollingUpdate" => {
            let path = join(&path, "rollingUpdate");
            let rolling = &strategy["rollingUpdate"];
            let keys = ["maxUnavailable", "maxSurge"];
            for key in keys {
                amount(&rolling[key], &join(&path, key), errors);
            }
            for key in keys {
                at_most_all(&rolling[key], &join(&path, key), errors);
            }
            let none = |key: &str| matches!(&rolling[key], value if value.is_null() || value == 0 || value == "0%");
            match keys.map(none) {
                [false, false] => {
                    let words = "may not be set when maxUnavailable is non-zero";
                    let shown = go_int_or_string(&rolling["maxSurge"]);
                    let field = join(&path, "maxSurge");
                    errors.push(FieldError::invalid_shown(field, shown, words));
                }
                [true, true] => {
                    let words = "cannot be 0 when maxSurge is 0";
                    errors.push(FieldError::required(join(&path, "maxUnavailable"), words));
                }
                _ => {}
            }
        }
        other => {
            let shown = format!(
                "apps.DaemonSetUpdateStrategy{{Type:{other:?}, \
                 RollingUpdate:(*apps.RollingUpdateDaemonSet)(nil)}}"
            );
            let supported = ["RollingUpdate", "OnDelete"];
            errors.push(FieldError::not_supported_shown(&path, shown, &supported));
        }
    }
}

/// What becomes of a stateful set's claims.
pub(super) fn claim_retention(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &spec["persistentVolumeClaimRetentionPolicy"];
    let path = join(path, "persistentVolumeClaimRetentionPolicy");
    for key in ["whenDeleted", "whenScaled"] {
        one_of(
            &policy[key],
            &join(&path, key),
            &["Retain", "Delete"],
            errors,
        );
    }
    let start = &spec["ordinals"]["start"];
    if start.as_i64().is_some_and(|start| start < 0) {
        let path = path.replace("persistentVolumeClaimRetentionPolicy", "ordinals.start");
        errors.push(not_negative(&path, start));
    }
}

pub(super) fn stateful_set_strategy(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &spec["podManagementPolicy"];
    let policies = ["OrderedReady", "Parallel"];
    if !policies.iter().any(|known| policy == known) {
        let words = "must be 'OrderedReady' or 'Parallel'";
        let field = join(path, "podManagementPolicy");
        errors.push(FieldError::invalid(field, policy, words));
    }
    let strategy = &spec["updateStrategy"];
    let path = join(path, "updateStrategy");
    let rolling = &strategy["rollingUpdate"];
    match strategy["type"].as_str().unwrap_or_default() {
        "RollingUpdate" => {
            let partition = &rolling["partition"];
            if partition.as_i64().is_some_and(|number| number < 0) {
                errors.push(not_negative(
                    &join(&path, "rollingUpdate.partition"),
                    partition,
                ));
            }
        }
        "OnDelete" if rolling.is_null() => {}
        "OnDelete" => {
            let words = "only allowed for updateStrategy 'RollingUpdate'";
            let field = join(&path, "rollingUpdate");
            let partition = rolling["partition"].as_i64().unwrap_or_default();
            let shown = format!("apps.RollingUpdateStatefulSetStrategy{{Partition:{partition}}}");
            errors.push(FieldError::invalid_shown(field, shown, words));
        }
        other => {
            let words = "must be 'RollingUpdate' or 'OnDelete'";
            let shown = format!(
                "apps.StatefulSetUpdateStrategy{{Type:{other:?}, \
                 RollingUpdate:(*apps.RollingUpdateStatefulSetStrategy)(nil)}}"
            );
            errors.push(FieldError::invalid_shown(path, shown, words));
        }
    }
}

/// Of the template of a stateful set servers check no more than this.
pub(super) fn stateful_set_template(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let metadata = &spec["template"]["metadata"];
    let path = join(path, "template");
    metadata::labels(&metadata["labels"], &join(&path, "labels"), errors);
    metadata::annotations(
        &metadata["annotations"],
        &join(&path, "annotations"),
        errors,
    );
}

/// A number that is not negative, or a share.
fn amount(value: &Value, field: &str, errors: &mut Vec<FieldError>) {
    match value {
        Value::Number(number) if number.as_i64().is_some_and(|number| number < 0) => {
            errors.push(not_negative(field, value));
        }
        Value::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or_default();
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let words = "a valid percent string must be a numeric string followed by an \
                             ending '%' (e.g. '1%',  or '93%', regex used for validation is \
                             '[0-9]+%')";
                let shown = go_int_or_string(value);
                errors.push(FieldError::invalid_shown(field, shown, words));
            }
        }
        _ => {}
    }
}

fn at_most_all(value: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let share = value
        .as_str()
        .and_then(|text| text.strip_suffix('%')?.parse::<u32>().ok());
    if share.is_some_and(|share| share > 100) {
        let words = "must not be greater than 100%";
        errors.push(FieldError::invalid_shown(
            field,
            go_int_or_string(value),
            words,
        ));
    }
}

fn go_int_or_string(value: &Value) -> String {
    let (kind, number, text) = match value {
        Value::String(text) => (1, 0, text.as_str()),
        other => (0, other.as_i64().unwrap_or_default(), ""),
    };
    format!("intstr.IntOrString{{Type:{kind}, IntVal:{number}, StrVal:{text:?}}}")
}

pub(super) fn disruption(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let (least, most) = (&spec["minAvailable"], &spec["maxUnavailable"]);
    if !least.is_null() && !most.is_null() {
        let words = "minAvailable and maxUnavailable cannot be both set";
        errors.push(FieldError::invalid_shown(path, spec.to_string(), words));
    }
    for (key, value) in [("minAvailable", least), ("maxUnavailable", most)] {
        let field = join(path, key);
        amount(value, &field, errors);
        at_most_all(value, &field, errors);
    }
    let selector = join(path, "selector");
    selectors::validate(&spec["selector"], &selector, errors);
    let field = join(path, "unhealthyPodEvictionPolicy");
    let known = ["AlwaysAllow", "IfHealthyBudget"];
    one_of(&spec["unhealthyPodEvictionPolicy"], &field, &known, errors);
}

/// A revision holds something.
pub(super) fn revision_data(revision: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if revision["data"].is_null() {
        let field = join(path, "data");
        errors.push(FieldError::required(field, "data is mandatory"));
    }
}

pub(super) fn lease_transitions(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let transitions = &spec["leaseTransitions"];
    if transitions.as_i64().is_some_and(|number| number < 0) {
        let words = "must to greater or equal than 0";
        let field = join(path, "leaseTransitions");
        errors.push(FieldError::invalid(field, transitions, words));
    }
}

/// Pods of most workloads are always started again.
fn always_restarts(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &spec["template"]["spec"]["restartPolicy"];
    if policy.is_string() && *policy != "Always" {
        let field = join(path, "template.spec.restartPolicy");
        errors.push(FieldError::not_supported(field, policy, &["Always"]));
    }
}

/// They have no deadline either.
fn runs_for_ever(spec: &Value, path: &str, kind: &str, errors: &mut Vec<FieldError>) {
    always_restarts(spec, path, errors);
    if !spec["template"]["spec"]["activeDeadlineSeconds"].is_null() {
        let words = format!("activeDeadlineSeconds in {kind} is not Supported");
        let field = join(path, "template.spec.activeDeadlineSeconds");
        errors.push(FieldError::forbidden(field, words));
    }
}

pub(super) fn always_in_replica_set(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    runs_for_ever(spec, path, "ReplicaSet", errors);
}

pub(super) fn always_in_stateful_set(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    runs_for_ever(spec, path, "StatefulSet", errors);
}

pub(super) fn always_in_daemon_set(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    runs_for_ever(spec, path, "DaemonSet", errors);
}
