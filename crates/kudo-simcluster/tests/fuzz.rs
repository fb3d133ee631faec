//! Requests that nobody means: whatever comes, the embedded cluster answers, with a status that says
//! what is wrong, and stays as it should be.
//!
//! Requests are made from the parts of good ones, so that most get past the first check. Each test
//! goes on for `KUDO_FUZZ_SECONDS` (two if it is not set); what fails is made small and printed.

#![cfg(test)]

use std::env;
use std::time::{Duration, Instant};

use http::{Method, Request};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// No answer takes longer, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(30);

const PATHS: &[&str] = &[
    "/api/v1/namespaces/default/configmaps/a",
    "/api/v1/namespaces/default/configmaps",
    "/api/v1/configmaps",
    "/api/v1/namespaces/default/pods/a",
    "/api/v1/namespaces/default/pods/a/status",
    "/api/v1/namespaces/default/pods/a/log",
    "/api/v1/namespaces/default/services",
    "/apis/apps/v1/namespaces/default/deployments/a",
    "/apis/apps/v1/namespaces/default/deployments/a/scale",
    "/apis/apps/v1/namespaces/default/deployments",
    "/apis/apps/v1/namespaces/default/statefulsets",
    "/apis/batch/v1/namespaces/default/jobs",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com",
    "/apis/example.com/v1/namespaces/default/things/a",
    "/apis/example.com/v1/namespaces/default/things",
    "/api/v1/namespaces",
    "/api/v1/nodes",
    "/apis",
    "/apis/apps",
    "/openapi/v2",
    "/openapi/v3/apis/apps/v1",
    "/version",
    "/healthz",
    "/",
];
const PARTS: &[&str] = &[
    "",
    "..",
    "%00",
    "%2f",
    "a b",
    "namespaces",
    "status",
    "scale",
    "é",
    "watch",
];
const PARAMETERS: &[&str] = &[
    "limit",
    "continue",
    "resourceVersion",
    "resourceVersionMatch",
    "labelSelector",
    "fieldSelector",
    "fieldManager",
    "fieldValidation",
    "force",
    "dryRun",
    "gracePeriodSeconds",
    "propagationPolicy",
    "timeoutSeconds",
    "includeObject",
    "pretty",
    "sendInitialEvents",
    "allowWatchBookmarks",
];
const WORDS: &[&str] = &[
    "",
    "0",
    "1",
    "-1",
    "99999999999999999999",
    "true",
    "All",
    "Exact",
    "a",
    "a=b",
    "a in (b",
    "!",
    "metadata.name=a",
    "Strict",
    "Orphan",
    "x,y",
    "\u{0}",
    "é",
    "null",
];
const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const TYPES: &[&str] = &[
    "",
    "application/json",
    "application/yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
    "application/vnd.kubernetes.protobuf",
    "text/plain",
    ";;",
];
const ACCEPTS: &[&str] = &[
    "",
    "application/json",
    "application/yaml",
    "*/*",
    "text/html",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList",
];
/// Names that mean something in an object or a patch.
const KEYS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "resourceVersion",
    "uid",
    "generateName",
    "deletionTimestamp",
    "managedFields",
    "spec",
    "status",
    "replicas",
    "selector",
    "matchLabels",
    "template",
    "containers",
    "image",
    "ports",
    "containerPort",
    "env",
    "data",
    "rules",
    "$patch",
    "$deleteFromPrimitiveList/finalizers",
    "$setElementOrder/containers",
    "$retainKeys",
    "op",
    "path",
    "value",
    "from",
    "versions",
    "schema",
    "conditions",
    "type",
    "a",
    "",
];
const TEXTS: &[&str] = &[
    "",
    "a",
    "v1",
    "apps/v1",
    "ConfigMap",
    "Deployment",
    "Thing",
    "example.com/v1",
    "default",
    "delete",
    "replace",
    "merge",
    "add",
    "remove",
    "test",
    "copy",
    "move",
    "/metadata/labels/a",
    "/spec",
    "/-",
    "~2",
    "100Mi",
    "1e400",
    "2001-01-01T00:00:00Z",
    "\u{0}",
    "é",
];

const OPERATIONS: &[&str] = &["add", "remove", "replace", "move", "copy", "test"];
/// Places in the objects, and some that are in none.
const POINTERS: &[&str] = &[
    "",
    "/",
    "/-",
    "/data",
    "/data/k",
    "/kind",
    "/metadata",
    "/metadata/annotations",
    "/metadata/annotations/a~1b",
    "/metadata/finalizers/-",
    "/metadata/finalizers/0",
    "/metadata/labels/a",
    "/metadata/managedFields/0",
    "/metadata/name",
    "/spec",
    "/spec/list/-1",
    "/spec/list/0/name",
    "/spec/map/k",
    "/spec/replicas",
    "/spec/template/spec/containers/-",
    "/spec/template/spec/containers/0",
    "/spec/template/spec/containers/0/image",
    "/spec/template/spec/containers/01",
    "/spec/template/spec/containers/99999999999999999999",
    "/spec/versions/0/schema",
    "/status",
    "a",
    "/~2",
];

#[derive(Clone, Debug)]
struct Sent {
    method: String,
    path: String,
    media: String,
    accept: String,
    body: Vec<u8>,
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-2_i64..9).prop_map(Value::from),
        Just(json!(1e300)),
        select(TEXTS).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let member = (select(KEYS), inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            vec(member, 0..6).prop_map(|members| {
                let members = members.into_iter();
                Value::Object(
                    members
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

/// A good object with a value put somewhere into it.
fn object() -> impl Strategy<Value = Value> {
    let good = select(vec![
        json!({ "metadata": { "name": "a" }, "data": { "k": "v" } }),
        deployment(),
        json!({ "apiVersion": "example.com/v1", "kind": "Thing", "metadata": { "name": "a" },
                "spec": { "list": [{ "name": "x", "v": 1 }], "map": { "k": "v" } } }),
        definition(),
    ]);
    (good, vec((any::<usize>(), value()), 0..3)).prop_map(|(mut object, changes)| {
        for (place, new) in changes {
            let count = places(&mut object);
            *place_in(&mut object, place % count).0.unwrap() = new;
        }
        object
    })
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a" },
        "spec": {
            "replicas": 1, "selector": { "matchLabels": { "a": "b" } },
            "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [
                    { "name": "c", "image": "i", "ports": [{ "containerPort": 80 }] },
                ] },
            },
        },
    })
}

fn definition() -> Value {
    let item = json!({ "type": "object", "required": ["name"], "properties": {
        "name": { "type": "string" }, "v": { "type": "integer", "default": 3 } } });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "things.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": { "plural": "things", "kind": "Thing" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": {
                    "type": "object", "properties": {
                        "list": { "type": "array", "items": item, "x-kubernetes-list-type": "map",
                                  "x-kubernetes-list-map-keys": ["name"] },
                        "map": { "type": "object", "additionalProperties": { "type": "string" } },
                    },
                } } } },
            }],
        },
    })
}

fn places(value: &mut Value) -> usize {
    place_in(value, usize::MAX).1
}

/// The place of that number, and how many were passed.
fn place_in(value: &mut Value, number: usize) -> (Option<&mut Value>, usize) {
    if number == 0 {
        return (Some(value), 1);
    }
    let below: Vec<&mut Value> = match value {
        Value::Array(list) => list.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        _ => Vec::new(),
    };
    let mut passed = 1;
    for inner in below {
        let (found, more) = place_in(inner, number.saturating_sub(passed));
        if found.is_some() {
            return (found, passed + more);
        }
        passed += more;
    }
    (None, passed)
}

/// Operations of a JSON patch on what the objects hold.
fn operations() -> impl Strategy<Value = Value> {
    let operation = (
        select(OPERATIONS),
        select(POINTERS),
        select(POINTERS),
        prop_oneof![value(), select(TEXTS).prop_map(Value::from)],
    );
    let operation = operation.prop_map(|(op, path, from, value)| match op {
        "remove" => json!({ "op": op, "path": path }),
        "move" | "copy" => json!({ "op": op, "path": path, "from": from }),
        _ => json!({ "op": op, "path": path, "value": value }),
    });
    vec(operation, 1..5).prop_map(Value::from)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        4 => object(),
        3 => value(),
        4 => operations(),
        2 => vec(value(), 0..4).prop_map(Value::from),
    ];
    let text = text.prop_map(|value| value.to_string().into_bytes());
    // Bytes are changed, cut off or repeated.
    let spoiled =
        (text.clone(), any::<u16>(), any::<u8>(), 0..3).prop_map(|(mut text, at, byte, how)| {
            let at = usize::from(at) % (text.len() + 1);
            match how {
                0 => text.truncate(at),
                1 => text.insert(at, byte),
                _ => text
                    .splice(at..at, std::iter::repeat_n(byte, 300))
                    .for_each(drop),
            }
            text
        });
    let deep = (select(vec!["[", "{\"a\":"]), 1..20_000_usize);
    prop_oneof![
        6 => text,
        2 => spoiled,
        1 => deep.prop_map(|(open, times)| open.repeat(times).into_bytes()),
        1 => vec(any::<u8>(), 0..60),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let changed = (select(PATHS), select(PARTS), any::<u8>()).prop_map(|(path, part, at)| {
        let mut parts: Vec<&str> = path.split('/').collect();
        let at = usize::from(at) % parts.len();
        parts.insert(at.max(1), part);
        parts.join("/").replace(' ', "%20").replace('é', "%c3%a9")
    });
    let query = vec((select(PARAMETERS), select(WORDS)), 0..3).prop_map(|pairs| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        query.finish()
    });
    let path = prop_oneof![5 => select(PATHS).prop_map(str::to_owned), 1 => changed];
    (path, query).prop_map(|(path, query)| format!("{path}?{query}"))
}

fn sent(
    methods: &'static [&'static str],
    types: &'static [&'static str],
) -> impl Strategy<Value = Sent> {
    (
        select(methods),
        path(),
        select(types),
        select(ACCEPTS),
        body(),
    )
        .prop_map(|(method, path, media, accept, body)| Sent {
            method: method.to_owned(),
            path,
            media: media.to_owned(),
            accept: accept.to_owned(),
            body,
        })
}

/// A cluster with an object of each sort in it.
fn cluster(runtime: &Runtime) -> Client {
    let options = SimOptions {
        seed: Some(1),
        ..SimOptions::default()
    };
    let client = runtime.block_on(async { SimCluster::start(options).client() });
    let pod =
        json!({ "metadata": { "name": "a" }, "spec": deployment()["spec"]["template"]["spec"] });
    let thing =
        json!({ "apiVersion": "example.com/v1", "kind": "Thing", "metadata": { "name": "a" } });
    for (path, body) in [
        (
            "/api/v1/namespaces/default/configmaps",
            json!({ "metadata": { "name": "a" } }),
        ),
        ("/api/v1/namespaces/default/pods", pod),
        ("/apis/apps/v1/namespaces/default/deployments", deployment()),
        (
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            definition(),
        ),
        ("/apis/example.com/v1/namespaces/default/things", thing),
    ] {
        let request = Sent {
            method: "POST".to_owned(),
            path: path.to_owned(),
            media: "application/json".to_owned(),
            accept: String::new(),
            body: body.to_string().into_bytes(),
        };
        let (code, answer) = runtime.block_on(send(&client, &request)).unwrap();
        assert_eq!(code, 201, "{}", String::from_utf8_lossy(&answer));
    }
    client
}

/// Sends a request, and reads the answer if it comes to an end.
async fn send(client: &Client, sent: &Sent) -> Result<(u16, Vec<u8>), String> {
    let mut request = Request::builder()
        .method(Method::from_bytes(sent.method.as_bytes()).map_err(|e| e.to_string())?)
        .uri(&sent.path);
    for (name, value) in [("content-type", &sent.media), ("accept", &sent.accept)] {
        if !value.is_empty() {
            request = request.header(name, value);
        }
    }
    let request = request.body(Body::from(sent.body.clone()));
    let answered = client.send(request.map_err(|error| error.to_string())?);
    let answered = tokio::time::timeout(PATIENCE, answered).await;
    let answered = answered.map_err(|_| "no answer".to_owned())?;
    let response = answered.map_err(|error| error.to_string())?;
    let code = response.status().as_u16();
    // A watch and a followed log go on.
    if code == 200 && (sent.path.contains("watch") || sent.path.contains("follow")) {
        return Ok((code, Vec::new()));
    }
    let body = tokio::time::timeout(PATIENCE, response.into_body().collect()).await;
    let body = body.map_err(|_| "the answer does not end".to_owned())?;
    let body = body.map_err(|error| error.to_string())?;
    Ok((code, body.to_bytes().to_vec()))
}

/// What every answer must be.
fn check(sent: &Sent, code: u16, answer: &[u8]) -> Result<(), TestCaseError> {
    let text = String::from_utf8_lossy(answer);
    prop_assert!((200..600).contains(&code), "{code}: {text}");
    prop_assert!(code < 500 || is_a_real_servers(&text), "{code}: {text}");
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
        return Ok(());
    };
    if answer["kind"] == "Status" && sent.accept != "application/yaml" {
        prop_assert_eq!(
            answer["code"].as_u64().unwrap_or(u64::from(code)),
            u64::from(code)
        );
        if code >= 400 {
            let message = answer["message"].as_str().unwrap_or_default();
            prop_assert!(!message.is_empty(), "{code} without a message");
        }
    }
    Ok(())
}

/// Whether a real server, too, calls that its own fault: what conformance cases show of options of a deletion, patches
/// that are no patches, and versions of objects.
fn is_a_real_servers(text: &str) -> bool {
    [
        "couldn't get version/kind; json parse error: ",
        "invalid type: ",
        "is registered for version ",
        "resourceVersion should not be set on objects to be created",
        "strconv.ParseUint: parsing ",
        "Timeout: ",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// Every object has what the server alone gives, and is read under its name.
async fn is_sound(client: &Client) -> Result<(), String> {
    for path in [
        "/api/v1/configmaps",
        "/api/v1/pods",
        "/apis/apps/v1/deployments",
        "/api/v1/namespaces",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    ] {
        let request = Request::get(path)
            .body(Vec::new())
            .map_err(|e| e.to_string())?;
        let list: Value = client
            .request(request)
            .await
            .map_err(|error| error.to_string())?;
        let newest: u64 = list["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default()
            .parse()
            .map_err(|_| format!("{path}: no version"))?;
        for item in list["items"].as_array().into_iter().flatten() {
            let metadata = &item["metadata"];
            let version = metadata["resourceVersion"]
                .as_str()
                .unwrap_or_default()
                .parse::<u64>();
            let whole = ["name", "uid", "creationTimestamp"].iter().all(|field| {
                metadata[field]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            });
            if !whole || version.map_or(true, |version| version > newest) {
                return Err(format!("{path}: {item}"));
            }
        }
    }
    Ok(())
}

/// How long a test goes on.
fn deadline() -> Instant {
    let seconds = env::var("KUDO_FUZZ_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(2);
    Instant::now() + Duration::from_secs(seconds)
}

fn runner() -> TestRunner {
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
}

fn play(methods: &'static [&'static str], types: &'static [&'static str]) {
    let runtime = Runtime::new().unwrap();
    let strategy = vec(sent(methods, types), 1..12);
    let end = deadline();
    let mut runner = runner();
    while Instant::now() < end {
        let outcome = runner.run(&strategy, |requests| {
            let client = cluster(&runtime);
            for sent in &requests {
                let (code, answer) = runtime
                    .block_on(send(&client, sent))
                    .map_err(|problem| TestCaseError::fail(format!("{sent:?}: {problem}")))?;
                check(sent, code, &answer)?;
            }
            runtime
                .block_on(is_sound(&client))
                .map_err(TestCaseError::fail)
        });
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[test]
fn any_request_is_answered() {
    play(METHODS, TYPES);
}

#[test]
fn json_patches() {
    play(&["PATCH"], &["application/json-patch+json"]);
}

#[test]
fn merge_patches() {
    play(&["PATCH"], &["application/merge-patch+json"]);
}

#[test]
fn strategic_merge_patches() {
    play(&["PATCH"], &["application/strategic-merge-patch+json"]);
}

#[test]
fn applied_configurations() {
    play(&["PATCH"], &["application/apply-patch+yaml"]);
}

/// Whatever comes over a socket, the next client is answered.
#[test]
fn bytes_on_a_socket() {
    let runtime = Runtime::new().unwrap();
    let (address, _serving) = runtime.block_on(async {
        let cluster = SimCluster::start(SimOptions::default());
        let serving = cluster
            .serve_plain("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        (serving.address, serving)
    });
    let line = select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /api/v1/namespaces HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n",
        "\r\n",
        "host: x\r\n",
        "content-length: 99\r\n",
        "content-length: -1\r\n",
        "transfer-encoding: chunked\r\n",
        "ffffffffffffffff\r\n",
        "0\r\n\r\n",
        "{}",
        "connection: upgrade\r\nupgrade: websocket\r\n",
        "authorization: Bearer x\r\n",
        "expect: 100-continue\r\n",
    ]);
    let line = line.prop_map(|line| line.as_bytes().to_vec());
    let strategy = vec(prop_oneof![4 => line, 1 => vec(any::<u8>(), 0..40)], 0..9);
    let end = deadline();
    let mut runner = runner();
    while Instant::now() < end {
        let outcome = runner.run(&strategy, |lines| {
            runtime.block_on(async {
                let mut stream = TcpStream::connect(address).await.unwrap();
                // It may be hung up on at any byte.
                let _ = stream.write_all(&lines.concat()).await;
                drop(stream);
                let mut next = TcpStream::connect(address).await.unwrap();
                let request = b"GET /version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
                next.write_all(request).await.unwrap();
                let mut answer = Vec::new();
                let read = tokio::time::timeout(PATIENCE, next.read_to_end(&mut answer)).await;
                let is_answered = read.is_ok() && answer.starts_with(b"HTTP/1.1 200");
                prop_assert!(is_answered, "{}", String::from_utf8_lossy(&answer));
                Ok(())
            })
        });
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    }
}
