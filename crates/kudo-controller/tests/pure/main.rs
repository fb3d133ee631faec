//! Table tests of everything in the controller that decides, without a cluster.

#![cfg(test)]

mod admission;
mod agreement;
mod certificate;
mod conditions;
mod decide;
mod decide_deletion;
mod fixture;
mod merge;
mod readiness;
mod status;
mod triggers;
mod webhook;
