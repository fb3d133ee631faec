//! What the programs are started with.

use std::path::Path;

use super::credentials::Credentials;

/// Controllers that need nodes, a cloud or a certificate authority are off.
const CONTROLLERS: &str = "*,-nodelifecycle,-nodeipam,-route,-service,-cloud-node-lifecycle,\
    -bootstrapsigner,-tokencleaner,-csrsigning,-csrapproving,-csrcleaner,-ttl,-attachdetach,\
    -persistentvolume-expander";

/// Pods get their account's token as those of newer servers do.
const BOUND_TOKENS: &str = "--feature-gates=BoundServiceAccountTokenVolume=true";

/// The cluster holds nothing worth a disk's patience, and its one member is its own quorum.
pub(super) fn etcd_arguments(folder: &Path, client_port: u16, peer_port: u16) -> Vec<String> {
    vec![
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls=http://127.0.0.1:{client_port}"),
        format!("--advertise-client-urls=http://127.0.0.1:{client_port}"),
        format!("--listen-peer-urls=http://127.0.0.1:{peer_port}"),
        format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer_port}"),
        format!("--initial-cluster=default=http://127.0.0.1:{peer_port}"),
        "--unsafe-no-fsync".to_owned(),
        "--heartbeat-interval=20".to_owned(),
        "--election-timeout=100".to_owned(),
        "--quota-backend-bytes=4294967296".to_owned(),
    ]
}

pub(super) fn api_server_arguments(
    folder: &Path,
    credentials: &Credentials,
    etcd_port: u16,
    api_port: u16,
) -> Vec<String> {
    let file = |flag: &str, path: &Path| format!("--{flag}={}", path.display());
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
        format!("--secure-port={api_port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        file("cert-dir", folder),
        file("tls-cert-file", &credentials.certificate),
        file("tls-private-key-file", &credentials.certificate_key),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        file(
            "service-account-key-file",
            &credentials.service_account_public_key,
        ),
        file(
            "service-account-signing-key-file",
            &credentials.service_account_key,
        ),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        file("token-auth-file", &credentials.tokens),
        "--authorization-mode=RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
        BOUND_TOKENS.to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
    ]
}

pub(super) fn controller_manager_arguments(
    credentials: &Credentials,
    kubeconfig: &Path,
) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", kubeconfig.display()),
        format!(
            "--service-account-private-key-file={}",
            credentials.service_account_key.display()
        ),
        BOUND_TOKENS.to_owned(),
        "--leader-elect=false".to_owned(),
        "--port=0".to_owned(),
        "--secure-port=0".to_owned(),
        // The defaults throttle a busy test cluster to 20 requests a second.
        "--kube-api-qps=500".to_owned(),
        "--kube-api-burst=1000".to_owned(),
        format!("--controllers={CONTROLLERS}"),
    ]
}
