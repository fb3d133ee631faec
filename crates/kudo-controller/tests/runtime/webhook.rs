//! The webhook's server: questions over TLS, and what strangers send it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kudo_controller::store::Found;
use kudo_controller::versions::VersionKey;
use kudo_controller::webhook::certificate::Identity;
use kudo_controller::webhook::certificate::files;
use kudo_controller::webhook::certificate::pair::{Pair, Wanted};
use kudo_controller::webhook::desk::{Definitions, Known, router};
use kudo_controller::webhook::{PATH, server};
use kudo_package::{OperatorDefinition, Plan};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// Knows one operator version, `v1` of namespace `ns`; the server fails for `broken`.
struct One;

impl Definitions for One {
    fn watches(&self, namespace: &str) -> bool {
        namespace == "ns"
    }

    async fn find(&self, key: &VersionKey) -> Result<Known, String> {
        match key.name.as_str() {
            "v1" => Ok(Known::Found(Found::Valid(Arc::new(definition())))),
            "broken" => {
                Err("cannot read operator version \"broken\": the server is tired".to_owned())
            }
            _ => Ok(Known::Found(Found::Missing)),
        }
    }
}

fn definition() -> OperatorDefinition {
    let deploy = Plan {
        strategy: None,
        phases: Vec::new(),
    };
    OperatorDefinition {
        plans: [("deploy".to_owned(), deploy)].into(),
        ..OperatorDefinition::default()
    }
}

fn pair(validity: u64) -> Pair {
    let wanted = Wanted {
        hosts: vec!["localhost".to_owned()],
        validity: Duration::from_secs(validity),
    };
    Pair::make(&wanted, None, Timestamp::now()).unwrap()
}

struct Server {
    address: SocketAddr,
    identity: Identity,
    shutdown: CancellationToken,
}

impl Server {
    async fn start(pair: &Pair) -> Self {
        let identity = Identity::default();
        identity
            .set(pair.certificate.as_bytes(), pair.key.as_bytes())
            .unwrap();
        Self::with(identity).await
    }

    async fn with(identity: Identity) -> Self {
        let shutdown = CancellationToken::new();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let served = server::serve(address, router(One), identity.clone(), shutdown.clone());
        Self {
            address: served.await.unwrap(),
            identity,
            shutdown,
        }
    }

    /// Sends a request as it is, and gives the status line and the body; an error if TLS fails.
    async fn send(&self, trusted: &str, request: &[u8]) -> std::io::Result<(String, String)> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(trusted.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        stream.write_all(request).await?;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        Ok((
            head.lines().next().unwrap_or_default().to_owned(),
            body.to_owned(),
        ))
    }
}

fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn question(namespace: &str, version: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u",
            "kind": { "group": "kudo.dev", "version": "v1beta1", "kind": "Instance" },
            "resource": { "group": "kudo.dev", "version": "v1beta1", "resource": "instances" },
            "namespace": namespace,
            "operation": "CREATE",
            "object": {
                "apiVersion": "kudo.dev/v1beta1",
                "kind": "Instance",
                "metadata": { "name": "i" },
                "spec": { "operatorVersion": { "name": version } },
            },
        },
    })
}

#[tokio::test]
async fn questions_are_answered() {
    let pair = pair(3600);
    let server = Server::start(&pair).await;
    let cases = [
        ("ns", "v1", true, ""),
        // Somebody else looks after it.
        ("other", "v1", true, ""),
        (
            "ns",
            "v2",
            false,
            "failed to create an Instance ns/i: operator version \"v2\" not found in namespace \"ns\"",
        ),
        (
            "ns",
            "broken",
            false,
            "cannot read operator version \"broken\": the server is tired",
        ),
    ];
    for (namespace, version, allowed, message) in cases {
        let body = question(namespace, version).to_string();
        let (status, body) = server
            .send(&pair.trusted, &post(PATH, body.as_bytes()))
            .await
            .unwrap();
        assert_eq!(status, "HTTP/1.1 200 OK");
        let answer: Value = serde_json::from_str(&body).unwrap();
        let response = &answer["response"];
        assert_eq!(response["uid"], "u");
        assert_eq!(response["allowed"], allowed, "{answer}");
        assert_eq!(
            response["status"]["message"].as_str().unwrap_or_default(),
            message
        );
        assert_eq!(
            response["patch"].is_string(),
            allowed && namespace == "ns",
            "{answer}"
        );
    }
}

#[tokio::test]
async fn strangers_get_nowhere() {
    let pair = pair(3600);
    let server = Server::start(&pair).await;
    let mut pod = question("ns", "v1");
    pod["request"]["kind"] = json!({ "group": "", "version": "v1", "kind": "Pod" });
    let mut no_instance = question("ns", "v1");
    no_instance["request"]["object"] = json!({ "spec": [] });
    // The server does not wait for what it will not take.
    let huge = format!(
        "POST {PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        (8 << 20) + 1
    );
    let cases = [
        (
            post(PATH, b"garbage"),
            "HTTP/1.1 400 Bad Request",
            "the body is no AdmissionReview: ",
        ),
        (
            post(PATH, b""),
            "HTTP/1.1 400 Bad Request",
            "the body is no AdmissionReview: ",
        ),
        (
            huge.into_bytes(),
            "HTTP/1.1 413 Payload Too Large",
            "the body is cut off, or larger than",
        ),
        (post("/elsewhere", b"{}"), "HTTP/1.1 404 Not Found", ""),
        (
            format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .into_bytes(),
            "HTTP/1.1 405 Method Not Allowed",
            "",
        ),
        (
            b"\x00\x01\x02\r\n\r\n".to_vec(),
            "HTTP/1.1 400 Bad Request",
            "",
        ),
        (
            post(PATH, pod.to_string().as_bytes()),
            "HTTP/1.1 200 OK",
            "\"code\":400",
        ),
        (
            post(PATH, no_instance.to_string().as_bytes()),
            "HTTP/1.1 200 OK",
            "\"code\":400",
        ),
    ];
    for (request, expected, part) in cases {
        let (status, body) = server.send(&pair.trusted, &request).await.unwrap();
        assert_eq!(status, expected);
        assert!(body.contains(part), "{body}");
    }
    // No TLS at all, and a client that never says hello: others are served meanwhile.
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(&post(PATH, b"{}")).await.unwrap();
    let body = question("ns", "v1").to_string();
    let (status, _) = server
        .send(&pair.trusted, &post(PATH, body.as_bytes()))
        .await
        .unwrap();
    assert_eq!(status, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_new_certificate_is_used_at_once() {
    let (first, second) = (pair(3600), pair(7200));
    let server = Server::start(&first).await;
    let body = question("ns", "v1").to_string();
    let request = post(PATH, body.as_bytes());
    assert!(server.send(&first.trusted, &request).await.is_ok());
    assert!(
        server.send(&second.trusted, &request).await.is_err(),
        "not trusted"
    );
    server
        .identity
        .set(second.certificate.as_bytes(), second.key.as_bytes())
        .unwrap();
    assert!(server.send(&second.trusted, &request).await.is_ok());
    server.shutdown.cancel();
}

/// Tries until an answer comes over TLS with this certificate.
async fn until_served(server: &Server, trusted: &str) {
    let body = question("ns", "v1").to_string();
    let request = post(PATH, body.as_bytes());
    let tried = async {
        while server.send(trusted, &request).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), tried)
        .await
        .expect("the certificate is used");
}

#[tokio::test]
async fn a_certificate_in_files_is_used_whenever_it_changes_and_fits() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let (first, second) = (pair(3600), pair(7200));
    let server = Server::with(Identity::default()).await;
    let follow = files::follow(
        folder.path().to_owned(),
        server.identity.clone(),
        server.shutdown.clone(),
    );
    tokio::spawn(follow);
    let request = post(PATH, b"{}");
    assert!(
        server.send(&first.trusted, &request).await.is_err(),
        "there is none yet"
    );
    write("tls.crt", "no certificate");
    write("tls.key", &first.key);
    write("tls.crt", &first.certificate);
    until_served(&server, &first.trusted).await;
    // Half of a change is none.
    write("tls.crt", &second.certificate);
    until_served(&server, &first.trusted).await;
    write("tls.key", &second.key);
    until_served(&server, &second.trusted).await;
    assert!(server.send(&first.trusted, &request).await.is_err());
    server.shutdown.cancel();
}
