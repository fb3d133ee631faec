//! The embedded cluster through a client in this process.

#![cfg(test)]

use std::time::Duration;

use base64::Engine as _;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, Service, ServiceAccount};
use kube::api::{
    Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::runtime::wait::await_condition;
use kube::{Client, ResourceExt};
use kudo_simcluster::cluster::{SimCluster, SimOptions};
use kudo_simcluster::controllers::{self, ControllerOptions};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn client() -> Client {
    SimCluster::start(SimOptions::default()).client()
}

fn made<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

async fn code<T: std::fmt::Debug>(answer: impl Future<Output = kube::Result<T>>) -> (u16, String) {
    match answer.await {
        Err(kube::Error::Api(status)) => (status.code, status.message.clone()),
        other => panic!("no status: {other:?}"),
    }
}

#[tokio::test]
async fn an_object_is_created_read_changed_listed_and_deleted() {
    let api: Api<ConfigMap> = Api::namespaced(client(), "default");
    let object = made(json!({"metadata": {"name": "a", "labels": {"x": "y"}}, "data": {"k": "1"}}));
    let created = api.create(&PostParams::default(), &object).await.unwrap();
    assert!(created.metadata.uid.is_some());
    let again = code(api.create(&PostParams::default(), &object)).await;
    assert_eq!(again, (409, "configmaps \"a\" already exists".to_owned()));

    let patch = json!({"data": {"k": "2"}});
    let patched = api
        .patch("a", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
    assert_eq!(patched.data.clone().unwrap()["k"], "2");
    let stale = code(api.replace("a", &PostParams::default(), &created)).await;
    assert_eq!(stale.0, 409);

    for (selector, count) in [
        ("x=y", 1),
        ("x in (y,z)", 1),
        ("x!=y", 1),
        ("!x", 1),
        ("x=z", 0),
    ] {
        let listed = api
            .list(&ListParams::default().labels(selector))
            .await
            .unwrap();
        let named = listed
            .items
            .iter()
            .filter(|one| one.name_any() == "a")
            .count();
        assert_eq!(
            named,
            usize::from(count == 1 && !selector.contains('!')),
            "{selector}"
        );
    }
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let gone = code(api.get("a")).await;
    assert_eq!(gone, (404, "configmaps \"a\" not found".to_owned()));
}

#[tokio::test]
async fn a_watch_tells_what_happens_and_when_it_has_fallen_behind() {
    let options = SimOptions {
        window: 4,
        ..SimOptions::default()
    };
    let api: Api<ConfigMap> = Api::namespaced(SimCluster::start(options).client(), "default");
    let begin = api
        .list(&ListParams::default())
        .await
        .unwrap()
        .metadata
        .resource_version
        .unwrap();
    let stream = api.watch(&WatchParams::default(), &begin).await.unwrap();
    let mut stream = stream.boxed();
    for name in ["a", "b"] {
        let object = made(json!({"metadata": {"name": name}}));
        api.create(&PostParams::default(), &object).await.unwrap();
    }
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.push(match stream.try_next().await.unwrap().unwrap() {
            WatchEvent::Added(object) => format!("added {}", object.name_any()),
            WatchEvent::Deleted(object) => format!("deleted {}", object.name_any()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, ["added a", "added b", "deleted a"]);
    for number in 0..8 {
        let object = made(json!({"metadata": {"name": format!("c{number}")}}));
        api.create(&PostParams::default(), &object).await.unwrap();
    }
    let late = api.watch(&WatchParams::default(), &begin).await.unwrap();
    let late = late.boxed().try_next().await;
    assert!(matches!(late, Ok(Some(WatchEvent::Error(status))) if status.code == 410));
}

#[tokio::test]
async fn a_list_whose_version_is_lost_goes_on_with_what_there_is() {
    let options = SimOptions {
        window: 4,
        ..SimOptions::default()
    };
    let api: Api<ConfigMap> = Api::namespaced(SimCluster::start(options).client(), "default");
    let create = async |name: &str| {
        let object = made(json!({ "metadata": { "name": name } }));
        api.create(&PostParams::default(), &object).await.unwrap();
    };
    for name in ["a", "b", "c"] {
        create(name).await;
    }
    let pages = ListParams::default().limit(2);
    let first = api.list(&pages).await.unwrap();
    let token = first.metadata.continue_.unwrap();
    for number in 0..8 {
        create(&format!("d{number}")).await;
    }
    let rest = match api.list(&pages.clone().continue_token(&token)).await {
        Err(kube::Error::Api(status)) => {
            assert_eq!((status.code, &*status.reason), (410, "Expired"));
            status.metadata.and_then(|metadata| metadata.continue_)
        }
        other => panic!("{other:?}"),
    };
    let pages = pages.continue_token(&rest.unwrap());
    let second = api.list(&pages).await.unwrap();
    let names: Vec<String> = second.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["c", "d0"]);
}

#[tokio::test]
async fn of_large_objects_fewer_versions_are_kept() {
    for (size, kept) in [(10, true), (900_000, false)] {
        let api: Api<ConfigMap> = Api::namespaced(client(), "default");
        let params = PostParams::default();
        let object = made(json!({ "metadata": { "name": "a" } }));
        let mut object = api.create(&params, &object).await.unwrap();
        let begin = object.metadata.resource_version.clone().unwrap();
        for number in 0..60 {
            let text = format!("{number} {}", "x".repeat(size));
            object.data = Some([("text".to_owned(), text)].into());
            object = api.replace("a", &params, &object).await.unwrap();
        }
        let late = api.watch(&WatchParams::default(), &begin).await.unwrap();
        let late = late.boxed().try_next().await.unwrap().unwrap();
        assert_eq!(!matches!(late, WatchEvent::Error(_)), kept, "{size}");
    }
}

#[tokio::test]
async fn finalizers_and_grace_hold_a_deletion() {
    let client = client();
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let object = made(json!({"metadata": {"name": "held", "finalizers": ["example.org/hold"]}}));
    api.create(&PostParams::default(), &object).await.unwrap();
    api.delete("held", &DeleteParams::default()).await.unwrap();
    assert!(
        api.get("held")
            .await
            .unwrap()
            .metadata
            .deletion_timestamp
            .is_some()
    );
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api.patch("held", &PatchParams::default(), &free)
        .await
        .unwrap();
    assert_eq!(code(api.get("held")).await.0, 404);

    let pods: Api<Pod> = Api::namespaced(client, "default");
    let pod = made(json!({"metadata": {"name": "p"}, "spec": {
        "nodeName": "n", "terminationGracePeriodSeconds": 5, "containers": [{"name": "c", "image": "i"}],
    }}));
    pods.create(&PostParams::default(), &pod).await.unwrap();
    pods.delete("p", &DeleteParams::default()).await.unwrap();
    let ending = pods.get("p").await.unwrap();
    assert_eq!(ending.metadata.deletion_grace_period_seconds, Some(5));
    pods.delete("p", &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    assert_eq!(code(pods.get("p")).await.0, 404);
}

#[tokio::test]
async fn server_side_apply_creates_and_changes() {
    let api: Api<Deployment> = Api::namespaced(client(), "default");
    let config = |replicas: i32| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {
                "replicas": replicas, "selector": {"matchLabels": {"a": "d"}},
                "template": {
                    "metadata": {"labels": {"a": "d"}},
                    "spec": {"containers": [{"name": "c", "image": "i"}]},
                },
            },
        })
    };
    let params = PatchParams::apply("test").force();
    let first = api
        .patch("d", &params, &Patch::Apply(config(1)))
        .await
        .unwrap();
    let same = api
        .patch("d", &params, &Patch::Apply(config(1)))
        .await
        .unwrap();
    assert_eq!(first.resource_version(), same.resource_version());
    let more = api
        .patch("d", &params, &Patch::Apply(config(2)))
        .await
        .unwrap();
    assert_eq!(
        (first.metadata.generation, more.metadata.generation),
        (Some(1), Some(2))
    );
    let scale = api.get_scale("d").await.unwrap();
    assert_eq!(scale.spec.unwrap().replicas, Some(2));
}

#[tokio::test]
async fn services_get_addresses_of_their_own() {
    let api: Api<Service> = Api::namespaced(client(), "default");
    let mut addresses = std::collections::BTreeSet::new();
    for number in 0..20 {
        let service = made(json!({
            "metadata": {"name": format!("s{number}")}, "spec": {"ports": [{"port": 80}]},
        }));
        let created = api.create(&PostParams::default(), &service).await.unwrap();
        addresses.insert(created.spec.unwrap().cluster_ip.unwrap());
    }
    assert_eq!(addresses.len(), 20);
}

#[tokio::test]
async fn nothing_is_created_in_a_namespace_that_ends_or_is_not_there() {
    let client = client();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let object = made(json!({"metadata": {"name": "n"}}));
    namespaces
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
    namespaces
        .delete("n", &DeleteParams::default())
        .await
        .unwrap();
    let object: ConfigMap = made(json!({"metadata": {"name": "a"}}));
    let ending = Api::<ConfigMap>::namespaced(client.clone(), "n");
    assert_eq!(
        code(ending.create(&PostParams::default(), &object)).await.0,
        403
    );
    let missing = Api::<ConfigMap>::namespaced(client, "m");
    let missing = code(missing.create(&PostParams::default(), &object)).await;
    assert_eq!(missing, (404, "namespaces \"m\" not found".to_owned()));
}

#[tokio::test]
async fn a_seed_makes_the_same_uids() {
    let uid = || async {
        let options = SimOptions {
            seed: Some(7),
            ..SimOptions::default()
        };
        let api: Api<Namespace> = Api::all(SimCluster::start(options).client());
        api.get("default").await.unwrap().uid()
    };
    assert_eq!(uid().await, uid().await);
}

/// Who a token says one is: the refusal's code, or the user's name and what else is known.
async fn whose(client: &Client, token: &str) -> Result<(String, Value), u16> {
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let request = http::Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
        .header("authorization", format!("Bearer {token}"))
        .body(review.to_string().into_bytes())
        .unwrap();
    match client.request::<Value>(request).await {
        Ok(mut review) => {
            let user = &mut review["status"]["userInfo"];
            let name = user["username"].as_str().unwrap().to_owned();
            Ok((name, user["extra"].take()))
        }
        Err(kube::Error::Api(status)) => Err(status.code),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_with_a_token_lets_its_account_in_while_both_are_there() {
    let client = client();
    let controllers = tokio::spawn(controllers::run(
        client.clone(),
        ControllerOptions::default(),
    ));
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let account = made(json!({ "metadata": { "name": "a" } }));
    accounts
        .create(&PostParams::default(), &account)
        .await
        .unwrap();
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "default");
    let filled = |name: &'static str, account: &'static str| {
        let (secrets, client) = (secrets.clone(), client.clone());
        async move {
            let secret = made(json!({
                "metadata": {
                    "name": name, "annotations": { "kubernetes.io/service-account.name": account },
                },
                "type": "kubernetes.io/service-account-token",
            }));
            secrets
                .create(&PostParams::default(), &secret)
                .await
                .unwrap();
            let has_token = |secret: Option<&Secret>| secret.is_some_and(|it| it.data.is_some());
            let secret =
                await_condition(Api::<Secret>::default_namespaced(client), name, has_token);
            let data = secret.await.unwrap().unwrap().data.unwrap();
            assert_eq!(data["namespace"].0, b"default");
            String::from_utf8(data["token"].0.clone()).unwrap()
        }
    };
    let (token, other) = (filled("one", "a").await, filled("two", "a").await);
    let name = "system:serviceaccount:default:a".to_owned();
    assert_eq!(
        whose(&client, &token).await,
        Ok((name.clone(), Value::Null))
    );

    // What nobody has signed, what is in no Secret any more, and what belongs to nobody.
    let forged = format!("{}.c2lnbmVk", token.rsplit_once('.').unwrap().0);
    assert_eq!(whose(&client, &forged).await, Err(401));
    secrets
        .delete("one", &DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(whose(&client, &token).await, Err(401));
    assert_eq!(whose(&client, &other).await, Ok((name, Value::Null)));
    accounts
        .delete("a", &DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(whose(&client, &other).await, Err(401));
    let is_gone = |secret: Option<&Secret>| secret.is_none();
    await_condition(secrets, "two", is_gone).await.unwrap();
    controllers.abort();
}

#[tokio::test]
async fn a_token_says_what_it_is_bound_to() {
    let client = client();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let pod = made(json!({
        "metadata": { "name": "p" }, "spec": { "containers": [{ "name": "c", "image": "i" }] },
    }));
    let pod = pods.create(&PostParams::default(), &pod).await.unwrap();
    let request = made(json!({ "spec": {
        "audiences": [], "boundObjectRef": { "apiVersion": "v1", "kind": "Pod", "name": "p" },
    }}));
    let answered = accounts
        .create_token_request("default", &PostParams::default(), &request)
        .await
        .unwrap();
    let token = answered.status.unwrap().token;
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["sub"], "system:serviceaccount:default:default");
    let uid = pod.uid().unwrap();
    let bound = json!({ "name": "p", "uid": uid });
    assert_eq!(claims["kubernetes.io"]["pod"], bound);
    let (_, extra) = whose(&client, &token).await.unwrap();
    let expected = json!({
        "authentication.kubernetes.io/credential-id": [format!("JTI={}", claims["jti"].as_str().unwrap())],
        "authentication.kubernetes.io/pod-name": ["p"],
        "authentication.kubernetes.io/pod-uid": [uid],
    });
    assert_eq!(extra, expected);
}

#[tokio::test(start_paused = true)]
async fn a_token_lasts_as_long_as_was_asked_for() {
    let client = client();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let account = made(json!({"metadata": {"name": "a"}}));
    accounts
        .create(&PostParams::default(), &account)
        .await
        .unwrap();
    let request = made(json!({"spec": {"audiences": [], "expirationSeconds": 600}}));
    let answered = accounts
        .create_token_request("a", &PostParams::default(), &request)
        .await
        .unwrap();
    let token = answered.status.unwrap().token;
    let asked = || async {
        let request = http::Request::get("/api/v1/namespaces/default/pods")
            .header("authorization", format!("Bearer {token}"))
            .body(Vec::new())
            .unwrap();
        client.request::<Value>(request).await
    };
    assert!(asked().await.is_ok());
    tokio::time::advance(Duration::from_secs(599)).await;
    assert!(asked().await.is_ok());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(code(asked()).await.0, 401);
}
