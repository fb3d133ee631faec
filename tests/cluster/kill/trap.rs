//! Where a manager dies.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::BoxFuture;
use kudo_kube::client::{Admission, Gate, RequestInfo};
use tokio::sync::Notify;

use crate::managers::Log;

/// Where the manager dies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// The write is not sent.
    Before,
    /// The write has its effect, but its answer is never seen.
    After,
}

/// Stops time at a write: from then on nothing is sent, and no answer comes.
pub(crate) struct Trap {
    point: usize,
    moment: Moment,
    begun: AtomicUsize,
    answered: AtomicUsize,
    sprung: AtomicBool,
    pub(crate) at: Notify,
    log: Log,
}

impl Trap {
    pub(crate) fn new(point: usize, moment: Moment) -> Self {
        Self {
            point,
            moment,
            begun: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            sprung: AtomicBool::new(false),
            at: Notify::new(),
            log: Log::default(),
        }
    }

    async fn spring(&self) {
        self.sprung.store(true, Ordering::SeqCst);
        self.at.notify_one();
        std::future::pending::<()>().await;
    }
}

impl Gate for Trap {
    fn before<'a>(&'a self, request: &'a RequestInfo) -> BoxFuture<'a, Admission> {
        Box::pin(async move {
            if self.sprung.load(Ordering::SeqCst) {
                return std::future::pending().await;
            }
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            if number == self.point && matches!(self.moment, Moment::Before) {
                self.spring().await;
            }
            self.log.note(request);
            Admission::Proceed
        })
    }

    fn after<'a>(&'a self, _: &'a RequestInfo, _: u16) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let number = self.answered.fetch_add(1, Ordering::SeqCst) + 1;
            let here = number == self.point && matches!(self.moment, Moment::After);
            if here || self.sprung.load(Ordering::SeqCst) {
                self.spring().await;
            }
        })
    }
}
