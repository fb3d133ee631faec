//! Which fields of a built-in kind are left out when they hold nothing.
//!
//! The API server keeps objects as typed values. An empty list or map, and the zero of most plain
//! fields, come back as if they had not been said; the zero of a field that is a pointer in the API
//! types is kept, since there it differs from not being said. The documents do not tell which is
//! which, so the fewer of each sort are listed here.

use serde_json::Value;

use super::{Scalar, Type};

/// Text fields whose empty text means something.
const KEPT_TEXTS: &[&str] = &[
    "apiGroup",
    "appProtocol",
    "completionMode",
    "deprecationWarning",
    "ingressClassName",
    "labelSelectorPath",
    "loadBalancerClass",
    "managedBy",
    "runtimeClassName",
    "storageClassName",
    "timeZone",
    "volumeAttributesClassName",
];

/// Truth values whose `false` differs from their absence.
const KEPT_BOOLEANS: &[&str] = &[
    "allocateLoadBalancerNodePorts",
    "allowPrivilegeEscalation",
    "allowVolumeExpansion",
    "attachRequired",
    "automountServiceAccountToken",
    "blockOwnerDeletion",
    "controller",
    "enableServiceLinks",
    "fsGroupChangePolicy",
    "hostProcess",
    "hostUsers",
    "immutable",
    "manualSelector",
    "optional",
    "podInfoOnMount",
    "privileged",
    "readOnlyRootFilesystem",
    "ready",
    "requiresRepublish",
    "runAsNonRoot",
    "seLinuxMount",
    "serving",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "started",
    "storageCapacity",
    "suspend",
    "terminating",
    "x-kubernetes-preserve-unknown-fields",
];

/// Whole numbers whose zero is the same as their absence.
const DROPPED_NUMBERS: &[&str] = &[
    "count",
    "failureThreshold",
    "generation",
    "hostPort",
    "initialDelaySeconds",
    "minReadySeconds",
    "nodePort",
    "observedGeneration",
    "periodSeconds",
    "successThreshold",
];

/// Numbers in a status that are pointers after all.
const KEPT_IN_STATUS: &[&str] = &[
    "collisionCount",
    "exitCode",
    "ready",
    "terminating",
    "terminatingReplicas",
];

/// Whether a field that may be missing is left out for what it holds.
pub(super) fn is_left_out(owner: &str, field: &str, ty: &Type, value: &Value) -> bool {
    match (ty, value) {
        (Type::Map { .. }, Value::Object(map)) => map.is_empty(),
        (Type::List { .. }, Value::Array(list)) => list.is_empty(),
        (Type::Scalar(Scalar::Text | Scalar::Bytes), Value::String(text)) => {
            text.is_empty() && !KEPT_TEXTS.contains(&field)
        }
        (Type::Scalar(Scalar::Boolean), Value::Bool(value)) => {
            let is_kept =
                KEPT_BOOLEANS.contains(&field) || owner == "v1beta1.CustomResourceDefinitionSpec";
            !value && !is_kept
        }
        (Type::Scalar(Scalar::Int32 | Scalar::Int64), Value::Number(number)) => {
            number.as_i64() == Some(0)
                && (DROPPED_NUMBERS.contains(&field)
                    || owner == "Probe" && field == "timeoutSeconds"
                    || owner.ends_with("Status") && !KEPT_IN_STATUS.contains(&field))
        }
        _ => false,
    }
}
