//! The admission webhook, asked by a real API server: what it refuses is never stored, its certificate changes
//! under the API server's eyes, and it fails closed.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use kudo_api::Instance;
use kudo_controller::standing::Standing;
use kudo_controller::webhook::certificate::Identity;
use kudo_controller::webhook::certificate::keeper::Keeper;
use kudo_controller::webhook::certificate::pair::Wanted;
use kudo_controller::webhook::lookup::Lookups;
use kudo_controller::webhook::{desk, server};
use kudo_simcluster::control_plane::client_for;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::cli::environment::TestEnvironment;
use crate::harness::{SOON, TestNamespace, cluster, eventually, object};
use crate::instances::{Operator, condition, plan_status};
use crate::managers::TestManager;
use crate::refusals;

/// A webhook on loopback, asked about the instances of one namespace.
struct Webhook {
    _configuration: Configuration,
    shutdown: CancellationToken,
    runtime: Option<Runtime>,
}

impl Webhook {
    /// Starts one that looks at the server for operator versions, as a replica that stands by does.
    async fn start(namespace: &TestNamespace, validity: Duration) -> Self {
        let configuration = configure(namespace).await;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let shutdown = CancellationToken::new();
        let (name, system) = (configuration.name.clone(), namespace.name().to_owned());
        let token = shutdown.clone();
        let serving = runtime.spawn(async move {
            let client = client_for(cluster().kubeconfig()).await.unwrap();
            let identity = Identity::default();
            let router = desk::router(Lookups {
                standing: Standing::default(),
                client: client.clone(),
                namespaces: vec![system.clone()],
            });
            let address = ([127, 0, 0, 1], 0).into();
            let address = server::serve(address, router, identity.clone(), token.clone()).await;
            let keeper = Keeper {
                client,
                namespace: system,
                secret: "certificate".to_owned(),
                configuration: name,
                url: Some(format!("https://{}", address.unwrap())),
                wanted: Wanted {
                    hosts: vec!["127.0.0.1".to_owned()],
                    validity,
                },
            };
            tokio::spawn(keeper.clone().follow(identity.clone(), token.clone()));
            tokio::spawn(keeper.tend(token));
            while !identity.is_set() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        serving.await.unwrap();
        until_asked(namespace).await;
        Self {
            _configuration: configuration,
            shutdown,
            runtime: Some(runtime),
        }
    }

    /// Ends it, and leaves its configuration behind.
    fn stop(&mut self) {
        self.shutdown.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.stop();
    }
}

/// API servers learn of a configuration a moment later: waits until one is refused.
pub(crate) async fn until_asked(namespace: &TestNamespace) {
    let nonsense: Instance = object(json!({
        "metadata": { "name": "probe" }, "spec": { "operatorVersion": { "name": "none" } },
    }));
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    eventually("the webhook is asked", SOON, || async {
        match namespace.api::<Instance>().create(&params, &nonsense).await {
            Err(error) if error.to_string().contains("not found in namespace") => Ok(()),
            Err(error) => Err(error.to_string()),
            Ok(_) => Err("nobody was asked".to_owned()),
        }
    })
    .await;
}

/// A webhook's configuration in the API server, for as long as the value lives.
pub(crate) struct Configuration {
    pub(crate) name: String,
}

impl Drop for Configuration {
    fn drop(&mut self) {
        let name = self.name.clone();
        std::thread::spawn(move || {
            Runtime::new().unwrap().block_on(async move {
                let client = cluster().client().await;
                let configurations: Api<MutatingWebhookConfiguration> = Api::all(client);
                let _ = configurations.delete(&name, &DeleteParams::default()).await;
            });
        })
        .join()
        .unwrap();
    }
}

/// What `init` installs, for one namespace only, and as it is before a manager is there.
pub(crate) async fn configure(namespace: &TestNamespace) -> Configuration {
    let label = json!({ "metadata": { "labels": { "webhook-test": namespace.name() } } });
    let namespaces: Api<Namespace> = Api::all(namespace.client());
    let params = PatchParams::default();
    let labelled = namespaces
        .patch(namespace.name(), &params, &Patch::Merge(label))
        .await;
    labelled.unwrap();
    let name = format!("webhook-{}", namespace.name());
    let configuration: MutatingWebhookConfiguration = object(json!({
        "metadata": { "name": name },
        "webhooks": [{
            "name": "instance-admission.kudo.dev",
            "admissionReviewVersions": ["v1", "v1beta1"],
            "clientConfig": { "service": {
                "name": "kudo-controller-manager-service", "namespace": "kudo-system",
                "path": "/admit-kudo-dev-v1beta1-instance",
            } },
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "namespaceSelector": { "matchLabels": { "webhook-test": namespace.name() } },
            "objectSelector": { "matchLabels": { "kudo.dev/webhook-waits-for-the-manager": "true" } },
            "rules": [{
                "apiGroups": ["kudo.dev"], "apiVersions": ["v1beta1"],
                "operations": ["CREATE", "UPDATE"], "resources": ["instances"], "scope": "Namespaced",
            }],
            "sideEffects": "None",
        }],
    }));
    let configurations: Api<MutatingWebhookConfiguration> = Api::all(namespace.client());
    configurations
        .create(&PostParams::default(), &configuration)
        .await
        .unwrap();
    Configuration { name }
}

fn operator() -> Operator {
    refusals::operator()
        .parameter(json!({ "name": "BROKEN", "default": "1", "trigger": "missing" }))
        .plan("cleanup", &["only: pod"])
}

/// The words of a refusal, without those that are the same for all.
fn reason(error: kube::Error) -> String {
    let kube::Error::Api(status) = error else {
        panic!("{error}")
    };
    assert_eq!(status.code, 403, "{status:?}");
    let (_, rest) = status
        .message
        .split_once("denied the request: ")
        .expect("a refusal");
    rest.split_once(": ").unwrap().1.to_owned()
}

async fn refused(namespace: &TestNamespace, patch: &Value) -> String {
    let api = namespace.api::<Instance>();
    let before = api.get("i").await.unwrap();
    let answer = api
        .patch("i", &PatchParams::default(), &Patch::Merge(patch))
        .await;
    let reason = reason(answer.expect_err("a refusal"));
    let after = api.get("i").await.unwrap();
    assert_eq!(before.spec, after.spec, "{patch}");
    reason
}

fn instance(version: &str, parameters: &Value) -> Instance {
    object(json!({
        "metadata": { "name": "i" },
        "spec": { "operatorVersion": { "name": version }, "parameters": parameters },
    }))
}

fn parameters(parameters: &Value) -> Value {
    json!({ "spec": { "parameters": parameters } })
}

fn request(plan: &str) -> Value {
    json!({ "spec": { "planExecution": { "planName": plan } } })
}

fn upgrade(parameters: &Value) -> Value {
    json!({ "spec": { "operatorVersion": { "name": "rules-2.0.0" }, "parameters": parameters } })
}

/// Both changes at once.
fn both(mut one: Value, other: &Value) -> Value {
    let other = other["spec"].as_object().unwrap().clone();
    one["spec"].as_object_mut().unwrap().extend(other);
    one
}

async fn all_refused(namespace: &TestNamespace, cases: &[(Value, &str)]) {
    for (patch, expected) in cases {
        let found = refused(namespace, patch).await;
        assert!(found.contains(expected), "{patch}: {found}");
    }
}

async fn refused_creations(namespace: &TestNamespace) {
    let creations = [
        (
            "none-1.0.0",
            json!({}),
            "operator version \"none-1.0.0\" has no plan \"deploy\"",
        ),
        (
            "rules-1.0.0",
            json!({ "NODES": "1" }),
            "unknown parameter \"NODES\"",
        ),
        ("rules-1.0.0", json!({ "COUNT": "x" }), "COUNT"),
    ];
    for (version, parameters, expected) in creations {
        let new = instance(version, &parameters);
        let created = namespace
            .api::<Instance>()
            .create(&PostParams::default(), &new)
            .await;
        let found = reason(created.unwrap_err());
        assert!(found.contains(expected), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_never_stored() {
    let namespace = cluster().namespace().await;
    let _webhook = Webhook::start(&namespace, Duration::from_hours(1)).await;
    let _manager = TestManager::start(&[&namespace]);
    let none = Operator::new("none").plan("update", &[]).version("1.0.0");
    let next = operator()
        .parameter(json!({ "name": "NEW", "default": "n", "immutable": true }))
        .version("2.0.0");
    for version in [operator().version("1.0.0"), next, none] {
        namespace.apply(&version).await;
    }
    refused_creations(&namespace).await;

    let api = namespace.api::<Instance>();
    let new = instance("rules-1.0.0", &json!({}));
    let created = api.create(&PostParams::default(), &new).await.unwrap();
    assert_eq!(created.spec.plan_execution.plan_name, "deploy");
    assert_eq!(created.spec.parameters["FIXED"], "x");
    assert_eq!(created.finalizers(), ["kudo.dev.instance.cleanup"]);
    let done = namespace.until_done("i", "deploy").await;
    let uid = &created.spec.plan_execution.uid;
    assert_eq!(&plan_status(&done, "deploy").unwrap().uid, uid);

    let idle = [
        (parameters(&json!({ "FIXED": "y" })), "immutable"),
        (parameters(&json!({ "COUNT": "x" })), "COUNT"),
        (parameters(&json!({ "NODES": "1" })), "unknown parameter"),
        (parameters(&json!({ "BROKEN": "2" })), "does not define"),
        (
            parameters(&json!({ "A": "2", "B": "2" })),
            "several plans at once: deploy, special",
        ),
        (
            request("speical"),
            "unknown plan \"speical\" (did you mean \"special\"?)",
        ),
        (request("cleanup"), "can't be triggered otherwise"),
        (
            both(request("special"), &parameters(&json!({ "A": "2" }))),
            "together with a change of parameters",
        ),
        (
            both(request("special"), &upgrade(&json!({ "NEW": "1" }))),
            "together with the upgrade",
        ),
        (upgrade(&json!({})), "adds the immutable parameter \"NEW\""),
        (
            upgrade(&json!({ "B": "2", "NEW": "1" })),
            "can't come together",
        ),
    ];
    all_refused(&namespace, &idle).await;

    namespace.change("i", request("wait")).await;
    namespace.until_plan("i", "wait", "IN_PROGRESS").await;
    let busy = [
        (parameters(&json!({ "A": "2" })), "has to wait"),
        (
            upgrade(&json!({ "NEW": "1" })),
            "the upgrade to \"rules-2.0.0\" has to wait",
        ),
        (request("deploy"), "plan \"deploy\" has to wait"),
        (
            json!({ "spec": { "planExecution": null } }),
            "can't be cancelled",
        ),
    ];
    all_refused(&namespace, &busy).await;

    namespace.delete_instance("i").await;
    namespace.until_plan("i", "cleanup", "IN_PROGRESS").await;
    let deleting = [
        (parameters(&json!({ "A": "2" })), "can no longer change"),
        (request("deploy"), "only its cleanup plan can run"),
    ];
    all_refused(&namespace, &deleting).await;
    let ready = json!({ "metadata": { "annotations": { "simulate.kudo.dev/outcome": "ready" } } });
    let pods = namespace.api::<k8s_openapi::api::core::v1::Pod>();
    pods.patch("i", &PatchParams::default(), &Patch::Merge(ready))
        .await
        .unwrap();
    namespace.until_gone("i").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_life_with_a_webhook() {
    let namespace = cluster().namespace().await;
    let mut webhook = Webhook::start(&namespace, Duration::from_hours(1)).await;
    let manager = TestManager::start(&[&namespace]);
    let next = operator().plan("upgrade", &["only: a"]).version("2.0.0");
    for version in [operator().version("1.0.0"), next] {
        namespace.apply(&version).await;
    }
    namespace.instance("i", "rules-1.0.0", &[]).await;
    namespace.until_done("i", "deploy").await;
    namespace.set("i", json!({ "A": "2" })).await;
    namespace.until_done("i", "deploy").await;
    // The immutable value was left out: it is put back before it is stored.
    let changed = namespace.set("i", json!({ "FIXED": null, "A": "3" })).await;
    assert_eq!(changed.spec.parameters["FIXED"], "x");
    namespace.until_done("i", "deploy").await;
    let request = json!({ "spec": { "planExecution": { "planName": "special", "uid": "mine" } } });
    let asked = namespace.change("i", request).await;
    assert_eq!(asked.spec.plan_execution.uid, "mine");
    namespace.until_done("i", "special").await;
    let upgrade = json!({ "spec": { "operatorVersion": { "name": "rules-2.0.0" } } });
    namespace.change("i", upgrade).await;
    let upgraded = namespace.until_done("i", "upgrade").await;
    assert_eq!(
        condition(&upgraded, "Accepted"),
        "",
        "nothing was ever refused"
    );
    let map = namespace.api::<ConfigMap>().get("i-a").await.unwrap();
    assert_eq!(map.data.unwrap()["a"], "3");

    the_command_line_tells_of_a_refusal(&namespace);

    // With nobody to answer, nothing is stored.
    manager.stop().await;
    webhook.stop();
    let api = namespace.api::<Instance>();
    let patch = Patch::Merge(json!({ "spec": { "parameters": { "A": "9" } } }));
    let answer = api.patch("i", &PatchParams::default(), &patch).await;
    let error = answer.unwrap_err().to_string();
    assert!(
        error.contains("failed calling webhook \"instance-admission.kudo.dev\""),
        "{error}"
    );
    assert_eq!(api.get("i").await.unwrap().spec.parameters["A"], "3");
}

fn the_command_line_tells_of_a_refusal(namespace: &TestNamespace) {
    let environment = TestEnvironment::new()
        .with_kubeconfig(cluster().kubeconfig())
        .in_namespace(namespace.name());
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        tokio::task::block_in_place(|| environment.run(&arguments))
    };
    run("update --instance i -p A=4 --wait").expect_code(0);
    run("update --instance i -p A=3").expect_code(0);
    run("plan status --instance i --wait").expect_code(0);
    run("plan trigger --instance i --name special --wait").expect_code(0);
    let outcome = run("update --instance i -p A=5 -p B=5").expect_code(3);
    assert_eq!(
        outcome.stderr,
        "Error: the change of instance $NAMESPACE/i was refused: the change triggers several plans at \
         once: deploy, special\nHint: the instance runs on as it was before the change\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_renewed_while_it_is_used() {
    let namespace = cluster().namespace().await;
    // Renewed every four seconds.
    let _webhook = Webhook::start(&namespace, Duration::from_secs(6)).await;
    namespace.apply(&operator().version("1.0.0")).await;
    let secrets = namespace.api::<Secret>();
    let certificate = || async {
        let secret = secrets.get("certificate").await.unwrap();
        secret.data.unwrap()["tls.crt"].clone()
    };
    let api = namespace.api::<Instance>();
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let new: Instance = object(json!({
        "metadata": { "name": "i" }, "spec": { "operatorVersion": { "name": "rules-1.0.0" } },
    }));
    let mut seen = vec![certificate().await];
    let began = std::time::Instant::now();
    while seen.len() < 4 {
        assert!(
            began.elapsed() < SOON * 2,
            "renewed {} times",
            seen.len() - 1
        );
        let asked = futures::stream::iter(0..4).then(|_| api.create(&params, &new));
        for answer in asked.collect::<Vec<_>>().await {
            let created = answer.expect("no call fails");
            assert_eq!(created.spec.plan_execution.plan_name, "deploy");
        }
        let now = certificate().await;
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }

    // Thrown away, it is made anew.
    secrets
        .delete("certificate", &DeleteParams::default())
        .await
        .unwrap();
    eventually("there is a certificate again", SOON, || async {
        secrets.get("certificate").await.map(drop)
    })
    .await;
    eventually("it is used", SOON, || async {
        api.create(&params, &new).await.map(drop)
    })
    .await;
}
