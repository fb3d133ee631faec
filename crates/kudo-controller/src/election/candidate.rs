//! Stands for election, holds the Lease, and gives it up.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, PostParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use kudo_api::ObjectMeta;
use kudo_api::names::FIELD_MANAGER;
use kudo_kube::error::{Cause, cause, message};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::view::{Step, View, holder, released, renewed, taken};
use super::{Fence, Timing};

/// Pause after an attempt that failed.
const PAUSE: Duration = Duration::from_millis(500);
/// How long giving up may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// One who stands for election.
#[derive(Clone)]
pub struct Candidate {
    leases: Api<Lease>,
    namespace: String,
    name: String,
    identity: String,
    timing: Timing,
}

/// What came of an attempt to renew.
enum Renewal {
    Done(Box<Lease>),
    Lost,
    Failed(String),
}

impl Candidate {
    /// One for the Lease of this name. The identity must be this process' alone.
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        identity: &str,
        timing: Timing,
    ) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            timing,
        }
    }

    /// Waits until this process leads. May be dropped at any time.
    pub async fn win(&self) -> Term {
        let mut view = View::default();
        let mut fresh = false;
        let mut told = None;
        let watch = watch_object(self.leases.clone(), &self.name).default_backoff();
        let mut sights = std::pin::pin!(watch);
        loop {
            let attempt = if fresh {
                match view.step(Instant::now()) {
                    Step::Create => self.create().await,
                    Step::Take(lease) => self.take(*lease).await,
                    Step::Wait(until) => {
                        self.tell_holder(&view, &mut told);
                        if let Ok(Some(Ok(lease))) = timeout_at(until, sights.next()).await {
                            view.see(lease, Instant::now());
                        }
                        continue;
                    }
                }
            } else {
                self.look(&mut view).await.map(|()| None)
            };
            match attempt {
                Ok(Some(term)) => {
                    tracing::info!(identity = self.identity, "leading");
                    return term;
                }
                // Either it was looked at, or somebody else was faster and it has to be.
                Ok(None) => fresh = !fresh,
                Err(error) => {
                    self.tell_error(&error, &mut told);
                    fresh = false;
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn look(&self, view: &mut View) -> kube::Result<()> {
        let lease = self.leases.get_opt(&self.name).await?;
        view.see(lease, Instant::now());
        Ok(())
    }

    async fn create(&self) -> kube::Result<Option<Term>> {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            },
            spec: None,
        };
        let began = Instant::now();
        let lease = taken(lease, &self.identity, self.timing.lease, Timestamp::now());
        let written = self.leases.create(&params(), &lease).await;
        self.begin(written, began)
    }

    async fn take(&self, lease: Lease) -> kube::Result<Option<Term>> {
        let began = Instant::now();
        let lease = taken(lease, &self.identity, self.timing.lease, Timestamp::now());
        let written = self.leases.replace(&self.name, &params(), &lease).await;
        self.begin(written, began)
    }

    fn begin(&self, written: kube::Result<Lease>, began: Instant) -> kube::Result<Option<Term>> {
        match written {
            Ok(lease) => {
                let fence = Fence::until(began + self.timing.deadline);
                let resign = CancellationToken::new();
                let holding = self.clone().hold(lease, fence.clone(), resign.clone());
                Ok(Some(Term {
                    fence,
                    resign,
                    holding: tokio::spawn(holding),
                }))
            }
            // Somebody else was faster.
            Err(error) if matches!(cause(&error), Cause::Conflict | Cause::AlreadyExists) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Renews until told to resign, or until the Lease is lost.
    async fn hold(self, mut lease: Lease, fence: Fence, resign: CancellationToken) {
        let mut pause = self.timing.retry;
        loop {
            tokio::select! {
                biased;
                () = resign.cancelled() => return self.give_up(lease, &fence).await,
                () = sleep(pause) => {}
            }
            let began = Instant::now();
            let Ok(renewal) = timeout_at(fence.falls_at(), self.renew(&lease)).await else {
                tracing::error!("the lease was not renewed in time: stopping all work");
                return fence.fall();
            };
            pause = match renewal {
                Renewal::Done(renewed) => {
                    lease = *renewed;
                    fence.put_off(began + self.timing.deadline);
                    self.timing.retry
                }
                Renewal::Lost => {
                    tracing::error!("another manager has taken the lease: stopping all work");
                    return fence.fall();
                }
                Renewal::Failed(_) if fence.is_down() => {
                    tracing::error!("the lease was not renewed in time: stopping all work");
                    return;
                }
                Renewal::Failed(error) => {
                    tracing::warn!(error, "cannot renew the lease, trying again");
                    PAUSE
                }
            };
        }
    }

    async fn renew(&self, lease: &Lease) -> Renewal {
        let wanted = renewed(lease.clone(), Timestamp::now());
        match self.leases.replace(&self.name, &params(), &wanted).await {
            Ok(lease) => Renewal::Done(Box::new(lease)),
            // Perhaps the answer to an own renewal was lost: then the Lease is still held.
            Err(error) if cause(&error) == Cause::Conflict => {
                match self.leases.get_opt(&self.name).await {
                    Ok(Some(found)) if holder(&found) == Some(&self.identity) => {
                        let again = renewed(found, Timestamp::now());
                        match self.leases.replace(&self.name, &params(), &again).await {
                            Ok(lease) => Renewal::Done(Box::new(lease)),
                            Err(error) => Renewal::Failed(message(&error)),
                        }
                    }
                    Ok(_) => Renewal::Lost,
                    Err(error) => Renewal::Failed(message(&error)),
                }
            }
            Err(error) if cause(&error) == Cause::NotFound => Renewal::Lost,
            Err(error) => Renewal::Failed(message(&error)),
        }
    }

    /// Nobody needs to wait for the Lease of one who has ended in order.
    async fn give_up(&self, lease: Lease, fence: &Fence) {
        fence.fall();
        let wanted = released(lease, Timestamp::now());
        let given = async {
            for _ in 0..3 {
                let Err(error) = self.leases.replace(&self.name, &params(), &wanted).await else {
                    return tracing::info!("gave up the lease");
                };
                if matches!(cause(&error), Cause::Conflict | Cause::NotFound) {
                    return;
                }
                tracing::debug!(error = message(&error), "cannot give up the lease");
                sleep(PAUSE).await;
            }
        };
        let _ = timeout(FAREWELL, given).await;
    }

    fn tell_holder(&self, view: &View, told: &mut Option<String>) {
        let holder = view.holder().unwrap_or_default();
        if told.as_deref() != Some(holder) {
            tracing::info!(
                holder,
                lease = self.name,
                "standing by: another manager leads"
            );
            *told = Some(holder.to_owned());
        }
    }

    fn tell_error(&self, error: &kube::Error, told: &mut Option<String>) {
        let text = message(error);
        if told.as_ref() != Some(&text) {
            let (namespace, lease) = (&self.namespace, &self.name);
            tracing::warn!(
                error = text,
                namespace,
                lease,
                "cannot stand for election, trying again"
            );
            *told = Some(text);
        }
    }
}

/// The time during which this process leads.
#[derive(Debug)]
pub struct Term {
    fence: Fence,
    resign: CancellationToken,
    holding: JoinHandle<()>,
}

impl Term {
    /// What all that is done during the term has to pass.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Ends the term: gives up the Lease, if it is still held. All work must have ended.
    pub async fn resign(self) {
        self.resign.cancel();
        let _ = self.holding.await;
    }
}

fn params() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}
