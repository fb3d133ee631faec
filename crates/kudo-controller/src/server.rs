//! The manager's own little web server: metrics and probes.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::standing::Standing;

/// A socket that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    /// Where.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// Serves `/metrics` until the shutdown; gives the address at once.
pub async fn serve_metrics(
    address: SocketAddr,
    standing: Standing,
    shutdown: CancellationToken,
) -> Result<SocketAddr, ListenError> {
    let router = Router::new()
        .route("/metrics", get(write_metrics))
        .with_state(standing);
    serve(address, router, shutdown).await
}

/// Serves `/healthz` and `/readyz` until the shutdown; gives the address at once.
pub async fn serve_probes(
    address: SocketAddr,
    standing: Standing,
    shutdown: CancellationToken,
) -> Result<SocketAddr, ListenError> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(tell_readiness))
        .with_state(standing);
    serve(address, router, shutdown).await
}

async fn serve(
    address: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
) -> Result<SocketAddr, ListenError> {
    let failed = |source| ListenError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tokio::spawn(async move {
        let served = axum::serve(listener, router)
            .with_graceful_shutdown(async move { shutdown.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!(%address, %error, "the web server ended");
        }
    });
    Ok(bound)
}

async fn write_metrics(State(standing): State<Standing>) -> impl IntoResponse {
    let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, content)], standing.metrics())
}

async fn tell_readiness(State(standing): State<Standing>) -> impl IntoResponse {
    match standing.not_ready() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}
