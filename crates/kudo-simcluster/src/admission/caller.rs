//! Requests to webhooks: connections that are kept, certificates as Go checks them, and the words of
//! its client for what goes wrong.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme, client::verify_server_name,
};

/// No answer may be larger.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;
/// Connections that wait for another request.
const IDLE: usize = 64;

/// Where a webhook is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// As messages show it.
    pub(super) url: String,
    /// Whose certificate is expected.
    pub(super) host: String,
    /// Host and port that are called, or why there are none.
    pub(super) address: Result<String, String>,
    /// Path and query.
    pub(super) path: String,
    /// Trusted certificates, as a configuration has them; whom the system trusts if empty.
    pub(super) bundle: String,
}

/// What a webhook said.
pub(super) struct Said {
    pub(super) code: u16,
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

/// By whom they were made and for whom, open connections.
type Idle = HashMap<(String, String, String), Vec<SendRequest<Full<Bytes>>>>;

/// Connections to webhooks.
#[derive(Default)]
pub(crate) struct Callers(Mutex<Idle>);

impl std::fmt::Debug for Callers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Callers")
    }
}

impl Callers {
    /// Posts JSON. What is wrong is told as Go's client does, after `Post "<url>": `.
    pub(super) async fn post(&self, place: &Place, body: &Bytes) -> Result<Said, String> {
        let address = place.address.as_ref().map_err(Clone::clone)?;
        while let Some(mut connection) = self.take(place) {
            // One that the other side has closed meanwhile is no reason to fail.
            if let Ok(answer) = send(&mut connection, place, body).await {
                return self.read(place, connection, answer).await;
            }
        }
        let mut connection = connect(place, address).await?;
        let answer = send(&mut connection, place, body).await;
        let answer = answer.map_err(|error| lower(&error.to_string()))?;
        self.read(place, connection, answer).await
    }

    async fn read(
        &self,
        place: &Place,
        connection: SendRequest<Full<Bytes>>,
        answer: Response<Incoming>,
    ) -> Result<Said, String> {
        let code = answer.status().as_u16();
        let content_type = answer.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect();
        let body = body.await.map_err(|error| {
            format!(
                "unexpected error when reading response body. Please retry. Original error: {error}"
            )
        })?;
        self.keep(place, connection);
        Ok(Said {
            code,
            content_type,
            body: body.to_bytes(),
        })
    }

    fn take(&self, place: &Place) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.get_mut(&key(place))?;
        connections.retain(|connection| !connection.is_closed());
        connections.pop()
    }

    fn keep(&self, place: &Place, connection: SendRequest<Full<Bytes>>) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.values().map(Vec::len).sum::<usize>() >= IDLE {
            idle.clear();
        }
        idle.entry(key(place)).or_default().push(connection);
    }
}

fn key(place: &Place) -> (String, String, String) {
    (
        place.address.clone().unwrap_or_default(),
        place.host.clone(),
        place.bundle.clone(),
    )
}

async fn send(
    connection: &mut SendRequest<Full<Bytes>>,
    place: &Place,
    body: &Bytes,
) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    connection.ready().await?;
    let host = place.url.trim_start_matches("https://");
    let host = host.split('/').next().unwrap_or_default();
    let request = Request::post(&place.path)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json")
        .header(http::header::ACCEPT, "application/json, */*")
        .header(http::header::USER_AGENT, "kube-apiserver-admission")
        .body(Full::new(body.clone()))?;
    Ok(connection.send_request(request).await?)
}

async fn connect(place: &Place, address: &str) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = dial(address).await?;
    let name = ServerName::try_from(place.host.clone());
    let name = name.map_err(|error| lower(&error.to_string()))?;
    let config = trusting(&place.bundle).map_err(|error| tls_words(&error, &name))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name.clone(), stream);
    let stream = stream.await.map_err(|error| {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(error) => tls_words(error, &name),
            None => lower(&error.to_string()),
        }
    })?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        // Whoever sends on it is told.
        let _ = connection.await;
    });
    Ok(sender)
}

async fn dial(address: &str) -> Result<TcpStream, String> {
    let addresses: io::Result<Vec<SocketAddr>> = tokio::net::lookup_host(address)
        .await
        .map(Iterator::collect);
    let nobody = || {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        format!("dial tcp: lookup {host}: no such host")
    };
    let addresses = addresses.map_err(|_| nobody())?;
    let mut first = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                let words = format!("dial tcp {address}: connect: {}", system_words(&error));
                first.get_or_insert(words);
            }
        }
    }
    Err(first.unwrap_or_else(nobody))
}

/// What a system call says, without its number.
fn system_words(error: &io::Error) -> String {
    let text = error.to_string();
    lower(text.split(" (os error").next().unwrap_or_default())
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// Trusts whom a bundle names.
fn trusting(bundle: &str) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions()?;
    if bundle.is_empty() {
        return Ok(builder.with_platform_verifier()?.with_no_client_auth());
    }
    let pem = STANDARD.decode(bundle).unwrap_or_default();
    let roots: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .filter_map(Result::ok)
        .collect();
    let verifier = Arc::new(Bundle::new(roots, &provider));
    let config = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(config.with_no_client_auth())
}

/// Checks certificates as Go does, for whom a certificate that is trusted itself needs nobody to vouch
/// for it, whatever it is for: many people's webhooks have one that signed itself and calls itself an
/// authority.
#[derive(Debug)]
struct Bundle {
    roots: Vec<CertificateDer<'static>>,
    /// Nobody is trusted without it.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Bundle {
    fn new(roots: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
        Self {
            roots,
            verifier: verifier.build().ok(),
            provider: Arc::clone(provider),
        }
    }
}

/// Whether all that is wrong with a certificate that is in force is that it calls itself an authority.
fn is_authority(error: &TlsError) -> bool {
    let TlsError::InvalidCertificate(CertificateError::Other(other)) = error else {
        return false;
    };
    matches!(
        other.0.downcast_ref(),
        Some(webpki::Error::CaUsedAsEndEntity)
    )
}

impl ServerCertVerifier for Bundle {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let unknown = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        let verifier = self.verifier.as_ref().ok_or(unknown)?;
        match verifier.verify_server_cert(certificate, others, name, stapled, now) {
            Err(error) if is_authority(&error) => {
                let trusted = self.roots.iter().any(|root| root == certificate);
                let unknown = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
                trusted.then_some(()).ok_or(unknown)?;
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signed,
            algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signed,
            algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Go's words for what is wrong with a certificate.
fn tls_words(error: &TlsError, name: &ServerName<'_>) -> String {
    let TlsError::InvalidCertificate(fault) = error else {
        return format!("tls: {}", lower(&error.to_string()));
    };
    let time = |time: &UnixTime| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or_default();
        let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        crate::clock::seconds(time)
    };
    let expired = "certificate has expired or is not yet valid: current time";
    let words = match fault {
        CertificateError::UnknownIssuer => "certificate signed by unknown authority".to_owned(),
        CertificateError::ExpiredContext {
            time: now,
            not_after,
        } => format!("{expired} {} is after {}", time(now), time(not_after)),
        CertificateError::NotValidYetContext {
            time: now,
            not_before,
        } => format!("{expired} {} is before {}", time(now), time(not_before)),
        CertificateError::NotValidForNameContext { presented, .. } => other_name(
            &name.to_str(),
            matches!(name, ServerName::IpAddress(_)),
            presented,
        ),
        other => lower(&other.to_string()),
    };
    format!("tls: failed to verify certificate: x509: {words}")
}

/// A certificate is another's. The names that it has are told as `DnsName("a.b")`.
fn other_name(wanted: &str, is_address: bool, presented: &[String]) -> String {
    let kind = if is_address { "IpAddress(" } else { "DnsName(" };
    let names = presented.iter().filter_map(|name| {
        let name = name.strip_prefix(kind)?.trim_end_matches(')');
        Some(name.trim_matches('"'))
    });
    let names: Vec<&str> = names.collect();
    match (names.is_empty(), is_address) {
        (true, true) => format!(
            "cannot validate certificate for {wanted} because it doesn't contain any IP SANs"
        ),
        (true, false) => {
            format!("certificate is not valid for any names, but wanted to match {wanted}")
        }
        _ => format!(
            "certificate is valid for {}, not {wanted}",
            names.join(", ")
        ),
    }
}
