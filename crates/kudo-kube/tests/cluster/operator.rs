//! Operators written down in a few lines, and their plans run by the real executor.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kudo_kube::inventory::SharedInventory;
use kudo_kube::{Execution, InstanceKey, Inventory, KubeRunner};
use kudo_package::{OperatorDefinition, Phase, Plan, Step, Strategy, Task, TaskSpec};
use kudo_plan::{
    Backoff, Clock, Observer, Options, PlanGraph, PlanState, StepRef, TaskFailure, execute,
};
use kudo_template::{Limits, Renderer};
use serde_json::Value;

use crate::harness::{SOON, World};

/// An operator with one plan, `deploy`, whose steps run one after the other.
pub(crate) struct Operator {
    definition: OperatorDefinition,
}

impl Operator {
    pub(crate) fn new(templates: &[(&str, &str)]) -> Self {
        let templates = templates
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        Self {
            definition: OperatorDefinition {
                operator_name: "op".to_owned(),
                operator_version: "1.0.0".to_owned(),
                templates,
                ..OperatorDefinition::default()
            },
        }
    }

    /// Adds a step with the tasks given; the step is named after the first.
    pub(crate) fn step(mut self, tasks: &[(&str, TaskSpec)]) -> Self {
        let names = tasks.iter().map(|(name, _)| (*name).to_owned()).collect();
        for (name, spec) in tasks {
            self.definition.tasks.push(Task {
                name: (*name).to_owned(),
                spec: spec.clone(),
            });
        }
        let plan = self.definition.plans.entry("deploy".to_owned());
        let plan = plan.or_insert_with(|| Plan {
            strategy: Some(Strategy::Serial),
            phases: vec![Phase {
                name: "main".to_owned(),
                strategy: Some(Strategy::Serial),
                steps: Vec::new(),
            }],
        });
        plan.phases[0].steps.push(Step {
            name: tasks[0].0.to_owned(),
            tasks: names,
        });
        self
    }

    /// Begins an execution for the world's instance.
    pub(crate) fn execution(&self, world: &World, uid: &str, params: &[(&str, &str)]) -> Run {
        let params: BTreeMap<String, Value> = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect();
        let execution = Execution {
            instance: InstanceKey::new(&world.namespace, "inst"),
            instance_uid: world.instance_uid.clone(),
            definition: Arc::new(self.definition.clone()),
            plan: "deploy".to_owned(),
            uid: uid.to_owned(),
            params: Arc::new(params),
        };
        let tasks = self.definition.tasks.iter().map(|task| task.name.as_str());
        let plan = &self.definition.plans["deploy"];
        let graph = PlanGraph::build("deploy", plan, &tasks.collect()).unwrap();
        let inventory = SharedInventory::new(Inventory::default());
        Run {
            state: PlanState::new(&graph, uid),
            runner: KubeRunner::new(
                world.cluster.clone(),
                Renderer::new(Limits::default()),
                execution,
                inventory,
            ),
            graph,
            log: Log::default(),
        }
    }
}

/// One execution.
pub(crate) struct Run {
    graph: PlanGraph,
    state: PlanState,
    runner: KubeRunner,
    pub(crate) log: Log,
}

impl Run {
    /// Runs to the end; the plan's status, and the failures on the way as `reason: message`.
    pub(crate) async fn finish(&self) -> (String, Vec<String>) {
        let options = Options {
            backoff: Backoff {
                initial: Duration::from_millis(200),
                max: Duration::from_secs(1),
                ..Backoff::default()
            },
            ..Options::default()
        };
        let execution = Box::pin(execute(
            &self.graph,
            self.state.clone(),
            &self.runner,
            &TokioClock,
            &self.log,
            &options,
        ));
        let ended = tokio::time::timeout(SOON, execution).await;
        let Ok(Ok(state)) = ended else {
            panic!("not in time; failures: {:?}", self.log.failures());
        };
        (state.status.to_string(), self.log.failures())
    }

    /// Kinds and names in the inventory, with `*` for what is cluster-scoped.
    pub(crate) fn inventory(&self) -> Vec<String> {
        let inventory = self.runner.inventory().snapshot();
        inventory
            .entries()
            .map(|entry| {
                let star = if entry.namespace.is_none() { "*" } else { "" };
                format!("{} {}{star}", entry.kind, entry.name)
            })
            .collect()
    }
}

/// What the executor told.
#[derive(Default)]
pub(crate) struct Log {
    failures: Mutex<Vec<String>>,
}

impl Log {
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }
}

impl Observer for Log {
    type Error = Infallible;

    async fn record(&self, _: &PlanState) -> Result<(), Infallible> {
        Ok(())
    }

    fn failed(&self, _: &StepRef<'_>, _: Option<&str>, failure: &TaskFailure) {
        let text = format!("{}: {}", failure.reason(), failure.message());
        self.failures.lock().unwrap().push(text);
    }
}

struct TokioClock;

impl Clock for TokioClock {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

pub(crate) fn apply(resources: &[&str]) -> TaskSpec {
    TaskSpec::Apply {
        resources: resources.iter().map(|name| (*name).to_owned()).collect(),
    }
}

pub(crate) fn delete(resources: &[&str]) -> TaskSpec {
    TaskSpec::Delete {
        resources: resources.iter().map(|name| (*name).to_owned()).collect(),
    }
}

pub(crate) fn toggle(parameter: &str, resources: &[&str]) -> TaskSpec {
    TaskSpec::Toggle {
        resources: resources.iter().map(|name| (*name).to_owned()).collect(),
        parameter: parameter.to_owned(),
    }
}
