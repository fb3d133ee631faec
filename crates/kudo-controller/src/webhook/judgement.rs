//! What is said about a change of an instance before it is stored. Pure.
//!
//! The rules are [`admission::admit`]'s, and the question is the one that the controller would ask about
//! the same change once it is stored, so both always agree. A change that runs a plan is stored with
//! the plan already scheduled, as upstream's webhook does.

use std::collections::BTreeMap;

use kudo_api::Instance;
use kudo_api::instance::{Accepted, PlanExecution};
use kudo_package::OperatorDefinition;
use serde_json::{Value, json};

use super::review::{Answer, Operation};
use crate::admission::{
    self, Cause, Question, Request, Side, Verdict, forgotten_parameters, immutable_defaults,
    pinned_parameters, with_added,
};
use crate::decide::{Lookup, Subject, is_scheduled, why_unusable};
use crate::status::{running_plan, was_any_run};
use crate::versions::VersionKey;

/// HTTP status of what the rules refuse; upstream's webhook gives it, too.
const FORBIDDEN: u16 = 403;
/// Status of an execution that is scheduled and not begun.
const NEVER_RUN: &str = "NEVER_RUN";

/// A change that the rules have something to say about.
#[derive(Clone, Debug)]
pub struct Change {
    /// The instance as it would be stored, with the status as it is stored.
    instance: Instance,
    /// What the change is compared with; `None` for an instance whose first plan has not begun.
    accepted: Option<Accepted>,
    /// The plan that runs, or that is scheduled and not begun.
    running: Option<String>,
    /// What was asked for before.
    asked: PlanExecution,
    created: bool,
}

impl Change {
    /// The creation of an instance.
    pub fn creation(mut instance: Instance) -> Self {
        instance.status = None;
        Self {
            instance,
            accepted: None,
            running: None,
            asked: PlanExecution::default(),
            created: true,
        }
    }

    /// An update of an instance; `None` if there is nothing in it to judge: another part of the object
    /// changes, or a request that is over is taken away.
    pub fn update(old: &Instance, mut new: Instance) -> Option<Self> {
        if old.spec == new.spec {
            return None;
        }
        new.status.clone_from(&old.status);
        new.metadata
            .deletion_timestamp
            .clone_from(&old.metadata.deletion_timestamp);
        let before = Subject::new(old);
        let asked = &old.spec.plan_execution;
        let is_pending = !asked.is_empty() && is_scheduled(asked) && !before.is_request_started();
        let running = if is_pending {
            Some(asked.plan_name.clone())
        } else {
            running_plan(before.status).map(|(plan, _)| plan.to_owned())
        };
        let takes_away = new.spec.plan_execution.is_empty()
            && old.spec.operator_version == new.spec.operator_version
            && old.spec.parameters == new.spec.parameters;
        if takes_away && running.as_ref() != Some(&asked.plan_name) {
            return None;
        }
        // What is scheduled was accepted with its plan, although the status does not tell so yet.
        let accepted = match &before.status.accepted {
            _ if is_pending => Some(before.to_accept()),
            None if was_any_run(before.status) => Some(before.to_accept()),
            accepted => accepted.clone(),
        };
        Some(Self {
            accepted,
            running,
            asked: asked.clone(),
            instance: new,
            created: false,
        })
    }

    fn namespace(&self) -> &str {
        self.instance
            .metadata
            .namespace
            .as_deref()
            .unwrap_or_default()
    }

    /// The operator version that the instance should have.
    pub fn wanted(&self) -> VersionKey {
        VersionKey::referenced(&self.instance.spec.operator_version, self.namespace())
    }

    /// The operator version that the instance has, if it is another one.
    pub fn replaced(&self) -> Option<VersionKey> {
        let accepted = self.accepted.as_ref()?;
        let key = VersionKey::recorded(&accepted.operator_version, self.namespace());
        (key != self.wanted()).then_some(key)
    }

    /// Judges. A plan that is scheduled gets `uid`, unless the one who asked for it chose one.
    pub fn judge(&self, wanted: Lookup<'_>, replaced: Option<Lookup<'_>>, uid: &str) -> Answer {
        let Lookup::Found(definition) = wanted else {
            return self.deny(&why_unusable(&self.wanted(), wanted).1);
        };
        let subject = Subject::new(&self.instance);
        let given = &self.instance.spec.parameters;
        let parameters = self.pinned(definition);
        let former = replaced.map_or(Some(definition), Lookup::found);
        let verdict = self.admit(&subject, definition, &parameters, former);
        match verdict {
            Verdict::Refuse(refusal) => self.deny(&refusal.message),
            Verdict::Unchanged | Verdict::Accept { plan: None, .. } => {
                Answer::Allow(self.parameters(&parameters).into_iter().collect())
            }
            Verdict::Accept {
                plan: Some(plan),
                cause,
            } => {
                let mut parameters = parameters;
                if cause == Cause::Upgraded {
                    let forgotten = forgotten_parameters(given, definition);
                    for name in forgotten {
                        parameters.remove(name);
                    }
                }
                Answer::Allow(self.schedule(&subject, definition, parameters, &plan, uid))
            }
        }
    }

    /// The parameters wanted, with those that stay as they are.
    fn pinned(&self, definition: &OperatorDefinition) -> BTreeMap<String, String> {
        let given = &self.instance.spec.parameters;
        let added = match &self.accepted {
            Some(accepted) => pinned_parameters(&accepted.parameters, given, definition),
            None => BTreeMap::new(),
        };
        with_added(given, &added)
    }

    fn admit(
        &self,
        subject: &Subject<'_>,
        definition: &OperatorDefinition,
        parameters: &BTreeMap<String, String>,
        former: Option<&OperatorDefinition>,
    ) -> Verdict {
        let wanted = Side {
            parameters,
            ..subject.wanted(Some(definition))
        };
        let accepted = self.accepted.as_ref().map(|accepted| Side {
            operator_version: &accepted.operator_version,
            parameters: &accepted.parameters,
            definition: former,
        });
        let deleting = self.instance.metadata.deletion_timestamp.is_some();
        admission::admit(&Question {
            accepted: if deleting {
                accepted.or(Some(wanted))
            } else {
                accepted
            },
            wanted,
            definition,
            request: self.request(subject),
            running: self.running.as_deref(),
            deleting,
        })
    }

    /// What is asked for explicitly, and was not before.
    fn request<'a>(&self, subject: &Subject<'a>) -> Request<'a> {
        let now = &subject.instance.spec.plan_execution;
        let was_taken_up = is_scheduled(&self.asked);
        if *now == self.asked && was_taken_up {
            return Request::None;
        }
        if now.is_empty() && self.running.as_ref() == Some(&self.asked.plan_name) {
            return Request::Cancel;
        }
        // Nobody but this webhook schedules: whoever writes that status himself asks for a plan.
        match subject.request() {
            Request::Scheduled { plan } => Request::Trigger { plan },
            request => request,
        }
    }

    fn schedule(
        &self,
        subject: &Subject<'_>,
        definition: &OperatorDefinition,
        parameters: BTreeMap<String, String>,
        plan: &str,
        uid: &str,
    ) -> Vec<Operation> {
        let with_defaults = match self.accepted {
            Some(_) => parameters,
            None => with_added(&parameters, &immutable_defaults(&parameters, definition)),
        };
        let chosen = subject.requested_uid(plan);
        let execution = PlanExecution {
            plan_name: plan.to_owned(),
            uid: chosen.unwrap_or_else(|| uid.to_owned()),
            status: NEVER_RUN.to_owned(),
        };
        let deleting = self.instance.metadata.deletion_timestamp.is_some();
        let finalizers = subject.finalizers_for(definition).filter(|_| !deleting);
        let mut operations: Vec<Operation> = self.parameters(&with_defaults).into_iter().collect();
        if execution != self.instance.spec.plan_execution {
            operations.push(Operation::put("/spec/planExecution", json!(execution)));
        }
        operations
            .extend(finalizers.map(|names| Operation::put("/metadata/finalizers", json!(names))));
        operations
    }

    /// Puts these parameters into the spec, if they are not those that it has.
    fn parameters(&self, parameters: &BTreeMap<String, String>) -> Option<Operation> {
        let differ = *parameters != self.instance.spec.parameters;
        differ.then(|| Operation::put("/spec/parameters", json!(parameters)))
    }

    fn deny(&self, problem: &str) -> Answer {
        let name = self.instance.metadata.name.as_deref();
        let name = name.unwrap_or("(with a generated name)");
        let what = if self.created { "create an" } else { "update" };
        let namespace = self.namespace();
        Answer::Deny {
            code: FORBIDDEN,
            message: format!("failed to {what} Instance {namespace}/{name}: {problem}"),
        }
    }
}

/// Why a change of an instance is refused, for whoever would make it and asks beforehand; nothing if it is not.
/// `former` is what the operator version holds that was last accepted, if it is known.
pub fn refusal(
    before: &Instance,
    after: Instance,
    wanted: &OperatorDefinition,
    former: Option<&OperatorDefinition>,
) -> Option<String> {
    let change = Change::update(before, after)?;
    let subject = Subject::new(&change.instance);
    match change.admit(&subject, wanted, &change.pinned(wanted), former) {
        Verdict::Refuse(refusal) => Some(refusal.message),
        Verdict::Unchanged | Verdict::Accept { .. } => None,
    }
}

/// Reads an instance out of a question.
pub fn read_instance(value: &Value, namespace: Option<&str>) -> Result<Instance, String> {
    let mut instance: Instance =
        serde_json::from_value(value.clone()).map_err(|error| format!("no instance: {error}"))?;
    if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) {
        instance.metadata.namespace = Some(namespace.to_owned());
    }
    Ok(instance)
}
