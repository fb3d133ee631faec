//! A hermetic place to run the real `kubectl-kudo` in.
//!
//! Nothing of the caller's environment reaches the program: it has a home, a kubeconfig path and a
//! working directory of its own, and a fixed time zone. What it prints is normalised, so that it
//! can be compared with a snapshot.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// Names the program to test; otherwise it is built.
const PROGRAM_VARIABLE: &str = "KUDO_TEST_PROGRAM";

/// File name of the manager's program.
const MANAGER: &str = "kudo-manager";

/// How long a program may run before it is taken to hang.
const PATIENCE: Duration = Duration::from_mins(2);

/// A home and a working directory that nobody else uses.
pub(crate) struct TestEnvironment {
    root: TempDir,
    kubeconfig: PathBuf,
    namespace: Option<String>,
}

impl TestEnvironment {
    /// An environment with no cluster: its kubeconfig does not exist.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["home", "here"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        Self {
            kubeconfig: root.path().join("home/.kube/config"),
            root,
            namespace: None,
        }
    }

    /// The same with a cluster.
    pub(crate) fn with_kubeconfig(mut self, kubeconfig: &Path) -> Self {
        kubeconfig.clone_into(&mut self.kubeconfig);
        self
    }

    /// The same with `-n NAMESPACE` for every command that talks to the cluster. The name is
    /// normalised in what is printed.
    pub(crate) fn in_namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// The working directory.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.path().join("here")
    }

    /// The home directory.
    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Writes a file below the working directory, and the folders it is in.
    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes a package: its files by their path within it.
    pub(crate) fn package(&self, folder: &str, files: &[(&str, &str)]) {
        for (path, text) in files {
            self.write(&format!("{folder}/{path}"), text);
        }
    }

    /// A command with these arguments, ready to run.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(program());
        command
            .env_clear()
            .env("HOME", self.home())
            .env("KUBECONFIG", &self.kubeconfig)
            .env("TZ", "UTC")
            .env("PATH", "/usr/bin:/bin")
            .current_dir(self.work())
            .stdin(Stdio::null())
            .args(arguments);
        if let Some(namespace) = &self.namespace {
            command.arg("-n").arg(namespace);
        }
        command
    }

    /// Runs the program and waits for its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Outcome {
        let child = self.start(arguments);
        self.end(child)
    }

    /// Starts the program; its output is piped.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Waits for the end of a program that was started. One that does not end is ended.
    pub(crate) fn end(&self, child: Child) -> Outcome {
        let pid = child.id().to_string();
        let (ended, watch) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            if watch.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &pid]).status();
            }
        });
        let output = child.wait_with_output().unwrap();
        drop(ended);
        self.outcome(&output)
    }

    /// What a program that has ended printed, normalised.
    pub(crate) fn outcome(&self, output: &Output) -> Outcome {
        Outcome {
            code: output.status.code(),
            stdout: self.normalised(&output.stdout),
            stderr: self.normalised(&output.stderr),
        }
    }

    fn normalised(&self, bytes: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        let root = self.root.path().display().to_string();
        let repository = repository().display().to_string();
        let mut replacements = BTreeMap::from([
            (root.as_str(), "$ROOT"),
            (repository.as_str(), "$REPOSITORY"),
            (concat!("v", env!("CARGO_PKG_VERSION")), "v$VERSION"),
            (
                concat!("kubectl-kudo ", env!("CARGO_PKG_VERSION")),
                "kubectl-kudo $VERSION",
            ),
        ]);
        if let Some(namespace) = &self.namespace {
            replacements.insert(namespace, "$NAMESPACE");
        }
        // The longest first, so that a name within another is no trouble.
        let mut replacements: Vec<_> = replacements.into_iter().collect();
        replacements.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        for (from, to) in replacements {
            text = text.replace(from, to);
        }
        text
    }
}

/// What a run of the program came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output, normalised.
    pub(crate) stdout: String,
    /// Standard error, normalised.
    pub(crate) stderr: String,
}

impl Outcome {
    /// Fails unless the program ended with this code.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => writeln!(f, "exit code: {code}")?,
            None => writeln!(f, "ended by a signal")?,
        }
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(f, "----- {name} -----\n{text}")?;
                if !text.ends_with('\n') {
                    writeln!(f, "\\ no newline at the end")?;
                }
            }
        }
        Ok(())
    }
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    static REPOSITORY: OnceLock<PathBuf> = OnceLock::new();
    REPOSITORY.get_or_init(|| {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        tests.parent().unwrap().to_owned()
    })
}

/// The program: the one that is named, or the one beside these tests, built if it is older than its
/// sources.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(program) = std::env::var_os(PROGRAM_VARIABLE) {
            return PathBuf::from(program);
        }
        // target/PROFILE/deps/this-test
        let this = std::env::current_exe().unwrap();
        let profile = this.parent().unwrap().parent().unwrap();
        let name = format!("kubectl-kudo{}", std::env::consts::EXE_SUFFIX);
        let program = profile.join(name);
        let programs = [program.clone(), program.with_file_name(MANAGER)];
        let newest = newest_source();
        // Building only the programs may choose other features of dependencies than building the
        // workspace did, and take minutes; so it is done only where it must be.
        if programs
            .iter()
            .any(|program| modified(program).is_none_or(|built| newest > built))
        {
            build(profile);
        }
        program
    })
}

/// The manager's program, beside the other one.
pub(crate) fn manager_program() -> PathBuf {
    program().with_file_name(MANAGER)
}

fn build(profile: &Path) {
    let name = match profile.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        name => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--package", "kudo", "--bins"])
        .args(["--profile", name])
        .arg("--target-dir")
        .arg(profile.parent().unwrap())
        .current_dir(repository())
        .status()
        .unwrap();
    assert!(status.success(), "the programs cannot be built");
}

fn newest_source() -> SystemTime {
    let mut newest = modified(&repository().join("Cargo.lock")).unwrap();
    let mut folders = vec![repository().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap();
            if path.is_dir() && !["tests", "examples", "benches"].iter().any(|n| name == *n) {
                folders.push(path);
            } else if path.is_file() {
                newest = newest.max(modified(&path).unwrap_or(newest));
            }
        }
    }
    newest
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}
