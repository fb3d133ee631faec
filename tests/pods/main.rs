//! End-to-end tests on real pods: the Galera operator with real `MariaDB`, and a manager in a pod.
//!
//! `KUDO_E2E_KUBECONFIG` names the cluster; `cargo xtask test --only pods` brings one up for them.
//! Without one they say that they are skipped. The one that measures runs alone, the others beside one another.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bed;
mod galera;
mod killer;
mod load;
mod lost_meanwhile;
mod refusals;
mod tasks;
mod under_load;
mod whole_again;
