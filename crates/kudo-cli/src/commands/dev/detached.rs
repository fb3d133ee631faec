//! A cluster in a process of its own: its start, its end, and whether there is one.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::folder::{Folder, failed};
use crate::error::Error;
use crate::output::Output;

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
            let last = log.lines().rev().find(|line| !line.starts_with("Hint:"));
            let last = last.unwrap_or("it says nothing").to_owned();
            return Err(Error::Dev(last.trim_start_matches("Error: ").to_owned()));
        }
        sleep(GLANCE);
    }
    output.result(&format!(
        "The embedded cluster runs in the background, with the manager in it. Type next:\n\n  \
         export KUBECONFIG={}\n  \
         kubectl kudo install ./operators/galera --wait\n\n\
         `kubectl kudo dev stop` ends it, and all that it holds.",
        folder.kubeconfig().display()
    ))
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
    match folder.pid() {
        Some(pid) if folder.is_taken() => output.data(&format!(
            "The embedded cluster runs in process {pid}: export KUBECONFIG={}",
            folder.kubeconfig().display()
        )),
        _ => Err(Error::DevAbsent),
    }
}
