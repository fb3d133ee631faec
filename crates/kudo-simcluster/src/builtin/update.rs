//! What may not change.

use serde_json::Value;

use super::check::{is_nothing, list};
use super::storage::VOLUME_SOURCES;
use super::{Gvk, quotas, scheduling, selectors};
use crate::field_error::FieldError;

const IMMUTABLE: &str = "field is immutable";
const SET_IN_STONE: &str = "field is immutable when `immutable` is set";

/// Kind, path and how the old value is kept.
const FIELDS: &[(&str, &str, Kept)] = &[
    ("ClusterRoleBinding", "/roleRef", Kept::RoleRef),
    ("ConfigMap", "/binaryData", Kept::IfImmutable),
    ("ConfigMap", "/data", Kept::IfImmutable),
    ("ControllerRevision", "/data", Kept::Invalid),
    ("DaemonSet", "/spec/selector", Kept::Selector),
    ("Deployment", "/spec/selector", Kept::Selector),
    ("Job", "/spec/completions", Kept::Invalid),
    ("Job", "/spec/selector", Kept::Selector),
    ("Job", "/spec/template", Kept::Invalid),
    ("Job", "/spec/completionMode", Kept::Invalid),
    ("Job", "/spec/podFailurePolicy", Kept::Invalid),
    ("Job", "/spec/backoffLimitPerIndex", Kept::Invalid),
    ("Job", "/spec/managedBy", Kept::Invalid),
    ("Job", "/spec/successPolicy", Kept::Invalid),
    ("PriorityClass", "/value", Kept::Value),
    ("PriorityClass", "/preemptionPolicy", Kept::Invalid),
    ("ReplicaSet", "/spec/selector", Kept::Selector),
    ("RoleBinding", "/roleRef", Kept::RoleRef),
    ("Secret", "/data", Kept::IfImmutable),
    ("Secret", "/type", Kept::Invalid),
    ("StorageClass", "/parameters", Kept::Forbidden),
    ("StorageClass", "/provisioner", Kept::Forbidden),
    ("StorageClass", "/reclaimPolicy", Kept::Forbidden),
    ("StorageClass", "/volumeBindingMode", Kept::Invalid),
];

/// How a field is kept.
enum Kept {
    Invalid,
    Selector,
    RoleRef,
    Forbidden,
    IfImmutable,
    /// Told of by the name that the field has within a server.
    Value,
}

pub(super) fn validate(gvk: Gvk<'_>, old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    if ["ConfigMap", "Secret"].contains(&gvk.kind)
        && old["immutable"] == true
        && new["immutable"] != true
    {
        errors.push(FieldError::forbidden("immutable", SET_IN_STONE));
    }
    for (kind, path, kept) in FIELDS {
        let at = |object: &'_ Value| object.pointer(path).cloned().unwrap_or_default();
        let (before, after) = (at(old), at(new));
        if *kind != gvk.kind || before == after {
            continue;
        }
        let field = path[1..].replace('/', ".");
        errors.extend(match kept {
            Kept::Invalid => Some(FieldError::invalid(field, &after, IMMUTABLE)),
            Kept::Selector => {
                let shown = selectors::go(&after);
                Some(FieldError::invalid_shown(field, shown, IMMUTABLE))
            }
            Kept::RoleRef => {
                let shown = format!(
                    "rbac.RoleRef{{APIGroup:{}, Kind:{}, Name:{}}}",
                    after["apiGroup"], after["kind"], after["name"]
                );
                Some(FieldError::invalid_shown(
                    field,
                    shown,
                    "cannot change roleRef",
                ))
            }
            Kept::Forbidden => {
                let words = format!("updates to {field} are forbidden.");
                Some(FieldError::forbidden(field, words))
            }
            Kept::Value => {
                let words = "may not be changed in an update.";
                Some(FieldError::forbidden("Value", words))
            }
            Kept::IfImmutable => {
                (old["immutable"] == true).then(|| FieldError::forbidden(field, SET_IN_STONE))
            }
        });
    }
    match (gvk.group, gvk.kind) {
        ("", "Node") => node(old, new, errors),
        ("", "Pod") => pod(old, new, errors),
        ("", "Service") => service(old, new, errors),
        ("", "PersistentVolumeClaim") => claim(old, new, errors),
        ("", "PersistentVolume") => volume(old, new, errors),
        ("", "ResourceQuota") => quotas::update(old, new, errors),
        ("apps", "StatefulSet") => stateful_set(old, new, errors),
        _ => {}
    }
}

/// The spec without some of its fields.
fn without(object: &Value, fields: &[&str]) -> Value {
    let mut spec = object["spec"].clone();
    if let Some(spec) = spec.as_object_mut() {
        spec.retain(|key, _| !fields.contains(&key.as_str()));
    }
    spec
}

/// A node may be given its addresses and its provider once; besides them labels, taints and whether
/// pods are put there change.
fn node(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    // A server checks them once more.
    scheduling::taints(new, errors);
    let mut rest = false;
    for (field, shown, name) in [
        ("podCIDRs", "spec.podCIDRs", "podCIDR"),
        ("providerID", "spec.providerID", "providerID"),
    ] {
        let (before, after) = (&old["spec"][field], &new["spec"][field]);
        if !is_nothing(before) && before != after {
            let words = format!("node updates may not change {name} except from \"\" to valid");
            errors.push(FieldError::forbidden(shown, words));
            rest = true;
        }
    }
    let may_change = [
        "podCIDR",
        "podCIDRs",
        "providerID",
        "taints",
        "unschedulable",
        "configSource",
    ];
    let others = [old, new].map(|node| {
        let others = without(node, &may_change);
        if is_nothing(&others) {
            Value::Null
        } else {
            others
        }
    });
    if rest || others[0] != others[1] {
        let words = "node updates may only change labels, taints, or capacity (or configSource, if \
                     the DynamicKubeletConfig feature gate is enabled)";
        errors.push(FieldError::forbidden("[]", words));
    }
}

fn stateful_set(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    let may_change = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    if without(old, &may_change) != without(new, &may_change) {
        let words = "updates to statefulset spec for fields other than 'replicas', 'ordinals', \
                     'template', 'updateStrategy', 'revisionHistoryLimit', \
                     'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        errors.push(FieldError::forbidden("spec", words));
    }
}

fn pod(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    for key in ["containers", "initContainers"] {
        let count = |pod: &Value| pod["spec"][key].as_array().map_or(0, Vec::len);
        if count(old) != count(new) {
            let words = "pod updates may not add or remove containers";
            errors.push(FieldError::forbidden(format!("spec.{key}"), words));
            return;
        }
    }
    for key in ["containers", "initContainers"] {
        for (index, container) in list(&new["spec"][key]).enumerate() {
            if is_nothing(&container["image"]) {
                let field = format!("spec.{key}[{index}].image");
                errors.push(FieldError::required(field, ""));
                continue;
            }
            let image = container["image"].as_str().unwrap_or_default();
            if image.trim() != image {
                let field = format!("spec.{key}[{index}].image");
                let words = "must not have leading or trailing whitespace";
                errors.push(FieldError::invalid(field, &container["image"], words));
            }
        }
    }
    if !deadline(old, new, errors) {
        return;
    }
    let is_gated = list(&old["spec"]["schedulingGates"]).next().is_some();
    let comparable = |pod: &Value| {
        let mut spec = without(
            pod,
            &["activeDeadlineSeconds", "schedulingGates", "tolerations"],
        );
        if is_gated {
            spec["nodeSelector"] = Value::Null;
        }
        for key in ["containers", "initContainers"] {
            for container in spec[key].as_array_mut().into_iter().flatten() {
                if let Some(container) = container.as_object_mut() {
                    container.remove("image");
                }
            }
        }
        spec
    };
    let tolerations = |pod: &Value| {
        pod["spec"]["tolerations"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    let timeless = |mut toleration: Value| {
        toleration["tolerationSeconds"] = Value::Null;
        toleration
    };
    let after: Vec<Value> = tolerations(new).into_iter().map(timeless).collect();
    let mut before = tolerations(old).into_iter().map(timeless);
    if !before.all(|toleration| after.contains(&toleration)) {
        let words = "existing toleration can not be modified except its tolerationSeconds";
        errors.push(FieldError::forbidden("spec.tolerations", words));
    }
    gates(old, new, errors);
    if is_gated {
        node_selector(old, new, errors);
    }
    if comparable(old) != comparable(new) {
        let words = "pod updates may not change fields other than `spec.containers[*].image`, \
                     `spec.initContainers[*].image`, `spec.activeDeadlineSeconds` or \
                     `spec.tolerations` (only additions to existing tolerations)";
        errors.push(FieldError::forbidden("spec", words));
    }
}

/// What holds a pod back may be taken away, and no more added.
fn gates(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    let names = |pod: &Value| -> Vec<Value> {
        let gates = list(&pod["spec"]["schedulingGates"]);
        gates.map(|gate| gate["name"].clone()).collect()
    };
    let before = names(old);
    for (index, name) in names(new).into_iter().enumerate() {
        if !before.contains(&name) {
            let name = name.as_str().unwrap_or_default();
            let words = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            let field = format!("spec.schedulingGates[{index}]");
            errors.push(FieldError::forbidden(field, words));
        }
    }
}

/// A pod that is held back may be told more of the nodes it wants, and nothing else.
fn node_selector(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    let [before, after] = [old, new].map(|pod| &pod["spec"]["nodeSelector"]);
    let mut labels = before.as_object().into_iter().flatten();
    if !labels.all(|(label, value)| after[label] == *value) {
        let words = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        errors.push(FieldError::invalid("spec.nodeSelector", after, words));
    }
}

/// A pod may be given less time than it had, and not more. Whether the rest is to be looked at.
fn deadline(old: &Value, new: &Value, errors: &mut Vec<FieldError>) -> bool {
    let field = "spec.activeDeadlineSeconds";
    let value = &new["spec"]["activeDeadlineSeconds"];
    let (before, after) = (
        old["spec"]["activeDeadlineSeconds"].as_i64(),
        value.as_i64(),
    );
    let words = match (before, after) {
        (_, Some(after)) if !(0..=i64::from(i32::MAX)).contains(&after) => {
            "must be between 0 and 2147483647, inclusive"
        }
        (Some(before), Some(after)) if before < after => {
            "must be less than or equal to previous value"
        }
        (Some(_), None) => {
            let words = "must not update from a positive integer to nil value";
            errors.push(FieldError::invalid(field, &"null".into(), words));
            return true;
        }
        _ => return true,
    };
    errors.push(FieldError::invalid(field, value, words));
    false
}

fn service(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    if old["spec"]["type"] == "ExternalName" || new["spec"]["type"] == "ExternalName" {
        return;
    }
    let address = |service: &Value| {
        service["spec"]["clusterIP"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let (before, after) = (address(old), address(new));
    if before.is_empty() || before == after {
        return;
    }
    let field = "spec.clusterIPs[0]";
    errors.push(if after.is_empty() {
        FieldError::invalid_shown(field, "[]string(nil)", "primary clusterIP can not be unset")
    } else {
        let shown = format!("[]string{{{after:?}}}");
        FieldError::invalid_shown(field, shown, "may not change once set")
    });
}

fn claim(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    let is_bound = old["status"]["phase"] == "Bound";
    let comparable = |claim: &Value| {
        let mut spec = claim["spec"].clone();
        if is_bound {
            spec["resources"]["requests"] = Value::Null;
        }
        if old["spec"]["volumeName"].is_null() {
            // Binding is the one change of a claim's spec.
            spec["volumeName"] = Value::Null;
        }
        if !is_bound && old["spec"]["storageClassName"].is_null() {
            // But for a class that came after the claim.
            spec["storageClassName"] = Value::Null;
        }
        spec
    };
    if comparable(old) != comparable(new) {
        let words = "spec is immutable after creation except resources.requests for bound claims";
        errors.push(FieldError::forbidden("spec", words));
        return;
    }
    let size = |claim: &Value| {
        super::containers::quantity(&claim["spec"]["resources"]["requests"]["storage"])
    };
    if size(new) < size(old) {
        let words = "field can not be less than previous value";
        errors.push(FieldError::forbidden(
            "spec.resources.requests.storage",
            words,
        ));
    }
}

fn volume(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    let changed = |source: &&&str| old["spec"][**source] != new["spec"][**source];
    if VOLUME_SOURCES.iter().any(|source| changed(&source)) {
        let field = "spec.persistentvolumesource";
        let words = "spec.persistentvolumesource is immutable after creation";
        errors.push(FieldError::forbidden(field, words));
    }
    if old["spec"]["volumeMode"] != new["spec"]["volumeMode"] {
        let value = &new["spec"]["volumeMode"];
        errors.push(FieldError::invalid("spec.volumeMode", value, IMMUTABLE));
    }
}
