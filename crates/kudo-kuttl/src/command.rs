//! Programs and scripts that steps run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command as Process};

use crate::definitions::Command;
use crate::expand::expand;
use crate::words;

/// Advice where a program is not there.
const NO_KUBECTL: &str =
    "install it as https://kubernetes.io/docs/tasks/tools/ says, or as Debian's kubernetes-client";

/// Where commands run, and what they see.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// Working directory.
    pub(crate) dir: PathBuf,
    /// The test's namespace.
    pub(crate) namespace: String,
    /// Kubeconfig of the cluster.
    pub(crate) kubeconfig: PathBuf,
    /// `PATH` with the runner's own folder in front.
    pub(crate) path: OsString,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("command {command:?}: {source}")]
    Words {
        command: String,
        source: words::WordsError,
    },
    #[error("command {command:?} names no program")]
    Empty { command: String },
    #[error(
        "command {command:?} cannot be started: {}",
        cannot_start(program, source)
    )]
    Start {
        command: String,
        program: String,
        source: std::io::Error,
    },
    #[error("command {command:?} failed: {status}")]
    Failed {
        command: String,
        status: std::process::ExitStatus,
    },
    #[error("command {command:?} was not done after {} s", after.as_secs())]
    TimedOut { command: String, after: Duration },
}

fn cannot_start(program: &str, source: &std::io::Error) -> String {
    match (source.kind(), program) {
        (std::io::ErrorKind::NotFound, "kubectl") => {
            format!("kubectl is not installed ({NO_KUBECTL})")
        }
        (std::io::ErrorKind::NotFound, program) => format!("there is no program {program:?}"),
        _ => source.to_string(),
    }
}

/// A command that goes on in the background; dropping it ends it with all it has started.
#[derive(Debug)]
pub(crate) struct Background {
    child: Child,
}

impl Drop for Background {
    fn drop(&mut self) {
        end(&self.child);
    }
}

fn end(child: &Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(group) = id.and_then(Pid::from_raw) {
        // It may have ended by itself meanwhile.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

impl Surroundings {
    fn variables(&self) -> BTreeMap<&'static str, OsString> {
        BTreeMap::from([
            ("NAMESPACE", self.namespace.clone().into()),
            ("KUBECONFIG", self.kubeconfig.clone().into()),
            ("PATH", self.path.clone()),
        ])
    }

    fn words(&self, command: &Command) -> Result<Vec<String>, CommandError> {
        if !command.script.is_empty() {
            return Ok(vec!["sh".into(), "-c".into(), command.script.clone()]);
        }
        let variables = self.variables();
        let line = expand(&command.command, |name| match variables.get(name) {
            Some(value) => Some(value.to_string_lossy().into_owned()),
            None => std::env::var(name).ok(),
        });
        let mut words = words::split(&line).map_err(|source| CommandError::Words {
            command: describe(command),
            source,
        })?;
        if command.namespaced && !words::names_namespace(&words) {
            words.extend(["--namespace".to_owned(), self.namespace.clone()]);
        }
        Ok(words)
    }

    /// Runs a command to its end, or starts it if it goes on in the background. Its output goes to
    /// `log` line by line.
    pub(crate) async fn run(
        &self,
        command: &Command,
        timeout: Option<Duration>,
        log: &(dyn Fn(&str) + Sync),
    ) -> Result<Option<Background>, CommandError> {
        let limit = match command.timeout {
            0 => timeout,
            seconds => u64::try_from(seconds).ok().map(Duration::from_secs),
        };
        let words = self.words(command)?;
        let [program, arguments @ ..] = words.as_slice() else {
            return Err(CommandError::Empty {
                command: describe(command),
            });
        };
        log(&format!("running {}", words.join(" ")));
        let quiet = command.skip_log_output || command.background;
        let output = || if quiet { Stdio::null() } else { Stdio::piped() };
        let mut child = Process::new(self.find(program))
            .args(arguments)
            .current_dir(&self.dir)
            .envs(self.variables())
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| CommandError::Start {
                command: describe(command),
                program: program.clone(),
                source,
            })?;
        if command.background {
            return Ok(Some(Background { child }));
        }
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // Ends the whole group if this future is dropped.
        let mut running = Background { child };
        let work = async {
            let (status, (), ()) =
                tokio::join!(running.child.wait(), lines(stdout, log), lines(stderr, log));
            status
        };
        let ended = match limit {
            Some(limit) => tokio::time::timeout(limit, work).await,
            None => Ok(work.await),
        };
        let status = match (ended, limit) {
            (Ok(status), _) => status,
            // As with kuttl: what was ended for its time has failed, too.
            (Err(_), _) if command.ignore_failure => {
                log("ended, as its time was up; its failure is ignored");
                return Ok(None);
            }
            (Err(_), limit) => {
                return Err(CommandError::TimedOut {
                    command: describe(command),
                    after: limit.unwrap_or_default(),
                });
            }
        };
        match status {
            Ok(status) if status.success() || command.ignore_failure => Ok(None),
            Ok(status) => Err(CommandError::Failed {
                command: describe(command),
                status,
            }),
            Err(source) => Err(CommandError::Start {
                command: describe(command),
                program: program.clone(),
                source,
            }),
        }
    }

    /// The program on our `PATH`; one with a slash is relative to the working directory.
    fn find(&self, program: &str) -> PathBuf {
        if program.contains('/') {
            return self.dir.join(program);
        }
        std::env::split_paths(&self.path)
            .map(|folder| self.dir.join(folder).join(program))
            .find(|path| is_program(path))
            .unwrap_or_else(|| PathBuf::from(program))
    }
}

/// Whether a file can be run.
pub(crate) fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

async fn lines(stream: Option<impl AsyncRead + Unpin>, log: &(dyn Fn(&str) + Sync)) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|read| read > 0)
    {
        log(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
}

/// A command in a line of bounded length.
pub(crate) fn describe(command: &Command) -> String {
    const LONGEST: usize = 100;
    let text = if command.script.is_empty() {
        command.command.as_str()
    } else {
        command.script.as_str()
    };
    let mut line = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect::<Vec<_>>()
        .join("; ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}
