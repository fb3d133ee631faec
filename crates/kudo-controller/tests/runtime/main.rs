//! The parts of the runtime that need no cluster: stores, gate, actors' books, events, the writer, leader election and
//! the webhook's server.

#![cfg(test)]

mod actors;
mod election;
mod events;
mod gate;
mod server;
mod standing;
mod store;
mod webhook;
mod writer;
