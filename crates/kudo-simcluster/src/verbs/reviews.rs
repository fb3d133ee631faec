//! Requests that are answered and not stored: who am I, may I, a token.

use http::{Method, Response};
use serde_json::{Value, json};

use super::{Target, body};
use crate::chance::Chance;
use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::status::Refusal;
use crate::rbac::{Attributes, User};

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
        match target.shown.kind.kind.as_str() {
            "TokenReview" => {
                let token = review["spec"]["token"].as_str().unwrap_or_default();
                review["status"] = match self.server.owner_of(token) {
                    Some(user) => json!({ "authenticated": true, "user": user.to_value() }),
                    None => json!({ "authenticated": false, "error": "[invalid bearer token]" }),
                };
            }
            "SelfSubjectReview" => {
                review["status"] = json!({ "userInfo": self.user.to_value() });
            }
            "SelfSubjectRulesReview" => {
                let all = json!([{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }]);
                review["status"] = json!({
                    "incomplete": false, "resourceRules": all, "nonResourceRules": [],
                });
            }
            kind => {
                let spec = &review["spec"];
                let user = if kind == "SelfSubjectAccessReview" {
                    self.user.clone()
                } else {
                    asked_for(spec)
                };
                let allowed = self.may(&user, &attributes(spec));
                review["status"] = json!({ "allowed": allowed });
            }
        }
        Ok(answer::json(201, &review))
    }

    /// Makes a token for a service account.
    pub(super) fn request_token(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let (namespace, name) = (target.namespace(), target.name());
        let store = &self.server.store;
        store
            .get(target.storage(), namespace, name)
            .ok_or_else(|| target.not_found())?;
        let mut request = body::parse(self)?;
        if !request.is_object() {
            return Err(Refusal::bad_request("an object is expected"));
        }
        let token = Chance::token().map_err(|error| Refusal::internal(&error.to_string()))?;
        self.server
            .add_token(token.clone(), User::service_account(namespace, name));
        let seconds = request["spec"]["expirationSeconds"]
            .as_i64()
            .unwrap_or(3600);
        request["kind"] = "TokenRequest".into();
        request["apiVersion"] = "authentication.k8s.io/v1".into();
        request["metadata"] = json!({ "name": name, "namespace": namespace });
        request["status"] = json!({
            "token": token, "expirationTimestamp": self.server.clock.text_in(seconds),
        });
        Ok(answer::json(201, &request))
    }
}

fn asked_for(spec: &Value) -> User {
    let name = spec["user"].as_str().unwrap_or_default().to_owned();
    let account = name
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'));
    let mut user = match account {
        Some((namespace, account)) => User::service_account(namespace, account),
        None => User {
            name,
            groups: Vec::new(),
        },
    };
    let groups = spec["groups"].as_array().into_iter().flatten();
    user.groups
        .extend(groups.filter_map(|group| group.as_str().map(ToOwned::to_owned)));
    user
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
