//! Control planes that run in the background, each known by a name.
//!
//! `up` starts this program again as `serve`, which owns the control plane and holds a lock as long
//! as it lives. The lock tells a running one from the remains of a crash, whatever process ids the
//! system has handed out since; with its owner every program of a control plane ends anyway.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kudo_simcluster::control_plane::{
    ControlPlane, ControlPlaneError, ControlPlaneOptions, project_cache,
};
use kudo_simcluster::kubelet::{KubeletError, PodOptions, simulate_pods};
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use super::{BuildError, Start, ensure_built};
use crate::output;

const POLL: Duration = Duration::from_millis(50);
const START_PATIENCE: Duration = Duration::from_mins(3);
const END_PATIENCE: Duration = Duration::from_secs(10);

/// Why a control plane could not be started, ended or found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunningError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    #[error(transparent)]
    Kubelet(#[from] KubeletError),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the control plane {name:?} did not come up:\n{log}")]
    NotUp { name: String, log: String },
    #[error("the control plane {name:?} did not end within {} s", END_PATIENCE.as_secs() * 2)]
    NotDown { name: String },
    #[error(
        "no control plane {name:?} runs; start it with: cargo xtask control-plane up --name {name}"
    )]
    NotRunning { name: String },
}

/// Accepts what is a folder name everywhere.
pub(super) fn parse_name(text: &str) -> Result<String, String> {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 60 || !text.chars().all(fine) {
        return Err("a name is made of lower-case letters, digits and dashes".to_owned());
    }
    Ok(text.to_owned())
}

/// Starts a control plane in the background, or finds it running.
pub(super) fn up(start: &Start) -> Result<(), RunningError> {
    ensure_built()?;
    let state = State::of(&start.name.name);
    let _turn = state.turn()?;
    if state.is_running()? {
        output::progress(&format!(
            "the control plane {:?} is already up",
            start.name.name
        ));
    } else {
        if state.remove()? {
            output::progress("removed what a crashed control plane had left");
        }
        state.create()?;
        let begun = Instant::now();
        let mut server = spawn_server(start, &state)?;
        wait_until_up(&start.name.name, &state, &mut server)?;
        output::progress(&format!("up after {:.1} s", begun.elapsed().as_secs_f64()));
    }
    let kubeconfig = state.kubeconfig();
    output::progress(&format!("export KUBECONFIG={}", kubeconfig.display()));
    output::line(&kubeconfig.display().to_string());
    Ok(())
}

fn spawn_server(start: &Start, state: &State) -> Result<Child, RunningError> {
    let program = std::env::current_exe().map_err(io_error(Path::new("xtask")))?;
    let log = state.log();
    let output = File::create(&log).map_err(io_error(&log))?;
    let errors = output.try_clone().map_err(io_error(&log))?;
    let milliseconds = |duration: Duration| format!("{}ms", duration.as_millis());
    let mut command = Command::new(&program);
    command.args(["control-plane", "serve", "--name", &start.name.name]);
    command.args(["--delay", &milliseconds(start.pods.delay)]);
    command.args([
        "--termination-delay",
        &milliseconds(start.pods.termination_delay),
    ]);
    for pattern in &start.pods.fail {
        command.arg(format!("--fail-pod={pattern}"));
    }
    for pattern in &start.pods.never_ready {
        command.arg(format!("--never-ready={pattern}"));
    }
    command.arg(format!("--nodes={}", start.pods.nodes));
    if start.simulate_pods {
        command.arg("--simulate-pods");
    }
    // A group of its own: an interrupt at this terminal is not meant for it.
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    command.spawn().map_err(io_error(&program))
}

fn wait_until_up(name: &str, state: &State, server: &mut Child) -> Result<(), RunningError> {
    let begun = Instant::now();
    while !state.is_ready() {
        let ended = server
            .try_wait()
            .map_err(io_error(&state.folder))?
            .is_some();
        if ended || begun.elapsed() > START_PATIENCE {
            let log = fs::read_to_string(state.log()).unwrap_or_default();
            let _ = server.kill();
            let _ = state.remove();
            return Err(RunningError::NotUp {
                name: name.to_owned(),
                log,
            });
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Owns a control plane until it is told to end.
pub(super) async fn serve(start: &Start) -> Result<(), RunningError> {
    let state = State::of(&start.name.name);
    state.create()?;
    let Some(_lock) = state.lock()? else {
        return Ok(());
    };
    let failed = |source| RunningError::Io {
        path: state.folder.clone(),
        source,
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    // Ends with the command `down`, not with the terminal it was started from.
    let _hangup = signal(SignalKind::hangup()).map_err(failed)?;
    state.write("pid", &std::process::id().to_string())?;
    let options = ControlPlaneOptions {
        folder: Some(state.cluster()),
        ..Default::default()
    };
    let mut control_plane = ControlPlane::start(options).await?;
    let client = control_plane.client().await?;
    let pods = PodOptions::from(&start.pods);
    let simulated = async {
        if start.simulate_pods {
            simulate_pods(client, pods).await
        } else {
            std::future::pending().await
        }
    };
    state.write("ready", "")?;
    tokio::select! {
        ended = simulated => Ok(ended?),
        failure = control_plane.failure() => Err(failure.into()),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

/// Ends a control plane and removes its files; one that does not run is no error.
pub(super) fn down(name: &str) -> Result<(), RunningError> {
    let state = State::of(name);
    let _turn = state.turn()?;
    if state.is_running()? {
        let told = |signal| {
            if let Some(pid) = state.pid() {
                // It may have ended meanwhile; the lock will tell.
                let _ = kill_process(pid, signal);
            }
            state.wait_until_free()
        };
        if !told(Signal::TERM)? && !told(Signal::KILL)? {
            return Err(RunningError::NotDown {
                name: name.to_owned(),
            });
        }
        output::progress(&format!("ended the control plane {name:?}"));
    } else {
        output::progress(&format!("no control plane {name:?} runs"));
    }
    state.remove()?;
    Ok(())
}

/// Prints shell commands for `eval`.
pub(super) fn print_environment(name: &str) -> Result<(), RunningError> {
    let state = State::of(name);
    if !state.is_running()? || !state.is_ready() {
        return Err(RunningError::NotRunning {
            name: name.to_owned(),
        });
    }
    output::line(&format!(
        "export KUBECONFIG='{}'",
        state.kubeconfig().display()
    ));
    Ok(())
}

/// Prints the names of the control planes that run.
pub(super) fn list() -> Result<(), RunningError> {
    for entry in fs::read_dir(clusters()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let state = State::of(&name);
        if state.is_running()? && state.is_ready() {
            output::line(&format!("{name}\t{}", state.kubeconfig().display()));
        }
    }
    Ok(())
}

fn clusters() -> PathBuf {
    project_cache().join("clusters")
}

/// The files of one control plane.
struct State {
    folder: PathBuf,
}

impl State {
    fn of(name: &str) -> Self {
        Self {
            folder: clusters().join(name),
        }
    }

    fn cluster(&self) -> PathBuf {
        self.folder.join("cluster")
    }

    fn kubeconfig(&self) -> PathBuf {
        self.cluster().join("kubeconfig")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn is_ready(&self) -> bool {
        self.folder.join("ready").exists()
    }

    fn pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.folder.join("pid")).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    }

    fn create(&self) -> Result<(), RunningError> {
        fs::create_dir_all(&self.folder).map_err(io_error(&self.folder))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), RunningError> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(io_error(&path))
    }

    /// Waits for the turn to start or end this control plane.
    fn turn(&self) -> Result<File, RunningError> {
        let path = self.folder.with_extension("turn");
        fs::create_dir_all(clusters()).map_err(io_error(&path))?;
        let file = File::create(&path).map_err(io_error(&path))?;
        file.lock().map_err(io_error(&path))?;
        Ok(file)
    }

    /// Takes the lock of the living; nothing if another process has it.
    fn lock(&self) -> Result<Option<File>, RunningError> {
        let path = self.folder.join("lock");
        let file = File::create(&path).map_err(io_error(&path))?;
        Ok(file.try_lock().is_ok().then_some(file))
    }

    fn is_running(&self) -> Result<bool, RunningError> {
        Ok(self.folder.is_dir() && self.lock()?.is_none())
    }

    fn wait_until_free(&self) -> Result<bool, RunningError> {
        let begun = Instant::now();
        while self.is_running()? {
            if begun.elapsed() > END_PATIENCE {
                return Ok(false);
            }
            std::thread::sleep(POLL);
        }
        Ok(true)
    }

    /// Removes all files; tells whether there were any.
    fn remove(&self) -> Result<bool, RunningError> {
        match fs::remove_dir_all(&self.folder) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(RunningError::Io {
                path: self.folder.clone(),
                source,
            }),
        }
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> RunningError + use<> {
    let path = path.to_owned();
    |source| RunningError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folder_names() {
        for (name, fine) in [
            ("default", true),
            ("a-1", true),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("A", false),
            ("a b", false),
        ] {
            assert_eq!(parse_name(name).is_ok(), fine, "{name}");
        }
        assert!(parse_name(&"a".repeat(61)).is_err());
    }

    #[test]
    fn a_state_runs_while_its_lock_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let state = State {
            folder: folder.path().join("one"),
        };
        assert!(!state.is_running().unwrap());
        assert!(!state.remove().unwrap());
        state.create().unwrap();
        assert!(!state.is_running().unwrap());
        let lock = state.lock().unwrap();
        assert!(lock.is_some());
        assert!(state.is_running().unwrap());
        drop(lock);
        assert!(state.wait_until_free().unwrap());
        assert!(state.remove().unwrap());
    }
}
