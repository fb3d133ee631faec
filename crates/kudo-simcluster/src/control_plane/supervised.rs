//! Child processes that end with their owner, however the owner ends.
//!
//! Each child runs under a small shell that holds the reading end of a pipe. When the owner drops
//! the child, exits, panics or is killed, the kernel closes the pipe and the shell kills the child.
//! Unlike a parent-death signal this needs no unsafe code, does not care which thread started the
//! child, and works on every Unix.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::{ControlPlaneError, io_error};

/// Runs `"$@"` until it ends or standard input is closed, and ends as it does.
const SUPERVISE: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
child=$!
{ read -r _ <&3; kill -KILL $child; } 2>/dev/null >/dev/null &
watcher=$!
wait $child
code=$?
kill $watcher 2>/dev/null
exit $code
"#;

/// Removes the folder `$1` when standard input is closed. What is being killed at that moment may
/// still create a file, hence the repetition.
const REMOVE_FOLDER: &str = r#"
read -r _
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf -- "$1" 2>/dev/null
  [ -e "$1" ] || exit 0
  sleep 0.1
done
"#;

/// A process that is killed when this value is dropped or its owner dies.
#[derive(Debug)]
pub(super) struct Supervised {
    name: &'static str,
    log: PathBuf,
    supervisor: Child,
}

impl Supervised {
    /// Starts `program` with its output in `folder/<name>.log`.
    pub(super) fn start<A: AsRef<OsStr>>(
        name: &'static str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> Result<Self, ControlPlaneError> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).map_err(io_error(&log))?;
        let errors = output.try_clone().map_err(io_error(&log))?;
        let supervisor = shell(SUPERVISE)
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(io_error(program))?;
        Ok(Self {
            name,
            log,
            supervisor,
        })
    }

    /// The child's end with the last lines it wrote, when it has ended by itself.
    pub(super) fn failure(&mut self) -> Option<ControlPlaneError> {
        let status: ExitStatus = self.supervisor.try_wait().ok().flatten()?;
        Some(ControlPlaneError::Ended {
            program: self.name,
            status,
            log_tail: tail(&self.log),
        })
    }

    pub(super) fn log_tail(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        // The supervisor only fails to end if it was stopped or is gone; neither leaves more to do.
        let _ = self.supervisor.wait();
    }
}

/// A folder that is removed when this value is dropped or its owner dies.
#[derive(Debug)]
pub(super) struct SupervisedFolder {
    path: PathBuf,
    remover: Child,
}

impl SupervisedFolder {
    pub(super) fn new(path: PathBuf) -> Result<Self, ControlPlaneError> {
        let remover = shell(REMOVE_FOLDER)
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(io_error(&path))?;
        Ok(Self { path, remover })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SupervisedFolder {
    fn drop(&mut self) {
        drop(self.remover.stdin.take());
        let _ = self.remover.wait();
    }
}

/// A shell of its own process group, so that an interrupt at the terminal reaches the owner alone.
fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script, "kudo-supervisor"])
        .stdin(Stdio::piped())
        .process_group(0);
    command
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn until(what: &str, mut condition: impl FnMut() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "timed out: {what}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn alive(pid: &str) -> bool {
        Path::new("/proc").join(pid).join("cmdline").exists()
    }

    #[test]
    fn a_dropped_child_is_gone_and_its_folder_too() {
        let folder = tempfile::tempdir().unwrap().keep();
        let guard = SupervisedFolder::new(folder.clone()).unwrap();
        let script = ["-c", "echo $$ > pid; exec sleep 1000"];
        let child = Supervised::start("sleeper", Path::new("/bin/sh"), script, &folder).unwrap();
        let pid_file = folder.join("pid");
        until("pid written", || {
            std::fs::read_to_string(&pid_file).is_ok_and(|t| t.ends_with('\n'))
        });
        let pid = std::fs::read_to_string(&pid_file)
            .unwrap()
            .trim()
            .to_owned();
        assert!(alive(&pid));
        drop(child);
        until("child gone", || !alive(&pid));
        drop(guard);
        assert!(!folder.exists());
    }

    #[test]
    fn a_child_that_fails_is_reported_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let script = ["-c", "echo no such luck >&2; exit 7"];
        let mut child =
            Supervised::start("unlucky", Path::new("/bin/sh"), script, folder.path()).unwrap();
        let mut failure = None;
        until("child ended", || {
            failure = child.failure();
            failure.is_some()
        });
        let text = failure.unwrap().to_string();
        assert!(
            text.contains("unlucky") && text.contains("no such luck"),
            "{text}"
        );
        assert!(text.contains('7'), "{text}");
    }
}
