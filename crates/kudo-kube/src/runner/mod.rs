//! Runs the tasks of a plan on a cluster: the adapter behind `kudo_plan`'s port.
//!
//! A step is prepared first: all its templates are rendered, and what it will apply is added to the
//! inventory, so that the recorder can write that down before the first request. A prepared step stays
//! prepared across retries, so that random functions give one value per execution; after a restart, what
//! the execution had applied already is recognised by its annotations and left as it is.

mod artifact;
mod child;
mod failure;
mod last_words;
mod order;
mod pipe;
mod waiting;
mod work;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kudo_api::instance::InventoryEntry;
use kudo_package::{OperatorDefinition, TaskSpec};
use kudo_plan::{StepRef, TaskFailure, TaskRunner};
use kudo_template::{
    Action, InstanceIdentity, PipeArtifact, RenderedTask, RenderedTemplate, Renderer, StepAddress,
    pipe_pod, render_task,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::dependencies::{Digest, Reference, digest};
use crate::discovery::Scope;
use crate::enhance::Enhancement;
use crate::identity::{Gvk, InstanceKey, ObjectKey, gvk_of};
use crate::inventory::{SharedInventory, entry_of};
use failure::{Site, reasons};
use waiting::Waiting;
use work::TaskWork;

/// One execution of one plan of one instance.
#[derive(Clone, Debug)]
pub struct Execution {
    /// The instance.
    pub instance: InstanceKey,
    /// Uid of the instance resource, which will own what is applied.
    pub instance_uid: String,
    /// The operator version.
    pub definition: Arc<OperatorDefinition>,
    /// Name of the plan.
    pub plan: String,
    /// Identity of the execution.
    pub uid: String,
    /// Parameters as templates see them.
    pub params: Arc<BTreeMap<String, Value>>,
}

impl Execution {
    /// What a step of it adds to the objects that it applies.
    fn enhancement<'a>(&'a self, step: &'a StepRef<'a>) -> Enhancement<'a> {
        Enhancement {
            operator_name: &self.definition.operator_name,
            operator_version: &self.definition.operator_version,
            instance: &self.instance.name,
            namespace: &self.instance.namespace,
            instance_uid: &self.instance_uid,
            plan: step.plan,
            phase: step.phase,
            step: step.step,
            execution_uid: &self.uid,
        }
    }
}

/// Runs the tasks of one execution.
pub struct KubeRunner {
    cluster: Cluster,
    renderer: Renderer,
    execution: Execution,
    inventory: SharedInventory,
    state: Mutex<State>,
}

/// How long a kind is awaited that the cluster does not serve: what defines it may have been started by a
/// step before. Nothing else says whether it ever comes, so the plan fails then.
const KIND_PATIENCE: Duration = Duration::from_secs(10);

/// Phase, step and task.
type TaskPath = (String, String, String);

/// How far a task is.
#[derive(Clone)]
enum Progress {
    /// It is rendered; it may be running.
    Prepared(Arc<RenderedTask>),
    /// It is done and is not rendered again: templates may give another text each time.
    Done,
}

#[derive(Default)]
struct State {
    tasks: HashMap<TaskPath, Progress>,
    /// What tasks that run wait for.
    waiting: HashMap<TaskPath, Arc<Waiting>>,
    /// Which task of this process applied an object last.
    applied: HashMap<ObjectKey, TaskPath>,
    /// Contents of what this execution renders, `None` for what it deleted or is to be left out.
    digests: HashMap<Reference, Option<Digest>>,
    /// Kinds that the cluster does not serve, and since when that is known.
    unserved: HashMap<Gvk, Instant>,
}

impl KubeRunner {
    /// A runner for one execution. `inventory` is shared with whoever records the instance's status.
    pub fn new(
        cluster: Cluster,
        renderer: Renderer,
        execution: Execution,
        inventory: SharedInventory,
    ) -> Self {
        Self {
            cluster,
            renderer,
            execution,
            inventory,
            state: Mutex::default(),
        }
    }

    /// What the instance has applied or is about to, as it stands.
    pub fn inventory(&self) -> &SharedInventory {
        &self.inventory
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a task applied an object.
    fn applied(&self, key: &ObjectKey, by: &TaskPath) {
        self.state().applied.insert(key.clone(), by.clone());
    }

    /// What a task waits for.
    fn waiting(&self, path: &TaskPath) -> Arc<Waiting> {
        Arc::clone(self.state().waiting.entry(path.clone()).or_default())
    }

    /// Whether a kind that the cluster does not serve has had its time to come.
    fn gives_up(&self, kind: &Gvk) -> bool {
        let mut state = self.state();
        let since = state.unserved.entry(kind.clone());
        since.or_insert_with(Instant::now).elapsed() >= KIND_PATIENCE
    }

    /// Whether another task applied the object last.
    fn is_contested(&self, key: &ObjectKey, by: &TaskPath) -> bool {
        self.state().applied.get(key).is_some_and(|last| last != by)
    }

    /// Renders a task, unless that was done before.
    fn prepare_task(&self, step: &StepRef<'_>, name: &str) -> Result<(), TaskFailure> {
        let path = path_of(step, name);
        if self.state().tasks.contains_key(&path) {
            return Ok(());
        }
        let site = Site::new(step, name);
        let mut rendered = self.render(&site, step, name)?;
        self.complete(&site, step, &mut rendered)?;
        let objects = rendered
            .documents
            .iter()
            .flat_map(|document| &document.objects);
        for object in objects {
            if rendered.action != Action::Delete {
                self.announce(object);
            }
            if let Some(reference) = Reference::to(object) {
                let content = match rendered.action {
                    Action::Delete => None,
                    _ => digest(object),
                };
                self.state().digests.insert(reference, content);
            }
        }
        if let Action::Pipe { artifacts, .. } = &rendered.action {
            for artifact in artifacts {
                self.announce(&artifact.stub());
            }
        }
        let progress = Progress::Prepared(Arc::new(rendered));
        self.state().tasks.insert(path, progress);
        Ok(())
    }

    fn render(
        &self,
        site: &Site,
        step: &StepRef<'_>,
        name: &str,
    ) -> Result<RenderedTask, TaskFailure> {
        let definition = &self.execution.definition;
        let Some(task) = definition.task(name) else {
            return Err(site.fatal(reasons::UNKNOWN_TASK, format!("there is no task {name:?}")));
        };
        let resources = match &task.spec {
            TaskSpec::Apply { resources }
            | TaskSpec::Delete { resources }
            | TaskSpec::Toggle { resources, .. } => Some(resources),
            _ => None,
        };
        if resources.is_some_and(Vec::is_empty) {
            let kind = task.spec.kind();
            let text = format!("an {kind} task needs resources; a Dummy task needs none");
            return Err(site.fatal(reasons::BUILD, text));
        }
        let instance = InstanceIdentity {
            name: &self.execution.instance.name,
            namespace: &self.execution.instance.namespace,
        };
        let address = StepAddress {
            plan: step.plan.to_owned(),
            phase: step.phase.to_owned(),
            step: step.step.to_owned(),
        };
        render_task(
            &self.renderer,
            definition,
            instance,
            &address,
            task,
            &self.execution.params,
        )
        .map_err(|error| site.rendering(&error))
    }

    /// Makes the objects of a task what they will be in the cluster, as far as the task's kind asks for
    /// more than its templates say.
    fn complete(
        &self,
        site: &Site,
        step: &StepRef<'_>,
        rendered: &mut RenderedTask,
    ) -> Result<(), TaskFailure> {
        for document in &mut rendered.documents {
            // A step may wait for long; the objects are all that it needs.
            document.text = String::new();
        }
        match &rendered.action {
            Action::Pipe { .. } => {
                let documents = rendered.documents.iter_mut();
                for pod in documents.flat_map(|document| &mut document.objects) {
                    *pod = pipe_pod::complete(pod, &self.cluster.waiter_image);
                }
            }
            Action::Operator { .. } => {
                let task = &rendered.task;
                let child = child::child_of(site, step, task, &self.execution, &rendered.action)?;
                rendered.documents = vec![RenderedTemplate {
                    template: String::new(),
                    text: String::new(),
                    objects: vec![child],
                }];
            }
            Action::Apply | Action::Delete | Action::Dummy { .. } => {}
        }
        Ok(())
    }

    /// Notes that an object is about to be applied: in the inventory, and if it defines a kind, the scope
    /// that kind will have.
    fn announce(&self, object: &Value) {
        self.cluster.discovery.announce(object);
        let scope = gvk_of(object).and_then(|gvk| self.cluster.discovery.known_scope(&gvk));
        // A kind that nobody knows yet counts as cluster-scoped, so that the instance is not let go
        // before its record was worked off; the entry is put right when the kind is known.
        let namespace = match scope {
            // Children are of a kind that this process may not have asked for yet.
            None if is_instance(object) => Some(self.execution.instance.namespace.as_str()),
            Some(Scope::Namespaced) => Some(self.execution.instance.namespace.as_str()),
            Some(Scope::Cluster) | None => None,
        };
        if let Some(entry) = entry_of(object, namespace, &self.execution.plan) {
            self.inventory.add(entry);
        }
    }
}

impl TaskRunner for KubeRunner {
    fn prepare(&self, step: &StepRef<'_>) -> Result<(), TaskFailure> {
        step.tasks
            .iter()
            .try_for_each(|task| self.prepare_task(step, task))
    }

    async fn run(&self, step: &StepRef<'_>, task: &str) -> Result<(), TaskFailure> {
        self.prepare_task(step, task)?;
        let path = path_of(step, task);
        let progress = self.state().tasks.get(&path).cloned();
        if let Some(Progress::Prepared(rendered)) = progress {
            let work = TaskWork::new(self, step, task, &rendered);
            work.run().await?;
            let mut state = self.state();
            state.waiting.remove(&path);
            state.tasks.insert(path, Progress::Done);
        }
        Ok(())
    }

    async fn waits_for(&self, step: &StepRef<'_>, task: &str, told: &str) -> String {
        let waiting = self.waiting(&path_of(step, task));
        waiting
            .next(&self.cluster, &self.execution.instance, told)
            .await
    }
}

/// What a task has or had in the cluster, all of it in a namespace, as the inventory names it.
pub fn entries_of(task: &RenderedTask, namespace: &str, plan: &str) -> Vec<InventoryEntry> {
    let documents = task.documents.iter();
    let mut objects: Vec<Value> = documents
        .flat_map(|document| &document.objects)
        .cloned()
        .collect();
    match &task.action {
        Action::Pipe { artifacts, .. } => objects.extend(artifacts.iter().map(PipeArtifact::stub)),
        Action::Operator { instance, .. } => objects.push(json!({
            "apiVersion": kudo_api::API_VERSION,
            "kind": "Instance",
            "metadata": { "name": instance },
        })),
        Action::Apply | Action::Delete | Action::Dummy { .. } => {}
    }
    let entries = objects.iter();
    entries
        .filter_map(|object| entry_of(object, Some(namespace), plan))
        .collect()
}

fn is_instance(object: &Value) -> bool {
    gvk_of(object).is_some_and(|gvk| gvk.group == kudo_api::GROUP && gvk.kind == "Instance")
}

fn path_of(step: &StepRef<'_>, task: &str) -> TaskPath {
    (step.phase.to_owned(), step.step.to_owned(), task.to_owned())
}
