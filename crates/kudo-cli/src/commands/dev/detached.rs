//! A cluster in a process of its own: its start, its end, and whether there is one.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::folder::{Folder, failed};
use super::what_is_left;
use crate::arguments::Format;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::output::{Output, Structured};

/// How long the other process may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// Starts the same command in the background, and waits until its cluster serves.
pub(super) fn start(folder: &Folder, output: &Output) -> Result<(), Error> {
    // Only to learn at once whether one runs.
    drop(folder.take()?);
    folder.clear();
    let path = folder.log();
    let mut options = OpenOptions::new();
    let log = options.write(true).create(true).truncate(true).mode(0o600);
    let log = log
        .open(&path)
        .map_err(|source| failed("write", &path, source))?;
    let errors = log
        .try_clone()
        .map_err(|source| failed("write", &path, source))?;
    let program = std::env::current_exe().map_err(Error::Runtime)?;
    let arguments = std::env::args_os().skip(1);
    let mut child = Command::new(program)
        .args(arguments.filter(|argument| argument != "--detach" && argument != "--detach=true"))
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(Error::Runtime)?;
    let until = Instant::now() + PATIENCE;
    while !folder.kubeconfig().exists() {
        let ended = child.try_wait().map_err(Error::Runtime)?;
        if ended.is_some() || Instant::now() > until {
            let log = fs::read_to_string(&path).unwrap_or_default();
            let code = ended.and_then(|status| status.code());
            return Err(why_not(&log, code));
        }
        sleep(GLANCE);
    }
    output.result(&format!(
        "The embedded cluster runs in the background, with the manager in it. Type next:\n\n  \
         export KUBECONFIG={}\n  \
         kubectl kudo install ./operators/galera --wait\n\n\
         `kubectl kudo dev stop` ends it{}",
        folder.kubeconfig().display(),
        what_is_left(folder.state().as_deref())
    ))
}

/// What the other process said at its end, and how it ended.
fn why_not(log: &str, code: Option<i32>) -> Error {
    let at = log.rfind("Error: ");
    let Some(said) = at.and_then(|at| log.get(at + "Error: ".len()..)) else {
        let last = log.lines().next_back().unwrap_or("it says nothing");
        return Error::Dev(last.to_owned());
    };
    let (mut message, mut hints) = (Vec::new(), Vec::new());
    for line in said.lines() {
        match line.strip_prefix("Hint: ") {
            Some(hint) => hints.push(hint.to_owned()),
            None => message.push(line),
        }
    }
    let mut all = ExitStatus::ALL.into_iter();
    Error::DevDetached {
        message: message.join("\n"),
        hints,
        exit: all
            .find(|status| Some(i32::from(status.code())) == code)
            .unwrap_or(ExitStatus::Failed),
    }
}

/// Asks the process that runs the cluster to end, and waits until it has.
pub(super) fn stop(folder: &Folder, output: &Output) -> Result<(), Error> {
    if !folder.is_taken() {
        return Err(Error::DevAbsent);
    }
    let pid = folder
        .pid()
        .and_then(Pid::from_raw)
        .ok_or(Error::DevAbsent)?;
    // One that has ended meanwhile is as good.
    let _ = kill_process(pid, Signal::TERM);
    let until = Instant::now() + PATIENCE;
    while folder.is_taken() {
        if Instant::now() > until {
            let pid = pid.as_raw_nonzero();
            return Err(Error::Dev(format!("process {pid} does not end")));
        }
        sleep(GLANCE);
    }
    output.result("The embedded cluster has ended.")
}

/// Tells whether a cluster runs.
pub(super) fn status(folder: &Folder, output: &Output) -> Result<(), Error> {
    let format = output.format("dev status", &[Format::Yaml, Format::Json])?;
    let pid = folder.pid().filter(|_| folder.is_taken());
    let pid = pid.ok_or(Error::DevAbsent)?;
    let (kubeconfig, state) = (folder.kubeconfig(), folder.state());
    if let Some(structured) = Structured::from_format(format) {
        let status = json!({ "pid": pid, "kubeconfig": kubeconfig, "state": state });
        return output.value(structured, &status);
    }
    let kept = state.map(|path| format!("\nIts objects are kept in {}", path.display()));
    output.data(&format!(
        "The embedded cluster runs in process {pid}: export KUBECONFIG={}{}",
        kubeconfig.display(),
        kept.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::{Error, ExitStatus, why_not};

    #[test]
    fn what_the_other_process_says_is_told_with_its_hints_and_code() {
        for (log, code, message, hints, exit) in [
            (
                "Warning: w\nError: it is broken:\n  there\nHint: mend it\n",
                Some(6),
                "it is broken:\n  there",
                vec!["mend it"],
                ExitStatus::Conflict,
            ),
            ("Error: no\n", None, "no", vec![], ExitStatus::Failed),
            ("Error: no\n", Some(99), "no", vec![], ExitStatus::Failed),
        ] {
            let Error::DevDetached {
                message: told,
                hints: given,
                exit: status,
            } = why_not(log, code)
            else {
                panic!("{log}");
            };
            assert_eq!((told.as_str(), status), (message, exit));
            assert_eq!(given, hints);
        }
        let silent = why_not("", Some(1)).to_string();
        assert_eq!(silent, "the embedded cluster: it says nothing");
    }
}
