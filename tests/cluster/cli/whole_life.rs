//! An instance's whole life by the command line alone, with a manager at work.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use serde_json::Value;

use super::Setting;
use super::packages::OPERATOR;
use crate::harness::{SOON, cluster};
use crate::managers::TestManager;

#[tokio::test(flavor = "multi_thread")]
async fn install_update_upgrade_trigger_uninstall() {
    let setting = Setting::new().await;
    let _manager = TestManager::start(&[&setting.namespace]);

    let outcome = setting
        .run("install ./small -p SECRET=x --wait")
        .expect_code(0);
    assert!(
        outcome
            .stdout
            .ends_with("instance $NAMESPACE/small-instance ready\n"),
        "{outcome}"
    );
    assert!(
        outcome
            .stderr
            .ends_with("Step deploy/main/config [COMPLETE]\nPlan deploy [COMPLETE]\n"),
        "{outcome}"
    );
    let config = |key: &'static str, value: &'static str| {
        move |found: Option<&ConfigMap>| {
            found
                .and_then(|map| map.data.as_ref()?.get(key))
                .map(String::as_str)
                == Some(value)
        }
    };
    let name = "small-instance-config";
    setting
        .namespace
        .wait_for::<ConfigMap>(name, "count is 3", SOON, config("count", "3"))
        .await;

    setting
        .run("update --instance small-instance -p COUNT=5 --wait")
        .expect_code(0);
    setting
        .namespace
        .wait_for::<ConfigMap>(name, "count is 5", SOON, config("count", "5"))
        .await;
    let outcome = setting
        .run("update --instance small-instance -p COUNT=6")
        .expect_code(0);
    assert_eq!(outcome.stderr, "", "the manager answers at once");

    setting
        .run("plan status --instance small-instance --wait")
        .expect_code(0);
    setting
        .run("plan trigger --name deploy --instance small-instance --wait")
        .expect_code(0);
    setting.version("newer", "0.2.0");
    let text = super::packages::CONFIG.replace("{{ .Params.GREETING }}", "good day");
    setting
        .environment
        .write("newer/templates/config.yaml", &text);
    let outcome = setting
        .run("upgrade ./newer --instance small-instance --wait")
        .expect_code(0);
    assert!(
        outcome
            .stdout
            .ends_with("instance $NAMESPACE/small-instance ready\n"),
        "{outcome}"
    );
    let greeting = config("greeting", "good day");
    setting
        .namespace
        .wait_for::<ConfigMap>(name, "greets anew", SOON, greeting)
        .await;

    let outcome = setting
        .run("plan status --instance small-instance")
        .expect_code(0);
    assert!(
        outcome.stdout.contains("└── Step config [COMPLETE]\n"),
        "{outcome}"
    );
    setting
        .run("uninstall --instance small-instance --wait")
        .expect_code(0);
    let outcome = setting.run("get instances").expect_code(0);
    assert_eq!(
        outcome.stdout,
        "List of current installed instances in namespace \"$NAMESPACE\":\n.\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_what_runs_may_define_later_is_waited_for() {
    let setting = Setting::new().await;
    let _manager = TestManager::start(&[&setting.namespace]);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: defines-widgets}\nspec:\n  containers:\n  \
               - {name: c, image: 'simulate.kudo.dev/ready:1'}\n";
    let widget = "apiVersion: widgets.example.com/v1\nkind: Widget\nmetadata: {name: '{{ .Params.SECRET }}-{{ \
         .Params.COUNT }}-{{ .Params.GREETING }}'}\n";
    setting.environment.write(
        "small/templates/config.yaml",
        &format!("{pod}---\n{widget}"),
    );
    let outcome = setting.run("install ./small -p SECRET=x --wait --wait-time 3");
    let outcome = outcome.expect_code(4);
    assert!(
        outcome.stderr.contains("step main/config is tried again: "),
        "{outcome}"
    );
    assert!(outcome.stderr.contains("Widget"), "{outcome}");
}

/// What `package render` shows is what the manager applies, but for what only a cluster knows.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_rendered_is_what_is_applied() {
    let setting = Setting::new().await;
    let _manager = TestManager::start(&[&setting.namespace]);
    let files = "[config.yaml, role.yaml, nodes.yaml]";
    let operator = OPERATOR.replace("[config.yaml]", files);
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'r-{{ .Namespace }}', namespace: none}\nrules: []\n";
    let nodes = "\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: '{{ .Name }}', annotations: {mine: x}}
spec:
  replicas: 1
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: nginx, envFrom: [{configMapRef: {name: '{{ .Name }}-config'}}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
";
    setting.environment.write("small/operator.yaml", &operator);
    setting.environment.write("small/templates/role.yaml", role);
    setting
        .environment
        .write("small/templates/nodes.yaml", nodes);
    let rendered = setting
        .run("package render ./small -p SECRET=x -o json")
        .expect_code(0);
    let rendered = rendered
        .stdout
        .replace("$NAMESPACE", setting.namespace.name());
    let rendered: Value = serde_json::from_str(&rendered).unwrap();
    setting
        .run("install ./small -p SECRET=x --wait")
        .expect_code(0);
    let (name, namespace) = ("small-instance", setting.namespace.name());
    let maps = setting.namespace.api::<ConfigMap>();
    let sets = setting.namespace.api::<StatefulSet>();
    let roles: Api<ClusterRole> = Api::all(cluster().client().await);
    let applied = [
        serde_json::to_value(maps.get("small-instance-config").await.unwrap()).unwrap(),
        serde_json::to_value(roles.get(&format!("r-{namespace}")).await.unwrap()).unwrap(),
        serde_json::to_value(sets.get(name).await.unwrap()).unwrap(),
    ];
    for (index, mut applied) in applied.into_iter().enumerate() {
        let shown = &rendered[index]["objects"][0];
        let annotations = &mut applied["metadata"]["annotations"];
        let uid = annotations
            .as_object_mut()
            .unwrap()
            .remove("kudo.dev/last-plan-execution-uid");
        assert!(uid.is_some(), "{applied:#}");
        for map in ["labels", "annotations", "namespace"] {
            assert_eq!(
                shown["metadata"][map], applied["metadata"][map],
                "{map} of {shown:#}"
            );
        }
        assert_within(shown, &applied, "");
    }
}

/// Every field of the one is in the other, with the same value.
fn assert_within(part: &Value, whole: &Value, path: &str) {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            for (key, value) in part {
                let path = format!("{path}/{key}");
                let found = whole.get(key).unwrap_or(&Value::Null);
                assert_within(value, found, &path);
            }
        }
        (Value::Array(part), Value::Array(whole)) if part.len() == whole.len() => {
            for (part, whole) in part.iter().zip(whole) {
                assert_within(part, whole, &format!("{path}/-"));
            }
        }
        // The server leaves out what is empty.
        (Value::Array(part), Value::Null) if part.is_empty() => {}
        (part, whole) => assert_eq!(part, whole, "{path}"),
    }
}
