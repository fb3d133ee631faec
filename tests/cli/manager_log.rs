//! The manager's program, where nobody reads its log any more.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::environment::{TestEnvironment, manager_program, program};

/// A kubeconfig of a server that nobody is.
const NOBODY: &str = "
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: \"http://127.0.0.1:1\"}}]
users: [{name: u, user: {token: t}}]
";

struct Manager(Child);

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A supervisor that is killed takes the other end of the pipe with it; a line that nobody gets is no
/// reason to end, or to leave undone what comes after it.
#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    program();
    let environment = TestEnvironment::new();
    let kubeconfig = environment.write("kubeconfig", NOBODY);
    let child = Command::new(manager_program())
        .args(["--metrics-address=0", "--probe-address=0", "--kubeconfig"])
        .arg(kubeconfig)
        .stderr(Stdio::piped())
        .spawn();
    let mut manager = Manager(child.unwrap());
    let mut log = BufReader::new(manager.0.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    assert!(line.contains("ERROR") || line.contains("WARN"), "{line}");
    drop(log);

    // It tells each second that the server does not answer.
    std::thread::sleep(Duration::from_millis(2500));
    let ended = manager.0.try_wait().unwrap();
    assert_eq!(ended, None, "it ended with its log");

    let pid = manager.0.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.unwrap().success());
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = manager.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
}
