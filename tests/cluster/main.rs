//! Tests against a Kubernetes API server with simulated pods.
//!
//! One control plane serves the whole binary; each test has a namespace of its own, so they run
//! side by side. `KUDO_TEST_CLUSTER=simulated` takes the embedded cluster instead of a real
//! control plane, `KUDO_TEST_KUBECONFIG=FILE` runs them against a cluster that already exists.

#![cfg(test)]

mod admission;
mod admission_files;
mod children;
mod cli;
#[path = "../comparison.rs"]
mod comparison;
mod deletion;
mod diagnostics;
mod election;
mod embedded;
mod failures;
mod families;
mod galera;
mod harness;
mod instances;
mod kill;
mod kuttl;
mod life;
mod managers;
mod pipes;
mod refusals;
mod rights;
mod server;
mod smoke;
mod takeover;
mod upgrades;
mod waiting;
