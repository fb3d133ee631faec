//! `package list parameters|plans|tasks`: what a package offers.

use clap::{Args, Subcommand};
use kudo_api::convert;
use kudo_api::operator_version::OperatorVersionSpec;
use kudo_package::{OperatorDefinition, Parameter, Plan, Strategy, Task, TaskSpec};
use serde_json::{Value, json};

use super::add::package_here;
use crate::arguments::{Format, Global, VersionChoice};
use crate::error::Error;
use crate::listing::table;
use crate::output::{Output, Structured};
use crate::source;
use crate::tree::Tree;

/// List the parameters, plans or tasks of a package
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  # The parameters
  kubectl kudo package list parameters ./operators/galera

  # The plans
  kubectl kudo package list plans ./operators/galera

  # For scripts
  kubectl kudo package list parameters ./operators/galera -o json")]
pub(crate) enum ListCommand {
    Parameters(ParametersArgs),
    Plans(PlansArgs),
    Tasks(TasksArgs),
}

/// List the parameters of a package
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Names, defaults, and which are required
  kubectl kudo package list parameters ./operators/galera

  # With their descriptions
  kubectl kudo package list parameters ./operators/galera -d")]
pub(crate) struct ParametersArgs {
    /// The package: a directory, a .tgz file, the URL of one, or a name in a repository; without it,
    /// the package in the current directory, or in one below it
    #[arg(value_name = "PACKAGE")]
    package: Option<String>,

    #[command(flatten)]
    choice: VersionChoice,

    /// Show the descriptions too
    #[arg(short, long, conflicts_with_all = ["required", "names"])]
    descriptions: bool,

    /// Show only those that must be given: required and without a default
    #[arg(short, long, conflicts_with = "names")]
    required: bool,

    /// Show only the names
    #[arg(long)]
    names: bool,
}

/// List the plans of a package with their phases, steps and tasks
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # The plans
  kubectl kudo package list plans ./operators/galera

  # With what their tasks do
  kubectl kudo package list plans ./operators/galera -t")]
pub(crate) struct PlansArgs {
    /// The package: a directory, a .tgz file, the URL of one, or a name in a repository
    #[arg(value_name = "PACKAGE")]
    package: String,

    #[command(flatten)]
    choice: VersionChoice,

    /// Show what the tasks do, and with which templates
    #[arg(short = 't', long)]
    with_tasks: bool,
}

/// List the tasks of a package
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # The tasks
  kubectl kudo package list tasks ./operators/galera")]
pub(crate) struct TasksArgs {
    /// The package: a directory, a .tgz file, the URL of one, or a name in a repository
    #[arg(value_name = "PACKAGE")]
    package: String,

    #[command(flatten)]
    choice: VersionChoice,
}

pub(super) fn run(command: &ListCommand, global: &Global, output: &Output) -> Result<(), Error> {
    let (name, package, choice) = match command {
        ListCommand::Parameters(arguments) => {
            let package = match &arguments.package {
                Some(package) => package.clone(),
                None => package_here()?.display().to_string(),
            };
            ("package list parameters", package, &arguments.choice)
        }
        ListCommand::Plans(PlansArgs {
            package, choice, ..
        }) => ("package list plans", package.clone(), choice),
        ListCommand::Tasks(TasksArgs { package, choice }) => {
            ("package list tasks", package.clone(), choice)
        }
    };
    let format = output.format(name, &[Format::Table, Format::Yaml, Format::Json])?;
    let mut package = source::load_local(&package, choice, global)?.package;
    if let ListCommand::Parameters(arguments) = command {
        let all = &mut package.definition.parameters;
        all.retain(|parameter| !arguments.required || parameter.needs_value());
        all.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let definition = &package.definition;
    if let Some(structured) = Structured::from_format(format) {
        let spec = convert::operator_version(&package, "").spec;
        return output.value(structured, &structured_list(command, spec));
    }
    let text = match command {
        ListCommand::Parameters(arguments) => parameters(definition, arguments),
        ListCommand::Plans(arguments) => plans(definition, arguments.with_tasks),
        ListCommand::Tasks(_) => tasks(definition),
    };
    output.data(&text)
}

/// What is listed, as the operator version in a cluster has it.
fn structured_list(command: &ListCommand, spec: OperatorVersionSpec) -> Value {
    match command {
        ListCommand::Parameters(ParametersArgs { names: true, .. }) => {
            let names = spec.parameters.into_iter().map(|parameter| parameter.name);
            json!(names.collect::<Vec<String>>())
        }
        ListCommand::Parameters(_) => json!(spec.parameters),
        ListCommand::Plans(_) => json!(spec.plans),
        ListCommand::Tasks(_) => json!(spec.tasks),
    }
}

fn parameters(definition: &OperatorDefinition, arguments: &ParametersArgs) -> String {
    let all = &definition.parameters;
    let name = |parameter: &Parameter| vec![parameter.name.clone()];
    if arguments.required {
        return table(&["Name"], all.iter().map(name))
            .unwrap_or_else(|| "no required parameters without default values found".to_owned());
    }
    let listed = if arguments.names {
        table(&["Name"], all.iter().map(name))
    } else if arguments.descriptions {
        let headings = ["Name", "Default", "Required", "Immutable", "Descriptions"];
        table(
            &headings,
            all.iter().map(|parameter| {
                let mut row = columns(parameter);
                row.push(one_line(
                    parameter.description.as_deref().unwrap_or_default(),
                ));
                row
            }),
        )
    } else {
        let headings = ["Name", "Default", "Required", "Immutable"];
        table(&headings, all.iter().map(columns))
    };
    listed.unwrap_or_else(|| "no parameters found".to_owned())
}

fn columns(parameter: &Parameter) -> Vec<String> {
    vec![
        parameter.name.clone(),
        one_line(parameter.default.as_deref().unwrap_or_default()),
        parameter.required.to_string(),
        parameter.immutable.to_string(),
    ]
}

/// A text on one line of a table.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

fn plans(definition: &OperatorDefinition, with_tasks: bool) -> String {
    if definition.plans.is_empty() {
        return "no plans found".to_owned();
    }
    let plans = definition
        .plans
        .iter()
        .map(|(name, plan)| plan_tree(definition, name, plan, with_tasks));
    Tree::new("plans", plans).draw()
}

fn plan_tree(definition: &OperatorDefinition, name: &str, plan: &Plan, with_tasks: bool) -> Tree {
    let phases = plan.phases.iter().map(|phase| {
        let steps = phase.steps.iter().map(|step| {
            let tasks = step.tasks.iter().map(|task| match definition.task(task) {
                Some(task) if with_tasks => task_tree(task),
                _ => Tree::leaf(task),
            });
            Tree::new(format!("[step]  {}", step.name), tasks)
        });
        let text = format!("[phase]  {} ({})", phase.name, strategy(phase.strategy));
        Tree::new(text, steps)
    });
    Tree::new(format!("{name} ({})", strategy(plan.strategy)), phases)
}

fn strategy(strategy: Option<Strategy>) -> &'static str {
    // An absent strategy acts as parallel.
    strategy.unwrap_or(Strategy::Parallel).as_str()
}

fn task_tree(task: &Task) -> Tree {
    let mut branches = Vec::new();
    if let TaskSpec::Toggle { parameter, .. } = &task.spec {
        branches.push(Tree::leaf(format!("[parameter]  {parameter}")));
    }
    branches.extend(task.spec.templates().into_iter().map(Tree::leaf));
    let kind = task.spec.kind().to_lowercase();
    Tree::new(format!("[{kind}]  {}", task.name), branches)
}

fn tasks(definition: &OperatorDefinition) -> String {
    let rows = definition.tasks.iter().map(|task| {
        let templates = task.spec.templates().join(" ");
        vec![
            task.name.clone(),
            task.spec.kind().to_owned(),
            match task.spec {
                TaskSpec::Pipe { .. } => templates,
                _ => format!("[{templates}]"),
            },
        ]
    });
    table(&["Name", "Kind", "Resources"], rows).unwrap_or_else(|| "no tasks found".to_owned())
}
