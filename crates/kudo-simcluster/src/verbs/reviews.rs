//! Requests that are answered and not stored: who am I, may I, whose token is it.

use http::{Method, Response};
use serde_json::{Value, json};

use super::write::check_namespace;
use super::{Target, body};
use crate::field_error::{FieldError, invalid_status};
use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::status::Refusal;
use crate::rbac::{Attributes, User};
use crate::tokens::AUDIENCE;

impl Call {
    pub(super) fn review(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        if self.method != Method::POST || !target.name().is_empty() {
            return Err(Refusal::method_not_allowed());
        }
        let mut review = body::parse(self)?;
        if !review.is_object() {
            return Err(Refusal::bad_request("an object is expected"));
        }
        review["kind"] = target.shown.kind.kind.as_str().into();
        review["apiVersion"] = target.shown.api_version().into();
        if !review["metadata"].is_object() {
            review["metadata"] = json!({});
        }
        review["status"] = match target.shown.kind.kind.as_str() {
            "TokenReview" => self.review_token(&review["spec"])?,
            "SelfSubjectReview" => json!({ "userInfo": self.known_of(&self.user) }),
            "SelfSubjectRulesReview" => {
                let status = self.review_rules(&review["spec"])?;
                // What was asked is not told.
                review["spec"] = json!({});
                status
            }
            _ => self.review_access(target, &mut review)?,
        };
        Ok(answer::json(201, &review))
    }

    /// Whether a token is good, and whose it is.
    fn review_token(&self, spec: &Value) -> Result<Value, Refusal> {
        let text = spec["token"].as_str().unwrap_or_default();
        if text.is_empty() {
            let message = "token is required for TokenReview in authentication";
            return Err(Refusal::bad_request(message));
        }
        let bad = |error: String| json!({ "user": {}, "error": error });
        let Some(token) = self.server.token(text) else {
            return Ok(bad("invalid bearer token".to_owned()));
        };
        let mut wanted = texts(&spec["audiences"]);
        if wanted.is_empty() {
            wanted.push(AUDIENCE.to_owned());
        }
        let is_shared = |audience: &&String| token.audiences.contains(audience);
        let shared: Vec<&String> = wanted.iter().filter(is_shared).collect();
        if shared.is_empty() {
            let list = |texts: &[String]| {
                let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
                texts.join(" ")
            };
            return Ok(bad(format!(
                "[invalid bearer token, token audiences [{}] is invalid for the target audiences [{}]]",
                list(&token.audiences),
                list(&wanted)
            )));
        }
        let user = self.known_of(&token.user);
        Ok(json!({ "authenticated": true, "user": user, "audiences": shared }))
    }

    /// What is known of a user: a service account has the uid of its object.
    fn known_of(&self, user: &User) -> Value {
        let mut known = user.to_value();
        let account = user.name.strip_prefix("system:serviceaccount:");
        if let Some((namespace, name)) = account.and_then(|account| account.split_once(':'))
            && let Some(entry) = self.server.store.get("serviceaccounts", namespace, name)
        {
            known["uid"] = entry.bare()["metadata"]["uid"].take();
        }
        known
    }

    /// What the user may do in a namespace.
    fn review_rules(&self, spec: &Value) -> Result<Value, Refusal> {
        let namespace = spec["namespace"].as_str().unwrap_or_default();
        if namespace.is_empty() {
            return Err(Refusal::bad_request("no namespace on request"));
        }
        let rules = self.server.rules_for(&self.user, namespace);
        let (others, resources): (Vec<Value>, Vec<Value>) = rules
            .into_iter()
            .partition(|rule| rule["nonResourceURLs"].is_array());
        Ok(json!({
            "incomplete": false, "resourceRules": resources, "nonResourceRules": others,
        }))
    }

    /// Whether somebody may do something.
    fn review_access(&self, target: &Target, review: &mut Value) -> Result<Value, Refusal> {
        let kind = target.shown.kind.kind.as_str();
        let is_local = kind == "LocalSubjectAccessReview";
        if is_local {
            check_namespace(target, review)?;
        }
        let spec = &review["spec"];
        let is_own = kind == "SelfSubjectAccessReview";
        let errors = access_errors(spec, is_own, is_local.then(|| target.namespace()));
        if !errors.is_empty() {
            let group = &target.shown.version().group;
            return Err(Refusal::whole(invalid_status(group, "", "", &errors)));
        }
        let user = if is_own {
            self.user.clone()
        } else {
            asked_for(spec)
        };
        let allowed = self.server.may(&user, &attributes(spec));
        let mut status = json!({ "allowed": allowed.is_some() });
        if let Some(reason) = allowed.filter(|reason| !reason.is_empty()) {
            status["reason"] = reason.into();
        }
        Ok(status)
    }
}

/// What is wrong with a question about access. `own`: it is about the one who asks; `within`: it is
/// about that namespace.
fn access_errors(spec: &Value, own: bool, within: Option<&str>) -> Vec<FieldError> {
    let (resource, other) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut errors = Vec::new();
    let field = "spec.nonResourceAttributes";
    let shown = format!(
        "authorization.NonResourceAttributes{{Path:{:?}, Verb:{:?}}}",
        text(&other["path"]),
        text(&other["verb"])
    );
    if resource.is_object() && other.is_object() {
        let words = "cannot be specified in combination with resourceAttributes";
        errors.push(FieldError::invalid_shown(field, shown.as_str(), words));
    }
    if !resource.is_object() && !other.is_object() {
        let words = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        let field = "spec.resourceAttributes";
        errors.push(FieldError::invalid(field, &Value::Null, words));
    }
    if !own && text(&spec["user"]).is_empty() && texts(&spec["groups"]).is_empty() {
        let words = "at least one of user or group must be specified";
        errors.push(FieldError::invalid("spec.user", &"".into(), words));
    }
    let Some(namespace) = within else {
        return errors;
    };
    let asked = text(&resource["namespace"]);
    if resource.is_object() && asked != namespace {
        let field = "spec.resourceAttributes.namespace";
        let words = "must match metadata.namespace";
        errors.push(FieldError::invalid(field, &asked.into(), words));
    }
    if other.is_object() {
        let words = "disallowed on this kind of request";
        errors.push(FieldError::invalid_shown(field, shown, words));
    }
    errors
}

/// The texts of a list.
pub(super) fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    let texts = list.filter_map(|text| text.as_str().map(ToOwned::to_owned));
    texts.collect()
}

fn asked_for(spec: &Value) -> User {
    User {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        groups: texts(&spec["groups"]),
        ..User::default()
    }
}

fn attributes(spec: &Value) -> Attributes {
    let resource = &spec["resourceAttributes"];
    let text = |field: &str| resource[field].as_str().unwrap_or_default().to_owned();
    if resource.is_object() {
        let sub = text("subresource");
        return Attributes {
            verb: text("verb"),
            group: text("group"),
            resource: if sub.is_empty() {
                text("resource")
            } else {
                format!("{}/{sub}", text("resource"))
            },
            namespace: text("namespace"),
            name: text("name"),
            path: String::new(),
        };
    }
    let other = &spec["nonResourceAttributes"];
    let text = |field: &str| other[field].as_str().unwrap_or_default().to_owned();
    Attributes {
        verb: text("verb"),
        path: text("path"),
        ..Attributes::default()
    }
}
