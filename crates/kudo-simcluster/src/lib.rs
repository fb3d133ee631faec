//! Clusters on one machine, for tests, demonstrations and package authors.
//!
//! - [`cluster`] is a Kubernetes-compatible API server in this process.
//! - [`control_plane`] starts a real Kubernetes control plane (etcd, API server and controller
//!   manager) on loopback and ends it with its owner.
//! - [`controllers`] do a controller manager's work on an API server that has none.
//! - [`kubelet`] stands in for the nodes that such a control plane lacks: it binds pods and moves
//!   them to Running and Ready, or lets them fail where an annotation asks for it.
//! - [`container`] is what a simulated container says: its log, its files, what its commands answer.
//! - [`supervised`] is how the programs end with their owner.
//! - [`schema`], [`patch`], [`managed_fields`], [`structural`] and [`builtin`] are what an API server
//!   knows about objects: their types, patches, owners of fields, custom schemas, defaults and
//!   validation. They are pure; [`field_error`] is how they tell what is wrong.
//!
//! The crate knows nothing of KUDO's own types; it works with any operator.
//!
//! A test of one's own, in virtual time and with no socket:
//!
//! ```
//! use k8s_openapi::api::apps::v1::Deployment;
//! use kube::api::{Api, PostParams};
//! use kube::runtime::wait::await_condition;
//! use kudo_simcluster::cluster::{SimCluster, SimOptions};
//! use kudo_simcluster::controllers::{self, ControllerOptions};
//! use kudo_simcluster::kubelet::{PodOptions, simulate_pods};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! tokio::time::pause();
//! let client = SimCluster::start(SimOptions::default()).client();
//! tokio::spawn(controllers::run(client.clone(), ControllerOptions::default()));
//! tokio::spawn(simulate_pods(client.clone(), PodOptions::default()));
//!
//! let deployments: Api<Deployment> = Api::namespaced(client, "default");
//! let web = serde_json::from_value(serde_json::json!({
//!     "metadata": { "name": "web" },
//!     "spec": {
//!         "replicas": 3,
//!         "selector": { "matchLabels": { "app": "web" } },
//!         "template": {
//!             "metadata": { "labels": { "app": "web" } },
//!             "spec": { "containers": [{ "name": "web", "image": "web" }] }
//!         }
//!     }
//! }))?;
//! deployments.create(&PostParams::default(), &web).await?;
//! let ready = |web: Option<&Deployment>| {
//!     web.and_then(|web| web.status.as_ref()?.ready_replicas) == Some(3)
//! };
//! await_condition(deployments, "web", ready).await?;
//! # Ok(())
//! # }
//! ```

mod admission;
pub mod builtin;
mod chance;
mod clock;
pub mod cluster;
pub mod container;
pub mod control_plane;
pub mod controllers;
mod crd;
mod depth;
mod discovery;
mod events;
pub mod field_error;
mod go_json;
mod http;
mod kinds;
pub mod kubelet;
pub mod managed_fields;
pub mod patch;
mod protobuf;
mod rbac;
pub mod schema;
mod selector;
mod state;
mod storage;
mod store;
pub mod structural;
pub mod supervised;
mod table;
mod tokens;
mod verbs;
mod watch;
