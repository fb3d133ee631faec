//! A real Kubernetes control plane on loopback, owned by a value.
//!
//! ```no_run
//! # async fn example() -> Result<(), kudo_simcluster::control_plane::ControlPlaneError> {
//! use kudo_simcluster::control_plane::{ControlPlane, ControlPlaneOptions};
//!
//! let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await?;
//! let client = control_plane.client().await?;
//! // … everything ends and every file goes when `control_plane` is dropped.
//! # Ok(())
//! # }
//! ```
//!
//! Deployments, StatefulSets, Jobs, garbage collection and namespace deletion are real; there are
//! no nodes and no scheduler, see [`crate::kubelet`]. Several control planes run side by side, each
//! with ports, folder, certificates and tokens of its own. Authorization is RBAC.

mod arguments;
mod binaries;
mod credentials;
mod ports;
mod waiting;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use arguments::{api_server_arguments, controller_manager_arguments, etcd_arguments};
pub use binaries::{ASSETS_VARIABLE, Binaries, VERSION, cache_folder, project_cache};
use credentials::Credentials;
pub use ports::ReservedPort;
use waiting::{Deadline, failure, wait_for_endpoint, wait_for_port};

use crate::supervised::{Supervised, SupervisedFolder};

/// Pause between two looks at programs that should go on.
const FAILURE_POLL: Duration = Duration::from_millis(500);

/// How a control plane is started.
#[derive(Clone, Debug)]
pub struct ControlPlaneOptions {
    /// An empty or absent folder for data, logs and kubeconfigs; `None` means a temporary one.
    /// It is removed with the control plane.
    pub folder: Option<PathBuf>,
    /// Whether workloads, garbage collection and namespace deletion work.
    pub controller_manager: bool,
    /// How long the start may take before it counts as failed.
    pub timeout: Duration,
}

impl Default for ControlPlaneOptions {
    fn default() -> Self {
        Self {
            folder: None,
            controller_manager: true,
            timeout: Duration::from_mins(2),
        }
    }
}

/// A running control plane; dropping it ends it and removes its folder.
///
/// It also ends when the owning process exits, crashes or is killed.
#[derive(Debug)]
pub struct ControlPlane {
    url: String,
    kubeconfig: PathBuf,
    restricted_kubeconfig: PathBuf,
    // Fields are dropped in this order: clients of a program before the program, the folder last.
    controller_manager: Option<Supervised>,
    api_server: Supervised,
    etcd: Supervised,
    folder: SupervisedFolder,
    _ports: [ReservedPort; 3],
}

/// Why a control plane could not be started or reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlPlaneError {
    /// Programs are not on this machine.
    #[error(
        "no {} in ${ASSETS_VARIABLE}, $PATH or {}", missing.join(", "), cache.display()
    )]
    BinariesMissing {
        /// The programs' names.
        missing: Vec<String>,
        /// The project's cache, where `cargo xtask control-plane build` would put them.
        cache: PathBuf,
    },
    /// A file or program could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Every port of the range is taken.
    #[error("no free port on 127.0.0.1 between {} and {}", range.start, range.end)]
    NoFreePort {
        /// The range that was searched.
        range: std::ops::Range<u16>,
    },
    /// A key or certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A program ended by itself.
    #[error("{program} ended with {status}; its last lines were:\n{log_tail}")]
    Ended {
        /// The program.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log_tail: String,
    },
    /// A program did not become ready in time.
    #[error(
        "{program} was not ready after {} s; its last lines were:\n{log_tail}", after.as_secs()
    )]
    NotReady {
        /// The program.
        program: &'static str,
        /// How long it was given.
        after: Duration,
        /// The last lines of its log.
        log_tail: String,
    },
    /// A client for the new server could not be made.
    #[error("no client for the control plane: {0}")]
    Client(String),
}

impl ControlPlane {
    /// Starts a control plane from the programs [`Binaries::find`] finds and waits until the API
    /// server is ready. The controller manager is then still coming up, a second or so behind.
    pub async fn start(options: ControlPlaneOptions) -> Result<Self, ControlPlaneError> {
        Self::start_with(&Binaries::find()?, options).await
    }

    /// Starts a control plane from the programs given.
    pub async fn start_with(
        binaries: &Binaries,
        options: ControlPlaneOptions,
    ) -> Result<Self, ControlPlaneError> {
        let deadline = Deadline::after(options.timeout);
        let path = prepare_folder(options.folder)?;
        let folder = SupervisedFolder::new(path.clone()).map_err(io_error(&path))?;
        let path = folder.path();
        let ports = ReservedPort::reserve::<3>()?;
        let [client_port, peer_port, api_port] = [0, 1, 2].map(|i: usize| ports[i].number());
        let credentials = Credentials::create(path)?;
        let url = format!("https://127.0.0.1:{api_port}");
        let kubeconfig = credentials.write_admin_kubeconfig(path.join("kubeconfig"), &url)?;
        let restricted_kubeconfig =
            credentials.write_restricted_kubeconfig(path.join("kubeconfig-restricted"), &url)?;

        let arguments = etcd_arguments(path, client_port, peer_port);
        let mut etcd = begin("etcd", &binaries.etcd, &arguments, path)?;
        wait_for_port(&mut etcd, client_port, &deadline).await?;

        let arguments = api_server_arguments(path, &credentials, client_port, api_port);
        let program = &binaries.kube_apiserver;
        let mut api_server = begin("kube-apiserver", program, &arguments, path)?;
        let client = probing_client(&kubeconfig).await?;
        wait_for_endpoint(&mut api_server, &client, "/livez/ping", &deadline).await?;

        let controller_manager = if options.controller_manager {
            let arguments = controller_manager_arguments(&credentials, &kubeconfig);
            let program = &binaries.kube_controller_manager;
            Some(begin("kube-controller-manager", program, &arguments, path)?)
        } else {
            None
        };
        wait_for_endpoint(&mut api_server, &client, "/readyz", &deadline).await?;
        Ok(Self {
            url,
            kubeconfig,
            restricted_kubeconfig,
            controller_manager,
            api_server,
            etcd,
            folder,
            _ports: ports,
        })
    }

    /// Waits until one of the programs ends by itself, which none should, and tells how.
    pub async fn failure(&mut self) -> ControlPlaneError {
        loop {
            let controller_manager = self.controller_manager.iter_mut();
            let others = [
                ("kube-apiserver", &mut self.api_server),
                ("etcd", &mut self.etcd),
            ];
            let all = controller_manager.map(|process| ("kube-controller-manager", process));
            for (program, process) in all.chain(others) {
                if let Some(failure) = failure(program, process) {
                    return failure;
                }
            }
            tokio::time::sleep(FAILURE_POLL).await;
        }
    }

    /// The API server's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder of data, logs and kubeconfigs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A kubeconfig whose user may do everything.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A kubeconfig whose user, `restricted`, is known to the server but may do nothing until a
    /// role is bound to it.
    pub fn restricted_kubeconfig(&self) -> &Path {
        &self.restricted_kubeconfig
    }

    /// A client that may do everything. It lives in the current runtime and must not outlive it.
    pub async fn client(&self) -> Result<Client, ControlPlaneError> {
        client_for(&self.kubeconfig).await
    }
}

fn begin(
    name: &str,
    program: &Path,
    arguments: &[String],
    folder: &Path,
) -> Result<Supervised, ControlPlaneError> {
    Supervised::start(name, program, arguments, folder).map_err(io_error(program))
}

/// A client for the current context of a kubeconfig file.
pub async fn client_for(kubeconfig: &Path) -> Result<Client, ControlPlaneError> {
    Client::try_from(config_for(kubeconfig).await?).map_err(client_error)
}

async fn probing_client(kubeconfig: &Path) -> Result<Client, ControlPlaneError> {
    let mut config = config_for(kubeconfig).await?;
    // A server that is not ready yet answers 500 or 503: here this is news, not a fault.
    config.default_retry = false;
    Client::try_from(config).map_err(client_error)
}

async fn config_for(kubeconfig: &Path) -> Result<Config, ControlPlaneError> {
    let parsed = Kubeconfig::read_from(kubeconfig).map_err(client_error)?;
    Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default())
        .await
        .map_err(client_error)
}

fn client_error(error: impl std::fmt::Display) -> ControlPlaneError {
    ControlPlaneError::Client(error.to_string())
}

fn prepare_folder(folder: Option<PathBuf>) -> Result<PathBuf, ControlPlaneError> {
    if let Some(path) = folder {
        std::fs::create_dir_all(&path).map_err(io_error(&path))?;
        return std::path::absolute(&path).map_err(io_error(&path));
    }
    let temporary = tempfile::Builder::new()
        .prefix("kudo-control-plane-")
        .tempdir();
    Ok(temporary.map_err(io_error(&std::env::temp_dir()))?.keep())
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> ControlPlaneError + use<> {
    let path = path.to_owned();
    |source| ControlPlaneError::Io { path, source }
}
