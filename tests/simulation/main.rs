//! The manager on the embedded cluster, in virtual time: killed, cut off and lied to at every place.

#![cfg(test)]

#[path = "../comparison.rs"]
mod comparison;
mod matrix;
mod network;
mod outcome;
mod replicas;
mod scenarios;
mod seeds;
mod witness;
mod world;
