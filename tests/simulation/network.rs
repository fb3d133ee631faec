//! What lies between a manager and its API server: requests and watch events that go wrong as they are told to.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use kube::Client;
use kube::client::Body;
use kudo_kube::Meter;
use kudo_kube::client::{RequestInfo, Verb};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;
use tower::{BoxError, Layer, Service};

/// When a request counts as lost; a watch's, too.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a held back event waits for the next one.
const LONGEST_HOLD: Duration = Duration::from_secs(5);

/// Longest that a death may take to come.
const PATIENCE: Duration = Duration::from_hours(1);

/// The body of an answer.
type Answer = UnsyncBoxBody<Bytes, BoxError>;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server does not see it and answers this.
    Answer(u16),
    /// It never arrives, and no answer comes.
    LostRequest,
    /// It has its effect, but no answer comes.
    LostAnswer,
    /// The manager dies right before it is sent.
    DeathBefore,
    /// The manager dies when it has had its effect.
    DeathAfter,
}

/// What becomes of an event of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The watch ends instead of it.
    Cut,
    /// It comes twice.
    Doubled,
    /// It comes only when the next one is there, or after a while.
    Delayed,
}

/// Decides what goes wrong.
pub(crate) trait Weather: Send {
    /// What becomes of a request; asked once for each, in order.
    fn request(&mut self, request: &RequestInfo) -> Option<Fault>;

    /// What becomes of an event of a watch; asked once for each, in order.
    fn event(&mut self) -> Option<Trouble>;

    /// How long a request is on its way.
    fn latency(&mut self) -> Duration {
        Duration::from_millis(1)
    }
}

/// Nothing goes wrong.
pub(crate) struct Fair;

impl Weather for Fair {
    fn request(&mut self, _: &RequestInfo) -> Option<Fault> {
        None
    }

    fn event(&mut self) -> Option<Trouble> {
        None
    }
}

/// All requests of all managers, each with its time and what became of it. Clones are the same.
#[derive(Clone)]
pub(crate) struct Trace {
    began: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            lines: Arc::default(),
        }
    }

    fn note(&self, request: &RequestInfo, fault: Option<Fault>) {
        let time = self.began.elapsed().as_secs_f64();
        let (verb, path) = (request.verb.as_str(), &request.path);
        let fault = fault.map_or_else(String::new, |fault| format!(" {fault:?}"));
        let line = format!("{time:.3} {verb} {path}{fault}");
        self.lines.lock().unwrap().push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

/// One manager's way to the server. Clones are the same.
#[derive(Clone)]
pub(crate) struct Network {
    shared: Arc<Shared>,
}

/// A server whose caches are behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    /// The version that lists are of.
    pub(crate) version: u64,
    /// When the caches have caught up.
    pub(crate) until: Instant,
}

struct Shared {
    server: Client,
    past: Option<Past>,
    weather: Mutex<Box<dyn Weather>>,
    requests: Mutex<Vec<RequestInfo>>,
    trace: Trace,
    events: Mutex<usize>,
    strikes: AtomicUsize,
    dead: AtomicBool,
    death: Notify,
}

impl Network {
    /// `past`: what the server's caches hold at first.
    pub(crate) fn new(
        server: Client,
        weather: impl Weather + 'static,
        trace: Trace,
        past: Option<Past>,
    ) -> Self {
        let shared = Shared {
            server,
            past,
            weather: Mutex::new(Box::new(weather)),
            requests: Mutex::default(),
            trace,
            events: Mutex::default(),
            strikes: AtomicUsize::new(0),
            dead: AtomicBool::new(false),
            death: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A client at its near end, with a limit on the time of each request.
    pub(crate) fn client(&self) -> Client {
        let meter = Meter::new().timeout(Some(REQUEST_TIMEOUT));
        Client::new(meter.layer().layer(self.clone()), "default")
    }

    /// From now on nothing goes through and no answer comes.
    pub(crate) fn cut(&self) {
        self.shared.dead.store(true, Ordering::SeqCst);
        self.shared.death.notify_one();
    }

    /// Waits for the manager's death.
    pub(crate) async fn death(&self) {
        if !self.is_dead() {
            let death = tokio::time::timeout(PATIENCE, self.shared.death.notified());
            death.await.expect("the manager dies");
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.shared.dead.load(Ordering::SeqCst)
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<RequestInfo> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// How many requests changed something, or tried to.
    pub(crate) fn writes(&self) -> usize {
        let requests = self.shared.requests.lock().unwrap();
        requests.iter().filter(|r| r.verb.is_write()).count()
    }

    /// How many events of watches there were.
    pub(crate) fn events(&self) -> usize {
        *self.shared.events.lock().unwrap()
    }

    /// How often something has gone wrong.
    pub(crate) fn strikes(&self) -> usize {
        self.shared.strikes.load(Ordering::SeqCst)
    }

    fn count_strike<T>(&self, what: Option<T>) -> Option<T> {
        let strikes = usize::from(what.is_some());
        self.shared.strikes.fetch_add(strikes, Ordering::SeqCst);
        what
    }

    async fn send(
        self,
        info: RequestInfo,
        request: Request<Body>,
    ) -> Result<Response<Answer>, BoxError> {
        let (fault, latency) = {
            let mut weather = self.shared.weather.lock().unwrap();
            (weather.request(&info), weather.latency())
        };
        let fault = self.count_strike(fault);
        self.alive().await;
        if fault == Some(Fault::DeathBefore) {
            self.cut();
        }
        self.alive().await;
        let (watch, list) = (info.verb == Verb::Watch, info.verb == Verb::List);
        self.shared.trace.note(&info, fault);
        self.shared.requests.lock().unwrap().push(info);
        tokio::time::sleep(latency).await;
        self.alive().await;
        match fault {
            Some(Fault::Answer(code)) => return Ok(refusal(code)),
            Some(Fault::LostRequest) => return silence(watch).await,
            _ => {}
        }
        let request = match self.shared.past {
            Some(past) if watch => {
                tokio::time::sleep_until(past.until).await;
                request
            }
            Some(past) if list && Instant::now() < past.until => backdated(request, past.version),
            _ => request,
        };
        let answer = self.shared.server.send(request).await?;
        match fault {
            Some(Fault::DeathAfter) => self.cut(),
            Some(Fault::LostAnswer) => return silence(watch).await,
            _ => {}
        }
        self.alive().await;
        let watched = watch && answer.status().is_success();
        Ok(answer.map(|body| {
            if watched {
                self.watched(body)
            } else {
                body.map_err(Into::into).boxed_unsync()
            }
        }))
    }

    /// Returns only to the living.
    async fn alive(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    fn watched(&self, body: Body) -> Answer {
        let watch = Watch {
            network: self.clone(),
            frames: frames(body),
            partial: BytesMut::new(),
            ready: VecDeque::new(),
            held: VecDeque::new(),
            over: false,
        };
        let events = stream::unfold(watch, Watch::next);
        let frames = events.map(|event| Ok::<_, BoxError>(http_body::Frame::data(event)));
        StreamBody::new(frames).boxed_unsync()
    }

    fn trouble(&self) -> Option<Trouble> {
        *self.shared.events.lock().unwrap() += 1;
        let trouble = self.shared.weather.lock().unwrap().event();
        self.count_strike(trouble)
    }
}

impl Service<Request<Body>> for Network {
    type Response = Response<Answer>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Answer>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let info = RequestInfo::of(&request);
        Box::pin(self.clone().send(info, request))
    }
}

/// A list as it was at a version.
fn backdated(mut request: Request<Body>, version: u64) -> Request<Body> {
    let uri = request.uri().to_string();
    if !uri.contains("continue=") {
        let mark = if uri.contains('?') { '&' } else { '?' };
        let version = format!("resourceVersion={version}&resourceVersionMatch=Exact");
        *request.uri_mut() = format!("{uri}{mark}{version}").parse().unwrap();
    }
    request
}

/// No answer; the meter ends the wait for it, but not that of a watch.
async fn silence(watch: bool) -> Result<Response<Answer>, BoxError> {
    if watch {
        tokio::time::sleep(REQUEST_TIMEOUT).await;
        return Err(io::Error::from(io::ErrorKind::TimedOut).into());
    }
    std::future::pending().await
}

fn refusal(code: u16) -> Response<Answer> {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        500 => "InternalError",
        _ => "",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("the simulated network answers {code}"), "reason": reason, "code": code,
    });
    let body = Full::new(Bytes::from(status.to_string()));
    let mut answer = Response::new(body.map_err(Into::into).boxed_unsync());
    *answer.status_mut() = StatusCode::from_u16(code).unwrap();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    if code == 429 {
        headers.insert(header::RETRY_AFTER, "2".parse().unwrap());
    }
    answer
}

fn frames(body: Body) -> BoxStream<'static, Bytes> {
    let frames = BodyStream::new(body.map_err(drop));
    frames
        .filter_map(async |frame| frame.ok()?.into_data().ok())
        .boxed()
}

/// An open watch.
struct Watch {
    network: Network,
    frames: BoxStream<'static, Bytes>,
    partial: BytesMut,
    /// Events that may go on.
    ready: VecDeque<Bytes>,
    /// Events that wait for the next one.
    held: VecDeque<Bytes>,
    over: bool,
}

impl Watch {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            self.network.alive().await;
            if let Some(event) = self.ready.pop_front() {
                return Some((event, self));
            }
            if self.over {
                return None;
            }
            if self.held.is_empty() {
                let frame = self.frames.next().await;
                self.take(frame);
                continue;
            }
            match tokio::time::timeout(LONGEST_HOLD, self.frames.next()).await {
                Ok(frame) => self.take(frame),
                Err(_) => self.ready.append(&mut self.held),
            }
        }
    }

    fn take(&mut self, frame: Option<Bytes>) {
        let Some(frame) = frame else {
            self.ready.append(&mut self.held);
            self.over = true;
            return;
        };
        self.partial.extend_from_slice(&frame);
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            let event = self.partial.split_to(end + 1).freeze();
            let trouble = self.network.trouble();
            if trouble == Some(Trouble::Delayed) && self.held.is_empty() {
                self.held.push_back(event);
                continue;
            }
            self.ready.append(&mut self.held);
            match trouble {
                Some(Trouble::Cut) => {
                    self.over = true;
                    return;
                }
                Some(Trouble::Doubled) => self.ready.extend([event.clone(), event]),
                Some(Trouble::Delayed) | None => self.ready.push_back(event),
            }
        }
    }
}
