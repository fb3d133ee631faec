//! What an actor does about a decision: the writes, and the plan that it runs.

use std::sync::Arc;

use kudo_api::instance::Accepted;
use kudo_package::OperatorDefinition;
use serde_json::{Map, Value, json};

use super::observe::Observed;
use super::{Actor, Next, ReconcileError};
use crate::conditions::{Wanted, is_refused};
use crate::decide::{Action, Decision, Notice, Preparation, Start};
use crate::events::Notification;
use crate::execution::{Beginning, Job, Running};
use crate::readiness;
use crate::turn::Turn;
use crate::writer::{Basis, WriteError};

impl Actor {
    /// Tells what there is to tell about the spec; whether that changed the instance.
    pub(super) async fn tell(
        &mut self,
        observed: &Observed,
        decision: &Decision,
    ) -> Result<bool, ReconcileError> {
        let condition = match &decision.notice {
            Notice::Refused {
                reason, message, ..
            } => Wanted::refused(reason, message),
            Notice::Accepted => match decision.action {
                // These write it along with what they write anyway.
                Action::Start(_) | Action::Accept(_) | Action::Prepare(_) => return Ok(false),
                _ => Wanted::accepted(),
            },
            Notice::None => return Ok(false),
        };
        if !condition.differs_from(&observed.status()) {
            return Ok(false);
        }
        let now = crate::clock::now();
        let write = observed.writer.status(Basis::Latest, |status| {
            condition.apply(status, &now);
            Ok(())
        });
        write.await?;
        if let Notice::Refused {
            event_reason,
            message,
            ..
        } = &decision.notice
        {
            let generation = observed.instance.metadata.generation.unwrap_or_default();
            let occasion = generation.to_string();
            tracing::info!(instance = %self.key, message, "the spec is not acted upon");
            let warning = Notification::warning(event_reason, message, &occasion);
            self.context.notify(&observed.instance, warning);
        }
        Ok(true)
    }

    /// Nothing to do but to keep `Ready` true.
    pub(super) async fn rest(&mut self, observed: &Observed) -> Result<Next, ReconcileError> {
        self.stop_running().await;
        if observed.is_deleting() {
            return Ok(Next::Settled);
        }
        let status = observed.status();
        if status.last_executed_plan().is_none() {
            return Ok(Next::Settled);
        }
        let seen = self.context.readiness(&self.key, &status.inventory).await;
        if let Some(wanted) = readiness::wanted(&status, &seen)
            && wanted.differs_from(&status)
        {
            let now = crate::clock::now();
            let write = observed.writer.status(Basis::Latest, |status| {
                wanted.apply(status, &now);
                Ok(())
            });
            write.await?;
        }
        Ok(Next::Settled)
    }

    /// Brings metadata and spec in order.
    pub(super) async fn prepare(
        &mut self,
        observed: &Observed,
        preparation: &Preparation,
    ) -> Result<Next, ReconcileError> {
        let mut patch = Map::new();
        if let Some(finalizers) = &preparation.finalizers {
            patch.insert("metadata".to_owned(), json!({ "finalizers": finalizers }));
        }
        let mut spec = Map::new();
        if !preparation.parameters.is_empty() {
            spec.insert("parameters".to_owned(), json!(preparation.parameters));
        }
        if preparation.request_uid {
            spec.insert("planExecution".to_owned(), json!({ "uid": new_uid() }));
        }
        if !spec.is_empty() {
            patch.insert("spec".to_owned(), Value::Object(spec));
        }
        let basis = Basis::Exactly(observed.resource_version());
        observed
            .writer
            .patch(basis, |_| Some(patch.clone()))
            .await?;
        Ok(Next::Again)
    }

    /// Writes down the spec as accepted.
    pub(super) async fn accept(
        &mut self,
        observed: &Observed,
        accepted: Accepted,
    ) -> Result<Next, ReconcileError> {
        let now = crate::clock::now();
        let basis = Basis::Exactly(observed.resource_version());
        let write = observed.writer.status(basis, |status| {
            status.accepted = Some(accepted.clone());
            if is_refused(status) {
                Wanted::accepted().apply(status, &now);
            }
            Ok(())
        });
        write.await?;
        Ok(Next::Again)
    }

    /// Removes the request for a plan that has ended.
    pub(super) async fn clear_request(
        &mut self,
        observed: &Observed,
    ) -> Result<Next, ReconcileError> {
        self.stop_running().await;
        let over = &observed.instance.spec.plan_execution;
        let clear = observed.writer.patch(Basis::Latest, |instance| {
            let same = instance.spec.plan_execution == *over;
            same.then(|| Map::from_iter([("spec".to_owned(), json!({ "planExecution": null }))]))
        });
        clear.await?;
        Ok(Next::Again)
    }

    /// Starts a plan, in place of the one that runs.
    pub(super) async fn start(
        &mut self,
        observed: &Observed,
        start: Start,
        turn: &Turn,
    ) -> Result<Next, ReconcileError> {
        if self.running.is_some() {
            // Its last record may be newer than what was decided upon.
            self.stop_running().await;
            return Ok(Next::Again);
        }
        let definition = if observed.is_deleting() {
            observed.accepted()
        } else {
            observed.wanted()
        };
        let Some(definition) = definition.map(Arc::clone) else {
            return Ok(Next::Again);
        };
        let uid = start.uid.clone().unwrap_or_else(new_uid);
        let plan = start.plan.clone();
        let beginning = Beginning::New(start);
        self.run(observed, definition, (plan, uid), beginning, turn);
        Ok(Next::Settled)
    }

    /// Goes on with a plan, unless that is what is being done.
    pub(super) async fn resume(
        &mut self,
        observed: &Observed,
        plan: &str,
        uid: &str,
        turn: &Turn,
    ) -> Result<Next, ReconcileError> {
        let Some(definition) = observed.accepted().map(Arc::clone) else {
            return Ok(Next::Settled);
        };
        if let Some(running) = &self.running
            && running.is(plan, uid, &definition)
        {
            return Ok(Next::Settled);
        }
        self.stop_running().await;
        let beginning = Beginning::Recorded;
        let execution = (plan.to_owned(), uid.to_owned());
        self.run(observed, definition, execution, beginning, turn);
        Ok(Next::Settled)
    }

    fn run(
        &mut self,
        observed: &Observed,
        definition: Arc<OperatorDefinition>,
        (plan, uid): (String, String),
        beginning: Beginning,
        turn: &Turn,
    ) {
        self.running = Some(Running::begin(Job {
            context: Arc::clone(&self.context),
            key: self.key.clone(),
            instance: observed.instance.clone(),
            writer: Arc::clone(&observed.writer),
            definition,
            plan,
            uid,
            beginning,
            turn: turn.clone(),
        }));
    }

    /// Lets the plan that runs finish its requests, and no more.
    pub(super) async fn stop_running(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Takes note of the end of the plan that ran.
    pub(super) fn finish_ended(&mut self) -> Result<(), ReconcileError> {
        let Some(mut running) = self.running.take_if(|running| running.is_over()) else {
            return Ok(());
        };
        match running.take_outcome() {
            Some(Ok(Ok(_))) | None => Ok(()),
            Some(Ok(Err(WriteError::Gone))) if self.context.instances.get(&self.key).is_none() => {
                Ok(())
            }
            Some(Ok(Err(error))) => Err(error.into()),
            Some(Err(problem)) => Err(ReconcileError::Broken {
                plan: running.plan().to_owned(),
                problem,
            }),
        }
    }
}

fn new_uid() -> String {
    let bytes = fastrand::u128(..).to_be_bytes();
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}
