//! Clients in this process, and sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use super::answer::Body;
use crate::cluster::Server;
use crate::rbac::User;

/// How long a client may take to greet, to begin a request, or to send its head.
const HEAD_PATIENCE: Duration = Duration::from_secs(90);
/// How long a client may take nothing of what it is sent.
const BODY_PATIENCE: Duration = Duration::from_mins(1);
/// Bytes that are on their way through a pipe in this process.
const PIPE: usize = 64 * 1024;

/// Why a cluster can't listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be had.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The certificate or its key is none.
    #[error("the certificate or its key cannot be read: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// The certificate can't be used.
    #[error("the certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}

/// A cluster that listens; it stops when this is dropped.
#[derive(Debug)]
pub struct Serving {
    /// The address, with the port that was chosen where none was asked for.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Serving {
    /// Waits until the listener ends, which it does only if its runtime does.
    pub async fn ended(&mut self) {
        let _ = (&mut self.task).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request from this process.
pub(crate) async fn in_process(
    server: Arc<Server>,
    request: Request<kube::client::Body>,
    user: User,
) -> Result<Response<Body>, hyper::Error> {
    if request.headers().contains_key(http::header::UPGRADE) {
        return connected(server, request, user).await;
    }
    Ok(server.answer(request, Some(user)).await)
}

/// A request that turns its connection into something else needs one: a pipe in this process.
async fn connected(
    server: Arc<Server>,
    request: Request<kube::client::Body>,
    user: User,
) -> Result<Response<Body>, hyper::Error> {
    let (near, far) = tokio::io::duplex(PIPE);
    tokio::spawn(serve(server, far, Some(user)));
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(near)).await?;
    tokio::spawn(connection.with_upgrades());
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        Bytes::new()
    } else {
        body.collect().await?.to_bytes()
    };
    Ok(Response::from_parts(parts, Full::new(body).boxed_unsync()))
}

pub(crate) async fn plain(server: Arc<Server>, address: SocketAddr) -> Result<Serving, ServeError> {
    listen(server, address, None).await
}

pub(crate) async fn tls(
    server: Arc<Server>,
    address: SocketAddr,
    certificate: &str,
    key: &str,
) -> Result<Serving, ServeError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain?, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    listen(server, address, Some(TlsAcceptor::from(Arc::new(config)))).await
}

async fn listen(
    server: Arc<Server>,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
) -> Result<Serving, ServeError> {
    let bound = |source| ServeError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bound)?;
    let address = listener.local_addr().map_err(bound)?;
    let task = tokio::spawn(accept(server, listener, tls));
    Ok(Serving { address, task })
}

/// Takes connections until it is dropped, and its connections with it.
async fn accept(server: Arc<Server>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // A connection works without it, too.
                    let _ = stream.set_nodelay(true);
                    let mut stream = TimeoutStream::new(stream);
                    stream.set_write_timeout(Some(BODY_PATIENCE));
                    let stream = Box::pin(stream);
                    let (server, tls) = (Arc::clone(&server), tls.clone());
                    connections.spawn(async move {
                        match tls {
                            Some(tls) => {
                                let greeted = timeout(HEAD_PATIENCE, tls.accept(stream)).await;
                                if let Ok(Ok(stream)) = greeted {
                                    serve(server, stream, None).await;
                                }
                            }
                            None => serve(server, stream, None).await,
                        }
                    });
                }
                // Out of file descriptors, most likely: one that ends makes room.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves a connection; `user` is whom it stands for, if it tells.
async fn serve(
    server: Arc<Server>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    user: Option<User>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (server, user) = (Arc::clone(&server), user.clone());
        async move { Ok::<_, Infallible>(server.answer(request, user).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    let outcome = connection.with_upgrades().await;
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended");
    }
}
