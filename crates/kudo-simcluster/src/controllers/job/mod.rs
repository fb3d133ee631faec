//! Jobs: pods until enough of them have succeeded, or too many have failed.
//!
//! The counters of the status never go back, so pods may be removed once they have been counted.

mod indexed;
mod policy;
#[cfg(test)]
mod tests;

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::claiming::claim;
use super::clock::{left, spelled};
use super::conditions::{self, Condition, Status, count, text};
use super::model::{Job, Pod};
use super::note::Note;
use super::pods::sort_for_deletion;
use super::replica_set::len;
use super::template::{create_pod, pod};
use super::world::{Key, Object, PodRef};
use super::{Action, Verdict, View};
use indexed::Indexes;
use policy::Failure;

/// What `managedBy` calls this controller.
const OWN_NAME: &str = "kubernetes.io/job-controller";
const FIRST_BACK_OFF: Duration = Duration::from_secs(10);
const LAST_BACK_OFF: Duration = Duration::from_mins(10);

type JobRef<'a> = Object<'a, Job>;

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(job) = view.world.get::<Job>(key) else {
        return Verdict::nothing();
    };
    let manager = job.body.spec.managed_by.as_deref();
    if manager.is_some_and(|manager| manager != OWN_NAME) {
        return Verdict::nothing();
    }
    if is_finished(&job.body.status) {
        return tidy(view, &job);
    }
    let claimed = claim::<Pod, _>(view, &job, &job.body.spec.selector);
    if !claimed.actions.is_empty() {
        return Verdict::write(claimed.actions);
    }
    Sync::new(view, job, claimed.owned).verdict()
}

/// Whether a job has ended, in whatever way.
pub(super) fn is_finished(status: &Value) -> bool {
    conditions::holds(status, "Complete") || conditions::holds(status, "Failed")
}

/// What is left to do for a finished job: its last pods go, and so does the job once its time to live
/// is over.
fn tidy(view: &View<'_>, job: &JobRef<'_>) -> Verdict {
    let pods = view.world.controlled::<Pod>(job.uid());
    let active: Vec<PodRef<'_>> = pods.filter(PodRef::is_active).collect();
    if !active.is_empty() {
        return Verdict::write(active.iter().map(|pod| delete(job, pod)));
    }
    let Some(seconds) = job.body.spec.ttl_seconds_after_finished else {
        return Verdict::nothing();
    };
    if job.is_deleting() {
        return Verdict::nothing();
    }
    let status = &job.body.status;
    let finished = ["Complete", "Failed"]
        .iter()
        .filter_map(|kind| conditions::find(status, kind))
        .find(|condition| condition["status"] == "True")
        .and_then(|condition| text(condition, "lastTransitionTime").parse().ok());
    let Some(finished) = finished else {
        return Verdict::nothing();
    };
    let lives = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    match left(finished, lives, view.now) {
        Some(left) => Verdict::nothing().again_after(Some(left)),
        None => Verdict::write([Action::delete(job)]),
    }
}

/// How a job ends.
enum End {
    Complete {
        reason: &'static str,
        message: String,
    },
    Failed {
        reason: &'static str,
        message: String,
    },
}

/// A job with its pods.
struct Sync<'a> {
    view: &'a View<'a>,
    job: JobRef<'a>,
    pods: Vec<PodRef<'a>>,
    active: Vec<PodRef<'a>>,
    indexes: Option<Indexes>,
    succeeded: i64,
    failed: i64,
    /// Why the policy for failures ends the job.
    forbidden: Option<String>,
}

impl<'a> Sync<'a> {
    fn new(view: &'a View<'a>, job: JobRef<'a>, pods: Vec<PodRef<'a>>) -> Self {
        let status = &job.body.status;
        let indexes =
            (job.body.spec.completion_mode == "Indexed").then(|| Indexes::of(&job, &pods));
        let ended = |phase: &str| len(pods.iter().filter(|pod| pod.phase() == phase));
        let succeeded = match &indexes {
            Some(indexes) => indexes.completed_count(),
            None => ended("Succeeded").max(count(status, "succeeded")),
        };
        let failures = pods.iter().filter(|pod| pod.phase() == "Failed");
        let failures: Vec<Failure> = failures.map(|pod| policy::judge(&job, pod)).collect();
        let counted = failures
            .iter()
            .filter(|failure| **failure != Failure::Ignored);
        let failed = len(counted).max(count(status, "failed"));
        let forbidden = failures.into_iter().find_map(|failure| match failure {
            Failure::FailsJob(why) => Some(why),
            _ => None,
        });
        let active: Vec<_> = pods.iter().copied().filter(PodRef::is_active).collect();
        Self {
            view,
            job,
            pods,
            active,
            indexes,
            succeeded,
            failed,
            forbidden,
        }
    }

    fn verdict(&self) -> Verdict {
        let spec = &self.job.body.spec;
        if self.job.is_deleting() {
            return Verdict::nothing();
        }
        if let Some(end) = self.end() {
            return self.finish(&end);
        }
        let status = Verdict::write(self.status(None, self.active.len()));
        if spec.suspend {
            let mut verdict = status;
            verdict
                .actions
                .extend(self.active.iter().map(|pod| delete(&self.job, pod)));
            return verdict;
        }
        let deadline = self.deadline_left();
        let mut verdict = status.again_after(deadline);
        let wanted = self.wanted();
        if self.active.len() > wanted {
            let mut surplus = self.active.clone();
            sort_for_deletion(&mut surplus);
            let count = self.active.len() - wanted;
            verdict
                .actions
                .extend(surplus[..count].iter().map(|pod| delete(&self.job, pod)));
        } else if self.active.len() < wanted
            && let Some(indexes) = self.with_limits_of_their_own()
        {
            let (creates, wait) = self.create_indexes(indexes, wanted - self.active.len());
            verdict = verdict.again_after(wait);
            verdict.actions.extend(creates);
        } else if self.active.len() < wanted {
            match self.back_off() {
                Some(wait) => verdict = verdict.again_after(Some(wait)),
                None => verdict
                    .actions
                    .extend(self.create(wanted - self.active.len())),
            }
        }
        verdict
    }

    /// How many pods should be at work.
    fn wanted(&self) -> usize {
        let spec = &self.job.body.spec;
        let parallelism = i64::from(spec.parallelism.unwrap_or(1));
        let wanted = match spec.completions {
            Some(completions) => (i64::from(completions) - self.succeeded).min(parallelism),
            // Of a work queue: once one has succeeded no more are started.
            None if self.succeeded > 0 => return self.active.len().min(at_least_none(parallelism)),
            None => parallelism,
        };
        at_least_none(wanted)
    }

    fn end(&self) -> Option<End> {
        let spec = &self.job.body.spec;
        let failed = |reason, message: &str| {
            let message = message.to_owned();
            Some(End::Failed { reason, message })
        };
        if let Some(why) = &self.forbidden {
            return failed("PodFailurePolicy", why);
        }
        let limit = i64::from(spec.backoff_limit.unwrap_or(6));
        if self.failed > limit || self.restarts_exceed(limit) {
            let message = "Job has reached the specified backoff limit";
            return failed("BackoffLimitExceeded", message);
        }
        if self.is_past_deadline() {
            let message = "Job was active longer than specified deadline";
            return failed("DeadlineExceeded", message);
        }
        if let Some(indexes) = self.with_limits_of_their_own() {
            let (bad, most) = (indexes.failed_count(), spec.max_failed_indexes);
            if most.is_some_and(|most| bad > i64::from(most)) {
                let message = "Job has exceeded the specified maximal number of failed indexes";
                return failed("MaxFailedIndexesExceeded", message);
            }
            let wanted = i64::from(spec.completions.unwrap_or(0));
            if bad > 0 && bad + self.succeeded >= wanted {
                return failed("FailedIndexes", "Job has failed indexes");
            }
        }
        if let Some(rule) = self.content_rule() {
            return Some(End::Complete {
                reason: "SuccessPolicy",
                message: format!("Matched rules at index {rule}"),
            });
        }
        let complete = match spec.completions {
            Some(completions) => self.succeeded >= i64::from(completions),
            None => self.succeeded > 0 && self.active.is_empty(),
        };
        complete.then(|| End::Complete {
            reason: "CompletionsReached",
            message: "Reached expected number of succeeded pods".to_owned(),
        })
    }

    /// The first rule that is content although not all indexes have succeeded.
    fn content_rule(&self) -> Option<usize> {
        let indexes = self.indexes.as_ref()?;
        let mut rules = self.job.body.spec.success_policy.rules.iter();
        let content = rules.position(|rule| indexes.satisfies(rule));
        content.filter(|_| self.succeeded > 0)
    }

    /// Containers that are restarted in place count against the limit as well.
    fn restarts_exceed(&self, limit: i64) -> bool {
        if self.job.body.spec.template["spec"]["restartPolicy"] != "OnFailure" {
            return false;
        }
        let running = self
            .active
            .iter()
            .filter(|pod| matches!(pod.phase(), "Running" | "Pending"));
        let restarts: i64 = running.map(|pod| i64::from(pod.restarts())).sum();
        if limit == 0 {
            restarts > 0
        } else {
            restarts >= limit
        }
    }

    fn started(&self) -> Option<Timestamp> {
        text(&self.job.body.status, "startTime").parse().ok()
    }

    fn deadline(&self) -> Option<Duration> {
        let seconds = self.job.body.spec.active_deadline_seconds?;
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }

    fn is_past_deadline(&self) -> bool {
        !self.job.body.spec.suspend
            && self
                .started()
                .zip(self.deadline())
                .is_some_and(|(started, deadline)| left(started, deadline, self.view.now).is_none())
    }

    fn deadline_left(&self) -> Option<Duration> {
        let deadline = self.deadline()?;
        let started = self.started().unwrap_or(self.view.now);
        left(started, deadline, self.view.now)
    }

    /// The pause after failures since the last success: longer with each.
    fn back_off(&self) -> Option<Duration> {
        let ended = |phase: &'static str| {
            let pods = self.pods.iter().filter(move |pod| pod.phase() == phase);
            pods.map(|pod| pod.finished_at().unwrap_or_else(|| pod.created()))
        };
        let success = ended("Succeeded").max();
        let failures: Vec<Timestamp> = ended("Failed")
            .filter(|at| success.is_none_or(|success| *at > success))
            .collect();
        let last = failures.iter().max()?;
        let doublings = u32::try_from(failures.len() - 1).unwrap_or(u32::MAX);
        left(*last, pause(doublings), self.view.now)
    }

    /// The indexes, if each of them may fail so often.
    fn with_limits_of_their_own(&self) -> Option<&Indexes> {
        self.job.body.spec.backoff_limit_per_index?;
        self.indexes.as_ref()
    }

    /// Creates the pods of that many indexes, but for those that pause after a failure of their own; and how
    /// long the shortest of these pauses is.
    fn create_indexes(&self, indexes: &Indexes, count: usize) -> (Vec<Action>, Option<Duration>) {
        let job = &self.job;
        let owner =
            self.view.world.resources()[job.resource].controller_reference(job.name(), job.uid());
        let (mut creates, mut shortest) = (Vec::new(), None::<Duration>);
        for index in indexes.free(&self.active) {
            let failures = indexed::Failures::of(job, &self.pods, index);
            if let Some(wait) = failures.pause_left(self.view.now) {
                shortest = Some(shortest.map_or(wait, |shortest| shortest.min(wait)));
            } else if creates.len() < count {
                let pod = failures.noted_in(pod(&job.body.spec.template, &owner));
                let create = indexed::create(job, pod, index);
                creates.push(create.noted(Note::pod_created(job)));
            }
        }
        (creates, shortest)
    }

    fn create(&self, count: usize) -> Vec<Action> {
        let job = &self.job;
        let owner =
            self.view.world.resources()[job.resource].controller_reference(job.name(), job.uid());
        let new = || pod(&job.body.spec.template, &owner);
        let noted = |create: Action| create.noted(Note::pod_created(job));
        if let Some(indexes) = &self.indexes {
            let free = indexes.free(&self.active).take(count);
            let creates = free.map(|index| noted(indexed::create(job, new(), index)));
            return creates.collect();
        }
        let create = || noted(create_pod(job.namespace(), job.name(), new()));
        std::iter::repeat_with(create).take(count).collect()
    }

    /// The last status, and the end of the pods still at work.
    fn finish(&self, end: &End) -> Verdict {
        let status = self.status(Some(end), 0).into_iter();
        let deletes = self.active.iter().map(|pod| delete(&self.job, pod));
        let mut actions: Vec<Action> = status.chain(deletes).collect();
        // It is told at the very end.
        if let Some(last) = actions.pop() {
            actions.push(self.news(Some(end)).into_iter().fold(last, Action::noted));
        }
        Verdict::write(actions)
    }

    fn status(&self, end: Option<&End>, active: usize) -> Option<Action> {
        let (job, now) = (&self.job, self.view.now);
        let old = &job.body.status;
        let suspended = job.body.spec.suspend;
        let mut conditions = conditions::of(old);
        let mut add = |kind: &str, reason: &str, message: &str, status: &str| {
            let condition = Condition {
                kind,
                status,
                reason,
                message: message.to_owned(),
            };
            conditions::set(&mut conditions, &condition, Some("lastProbeTime"), now);
        };
        let mut started = text(old, "startTime").to_owned();
        let mut failed = self.failed;
        match end {
            Some(End::Complete { reason, message }) => {
                add("SuccessCriteriaMet", reason, message, "True");
                add("Complete", reason, message, "True");
            }
            Some(End::Failed { reason, message }) => {
                add("FailureTarget", reason, message, "True");
                add("Failed", reason, message, "True");
                failed += len(self.active.iter());
            }
            None if suspended == conditions::holds(old, "Suspended") => {}
            None if suspended => {
                add("Suspended", "JobSuspended", "Job suspended", "True");
                started.clear();
            }
            None => {
                add("Suspended", "JobResumed", "Job resumed", "False");
                started = spelled(now);
            }
        }
        if started.is_empty() && !suspended {
            started = spelled(now);
        }
        let ready = if end.is_some() {
            0
        } else {
            len(self.active.iter().filter(|pod| pod.is_ready()))
        };
        let active = if suspended { 0 } else { active };
        let mut new = Status::keeping(old, &["uncountedTerminatedPods", "completionTime"])
            .count("active", i64::try_from(active).unwrap_or(i64::MAX))
            .count("ready", ready)
            .count("succeeded", self.succeeded)
            .count("failed", failed)
            .list("conditions", conditions);
        if !started.is_empty() {
            new = new.with("startTime", started);
        }
        if matches!(end, Some(End::Complete { .. })) {
            new = new.with("completionTime", spelled(now));
        }
        if let Some(indexes) = &self.indexes {
            new = new.with("completedIndexes", json!(indexes.completed()));
        }
        if let Some(indexes) = self.with_limits_of_their_own() {
            new = new.with("failedIndexes", json!(indexes.failed()));
        }
        let write = Action::status(job, old, &new.done());
        write.map(|write| match end {
            Some(_) => write,
            None => self.news(None).into_iter().fold(write, Action::noted),
        })
    }

    /// What the status tells for the first time.
    fn news(&self, end: Option<&End>) -> Vec<Note> {
        let (job, spec) = (&self.job, &self.job.body.spec);
        let note = || Note::about(job);
        match end {
            Some(End::Complete { .. }) => {
                let completed = note().normal("Completed", "Job completed");
                let wanted = spec.completions.map_or(i64::MAX, i64::from);
                let too_many = (self.succeeded > wanted).then(|| {
                    let message = "Too many succeeded pods running after completion count reached";
                    note().warning("TooManySucceededPods", message)
                });
                too_many.into_iter().chain([completed]).collect()
            }
            Some(End::Failed { reason, message }) => vec![note().warning(reason, message.as_str())],
            None if spec.suspend == conditions::holds(&job.body.status, "Suspended") => Vec::new(),
            None if spec.suspend => vec![note().normal("Suspended", "Job suspended")],
            None => vec![note().normal("Resumed", "Job resumed")],
        }
    }
}

fn delete(job: &JobRef<'_>, pod: &PodRef<'_>) -> Action {
    let note = Note::pod_deleted(job, pod.name());
    Action::delete(pod).noted(note)
}

/// The pause after a failure that so many came before.
fn pause(before: u32) -> Duration {
    let pause = FIRST_BACK_OFF.saturating_mul(2_u32.saturating_pow(before.min(16)));
    pause.min(LAST_BACK_OFF)
}

fn at_least_none(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
