//! What the manager wrote: a layer under its client that keeps each changed object as it was before
//! and after, with the step that was at work.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kudo_api::names::{PHASE_ANNOTATION, PLAN_ANNOTATION, STEP_ANNOTATION};
use serde_json::Value;

/// One object that changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// Plan, phase and step, with a slash between; empty outside of any.
    pub(super) step: String,
    /// As it was; `None` for a new one.
    pub(super) before: Option<Value>,
    /// As it is; `None` for a deletion.
    pub(super) after: Option<Value>,
}

/// The changes so far. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    shared: Arc<Mutex<Entries>>,
}

#[derive(Debug, Default)]
struct Entries {
    changes: Vec<Change>,
    /// Each instance as it was last written, by its path.
    instances: BTreeMap<String, Value>,
}

impl Journal {
    /// A client whose writes are kept.
    pub(super) fn keep(&self, client: Client) -> Client {
        let journal = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (journal, client) = (journal.clone(), client.clone());
            async move { journal.pass(&client, request).await }
        });
        Client::new(service, "default")
    }

    /// Forgets what was before.
    pub(super) fn begin(&self) {
        self.entries().changes.clear();
    }

    /// Each instance whose status was ever written, as it was then, by namespace and name.
    pub(super) fn instances(&self) -> Vec<Value> {
        self.entries().instances.values().cloned().collect()
    }

    /// All changes, in their order.
    pub(super) fn changes(&self) -> Vec<Change> {
        self.entries().changes.clone()
    }

    async fn pass(&self, client: &Client, request: Request<Body>) -> kube::Result<Response<Body>> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        if !matches!(
            method,
            Method::POST | Method::PUT | Method::PATCH | Method::DELETE
        ) {
            return client.send(request).await;
        }
        let before = match method {
            Method::POST => None,
            _ => read(client, &path).await,
        };
        let (head, body) = client.send(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        if head.status.is_success() {
            let answer = serde_json::from_slice(&body).unwrap_or_default();
            self.entries().note(&method, &path, before, answer);
        }
        Ok(Response::from_parts(head, Body::from(body.to_vec())))
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(client: &Client, path: &str) -> Option<Value> {
    let request = Request::get(path).body(Vec::new()).ok()?;
    client.request(request).await.ok()
}

impl Entries {
    fn note(&mut self, method: &Method, path: &str, before: Option<Value>, answer: Value) {
        let kind = answer["kind"].as_str().unwrap_or_default().to_owned();
        if let Some(instance) = path.strip_suffix("/status") {
            if kind == "Instance" {
                self.instances.insert(instance.to_owned(), answer);
            }
            return;
        }
        if matches!(kind.as_str(), "Event" | "Lease") {
            return;
        }
        let after = (method != Method::DELETE).then_some(answer);
        if let ("Instance", Some(before), Some(after)) = (&*kind, &before, &after)
            && is_own(before, after)
        {
            return;
        }
        let step = after
            .as_ref()
            .and_then(step_of)
            .unwrap_or_else(|| self.steps_at_work());
        self.changes.push(Change {
            step,
            before,
            after,
        });
    }

    fn steps_at_work(&self) -> String {
        let steps: Vec<String> = self.instances.values().flat_map(at_work).collect();
        steps.join(", ")
    }
}

/// Whether only the manager's own bookkeeping on an instance changed.
fn is_own(before: &Value, after: &Value) -> bool {
    ["parameters", "operatorVersion"]
        .iter()
        .all(|field| before["spec"][field] == after["spec"][field])
}

/// The step that an object says has applied it.
fn step_of(object: &Value) -> Option<String> {
    let annotations = object.pointer("/metadata/annotations")?;
    let part = |name: &str| annotations.get(name)?.as_str();
    let (plan, phase) = (part(PLAN_ANNOTATION)?, part(PHASE_ANNOTATION)?);
    Some(format!("{plan}/{phase}/{}", part(STEP_ANNOTATION)?))
}

/// The steps of an instance that are at work.
fn at_work(instance: &Value) -> Vec<String> {
    let entries = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let plans = instance
        .pointer("/status/planStatus")
        .and_then(Value::as_object);
    let mut steps = Vec::new();
    for (plan, status) in plans.into_iter().flatten() {
        for phase in entries(&status["phases"]) {
            for step in entries(&phase["steps"]) {
                if matches!(step["status"].as_str(), Some("IN_PROGRESS" | "ERROR")) {
                    let name =
                        |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
                    steps.push(format!("{plan}/{}/{}", name(&phase), name(&step)));
                }
            }
        }
    }
    steps
}
