//! What a simulated container says: its log, its files, and what its commands answer.
//!
//! There is no program in it. Its pod's annotations say what it does, and a few commands are known of
//! themselves ([`Container::run`]), so that what copies files out of pods can be tried.

mod commands;
mod environment;
mod files;
mod script;

use serde_json::Value;

pub use environment::Lookup;

/// Text of the log, for all containers; with `.<container>` at its end for one.
pub const LOG_ANNOTATION: &str = "simulate.kudo.dev/log";
/// A map of absolute paths and the files' contents, as YAML or JSON. What lies above a file is a directory.
pub const FILES_ANNOTATION: &str = "simulate.kudo.dev/files";
/// A list of commands and what they answer, as YAML or JSON: `command` (a pattern with `*` and `?`),
/// `stdout`, `stderr` and `exit`.
pub const EXEC_ANNOTATION: &str = "simulate.kudo.dev/exec";

/// One container of a simulated pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    pod: String,
    hostname: String,
    env: Vec<(String, String)>,
    mounts: Vec<String>,
    log: String,
    files: String,
    script: String,
}

/// What comes of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It ran and ended.
    Done(Output),
    /// It gives back what it is given, until that ends.
    Echo,
    /// It could not be run, and why.
    Failed(String),
}

/// What a command wrote and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Exit code.
    pub exit: u8,
}

/// How a pod calls itself.
fn hostname(pod: &Value) -> String {
    let given = pod["spec"]["hostname"].as_str();
    let name = given.or(pod["metadata"]["name"].as_str());
    name.unwrap_or_default().to_owned()
}

impl Container {
    /// The container of that name, if the pod has it. What its variables are taken from is looked up.
    pub fn of(pod: &Value, name: &str, lookup: &Lookup<'_>) -> Option<Self> {
        let spec = ["initContainers", "containers", "ephemeralContainers"]
            .into_iter()
            .flat_map(|list| pod["spec"][list].as_array().into_iter().flatten())
            .find(|container| container["name"] == name)?;
        let annotation = |name: &str| pod["metadata"]["annotations"][name].as_str();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let own_log = format!("{LOG_ANNOTATION}.{name}");
        let mut log = annotation(&own_log)
            .or_else(|| annotation(LOG_ANNOTATION))
            .unwrap_or_default()
            .to_owned();
        if !log.is_empty() && !log.ends_with('\n') {
            log.push('\n');
        }
        let mounts = list(&spec["volumeMounts"]).into_iter();
        Some(Self {
            pod: text(&pod["metadata"]["name"]),
            hostname: hostname(pod),
            env: environment::variables(pod, spec, lookup),
            mounts: mounts.map(|mount| text(&mount["mountPath"])).collect(),
            log,
            files: annotation(FILES_ANNOTATION).unwrap_or_default().to_owned(),
            script: annotation(EXEC_ANNOTATION).unwrap_or_default().to_owned(),
        })
    }

    /// All that the container has written.
    pub fn log(&self) -> &str {
        &self.log
    }

    /// Runs a command. The pod's script is asked first; of themselves containers know `tar cf - PATH…`,
    /// `cat`, `echo`, `printenv`, `env`, `hostname`, `true` and `false`.
    pub fn run(&self, command: &[String]) -> Answer {
        match script::answer(&self.script, command) {
            Ok(Some(output)) => Answer::Done(output),
            Ok(None) => commands::run(self, command),
            Err(problem) => Answer::Failed(problem),
        }
    }
}
