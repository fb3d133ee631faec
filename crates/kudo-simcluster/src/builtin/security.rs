//! Checks of security contexts.

use std::sync::OnceLock;

use regex::Regex;
use serde_json::Value;

use super::check::{is_nothing, join, list};
use crate::field_error::FieldError;

const PROFILES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];
const SYSCTL: &str = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?\.)*[a-z0-9]([-_a-z0-9]*[a-z0-9])?";

fn id(value: &Value, path: String, errors: &mut Vec<FieldError>) {
    let is_id = |number: i64| (0..=i64::from(i32::MAX)).contains(&number);
    if value.as_i64().is_some_and(|number| !is_id(number)) {
        let words = "must be between 0 and 2147483647, inclusive";
        errors.push(FieldError::invalid(path, value, words));
    }
}

pub(super) fn of_pod(pod: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let context = &pod["securityContext"];
    let path = join(path, "securityContext");
    for key in ["fsGroup", "runAsUser", "runAsGroup"] {
        id(&context[key], join(&path, key), errors);
    }
    for (index, group) in list(&context["supplementalGroups"]).enumerate() {
        id(
            group,
            join(&path, &format!("supplementalGroups[{index}]")),
            errors,
        );
    }
    let policy = &context["fsGroupChangePolicy"];
    let policies = ["Always", "OnRootMismatch"];
    if !policy.is_null() && !policies.iter().any(|known| policy == known) {
        let field = join(&path, "fsGroupChangePolicy");
        errors.push(FieldError::not_supported(field, policy, &policies));
    }
    if pod["shareProcessNamespace"] == true && pod["hostPID"] == true {
        let words = "ShareProcessNamespace and HostPID cannot both be enabled";
        let field = join(&path, "shareProcessNamespace");
        errors.push(FieldError::invalid(field, &true.into(), words));
    }
    sysctls(&context["sysctls"], &join(&path, "sysctls"), errors);
}

fn sysctls(sysctls: &Value, path: &str, errors: &mut Vec<FieldError>) {
    static FORM: OnceLock<Option<Regex>> = OnceLock::new();
    let form = FORM.get_or_init(|| Regex::new(&format!("^{SYSCTL}$")).ok());
    let mut seen = Vec::new();
    for (index, sysctl) in list(sysctls).enumerate() {
        let field = format!("{path}[{index}].name");
        let name = sysctl["name"].as_str().unwrap_or_default();
        let is_well_formed = form.as_ref().is_some_and(|form| form.is_match(name));
        if name.is_empty() {
            errors.push(FieldError::required(field, ""));
        } else if name.len() > 253 || !is_well_formed {
            let words = format!("must have at most 253 characters and match regex {SYSCTL}");
            errors.push(FieldError::invalid(field, &sysctl["name"], words));
        } else if seen.contains(&name) {
            errors.push(FieldError::duplicate(field, &sysctl["name"]));
        }
        seen.push(name);
    }
}

pub(super) fn seccomp(profile: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let kind = &profile["type"];
    let local = join(path, "localhostProfile");
    if kind == "Localhost" && is_nothing(&profile["localhostProfile"]) {
        let words = "must be set when seccomp type is Localhost";
        errors.push(FieldError::required(local, words));
    } else if kind != "Localhost" && !profile["localhostProfile"].is_null() {
        let words = "can only be set when seccomp type is Localhost";
        errors.push(FieldError::invalid_shown(local, profile.to_string(), words));
    }
    if is_nothing(kind) {
        errors.push(FieldError::required(
            join(path, "type"),
            "type is required when seccompProfile is set",
        ));
    } else if !PROFILES.iter().any(|known| kind == known) {
        errors.push(FieldError::not_supported(
            join(path, "type"),
            kind,
            PROFILES,
        ));
    }
}

pub(super) fn app_armor(profile: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let kind = &profile["type"];
    let file = &profile["localhostProfile"];
    let field = join(path, "localhostProfile");
    match kind.as_str().unwrap_or_default() {
        "" => errors.push(FieldError::required(
            join(path, "type"),
            "type is required when appArmorProfile is set",
        )),
        "Localhost" => match file.as_str().unwrap_or_default() {
            "" => {
                let words = "must be set when AppArmor type is Localhost";
                errors.push(FieldError::required(field, words));
            }
            name if name.trim() != name => {
                let words = "must not be padded with whitespace";
                errors.push(FieldError::invalid(field, file, words));
            }
            _ => {}
        },
        known if PROFILES.contains(&known) => {
            if !file.is_null() {
                let words = "can only be set when AppArmor type is Localhost";
                errors.push(FieldError::invalid(field, file, words));
            }
        }
        _ => {
            let field = join(path, "type");
            errors.push(FieldError::not_supported(field, kind, PROFILES));
        }
    }
}

pub(super) fn of_container(context: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for key in ["runAsUser", "runAsGroup"] {
        id(&context[key], join(path, key), errors);
    }
    if context["allowPrivilegeEscalation"] != false {
        return;
    }
    let words = "cannot set `allowPrivilegeEscalation` to false and";
    if context["privileged"] == true {
        let words = format!("{words} `privileged` to true");
        errors.push(FieldError::invalid_shown(path, context.to_string(), words));
    }
    let added = &context["capabilities"]["add"];
    if list(added).any(|name| name == "CAP_SYS_ADMIN") {
        let words = format!("{words} `capabilities.Add` CAP_SYS_ADMIN");
        errors.push(FieldError::invalid_shown(path, context.to_string(), words));
    }
}
