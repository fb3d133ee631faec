//! One instance's worker: observe → decide → build → apply → record, until there is nothing left to do.

mod actions;
mod deletion;
mod observe;

use std::sync::Arc;
use std::time::Duration;

use kudo_kube::InstanceKey;
use kudo_plan::Backoff;
use tokio::time::Instant;

use crate::actors::Signal;
use crate::context::Context;
use crate::decide::{Action, decide};
use crate::execution::Running;
use crate::prune::PruneError;
use crate::turn::Turn;
use crate::writer::{WriteError, Writer};
use observe::Observed;

const RETRIES: Backoff = Backoff {
    initial: Duration::from_millis(200),
    max: Duration::from_mins(1),
    factor: 2.0,
    jitter: 0.2,
};

/// Why a reconcile could not be finished. It is tried again, after a pause that grows.
#[derive(Debug, thiserror::Error)]
enum ReconcileError {
    /// The instance could not be written.
    #[error("cannot write the instance: {0}")]
    Write(#[from] WriteError),
    /// Objects that have to go are still there.
    #[error(transparent)]
    Prune(#[from] PruneError),
    /// The operator version could not be read.
    #[error("cannot read operator version {version:?}: {message}")]
    Version {
        /// Name of the operator version.
        version: String,
        /// The server's words.
        message: String,
    },
    /// The execution of a plan broke off by a bug.
    #[error("the execution of plan {plan:?} broke off: {problem}")]
    Broken {
        /// The plan.
        plan: String,
        /// What happened.
        problem: String,
    },
}

/// What comes after a reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing, until there is news.
    Settled,
    /// Another reconcile, at once.
    Again,
    /// Another reconcile, after this time at the latest.
    Within(Duration),
}

/// Works on an instance until there is nothing left to do.
pub(crate) async fn run(context: Arc<Context>, key: InstanceKey, signal: Arc<Signal>) {
    let _registration = Registration {
        context: Arc::clone(&context),
        key: key.clone(),
        signal: Arc::clone(&signal),
    };
    let shutdown = context.shutdown.clone();
    let actor = Actor {
        context,
        key,
        signal,
        writer: None,
        running: None,
        missing_since: None,
        failures: 0,
    };
    let _ = shutdown.run_until_cancelled(actor.work()).await;
}

/// Takes the actor off the books, also if it panics.
struct Registration {
    context: Arc<Context>,
    key: InstanceKey,
    signal: Arc<Signal>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.context.actors.forget(&self.key, &self.signal);
        self.context.metrics.active.dec();
    }
}

struct Actor {
    context: Arc<Context>,
    key: InstanceKey,
    signal: Arc<Signal>,
    writer: Option<Arc<Writer>>,
    running: Option<Running>,
    missing_since: Option<Instant>,
    failures: u32,
}

impl Actor {
    async fn work(mut self) {
        loop {
            let turn = self.turn().await;
            self.signal.take();
            // In a box of its own: an actor that waits, as thousands may, is small.
            let reconciled = turn.giving_way(Box::pin(self.reconcile(&turn))).await;
            drop(turn);
            match reconciled {
                Ok(Next::Again) => {}
                Ok(Next::Settled) if self.running.is_none() => {
                    if self.context.actors.retire(&self.key, &self.signal) {
                        return;
                    }
                }
                Ok(Next::Settled) => self.wait(None).await,
                Ok(Next::Within(pause)) => self.wait(Some(pause)).await,
                Err(error) => self.back_off(&error).await,
            }
        }
    }

    /// Who comes anew waits for a turn; who has begun is in memory already and had better be done with.
    async fn turn(&self) -> Turn {
        if self.writer.is_none() {
            self.context.turns.take().await
        } else {
            self.context.turns.skip()
        }
    }

    /// One turn: the running plan goes on beside it, if the decision is not against that.
    async fn reconcile(&mut self, turn: &Turn) -> Result<Next, ReconcileError> {
        let began = Instant::now();
        self.finish_ended()?;
        let Some(observed) = self.observe() else {
            self.stop_running().await;
            return Ok(Next::Settled);
        };
        if self.is_about_to_end(&observed) {
            return Ok(Next::Settled);
        }
        let decision = decide(&observed.observation());
        if let Some(pause) = self.await_version(&observed, &decision.notice) {
            return Ok(Next::Within(pause));
        }
        if self.tell(&observed, &decision).await? {
            return Ok(Next::Again);
        }
        let action = name_of(&decision.action);
        tracing::debug!(instance = %self.key, action, "decided");
        if is_unguarded(&decision.action)
            && let Some(latest) = observed.writer.correct(&observed.instance).await?
        {
            self.context.tell_of_recent_end(&latest);
            return Ok(Next::Again);
        }
        let next = self.act(&observed, decision.action, turn).await?;
        self.context.metrics.reconciled(action, began.elapsed());
        self.failures = 0;
        Ok(next)
    }

    /// Whether the plan that runs is recorded as ended: the watch may tell so before the answer to the
    /// record is here, and what comes after the record must not be cut off.
    fn is_about_to_end(&self, observed: &Observed) -> bool {
        let status = observed.instance.status.as_ref();
        self.running.as_ref().is_some_and(|running| {
            let recorded = status.and_then(|status| status.plan_status.get(running.plan()));
            recorded.is_some_and(|plan| plan.uid == running.uid() && plan.is_terminal())
        })
    }

    async fn act(
        &mut self,
        observed: &Observed,
        action: Action,
        turn: &Turn,
    ) -> Result<Next, ReconcileError> {
        match action {
            Action::Idle => self.rest(observed).await,
            Action::Prepare(preparation) => self.prepare(observed, &preparation).await,
            Action::Accept(accepted) => self.accept(observed, accepted).await,
            Action::Start(start) => self.start(observed, start, turn).await,
            Action::Resume { plan, uid } => self.resume(observed, &plan, &uid, turn).await,
            Action::ClearRequest => self.clear_request(observed).await,
            Action::Prune => self.prune(observed).await,
            Action::Sweep => self.sweep(observed).await,
            Action::FinishDeletion { skipped_cleanup } => {
                self.finish_deletion(observed, skipped_cleanup).await
            }
        }
    }

    /// Waits for news, for the end of the running plan, or for the time to be up.
    async fn wait(&mut self, at_most: Option<Duration>) {
        let time_is_up = async {
            match at_most {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        let ended = async {
            match &mut self.running {
                Some(running) => running.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.signal.wait() => {}
            () = ended => {}
            () = time_is_up => {}
        }
    }

    /// Waits longer from failure to failure, but looks at once at a new spec.
    async fn back_off(&mut self, error: &ReconcileError) {
        self.context.metrics.failed();
        self.failures = self.failures.saturating_add(1);
        let chance = fastrand::u64(..);
        let pause = RETRIES.delay(self.failures, chance);
        if matches!(error, ReconcileError::Write(WriteError::Stale)) {
            tracing::debug!(instance = %self.key, %error, "trying again");
        } else {
            tracing::warn!(instance = %self.key, %error, ?pause, "trying again");
        }
        let before = self.generation();
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.generation() != before {
                return;
            }
            self.signal.take();
            self.wait(Some(left)).await;
            if self.running.as_ref().is_some_and(Running::is_over) {
                return;
            }
        }
    }

    /// What a person may have changed: the spec, or that the instance is there at all.
    fn generation(&self) -> Option<(Option<String>, Option<i64>, bool)> {
        let metadata = self.context.instances.get(&self.key)?.metadata;
        let deleting = metadata.deletion_timestamp.is_some();
        Some((metadata.uid, metadata.generation, deleting))
    }
}

/// Whether an action changes objects with no write of the instance before it that an old state would refuse.
const fn is_unguarded(action: &Action) -> bool {
    matches!(
        action,
        Action::Resume { .. } | Action::Prune | Action::Sweep | Action::FinishDeletion { .. }
    )
}

const fn name_of(action: &Action) -> &'static str {
    match action {
        Action::Idle => "idle",
        Action::Prepare(_) => "prepare",
        Action::Accept(_) => "accept",
        Action::Start(_) => "start",
        Action::Resume { .. } => "resume",
        Action::ClearRequest => "clear_request",
        Action::Prune => "prune",
        Action::Sweep => "sweep",
        Action::FinishDeletion { .. } => "finish_deletion",
    }
}
