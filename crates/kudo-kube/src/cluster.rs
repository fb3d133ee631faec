//! All that is shared by everything that talks to one cluster.

use kube::Client;

use crate::discovery::Discovery;
use crate::observed::{Observed, ObservedOptions};
use crate::provision::Provisioners;

/// A cluster as the adapter sees it: a client and the caches over it. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    /// Sends requests.
    pub client: Client,
    /// Knows which kinds are served.
    pub discovery: Discovery,
    /// Knows which of our objects exist and how they are.
    pub observed: Observed,
    /// Knows what of the cluster provides volumes and addresses.
    pub provisioners: Provisioners,
}

/// How a cluster is looked at.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// Namespaces to watch; empty means all.
    pub namespaces: Vec<String>,
}

impl Cluster {
    /// The caches over a client; nothing is asked before it is needed. Must be called within a tokio
    /// runtime, as watches are its tasks. They end with the last clone.
    pub fn new(client: Client, options: ClusterOptions) -> Self {
        Self {
            discovery: Discovery::new(client.clone()),
            observed: Observed::new(
                client.clone(),
                ObservedOptions {
                    namespaces: options.namespaces,
                    ..ObservedOptions::default()
                },
            ),
            provisioners: Provisioners::new(client.clone()),
            client,
        }
    }
}
