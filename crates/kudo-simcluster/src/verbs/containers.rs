//! Logs of containers, and commands in them.
//!
//! Both are what [`Container`] says; the refusals are those of a server and of the kubelet behind it.

use std::sync::Arc;

use futures::stream;
use http::Response;
use serde_json::{Value, json};

use super::Target;
use super::log_options::LogOptions;
use crate::admission::{Asked, Operation};
use crate::container::{Answer, Container};
use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::channels::{self, Request};
use crate::http::status::Refusal;
use crate::store::Growing;

/// Only what is on a node can be reached.
fn check_host(pod: &Value, target: &Target) -> Result<(), Refusal> {
    if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        let problem = format!("pod {} does not have a host assigned", target.name());
        return Err(Refusal::bad_request(problem));
    }
    Ok(())
}

/// The media type of logs.
const LOG: &str = "text/plain";

impl Call {
    pub(super) fn log(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let options = LogOptions::read(&self.query, target.name())?;
        let (pod, name) = self.container(target)?;
        if check_host(&pod, target).is_err() {
            return Ok(answer::no_content());
        }
        let written = written(&pod, &name, &options)?;
        let first = options.cut(&written, self.server.clock.now());
        if !options.follow {
            return Ok(answer::bytes(200, LOG, first));
        }
        let follow = Follow {
            log: self.server.store.subscribe(target.storage()),
            server: Arc::clone(&self.server),
            target: target.clone(),
            uid: pod["metadata"]["uid"].clone(),
            container: name,
            sent: written.text.len(),
            options,
            first: Some(first),
        };
        let chunks = stream::unfold(follow, Follow::next);
        Ok(answer::stream(LOG, chunks))
    }

    /// The pod and the container that a request means.
    fn container(&self, target: &Target) -> Result<(Value, String), Refusal> {
        let store = &self.server.store;
        let found = store.get(target.storage(), target.namespace(), target.name());
        let pod = found.ok_or_else(|| target.not_found())?.bare();
        let names = |list: &str| -> Vec<String> {
            let containers = pod["spec"][list].as_array().into_iter().flatten();
            let names = containers.filter_map(|container| container["name"].as_str());
            names.map(ToOwned::to_owned).collect()
        };
        let (own, init) = (names("containers"), names("initContainers"));
        let asked = self.query.get("container");
        let name = match (asked, own.as_slice()) {
            (Some(name), own) => {
                let debug = names("ephemeralContainers");
                let mut known = own.iter().chain(&init).chain(&debug);
                if !known.any(|known| known == name) {
                    let pod = target.name();
                    let problem = format!("container {name} is not valid for pod {pod}");
                    return Err(Refusal::bad_request(problem));
                }
                name.to_owned()
            }
            (None, [only]) => only.clone(),
            (None, several) => {
                let mut problem = format!(
                    "a container name must be specified for pod {}, choose one of: [{}]",
                    target.name(),
                    several.join(" ")
                );
                if !init.is_empty() {
                    let more = format!(" or one of the init containers: [{}]", init.join(" "));
                    problem.push_str(&more);
                }
                return Err(Refusal::bad_request(problem));
            }
        };
        Ok((pod, name))
    }

    /// Why no port of a pod can be reached.
    pub(super) fn no_port(&self, target: &Target) -> Refusal {
        let store = &self.server.store;
        match store.get(target.storage(), target.namespace(), target.name()) {
            Some(pod) => check_host(&pod.bare(), target)
                .err()
                .unwrap_or_else(|| Refusal::bad_request("a simulated pod listens on no port")),
            None => target.not_found(),
        }
    }

    /// Runs a command on a connection that becomes a WebSocket.
    pub(super) async fn exec(
        &self,
        target: &Target,
        upgrade: Option<hyper::upgrade::OnUpgrade>,
    ) -> Result<Response<Body>, Refusal> {
        let command: Vec<String> = self.query.all("command").map(ToOwned::to_owned).collect();
        self.review_connection(target, &command).await?;
        let (pod, name) = self.container(target)?;
        check_host(&pod, target)?;
        if target.path.subresource == "attach" {
            let problem = "a simulated container has no process to attach to; its log can be \
                           followed, and commands run with exec";
            return Err(Refusal::bad_request(problem));
        }
        if command.is_empty() {
            let problem = "you must specify at least 1 command for the container";
            return Err(Refusal::bad_request(problem));
        }
        let running = check_running(&pod, &name);
        if channels::is_spdy(&self.headers) {
            running.clone()?;
        }
        let request = Request::read(&self.headers, &self.query)?;
        let upgrade = upgrade.ok_or_else(|| Refusal::bad_request("Upgrade request required"))?;
        running?;
        let lookup = |plural: &str, name: &str| {
            let namespace = if plural == "nodes" {
                ""
            } else {
                target.namespace()
            };
            let found = self.server.store.get(plural, namespace, name);
            found.map(|entry| entry.bare())
        };
        let container = Container::of(&pod, &name, &lookup).unwrap_or_default();
        let answer: Answer = container.run(&command);
        let response = request.accepted();
        tokio::spawn(channels::serve(upgrade, request, command, answer));
        Ok(response)
    }
}

impl Call {
    /// Asks webhooks whether a connection to a container may be.
    async fn review_connection(&self, target: &Target, command: &[String]) -> Result<(), Refusal> {
        let mut options = json!({ "apiVersion": "v1" });
        for stream in ["stdin", "stdout", "stderr", "tty"] {
            if self.query.is(stream) {
                options[stream] = true.into();
            }
        }
        if let Some(name) = self.query.get("container") {
            options["container"] = name.into();
        }
        if target.path.subresource == "attach" {
            options["kind"] = "PodAttachOptions".into();
        } else {
            options["kind"] = "PodExecOptions".into();
            options["command"] = command.into();
        }
        let asked = Asked {
            target,
            operation: Operation::Connect,
            name: target.name(),
            old: None,
            options: &Value::Null,
        };
        self.reviewed(&asked, &options).await
    }
}

/// Commands run in what runs.
fn check_running(pod: &Value, name: &str) -> Result<(), Refusal> {
    if status_of(pod, name)["state"]["running"].is_null() {
        let problem = format!("unable to upgrade connection: container not found ({name:?})");
        return Err(Refusal::new(500, "InternalError", problem));
    }
    Ok(())
}

/// The status that a kubelet reported of a container.
fn status_of<'a>(pod: &'a Value, name: &str) -> &'a Value {
    [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ]
    .into_iter()
    .flat_map(|list| pod["status"][list].as_array().into_iter().flatten())
    .find(|status| status["name"] == name)
    .unwrap_or(&Value::Null)
}

/// What a container has written, and since when.
pub(super) struct Written {
    pub(super) text: String,
    /// When the container started; what it wrote, it wrote then.
    pub(super) since: String,
    is_running: bool,
}

fn written(pod: &Value, name: &str, options: &LogOptions) -> Result<Written, Refusal> {
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let which = format!("container {name:?} in pod {pod_name:?}");
    let status = status_of(pod, name);
    if status.is_null() {
        return Err(Refusal::bad_request(format!("{which} is not available")));
    }
    let has_restarted = status["restartCount"].as_u64().unwrap_or(0) > 0;
    if options.previous && !has_restarted {
        let problem = format!("previous terminated {which} not found");
        return Err(Refusal::bad_request(problem));
    }
    let state = &status["state"];
    if let Some(reason) = state["waiting"]["reason"].as_str()
        && !has_restarted
    {
        let why = match reason {
            "ErrImagePull" => "image can't be pulled",
            "ImagePullBackOff" => "trying and failing to pull image",
            reason => reason,
        };
        let problem = format!("{which} is waiting to start: {why}");
        return Err(Refusal::bad_request(problem));
    }
    let running = &state["running"]["startedAt"];
    let started = running
        .as_str()
        .or(state["terminated"]["startedAt"].as_str());
    Ok(Written {
        text: Container::of(pod, name, &|_, _| None)
            .unwrap_or_default()
            .log()
            .to_owned(),
        since: started.unwrap_or_default().to_owned(),
        is_running: running.is_string(),
    })
}

/// A log that is followed: what its annotation grows by is sent, until the container ends.
struct Follow {
    server: Arc<crate::cluster::Server>,
    log: Growing,
    target: Target,
    uid: Value,
    container: String,
    options: LogOptions,
    sent: usize,
    first: Option<String>,
}

impl Follow {
    async fn next(mut self) -> Option<(bytes::Bytes, Self)> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Some((first.into(), self));
        }
        loop {
            self.log.catch_up();
            let target = &self.target;
            let store = &self.server.store;
            let entry = store.get(target.storage(), target.namespace(), target.name())?;
            let pod = entry.bare();
            if pod["metadata"]["uid"] != self.uid {
                return None;
            }
            let written = written(&pod, &self.container, &self.options).ok()?;
            let news = written.text.get(self.sent..).unwrap_or_default();
            if !news.is_empty() {
                self.sent = written.text.len();
                return Some((self.options.stamped(news, &written.since).into(), self));
            }
            if !written.is_running {
                return None;
            }
            self.log.more().await;
        }
    }
}
