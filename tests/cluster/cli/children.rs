//! Operators that install others, as the command line sees them: where the children come from, and what is
//! refused of theirs before anything is written.

use kube::api::PostParams;
use kudo_api::{Instance, OperatorVersion};
use serde_json::json;

use super::Setting;
use super::packages::{CONFIG, OPERATOR, PARAMS, SMALL};
use super::writing::everything;
use crate::harness::object;

/// Writes a package that installs another, named by fields of a task, and gives it parameters.
fn installer(setting: &Setting, name: &str, version: &str, child: &str) {
    let (start, rest) = OPERATOR.split_once("- name: config\n").unwrap();
    let (_, plans) = rest.split_once("plans:\n").unwrap();
    let spec = format!("{{{child}, parameterFile: child.yaml}}");
    let task = format!("- name: config\n  kind: KudoOperator\n  spec: {spec}\n");
    let operator = format!("{start}{task}plans:\n{plans}")
        .replace("name: small\n", &format!("name: {name}\n"))
        .replace(
            "operatorVersion: 0.1.0",
            &format!("operatorVersion: {version}"),
        );
    let parameters = "apiVersion: kudo.dev/v1beta1\nparameters:\n- {name: COUNT, default: 3}\n- {name: WORD, default: hello}\n";
    let given = "SECRET: other\nCOUNT: {{ .Params.COUNT }}\nGREETING: {{ .Params.WORD }}\n";
    for (file, text) in [
        ("operator.yaml", operator.as_str()),
        ("params.yaml", parameters),
        ("templates/child.yaml", given),
    ] {
        setting.environment.write(&format!("{name}/{file}"), text);
    }
}

fn parent(setting: &Setting, version: &str, child: &str) {
    installer(setting, "parent", version, child);
}

/// What the manager makes of the parent's task.
async fn make_child(setting: &Setting, parameters: serde_json::Value) {
    let instances = setting.namespace.api::<Instance>();
    let parent = instances.get("parent-instance").await.unwrap();
    let child: Instance = object(json!({
        "metadata": {
            "name": "parent-instance-small",
            "ownerReferences": [{
                "apiVersion": "kudo.dev/v1beta1",
                "kind": "Instance",
                "name": "parent-instance",
                "uid": parent.metadata.uid,
            }],
        },
        "spec": { "operatorVersion": { "name": "small-0.1.0" }, "parameters": parameters },
    }));
    instances
        .create(&PostParams::default(), &child)
        .await
        .unwrap();
}

/// Makes an empty repository the current one.
fn empty_repository(setting: &Setting) {
    let index = "apiVersion: v1\nentries: {}\n";
    setting.environment.write("empty/index.yaml", index);
    let url = format!(
        "file://{}",
        setting.environment.work().join("empty").display()
    );
    setting.run(&format!("repo add empty {url}")).expect_code(0);
    setting.run("repo context empty").expect_code(0);
}

/// A server that is not there.
fn unreachable_repository(setting: &Setting) {
    let add = "repo add gone http://127.0.0.1:1 --skip-check";
    setting.run(add).expect_code(0);
    setting.run("repo context gone").expect_code(0);
}

/// The child that the installed parent of a version installs.
async fn child_of(setting: &Setting, parent: &str) -> serde_json::Value {
    let versions = setting.namespace.api::<OperatorVersion>();
    let version = versions.get(parent).await.unwrap();
    let task = json!(version.spec.tasks[0].spec);
    json!([task["package"], task["operatorVersion"]])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_no_repository_has_is_taken_from_the_cluster() {
    let setting = Setting::new().await;
    for version in ["0.9.0", "0.10.0"] {
        setting.version("newer", version);
        setting
            .run("install ./newer --skip-instance")
            .expect_code(0);
    }
    empty_repository(&setting);
    parent(&setting, "0.1.0", "package: small");
    let outcome = setting.run("install ./parent").expect_code(0);
    assert_eq!(
        outcome.stderr,
        "Warning: there is no operator \"small\" in repository \"empty\"; small-0.10.0, which is in the cluster, is taken\n"
    );
    assert_eq!(
        outcome.stdout,
        "operator $NAMESPACE/parent created\n\
         operatorversion $NAMESPACE/parent-0.1.0 created\n\
         instance $NAMESPACE/parent-instance created\n"
    );
    assert_eq!(
        child_of(&setting, "parent-0.1.0").await,
        json!(["small", "0.10.0"])
    );

    unreachable_repository(&setting);
    parent(&setting, "0.2.0", "package: small, operatorVersion: 0.9.0");
    let upgrade = "upgrade ./parent --instance parent-instance";
    let outcome = setting.run(upgrade).expect_code(0);
    assert!(
        outcome
            .stderr
            .contains("small-0.9.0, which is in the cluster, is taken"),
        "{outcome}"
    );
    assert_eq!(
        child_of(&setting, "parent-0.2.0").await,
        json!(["small", "0.9.0"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_nobody_has_is_told_of_both() {
    let setting = Setting::new().await;
    setting
        .run("install ./small --skip-instance")
        .expect_code(0);
    empty_repository(&setting);
    parent(&setting, "0.1.0", "package: small, operatorVersion: 7.0.0");
    let outcome = setting.run("install ./parent").expect_code(5);
    assert_eq!(
        outcome.stderr,
        "Error: package \"small\", which task \"config\" of parent-0.1.0 installs: there is no operator \"small\" in \
         repository \"empty\"; nor does the cluster give it: no version of operator \"small\" in namespace \
         \"$NAMESPACE\" fits\n\
         Hint: list what there is with: kubectl kudo search \"\" --repo empty\n\
         Hint: installed are small-0.1.0\n"
    );
    assert_eq!(everything(&setting).await, ["small", "small-0.1.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_through_the_cluster_is_refused() {
    let setting = Setting::new().await;
    empty_repository(&setting);
    let harmless = OPERATOR.replace("name: small\n", "name: parent\n");
    setting.environment.package("harmless", SMALL);
    setting
        .environment
        .write("harmless/operator.yaml", &harmless);
    installer(&setting, "other", "0.1.0", "package: ../harmless");
    setting
        .run("install ./other --skip-instance")
        .expect_code(0);
    parent(&setting, "0.1.0", "package: other");
    let outcome = setting.run("install ./parent").expect_code(1);
    let said =
        "operators install each other in a circle: parent-0.1.0 -> other-0.1.0 -> parent-0.1.0\n";
    assert!(outcome.stderr.contains(said), "{outcome}");
}

/// Refuses a command about the parent, and sees that nothing was written.
async fn refused(setting: &Setting, arguments: &str, code: i32, said: &str) {
    let before = everything(setting).await;
    let instances = setting.namespace.api::<Instance>();
    let version = instances
        .get("parent-instance")
        .await
        .unwrap()
        .metadata
        .resource_version;
    let outcome = setting.run(arguments).expect_code(code);
    assert!(outcome.stderr.contains(said), "{arguments}: {outcome}");
    assert_eq!(outcome.stdout, "", "{arguments}");
    assert_eq!(everything(setting).await, before, "{arguments}");
    let after = instances
        .get("parent-instance")
        .await
        .unwrap()
        .metadata
        .resource_version;
    assert_eq!(version, after, "{arguments}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_change_gives_to_children_is_checked_before_it_is_written() {
    let setting = Setting::new().await;
    let params = PARAMS.replace(
        "- name: GREETING\n",
        "- name: GREETING\n  immutable: true\n",
    );
    setting.environment.write("small/params.yaml", &params);
    parent(&setting, "0.1.0", "package: ../small");
    setting.run("install ./parent").expect_code(0);
    parent(&setting, "0.2.0", "package: ../small");
    setting
        .run("install ./parent --skip-instance")
        .expect_code(0);
    let instance = "--instance parent-instance -p";
    let update = format!("update {instance}");
    let upgrade = format!("upgrade parent --in-cluster {instance}");
    let said =
        |version, problem| format!("which task \"config\" of parent-{version} installs: {problem}");
    let wrong = "parameter \"COUNT\"";
    refused(
        &setting,
        &format!("{update} COUNT=many"),
        2,
        &said("0.1.0", wrong),
    )
    .await;
    refused(
        &setting,
        &format!("{upgrade} COUNT=many"),
        2,
        &said("0.2.0", wrong),
    )
    .await;

    let has = json!({ "SECRET": "other", "COUNT": "3", "GREETING": "hello" });
    make_child(&setting, has).await;
    refused(
        &setting,
        &format!("{update} COUNT=many"),
        2,
        &said("0.1.0", wrong),
    )
    .await;
    let fixed = "cannot change the immutable parameter GREETING";
    refused(
        &setting,
        &format!("{update} WORD=hi"),
        2,
        &said("0.1.0", fixed),
    )
    .await;
    refused(
        &setting,
        &format!("{upgrade} WORD=hi"),
        2,
        &said("0.2.0", fixed),
    )
    .await;
    setting.run(&format!("{update} COUNT=4")).expect_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_of_somebody_else_does_not_become_a_child() {
    let setting = Setting::new().await;
    parent(
        &setting,
        "0.1.0",
        "package: ../small, instanceName: small-instance",
    );
    setting.install();
    let refused = setting.run("install ./parent").expect_code(6);
    let said = "instance $NAMESPACE/small-instance exists already, and is not a child of $NAMESPACE/parent-instance";
    assert!(refused.stderr.contains(said), "{refused}");
    assert_eq!(
        everything(&setting).await,
        ["small", "small-0.1.0", "small-instance"]
    );
    assert_eq!(
        json!(setting.instance().await.spec.parameters),
        json!({ "SECRET": "x" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_childs_kind_that_the_cluster_does_not_serve_is_told_before_the_parent_is_written() {
    let setting = Setting::new().await;
    parent(&setting, "0.1.0", "package: ../small");
    let cases = [
        ("v1", "ConfigMip", "install ./parent"),
        (
            "widgets.example.com/v1",
            "Widget",
            "install ./parent --wait",
        ),
    ];
    for (api_version, kind, command) in cases {
        let text = CONFIG
            .replace("apiVersion: v1", &format!("apiVersion: {api_version}"))
            .replace("kind: ConfigMap", &format!("kind: {kind}"));
        let file = "small/templates/config.yaml";
        setting.environment.write(file, &text);
        let outcome = setting.run(command).expect_code(1);
        let told = format!(
            "config.yaml of small-0.1.0 renders a {kind} of {api_version}, which the cluster does not serve"
        );
        assert!(outcome.stderr.contains(&told), "{outcome}");
    }
    assert_eq!(everything(&setting).await, [""; 0]);
}
