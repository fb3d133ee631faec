//! Clusters on one machine, for tests, demonstrations and package authors.
//!
//! - [`control_plane`] starts a real Kubernetes control plane (etcd, API server and controller
//!   manager) on loopback and ends it with its owner.
//! - [`kubelet`] stands in for the nodes that such a control plane lacks: it binds pods and moves
//!   them to Running and Ready, or lets them fail where an annotation asks for it.
//! - [`supervised`] is how the programs end with their owner.
//!
//! The crate knows nothing of KUDO's own types; it works with any operator.

pub mod control_plane;
pub mod kubelet;
pub mod supervised;
