//! The engine's behaviour through its public interface.

mod backoff;
mod executor;
mod graph;
mod machine;
mod notation;
mod properties;
mod state;
mod status;
mod world;
