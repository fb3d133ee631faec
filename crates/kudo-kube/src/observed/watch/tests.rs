//! Lists and watches against a server that follows a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::{BoxError, service_fn};

use crate::discovery::{Discovery, Kind, Scope};
use crate::identity::{Gvk, ObjectKey};
use crate::observed::{Observed, ObservedOptions};

/// What the server answers next: status and body.
type Answer = (u16, String);

/// A server that gives its answers in order, then none; and the requests it got.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<String>>>,
    /// Watches are left without an answer and take none from the script.
    silent: bool,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            ..Self::default()
        }
    }

    fn client(&self) -> Client {
        let script = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let script = script.clone();
            async move {
                let path = request.uri().path_and_query().unwrap().to_string();
                let silent = script.silent && path.contains("watch=true");
                script.requests.lock().unwrap().push(path);
                if silent {
                    return std::future::pending().await;
                }
                let answer = script.answers.lock().unwrap().pop_front();
                let Some((status, body)) = answer else {
                    return std::future::pending().await;
                };
                let response = Response::builder().status(status);
                Ok::<_, BoxError>(response.body(Body::from(body.into_bytes())).unwrap())
            }
        });
        Client::new(service, "default")
    }

    /// The requests so far, as the query parameters that tell them apart.
    fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let interesting = |pair: &&str| {
            [
                "watch",
                "limit",
                "continue",
                "resourceVersion",
                "labelSelector",
            ]
            .iter()
            .any(|name| pair.starts_with(&format!("{name}=")))
        };
        requests
            .iter()
            .map(|path| {
                let (path, query) = path.split_once('?').unwrap_or((path, ""));
                let query: Vec<&str> = query.split('&').filter(interesting).collect();
                format!("{path} {}", query.join(" "))
            })
            .collect()
    }
}

fn kind(kind: &str, plural: &str) -> Arc<Kind> {
    let gvk = Gvk::gvk("", "v1", kind);
    Arc::new(Kind {
        resource: kube::core::ApiResource::from_gvk_with_plural(&gvk, plural),
        scope: Scope::Namespaced,
        watchable: true,
        deletable: true,
        gvk,
    })
}

fn pod(name: &str, version: u64, phase: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": version.to_string()},
        "status": {"phase": phase},
    })
}

#[expect(clippy::needless_pass_by_value, reason = "scripts read better")]
fn page(version: u64, token: &str, items: Value) -> Answer {
    let metadata = json!({"resourceVersion": version.to_string(), "continue": token});
    (
        200,
        json!({"metadata": metadata, "items": items}).to_string(),
    )
}

fn events(events: &[(&str, Value)]) -> Answer {
    let lines = events
        .iter()
        .map(|(kind, object)| json!({"type": kind, "object": object}).to_string() + "\n");
    (200, lines.collect())
}

fn status(code: u16, reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": reason, "metadata": {}})
}

fn refusal(code: u16, reason: &str) -> Answer {
    (code, status(code, reason).to_string())
}

fn bookmark(version: u64) -> (&'static str, Value) {
    let metadata = json!({"resourceVersion": version.to_string()});
    (
        "BOOKMARK",
        json!({"kind": "Pod", "apiVersion": "v1", "metadata": metadata}),
    )
}

fn observed(script: &Script) -> Observed {
    let options = ObservedOptions {
        page_size: 2,
        ..ObservedOptions::default()
    };
    Observed::new(script.client(), options)
}

fn key(name: &str) -> ObjectKey {
    ObjectKey {
        kind: Gvk::gvk("", "v1", "Pod"),
        namespace: Some("ns".to_owned()),
        name: name.to_owned(),
    }
}

/// Waits until a pod is known in this version; `None` means not known.
async fn until(observed: &Observed, name: &str, version: Option<u64>) {
    let key = key(name);
    let reached = observed.wait(&key, |record| {
        if record.map(|record| record.version) == version {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    tokio::time::timeout(Duration::from_secs(100), reached)
        .await
        .unwrap_or_else(|_| panic!("{name} never at {version:?}"));
}

const LIST: &str = "/api/v1/pods labelSelector=heritage%3Dkudo limit=2";

fn watched(version: u64) -> String {
    format!("/api/v1/pods watch=true labelSelector=heritage%3Dkudo resourceVersion={version}")
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_read_before_an_object_counts_as_absent() {
    let script = Script::new([
        page(
            9,
            "more",
            json!([pod("a", 1, "Running"), pod("b", 2, "Running")]),
        ),
        page(9, "", json!([pod("c", 3, "Pending")])),
        events(&[
            ("MODIFIED", pod("c", 12, "Succeeded")),
            ("DELETED", pod("a", 13, "Running")),
        ]),
    ]);
    let observed = observed(&script);
    let pods = kind("Pod", "pods");
    assert!(!observed.is_synced(&pods.gvk, None));
    observed.ensure(&pods).await.unwrap();
    assert!(observed.is_synced(&pods.gvk, Some("ns")));
    assert!(observed.get(&key("b")).is_some());
    until(&observed, "c", Some(12)).await;
    until(&observed, "a", None).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        script.requests(),
        [
            LIST,
            &format!("{LIST} continue=more"),
            &watched(9),
            &watched(13)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_where_it_was_however_it_ended() {
    let script = Script::new([
        page(5, "", Value::Null),
        events(&[bookmark(8)]),
        events(&[]),
        refusal(500, "InternalError"),
        refusal(429, "TooManyRequests"),
        (200, "{\"type\":\"ADDED\",\"object\":".to_owned()),
        events(&[("ADDED", pod("a", 9, "Running"))]),
    ]);
    let observed = observed(&script);
    observed.ensure(&kind("Pod", "pods")).await.unwrap();
    until(&observed, "a", Some(9)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let requests = script.requests();
    assert_eq!(requests[..2], [LIST.to_owned(), watched(5)]);
    assert!(
        requests[2..7].iter().all(|request| *request == watched(8)),
        "{requests:?}"
    );
    assert_eq!(requests[7..], [watched(9)]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_forgotten_is_asked_for_everything() {
    for forgotten in [
        events(&[
            ("MODIFIED", pod("a", 6, "Running")),
            ("ERROR", status(410, "Expired")),
        ]),
        refusal(410, "Expired"),
        refusal(410, "Gone"),
    ] {
        let script = Script::new([
            page(
                5,
                "",
                json!([pod("a", 1, "Running"), pod("b", 2, "Running")]),
            ),
            forgotten,
            page(50, "", json!([pod("a", 40, "Running")])),
        ]);
        let observed = observed(&script);
        observed.ensure(&kind("Pod", "pods")).await.unwrap();
        until(&observed, "a", Some(40)).await;
        until(&observed, "b", None).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(script.requests().last().unwrap(), &watched(50));
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_expires_between_pages_begins_anew() {
    let script = Script::new([
        page(5, "more", json!([pod("a", 1, "Running")])),
        refusal(410, "Expired"),
        page(50, "more", json!([pod("a", 40, "Running")])),
        refusal(410, "Expired"),
        page(
            60,
            "",
            json!([pod("a", 40, "Running"), pod("b", 55, "Running")]),
        ),
    ]);
    let observed = observed(&script);
    observed.ensure(&kind("Pod", "pods")).await.unwrap();
    until(&observed, "b", Some(55)).await;
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_vanishes_takes_its_objects_along_and_may_come_back() {
    let script = Script::new([
        page(5, "", json!([pod("a", 1, "Running")])),
        refusal(404, "NotFound"),
        page(70, "", json!([pod("b", 60, "Running")])),
    ]);
    let observed = observed(&script);
    let pods = kind("Pod", "pods");
    observed.ensure(&pods).await.unwrap();
    until(&observed, "a", None).await;
    assert!(observed.is_empty() && !observed.is_synced(&pods.gvk, None));
    observed.ensure(&pods).await.unwrap();
    assert!(observed.get(&key("b")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_may_not_be_watched_is_said_so_and_tried_again_by_the_next() {
    let script = Script::new([
        refusal(403, "Forbidden"),
        page(70, "", json!([pod("b", 60, "Running")])),
    ]);
    let observed = observed(&script);
    let pods = kind("Pod", "pods");
    let error = observed.ensure(&pods).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot watch Pod: Forbidden");
    observed.ensure(&pods).await.unwrap();
    assert!(observed.get(&key("b")).is_some());
}

#[tokio::test(start_paused = true)]
async fn namespaces_are_watched_one_by_one_where_they_are_named() {
    let script = Script {
        silent: true,
        ..Script::new([page(5, "", json!([])), page(6, "", json!([]))])
    };
    let options = ObservedOptions {
        namespaces: vec!["one".to_owned(), "two".to_owned()],
        ..ObservedOptions::default()
    };
    let observed = Observed::new(script.client(), options);
    let maps = kind("ConfigMap", "configmaps");
    observed.ensure(&maps).await.unwrap();
    let lists: Vec<String> = script
        .requests()
        .into_iter()
        .filter(|request| request.contains("limit="))
        .collect();
    assert_eq!(
        lists,
        [
            "/api/v1/namespaces/one/configmaps labelSelector=heritage%3Dkudo limit=250",
            "/api/v1/namespaces/two/configmaps labelSelector=heritage%3Dkudo limit=250",
        ]
    );
    assert!(observed.is_synced(&maps.gvk, Some("one")));
    assert!(!observed.is_synced(&maps.gvk, Some("three")));
}

#[tokio::test(start_paused = true)]
async fn many_who_need_a_kind_at_once_cause_one_list() {
    let script = Script::new([page(5, "", json!([]))]);
    let observed = observed(&script);
    let pods = kind("Pod", "pods");
    let all = (0..50).map(|_| observed.ensure(&pods));
    for result in futures::future::join_all(all).await {
        result.unwrap();
    }
    let lists = script.requests();
    let lists = lists.iter().filter(|request| request.contains("limit="));
    assert_eq!(lists.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn watches_end_with_the_store() {
    let script = Script::new([page(5, "", json!([]))]);
    let observed = observed(&script);
    observed.ensure(&kind("Pod", "pods")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = script.requests().len();
    drop(observed);
    script.answers.lock().unwrap().push_back(events(&[]));
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(script.requests().len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_kind_is_asked_for_once_and_a_missing_one_again_after_a_while() {
    let list = |kinds: &[&str]| {
        let resources = kinds.iter().map(|kind| {
            json!({"name": format!("{}s", kind.to_lowercase()), "kind": kind, "namespaced": true,
                "singularName": "", "verbs": ["get", "list", "watch", "delete"]})
        });
        let resources: Vec<Value> = resources.collect();
        let body =
            json!({"kind": "APIResourceList", "groupVersion": "a.b/v1", "resources": resources});
        (200, body.to_string())
    };
    let script = Script::new([
        list(&["Widget"]),
        refusal(404, "NotFound"),
        list(&["Gadget"]),
    ]);
    let discovery = Discovery::new(script.client());
    let widget = Gvk::gvk("a.b", "v1", "Widget");
    let kinds = (0..20).map(|_| discovery.resolve(&widget));
    for kind in futures::future::join_all(kinds).await {
        assert_eq!(kind.unwrap().resource.plural, "widgets");
    }
    assert_eq!(script.requests(), ["/apis/a.b/v1 "]);
    let missing = Gvk::gvk("a.b", "v1", "Widgets");
    let error = discovery.resolve(&missing).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the cluster does not serve kind \"Widgets\" in a.b/v1 (did you mean \"Widget\"?)"
    );
    assert_eq!(script.requests().len(), 1, "asked a moment ago");

    // A definition of the group was established: it is asked until it shows.
    discovery.refresh("a.b");
    let gadget = Gvk::gvk("a.b", "v1", "Gadget");
    assert_eq!(
        discovery.resolve(&gadget).await.unwrap().resource.plural,
        "gadgets"
    );
    assert_eq!(script.requests().len(), 3);
}
