//! The engine's behaviour through its public interface.

// `cfg(test)` also tells clippy that these modules are tests.
#[cfg(test)]
mod backoff;
#[cfg(test)]
mod executor;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod large;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod notation;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod state;
#[cfg(test)]
mod status;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod world;
