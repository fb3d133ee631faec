//! `init` on a real server. The manager's pod is a simulated one.

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, Role};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::environment::Outcome;
use super::{Setting, TestEnvironment};
use crate::harness::cluster;

const WEBHOOK: &str = "kudo-manager-instance-admission-webhook-config";

#[tokio::test(flavor = "multi_thread")]
async fn the_server_takes_every_object_of_a_dry_run() {
    let setting = Setting::new().await;
    // The service account and the manager go to the test's namespace.
    let objects = setting.run("init --dry-run -o json").expect_code(0).json();
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    for object in objects.as_array().unwrap() {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or("")
        };
        let api = setting
            .namespace
            .dynamic(text("/apiVersion"), text("/kind"))
            .await;
        let typed: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        let text = serde_json::to_string(object)
            .unwrap()
            .replace("$NAMESPACE", setting.namespace.name());
        let typed = DynamicObject {
            ..serde_json::from_str(&text).unwrap_or(typed)
        };
        match api.create(&dry_run, &typed).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {}
            Err(error) => panic!("{object:#}: {error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn installing_kudo() {
    if cluster().restricted_kubeconfig().is_none() {
        eprintln!("SKIPPED: KUDO is not installed into a cluster that was there before");
        return;
    }
    let environment = TestEnvironment::new().with_kubeconfig(cluster().kubeconfig());
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        tokio::task::block_in_place(|| environment.run(&arguments))
    };
    let outcome = run("init --verify").expect_code(1);
    assert!(
        outcome
            .stderr
            .contains("namespace kudo-system does not exist\n"),
        "{outcome}"
    );
    assert!(
        outcome
            .stderr
            .contains("\nHint: mend it with: kubectl kudo init"),
        "{outcome}"
    );

    for (arguments, told) in [
        (
            "init --upgrade",
            "there is nothing to upgrade: namespace kudo-system does not exist\n\
             Hint: install KUDO with: kubectl kudo init\n",
        ),
        (
            "init -n nowhere",
            "namespace \"nowhere\" does not exist\n\
             Hint: create it with: kubectl create namespace nowhere\n",
        ),
        (
            "init --webhook cert-manager",
            "cert-manager is not installed, which --webhook cert-manager relies on\nHint: ",
        ),
    ] {
        let outcome = run(arguments).expect_code(5);
        assert!(outcome.stderr.contains(told), "{outcome}");
    }

    let outcome = run("init --wait").expect_code(0);
    assert_eq!(
        outcome.stdout,
        "installed crds\ninstalled namespace\ninstalled service account\ninstalled webhook\n\
         installed kudo controller\nKUDO is ready\n"
    );
    run("init --verify").expect_code(0);
    let client = cluster().client().await;
    let before = versions(&client).await;
    let again = run("init -v 8").expect_code(0);
    assert_eq!(
        versions(&client).await,
        before,
        "nothing changes the second time"
    );
    let writes = ["PATCH", "POST", "PUT", "DELETE"].map(|verb| again.stderr.matches(verb).count());
    assert_eq!(writes, [0; 4], "and nothing is sent to change it: {again}");
    assert!(
        again.stderr.contains("GET"),
        "requests are told at all: {again}"
    );

    let outcome = run("init --kudo-image other:1").expect_code(6);
    assert!(
        outcome
            .stderr
            .contains("Hint: replace it with: kubectl kudo init --upgrade"),
        "{outcome}"
    );
    run("init --kudo-image other:1 --upgrade --wait").expect_code(0);
    let managers: Api<StatefulSet> = Api::namespaced(client.clone(), "kudo-system");
    let manager = managers.get("kudo-controller-manager").await.unwrap();
    let image = manager.spec.unwrap().template.spec.unwrap().containers[0]
        .image
        .clone();
    assert_eq!(image.as_deref(), Some("other:1"));
    let outcome = run("init --verify").expect_code(1);
    assert!(
        outcome.stderr.contains("the manager runs image other:1"),
        "{outcome}"
    );
    what_differs_is_told_and_mended(&client, &run).await;
    an_upgrade_to_what_is_there_changes_nothing(&client, &run).await;
    what_is_not_asked_for_any_more_goes(&client, &run).await;
    an_installation_of_upstreams_is_replaced(&client, &run).await;
}

async fn what_differs_is_told_and_mended(client: &kube::Client, run: &impl Fn(&str) -> Outcome) {
    run("init --kudo-image other:1").expect_code(0);
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let binding = "kudo-manager-rolebinding";
    bindings
        .delete(binding, &DeleteParams::default())
        .await
        .unwrap();
    let webhooks: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let patch =
        json!([{ "op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore" }]);
    let patch = Patch::Json::<()>(serde_json::from_value(patch).unwrap());
    webhooks
        .patch(WEBHOOK, &PatchParams::default(), &patch)
        .await
        .unwrap();
    for (group, kind, name, path, value) in [
        (
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            "instances.kudo.dev",
            "/spec/names/shortNames",
            json!(["inst"]),
        ),
        (
            "",
            "Service",
            "kudo-controller-manager-service",
            "/spec/selector/app",
            json!("other"),
        ),
        (
            "apps",
            "StatefulSet",
            "kudo-controller-manager",
            "/spec/template/spec/containers/0/args/0",
            json!("--leader-elect=false"),
        ),
    ] {
        let kind = kube::core::ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        let api: Api<DynamicObject> = match kind.kind.as_str() {
            "CustomResourceDefinition" => Api::all_with(client.clone(), &kind),
            _ => Api::namespaced_with(client.clone(), "kudo-system", &kind),
        };
        let patch = json!([{ "op": "replace", "path": path, "value": value }]);
        let patch = Patch::Json::<()>(serde_json::from_value(patch).unwrap());
        api.patch(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }
    let outcome = run("init --verify --kudo-image other:1").expect_code(1);
    for problem in [
        "clusterrolebinding.rbac.authorization.k8s.io/kudo-manager-rolebinding does not exist",
        "webhook-config is not as it should be at /webhooks/0/failurePolicy: \"Ignore\" instead of \"Fail\"",
        "customresourcedefinition.apiextensions.k8s.io/instances.kudo.dev is not as it should be at \
         /spec/names/shortNames",
        "service/kudo-controller-manager-service in namespace kudo-system is not as it should be at \
         /spec/selector/app: \"other\" instead of \"kudo-manager\"",
        "statefulset.apps/kudo-controller-manager in namespace kudo-system is not as it should be at \
         /spec/template/spec/containers/0/args/0: \"--leader-elect=false\" instead of \"--leader-elect\"",
    ] {
        assert!(outcome.stderr.contains(problem), "{outcome}");
    }
    run("init --kudo-image other:1").expect_code(0);
    run("init --verify --kudo-image other:1").expect_code(0);
}

async fn an_upgrade_to_what_is_there_changes_nothing(
    client: &kube::Client,
    run: &impl Fn(&str) -> Outcome,
) {
    let managers: Api<StatefulSet> = Api::namespaced(client.clone(), "kudo-system");
    let before = managers.get("kudo-controller-manager").await.unwrap();
    let again = run("init --kudo-image other:1 --upgrade -v 8").expect_code(0);
    let writes = ["PATCH", "POST", "PUT", "DELETE"].map(|verb| again.stderr.matches(verb).count());
    assert_eq!(writes, [0; 4], "{again}");
    let after = managers.get("kudo-controller-manager").await.unwrap();
    assert_eq!(after.uid(), before.uid());
}

/// From everywhere to two namespaces, to one of them, and back; told before it is mended.
async fn what_is_not_asked_for_any_more_goes(
    client: &kube::Client,
    run: &impl Fn(&str) -> Outcome,
) {
    const EVERYWHERE: &str =
        "clusterrolebinding.rbac.authorization.k8s.io/kudo-manager-rolebinding";
    let (a, b) = (cluster().namespace().await, cluster().namespace().await);
    let (a, b) = (a.name(), b.name());
    let role = |namespace: &str| {
        format!("role.rbac.authorization.k8s.io/kudo-manager in namespace {namespace}")
    };
    // Rights that somebody else gave stay.
    let other: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": { "name": "kudo-other", "labels": { "app": "kudo-manager" } },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
        "subjects": [{ "kind": "ServiceAccount", "name": "kudo-manager", "namespace": "kudo-system" }],
    }))
    .unwrap();
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    bindings
        .create(&PostParams::default(), &other)
        .await
        .unwrap();

    let both = format!("--kudo-image other:1 --namespaces {a},{b}");
    let told = run(&format!("init --verify {both}")).expect_code(1);
    for problem in [
        format!("{EVERYWHERE} is there, and is not asked for"),
        format!("{WEBHOOK} is there, and is not asked for"),
        format!("{} does not exist", role(a)),
        format!("{} does not exist", role(b)),
    ] {
        assert!(told.stderr.contains(&problem), "{problem}: {told}");
    }
    let told = run(&format!("init --wait {both}")).expect_code(0);
    assert!(
        told.stderr.contains(&format!("Removing {EVERYWHERE}, ")),
        "{told}"
    );
    run(&format!("init --verify {both}")).expect_code(0);
    let webhooks: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    assert!(webhooks.get_opt(WEBHOOK).await.unwrap().is_none());

    let one = format!("--kudo-image other:1 --namespaces {b}");
    let told = run(&format!("init --verify {one}")).expect_code(1);
    let problem = format!("{} is there, and is not asked for", role(a));
    assert!(told.stderr.contains(&problem), "{told}");
    run(&format!("init --wait --upgrade {one}")).expect_code(0);
    run(&format!("init --verify {one}")).expect_code(0);
    for (namespace, left) in [(a, false), (b, true)] {
        let roles: Api<Role> = Api::namespaced(client.clone(), namespace);
        assert_eq!(roles.get_opt("kudo-manager").await.unwrap().is_some(), left);
    }

    run("init --wait --kudo-image other:1").expect_code(0);
    run("init --verify --kudo-image other:1").expect_code(0);
    let roles: Api<Role> = Api::namespaced(client.clone(), b);
    assert!(roles.get_opt("kudo-manager").await.unwrap().is_none());
    bindings
        .delete("kudo-other", &DeleteParams::default())
        .await
        .unwrap();
}

/// The names are upstream's, and what its `init` had made for its webhook is in the way.
async fn an_installation_of_upstreams_is_replaced(
    client: &kube::Client,
    run: &impl Fn(&str) -> Outcome,
) {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "kudo-system");
    let secret: Secret = serde_json::from_value(json!({
        "metadata": { "name": "kudo-webhook-server-secret" },
        "type": "kubernetes.io/tls",
        "data": { "tls.crt": "YQ==", "tls.key": "YQ==" },
    }))
    .unwrap();
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    let upstream = "kudobuilder/controller:v0.19.0";
    let managers: Api<StatefulSet> = Api::namespaced(client.clone(), "kudo-system");
    let patch = json!([
        { "op": "replace", "path": "/spec/template/spec/containers/0/image", "value": upstream },
        { "op": "replace", "path": "/spec/template/spec/containers/0/command", "value": ["/root/manager"] },
        { "op": "remove", "path": "/spec/template/spec/containers/0/args" },
    ]);
    let patch = Patch::Json::<()>(serde_json::from_value(patch).unwrap());
    let manager = "kudo-controller-manager";
    managers
        .patch(manager, &PatchParams::default(), &patch)
        .await
        .unwrap();
    let outcome = run("init").expect_code(6);
    assert!(outcome.stderr.contains(upstream), "{outcome}");
    run("init --upgrade --wait").expect_code(0);
    run("init --verify").expect_code(0);
    assert!(
        secrets
            .get_opt("kudo-webhook-server-secret")
            .await
            .unwrap()
            .is_none()
    );
    let manager = managers.get(manager).await.unwrap();
    let container = &manager.spec.unwrap().template.spec.unwrap().containers[0];
    assert_eq!(container.command, Some(vec!["kudo-manager".to_owned()]));
}

/// The resource versions of all that `init` makes, to see that nothing was written.
async fn versions(client: &kube::Client) -> Vec<String> {
    let kinds = [
        (
            "apiextensions.k8s.io",
            "v1",
            "CustomResourceDefinition",
            false,
        ),
        ("", "v1", "ServiceAccount", true),
        ("", "v1", "Service", true),
        (
            "rbac.authorization.k8s.io",
            "v1",
            "ClusterRoleBinding",
            false,
        ),
    ];
    let mut versions = Vec::new();
    for (group, version, kind, namespaced) in kinds {
        let resource =
            kube::core::ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = if namespaced {
            Api::namespaced_with(client.clone(), "kudo-system", &resource)
        } else {
            Api::all_with(client.clone(), &resource)
        };
        for object in api.list(&ListParams::default()).await.unwrap() {
            let ours = ["kudo"].iter().any(|word| object.name_any().contains(word));
            if ours {
                let version = object.resource_version().unwrap_or_default();
                versions.push(format!("{kind} {} {version}", object.name_any()));
            }
        }
    }
    versions
}
