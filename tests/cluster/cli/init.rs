//! `init` on a real server. The manager's pod is a simulated one.

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::api::{DynamicObject, ListParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde_json::Value;

use super::{Setting, TestEnvironment};
use crate::harness::cluster;

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

    let outcome = run("init --wait").expect_code(0);
    assert_eq!(
        outcome.stdout,
        "installed crds\ninstalled namespace\ninstalled service account\n\
         installed kudo controller\nKUDO is ready\n"
    );
    run("init --verify").expect_code(0);
    let client = cluster().client().await;
    let before = versions(&client).await;
    run("init").expect_code(0);
    assert_eq!(
        versions(&client).await,
        before,
        "nothing changes the second time"
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
