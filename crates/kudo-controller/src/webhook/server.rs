//! The TLS server that the API server calls.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::certificate::Identity;
use crate::server::ListenError;

/// Connections at the same time; the API server keeps few.
const MAX_CONNECTIONS: usize = 256;
/// How long a client may take to say hello.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may be idle: longer than the API server keeps one, as a connection that is closed
/// while a question is on its way would count as a refusal.
const IDLE: Duration = Duration::from_mins(2);
/// How long requests under way may take when the server ends.
const FAREWELL: Duration = Duration::from_secs(3);
/// Pause after an accept that failed: for want of file descriptors, say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Why the server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address cannot be listened at.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Serves until the shutdown; gives the address at once.
pub async fn serve(
    address: SocketAddr,
    router: Router,
    identity: Identity,
    shutdown: CancellationToken,
) -> Result<SocketAddr, WebhookError> {
    let failed = |source: io::Error| ListenError { address, source };
    let acceptor = acceptor(identity)?;
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tokio::spawn(accept(listener, acceptor, router, shutdown));
    Ok(bound)
}

fn acceptor(identity: Identity) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(identity));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    router: Router,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    let work = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (acceptor, router) = (acceptor.clone(), router.clone());
            let shutdown = shutdown.clone();
            connections.spawn(async move {
                attend(stream, acceptor, router, shutdown).await;
                drop(place);
            });
        }
    };
    shutdown.run_until_cancelled(work).await;
    connections.close();
    let _ = tokio::time::timeout(FAREWELL, connections.wait()).await;
}

/// One connection. What is wrong with it is its client's affair.
async fn attend(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    shutdown: CancellationToken,
) {
    let stream = match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a client does not speak TLS, or does not trust the certificate");
            return;
        }
        Err(_) => return,
    };
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
