//! The admission webhook of the real program with a certificate in files that somebody else writes, as
//! cert-manager does: it is used, read again when it changes, and a spoilt one changes nothing.

use std::path::Path;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kudo_api::Instance;
use kudo_simcluster::supervised::Supervised;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;

use crate::admission::{configure, until_asked};
use crate::cli::environment::manager_program;
use crate::harness::{SOON, TestNamespace, cluster, eventually, object};
use crate::refusals;

/// Writes a certificate of a new authority for loopback; the authority's own certificate.
fn issue(folder: &Path) -> String {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    root
}

/// Tells the API server whom to trust, as cert-manager's injector does.
async fn inject(namespace: &TestNamespace, name: &str, address: &str, root: &str) {
    let configurations: Api<MutatingWebhookConfiguration> = Api::all(namespace.client());
    let patch = json!([
        { "op": "replace", "path": "/webhooks/0/clientConfig", "value": {
            "url": format!("https://{address}/admit-kudo-dev-v1beta1-instance"),
            "caBundle": ByteString(root.as_bytes().to_vec()),
        } },
        { "op": "replace", "path": "/webhooks/0/objectSelector", "value": {} },
    ]);
    let patch = Patch::<()>::Json(serde_json::from_value(patch).unwrap());
    let params = PatchParams::default();
    configurations.patch(name, &params, &patch).await.unwrap();
}

/// Where the program says that it answers.
async fn address(manager: &Supervised) -> String {
    let found = std::sync::Mutex::new(String::new());
    eventually("the webhook is served", SOON, || async {
        let log = manager.log_tail();
        let line = log
            .lines()
            .find(|line| line.contains("answering the API server"));
        let address = line.and_then(|line| line.split("address=").nth(1));
        let address = address.and_then(|rest| rest.split_whitespace().next());
        *found.lock().unwrap() = address.ok_or_else(|| log.clone())?.to_owned();
        Ok::<_, String>(())
    })
    .await;
    found.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_in_files_is_used_and_read_again() {
    let namespace = cluster().namespace().await;
    let configuration = configure(&namespace).await;
    let (folder, certificates) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = issue(certificates.path());
    let program = tokio::task::block_in_place(manager_program);
    let arguments = [
        format!("--kubeconfig={}", cluster().kubeconfig().display()),
        format!("--namespaces={}", namespace.name()),
        format!("--webhook-cert-dir={}", certificates.path().display()),
        "--webhook-address=127.0.0.1:0".to_owned(),
        "--metrics-address=0".to_owned(),
        "--probe-address=0".to_owned(),
    ];
    let manager = Supervised::start("manager", &program, arguments, folder.path()).unwrap();
    let address = address(&manager).await;
    inject(&namespace, &configuration.name, &address, &root).await;
    until_asked(&namespace).await;

    namespace
        .apply(&refusals::operator().version("1.0.0"))
        .await;
    let new: Instance = object(json!({
        "metadata": { "name": "i" }, "spec": { "operatorVersion": { "name": "rules-1.0.0" } },
    }));
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let api = namespace.api::<Instance>();
    let created = api.create(&params, &new).await.unwrap();
    assert_eq!(created.spec.plan_execution.plan_name, "deploy");

    // Spoilt files are told of, and the last good ones stay in use.
    std::fs::write(certificates.path().join("tls.crt"), "nonsense").unwrap();
    eventually("the spoilt file is told of", SOON, || async {
        let log = manager.log_tail();
        if log.contains("cannot use the webhook's certificate") {
            Ok(())
        } else {
            Err(log)
        }
    })
    .await;
    api.create(&params, &new).await.unwrap();

    // New ones, of another authority, are used without a restart.
    let root = issue(certificates.path());
    inject(&namespace, &configuration.name, &address, &root).await;
    eventually("the new certificate is used", SOON, || async {
        api.create(&params, &new).await.map(drop)
    })
    .await;
}
