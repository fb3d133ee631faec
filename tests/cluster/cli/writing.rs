//! What `install`, `update`, `upgrade` and `uninstall` write, and what they refuse before writing.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt};
use kudo_api::{Instance, Operator, OperatorVersion};
use serde_json::json;

use super::packages::{CONFIG, OPERATOR, PARAMS};
use super::{Setting, deploy};
use crate::harness::{SOON, cluster, object};
use crate::managers::TestManager;

/// Names of all that an installation makes, to see that nothing was made.
pub(super) async fn everything(setting: &Setting) -> Vec<String> {
    let all = ListParams::default();
    let operators = setting
        .namespace
        .api::<Operator>()
        .list(&all)
        .await
        .unwrap();
    let versions = setting
        .namespace
        .api::<OperatorVersion>()
        .list(&all)
        .await
        .unwrap();
    let instances = setting
        .namespace
        .api::<Instance>()
        .list(&all)
        .await
        .unwrap();
    let names = operators.iter().map(ResourceExt::name_any);
    names
        .chain(versions.iter().map(ResourceExt::name_any))
        .chain(instances.iter().map(ResourceExt::name_any))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_is_three_objects() {
    let setting = Setting::new().await;
    let outcome = setting
        .run("install ./small -p SECRET=x -p COUNT=5")
        .expect_code(0);
    assert_eq!(
        outcome.stdout,
        "operator $NAMESPACE/small created\n\
         operatorversion $NAMESPACE/small-0.1.0 created\n\
         instance $NAMESPACE/small-instance created\n"
    );
    let instance = setting.instance().await;
    assert_eq!(instance.labels()["kudo.dev/operator"], "small");
    assert_eq!(
        instance.spec.operator_version.name.as_deref(),
        Some("small-0.1.0")
    );
    assert_eq!(
        json!(instance.spec.parameters),
        json!({ "COUNT": "5", "SECRET": "x" })
    );

    let outcome = setting.run("get all").expect_code(0);
    assert_eq!(
        outcome.stdout,
        "List of current installed operators including versions and instances in namespace \"$NAMESPACE\":\n\
         .\n└── small\n    └── small-0.1.0\n        └── small-instance\n"
    );
    let outcome = setting.run("get instances -o name").expect_code(0);
    assert_eq!(outcome.stdout, "instance.kudo.dev/small-instance\n");
    let listed = setting.run("get all -o json").expect_code(0).json();
    let kinds: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["kind"].clone())
        .collect();
    assert_eq!(kinds, ["Operator", "OperatorVersion", "Instance"]);
    let outcome = setting.run("get instances -o table").expect_code(0);
    assert!(
        outcome
            .stdout
            .starts_with("INSTANCE         OPERATOR VERSION   ACTIVE PLAN"),
        "{outcome}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_instance_shares_operator_and_version() {
    let setting = Setting::new().await;
    setting.install();
    let outcome = setting
        .run("install ./small -p SECRET=y --instance second")
        .expect_code(0);
    assert_eq!(
        outcome.stdout,
        "operatorversion $NAMESPACE/small-0.1.0 already installed\n\
         instance $NAMESPACE/second created\n"
    );
    let outcome = setting
        .run("install small --in-cluster -p SECRET=z --instance third")
        .expect_code(0);
    assert_eq!(outcome.stdout, "instance $NAMESPACE/third created\n");
    let outcome = setting
        .run("install small --in-cluster --operator-version 9.9.9 --instance fourth")
        .expect_code(5);
    assert!(
        outcome.stderr.contains("Hint: installed are small-0.1.0"),
        "{outcome}"
    );
    setting
        .run("install small --in-cluster --instance fourth")
        .expect_code(2);
}

/// The small package, which applies an object of another kind.
fn write_kind(setting: &Setting, api_version: &str, kind: &str) {
    let text = CONFIG
        .replace("apiVersion: v1", &format!("apiVersion: {api_version}"))
        .replace("kind: ConfigMap", &format!("kind: {kind}"));
    let file = "small/templates/config.yaml";
    setting.environment.write(file, &text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_the_cluster_cannot_serve_is_refused_before_anything_is_written() {
    let setting = Setting::new().await;
    write_kind(&setting, "v1", "ConfigMip");
    for arguments in ["", " --wait"] {
        let command = format!("install ./small -p SECRET=x{arguments}");
        let outcome = setting.run(&command).expect_code(1);
        assert_eq!(
            outcome.stderr,
            "Error: config.yaml renders a ConfigMip of v1, which the cluster does not serve\n\
             Hint: did you mean \"ConfigMap\"?\n"
        );
    }
    assert_eq!(everything(&setting).await, [""; 0]);
}

/// As with KUDO 0.19, whose suites count on it; but whoever waits for the plan is not led into its failure.
#[tokio::test(flavor = "multi_thread")]
async fn a_custom_kind_that_is_not_there_is_a_warning_to_those_who_do_not_wait() {
    let setting = Setting::new().await;
    write_kind(&setting, "widgets.example.com/v1", "Widget");
    let told = "config.yaml renders a Widget of widgets.example.com/v1, which the cluster does not serve\n";
    let outcome = setting
        .run("install ./small -p SECRET=x --wait")
        .expect_code(1);
    assert_eq!(
        outcome.stderr,
        format!(
            "Error: {told}Hint: see what there is with: kubectl api-resources; what defines widgets.example.com/v1 \
             is to be installed first\n"
        )
    );
    assert_eq!(everything(&setting).await, [""; 0]);

    let outcome = setting.run("install ./small -p SECRET=x").expect_code(0);
    assert_eq!(outcome.stderr, format!("Warning: {told}"));
    assert_eq!(
        everything(&setting).await,
        ["small", "small-0.1.0", "small-instance"]
    );
    let _manager = TestManager::start(&[&setting.namespace]);
    let namespace = &setting.namespace;
    namespace
        .until_plan("small-instance", "deploy", "FATAL_ERROR")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_exists_stays_as_it_is() {
    let setting = Setting::new().await;
    setting.install();
    let before = setting.instance().await;
    let outcome = setting
        .run("install ./small -p SECRET=other")
        .expect_code(6);
    assert_eq!(
        outcome.stderr,
        "Error: instance $NAMESPACE/small-instance exists already\n\
         Hint: change its parameters with: kubectl kudo update --instance small-instance -n $NAMESPACE -p NAME=VALUE\n\
         Hint: install another one with --instance NAME\n"
    );
    setting.version("newer", "0.2.0");
    let outcome = setting
        .run("install ./newer -p SECRET=other")
        .expect_code(6);
    assert!(
        outcome
            .stderr
            .contains("it runs small-0.1.0; upgrade it with"),
        "{outcome}"
    );
    assert_eq!(setting.instance().await, before);
    assert_eq!(
        everything(&setting).await,
        ["small", "small-0.1.0", "small-instance"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_with_another_content_is_not_overwritten() {
    let setting = Setting::new().await;
    setting.install();
    setting.environment.write(
        "small/templates/config.yaml",
        &CONFIG.replace("count", "number"),
    );
    let outcome = setting
        .run("install ./small -p SECRET=x --instance second")
        .expect_code(6);
    assert!(outcome.stderr.starts_with("Error: operator version $NAMESPACE/small-0.1.0 exists already with a different content\nHint: raise operatorVersion"), "{outcome}");
    assert_eq!(
        everything(&setting).await,
        ["small", "small-0.1.0", "small-instance"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_installation_is_taken_up() {
    let setting = Setting::new().await;
    setting
        .run("install ./small --skip-instance")
        .expect_code(0);
    assert_eq!(everything(&setting).await, ["small", "small-0.1.0"]);
    setting
        .namespace
        .api::<OperatorVersion>()
        .delete("small-0.1.0", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    let outcome = setting.run("install ./small -p SECRET=x").expect_code(0);
    assert_eq!(
        outcome.stdout,
        "operatorversion $NAMESPACE/small-0.1.0 created\ninstance $NAMESPACE/small-instance created\n"
    );
}

/// Packages with one thing wrong: the folder, the file, what is replaced in it, and with what.
const BROKEN: [(&str, &str, &str, &str); 12] = [
    ("yaml", "operator.yaml", "tasks: [config]", "tasks: [config"),
    ("params-yaml", "params.yaml", "default: 3", "default: {3"),
    ("type", "operator.yaml", "[config.yaml]", "config.yaml"),
    ("default", "params.yaml", "default: 3", "default: x"),
    ("field", "operator.yaml", "kind: Apply", "kidn: Apply"),
    (
        "task",
        "operator.yaml",
        "tasks: [config]",
        "tasks: [conifg]",
    ),
    (
        "no-template",
        "operator.yaml",
        "[config.yaml]",
        "[confg.yaml]",
    ),
    ("twice", "params.yaml", "- name: GREETING", "- name: COUNT"),
    ("syntax", "templates/config.yaml", "| quote", "| qoute"),
    ("parameter", "templates/config.yaml", "COUNT", "CUONT"),
    (
        "kind",
        "templates/config.yaml",
        "kind: ConfigMap",
        "kind: ConfigMip",
    ),
    (
        "late",
        "operator.yaml",
        "kubernetesVersion: 1.17.0",
        "kubernetesVersion: 9.1.0",
    ),
];

/// Runs what must be refused: one message, a hint, this exit code.
fn refused(setting: &Setting, arguments: &str, code: i32) {
    let outcome = setting.run(arguments).expect_code(code);
    let messages = outcome.stderr.matches("Error: ").count();
    let hints = outcome.stderr.contains("\nHint: ");
    assert!(messages == 1 && hints, "{arguments}: {outcome}");
    assert_eq!(outcome.stdout, "", "{arguments}");
}

/// Writes the packages of [`BROKEN`], with this version.
fn break_packages(setting: &Setting, version: &str) {
    for (folder, file, from, to) in BROKEN {
        setting.version(folder, version);
        let (_, text) = super::packages::SMALL
            .iter()
            .find(|(name, _)| *name == file)
            .unwrap();
        assert!(text.contains(from), "{file}: {from}");
        let text = text.replacen(from, to, 1).replace(
            "operatorVersion: 0.1.0",
            &format!("operatorVersion: {version}"),
        );
        setting
            .environment
            .write(&format!("{folder}/{file}"), &text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_writes_nothing() {
    let setting = Setting::new().await;
    break_packages(&setting, "0.1.0");
    for (folder, ..) in BROKEN {
        refused(&setting, &format!("install ./{folder} -p SECRET=x"), 1);
    }
    for (arguments, code) in [
        ("install ./absent", 5),
        ("install ./small", 2),
        ("install ./small -p SECRET=x -p CUONT=1", 2),
        ("install ./small -p SECRET=x -p COUNT=many", 2),
        ("install ./small -p SECRET=x -P absent.yaml", 5),
        ("install ./small -p SECRET=x -p GREETING=[", 1),
        ("update --instance small-instance -p COUNT=1", 5),
        ("upgrade ./small --instance small-instance", 5),
        ("uninstall --instance small-instance", 5),
        ("plan status --instance small-instance", 5),
        ("plan trigger --name deploy --instance small-instance", 5),
    ] {
        refused(&setting, arguments, code);
    }
    assert_eq!(everything(&setting).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_changes_nothing() {
    let setting = Setting::new().await;
    setting.install();
    let before = setting.instance().await;
    break_packages(&setting, "0.2.0");
    for (folder, ..) in BROKEN {
        let upgrade = format!("upgrade ./{folder} --instance small-instance");
        refused(&setting, &upgrade, 1);
    }
    for (arguments, code) in [
        ("install ./small -p SECRET=x", 6),
        ("update --instance small-instance -p CUONT=1", 2),
        ("update --instance small-instance -p COUNT=many", 2),
        ("update --instance small-instance -p GREETING=[", 1),
        ("upgrade ./small --instance small-instance", 6),
        ("plan trigger --name depoly --instance small-instance", 5),
        ("uninstall --instance small-instanec", 5),
    ] {
        refused(&setting, arguments, code);
    }
    assert_eq!(setting.instance().await, before);
    assert_eq!(
        everything(&setting).await,
        ["small", "small-0.1.0", "small-instance"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_does_not_exist() {
    let setting = Setting::new().await;
    let elsewhere = format!("{}-new", setting.namespace.name());
    let environment = super::TestEnvironment::new()
        .with_kubeconfig(cluster().kubeconfig())
        .in_namespace(&elsewhere);
    environment.package("small", super::packages::SMALL);
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        tokio::task::block_in_place(|| environment.run(&arguments))
    };
    let outcome = run("install ./small -p SECRET=x").expect_code(5);
    assert!(
        outcome.stderr.starts_with(
            "Error: namespace \"$NAMESPACE\" does not exist\nHint: install with --create-namespace"
        ),
        "{outcome}"
    );

    let manifest = "apiVersion: v1\nkind: Namespace\nmetadata:\n  labels:\n    of: {{ .Name }}\n    count: \"{{ .Params.COUNT }}\"\n";
    environment.write("small/templates/namespace.yaml", manifest);
    environment.write(
        "small/operator.yaml",
        &format!("{OPERATOR}namespaceManifest: namespace.yaml\n"),
    );
    let outcome = run("install ./small -p SECRET=x --create-namespace").expect_code(0);
    assert!(
        outcome
            .stdout
            .starts_with("namespace $NAMESPACE created\noperator "),
        "{outcome}"
    );
    let namespaces: Api<Namespace> = Api::all(setting.namespace.client());
    let made = namespaces.get(&elsewhere).await.unwrap();
    assert_eq!(made.labels()["of"], "small-instance");
    assert_eq!(made.labels()["count"], "3");
    // An installation that broke off after the namespace goes on in it.
    run("install ./small -p SECRET=x --create-namespace --instance second").expect_code(0);
    namespaces
        .delete(&elsewhere, &kube::api::DeleteParams::background())
        .await
        .unwrap();

    let outcome = setting
        .run("install ./small -p SECRET=x --create-namespace")
        .expect_code(6);
    assert!(
        outcome
            .stderr
            .contains("exists already\nHint: leave out --create-namespace"),
        "{outcome}"
    );
    assert_eq!(everything(&setting).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_change_parameters_and_nothing_else() {
    let setting = Setting::new().await;
    setting.install();
    let outcome = setting
        .run("update --instance small-instance -p COUNT=5")
        .expect_code(0);
    assert_eq!(
        outcome.stdout,
        "Instance $NAMESPACE/small-instance was updated.\n"
    );
    assert!(
        outcome
            .stderr
            .contains("the manager has not taken the change up yet"),
        "{outcome}"
    );
    let instance = setting.instance().await;
    assert_eq!(
        json!(instance.spec.parameters),
        json!({ "COUNT": "5", "SECRET": "x" })
    );

    let outcome = setting
        .run("update --instance small-instance -p COUNT=5")
        .expect_code(0);
    assert_eq!(
        outcome.stdout,
        "Instance $NAMESPACE/small-instance has these values already.\n"
    );
    assert_eq!(
        setting.instance().await.resource_version(),
        instance.resource_version()
    );

    let outcome = setting
        .run("update --instance small-instance -p COUTN=7")
        .expect_code(2);
    assert_eq!(
        outcome.stderr,
        "Error: unknown parameter \"COUTN\"\nHint: did you mean \"COUNT\"?\n"
    );
    let outcome = setting
        .run("update --instance smal-instance -p COUNT=7")
        .expect_code(5);
    assert_eq!(
        outcome.stderr,
        "Error: instance $NAMESPACE/smal-instance does not exist\nHint: did you mean \"small-instance\"?\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost() {
    let setting = Setting::new().await;
    setting.install();
    setting.record(deploy("COMPLETE", "a", "")).await;
    let children: Vec<_> = [("COUNT", "7"), ("GREETING", "hi"), ("SECRET", "y")]
        .iter()
        .map(|(name, value)| {
            setting.start(&format!(
                "update --instance small-instance -p {name}={value}"
            ))
        })
        .collect();
    for child in children {
        setting.end(child).expect_code(0);
    }
    let parameters = json!(setting.instance().await.spec.parameters);
    assert_eq!(
        parameters,
        json!({ "COUNT": "7", "GREETING": "hi", "SECRET": "y" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn upgrades_go_up() {
    let setting = Setting::new().await;
    setting.install();
    setting.version("older", "0.0.9");
    setting.version("newer", "0.2.0");
    let refused = |arguments: &str, code, text: &str| {
        let outcome = setting.run(arguments).expect_code(code);
        assert!(outcome.stderr.starts_with(text), "{outcome}");
        assert!(outcome.stderr.contains("\nHint: "), "{outcome}");
    };
    refused(
        "upgrade ./small --instance small-instance",
        6,
        "Error: the instance has version 0.1.0 already -> not upgrading\n",
    );
    refused(
        "upgrade ./older --instance small-instance",
        6,
        "Error: operator version 0.0.9 is older than 0.1.0, which the instance has -> not upgrading\n",
    );
    setting.environment.package("other", super::packages::SMALL);
    setting.environment.write(
        "other/operator.yaml",
        &OPERATOR.replace("name: small", "name: other"),
    );
    refused(
        "upgrade ./other --instance small-instance",
        2,
        "Error: instance $NAMESPACE/small-instance is of operator \"small\", the package of \"other\"\n",
    );
    assert_eq!(
        everything(&setting).await,
        ["small", "small-0.1.0", "small-instance"]
    );

    let outcome = setting
        .run("upgrade ./newer --instance small-instance -p COUNT=9")
        .expect_code(0);
    assert_eq!(
        outcome.stdout,
        "operatorversion $NAMESPACE/small-0.2.0 created\ninstance $NAMESPACE/small-instance updated\n"
    );
    let instance = setting.instance().await;
    assert_eq!(
        instance.spec.operator_version.name.as_deref(),
        Some("small-0.2.0")
    );
    assert_eq!(
        json!(instance.spec.parameters),
        json!({ "COUNT": "9", "SECRET": "x" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_takes_a_version_that_is_in_the_cluster_already() {
    let setting = Setting::new().await;
    setting.install();
    let upgrade = "upgrade small --instance small-instance --in-cluster";
    let outcome = setting.run(upgrade).expect_code(6);
    assert!(
        outcome
            .stderr
            .starts_with("Error: the instance has version 0.1.0 already -> not upgrading\n"),
        "{outcome}"
    );
    for version in ["0.9.0", "0.10.0"] {
        setting.version("newer", version);
        setting
            .run("install ./newer --skip-instance")
            .expect_code(0);
    }
    let outcome = setting.run(upgrade).expect_code(0);
    assert_eq!(
        outcome.stdout,
        "instance $NAMESPACE/small-instance updated\n"
    );
    let instance = setting.instance().await;
    assert_eq!(
        instance.spec.operator_version.name.as_deref(),
        Some("small-0.10.0"),
        "the newest as a semantic version"
    );
    let outcome = setting
        .run(&format!("{upgrade} --operator-version 0.9.0"))
        .expect_code(6);
    assert!(outcome.stderr.contains("is older than"), "{outcome}");
    setting
        .run("upgrade smal --instance small-instance --in-cluster")
        .expect_code(5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_upstream_installed_is_recognised() {
    let setting = Setting::new().await;
    let by_upstream: OperatorVersion = object(json!({
        "metadata": { "name": "small-0.1.0" },
        "spec": {
            "operator": { "kind": "Operator", "name": "small" },
            "version": "0.1.0",
            "templates": { "config.yaml": CONFIG },
            "tasks": [{ "name": "config", "kind": "Apply", "spec": {
                "parameter": "", "wantErr": false, "fatal": false, "done": false, "pod": "",
                "pipe": null, "resources": ["config.yaml"] } }],
            "parameters": [
                { "name": "COUNT", "value-type": "integer", "default": "3", "required": true,
                  "description": "How many there are." },
                { "name": "GREETING", "default": "hello", "required": true },
                { "name": "SECRET", "required": true },
            ],
            "plans": { "deploy": { "strategy": "serial", "phases": [{ "name": "main",
                "strategy": "serial", "steps": [{ "name": "config", "tasks": ["config"] }] }] } },
        },
    }));
    let versions = setting.namespace.api::<OperatorVersion>();
    versions
        .create(&PostParams::default(), &by_upstream)
        .await
        .unwrap();
    let outcome = setting.run("install ./small -p SECRET=x").expect_code(0);
    assert!(
        outcome.stdout.contains("small-0.1.0 already installed"),
        "{outcome}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn uninstalling_removes_the_instance_alone() {
    let setting = Setting::new().await;
    setting.install();
    let outcome = setting
        .run("uninstall --instance small-instance --wait")
        .expect_code(0);
    assert_eq!(
        outcome.stdout,
        "instance.kudo.dev/v1beta1/small-instance deleted\n"
    );
    let gone = |instance: Option<&Instance>| instance.is_none();
    setting
        .namespace
        .wait_for::<Instance>("small-instance", "is gone", SOON, gone)
        .await;
    assert_eq!(everything(&setting).await, ["small", "small-0.1.0"]);
}

/// Where no webhook is installed, a change that the manager refuses would stay in the spec.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_manager_would_refuse_is_not_written() {
    let setting = Setting::new().await;
    let (_, deploy_plan) = OPERATOR.split_once("  deploy:\n").unwrap();
    let plans = format!("{OPERATOR}  first:\n{deploy_plan}  second:\n{deploy_plan}");
    let parameters = PARAMS
        .replace("- name: GREETING\n", "- name: GREETING\n  trigger: first\n")
        .replace("- name: COUNT\n", "- name: COUNT\n  trigger: second\n");
    for (folder, version) in [("small", "0.1.0"), ("newer", "0.2.0")] {
        setting.version(folder, version);
        let operator = plans.replace(
            "operatorVersion: 0.1.0",
            &format!("operatorVersion: {version}"),
        );
        setting
            .environment
            .write(&format!("{folder}/operator.yaml"), &operator);
        setting
            .environment
            .write(&format!("{folder}/params.yaml"), &parameters);
    }
    setting.install();
    setting.record(deploy("COMPLETE", "1", "")).await;
    let refused = async |arguments: &str, said: &str| {
        let before = setting.instance().await.resource_version();
        let outcome = setting.run(arguments).expect_code(3);
        assert!(outcome.stderr.contains(said), "{arguments}: {outcome}");
        assert_eq!(outcome.stdout, "", "{arguments}");
        let after = setting.instance().await.resource_version();
        assert_eq!(before, after, "{arguments}");
        assert_eq!(
            everything(&setting).await,
            ["small", "small-0.1.0", "small-instance"],
            "{arguments}"
        );
    };
    let instance = "--instance small-instance";
    refused(
        &format!("update {instance} -p COUNT=4 -p GREETING=hi"),
        "the change triggers several plans at once: first, second",
    )
    .await;
    refused(
        &format!("upgrade ./newer {instance} -p GREETING=hi"),
        "the upgrade to \"small-0.2.0\" can't come together with a change of parameters (GREETING)",
    )
    .await;
    setting.record(deploy("IN_PROGRESS", "2", "")).await;
    refused(
        &format!("update {instance} -p GREETING=hi"),
        "plan \"deploy\" is running",
    )
    .await;
    refused(
        &format!("upgrade ./newer {instance}"),
        "plan \"deploy\" is running: the upgrade to \"small-0.2.0\" has to wait",
    )
    .await;
}
