//! Following what the manager does with an instance, by a watch on that one object.
//!
//! Each sight of the instance is judged ([`verdict`], pure) and shown ([`display`]); nothing is
//! polled. A broken watch is taken up again; only time, Ctrl-C or a refused credential end it.

mod display;
mod live;
mod transitions;
mod verdict;

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watch_object};
use kudo_api::Instance;
use kudo_api::operator_version::Plan;
use kudo_kube::error::{Cause, cause};
use tokio::time::Instant;

use crate::cluster::Session;
use crate::error::Error;
use crate::output::Output;
use crate::report::follow_command;
use display::Display;
pub(crate) use verdict::{Awaited, Change, PlanFailure};
use verdict::{Verdict, judge, judge_answer, trouble};

/// How often a live tree is redrawn.
const FRAME: Duration = Duration::from_millis(100);

/// How long a manager at work may take to answer a change.
const ANSWER: Duration = Duration::from_secs(3);

/// What is followed, and for how long.
pub(crate) struct Follow<'a> {
    /// Name of the instance.
    pub(crate) name: &'a str,
    /// What is waited for.
    pub(crate) awaited: Awaited,
    /// The plans of its operator version, for their strategies.
    pub(crate) plans: &'a BTreeMap<String, Plan>,
    /// How long to wait; nothing waits for ever.
    pub(crate) limit: Option<Duration>,
    /// Whether the last tree stays on the terminal; not where the caller prints one.
    pub(crate) keep_tree: bool,
}

/// The instance when what was waited for was done; `None` after a deletion.
pub(crate) struct Finished {
    /// The last sight of the instance.
    pub(crate) instance: Option<Instance>,
}

/// Follows until what is awaited is done, has failed, or the time is up.
pub(crate) async fn follow(
    session: &Session,
    output: &Output,
    mut what: Follow<'_>,
) -> Result<Finished, Error> {
    let mut display = Display::new(output, what.plans);
    let deadline = what.limit.map(|limit| Instant::now() + limit);
    let mut answered = pin!(tokio::time::sleep(ANSWER));
    let mut sights = pin!(watch_object(session.api::<Instance>(), what.name).default_backoff());
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    let mut frames = tokio::time::interval(FRAME);
    let mut connected = true;
    let mut last = None;
    let outcome = loop {
        tokio::select! {
            biased;
            _ = &mut interrupt => break Err(interrupted(session, &what)),
            () = until(deadline) => break Err(timed_out(session, &what, last.as_ref())),
            sight = sights.next() => match sight {
                Some(Ok(sight)) => {
                    connected = true;
                    if let Some(instance) = &sight {
                        display.show(instance, &what.awaited);
                    }
                    if let Some(outcome) = conclude(session, &what, sight.as_ref(), &mut display) {
                        break outcome;
                    }
                    last = sight;
                }
                Some(Err(error)) => {
                    if let Some(error) = fatal(session, &error) {
                        break Err(error);
                    }
                    if std::mem::take(&mut connected) {
                        display.say_once("the connection to the cluster broke; connecting again");
                    }
                }
                None => break Err(Error::Vanished { instance: session.named(what.name) }),
            },
            // The manager has had time to take an earlier refusal back: it stands for this change.
            () = &mut answered, if what.awaited.old_refusal.is_some() => {
                what.awaited.old_refusal = None;
                if let Some(outcome) = conclude(session, &what, last.as_ref(), &mut display) {
                    break outcome;
                }
            }
            _ = frames.tick(), if display.is_live() => display.tick(),
        }
    };
    display.finish(what.keep_tree);
    outcome
}

/// Waits a moment for the manager's answer to a change, so that a refusal is told at once even to
/// those who do not wait for the plan. No answer is no error: there may be no manager now.
pub(crate) async fn answer(
    session: &Session,
    output: &Output,
    name: &str,
    awaited: &Awaited,
) -> Result<(), Error> {
    let mut last = None;
    let sights = async {
        let mut sights = pin!(watch_object(session.api::<Instance>(), name).default_backoff());
        while let Some(sight) = sights.next().await {
            let Ok(sight) = sight else { continue };
            let verdict = judge_answer(sight.as_ref(), awaited);
            last = sight;
            if verdict != Verdict::Pending {
                return verdict;
            }
        }
        Verdict::Pending
    };
    let verdict = tokio::time::timeout(ANSWER, sights)
        .await
        .unwrap_or_else(|_| {
            let awaited = Awaited {
                old_refusal: None,
                ..awaited.clone()
            };
            judge_answer(last.as_ref(), &awaited)
        });
    match verdict {
        Verdict::Refused { message } => Err(Error::Refused {
            instance: session.named(name),
            message,
        }),
        Verdict::Deferred { message } => {
            output.warn(&format!("not now, but when the plan has ended: {message}"));
            Ok(())
        }
        Verdict::Pending => {
            output.warn("the manager has not taken the change up yet; is it running?");
            Ok(())
        }
        Verdict::Done { .. } | Verdict::Failed(_) | Verdict::Vanished => Ok(()),
    }
}

fn conclude(
    session: &Session,
    what: &Follow<'_>,
    sight: Option<&Instance>,
    display: &mut Display<'_>,
) -> Option<Result<Finished, Error>> {
    let instance = session.named(what.name);
    match judge(sight, &what.awaited) {
        Verdict::Pending => None,
        Verdict::Deferred { message } => {
            display.say_once(&format!("not now, but when the plan has ended: {message}"));
            None
        }
        Verdict::Done { .. } => Some(Ok(Finished {
            instance: sight.cloned(),
        })),
        Verdict::Failed(failure) => {
            let failure = Box::new(failure);
            Some(Err(Error::PlanFailed { instance, failure }))
        }
        Verdict::Refused { message } => Some(Err(Error::Refused { instance, message })),
        Verdict::Vanished => Some(Err(Error::Vanished { instance })),
    }
}

/// The error that makes further waiting pointless, if this is one.
fn fatal(session: &Session, error: &watcher::Error) -> Option<Error> {
    let source = match error {
        watcher::Error::InitialListFailed(source)
        | watcher::Error::WatchStartFailed(source)
        | watcher::Error::WatchFailed(source) => source,
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => return None,
    };
    let kube::Error::Api(status) = source else {
        return None;
    };
    matches!(
        cause(source),
        Cause::Unauthorized | Cause::Forbidden | Cause::NotFound
    )
    .then(|| session.error("follow the instance", kube::Error::Api(status.clone())))
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn timed_out(session: &Session, what: &Follow<'_>, last: Option<&Instance>) -> Error {
    Error::TimedOut {
        what: subject(session, what),
        after: what.limit.unwrap_or_default(),
        trouble: last.and_then(trouble),
        follow: Some(follow_again(session, what)),
    }
}

fn interrupted(session: &Session, what: &Follow<'_>) -> Error {
    Error::Interrupted {
        going_on: format!("{} goes on in the cluster", subject(session, what)),
        follow: follow_again(session, what),
    }
}

fn subject(session: &Session, what: &Follow<'_>) -> String {
    let instance = session.named(what.name);
    match &what.awaited.change {
        Change::Spec | Change::Active => format!("the plan of instance {instance}"),
        Change::Execution { plan, .. } => format!("plan {plan:?} of instance {instance}"),
        Change::Deletion => format!("the deletion of instance {instance}"),
    }
}

fn follow_again(session: &Session, what: &Follow<'_>) -> String {
    follow_command(&session.namespace, what.name)
}
