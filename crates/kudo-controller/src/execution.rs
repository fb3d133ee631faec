//! A plan that runs: built from its operator version, driven by the plan engine, recorded as it goes.
//!
//! It is a task of its own beside its actor, which can stop it at any time: the requests under way are let
//! finish, so that nothing of the old execution reaches the cluster after the new one has begun.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kudo_api::Instance;
use kudo_api::dependencies::{self, Cycle};
use kudo_kube::inventory::SharedInventory;
use kudo_kube::{Cluster, Execution, InstanceKey, Inventory, KubeRunner};
use kudo_package::OperatorDefinition;
use kudo_plan::{
    Observer, Options, PlanGraph, PlanState, Status, StepRef, TaskFailure, TaskRunner, execute,
};
use kudo_template::pipes::duplicate_pipe_key;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::admission;
use crate::clock::RuntimeClock;
use crate::context::Context;
use crate::decide::Start;
use crate::gate::RequestGate;
use crate::recorder::Recorder;
use crate::status::from_recorded;
use crate::turn::Turn;
use crate::versions::VersionKey;
use crate::writer::{WriteError, Writer};

/// How long requests under way may take when a plan is stopped.
const PATIENCE: Duration = Duration::from_secs(10);
/// No plan has this many requests under way: what bounds them is the manager's own gate.
const UNBOUNDED: usize = 1 << 20;

/// How a plan begins.
#[derive(Debug)]
pub(crate) enum Beginning {
    /// Anew; its first record accepts what it starts with.
    New(Start),
    /// From its record.
    Recorded,
}

/// All that it takes to run a plan.
pub(crate) struct Job {
    pub(crate) context: Arc<Context>,
    pub(crate) key: InstanceKey,
    pub(crate) instance: Instance,
    pub(crate) writer: Arc<Writer>,
    pub(crate) definition: Arc<OperatorDefinition>,
    pub(crate) plan: String,
    pub(crate) uid: String,
    pub(crate) beginning: Beginning,
    /// Held until the first record.
    pub(crate) turn: Turn,
}

/// What came of a plan: its last state, why it could not be recorded, or how it broke off.
pub(crate) type Outcome = Result<Result<PlanState, WriteError>, String>;

/// A plan that runs.
pub(crate) struct Running {
    plan: String,
    uid: String,
    definition: Arc<OperatorDefinition>,
    gate: RequestGate,
    task: JoinHandle<Result<PlanState, WriteError>>,
    outcome: Option<Outcome>,
}

impl Running {
    /// Begins.
    pub(crate) fn begin(job: Job) -> Self {
        let gate = RequestGate::new(UNBOUNDED);
        Self {
            plan: job.plan.clone(),
            uid: job.uid.clone(),
            definition: Arc::clone(&job.definition),
            task: tokio::spawn(run(job, gate.clone())),
            gate,
            outcome: None,
        }
    }

    /// The plan's name.
    pub(crate) fn plan(&self) -> &str {
        &self.plan
    }

    /// What tells it from others of the plan.
    pub(crate) fn uid(&self) -> &str {
        &self.uid
    }

    /// What it is run by.
    pub(crate) fn definition(&self) -> &Arc<OperatorDefinition> {
        &self.definition
    }

    /// Whether it is this execution, run by this very definition.
    pub(crate) fn is(&self, plan: &str, uid: &str, definition: &Arc<OperatorDefinition>) -> bool {
        let same = Arc::ptr_eq(&self.definition, definition) || self.definition == *definition;
        self.plan == plan && self.uid == uid && same
    }

    /// Waits until it has ended. Safe to drop and to call again.
    pub(crate) async fn ended(&mut self) {
        if self.outcome.is_none() {
            let joined = (&mut self.task).await;
            self.outcome = Some(joined.map_err(|error| error.to_string()));
        }
    }

    /// Whether it has been seen to end.
    pub(crate) fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// What came of it, once it has been seen to end.
    pub(crate) fn take_outcome(&mut self) -> Option<Outcome> {
        self.outcome.take()
    }

    /// Stops it, letting requests under way finish.
    pub(crate) async fn stop(mut self) {
        if self.outcome.is_some() {
            return;
        }
        self.gate.close(PATIENCE).await;
        self.task.abort();
        self.ended().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Builds the plan and runs it to its end.
async fn run(job: Job, gate: RequestGate) -> Result<PlanState, WriteError> {
    job.turn.calm().await;
    let began = Instant::now();
    job.context.metrics.running_plans.inc();
    let _counted = Counted(Arc::clone(&job.context));
    let status = job.instance.status.clone().unwrap_or_default();
    let inventory = SharedInventory::new(Inventory::new(status.inventory));
    let recorder = Recorder::new(&job, inventory.clone());
    let state = match build(&job) {
        Ok(built) => {
            let cluster = Cluster {
                client: gate.client(job.context.client.clone()),
                ..job.context.cluster.clone()
            };
            let runner = KubeRunner::new(
                cluster,
                job.context.renderer.clone(),
                execution(&job, built.parameters),
                inventory,
            );
            let runner = Offloading { runner, job: &job };
            let options = Options {
                seed: uuid::Uuid::parse_str(&job.uid).map_or(0, |uid| uid.as_u64_pair().0),
                ..Options::default()
            };
            let clock = RuntimeClock;
            let executing = Box::pin(execute(
                &built.graph,
                built.state,
                &runner,
                &clock,
                &recorder,
                &options,
            ));
            job.turn.giving_way(executing).await?
        }
        Err(refused) => {
            recorder.refused(refused.reason, &refused.message);
            recorder.record(&refused.state).await?;
            refused.state
        }
    };
    let metrics = &job.context.metrics;
    metrics.plan_ended(&job.plan, state.status.as_str(), began.elapsed());
    Ok(state)
}

/// Renders where that holds up nobody else: a template may take its time.
struct Offloading<'a> {
    runner: KubeRunner,
    job: &'a Job,
}

impl TaskRunner for Offloading<'_> {
    fn prepare(&self, step: &StepRef<'_>) -> Result<(), TaskFailure> {
        let pace = &self.job.context.pace;
        let parameters = &self.job.instance.spec.parameters;
        let what = (&self.job.plan, step.phase, step.step, parameters);
        pace.work(&self.job.definition, what, || self.runner.prepare(step))
    }

    async fn run(&self, step: &StepRef<'_>, task: &str) -> Result<(), TaskFailure> {
        self.runner.run(step, task).await
    }

    async fn waits_for(&self, step: &StepRef<'_>, task: &str, told: &str) -> String {
        self.runner.waits_for(step, task, told).await
    }
}

struct Counted(Arc<Context>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.running_plans.dec();
    }
}

/// A plan that can run.
struct Built {
    graph: PlanGraph,
    state: PlanState,
    parameters: Arc<BTreeMap<String, Value>>,
}

/// A plan that cannot run, with the state that says so.
struct Refused {
    reason: &'static str,
    message: String,
    state: PlanState,
}

/// Third stage: everything that the plan needs, without a request.
fn build(job: &Job) -> Result<Built, Box<Refused>> {
    let before = match &job.beginning {
        Beginning::New(_) => None,
        Beginning::Recorded => {
            let status = job.instance.status.as_ref();
            let recorded = status.and_then(|status| status.plan_status.get(&job.plan));
            recorded.map(|recorded| from_recorded(&job.plan, recorded))
        }
    };
    let refuse = |reason: &'static str, message: String| {
        Box::new(Refused {
            reason,
            state: refused_state(job, before.as_ref(), &message),
            message,
        })
    };
    let Some(plan) = job.definition.plans.get(&job.plan) else {
        let message = format!("could not find required plan: {:?}", job.plan);
        return Err(refuse("InvalidPlan", message));
    };
    if let Some(key) = duplicate_pipe_key(&job.definition, &job.plan) {
        let message = format!("plan {:?} has two pipes with the key {key:?}", job.plan);
        return Err(refuse("InvalidPlan", message));
    }
    if let Some(cycle) = cycle(job) {
        return Err(refuse("CircularDependency", cycle.to_string()));
    }
    let parameters = admission::resolve(parameters(job), &job.definition)
        .map_err(|problems| refuse("InvalidParams", admission::join(&problems)))?;
    let tasks: BTreeSet<&str> = job
        .definition
        .tasks
        .iter()
        .map(|t| t.name.as_str())
        .collect();
    let graph = PlanGraph::build(&job.plan, plan, &tasks)
        .map_err(|error| refuse(error.reason(), error.to_string()))?;
    let state = match &before {
        None => PlanState::new(&graph, job.uid.clone()),
        Some(before) => {
            // The operator version may have been edited since.
            let listed = PlanState::listed(&job.plan, plan, Some(before));
            PlanState::resume(&graph, listed)
                .map_err(|error| refuse(error.reason(), error.to_string()))?
        }
    };
    Ok(Built {
        graph,
        state,
        parameters: Arc::new(parameters),
    })
}

/// A child that would install its own parent, sooner or later.
fn cycle(job: &Job) -> Option<Cycle> {
    let namespace = &job.key.namespace;
    dependencies::cycle(&job.definition, |name| {
        let key = VersionKey::recorded(name, namespace);
        job.context.definitions.get(&key).definition().cloned()
    })
}

/// The parameters that the plan runs with: those accepted.
fn parameters(job: &Job) -> &BTreeMap<String, String> {
    match &job.beginning {
        Beginning::New(start) => &start.accepted.parameters,
        Beginning::Recorded => {
            let accepted = job
                .instance
                .status
                .as_ref()
                .and_then(|s| s.accepted.as_ref());
            accepted.map_or(&job.instance.spec.parameters, |accepted| {
                &accepted.parameters
            })
        }
    }
}

fn refused_state(job: &Job, before: Option<&PlanState>, message: &str) -> PlanState {
    let mut state = match job.definition.plans.get(&job.plan) {
        Some(plan) => PlanState::listed(&job.plan, plan, before),
        None => before.cloned().unwrap_or_else(|| PlanState {
            name: job.plan.clone(),
            status: Status::Pending,
            message: None,
            uid: String::new(),
            phases: Vec::new(),
        }),
    };
    state.uid.clone_from(&job.uid);
    state.refuse(message);
    state
}

fn execution(job: &Job, params: Arc<BTreeMap<String, Value>>) -> Execution {
    Execution {
        instance: job.key.clone(),
        instance_uid: job.instance.metadata.uid.clone().unwrap_or_default(),
        definition: Arc::clone(&job.definition),
        plan: job.plan.clone(),
        uid: job.uid.clone(),
        params,
    }
}
