//! The questions of `package add` and `package new`, in upstream's words and order.

use serde_json::{Map, Value, json};

use super::files::PackageFiles;
use crate::prompt::{Prompt, PromptError, not_empty};

const KINDS: &[&str] = &["Apply", "Delete", "Pipe", "Toggle", "KudoOperator"];
const STRATEGIES: &[&str] = &["serial", "parallel"];

/// Asks for a maintainer.
pub(in super::super) fn ask_maintainer(prompt: Prompt) -> Result<Value, PromptError> {
    let name = prompt.text("Maintainer Name", "", not_empty)?;
    let email = prompt.text("Maintainer Email", "", valid_email)?;
    Ok(json!({ "name": name, "email": email }))
}

/// Asks for a parameter.
pub(super) fn parameter(prompt: Prompt, files: &PackageFiles) -> Result<Value, PromptError> {
    let mut parameter = Map::new();
    let name = prompt.text("Parameter Name", "", |name| new(name, &files.parameters()))?;
    parameter.insert("name".to_owned(), json!(name));
    let texts = [
        ("default", "Default Value"),
        ("displayName", "Display Name"),
        ("description", "Description"),
    ];
    for (key, question) in texts {
        let text = prompt.text(question, "", |_| Ok(()))?;
        if !text.is_empty() {
            parameter.insert(key.to_owned(), json!(text));
        }
    }
    let required = prompt.choice("Required", &["false", "true"])?;
    parameter.insert("required".to_owned(), json!(required == "true"));
    if prompt.confirm("Add Trigger Plan (defaults to deploy)")? {
        let plans = files.plans();
        let plans: Vec<&str> = plans.iter().map(String::as_str).collect();
        let trigger = prompt.choice_or_new("Trigger Plan", &plans, "New plan name to trigger")?;
        parameter.insert("trigger".to_owned(), json!(trigger));
    }
    Ok(Value::Object(parameter))
}

/// Asks for a task.
pub(super) fn task(prompt: Prompt, files: &PackageFiles) -> Result<Value, PromptError> {
    let name = prompt.text("Task Name", "", |name| new(name, &files.tasks()))?;
    task_of(prompt, &name)
}

fn task_of(prompt: Prompt, name: &str) -> Result<Value, PromptError> {
    let kind = prompt.choice("Task Kind", KINDS)?;
    let mut spec = Map::new();
    match kind.as_str() {
        "Pipe" => {
            let pod = prompt.text("Pipe Pod File", "", not_empty)?;
            spec.insert("pod".to_owned(), json!(template(&pod)));
            spec.insert("pipe".to_owned(), json!(pipes(prompt)?));
        }
        "KudoOperator" => {
            let package = prompt.text("Package", "", not_empty)?;
            spec.insert("package".to_owned(), json!(package));
        }
        kind => {
            spec.insert("resources".to_owned(), json!(resources(prompt)?));
            if kind == "Toggle" {
                let parameter = prompt.text("Boolean Parameter", "", not_empty)?;
                spec.insert("parameter".to_owned(), json!(parameter));
            }
        }
    }
    Ok(json!({ "name": name, "kind": kind, "spec": spec }))
}

fn resources(prompt: Prompt) -> Result<Vec<String>, PromptError> {
    let mut resources = Vec::new();
    loop {
        let resource = prompt.text("Task Resource", "", not_empty)?;
        resources.push(template(&resource));
        if !prompt.confirm("Add another Resource")? {
            return Ok(resources);
        }
    }
}

fn pipes(prompt: Prompt) -> Result<Vec<Value>, PromptError> {
    let mut pipes = Vec::new();
    loop {
        let file = prompt.text("Pipe File (internal to pod)", "", not_empty)?;
        let kind = prompt.choice("Pipe Kind", &["ConfigMap", "Secret"])?;
        let key = prompt.text("Pipe Kind Key", "", not_empty)?;
        pipes.push(json!({ "file": file, "kind": kind, "key": key }));
        if !prompt.confirm("Add another pipe")? {
            return Ok(pipes);
        }
    }
}

/// Asks for a plan: its name, the plan, and the tasks that were made for it.
pub(super) fn plan(
    prompt: Prompt,
    files: &PackageFiles,
) -> Result<(String, Value, Vec<Value>), PromptError> {
    let plans = files.plans();
    let mut asking = Asking {
        prompt,
        default: if plans.is_empty() { "deploy" } else { "" },
        tasks: files.tasks(),
        made: vec![],
    };
    let name = prompt.text("Plan Name", asking.default, |name| new(name, &plans))?;
    let strategy = prompt.choice("Plan strategy for phase", STRATEGIES)?;
    let mut phases = Vec::new();
    loop {
        phases.push(asking.phase(&phases)?);
        if !prompt.confirm("Add another Phase")? {
            let plan = json!({ "strategy": strategy, "phases": phases });
            return Ok((name, plan, asking.made));
        }
    }
}

/// What is known while a plan is asked for.
struct Asking {
    prompt: Prompt,
    /// Name of the first phase, step and task of a package's first plan.
    default: &'static str,
    tasks: Vec<String>,
    made: Vec<Value>,
}

impl Asking {
    fn phase(&mut self, before: &[Value]) -> Result<Value, PromptError> {
        let question = format!("Phase {} name", before.len() + 1);
        let name = self
            .prompt
            .text(&question, self.default, |name| new(name, &named(before)))?;
        let strategy = self.prompt.choice("Phase strategy for steps", STRATEGIES)?;
        let mut steps = Vec::new();
        loop {
            steps.push(self.step(&steps)?);
            if !self.prompt.confirm("Add another Step")? {
                return Ok(json!({ "name": name, "strategy": strategy, "steps": steps }));
            }
        }
    }

    fn step(&mut self, before: &[Value]) -> Result<Value, PromptError> {
        let question = format!("Step {} name", before.len() + 1);
        let name = self
            .prompt
            .text(&question, self.default, |name| new(name, &named(before)))?;
        let mut tasks = Vec::new();
        loop {
            tasks.push(self.task(&name, &tasks)?);
            if !self.prompt.confirm("Add another Task")? {
                return Ok(json!({ "name": name, "tasks": tasks }));
            }
        }
    }

    fn task(&mut self, step: &str, before: &[String]) -> Result<String, PromptError> {
        let question = format!("Task Name {} for Step {step:?}", before.len() + 1);
        let free = self.tasks.iter().filter(|task| !before.contains(task));
        let free: Vec<&str> = free.map(String::as_str).collect();
        let default = std::mem::take(&mut self.default);
        let name = if free.is_empty() {
            self.prompt.text(&question, default, not_empty)?
        } else {
            self.prompt
                .choice_or_new(&question, &free, "Add New Task")?
        };
        if !self.tasks.contains(&name) {
            if self.prompt.confirm("Create Task Now")? {
                self.made.push(task_of(self.prompt, &name)?);
            }
            self.tasks.push(name.clone());
        }
        Ok(name)
    }
}

/// A template's file name; without an extension it is YAML.
pub(super) fn template(name: &str) -> String {
    if name.contains('.') {
        name.to_owned()
    } else {
        format!("{name}.yaml")
    }
}

/// Whether a text can be an e-mail address.
pub(super) fn valid_email(text: &str) -> Result<(), String> {
    let valid = text.split_once('@').is_some_and(|(user, host)| {
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let user_character =
            |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
        !user.is_empty() && user.chars().all(user_character) && host.split('.').all(label)
    });
    if valid {
        Ok(())
    } else {
        Err(format!(
            "{text:?} is not an e-mail address such as ada@example.org"
        ))
    }
}

fn new(name: &str, taken: &[String]) -> Result<(), String> {
    not_empty(name)?;
    if taken.iter().any(|taken| taken.eq_ignore_ascii_case(name)) {
        return Err(format!("there is one of the name {name:?} already"));
    }
    Ok(())
}

fn named(values: &[Value]) -> Vec<String> {
    let names = values.iter().filter_map(|value| value["name"].as_str());
    names.map(str::to_owned).collect()
}
