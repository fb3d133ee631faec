//! Cells of volumes and what makes them.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::list;
use crate::builtin;

/// The name of a storage class, which says whether it is the default.
pub(super) fn class_name(class: &Value, _: Timestamp) -> Value {
    let name = class["metadata"]["name"].as_str().unwrap_or_default();
    if builtin::is_default_class(class) {
        format!("{name} (default)").into()
    } else {
        name.into()
    }
}

pub(super) fn modes(modes: &Value) -> Value {
    let short = list(modes).iter().filter_map(|mode| match mode.as_str()? {
        "ReadWriteOnce" => Some("RWO"),
        "ReadOnlyMany" => Some("ROX"),
        "ReadWriteMany" => Some("RWX"),
        "ReadWriteOncePod" => Some("RWOP"),
        _ => None,
    });
    short.collect::<Vec<_>>().join(",").into()
}

pub(super) fn claim(volume: &Value, _: Timestamp) -> Value {
    let claim = &volume["spec"]["claimRef"];
    let text = |field: &str| claim[field].as_str().unwrap_or_default();
    if claim.is_null() {
        "".into()
    } else {
        format!("{}/{}", text("namespace"), text("name")).into()
    }
}

/// The class of what can be changed of a volume that is there.
pub(super) fn attributes_class(volume: &Value, _: Timestamp) -> Value {
    let class = volume["spec"]["volumeAttributesClassName"].as_str();
    class.unwrap_or("<unset>").into()
}

/// For whom a driver wants tokens.
pub(super) fn token_requests(driver: &Value, _: Timestamp) -> Value {
    let requests = &driver["spec"]["tokenRequests"];
    if requests.is_null() {
        return "<unset>".into();
    }
    let audiences = list(requests).iter();
    let audiences = audiences.map(|request| request["audience"].as_str().unwrap_or_default());
    audiences.collect::<Vec<_>>().join(",").into()
}

/// Which volumes a driver knows.
pub(super) fn lifecycle_modes(driver: &Value, _: Timestamp) -> Value {
    let modes = list(&driver["spec"]["volumeLifecycleModes"]).iter();
    let modes = modes.filter_map(Value::as_str).collect::<Vec<_>>();
    super::cells::or_none(&modes.join(",").into())
}
