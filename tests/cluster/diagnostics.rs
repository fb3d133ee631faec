//! `diagnostics collect` on a real API server: what is in a bundle, and what never is.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use serde_json::json;

use crate::cli::environment::TestEnvironment;
use crate::harness::{TestNamespace, cluster, object};
use crate::instances::Operator;
use crate::managers::TestManager;
use crate::rights::Account;

const PASSWORD: &str = "hunter2-hunter2";
/// The same in base64.
const ENCODED: &str = "aHVudGVyMi1odW50ZXIy";
const SECRET: &str = "
apiVersion: v1
kind: Secret
metadata: {name: '{{ .Name }}-login'}
stringData: {login: '{{ .Params.LOGIN }}'}
";
const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: '{{ .Name }}-web'}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web, env: [{name: LOGIN, value: '{{ .Params.LOGIN }}'}]}]
";

/// An instance with a Secret, a deployment that tells its value, and a manager that has done its work.
async fn instance(namespace: &TestNamespace) -> TestManager {
    let manager = TestManager::start(&[namespace]);
    let operator = Operator::new("web")
        .parameter(json!({ "name": "LOGIN", "required": true }))
        .template("secret", SECRET)
        .template("deployment", DEPLOYMENT)
        .plan("deploy", &["all: secret, deployment"]);
    namespace.apply(&operator.version("1.0.0")).await;
    let parameters = [("LOGIN", PASSWORD)];
    namespace.instance("i", "web-1.0.0", &parameters).await;
    namespace.until_done("i", "deploy").await;
    manager
}

fn environment(namespace: &TestNamespace) -> TestEnvironment {
    TestEnvironment::new()
        .with_kubeconfig(cluster().kubeconfig())
        .in_namespace(namespace.name())
}

/// The files of a folder, or of an archive, by their path; what is compressed is read.
fn files(bundle: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut keep = |path: &Path, mut content: Vec<u8>| {
        if path.extension().is_some_and(|ending| ending == "gz") {
            let compressed = std::mem::take(&mut content);
            GzDecoder::new(compressed.as_slice())
                .read_to_end(&mut content)
                .unwrap();
        }
        let text = String::from_utf8(content).unwrap();
        files.insert(path.display().to_string(), text);
    };
    if bundle.is_dir() {
        let mut folders = vec![bundle.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let content = std::fs::read(&path).unwrap();
                    keep(path.strip_prefix(bundle).unwrap(), content);
                }
            }
        }
    } else {
        let archive = GzDecoder::new(std::fs::File::open(bundle).unwrap());
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            // The first part is the archive's own name.
            keep(
                &path.components().skip(1).collect::<std::path::PathBuf>(),
                content,
            );
        }
    }
    files
}

fn check(files: &BTreeMap<String, String>) {
    let expected = [
        "version.yaml",
        "settings.yaml",
        "operator_web/operatorversion_web-1.0.0/web-1.0.0.yaml",
        "operator_web/instance_i/i.yaml",
        "operator_web/instance_i/deploymentlist.yaml",
        "operator_web/instance_i/replicasetlist.yaml",
        "operator_web/instance_i/eventlist.yaml",
    ];
    for path in expected {
        assert!(
            files.contains_key(path),
            "{path} is missing: {:?}",
            files.keys()
        );
    }
    let pod = files
        .keys()
        .find(|path| path.starts_with("operator_web/instance_i/pod_i-web-"));
    assert!(pod.is_some(), "no pod: {:?}", files.keys());
    let deployments = &files["operator_web/instance_i/deploymentlist.yaml"];
    assert!(deployments.contains("value: REDACTED"), "{deployments}");
    for (path, text) in files {
        assert!(
            !text.contains(PASSWORD) && !text.contains(ENCODED),
            "a value of a Secret is in {path}:\n{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_tells_everything_but_what_is_secret() {
    let namespace = cluster().namespace().await;
    let _manager = instance(&namespace).await;
    let environment = environment(&namespace);
    let collect = ["diagnostics", "collect", "--instance", "i"];

    let told = environment.run(&collect).expect_code(0);
    assert!(
        told.stderr.contains("collecting instance $NAMESPACE/i"),
        "{told}"
    );
    check(&files(&environment.work().join("diag")));

    let archive = [collect.as_slice(), &["-O", "i.tar.gz"]].concat();
    environment.run(&archive).expect_code(0);
    check(&files(&environment.work().join("i.tar.gz")));

    // What is there stays, unless it may go.
    let refused = environment.run(&archive).expect_code(6);
    assert!(refused.stderr.contains("--overwrite"), "{refused}");
    environment
        .run(&[archive.as_slice(), &["--overwrite"]].concat())
        .expect_code(0);
    let left = std::fs::read_dir(environment.work()).unwrap().count();
    assert_eq!(left, 2, "nothing is left beside the bundles");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_the_instance_counts_whoever_made_it() {
    let namespace = cluster().namespace().await;
    let _manager = instance(&namespace).await;
    let other: Secret = object(json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "other", "labels": { "kudo.dev/instance": "i" } },
    }));
    let value = "correct horse battery staple";
    let secret = Secret {
        data: Some([("x".to_owned(), ByteString(value.into()))].into()),
        ..other
    };
    let secrets = namespace.api::<Secret>();
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    namespace
        .change(
            "i",
            json!({ "metadata": { "annotations": { "note": format!("<{value}>") } } }),
        )
        .await;
    let environment = environment(&namespace);
    environment
        .run(&["diagnostics", "collect", "--instance", "i"])
        .expect_code(0);
    let files = files(&environment.work().join("diag"));
    let instance = &files["operator_web/instance_i/i.yaml"];
    assert!(instance.contains("<REDACTED>"), "{instance}");
    for (path, text) in &files {
        assert!(!text.contains(value), "it is in {path}");
    }
}

/// Pods use a Secret in each of the ways that there are.
const USERS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: '{{ .Name }}-users'}
spec:
  selector: {matchLabels: {app: users}}
  template:
    metadata: {labels: {app: users}}
    spec:
      imagePullSecrets: [{name: pull}]
      volumes:
      - {name: a, secret: {secretName: volume}}
      - {name: b, projected: {sources: [{secret: {name: projected}}]}}
      containers:
      - name: users
        image: users
        command: [sh, -c, '{{ .Params.CMD }}']
        envFrom: [{secretRef: {name: all}}]
        env: [{name: ONE, valueFrom: {secretKeyRef: {name: one, key: z, optional: true}}}]
";

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_pods_use_count_whoever_made_them() {
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start(&[&namespace]);
    let names = ["pull", "volume", "projected", "all", "one"];
    for name in names {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name },
            "stringData": { "z": format!("zebra-of-{name}") },
        });
        namespace.apply(&secret).await;
    }
    let command = names.map(|name| format!("login --password zebra-of-{name}"));
    let operator = Operator::new("users")
        .parameter(json!({ "name": "CMD", "required": true }))
        .template("users", USERS)
        .plan("deploy", &["all: users"]);
    namespace.apply(&operator.version("1.0.0")).await;
    let parameters = [("CMD", command.join("; "))];
    let parameters = parameters
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    namespace.instance("i", "users-1.0.0", &parameters).await;
    namespace.until_done("i", "deploy").await;
    let collect = ["diagnostics", "collect", "--instance", "i"];
    let environment = environment(&namespace);
    let told = environment.run(&collect).expect_code(0);
    assert!(!told.stderr.contains("cannot be read"), "{told}");
    let files = files(&environment.work().join("diag"));
    for path in ["i.yaml", "deploymentlist.yaml", "replicasetlist.yaml"] {
        let text = &files[&format!("operator_users/instance_i/{path}")];
        assert!(text.contains("login --password REDACTED"), "{path}: {text}");
    }
    for (path, text) in &files {
        assert!(!text.contains("zebra"), "a Secret is in {path}:\n{text}");
    }

    // Who may not read them is told so, and gets the rest.
    let account = may_read_all_but_secrets(&namespace).await;
    let environment = environment.with_kubeconfig(&account.kubeconfig);
    let again = [collect.as_slice(), &["--overwrite"]].concat();
    let told = environment.run(&again).expect_code(0);
    for name in names {
        let warning = format!("secret $NAMESPACE/{name}, which pods use, cannot be read");
        assert!(told.stderr.contains(&warning), "{told}");
    }
    let files = self::files(&environment.work().join("diag"));
    assert!(files.contains_key("operator_users/instance_i/secret_pull.err"));
    assert!(files.contains_key("operator_users/instance_i/deploymentlist.yaml"));
}

async fn may_read_all_but_secrets(namespace: &TestNamespace) -> Account {
    let account = Account::create(namespace).await;
    let rbac = "rbac.authorization.k8s.io";
    let read = |group: &str, resources: &[&str]| json!({ "apiGroups": [group], "resources": resources, "verbs": ["get", "list"] });
    let rules = json!([
        read("", &["events", "pods", "pods/log", "services"]),
        read("apps", &["*"]),
        read("kudo.dev", &["*"]),
    ]);
    let subject =
        json!({ "kind": "ServiceAccount", "name": account.name, "namespace": namespace.name() });
    for object in [
        json!({ "apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": { "name": "reader" }, "rules": rules }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": { "name": "reader" },
            "roleRef": { "apiGroup": rbac, "kind": "Role", "name": "reader" }, "subjects": [subject],
        }),
    ] {
        namespace.apply(&object).await;
    }
    account
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_about_what_is_not_there() {
    let namespace = cluster().namespace().await;
    let environment = environment(&namespace);
    environment
        .run(&["diagnostics", "collect", "--instance", "nobody"])
        .expect_code(5);
    assert_eq!(std::fs::read_dir(environment.work()).unwrap().count(), 0);
}
