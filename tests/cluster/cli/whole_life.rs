//! An instance's whole life by the command line alone, with a manager at work.

use k8s_openapi::api::core::v1::ConfigMap;

use super::Setting;
use crate::harness::SOON;
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
