//! Finding a configuration as kubectl does.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kudo_package::suggest;

use super::ConnectOptions;

/// Why no client could be made. None of these has sent a request.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A kubeconfig file cannot be read.
    #[error("cannot read the kubeconfig {}: {message}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system or the parser said.
        message: String,
    },
    /// There is no configuration anywhere.
    #[error("no cluster is configured: {looked}")]
    NotConfigured {
        /// Where one was looked for.
        looked: String,
    },
    /// The kubeconfig names no current context, and none was asked for.
    #[error("the kubeconfig has no current context{}", choice(.known))]
    NoCurrentContext {
        /// The contexts that it has.
        known: Vec<String>,
    },
    /// The kubeconfig has no such context.
    #[error("the kubeconfig has no context {name:?}{}", hint(.nearest.as_deref()))]
    UnknownContext {
        /// The context asked for.
        name: String,
        /// The existing one nearest to it.
        nearest: Option<String>,
    },
    /// The configuration is there but cannot be used.
    #[error("the kubeconfig cannot be used: {message}")]
    Unusable {
        /// What is wrong with it.
        message: String,
    },
    /// A client could not be made from the configuration.
    #[error("no client for the cluster: {message}")]
    Client {
        /// What is wrong: a certificate, an address, an authentication plugin.
        message: String,
    },
    /// The user agent asked for cannot stand in a header.
    #[error("user agent {value:?} has characters that a header cannot hold")]
    UserAgent {
        /// The user agent.
        value: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!(" (did you mean {name:?}?)"))
        .unwrap_or_default()
}

fn choice(known: &[String]) -> String {
    if known.is_empty() {
        String::new()
    } else {
        format!("; it has {}", known.join(", "))
    }
}

/// The configuration that the options mean.
pub(super) async fn choose(
    options: &ConnectOptions,
    environment: &Environment,
) -> Result<Config, ConnectError> {
    let kubeconfig = match &options.kubeconfig {
        Some(path) => Some(read(path)?),
        None => from_environment(environment)?,
    };
    match kubeconfig {
        Some(kubeconfig) => from_kubeconfig(kubeconfig, options.context.as_deref()).await,
        None => in_cluster(options),
    }
}

/// The kubeconfig that the options mean as one document for other programs: with all paths absolute,
/// the chosen context as its current one, and no namespace of its own.
pub(super) fn standalone(
    options: &ConnectOptions,
    environment: &Environment,
) -> Result<serde_json::Value, ConnectError> {
    let kubeconfig = match &options.kubeconfig {
        Some(path) => Some(read(path)?),
        None => from_environment(environment)?,
    };
    let Some(mut kubeconfig) = kubeconfig else {
        return in_cluster(options).map(|config| of_pod(&config));
    };
    if let Some(context) = &options.context {
        kubeconfig.current_context = Some(context.clone());
    }
    for named in &mut kubeconfig.contexts {
        if let Some(context) = &mut named.context {
            context.namespace = None;
        }
    }
    serde_json::to_value(kubeconfig).map_err(|source| ConnectError::Unusable {
        message: source.to_string(),
    })
}

/// What a pod is given, as a kubeconfig.
fn of_pod(config: &Config) -> serde_json::Value {
    const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "pod",
        "clusters": [{ "name": "pod", "cluster": {
            "server": config.cluster_url.to_string(),
            "certificate-authority": format!("{ACCOUNT}/ca.crt"),
        }}],
        "users": [{ "name": "pod", "user": { "tokenFile": format!("{ACCOUNT}/token") } }],
        "contexts": [{ "name": "pod", "context": { "cluster": "pod", "user": "pod" } }],
    })
}

/// Where kubectl looks when nothing is said.
pub(super) struct Environment {
    /// What `KUBECONFIG` says.
    pub(super) kubeconfig: Option<OsString>,
    /// The user's home.
    pub(super) home: Option<PathBuf>,
}

impl Environment {
    pub(super) fn current() -> Self {
        Self {
            kubeconfig: env::var_os("KUBECONFIG").filter(|value| !value.is_empty()),
            home: env::home_dir(),
        }
    }
}

/// `KUBECONFIG`'s files merged, or `~/.kube/config`; files that do not exist are passed over, and
/// `None` means that none exists.
fn from_environment(environment: &Environment) -> Result<Option<Kubeconfig>, ConnectError> {
    let paths: Vec<PathBuf> = match &environment.kubeconfig {
        Some(value) => env::split_paths(value)
            .filter(|path| !path.as_os_str().is_empty())
            .collect(),
        None => environment
            .home
            .iter()
            .map(|home| home.join(".kube/config"))
            .collect(),
    };
    let mut merged: Option<Kubeconfig> = None;
    for path in paths.into_iter().filter(|path| path.exists()) {
        let next = read(&path)?;
        merged = Some(match merged {
            None => next,
            Some(first) => first.merge(next).map_err(|source| ConnectError::Read {
                path,
                message: source.to_string(),
            })?,
        });
    }
    // An empty file is as good as none.
    Ok(merged.filter(|config| !config.contexts.is_empty() || !config.clusters.is_empty()))
}

fn read(path: &Path) -> Result<Kubeconfig, ConnectError> {
    Kubeconfig::read_from(path).map_err(|source| ConnectError::Read {
        path: path.to_owned(),
        message: match &source {
            KubeconfigError::ReadConfig(source, _) => source.to_string(),
            // What the parser shows of the text may be a secret.
            KubeconfigError::Parse(source) => match source.location() {
                Some(place) => format!(
                    "line {}, column {}: it is no YAML, or not a kubeconfig's",
                    place.line(),
                    place.column()
                ),
                None => "it is no YAML, or not a kubeconfig's".to_owned(),
            },
            other => other.to_string(),
        },
    })
}

async fn from_kubeconfig(
    kubeconfig: Kubeconfig,
    context: Option<&str>,
) -> Result<Config, ConnectError> {
    let known: Vec<String> = kubeconfig
        .contexts
        .iter()
        .map(|named| named.name.clone())
        .collect();
    let wanted = context
        .map(ToOwned::to_owned)
        .or_else(|| kubeconfig.current_context.clone())
        .filter(|name| !name.is_empty());
    let Some(wanted) = wanted else {
        return Err(ConnectError::NoCurrentContext { known });
    };
    if !known.contains(&wanted) {
        let nearest = suggest::nearest(&wanted, known.iter().map(String::as_str));
        return Err(ConnectError::UnknownContext {
            nearest: nearest.map(ToOwned::to_owned),
            name: wanted,
        });
    }
    check_user(&kubeconfig, &wanted)?;
    let options = KubeConfigOptions {
        context: Some(wanted),
        ..KubeConfigOptions::default()
    };
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|source| ConnectError::Unusable {
            message: source.to_string(),
        })
}

/// A context may have no user, but none that is not there: requests would go out without a credential.
fn check_user(kubeconfig: &Kubeconfig, context: &str) -> Result<(), ConnectError> {
    let mut contexts = kubeconfig.contexts.iter();
    let context = contexts.find(|named| named.name == context);
    let user = context
        .and_then(|named| named.context.as_ref()?.user.as_deref())
        .filter(|user| !user.is_empty());
    match user {
        Some(user) if !kubeconfig.auth_infos.iter().any(|named| named.name == user) => {
            Err(ConnectError::Unusable {
                message: format!("it has no user {user:?}, which the context names"),
            })
        }
        _ => Ok(()),
    }
}

fn in_cluster(options: &ConnectOptions) -> Result<Config, ConnectError> {
    if let Some(name) = &options.context {
        return Err(ConnectError::UnknownContext {
            name: name.clone(),
            nearest: None,
        });
    }
    Config::incluster().map_err(|_| ConnectError::NotConfigured {
        looked: "neither KUBECONFIG nor ~/.kube/config names one, and this is not a pod".to_owned(),
    })
}
