//! A client for the cluster the user means, as kubectl would choose it, with every request counted.
//!
//! The order is kubectl's: an explicit file, else the files of `KUBECONFIG` merged, else
//! `~/.kube/config`, else the pod's own service account. An explicit context or namespace wins over
//! what the file says.

mod kubeconfig;
mod meter;
mod request;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use kube::client::ClientBuilder;
use kube::{Client, Config};

pub use kubeconfig::ConnectError;
use kubeconfig::Environment;
pub use meter::{Admission, Count, Gate, Meter, MeterLayer, Metered, TimedOut};
pub use request::{RequestInfo, Verb};

/// Which cluster to talk to, and how.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// Path of a kubeconfig file; `None` means `KUBECONFIG`, then `~/.kube/config`, then the pod's own
    /// service account.
    pub kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig; `None` means its current one.
    pub context: Option<String>,
    /// Namespace; `None` means the context's, or `default`.
    pub namespace: Option<String>,
    /// Longest time until an answer begins; watches are not meant. `None` means no limit.
    pub request_timeout: Option<Duration>,
    /// `User-Agent` header; `None` means none.
    pub user_agent: Option<String>,
}

/// A client and the namespace it was asked to work in.
#[derive(Clone)]
pub struct Connected {
    /// Sends requests.
    pub client: Client,
    /// The namespace asked for, or the context's.
    pub namespace: String,
    /// Address of the API server, for messages.
    pub server: String,
}

/// Finds the cluster's configuration and makes a client; sends no request yet.
///
/// Must be called within a tokio runtime.
pub async fn connect(options: ConnectOptions, meter: Meter) -> Result<Connected, ConnectError> {
    let environment = Environment::current();
    let mut config = kubeconfig::choose(&options, &environment).await?;
    if let Some(agent) = &options.user_agent {
        let value = HeaderValue::from_str(agent).map_err(|_| ConnectError::UserAgent {
            value: agent.clone(),
        })?;
        config.headers.push((USER_AGENT, value));
    }
    let namespace = options
        .namespace
        .unwrap_or_else(|| config.default_namespace.clone());
    let server = config.cluster_url.to_string();
    let client = client_for(config, &meter.timeout(options.request_timeout))?;
    Ok(Connected {
        client,
        namespace,
        server,
    })
}

/// The configuration that the options mean as one kubeconfig that other programs can be given: all
/// paths absolute, the chosen context as its current one, and no namespace of its own. It holds
/// the credentials.
pub fn standalone_kubeconfig(options: &ConnectOptions) -> Result<serde_json::Value, ConnectError> {
    kubeconfig::standalone(options, &Environment::current())
}

/// A metered client for a configuration made by hand.
pub fn client_for(config: Config, meter: &Meter) -> Result<Client, ConnectError> {
    let plugin = config.auth_info.exec.as_ref();
    let plugin = plugin.and_then(|exec| exec.command.clone());
    let builder = ClientBuilder::try_from(config).map_err(|source| {
        let message = crate::error::message(&source);
        ConnectError::Client {
            message: match (&source, plugin) {
                (kube::Error::Auth(_), Some(plugin)) => {
                    format!("credential plugin {plugin:?}: {message}")
                }
                _ => message,
            },
        }
    })?;
    Ok(builder.with_layer(&meter.layer()).build())
}
