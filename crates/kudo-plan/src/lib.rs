//! The KUDO plan engine: plans as graphs, a state machine over recorded status, and an executor over ports.
//!
//! It knows no Kubernetes and no templates. The pipeline is `kudo_package::Plan` → [`PlanGraph`] →
//! [`PlanState`] → [`execute`] with a [`TaskRunner`], a [`Clock`] and an [`Observer`] → the new [`PlanState`].
//! The recorded [`PlanState`] is the only memory of an execution: an execution can be dropped at any
//! moment and goes on from its last record.

pub mod backoff;
pub mod executor;
mod frontier;
pub mod graph;
pub mod machine;
pub mod ports;
pub mod state;
pub mod status;

pub use backoff::Backoff;
pub use executor::{Options, execute};
pub use graph::{Dependency, GraphError, GraphProblem, PhaseRef, PlanGraph, StepId, StepRef};
pub use machine::{Event, Machine};
pub use ports::{Clock, Observer, TaskFailure, TaskRunner};
pub use state::{PhaseState, PlanState, ResumeError, StepState};
pub use status::{Status, UnknownStatus};
