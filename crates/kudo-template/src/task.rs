//! Tasks, steps and plans to objects: what a plan would do, with no cluster.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use kudo_package::parameter::{ValuesError, values_from_yaml};
use kudo_package::{OperatorDefinition, PipeFile, Task, TaskSpec, suggest};

use crate::error::RenderError;
use crate::excerpt::{Excerpt, ending};
use crate::objects::{ObjectError, documents, objects};
use crate::pipe_pod::{self, PipePodProblem};
use crate::pipes::{pipe_artifact_name, pipe_names, pipe_pod_name};
use crate::renderer::Renderer;
use crate::values::Values;

/// The instance that templates are rendered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceIdentity<'a> {
    /// Name of the instance.
    pub name: &'a str,
    /// Namespace of the instance.
    pub namespace: &'a str,
}

/// Where in a plan a task runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepAddress {
    /// Name of the plan.
    pub plan: String,
    /// Name of the phase.
    pub phase: String,
    /// Name of the step.
    pub step: String,
}

/// A task with all its templates rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedTask {
    /// Name of the task.
    pub task: String,
    /// What is to be done with the documents.
    pub action: Action,
    /// The templates of the task in its order.
    pub documents: Vec<RenderedTemplate>,
}

/// What is to be done; Toggle is resolved to [`Action::Apply`] or [`Action::Delete`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Apply the objects and wait until they are healthy.
    Apply,
    /// Delete the objects and wait until they are gone.
    Delete,
    /// Run the one object, a pod, and keep files that it writes.
    Pipe {
        /// Name of the pod that runs: `instance.plan.phase.step.task.pipepod`.
        pod_name: String,
        /// The files and the objects that keep them.
        artifacts: Vec<PipeArtifact>,
    },
    /// Install a child instance; the document, if any, is the child's parameters.
    Operator {
        /// Package name, path or URL.
        package: String,
        /// Name of the child instance; by default `parent-operator`.
        instance: String,
        /// App version asked for.
        app_version: Option<String>,
        /// Operator version asked for.
        operator_version: Option<String>,
        /// What the parameter file gives the child.
        parameters: BTreeMap<String, String>,
    },
    /// Do nothing, or fail on demand.
    Dummy {
        /// Fail.
        want_err: bool,
        /// The failure is fatal.
        fatal: bool,
        /// Be done at once.
        done: bool,
    },
}

/// A file that a Pipe task keeps, and the object that keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipeArtifact {
    /// Name of the object: `instance.plan.phase.step.task.key`.
    pub name: String,
    /// The file as the task describes it.
    pub file: PipeFile,
}

impl PipeArtifact {
    /// The object without its content: enough to tell which one it is.
    pub fn stub(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": self.file.kind.as_str(),
            "metadata": { "name": self.name },
        })
    }
}

/// One rendered template.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedTemplate {
    /// Name of the template.
    pub template: String,
    /// The exact output.
    pub text: String,
    /// The objects in it; empty for parameter files.
    pub objects: Vec<Value>,
}

/// A step with all its tasks rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedStep {
    /// Name of the phase.
    pub phase: String,
    /// Name of the step.
    pub step: String,
    /// The tasks in the step's order.
    pub tasks: Vec<RenderedTask>,
}

/// Why a task could not be rendered. All of these are fatal for a plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RenderTaskError {
    /// A template could not be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// Rendered text does not hold objects.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// The task names a template that the operator does not have.
    #[error("task {task:?}: the operator has no template {template:?}{}", hint(.nearest.as_deref()))]
    UnknownTemplate {
        /// Name of the task.
        task: String,
        /// Name of the template.
        template: String,
        /// The existing template nearest to it.
        nearest: Option<String>,
    },
    /// A step names a task that the operator does not have.
    #[error("step {step:?}: the operator has no task {task:?}{}", hint(.nearest.as_deref()))]
    UnknownTask {
        /// Name of the step.
        step: String,
        /// Name of the task.
        task: String,
        /// The existing task nearest to it.
        nearest: Option<String>,
    },
    /// There is no such plan.
    #[error("the operator has no plan {plan:?}{}", hint(.nearest.as_deref()))]
    UnknownPlan {
        /// Name of the plan.
        plan: String,
        /// The existing plan nearest to it.
        nearest: Option<String>,
    },
    /// The parameter of a Toggle task does not exist or has no value.
    #[error("task {task:?}: parameter {parameter:?} has no value{}", hint(.nearest.as_deref()))]
    ToggleMissing {
        /// Name of the task.
        task: String,
        /// Name of the parameter.
        parameter: String,
        /// The existing parameter nearest to it.
        nearest: Option<String>,
    },
    /// The parameter of a Toggle task is not a boolean.
    #[error("task {task:?}: parameter {parameter:?} is {value:?}, must be true or false")]
    ToggleValue {
        /// Name of the task.
        task: String,
        /// Name of the parameter.
        parameter: String,
        /// Its value.
        value: String,
    },
    /// The template of a Pipe task does not render to a pod that files can be copied out of.
    #[error("task {task:?}: template {template:?}: {problem}")]
    PipePod {
        /// Name of the task.
        task: String,
        /// Name of the template.
        template: String,
        /// What is wrong with it.
        problem: Box<PipePodProblem>,
    },
    /// The parameter file of a `KudoOperator` task does not render to parameter values.
    #[error("task {task:?}: parameter file {template:?}: {problem}{}", ending(.excerpt.as_deref()))]
    ParameterFile {
        /// Name of the task.
        task: String,
        /// Name of the template.
        template: String,
        /// What is wrong with it.
        problem: Box<ValuesError>,
        /// The line, if it is not YAML.
        excerpt: Option<Box<Excerpt>>,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!(" (did you mean {name:?}?)"))
        .unwrap_or_default()
}

/// Renders all templates of one task; `.Pipes` holds the names of the plan's artifacts.
pub fn render_task(
    renderer: &Renderer,
    definition: &OperatorDefinition,
    instance: InstanceIdentity<'_>,
    address: &StepAddress,
    task: &Task,
    params: &BTreeMap<String, Value>,
) -> Result<RenderedTask, RenderTaskError> {
    let pipes = pipe_names(definition, instance.name, &address.plan);
    render_task_with_pipes(
        renderer, definition, instance, address, task, params, &pipes,
    )
}

/// Renders all templates of one task with these names in `.Pipes`.
pub fn render_task_with_pipes(
    renderer: &Renderer,
    definition: &OperatorDefinition,
    instance: InstanceIdentity<'_>,
    address: &StepAddress,
    task: &Task,
    params: &BTreeMap<String, Value>,
    pipes: &BTreeMap<String, String>,
) -> Result<RenderedTask, RenderTaskError> {
    let rendering = Rendering {
        renderer,
        definition,
        instance,
        address,
        task,
        values: values(definition, instance, address, params, pipes),
    };
    let (action, documents) = rendering.run()?;
    Ok(RenderedTask {
        task: task.name.clone(),
        action,
        documents,
    })
}

/// The values that the templates of a step see, for rendering text that need not hold objects.
pub fn step_values(
    definition: &OperatorDefinition,
    instance: InstanceIdentity<'_>,
    address: &StepAddress,
    params: &BTreeMap<String, Value>,
) -> Values {
    let pipes = pipe_names(definition, instance.name, &address.plan);
    values(definition, instance, address, params, &pipes)
}

/// Renders the manifest of a namespace, which gets this name; none if it is not exactly one Namespace.
pub fn render_namespace(
    renderer: &Renderer,
    template: &str,
    text: &str,
    values: &Values,
    name: &str,
) -> Result<Option<Value>, RenderTaskError> {
    let output = renderer.render(template, text, values)?;
    let object = single_object(template, &output, "Namespace", name);
    Ok(object.map_err(|error| error.naming(&renderer.used(template, text, &values.params)))?)
}

/// Renders all steps of one plan in the order of their definition.
pub fn render_plan(
    renderer: &Renderer,
    definition: &OperatorDefinition,
    instance: InstanceIdentity<'_>,
    plan: &str,
    params: &BTreeMap<String, Value>,
) -> Result<Vec<RenderedStep>, RenderTaskError> {
    let pipes = pipe_names(definition, instance.name, plan);
    render_plan_with_pipes(renderer, definition, instance, plan, params, &pipes)
}

/// Renders all steps of one plan with these names in `.Pipes`.
pub fn render_plan_with_pipes(
    renderer: &Renderer,
    definition: &OperatorDefinition,
    instance: InstanceIdentity<'_>,
    plan: &str,
    params: &BTreeMap<String, Value>,
    pipes: &BTreeMap<String, String>,
) -> Result<Vec<RenderedStep>, RenderTaskError> {
    let Some(found) = definition.plans.get(plan) else {
        return Err(RenderTaskError::UnknownPlan {
            plan: plan.to_owned(),
            nearest: nearest(plan, definition.plans.keys()),
        });
    };
    let mut steps = Vec::new();
    for phase in &found.phases {
        for step in &phase.steps {
            let address = StepAddress {
                plan: plan.to_owned(),
                phase: phase.name.clone(),
                step: step.name.clone(),
            };
            let mut tasks = Vec::with_capacity(step.tasks.len());
            for name in &step.tasks {
                let Some(task) = definition.task(name) else {
                    let known = definition.tasks.iter().map(|task| &task.name);
                    return Err(RenderTaskError::UnknownTask {
                        step: step.name.clone(),
                        task: name.clone(),
                        nearest: nearest(name, known),
                    });
                };
                tasks.push(render_task_with_pipes(
                    renderer, definition, instance, &address, task, params, pipes,
                )?);
            }
            steps.push(RenderedStep {
                phase: phase.name.clone(),
                step: step.name.clone(),
                tasks,
            });
        }
    }
    Ok(steps)
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Option<String> {
    suggest::nearest(name, known.map(String::as_str)).map(str::to_owned)
}

fn values(
    definition: &OperatorDefinition,
    instance: InstanceIdentity<'_>,
    address: &StepAddress,
    params: &BTreeMap<String, Value>,
    pipes: &BTreeMap<String, String>,
) -> Values {
    Values {
        operator_name: definition.operator_name.clone(),
        name: instance.name.to_owned(),
        namespace: instance.namespace.to_owned(),
        app_version: definition.app_version.clone().unwrap_or_default(),
        operator_version: definition.operator_version.clone(),
        plan_name: Some(address.plan.clone()),
        phase_name: Some(address.phase.clone()),
        step_name: Some(address.step.clone()),
        params: params.clone(),
        pipes: pipes.clone(),
    }
}

/// One task being rendered.
struct Rendering<'a> {
    renderer: &'a Renderer,
    definition: &'a OperatorDefinition,
    instance: InstanceIdentity<'a>,
    address: &'a StepAddress,
    task: &'a Task,
    values: Values,
}

type Rendered = (Action, Vec<RenderedTemplate>);

impl Rendering<'_> {
    fn run(&self) -> Result<Rendered, RenderTaskError> {
        Ok(match &self.task.spec {
            TaskSpec::Apply { resources } => (Action::Apply, self.resources(resources)?),
            TaskSpec::Delete { resources } => (Action::Delete, self.resources(resources)?),
            TaskSpec::Toggle {
                resources,
                parameter,
            } => (self.toggled(parameter)?, self.resources(resources)?),
            TaskSpec::Pipe { pod, pipe } => self.pipe(pod, pipe)?,
            TaskSpec::KudoOperator {
                package,
                instance_name,
                app_version,
                operator_version,
                parameter_file,
            } => {
                let documents = self.parameter_file(parameter_file.as_deref())?;
                let instance = instance_name
                    .clone()
                    .unwrap_or_else(|| format!("{}-{package}", self.instance.name));
                let action = Action::Operator {
                    package: package.clone(),
                    instance,
                    app_version: app_version.clone(),
                    operator_version: operator_version.clone(),
                    parameters: self.child_parameters(&documents)?,
                };
                (action, documents)
            }
            TaskSpec::Dummy {
                want_err,
                fatal,
                done,
            } => {
                let action = Action::Dummy {
                    want_err: *want_err,
                    fatal: *fatal,
                    done: *done,
                };
                (action, Vec::new())
            }
        })
    }

    fn render(&self, template: &str, values: &Values) -> Result<String, RenderTaskError> {
        let Some(text) = self.definition.templates.get(template) else {
            return Err(RenderTaskError::UnknownTemplate {
                task: self.task.name.clone(),
                template: template.to_owned(),
                nearest: nearest(template, self.definition.templates.keys()),
            });
        };
        Ok(self.renderer.render(template, text, values)?)
    }

    fn resources(&self, resources: &[String]) -> Result<Vec<RenderedTemplate>, RenderTaskError> {
        let render = |template: &String| {
            let text = self.render(template, &self.values)?;
            let objects = objects(template, &text).map_err(|error| self.naming(template, error))?;
            Ok(RenderedTemplate {
                template: template.clone(),
                text,
                objects,
            })
        };
        resources.iter().map(render).collect()
    }

    /// The error with the parameters that stand where it is.
    fn naming(&self, template: &str, error: ObjectError) -> ObjectError {
        error.naming(&self.used(template))
    }

    /// The parameters that a template may use.
    fn used(&self, template: &str) -> Vec<(&str, &Value)> {
        let text = self.definition.templates.get(template);
        let used = |text: &String| self.renderer.used(template, text, &self.values.params);
        text.map(used).unwrap_or_default()
    }

    /// What a Toggle task does, as its parameter says.
    fn toggled(&self, parameter: &str) -> Result<Action, RenderTaskError> {
        let value = match self.values.params.get(parameter) {
            Some(Value::Bool(value)) => value.to_string(),
            Some(Value::String(value)) => value.clone(),
            Some(Value::Null) | None => {
                return Err(RenderTaskError::ToggleMissing {
                    task: self.task.name.clone(),
                    parameter: parameter.to_owned(),
                    nearest: nearest(parameter, self.values.params.keys()),
                });
            }
            Some(other) => other.to_string(),
        };
        match value.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Action::Apply),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Action::Delete),
            _ => Err(RenderTaskError::ToggleValue {
                task: self.task.name.clone(),
                parameter: parameter.to_owned(),
                value,
            }),
        }
    }

    /// The pod of a Pipe task, which needs no name of its own: it gets one here.
    fn pipe(&self, template: &str, pipe: &[PipeFile]) -> Result<Rendered, RenderTaskError> {
        let text = self.render(template, &self.values)?;
        let pod_name = pipe_pod_name(self.instance.name, self.address, &self.task.name);
        let problem = |problem| RenderTaskError::PipePod {
            task: self.task.name.clone(),
            template: template.to_owned(),
            problem: Box::new(problem),
        };
        let pod = single_object(template, &text, "Pod", &pod_name)
            .map_err(|error| problem(PipePodProblem::Unreadable(self.naming(template, error))))?
            .ok_or_else(|| problem(PipePodProblem::NotOnePod))?;
        pipe_pod::check(&pod, pipe).map_err(problem)?;
        let artifacts = pipe.iter().map(|file| PipeArtifact {
            name: pipe_artifact_name(self.instance.name, self.address, &self.task.name, &file.key),
            file: file.clone(),
        });
        let action = Action::Pipe {
            pod_name,
            artifacts: artifacts.collect(),
        };
        let document = RenderedTemplate {
            template: template.to_owned(),
            text,
            objects: vec![pod],
        };
        Ok((action, vec![document]))
    }

    fn child_parameters(
        &self,
        documents: &[RenderedTemplate],
    ) -> Result<BTreeMap<String, String>, RenderTaskError> {
        let Some(document) = documents.first() else {
            return Ok(BTreeMap::new());
        };
        values_from_yaml(&document.text).map_err(|problem| {
            let excerpt = values_excerpt(&document.text, &problem);
            let naming =
                |excerpt: Excerpt| Box::new(excerpt.naming(&self.used(&document.template)));
            RenderTaskError::ParameterFile {
                task: self.task.name.clone(),
                template: document.template.clone(),
                problem: Box::new(problem),
                excerpt: excerpt.map(naming),
            }
        })
    }

    /// Parameters of a child instance, which know nothing of the step that installs it.
    fn parameter_file(
        &self,
        template: Option<&str>,
    ) -> Result<Vec<RenderedTemplate>, RenderTaskError> {
        let Some(template) = template else {
            return Ok(Vec::new());
        };
        let values = Values {
            plan_name: None,
            phase_name: None,
            step_name: None,
            pipes: BTreeMap::new(),
            ..self.values.clone()
        };
        Ok(vec![RenderedTemplate {
            template: template.to_owned(),
            text: self.render(template, &values)?,
            objects: Vec::new(),
        }])
    }
}

/// The line of a parameter file at which it is no YAML.
pub(crate) fn values_excerpt(text: &str, problem: &ValuesError) -> Option<Excerpt> {
    match problem {
        ValuesError::NotYaml(error) => Excerpt::of(text, error),
        ValuesError::NotAMap { .. } | ValuesError::Null { .. } => None,
    }
}

/// The one object of this kind in the rendered text, under this name; none if there is anything else.
pub(crate) fn single_object(
    template: &str,
    text: &str,
    kind: &str,
    name: &str,
) -> Result<Option<Value>, ObjectError> {
    let mut values = documents(template, text)?
        .into_iter()
        .map(|document| document.value);
    let mut values = values.by_ref().filter(|value| !value.is_null());
    let (Some(Value::Object(mut object)), None) = (values.next(), values.next()) else {
        return Ok(None);
    };
    if object.get("kind").and_then(Value::as_str) != Some(kind) {
        return Ok(None);
    }
    let metadata = object.entry("metadata").or_insert(Value::Null);
    if metadata.is_null() {
        *metadata = Value::Object(serde_json::Map::new());
    }
    let Value::Object(metadata) = metadata else {
        return Ok(None);
    };
    metadata.insert("name".to_owned(), Value::String(name.to_owned()));
    Ok(Some(Value::Object(object)))
}
