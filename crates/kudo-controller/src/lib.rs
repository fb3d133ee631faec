//! The KUDO controller: triggers and admission rules, the reconciler and the manager runtime.
//!
//! A reconcile has five stages, and only the first and the last two touch the cluster or what is known of
//! it: observe ([`store`]) → [`decide()`](decide::decide) → build → apply (`kudo-kube`) → record. What
//! decides is pure: [`triggers`], [`admission`], [`decide`], [`conditions`], [`readiness`].

mod actor;
pub mod actors;
pub mod admission;
mod clock;
mod command;
pub mod conditions;
mod context;
pub mod decide;
pub mod election;
pub mod events;
mod execution;
pub mod gate;
pub mod health;
pub mod logging;
mod manager;
pub mod merge;
pub mod metrics;
mod pace;
mod prune;
pub mod readiness;
mod recorder;
pub mod server;
pub mod standing;
pub mod status;
pub mod store;
pub mod triggers;
pub mod turn;
pub mod versions;
mod watching;
pub mod webhook;
pub mod writer;

pub use command::manager_main;
pub use manager::{Manager, ManagerOptions};
