//! One door that all requests of a manager pass: it bounds how many are under way, and when the
//! manager ends it lets those finish and no further one begin. Behind a fence that has fallen none goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tower::Service;

use crate::election::Fence;

/// The door. Clones are the same door.
#[derive(Clone, Debug)]
pub struct RequestGate {
    shared: Arc<Shared>,
    fence: Option<Fence>,
}

#[derive(Debug)]
struct Shared {
    places: Semaphore,
    size: usize,
    under_way: AtomicUsize,
    waiting: AtomicUsize,
    one_ended: Notify,
}

impl RequestGate {
    /// A door for so many requests at once, at least one.
    pub fn new(places: usize) -> Self {
        Self {
            fence: None,
            shared: Arc::new(Shared {
                places: Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)),
                size: places,
                under_way: AtomicUsize::new(0),
                waiting: AtomicUsize::new(0),
                one_ended: Notify::new(),
            }),
        }
    }

    /// The same door behind a fence.
    #[must_use]
    pub fn behind(self, fence: Option<Fence>) -> Self {
        Self { fence, ..self }
    }

    /// Waits until the fence has fallen, if there is one.
    pub async fn fallen(&self) {
        match &self.fence {
            Some(fence) => fence.fallen().await,
            None => std::future::pending().await,
        }
    }

    /// A client whose requests pass the door. A watch holds its place only until it has begun.
    pub fn client(&self, inner: Client) -> Client {
        let namespace = inner.default_namespace().to_owned();
        let gated = Gated {
            inner,
            gate: self.clone(),
        };
        Client::new(gated, namespace)
    }

    /// Requests that were sent and not answered yet.
    pub fn under_way(&self) -> usize {
        self.shared.under_way.load(Ordering::Relaxed)
    }

    /// Waits until requests do not pile up: until fewer wait for a place than there are places.
    pub async fn calm(&self) {
        loop {
            let ended = self.shared.one_ended.notified();
            if self.waiting() < self.shared.size {
                return;
            }
            ended.await;
        }
    }

    /// Requests that wait for a place.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Lets no further request begin and waits for those under way, but not longer than `limit`.
    ///
    /// Whoever wants to begin a request from now on waits for ever.
    pub async fn close(&self, limit: Duration) {
        self.shared.places.close();
        let drained = async {
            loop {
                let ended = self.shared.one_ended.notified();
                if self.under_way() == 0 {
                    return;
                }
                ended.await;
            }
        };
        if tokio::time::timeout(limit, drained).await.is_err() {
            tracing::warn!(requests = self.under_way(), "requests did not end in time");
        }
    }

    async fn pass(&self) -> Passage<'_> {
        let waiting = Counted::new(&self.shared.waiting);
        let Ok(permit) = self.shared.places.acquire().await else {
            return std::future::pending().await;
        };
        drop(waiting);
        if self.fence.as_ref().is_some_and(Fence::is_down) {
            return std::future::pending().await;
        }
        self.shared.under_way.fetch_add(1, Ordering::Relaxed);
        Passage {
            _place: permit,
            gate: self,
        }
    }
}

/// A request's right to be under way.
struct Passage<'a> {
    _place: SemaphorePermit<'a>,
    gate: &'a RequestGate,
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        self.gate.shared.under_way.fetch_sub(1, Ordering::Relaxed);
        self.gate.shared.one_ended.notify_waiters();
    }
}

/// Counts itself for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A client's requests on their way through the door.
struct Gated {
    inner: Client,
    gate: RequestGate,
}

impl Service<Request<Body>> for Gated {
    type Response = Response<Body>;
    type Error = kube::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, kube::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), kube::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (client, gate) = (self.inner.clone(), self.gate.clone());
        Box::pin(async move {
            let passage = gate.pass().await;
            tokio::select! {
                biased;
                answer = client.send(request) => answer,
                () = gate.fallen() => {
                    drop(passage);
                    std::future::pending().await
                }
            }
        })
    }
}
