//! An API server that holds one instance and answers as a script says.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use kudo_api::Instance;
use serde_json::{Value, json};

/// What happens to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is made and answered.
    Made,
    /// It is made, but the answer is lost.
    AnswerLost,
    /// It is not made, and answered with this code.
    Failed(u16),
    /// Before it arrives, somebody else changes the instance's spec.
    Overtaken,
    /// Before it arrives, the instance is deleted.
    Deleted,
    /// Before it arrives, the instance is deleted and another one made under its name.
    Replaced,
}

#[derive(Clone)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
}

struct State {
    instance: Option<Value>,
    version: u64,
    fates: VecDeque<Fate>,
    log: Vec<String>,
}

impl Server {
    pub(crate) fn new(fates: &[Fate]) -> Self {
        let instance = json!({
            "apiVersion": "kudo.dev/v1beta1", "kind": "Instance",
            "metadata": {
                "name": "i", "namespace": "ns", "uid": "uid", "resourceVersion": "1", "generation": 1,
            },
            "spec": { "operatorVersion": { "name": "v1" } },
        });
        Self {
            state: Arc::new(Mutex::new(State {
                instance: Some(instance),
                version: 1,
                fates: fates.iter().copied().collect(),
                log: Vec::new(),
            })),
        }
    }

    pub(crate) fn client(&self) -> Client {
        let state = Arc::clone(&self.state);
        let service = tower::service_fn(move |request: Request<Body>| {
            let state = Arc::clone(&state);
            async move { Ok::<_, Infallible>(answer(&state, request).await) }
        });
        Client::new(service, "ns")
    }

    pub(crate) fn instance(&self) -> Option<Instance> {
        let state = self.state.lock().unwrap();
        state
            .instance
            .clone()
            .map(|value| serde_json::from_value(value).unwrap())
    }

    /// `METHOD code` of all requests.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }
}

async fn answer(state: &Mutex<State>, request: Request<Body>) -> Response<Body> {
    let method = request.method().clone();
    let status = request.uri().path().ends_with("/status");
    let body = request.into_body().collect_bytes().await.unwrap();
    let mut state = state.lock().unwrap();
    let (code, body) = if method == Method::GET {
        state.read()
    } else {
        let patch: Value = serde_json::from_slice(&body).unwrap();
        let fate = state.fates.pop_front().unwrap_or(Fate::Made);
        state.write(fate, status, &patch)
    };
    state.log.push(format!("{method} {code}"));
    Response::builder()
        .status(code)
        .body(Body::from(serde_json::to_vec(&body).unwrap()))
        .unwrap()
}

impl State {
    fn read(&self) -> (u16, Value) {
        match &self.instance {
            Some(instance) => (200, instance.clone()),
            None => failure(404, "NotFound"),
        }
    }

    fn write(&mut self, fate: Fate, status: bool, patch: &Value) -> (u16, Value) {
        match fate {
            Fate::Failed(code) => return failure(code, "Script"),
            Fate::Overtaken => {
                self.change(|instance| {
                    instance["spec"]["parameters"] = json!({ "other": "change" });
                });
            }
            Fate::Deleted => self.instance = None,
            Fate::Replaced => self.change(|instance| {
                instance["metadata"]["uid"] = json!("other");
                instance["status"] = Value::Null;
            }),
            Fate::Made | Fate::AnswerLost => {}
        }
        let Some(instance) = &self.instance else {
            return failure(404, "NotFound");
        };
        let expected = &patch["metadata"]["resourceVersion"];
        if *expected != instance["metadata"]["resourceVersion"] {
            return failure(409, "Conflict");
        }
        self.change(|instance| {
            if status {
                merge(&mut instance["status"], &patch["status"]);
            } else {
                merge(&mut instance["spec"], &patch["spec"]);
                merge(&mut instance["metadata"], &patch["metadata"]);
            }
        });
        if fate == Fate::AnswerLost {
            return failure(504, "Timeout");
        }
        self.read()
    }

    fn change(&mut self, change: impl FnOnce(&mut Value)) {
        self.version += 1;
        let version = self.version.to_string();
        if let Some(instance) = &mut self.instance {
            change(instance);
            instance["metadata"]["resourceVersion"] = json!(version);
        }
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.as_object_mut().unwrap().remove(key);
            }
            Value::Object(_) => merge(&mut target[key], value),
            _ => target[key] = value.clone(),
        }
    }
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "reason": reason, "code": code, "message": format!("{reason} by script"),
    });
    (code, status)
}
