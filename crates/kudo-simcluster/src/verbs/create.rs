//! POST to a collection.

use http::Response;
use serde_json::{Value, json};

use super::write::check_namespace;
use super::{Target, body, options};
use crate::admission::{Asked, Operation, known_name};
use crate::field_error::FieldError;
use crate::http::Call;
use crate::http::answer::Body;
use crate::http::status::{Named, Refusal};
use crate::store::Refused;
use crate::{builtin, crd};

/// How often another end of a generated name is tried.
const NAME_ATTEMPTS: usize = 8;

impl Call {
    pub(super) async fn create(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let options = options::write_options(self, "CreateOptions", false)?;
        if target.shown.kind.is_custom() && self.server.is_terminating(target.storage()) {
            let message = "create not allowed while custom resource definition is terminating";
            let details = target.shown.named().details("");
            return Err(Refusal::not_allowed(message).with_details(details));
        }
        let object = body::object(self, target, options.fields)?;
        let version = object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default();
        if !version.is_empty() && version != "0" {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Refusal::new(500, "", message));
        }
        let object = self.insert(target, object, &options, false).await?;
        Ok(self.represent(target, 201, &object))
    }

    /// Creates an object that has been decoded. `applied`: its managed fields are noted.
    pub(super) async fn insert(
        &self,
        target: &Target,
        mut object: Value,
        options: &options::WriteOptions,
        applied: bool,
    ) -> Result<Value, Refusal> {
        let shown = &target.shown;
        check_namespace(target, &mut object)?;
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        let text = |object: &Value, field: &str| {
            object["metadata"][field]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        Self::default(shown, &mut object);
        // What the server and webhooks add from here on is nobody's.
        if !applied {
            self.record(target, None, &mut object, options);
        }
        self.check_room(target, known_name(&object))?;
        self.server.plug_in(shown, &mut object)?;
        let asked = Asked {
            target,
            operation: Operation::Create,
            name: &text(&object, "name"),
            old: None,
            options: &options.said,
        };
        let mut object = self
            .mutating(&asked, Some(object))
            .await?
            .unwrap_or_default();
        self.authorize_grant(target, None, &object)?;
        let prefix = text(&object, "generateName");
        let generated = text(&object, "name").is_empty() && !prefix.is_empty();
        if generated {
            object["metadata"]["name"] = self.made_up_name(&prefix).into();
        }
        self.server.stamp(shown, &mut object);
        if shown.version().status && shown.kind.is_custom() {
            object
                .as_object_mut()
                .map(|members| members.remove("status"));
        }
        if !shown.kind.is_custom() {
            builtin::prepare_create(shown.gvk(), &mut object);
        }
        if shown.kind.is("CustomResourceDefinition") {
            crd::prepare(&mut object, true);
        }
        if shown.kind.is("CertificateSigningRequest") {
            self.sign(&mut object);
        }
        Self::validate_create(target, &object)?;
        self.assign(shown, &mut object)?;
        self.check_default_class(shown, &object)?;
        self.validating(&asked, Some(&object)).await?;
        for _ in 0..NAME_ATTEMPTS {
            let name = text(&object, "name");
            if options.dry_run {
                let storage = target.storage();
                let there = self.server.store.get(storage, target.namespace(), &name);
                return match there {
                    Some(_) => Err(Refusal::already_exists(shown.named(), &name)),
                    None => Ok(Self::as_if_written(shown, object)),
                };
            }
            let stored = Self::to_stored(shown, object.clone());
            match self.server.store.create(target.storage(), stored) {
                Ok(entry) => {
                    self.server.settle(shown, &entry, false);
                    if shown.kind.is("Namespace") {
                        self.server.open_namespace(&name);
                    }
                    return Ok(entry.object(shown));
                }
                Err(Refused::Exists | Refused::Stale) if generated => {
                    object["metadata"]["name"] = self.made_up_name(&prefix).into();
                }
                Err(_) => return Err(self.exists(target, &name)),
            }
        }
        Err(Refusal::already_exists(
            shown.named(),
            &text(&object, "name"),
        ))
    }

    /// Who asks for a certificate is who sends the request.
    fn sign(&self, request: &mut Value) {
        let spec = &mut request["spec"];
        spec["username"] = self.user.name.as_str().into();
        spec["groups"] = self.user.groups.as_slice().into();
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("uid");
            spec.remove("extra");
        }
        if !self.user.extra.is_empty() {
            spec["extra"] = serde_json::json!(self.user.extra);
        }
    }

    /// There is one of that name, perhaps not for long.
    fn exists(&self, target: &Target, name: &str) -> Refusal {
        let named = target.shown.named();
        let found = self
            .server
            .store
            .get(target.storage(), target.namespace(), name);
        let going =
            found.is_some_and(|entry| entry.bare()["metadata"]["deletionTimestamp"].is_string());
        if going {
            Refusal::still_exists(named, name)
        } else {
            Refusal::already_exists(named, name)
        }
    }

    fn made_up_name(&self, prefix: &str) -> String {
        let short: String = prefix.chars().take(58).collect();
        format!("{short}{}", self.server.chance.suffix())
    }

    fn validate_create(target: &Target, object: &Value) -> Result<(), Refusal> {
        let shown = &target.shown;
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let mut errors = builtin::validate_create(shown.gvk(), object);
        if name.is_empty() && !errors.iter().any(|error| error.field == "metadata.name") {
            let detail = "name or generateName is required";
            errors.insert(0, FieldError::required("metadata.name", detail));
        }
        if let Some(structural) = &shown.version().structural {
            errors.extend(structural.validate(object));
        }
        if let Some(scale) = &shown.version().scale
            && shown.kind.is_custom()
        {
            errors.extend(super::scale::check_values(scale, object, false));
        }
        if shown.kind.is("CustomResourceDefinition") {
            errors.extend(crd::validate(object, None));
        }
        Self::refuse_invalid(shown, name, &errors)
    }

    /// Whether the namespace is there and takes new objects.
    pub(super) fn check_room(&self, target: &Target, object: &str) -> Result<(), Refusal> {
        if !target.shown.kind.namespaced {
            return Ok(());
        }
        let name = target.namespace();
        let namespaces = Named {
            group: "",
            plural: "namespaces",
        };
        let Some(entry) = self.server.store.get("namespaces", "", name) else {
            return Err(Refusal::not_found(namespaces, name));
        };
        if !entry.is_deleting {
            return Ok(());
        }
        let problem = format!(
            "unable to create new content in namespace {name} because it is being terminated"
        );
        let named = target.shown.named();
        let cause = json!({
            "reason": "NamespaceTerminating", "field": "metadata.namespace",
            "message": format!("namespace {name} is being terminated"),
        });
        let mut details = json!({ "kind": named.plural, "name": object, "causes": [cause] });
        if !named.group.is_empty() {
            details["group"] = named.group.into();
        }
        Err(Refusal::forbidden(named, object, &problem).with_details(details))
    }
}
