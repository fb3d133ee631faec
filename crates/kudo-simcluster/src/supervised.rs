//! Child processes that end with their owner, however the owner ends.
//!
//! Each child runs under a small shell that holds the reading end of a pipe. When the owner drops
//! the child, exits, panics or is killed, the kernel closes the pipe and the shell kills the child.
//! Unlike a parent-death signal this needs no unsafe code, does not care which thread started the
//! child, and works on every Unix.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Runs `"$@"` until it ends or standard input is closed, and ends as it does. Its process id is
/// written to the file `$0`.
const SUPERVISE: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
child=$!
echo $child >"$0"
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
pub struct Supervised {
    log: PathBuf,
    pid_file: PathBuf,
    supervisor: Child,
}

/// The end of a process that should have gone on.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// The last lines it wrote.
    pub log_tail: String,
}

impl Supervised {
    /// Starts `program` in `folder`, with its output in `<name>.log` and its process id in
    /// `<name>.pid` there.
    pub fn start<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let pid_file = folder.join(format!("{name}.pid"));
        let output = File::create(&log)?;
        let errors = output.try_clone()?;
        let supervisor = shell(SUPERVISE, &pid_file)
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .stdout(output)
            .stderr(errors)
            .spawn()?;
        Ok(Self {
            log,
            pid_file,
            supervisor,
        })
    }

    /// The process id of the program, once it has one.
    pub fn pid(&self) -> Option<u32> {
        std::fs::read_to_string(&self.pid_file)
            .ok()?
            .strip_suffix('\n')?
            .parse()
            .ok()
    }

    /// The process's end, when it has ended by itself.
    pub fn ended(&mut self) -> Option<Ended> {
        let status = self.supervisor.try_wait().ok().flatten()?;
        Some(Ended {
            status,
            log_tail: self.log_tail(),
        })
    }

    /// The last lines the process wrote.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
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
pub struct SupervisedFolder {
    path: PathBuf,
    remover: Child,
}

impl SupervisedFolder {
    /// Takes charge of an existing folder.
    pub fn new(path: PathBuf) -> io::Result<Self> {
        let remover = shell(REMOVE_FOLDER, Path::new("kudo-remover"))
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { path, remover })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
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
fn shell(script: &str, zeroth: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script])
        .arg(zeroth)
        .stdin(Stdio::piped())
        .process_group(0);
    command
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

    fn alive(pid: u32) -> bool {
        Path::new("/proc")
            .join(pid.to_string())
            .join("cmdline")
            .exists()
    }

    #[test]
    fn a_dropped_child_is_gone_and_its_folder_too() {
        let folder = tempfile::tempdir().unwrap().keep();
        let guard = SupervisedFolder::new(folder.clone()).unwrap();
        let script = ["-c", "exec sleep 1000"];
        let child = Supervised::start("sleeper", Path::new("/bin/sh"), script, &folder).unwrap();
        let mut pid = None;
        until("pid known", || {
            pid = child.pid();
            pid.is_some()
        });
        let pid = pid.unwrap();
        assert!(alive(pid));
        drop(child);
        until("child gone", || !alive(pid));
        drop(guard);
        assert!(!folder.exists());
    }

    #[test]
    fn a_child_that_fails_is_reported_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let script = ["-c", "echo no such luck >&2; exit 7"];
        let mut child =
            Supervised::start("unlucky", Path::new("/bin/sh"), script, folder.path()).unwrap();
        let mut ended = None;
        until("child ended", || {
            ended = child.ended();
            ended.is_some()
        });
        let ended = ended.unwrap();
        assert_eq!(ended.log_tail, "no such luck");
        assert_eq!(ended.status.code(), Some(7));
    }
}
