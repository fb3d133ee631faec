//! Counts every request by verb and status code, and lets tests stop time at a write.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use kube::client::Body;
use tower::{BoxError, Layer, Service};

use super::request::{RequestInfo, Verb};

/// How often a verb ended with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// What the requests did.
    pub verb: Verb,
    /// The HTTP status; 0 where no answer came.
    pub code: u16,
    /// How many there were.
    pub count: u64,
}

/// What a [`Gate`] says to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Send it.
    Proceed,
    /// Do not send it; the caller sees this HTTP status as the server's answer.
    Refuse(u16),
}

/// Stands before and after each write: tests kill, delay or fail a manager there.
pub trait Gate: Send + Sync {
    /// Called before a write is sent. A future that never resolves holds the write back for good.
    fn before<'a>(&'a self, request: &'a RequestInfo) -> BoxFuture<'a, Admission>;

    /// Called when the server has answered, before the caller sees the answer.
    fn after<'a>(&'a self, request: &'a RequestInfo, code: u16) -> BoxFuture<'a, ()>;
}

/// Counts requests. Clones count together.
#[derive(Clone, Default)]
pub struct Meter {
    shared: Arc<Shared>,
    timeout: Option<Duration>,
}

#[derive(Default)]
struct Shared {
    counts: Mutex<BTreeMap<(Verb, u16), u64>>,
    gate: Mutex<Option<Arc<dyn Gate>>>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("counts", &self.counts())
            .finish()
    }
}

impl Meter {
    /// A meter that stands at nought.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also ends requests (watches excepted) whose answer has not begun by then.
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets or takes away the gate that writes pass through.
    pub fn set_gate(&self, gate: Option<Arc<dyn Gate>>) {
        *locked(&self.shared.gate) = gate;
    }

    /// All counts, by verb and code.
    pub fn counts(&self) -> Vec<Count> {
        locked(&self.shared.counts)
            .iter()
            .map(|(&(verb, code), &count)| Count { verb, code, count })
            .collect()
    }

    /// Requests that change something, whatever came of them.
    pub fn writes(&self) -> u64 {
        self.sum(Verb::is_write)
    }

    /// Gets and lists; watches are not counted.
    pub fn reads(&self) -> u64 {
        self.sum(|verb| matches!(verb, Verb::Get | Verb::List))
    }

    /// The layer to put under a client.
    pub fn layer(&self) -> MeterLayer {
        MeterLayer {
            meter: self.clone(),
        }
    }

    fn sum(&self, wanted: impl Fn(Verb) -> bool) -> u64 {
        locked(&self.shared.counts)
            .iter()
            .filter(|((verb, _), _)| wanted(*verb))
            .map(|(_, count)| count)
            .sum()
    }

    fn count(&self, verb: Verb, code: u16) {
        *locked(&self.shared.counts).entry((verb, code)).or_default() += 1;
    }

    fn gate(&self) -> Option<Arc<dyn Gate>> {
        locked(&self.shared.gate).clone()
    }
}

/// Puts a [`Meter`] under a client.
#[derive(Clone, Debug)]
pub struct MeterLayer {
    meter: Meter,
}

impl<S> Layer<S> for MeterLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered {
            inner,
            meter: self.meter.clone(),
        }
    }
}

/// A service whose requests a [`Meter`] counts.
#[derive(Clone, Debug)]
pub struct Metered<S> {
    inner: S,
    meter: Meter,
}

impl<S, B> Service<Request<Body>> for Metered<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + 'static,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let info = RequestInfo::of(&request);
        let meter = self.meter.clone();
        let sent = self.inner.call(request);
        Box::pin(async move {
            let gate = info.verb.is_write().then(|| meter.gate()).flatten();
            if let Some(gate) = &gate
                && let Admission::Refuse(code) = gate.before(&info).await
            {
                meter.count(info.verb, code);
                return Err(refusal(code).into());
            }
            let limit = meter.timeout.filter(|_| info.verb != Verb::Watch);
            let answer = match limit {
                None => sent.await.map_err(Into::into),
                Some(limit) => match tokio::time::timeout(limit, sent).await {
                    Ok(answer) => answer.map_err(Into::into),
                    Err(_) => Err(TimedOut { after: limit }.into()),
                },
            };
            let code = answer
                .as_ref()
                .map_or(0, |response| response.status().as_u16());
            meter.count(info.verb, code);
            if let Some(gate) = &gate {
                gate.after(&info, code).await;
            }
            answer
        })
    }
}

/// No answer came within the time allowed.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", .after.as_secs_f32())]
pub struct TimedOut {
    /// The time allowed.
    pub after: Duration,
}

fn refusal(code: u16) -> kube::Error {
    kube::Error::Api(Box::new(kube::core::Status {
        code,
        message: format!("refused with {code} by the gate before this request"),
        ..kube::core::Status::failure("", "Gate")
    }))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
