//! What a process of the manager consists of: its servers, and one manager after another, each for a term.

use kube::Client;
use kudo_kube::Meter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::StartError;
use super::arguments::{Address, Arguments, WebhookArguments};
use crate::election::{Candidate, Term};
use crate::manager::{Manager, ManagerOptions};
use crate::server::{serve_metrics, serve_probes};
use crate::standing::Standing;
use crate::webhook::certificate::keeper::Keeper;
use crate::webhook::certificate::pair::Wanted;
use crate::webhook::certificate::{Identity, files};
use crate::webhook::lookup::Lookups;
use crate::webhook::{desk, server};

/// A process of the manager.
pub(super) struct Service {
    arguments: Arguments,
    client: Client,
    meter: Meter,
    standing: Standing,
    identity: Option<Identity>,
    keeper: Option<Keeper>,
    candidate: Option<Candidate>,
    /// Ends the servers: after the work, as the work's own writes are asked about, too.
    end: CancellationToken,
    tasks: TaskTracker,
}

impl Service {
    pub(super) fn new(
        arguments: Arguments,
        client: Client,
        meter: Meter,
    ) -> Result<Self, StartError> {
        let webhook = &arguments.webhook;
        let identity = webhook.address().map(|_| Identity::default());
        let keeper = identity
            .as_ref()
            .filter(|_| webhook.cert_dir.is_none())
            .map(|_| keeper(webhook, &arguments.system_namespace, client.clone()));
        let election = &arguments.election;
        let timing = election.timing()?;
        let candidate = election.leader_elect.then(|| {
            let namespace = election.resource_namespace.as_deref();
            let namespace = namespace.unwrap_or(&arguments.system_namespace);
            let name = &election.resource_name;
            Candidate::new(client.clone(), namespace, name, &process_name(), timing)
        });
        Ok(Self {
            standing: Standing::new(identity.clone()),
            identity,
            keeper,
            candidate,
            arguments,
            client,
            meter,
            end: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Works until the shutdown.
    pub(super) async fn run(self, shutdown: CancellationToken) -> Result<(), StartError> {
        self.serve().await?;
        while let Some(term) = self.begin_term(&shutdown).await {
            self.act(term.as_ref(), &shutdown).await;
            if let Some(term) = term {
                term.resign().await;
            }
            if shutdown.is_cancelled() {
                break;
            }
        }
        self.end.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        Ok(())
    }

    async fn serve(&self) -> Result<(), StartError> {
        if let Address(Some(address)) = self.arguments.metrics_address {
            let served = serve_metrics(address, self.standing.clone(), self.end.clone()).await?;
            tracing::info!(address = %served, "serving metrics");
        }
        if let Address(Some(address)) = self.arguments.probe_address {
            let served = serve_probes(address, self.standing.clone(), self.end.clone()).await?;
            tracing::info!(address = %served, "serving probes");
        }
        if let (Some(address), Some(identity)) = (self.arguments.webhook.address(), &self.identity)
        {
            let router = desk::router(Lookups {
                standing: self.standing.clone(),
                client: self.client.clone(),
                namespaces: self.arguments.namespaces(),
            });
            let served = server::serve(address, router, identity.clone(), self.end.clone()).await?;
            tracing::info!(address = %served, "answering the API server's questions");
            self.follow_certificate(identity);
        }
        Ok(())
    }

    fn follow_certificate(&self, identity: &Identity) {
        let (identity, end) = (identity.clone(), self.end.clone());
        match (&self.keeper, &self.arguments.webhook.cert_dir) {
            (Some(keeper), _) => {
                self.tasks.spawn(keeper.clone().follow(identity, end));
            }
            (None, Some(folder)) => {
                self.tasks
                    .spawn(files::follow(folder.clone(), identity, end));
            }
            (None, None) => {}
        }
    }

    /// Waits for a term; one that nobody else can claim is no [`Term`]. `None` is the shutdown.
    async fn begin_term(&self, shutdown: &CancellationToken) -> Option<Option<Term>> {
        match &self.candidate {
            Some(candidate) => shutdown
                .run_until_cancelled(candidate.win())
                .await
                .map(Some),
            None => Some(None),
        }
    }

    /// Acts as the manager until the shutdown, or until the term is over.
    async fn act(&self, term: Option<&Term>, shutdown: &CancellationToken) {
        let manager = Manager::new(
            self.client.clone(),
            ManagerOptions {
                namespaces: self.arguments.namespaces(),
                workers: self.arguments.workers,
                waiter_image: Some(self.arguments.pipe_image.clone()),
                meter: Some(self.meter.clone()),
                fence: term.map(|term| term.fence().clone()),
                ..ManagerOptions::default()
            },
        );
        self.standing.act(&manager);
        let over = CancellationToken::new();
        let tending = TaskTracker::new();
        if let Some(keeper) = &self.keeper {
            tending.spawn(keeper.clone().tend(over.clone()));
        }
        manager.run(shutdown.clone()).await;
        self.standing.stand_by();
        over.cancel();
        tending.close();
        tending.wait().await;
    }
}

fn keeper(webhook: &WebhookArguments, namespace: &str, client: Client) -> Keeper {
    let service = format!("{}.{namespace}.svc", webhook.service);
    let url = webhook.url.as_ref();
    Keeper {
        client,
        namespace: namespace.to_owned(),
        secret: webhook.secret.clone(),
        configuration: webhook.configuration.clone(),
        url: url.map(|url| url.url.clone()),
        wanted: Wanted {
            hosts: [service]
                .into_iter()
                .chain(url.map(|url| url.host.clone()))
                .collect(),
            validity: webhook.cert_validity,
        },
    }
}

/// A name for this process that no other has: a pod that is started anew is another process.
fn process_name() -> String {
    let host = std::env::var("HOSTNAME")
        .or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"))
        .unwrap_or_default();
    format!("{}_{}", host.trim(), uuid::Uuid::new_v4())
}
