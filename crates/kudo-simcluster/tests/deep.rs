//! Objects that are nested as deeply as a server takes them: everything that is done with objects is done
//! with these, on the small stacks of a runtime's threads.

#![cfg(test)]

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use http::Request;
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use kudo_simcluster::controllers::{self, ControllerOptions};
use serde_json::{Value, json};

/// Servers read nothing deeper.
const DEEPEST: usize = 10_000;
const DEEPS: &str = "/apis/example.org/v1/namespaces/default/deeps";
const DEEP: &str = "/apis/example.org/v1/namespaces/default/deeps/a";
const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// Time enough for anything that happens at once, on a busy machine too.
const PATIENCE: Duration = Duration::from_mins(1);

async fn cluster() -> (SimCluster, Client) {
    let cluster = SimCluster::start(SimOptions::default());
    let client = cluster.client();
    let definition = json!({
        "metadata": { "name": "deeps.example.org" },
        "spec": {
            "group": "example.org", "scope": "Namespaced",
            "names": { "plural": "deeps", "kind": "Deep" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "additionalPrinterColumns": [{ "name": "N", "type": "string", "jsonPath": ".n" }],
                "schema": { "openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    "properties": { "n": { "type": "integer", "default": 1 } },
                } },
            }],
        },
    });
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let (code, text) = send(&client, "POST", path, JSON, &definition.to_string()).await;
    assert_eq!(code, 201, "{text}");
    (cluster, client)
}

/// A value of this depth.
fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}7{}", open.repeat(depth), close.repeat(depth))
}

fn maps(depth: usize) -> String {
    nested("{\"a\":", "}", depth)
}

/// An object of this depth.
fn object(name: &str, inner: &str) -> String {
    format!(
        "{{\"apiVersion\":\"example.org/v1\",\"kind\":\"Deep\",\"metadata\":{{\"name\":\"{name}\"}},\"deep\":{inner}}}"
    )
}

async fn send(client: &Client, method: &str, path: &str, media: &str, body: &str) -> (u16, String) {
    let asked = (method.to_owned(), path.to_owned(), media.to_owned());
    accepting(client, asked, JSON, body).await
}

async fn accepting(
    client: &Client,
    (method, path, media): (String, String, String),
    accept: &str,
    body: &str,
) -> (u16, String) {
    let request = Request::builder()
        .method(method.as_str())
        .uri(path)
        .header("content-type", media)
        .header("accept", accept)
        .body(Body::from(body.as_bytes().to_vec()))
        .unwrap();
    let begun = Instant::now();
    let answer = client.send(request).await.unwrap();
    let code = answer.status().as_u16();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    (code, String::from_utf8(text.into()).unwrap())
}

/// How often a part is in a text.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_objects_are_created_read_listed_and_watched() {
    let work = async {
        let (_cluster, client) = cluster().await;
        for (name, open, close) in [("a", "{\"a\":", "}"), ("b", "[", "]")] {
            let inner = nested(open, close, DEEPEST - 1);
            let (code, text) = send(&client, "POST", DEEPS, JSON, &object(name, &inner)).await;
            assert_eq!(code, 201, "{}", &text[..200]);
            assert!(text.contains(&inner));
            let (code, text) = send(&client, "GET", &format!("{DEEPS}/{name}"), JSON, "").await;
            assert_eq!(code, 200);
            assert!(text.contains(&inner) && text.contains("\"n\":1"));
        }
        let (_, list) = send(&client, "GET", DEEPS, JSON, "").await;
        assert_eq!(count(&list, "{\"a\":"), DEEPEST - 1);
        for form in ["Table", "PartialObjectMetadataList"] {
            let accept = format!("application/json;as={form};v=v1;g=meta.k8s.io");
            let asked = ("GET".to_owned(), DEEPS.to_owned(), JSON.to_owned());
            let (code, text) = accepting(&client, asked, &accept, "").await;
            assert_eq!(code, 200, "{form}");
            // They have managed fields, which are as deep.
            assert_eq!(count(&text, "\"f:a\":"), DEEPEST - 1, "{form}");
        }
        for accept in [
            JSON,
            "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
        ] {
            let watch = Request::get(format!("{DEEPS}?watch=1&resourceVersion=0"))
                .header("accept", accept)
                .body(Body::empty())
                .unwrap();
            let frames = client
                .send(watch)
                .await
                .unwrap()
                .into_body()
                .into_data_stream();
            let events: Vec<_> = frames.take(2).try_collect().await.unwrap();
            let events = String::from_utf8(events.concat()).unwrap();
            assert_eq!(count(&events, "\"type\":\"ADDED\""), 2);
        }
    };
    tokio::spawn(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deeper_than_servers_read_is_refused() {
    let work = async {
        let (_cluster, client) = cluster().await;
        let body = object("a", &maps(DEEPEST));
        for (method, path, media) in [
            ("POST", DEEPS, JSON),
            ("POST", "/api/v1/namespaces/default/configmaps", JSON),
            ("PATCH", DEEP, APPLY),
        ] {
            let (code, text) = send(&client, method, path, media, &body).await;
            assert_eq!(code, 400, "{method} {path}: {text}");
        }
        let (_, text) = send(&client, "POST", DEEPS, JSON, &body).await;
        assert!(text.contains("exceeded max depth"), "{text}");
        let (code, _) = send(&client, "POST", DEEPS, JSON, &object("a", "1")).await;
        assert_eq!(code, 201);
        for media in [MERGE, JSON_PATCH] {
            let (code, text) = send(&client, "PATCH", DEEP, media, &body).await;
            assert_eq!(code, 400, "{media}: {text}");
        }
    };
    tokio::spawn(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_objects_are_changed() {
    let work = async {
        let (_cluster, client) = cluster().await;
        let deep = maps(DEEPEST - 1);
        let (code, _) = send(&client, "POST", DEEPS, JSON, &object("a", "1")).await;
        assert_eq!(code, 201);
        let (code, text) = send(
            &client,
            "PATCH",
            DEEP,
            MERGE,
            &format!("{{\"deep\":{deep}}}"),
        )
        .await;
        assert_eq!(code, 200, "{text:.300}");
        assert!(text.contains(&deep));

        let inside = format!("/deep{}", "/a".repeat(DEEPEST - 1));
        let patch = json!([
            { "op": "test", "path": inside, "value": 7 },
            { "op": "replace", "path": inside, "value": 8 },
            { "op": "copy", "from": "/deep", "path": "/copy" },
            { "op": "move", "from": "/copy", "path": "/moved" },
        ]);
        let (code, text) = send(&client, "PATCH", DEEP, JSON_PATCH, &patch.to_string()).await;
        assert_eq!(code, 200, "{text:.300}");
        assert_eq!(count(&text, "{\"a\":8}"), 2);

        let (_, text) = send(&client, "GET", DEEP, JSON, "").await;
        // Managed fields are a little deeper than the object, so that it cannot be sent as it was got.
        let (code, told) = send(&client, "PUT", DEEP, JSON, &text).await;
        assert_eq!(
            (code, told.contains("exceeded max depth")),
            (400, true),
            "{told:.300}"
        );
        let (_, version) = text.split_once("\"resourceVersion\":\"").unwrap();
        let (version, _) = version.split_once('"').unwrap();
        let named = format!("\"name\":\"a\",\"resourceVersion\":\"{version}\"");
        let text = object("a", &maps(DEEPEST - 1)).replace("\"name\":\"a\"", &named);
        let (code, text) = send(&client, "PUT", DEEP, JSON, &text).await;
        assert_eq!(code, 200, "{text:.300}");
        assert_eq!(count(&text, "{\"a\":7}"), 1);

        let deeper = format!("[{{\"op\":\"add\",\"path\":\"{inside}\",\"value\":[]}}]");
        let (code, _) = send(&client, "PATCH", DEEP, JSON_PATCH, &deeper).await;
        assert_eq!(code, 422);
        let (code, _) = send(&client, "DELETE", DEEP, JSON, "").await;
        assert_eq!(code, 200);
    };
    tokio::spawn(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_objects_are_applied() {
    let work = async {
        let (_cluster, client) = cluster().await;
        let apply = async |manager: &str, inner: &str, more: &str| {
            let path = format!("{DEEP}?fieldManager={manager}{more}");
            send(&client, "PATCH", &path, APPLY, &object("a", inner)).await
        };
        let (deep, other) = (maps(DEEPEST - 1), maps(DEEPEST - 1).replace('7', "8"));
        let (code, text) = apply("one", &deep, "").await;
        assert_eq!(code, 201, "{text:.300}");
        assert_eq!(apply("one", &deep, "").await.0, 200);
        let (code, text) = apply("two", &other, "").await;
        assert_eq!(code, 409, "{text:.300}");
        let (code, text) = apply("two", &other, "&force=true").await;
        assert_eq!(code, 200, "{text:.300}");
        assert!(text.contains("\"a\":8"));
        // Nobody says it any more.
        let (code, text) = apply("two", "{}", "").await;
        assert_eq!(code, 200, "{text:.300}");
        assert!(!text.contains("\"a\":"), "{text:.300}");
    };
    tokio::spawn(work).await.unwrap();
}

/// Each operation doubles what is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_do_not_make_much_of_little() {
    let work = async {
        let (_cluster, client) = cluster().await;
        let (code, _) = send(&client, "POST", DEEPS, JSON, &object("a", "{\"x\":{}}")).await;
        assert_eq!(code, 201);
        for path in ["/deep/x/x", "/deep/-"] {
            let copy = json!({ "op": "copy", "from": "/deep", "path": path });
            let patch = Value::from(vec![copy; 5000]).to_string();
            let (code, text) = send(&client, "PATCH", DEEP, JSON_PATCH, &patch).await;
            assert_eq!(code, 422, "{text:.300}");
        }
    };
    tokio::spawn(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wide_and_deep_objects_take_no_long_time() {
    let work = async {
        let (_cluster, client) = cluster().await;
        // Many leaves at the bottom, and long keys all the way down.
        let leaves: Vec<String> = (0..40_000).map(|n| format!("\"{n}\":1")).collect();
        let leaves = format!("{{{}}}", leaves.join(","));
        let key = "k".repeat(100);
        let open = format!("{{\"{key}\":");
        let depth = 5_000;
        let inner = format!("{}{leaves}{}", open.repeat(depth), "}".repeat(depth));
        let (code, text) = send(&client, "POST", DEEPS, JSON, &object("a", &inner)).await;
        assert_eq!(code, 201, "{text:.300}");
        let (code, _) = send(&client, "PATCH", DEEP, MERGE, "{\"deep\":null}").await;
        assert_eq!(code, 200);
    };
    tokio::spawn(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_have_a_depth_of_their_own() {
    let work = async {
        let (_cluster, client) = cluster().await;
        let definition =
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/deeps.example.org";
        for (levels, expected) in [(100, 200), (400, 400)] {
            let open = "{\"type\":\"object\",\"properties\":{\"a\":";
            let schema = format!(
                "{}{{\"type\":\"string\"}}{}",
                open.repeat(levels),
                "}}".repeat(levels)
            );
            let patch = format!(
                "[{{\"op\":\"replace\",\"path\":\"/spec/versions/0/schema/openAPIV3Schema\",\"value\":{schema}}}]"
            );
            let (code, text) = send(&client, "PATCH", definition, JSON_PATCH, &patch).await;
            assert_eq!(code, expected, "{text:.300}");
        }
        let (code, text) = send(&client, "POST", DEEPS, JSON, &object("a", &maps(5000))).await;
        assert_eq!(code, 201, "{text:.300}");
        assert!(!text.contains("deep\""), "it is not in the schema");
    };
    tokio::spawn(work).await.unwrap();
}

/// Controllers read their managed fields, which are as deep as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_objects_do_not_keep_a_namespace_from_going() {
    let work = async {
        let (cluster, client) = cluster().await;
        let options = ControllerOptions::default();
        let controllers = tokio::spawn(controllers::run(cluster.client(), options));
        let namespace = json!({ "metadata": { "name": "deep" } }).to_string();
        let path = "/api/v1/namespaces";
        assert_eq!(send(&client, "POST", path, JSON, &namespace).await.0, 201);
        let deeps = DEEPS.replace("default", "deep");
        let body = object("a", &maps(1000));
        assert_eq!(send(&client, "POST", &deeps, JSON, &body).await.0, 201);
        let path = "/api/v1/namespaces/deep";
        assert_eq!(send(&client, "DELETE", path, JSON, "").await.0, 200);
        let begun = Instant::now();
        while send(&client, "GET", path, JSON, "").await.0 != 404 {
            assert!(begun.elapsed() < PATIENCE, "it never goes");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        controllers.abort();
    };
    tokio::spawn(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_objects_outlive_the_process() {
    let work = async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (cluster, client) = cluster().await;
        let body = object("a", &maps(DEEPEST - 1));
        assert_eq!(send(&client, "POST", DEEPS, JSON, &body).await.0, 201);
        let before = send(&client, "GET", DEEP, JSON, "").await;
        cluster.save(&path).unwrap();
        let again = SimCluster::start_from(SimOptions::default(), &path).unwrap();
        assert_eq!(send(&again.client(), "GET", DEEP, JSON, "").await, before);
    };
    tokio::spawn(work).await.unwrap();
}
