//! Admission webhooks (`admissionregistration.k8s.io/v1`): which are asked, about what, and what
//! comes of it.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use serde_json::{Value, json};

use super::answer::{self, Verdict};
use super::caller::Place;
use super::{Asked, Operation};
use crate::http::Call;
use crate::http::status::Refusal;
use crate::kinds::Shown;
use crate::patch::{self, PatchError};
use crate::selector::Labels;
use crate::{depth, go_json};

/// How long a webhook may take if its configuration does not say.
const TIMEOUT: u64 = 10;
/// The port of a service, of which none is told.
const HTTPS: u16 = 443;
pub(crate) const MUTATING: &str = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
const VALIDATING: &str = "validatingwebhookconfigurations.admissionregistration.k8s.io";

/// What webhooks are asked about.
#[derive(Clone, Copy)]
pub(super) struct Review<'a> {
    pub(super) call: &'a Call,
    pub(super) asked: &'a Asked<'a>,
}

/// Why a webhook is no help.
enum Failed {
    /// It could not be asked, or its answer is none: its failure policy decides.
    Calling(String),
    /// The request is refused, whatever the policy.
    Refused(Refusal),
}

/// What has been asked of webhooks that may change an object, and must be asked again.
#[derive(Default)]
struct Rounds {
    /// Those that want to be asked again if a later one changes the object.
    asked: BTreeSet<usize>,
    due: BTreeSet<usize>,
    changed: bool,
}

impl Rounds {
    fn note_change(&mut self) {
        self.changed = true;
        self.due.append(&mut self.asked);
    }
}

impl Review<'_> {
    /// Asks those that may change the object, one after the other, and some of them once more if
    /// others have changed it after them.
    pub(super) async fn mutating(
        &self,
        mut object: Option<Value>,
    ) -> Result<Option<Value>, Refusal> {
        // One that came while the request was under way is not asked: there is no room for what it makes.
        let webhooks = if self.call.may_deepen {
            self.webhooks(MUTATING)
        } else {
            Vec::new()
        };
        let mut rounds = Rounds::default();
        for again in [false, true] {
            if again && !rounds.changed {
                break;
            }
            if let Some(object) = object.as_mut().filter(|_| again) {
                let before = object.clone();
                self.plug_in(object)?;
                if *object != before {
                    rounds.note_change();
                }
            }
            for (index, webhook) in webhooks.iter().enumerate() {
                let Some(shown) = self.wants(webhook, object.as_ref()) else {
                    continue;
                };
                if again && !rounds.due.contains(&index) {
                    continue;
                }
                let changed = self.change(webhook, &shown, object.as_ref()).await;
                if let Some(changed) = tolerated(webhook, changed)?.flatten() {
                    object = Some(changed);
                    rounds.note_change();
                }
                if webhook["reinvocationPolicy"] == "IfNeeded" {
                    rounds.asked.insert(index);
                }
            }
        }
        Ok(object)
    }

    /// Asks those that may refuse, all at once.
    pub(super) async fn validating(&self, object: Option<&Value>) -> Result<(), Refusal> {
        let webhooks = self.webhooks(VALIDATING);
        let asking = webhooks.iter().filter_map(|webhook| {
            let shown = self.wants(webhook, object)?;
            Some(async move {
                let asked = self.ask(webhook, &shown, object, false).await;
                tolerated(webhook, asked).map(drop)
            })
        });
        join_all(asking).await.into_iter().collect()
    }

    /// The webhooks of all configurations, in the order of their names.
    fn webhooks(&self, storage: &str) -> Vec<Value> {
        let group = &self.asked.target.shown.version().group;
        // Webhooks have no say in their own configuration.
        if group == "admissionregistration.k8s.io" {
            return Vec::new();
        }
        let configurations = self.call.server.store.list(storage, "", None);
        let configurations = configurations.objects.iter().map(|entry| entry.bare());
        configurations
            .flat_map(|mut configuration| match configuration["webhooks"].take() {
                Value::Array(webhooks) => webhooks,
                _ => Vec::new(),
            })
            .collect()
    }

    /// The server's own admission, once more.
    fn plug_in(&self, object: &mut Value) -> Result<(), Refusal> {
        let target = self.asked.target;
        if self.asked.operation == Operation::Create && target.path.subresource.is_empty() {
            self.call.server.plug_in(&target.shown, object)?;
        }
        Ok(())
    }

    /// The version in which a webhook wants to see the object, if it does.
    fn wants(&self, webhook: &Value, object: Option<&Value>) -> Option<Shown> {
        if !self.namespace_fits(webhook, object) || !self.object_fits(webhook, object) {
            return None;
        }
        let shown = &self.asked.target.shown;
        let rules = || webhook["rules"].as_array().into_iter().flatten();
        if rules().any(|rule| self.rule_fits(rule, shown)) {
            return Some(shown.clone());
        }
        if webhook["matchPolicy"] == "Exact" {
            return None;
        }
        let others = || {
            let others = (0..shown.kind.versions.len()).filter(|index| *index != shown.index);
            others.map(|index| Shown {
                kind: shown.kind.clone(),
                index,
            })
        };
        rules().find_map(|rule| others().find(|other| self.rule_fits(rule, other)))
    }

    fn rule_fits(&self, rule: &Value, shown: &Shown) -> bool {
        let any = |field: &str, value: &str| {
            let list = rule[field].as_array().into_iter().flatten();
            list.into_iter().any(|item| item == "*" || item == value)
        };
        let version = shown.version();
        let scope_fits = match rule["scope"].as_str().unwrap_or("*") {
            "Cluster" => !shown.kind.namespaced,
            "Namespaced" => shown.kind.namespaced,
            _ => true,
        };
        let (plural, sub) = (&shown.kind.plural, &self.asked.target.path.subresource);
        let resources = rule["resources"].as_array().into_iter().flatten();
        let resource_fits = resources.into_iter().any(|pattern| {
            let pattern = pattern.as_str().unwrap_or_default();
            let (resource, part) = pattern.split_once('/').unwrap_or((pattern, ""));
            (resource == "*" || resource == plural) && (part == sub || part == "*")
        });
        any("operations", self.asked.operation.name())
            && any("apiGroups", &version.group)
            && any("apiVersions", &version.version)
            && scope_fits
            && resource_fits
    }

    fn namespace_fits(&self, webhook: &Value, object: Option<&Value>) -> bool {
        let selector = Labels::of(&webhook["namespaceSelector"]);
        if selector.is_empty() {
            return true;
        }
        let target = self.asked.target;
        let labels = if target.shown.kind.is("Namespace") {
            object
                .or(self.asked.old)
                .map(|object| object["metadata"]["labels"].clone())
        } else if target.shown.kind.namespaced {
            let store = &self.call.server.store;
            let namespace = store.get("namespaces", "", target.namespace());
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
            object["metadata"].is_object() && selector.fits(|name| labels[name].as_str())
        };
        selector.is_empty() || [object, self.asked.old].into_iter().flatten().any(fits)
    }

    /// The object as a webhook changes it, if it does.
    async fn change(
        &self,
        webhook: &Value,
        shown: &Shown,
        object: Option<&Value>,
    ) -> Result<Option<Value>, Failed> {
        let verdict = self.ask(webhook, shown, object, true).await?;
        let Some(text) = &verdict.patch else {
            return Ok(None);
        };
        let internal = |problem: &dyn std::fmt::Display| {
            Failed::Refused(Refusal::internal(&problem.to_string()))
        };
        let patch = depth::read(text).map_err(|error| match go_json::fault(text) {
            Some(fault) => internal(&fault),
            None => internal(&error),
        })?;
        if patch.as_array().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        let Some(object) = object else {
            let name = webhook["name"].as_str().unwrap_or_default();
            return Err(internal(&format!(
                "admission webhook {name:?} attempted to modify the object, which is not \
                 supported for this operation"
            )));
        };
        if verdict.patch_type != "JSONPatch" {
            let problem = format!("unsupported patch type {:?}", verdict.patch_type);
            return Err(Failed::Calling(problem));
        }
        let seen = self.as_seen(shown, object);
        let changed = patch::json_patch(&seen, &patch);
        let mut changed = changed.map_err(|error| match error {
            PatchError::Unprocessable { detail } => internal(&detail),
            other => internal(&other),
        })?;
        self.call.server.may_be_deep.note(depth::of(&changed));
        self.convert(shown, &self.asked.target.shown, &mut changed);
        if self.is_whole() {
            let target = self.asked.target;
            let formed = Call::bring_into_form(target, &mut changed);
            formed.map_err(|problem| internal(&problem))?;
        }
        Ok((changed != *object).then_some(changed))
    }

    /// What a webhook says of the object.
    async fn ask(
        &self,
        webhook: &Value,
        shown: &Shown,
        object: Option<&Value>,
        mutating: bool,
    ) -> Result<Verdict, Failed> {
        let name = webhook["name"].as_str().unwrap_or_default();
        let dry_run = self.asked.is_dry_run();
        let none = ["None", "NoneOnDryRun"].iter();
        if dry_run && !none.into_iter().any(|none| webhook["sideEffects"] == *none) {
            let problem = format!("admission webhook {name:?} does not support dry run");
            return Err(Failed::Refused(Refusal::bad_request(problem)));
        }
        let version = review_version(webhook);
        let uid = self.call.server.chance.uid();
        let review = self.review(shown, version, &uid, object);
        let seconds = webhook["timeoutSeconds"].as_u64().unwrap_or(TIMEOUT).max(1);
        let server = &self.call.server;
        let place = server.place(&webhook["clientConfig"], seconds);
        let body = Bytes::from(review.to_string());
        let posted = server.webhooks().post(&place, &body);
        let said = tokio::time::timeout(Duration::from_secs(seconds), posted).await;
        let said = said.unwrap_or_else(|_| Err("context deadline exceeded".to_owned()));
        let said = said.map_err(|problem| {
            let url = &place.url;
            Failed::Calling(format!("failed to call webhook: Post {url:?}: {problem}"))
        })?;
        let verdict = answer::read(&said, version, &uid, mutating).map_err(Failed::Calling)?;
        for warning in &verdict.warnings {
            self.call.warn(warning.clone());
        }
        if !verdict.allowed {
            return Err(Failed::Refused(verdict.denied(name)));
        }
        Ok(verdict)
    }

    /// Whether the review is about an object of the resource itself.
    fn is_whole(&self) -> bool {
        ["", "status"].contains(&self.asked.target.path.subresource.as_str())
    }

    fn convert(&self, from: &Shown, to: &Shown, object: &mut Value) {
        if from.index != to.index && self.is_whole() {
            from.convert(to, object);
        }
    }

    fn as_seen(&self, shown: &Shown, object: &Value) -> Value {
        let mut object = object.clone();
        self.convert(&self.asked.target.shown, shown, &mut object);
        object
    }

    fn review(&self, shown: &Shown, review: &str, uid: &str, object: Option<&Value>) -> Value {
        let Asked {
            target, operation, ..
        } = self.asked;
        let resource = |shown: &Shown| {
            let version = shown.version();
            json!({ "group": version.group, "version": version.version, "resource": shown.kind.plural })
        };
        let options = match self.asked.options {
            Value::Object(options) => {
                let mut options = Value::Object(options.clone());
                options["kind"] = operation.options().into();
                options["apiVersion"] = "meta.k8s.io/v1".into();
                options
            }
            _ => Value::Null,
        };
        let stored_name = object.and_then(|object| object["metadata"]["name"].as_str());
        // A name that the server has made up is told when it is there.
        let name = match self.asked.name {
            "" => stored_name.unwrap_or_default(),
            name => name,
        };
        let mut request = json!({
            "uid": uid, "kind": self.kind(shown), "resource": resource(shown),
            "requestKind": self.kind(&target.shown), "requestResource": resource(&target.shown),
            "operation": operation.name(), "dryRun": self.asked.is_dry_run(),
            "userInfo": self.call.user.to_value(),
            "object": object.map(|object| self.as_seen(shown, object)),
            "oldObject": self.asked.old.map(|object| self.as_seen(shown, object)),
            "options": options,
        });
        let sub = target.path.subresource.as_str();
        let namespace = if shown.kind.is("Namespace") {
            name
        } else {
            target.namespace()
        };
        for (field, text) in [
            ("name", name),
            ("namespace", namespace),
            ("subResource", sub),
            ("requestSubResource", sub),
        ] {
            if !text.is_empty() {
                request[field] = text.into();
            }
        }
        let review = format!("admission.k8s.io/{review}");
        json!({ "kind": "AdmissionReview", "apiVersion": review, "request": request })
    }

    /// The kind of what is sent: a subresource may have one of its own.
    fn kind(&self, shown: &Shown) -> Value {
        let version = shown.version();
        let sub = self.asked.target.path.subresource.as_str();
        let other = version.others.iter().find(|(name, ..)| *name == sub);
        let (group, version, kind) = match other {
            _ if sub == "scale" => ("autoscaling", "v1", "Scale"),
            Some((_, group, version, kind)) => (*group, *version, *kind),
            None => (
                version.group.as_str(),
                version.version.as_str(),
                shown.kind.kind.as_str(),
            ),
        };
        json!({ "group": group, "version": version, "kind": kind })
    }
}

/// A failure is none where the webhook's policy says so.
fn tolerated<T>(webhook: &Value, asked: Result<T, Failed>) -> Result<Option<T>, Refusal> {
    match asked {
        Ok(answer) => Ok(Some(answer)),
        Err(Failed::Refused(refusal)) => Err(refusal),
        Err(Failed::Calling(problem)) => {
            let name = webhook["name"].as_str().unwrap_or_default();
            if webhook["failurePolicy"] == "Ignore" {
                tracing::debug!(webhook = name, problem, "a webhook failed and is ignored");
                return Ok(None);
            }
            let problem = format!("failed calling webhook {name:?}: {problem}");
            Err(Refusal::internal(&problem))
        }
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

impl crate::cluster::Server {
    /// Where a webhook is: at its URL, or behind its service.
    fn place(&self, config: &Value, seconds: u64) -> Place {
        let bundle = config["caBundle"].as_str().unwrap_or_default().to_owned();
        let timeout = format!("timeout={seconds}s");
        if let Some(url) = config["url"].as_str() {
            let rest = url.trim_start_matches("https://");
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let port = authority
                .rsplit_once(':')
                .filter(|(_, port)| !port.contains(']'));
            let (host, port) = port.unwrap_or((authority, "443"));
            let host = host.trim_start_matches('[').trim_end_matches(']');
            return Place {
                url: format!("{url}?{timeout}"),
                host: host.to_owned(),
                address: Ok(if host.contains(':') {
                    format!("[{host}]:{port}")
                } else {
                    format!("{host}:{port}")
                }),
                path: format!("/{path}?{timeout}"),
                bundle,
            };
        }
        let service = &config["service"];
        let text = |field: &str| service[field].as_str().unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        let port = service["port"].as_u64().unwrap_or(HTTPS.into());
        let path = format!("/{}?{timeout}", text("path").trim_start_matches('/'));
        let host = format!("{name}.{namespace}.svc");
        Place {
            url: format!("https://{host}:{port}{path}"),
            host,
            address: self.behind(namespace, name, port),
            path,
            bundle,
        }
    }

    /// The address behind a port of a service.
    fn behind(&self, namespace: &str, name: &str, port: u64) -> Result<String, String> {
        let Some(service) = self.store.get("services", namespace, name) else {
            return Err(format!("service {name:?} not found"));
        };
        let ports = service.bare()["spec"]["ports"].take();
        let ports = ports.as_array().into_iter().flatten();
        let Some(port) = ports.into_iter().find(|known| known["port"] == port) else {
            return Err(format!("no service port {port} found for service {name:?}"));
        };
        let endpoints = self.store.get("endpoints", namespace, name);
        let subsets = endpoints.map(|entry| entry.bare()["subsets"].take());
        let subsets = subsets.as_ref().and_then(Value::as_array);
        let address = subsets.into_iter().flatten().find_map(|subset| {
            let ip = subset["addresses"][0]["ip"].as_str()?;
            let ports = subset["ports"].as_array()?;
            let same = ports.iter().find(|known| known["name"] == port["name"]);
            Some(format!("{ip}:{}", same?["port"].as_u64()?))
        });
        address.ok_or_else(|| format!("no endpoints available for service {name:?}"))
    }
}
