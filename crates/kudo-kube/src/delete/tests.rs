//! Waiting for an object that no watch of the store shows, against a server that follows a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::{BoxError, service_fn};

use super::*;
use crate::cluster::ClusterOptions;

/// What the server says to the watches of the object and to looks at it, in this order.
#[derive(Clone, Copy, Debug)]
enum Says {
    /// To a watch: these events, and the end.
    Events(&'static [(&'static str, &'static str)]),
    /// This status.
    Refuses(u16),
    /// To a look: an object with this uid.
    There(&'static str),
    /// To a look: nothing.
    Nothing,
}

const KINDS: &str = r#"{"kind": "APIResourceList", "groupVersion": "v1", "resources": [{"name": "configmaps",
    "singularName": "", "namespaced": true, "kind": "ConfigMap", "verbs": ["get", "list", "watch", "delete"]}]}"#;

fn object(uid: &str) -> Value {
    json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
        "metadata": {"name": "x", "namespace": "n", "uid": uid, "resourceVersion": "5"},
    })
}

fn answer(says: Says) -> (u16, String) {
    let status = |code: u16| json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": if code == 404 { "NotFound" } else { "" }});
    match says {
        Says::Events(events) => {
            let lines = events.iter().map(|(kind, uid)| {
                let object = if *kind == "ERROR" {
                    status(410)
                } else {
                    object(uid)
                };
                format!("{}\n", json!({"type": kind, "object": object}))
            });
            (200, lines.collect())
        }
        Says::Refuses(code) => (code, status(code).to_string()),
        Says::There(uid) => (200, object(uid).to_string()),
        Says::Nothing => (404, status(404).to_string()),
    }
}

/// Deletes `ConfigMap n/x`; gives what came of it and how long it took, in virtual time.
async fn deletion(script: &[Says]) -> (Result<Deleted, DeleteError>, Duration) {
    let script: Arc<Mutex<VecDeque<Says>>> = Arc::new(Mutex::new(script.iter().copied().collect()));
    let left = Arc::clone(&script);
    let service = service_fn(move |request: Request<Body>| {
        let script = Arc::clone(&script);
        async move {
            let uri = request.uri().to_string();
            let (code, body) = if request.method() == Method::DELETE {
                (200, object("u").to_string())
            } else if uri == "/api/v1" {
                (200, KINDS.to_owned())
            } else if uri.contains("labelSelector") && uri.contains("watch=true") {
                return std::future::pending().await;
            } else if uri.contains("labelSelector") {
                let list = json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []});
                (200, list.to_string())
            } else {
                let says = script.lock().unwrap().pop_front();
                let says = says.unwrap_or_else(|| panic!("nothing is said to {uri}"));
                let fits = match says {
                    Says::Events(_) => uri.contains("watch=true"),
                    Says::There(_) | Says::Nothing => !uri.contains("watch=true"),
                    Says::Refuses(_) => true,
                };
                assert!(fits, "{uri} {says:?}");
                answer(says)
            };
            let response = Response::builder().status(code);
            Ok::<_, BoxError>(response.body(Body::from(body.into_bytes())).unwrap())
        }
    });
    let cluster = Cluster::new(Client::new(service, "default"), ClusterOptions::default());
    let target = Target {
        kind: Gvk::gvk("", "v1", "ConfigMap"),
        namespace: "n".to_owned(),
        name: "x".to_owned(),
        owner: None,
    };
    let start = tokio::time::Instant::now();
    let deleted = delete(&cluster, &target).await;
    assert_eq!(left.lock().unwrap().len(), 0, "all is asked for");
    (deleted, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_when_an_unlabelled_object_is_gone() {
    use Says::{Events, Nothing, Refuses, There};
    let cases: &[(&[Says], u64)] = &[
        (&[Events(&[("MODIFIED", "u"), ("DELETED", "u")])], 0),
        (&[Events(&[("ADDED", "another")])], 0),
        (&[Events(&[("DELETED", "another"), ("DELETED", "u")])], 0),
        // The watch ends, and is taken up again while the object is there.
        (&[Events(&[]), There("u"), Events(&[("DELETED", "u")])], 100),
        (&[Events(&[]), Nothing], 100),
        (&[Events(&[]), There("another")], 100),
        (&[Events(&[("ERROR", "")]), Nothing], 100),
        // It can't be had: the pauses double.
        (
            &[
                Refuses(403),
                There("u"),
                Refuses(403),
                There("u"),
                Refuses(403),
                Nothing,
            ],
            100 + 200 + 400,
        ),
    ];
    for (script, milliseconds) in cases {
        let (deleted, took) = deletion(script).await;
        assert_eq!(deleted.unwrap(), Deleted::Gone, "{script:?}");
        let took = u64::try_from(took.as_millis()).unwrap();
        assert!(
            (*milliseconds..milliseconds + 20).contains(&took),
            "{script:?}: {took} ms"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_is_told() {
    let (deleted, _) = deletion(&[Says::Refuses(410), Says::Refuses(403)]).await;
    let text = deleted.unwrap_err().to_string();
    assert!(text.starts_with("cannot delete ConfigMap"), "{text}");
}
