//! What the manager knows of the cluster's KUDO resources, kept up to date by watches.
//!
//! First stage of a reconcile: everything is observed here, nothing is read from the server. Own writes
//! are entered from the server's answers, so that what is read here is never older than they are.

mod definitions;
mod instances;
mod version;

pub use definitions::{DefinitionStore, Found, key_of};
pub use instances::InstanceStore;
pub(crate) use version::is_older;
