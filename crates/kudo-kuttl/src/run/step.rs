//! One step: delete, run commands, apply, then wait until everything is as asserted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::Observer;
use super::case::Made;
use crate::command::{CommandError, Surroundings};
use crate::definitions::{Collector, Command, Deletion};
use crate::load::Step;
use crate::objects::{Cluster, ObjectError};
use crate::report::Failure;
use crate::watched::Watched;
use crate::webhooks::Webhooks;

/// Pause between two looks for a kind that is not served yet.
const KIND_PAUSE: Duration = Duration::from_millis(250);
/// First and longest pause between two runs of commands that assert: nothing tells when they may succeed.
const COMMAND_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Where a step runs.
pub(super) struct StepContext<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) surroundings: Surroundings,
    /// Test and step, for the log.
    pub(super) scope: String,
    pub(super) timeout: Duration,
    pub(super) observer: &'a dyn Observer,
    pub(super) webhooks: &'a Webhooks,
    pub(super) made: &'a Made,
}

impl StepContext<'_> {
    fn log(&self, text: &str) {
        self.observer.line(&self.scope, text);
    }

    async fn command(&self, command: &Command, timeout: Duration) -> Result<(), CommandError> {
        let log = |line: &str| self.log(line);
        self.run(command, timeout, &log).await
    }

    async fn run(
        &self,
        command: &Command,
        timeout: Duration,
        log: &(dyn Fn(&str) + Sync),
    ) -> Result<(), CommandError> {
        let started = self.surroundings.run(command, Some(timeout), log).await?;
        if let Some(background) = started {
            self.made.keep(background);
        }
        Ok(())
    }

    /// Runs a command of the step. If it fails and has said that a webhook could not be asked, the failure
    /// says where that comes from.
    async fn step_command(&self, command: &Command) -> Result<(), Failure> {
        let explained = Mutex::new(None);
        let log = |line: &str| {
            self.log(line);
            if let Some(text) = self.webhooks.explain(line) {
                *explained.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
            }
        };
        let ran = self.run(command, self.timeout, &log).await;
        let explained = explained
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        ran.map_err(|error| failure(error.to_string(), explained))
    }
}

/// Runs a step; gives back why it failed, nothing if it passed.
pub(super) async fn run_step(context: &StepContext<'_>, step: &Step) -> Vec<Failure> {
    let timeout = match step.assert.timeout {
        0 => context.timeout,
        seconds => Duration::from_secs(seconds.into()),
    };
    if let Err(error) = delete(context, &step.step.delete, timeout).await {
        return vec![Failure::new(error.to_string())];
    }
    let mut failures = Vec::new();
    for command in &step.step.commands {
        if let Err(failure) = context.step_command(command).await {
            failures.push(failure);
            break;
        }
    }
    failures.extend(apply(context, step).await);
    if failures.is_empty() {
        failures = wait(context, step, timeout).await;
    }
    if !failures.is_empty() {
        collect(context, &step.assert.collectors).await;
    }
    failures
}

fn failure(message: String, hint: Option<String>) -> Failure {
    Failure {
        message,
        detail: hint.map(|hint| format!("Hint: {hint}")).unwrap_or_default(),
    }
}

/// Deletes what the step names, and waits until it is gone.
async fn delete(
    context: &StepContext<'_>,
    deletions: &[Deletion],
    timeout: Duration,
) -> Result<(), ObjectError> {
    let deadline = Instant::now() + timeout;
    let cluster = context.cluster;
    let mut deleted = Vec::new();
    for deletion in deletions {
        let object = json!({
            "apiVersion": deletion.api_version, "kind": deletion.kind,
            "metadata": { "name": deletion.name, "namespace": deletion.namespace },
        });
        let placed = cluster
            .place(&object, &context.surroundings.namespace)
            .await?;
        let names = if deletion.name.is_empty() {
            let labels = deletion.labels.iter();
            let terms: Vec<String> = labels
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            cluster.names(&placed, &terms.join(",")).await?
        } else {
            vec![deletion.name.clone()]
        };
        for name in names {
            let mut placed = placed.clone();
            placed.name = Some(name);
            let there = cluster.delete(&placed).await?;
            let action = if there { "deleted" } else { "already gone" };
            context.log(&format!("{} {action}", placed.id()));
            deleted.push(placed);
        }
    }
    for placed in deleted {
        let rest = deadline.saturating_duration_since(Instant::now());
        cluster.wait_until_gone(&placed, rest).await?;
    }
    Ok(())
}

/// Applies the step's documents; one that fails does not keep the others back.
async fn apply(context: &StepContext<'_>, step: &Step) -> Vec<Failure> {
    let mut failures = Vec::new();
    for document in &step.apply {
        let namespace = &context.surroundings.namespace;
        let applied = async {
            let mut placed = context.cluster.place(&document.value, namespace).await?;
            let created = context.cluster.create_or_update(&mut placed).await?;
            Ok::<_, ObjectError>((placed, created))
        };
        let failed = |error: String| {
            let file = document
                .file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            let explained = context.webhooks.explain(&error);
            failure(format!("{file}:{}: {error}", document.mark.line), explained)
        };
        match tokio::time::timeout(context.timeout, applied).await {
            Ok(Ok((placed, created))) => {
                let action = if created { "created" } else { "updated" };
                context.log(&format!("{} {action}", placed.id()));
                if created {
                    context.made.add(context.cluster, placed);
                }
            }
            Ok(Err(error)) => failures.push(failed(error.to_string())),
            Err(_) => {
                let seconds = context.timeout.as_secs();
                failures.push(failed(format!("not applied after {seconds} s")));
            }
        }
    }
    failures
}

/// Waits until the step's asserts hold; gives back what does not at the end of the time.
async fn wait(context: &StepContext<'_>, step: &Step, timeout: Duration) -> Vec<Failure> {
    let deadline = Instant::now() + timeout;
    let namespace = &context.surroundings.namespace;
    let mut watched = Watched::new(context.cluster, namespace, &step.asserts, &step.errors).await;
    let mut pause = COMMAND_PAUSE.0;
    let mut command_failure = None;
    loop {
        let mut again = None;
        if watched.is_partial() {
            again = Some(KIND_PAUSE);
        }
        let objects_hold = watched
            .failures()
            .is_some_and(|failures| failures.is_empty());
        if objects_hold || (!step.assert.commands.is_empty() && watched.failures().is_some()) {
            match commands(context, &step.assert.commands, deadline).await {
                Ok(()) if objects_hold => return Vec::new(),
                Ok(()) => command_failure = None,
                Err(error) => {
                    let over = matches!(error, CommandError::TimedOut { .. });
                    command_failure = Some(Failure::new(error.to_string()));
                    if over {
                        break;
                    }
                    again = Some(pause);
                    pause = (pause * 2).min(COMMAND_PAUSE.1);
                }
            }
        }
        tokio::select! {
            () = watched.changed() => {}
            () = sleep_until(deadline) => break,
            () = sleep(again.unwrap_or_default()), if again.is_some() => {
                watched.resolve(context.cluster, namespace).await;
            }
        }
    }
    let mut failures = watched.all_failures();
    failures.extend(command_failure);
    if failures.is_empty() {
        failures.push(Failure::new("the asserts were not seen to hold in time"));
    }
    let seconds = timeout.as_secs();
    context.log(&format!("not as asserted after {seconds} s"));
    failures
}

async fn commands(
    context: &StepContext<'_>,
    commands: &[Command],
    deadline: Instant,
) -> Result<(), CommandError> {
    for command in commands {
        let rest = deadline.saturating_duration_since(Instant::now());
        context.command(command, rest).await?;
    }
    Ok(())
}

/// Logs what the step's collectors give.
async fn collect(context: &StepContext<'_>, collectors: &[Collector]) {
    for collector in collectors {
        let command = collector.command();
        if let Err(error) = context.command(&command, context.timeout).await {
            context.log(&format!("nothing collected: {error}"));
        }
    }
}
