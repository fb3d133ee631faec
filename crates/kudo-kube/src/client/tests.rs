//! Choosing a cluster, and counting and stopping requests.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use http::{Request, Response};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, PostParams};
use kube::client::Body;
use serde_json::json;
use tempfile::TempDir;
use tower::{BoxError, ServiceBuilder, service_fn};

use super::kubeconfig::{Environment, choose};
use super::*;
use crate::error::{Cause, cause};

fn file(folder: &TempDir, name: &str, current: &str, contexts: &[(&str, &str)]) -> PathBuf {
    let names = contexts.iter().map(|(name, namespace)| {
        json!({"name": name, "context": {"cluster": name, "user": "u", "namespace": namespace}})
    });
    let clusters = contexts.iter().map(|(name, _)| {
        json!({"name": name, "cluster": {"server": format!("https://{name}.example:6443")}})
    });
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": current,
        "contexts": names.collect::<Vec<_>>(), "clusters": clusters.collect::<Vec<_>>(),
        "users": [{"name": "u", "user": {}}],
    });
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, config.to_string()).unwrap();
    path
}

fn joined(paths: &[&Path]) -> OsString {
    std::env::join_paths(paths).unwrap()
}

/// The address and namespace that are chosen, or what is said instead.
async fn chosen(options: &ConnectOptions, environment: &Environment) -> String {
    match choose(options, environment).await {
        Ok(config) => format!("{} {}", config.cluster_url, config.default_namespace),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn the_cluster_is_chosen_as_kubectl_chooses() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("home");
    file(&folder, "home/.kube/config", "home", &[("home", "at-home")]);
    let one = file(&folder, "one", "a", &[("a", "ns-a"), ("b", "ns-b")]);
    let two = file(&folder, "two", "c", &[("c", "ns-c"), ("a", "other")]);
    let none = file(&folder, "none", "", &[("x", "n"), ("y", "n")]);
    let absent = folder.path().join("absent");
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    let broken = folder.path().join("broken");
    fs::write(&broken, "{contexts: 1").unwrap();

    let environment = |kubeconfig: Option<OsString>| Environment {
        kubeconfig,
        home: Some(home.clone()),
    };
    let options = |kubeconfig: Option<&Path>, context: Option<&str>| ConnectOptions {
        kubeconfig: kubeconfig.map(ToOwned::to_owned),
        context: context.map(ToOwned::to_owned),
        ..ConnectOptions::default()
    };
    let plain = options(None, None);
    let cases = [
        (
            &plain,
            environment(None),
            "https://home.example:6443/ at-home",
        ),
        (
            &plain,
            environment(Some(joined(&[&one]))),
            "https://a.example:6443/ ns-a",
        ),
        (
            &plain,
            environment(Some(joined(&[&one, &two]))),
            "https://a.example:6443/ ns-a",
        ),
        (
            &plain,
            environment(Some(joined(&[&two, &one]))),
            "https://c.example:6443/ ns-c",
        ),
        (
            &plain,
            environment(Some(joined(&[&absent, &two]))),
            "https://c.example:6443/ ns-c",
        ),
        (
            &plain,
            environment(Some(joined(&[&empty, &two]))),
            "https://c.example:6443/ ns-c",
        ),
        (
            &options(None, Some("b")),
            environment(Some(joined(&[&one, &two]))),
            "https://b.example:6443/ ns-b",
        ),
        (
            &options(Some(&one), None),
            environment(Some(joined(&[&two]))),
            "https://a.example:6443/ ns-a",
        ),
        (
            &options(Some(&one), Some("b")),
            environment(None),
            "https://b.example:6443/ ns-b",
        ),
        (
            &options(Some(&one), Some("bb")),
            environment(None),
            "the kubeconfig has no context \"bb\" (did you mean \"b\"?)",
        ),
        (
            &options(Some(&none), None),
            environment(None),
            "the kubeconfig has no current context; it has x, y",
        ),
        (
            &plain,
            environment(Some(joined(&[&absent]))),
            "no cluster is configured: neither KUBECONFIG nor ~/.kube/config names one, and this is not a pod",
        ),
        (
            &options(None, Some("a")),
            environment(Some(joined(&[&absent]))),
            "the kubeconfig has no context \"a\"",
        ),
    ];
    for (options, environment, expected) in cases {
        assert_eq!(chosen(options, &environment).await, expected);
    }
    for (path, said) in [(&absent, "No such file"), (&broken, "")] {
        let text = chosen(&options(Some(path), None), &environment(None)).await;
        let start = format!("cannot read the kubeconfig {}: ", path.display());
        assert!(text.starts_with(&start) && text.contains(said), "{text}");
    }
}

#[tokio::test]
async fn a_context_without_its_user_is_no_way_to_a_cluster() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "config", "a", &[("a", "ns-a")]);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(r#""name":"u""#, r#""name":"v""#)).unwrap();
    let options = ConnectOptions {
        kubeconfig: Some(path),
        ..ConnectOptions::default()
    };
    assert_eq!(
        chosen(&options, &Environment::current()).await,
        "the kubeconfig cannot be used: it has no user \"u\", which the context names"
    );
}

#[tokio::test]
async fn a_plugin_that_gives_no_credential_is_named_and_not_quoted() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "config", "a", &[("a", "ns-a")]);
    let text = fs::read_to_string(&path).unwrap();
    for (command, arguments, expected) in [
        (
            "no-such-plugin",
            json!([]),
            "credential plugin \"no-such-plugin\": no credential for the cluster: the plugin cannot be run: No such file",
        ),
        (
            "sh",
            json!(["-c", "echo token; echo log in first >&2; exit 3"]),
            "credential plugin \"sh\": no credential for the cluster: the plugin ended with exit status: 3",
        ),
        (
            "sh",
            json!(["-c", "echo token"]),
            "credential plugin \"sh\": no credential for the cluster: what the plugin printed is no ExecCredential",
        ),
    ] {
        let exec = json!({ "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1", "command": command, "args": arguments,
        }});
        fs::write(
            &path,
            text.replace(r#""user":{}"#, &format!(r#""user":{exec}"#)),
        )
        .unwrap();
        let options = ConnectOptions {
            kubeconfig: Some(path.clone()),
            ..ConnectOptions::default()
        };
        let Err(ConnectError::Client { message }) = connect(options, Meter::new()).await else {
            panic!("{command} gives a credential");
        };
        assert!(message.starts_with(expected), "{message}");
        assert!(!message.contains("token"), "{message}");
    }
}

#[tokio::test]
async fn what_is_asked_for_wins_over_the_file() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "config", "a", &[("a", "ns-a")]);
    let options = |namespace: Option<&str>, agent: Option<&str>| ConnectOptions {
        kubeconfig: Some(path.clone()),
        namespace: namespace.map(ToOwned::to_owned),
        user_agent: agent.map(ToOwned::to_owned),
        ..ConnectOptions::default()
    };
    let connected = connect(options(None, Some("kudo/1")), Meter::new())
        .await
        .unwrap();
    assert_eq!(connected.namespace, "ns-a");
    assert_eq!(connected.server, "https://a.example:6443/");
    let connected = connect(options(Some("b"), None), Meter::new())
        .await
        .unwrap();
    assert_eq!(connected.namespace, "b");
    let error = connect(options(None, Some("a\nb")), Meter::new()).await;
    assert!(matches!(error, Err(ConnectError::UserAgent { .. })));
}

/// A client whose server answers everything with an empty config map, or not at all.
fn client(meter: &Meter, answers: bool) -> Client {
    let service = service_fn(move |_: Request<Body>| async move {
        if !answers {
            std::future::pending::<()>().await;
        }
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "items": []});
        Ok::<_, BoxError>(Response::new(Body::from(body.to_string().into_bytes())))
    });
    let service = ServiceBuilder::new().layer(meter.layer()).service(service);
    Client::new(service, "default")
}

#[derive(Default)]
struct Recorder {
    calls: Mutex<Vec<String>>,
    refuse: AtomicU64,
}

impl Recorder {
    fn note(&self, text: String) {
        self.calls.lock().unwrap().push(text);
    }
}

impl Gate for Recorder {
    fn before<'a>(&'a self, request: &'a RequestInfo) -> BoxFuture<'a, Admission> {
        self.note(format!("before {} {}", request.verb, request.resource));
        let refuse = self.refuse.load(Ordering::Relaxed);
        Box::pin(async move {
            match u16::try_from(refuse) {
                Ok(0) | Err(_) => Admission::Proceed,
                Ok(code) => Admission::Refuse(code),
            }
        })
    }

    fn after<'a>(&'a self, request: &'a RequestInfo, code: u16) -> BoxFuture<'a, ()> {
        self.note(format!("after {} {code}", request.verb));
        Box::pin(async {})
    }
}

#[tokio::test]
async fn requests_are_counted_and_writes_pass_the_gate() {
    let meter = Meter::new();
    let gate = Arc::new(Recorder::default());
    meter.set_gate(Some(Arc::clone(&gate) as Arc<dyn Gate>));
    let api: Api<ConfigMap> = Api::namespaced(client(&meter, true), "ns");
    api.get("a").await.unwrap();
    api.list(&ListParams::default()).await.unwrap();
    api.create(&PostParams::default(), &ConfigMap::default())
        .await
        .unwrap();
    assert_eq!((meter.reads(), meter.writes()), (2, 1));
    let count = |verb| Count {
        verb,
        code: 200,
        count: 1,
    };
    assert_eq!(
        meter.counts(),
        [count(Verb::Get), count(Verb::List), count(Verb::Create)]
    );
    assert_eq!(
        *gate.calls.lock().unwrap(),
        ["before create configmaps", "after create 200"]
    );

    gate.refuse.store(503, Ordering::Relaxed);
    let error = api
        .create(&PostParams::default(), &ConfigMap::default())
        .await
        .unwrap_err();
    assert_eq!(cause(&error), Cause::Server);
    gate.refuse.store(409, Ordering::Relaxed);
    let error = api
        .create(&PostParams::default(), &ConfigMap::default())
        .await
        .unwrap_err();
    assert_eq!(cause(&error), Cause::Conflict);
    assert_eq!(meter.writes(), 3);
    meter.set_gate(None);
    api.create(&PostParams::default(), &ConfigMap::default())
        .await
        .unwrap();
    assert_eq!(
        gate.calls.lock().unwrap().len(),
        4,
        "a refused write has no after"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_unreachable_in_time() {
    let meter = Meter::new().timeout(Some(Duration::from_secs(3)));
    let api: Api<ConfigMap> = Api::namespaced(client(&meter, false), "ns");
    let error = api.get("a").await.unwrap_err();
    assert_eq!(cause(&error), Cause::Unreachable);
    assert_eq!(
        crate::error::message(&error),
        "the cluster is unreachable: no answer within 3 s"
    );
    let expected = Count {
        verb: Verb::Get,
        code: 0,
        count: 1,
    };
    assert_eq!(meter.counts(), [expected]);
}
