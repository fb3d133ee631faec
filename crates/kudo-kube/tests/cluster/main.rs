//! The adapter against a real API server, with real workload controllers and a simulated kubelet.
//!
//! All tests share one control plane and use a namespace each. Where its programs are not on the machine,
//! the tests say so and pass.

#![cfg(test)]

mod apply;
mod delete;
mod failures;
mod harness;
mod kinds;
mod observed;
mod operator;
mod removal;
mod runner;
mod takeover;
