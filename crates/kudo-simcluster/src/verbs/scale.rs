//! The scale subresource of kinds that have replicas.

use http::{Method, Response};
use serde_json::{Value, json};

use super::options::{self, WriteOptions};
use super::patch::Patch;
use super::update::ATTEMPTS;
use super::write::Failed;
use super::{Target, body};
use crate::admission::{Asked, Operation};
use crate::field_error::FieldError;
use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::status::{Named, Refusal};
use crate::kinds::{self, Scale};
use crate::managed_fields::{self, Manager};
use crate::patch;

impl Call {
    pub(super) fn get_scale(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let store = &self.server.store;
        let found = store.get(target.storage(), target.namespace(), target.name());
        let object = found.ok_or_else(|| no_scale(target))?.object(&target.shown);
        let path = &scale_paths(target)?.spec;
        if target.shown.kind.is_custom() && object.pointer(path).is_none() {
            let path = path.replace('/', ".");
            let problem = format!("the spec replicas field {path:?} does not exist");
            return Err(Refusal::internal(&problem));
        }
        Ok(answer::json(200, &scale_of(target, &object)?))
    }

    /// PUT or PATCH of a scale: what it says of the replicas is written into the object.
    pub(super) async fn write_scale(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let own = Target {
            shown: kinds::scale(),
            path: target.path.clone(),
        };
        let change = if self.method == Method::PUT {
            None
        } else {
            Some(self.read_patch(target.shown.kind.is_custom())?)
        };
        let kind = change.as_ref().map_or("UpdateOptions", |_| "PatchOptions");
        let apply = matches!(change, Some(Patch::Apply(_)));
        let options = options::write_options(self, kind, apply)?;
        let sent = match &change {
            Some(_) => Value::Null,
            None => body::object(self, &own, options.fields)?,
        };
        let mut whole = target.clone();
        whole.path.subresource = String::new();
        let reviewed = WriteOptions {
            reviewed: true,
            ..options.clone()
        };
        for _ in 0..ATTEMPTS {
            let store = &self.server.store;
            let found = store.get(target.storage(), target.namespace(), target.name());
            let before = found.ok_or_else(|| target.not_found())?;
            let mut object = before.object(&target.shown);
            let path = &scale_paths(target)?.spec;
            let mut scale = scale_of(target, &object)?;
            let owners = managed_fields::of_scale(&object, path);
            if !owners.is_null() {
                scale["metadata"]["managedFields"] = owners;
            }
            let mut asked = match &change {
                Some(Patch::Apply(config)) => self.apply(&own, Some(&scale), config, &options)?,
                Some(change) => self.transformed(&own, &scale, change, &options)?,
                None => sent.clone(),
            };
            Self::check_metadata(&whole, &scale, &mut asked, change.is_none())?;
            if !apply {
                self.record_scale(target, &scale, &mut asked, &options);
            }
            let asked = self.review_scale(target, &scale, asked, &options).await?;
            let replicas = replicas(target, &asked)?;
            set(&mut object, path, replicas.into());
            let version = target.shown.api_version();
            managed_fields::to_parent(&mut object, &asked, path, &version);
            match self.replace(&whole, &before, object, &reviewed, true).await {
                Ok(written) => return Ok(answer::json(200, &scale_of(target, &written)?)),
                Err(Failed::Refused(refusal)) => return Err(refusal),
                Err(Failed::Stale) => {}
            }
        }
        Err(Refusal::stale(target.shown.named(), target.name()))
    }

    fn record_scale(
        &self,
        target: &Target,
        old: &Value,
        scale: &mut Value,
        options: &WriteOptions,
    ) {
        let by = Manager {
            name: &options.manager,
            version: &target.shown.api_version(),
            subresource: "scale",
            now: &self.server.clock.text(),
        };
        let ty = &kinds::scale().version().ty.clone();
        managed_fields::record_update(ty, Some(old), scale, by);
    }
}

/// What is wrong with the values that the scale of a custom resource reads. `status` looks at those of the status
/// alone.
pub(super) fn check_values(scale: &Scale, object: &Value, status: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let numbers = if status {
        &[&scale.status][..]
    } else {
        &[&scale.spec, &scale.status]
    };
    for pointer in numbers {
        let field = pointer.replace('/', ".");
        match accessed(object, pointer, "int64", &Value::is_i64) {
            Ok(None) => {}
            Ok(Some(value)) => {
                let detail = match value.as_i64().unwrap_or_default() {
                    ..0 => "should be a non-negative integer",
                    number if number > i32::MAX.into() => {
                        "should be less than or equal to 2147483647"
                    }
                    _ => continue,
                };
                errors.push(FieldError::invalid(field, value, detail));
            }
            Err(problem) => errors.push(FieldError::invalid(field, &0.into(), problem)),
        }
    }
    if let Some(pointer) = &scale.selector
        && let Err(problem) = accessed(object, pointer, "string", &Value::is_string)
    {
        let field = pointer.replace('/', ".");
        errors.push(FieldError::invalid(field, &"".into(), problem));
    }
    errors
}

/// The value at a pointer through objects; the error says what is of another type.
fn accessed<'a>(
    object: &'a Value,
    pointer: &str,
    ty: &str,
    fits: &dyn Fn(&Value) -> bool,
) -> Result<Option<&'a Value>, String> {
    let mut value = object;
    let mut way = String::new();
    let error = |way: &str, value: &Value, ty: &str| {
        let (shown, found) = (patch::go_print(value), patch::go_type(value));
        format!("{way} accessor error: {shown} is of the type {found}, expected {ty}")
    };
    for part in pointer.split('/').skip(1) {
        let Value::Object(map) = value else {
            return Err(error(&way, value, "map[string]interface {}"));
        };
        way = format!("{way}.{part}");
        match map.get(part) {
            Some(inner) => value = inner,
            None => return Ok(None),
        }
    }
    if fits(value) {
        Ok(Some(value))
    } else {
        Err(error(&way, value, ty))
    }
}

impl Call {
    /// Asks webhooks about a scale; the answer is how they leave it.
    async fn review_scale(
        &self,
        target: &Target,
        old: &Value,
        mut scale: Value,
        options: &WriteOptions,
    ) -> Result<Value, Refusal> {
        let asked = Asked {
            target,
            operation: Operation::Update,
            name: target.name(),
            old: Some(old),
            options: &options.said,
        };
        scale["kind"] = "Scale".into();
        scale["apiVersion"] = "autoscaling/v1".into();
        let scale = self.mutating(&asked, Some(scale)).await?;
        self.validating(&asked, scale.as_ref()).await?;
        Ok(scale.unwrap_or_default())
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
    // What a custom resource may hold is for its own validation.
    if replicas >= 0 || target.shown.kind.is_custom() {
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
        None if target.shown.kind.is_custom() => None,
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
