//! The scale subresource of kinds that have replicas.

use http::{Method, Response};
use serde_json::{Value, json};

use super::options;
use super::patch::Patch;
use super::update::ATTEMPTS;
use super::write::Failed;
use super::{Target, body};
use crate::field_error::FieldError;
use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::status::{Named, Refusal};
use crate::kinds::Scale;
use crate::patch;

impl Call {
    pub(super) fn get_scale(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let store = &self.server.store;
        let found = store.get(target.storage(), target.namespace(), target.name());
        let object = found.ok_or_else(|| no_scale(target))?.object(&target.shown);
        Ok(answer::json(200, &scale_of(target, &object)?))
    }

    pub(super) async fn put_scale(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let put = self.method == Method::PUT;
        let kind = if put { "UpdateOptions" } else { "PatchOptions" };
        let options = options::write_options(self, kind, false)?;
        let sent = if put { Some(body::parse(self)?) } else { None };
        let patch = if put {
            None
        } else {
            Some(self.read_patch(target.shown.kind.strategy.custom)?)
        };
        for _ in 0..ATTEMPTS {
            let store = &self.server.store;
            let found = store.get(target.storage(), target.namespace(), target.name());
            let before = found.ok_or_else(|| no_scale(target))?;
            let mut object = before.object(&target.shown);
            let scale = scale_of(target, &object)?;
            let asked = match (&sent, &patch) {
                (Some(sent), _) => sent.clone(),
                (_, Some(Patch::Json(change))) => patch::json_patch(&scale, change)?,
                (
                    _,
                    Some(Patch::Merge(change) | Patch::Strategic(change) | Patch::Apply(change)),
                ) => patch::merge_patch(&scale, change)?,
                (None, None) => return Err(Refusal::method_not_allowed()),
            };
            let name = asked["metadata"]["name"].as_str().unwrap_or_default();
            if name != target.name() {
                return Err(Refusal::other_name(name, target.name()));
            }
            let replicas = replicas(target, &asked)?;
            let version = asked["metadata"]["resourceVersion"]
                .as_str()
                .unwrap_or_default();
            if !version.is_empty() && scale["metadata"]["resourceVersion"] != version {
                return Err(Refusal::stale(target.shown.named(), target.name()));
            }
            set(&mut object, &scale_paths(target)?.spec, replicas.into());
            let mut whole = target.clone();
            whole.path.subresource = String::new();
            match self.replace(&whole, &before, object, &options, false).await {
                Ok(written) => return Ok(answer::json(200, &scale_of(target, &written)?)),
                Err(Failed::Refused(refusal)) => return Err(refusal),
                Err(Failed::Stale) => {}
            }
        }
        Err(Refusal::stale(target.shown.named(), target.name()))
    }
}

fn no_scale(target: &Target) -> Refusal {
    let named = target.shown.named();
    let plural = format!("{}/scale", named.plural);
    let named = Named {
        plural: &plural,
        ..named
    };
    Refusal::not_found(named, target.name())
}

fn scale_paths(target: &Target) -> Result<&Scale, Refusal> {
    target
        .shown
        .version()
        .scale
        .as_ref()
        .ok_or_else(|| target.not_found())
}

fn replicas(target: &Target, scale: &Value) -> Result<i64, Refusal> {
    let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
    if replicas >= 0 {
        return Ok(replicas);
    }
    let detail = "must be greater than or equal to 0";
    let error = FieldError::invalid("spec.replicas", &replicas.into(), detail);
    let status =
        crate::field_error::invalid_status("autoscaling", "Scale", target.name(), &[error]);
    Err(Refusal::whole(status))
}

/// Sets a value at a JSON pointer through objects, which are made where they lack.
fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for part in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[part];
    }
    *place = value;
}

fn scale_of(target: &Target, object: &Value) -> Result<Value, Refusal> {
    let paths = scale_paths(target)?;
    let number = |path: &str| object.pointer(path).and_then(Value::as_i64).unwrap_or(0);
    let metadata = &object["metadata"];
    let mut shown = json!({ "name": metadata["name"] });
    for field in ["namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if !metadata[field].is_null() {
            shown[field] = metadata[field].clone();
        }
    }
    let mut spec = json!({});
    if number(&paths.spec) != 0 {
        spec["replicas"] = number(&paths.spec).into();
    }
    let mut status = json!({ "replicas": number(&paths.status) });
    let selector = match &paths.selector {
        Some(path) => object
            .pointer(path)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned),
        None if target.shown.kind.strategy.custom => None,
        None => Some(selector_text(&object["spec"]["selector"])),
    };
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        status["selector"] = selector.into();
    }
    Ok(json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": shown, "spec": spec, "status": status,
    }))
}

/// A selector as a query writes it.
pub(crate) fn selector_text(selector: &Value) -> String {
    let exact = selector.get("matchLabels").unwrap_or(selector).as_object();
    let mut parts: Vec<String> = exact
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    for expression in selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let key = expression["key"].as_str().unwrap_or_default();
        let values = expression["values"].as_array().into_iter().flatten();
        let values: Vec<&str> = values.filter_map(Value::as_str).collect();
        parts.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("Exists") => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    parts.join(",")
}
