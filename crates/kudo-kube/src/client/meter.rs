//! Counts every request by verb and status code, and lets tests stop time at a write.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Method, Request, Response};
use kube::client::Body;
use tower::{BoxError, Layer, Service};

/// What a request does, in the words of Kubernetes' own metrics and RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Reads one object, or something that is no object (discovery, version).
    Get,
    /// Reads a collection.
    List,
    /// Follows a collection.
    Watch,
    /// Creates an object.
    Create,
    /// Server-side apply.
    Apply,
    /// Any other patch.
    Patch,
    /// Replaces an object.
    Update,
    /// Deletes an object.
    Delete,
    /// Deletes a collection.
    DeleteCollection,
}

impl Verb {
    /// The verb in lower case, as a metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Apply => "apply",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    /// Whether it changes the cluster.
    pub const fn is_write(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a request before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestInfo {
    /// What it does.
    pub verb: Verb,
    /// Plural name of the resource, such as `configmaps`; empty for discovery and the like.
    pub resource: String,
    /// Namespace, if any.
    pub namespace: Option<String>,
    /// Name of the object, if one is addressed.
    pub name: Option<String>,
    /// Subresource, such as `status`.
    pub subresource: Option<String>,
    /// Path of the URL.
    pub path: String,
}

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
        let info = describe(&request);
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

/// Reads what a request does off its method, path and query.
fn describe(request: &Request<Body>) -> RequestInfo {
    let path = request.uri().path();
    let query = request.uri().query().unwrap_or_default();
    let mut address = Address::of(path);
    let apply = request
        .headers()
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/apply-patch"));
    let watch = query
        .split('&')
        .any(|pair| matches!(pair, "watch=true" | "watch=1"));
    let verb = match *request.method() {
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH if apply => Verb::Apply,
        Method::PATCH => Verb::Patch,
        Method::DELETE if address.name.is_none() => Verb::DeleteCollection,
        Method::DELETE => Verb::Delete,
        _ if watch => Verb::Watch,
        _ if address.resource.is_some() && address.name.is_none() => Verb::List,
        _ => Verb::Get,
    };
    RequestInfo {
        verb,
        resource: address.resource.take().unwrap_or_default(),
        namespace: address.namespace,
        name: address.name,
        subresource: address.subresource,
        path: path.to_owned(),
    }
}

/// The parts of an API path.
#[derive(Default)]
struct Address {
    resource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    subresource: Option<String>,
}

impl Address {
    fn of(path: &str) -> Self {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let prefix = match parts.next() {
            Some("api") => 1,
            Some("apis") => 2,
            _ => return Self::default(),
        };
        let rest: Vec<&str> = parts.skip(prefix).collect();
        let (namespace, rest) = match rest.as_slice() {
            ["namespaces", namespace, rest @ ..]
                if rest
                    .first()
                    .is_some_and(|part| !matches!(*part, "status" | "finalize")) =>
            {
                (Some(*namespace), rest)
            }
            rest => (None, rest),
        };
        let part = |index: usize| rest.get(index).map(|part| (*part).to_owned());
        Self {
            resource: part(0),
            namespace: namespace.map(ToOwned::to_owned),
            name: part(1),
            subresource: part(2),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb_of(method: &str, uri: &str, content_type: &str) -> RequestInfo {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(http::header::CONTENT_TYPE, content_type)
            .body(Body::empty())
            .unwrap();
        describe(&request)
    }

    #[test]
    fn requests_are_named_as_kubernetes_names_them() {
        let cases = [
            ("GET", "/api/v1/namespaces/x/pods/p", "get pods x p -"),
            ("GET", "/api/v1/namespaces/x/pods", "list pods x - -"),
            ("GET", "/api/v1/pods?&limit=5", "list pods - - -"),
            ("GET", "/api/v1/pods?&watch=true", "watch pods - - -"),
            ("GET", "/api/v1/namespaces", "list namespaces - - -"),
            ("GET", "/api/v1/namespaces/x", "get namespaces - x -"),
            (
                "PUT",
                "/api/v1/namespaces/x/status",
                "update namespaces - x status",
            ),
            (
                "PUT",
                "/api/v1/namespaces/x/finalize",
                "update namespaces - x finalize",
            ),
            (
                "GET",
                "/apis/apps/v1/namespaces/x/deployments/d/scale",
                "get deployments x d scale",
            ),
            (
                "GET",
                "/apis/kudo.dev/v1beta1/instances",
                "list instances - - -",
            ),
            ("GET", "/apis", "get  - - -"),
            ("GET", "/apis/apps", "get  - - -"),
            ("GET", "/apis/apps/v1", "get  - - -"),
            ("GET", "/api/v1", "get  - - -"),
            ("GET", "/version", "get  - - -"),
            ("GET", "/readyz", "get  - - -"),
            ("POST", "/api/v1/namespaces/x/events", "create events x - -"),
            ("DELETE", "/api/v1/namespaces/x/pods/p", "delete pods x p -"),
            (
                "DELETE",
                "/api/v1/namespaces/x/pods",
                "deletecollection pods x - -",
            ),
            ("PATCH", "/api/v1/namespaces/x/pods/p", "patch pods x p -"),
            (
                "PATCH",
                "/apis/kudo.dev/v1beta1/namespaces/x/instances/i/status",
                "patch instances x i status",
            ),
            (
                "PATCH",
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a.b",
                "patch customresourcedefinitions - a.b -",
            ),
        ];
        for (method, uri, expected) in cases {
            let info = verb_of(method, uri, "application/merge-patch+json");
            let dash = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".into());
            let seen = format!(
                "{} {} {} {} {}",
                info.verb,
                info.resource,
                dash(&info.namespace),
                dash(&info.name),
                dash(&info.subresource)
            );
            assert_eq!(seen, expected, "{method} {uri}");
        }
    }

    #[test]
    fn an_apply_is_told_from_a_patch() {
        let info = verb_of(
            "PATCH",
            "/api/v1/namespaces/x/pods/p",
            "application/apply-patch+yaml",
        );
        assert_eq!(info.verb, Verb::Apply);
        assert!(info.verb.is_write());
    }
}
