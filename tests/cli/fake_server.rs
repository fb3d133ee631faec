//! A server that answers as an API server would in an unhappy state: over plain HTTP, from a table.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::environment::TestEnvironment;

/// Answers requests until the test process ends.
pub(crate) struct FakeServer {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// What the server says to a request.
pub(crate) enum Answer {
    /// A status and a body.
    Json(u16, Value),
    /// A file.
    File(Vec<u8>),
    /// A file of which the connection breaks off before its end.
    Cut(Vec<u8>),
    /// A file of which the last byte never comes.
    Stall(Vec<u8>),
    /// Another place to look at.
    Redirect(String),
    /// Nothing, ever.
    Silence,
}

impl FakeServer {
    /// Starts a server; `answer` gets the method and the path with its query.
    pub(crate) fn start(answer: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                std::thread::spawn(move || serve(&stream.unwrap(), &*answer, &log));
            }
        });
        Self { address, requests }
    }

    /// Its address and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A kubeconfig for it in the environment's home.
    pub(crate) fn kubeconfig(&self, environment: &TestEnvironment) -> PathBuf {
        let path = environment.home().join("fake-kubeconfig");
        std::fs::write(&path, kubeconfig(&self.address)).unwrap();
        path
    }

    /// The requests so far, as `METHOD /path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A kubeconfig for an address on this machine.
pub(crate) fn kubeconfig(address: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: fake\n\
         clusters: [{{name: fake, cluster: {{server: 'http://{address}'}}}}]\n\
         users: [{{name: fake, user: {{token: secret-token}}}}]\n\
         contexts: [{{name: fake, context: {{cluster: fake, user: fake, namespace: team}}}}]\n"
    )
}

/// A failure as API servers write it.
pub(crate) fn failure(code: u16, reason: &str, message: &str) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    Answer::Json(code, status)
}

/// What a server says to whoever asks whether KUDO's resources are served.
pub(crate) fn kudo_is_served() -> Answer {
    let resource = |kind: &str, name: &str| json!({ "name": name, "kind": kind, "namespaced": true, "singularName": "", "verbs": ["get"] });
    Answer::Json(
        200,
        json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "kudo.dev/v1beta1",
            "resources": [
                resource("Operator", "operators"),
                resource("OperatorVersion", "operatorversions"),
                resource("Instance", "instances"),
            ],
        }),
    )
}

fn serve(stream: &TcpStream, answer: &dyn Fn(&str, &str) -> Answer, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 || header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        let _ = reader.read_exact(&mut body);
        let mut words = first.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let plain = path.split('?').next().unwrap();
        log.lock().unwrap().push(format!("{method} {plain}"));
        match answer(method, path) {
            Answer::Silence => std::thread::sleep(Duration::from_mins(10)),
            Answer::Json(code, body) => {
                let body = body.to_string();
                let head = format!("{code} Answer\r\nContent-Type: application/json");
                send(stream, &head, body.len(), body.as_bytes());
            }
            Answer::File(body) => send(stream, "200 OK", body.len(), &body),
            Answer::Cut(body) => {
                send(stream, "200 OK", body.len() + 1, &body);
                return;
            }
            Answer::Stall(body) => {
                send(stream, "200 OK", body.len() + 1, &body);
                std::thread::sleep(Duration::from_mins(10));
            }
            Answer::Redirect(to) => {
                send(stream, &format!("302 Found\r\nLocation: {to}"), 0, b"");
            }
        }
    }
}

fn send(mut stream: &TcpStream, head: &str, length: usize, body: &[u8]) {
    // Whoever asked may be gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n"
    );
    let _ = stream.write_all(body);
}
