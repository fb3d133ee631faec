//! Plays the steps of a case on one server.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use http::{Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use regex::{Captures, Regex};
use serde_json::{Value, json};

use crate::case::{Case, Step};
use crate::hooks::Hooks;
use crate::selector;
use crate::servers::Server;

const POLL: Duration = Duration::from_millis(50);

/// What a server said at one step.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) code: u16,
    pub(crate) content_type: String,
    pub(crate) warnings: Vec<String>,
    pub(crate) answer: Answer,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Json(Value),
    Events(Vec<Value>),
    Text(String),
}

impl Answer {
    /// Acts on the body, or on each event.
    pub(crate) fn each(&mut self, act: &mut impl FnMut(&mut Value)) {
        match self {
            Self::Json(body) => act(body),
            Self::Events(events) => events.iter_mut().for_each(act),
            Self::Text(_) => {}
        }
    }
}

/// All that was seen until the end or the first problem.
pub(crate) struct Played {
    pub(crate) seen: Vec<Seen>,
    /// A step that could not be done, by its number from 1, and why.
    pub(crate) problem: Option<(usize, String)>,
}

/// Plays a case in a namespace of its own, which is deleted afterwards with everything that the
/// case has created outside of it.
pub(crate) async fn play(case: &Case, server: &Server, hooks: &Hooks, id: &str) -> Played {
    let mut player = Player::new(server, hooks, id);
    hooks.answer(&player.owner, case.script.hooks.clone());
    let mut story = Played {
        seen: Vec::new(),
        problem: None,
    };
    if let Err(problem) = player.create_namespace().await {
        story.problem = Some((0, problem));
        return story;
    }
    for (index, step) in case.script.steps.iter().enumerate() {
        let outcome = player.step(step).await;
        let (seen, problem) = match outcome {
            Ok(seen) => (Some(seen), None),
            Err((seen, problem)) => (seen, Some((index + 1, problem))),
        };
        story.seen.extend(seen);
        if problem.is_some() {
            story.problem = problem;
            break;
        }
    }
    player.clean_up().await;
    story
}

/// What is wrong with a step, after what was seen of it.
type StepProblem = (Option<Seen>, String);

struct Player<'a> {
    server: &'a Server,
    hooks: &'a Hooks,
    /// The first part of the paths of this case's webhooks.
    owner: String,
    variables: HashMap<String, String>,
    watches: HashMap<String, Watch>,
    /// Paths of objects outside the namespace.
    created: Vec<String>,
    /// What webhooks were asked at the last request.
    asked: Vec<Value>,
}

impl<'a> Player<'a> {
    fn new(server: &'a Server, hooks: &'a Hooks, id: &str) -> Self {
        let owner = format!("{id}-{}", server.name.replace(' ', "-"));
        let own = [("id", id.to_owned()), ("ns", format!("conf-{id}"))];
        let variables = own.into_iter().chain(hooks.variables(&owner));
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        Self {
            server,
            hooks,
            owner,
            variables: variables.collect(),
            watches: HashMap::new(),
            created: Vec::new(),
            asked: Vec::new(),
        }
    }

    async fn create_namespace(&mut self) -> Result<(), String> {
        let step = Step {
            request: Some("POST /api/v1/namespaces".to_owned()),
            body: Some(json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": { "name": "$ns", "labels": { "case": "$id" } },
            })),
            ..Step::default()
        };
        let seen = self.request(&step).await?;
        if seen.code != 201 {
            return Err(format!("no namespace: {seen:?}"));
        }
        // Servers wait for its account only so long where a pod needs it.
        let account = Step {
            request: Some("GET /api/v1/namespaces/$ns/serviceaccounts/default".to_owned()),
            until: [("/metadata/name".to_owned(), json!("default"))].into(),
            ..Step::default()
        };
        let account = self.request_until(&account).await;
        account.map_err(|(_, problem)| format!("the namespace has no account {problem}"))?;
        Ok(())
    }

    async fn clean_up(&mut self) {
        self.watches.clear();
        for path in std::mem::take(&mut self.created).into_iter().rev() {
            let request = Request::delete(path).body(Body::empty()).unwrap();
            let _ = self.send(request).await;
        }
        self.hooks.end(&self.owner);
    }

    async fn step(&mut self, step: &Step) -> Result<Seen, StepProblem> {
        let seen = if step.asked {
            self.asked()
        } else if step.request.is_some() {
            self.request_until(step).await?
        } else {
            self.watch(step).await.map_err(|problem| (None, problem))?
        };
        for (name, place) in &step.capture {
            let value = match &seen.answer {
                Answer::Json(body) => selector::first(body, place),
                Answer::Events(events) => selector::first(&json!(events), place),
                Answer::Text(_) => None,
            };
            let Some(value) = value else {
                let problem = format!("nothing at {place} to be captured");
                return Err((Some(seen), problem));
            };
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            self.variables.insert(name.clone(), value);
        }
        Ok(seen)
    }

    /// What webhooks were asked at the last request, as if a server had answered it.
    fn asked(&mut self) -> Seen {
        let mut asked = std::mem::take(&mut self.asked);
        // A server that has read an old version from its cache tries again with the new one.
        let id = |asked: &Value| {
            let old = &asked["review"]["request"]["oldObject"]["metadata"];
            (old["uid"].clone(), old["resourceVersion"].clone())
        };
        let last: HashMap<String, Value> = asked
            .iter()
            .map(|asked| (id(asked).0.to_string(), id(asked).1))
            .collect();
        asked.retain(|asked| last.get(&id(asked).0.to_string()) == Some(&id(asked).1));
        Seen {
            code: 200,
            content_type: "reviews".to_owned(),
            warnings: Vec::new(),
            answer: Answer::Events(asked),
        }
    }

    async fn request_until(&mut self, step: &Step) -> Result<Seen, StepProblem> {
        let begun = Instant::now();
        loop {
            self.hooks.take_asked(&self.owner);
            let seen = self
                .request(step)
                .await
                .map_err(|problem| (None, problem))?;
            self.asked = self.hooks.take_asked(&self.owner);
            if step
                .until
                .iter()
                .all(|(place, wanted)| self.holds(&seen, place, wanted))
            {
                return Ok(seen);
            }
            if begun.elapsed() > self.server.patience {
                let problem = format!(
                    "not after {:?}: {}",
                    self.server.patience,
                    json!(step.until)
                );
                return Err((Some(seen), problem));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn holds(&self, seen: &Seen, place: &str, wanted: &Value) -> bool {
        if place == "code" {
            return wanted.as_u64() == Some(seen.code.into());
        }
        if place == "asked" {
            let path = |asked: &Value| asked["hook"].as_str()?.split('?').next().map(str::to_owned);
            let is_wanted = |asked: &Value| path(asked).as_deref() == wanted.as_str();
            return self.asked.iter().any(is_wanted);
        }
        let wanted = self.filled(wanted).unwrap_or_default();
        let Answer::Json(body) = &seen.answer else {
            return false;
        };
        let found = selector::select(body, place);
        if wanted.is_null() {
            found.is_empty()
        } else {
            found == [wanted]
        }
    }

    async fn request(&mut self, step: &Step) -> Result<Seen, String> {
        let line = self.fill(step.request_of(self.server.version))?;
        let (method, path) = line.split_once(' ').ok_or("no path after the method")?;
        let (request, body) = self.build(step, method, path)?;
        let (code, content_type, warnings, response) = self.send(request).await?;
        let answer = self.timely(response.into_body().collect_bytes()).await?;
        let answer = self.without_addresses(String::from_utf8_lossy(&answer).into_owned());
        let answer = match serde_json::from_str::<Value>(&answer) {
            Ok(value) if content_type.contains("json") || value.is_object() => Answer::Json(value),
            _ => Answer::Text(answer),
        };
        if code == 201 && method == "POST" && !path.contains("dryRun") {
            self.remember(path, body.as_ref());
        }
        Ok(Seen {
            code,
            content_type,
            warnings,
            answer,
        })
    }

    /// An answer that names the case's webhooks without what is the server's own of their address.
    fn without_addresses(&self, answer: String) -> String {
        let names = ["hooks", "ownhooks"].into_iter();
        names.fold(answer, |answer, name| {
            answer.replace(&self.variables[name], &format!("https://{name}"))
        })
    }

    /// Objects outside the namespace of the case must be deleted one by one.
    fn remember(&mut self, path: &str, body: Option<&Value>) {
        let inside = format!("/namespaces/{}/", self.variables["ns"]);
        let name = body.and_then(|body| body["metadata"]["name"].as_str());
        if let Some(name) = name
            && !path.contains(&inside)
        {
            let path = path.split('?').next().unwrap_or(path);
            self.created.push(format!("{path}/{name}"));
        }
    }

    fn build(
        &self,
        step: &Step,
        method: &str,
        path: &str,
    ) -> Result<(Request<Body>, Option<Value>), String> {
        let mut request = Request::builder().method(method).uri(path);
        let mut headers = HashMap::from([
            ("accept".to_owned(), "application/json".to_owned()),
            ("user-agent".to_owned(), "conformance/1".to_owned()),
        ]);
        if step.body.is_some() || step.raw.is_some() {
            headers.insert("content-type".to_owned(), "application/json".to_owned());
        }
        for (name, value) in &step.headers {
            headers.insert(name.to_lowercase(), self.fill(value)?);
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value);
        }
        let body = step
            .body
            .as_ref()
            .map(|body| self.filled(body))
            .transpose()?;
        let bytes = match (&body, &step.raw) {
            (Some(body), _) => body.to_string().into_bytes(),
            (None, Some(raw)) => {
                let [open, close] = [&raw.repeat, &raw.close].map(|part| part.repeat(raw.times));
                let (before, after) = (self.fill(&raw.before)?, self.fill(&raw.after)?);
                let parts = [before, open, raw.inside.clone(), close, after];
                parts.concat().into_bytes()
            }
            (None, None) => Vec::new(),
        };
        let request = request
            .body(Body::from(bytes))
            .map_err(|error| error.to_string())?;
        Ok((request, body))
    }

    async fn send(
        &self,
        request: Request<Body>,
    ) -> Result<(u16, String, Vec<String>, Response<Body>), String> {
        let server = self.server;
        let client = if request.headers().contains_key(http::header::AUTHORIZATION) {
            &server.stranger
        } else {
            &server.client
        };
        let response = self.timely(client.send(request)).await?;
        let values = |name: &str| -> Vec<String> {
            let values = response.headers().get_all(name).iter();
            values
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect()
        };
        let content_type = values("content-type").pop().unwrap_or_default();
        Ok((
            response.status().as_u16(),
            content_type,
            values("warning"),
            response,
        ))
    }

    /// Events of a watch that is opened now or was opened before.
    async fn watch(&mut self, step: &Step) -> Result<Seen, String> {
        let mut watch = if let Some(path) = &step.watch {
            let path = self.fill(path)?;
            self.open(step, &path).await?
        } else {
            let name = step.collect.as_deref().unwrap_or_default();
            self.watches
                .remove(name)
                .ok_or_else(|| format!("no watch {name:?}"))?
        };
        let mut seen = watch.opened.clone();
        if !matches!(seen.answer, Answer::Events(_)) {
            return Ok(seen);
        }
        let name = step.name.as_ref().or(step.collect.as_ref());
        if step.name.is_none() {
            seen.answer = Answer::Events(watch.collect(step, self.server.patience).await?);
        }
        if let Some(name) = name {
            self.watches.insert(name.clone(), watch);
        }
        Ok(seen)
    }

    async fn open(&self, step: &Step, path: &str) -> Result<Watch, String> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (request, _) = self.build(step, "GET", &format!("{path}{separator}watch=true"))?;
        let (code, content_type, warnings, response) = self.send(request).await?;
        if code == 200 {
            let answer = Answer::Events(Vec::new());
            let opened = Seen {
                code,
                content_type,
                warnings,
                answer,
            };
            let stream = response.into_body().into_data_stream();
            let stream = stream
                .map(|bytes| bytes.map(|bytes| bytes.to_vec()))
                .boxed();
            return Ok(Watch {
                opened,
                stream,
                rest: Vec::new(),
            });
        }
        let body = self.timely(response.into_body().collect_bytes()).await?;
        let answer = match serde_json::from_slice(&body) {
            Ok(value) => Answer::Json(value),
            Err(_) => Answer::Text(String::from_utf8_lossy(&body).into_owned()),
        };
        let opened = Seen {
            code,
            content_type,
            warnings,
            answer,
        };
        let stream = futures::stream::empty().boxed();
        Ok(Watch {
            opened,
            stream,
            rest: Vec::new(),
        })
    }

    async fn timely<T, E: std::fmt::Display>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, String> {
        let patience = self.server.patience;
        let done = tokio::time::timeout(patience, work).await;
        let done = done.map_err(|_| format!("no answer after {patience:?}"))?;
        done.map_err(|error| format!("the connection failed: {error}"))
    }

    /// A text with its `$variables` replaced; `$$` is a dollar sign.
    fn fill(&self, text: &str) -> Result<String, String> {
        static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"\$(?:\$|([a-z][a-z0-9]*)|\{([a-z][a-z0-9]*)\})").unwrap()
        });
        let mut unknown = None;
        let filled = VARIABLE.replace_all(text, |found: &Captures| {
            let Some(name) = found.get(1).or(found.get(2)) else {
                return "$".to_owned();
            };
            self.variables
                .get(name.as_str())
                .cloned()
                .unwrap_or_else(|| {
                    unknown = Some(format!("no variable ${}", name.as_str()));
                    String::new()
                })
        });
        let filled = filled.into_owned();
        unknown.map_or(Ok(filled), Err)
    }

    fn filled(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => self.fill(text)?.into(),
            Value::Array(elements) => elements
                .iter()
                .map(|v| self.filled(v))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            Value::Object(members) => {
                let member =
                    |(name, value): (&String, &Value)| Ok((self.fill(name)?, self.filled(value)?));
                Value::Object(members.iter().map(member).collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }
}

/// An open watch.
struct Watch {
    opened: Seen,
    stream: BoxStream<'static, Result<Vec<u8>, kube::Error>>,
    /// Bytes after the last whole event.
    rest: Vec<u8>,
}

impl Watch {
    async fn collect(&mut self, step: &Step, patience: Duration) -> Result<Vec<Value>, String> {
        let mut events = Vec::new();
        let reading = tokio::time::timeout(patience, self.read(step, &mut events)).await;
        match reading {
            Ok(done) => done.map(|()| events),
            Err(_) => Err(format!(
                "after {patience:?} the watch has told only {:#}",
                json!(events)
            )),
        }
    }

    async fn read(&mut self, step: &Step, events: &mut Vec<Value>) -> Result<(), String> {
        loop {
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let event: Value = serde_json::from_slice(&line).map_err(|e| e.to_string())?;
                let bookmark = event["type"] == "BOOKMARK";
                // Servers may send one whenever they like.
                if !bookmark || step.bookmark {
                    events.push(event);
                }
                let enough = step.events > 0 && events.len() == step.events;
                if !step.end && (enough || (step.bookmark && bookmark)) {
                    return Ok(());
                }
            }
            match self.stream.next().await {
                Some(bytes) => self.rest.extend(bytes.map_err(|error| error.to_string())?),
                None if step.end => return Ok(()),
                None => return Err(format!("the watch ended after {:#}", json!(events))),
            }
        }
    }
}
