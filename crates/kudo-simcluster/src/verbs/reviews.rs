//! Requests that are answered and not stored: who am I, may I, a token.

use http::{Method, Response};
use serde_json::{Value, json};

use super::write::check_namespace;
use super::{Target, body};
use crate::chance::Chance;
use crate::cluster::{AUDIENCE, Bond, Token};
use crate::field_error::{FieldError, invalid_status};
use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::status::{Named, Refusal};
use crate::rbac::{Attributes, User};

/// How long a token lasts at least and at most, in seconds.
const SHORTEST: i64 = 600;
const LONGEST: i64 = 1 << 32;

/// What a token may be bound to: its kind and the resource.
const BINDERS: [(&str, &str); 3] = [("Node", "nodes"), ("Pod", "pods"), ("Secret", "secrets")];

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

    /// Makes a token for a service account.
    pub(super) fn request_token(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let (namespace, name) = (target.namespace(), target.name());
        let mut request = body::parse(self)?;
        if !request.is_object() {
            return Err(Refusal::bad_request("an object is expected"));
        }
        self.check_room(target, name)?;
        let spec = &mut request["spec"];
        if texts(&spec["audiences"]).is_empty() {
            spec["audiences"] = json!([AUDIENCE]);
        }
        let seconds = spec["expirationSeconds"].as_i64().unwrap_or(3600);
        spec["expirationSeconds"] = seconds.into();
        check_life(seconds)?;
        let store = &self.server.store;
        let account = store
            .get(target.storage(), namespace, name)
            .ok_or_else(|| target.not_found())?;
        let uid = account.bare()["metadata"]["uid"].take();
        let mut bound_to = vec![Bond {
            storage: "serviceaccounts",
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid,
        }];
        let bound = spec["boundObjectRef"].take();
        if bound.is_object() {
            bound_to.push(self.bound_object(namespace, &bound)?);
        }
        spec["boundObjectRef"] = bound;
        let text = Chance::token().map_err(|error| Refusal::internal(&error.to_string()))?;
        self.server.add_token(Token {
            text: text.clone(),
            user: User::service_account(namespace, name),
            audiences: texts(&spec["audiences"]),
            expires: self.server.clock.time_in(seconds),
            bound_to,
        });
        request["kind"] = "TokenRequest".into();
        request["apiVersion"] = "authentication.k8s.io/v1".into();
        request["metadata"] = json!({ "name": name, "namespace": namespace });
        request["status"] = json!({
            "token": text, "expirationTimestamp": self.server.clock.text_in(seconds),
        });
        Ok(answer::json(201, &request))
    }

    /// What a token is to be bound to.
    fn bound_object(&self, namespace: &str, bound: &Value) -> Result<Bond, Refusal> {
        let text = |field: &str| bound[field].as_str().unwrap_or_default();
        let (version, kind, name) = (text("apiVersion"), text("kind"), text("name"));
        let known = BINDERS.iter().find(|(known, _)| *known == kind);
        let Some(&(_, plural)) = known.filter(|_| version == "v1") else {
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            return Err(Refusal::bad_request(format!(
                "cannot bind token to object of type {group}/{version}, Kind={kind}"
            )));
        };
        let named = Named { group: "", plural };
        let namespace = if kind == "Node" { "" } else { namespace };
        let Some(entry) = self.server.store.get(plural, namespace, name) else {
            return Err(Refusal::not_found(named, name));
        };
        let (asked, known) = (text("uid"), entry.bare()["metadata"]["uid"].take());
        if asked.is_empty() || known == asked {
            return Ok(Bond {
                storage: plural,
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                uid: known,
            });
        }
        let problem = format!(
            "the UID in the bound object reference ({asked}) does not match the UID in record. The \
             object might have been deleted and then recreated"
        );
        Err(Refusal::conflict(named, name, &problem))
    }
}

/// Whether a token may last so long.
fn check_life(seconds: i64) -> Result<(), Refusal> {
    let words = if seconds < SHORTEST {
        "may not specify a duration less than 10 minutes"
    } else if seconds > LONGEST {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let error = FieldError::invalid("spec.expirationSeconds", &seconds.into(), words);
    let status = invalid_status("authentication.k8s.io", "TokenRequest", "", &[error]);
    Err(Refusal::whole(status))
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
fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    let texts = list.filter_map(|text| text.as_str().map(ToOwned::to_owned));
    texts.collect()
}

fn asked_for(spec: &Value) -> User {
    User {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        groups: texts(&spec["groups"]),
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
