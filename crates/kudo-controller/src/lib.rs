//! The KUDO controller: triggers and admission rules, the reconciler and the manager runtime.
//!
//! A reconcile has five stages, and only the first and the last two touch the cluster: observe →
//! [`decide`] → build → apply → record.

pub mod admission;
pub mod conditions;
pub mod decide;
pub mod status;
pub mod triggers;
pub mod versions;
