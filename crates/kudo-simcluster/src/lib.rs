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
mod store;
pub mod structural;
pub mod supervised;
mod table;
mod verbs;
mod watch;
