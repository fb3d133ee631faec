//! Running other programs.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::output;

/// Pause between two signs of life of a long command.
const HEARTBEAT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// It could not be started.
    #[error("cannot run {program}: {source}")]
    Start { program: String, source: io::Error },
    /// It ended with an error.
    #[error("{program} ended with {status}{}", log_note(log.as_deref()))]
    Failed {
        program: String,
        status: ExitStatus,
        log: Option<PathBuf>,
    },
    /// Its log could not be written.
    #[error("{}: {source}", path.display())]
    Log { path: PathBuf, source: io::Error },
}

fn log_note(log: Option<&Path>) -> String {
    let Some(path) = log else {
        return String::new();
    };
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(20)..].join("\n");
    format!("; the end of {}:\n{tail}", path.display())
}

/// Runs a program with this one's own standard streams, but no input.
pub(crate) fn run(command: &mut Command) -> Result<(), ProcessError> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(not_started(command))?;
    judged(command, status, None)
}

/// Runs a program and gives back what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, ProcessError> {
    let started = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let finished = started.map_err(not_started(command))?;
    judged(command, finished.status, None)?;
    Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
}

/// Runs a program with its output in a log, telling now and then that it is still at it.
pub(crate) fn run_logged(
    command: &mut Command,
    what: &str,
    log: &Path,
) -> Result<(), ProcessError> {
    let failed = |source| ProcessError::Log {
        path: log.to_owned(),
        source,
    };
    let file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(failed)?;
    let errors = file.try_clone().map_err(failed)?;
    command.stdin(Stdio::null()).stdout(file).stderr(errors);
    let start = Instant::now();
    let mut child = command.spawn().map_err(not_started(command))?;
    let mut told = start;
    loop {
        if let Some(status) = child.try_wait().map_err(not_started(command))? {
            return judged(command, status, Some(log));
        }
        if told.elapsed() >= HEARTBEAT {
            told = Instant::now();
            let seconds = start.elapsed().as_secs();
            output::detail(&format!(
                "  still {what} ({}:{:02})",
                seconds / 60,
                seconds % 60
            ));
        }
        std::thread::sleep(POLL);
    }
}

/// Whether a program can be run and is content.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The command as a reader would type it, with bare program names.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn not_started(command: &Command) -> impl Fn(io::Error) -> ProcessError + use<> {
    let program = shown(command);
    move |source| ProcessError::Start {
        program: program.clone(),
        source,
    }
}

fn judged(command: &Command, status: ExitStatus, log: Option<&Path>) -> Result<(), ProcessError> {
    if status.success() {
        return Ok(());
    }
    let log = log.map(Path::to_path_buf);
    Err(ProcessError::Failed {
        program: shown(command),
        status,
        log,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_names_the_program_and_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let error = run_logged(&mut shell("echo alas; exit 3"), "failing", &log).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("sh -c echo alas; exit 3 ended with"),
            "{text}"
        );
        assert!(text.ends_with("alas"), "{text}");
    }

    #[test]
    fn output_and_success() {
        assert_eq!(output(&mut shell("echo yes")).unwrap(), "yes\n");
        assert!(succeeds(&mut shell("exit 0")));
        assert!(!succeeds(&mut shell("exit 1")));
        assert!(!succeeds(&mut Command::new("/no/such/program")));
        assert!(matches!(
            run(&mut Command::new("/no/such")),
            Err(ProcessError::Start { .. })
        ));
    }
}
