//! Every name KUDO puts on objects: labels, annotations, finalizers, and how resources are called.
//!
//! Upstream's names are kept to the letter, so that selectors and scripts go on working.

/// Label that marks everything KUDO applied; its value is [`HERITAGE`].
pub const HERITAGE_LABEL: &str = "heritage";
/// Value of [`HERITAGE_LABEL`].
pub const HERITAGE: &str = "kudo";
/// Label with the operator's name.
pub const OPERATOR_LABEL: &str = "kudo.dev/operator";
/// Label with the instance's name.
pub const INSTANCE_LABEL: &str = "kudo.dev/instance";

/// Annotation on pod templates: the operator version they were rendered from.
pub const OPERATOR_VERSION_ANNOTATION: &str = "kudo.dev/operator-version";
/// Annotation: the plan that last applied the object.
pub const PLAN_ANNOTATION: &str = "kudo.dev/plan";
/// Annotation: the phase that last applied the object.
pub const PHASE_ANNOTATION: &str = "kudo.dev/phase";
/// Annotation: the step that last applied the object.
pub const STEP_ANNOTATION: &str = "kudo.dev/step";
/// Annotation: the execution that last applied the object.
pub const PLAN_UID_ANNOTATION: &str = "kudo.dev/last-plan-execution-uid";
/// Annotation on pod templates: hash over the `ConfigMaps` and `Secrets` they reference.
pub const DEPENDENCIES_HASH_ANNOTATION: &str = "kudo.dev/dependencies-hash";
/// Annotation on a `ConfigMap` or `Secret` that leaves it out of the hash.
pub const SKIP_HASH_ANNOTATION: &str = "kudo.dev/skip-hash-calculation";
/// Annotation in which upstream kept the last applied object; removed on takeover.
pub const LAST_APPLIED_ANNOTATION: &str = "kudo.dev/last-applied-configuration";
/// Annotation on the pod of a Pipe task.
pub const PIPE_POD_ANNOTATION: &str = "kudo.dev/pipepod";
/// Annotation: `"false"` keeps an object that a new operator version no longer renders.
pub const PRUNE_ANNOTATION: &str = "kudo.dev/prune";
/// Annotation: `once` makes an object only where there is none, and leaves one that is there as it is.
pub const APPLY_ANNOTATION: &str = "kudo.dev/apply";

/// Annotation: `abandon` lets a deleted instance go although its `cleanup` plan did not complete.
pub const CLEANUP_ANNOTATION: &str = "kudo.dev/cleanup";

/// Label that no instance has. The webhook's configuration selects it until a manager is there to answer.
pub const WEBHOOK_INACTIVE_LABEL: &str = "kudo.dev/webhook-waits-for-the-manager";

/// Finalizer that holds an instance until its `cleanup` plan is complete.
pub const CLEANUP_FINALIZER: &str = "kudo.dev.instance.cleanup";
/// Finalizer that holds an instance until the cluster-scoped objects in its inventory are gone.
pub const INVENTORY_FINALIZER: &str = "kudo.dev/inventory";

/// Field manager of everything the manager applies.
pub const FIELD_MANAGER: &str = "kudo-manager";

/// Condition type: all resources of the instance are ready.
pub const READY_CONDITION: &str = "Ready";
/// Condition type: the last change of the spec was accepted (written when it was not).
pub const ACCEPTED_CONDITION: &str = "Accepted";

/// Name of the plan that runs when an instance is created.
pub const DEPLOY_PLAN: &str = "deploy";
/// Name of the plan that runs when a parameter without a trigger changes.
pub const UPDATE_PLAN: &str = "update";
/// Name of the plan that runs when the operator version changes.
pub const UPGRADE_PLAN: &str = "upgrade";
/// Name of the plan that runs when an instance is deleted.
pub const CLEANUP_PLAN: &str = "cleanup";

/// The longest name of a namespace, and the longest value of a label.
const NAME_LIMIT: usize = 63;

/// A text that cannot name what it is to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It cannot name a namespace.
    #[error(
        "a namespace's name has up to {NAME_LIMIT} lower case letters, digits and '-', and begins and ends with \
         a letter or digit"
    )]
    Namespace,
    /// It cannot name an instance.
    #[error(
        "an instance's name has up to {NAME_LIMIT} lower case letters, digits, '-' and '.', and each part between \
         dots begins and ends with a letter or digit"
    )]
    Instance,
}

/// Checks the name of a namespace: a label of RFC 1123.
///
/// ```
/// use kudo_api::names::{NameError, check_namespace_name};
/// assert_eq!(check_namespace_name("kudo-system"), Ok(()));
/// assert_eq!(check_namespace_name("a.b"), Err(NameError::Namespace));
/// ```
pub fn check_namespace_name(name: &str) -> Result<(), NameError> {
    if name.len() <= NAME_LIMIT && is_label(name) {
        Ok(())
    } else {
        Err(NameError::Namespace)
    }
}

/// Reads the name of a namespace as a flag gives it: trimmed, and checked unless it is empty, which means none.
///
/// ```
/// use kudo_api::names::{NameError, read_namespace_name};
/// assert_eq!(read_namespace_name(" queues").as_deref(), Ok("queues"));
/// assert_eq!(read_namespace_name("").as_deref(), Ok(""));
/// assert_eq!(read_namespace_name("a.b"), Err(NameError::Namespace));
/// ```
pub fn read_namespace_name(text: &str) -> Result<String, NameError> {
    let name = text.trim();
    if !name.is_empty() {
        check_namespace_name(name)?;
    }
    Ok(name.to_owned())
}

/// Checks the name of an instance: a subdomain of RFC 1123, and short enough for the value of the label
/// [`INSTANCE_LABEL`] that all its objects get.
///
/// ```
/// use kudo_api::names::{NameError, check_instance_name};
/// assert_eq!(check_instance_name("zk-3.4"), Ok(()));
/// assert_eq!(check_instance_name("Zk"), Err(NameError::Instance));
/// ```
pub fn check_instance_name(name: &str) -> Result<(), NameError> {
    if name.len() <= NAME_LIMIT && name.split('.').all(is_label) {
        Ok(())
    } else {
        Err(NameError::Instance)
    }
}

fn is_label(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !text.is_empty() && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}

/// Name of the `OperatorVersion` resource: `operator[-appVersion]-operatorVersion`.
///
/// ```
/// use kudo_api::names::operator_version_name;
/// assert_eq!(operator_version_name("kafka", Some("2.5.1"), "1.3.3"), "kafka-2.5.1-1.3.3");
/// assert_eq!(operator_version_name("galera", None, "0.1.0"), "galera-0.1.0");
/// ```
pub fn operator_version_name(
    operator: &str,
    app_version: Option<&str>,
    operator_version: &str,
) -> String {
    match app_version {
        Some(app) if !app.is_empty() => format!("{operator}-{app}-{operator_version}"),
        _ => format!("{operator}-{operator_version}"),
    }
}

/// Name an instance gets when the user gives none.
pub fn default_instance_name(operator: &str) -> String {
    format!("{operator}-instance")
}

#[cfg(test)]
mod tests {
    use super::{check_instance_name, check_namespace_name};

    #[test]
    fn names_are_what_kubernetes_takes() {
        let long = "a".repeat(63);
        let too_long = "a".repeat(64);
        for (name, namespace, instance) in [
            ("a", true, true),
            ("0-9", true, true),
            (long.as_str(), true, true),
            (too_long.as_str(), false, false),
            ("a.b", false, true),
            ("", false, false),
            ("A", false, false),
            ("a_b", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("a..b", false, false),
            ("a.-b", false, false),
            ("a b", false, false),
            ("\u{e4}", false, false),
        ] {
            assert_eq!(check_namespace_name(name).is_ok(), namespace, "{name:?}");
            assert_eq!(check_instance_name(name).is_ok(), instance, "{name:?}");
        }
    }
}
