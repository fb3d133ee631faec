//! `package render`: what the steps of a package's plans would apply, with no cluster.

mod applied;

use std::collections::BTreeMap;

use clap::Args;
use kudo_package::{OperatorDefinition, Task, TaskSpec, suggest, yaml};
use kudo_template::pipe_pod::{self, WAITER_IMAGE};
use kudo_template::{
    Action, InstanceIdentity, Limits, PipeArtifact, RenderTaskError, RenderedTask,
    RenderedTemplate, Renderer, StepAddress, Values, render_task, step_values,
};
use serde_json::{Value, json};

use crate::arguments::{Format, Global, ParameterArgs, VersionChoice};
use crate::commands::operator_version::check_given;
use crate::error::Error;
use crate::output::{Output, Structured};
use crate::{dependencies, instance_name, parameters, source};

/// Print what each step of a package's plans would apply, with no cluster
#[derive(Debug, Args)]
#[command(after_help = "\
With `-o json`, the output is a list of {plan, phase, step, task, template, objects}, or with
`--raw`, of {plan, phase, step, task, template, text}. Otherwise it is a stream of YAML documents.

The objects have the namespace, labels and annotations that the manager gives them. What only a
cluster knows is left out: the instance as their owner, the uid of the plan's execution, and the
hash of the Secrets and ConfigMaps that pods use. Kinds that neither Kubernetes nor the package
itself defines are taken to live in a namespace.

Examples:
  # What the plan `deploy` applies
  kubectl kudo package render ./operators/galera --plan deploy

  # One template, with other parameters
  kubectl kudo package render ./operators/galera --template statefulset.yaml -p NODE_COUNT=5

  # Exactly what the templates render to
  kubectl kudo package render ./operators/galera --raw -o json

  # Compare with what runs
  kubectl kudo package render ./operators/galera --plan deploy | kubectl diff -f -")]
pub(crate) struct RenderArgs {
    /// The package: a directory, a .tgz file, the URL of one, or a name in a repository
    #[arg(value_name = "PACKAGE")]
    package: String,

    #[command(flatten)]
    choice: VersionChoice,

    /// Name of the instance [default: the operator's name with `-instance` after it]
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,

    #[command(flatten)]
    parameters: ParameterArgs,

    /// Only this plan
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,

    /// Only this template
    #[arg(long, value_name = "FILE")]
    template: Option<String>,

    /// Print the templates' exact output, not the objects in it
    #[arg(long)]
    raw: bool,
}

/// One rendered template and where it belongs.
struct Rendered {
    address: StepAddress,
    task: String,
    /// What is done, in a word.
    kind: String,
    /// What is done; unknown where the template's text is no objects.
    action: Option<Action>,
    template: String,
    text: String,
    objects: Vec<Value>,
}

pub(super) fn run(arguments: &RenderArgs, global: &Global, output: &Output) -> Result<(), Error> {
    let format = output.format("package render", &[Format::Yaml, Format::Json])?;
    let given = parameters::read(&arguments.parameters)?;
    let mut loaded = source::load_local(&arguments.package, &arguments.choice, global)?;
    let resolver = source::resolver(arguments.choice.repo.as_deref(), global)?;
    dependencies::fill_in_local(&mut loaded, &resolver);
    let definition = &loaded.package.definition;
    let values = check_given(definition, &BTreeMap::new(), &given)?;
    let name = instance_name::choose(arguments.instance.as_deref(), definition)?;
    let instance = InstanceIdentity {
        name: &name,
        namespace: global.namespace.as_deref().unwrap_or("default"),
    };
    let mut rendered = render(definition, instance, &values, arguments)?;
    if !arguments.raw {
        applied::complete(definition, instance, &mut rendered)?;
    }
    match Structured::from_format(format) {
        Some(Structured::Json) => {
            let list = rendered
                .iter()
                .map(|one| one.as_value(arguments.raw))
                .collect();
            output.value(Structured::Json, &Value::Array(list))
        }
        Some(Structured::Yaml) | None => {
            let documents = rendered.iter().map(|one| one.as_documents(arguments.raw));
            output.data(&documents.collect::<String>())
        }
    }
}

fn render(
    definition: &OperatorDefinition,
    instance: InstanceIdentity<'_>,
    values: &BTreeMap<String, Value>,
    arguments: &RenderArgs,
) -> Result<Vec<Rendered>, Error> {
    let engine = Renderer::new(Limits::default());
    let wanted = arguments
        .template
        .as_deref()
        .map(|name| name.strip_prefix("templates/").unwrap_or(name));
    let mut rendered = Vec::new();
    for (address, task) in tasks(definition, arguments.plan.as_deref())? {
        let task = definition
            .task(task)
            .ok_or_else(|| unknown_task(definition, &address.step, task))?;
        let templates = task.spec.templates();
        if wanted.is_some_and(|wanted| !templates.contains(&wanted)) {
            continue;
        }
        // Nothing that is not asked for can be in the way.
        let task = &only_template(task, wanted);
        match render_task(&engine, definition, instance, &address, task, values) {
            Ok(task) => rendered.extend(documents(&address, task)),
            // The exact output need not be objects, nor even YAML.
            Err(RenderTaskError::Objects(_) | RenderTaskError::PipePod { .. }) if arguments.raw => {
                let values = step_values(definition, instance, &address, values);
                let texts = texts(&engine, definition, &address, task, &values)?;
                rendered.extend(texts);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(wanted) = wanted
        && rendered.is_empty()
    {
        let templates = definition.templates.keys().map(String::as_str);
        return Err(Error::NoTemplate {
            template: wanted.to_owned(),
            nearest: suggest::nearest(wanted, templates).map(str::to_owned),
        });
    }
    Ok(rendered)
}

/// A task as it would be with that template alone.
fn only_template(task: &Task, wanted: Option<&str>) -> Task {
    let mut task = task.clone();
    if let (
        Some(wanted),
        TaskSpec::Apply { resources }
        | TaskSpec::Delete { resources }
        | TaskSpec::Toggle { resources, .. },
    ) = (wanted, &mut task.spec)
    {
        resources.retain(|name| name == wanted);
    }
    task
}

/// The tasks of all plans, or of one, in the order in which they are written.
fn tasks<'a>(
    definition: &'a OperatorDefinition,
    only: Option<&str>,
) -> Result<Vec<(StepAddress, &'a str)>, RenderTaskError> {
    if let Some(plan) = only
        && !definition.plans.contains_key(plan)
    {
        let plans = definition.plans.keys().map(String::as_str);
        return Err(RenderTaskError::UnknownPlan {
            plan: plan.to_owned(),
            nearest: suggest::nearest(plan, plans).map(str::to_owned),
        });
    }
    let mut tasks = Vec::new();
    for (name, plan) in &definition.plans {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        for phase in &plan.phases {
            for step in &phase.steps {
                let address = StepAddress {
                    plan: name.clone(),
                    phase: phase.name.clone(),
                    step: step.name.clone(),
                };
                tasks.extend(
                    step.tasks
                        .iter()
                        .map(|task| (address.clone(), task.as_str())),
                );
            }
        }
    }
    Ok(tasks)
}

fn unknown_task(definition: &OperatorDefinition, step: &str, task: &str) -> RenderTaskError {
    let tasks = definition.tasks.iter().map(|task| task.name.as_str());
    RenderTaskError::UnknownTask {
        step: step.to_owned(),
        task: task.to_owned(),
        nearest: suggest::nearest(task, tasks).map(str::to_owned),
    }
}

/// The exact output of a task's templates.
fn texts(
    engine: &Renderer,
    definition: &OperatorDefinition,
    address: &StepAddress,
    task: &Task,
    values: &Values,
) -> Result<Vec<Rendered>, RenderTaskError> {
    let templates = task.spec.templates().into_iter();
    templates
        .filter_map(|template| definition.templates.get_key_value(template))
        .map(|(name, text)| {
            Ok(Rendered {
                address: address.clone(),
                task: task.name.clone(),
                kind: task.spec.kind().to_lowercase(),
                action: None,
                template: name.clone(),
                text: engine.render(name, text, values)?,
                objects: vec![],
            })
        })
        .collect()
}

fn documents(address: &StepAddress, task: RenderedTask) -> impl Iterator<Item = Rendered> {
    let mut rendered_documents = task.documents;
    match &task.action {
        Action::Pipe { artifacts, .. } => {
            for document in &mut rendered_documents {
                let pods = document.objects.iter();
                let pods: Vec<Value> = pods
                    .map(|pod| pipe_pod::complete(pod, WAITER_IMAGE))
                    .collect();
                let kept = artifacts.iter().map(PipeArtifact::stub);
                document.objects = pods.into_iter().chain(kept).collect();
            }
        }
        // The child itself is made of the action.
        Action::Operator { .. } if rendered_documents.is_empty() => {
            rendered_documents.push(RenderedTemplate {
                template: String::new(),
                text: String::new(),
                objects: Vec::new(),
            });
        }
        Action::Operator { .. } | Action::Apply | Action::Delete | Action::Dummy { .. } => {}
    }
    let documents = rendered_documents.into_iter();
    documents.map(move |document| Rendered {
        address: address.clone(),
        task: task.task.clone(),
        kind: applied::word(&task.action).to_owned(),
        action: Some(task.action.clone()),
        template: document.template,
        text: document.text,
        objects: document.objects,
    })
}

impl Rendered {
    fn as_value(&self, raw: bool) -> Value {
        let mut value = json!({
            "plan": self.address.plan,
            "phase": self.address.phase,
            "step": self.address.step,
            "task": self.task,
            "template": self.template,
        });
        if raw {
            value["text"] = json!(self.text);
        } else {
            value["objects"] = json!(self.objects);
        }
        value
    }

    fn as_documents(&self, raw: bool) -> String {
        let StepAddress { plan, phase, step } = &self.address;
        let template = match self.template.as_str() {
            "" => String::new(),
            template => format!(", template {template}"),
        };
        let head = format!(
            "---\n# plan {plan}, phase {phase}, step {step}, task {} ({}){template}\n",
            self.task, self.kind
        );
        if raw {
            if self.template.is_empty() {
                return String::new();
            }
            let newline = if self.text.ends_with('\n') { "" } else { "\n" };
            return format!("{head}{}{newline}", self.text);
        }
        let objects = self.objects.iter();
        objects
            .map(|object| head.clone() + &yaml::to_string(object))
            .collect()
    }
}
