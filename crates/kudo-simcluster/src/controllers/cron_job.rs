//! Cron jobs: a job whenever the schedule says so.

use std::time::Duration;

use croner::Cron;
use croner::parser::CronParser;
use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::clock::spelled;
use super::conditions::{Status, holds, text};
use super::job::is_finished;
use super::model::{CronJob, Job};
use super::note::Note;
use super::resources::Kind;
use super::template::set_annotation;
use super::world::{Key, Object};
use super::{Action, Verdict, View};

/// More missed starts than this are not counted one by one.
const MISSED: usize = 100;

type CronRef<'a> = Object<'a, CronJob>;
type JobRef<'a> = Object<'a, Job>;

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(cron) = view.world.get::<CronJob>(key) else {
        return Verdict::nothing();
    };
    let jobs: Vec<JobRef<'_>> = view.world.controlled::<Job>(cron.uid()).collect();
    let mut actions = clean_up(&cron, &jobs);
    let mut due_name = None;
    let mut replaces = false;
    let mut status = json!({});
    if let Some(success) = last_success(&cron, &jobs) {
        status["lastSuccessfulTime"] = success.into();
    }
    let mut again = None;
    if !cron.is_deleting()
        && !cron.body.spec.suspend
        && let Some(schedule) = Schedule::of(&cron)
    {
        again = schedule
            .next_after(view.now)
            .and_then(|next| until(next, view.now));
        if let Some(due) = due(&cron, &schedule, view.now) {
            let (due, too_many) = due;
            if too_many {
                let message = "too many missed start times. Set or decrease \
                               .spec.startingDeadlineSeconds or check clock skew";
                let note = Note::about(&cron).warning("TooManyMissedTimes", message);
                actions.push(Action::Tell(note));
            }
            let policy = cron.body.spec.concurrency_policy.as_str();
            let name = job_name(&cron, due);
            let is_running = own(&cron, &jobs, Some(&name)).next().is_some();
            if policy == "Forbid" && is_running {
                let message = "Not starting job because prior execution is running and \
                               concurrency policy is Forbid";
                let note = Note::about(&cron).normal("JobAlreadyActive", message);
                actions.push(Action::Tell(note));
            } else {
                actions.extend(start(view, &cron, &jobs, due));
                replaces = policy == "Replace";
                due_name = Some(name);
                status["lastScheduleTime"] = spelled(due).into();
            }
        }
    }
    let active = active(&cron, &jobs, due_name.as_deref(), replaces);
    actions.extend(unexpected(&cron, &jobs, due_name.as_deref()));
    let status = status_action(&cron, active, &status);
    let status = status.map(|write| news(&cron, &jobs).into_iter().fold(write, Action::noted));
    // The start is recorded only once the job is there: a name that is taken keeps it from starting twice.
    Verdict::write(actions.into_iter().chain(status)).again_after(again)
}

/// A schedule in its time zone.
struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// The schedule, unless it makes no sense: then nothing is ever started, as the real one has it.
    fn of(job: &CronRef<'_>) -> Option<Self> {
        let (text, named) = match job.body.spec.schedule.split_once(' ') {
            Some((zone, rest)) => {
                match zone.strip_prefix("TZ=").or(zone.strip_prefix("CRON_TZ=")) {
                    Some(zone) => (rest, Some(zone)),
                    None => (job.body.spec.schedule.as_str(), None),
                }
            }
            None => (job.body.spec.schedule.as_str(), None),
        };
        let named = job.body.spec.time_zone.as_deref().or(named);
        let zone = match named {
            Some(name) => TimeZone::get(name).ok()?,
            None => TimeZone::UTC,
        };
        let cron = CronParser::new().parse(text.trim());
        match cron {
            Ok(cron) => Some(Self { cron, zone }),
            Err(error) => {
                tracing::warn!(cron_job = job.name(), schedule = text, %error, "unparseable");
                None
            }
        }
    }

    fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let time = time.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&time, false).ok()?;
        Some(next.timestamp())
    }
}

fn until(next: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(next.duration_since(now)).ok()
}

/// The latest start that has been missed and is not too late, and whether too many were to count them.
fn due(cron: &CronRef<'_>, schedule: &Schedule, now: Timestamp) -> Option<(Timestamp, bool)> {
    let last = text(&cron.body.status, "lastScheduleTime").parse().ok();
    let mut earliest = last.unwrap_or_else(|| cron.created());
    let deadline = cron.body.spec.starting_deadline_seconds;
    if let Some(seconds) = deadline {
        earliest = earliest.max(now - SignedDuration::from_secs(seconds));
    }
    let mut due = None;
    let mut time = earliest;
    for _ in 0..MISSED {
        match schedule.next_after(time) {
            Some(next) if next <= now => {
                due = Some(next);
                time = next;
            }
            _ => return due.map(|due| (due, false)),
        }
    }
    // So many were missed that only the last matters: look for it from close by.
    let mut step = SignedDuration::from_secs(60);
    loop {
        let from = now - step;
        match schedule.next_after(from) {
            Some(next) if next <= now => {
                let mut latest = next;
                while let Some(later) = schedule.next_after(latest).filter(|t| *t <= now) {
                    latest = later;
                }
                return Some((latest, true));
            }
            _ if from <= earliest => return due.map(|due| (due, true)),
            _ => step *= 4,
        }
    }
}

/// The name of the job that starts at a time.
fn job_name(cron: &CronRef<'_>, at: Timestamp) -> String {
    format!("{}-{}", cron.name(), at.as_second() / 60)
}

/// The writes that start a job, unless it is there.
fn start(view: &View<'_>, cron: &CronRef<'_>, jobs: &[JobRef<'_>], due: Timestamp) -> Vec<Action> {
    let name = job_name(cron, due);
    if jobs.iter().any(|job| job.name() == name) {
        // Started already, and only the status is behind.
        return Vec::new();
    }
    let mut actions = Vec::new();
    if cron.body.spec.concurrency_policy == "Replace" {
        let running = own(cron, jobs, None);
        actions.extend(running.map(|job| delete(cron, job)));
    }
    let template = &cron.body.spec.job_template;
    let owner = view.world.resources()[cron.resource].controller_reference(cron.name(), cron.uid());
    let mut object = json!({
        "metadata": { "name": name, "ownerReferences": [owner] },
        "spec": template["spec"],
    });
    for field in ["labels", "annotations"] {
        if let Some(value) = template.pointer(&format!("/metadata/{field}")) {
            object["metadata"][field] = value.clone();
        }
    }
    let at = spelled(due);
    set_annotation(
        &mut object,
        "batch.kubernetes.io/cronjob-scheduled-timestamp",
        &at,
    );
    let note = Note::about(cron)
        .normal("SuccessfulCreate", "Created job {name}")
        .on_refusal("FailedCreate", "Error creating job: {error}");
    let create = Action::Create {
        kind: Kind::Job,
        namespace: cron.namespace().to_owned(),
        object,
    };
    actions.push(create.noted(note));
    actions
}

fn delete(cron: &CronRef<'_>, job: &JobRef<'_>) -> Action {
    let note = Note::about(cron)
        .normal("SuccessfulDelete", format!("Deleted job {}", job.name()))
        .on_refusal("FailedDelete", "Deleted job: {error}");
    Action::delete(job).noted(note)
}

/// The jobs at work that the cron job knows as its own: those of its status, the one that it has started last
/// and the one that it starts now.
fn own<'a>(
    cron: &CronRef<'a>,
    jobs: &'a [JobRef<'a>],
    due: Option<&'a str>,
) -> impl Iterator<Item = &'a JobRef<'a>> {
    let status = &cron.body.status;
    let last = text(status, "lastScheduleTime").parse().ok();
    let last = last.map(|last| job_name(cron, last));
    let known = status["active"].as_array();
    let running = jobs.iter().filter(|job| !is_finished(&job.body.status));
    running.filter(move |job| {
        let mut known = known.into_iter().flatten();
        last.as_deref() == Some(job.name())
            || due == Some(job.name())
            || known.any(|known| known["uid"] == job.uid())
    })
}

/// What is told of jobs at work that somebody else has started in the name of the cron job. They are waited
/// for by nobody, but count as its own once they have ended.
fn unexpected(cron: &CronRef<'_>, jobs: &[JobRef<'_>], due: Option<&str>) -> Vec<Action> {
    let expected: Vec<&str> = own(cron, jobs, due).map(JobRef::name).collect();
    let running = jobs.iter().filter(|job| !is_finished(&job.body.status));
    let others = running.filter(|job| !expected.contains(&job.name()));
    let notes = others.map(|job| {
        let message = format!(
            "Saw a job that the controller did not create or forgot: {}",
            job.name()
        );
        Action::Tell(Note::about(cron).warning("UnexpectedJob", message))
    });
    notes.collect()
}

/// References to the jobs at work; of those to be replaced there are none.
fn active(
    cron: &CronRef<'_>,
    jobs: &[JobRef<'_>],
    due: Option<&str>,
    replaces: bool,
) -> Vec<Value> {
    let running = own(cron, jobs, due).filter(|_| !replaces);
    let mut running: Vec<_> = running.collect();
    running.sort_by_key(|job| (job.created(), job.name()));
    running
        .iter()
        .map(|job| {
            json!({
                "apiVersion": "batch/v1",
                "kind": "Job",
                "name": job.name(),
                "namespace": cron.namespace(),
                "uid": job.uid(),
                "resourceVersion": job.meta.resource_version,
            })
        })
        .collect()
}

/// What has become of the jobs that were at work when the status was written.
fn news(cron: &CronRef<'_>, jobs: &[JobRef<'_>]) -> Vec<Note> {
    let known = cron.body.status["active"].as_array().into_iter().flatten();
    let notes = known.filter_map(|known| {
        let name = known["name"].as_str().unwrap_or_default();
        let Some(job) = jobs.iter().find(|job| known["uid"] == job.uid()) else {
            let message = format!("Active job went missing: {name}");
            return Some(Note::about(cron).normal("MissingJob", message));
        };
        let state = ["Complete", "Failed"];
        let state = state.iter().find(|state| holds(&job.body.status, state))?;
        let message = format!("Saw completed job: {name}, condition: {state}");
        Some(Note::about(cron).normal("SawCompletedJob", message))
    });
    notes.collect()
}

fn last_success(cron: &CronRef<'_>, jobs: &[JobRef<'_>]) -> Option<String> {
    let known = text(&cron.body.status, "lastSuccessfulTime");
    let done = jobs
        .iter()
        .map(|job| text(&job.body.status, "completionTime"));
    done.chain([known])
        .max()
        .filter(|t| !t.is_empty())
        .map(ToOwned::to_owned)
}

/// The versions of running jobs move; a reference is as good with any.
fn status_action(cron: &CronRef<'_>, active: Vec<Value>, changed: &Value) -> Option<Action> {
    let old = &cron.body.status;
    let uids = |jobs: &[Value]| jobs.iter().map(|j| j["uid"].clone()).collect::<Vec<_>>();
    let known = old["active"].as_array().cloned().unwrap_or_default();
    let active = if uids(&known) == uids(&active) {
        known
    } else {
        active
    };
    let mut new =
        Status::keeping(old, &["lastScheduleTime", "lastSuccessfulTime"]).list("active", active);
    for (field, value) in changed.as_object().into_iter().flatten() {
        new = new.with(field, value.clone());
    }
    Action::status(cron, old, &new.done())
}

/// Deletes the oldest finished jobs beyond the limits.
fn clean_up(cron: &CronRef<'_>, jobs: &[JobRef<'_>]) -> Vec<Action> {
    let spec = &cron.body.spec;
    let mut actions = Vec::new();
    for (condition, limit) in [
        ("Complete", spec.successful_jobs_history_limit.unwrap_or(3)),
        ("Failed", spec.failed_jobs_history_limit.unwrap_or(1)),
    ] {
        let done = jobs
            .iter()
            .filter(|job| holds(&job.body.status, condition) && !job.is_deleting());
        let mut done: Vec<_> = done.collect();
        done.sort_by_key(|job| (text(&job.body.status, "startTime"), job.name()));
        let surplus = done
            .len()
            .saturating_sub(usize::try_from(limit).unwrap_or(0));
        actions.extend(done[..surplus].iter().map(|job| delete(cron, job)));
    }
    actions
}

#[cfg(test)]
mod tests;
