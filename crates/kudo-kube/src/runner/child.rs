//! `KudoOperator` tasks: a child instance is applied and awaited.
//!
//! What the child's manager does with it is told by the child's status alone.

use std::task::Poll;
use std::time::Duration;

use kudo_api::names::operator_version_name;
use kudo_plan::{StepRef, TaskFailure};
use kudo_template::Action;
use serde_json::Value;

use super::Execution;
use super::failure::{Site, reasons};
use super::work::TaskWork;
use crate::enhance::child_instance;
use crate::health::Health;
use crate::identity::ObjectKey;

/// How long a refusal of the child's spec may stand before the step shows it: it may be about the spec
/// before this one.
const PATIENCE: Duration = Duration::from_secs(5);

/// The child instance that a task wants.
pub(super) fn child_of(
    site: &Site,
    step: &StepRef<'_>,
    task: &str,
    execution: &Execution,
    action: &Action,
) -> Result<Value, TaskFailure> {
    let Action::Operator {
        package,
        instance,
        app_version,
        operator_version,
        parameters,
    } = action
    else {
        return Err(site.fatal(reasons::BUILD, "not a KudoOperator task"));
    };
    let Some(operator_version) = operator_version else {
        let text = format!(
            "task {task:?} names no operatorVersion of {package:?}; installing the package with \
             `kubectl kudo install` fills it in"
        );
        return Err(site.fatal(reasons::BUILD, text));
    };
    let parent = &execution.instance;
    if *instance == parent.name {
        let text = format!("task {task:?} would install the instance {instance:?} within itself");
        return Err(site.fatal(reasons::BUILD, text));
    }
    let version = operator_version_name(package, app_version.as_deref(), operator_version);
    let enhancement = execution.enhancement(step);
    Ok(child_instance(
        instance,
        package,
        &version,
        parameters,
        &enhancement,
    ))
}

impl TaskWork<'_> {
    /// Applies the child and waits until all its plans have ended well.
    pub(super) async fn install_child(&self) -> Result<(), TaskFailure> {
        for child in self.objects() {
            let kind = self.resolve(child).await?;
            let sent = self.send(child.clone(), &kind).await?;
            self.until_settled(&sent.key).await?;
        }
        Ok(())
    }

    async fn until_settled(&self, child: &ObjectKey) -> Result<(), TaskFailure> {
        let observed = &self.runner.cluster.observed;
        let wait = self.waiting.on(child);
        loop {
            let ended = observed.wait(child, |record| match record {
                None => Poll::Ready(End::Gone),
                Some(record) if record.deleting => Poll::Pending,
                Some(record) => match (&record.health, &record.refused) {
                    (Health::Healthy, _) => Poll::Ready(End::Complete),
                    (Health::Failed(message), _) => Poll::Ready(End::Failed(message.clone())),
                    (Health::Progressing(_), Some(why)) => Poll::Ready(End::Refused(why.clone())),
                    (Health::Progressing(message), None) => {
                        wait.say(message);
                        Poll::Pending
                    }
                },
            });
            match ended.await {
                End::Complete => return Ok(()),
                End::Failed(message) => return Err(self.site.fatal(reasons::TERMINAL, message)),
                End::Gone => {
                    let text = format!("{child} was deleted while the step waited for it");
                    return Err(self.site.transient(reasons::TERMINAL, text));
                }
                End::Refused(why) => {
                    let passed = observed.wait(child, |record| match record {
                        Some(record) if record.refused.is_some() => Poll::Pending,
                        _ => Poll::Ready(()),
                    });
                    if tokio::time::timeout(PATIENCE, passed).await.is_err() {
                        let text = format!("{child} is not acted upon: {why}");
                        return Err(self.site.transient(reasons::VALIDATION, text));
                    }
                }
            }
        }
    }
}

/// How the wait for a child ends.
enum End {
    Complete,
    Failed(String),
    Refused(Box<str>),
    Gone,
}
