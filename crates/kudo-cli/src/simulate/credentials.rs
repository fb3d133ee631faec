//! Who may talk to the cluster: whoever reads a kubeconfig that only its owner can read.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::error::Error;

/// What a cluster is served with; all of it is new at each start.
pub(crate) struct Credentials {
    /// A certificate that vouches for itself (PEM).
    pub(crate) certificate: String,
    /// Its key (PEM).
    pub(crate) key: String,
    /// The token of a user who may do everything.
    pub(crate) token: String,
}

impl Credentials {
    pub(crate) fn new() -> Result<Self, Error> {
        let failed =
            |error: rcgen::Error| Error::Dev(format!("cannot make a certificate: {error}"));
        let names = ["127.0.0.1", "localhost"].map(str::to_owned);
        let key = KeyPair::generate().map_err(failed)?;
        let parameters = CertificateParams::new(names).map_err(failed)?;
        let certificate = parameters.self_signed(&key).map_err(failed)?;
        let random = || uuid::Uuid::new_v4().simple().to_string();
        Ok(Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            token: random() + &random(),
        })
    }

    /// The kubeconfig.
    pub(crate) fn kubeconfig(&self, address: SocketAddr) -> Value {
        let authority = STANDARD.encode(&self.certificate);
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "kudo-dev",
                "cluster": {
                    "server": format!("https://{address}"),
                    "certificate-authority-data": authority,
                },
            }],
            "users": [{ "name": "kudo-dev", "user": { "token": self.token } }],
            "contexts": [{
                "name": "kudo-dev",
                "context": { "cluster": "kudo-dev", "user": "kudo-dev", "namespace": "default" },
            }],
            "current-context": "kudo-dev",
        })
    }
}
