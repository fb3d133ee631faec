//! The parts of the runtime that need no cluster: stores, gate, actors' books, events and the writer.

#![cfg(test)]

mod actors;
mod events;
mod gate;
mod server;
mod store;
mod writer;
