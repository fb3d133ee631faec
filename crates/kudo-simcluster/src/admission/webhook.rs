//! Calls of admission webhooks (`admissionregistration.k8s.io/v1`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use kube::client::Body;
use kube::{Client, Config};
use serde_json::{Value, json};

use super::Operation;
use crate::depth;
use crate::http::Call;
use crate::http::status::Refusal;
use crate::patch;
use crate::selector::Labels;
use crate::verbs::Target;

/// How long a webhook may take if its configuration does not say.
const TIMEOUT: u64 = 10;

/// Clients of webhooks, by address and trusted certificate.
#[derive(Default)]
pub(crate) struct Callers(Mutex<HashMap<(String, String), Client>>);

impl std::fmt::Debug for Callers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Callers")
    }
}

/// Which webhooks are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Mutating,
    Validating,
}

impl Phase {
    fn storage(self) -> &'static str {
        match self {
            Self::Mutating => "mutatingwebhookconfigurations.admissionregistration.k8s.io",
            Self::Validating => "validatingwebhookconfigurations.admissionregistration.k8s.io",
        }
    }
}

/// What webhooks are asked about.
pub(super) struct Review<'a> {
    pub(super) call: &'a Call,
    pub(super) target: &'a Target,
    pub(super) operation: Operation,
    pub(super) old: Option<&'a Value>,
    pub(super) dry_run: bool,
}

impl Review<'_> {
    /// Asks all webhooks of a phase that want to be; the answer is the object as they leave it.
    pub(super) async fn ask(
        &self,
        phase: Phase,
        mut object: Option<Value>,
    ) -> Result<Option<Value>, Refusal> {
        let group = &self.target.shown.version().group;
        // Webhooks have no say in their own configuration.
        if group == "admissionregistration.k8s.io" {
            return Ok(object);
        }
        let configurations = self.call.server.store.list(phase.storage(), "", None);
        for configuration in configurations.objects {
            let configuration = configuration.bare();
            for webhook in configuration["webhooks"].as_array().into_iter().flatten() {
                if !self.wants(webhook, object.as_ref()) {
                    continue;
                }
                if let Some(changed) = self.ask_one(webhook, object.as_ref()).await? {
                    object = Some(changed);
                }
            }
        }
        Ok(object)
    }

    fn wants(&self, webhook: &Value, object: Option<&Value>) -> bool {
        let rules = webhook["rules"].as_array();
        rules
            .into_iter()
            .flatten()
            .any(|rule| self.rule_fits(webhook, rule))
            && self.namespace_fits(webhook, object)
            && self.object_fits(webhook, object)
    }

    fn rule_fits(&self, webhook: &Value, rule: &Value) -> bool {
        let any = |field: &str, value: &str| {
            let list = rule[field].as_array().into_iter().flatten();
            list.into_iter().any(|item| item == "*" || item == value)
        };
        let shown = &self.target.shown;
        let equivalent = webhook["matchPolicy"] != "Exact";
        let versions = shown.kind.versions.iter().enumerate();
        let version_fits = versions
            .filter(|(index, _)| equivalent || *index == shown.index)
            .any(|(_, version)| {
                any("apiGroups", &version.group) && any("apiVersions", &version.version)
            });
        let scope = rule["scope"].as_str().unwrap_or("*");
        let scope_fits = match scope {
            "Cluster" => !shown.kind.namespaced,
            "Namespaced" => shown.kind.namespaced,
            _ => true,
        };
        let (plural, sub) = (&shown.kind.plural, &self.target.path.subresource);
        let resource_fits = rule["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|pattern| {
                let pattern = pattern.as_str().unwrap_or_default();
                let (resource, part) = pattern.split_once('/').unwrap_or((pattern, ""));
                (resource == "*" || resource == plural) && (part == sub || part == "*")
            });
        any("operations", self.operation.name()) && version_fits && scope_fits && resource_fits
    }

    fn namespace_fits(&self, webhook: &Value, object: Option<&Value>) -> bool {
        let selector = Labels::of(&webhook["namespaceSelector"]);
        if selector.is_empty() {
            return true;
        }
        let labels = if self.target.shown.kind.kind == "Namespace" {
            object
                .or(self.old)
                .map(|object| object["metadata"]["labels"].clone())
        } else if self.target.shown.kind.namespaced {
            let store = &self.call.server.store;
            let namespace = store.get("namespaces", "", self.target.namespace());
            namespace.map(|namespace| namespace.bare()["metadata"]["labels"].clone())
        } else {
            return true;
        };
        let labels = labels.unwrap_or_default();
        selector.fits(|name| labels[name].as_str())
    }

    fn object_fits(&self, webhook: &Value, object: Option<&Value>) -> bool {
        let selector = Labels::of(&webhook["objectSelector"]);
        let fits = |object: &Value| {
            let labels = &object["metadata"]["labels"];
            selector.fits(|name| labels[name].as_str())
        };
        selector.is_empty() || [object, self.old].into_iter().flatten().any(fits)
    }

    /// The object as the webhook changes it; a refusal if it refuses, or fails and must not.
    async fn ask_one(
        &self,
        webhook: &Value,
        object: Option<&Value>,
    ) -> Result<Option<Value>, Refusal> {
        let name = webhook["name"].as_str().unwrap_or_default();
        let fails = webhook["failurePolicy"] != "Ignore";
        let seconds = webhook["timeoutSeconds"].as_u64().unwrap_or(TIMEOUT).max(1);
        let uid = self.call.server.chance.uid();
        let version = review_version(webhook);
        let review = self.review(version, &uid, object);
        let asked = self.call.server.send_review(webhook, &review);
        let timed = tokio::time::timeout(Duration::from_secs(seconds), asked).await;
        let answer = timed.unwrap_or_else(|_| Err("context deadline exceeded".to_owned()));
        let answer = answer.and_then(|answer| {
            // In the older version an answer need not say what it answers.
            if version != "v1" || answer["response"]["uid"] == *uid {
                Ok(answer)
            } else {
                Err(format!(
                    "expected response.uid={uid:?}, got {}",
                    answer["response"]["uid"]
                ))
            }
        });
        let response = match answer {
            Ok(mut answer) => answer["response"].take(),
            Err(problem) if fails => {
                return Err(Refusal::internal(&format!(
                    "failed calling webhook {name:?}: {problem}"
                )));
            }
            Err(problem) => {
                tracing::debug!(webhook = name, problem, "a webhook failed and is ignored");
                return Ok(None);
            }
        };
        for warning in response["warnings"].as_array().into_iter().flatten() {
            self.call
                .warn(warning.as_str().unwrap_or_default().to_owned());
        }
        if response["allowed"] != true {
            return Err(denied(name, &response["status"]));
        }
        let Some(encoded) = response["patch"].as_str() else {
            return Ok(None);
        };
        let patched = base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .ok()
            .and_then(|text| depth::read(&text).ok())
            .zip(object)
            .and_then(|(patch, object)| patch::json_patch(object, &patch).ok());
        patched.map(Some).ok_or_else(|| {
            Refusal::internal(&format!(
                "failed calling webhook {name:?}: its patch does not fit"
            ))
        })
    }

    fn review(&self, review: &str, uid: &str, object: Option<&Value>) -> Value {
        let shown = &self.target.shown;
        let version = shown.version();
        let kind =
            json!({ "group": version.group, "version": version.version, "kind": shown.kind.kind });
        let resource = json!({ "group": version.group, "version": version.version, "resource": shown.kind.plural });
        let named = object.or(self.old).unwrap_or(&Value::Null);
        let mut request = json!({
            "uid": uid, "kind": kind, "resource": resource, "requestKind": kind,
            "requestResource": resource, "name": named["metadata"]["name"],
            "operation": self.operation.name(), "dryRun": self.dry_run,
            "userInfo": self.call.user.to_value(), "object": object, "oldObject": self.old,
            "options": null,
        });
        if shown.kind.namespaced {
            request["namespace"] = self.target.namespace().into();
        }
        if !self.target.path.subresource.is_empty() {
            let sub = &self.target.path.subresource;
            request["subResource"] = sub.as_str().into();
            request["requestSubResource"] = sub.as_str().into();
        }
        let review = format!("admission.k8s.io/{review}");
        json!({ "kind": "AdmissionReview", "apiVersion": review, "request": request })
    }
}

/// The first version of reviews that a webhook understands and this server speaks.
fn review_version(webhook: &Value) -> &'static str {
    let known = |version: &Value| ["v1", "v1beta1"].into_iter().find(|known| version == known);
    let versions = webhook["admissionReviewVersions"].as_array();
    versions
        .into_iter()
        .flatten()
        .find_map(known)
        .unwrap_or("v1")
}

fn denied(name: &str, status: &Value) -> Refusal {
    let said = status["message"]
        .as_str()
        .or_else(|| status["reason"].as_str());
    let message = match said.filter(|said| !said.is_empty()) {
        Some(said) => format!("admission webhook {name:?} denied the request: {said}"),
        None => format!("admission webhook {name:?} denied the request without explanation"),
    };
    let code = status["code"]
        .as_u64()
        .filter(|code| (400..600).contains(code))
        .unwrap_or(400);
    let mut whole = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "code": if status["code"].is_null() { 400 } else { code },
    });
    for field in ["reason", "details"] {
        if !status[field].is_null() {
            whole[field] = status[field].clone();
        }
    }
    Refusal::whole(whole)
}

impl crate::cluster::Server {
    /// Sends a review; the text of a failure follows `failed calling webhook "x": `.
    async fn send_review(&self, webhook: &Value, review: &Value) -> Result<Value, String> {
        let config = &webhook["clientConfig"];
        let url = self.webhook_url(config)?;
        let shown = url.clone();
        let problem = |error: String| format!("Post {shown:?}: {error}");
        let uri: http::Uri = url
            .parse()
            .map_err(|error: http::uri::InvalidUri| problem(error.to_string()))?;
        let client = self.webhook_client(&uri, config["caBundle"].as_str().unwrap_or_default());
        let client = client.map_err(&problem)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = http::Request::post(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Body::from(review.to_string().into_bytes()))
            .map_err(|error| problem(error.to_string()))?;
        let sent = client
            .send(request)
            .await
            .map_err(|error| problem(error.to_string()))?;
        let code = sent.status();
        let body = sent.into_body().collect_bytes().await;
        let body = body.map_err(|error| problem(error.to_string()))?;
        if !code.is_success() {
            return Err(format!("the server answered with {code}"));
        }
        serde_json::from_slice(&body).map_err(|error| format!("the answer is no review: {error}"))
    }

    fn webhook_client(&self, uri: &http::Uri, bundle: &str) -> Result<Client, String> {
        let key = (
            uri.authority().map(ToString::to_string).unwrap_or_default(),
            bundle.to_owned(),
        );
        let mut clients = self
            .webhooks()
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let base = format!("{}://{}", uri.scheme_str().unwrap_or("https"), key.0);
        let base: http::Uri = base
            .parse()
            .map_err(|error: http::uri::InvalidUri| error.to_string())?;
        let mut config = Config::new(base);
        config.default_retry = false;
        let pem = base64::engine::general_purpose::STANDARD
            .decode(bundle)
            .unwrap_or_default();
        let certificates: Vec<Vec<u8>> = {
            use tokio_rustls::rustls::pki_types::CertificateDer;
            use tokio_rustls::rustls::pki_types::pem::PemObject;
            CertificateDer::pem_slice_iter(&pem)
                .filter_map(Result::ok)
                .map(|c| c.to_vec())
                .collect()
        };
        config.root_cert = (!certificates.is_empty()).then_some(certificates);
        let client = Client::try_from(config).map_err(|error| error.to_string())?;
        if clients.len() >= 64 {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// Where a webhook is: its URL, or the address behind its service.
    fn webhook_url(&self, config: &Value) -> Result<String, String> {
        if let Some(url) = config["url"].as_str() {
            return Ok(url.to_owned());
        }
        let service = &config["service"];
        let text = |field: &str| service[field].as_str().unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        let found = self.store.get("services", namespace, name);
        if found.is_none() {
            return Err(format!("service {name:?} not found"));
        }
        let endpoints = self
            .store
            .get("endpoints", namespace, name)
            .map(|entry| entry.bare());
        let subset = endpoints.and_then(|endpoints| {
            let subsets = endpoints["subsets"].as_array()?.clone();
            subsets
                .into_iter()
                .find(|subset| subset["addresses"][0]["ip"].is_string())
        });
        let Some(subset) = subset else {
            return Err(format!("no endpoints available for service {name:?}"));
        };
        let (ip, port) = (&subset["addresses"][0]["ip"], &subset["ports"][0]["port"]);
        let path = text("path").trim_start_matches('/');
        Ok(format!(
            "https://{}:{}/{path}",
            ip.as_str().unwrap_or_default(),
            port.as_i64().unwrap_or(443)
        ))
    }
}
