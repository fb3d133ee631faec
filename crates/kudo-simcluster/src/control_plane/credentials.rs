//! Certificates, keys and tokens of one control plane, made anew for each.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;
use uuid::Uuid;

use super::{ControlPlaneError, io_error};

/// Files under the control plane's folder that its programs and clients read.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) certificate: PathBuf,
    pub(super) certificate_key: PathBuf,
    pub(super) service_account_key: PathBuf,
    pub(super) service_account_public_key: PathBuf,
    pub(super) tokens: PathBuf,
    authority: String,
    admin_token: String,
    restricted_token: String,
}

impl Credentials {
    /// Makes everything anew and writes it under `folder`, readable by the owner alone.
    pub(super) fn create(folder: &Path) -> Result<Self, ControlPlaneError> {
        let authority_key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "kudo control plane");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = params.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(params, authority_key);

        let server_key = KeyPair::generate()?;
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "kube-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&server_key, &issuer)?.pem();

        let service_account = KeyPair::generate()?;
        let admin_token = Uuid::new_v4().to_string();
        let restricted_token = Uuid::new_v4().to_string();
        let tokens = format!(
            "{admin_token},admin,admin,\"system:masters\"\n{restricted_token},restricted,restricted\n"
        );
        let write = |name: &str, text: &str| write_private(folder.join(name), text);
        Ok(Self {
            certificate: write("apiserver.crt", &certificate)?,
            certificate_key: write("apiserver.key", &server_key.serialize_pem())?,
            service_account_key: write("sa.key", &service_account.serialize_pem())?,
            service_account_public_key: write("sa.pub", &service_account.public_key_pem())?,
            tokens: write("tokens.csv", &tokens)?,
            authority,
            admin_token,
            restricted_token,
        })
    }

    /// Writes the kubeconfig of the administrator.
    pub(super) fn write_admin_kubeconfig(
        &self,
        path: PathBuf,
        url: &str,
    ) -> Result<PathBuf, ControlPlaneError> {
        self.write_kubeconfig(path, url, "admin", &self.admin_token)
    }

    /// Writes the kubeconfig of a user who is known but may do nothing.
    pub(super) fn write_restricted_kubeconfig(
        &self,
        path: PathBuf,
        url: &str,
    ) -> Result<PathBuf, ControlPlaneError> {
        self.write_kubeconfig(path, url, "restricted", &self.restricted_token)
    }

    /// Writes a kubeconfig; JSON is YAML, so every client reads it.
    fn write_kubeconfig(
        &self,
        path: PathBuf,
        url: &str,
        user: &str,
        token: &str,
    ) -> Result<PathBuf, ControlPlaneError> {
        let authority = self.certificate.with_file_name("ca.crt");
        if !authority.exists() {
            fs::write(&authority, &self.authority).map_err(io_error(&authority))?;
        }
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "kudo",
                "cluster": { "server": url, "certificate-authority": authority },
            }],
            "users": [{ "name": user, "user": { "token": token } }],
            "contexts": [{
                "name": "kudo",
                "context": { "cluster": "kudo", "user": user, "namespace": "default" },
            }],
            "current-context": "kudo",
        });
        write_private(path, &format!("{config:#}\n"))
    }
}

fn write_private(path: PathBuf, text: &str) -> Result<PathBuf, ControlPlaneError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&path).map_err(io_error(&path))?;
    file.write_all(text.as_bytes()).map_err(io_error(&path))?;
    Ok(path)
}
