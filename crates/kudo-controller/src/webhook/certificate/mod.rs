//! The webhook server's certificate.
//!
//! By itself the manager keeps a certificate that signs itself in a Secret that all replicas share
//! ([`keeper`]); the API server trusts what the webhook's configuration lists ([`trust`]). A new
//! certificate is trusted first and used afterwards, and the old one stays trusted until it expires, so
//! that no call fails in between. Where somebody else makes the certificate (cert-manager, say), the
//! manager reads it from files ([`files`]).

pub mod files;
pub mod keeper;
pub mod pair;
pub mod trust;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The text has no certificate, or a broken one.
    #[error("the certificate cannot be read: {0}")]
    Certificate(rustls::pki_types::pem::Error),
    /// The text has no certificate at all.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// The text has no key, or a broken one.
    #[error("the private key cannot be read: {0}")]
    Key(rustls::pki_types::pem::Error),
    /// They do not belong together, or are of an unknown kind.
    #[error("certificate and private key cannot be used: {0}")]
    Unfit(#[from] rustls::Error),
}

/// What the server shows to its clients; it can be replaced at any time. Clones are the same.
#[derive(Clone, Default)]
pub struct Identity {
    current: Arc<RwLock<Option<Arc<CertifiedKey>>>>,
}

impl Identity {
    /// Uses a certificate (chain) and its private key, both in PEM, from the next connection on.
    pub fn set(&self, certificate: &[u8], key: &[u8]) -> Result<(), IdentityError> {
        let key = certified(certificate, key)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some(Arc::new(key));
        Ok(())
    }

    /// Whether there is a certificate.
    pub fn is_set(&self) -> bool {
        self.get().is_some()
    }

    fn get(&self) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }
}

fn certified(certificate: &[u8], key: &[u8]) -> Result<CertifiedKey, IdentityError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(IdentityError::Certificate)?;
    if chain.is_empty() {
        return Err(IdentityError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(IdentityError::Key)?;
    let provider = rustls::crypto::ring::default_provider();
    Ok(CertifiedKey::from_der(chain, key, &provider)?)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("is_set", &self.is_set())
            .finish()
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.get()
    }
}
