//! The KUDO Kubernetes adapter: discovery, apply, delete, health, enhancement and inventory.
//!
//! The way of an object: rendered by `kudo-template`, [`enhance`]d (pure), sent by [`apply`], seen again by
//! the [`observed`] store, judged by [`mod@health`] (pure), recorded in the [`inventory`] (pure). [`runner`]
//! strings these together behind the port of `kudo-plan`.
//!
//! What decides is pure and takes [`serde_json::Value`]; what touches a cluster takes a [`Cluster`].

pub mod apply;
pub mod client;
mod cluster;
pub mod copy;
pub mod delete;
pub mod dependencies;
pub mod discovery;
pub mod enhance;
pub mod error;
pub mod health;
mod identity;
pub mod inventory;
pub mod observed;
pub mod provision;
pub mod readiness;
pub mod runner;

pub use client::{ConnectError, ConnectOptions, Connected, Meter, connect};
pub use cluster::{Cluster, ClusterOptions, KindError};
pub use copy::CopyFiles;
pub use discovery::{Discovery, Kind, ResolveError, Scope};
pub use health::{Health, health};
pub use identity::{Gvk, InstanceKey, ObjectKey, gvk_of};
pub use inventory::Inventory;
pub use observed::{Changes, Observed, ObservedOptions, Record};
pub use runner::{Execution, KubeRunner};
