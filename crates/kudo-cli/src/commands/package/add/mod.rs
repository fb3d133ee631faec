//! `package add maintainer|parameter|task|plan`: edits of a package's files that leave the rest of
//! them as it is.
//!
//! Without arguments everything is asked for, as with upstream (`ask`); with them nothing is.

mod ask;
mod files;

use clap::{Args, Subcommand};
use kudo_package::{TASK_KINDS, ValueType, yaml};
use serde_json::{Map, Value, json};

pub(super) use self::ask::ask_maintainer;
use self::files::PackageFiles;
pub(super) use self::files::package_here;
use crate::error::Error;
use crate::output::Output;
use crate::prompt::Prompt;

/// Add to the files of a package
#[derive(Debug, Subcommand)]
#[command(after_help = "\
The package is the one in the current directory, or in a directory below it if there is only one.
Without arguments, everything is asked for.

Examples:
  # Be asked for a parameter
  kubectl kudo package add parameter

  # Say all of it
  kubectl kudo package add parameter NODE_COUNT --type integer --default 3 --trigger node_update")]
pub(crate) enum AddCommand {
    Maintainer(MaintainerArgs),
    Parameter(ParameterArgs),
    Task(TaskArgs),
    Plan(PlanArgs),
}

/// Add a maintainer to operator.yaml
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Be asked
  kubectl kudo package add maintainer

  # Give the name and the address
  kubectl kudo package add maintainer \"Ada Lovelace\" ada@example.org")]
pub(crate) struct MaintainerArgs {
    /// Name of the maintainer
    #[arg(value_name = "NAME", requires = "email")]
    name: Option<String>,

    /// E-mail address of the maintainer
    #[arg(value_name = "EMAIL")]
    email: Option<String>,

    /// Ask for everything
    #[arg(short, long)]
    interactive: bool,
}

/// Add a parameter to params.yaml
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Be asked
  kubectl kudo package add parameter

  # A number with a default, whose change runs a plan of its own
  kubectl kudo package add parameter NODE_COUNT --type integer --default 3 --trigger node_update

  # One of a few values
  kubectl kudo package add parameter SIZE --enum small --enum large --default small")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ParameterArgs {
    /// Name of the parameter
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Type of its values: string, integer, number, boolean, array or map
    #[arg(long = "type", value_name = "TYPE", requires = "name")]
    value_type: Option<ValueType>,

    /// Default value; YAML for arrays and maps
    #[arg(
        long,
        value_name = "VALUE",
        requires = "name",
        allow_hyphen_values = true
    )]
    default: Option<String>,

    /// Name for people
    #[arg(long, value_name = "TEXT", requires = "name")]
    display_name: Option<String>,

    /// What it is for
    #[arg(long, value_name = "TEXT", requires = "name")]
    description: Option<String>,

    /// Advice on choosing a value
    #[arg(long, value_name = "TEXT", requires = "name")]
    hint: Option<String>,

    /// Let instances go without a value
    #[arg(long, requires = "name")]
    optional: bool,

    /// Plan that a change runs; without it, `update` or `deploy`
    #[arg(long, value_name = "PLAN", requires = "name")]
    trigger: Option<String>,

    /// A value that is allowed; may be given several times
    #[arg(
        long = "enum",
        value_name = "VALUE",
        requires = "name",
        allow_hyphen_values = true
    )]
    choices: Vec<String>,

    /// Group that it belongs to
    #[arg(long, value_name = "GROUP", requires = "name")]
    group: Option<String>,

    /// Keep its value after the installation
    #[arg(long, requires = "name")]
    immutable: bool,

    /// Mark it as being for experts
    #[arg(long, requires = "name")]
    advanced: bool,

    /// Ask for everything
    #[arg(short, long, conflicts_with = "name")]
    interactive: bool,
}

/// Add a task to operator.yaml, and its templates as empty files if they are not there
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Be asked
  kubectl kudo package add task

  # A task that applies two templates
  kubectl kudo package add task app --resource service.yaml --resource statefulset.yaml

  # One that keeps a file that a pod writes
  kubectl kudo package add task keys --kind Pipe --pod keygen.yaml --pipe /tmp/key:Secret:key")]
pub(crate) struct TaskArgs {
    /// Name of the task
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Kind of the task: Apply, Delete, Toggle, Pipe or KudoOperator
    #[arg(long, value_name = "KIND", requires = "name", default_value = "Apply")]
    kind: String,

    /// A template of Apply, Delete and Toggle; may be given several times
    #[arg(short, long = "resource", value_name = "FILE", requires = "name")]
    resources: Vec<String>,

    /// The boolean parameter of Toggle
    #[arg(long, value_name = "NAME", requires = "name")]
    parameter: Option<String>,

    /// The template of Pipe's pod
    #[arg(long, value_name = "FILE", requires = "name")]
    pod: Option<String>,

    /// A file of Pipe's pod, the kind of object that keeps it, and the key; may be given several times
    #[arg(long = "pipe", value_name = "FILE:KIND:KEY", requires = "name")]
    pipes: Vec<String>,

    /// The package of KudoOperator
    #[arg(long, value_name = "PACKAGE", requires = "name")]
    package: Option<String>,

    /// Ask for everything
    #[arg(short, long, conflicts_with = "name")]
    interactive: bool,
}

/// Add a plan to operator.yaml
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Be asked
  kubectl kudo package add plan

  # A plan of one step
  kubectl kudo package add plan backup --step backup=dump,upload

  # Two phases
  kubectl kudo package add plan upgrade --step stop/drain=drain --step start/app=config,app")]
pub(crate) struct PlanArgs {
    /// Name of the plan
    #[arg(value_name = "NAME", requires = "steps")]
    name: Option<String>,

    /// A step with its tasks, in a phase that has the plan's name unless another is given; may be
    /// given several times
    #[arg(
        long = "step",
        value_name = "[PHASE/]STEP=TASK,TASK",
        requires = "name"
    )]
    steps: Vec<String>,

    /// How the phases of the plan, and the steps of each phase, run: serial or parallel
    #[arg(long, value_name = "STRATEGY", value_parser = ["serial", "parallel"], default_value = "serial")]
    strategy: String,

    /// Ask for everything
    #[arg(short, long, conflicts_with = "name")]
    interactive: bool,
}

pub(super) fn run(command: &AddCommand, output: &Output) -> Result<(), Error> {
    output.format("package add", &[])?;
    let mut files = PackageFiles::find()?;
    match command {
        AddCommand::Maintainer(arguments) => {
            let maintainer = match (&arguments.name, &arguments.email) {
                (Some(name), Some(email)) if !arguments.interactive => {
                    ask::valid_email(email).map_err(|problem| Error::Invalid {
                        what: "e-mail address",
                        problem,
                    })?;
                    json!({ "name": name, "email": email })
                }
                _ => ask_maintainer(Prompt::new())?,
            };
            files.add_maintainer(&maintainer)?;
            added(&files, "maintainer", &maintainer["name"], output)
        }
        AddCommand::Parameter(arguments) => {
            let parameter = match &arguments.name {
                Some(name) => parameter(name, arguments)?,
                None => ask::parameter(Prompt::new(), &files)?,
            };
            files.add_parameter(&parameter)?;
            added(&files, "parameter", &parameter["name"], output)
        }
        AddCommand::Task(arguments) => {
            let task = match &arguments.name {
                Some(name) => task(name, arguments)?,
                None => ask::task(Prompt::new(), &files)?,
            };
            files.add_task(&task)?;
            added(&files, "task", &task["name"], output)
        }
        AddCommand::Plan(arguments) => {
            let (name, plan, tasks) = match &arguments.name {
                Some(name) => (name.clone(), plan(name, arguments)?, vec![]),
                None => ask::plan(Prompt::new(), &files)?,
            };
            for task in &tasks {
                files.add_task(task)?;
            }
            files.add_plan(&name, &plan)?;
            for task in files.unknown_tasks(&plan) {
                output.warn(&format!(
                    "there is no task {task:?} yet; add it with: kubectl kudo package add task {task}"
                ));
            }
            added(&files, "plan", &json!(name), output)
        }
    }
}

fn added(files: &PackageFiles, what: &str, name: &Value, output: &Output) -> Result<(), Error> {
    files.write()?;
    let name = name.as_str().unwrap_or_default();
    output.result(&format!("{what} {name} added"))
}

fn parameter(name: &str, arguments: &ParameterArgs) -> Result<Value, Error> {
    let typed = |text: &String| match arguments.value_type {
        Some(ValueType::Array | ValueType::Map) => {
            yaml::parse(text).map_err(|error| Error::Invalid {
                what: "default",
                problem: error.to_string(),
            })
        }
        _ => Ok(json!(text)),
    };
    let mut parameter = Map::new();
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            parameter.insert(key.to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    add("name", Some(json!(name)));
    add("type", arguments.value_type.map(|t| json!(t.as_str())));
    add(
        "default",
        arguments.default.as_ref().map(typed).transpose()?,
    );
    add("displayName", text(&arguments.display_name));
    add("description", text(&arguments.description));
    add("hint", text(&arguments.hint));
    add("required", arguments.optional.then_some(json!(false)));
    add("trigger", text(&arguments.trigger));
    let choices = &arguments.choices;
    add("enum", (!choices.is_empty()).then(|| json!(choices)));
    add("group", text(&arguments.group));
    add("immutable", arguments.immutable.then_some(json!(true)));
    add("advanced", arguments.advanced.then_some(json!(true)));
    Ok(Value::Object(parameter))
}

fn task(name: &str, arguments: &TaskArgs) -> Result<Value, Error> {
    let known = TASK_KINDS.iter();
    let kind = known
        .filter(|kind| **kind != "Dummy")
        .find(|kind| kind.eq_ignore_ascii_case(&arguments.kind));
    let kind = kind.ok_or_else(|| Error::Invalid {
        what: "kind",
        problem: format!(
            "{:?} is not one of Apply, Delete, Toggle, Pipe and KudoOperator",
            arguments.kind
        ),
    })?;
    let mut spec = Map::new();
    let resources: Vec<String> = arguments
        .resources
        .iter()
        .map(|r| ask::template(r))
        .collect();
    if !resources.is_empty() {
        spec.insert("resources".to_owned(), json!(resources));
    }
    let pipes: Result<Vec<Value>, Error> = arguments
        .pipes
        .iter()
        .map(|pipe| self::pipe(pipe))
        .collect();
    let pipes = pipes?;
    if !pipes.is_empty() {
        spec.insert("pipe".to_owned(), json!(pipes));
    }
    let texts = [
        ("parameter", arguments.parameter.clone()),
        ("pod", arguments.pod.as_deref().map(ask::template)),
        ("package", arguments.package.clone()),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            spec.insert(key.to_owned(), json!(text));
        }
    }
    Ok(json!({ "name": name, "kind": kind, "spec": spec }))
}

fn pipe(text: &str) -> Result<Value, Error> {
    let parts: Vec<&str> = text.split(':').collect();
    let [file, kind, key] = parts.as_slice() else {
        return Err(Error::Invalid {
            what: "--pipe",
            problem: format!("{text:?} is not FILE:KIND:KEY, such as /tmp/key:Secret:key"),
        });
    };
    Ok(json!({ "file": file, "kind": kind, "key": key }))
}

fn plan(name: &str, arguments: &PlanArgs) -> Result<Value, Error> {
    let mut phases: Vec<(&str, Vec<Value>)> = Vec::new();
    for text in &arguments.steps {
        let (path, tasks) = text.split_once('=').ok_or_else(|| Error::Invalid {
            what: "--step",
            problem: format!("{text:?} is not [PHASE/]STEP=TASK,TASK, such as backup=dump,upload"),
        })?;
        let (phase, step) = path.split_once('/').unwrap_or((name, path));
        let tasks: Vec<&str> = tasks.split(',').map(str::trim).collect();
        let step = json!({ "name": step, "tasks": tasks });
        match phases.iter_mut().find(|(name, _)| *name == phase) {
            Some((_, steps)) => steps.push(step),
            None => phases.push((phase, vec![step])),
        }
    }
    let strategy = &arguments.strategy;
    let phases: Vec<Value> = phases
        .into_iter()
        .map(|(name, steps)| json!({ "name": name, "strategy": strategy, "steps": steps }))
        .collect();
    Ok(json!({ "strategy": strategy, "phases": phases }))
}
