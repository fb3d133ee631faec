//! The embedded cluster: its start, and clients for it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use http::{HeaderMap, Request};
use jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};

use crate::admission::DEFAULT_ACCOUNT;
use crate::chance::Chance;
use crate::clock::Clock;
use crate::depth::{self, MayBeDeep};
use crate::http::serve;
pub use crate::http::serve::{ServeError, Serving};
use crate::http::status::Refusal;
use crate::kinds::{Registry, Shown, builtin};
use crate::rbac::User;
use crate::state::Saved;
pub use crate::state::StateError;
use crate::store::Store;
use crate::tokens::{AUDIENCE, Token, Tokens};

/// How an embedded cluster is.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Makes uids and generated names a function of this number.
    pub seed: Option<u64>,
    /// The time at the start; the wall clock's if it is not given.
    pub time: Option<Timestamp>,
    /// How many changes of each kind a watch may lag behind.
    pub window: usize,
    /// Watches that may be open at once.
    pub watches: usize,
    /// Whether roles and bindings are enforced for service accounts.
    pub rbac: bool,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            seed: None,
            time: None,
            window: 1024,
            watches: 4096,
            rbac: false,
        }
    }
}

/// A Kubernetes-compatible API server in this process. Clones are the same cluster.
///
/// It has no threads and no tasks of its own: what it does it does while it answers.
///
/// ```no_run
/// # async fn example() -> kube::Result<()> {
/// use kudo_simcluster::cluster::{SimCluster, SimOptions};
///
/// let cluster = SimCluster::start(SimOptions::default());
/// println!("{}", cluster.client().apiserver_version().await?.git_version);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SimCluster {
    server: Arc<Server>,
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    pub(crate) store: Store,
    pub(crate) options: SimOptions,
    pub(crate) may_be_deep: MayBeDeep,
    pub(crate) watches: Arc<tokio::sync::Semaphore>,
    registry: RwLock<Arc<Registry>>,
    pub(crate) tokens: Tokens,
    webhooks: crate::admission::Callers,
    /// Held by whoever writes the state into a file.
    pub(crate) saving: Mutex<()>,
}

impl SimCluster {
    /// Starts a cluster with what every cluster has at its beginning.
    pub fn start(options: SimOptions) -> Self {
        Self::with(options, None)
    }

    /// Starts a cluster with the objects of an earlier one.
    pub(crate) fn with(options: SimOptions, saved: Option<Saved>) -> Self {
        let version = saved.as_ref().map_or(0, |saved| saved.version);
        let time = options.time.unwrap_or_else(Timestamp::now);
        let clock = Clock::new(time);
        let server = Server {
            clock,
            // What goes on makes up other values than what began.
            chance: Chance::new(options.seed.map(|seed| seed.wrapping_add(version))),
            store: Store::new(options.window.max(1), clock),
            watches: Arc::new(tokio::sync::Semaphore::new(options.watches)),
            options,
            may_be_deep: MayBeDeep::default(),
            registry: RwLock::new(Arc::new(Registry::new(builtin(), 0))),
            tokens: Tokens::default(),
            webhooks: crate::admission::Callers::default(),
            saving: Mutex::default(),
        };
        match saved {
            None => server.seed_objects(),
            Some(saved) => {
                depth::with_room(|| {
                    for (_, object) in &saved.objects {
                        server.may_be_deep.note(depth::of(object));
                    }
                    server.store.restore(saved.version, saved.objects);
                    server.refresh_kinds();
                    // Older servers had fewer.
                    server.seed_roles();
                });
            }
        }
        Self {
            server: Arc::new(server),
        }
    }

    /// A client in this process, with all rights and no socket. It must be made within a runtime.
    pub fn client(&self) -> Client {
        self.client_of(User::admin())
    }

    fn client_of(&self, user: User) -> Client {
        let server = Arc::clone(&self.server);
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (server, user) = (Arc::clone(&server), user.clone());
            async move { serve::in_process(server, request, user).await }
        });
        Client::new(service, "default")
    }

    /// A client in this process that acts as a service account.
    pub fn client_as_service_account(&self, namespace: &str, name: &str) -> Client {
        self.client_of(User::service_account(namespace, name))
    }

    /// Lets whoever has this token in with all rights.
    pub fn add_admin_token(&self, token: impl Into<String>) {
        self.server.add_token(Token {
            text: token.into(),
            user: User::admin(),
            audiences: vec![AUDIENCE.to_owned()],
            expires: None,
            bound_to: Vec::new(),
        });
    }

    /// Listens on an address for HTTP with a certificate and its key (PEM).
    pub async fn serve(
        &self,
        address: SocketAddr,
        certificate: &str,
        key: &str,
    ) -> Result<Serving, ServeError> {
        serve::tls(Arc::clone(&self.server), address, certificate, key).await
    }

    /// Listens on an address for plain HTTP.
    pub async fn serve_plain(&self, address: SocketAddr) -> Result<Serving, ServeError> {
        serve::plain(Arc::clone(&self.server), address).await
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// The cluster's time.
    pub fn now(&self) -> Timestamp {
        self.server.clock.now()
    }

    /// The newest resource version.
    pub fn resource_version(&self) -> u64 {
        self.server.store.version()
    }
}

impl Server {
    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_registry(&self, registry: Registry) {
        let mut current = self
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(registry);
    }

    pub(crate) fn webhooks(&self) -> &crate::admission::Callers {
        &self.webhooks
    }

    /// Who sends a request: whom its token names, or else whom the connection stands for, or nobody known.
    pub(crate) fn user(
        &self,
        headers: &HeaderMap,
        path: &str,
        given: Option<User>,
    ) -> Result<User, Refusal> {
        let header = headers.get(http::header::AUTHORIZATION);
        let text = header
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let user = match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => self
                .owner_of(token.trim())
                .ok_or_else(Refusal::unauthorized)?,
            _ => given.unwrap_or_else(User::anonymous),
        };
        self.impersonated(user, headers, path)
    }

    /// Puts an object in its place, if there is none of its name.
    fn seed(&self, storage: &str, mut object: Value) {
        let Some(shown) = self.registry().stored(storage) else {
            return;
        };
        let metadata = &object["metadata"];
        let text = |field: &str| metadata[field].as_str().unwrap_or_default();
        if self
            .store
            .get(storage, text("namespace"), text("name"))
            .is_some()
        {
            return;
        }
        self.stamp(&shown, &mut object);
        crate::builtin::default(shown.gvk(), &mut object);
        // Nobody else writes yet.
        let _ = self.store.create(&shown.kind.storage, object);
    }

    /// Puts the account of its pods into a new namespace, at once: a real server waits for a controller that
    /// makes it.
    pub(crate) fn open_namespace(&self, name: &str) {
        let account = json!({ "metadata": { "name": DEFAULT_ACCOUNT, "namespace": name } });
        self.seed("serviceaccounts", account);
    }

    fn seed_roles(&self) {
        crate::rbac::seed(&|storage, object| self.seed(storage, object));
    }

    fn seed_objects(&self) {
        let put = |storage: &str, object: Value| self.seed(storage, object);
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            put(
                "namespaces",
                json!({
                    "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } },
                    "spec": { "finalizers": ["kubernetes"] },
                    "status": { "phase": "Active" },
                }),
            );
            self.open_namespace(name);
        }
        put(
            "services",
            json!({
                "metadata": {
                    "name": "kubernetes", "namespace": "default",
                    "labels": { "component": "apiserver", "provider": "kubernetes" },
                },
                "spec": {
                    "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "type": "ClusterIP",
                    "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
                    "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
                    "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443 }],
                },
                "status": { "loadBalancer": {} },
            }),
        );
        let moved = "Used for system critical pods that must run in the cluster, but can be moved to \
                     another node if necessary.";
        let fixed = "Used for system critical pods that must not be moved from their current node.";
        for (name, value, description) in [
            ("system-cluster-critical", 2_000_000_000, moved),
            ("system-node-critical", 2_000_001_000, fixed),
        ] {
            put(
                "priorityclasses.scheduling.k8s.io",
                json!({
                    "metadata": { "name": name, "generation": 1 },
                    "value": value, "preemptionPolicy": "PreemptLowerPriority",
                    "description": description,
                }),
            );
        }
        self.seed_roles();
    }

    /// Gives a new object what the server alone gives.
    pub(crate) fn stamp(&self, shown: &Shown, object: &mut Value) {
        let metadata = &mut object["metadata"];
        metadata["uid"] = self.chance.uid().into();
        metadata["creationTimestamp"] = self.clock.text().into();
        if shown.kind.strategy.generation {
            metadata["generation"] = 1.into();
        }
        if let Some(metadata) = metadata.as_object_mut() {
            for field in [
                "deletionTimestamp",
                "deletionGracePeriodSeconds",
                "selfLink",
            ] {
                metadata.remove(field);
            }
        }
    }
}
