//! A certificate with its key, and when it is time for another. Pure but for the making of keys.

use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use x509_cert::Certificate;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{DecodePem, EncodePem};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::{IdentityError, certified};

/// Clocks differ: a new certificate is valid from this long before it is made.
const BACKDATED: Duration = Duration::from_mins(10);
/// Certificates that are trusted at most; more would mean that something makes them in a loop.
const MAX_TRUSTED: usize = 8;

/// A certificate, its private key, and all certificates that clients should trust; all in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate (chain).
    pub certificate: String,
    /// The private key.
    pub key: String,
    /// What clients trust.
    pub trusted: String,
}

/// Why a pair cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// Certificate and key are broken or do not belong together.
    #[error(transparent)]
    Unusable(#[from] IdentityError),
    /// The certificate is not understood.
    #[error("the certificate is not understood: {0}")]
    Unreadable(#[from] x509_cert::der::Error),
    /// The certificate is for other hosts.
    #[error("the certificate is not for host {0}")]
    Host(String),
    /// The certificate expires soon, or has.
    #[error("the certificate is valid until {0} only")]
    Old(Timestamp),
    /// Nobody can trust the certificate: whoever signed it is not known.
    #[error("nobody can trust the certificate")]
    Untrusted,
}

/// What a certificate should be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Names and addresses of the server.
    pub hosts: Vec<String>,
    /// How long a new certificate is valid. It is replaced when a third of that is left.
    pub validity: Duration,
}

impl Pair {
    /// What is wrong with it, if anything is.
    pub fn flaw(&self, wanted: &Wanted, now: Timestamp) -> Option<Flaw> {
        self.check(wanted, now).err()
    }

    fn check(&self, wanted: &Wanted, now: Timestamp) -> Result<(), Flaw> {
        certified(self.certificate.as_bytes(), self.key.as_bytes())?;
        let chain = Certificate::load_pem_chain(self.certificate.as_bytes())?;
        let leaf = chain.first().ok_or(IdentityError::NoCertificate)?;
        let hosts = hosts_of(leaf)?;
        if let Some(missing) = wanted.hosts.iter().find(|host| !hosts.contains(host)) {
            return Err(Flaw::Host(missing.clone()));
        }
        let end = end_of(leaf);
        if until(end, now) < wanted.validity / 3 {
            return Err(Flaw::Old(end));
        }
        let trusted = Certificate::load_pem_chain(self.trusted.as_bytes())?;
        let tbs = leaf.tbs_certificate();
        let is_trusted = |trusted: &Certificate| {
            trusted == leaf || trusted.tbs_certificate().subject() == tbs.issuer()
        };
        if trusted.iter().any(is_trusted) {
            Ok(())
        } else {
            Err(Flaw::Untrusted)
        }
    }

    /// When it is time for another; at once, if it is not understood.
    pub fn renewal(&self, wanted: &Wanted, now: Timestamp) -> Timestamp {
        Certificate::from_pem(&self.certificate)
            .ok()
            .and_then(|leaf| end_of(&leaf).checked_sub(wanted.validity / 3).ok())
            .unwrap_or(now)
    }

    /// A new pair. What was trusted before stays trusted until it expires.
    pub fn make(
        wanted: &Wanted,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(wanted.hosts.clone())?;
        let name = wanted.hosts.first().map(String::as_str);
        // The older rules for a common name allow 64 characters.
        let name = name
            .filter(|name| name.len() <= 64)
            .unwrap_or("kudo-manager");
        // A name of its own for each keeps certificates of one bundle apart.
        let serial = format!("{:x}", now.as_millisecond());
        params.distinguished_name.push(DnType::CommonName, name);
        params
            .distinguished_name
            .push(DnType::OrganizationalUnitName, serial);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = date(now.checked_sub(BACKDATED).unwrap_or(now));
        params.not_after = date(now.checked_add(wanted.validity).unwrap_or(Timestamp::MAX));
        let certificate = params.self_signed(&key)?.pem();
        let before = before.map(|before| before.trusted.as_str());
        Ok(Self {
            trusted: merged(&certificate, before.unwrap_or_default(), now),
            certificate,
            key: key.serialize_pem(),
        })
    }
}

/// A bundle, and what an older one has beside it that has not expired. Of a bundle that is not understood
/// nothing is taken.
pub fn merged(bundle: &str, older: &str, now: Timestamp) -> String {
    let read = |text: &str| Certificate::load_pem_chain(text.as_bytes()).unwrap_or_default();
    let mut all = read(bundle);
    for certificate in read(older) {
        if end_of(&certificate) > now && !all.contains(&certificate) {
            all.push(certificate);
        }
    }
    all.iter()
        .take(MAX_TRUSTED)
        .filter_map(|certificate| certificate.to_pem(LineEnding::LF).ok())
        .collect()
}

/// Whether a bundle has every certificate of another one.
pub fn covers(bundle: &str, needed: &str) -> bool {
    let read = |text: &str| Certificate::load_pem_chain(text.as_bytes());
    let (Ok(bundle), Ok(needed)) = (read(bundle), read(needed)) else {
        return false;
    };
    needed
        .iter()
        .all(|certificate| bundle.contains(certificate))
}

fn hosts_of(certificate: &Certificate) -> Result<Vec<String>, Flaw> {
    let names = certificate
        .tbs_certificate()
        .get_extension::<SubjectAltName>()?;
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    Ok(names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
            GeneralName::IpAddress(bytes) => address(bytes.as_bytes()).map(|ip| ip.to_string()),
            _ => None,
        })
        .collect())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

fn end_of(certificate: &Certificate) -> Timestamp {
    let end = certificate.tbs_certificate().validity().not_after;
    i64::try_from(end.to_unix_duration().as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}

/// The time from now until then; none if that is over.
pub(super) fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

fn date(time: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(time.as_second())
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}
